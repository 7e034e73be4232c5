package nodeapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/auxblock"
	"github.com/layeredpow/lamina/internal/node/chain"
	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/internal/node/mempool"
	"github.com/layeredpow/lamina/internal/node/miner"
	"github.com/layeredpow/lamina/internal/node/template"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/pow"
	"github.com/layeredpow/lamina/wallet/address"
)

var (
	anyone    = []byte{txscript.OP_TRUE}
	anyonePay = p2wsh(anyone) // everybody can spend it, and it is a standard form
)

func p2wsh(script []byte) []byte {
	b, err := txscript.NewScriptBuilder().AddOp(txscript.OP_0).AddData(pow256(script)).Script()
	if err != nil {
		panic(err)
	}
	return b
}

// world is a running development chain with a layer: real chain state and mempools, a server in front.
type world struct {
	t      testing.TB
	l1     *part
	layer  *part
	url    string
	dir    string
	login  rpc.Login
	peers  *fakePeers
	client *rpc.Client
	server *rpc.Server
}

// part is one chain of it; it is the loop, the miner and what createauxblock asks.
type part struct {
	t     testing.TB
	p     *chains.Params
	chain *chain.Chain
	pool  *mempool.Pool
	node  *Node
	l1    *part // of a layer
	over  *part // of the L1: its layer

	mu   sync.Mutex // the loop
	news chan struct{}
	tag  uint32
	at   uint32 // the clock, seconds since 1970
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newPart(t testing.TB, name string, l1 *part) *part {
	t.Helper()
	p := &part{t: t, p: testchain.Easy(t, name), l1: l1, news: make(chan struct{})}
	p.at = p.p.Genesis.Time() + 100_000
	var source chain.ParentSource
	cfg := mempool.Config{Params: p.p}
	if l1 != nil {
		source, cfg.L1, cfg.Payer, l1.over = l1.chain, l1.chain, l1.chain.NetID(), p
	}
	var err error
	p.chain, err = chain.Open(t.TempDir(), p.p, source, chain.Options{})
	check(t, err)
	t.Cleanup(func() { check(t, p.chain.Close()) })
	cfg.Chain = p.chain
	p.pool = mempool.New(cfg)
	p.node = &Node{Chain: p.chain, Pool: p.pool, Loop: p, Miner: p, Agent: "/Lamina:test/", Payout: anyonePay, Services: 0x49,
		Synced: func() bool { return true }, News: p.awaited, Clock: p.clock}
	if l1 != nil {
		p.node.Aux, err = auxblock.New(p.p, p)
		check(t, err)
		p.node.Miner = nil
	}
	return p
}

func (p *part) clock() time.Time { return time.Unix(int64(p.at), 0) }

func (p *part) awaited() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.news
}

// Block is the loop's: chain, mempool, and whoever waits.
func (p *part) Block(_ context.Context, raw []byte) (chain.Result, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, err := p.chain.Accept(raw, p.at)
	if err != nil || len(r.Connected)+len(r.Disconnected) == 0 {
		return r, err
	}
	lists := [2][][]*wire.MsgTx{}
	for i, blocks := range [][]spv.Block{r.Disconnected, r.Connected} {
		for _, b := range blocks {
			raw, err := p.chain.Block(b.Hash)
			if err != nil {
				return r, err
			}
			parsed, err := consensus.ParseBlock(p.p, raw)
			if err != nil {
				return r, err
			}
			lists[i] = append(lists[i], parsed.Txs)
		}
	}
	if p.over != nil {
		if _, err := p.over.chain.ParentMoved(p.at); err != nil {
			return r, err
		}
	}
	err = p.pool.Moved(p.clock(), lists[0], lists[1])
	close(p.news)
	p.news = make(chan struct{})
	return r, err
}

func (p *part) Candidates(context.Context) (spv.Block, []template.Candidate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list, err := p.pool.Candidates()
	return p.chain.Tip(), list, err
}

func (p *part) Tx(_ context.Context, tx *wire.MsgTx) (mempool.Result, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pool.Add(p.clock(), tx, 0)
}

func (p *part) Whisper(_ context.Context, _ *wire.MsgTx, address string) (string, error) {
	if address == "" {
		return "", errors.New("no peer is known")
	}
	return address, nil
}

func (p *part) Agree(_ context.Context, id spv.Hash) (chain.Moved, error) { return p.chain.Agree(id) }
func (p *part) Shun(_ context.Context, id spv.Hash) (chain.Moved, error) {
	return p.steered(p.chain.Shun(id))
}
func (p *part) Readmit(_ context.Context, id spv.Hash) (chain.Moved, error) {
	return p.steered(p.chain.Readmit(id))
}

// steered tells the layer.
func (p *part) steered(m chain.Moved, err error) (chain.Moved, error) {
	if err == nil && p.over != nil {
		_, err = p.over.chain.ParentMoved(p.at)
	}
	return m, err
}

func (p *part) HashRate() float64 { return 1000 }
func (p *part) Tip() spv.Block    { return p.chain.Tip() }

// Template builds a block on top of the tip.
func (p *part) Template(payout []byte) (*template.Template, error) {
	next, err := p.chain.Next()
	if err != nil {
		return nil, err
	}
	candidates, err := p.pool.Candidates()
	if err != nil {
		return nil, err
	}
	p.tag++
	r := &template.Request{Chain: p.p, Prev: next.Prev, Bits: testchain.EasyBits, Median: next.MedianTime, Now: p.at - 50_000 + 10*uint32(next.Prev.Height),
		Candidates: candidates, Payout: payout, Extra: []byte(fmt.Sprint("/", p.tag))}
	if p.l1 != nil {
		last := spv.Block{Hash: p.l1.chain.NetID()}
		if next.PrevAnchor != nil {
			last = *next.PrevAnchor
		}
		anchor, err := template.Anchor(p.l1.chain, p.l1.chain.Tip(), p.p.Layer, last)
		if err != nil {
			return nil, err
		}
		r.Commitment = &spv.Commitment{Anchor: anchor, FeeVote: 1, FilterHeader: next.FilterHeader, MMRRoot: next.MMRRoot}
	}
	return template.Build(r)
}

// Accept is what createauxblock's registry hands a solved block to.
func (p *part) Accept(_ *spv.Sealed, block []byte) error {
	r, err := p.Block(context.Background(), block)
	if err == nil && r.Status != chain.Connected {
		return fmt.Errorf("block %s: %s", r.Block, r.Status)
	}
	return err
}

// solved returns a mined block of the L1 on top of its tip.
func (p *part) solved(payout []byte) []byte {
	t, err := p.Template(payout)
	check(p.t, err)
	h, coinbase := t.Bare()
	if !miner.Solve(p.t.Context(), pow.SHA256d, &h) {
		p.t.Fatal("no nonce")
	}
	return t.Block(&spv.Sealed{Header: h}, coinbase)
}

func (p *part) Generate(ctx context.Context, blocks int, payout []byte) ([]spv.Hash, error) {
	var ids []spv.Hash
	for range blocks {
		r, err := p.Block(ctx, p.solved(payout))
		if err != nil {
			return ids, err
		}
		ids = append(ids, r.Block.Hash)
	}
	return ids, nil
}

type fakePeers struct {
	mu    sync.Mutex
	added []string
	bans  []Ban
}

func (f *fakePeers) All() []Peer {
	return []Peer{{ID: 1, Address: "127.0.0.1:5", Services: 0x409, Version: 70016, Agent: "/x/", Inbound: true, Since: time.Unix(1_760_000_000, 0),
		FeeFilter: 1000, Relay: true, Ping: 3 * time.Millisecond}, {ID: 2, Address: "[::1]:6"}}
}

func (f *fakePeers) Add(_ context.Context, address string, once bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.added = append(f.added, fmt.Sprint(address, once))
	return nil
}

func (f *fakePeers) Remove(_ context.Context, address string) error {
	return fmt.Errorf("peer %s: was not added", address)
}
func (f *fakePeers) Disconnect(_ context.Context, id int32) error {
	if id != 1 && id != 2 {
		return fmt.Errorf("peer %d: is not connected", id)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.added = append(f.added, fmt.Sprint("end ", id))
	return nil
}

func (f *fakePeers) Ban(_ context.Context, host string, until time.Time) error {
	if host == "nobody" {
		return fmt.Errorf("host %q: want an IP address", host)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bans = append(f.bans, Ban{Host: host, Until: until, Cause: "x"})
	return nil
}

func (f *fakePeers) Unban(_ context.Context, host string) error {
	return fmt.Errorf("host %s: is not banned", host)
}

func (f *fakePeers) Bans(context.Context) ([]Ban, error) { return f.bans, nil }

func (f *fakePeers) Totals() (received, sent uint64) { return 5, 7 }

func start(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), peers: &fakePeers{}}
	w.l1 = newPart(t, "dev", nil)
	w.l1.node.Peers = w.peers
	w.layer = newPart(t, "dev-native", w.l1)
	find := func(name string) (*Node, error) {
		switch name {
		case "", "dev":
			return w.l1.node, nil
		case "dev-native":
			return w.layer.node, nil
		}
		return nil, fmt.Errorf("chain %q: not run here", name)
	}
	l, err := rpc.Listen("127.0.0.1:0", nil)
	check(t, err)
	w.url = "http://" + l.Addr().String()
	cookie, err := rpc.NewCookie(w.dir, w.url)
	check(t, err)
	w.login = rpc.Login{User: "user", Password: "password"}
	s, err := rpc.New(rpc.Config{Methods: rpc.NewMethods(Methods(find)...), Logins: []rpc.Login{cookie.Login, w.login},
		State: func(name string) any {
			n, err := find(name)
			if err != nil {
				return nil
			}
			return n.State()
		}})
	check(t, err)
	w.server = s
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		stop()
		check(t, <-done)
	})
	w.client = w.to("")
	return w
}

func (w *world) to(name string) *rpc.Client {
	w.t.Helper()
	c, err := rpc.NewClient(rpc.Access{URL: w.url, Login: w.login, Chain: name})
	check(w.t, err)
	return c
}

// call calls a method that must succeed.
func call[T any](w *world, method string, params ...any) (result T) {
	w.t.Helper()
	if err := w.client.Call(w.t.Context(), &result, method, params...); err != nil {
		w.t.Fatalf("%s: %v", method, err)
	}
	return result
}

func (w *world) address(p *part) string {
	w.t.Helper()
	a, err := address.Encode(p.p, anyonePay)
	check(w.t, err)
	return a
}

// spend makes a transaction out of an output of anyonePay.
func spend(op wire.OutPoint, values ...int64) *wire.MsgTx {
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: op, Sequence: 0xfffffffd, Witness: wire.TxWitness{anyone}})
	for _, v := range values {
		tx.AddTxOut(&wire.TxOut{Value: v, PkScript: anyonePay})
	}
	return tx
}

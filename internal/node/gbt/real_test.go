package gbt

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/layeredpow/lamina/internal/node/miner"
	"github.com/layeredpow/lamina/internal/node/template"
	"github.com/layeredpow/lamina/internal/node/work"
	"github.com/layeredpow/lamina/internal/realnode"
	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// patience is how long anything here may take.
const patience = 3 * time.Minute

// relay passes RPC calls on to a foreign node, which keeps its own address to itself.
func relay(t *testing.T, name string, node *realnode.Node) *Node {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var call struct {
			Method string
			Params []any
		}
		if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
			t.Error(err)
			return
		}
		var result json.RawMessage
		node.Call(t, &result, call.Method, call.Params...)
		if err := json.NewEncoder(w).Encode(map[string]any{"result": result, "error": nil}); err != nil {
			t.Log(err)
		}
	}))
	t.Cleanup(server.Close)
	n, err := NewNode(testchain.Params(t, name), Access{URL: server.URL, User: "u", Password: "p"})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

var payout = append([]byte{0, 20}, make([]byte, 20)...)

// mineOn solves a job with the processor until every chain in it is solved, in one share or several, and returns the
// solutions in order.
func mineOn(t *testing.T, p *chains.Params, parent *template.Template, layers ...work.Layer) (solved []*work.Solution) {
	t.Helper()
	job, err := work.NewJob(p.Work, parent, layers)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	board := work.NewBoard(func(s *work.Solution) {
		solved = append(solved, s)
		if open := job.Open(); open.IsZero() {
			stop()
		}
	})
	board.Post(job)
	m, err := miner.New(board, miner.Settings{Threads: 1, Failed: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	m.Run(ctx)
	if open := job.Open(); !open.IsZero() {
		t.Fatal("not all chains were solved")
	}
	return solved
}

// l1Tree follows a foreign node's headers.
func l1Tree(t *testing.T, p *chains.Params, node *realnode.Node) *spv.Tree {
	t.Helper()
	tree := spv.NewTree(&p.Rules)
	var tip int
	node.Call(t, &tip, "getblockcount")
	for height := 1; height <= tip; height++ {
		var id, text string
		node.Call(t, &id, "getblockhash", height)
		node.Call(t, &text, "getblockheader", id, false)
		raw, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		s, _, err := spv.ParseSealed(raw, false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tree.Connect([]spv.Sealed{s}, 0); err != nil {
			t.Fatal(err)
		}
	}
	return tree
}

// bestIs fails unless the foreign node's best block is the header's.
func bestIs(t *testing.T, node *realnode.Node, h *spv.Header) {
	t.Helper()
	var best string
	node.Call(t, &best, "getbestblockhash")
	if best != h.ID().String() {
		t.Fatalf("the node's tip is %s, want %s", best, h.ID())
	}
}

// TestBtcd mines L1 blocks for btcd that carry a layer's blocks with them: btcd takes the former, and the layer's rules,
// those that look at L1 included, the latter.
func TestBtcd(t *testing.T) {
	foreign := realnode.Btcd(t)
	foreign.Generate(t, 12)
	l1, layer := testchain.Params(t, "bitcoin-regtest"), testchain.Params(t, "layer-regtest")
	node := relay(t, l1.Name, foreign)
	layerTree := spv.NewTree(&layer.Rules)
	last := spv.Block{Hash: l1.NetID()} // no anchor is below L1's genesis
	for range 4 {
		view := l1Tree(t, l1, foreign)
		layerTree.LinkTo(view)
		offer, err := node.Template(context.Background(), payout, []byte("/lamina/"), "")
		if err != nil {
			t.Fatal(err)
		}
		if offer.Height != view.Tip().Height+1 || offer.Prev != view.Tip().Hash || offer.LongPoll == "" {
			t.Fatalf("offer at height %d on %s, long poll %q", offer.Height, offer.Prev, offer.LongPoll)
		}
		anchor, err := template.Anchor(view, view.Tip(), layer.Layer, last)
		if err != nil {
			t.Fatal(err)
		}
		bits, median, ok := layerTree.After(layerTree.Tip().Hash, offer.Time)
		if !ok {
			t.Fatal("no context")
		}
		block, err := template.Build(&template.Request{Chain: layer, Prev: layerTree.Tip(), Bits: bits, Median: median, Now: offer.Time,
			Payout: payout, Commitment: &spv.Commitment{Anchor: anchor, FeeVote: 1}})
		if err != nil {
			t.Fatal(err)
		}
		header, coinbase := block.Bare()
		filler := work.Layer{Chain: "another", ID: 0x4c01, Hash: spv.Hash{1}, Target: block.Target}
		mine := work.Layer{Chain: layer.Name, ID: layer.AuxPoW.ChainID, Hash: header.ID(), Target: block.Target}
		for _, s := range mineOn(t, l1, offer.Template, filler, mine) {
			if slices.Contains(s.Layers, 1) && layerTree.Tip().Hash != header.ID() {
				sealed := spv.Sealed{Header: header, Aux: s.Proof(1)}
				if err := layer.CheckWork(&sealed, block.Height, nil); err != nil {
					t.Fatal(err)
				}
				if err := layer.Layer.CheckAnchor(anchor, &last, &s.Header, view, nil); err != nil {
					t.Fatal(err)
				}
				if _, err := layerTree.Connect([]spv.Sealed{sealed}, 0); err != nil {
					t.Fatal(err)
				}
				full, n, err := layer.ParseBlock(block.Block(&sealed, coinbase))
				if err != nil || full.CheckBody(nil) != nil {
					t.Fatalf("layer block: %d bytes, %v", n, err)
				}
			}
			if s.Parent {
				if err := node.Submit(context.Background(), s.Block()); err != nil {
					t.Fatal(err)
				}
				bestIs(t, foreign, &s.Header)
			}
		}
		if layerTree.Tip().Hash != header.ID() {
			t.Fatal("the layer did not move")
		}
		last = anchor
	}
	if err := node.Submit(context.Background(), make([]byte, 100)); err == nil {
		t.Fatal("a block of zeros is taken")
	}
}

// pair starts two of a kind and connects them: a lone litecoind gives no templates.
func pair(t *testing.T, start func(testing.TB) *realnode.Node) *realnode.Node {
	t.Helper()
	a, b := start(t), start(t)
	b.Call(t, nil, "addnode", a.P2P, "onetry")
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		var peers int
		if a.Call(t, &peers, "getconnectioncount"); peers > 0 {
			return a
		}
		if time.Now().After(end) {
			t.Fatal("the nodes do not connect")
		}
	}
}

// TestLitecoind does the same with scrypt, transactions with witnesses and an existing merge-mined chain.
func TestLitecoind(t *testing.T) {
	foreign := pair(t, realnode.Litecoind)
	l1, aux := testchain.Params(t, "litecoin-regtest"), testchain.Params(t, "dogecoin-regtest")
	node := relay(t, l1.Name, foreign)
	foreign.Call(t, nil, "createwallet", "test")
	var payee string
	foreign.Call(t, &payee, "getnewaddress")
	foreign.Call(t, nil, "generatetoaddress", 101, payee)
	for range 5 {
		foreign.Call(t, nil, "sendtoaddress", payee, 1) // each spends what the one before left
	}
	offer, err := node.Template(context.Background(), payout, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(offer.Txs) != 5 {
		t.Fatalf("%d transactions, want 5", len(offer.Txs))
	}
	var h spv.Header
	copy(h[:], []byte{0: 4, 1: 1, 2: 98})
	copy(h[72:], []byte{0xff, 0xff, 0x7f, 0x20})
	target, _ := spv.ParseTarget(h.Bits())
	for _, s := range mineOn(t, l1, offer.Template, work.Layer{Chain: aux.Name, ID: 98, Hash: h.ID(), Target: target}) {
		for range s.Layers {
			if err := aux.CheckWork(&spv.Sealed{Header: h, Aux: s.Proof(0)}, 1000, nil); err != nil {
				t.Fatal(err)
			}
		}
		if s.Parent {
			if err := node.Submit(context.Background(), s.Block()); err != nil {
				t.Fatal(err)
			}
			bestIs(t, foreign, &s.Header)
			if err := node.Submit(context.Background(), s.Block()); err != nil {
				t.Fatalf("again: %v", err)
			}
			spoiled := s.Block()
			spoiled[76]++ // nonce
			spoiled[40]++ // merkle root
			if err := node.Submit(context.Background(), spoiled); err == nil {
				t.Fatal("a spoiled block is taken")
			}
		}
	}
}

// TestFollowLitecoind: a new tip reaches a follower through the long poll.
func TestFollowLitecoind(t *testing.T) {
	foreign := pair(t, realnode.Litecoind)
	foreign.Generate(t, 1)
	node := relay(t, "litecoin-regtest", foreign)
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	heights := make(chan int32, 10)
	ended := make(chan struct{})
	go func() {
		node.Follow(ctx, payout, nil, func(o *Offer) { heights <- o.Height }, func(err error) { t.Error(err) })
		close(ended)
	}()
	for want := int32(2); want < 5; want++ {
		select {
		case got := <-heights:
			if got != want {
				t.Fatalf("offer at height %d, want %d", got, want)
			}
		case <-ended:
			t.Fatalf("no offer at height %d", want)
		}
		foreign.Generate(t, 1)
	}
	stop()
	<-ended
}

// TestExtensionBlocks mines over MWEB: the block is taken only with its extension block behind it.
func TestExtensionBlocks(t *testing.T) {
	foreign := pair(t, realnode.LitecoindExtended)
	node := relay(t, "litecoin-regtest", foreign)
	foreign.Call(t, nil, "createwallet", "test")
	var payee, inside string
	foreign.Call(t, &payee, "getnewaddress")
	foreign.Call(t, nil, "generatetoaddress", 110, payee)
	foreign.Generate(t, 321) // to height 431
	foreign.Call(t, &inside, "getnewaddress", "", "mweb")
	foreign.Call(t, nil, "sendtoaddress", inside, 1)
	for height := int32(432); height < 435; height++ {
		offer, err := node.Template(context.Background(), payout, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		if offer.Height != height || len(offer.Tail) < 2 {
			t.Fatalf("offer at height %d with %d bytes of extension block, want height %d", offer.Height, len(offer.Tail), height)
		}
		for _, s := range mineOn(t, testchain.Params(t, "litecoin-regtest"), offer.Template) {
			if err := node.Submit(context.Background(), s.Block()); err != nil {
				t.Fatal(err)
			}
			bestIs(t, foreign, &s.Header)
		}
	}
}

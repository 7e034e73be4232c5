package relay

import (
	"container/heap"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"crypto/sha256"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/chain"
	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/internal/node/mempool"
	"github.com/layeredpow/lamina/internal/node/template"
	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

const (
	serves = wire.SFNodeNetwork | wire.SFNodeWitness | wire.SFNodeCF
)

// open is the output script of everybody: P2WSH of OP_TRUE.
var open = func() []byte {
	sum := sha256.Sum256([]byte{txscript.OP_TRUE})
	return append([]byte{0, 32}, sum[:]...)
}()

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// machine is what takes part in the network: a node's or a light client's.
type machine interface {
	Step(now time.Time, in syncer.Input) []syncer.Output
}

// host is a place in the network.
type host struct {
	name    string
	machine machine
	sink    func(syncer.Output) []syncer.Input
	node    *node         // nil if it is no node
	silent  bool          // takes messages and says nothing
	slow    time.Duration // how far its clock is behind
	links   map[syncer.Peer]*link
	bans    int
	drops   []error
	got     int // messages
	alter   func(from *host, m msg.Message) msg.Message
}

// link is one end of a connection.
type link struct {
	host  *host
	id    syncer.Peer
	other *link
	last  time.Time // when the last message to it arrives
	up    bool
	sent  int // bytes since the other end took all, roughly
}

// network is a set of hosts on a virtual clock. All chance is from its seed.
type network struct {
	t      testing.TB
	rng    *rand.Rand
	now    time.Time
	events events
	serial uint64
	peers  syncer.Peer
	hosts  []*host
	p      *chains.Params
	steps  int
	pace   uint32 // seconds from the median of the newest blocks to the next one
}

type event struct {
	at     time.Time
	serial uint64
	do     func()
}

type events []event

func (e events) Len() int      { return len(e) }
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e events) Less(i, j int) bool {
	return e[i].at.Before(e[j].at) || e[i].at.Equal(e[j].at) && e[i].serial < e[j].serial
}
func (e *events) Push(v any) { *e = append(*e, v.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	(*e)[len(*e)-1] = event{}
	*e = (*e)[:len(*e)-1]
	return last
}

func newNetwork(t testing.TB, seed uint64) *network {
	p := testchain.Easy(t, "dev")
	n := &network{t: t, rng: rand.New(rand.NewPCG(seed, 0x4e)), p: p,
		now: time.Unix(int64(p.Genesis.Time())+1_000_000, 0), pace: 10}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	return n
}

func (n *network) at(at time.Time, do func()) {
	n.serial++
	heap.Push(&n.events, event{at, n.serial, do})
}

func (n *network) run(span time.Duration) {
	n.t.Helper()
	end := n.now.Add(span)
	for len(n.events) > 0 && n.events[0].at.Before(end) {
		e := heap.Pop(&n.events).(event)
		n.now = e.at
		e.do()
		if n.steps++; n.steps > 3_000_000 {
			n.t.Fatal("no rest")
		}
	}
	n.now = end
	for _, h := range n.hosts {
		if h.node != nil && h.node.m.Status().Fault != nil {
			n.t.Fatalf("%s: %v", h.name, h.node.m.Status().Fault)
		}
	}
}

func (n *network) add(h *host) *host {
	h.links = map[syncer.Peer]*link{}
	n.hosts = append(n.hosts, h)
	if h.machine != nil {
		var tick func()
		tick = func() {
			n.step(h, syncer.Tick{})
			n.at(n.now.Add(time.Second), tick)
		}
		n.at(n.now.Add(time.Duration(n.rng.Int64N(int64(time.Second)))), tick)
	}
	return h
}

// connect opens a connection from a to b.
func (n *network) connect(a, b *host) (*link, *link) {
	n.peers += 2
	x, y := &link{host: a, id: n.peers - 1, up: true}, &link{host: b, id: n.peers, up: true}
	x.other, y.other = y, x
	a.links[x.id], b.links[y.id] = x, y
	for _, l := range []*link{x, y} {
		in := syncer.Connected{Peer: l.id, Inbound: l == y, Services: l.other.host.services(), Wants: true, Relay: true, WTxID: true}
		if node := l.other.host.node; node != nil {
			in.Height = node.chain.Tip().Height
		}
		h := l.host
		n.at(l.next(n), func() { n.step(h, in) })
	}
	return x, y
}

func (h *host) services() wire.ServiceFlag {
	if h.node != nil && h.node.m.sample != nil {
		return serves | msg.SFNodeSample
	}
	if h.node != nil || h.machine == nil {
		return serves
	}
	return 0
}

// next returns when a message that is sent now arrives at this end.
func (l *link) next(n *network) time.Time {
	at := n.now.Add(20*time.Millisecond + time.Duration(n.rng.Int64N(int64(150*time.Millisecond))))
	if at.Before(l.last) {
		at = l.last
	}
	l.last = at
	return at
}

func (n *network) cut(l *link) {
	for _, end := range []*link{l, l.other} {
		if end.up {
			end.up = false
			delete(end.host.links, end.id)
			h, id := end.host, end.id
			n.at(n.now, func() { n.step(h, syncer.Disconnected{Peer: id}) })
		}
	}
}

// partition cuts every connection between two groups.
func (n *network) partition(group map[*host]bool) {
	for _, h := range n.hosts {
		for _, l := range h.links {
			if group[h] != group[l.other.host] {
				n.cut(l)
			}
		}
	}
}

func (n *network) step(h *host, in syncer.Input) {
	if h.machine == nil {
		return
	}
	next := []syncer.Input{in}
	for len(next) > 0 {
		in, next = next[0], next[1:]
		again := false
		for _, out := range h.machine.Step(n.now.Add(-h.slow), in) {
			switch out := out.(type) {
			case syncer.Send:
				if l := h.links[out.Peer]; l != nil {
					n.send(l, out.Message)
				}
			case syncer.Drop:
				h.drops = append(h.drops, out.Err)
				if out.Ban {
					h.bans++
				}
				if l := h.links[out.Peer]; l != nil {
					l.up = false
					delete(h.links, l.id)
					n.cut(l)
				}
			case syncer.Again:
				again = true
			default:
				if h.sink != nil {
					next = append(next, h.sink(out)...)
				}
			}
		}
		if again {
			next = append(next, syncer.Resume{})
		}
	}
}

// send carries a message over the wire's own form, as a driver would.
func (n *network) send(l *link, m msg.Message) {
	codec := msg.Codec{AuxPoW: n.p.AuxPoW != nil, MaxBlock: 8 << 20}
	b, err := codec.Encode(nil, m)
	if err != nil {
		n.t.Fatalf("%s sends what cannot be sent: %v", l.host.name, err)
	}
	l.sent += len(b)
	to := l.other
	n.at(to.next(n), func() {
		if l.sent -= len(b); l.sent == 0 && l.up && len(b) > 1<<20 {
			n.step(l.host, syncer.Drained{Peer: l.id})
		}
		if !to.up {
			return
		}
		h := to.host
		h.got++
		decoded, err := codec.Decode(m.Command(), b[msg.FrameSize:])
		if err != nil {
			n.t.Fatalf("%s: %v", h.name, err)
		}
		if h.alter != nil {
			if decoded = h.alter(l.host, decoded); decoded == nil {
				return
			}
		}
		n.step(h, syncer.Received{Peer: to.id, Message: decoded})
	})
}

// node is a full node: chain on disk, pool, machine.
type node struct {
	chain *chain.Chain
	pool  *mempool.Pool
	m     *Machine
}

func (n *network) node(name string) *host {
	c, err := chain.Open(n.t.TempDir(), n.p, nil, chain.Options{})
	check(n.t, err)
	n.t.Cleanup(func() { check(n.t, c.Close()) })
	pool := mempool.New(mempool.Config{Params: n.p, Chain: c, Cache: consensus.NewSigCache(1000, [32]byte{})})
	var salt [16]byte
	binary.LittleEndian.PutUint64(salt[:], n.rng.Uint64())
	m := New(Config{Chain: c, Pool: pool, Salt: salt})
	return n.add(&host{name: name, machine: m, node: &node{c, pool, m}})
}

// mine makes a block on a node's tip with what its pool offers, and lets the node know.
func (n *network) mine(h *host) spv.Block {
	n.t.Helper()
	raw := n.build(h)
	_, err := h.node.chain.Accept(raw, uint32(n.now.Unix()))
	check(n.t, err)
	n.step(h, syncer.Resume{})
	return h.node.chain.Tip()
}

func (n *network) build(h *host) []byte {
	n.t.Helper()
	candidates, err := h.node.pool.Candidates()
	check(n.t, err)
	c := h.node.chain
	var extra [8]byte
	binary.LittleEndian.PutUint64(extra[:], n.rng.Uint64())
	median := c.MedianTime()
	b, err := template.Build(&template.Request{Chain: n.p, Prev: c.Tip(), Bits: c.NextBits(median + n.pace), Median: median, Now: median + n.pace,
		Candidates: candidates, Payout: open, Extra: extra[:]})
	check(n.t, err)
	header, coinbase := b.Bare()
	target, _ := spv.ParseTarget(testchain.EasyBits)
	for id := header.ID(); !spv.Meets(&id, &target); id = header.ID() {
		binary.LittleEndian.PutUint32(header[76:], binary.LittleEndian.Uint32(header[76:])+1)
	}
	return b.Block(&spv.Sealed{Header: header}, coinbase)
}

// pay spends a coinbase of a node's chain that is ripe, to everybody.
func (n *network) pay(h *host, height int32, fee int64) *wire.MsgTx {
	n.t.Helper()
	b, ok := h.node.chain.BlockAt(height)
	if !ok {
		n.t.Fatalf("no block at %d", height)
	}
	raw, err := h.node.chain.Block(b.Hash)
	check(n.t, err)
	parsed, err := consensus.ParseBlock(n.p, raw)
	check(n.t, err)
	from := parsed.Txs[0]
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Hash: from.TxHash()}, Sequence: 0xfffffffd, Witness: wire.TxWitness{{txscript.OP_TRUE}}})
	tx.AddTxOut(&wire.TxOut{Value: from.TxOut[0].Value - fee, PkScript: open})
	return tx
}

func (n *network) nodes(count int) (list []*host) {
	for i := range count {
		list = append(list, n.node(fmt.Sprintf("node %d", i)))
	}
	return list
}

// ring connects nodes in a circle, with some connections across.
func (n *network) ring(list []*host) {
	for i, h := range list {
		n.connect(h, list[(i+1)%len(list)])
		if len(list) > 4 {
			n.connect(h, list[(i+2)%len(list)])
		}
	}
}

// same fails unless all nodes have the same tip, which it returns.
func (n *network) same(list []*host) spv.Block {
	n.t.Helper()
	tip := list[0].node.chain.Tip()
	for _, h := range list {
		if got := h.node.chain.Tip(); got != tip {
			n.t.Fatalf("%s at %s, %s at %s; drops %v", list[0].name, tip, h.name, got, h.drops)
		}
	}
	return tip
}

func (n *network) hold(want bool, tx *wire.MsgTx, list ...*host) {
	n.t.Helper()
	for _, h := range list {
		if _, _, ok := h.node.pool.Get(tx.TxHash()); ok != want {
			n.t.Fatalf("%s: transaction held %v, want %v", h.name, ok, want)
		}
	}
}

// quiet fails if a node dropped anybody.
func (n *network) quiet(list []*host) {
	n.t.Helper()
	for _, h := range list {
		if len(h.drops) > 0 {
			n.t.Fatalf("%s dropped: %v", h.name, h.drops)
		}
	}
}

func txs(list ...*wire.MsgTx) []*wire.MsgTx { return list }

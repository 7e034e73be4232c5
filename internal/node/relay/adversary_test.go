package relay

import (
	"encoding/binary"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

// adversary is a host that says what the test wants, and otherwise that it has no headers.
func (n *network) adversary() *host {
	h := n.add(&host{name: "adversary"})
	h.alter = func(_ *host, m msg.Message) msg.Message {
		if _, ok := m.(*wire.MsgGetHeaders); ok && !h.silent {
			for _, l := range h.links {
				n.say(l, &msg.Headers{})
			}
		}
		return m
	}
	return h
}

// say sends a message over an end of a connection.
func (n *network) say(l *link, list ...msg.Message) {
	for _, m := range list {
		n.send(l, m)
	}
}

func number(i int) (h spv.Hash) {
	binary.LittleEndian.PutUint64(h[:], uint64(i)+1)
	return h
}

func invOf(kind wire.InvType, from, count int) *wire.MsgInv {
	inv := &wire.MsgInv{}
	for i := range count {
		h := number(from + i)
		inv.InvList = append(inv.InvList, wire.NewInvVect(kind, &h))
	}
	return inv
}

// siege is a node between two honest ones that an adversary attacks.
type siege struct {
	*network
	list         []*host
	victim       *host
	tip          spv.Block // of all three
	good, rotten []byte    // the next block, and the same with another transaction than its header stands for
}

// next prepares the blocks of an attack.
func (w *siege) next() {
	w.tip = w.same(w.list)
	w.good = w.build(w.list[0])
	w.rotten = append([]byte(nil), w.good...)
	w.rotten[len(w.rotten)-20] ^= 1
}

// attack is what an adversary says.
type attack struct {
	name  string
	drops string // what the adversary is dropped for; empty: it is not
	ban   bool
	talk  func(w *siege, l *link)
}

var attacks = []attack{
	{"garbage block", "block", true, func(w *siege, l *link) { w.say(l, &msg.Block{Raw: []byte{1, 2, 3}}) }},
	{"garbage transaction", "transaction", true, func(w *siege, l *link) { w.say(l, &msg.Tx{Raw: []byte{1, 2, 3}}) }},
	{"two lines of headers", "one line", true, func(w *siege, l *link) {
		w.say(l, &msg.Headers{Headers: []spv.Sealed{{Header: w.p.Genesis}, {Header: w.p.Genesis}}})
	}},
	{"header without work", "work", true, func(w *siege, l *link) {
		h := header(w.good)
		target, _ := spv.ParseTarget(testchain.EasyBits)
		for id := h.ID(); spv.Meets(&id, &target); id = h.ID() {
			h[76]++
		}
		w.say(l, &msg.Headers{Headers: []spv.Sealed{{Header: h}}})
	}},
	{"headers that lead nowhere", "too much", true, func(w *siege, l *link) {
		for i := range 12 {
			h := header(w.good)
			other := number(i)
			copy(h[4:], other[:])
			w.say(l, &msg.Headers{Headers: []spv.Sealed{{Header: h}}})
			w.run(time.Second) // what comes before the answer to a question may have crossed it
		}
	}},
	{"blocks that nobody asked for", "too much", true, func(w *siege, l *link) {
		for range 120 {
			w.say(l, &msg.Block{Raw: w.good})
		}
	}},
	{"mutated block", "not the block", true, func(w *siege, l *link) {
		answers := l.host.alter
		l.host.alter = func(from *host, m msg.Message) msg.Message {
			answers(from, m)
			if d, ok := m.(*wire.MsgGetData); ok && d.InvList[0].Type == wire.InvTypeWitnessBlock {
				w.say(l, &msg.Block{Raw: w.rotten})
			}
			return m
		}
		w.say(l, &msg.Headers{Headers: []spv.Sealed{{Header: header(w.good)}}})
	}},
	{"withheld block", "no block", false, func(w *siege, l *link) {
		w.say(l, &msg.Headers{Headers: []spv.Sealed{{Header: header(w.good)}}})
	}},
	{"silence to getheaders", "no answer", false, func(w *siege, l *link) {
		h := number(5)
		l.host.silent = true
		w.say(l, &wire.MsgInv{InvList: []*wire.InvVect{wire.NewInvVect(wire.InvTypeBlock, &h)}})
	}},
	{"huge invs", "", false, func(w *siege, l *link) {
		for i := range 20 {
			w.say(l, invOf(wire.InvTypeTx, i*50_000, 49_000))
		}
	}},
	{"flood of getdata", "getdata", false, func(w *siege, l *link) {
		for i := range 40 {
			want := &wire.MsgGetData{InvList: invOf(wire.InvTypeWitnessBlock, i*50_000, 49_000).InvList}
			for _, v := range want.InvList {
				v.Hash = w.tip.Hash
			}
			w.say(l, want)
		}
	}},
	{"flood of getheaders", "questions", false, func(w *siege, l *link) {
		for range 100_000 {
			w.say(l, &wire.MsgGetHeaders{ProtocolVersion: msg.Version})
			genesis := w.p.NetID()
			w.say(l, &wire.MsgGetHeaders{ProtocolVersion: msg.Version, BlockLocatorHashes: []*spv.Hash{&genesis}})
		}
	}},
	{"filters of too many", "filters", false, func(w *siege, l *link) {
		w.say(l, wire.NewMsgGetCFilters(wire.GCSFilterRegular, 500, &w.tip.Hash))
	}},
	{"filters of another type", "filters", false, func(w *siege, l *link) {
		w.say(l, wire.NewMsgGetCFHeaders(7, 1, &w.tip.Hash))
	}},
	{"transaction of nothing", "amount", true, func(w *siege, l *link) {
		tx := w.pay(w.list[0], 1, 1000)
		tx.TxOut[0].Value = -5
		w.say(l, txMessage(tx))
	}},
	{"scripts that fail", "too much", true, func(w *siege, l *link) {
		for i := range 30 {
			tx := w.pay(w.list[0], 1, 1000+int64(i))
			tx.TxIn[0].Witness = wire.TxWitness{{0}}
			w.say(l, txMessage(tx))
		}
	}},
	{"orphans", "", false, func(w *siege, l *link) {
		for i := range 1000 {
			tx := w.pay(w.list[0], 1, 1000)
			tx.TxIn[0].PreviousOutPoint.Hash = number(i)
			w.say(l, txMessage(tx))
		}
	}},
}

// TestAdversary: whatever a peer says, two honest nodes behind the victim stay in step,
// and the victim remembers little.
func TestAdversary(t *testing.T) {
	n := newNetwork(t, 7)
	list := n.nodes(3)
	for range 20 {
		n.mine(list[0])
	}
	n.connect(list[0], list[1])
	n.connect(list[1], list[2])
	n.run(20 * time.Second)
	w := &siege{network: n, list: list, victim: list[1]}
	for _, a := range attacks {
		w.next()
		t.Run(a.name, func(t *testing.T) { w.withstands(t, &a) })
	}
	n.hold(false, n.pay(list[0], 1, 1000), list...)
	if len(list[0].drops)+len(list[2].drops) > 0 {
		t.Fatalf("honest nodes dropped: %v, %v", list[0].drops, list[2].drops)
	}
}

// withstands wants the adversary to be dropped as the attack deserves, the honest nodes to go on, and little to be left of it.
func (w *siege) withstands(t *testing.T, a *attack) {
	t.Helper()
	victim := w.victim
	drops, bans := len(victim.drops), victim.bans
	enemy := w.adversary()
	_, l := w.connect(victim, enemy)
	w.run(time.Second)
	before := memory()
	a.talk(w, l)
	w.run(4 * time.Minute)
	if a.drops == "" && len(victim.drops) > drops {
		t.Fatalf("dropped: %v", victim.drops[drops:])
	}
	if a.drops != "" && (len(victim.drops) != drops+1 || !strings.Contains(victim.drops[drops].Error(), a.drops)) {
		t.Fatalf("drops %v, want one for %q", victim.drops[drops:], a.drops)
	}
	if a.ban != (victim.bans > bans) {
		t.Fatalf("banned: %v, want %v", victim.bans > bans, a.ban)
	}
	if l.up {
		w.cut(l)
	}
	w.mine(w.list[0])
	w.run(10 * time.Second)
	w.same(w.list)
	if grown := int64(memory()) - int64(before); grown > 30<<20 {
		t.Fatalf("%d bytes more in memory", grown)
	}
	m := victim.node.m
	if len(m.fetches) > 0 || len(m.wanted) > maxAsks || len(m.peers) != 2 {
		t.Fatalf("%d blocks, %d transactions, %d peers left", len(m.fetches), len(m.wanted), len(m.peers))
	}
}

func header(raw []byte) (h spv.Header) {
	copy(h[:], raw)
	return h
}

func txMessage(tx *wire.MsgTx) *msg.Tx {
	var b writer
	if err := tx.Serialize(&b); err != nil {
		panic(err)
	}
	return &msg.Tx{Raw: b}
}

type writer []byte

func (w *writer) Write(b []byte) (int, error) {
	*w = append(*w, b...)
	return len(b), nil
}

func memory() uint64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

// TestWithheldBranch: a better header whose block nobody has does not keep the node from
// following what honest peers have.
func TestWithheldBranch(t *testing.T) {
	n := newNetwork(t, 8)
	list := n.nodes(3)
	n.ring(list)
	for range 5 {
		n.mine(list[0])
	}
	n.run(20 * time.Second)
	ghost := n.node("ghost")
	n.connect(ghost, list[0])
	n.run(10 * time.Second)
	n.partition(map[*host]bool{ghost: true})
	for range 3 {
		n.mine(ghost)
	}
	n.run(time.Second)
	run, err := ghost.node.chain.Sealed([]spv.Hash{n.p.NetID()}, spv.Hash{})
	check(t, err)
	enemy := n.adversary()
	_, l := n.connect(list[1], enemy)
	n.say(l, &msg.Headers{Headers: run})
	n.run(5 * time.Second)
	n.mine(list[0]) // less work than the headers
	n.run(5 * time.Second)
	if tip := n.same(list); tip.Height != 6 {
		t.Fatalf("tip %s", tip)
	}
	n.run(5 * time.Minute)
	if l.up {
		t.Fatal("the adversary is still there")
	}
	n.connect(ghost, list[2]) // the blocks turn up after all
	n.run(time.Minute)
	if tip := n.same(append(list, ghost)); tip.Height != 8 {
		t.Fatalf("tip %s", tip)
	}
}

// TestPoorHeaders: long branches of little work take no place in memory.
func TestPoorHeaders(t *testing.T) {
	n := newNetwork(t, 9)
	list := n.nodes(1)
	for range 700 {
		n.mine(list[0])
	}
	poor := n.node("poor")
	for range 300 {
		n.mine(poor)
	}
	n.connect(poor, list[0])
	n.run(time.Minute)
	n.same(append(list, poor))
	run, err := poor.node.chain.Sealed([]spv.Hash{n.p.NetID()}, spv.Hash{})
	check(t, err)
	if len(list[0].node.chain.Branches()) != 1 || len(run) != 700 {
		t.Fatalf("branches %+v", list[0].node.chain.Branches())
	}
	n.quiet(append(list, poor))
}

// TestAskNext: what one peer announces and does not have, or does not bring, is asked of
// the next that has it.
func TestAskNext(t *testing.T) {
	for _, answer := range []string{"notfound", "silence", "leaves"} {
		n := newNetwork(t, 11)
		list := n.nodes(2)
		for range 20 {
			n.mine(list[0])
		}
		n.connect(list[0], list[1])
		n.run(20 * time.Second)
		tx := n.pay(list[0], 1, 1000)
		id := tx.WitnessHash()
		tip := n.build(list[0])
		top := header(tip)
		block := top.ID()
		enemy := n.adversary()
		answers := enemy.alter
		asked := 0
		var l *link
		enemy.alter = func(from *host, m msg.Message) msg.Message {
			answers(from, m)
			if d, ok := m.(*wire.MsgGetData); ok {
				asked++
				switch answer {
				case "notfound":
					n.say(l, &wire.MsgNotFound{InvList: d.InvList})
				case "leaves":
					n.cut(l)
				}
			}
			return m
		}
		_, l = n.connect(list[1], enemy)
		n.run(time.Second)
		n.say(l, &wire.MsgInv{InvList: []*wire.InvVect{wire.NewInvVect(typeWTx, &id)}},
			&msg.Headers{Headers: []spv.Sealed{{Header: header(tip)}}})
		n.run(2 * time.Second)
		if asked == 0 {
			t.Fatalf("%s: the adversary was not asked", answer)
		}
		n.step(list[0], syncer.Broadcast{Txs: txs(tx)})
		n.run(time.Minute)
		n.hold(true, tx, list...)
		_, err := list[0].node.chain.Accept(tip, uint32(n.now.Unix()))
		check(t, err)
		n.step(list[0], syncer.Resume{})
		n.run(time.Minute)
		if got := n.same(list); got.Hash != block {
			t.Fatalf("%s: tip %s, want %s", answer, got, block)
		}
	}
}

// TestFault: when the disk is gone the machine says so and does nothing more.
func TestFault(t *testing.T) {
	n := newNetwork(t, 10)
	list := n.nodes(2)
	n.mine(list[0])
	n.connect(list[0], list[1])
	h := list[1]
	m := h.node.m
	m.fail(errTest)
	if out := m.Step(n.now, syncer.Tick{}); out != nil || m.Status().Fault != errTest {
		t.Fatalf("%v, %v", out, m.Status().Fault)
	}
	m.fault = nil
}

var errTest = errors.New("disk gone")

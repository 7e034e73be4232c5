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
	victim := list[1]
	tip := n.same(list)
	good := n.build(list[0])
	rotten := append([]byte(nil), good...)
	rotten[len(rotten)-20] ^= 1 // another transaction than the header stands for

	tests := []struct {
		name  string
		drops string // what the adversary is dropped for; empty: it is not
		ban   bool
		talk  func(l *link)
	}{
		{"garbage block", "block", true, func(l *link) { n.say(l, &msg.Block{Raw: []byte{1, 2, 3}}) }},
		{"garbage transaction", "transaction", true, func(l *link) { n.say(l, &msg.Tx{Raw: []byte{1, 2, 3}}) }},
		{"two lines of headers", "one line", true, func(l *link) {
			n.say(l, &msg.Headers{Headers: []spv.Sealed{{Header: n.p.Genesis}, {Header: n.p.Genesis}}})
		}},
		{"header without work", "work", true, func(l *link) {
			h := header(good)
			target, _ := spv.ParseTarget(testchain.EasyBits)
			for id := h.ID(); spv.Meets(&id, &target); id = h.ID() {
				h[76]++
			}
			n.say(l, &msg.Headers{Headers: []spv.Sealed{{Header: h}}})
		}},
		{"headers that lead nowhere", "too much", true, func(l *link) {
			for i := range 12 {
				h := header(good)
				other := number(i)
				copy(h[4:], other[:])
				n.say(l, &msg.Headers{Headers: []spv.Sealed{{Header: h}}})
				n.run(time.Second) // what comes before the answer to a question may have crossed it
			}
		}},
		{"blocks that nobody asked for", "too much", true, func(l *link) {
			for range 120 {
				n.say(l, &msg.Block{Raw: good})
			}
		}},
		{"mutated block", "not the block", true, func(l *link) {
			answers := l.host.alter
			l.host.alter = func(from *host, m msg.Message) msg.Message {
				answers(from, m)
				if d, ok := m.(*wire.MsgGetData); ok && d.InvList[0].Type == wire.InvTypeWitnessBlock {
					n.say(l, &msg.Block{Raw: rotten})
				}
				return m
			}
			n.say(l, &msg.Headers{Headers: []spv.Sealed{{Header: header(good)}}})
		}},
		{"withheld block", "no block", false, func(l *link) {
			n.say(l, &msg.Headers{Headers: []spv.Sealed{{Header: header(good)}}})
		}},
		{"silence to getheaders", "no answer", false, func(l *link) {
			h := number(5)
			l.host.silent = true
			n.say(l, &wire.MsgInv{InvList: []*wire.InvVect{wire.NewInvVect(wire.InvTypeBlock, &h)}})
		}},
		{"huge invs", "", false, func(l *link) {
			for i := range 20 {
				n.say(l, invOf(wire.InvTypeTx, i*50_000, 49_000))
			}
		}},
		{"flood of getdata", "getdata", false, func(l *link) {
			for i := range 40 {
				want := &wire.MsgGetData{InvList: invOf(wire.InvTypeWitnessBlock, i*50_000, 49_000).InvList}
				for _, v := range want.InvList {
					v.Hash = tip.Hash
				}
				n.say(l, want)
			}
		}},
		{"flood of getheaders", "questions", false, func(l *link) {
			for range 100_000 {
				n.say(l, &wire.MsgGetHeaders{ProtocolVersion: msg.Version})
				genesis := n.p.NetID()
				n.say(l, &wire.MsgGetHeaders{ProtocolVersion: msg.Version, BlockLocatorHashes: []*spv.Hash{&genesis}})
			}
		}},
		{"filters of too many", "filters", false, func(l *link) {
			n.say(l, wire.NewMsgGetCFilters(wire.GCSFilterRegular, 500, &tip.Hash))
		}},
		{"filters of another type", "filters", false, func(l *link) {
			n.say(l, wire.NewMsgGetCFHeaders(7, 1, &tip.Hash))
		}},
		{"transaction of nothing", "amount", true, func(l *link) {
			tx := n.pay(list[0], 1, 1000)
			tx.TxOut[0].Value = -5
			n.say(l, txMessage(tx))
		}},
		{"scripts that fail", "too much", true, func(l *link) {
			for i := range 30 {
				tx := n.pay(list[0], 1, 1000+int64(i))
				tx.TxIn[0].Witness = wire.TxWitness{{0}}
				n.say(l, txMessage(tx))
			}
		}},
		{"orphans", "", false, func(l *link) {
			for i := range 1000 {
				tx := n.pay(list[0], 1, 1000)
				tx.TxIn[0].PreviousOutPoint.Hash = number(i)
				n.say(l, txMessage(tx))
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			drops, bans := len(victim.drops), victim.bans
			enemy := n.adversary()
			_, l := n.connect(victim, enemy)
			n.run(time.Second)
			before := memory()
			test.talk(l)
			n.run(4 * time.Minute)
			if test.drops == "" && len(victim.drops) > drops {
				t.Fatalf("dropped: %v", victim.drops[drops:])
			}
			if test.drops != "" && (len(victim.drops) != drops+1 || !strings.Contains(victim.drops[drops].Error(), test.drops)) {
				t.Fatalf("drops %v, want one for %q", victim.drops[drops:], test.drops)
			}
			if test.ban != (victim.bans > bans) {
				t.Fatalf("banned: %v, want %v", victim.bans > bans, test.ban)
			}
			if l.up {
				n.cut(l)
			}
			n.mine(list[0])
			n.run(10 * time.Second)
			tip = n.same(list)
			if grown := int64(memory()) - int64(before); grown > 30<<20 {
				t.Fatalf("%d bytes more in memory", grown)
			}
			m := victim.node.m
			if len(m.fetches) > 0 || len(m.wanted) > maxAsks || len(m.peers) != 2 {
				t.Fatalf("%d blocks, %d transactions, %d peers left", len(m.fetches), len(m.wanted), len(m.peers))
			}
			good = n.build(list[0])
			rotten = append([]byte(nil), good...)
			rotten[len(rotten)-20] ^= 1
		})
	}
	n.hold(false, n.pay(list[0], 1, 1000), list...)
	if len(list[0].drops)+len(list[2].drops) > 0 {
		t.Fatalf("honest nodes dropped: %v, %v", list[0].drops, list[2].drops)
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

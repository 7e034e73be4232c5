package simnet_test

import (
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/simnet"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/syncer"
)

// peer returns an honest node that has a chain.
func (w *world) peer() *simnet.Node {
	n := &simnet.Node{Services: simnet.Full}
	n.Follow(w.ledger)
	return n
}

// liar returns a node that lies about the filters of a chain.
func (w *world) liar(l simnet.Lie) *simnet.Node {
	n := &simnet.Node{Services: simnet.Full, Lie: l}
	n.Follow(w.ledger)
	return n
}

// TestLateHonestPeer: what liars made the machine believe while it had nobody else comes
// out when an honest peer comes; they are banned and the wallet finds what they hid.
func TestLateHonestPeer(t *testing.T) {
	r := rules()
	plain, layer := newWorld(r, false).grow(300), newWorld(r, true).grow(300)
	hide := [][]byte{simnet.Script(4), simnet.Script(9)}
	for _, c := range []struct {
		name  string
		world *world
		lie   simnet.Lie
		ban   bool
	}{
		{"payments", plain, simnet.Lie{Omit: hide}, true},
		{"spends", plain, simnet.Lie{Omit: hide, Spends: true}, false}, // the block cannot tell
		{"payments on a layer", layer, simnet.Lie{Omit: hide}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSetting(r, 1, syncer.Scan{From: 1, Layered: c.world == layer})
			liars := []*simnet.Node{c.world.liar(c.lie), c.world.liar(c.lie)}
			for _, n := range liars {
				s.net.Join(n)
			}
			s.run(t, time.Minute)
			hidden := len(c.world.ledger.Truth(1, c.world.used+10)) - len(s.wallet.Found)
			if c.world == plain && (!s.net.Machine.Status().Synced || hidden == 0) {
				t.Fatalf("%d hidden; the liars did not succeed: %+v", hidden, s.net.Machine.Status())
			}
			if c.world == layer && (s.net.Machine.Status().Synced || !s.banned(liars[0]) || !s.banned(liars[1])) {
				t.Fatalf("the chain's own commitment was not heeded: %+v", s.net.Dropped)
			}
			honest := c.world.peer()
			s.net.Join(honest)
			s.run(t, time.Minute)
			s.want(t, c.world)
			if s.banned(honest) || s.banned(liars[0]) != c.ban || s.banned(liars[1]) != c.ban {
				t.Fatalf("banned honest %v, liars %v %v; want liars %v", s.banned(honest), s.banned(liars[0]), s.banned(liars[1]), c.ban)
			}
			if disputed := s.net.Machine.Status().Disputed; (disputed > 0) == c.ban {
				t.Fatalf("%d blocks in doubt", disputed)
			}
		})
	}
}

// TestLayerTipLie: at the tip of a layer, to which no block commits yet, peers are compared,
// and what all of them hid comes out by the commitments of later blocks.
func TestLayerTipLie(t *testing.T) {
	r := rules()
	w := newWorld(r, true).grow(100)
	s := newSetting(r, 1, syncer.Scan{From: 1, Layered: true})
	liar := w.liar(simnet.Lie{From: 101, Omit: [][]byte{simnet.Script(w.used), simnet.Script(w.used + 1)}})
	s.net.Join(liar)
	s.run(t, time.Minute)
	s.want(t, w)
	for range 60 {
		w = w.fork(len(w.ledger), 0).grow(1)
		liar.Follow(w.ledger)
		liar.Announce()
		s.run(t, 5*time.Second)
	}
	if !s.banned(liar) {
		t.Fatal("the lie did not come out")
	}
	s.net.Join(w.peer())
	s.run(t, time.Minute)
	s.want(t, w)
}

// TestKilledAnywhere kills the machine between any two outputs, and wants the truth after
// it goes on from what was made durable.
func TestKilledAnywhere(t *testing.T) {
	r := rules()
	w := newWorld(r, false).grow(150)
	better := w.fork(120, 5).grow(60)
	for kill := 1; kill < 600; kill += 3 {
		s := newSetting(r, uint64(kill), syncer.Scan{From: 5})
		node := w.peer()
		s.net.Kill = kill
		s.net.Join(node)
		s.run(t, time.Minute)
		if kill > 300 {
			node.Follow(better.ledger)
			node.Announce()
			s.run(t, time.Minute)
		}
		if s.net.Machine == nil {
			s.net.Restart(s.machine())
		} else if kill < 150 {
			t.Fatalf("not killed at %d", kill)
		}
		s.net.Kill = 0
		s.run(t, time.Minute)
		if kill > 300 {
			s.want(t, better)
		} else {
			s.want(t, w)
		}
		if len(s.net.Banned) > 0 {
			t.Fatalf("kill at %d: banned an honest peer: %v", kill, s.net.Dropped)
		}
	}
}

// TestScanDeepReorg: 3,000 blocks are undone while their filters are fetched.
func TestScanDeepReorg(t *testing.T) {
	r := rules()
	a := newWorld(r, false).grow(3600)
	b := a.fork(600, 2).grow(3001)
	for seed := range uint64(3) {
		s := newSetting(r, seed, syncer.Scan{From: 1})
		node := a.peer()
		node.Latency = 200 * time.Millisecond
		s.net.Join(node)
		s.run(t, time.Duration(1+seed)*900*time.Millisecond+time.Second)
		if got := s.net.Machine.Status(); seed > 0 && (got.Filters.Done == 0 || got.Filters.Done == got.Filters.Total) {
			t.Fatalf("not in the middle of the filters: %+v", got)
		}
		other := b.peer()
		other.Latency = 100 * time.Millisecond
		s.net.Join(other)
		s.run(t, 5*time.Minute)
		s.want(t, b)
		if len(s.net.Dropped) > 0 {
			t.Fatalf("an honest peer was dropped: %v", s.net.Dropped)
		}
	}
}

// TestBelowTheWindow: heights that the tree has forgotten are read from the store.
func TestBelowTheWindow(t *testing.T) {
	r := rules()
	r.ReorgLimit = 20
	w := newWorld(r, false).grow(1500)
	s := newSetting(r, 1, syncer.Scan{From: 10})
	s.net.Join(w.peer())
	s.run(t, time.Minute)
	s.want(t, w)
	if base := s.net.Machine.Tree().Base(); base < 1000 {
		t.Fatalf("the tree goes down to %d: nothing was tested", base)
	}
}

// TestPartition: all peers go at any moment, and come back.
func TestPartition(t *testing.T) {
	r := rules()
	w := newWorld(r, false).grow(250)
	for seed := range uint64(40) {
		s := newSetting(r, seed, syncer.Scan{From: 1})
		nodes := []*simnet.Node{w.peer(), w.peer(), w.peer()}
		for _, n := range nodes {
			n.Latency = 50 * time.Millisecond
			s.net.Join(n)
		}
		for range 4 {
			s.run(t, time.Duration(s.net.Rand.IntN(700))*time.Millisecond)
			for _, n := range nodes {
				n.Leave()
			}
			s.run(t, 10*time.Second)
			if got := s.net.Machine.Status(); got.Synced || got.Waiting == "" || got.Stage != syncer.Connecting {
				t.Fatalf("seed %d: offline, yet %+v", seed, got)
			}
			for _, n := range nodes {
				s.net.Join(n)
			}
		}
		s.run(t, time.Minute)
		s.want(t, w)
	}
}

// TestWholeBlocks: where nobody serves filters blocks are taken whole, and filters are
// taken up again when somebody does.
func TestWholeBlocks(t *testing.T) {
	r := rules()
	w := newWorld(r, false).grow(200)
	for name, source := range map[string]syncer.Source{"ladder": syncer.Ladder, "only blocks": syncer.OnlyBlocks} {
		t.Run(name, func(t *testing.T) {
			s := newSetting(r, 1, syncer.Scan{From: 1, Source: source})
			for range 3 {
				n := w.peer()
				n.Services &^= wire.SFNodeCF
				s.net.Join(n)
			}
			s.run(t, 5*time.Minute)
			s.want(t, w)
			if got := s.net.Machine.Status(); got.Rung != syncer.Whole || got.FalseMatches > 0 {
				t.Fatalf("%+v", got)
			}
			s.net.Join(w.peer())
			s.run(t, 5*time.Minute)
			s.want(t, w)
			if got := s.net.Machine.Status(); (got.Rung == syncer.Compared) != (source == syncer.Ladder) {
				t.Fatalf("%+v", got)
			}
		})
	}
	t.Run("only filters", func(t *testing.T) {
		s := newSetting(r, 1, syncer.Scan{From: 1, Source: syncer.OnlyFilters})
		n := w.peer()
		n.Services &^= wire.SFNodeCF
		s.net.Join(n)
		s.run(t, 5*time.Minute)
		if got := s.net.Machine.Status(); got.Synced || got.Waiting != "a peer that serves compact filters" {
			t.Fatalf("%+v", got)
		}
	})
}

// TestRescan: a script that is imported later is looked for in the stored filters, and only
// the blocks that hold it are taken.
func TestRescan(t *testing.T) {
	r := rules()
	w := newWorld(r, false).grow(300)
	s := newSetting(r, 1, syncer.Scan{From: 1})
	s.net.Join(w.peer())
	s.run(t, time.Minute)
	s.want(t, w)
	before := s.net.Machine.Status().Looked
	s.wallet.Gap = 0
	foreign := simnet.Script(3e6 + 1)
	s.net.Tell(syncer.Watch{Scripts: [][]byte{foreign}, From: 100})
	if got := s.net.Machine.Status(); got.Synced || s.wallet.Cursor != 99 {
		t.Fatalf("cursor %d, %+v; want 99 and not synced", s.wallet.Cursor, got)
	}
	s.run(t, time.Minute)
	holds := 0
	for i, b := range w.ledger {
		for _, p := range b.Paid() {
			if string(p) == string(foreign) && i+1 >= 100 {
				holds++
			}
		}
	}
	if got := s.net.Machine.Status().Looked - before; got != holds || holds == 0 || s.wallet.Cursor != 300 {
		t.Fatalf("%d blocks were looked through, %d hold the script; cursor %d", got, holds, s.wallet.Cursor)
	}
}

// TestDoubt: peers that differ in what the block cannot tell stay, and the block is looked
// through whole, also for scripts that are watched later.
func TestDoubt(t *testing.T) {
	r := rules()
	w := newWorld(r, false)
	w.opaque = true
	w.grow(200)
	s := newSetting(r, 1, syncer.Scan{From: 1})
	lie := simnet.Lie{Omit: [][]byte{w.spent(t)}, Spends: true}
	nodes := []*simnet.Node{w.liar(lie), w.liar(lie), w.peer()}
	for _, n := range nodes {
		s.net.Join(n)
	}
	s.run(t, time.Minute)
	s.want(t, w)
	got := s.net.Machine.Status()
	if got.Disputed == 0 || len(s.net.Dropped) > 0 {
		t.Fatalf("%+v; dropped %v", got, s.net.Dropped)
	}
	empty := 0
	for h := int32(1); h <= 200; h++ {
		if filter, ok := s.net.Disk.Filter(h); ok && len(filter) == 0 {
			empty++
		}
	}
	if empty != got.Disputed {
		t.Fatalf("%d filters stored as not believed, %d blocks disputed", empty, got.Disputed)
	}
	s.net.Restart(s.machine())
	s.run(t, time.Minute)
	s.want(t, w)

	// Where the input seems to show the script, those that lack it are let go.
	w = newWorld(r, false).grow(200)
	s = newSetting(r, 1, syncer.Scan{From: 1})
	for _, n := range []*simnet.Node{w.liar(simnet.Lie{Omit: [][]byte{simnet.Script(0)}, Spends: true}), w.peer()} {
		s.net.Join(n)
	}
	s.run(t, time.Minute)
	s.want(t, w)
	if len(s.net.Dropped) != 1 || s.net.Dropped[0].Peer != 1 || s.net.Dropped[0].Ban {
		t.Fatalf("dropped %v", s.net.Dropped)
	}
}

// spent returns a script of the wallet of which a block spends without showing it.
func (w *world) spent(t *testing.T) []byte {
	t.Helper()
	for _, b := range w.ledger {
		for i, tx := range b.Txs()[1:] {
			if len(tx.TxIn[0].Witness) == 1 {
				return b.Spent[i]
			}
		}
	}
	t.Fatal("no coin is spent")
	return nil
}

// TestSparse: a payment to a script that was derived from the payment before is found
// though far more blocks lie between than are matched at a time.
func TestSparse(t *testing.T) {
	r := rules()
	w := newWorld(r, false)
	w.every = 450
	w.grow(6000)
	s := newSetting(r, 1, syncer.Scan{From: 1})
	s.net.Join(w.peer())
	s.run(t, time.Minute)
	s.want(t, w)
	s.wallet = simnet.NewWallet(1, 1) // another, for which all filters are stored already
	s.net.Wallet = s.wallet
	s.net.Restart(s.machine())
	s.run(t, time.Minute)
	s.want(t, w)
}

// TestSameBlock: a block whose payment makes the wallet derive a script is looked through
// again for it.
func TestSameBlock(t *testing.T) {
	r := rules()
	w := newWorld(r, false)
	for n, to := range [][]int64{{9}, {0, 5}, {6, 11, 4}, {9}} {
		tx, _ := simnet.Pay([]simnet.Coin{w.foreign()}, 1e6+int64(n))
		txs := []*wire.MsgTx{tx}
		var spent [][]byte
		for _, script := range to {
			from := w.foreign()
			tx, _ := simnet.Pay([]simnet.Coin{from}, script)
			txs, spent = append(txs, tx), append(spent, simnet.Script(from.Script))
		}
		w.ledger = w.miner.Mine(w.ledger, txs, spent)
	}
	for _, source := range []syncer.Source{syncer.OnlyFilters, syncer.OnlyBlocks} {
		s := newSetting(r, 1, syncer.Scan{From: 1, Source: source})
		s.net.Join(w.peer())
		s.run(t, time.Minute)
		if len(s.wallet.Found) != 6 || s.wallet.Calls != 5 {
			t.Fatalf("source %d: found %d transactions in %d calls, want 6 in 5", source, len(s.wallet.Found), s.wallet.Calls)
		}
	}
}

// TestTurncoat: a peer that contradicts what it said before is banned.
func TestTurncoat(t *testing.T) {
	w := newWorld(rules(), false).grow(50)
	s := newSetting(w.miner.Rules, 1, syncer.Scan{From: 1})
	bad, honest := w.liar(simnet.Lie{Links: true}), w.peer()
	s.net.Join(bad)
	s.net.Join(honest)
	s.run(t, time.Minute)
	s.want(t, w)
	next := w.fork(50, 1).grow(2)
	for _, n := range []*simnet.Node{bad, honest} {
		n.Follow(next.ledger)
		n.Announce()
	}
	s.run(t, time.Minute)
	s.want(t, next)
	if !s.banned(bad) || s.banned(honest) {
		t.Fatalf("dropped %v", s.net.Dropped)
	}
}

// TestSpoiltBlock: a block whose body is not what its header says is not believed.
func TestSpoiltBlock(t *testing.T) {
	w := newWorld(rules(), false).grow(60)
	for name, spoil := range map[string]func([]byte){
		"a witness":    func(raw []byte) { raw[len(raw)-20] ^= 1 },
		"an output":    func(raw []byte) { raw[spv.HeaderSize+100] ^= 1 },
		"its end":      func(raw []byte) { copy(raw[len(raw)-1:], []byte{1}) },
		"the coinbase": func(raw []byte) { raw[spv.HeaderSize+50] ^= 1 },
	} {
		s := newSetting(w.miner.Rules, 1, syncer.Scan{From: 1})
		bad := w.liar(simnet.Lie{Body: spoil})
		s.net.Join(bad)
		s.run(t, time.Minute)
		if !s.banned(bad) || len(s.wallet.Found) > 0 {
			t.Fatalf("%s: found %d; dropped %v", name, len(s.wallet.Found), s.net.Dropped)
		}
		s.net.Join(w.peer())
		s.run(t, time.Minute)
		s.want(t, w)
	}
}

// TestGapInStore: filters that end below the birthday are gone on from, without a gap.
func TestGapInStore(t *testing.T) {
	r := rules()
	w := newWorld(r, false).grow(200)
	s := newSetting(r, 1, syncer.Scan{From: 1})
	node := w.peer()
	node.Follow(w.ledger[:100])
	s.net.Join(node)
	s.run(t, time.Minute)
	s.scan.From = 150
	s.net.Restart(s.machine())
	node.Follow(w.ledger)
	s.run(t, time.Minute)
	if to := s.net.Disk.FiltersTo(); to != 200 || !s.net.Machine.Status().Synced {
		t.Fatalf("filters up to %d; %+v", to, s.net.Machine.Status())
	}
}

package relay

import (
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

func TestConverge(t *testing.T) {
	n := newNetwork(t, 1)
	list := n.nodes(5)
	for range 30 {
		n.mine(list[0])
	}
	n.ring(list)
	n.run(30 * time.Second)
	if tip := n.same(list); tip.Height != 30 {
		t.Fatalf("tip %s", tip)
	}
	for i := range 20 { // here and there, while the others' are on their way
		n.mine(list[i%5])
		n.run(time.Duration(n.rng.Int64N(int64(3 * time.Second))))
	}
	n.run(20 * time.Second)
	n.mine(list[3])
	n.run(10 * time.Second)
	n.same(list)
	n.quiet(list)
	for _, h := range list {
		if s := h.node.m.Status(); s.Initial || !s.Synced {
			t.Fatalf("%s: %+v", h.name, s)
		}
	}
}

func TestTransactionsSpread(t *testing.T) {
	n := newNetwork(t, 2)
	list := n.nodes(5)
	n.ring(list)
	for range 20 {
		n.mine(list[0])
	}
	n.run(20 * time.Second)
	n.same(list)
	tx := n.pay(list[0], 1, 1000)
	n.step(list[2], syncer.Broadcast{Txs: txs(tx)})
	n.run(time.Minute)
	n.hold(true, tx, list...)
	poor := n.pay(list[0], 2, 0)
	n.step(list[2], syncer.Broadcast{Txs: txs(poor)})
	n.run(time.Minute)
	n.hold(false, poor, list...)
	n.mine(list[4])
	n.run(10 * time.Second)
	n.same(list)
	n.hold(false, tx, list...)
	n.quiet(list)
}

func TestPartition(t *testing.T) {
	for seed := range uint64(4) {
		n := newNetwork(t, 100+seed)
		list := n.nodes(6)
		n.ring(list)
		for range 15 {
			n.mine(list[0])
		}
		n.run(20 * time.Second)
		n.same(list)
		left := map[*host]bool{list[0]: true, list[1]: true, list[2]: true}
		n.partition(left)
		tx := n.pay(list[0], 1, 2000)
		n.step(list[0], syncer.Broadcast{Txs: txs(tx)})
		n.run(30 * time.Second)
		for range 3 + n.rng.IntN(5) {
			n.mine(list[1]) // with the transaction
			n.run(time.Second)
		}
		n.hold(false, tx, list[0], list[1], list[2])
		for range 12 {
			n.mine(list[4])
			n.run(time.Second)
		}
		n.connect(list[2], list[3])
		n.connect(list[0], list[5])
		n.run(time.Minute)
		tip := n.same(list)
		if tip.Height != 27 {
			t.Fatalf("tip %s", tip)
		}
		n.hold(true, tx, list...) // undone on the left, spread to the right
		n.mine(list[5])
		n.run(10 * time.Second)
		n.same(list)
		n.hold(false, tx, list...)
		n.quiet(list)
	}
}

// TestDeep: a node that was away catches up from several peers, over a fork that is
// deeper than one message of headers.
func TestDeep(t *testing.T) {
	n := newNetwork(t, 3)
	list := n.nodes(3)
	n.connect(list[0], list[1])
	for i := range 2600 {
		n.mine(list[0])
		if i%100 == 0 {
			n.run(time.Second)
		}
	}
	for range 2200 { // so that the headers alone must show their work first
		n.mine(list[2])
	}
	n.run(time.Minute)
	n.same(list[:2])
	n.connect(list[2], list[0])
	n.connect(list[2], list[1])
	n.run(3 * time.Minute)
	if tip := n.same(list); tip.Height != 2600 {
		t.Fatalf("tip %s", tip)
	}
	n.quiet(list)
}

// TestManyTransactions: more at once than a peer is asked for at a time all arrive.
func TestManyTransactions(t *testing.T) {
	n := newNetwork(t, 4)
	list := n.nodes(2)
	n.connect(list[0], list[1])
	for range 20 {
		n.mine(list[0])
	}
	n.run(20 * time.Second)
	all := txs(n.pay(list[0], 1, 100_000))
	for range 23 {
		last := all[len(all)-1]
		next := last.Copy()
		next.TxIn[0].PreviousOutPoint.Hash = last.TxHash()
		next.TxOut[0].Value -= 100_000
		all = append(all, next)
	}
	for i := range 8 { // wide ones
		wide := n.pay(list[0], int32(2+i), 10_000_000)
		share := wide.TxOut[0].Value / 20
		wide.TxOut[0].Value = share
		for range 19 {
			wide.AddTxOut(wire.NewTxOut(share, open))
		}
		all = append(all, wide)
		for k := range uint32(20) {
			kid := all[0].Copy()
			kid.TxIn[0].PreviousOutPoint = wire.OutPoint{Hash: wide.TxHash(), Index: k}
			kid.TxOut[0].Value = share - 10_000
			all = append(all, kid)
		}
	}
	n.step(list[0], syncer.Broadcast{Txs: all})
	for _, tx := range all {
		n.hold(true, tx, list[0])
	}
	n.run(2 * time.Minute)
	for _, tx := range all {
		n.hold(true, tx, list[1])
	}
	if m := list[1].node.m; len(m.wanted) > 0 || m.peers[0].asks != 0 {
		t.Fatalf("%d wanted, %d asked", len(m.wanted), m.peers[0].asks)
	}
	n.quiet(list)
}

// TestPackageSpreads: a parent that pays nothing travels with its child, though nobody
// announces it.
func TestPackageSpreads(t *testing.T) {
	n := newNetwork(t, 5)
	list := n.nodes(4)
	n.ring(list)
	for range 20 {
		n.mine(list[0])
	}
	n.run(20 * time.Second)
	parent := n.pay(list[0], 1, 0)
	child := parent.Copy()
	child.TxIn[0].PreviousOutPoint.Hash = parent.TxHash()
	child.TxOut[0].Value -= 5000
	n.step(list[1], syncer.Broadcast{Txs: txs(parent, child)})
	n.run(time.Minute)
	n.hold(true, parent, list...)
	n.hold(true, child, list...)
	n.mine(list[3])
	n.run(10 * time.Second)
	n.hold(false, child, list...)
	n.same(list)
	n.quiet(list)
}

// TestAloneWithLightClients: on a private network a node whose old tip nobody can better is not behind, be its peers light clients;
// one that has a peer who keeps blocks waits for what that tells, and so does any on a public network.
func TestAloneWithLightClients(t *testing.T) {
	for name, c := range map[string]struct {
		services wire.ServiceFlag
		network  chains.Network
		initial  bool
	}{
		"a light client":                     {0, chains.Dev, false},
		"a light client on a public network": {0, chains.Main, true},
		"a node":                             {wire.SFNodeNetwork, chains.Dev, true},
		"a pruned node":                      {wire.SFNodeNetworkLimited, chains.Dev, true},
	} {
		n := newNetwork(t, 3)
		n.p.Network = c.network
		h := n.node("old")
		n.step(h, syncer.Connected{Peer: 1, Services: c.services, Version: msg.Version})
		n.step(h, syncer.Tick{})
		if got := h.node.m.Status().Initial; got != c.initial {
			t.Errorf("%s: initial %t, want %t", name, got, c.initial)
		}
	}
}

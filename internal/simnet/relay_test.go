package simnet_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/simnet"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/syncer"
)

// relayed returns a synced setting with some relaying peers.
func relayed(t *testing.T, w *world, peers int) (*setting, []*simnet.Node) {
	t.Helper()
	s := newSetting(w.miner.Rules, 3, syncer.Scan{From: 1, Relay: true})
	var nodes []*simnet.Node
	for range peers {
		n := w.peer()
		n.Relay = true
		s.net.Join(n)
		nodes = append(nodes, n)
	}
	s.run(t, time.Minute)
	s.want(t, w)
	return s, nodes
}

// TestRelay: unconfirmed payments are seen, by how many peers, and a child is seen that
// came before its parent; what is not the wallet's is not shown.
func TestRelay(t *testing.T) {
	w := newWorld(rules(), false).grow(60)
	s, nodes := relayed(t, w, 3)
	parent, coins := simnet.Pay([]simnet.Coin{w.foreign()}, w.used, 4e6)
	child, _ := simnet.Pay(coins[:1], 5e6)
	grandchild, _ := simnet.Pay([]simnet.Coin{{Point: wire.OutPoint{Hash: child.TxHash()}, Value: 1, Script: 5e6}}, 6e6)
	other, _ := simnet.Pay([]simnet.Coin{w.foreign()}, 7e6)
	for _, tx := range []*wire.MsgTx{other, grandchild, child} {
		nodes[0].Hold(tx)
		nodes[0].AnnounceTx(tx)
	}
	s.run(t, time.Second)
	if len(s.net.Seen) != 0 {
		t.Fatalf("saw %d transactions of others", len(s.net.Seen))
	}
	nodes[0].Hold(parent)
	nodes[0].AnnounceTx(parent)
	s.run(t, time.Second)
	nodes[1].AnnounceTx(parent)
	nodes[1].AnnounceTx(parent)
	s.run(t, time.Second)
	nodes[2].AnnounceTx(parent)
	s.run(t, time.Second)
	var got []string
	name := map[spv.Hash]string{parent.TxHash(): "parent", child.TxHash(): "child", grandchild.TxHash(): "grandchild"}
	for _, seen := range s.net.Seen {
		got = append(got, name[seen.Tx.TxHash()]+string(rune('0'+seen.Peers)))
	}
	if want := "[parent1 child1 parent2 parent3]"; len(got) != 4 || "["+got[0]+" "+got[1]+" "+got[2]+" "+got[3]+"]" != want {
		t.Fatalf("saw %v, want %s", got, want)
	}
}

// TestRelayWatch: a script that is watched later is found in what was announced before.
func TestRelayWatch(t *testing.T) {
	w := newWorld(rules(), false).grow(60)
	s, nodes := relayed(t, w, 1)
	tx, _ := simnet.Pay([]simnet.Coin{w.foreign()}, 8e6)
	nodes[0].Hold(tx)
	nodes[0].AnnounceTx(tx)
	s.run(t, time.Second)
	s.net.Tell(syncer.Watch{Scripts: [][]byte{simnet.Script(8e6)}, From: 61})
	if len(s.net.Seen) != 1 || s.net.Seen[0].Tx.TxHash() != tx.TxHash() {
		t.Fatalf("saw %v", s.net.Seen)
	}
}

// TestRelaySilentTeller: a peer that announces and does not deliver is passed over.
func TestRelaySilentTeller(t *testing.T) {
	w := newWorld(rules(), false).grow(60)
	s, nodes := relayed(t, w, 2)
	tx, _ := simnet.Pay([]simnet.Coin{w.foreign()}, w.used)
	nodes[0].AnnounceTx(tx) // does not hold it
	s.run(t, time.Second)
	nodes[1].Hold(tx)
	nodes[1].AnnounceTx(tx)
	s.run(t, 35*time.Second)
	if len(s.net.Seen) != 1 {
		t.Fatalf("saw %v", s.net.Seen)
	}
}

// TestBroadcast: some peers get a transaction, the others' echo is counted, it is announced
// again from time to time, and not once it is in a block.
func TestBroadcast(t *testing.T) {
	w := newWorld(rules(), false).grow(60)
	s, nodes := relayed(t, w, 6)
	parent, coins := simnet.Pay([]simnet.Coin{w.foreign()}, w.used, 4e6)
	child, _ := simnet.Pay(coins[:1], 5e6)
	s.net.Tell(syncer.Broadcast{Txs: []*wire.MsgTx{parent, child}})
	s.run(t, 10*time.Second)
	echoes := map[spv.Hash]int{}
	for _, e := range s.net.Echoes {
		echoes[e.TxID] = max(echoes[e.TxID], e.Peers)
	}
	if len(echoes) != 2 || echoes[parent.TxHash()] != 3 || echoes[child.TxHash()] != 3 {
		t.Fatalf("echoes %v, want 3 of 6 peers for both", s.net.Echoes)
	}
	for _, n := range nodes {
		if !n.Holds(parent) || !n.Holds(child) {
			t.Fatal("a peer did not get both")
		}
		n.Forget()
	}
	s.run(t, 31*time.Minute)
	have := 0
	for _, n := range nodes {
		if n.Holds(parent) {
			have++
		}
	}
	if have != 6 {
		t.Fatalf("%d of 6 have it after it was forgotten by all, and half an hour", have)
	}
	s.net.Tell(syncer.Forget{TxID: child.TxHash()})
	w = w.fork(len(w.ledger), 3)
	w.ledger = w.miner.Mine(w.ledger, []*wire.MsgTx{parent}, [][]byte{simnet.Script(0)})
	for _, n := range nodes {
		n.Forget()
		n.Follow(w.ledger)
		n.Announce()
	}
	s.run(t, 3*time.Hour)
	for _, n := range nodes {
		if n.Holds(parent) || n.Holds(child) {
			t.Fatal("announced again though it is done")
		}
	}
	if _, found := s.wallet.Found[parent.TxHash()]; !found {
		t.Fatal("not found in its block")
	}
}

// TestBroadcastPrivate: only peers to which a transaction was announced get it.
func TestBroadcastPrivate(t *testing.T) {
	w := newWorld(rules(), false).grow(20)
	s, nodes := relayed(t, w, 4)
	tx, _ := simnet.Pay([]simnet.Coin{w.foreign()}, 5e6)
	for _, n := range nodes {
		n.Deaf = true
	}
	s.net.Tell(syncer.Broadcast{Txs: []*wire.MsgTx{tx}})
	s.run(t, time.Second)
	got := 0
	id := tx.TxHash()
	for _, n := range nodes {
		n.Ask(wire.InvTypeWitnessTx, id)
		s.run(t, time.Second)
		if raw := n.LastTx(); raw != nil {
			got++
			var want bytes.Buffer
			if err := tx.Serialize(&want); err != nil || !bytes.Equal(raw, want.Bytes()) {
				t.Fatal("another transaction came")
			}
		}
	}
	if got != 2 {
		t.Fatalf("%d of 4 peers were given it, want the 2 it was announced to", got)
	}
}

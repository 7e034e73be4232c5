package node

import (
	"testing"

	"github.com/btcsuite/btcd/wire"
)

// TestAddNode: peers are added and removed while the node runs, and what is told of them is
// what happened.
func TestAddNode(t *testing.T) {
	a, b := start(t, Config{}), start(t, Config{})
	a.generate("dev", 30)
	dev, board := b.loop("dev"), b.loop("dev").Switchboard()
	address := a.loop("dev").Address()
	check(t, board.Add(t.Context(), address))
	await(t, "the added peer's blocks", func() bool { return dev.View().Tip() == a.loop("dev").View().Tip() }, dev)
	await(t, "an answer to a ping", func() bool { l := dev.Peers(); return len(l) == 1 && l[0].Ping > 0 }, dev)
	k := dev.Peers()[0]
	if k.Address != address || k.Inbound || !k.Named || k.Agent != "/test/" || k.Received < 30*200 || k.Sent < 100 || k.Height != 30 {
		t.Errorf("%+v", k)
	}
	if total := dev.Traffic(); total.Received < k.Received || total.Sent < k.Sent {
		t.Errorf("%d and %d bytes in all, %d and %d of one", total.Received, total.Sent, k.Received, k.Sent)
	}
	check(t, board.Remove(t.Context(), address))
	for _, l := range []*Loop{dev, a.loop("dev")} {
		await(t, "the removed peer gone", func() bool { return len(l.Peers()) == 0 }, l)
	}
}

// TestShun: the chain without a block is followed, with all layers and the mempool, over a
// restart and beside a peer that stays; when the word is taken back, so is all of that.
func TestShun(t *testing.T) {
	dir := t.TempDir()
	a := start(t, Config{DataDir: dir})
	b := start(t, Config{Peers: a.addresses()})
	a.pays = anybody
	ids := a.generate("dev", 15)
	dev, native := a.loop("dev"), a.loop("dev-native")
	a.generate("dev-native", 1)
	low := native.View().Tip()
	paid := block(t, dev, ids[0]).Txs[0]
	tx := spendOpen(wire.OutPoint{Hash: paid.TxHash()}, &wire.TxOut{Value: paid.TxOut[0].Value - 5000, PkScript: anybody})
	_, err := dev.Tx(t.Context(), tx)
	check(t, err)
	ids = append(ids, a.generate("dev", 10)...)
	a.generate("dev-native", 1)
	top, high := dev.View().Tip(), native.View().Tip()
	other := b.loop("dev")
	await(t, "the second node", func() bool { return other.View().Tip() == top && b.loop("dev-native").View().Tip() == high }, other)

	_, err = dev.Shun(t.Context(), ids[15])
	check(t, err)
	if dev.View().Tip().Hash != ids[14] {
		t.Fatalf("tip %s, want %s", dev.View().Tip(), ids[14])
	}
	await(t, "the layer behind its L1", func() bool { return native.View().Tip() == low }, native)
	await(t, "the transaction back", func() bool { return dev.Pool().Knows(tx.TxHash()) }, dev)
	await(t, "no better chain to follow", dev.Synced, dev)
	fresh := a.generate("dev", 1)[0]
	if other.View().Tip() != top {
		t.Errorf("the second node is at %s: the word is the first one's alone", other.View().Tip())
	}
	a.halt()

	a = start(t, Config{DataDir: dir, Peers: b.addresses()})
	dev, native = a.loop("dev"), a.loop("dev-native")
	await(t, "the peer that has more work", func() bool { return len(dev.Peers()) == 1 && dev.Synced() }, dev)
	if dev.View().Tip().Hash != fresh {
		t.Fatalf("after a restart: tip %s, want %s", dev.View().Tip(), fresh)
	}
	_, err = dev.Readmit(t.Context(), ids[20])
	check(t, err)
	await(t, "all back", func() bool {
		return dev.View().Tip() == top && native.View().Tip() == high && !dev.Pool().Knows(tx.TxHash())
	}, dev, native)
}

// TestWhisper: a peer takes a transaction that the node which sends it does not show to have.
func TestWhisper(t *testing.T) {
	a, b := start(t, Config{}), start(t, Config{})
	check(t, b.loop("dev").Switchboard().Add(t.Context(), a.loop("dev").Address()))
	a.pays = anybody
	paid := block(t, a.loop("dev"), a.generate("dev", 12)[0]).Txs[0]
	dev, other := a.loop("dev"), b.loop("dev")
	await(t, "the second node", func() bool { return other.View().Tip() == dev.View().Tip() && other.Synced() }, other)
	check(t, other.Switchboard().Remove(t.Context(), dev.Address()))
	await(t, "nobody connected", func() bool { return len(dev.Peers()) == 0 && len(other.Peers()) == 0 }, dev)
	tx := spendOpen(wire.OutPoint{Hash: paid.TxHash()}, &wire.TxOut{Value: paid.TxOut[0].Value - 5000, PkScript: anybody})
	to, err := dev.Whisper(t.Context(), tx, other.Address())
	check(t, err)
	// It has the bytes; its own loop judges them after that.
	await(t, "the transaction in the pool of whom was told", func() bool { return other.Pool().Knows(tx.TxHash()) }, other)
	if to != other.Address() || dev.Pool().Knows(tx.TxHash()) {
		t.Errorf("told %s, want %s; we know: %v", to, other.Address(), dev.Pool().Knows(tx.TxHash()))
	}
	bad := spendOpen(wire.OutPoint{Index: 7}, &wire.TxOut{Value: 1, PkScript: anybody})
	if _, err := dev.Whisper(t.Context(), bad, other.Address()); err == nil {
		t.Error("a transaction that is refused is told")
	}
}

package node

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/chain"
	"github.com/layeredpow/lamina/spv"
)

var devChains = []string{"dev", "dev-native", "dev-issued", "dev-fractional"}

// agree waits until two nodes stand on the same tips.
func agree(t *testing.T, a, b *running) {
	t.Helper()
	for _, l := range a.Loops() {
		other := b.loop(l.Params().Name)
		await(t, l.Params().Name+" agreed", func() bool { return l.View().Tip() == other.View().Tip() && other.Synced() }, l, other)
	}
}

// TestMergedMining: one miner moves all chains of the stack, and a second node follows.
func TestMergedMining(t *testing.T) {
	a := start(t, Config{Mine: true, Threads: 1, MineEvery: 50 * time.Millisecond})
	b := start(t, Config{Peers: a.addresses()})
	for _, name := range devChains {
		l := b.loop(name)
		await(t, name+" mined and followed", func() bool { return l.View().Tip().Height >= 8 }, l)
	}
	native := b.loop("dev-native")
	await(t, "a seal", func() bool { return sealed(native) }, native)
	for _, y := range a.Mining().Yields() {
		if y.Blocks == 0 || !y.Mined || y.Refused > 0 {
			t.Errorf("%+v", y)
		}
	}
	if a.Mining().cpu.Hashes() == 0 {
		t.Error("blocks without a hash")
	}
	if got := b.loop("dev").Peers(); len(got) != 1 || got[0].Inbound || got[0].Agent == "" {
		t.Errorf("peers %+v", got)
	}
}

// sealed tells whether any block of a layer is sealed.
func sealed(l *Loop) bool {
	for h := int32(1); h <= l.View().Tip().Height; h++ {
		if _, ok, err := l.Chain().Seal(h); err == nil && ok {
			return true
		}
	}
	return false
}

// TestPartition: two halves mine apart, all chains, and agree again on the one with more L1
// work; the loser's layer blocks go with the L1 blocks that they were anchored to, and come
// back when the L1 does.
func TestPartition(t *testing.T) {
	a := start(t, Config{})
	cables := map[string]*cable{}
	peers := map[string][]string{}
	for name, at := range a.addresses() {
		cables[name] = newCable(t, at[0])
		peers[name] = []string{cables[name].l.Addr().String()}
	}
	b := start(t, Config{Peers: peers})
	a.generate("dev", 4)
	for _, name := range devChains[1:] {
		a.generate(name, 3)
	}
	agree(t, a, b)

	for _, c := range cables {
		c.set(true)
	}
	fork := a.loop("dev").View().Tip()
	a.generate("dev", 4)
	b.generate("dev", 6)
	for _, name := range devChains[1:] {
		a.generate(name, 5) // anchored above the fork
		b.generate(name, 2)
	}
	lost := map[string]spv.Block{}
	for _, l := range a.Loops() {
		lost[l.Params().Name] = l.View().Tip()
	}
	for _, c := range cables {
		c.set(false)
	}
	agree(t, b, a)
	for _, name := range devChains {
		if a.loop(name).View().OnBest(lost[name]) {
			t.Errorf("%s: block %s of the lost branch is on the best chain", name, lost[name])
		}
	}

	// The branch that lost grows: a block for each that it lacks.
	grow(t, a, fork, lost["dev"], 4)
	for _, name := range devChains[1:] {
		l := a.loop(name)
		await(t, name+" back on its branch", func() bool { return l.View().OnBest(lost[name]) }, l)
	}
	agree(t, a, b)
	for _, name := range devChains {
		if l := b.loop(name); !l.View().OnBest(lost[name]) {
			t.Errorf("%s: block %s is not back: tip %s", name, lost[name], l.View().Tip())
		}
	}
}

// grow mines L1 blocks on top of one that is not the tip, in a node of its own that holds
// that branch alone, and hands them over.
func grow(t *testing.T, a *running, fork, tip spv.Block, blocks int) {
	t.Helper()
	s := start(t, Config{})
	from, to := a.loop("dev"), s.loop("dev")
	for h := int32(1); h <= tip.Height; h++ {
		at, ok := from.View().Ancestor(tip.Hash, h)
		if !ok {
			t.Fatalf("block %d below %s is not known", h, tip)
		}
		raw, err := from.View().Block(at.Hash)
		check(t, err)
		result, err := to.Block(t.Context(), raw)
		check(t, err)
		if result.Status != chain.Connected {
			t.Fatalf("block %s: %s", at, result.Status)
		}
	}
	if !to.View().OnBest(fork) {
		t.Fatal("another branch")
	}
	for _, id := range s.generate("dev", blocks) {
		raw, err := to.View().Block(id)
		check(t, err)
		_, err = from.Block(t.Context(), raw)
		check(t, err)
	}
}

// TestTooFast: blocks at will stop before their times are so far ahead that peers refuse them.
func TestTooFast(t *testing.T) {
	a := start(t, Config{})
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	a.generate("dev", 4)
	ids, err := a.Mining().Generate(ctx, "dev-issued", 1<<20, a.pays)
	if err == nil || !strings.Contains(err.Error(), "s ahead") || len(ids) < 1000 {
		t.Fatalf("%d blocks, %v", len(ids), err)
	}
	if tip := a.loop("dev-issued").View().Tip(); tip.Hash != ids[len(ids)-1] {
		t.Errorf("tip %s", tip)
	}
}

// TestJobTakesNewTransactions: what pays a fee is in the job soon, without a new block.
func TestJobTakesNewTransactions(t *testing.T) {
	a := start(t, Config{Stratum: "127.0.0.1:0"})
	dev := a.loop("dev")
	a.pays = anybody
	first := a.generate("dev", 12)[0]
	paid := block(t, dev, first).Txs[0]
	tx := spendOpen(wire.OutPoint{Hash: paid.TxHash()}, &wire.TxOut{Value: paid.TxOut[0].Value - 5000, PkScript: anybody})
	_, err := dev.Tx(t.Context(), tx)
	check(t, err)
	await(t, "the transaction in the job", func() bool {
		job, _ := a.Mining().board.Job()
		return job != nil && len(job.Parent.Txs) == 1 && job.Parent.Txs[0].ID == tx.TxHash() && len(job.Layers) == 3
	}, dev)
	subsidy, _ := dev.Params().Subsidy(13)
	if job, _ := a.Mining().board.Job(); job.Parent.Value != subsidy+5000 {
		t.Errorf("the coinbase pays %d, want %d", job.Parent.Value, subsidy+5000)
	}
}

// TestBlockIsFollowed: when a block has been taken, the mempool has moved with it and the layers stand behind their L1: nobody who
// handed it in sees what was before.
func TestBlockIsFollowed(t *testing.T) {
	a := start(t, Config{})
	dev, layer := a.loop("dev"), a.loop("dev-native")
	a.pays = anybody
	paid := block(t, dev, a.generate("dev", 12)[0]).Txs[0]
	op, value := wire.OutPoint{Hash: paid.TxHash()}, paid.TxOut[0].Value
	for range 30 {
		value -= 5000
		tx := spendOpen(op, &wire.TxOut{Value: value, PkScript: anybody})
		op = wire.OutPoint{Hash: tx.TxHash()}
		_, err := dev.Tx(t.Context(), tx)
		check(t, err)
		a.generate("dev", 1)
		if dev.Pool().Knows(tx.TxHash()) {
			t.Fatalf("block %s is taken, and what it holds is in the mempool still", dev.View().Tip())
		}
	}
	a.generate("dev-native", 1)
	low := layer.View().Tip()
	a.generate("dev", 2)
	a.generate("dev-native", 1)
	anchor, _ := dev.View().BlockAt(dev.View().Tip().Height - layer.Params().Layer.AnchorDepth - 1)
	_, err := dev.Shun(t.Context(), anchor.Hash)
	check(t, err)
	if tip, _, err := layer.Candidates(t.Context()); err != nil || tip != low {
		t.Errorf("the layer's next block goes on %s, want %s: the anchor of what was above is gone: %v", tip, low, err)
	}
}

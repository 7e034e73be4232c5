package mempool

import (
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/consensus"
)

func TestBlocks(t *testing.T) {
	w := newWorld(t, "dev", nil)
	coin := w.coin(1_000_000)
	a := w.spend([]wire.OutPoint{coin}, 990_000)
	b := w.child(a, 1000)
	c := w.child(b, 1000)
	rival := w.spend([]wire.OutPoint{coin}, 980_000)
	w.must(Accepted, a, b, c)
	before := maps(w.coins)
	one := w.block(a)
	w.holds(false, a)
	w.holds(true, b, c)
	if again, err := w.add(a, 1); err == nil || again.Status != 0 {
		t.Fatal("in the chain already")
	} else {
		wantRefused(t, err, CheckUnspent)
	}

	// Back again, and onto a branch with the rival.
	w.height, w.coins = w.height-1, maps(before)
	check(t, w.pool.Moved(w.now, [][]*wire.MsgTx{one}, nil))
	w.audit()
	w.holds(true, a, b, c)
	w.block(rival)
	w.holds(false, a, b, c)
	w.height, w.coins = w.height-1, maps(before)
	w.apply([]*wire.MsgTx{a, b})
	check(t, w.pool.Moved(w.now, [][]*wire.MsgTx{{rival}}, [][]*wire.MsgTx{{a, b}}))
	w.audit()
	if s := w.pool.Stats(w.now); s.Count != 0 {
		t.Fatalf("%+v", s)
	}

	// An orphan whose parent comes in a block.
	parent := w.pay(1000)
	kid := w.child(parent, 1000)
	w.must(Orphan, kid)
	w.block(parent)
	w.holds(true, kid)
}

// TestReorgDropsUnripe: what a shorter branch does not allow goes.
func TestReorgDropsUnripe(t *testing.T) {
	w := newWorld(t, "dev", nil)
	w.block()
	locked := w.pay(1000)
	locked.LockTime = uint32(w.height)
	op := w.coin(1_000_000)
	c := w.coins[op]
	c.Coinbase, c.Height = true, w.height+1-w.p.Maturity(1)
	w.coins[op] = c
	unripe := w.spend([]wire.OutPoint{op}, 990_000)
	fine := w.pay(1000)
	kid := w.child(unripe, 1000)
	w.must(Accepted, locked, unripe, fine, kid)
	seq := w.pool.byID[fine.TxHash()].seq
	w.height--
	check(t, w.pool.Moved(w.now, [][]*wire.MsgTx{{}}, nil))
	w.audit()
	w.holds(false, locked, unripe, kid)
	w.holds(true, fine)
	if got := w.pool.byID[fine.TxHash()].seq; got != seq {
		t.Fatalf("turn %d, want %d", got, seq)
	}
}

func maps(m map[wire.OutPoint]consensus.Coin) map[wire.OutPoint]consensus.Coin {
	c := make(map[wire.OutPoint]consensus.Coin, len(m))
	for k, v := range m {
		c[k] = v
	}
	return c
}

package consensus

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv/peg"
)

// TestSupply: over random blocks the coins there are add up to what was claimed, less what
// was burned or lost, and taking blocks off the chain by their undo data restores every
// state before.
func TestSupply(t *testing.T) {
	for _, name := range []string{"dev-native", "dev-fractional", "dev-issued", "dev"} {
		for seed := range uint64(6) {
			randomChain(t, name, seed)
		}
	}
}

func randomChain(t *testing.T, name string, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 77))
	w := newWorld(t, name)
	if w.p.Peg == nil {
		w.mature(w.p.Maturity(0) + 2)
	}
	type step struct {
		before *world
		block  *Block
		undo   []byte
	}
	var steps []step
	for range 25 {
		b := w.randomBlock(r)
		d, err := Connect(w.context(), b, w, nil)
		if err != nil {
			t.Fatalf("%s, seed %d: %v", name, seed, err)
		}
		steps = append(steps, step{w.clone(), b, d.EncodeUndo()})
		w.apply(b, d)
		sum := int64(0)
		for _, c := range w.coins {
			sum += c.Value
		}
		if want := w.subsidy + w.p.UnitsPerSat()*w.supply.Claimed - w.supply.Burned - w.lost; sum != want {
			t.Fatalf("%s, seed %d, height %d: coins of %d, want %d (%+v, lost %d)", name, seed, b.Height, sum, want, w.supply, w.lost)
		}
	}
	for i := len(steps) - 1; i >= 0; i-- {
		u, err := DecodeUndo(steps[i].undo)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range u.Spent {
			w.coins[s.OutPoint] = s.Coin
		}
		for _, tx := range steps[i].block.Txs {
			for j := range tx.TxOut {
				delete(w.coins, wire.OutPoint{Hash: tx.TxHash(), Index: uint32(j)})
			}
		}
		for _, op := range u.Claims {
			delete(w.claimed, op)
		}
		if !reflect.DeepEqual(w.coins, steps[i].before.coins) || !reflect.DeepEqual(w.claimed, steps[i].before.claimed) {
			t.Fatalf("%s, seed %d: height %d does not come off again", name, seed, steps[i].block.Height)
		}
	}
}

// randomBlock claims, pays, chains, burns and leaves fees at random.
func (w *world) randomBlock(r *rand.Rand) *Block {
	var txs []*wire.MsgTx
	u, fees := w.p.UnitsPerSat(), int64(0)
	for range r.IntN(3) {
		if w.p.Peg != nil {
			fee := r.Int64N(1000 * u)
			txs = append(txs, w.claim(10_000+r.Int64N(100_000), fee))
			fees += fee
		}
	}
	ripe := 0
	for _, c := range w.coins {
		if c.Value > 20_000*u && !c.Coinbase {
			ripe++
		}
	}
	if w.p.Peg == nil {
		ripe = 1
	}
	for _, op := range w.oldest(min(ripe, r.IntN(4))) {
		value := w.coins[op].Value
		fee := r.Int64N(min(value/4, 500*u) + 1)
		out := []*wire.TxOut{w.pay(0), w.pay(value / 8)}
		if r.IntN(2) == 0 {
			out = append(out, wire.NewTxOut(r.Int64N(7), []byte{0x6a, 1, 1})) // lost for ever
		}
		if w.p.Peg != nil && r.IntN(2) == 0 && value > 8000*u {
			out = append(out, w.burn(min(value/4/u, peg.MaxBurn)))
		}
		out[0].Value = value - fee
		for _, o := range out[1:] {
			out[0].Value -= o.Value
		}
		tx := w.spend([]wire.OutPoint{op}, out...)
		txs = append(txs, tx)
		if r.IntN(2) == 0 {
			txs = append(txs, w.chained(tx, 5))
			fees += 5
		}
		fees += fee
	}
	return w.block(fees-r.Int64N(fees+1), txs...)
}

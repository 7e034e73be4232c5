package settler_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/settler"
	"github.com/layeredpow/lamina/spv"
)

// book counts a layer's money from its blocks alone, by the bytes that protocol.md names and
// nothing of ours but the reading of blocks. It follows reorganisations by undoing.
type book struct {
	ids                    []spv.Hash // from height 1
	pages                  []page
	coins                  map[wire.OutPoint]int64
	money, claimed, burned int64 // units, satoshis, units
	undone                 int
}

// page is what one block has changed.
type page struct {
	made            []wire.OutPoint
	spent           map[wire.OutPoint]int64
	claimed, burned int64
}

func (b *book) follow(w *world) {
	w.t.Helper()
	for n := len(b.ids); n > 0 && !w.l2.OnBest(spv.Block{Height: int32(n), Hash: b.ids[n-1]}); n-- {
		b.undo()
	}
	for {
		at, ok := w.l2.BlockAt(int32(len(b.ids)) + 1)
		if !ok {
			return
		}
		b.add(w, at.Hash)
	}
}

func (b *book) undo() {
	last := len(b.ids) - 1
	p := b.pages[last]
	for op, value := range p.spent {
		b.coins[op] = value
		b.money += value
	}
	for _, op := range p.made {
		b.money -= b.coins[op]
		delete(b.coins, op)
	}
	b.claimed, b.burned = b.claimed-p.claimed, b.burned-p.burned
	b.ids, b.pages, b.undone = b.ids[:last], b.pages[:last], b.undone+1
}

func (b *book) add(w *world, id spv.Hash) {
	w.t.Helper()
	p := page{spent: map[wire.OutPoint]int64{}}
	genesis := w.p1.NetID()
	burn := append([]byte{0x6a, 0x20}, genesis[:]...)
	for _, tx := range w.block(w.l2, id).Txs {
		for _, in := range tx.TxIn {
			op := in.PreviousOutPoint
			if op.Index>>30 == 1 { // a claim: its witness has the deposit
				var deposit wire.MsgTx
				check(w.t, deposit.DeserializeNoWitness(bytes.NewReader(in.Witness[1])))
				p.claimed += deposit.TxOut[op.Index&^(1<<30)].Value
			} else if value, ok := b.coins[op]; ok {
				p.spent[op] = value
				b.money -= value
				delete(b.coins, op)
			}
		}
		for n, out := range tx.TxOut {
			switch {
			case bytes.HasPrefix(out.PkScript, burn):
				p.burned += out.Value
			case out.PkScript[0] != 0x6a && out.Value > 0:
				op := wire.OutPoint{Hash: tx.TxHash(), Index: uint32(n)}
				b.coins[op], p.made = out.Value, append(p.made, op)
				b.money += out.Value
			}
		}
	}
	b.claimed, b.burned = b.claimed+p.claimed, b.burned+p.burned
	b.ids, b.pages = append(b.ids, id), append(b.pages, p)
}

// TestSupply: after every block of either chain, of more than 2,000 in a random run with
// reorganisations, the layer's money is U times what was claimed less what was burned, the
// node's own sums say the same, and so does the account by which settlers judge.
func TestSupply(t *testing.T) {
	for seed, layer := range []string{"dev-native", "dev-fractional"} {
		t.Run(layer, func(t *testing.T) {
			blocks, b := supplySim(t, layer, uint64(seed))
			t.Logf("seed %d: %d blocks checked, %d of the layer undone, %d sat claimed, %d units burned", seed, blocks, b.undone, b.claimed, b.burned)
			if blocks < 2000 || b.undone < 50 || b.claimed == 0 || b.burned == 0 {
				t.Error("too little happened")
			}
		})
	}
}

func supplySim(t *testing.T, layer string, seed uint64) (blocks int, b *book) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d, %s", seed, layer)
		}
	})
	w := newWorld(t, layer, nil)
	w.mine(60)
	s := &simulation{world: w, rng: rand.New(rand.NewPCG(seed, 4))}
	var err error
	s.auditor, err = settler.NewLedger(w.l2, w.l1)
	check(t, err)
	b = &book{coins: map[wire.OutPoint]int64{}}
	w.after = func() {
		blocks++
		b.follow(w)
		if want := b.claimed*w.p2.UnitsPerSat() - b.burned; b.money != want {
			t.Fatalf("block %d: %d units on the layer, want %d times %d less %d", blocks, b.money, w.p2.UnitsPerSat(), b.claimed, b.burned)
		}
		own, err := w.l2.Supply()
		check(t, err)
		if own.Claimed != b.claimed || own.Burned != b.burned {
			t.Fatalf("block %d: the node counts %+v, want %d sat claimed, %d units burned", blocks, own, b.claimed, b.burned)
		}
		check(t, s.auditor.Update())
		supply, err := s.auditor.Supply()
		check(t, err)
		check(t, supply.Check())
		if supply.Claimed != b.claimed || supply.Burned*w.p2.UnitsPerSat() != b.burned {
			t.Fatalf("block %d: the account is %+v, want %d sat claimed, %d units burned", blocks, supply, b.claimed, b.burned)
		}
	}
	for blocks < 2000 {
		s.wander()
	}
	return blocks, b
}

// wander does one thing, without settlers.
func (s *simulation) wander() {
	s.t.Helper()
	switch n := s.rng.IntN(100); {
	case n < 50:
		s.mine(1)
	case n < 60:
		s.unsealed()
	case n < 72:
		s.coin(s.deposit(50_000+s.rng.Int64N(900_000), 0))
		if len(s.open) > 40 { // old ones are claimed, or will not be
			s.open = s.open[1:]
		}
		s.claims()
	case n < 93:
		s.ask()
	default:
		s.reorg(1 + s.rng.Int32N(9))
		s.claims()
	}
}

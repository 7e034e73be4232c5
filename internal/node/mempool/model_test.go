package mempool

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/spv"
)

// model is the naive pool: a list, and the rules as they are told, over and over. It knows
// fees, replacement, limits and blocks; it has no cap on memory.
type model struct {
	w     *world
	list  []*wire.MsgTx // parents first
	turns map[*wire.MsgTx]int
	turn  int
}

func (m *model) coin(op wire.OutPoint) (int64, bool) {
	for _, tx := range m.list {
		if tx.TxHash() == op.Hash {
			if int(op.Index) < len(tx.TxOut) {
				return tx.TxOut[op.Index].Value, true
			}
			return 0, false
		}
	}
	c, ok := m.w.coins[op]
	return c.Value, ok
}

func (m *model) fee(tx *wire.MsgTx) (sum int64) {
	for _, in := range tx.TxIn {
		v, _ := m.coin(in.PreviousOutPoint)
		sum += v
	}
	for _, o := range tx.TxOut {
		sum -= o.Value
	}
	return sum
}

func vsize(tx *wire.MsgTx) int64 { return (consensus.TxWeight(tx) + 3) / 4 }

func parentOf(tx, of *wire.MsgTx) bool {
	return slices.ContainsFunc(of.TxIn, func(in *wire.TxIn) bool { return in.PreviousOutPoint.Hash == tx.TxHash() })
}

// above returns what a transaction depends on, below what depends on it; itself left out.
func (m *model) above(tx *wire.MsgTx) (list []*wire.MsgTx) {
	for i := len(m.list) - 1; i >= 0; i-- {
		x := m.list[i]
		if x != tx && (parentOf(x, tx) || slices.ContainsFunc(list, func(y *wire.MsgTx) bool { return parentOf(x, y) })) {
			list = append(list, x)
		}
	}
	return list
}

func (m *model) below(tx *wire.MsgTx) (list []*wire.MsgTx) {
	for _, x := range m.list {
		if x != tx && (parentOf(tx, x) || slices.ContainsFunc(list, func(y *wire.MsgTx) bool { return parentOf(y, x) })) {
			list = append(list, x)
		}
	}
	return list
}

func conflict(a, b *wire.MsgTx) bool {
	return slices.ContainsFunc(a.TxIn, func(x *wire.TxIn) bool {
		return slices.ContainsFunc(b.TxIn, func(y *wire.TxIn) bool { return x.PreviousOutPoint == y.PreviousOutPoint })
	})
}

func sizes(list []*wire.MsgTx) (sum int64) {
	for _, tx := range list {
		sum += vsize(tx)
	}
	return sum
}

func (m *model) poor(tx *wire.MsgTx) bool { return m.fee(tx)*1000 < 1000*vsize(tx) }

// add says whether the pool has to take a transaction, and takes it. Nobody asks for fees
// where it was in a block.
func (m *model) add(tx *wire.MsgTx, undone bool) bool {
	if slices.ContainsFunc(m.list, func(x *wire.MsgTx) bool { return x.TxHash() == tx.TxHash() }) {
		return false
	}
	for _, in := range tx.TxIn {
		if _, ok := m.coin(in.PreviousOutPoint); !ok {
			return false
		}
	}
	fee := m.fee(tx)
	if fee < 0 || !undone && m.poor(tx) {
		return false
	}
	above := m.above(tx)
	if len(above)+1 > 25 || sizes(above)+vsize(tx) > 101_000 {
		return false
	}
	for _, a := range above {
		b := m.below(a)
		if len(b)+2 > 25 || sizes(b)+vsize(a)+vsize(tx) > 101_000 {
			return false
		}
	}
	var direct, evict []*wire.MsgTx
	for _, x := range m.list {
		if conflict(tx, x) {
			direct = append(direct, x)
		}
	}
	for _, x := range m.list {
		if slices.Contains(direct, x) || slices.ContainsFunc(direct, func(d *wire.MsgTx) bool { return slices.Contains(m.below(d), x) }) {
			evict = append(evict, x)
		}
	}
	if len(direct) > 0 && !m.replaces(tx, fee, above, direct, evict) {
		return false
	}
	if len(evict) > 0 {
		m.remove(evict)
	}
	m.list = append(m.list, tx)
	if m.turn++; m.turns[tx] == 0 {
		m.turns[tx] = m.turn
	}
	return true
}

func (m *model) replaces(tx *wire.MsgTx, fee int64, above, direct, evict []*wire.MsgTx) bool {
	if len(evict) > 100 {
		return false
	}
	sum := int64(0)
	for _, x := range evict {
		sum += m.fee(x)
		if slices.Contains(above, x) {
			return false
		}
	}
	for _, d := range direct {
		if fee*vsize(d) <= m.fee(d)*vsize(tx) {
			return false
		}
	}
	for _, p := range m.list {
		if parentOf(p, tx) && !slices.ContainsFunc(direct, func(d *wire.MsgTx) bool { return parentOf(p, d) }) {
			return false
		}
	}
	return fee-sum >= vsize(tx)
}

func (m *model) remove(gone []*wire.MsgTx) {
	m.list = slices.DeleteFunc(m.list, func(x *wire.MsgTx) bool { return slices.Contains(gone, x) })
	m.removePoor()
}

// removePoor drops what pays too little and has no child that pays for it.
func (m *model) removePoor() {
	for i := len(m.list) - 1; i >= 0; i-- {
		if x := m.list[i]; m.poor(x) && len(m.below(x)) == 0 {
			m.list = slices.Delete(m.list, i, i+1)
		}
	}
}

// block takes out what a block holds and rules out.
func (m *model) block(txs []*wire.MsgTx) {
	for _, tx := range txs {
		m.list = slices.DeleteFunc(m.list, func(x *wire.MsgTx) bool { return x.TxHash() == tx.TxHash() })
		var gone []*wire.MsgTx
		for _, x := range m.list {
			if conflict(x, tx) {
				gone = append(append(gone, x), m.below(x)...)
			}
		}
		m.list = slices.DeleteFunc(m.list, func(x *wire.MsgTx) bool { return slices.Contains(gone, x) })
	}
	m.removePoor()
}

func TestAgainstModel(t *testing.T) {
	for seed := range uint64(5) {
		simulate(t, seed)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func simulate(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 3))
	w := newWorld(t, "dev", nil)
	m := &model{w: w, turns: map[*wire.MsgTx]int{}}
	for range 8 {
		w.coin(int64(1+rng.IntN(5)) * 1_000_000)
	}
	type state struct {
		coins  map[wire.OutPoint]consensus.Coin
		height int32
		txs    []*wire.MsgTx
	}
	var blocks []state
	for step := range 500 {
		switch k := rng.IntN(100); {
		case k < 90:
			tx := randomTx(rng, w, m)
			before := len(m.list)
			want := m.add(tx, false)
			r, err := w.add(tx, 1)
			if got := err == nil && r.Status == Accepted; got != want {
				t.Fatalf("seed %d, step %d: accepted %v, want %v (%d held): %s, %v", seed, step, got, want, before, r.Status, err)
			}
		case k < 96: // some of the pool in a block, and maybe a stranger's
			var txs []*wire.MsgTx
			for _, x := range m.list {
				in := func(y *wire.MsgTx) bool { return slices.Contains(txs, y) }
				if rng.IntN(3) == 0 && !slices.ContainsFunc(m.above(x), func(y *wire.MsgTx) bool { return !in(y) }) {
					txs = append(txs, x)
				}
			}
			if tx := randomTx(rng, w, m); rng.IntN(2) == 0 && len(m.above(tx)) == 0 && m.fee(tx) >= 0 &&
				!slices.ContainsFunc(txs, func(x *wire.MsgTx) bool { return conflict(x, tx) }) {
				txs = append(txs, tx)
			}
			blocks = append(blocks, state{maps(w.coins), w.height, txs})
			w.block(txs...)
			m.block(txs)
		case len(blocks) > 0: // the last blocks undone
			n := 1 + rng.IntN(min(2, len(blocks)))
			var undone [][]*wire.MsgTx
			var back []*wire.MsgTx
			for range n {
				last := blocks[len(blocks)-1]
				blocks = blocks[:len(blocks)-1]
				w.coins, w.height = last.coins, last.height
				undone = append(undone, last.txs)
				back = append(slices.Clone(last.txs), back...)
			}
			old := slices.Clone(m.list)
			slices.SortStableFunc(old, func(a, b *wire.MsgTx) int {
				return cmp.Or(cmp.Compare(len(m.above(a)), len(m.above(b))), cmp.Compare(m.turns[a], m.turns[b]))
			})
			for _, tx := range back {
				delete(m.turns, tx) // they come anew
			}
			m.list = nil
			for _, tx := range append(back, old...) {
				if !slices.ContainsFunc(m.list, func(x *wire.MsgTx) bool { return conflict(x, tx) }) {
					m.add(tx, true)
				}
			}
			m.removePoor()
			check(t, w.pool.Moved(w.now, undone, nil))
			w.audit()
		}
		w.now = w.now.Add(time.Minute)
		compare(t, w, m, fmt.Sprintf("seed %d, step %d", seed, step))
	}
}

// randomTx spends some coins of chain or pool, held or not, with a fee that may be poor.
func randomTx(rng *rand.Rand, w *world, m *model) *wire.MsgTx {
	var ops []wire.OutPoint
	for op := range w.coins {
		ops = append(ops, op)
	}
	slices.SortFunc(ops, func(a, b wire.OutPoint) int { return slices.Compare([]byte(a.String()), []byte(b.String())) })
	for _, tx := range m.list {
		for i := range tx.TxOut {
			ops = append(ops, out(tx, i))
		}
	}
	var from []wire.OutPoint
	sum := int64(0)
	for range 1 + rng.IntN(3) {
		op := ops[rng.IntN(len(ops))]
		if rng.IntN(2) == 0 {
			op = ops[max(0, len(ops)-1-rng.IntN(4))]
		}
		if !slices.Contains(from, op) {
			from = append(from, op)
			v, _ := m.coin(op)
			sum += v
		}
	}
	fee := int64(rng.IntN(300))
	switch rng.IntN(6) {
	case 0:
		fee = int64(rng.IntN(20_000))
	case 1:
		fee = int64(rng.IntN(200_000))
	}
	n := 1 + rng.IntN(3)
	values := make([]int64, n)
	for i := range values {
		values[i] = max(1000, (sum-fee)/int64(n))
	}
	return w.spend(from, values...)
}

func compare(t *testing.T, w *world, m *model, where string) {
	t.Helper()
	want := map[spv.Hash]bool{}
	for _, tx := range m.list {
		want[tx.TxHash()] = true
	}
	for _, f := range w.pool.All() {
		if !want[f.ID] {
			tx, _, _ := w.pool.Get(f.ID)
			t.Fatalf("%s: %+v is held, paying %d; model of %d", where, f, m.fee(tx), len(m.list))
		}
		delete(want, f.ID)
	}
	for id := range want {
		t.Fatalf("%s: %s is not held", where, id)
	}
}

// FuzzAdd: no bytes make the pool panic, or take something that its own audit refuses.
func FuzzAdd(f *testing.F) {
	for _, name := range []string{"dev", "dev-native"} {
		w := newWorld(f, name, nil)
		f.Add(name == "dev", serialize(w.pay(1000)))
		f.Add(name == "dev", serialize(w.pay(0)))
		if name == "dev-native" {
			terms, n := w.deposits(1, 100_000)
			f.Add(false, serialize(w.claim(terms, n, 1, 5_000)))
		}
	}
	f.Fuzz(func(t *testing.T, plain bool, raw []byte) {
		name := "dev-native"
		if plain {
			name = "dev"
		}
		w := newWorld(t, name, nil)
		w.coin(1_000_000)
		tx, err := consensus.ParseTx(w.p, raw)
		if err != nil {
			return
		}
		r, err := w.pool.Add(w.now, tx, 1)
		if _, err2 := w.pool.Test(w.now, tx); err == nil && r.Status == Accepted && err2 == nil {
			t.Fatal("taken twice")
		}
		_ = w.pool.ParentMoved(w.now)
		_ = w.pool.Moved(w.now, [][]*wire.MsgTx{{tx}}, [][]*wire.MsgTx{{tx}})
		_, _ = w.pool.AddPackage(w.now, tx, tx, 2)
		w.audit()
		if _, err := w.pool.Candidates(); err != nil {
			t.Fatal(err)
		}
	})
}

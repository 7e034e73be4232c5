package settle

import (
	"errors"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/wallet"
)

// withdraw plans, writes down and sends a withdrawal.
func (w *pegWorld) withdraw(t testing.TB, to []byte, amount int64) *wire.MsgTx {
	t.Helper()
	outs, err := w.p.b.PlanWithdrawal(w.id, to, amount, 500)
	if err != nil {
		t.Fatal(err)
	}
	tx := w.burning(outs2tx(outs)...)
	w.p.try(func() error { return w.p.b.Burn(w.id, tx) })
	w.layer.send(tx)
	return tx
}

func (w *pegWorld) burning(outs ...*wire.TxOut) *wire.MsgTx { return w.layer.pay(outs...) }

func outs2tx(all []wallet.Recipient) (out []*wire.TxOut) {
	for _, r := range all {
		out = append(out, wire.NewTxOut(r.Amount, r.Script))
	}
	return out
}

// run is the layer's best chain as peg.Cut wants it: every second block is a seal.
func (w *pegWorld) run() (out []peg.Sealing) {
	for i, b := range w.layer.best {
		s := peg.Sealing{Block: b.Block, Seal: -1}
		if i%2 == 0 {
			s.Seal = b.anchor.Height + w.layer.p.Layer.AnchorDepth
		}
		out = append(out, s)
	}
	return out
}

// batch derives what the settlers would pay now, from the blocks and not from the book: nil if there is nothing.
func (w *pegWorld) batch(t testing.TB, paid map[wire.OutPoint]bool) *peg.Batch {
	t.Helper()
	return w.batchOf(t, paid, func(peg.Unpaid) bool { return true })
}

// batchOf is a batch of some of the burns.
func (w *pegWorld) batchOf(t testing.TB, paid map[wire.OutPoint]bool, of func(peg.Unpaid) bool) *peg.Batch {
	t.Helper()
	p := w.layer.p
	h := w.l1.tip().Height / p.Peg.Epoch * p.Peg.Epoch
	cut, ok := peg.Cut(p, w.run(), h)
	if !ok {
		return nil
	}
	state := peg.State{Height: h, Cut: cut, FeeRate: 1, Connector: wire.OutPoint{Hash: spv.Hash{1}, Index: uint32(len(paid))},
		Coins: []peg.Coin{{Outpoint: wire.OutPoint{Hash: spv.Hash{2}, Index: uint32(len(paid))}, Height: 3, Value: 1e11, Mark: &spv.Hash{3}}}}
	for _, b := range w.layer.best[:cut.Height+1] {
		for i, tx := range b.txs {
			burns, err := burnsOf(p, w.l1.p.NetID(), tx)
			if err != nil {
				continue
			}
			for _, u := range burns {
				if u.Height, u.Index = b.Height, uint32(i); !paid[u.Outpoint] && of(u) {
					state.Burns = append(state.Burns, u)
				}
			}
		}
	}
	if len(state.Burns) == 0 {
		return nil
	}
	batch, _, err := peg.Derive(p, w.l1.p, state)
	if err != nil {
		t.Fatal(err)
	}
	return batch
}

func (w *pegWorld) burnStates(t testing.TB) []BurnState {
	t.Helper()
	out, err := w.p.b.Withdrawals(w.id, w.run(), 0.5)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestWithdrawals burns among strangers over reorganisations and crashes, loses the log once, and sees every burn paid and
// proved once.
func TestWithdrawals(t *testing.T) {
	for seed := range uint64(6) {
		w := newPegWorld(t, []string{"dev-native", "dev-fractional"}[seed%2], seed, 5)
		u := w.layer.p.UnitsPerSat()
		var own []*wire.MsgTx
		paid := map[wire.OutPoint]bool{}
		turn := func(calm bool) {
			w.turn(calm)
			if len(own) < 4 && w.rng.IntN(6) == 0 {
				// The same script and amount twice: only the lists tell them apart.
				own = append(own, w.withdraw(t, script(30), (50_000+int64(len(own)/2))*u))
				w.layer.send(w.burning(w.strangers(t)))
			}
			for _, tx := range own {
				if !w.layer.has(tx) {
					w.layer.send(tx)
				}
			}
		}
		for i := range 60 {
			turn(false)
			if i == 30 && seed%2 == 0 {
				w.p.lose()
				for _, tx := range own {
					w.p.try(func() error { return w.p.b.Burn(w.id, tx) })
				}
			}
		}
		for range 60 {
			turn(true)
		}
		if batch := w.batch(t, paid); batch != nil {
			w.l1.force(batch.Tx)
			for _, p := range batch.Payouts {
				paid[p.Burn] = true
			}
			for range 3 {
				w.p.sync()
				for _, s := range w.burnStates(t) {
					if s.Phase != Paid || s.Batch != batch.Tx.TxHash() || s.Expected != 0 {
						t.Fatalf("seed %d: burn %s: %+v", seed, s.Outpoint, s)
					}
					w.p.try(func() error { return w.p.b.Prove(w.id, s.Outpoint, s.Batch, batch.Payouts) })
				}
			}
		}
		all := w.burnStates(t)
		outs := map[wire.OutPoint]bool{}
		for _, s := range all {
			outs[s.Payout] = true
			if !s.Proved || !paid[s.Outpoint] {
				t.Errorf("seed %d: burn %s: %+v", seed, s.Outpoint, s)
			}
		}
		if len(all) != len(own) || len(outs) != len(own) || len(own) != 4 {
			t.Errorf("seed %d: %d states, %d payouts of %d burns", seed, len(all), len(outs), len(own))
		}
		w.l1.drop(1) // the batch is undone
		w.l1.mine(false)
		w.p.sync()
		for _, s := range w.burnStates(t) {
			if s.Phase != Batched || !s.Proved || s.Expected == 0 {
				t.Errorf("seed %d: undone: %+v", seed, s)
			}
		}
	}
}

func (w *pegWorld) strangers(t testing.TB) *wire.TxOut {
	t.Helper()
	burn := peg.Burn{Script: script(60), MaxFee: 900, Amount: 3000}
	out, err := burn.Output(w.layer.p, w.l1.p.NetID())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (s *sim) has(tx *wire.MsgTx) bool {
	for _, b := range s.best {
		for _, x := range b.txs {
			if x == tx {
				return true
			}
		}
	}
	return false
}

// TestWithdrawalPhases follows one burn; what is no batch does not count as its payout.
func TestWithdrawalPhases(t *testing.T) {
	w := newPegWorld(t, "dev-native", 1, 0)
	want := func(phase BurnPhase) BurnState {
		t.Helper()
		w.p.sync()
		s := w.burnStates(t)
		if len(s) != 1 || s[0].Phase != phase {
			t.Fatalf("got %+v, want %s", s, phase)
		}
		return s[0]
	}
	burn := w.withdraw(t, script(30), 9000)
	last := want(BurnSent).Expected
	if w.layer.mine(true); len(w.layer.best)%2 == 1 {
		t.Fatal("the burn's own block is a seal") // as the world is made it is not
	}
	if s := want(Burned); s.Expected > last {
		t.Errorf("expected in %d s, before %d", s.Expected, last)
	}
	w.layer.mine(true)
	w.l1.mine(true)
	if s := want(Sealed); s.Seals != 1 || s.Expected >= last {
		t.Errorf("%d seals, in %d s", s.Seals, s.Expected)
	}
	w.l1.send(w.l1.pay(wire.NewTxOut(9000, script(30)))) // a gift
	for range 4 {
		w.l1.mine(true)
	}
	want(Released)
	batch := w.batch(t, nil)
	if batch == nil {
		t.Fatal("no batch")
	}
	other := batch.Tx.Copy()
	other.TxOut[len(other.TxOut)-1].Value = 8000 // more than the burn's limit is kept back
	for i := range other.TxIn {
		other.TxIn[i].PreviousOutPoint.Hash = spv.Hash{9} // nothing that a batch takes
	}
	w.l1.force(other)
	want(Released)
	early := batch.Tx.Copy()
	early.TxIn[0].Sequence-- // a variant of which another gets into a block
	if err := w.p.b.Unconfirmed(w.l1.p.NetID(), early); err != nil {
		t.Fatal(err)
	}
	if s := want(Batched); !s.Proved { // it pays nothing else, so its own output is the proof
		t.Errorf("not proved")
	}
	w.l1.force(batch.Tx)
	if s := want(Paid); s.Confirmed != 1 || s.Value != batch.Payouts[0].Value || s.Outpoint.Hash != burn.TxHash() {
		t.Errorf("%+v", s)
	}
	op := batch.Payouts[0].Burn
	for _, c := range []struct {
		name, want string
		list       func(l []peg.Payout) []peg.Payout
	}{
		{"extra payout", peg.CheckPayoutList, func(l []peg.Payout) []peg.Payout { return append(l, l[0]) }},
		{"another burn", peg.CheckPayoutList, func(l []peg.Payout) []peg.Payout { l[0].Burn.Index++; return l }},
		{"none", peg.CheckPayoutList, func([]peg.Payout) []peg.Payout { return nil }},
	} {
		err := w.p.b.Prove(w.id, op, batch.Tx.TxHash(), c.list([]peg.Payout{batch.Payouts[0]}))
		var bad *spv.CheckError
		if !errors.As(err, &bad) || bad.Name != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

// TestBatchDisplaced: a batch that was seen in no block is not waited for once another one took what it spends, or its last
// attempt is over; and a burn that was proved to be paid by one that was lost is proved to be paid by the next.
func TestBatchDisplaced(t *testing.T) {
	w := newPegWorld(t, "dev-native", 1, 0)
	l1 := w.l1.p.NetID()
	w.withdraw(t, script(30), 9000)
	w.withdraw(t, script(31), 8000)
	for range 4 {
		w.layer.mine(true)
		w.l1.mine(true)
	}
	for range 4 {
		w.l1.mine(true)
	}
	w.p.sync()
	phases := func() (out [2]BurnPhase) {
		t.Helper()
		for _, s := range w.burnStates(t) {
			out[b2i(s.Amount == 8000)] = s.Phase
		}
		return out
	}
	want := func(when string, first, second BurnPhase) {
		t.Helper()
		if got := phases(); got != [2]BurnPhase{first, second} {
			t.Fatalf("%s: %v, want %s and %s", when, got, first, second)
		}
	}
	hear := func(b *peg.Batch) {
		t.Helper()
		if err := w.p.b.Unconfirmed(l1, b.Tx); err != nil {
			t.Fatal(err)
		}
	}
	want("at first", Released, Released)
	both := w.batch(t, nil)
	first := wire.OutPoint{}
	for _, s := range w.burnStates(t) {
		if s.Amount == 9000 {
			first = s.Outpoint
		}
	}
	hear(both)
	want("both in a batch", Batched, Batched)
	if err := w.p.b.Prove(w.id, first, both.Tx.TxHash(), both.Payouts); err != nil {
		t.Fatal(err)
	}
	one := w.batchOf(t, nil, func(u peg.Unpaid) bool { return u.Amount == 9000 })
	w.l1.force(one.Tx)
	w.p.sync()
	want("one paid by another batch", Paid, Released)
	for _, s := range w.burnStates(t) {
		if s.Amount == 9000 && (!s.Proved || s.Batch != one.Tx.TxHash()) {
			t.Errorf("paid by %s, proved %v", s.Batch, s.Proved)
		}
	}
	w.l1.drop(1)
	w.l1.pool = nil
	w.l1.mine(true)
	w.p.sync()
	want("its block is lost", Batched, Batched)
	last := int32(both.Tx.LockTime) + w.layer.p.Peg.SignDelay + (peg.MaxAttempt+1)*peg.AttemptBlocks
	for w.l1.tip().Height < last-1 {
		w.l1.mine(true)
	}
	w.p.sync()
	want("at the last attempt", Batched, Batched)
	w.l1.mine(true)
	w.p.sync()
	want("after the last attempt", Released, Released)
	for _, s := range w.burnStates(t) {
		if s.Overdue == 0 {
			t.Errorf("burn %s is not overdue", s.Outpoint)
		}
	}
	w.l1.force(both.Tx)
	w.p.sync()
	want("mined after all", Paid, Paid)
}

// TestOverdue: each epoch that began with a burn released and ended without a payout counts; then nobody knows when it will be paid.
func TestOverdue(t *testing.T) {
	w := newPegWorld(t, "dev-native", 1, 0)
	w.withdraw(t, script(30), 9000)
	w.layer.mine(true)
	w.layer.mine(true)
	epoch := w.layer.p.Peg.Epoch
	released, most := int32(0), int32(0)
	for range 5 * epoch {
		w.l1.mine(true)
		w.p.sync()
		s, tip := w.burnStates(t)[0], w.l1.tip().Height
		if s.Phase == Released && released == 0 {
			released = tip
		}
		want := int32(0)
		for at := epoch; released > 0 && at+epoch <= tip; at += epoch {
			if at >= released {
				want++
			}
		}
		if s.Overdue != want || (s.Expected == 0) != (want > 0) {
			t.Fatalf("block %d, %s since %d: overdue %d, want %d; expected in %d s", tip, s.Phase, released, s.Overdue, want, s.Expected)
		}
		most = max(most, want)
	}
	if most < 3 {
		t.Errorf("overdue %d at the end", most)
	}
}

// TestDropUnsent: of two withdrawals that were written down the one that nobody sent is forgotten.
func TestDropUnsent(t *testing.T) {
	w := newPegWorld(t, "dev-native", 3, 0)
	sent := w.withdraw(t, script(30), 9000)
	w.p.sync()
	never := w.withdraw(t, script(31), 9000)
	w.layer.pool = nil
	for range 2 {
		if err := w.p.b.DropUnsent(w.id); err != nil {
			t.Fatal(err)
		}
		w.p.open()
		if s := w.burnStates(t); len(s) != 1 || s[0].Outpoint.Hash != sent.TxHash() || w.p.b.Burned(w.id, never.TxHash()) {
			t.Fatalf("%+v", s)
		}
	}
}

// TestBadWithdrawals spoils one thing about a plan.
func TestBadWithdrawals(t *testing.T) {
	w := newPegWorld(t, "dev-fractional", 2, 0)
	for _, c := range []struct {
		name   string
		script []byte
		amount int64
		fee    uint32
		want   string
	}{
		{"good", script(1), 5_000_000, 500, ""},
		{"not whole", script(1), 5_000_001, 500, "not whole satoshis"},
		{"too little", script(1), 999_000, 500, "below the least of 1000"},
		{"negative", script(1), -5_000_000, 500, "below the least"},
		{"all for the fee", script(1), 5_000_000, 4900, "below dust"},
		{"script of no form", []byte{0x51}, 5_000_000, 500, peg.CheckBurnScript},
		{"too many outputs", script(1), (201 * peg.MaxBurn) * 1000, 500, "at most 200"},
	} {
		_, err := w.p.b.PlanWithdrawal(w.id, c.script, c.amount, c.fee)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	outs, err := w.p.b.PlanWithdrawal(w.id, script(1), (2*peg.MaxBurn+1)*1000, 500)
	if err != nil || len(outs) != 3 {
		t.Fatalf("%d outputs, %v", len(outs), err)
	}
	sum := int64(0)
	for _, o := range outs {
		sum += o.Amount
		if _, err := peg.ParseBurn(w.layer.p, w.l1.p.NetID(), wire.NewTxOut(o.Amount, o.Script)); err != nil {
			t.Error(err)
		}
	}
	if sum != (2*peg.MaxBurn+1)*1000 {
		t.Errorf("sum %d", sum)
	}
	if err := w.p.b.Burn(w.id, w.layer.pay(wire.NewTxOut(1, script(1)))); err == nil {
		t.Error("writes down what burns nothing")
	}
}

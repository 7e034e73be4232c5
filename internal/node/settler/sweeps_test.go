package settler_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/settler"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/spv/risk"
)

// refundable is a refundable deposit, and what a depositor has of it.
type refundable struct {
	w     *world
	op    wire.OutPoint
	user  *btcec.PrivateKey
	value int64
	terms peg.Terms
	form  peg.Refundable
}

// refundable pays a refundable deposit and mines it.
func (w *world) refundable(value int64) *refundable {
	w.t.Helper()
	w.tag++
	key, _ := btcec.PrivKeyFromBytes([]byte{31: byte(w.tag), 30: byte(w.tag >> 8), 0: 1})
	r := &refundable{w: w, value: value, user: key, terms: peg.Terms{MaxFee: 5000, Script: []byte{txscript.OP_DATA_2, byte(w.tag), 0, txscript.OP_DROP, txscript.OP_TRUE}}}
	var err error
	r.form, err = peg.NewRefundable(&w.p2.Settlers[0], w.p2.Peg.Refund, r.terms.Hash(w.p2), [32]byte(schnorr.SerializePubKey(key.PubKey())))
	check(w.t, err)
	tx := w.pay(wire.NewTxOut(1, []byte{txscript.OP_RETURN}), wire.NewTxOut(value, r.form.PkScript))
	w.pool = append(w.pool, tx)
	w.mine(1)
	r.op = wire.OutPoint{Hash: tx.TxHash(), Index: 1}
	return r
}

// ask signs an ask, spoiled in between if spoil is not nil.
func (r *refundable) ask(fee int64, spoil func(*msg.SweepAsk)) *msg.SweepAsk {
	r.w.t.Helper()
	a := &msg.SweepAsk{SweepAsk: peg.SweepAsk{NetID: r.w.p2.NetID(), Outpoint: r.op, Mark: r.terms.Hash(r.w.p2),
		User: [32]byte(schnorr.SerializePubKey(r.user.PubKey())), Fee: fee}}
	if spoil != nil {
		spoil(a)
	}
	hash := a.Hash()
	sig, err := schnorr.Sign(r.user, hash[:])
	check(r.w.t, err)
	a.Signature = [64]byte(sig.Serialize())
	return a
}

// vault is where the settlers move it.
func (r *refundable) vault() []byte {
	r.w.t.Helper()
	v, err := r.terms.Vault(r.w.p2)
	check(r.w.t, err)
	return v.PkScript
}

// refund takes it back, signed; the pool mines it once it is valid.
func (r *refundable) refund(to []byte) *wire.MsgTx {
	r.w.t.Helper()
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: r.op, Sequence: uint32(r.w.p2.Peg.Refund)})
	tx.AddTxOut(wire.NewTxOut(r.value-500, to))
	hash, err := r.form.Refund.SigHash(tx, 0, txscript.NewCannedPrevOutputFetcher(r.form.PkScript, r.value))
	check(r.w.t, err)
	sig, err := schnorr.Sign(r.user, hash[:])
	check(r.w.t, err)
	tx.TxIn[0].Witness = r.form.Refund.Witness(sig.Serialize())
	return tx
}

// TestSwept: two of three settlers move a refundable deposit into its vault, from where its depositor claims it and burns
// it again: the account holds. What was swept is never refunded.
func TestSwept(t *testing.T) {
	w, c, _ := funded(t, "dev-native")
	c.kill(2)
	r := w.refundable(90_000)
	c.step(0, settler.Asked{From: 9, Ask: r.ask(1000, nil)})
	c.deliver()
	if n := c.seats[1].machine.Status().Sweeps; n != 1 {
		t.Fatalf("%d sweeps at the settler who heard of it from another, want 1", n)
	}
	c.rounds(2)
	if total, times := w.paid(r.vault()); total != 89_000 || times != 1 {
		t.Fatalf("swept %d sat in %d outputs", total, times)
	}
	if n := c.seats[0].machine.Status().Sweeps; n != 0 {
		t.Fatalf("%d sweeps afterwards", n)
	}
	sweep := w.pool[len(w.pool)-1]
	if id := c.seats[0].log[r.op]; id != sweep.TxHash() {
		t.Fatalf("on record is %s, swept by %s", id, sweep.TxHash())
	}
	c.rounds(8)
	d := &opened{tx: sweep, terms: r.terms}
	claim := w.claimAt(d, 0)
	w.pool2 = append(w.pool2, claim)
	w.mine(2)
	script, burn := w.burn(wire.OutPoint{Hash: claim.TxHash()}, 50_000, 5000)
	w.pool2 = append(w.pool2, burn)
	c.rounds(20)
	if _, times := w.paid(script); times != 1 {
		t.Fatalf("a burn of what was swept is paid %d times", times)
	}
	s := c.seats[0].machine.Status()
	if s.Refusal != nil || s.Supply.Claimed != 589_000 || s.Supply.Check() != nil {
		t.Fatalf("%+v", s)
	}
	back := []byte{txscript.OP_DATA_2, 7, 0, txscript.OP_DROP, txscript.OP_TRUE}
	w.pool = append(w.pool, r.refund(back))
	w.mine(int(w.p2.Peg.Refund))
	if _, times := w.paid(back); times != 0 {
		t.Fatal("swept and refunded")
	}
}

// TestNotSwept: without k settlers a refundable deposit goes back to its depositor, once, and is not swept any more when
// they come.
func TestNotSwept(t *testing.T) {
	w, c, _ := funded(t, "dev-native")
	c.kill(1)
	c.kill(2)
	r := w.refundable(90_000)
	back := []byte{txscript.OP_DATA_2, 8, 0, txscript.OP_DROP, txscript.OP_TRUE}
	refund := r.refund(back)
	c.step(0, settler.Asked{From: 9, Ask: r.ask(1000, nil)})
	for range w.p2.Peg.Refund - 1 {
		c.rounds(1)
		c.all(settler.Tick{})
		if _, times := w.paid(back); times != 0 {
			t.Fatal("refunded too early")
		}
	}
	if _, err := w.l1.Coin(r.op); err != nil {
		t.Fatal(err)
	}
	c.start(1) // too late: it is older than half the refund age
	c.step(1, settler.Asked{From: 9, Ask: r.ask(4000, nil)})
	c.all(settler.Tick{})
	if a, b := c.seats[0].machine.Status().Sweeps, c.seats[1].machine.Status().Sweeps; a != 0 || b != 0 {
		t.Fatalf("%d and %d sweeps of what is too old", a, b)
	}
	w.pool = append(w.pool, refund)
	c.rounds(3)
	if total, times := w.paid(back); times != 1 || total != 89_500 {
		t.Fatalf("refunded %d sat in %d outputs", total, times)
	}
	if _, times := w.paid(r.vault()); times != 0 {
		t.Fatal("swept and refunded")
	}
}

// TestSweepAsks spoils one thing of an ask at a time: it is not signed, and its peer is blamed where no honest one would
// have passed it on.
func TestSweepAsks(t *testing.T) {
	w, c, _ := funded(t, "dev-native")
	r := w.refundable(90_000)
	seat := c.seats[0]
	for name, x := range map[string]struct {
		fee    int64
		spoil  func(*msg.SweepAsk)
		after  func(*msg.SweepAsk)
		blamed bool
	}{
		"another network's":       {1000, func(a *msg.SweepAsk) { a.NetID[0]++ }, nil, false},
		"no such output":          {1000, func(a *msg.SweepAsk) { a.Outpoint.Index = 7 }, nil, false},
		"another output":          {1000, func(a *msg.SweepAsk) { a.Outpoint = w.p1Link(c) }, nil, true},
		"no such settlers":        {1000, func(a *msg.SweepAsk) { a.Set = 9 }, nil, true},
		"another claim":           {1000, func(a *msg.SweepAsk) { a.Mark[0]++ }, nil, true},
		"a fee that does not pay": {100, nil, nil, true},
		"a fee above all":         {1 << 62, nil, nil, true},
		"below the least deposit": {88_001, nil, nil, true},
		"somebody else's fee":     {1000, nil, func(a *msg.SweepAsk) { a.Fee = 50_000 }, true},
		"a bad signature":         {1000, nil, func(a *msg.SweepAsk) { a.Signature[40]++ }, true},
		"somebody else's key": {1000, nil, func(a *msg.SweepAsk) {
			other, _ := btcec.PrivKeyFromBytes([]byte{31: 77})
			a.User = [32]byte(schnorr.SerializePubKey(other.PubKey()))
			hash := a.Hash()
			sig, _ := schnorr.Sign(other, hash[:])
			a.Signature = [64]byte(sig.Serialize())
		}, true},
	} {
		a := r.ask(x.fee, x.spoil)
		if x.after != nil {
			x.after(a)
		}
		blamed := false
		for _, out := range seat.machine.Step(settler.Asked{From: 9, Ask: a}) {
			switch out := out.(type) {
			case settler.Blame:
				blamed = out.Peer == 9
			default:
				t.Errorf("%s: %T", name, out)
			}
		}
		if blamed != x.blamed {
			t.Errorf("%s: blamed %v", name, blamed)
		}
	}
	if len(seat.log) != 0 || seat.machine.Status().Sweeps != 0 {
		t.Fatalf("%v on record, %d sweeps", seat.log, seat.machine.Status().Sweeps)
	}
	outs := seat.machine.Step(settler.Asked{From: 9, Ask: r.ask(1000, nil)})
	if len(outs) != 2 || outs[0].(settler.Spread).Except != 9 {
		t.Fatalf("a good one: %+v", outs)
	}
	if sign := outs[1].(settler.Sign); sign.Batch.Number != 0 || len(sign.Batch.Spends) != 1 {
		t.Fatalf("a good one: %+v", sign)
	}
	for _, fee := range []int64{1000, 1999, 500} {
		if outs := seat.machine.Step(settler.Asked{From: 9, Ask: r.ask(fee, nil)}); len(outs) != 0 {
			t.Errorf("for %d sat after 1,000: %+v", fee, outs)
		}
	}
}

// p1Link is an output on L1 that is no refundable deposit.
func (w *world) p1Link(c *court) wire.OutPoint {
	return wire.OutPoint{Hash: c.seats[0].machine.Ledger().Settled()[0].TxID}
}

// TestSweepFee: a fee that does for no miner is raised, by twice at least; what was signed is remembered over a restart,
// and a lower fee is never signed after a higher one. One of the two is mined.
func TestSweepFee(t *testing.T) {
	w, c, _ := funded(t, "dev-native")
	r := w.refundable(90_000)
	known := len(w.pool)
	low, high := r.ask(1000, nil), r.ask(4000, nil)
	c.step(0, settler.Asked{From: 9, Ask: low})
	c.deliver()
	c.step(1, settler.Asked{From: 9, Ask: high})
	c.deliver()
	if len(w.pool) != known+2 || w.pool[known].TxOut[0].Value != 89_000 || w.pool[known+1].TxOut[0].Value != 86_000 {
		t.Fatalf("%d sweeps, want two", len(w.pool)-known)
	}
	w.pool[known], w.pool[known+1] = w.pool[known+1], w.pool[known]
	for i := range c.seats {
		c.kill(i)
		c.start(i)
	}
	for i := range c.seats {
		if outs := c.seats[i].machine.Step(settler.Asked{From: 9, Ask: low}); len(outs) != 0 {
			t.Fatalf("settler %d, after a restart: %+v", i, outs)
		}
	}
	c.step(0, settler.Asked{From: 9, Ask: high}) // as on record
	c.deliver()
	if s := c.seats[2].machine.Status(); s.Sweeps != 1 {
		t.Fatalf("%+v", s)
	}
	c.rounds(1)
	if total, times := w.paid(r.vault()); total != 86_000 || times != 1 {
		t.Fatalf("swept %d sat in %d outputs", total, times)
	}
}

// TestSweepRefused: what stands against batches stands against sweeps; the deposit is swept when it is over, while its age
// allows.
func TestSweepRefused(t *testing.T) {
	w, c, _ := funded(t, "dev-native")
	r := w.refundable(90_000)
	for _, s := range c.seats {
		s.share = 0.1
	}
	c.all(settler.Tick{})
	c.refusal(0, settler.RefuseShare)
	c.step(0, settler.Asked{From: 9, Ask: r.ask(1000, nil)})
	c.deliver()
	c.all(settler.Tick{})
	for i, s := range c.seats {
		if len(s.log) != 0 || s.machine.Status().Sweeps != 1 {
			t.Fatalf("settler %d: %v on record, %d sweeps", i, s.log, s.machine.Status().Sweeps)
		}
	}
	for _, s := range c.seats {
		s.share = 0.5
	}
	c.rounds(2)
	if _, times := w.paid(r.vault()); times != 1 {
		t.Fatalf("swept %d times", times)
	}
}

// brokenSweepLog takes no record of a sweep.
type brokenSweepLog struct{ memory }

func (brokenSweepLog) RecordSweep(wire.OutPoint, int64, spv.Hash) error {
	return errors.New("disk full")
}

// TestSweepSigner: a sweep that the signer refuses does not keep another from being signed, and one whose record is not
// taken is not signed.
func TestSweepSigner(t *testing.T) {
	w, c, _ := funded(t, "dev-native")
	all := []*refundable{w.refundable(90_000), w.refundable(80_000)}
	m := c.seats[0].machine
	asked := map[wire.OutPoint]int{}
	var step func(in settler.Input)
	step = func(in settler.Input) {
		for _, out := range m.Step(in) {
			sign, ok := out.(settler.Sign)
			if !ok {
				continue
			}
			op := sign.Batch.Tx.TxIn[0].PreviousOutPoint
			asked[op]++
			answer := settler.Signed{TxID: sign.Batch.Tx.TxHash(), Err: errors.New("policy")}
			if op == all[1].op {
				sigs, err := c.seats[0].key.Sign(t.Context(), &sign)
				check(t, err)
				answer.Sigs, answer.Err = sigs, nil
			}
			step(answer)
		}
	}
	step(settler.Asked{From: 9, Ask: all[0].ask(1000, nil)})
	step(settler.Asked{From: 9, Ask: all[1].ask(1000, nil)})
	for range 4 {
		step(settler.Tick{})
	}
	if asked[all[0].op] < 2 || asked[all[1].op] != 1 {
		t.Fatalf("asked for %v", asked)
	}
	broken, err := settler.New(settler.Config{Layer: w.l2, L1: w.l1, Keys: keyFile(t, 1).Keys(), Log: brokenSweepLog{memory{}},
		Synced: func() bool { return true }, Share: func() (risk.Share, error) { return risk.Share{Low: 0.5}, nil }})
	check(t, err)
	broken.Step(settler.Moved{})
	for _, out := range broken.Step(settler.Asked{From: 9, Ask: all[0].ask(1000, nil)}) {
		if _, ok := out.(settler.Sign); ok {
			t.Fatal("signed without a record")
		}
	}
	if r := broken.Status().Refusal; name(r) != settler.RefuseRecord || !strings.Contains(r.Why, "disk full") {
		t.Fatalf("refusal %v", r)
	}
}

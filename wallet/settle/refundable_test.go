package settle

import (
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/wallet"
)

// refundable plans, signs and sends a refundable deposit.
func (w *pegWorld) refundable(t testing.TB, n byte) ([]Rated, *wire.MsgTx) {
	t.Helper()
	_, to, err := w.p.b.NewRefundable(w.id, script(n), MaxFees(w.layer.p)[0], 90_000, script(40), w.p.keys)
	if err != nil {
		t.Fatal(err)
	}
	tx := w.l1.pay(wire.NewTxOut(1, script(99)), wire.NewTxOut(to.Amount, to.Script))
	refunds, err := w.p.b.FundRefundable(w.id, tx, w.p.keys)
	if err != nil {
		t.Fatal(err)
	}
	w.l1.send(tx)
	return refunds, tx
}

// TestRefundable lets the settlers leave a refundable deposit: it comes back without the keys, from the record; with the
// log lost, from the seed; and not a block too early.
func TestRefundable(t *testing.T) {
	for _, lost := range []bool{false, true} {
		w := newPegWorld(t, "dev-native", 5, 0)
		refunds, _ := w.refundable(t, 2)
		if len(refunds) < 2 || refunds[0].Rate >= refunds[len(refunds)-1].Rate {
			t.Fatalf("refunds %+v", refunds)
		}
		w.l1.mine(true)
		if lost {
			w.p.lose()
		}
		for range w.layer.p.Peg.Refund - 1 {
			w.p.sync()
			if s := w.states(t); len(s) != 1 || s[0].Phase != Waiting {
				t.Fatalf("lost %v: %+v", lost, s)
			}
			early, err := parseTx(refunds[0].Raw)
			if err != nil {
				t.Fatal(err)
			}
			w.l1.send(early)
			w.l1.mine(true)
		}
		w.l1.pool = nil
		w.p.sync()
		s := w.states(t)
		if len(s) != 1 || s[0].Phase != RefundDue {
			t.Fatalf("lost %v: %+v", lost, s)
		}
		if lost {
			if err := w.p.b.TakeBack(s[0], script(40), w.p.keys); err != nil {
				t.Fatal(err)
			}
			w.p.open()
		}
		sent, err := w.p.b.Step(nil)
		if err != nil || len(sent) != 1 {
			t.Fatalf("lost %v: sent %+v, %v", lost, sent, err)
		}
		w.l1.send(sent[0].Tx)
		w.l1.mine(true)
		w.p.sync()
		if s := w.states(t); len(s) != 1 || s[0].Phase != Refunded {
			t.Errorf("lost %v: %+v", lost, s)
		}
		found := false
		for _, c := range w.l1.coins {
			found = found || string(c.out.PkScript) == string(script(40))
		}
		if !found {
			t.Errorf("lost %v: nothing came back", lost)
		}
	}
}

// TestSwept has two settlers move a refundable deposit into its vault, from where it is claimed.
func TestSwept(t *testing.T) {
	w := newPegWorld(t, "dev-native", 6, 0)
	_, tx := w.refundable(t, 3)
	w.l1.mine(true)
	w.p.sync()
	d := w.states(t)[0]
	// Nobody mined the first one. A stranger saw it, and so did we.
	if err := w.p.b.Unconfirmed(w.l1.p.NetID(), w.sweepTo(t, &d, 89_500)); err != nil {
		t.Fatal(err)
	}
	if s := w.states(t); len(s) != 2 || s[1].Phase != Sent && s[0].Phase != Sent {
		t.Fatalf("%+v", s)
	}
	sweep := w.sweepTo(t, &d, 89_000)
	w.l1.send(sweep)
	for range 5 {
		w.l1.mine(true)
	}
	w.p.step()
	w.layer.mine(true)
	w.p.sync()
	phases := map[DepositPhase]int64{}
	for _, s := range w.states(t) {
		phases[s.Phase] = s.Value
	}
	if len(phases) != 2 || phases[Swept] != 90_000 || phases[Claimed] != 89_000 {
		t.Errorf("%v, funded by %s", phases, tx.TxHash())
	}
	// The blocks since are lost: the first one may be mined after all.
	if err := w.p.b.Rewind(w.l1.p.NetID(), *d.Block); err != nil {
		t.Fatal(err)
	}
	if s := w.states(t); !slices.ContainsFunc(s, func(s DepositState) bool { return s.Phase == Sent && s.Value == 89_500 }) {
		t.Errorf("%+v: want the first sweep", s)
	}
}

// sweepTo has two settlers move so much of a refundable deposit into its vault.
func (w *pegWorld) sweepTo(t *testing.T, d *DepositState, amount int64) *wire.MsgTx {
	t.Helper()
	form, err := d.form(w.layer.p)
	if err != nil {
		t.Fatal(err)
	}
	vault, err := d.Terms.Vault(w.layer.p)
	if err != nil {
		t.Fatal(err)
	}
	sweep := wire.NewMsgTx(2)
	sweep.AddTxIn(&wire.TxIn{PreviousOutPoint: d.Outpoint, Sequence: wire.MaxTxInSequenceNum})
	sweep.AddTxOut(wire.NewTxOut(amount, vault.PkScript))
	hash, err := form.Settle.SigHash(sweep, 0, txscript.NewCannedPrevOutputFetcher(form.PkScript, 90_000))
	if err != nil {
		t.Fatal(err)
	}
	sigs := peg.Signatures{}
	for i := range 2 { // the settlers of the dev chains have the keys 1, 2 and 3
		sig, err := schnorr.Sign(private(i+1), hash[:])
		if err != nil {
			t.Fatal(err)
		}
		sigs[i] = [64]byte(sig.Serialize())
	}
	if sweep.TxIn[0].Witness, err = peg.SettleWitness(form.Settle, &w.layer.p.Settlers[0], sigs); err != nil {
		t.Fatal(err)
	}
	return sweep
}

// TestBadRefundable refuses what could not be taken back.
func TestBadRefundable(t *testing.T) {
	w := newPegWorld(t, "dev-native", 7, 0)
	_, to, err := w.p.b.NewRefundable(w.id, script(2), MaxFees(w.layer.p)[0], 90_000, script(40), w.p.keys)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.p.b.NewRefundable(w.id, script(2), MaxFees(w.layer.p)[0], 90_000, script(40), w.p.keys); err == nil {
		t.Error("planned twice")
	}
	for name, spoil := range map[string]func(tx *wire.MsgTx){
		"amount":    func(tx *wire.MsgTx) { tx.TxOut[0].Value-- },
		"script":    func(tx *wire.MsgTx) { tx.TxOut[0].PkScript[5]++ },
		"malleable": func(tx *wire.MsgTx) { tx.TxIn[0].Witness, tx.TxIn[0].SignatureScript = nil, []byte{1, 1} },
	} {
		tx := w.l1.pay(wire.NewTxOut(to.Amount, append([]byte(nil), to.Script...)))
		spoil(tx)
		if _, err := w.p.b.FundRefundable(w.id, tx, w.p.keys); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
	if s := w.states(t); len(s) != 1 || s[0].Phase != Planned || len(s[0].Back.Refunds) != 0 {
		t.Errorf("%+v", s)
	}
}

// FuzzTicket reads foreign texts: whatever is read has one form.
func FuzzTicket(f *testing.F) {
	good := Ticket{Terms: peg.Terms{MaxFee: 7, Script: script(1)}}
	text, err := good.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(text[:40])
	f.Fuzz(func(t *testing.T, text string) {
		ticket, err := ParseTicket(text)
		if err != nil {
			return
		}
		if again, err := ticket.Encode(); err != nil || again != text {
			t.Errorf("%q: encodes as %q, %v", text, again, err)
		}
	})
}

// FuzzRecord opens a book with any one record beside good ones: it opens or says what is wrong, and what it opened steps.
func FuzzRecord(f *testing.F) {
	w := newPegWorld(f, "dev-native", 8, 0)
	w.refundable(f, 1)
	w.deposit(2, 100_000)
	w.withdraw(f, script(30), 9000)
	for range 6 {
		w.l1.mine(true)
		w.layer.mine(true)
		w.p.step()
	}
	sw := newSwapWorld(f, 9, 0)
	sw.agree(sw.request(true, true, 1))
	for range 30 {
		sw.act(sw.parties[0])
		sw.act(sw.parties[1])
		sw.turn(false)
	}
	var good []wallet.Record
	for _, log := range []*crashLog{w.p.log, sw.parties[0].log} {
		if err := log.Load(func(key, value []byte) error {
			r := wallet.Record{Key: append([]byte(nil), key...), Value: append([]byte(nil), value...)}
			good = append(good, r)
			f.Add(r.Key, r.Value)
			return nil
		}); err != nil {
			f.Fatal(err)
		}
	}
	follow := append(append([]Chain(nil), w.p.follow...), sw.parties[0].follow[1])
	f.Fuzz(func(t *testing.T, key, value []byte) {
		var log wallet.Memory
		if err := log.Write(append(append([]wallet.Record(nil), good...), wallet.Record{Key: key, Value: value})); err != nil {
			t.Fatal(err)
		}
		b, err := Open(follow, &log)
		if err != nil {
			return
		}
		_, _ = b.Step(nil)
		_ = b.Swaps()
		for id, c := range b.chains {
			if c.Params.Peg == nil {
				continue
			}
			if _, err := b.Deposits(id); err != nil {
				t.Error(err)
			}
			if _, err := b.Withdrawals(id, nil, 0); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestPlannedForgotten: a deposit that was planned and never paid is shown for as long as it could be; then its record leaves
// the disk, and it is there again when it is paid after all. The script of a refundable one is guarded all the time.
func TestPlannedForgotten(t *testing.T) {
	w := newPegWorld(t, "dev-native", 11, 0)
	_, to, err := w.p.b.NewDeposit(w.id, script(2), MaxFees(w.layer.p)[0], 90_000)
	if err != nil {
		t.Fatal(err)
	}
	_, back, err := w.p.b.NewRefundable(w.id, script(3), MaxFees(w.layer.p)[0], 90_000, script(40), w.p.keys)
	if err != nil {
		t.Fatal(err)
	}
	for range TermSlack {
		w.l1.mine(true)
	}
	w.p.sync()
	if s := w.states(t); len(s) != 2 || s[0].Phase != Planned || s[1].Phase != Planned {
		t.Fatalf("%+v", s)
	}
	records := func() (n int) {
		t.Helper()
		if err := w.p.log.Load(func(key, _ []byte) error { n += b2i(key[0] == keyDeposit); return nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	w.p.step()
	if n := records(); n != 2 {
		t.Fatalf("%d records while they may still be paid, want 2", n)
	}
	w.l1.mine(true)
	w.p.sync()
	watch := w.p.watch
	w.p.watch = nil // nothing is derived: without a record they would be out of sight
	w.p.open()
	w.p.step()
	if n := records(); n != 2 {
		t.Fatalf("%d records of what nothing else looks for, want 2", n)
	}
	w.p.watch = watch
	w.p.open()
	w.p.step()
	if n := records(); n != 0 {
		t.Fatalf("%d records of plans that came to nothing", n)
	}
	for range 2 {
		refunds, guarded := w.p.b.Refunds(w.l1.p.NetID())[string(back.Script)]
		if s := w.states(t); len(s) != 0 || !guarded || len(refunds) != 0 {
			t.Fatalf("%+v, guarded %v, %d refunds", s, guarded, len(refunds))
		}
		w.p.open()
	}
	w.l1.send(w.l1.pay(wire.NewTxOut(1, script(99)), wire.NewTxOut(to.Amount, to.Script)))
	w.l1.mine(true)
	w.p.sync()
	if s := w.states(t); len(s) != 1 || s[0].Phase != Buried {
		t.Fatalf("%+v", s)
	}
}

// TestAsksFromSeed: a refundable deposit that was found from the seed says that it wants the keys, and once it has them its
// settlers are asked to sweep it as if nothing had been lost; unless it is too small for that.
func TestAsksFromSeed(t *testing.T) {
	w := newPegWorld(t, "dev-native", 13, 0)
	_, tx := w.refundable(t, 2)
	above, err := w.p.keys.Public(RefundPath())
	if err != nil {
		t.Fatal(err)
	}
	small, err := refundable(w.layer.p, &peg.Terms{MaxFee: MaxFees(w.layer.p)[0], Script: script(3)}, above)
	if err != nil {
		t.Fatal(err)
	}
	w.l1.send(w.l1.pay(wire.NewTxOut(1, script(99)), wire.NewTxOut(w.layer.p.Peg.MinDeposit, small.PkScript)))
	w.l1.mine(true)
	w.p.lose()
	w.p.sync()
	found := w.states(t)
	if len(found) != 2 {
		t.Fatalf("found %+v", found)
	}
	for _, s := range found {
		if s.Phase != Waiting || !strings.Contains(s.Why, "with the keys") {
			t.Errorf("found: %+v", s)
		}
		if err := w.p.b.TakeBack(s, script(40), w.p.keys); err != nil {
			t.Fatal(err)
		}
	}
	w.p.open()
	asks, err := w.p.b.Asks()
	if err != nil || len(asks) != 1 || asks[0].Outpoint.Hash != tx.TxHash() || asks[0].CheckSignature() != nil {
		t.Fatalf("asks %+v, %v", asks, err)
	}
	b, err := asks[0].Sweep(w.layer.p, w.l1.p, 90_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range w.states(t) {
		if s.Why != "" || len(s.Back.Refunds) == 0 || s.Value == 90_000 && string(b.Spends[0].Vault.PkScript) != string(s.Script) {
			t.Errorf("taken up: %+v", s)
		}
	}
}

// TestAsks: settlers are asked for a sweep from its block until half the refund age, for more the older it is; after a
// restart too, without the keys; and not for what could not bear it.
func TestAsks(t *testing.T) {
	w := newPegWorld(t, "dev-native", 12, 0)
	l1, age := w.l1.p.NetID(), w.layer.p.Peg.Refund
	if err := w.p.b.SetRates(l1, 1000, 40_000); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.p.b.NewRefundable(w.id, script(9), MaxFees(w.layer.p)[0], w.layer.p.Peg.MinDeposit+100, script(40), w.p.keys); err == nil {
		t.Error("planned what no sweep's fee is left of")
	}
	_, tx := w.refundable(t, 2)
	asks := func() []*peg.SweepAsk {
		t.Helper()
		w.p.sync()
		w.p.open()
		out, err := w.p.b.Asks()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if got := asks(); len(got) != 0 {
		t.Fatalf("not in L1: %+v", got)
	}
	w.l1.mine(true)
	var fees []int64
	for range age / 2 {
		got := asks()
		if len(got) != 1 || got[0].CheckSignature() != nil || got[0].Outpoint.Hash != tx.TxHash() {
			t.Fatalf("%+v", got)
		}
		b, err := got[0].Sweep(w.layer.p, w.l1.p, 90_000)
		if err != nil {
			t.Fatal(err)
		}
		if s := w.states(t); len(s) != 1 || string(b.Spends[0].Vault.PkScript) != string(s[0].Script) {
			t.Fatalf("%+v", s)
		}
		if n := len(fees); n == 0 || fees[n-1] != got[0].Fee {
			fees = append(fees, got[0].Fee)
		}
		w.l1.mine(true)
	}
	if len(fees) < 3 {
		t.Errorf("fees %d, want them to rise", fees)
	}
	for i := range fees[1:] {
		if fees[i+1] < 2*fees[i] {
			t.Errorf("fees %d: each is to be twice the one before", fees)
		}
	}
	if got := asks(); len(got) != 0 {
		t.Fatalf("older than half the refund age: %+v", got)
	}
}

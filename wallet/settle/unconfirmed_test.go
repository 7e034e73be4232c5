package settle

import (
	"fmt"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/spv/swap"
)

// vaultOut is an output of a stranger to a vault of ours.
func (w *pegWorld) vaultOut(t testing.TB, n byte, amount int64) *wire.TxOut {
	t.Helper()
	terms := peg.Terms{MaxFee: MaxFees(w.layer.p)[0], Script: script(n)}
	vault, err := terms.Vault(w.layer.p)
	if err != nil {
		t.Fatal(err)
	}
	return wire.NewTxOut(amount, vault.PkScript)
}

// madeUp is a transaction that nobody can ever mine.
func madeUp(n int, outs ...*wire.TxOut) *wire.MsgTx {
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Hash: spv.Hash{0xee}, Index: uint32(n)}})
	for _, o := range outs {
		tx.AddTxOut(o)
	}
	return tx
}

func (p *party) records(kind byte) (n int) {
	p.t.Helper()
	if err := p.log.Load(func(key, _ []byte) error { n += b2i(key[0] == kind); return nil }); err != nil {
		p.t.Fatal(err)
	}
	return n
}

// TestNeverMined: a stranger's deposit that somebody replaced is not "sent" for ever; the wallet's own is for as long as it is
// sent, and what is mined after all is found.
func TestNeverMined(t *testing.T) {
	w := newPegWorld(t, "dev-native", 51, 0)
	l1 := w.l1.p.NetID()
	theirs := w.l1.pay(w.vaultOut(t, 1, 50_000))
	ours := madeUp(1, w.vaultOut(t, 2, 60_000))
	for _, err := range []error{w.p.b.Unconfirmed(l1, theirs), w.p.b.Sends(l1, ours)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	values := func() (v []int64) {
		for _, s := range w.states(t) {
			if v = append(v, s.Value); s.Phase != Sent {
				t.Fatalf("%d is %s", s.Value, s.Phase)
			}
		}
		slices.Sort(v)
		return v
	}
	for i := range Patience + 1 {
		if w.p.step(); !slices.Equal(values(), []int64{50_000, 60_000}) {
			t.Fatalf("after %d blocks: %v", i, values())
		}
		if i%200 == 0 {
			same(t, fmt.Sprintf("block %d", i), w.p)
			w.p.open() // its age is on disk
		}
		w.l1.mine(true)
		w.p.sync()
		if err := w.p.b.Sends(l1, ours); err != nil {
			t.Fatal(err)
		}
	}
	w.p.step()
	if got := values(); !slices.Equal(got, []int64{60_000}) || w.p.records(keySeen) != 1 {
		t.Fatalf("%v, %d records: want what the wallet sends", got, w.p.records(keySeen))
	}
	same(t, "forgotten", w.p)
	w.l1.send(theirs)
	w.l1.mine(true)
	w.p.sync()
	if s := w.states(t); len(s) != 2 || !slices.ContainsFunc(s, func(s DepositState) bool { return s.Phase == Buried && s.Value == 50_000 }) {
		t.Fatalf("mined after all: %+v", s)
	}
	w.l1.drop(1)
	w.l1.pool = nil
	for range Patience + 2 { // its block is lost, and somebody spent the money otherwise
		w.l1.mine(true)
	}
	w.p.step()
	if s := w.states(t); len(s) != 0 {
		t.Fatalf("lost with its block: %+v", s)
	}
}

// TestNoise fills a chain's room with what somebody made up: the wallet's own is known all the same, and the disk is not filled.
func TestNoise(t *testing.T) {
	w := newPegWorld(t, "dev-native", 52, 0)
	legs := scriptOn{w.id, string(script(50))}
	w.p.b.legs[legs] = true
	for i := range maxUnsettled + 5 {
		if err := w.p.b.Unconfirmed(w.id, madeUp(i, wire.NewTxOut(1, script(50)))); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.p.records(keySeen); n != maxUnsettled {
		t.Fatalf("%d records, want %d", n, maxUnsettled)
	}
	burn := w.withdraw(t, script(30), 9000)
	if err := w.p.b.Sends(w.id, burn); err != nil {
		t.Fatal(err)
	}
	if err := w.p.b.DropUnsent(w.id); err != nil {
		t.Fatal(err)
	}
	if !w.p.b.Burned(w.id, burn.TxHash()) {
		t.Error("a withdrawal that is being sent was dropped")
	}
	large := make([]byte, 3_900_000)
	for i := range 12 {
		tx := madeUp(i, w.vaultOut(t, 1, 50_000))
		tx.TxIn[0].SignatureScript = large
		if err := w.p.b.Unconfirmed(w.l1.p.NetID(), tx); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(w.states(t)); n != maxUnsettledBytes/len(large) {
		t.Errorf("%d of %d bytes each are kept", n, len(large))
	}
}

// TestSecretStays: of all that is in no block, what shows a secret is taken in whatever else there is, whatever was said of its
// witness before, once, and stays.
func TestSecretStays(t *testing.T) {
	w := newSwapWorld(t, 53, 0)
	w.agree(w.request(true, true, swap.P2WSH))
	maker, taker := w.parties[0], w.parties[1]
	for w.state(maker).Phase != SecretSeen {
		w.act(taker)
		w.act(maker)
		if w.state(maker).Phase != SecretSeen {
			w.turn(false)
		}
	}
	redeem, err := parseTx(maker.b.swaps[w.number(maker)].Redeem.Raw)
	if err != nil {
		t.Fatal(err)
	}
	w.layer.pool = nil
	id := w.layer.p.NetID()
	hear := func(tx *wire.MsgTx) {
		t.Helper()
		if err := taker.b.Unconfirmed(id, tx); err != nil {
			t.Fatal(err)
		}
	}
	for i := range maxUnsettled {
		hear(madeUp(i, wire.NewTxOut(1, redeem.TxOut[0].PkScript), mustLeg(t, taker.b)))
	}
	spoilt := redeem.Copy()
	spoilt.TxIn[0].Witness[1] = make([]byte, 32)
	if err := taker.b.Sends(id, spoilt); err != nil {
		t.Fatal(err)
	}
	if s := w.state(taker); s.Phase != FundedSecond {
		t.Fatalf("%s", s.Phase)
	}
	hear(redeem)
	n := taker.records(keySeen)
	again := redeem.Copy()
	again.TxOut[0].Value--
	hear(again)
	if s := w.state(taker); s.Move != Redeem || taker.records(keySeen) != n {
		t.Fatalf("to %s; %d records, then %d", s.Move, n, taker.records(keySeen))
	}
	for range Patience + 2 {
		w.layer.mine(true)
	}
	taker.sync()
	if _, err := taker.b.stepUnheard(nil); err != nil {
		t.Fatal(err)
	}
	taker.open()
	if s := w.state(taker); s.Move != Redeem || taker.records(keySeen) > n-maxUnsettled {
		t.Fatalf("to %s (%s), %d records", s.Move, s.Why, taker.records(keySeen))
	}
}

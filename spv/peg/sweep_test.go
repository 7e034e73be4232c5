package peg_test

import (
	"bytes"
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/peg"
)

// signAsk signs an ask with the key that refunds, the hundredth of the tests'.
func signAsk(t testing.TB, a *peg.SweepAsk) {
	t.Helper()
	a.Signature = signAll(t, a.Hash(), 98)[98]
}

func sampleAsk(t testing.TB, p *chains.Params) *peg.SweepAsk {
	t.Helper()
	terms := peg.Terms{MaxFee: 5000, Script: payTo(7)}
	a := &peg.SweepAsk{NetID: p.NetID(), Outpoint: outpoint(3), Mark: terms.Hash(p), Fee: 2000,
		User: [32]byte(schnorr.SerializePubKey(private(99).PubKey()))}
	signAsk(t, a)
	return a
}

// TestSweepAsk writes the bytes and the tagged hash out, as section 4.2 has them.
func TestSweepAsk(t *testing.T) {
	p, _ := load(t, "dev-native")
	a := sampleAsk(t, p)
	a.Outpoint.Index, a.Set, a.Fee = 0x01020304, 0x0506, 0x0708
	signAsk(t, a)
	fields := append(append(append([]byte{}, a.NetID[:]...), a.Outpoint.Hash[:]...), 4, 3, 2, 1, 6, 5)
	fields = append(append(append(fields, a.Mark[:]...), a.User[:]...), 8, 7, 0, 0, 0, 0, 0, 0)
	if got := a.Append(nil); !bytes.Equal(got, append(fields[:len(fields):len(fields)], a.Signature[:]...)) || len(got) != peg.SweepAskSize {
		t.Fatalf("%d bytes: %x", len(got), got)
	}
	tag := sha256.Sum256([]byte("LPOW/sweep"))
	if want := sha256.Sum256(append(append(tag[:], tag[:]...), fields...)); a.Hash() != spv.Hash(want) {
		t.Fatalf("hash %x, want %x", a.Hash(), want)
	}
	if err := a.CheckSignature(); err != nil {
		t.Fatal(err)
	}
	back, err := peg.ParseSweepAsk(a.Append(nil))
	if err != nil || *back != *a {
		t.Fatalf("%+v, %v", back, err)
	}
	raw := a.Append(nil)
	raw[141] = 0x80
	for _, bad := range [][]byte{nil, raw[:len(raw)-1], append(raw[:len(raw):len(raw)], 0), raw} {
		if a, err := peg.ParseSweepAsk(bad); err == nil {
			t.Errorf("%d bytes: %+v", len(bad), a)
		}
	}
	for i := range peg.SweepAskSize {
		raw := a.Append(nil)
		raw[i] ^= 1
		if b, err := peg.ParseSweepAsk(raw); err == nil && b.CheckSignature() == nil {
			t.Errorf("byte %d is not signed", i)
		}
	}
}

// TestSweep has the script engine run a sweep, signed by k and by fewer.
func TestSweep(t *testing.T) {
	p, l1 := load(t, "dev-native")
	a := sampleAsk(t, p)
	b, err := a.Sweep(p, l1, 90_000)
	if err != nil {
		t.Fatal(err)
	}
	set := &p.Settlers[0]
	vault := peg.NewVault(set, p.Peg.Recovery, &a.Mark)
	if len(b.Tx.TxIn) != 1 || len(b.Tx.TxOut) != 1 || b.Tx.TxOut[0].Value != 88_000 || !bytes.Equal(b.Tx.TxOut[0].PkScript, vault.PkScript) ||
		b.Number != 0 || b.Tx.LockTime != 0 || len(b.Payouts) != 0 {
		t.Fatalf("%+v", b)
	}
	hashes, err := b.SigHashes()
	if err != nil {
		t.Fatal(err)
	}
	tx, err := b.Sign([]peg.Signatures{signAll(t, hashes[0], 0, 2)})
	if err != nil {
		t.Fatal(err)
	}
	form, err := peg.NewRefundable(set, p.Peg.Refund, a.Mark, a.User)
	if err != nil {
		t.Fatal(err)
	}
	prevouts := txscript.NewCannedPrevOutputFetcher(form.PkScript, 90_000)
	engine, err := txscript.NewEngine(form.PkScript, tx, 0, txscript.StandardVerifyFlags, nil, txscript.NewTxSigHashes(tx, prevouts),
		90_000, prevouts)
	if err == nil {
		err = engine.Execute()
	}
	if err != nil {
		t.Fatal(err)
	}
	if weight := int64(3*tx.SerializeSizeStripped() + tx.SerializeSize()); b.VSize != (weight+3)/4 {
		t.Errorf("%d vbytes, want %d", b.VSize, (weight+3)/4)
	}
	if _, err := b.Sign([]peg.Signatures{signAll(t, hashes[0], 1)}); err == nil {
		t.Error("one signature is enough")
	}
	for name, x := range map[string]struct {
		value int64
		spoil func(*peg.SweepAsk)
		want  string
	}{
		"network":    {90_000, func(a *peg.SweepAsk) { a.NetID[1]++ }, "for network"},
		"set":        {90_000, func(a *peg.SweepAsk) { a.Set = 1 }, "sets"},
		"key":        {90_000, func(a *peg.SweepAsk) { a.User = [32]byte{0xff} }, "user key"},
		"too little": {p.Peg.MinDeposit + 1999, func(*peg.SweepAsk) {}, "least deposit"},
		"negative":   {90_000, func(a *peg.SweepAsk) { a.Fee = -1 }, "fee of -1"},
		"no fee":     {90_000, func(a *peg.SweepAsk) { a.Fee = 0 }, "relays"},
		"too much":   {l1.Unit.MaxMoney + 1, func(*peg.SweepAsk) {}, "least deposit"},
	} {
		bad := *a
		x.spoil(&bad)
		if _, err := bad.Sweep(p, l1, x.value); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSweepable has the half of the refund age, and the term of office, as bounds.
func TestSweepable(t *testing.T) {
	p, _ := load(t, "dev-native")
	own, peg1 := *p, *p.Peg
	own.Peg, peg1.Refund = &peg1, 20
	own.Settlers = []chains.Settlers{p.Settlers[0]}
	own.Settlers[0].From, own.Settlers[0].To = 100, 200
	for _, x := range []struct {
		set         uint16
		height, tip int32
		ok          bool
	}{{0, 100, 100, true}, {0, 100, 109, true}, {0, 100, 110, false}, {0, 99, 100, false}, {0, 180, 180, true}, {0, 181, 181, false},
		{1, 100, 100, false}, {0, 1<<31 - 1, 1<<31 - 1, false}} {
		if err := peg.CheckSweepable(&own, x.set, x.height, x.tip); (err == nil) != x.ok {
			t.Errorf("%+v: %v", x, err)
		}
	}
}

func FuzzSweepAsk(f *testing.F) {
	p, l1 := load(f, "dev-native")
	f.Add(sampleAsk(f, p).Append(nil), int64(90_000))
	f.Add([]byte{}, int64(0))
	f.Fuzz(func(t *testing.T, b []byte, value int64) {
		a, err := peg.ParseSweepAsk(b)
		if err != nil {
			return
		}
		if !bytes.Equal(a.Append(nil), b) {
			t.Fatalf("%x became %x", b, a.Append(nil))
		}
		_ = a.CheckSignature()
		if s, err := a.Sweep(p, l1, value); err == nil && s.Tx.TxOut[0].Value+a.Fee != value {
			t.Fatalf("%d sat: %+v", value, s.Tx)
		}
	})
}

// sweepOnNode has the node judge a sweep of the deposit that is its coinbase at height 3.
func sweepOnNode(t *testing.T, n *realL1, p, l1 *chains.Params, form peg.Refundable, terms *peg.Terms) {
	t.Helper()
	a := &peg.SweepAsk{NetID: p.NetID(), Outpoint: n.coins[string(form.PkScript)], Set: terms.Set, Mark: terms.Hash(p), Fee: 2000,
		User: [32]byte(schnorr.SerializePubKey(private(99).PubKey()))}
	b, err := a.Sweep(p, l1, subsidy)
	if err != nil {
		t.Fatal(err)
	}
	hashes, err := b.SigHashes()
	if err != nil {
		t.Fatal(err)
	}
	tx, err := b.Sign([]peg.Signatures{signAll(t, hashes[0], 0, 3, 4)})
	if err != nil {
		t.Fatal(err)
	}
	if ok, why := n.accepts(tx); !ok {
		t.Fatalf("sweep refused: %s", why)
	}
	few := tx.Copy()
	few.TxIn[0].Witness = append(wire.TxWitness{nil, nil, nil, nil}, tx.TxIn[0].Witness[4:]...)
	if ok, _ := n.accepts(few); ok {
		t.Fatal("a sweep by one settler is accepted")
	}
}

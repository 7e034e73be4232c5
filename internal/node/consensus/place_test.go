package consensus

import (
	"errors"
	"testing"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
)

// TestLayerClock: lock heights mean L1 heights on a layer and the chain's own on an L1,
// relative locks always the chain's own.
func TestLayerClock(t *testing.T) {
	w, _ := spoiledLayer(t, "dev-native")
	anchor := w.nextAnchor().Height
	if own := w.tip().Height + 1; anchor <= own+1 {
		t.Fatalf("anchor %d and own height %d do not tell the clocks apart", anchor, own)
	}
	for _, c := range []struct {
		name     string
		lock     uint32
		sequence uint32
		check    string
	}{
		{"lock below the anchor", uint32(anchor) - 1, 0, ""},
		{"lock at the anchor", uint32(anchor), 0, CheckFinal},
		{"lock at the anchor, all inputs final", uint32(anchor), wire.MaxTxInSequenceNum, ""},
		{"one layer block behind the coin", 0, 1, ""},
		{"two layer blocks behind the coin", 0, 2, CheckSequence},
		{"time", w.median(w.tip().Height) - 1, 0, ""},
	} {
		op := w.oldest(1)
		if at := w.coins[op[0]].Height; at != w.tip().Height {
			t.Fatalf("the coin is of %d", at)
		}
		tx := w.spend(op, w.pay(w.coins[op[0]].Value))
		tx.LockTime, tx.TxIn[0].Sequence = c.lock, c.sequence
		w.sign(tx, nil)
		_, err := Connect(w.context(), w.block(0, tx), w, nil)
		wantCheck(t, c.name, err, c.check)
		_, err = CheckTx(w.context().ForTx(w.nextAnchor()), tx, w, nil)
		wantCheck(t, c.name+", alone", err, c.check)
	}
}

func wantCheck(t *testing.T, name string, err error, check string) {
	t.Helper()
	var refused *spv.CheckError
	switch {
	case check == "" && err != nil:
		t.Errorf("%s: %v", name, err)
	case check != "" && (!errors.As(err, &refused) || refused.Name != check):
		t.Errorf("%s: %v, want %s", name, err, check)
	}
}

// TestLayerCLTV: the script's lock is compared with nLockTime, and nLockTime with the
// anchor, so that the script opens on L1's clock.
func TestLayerCLTV(t *testing.T) {
	w, _ := spoiledLayer(t, "dev-native")
	anchor := int64(w.nextAnchor().Height)
	for _, c := range []struct {
		lock  int64
		check string
	}{{anchor - 1, ""}, {anchor, CheckFinal}} {
		code, err := txscript.NewScriptBuilder().AddInt64(c.lock).AddOp(txscript.OP_CHECKLOCKTIMEVERIFY).Script()
		if err != nil {
			t.Fatal(err)
		}
		op := w.put(1, Coin{Value: 1000, Script: p2wsh(code)})
		tx := wire.NewMsgTx(2)
		tx.AddTxIn(&wire.TxIn{PreviousOutPoint: op, Witness: wire.TxWitness{code}})
		tx.AddTxOut(w.pay(1000))
		tx.LockTime = uint32(c.lock)
		_, err = CheckTx(w.context().ForTx(w.nextAnchor()), tx, w, nil)
		wantCheck(t, "CLTV", err, c.check)
	}
}

// TestBoundaries: what is just allowed is allowed.
func TestBoundaries(t *testing.T) {
	w := newWorld(t, "dev")
	w.mature(15)
	next := w.tip().Height + 1
	mature := w.put(1, Coin{Value: 1000, Script: w.script, Height: next - 10, Coinbase: true})
	tx := w.spend([]wire.OutPoint{mature}, w.pay(1000))
	tx.LockTime, tx.TxIn[0].Sequence = uint32(next)-1, uint32(next-(next-10))
	w.sign(tx, nil)
	timed := w.spend([]wire.OutPoint{w.put(2, Coin{Value: 1000, Script: w.script, Height: 1})}, w.pay(1000))
	timed.TxIn[0].Sequence = wire.SequenceLockTimeIsSeconds
	w.sign(timed, nil)
	b := w.block(0, tx, timed)
	b.Txs[0].TxOut[0].Value = 0 // a coinbase may leave everything
	seal(b)
	d := w.accept(b)
	if subsidy, _ := w.p.Subsidy(next); d.Lost != subsidy {
		t.Errorf("lost %d, want the subsidy of %d", d.Lost, subsidy)
	}
	if len(d.Spent) != 2 || len(d.Created) != 3 {
		t.Errorf("%d spent, %d created", len(d.Spent), len(d.Created))
	}
}

// TestChainedInBlock: a coin that is made and spent in one block leaves no trace.
func TestChainedInBlock(t *testing.T) {
	w, b := spoiledL1(t)
	d := w.accept(b)
	if len(d.Spent) != 1 || len(d.Created) != 2 || len(d.Prevouts) != 2 {
		t.Errorf("%d spent, %d created, %d prevouts; want 1, 2, 2", len(d.Spent), len(d.Created), len(d.Prevouts))
	}
	if d.Lost != 200 || d.Fees != 1500 {
		t.Errorf("lost %d, fees %d; want 200, 1500", d.Lost, d.Fees)
	}
}

// TestForeignChains: chains whose rules the package does not have are refused, and so is a
// layer without its L1.
func TestForeignChains(t *testing.T) {
	for _, name := range []string{"dogecoin", "namecoin", "litecoin", "bitcoin-signet"} {
		ctx := &Context{Params: testchain.Params(t, name)}
		if _, err := Connect(ctx, &Block{Height: 1}, nil, nil); err == nil || Permanent(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w, b := spoiledLayer(t, "dev-native")
	for name, change := range map[string]func(*Context){
		"no L1":     func(c *Context) { c.L1 = nil },
		"no payer":  func(c *Context) { c.Payer = spv.Hash{} },
		"elsewhere": func(c *Context) { c.Prev.Height++ },
	} {
		ctx := w.context()
		change(ctx)
		if _, err := Connect(ctx, b, w, nil); err == nil || Permanent(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type brokenView struct{ *world }

func (brokenView) Coin(wire.OutPoint) (*Coin, error) { return nil, errDisk }

var errDisk = errors.New("disk on fire")

// TestViewErrors: an error of the state is nobody's fault.
func TestViewErrors(t *testing.T) {
	w, b := spoiledLayer(t, "dev-native")
	if _, err := Connect(w.context(), b, brokenView{w}, nil); !errors.Is(err, errDisk) || Permanent(err) {
		t.Errorf("got %v", err)
	}
}

// TestScriptsBelow: scripts at and below the height are taken to succeed, and nothing else.
func TestScriptsBelow(t *testing.T) {
	w, b := spoiledL1(t)
	b.Txs[1].TxIn[0].Witness[0][12] ^= 1
	seal(b)
	ctx := w.context()
	for below, want := range map[int32]string{b.Height - 1: CheckScript, b.Height: ""} {
		ctx.ScriptsBelow = below
		_, err := Connect(ctx, b, w, nil)
		wantCheck(t, "scripts", err, want)
	}
}

// TestReport: with a report every check of the form is on record.
func TestReport(t *testing.T) {
	w, b := spoiledLayer(t, "dev-native")
	var rep spv.Report
	if err := CheckBlock(w.p, b, &rep); err != nil {
		t.Fatal(err)
	}
	if len(rep.Checks) < 12 {
		t.Errorf("%d checks on record", len(rep.Checks))
	}
	b.Txs[1].TxIn[0].Witness[0][0] ^= 1
	rep = spv.Report{}
	if err := CheckBlock(w.p, b, &rep); !errors.Is(err, ErrMutated) {
		t.Errorf("another witness: %v", err)
	}
	rep = spv.Report{}
	if err := CheckBlock(w.p, &Block{Header: b.Header}, &rep); err == nil {
		t.Error("no transactions: accepted")
	}
}

// TestCheckTx: what only a lone transaction can show.
func TestCheckTx(t *testing.T) {
	w, b := spoiledL1(t)
	ctx := w.context().ForTx(spv.Block{})
	facts, err := CheckTx(ctx, b.Txs[1], w, nil)
	if err != nil {
		t.Fatal(err)
	}
	if facts.Fee != 500 || facts.Lost != 200 || facts.SigOps != 1 || facts.VSize != (facts.Weight+3)/4 || len(facts.Coins) != 1 {
		t.Errorf("facts %+v", facts)
	}
	large := b.Txs[1].Copy()
	large.TxOut[0].PkScript = script(1_000_000, txscript.OP_RETURN)
	heavy := b.Txs[1].Copy()
	heavy.TxIn[0].Witness = append(heavy.TxIn[0].Witness, make([]byte, 4_000_000))
	for name, c := range map[string]struct {
		tx    *wire.MsgTx
		check string
	}{
		"coinbase":         {b.Txs[0], spv.CheckBlockCoinbase},
		"large":            {large, CheckTxSize},
		"heavy":            {heavy, CheckWeight},
		"not yet in sight": {b.Txs[2], CheckCoin},
	} {
		_, err := CheckTx(ctx, c.tx, w, nil)
		wantCheck(t, name, err, c.check)
	}
	// A script that only the stricter rules refuse.
	code := []byte{txscript.OP_NOP10, txscript.OP_TRUE}
	odd := wire.NewMsgTx(2)
	odd.AddTxIn(&wire.TxIn{PreviousOutPoint: w.put(3, Coin{Value: 1000, Script: p2wsh(code)}), Witness: wire.TxWitness{code}})
	odd.AddTxOut(w.pay(1000))
	_, err = CheckTx(ctx, odd, w, nil)
	wantCheck(t, "odd", err, "")
	ctx.Flags = StandardFlags
	_, err = CheckTx(ctx, odd, w, nil)
	wantCheck(t, "odd, strictly", err, CheckScript)
}

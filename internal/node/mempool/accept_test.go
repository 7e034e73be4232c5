package mempool

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/spv"
)

func TestSpoilOneThing(t *testing.T) {
	pkh := append([]byte{0, 20}, make([]byte, 20)...)
	tests := []struct {
		name  string
		spoil func(w *world, tx *wire.MsgTx)
		want  string
	}{
		{"version 0", func(_ *world, tx *wire.MsgTx) { tx.Version = 0 }, CheckVersion},
		{"version 4", func(_ *world, tx *wire.MsgTx) { tx.Version = 4 }, CheckVersion},
		{"dust", func(_ *world, tx *wire.MsgTx) { tx.AddTxOut(wire.NewTxOut(293, pkh)) }, CheckDust},
		{"bare script", func(_ *world, tx *wire.MsgTx) { tx.TxOut[0].PkScript = bytes.Repeat([]byte{txscript.OP_TRUE}, 9) }, CheckOutput},
		{"two returns", func(_ *world, tx *wire.MsgTx) {
			for range 2 {
				tx.AddTxOut(wire.NewTxOut(0, []byte{txscript.OP_RETURN, 1, 7}))
			}
		}, CheckReturn},
		{"long return", func(_ *world, tx *wire.MsgTx) {
			tx.AddTxOut(wire.NewTxOut(0, append([]byte{txscript.OP_RETURN, txscript.OP_PUSHDATA1, 81}, make([]byte, 81)...)))
		}, CheckReturn},
		{"return of no push", func(_ *world, tx *wire.MsgTx) {
			tx.AddTxOut(wire.NewTxOut(0, []byte{txscript.OP_RETURN, txscript.OP_DUP}))
		}, CheckReturn},
		{"signature script of no push", func(_ *world, tx *wire.MsgTx) { tx.TxIn[0].SignatureScript = []byte{txscript.OP_DUP} }, CheckSignature},
		{"long signature script", func(_ *world, tx *wire.MsgTx) {
			tx.TxIn[0].SignatureScript = bytes.Repeat([]byte{txscript.OP_TRUE}, 1651)
		}, CheckSignature},
		{"too heavy", func(_ *world, tx *wire.MsgTx) {
			tx.TxOut[0].Value = 1000
			for range 3300 {
				tx.AddTxOut(wire.NewTxOut(294, pkh))
			}
		}, CheckSize},
		{"odd witness item", func(w *world, tx *wire.MsgTx) {
			tx.TxIn[0].Witness = wire.TxWitness{make([]byte, 81), {txscript.OP_DROP, txscript.OP_TRUE}}
		}, CheckWitness},
		{"too many witness items", func(w *world, tx *wire.MsgTx) {
			tx.TxIn[0].Witness = append(make(wire.TxWitness, 101), []byte{txscript.OP_TRUE})
		}, CheckWitness},
		{"fee", func(_ *world, tx *wire.MsgTx) { tx.TxOut[0].Value += 9_990 }, CheckFeeRate},
		{"no fee", func(_ *world, tx *wire.MsgTx) { tx.TxOut[0].Value += 10_001 }, consensus.CheckFee},
		{"wrong script", func(_ *world, tx *wire.MsgTx) { tx.TxIn[0].Witness = wire.TxWitness{{txscript.OP_0}} }, consensus.CheckScript},
		{"not final", func(_ *world, tx *wire.MsgTx) { tx.LockTime = 5000 }, consensus.CheckFinal},
		{"relative lock", func(w *world, tx *wire.MsgTx) { tx.TxIn[0].Sequence = 2000 }, consensus.CheckSequence},
		{"immature", func(w *world, tx *wire.MsgTx) {
			op := tx.TxIn[0].PreviousOutPoint
			c := w.coins[op]
			c.Coinbase, c.Height = true, w.height-5
			w.coins[op] = c
		}, consensus.CheckMaturity},
		{"negative output", func(_ *world, tx *wire.MsgTx) { tx.TxOut[0].Value = -1 }, consensus.CheckTxAmount},
		{"overflow", func(_ *world, tx *wire.MsgTx) {
			tx.TxOut[0].Value = 1 << 62
			tx.AddTxOut(wire.NewTxOut(1<<62, pkh))
			tx.AddTxOut(wire.NewTxOut(1<<62, pkh))
		}, consensus.CheckTxAmount},
		{"input twice", func(_ *world, tx *wire.MsgTx) { tx.AddTxIn(tx.TxIn[0]) }, consensus.CheckTxTwice},
		{"no input", func(_ *world, tx *wire.MsgTx) { tx.TxIn = nil }, consensus.CheckTxEmpty},
		{"no output", func(_ *world, tx *wire.MsgTx) { tx.TxOut = nil }, consensus.CheckTxEmpty},
		{"coinbase", func(_ *world, tx *wire.MsgTx) {
			tx.TxIn[0].PreviousOutPoint = wire.OutPoint{Index: wire.MaxPrevOutIndex}
			tx.TxIn[0].SignatureScript = []byte{1, 2}
		}, spv.CheckBlockCoinbase},
		{"odd coin", func(w *world, tx *wire.MsgTx) {
			op := tx.TxIn[0].PreviousOutPoint
			c := w.coins[op]
			c.Script = []byte{txscript.OP_TRUE}
			w.coins[op] = c
			tx.TxIn[0].Witness = nil
		}, CheckInput},
		{"signature operations", func(w *world, tx *wire.MsgTx) {
			tx.TxOut[0].Value = 1000
			for range 210 {
				tx.AddTxOut(wire.NewTxOut(1000, append([]byte{txscript.OP_1, 33, 2}, append(bytes.Repeat([]byte{2}, 32), txscript.OP_1, txscript.OP_CHECKMULTISIG)...)))
			}
		}, CheckSigOps},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, "dev", nil)
			tx := w.pay(10_000)
			test.spoil(w, tx)
			w.refuses(tx, test.want)
			if tx.TxIn != nil {
				if _, err := w.pool.Test(w.now, tx); err == nil {
					t.Fatal("the dry run took it")
				}
			}
			if test.want != CheckFeeRate && !w.pool.Knows(tx.WitnessHash()) {
				t.Fatal("the refusal is not remembered")
			}
			w.must(Accepted, w.pay(10_000))
		})
	}
}

// TestNestedProgram: a witness program in P2SH without a witness is refused; the script
// library alone takes it.
func TestNestedProgram(t *testing.T) {
	w := newWorld(t, "dev", nil)
	redeem := append([]byte{0, 20}, make([]byte, 20)...)
	script, err := txscript.NewScriptBuilder().AddOp(txscript.OP_HASH160).AddData(btcutil.Hash160(redeem)).AddOp(txscript.OP_EQUAL).Script()
	check(t, err)
	op := w.coin(100_000)
	w.coins[op] = consensus.Coin{Value: 100_000, Script: script, Height: 1}
	tx := w.spend([]wire.OutPoint{op}, 90_000)
	tx.TxIn[0].Witness, tx.TxIn[0].SignatureScript = nil, append([]byte{22}, redeem...)
	w.refuses(tx, consensus.CheckScript)
}

// TestWitnessForms: what Bitcoin Core's IsWitnessStandard says of every kind of program.
func TestWitnessForms(t *testing.T) {
	p2wsh := append([]byte{0, 32}, make([]byte, 32)...)
	p2tr := append([]byte{txscript.OP_1, 32}, make([]byte, 32)...)
	p2sh := append(append([]byte{txscript.OP_HASH160, 20}, make([]byte, 20)...), txscript.OP_EQUAL)
	control := append([]byte{0xc0}, make([]byte, 32)...)
	other := append([]byte{0xc2}, make([]byte, 32)...)
	long, short := make([]byte, 81), make([]byte, 80)
	tests := []struct {
		name    string
		script  []byte
		sig     []byte
		witness wire.TxWitness
		fine    bool
	}{
		{"p2wsh", p2wsh, nil, wire.TxWitness{short, make([]byte, 3600)}, true},
		{"p2wsh, long script", p2wsh, nil, wire.TxWitness{short, make([]byte, 3601)}, false},
		{"p2wsh, long item", p2wsh, nil, wire.TxWitness{long, {1}}, false},
		{"p2sh-p2wsh", p2sh, append([]byte{34}, p2wsh...), wire.TxWitness{short, {1}}, true},
		{"p2sh-p2wsh, long item", p2sh, append([]byte{34}, p2wsh...), wire.TxWitness{long, {1}}, false},
		{"p2sh of no program", p2sh, []byte{1, 7}, wire.TxWitness{{1}}, false},
		{"p2sh, empty", p2sh, nil, wire.TxWitness{{1}}, false},
		{"taproot key", p2tr, nil, wire.TxWitness{make([]byte, 64)}, true},
		{"taproot annex", p2tr, nil, wire.TxWitness{make([]byte, 64), {0x50, 1}}, false},
		{"tapscript", p2tr, nil, wire.TxWitness{short, long, control}, true},
		{"tapscript, long item", p2tr, nil, wire.TxWitness{long, {1}, control}, false},
		{"leaf of another version", p2tr, nil, wire.TxWitness{long, {1}, other}, true},
		{"bare", []byte{txscript.OP_TRUE}, nil, wire.TxWitness{{1}}, false},
	}
	for _, test := range tests {
		in := &wire.TxIn{SignatureScript: test.sig, Witness: test.witness}
		if got := witnessFault(in, test.script); (got == "") != test.fine {
			t.Errorf("%s: %q, fine should be %v", test.name, got, test.fine)
		}
	}
}

func TestDryRun(t *testing.T) {
	w := newWorld(t, "dev", nil)
	tx := w.pay(10_000)
	facts, err := w.pool.Test(w.now, tx, w.child(tx, 500))
	if err != nil || len(facts) != 2 || facts[0].Fee != 10_000 || facts[1].Fee != 500 || facts[0].Size != (consensus.TxWeight(tx)+3)/4 {
		t.Fatalf("%+v, %v", facts, err)
	}
	w.holds(false, tx)
	w.audit()
	if s := w.pool.Stats(w.now); s.Count != 0 || s.Used != 0 {
		t.Fatalf("%+v", s)
	}
	if _, err := w.pool.Test(w.now); err == nil {
		t.Fatal("nothing passed")
	}
	// A child cannot be paid for by its parent.
	if _, err := w.pool.Test(w.now, tx, w.child(tx, 1)); !isPoor(err) {
		t.Fatal(err)
	}
}

func TestReplacement(t *testing.T) {
	w := newWorld(t, "dev", nil)
	coin := []wire.OutPoint{w.coin(1_000_000), w.coin(1_000_000)}
	old := w.spend(coin[:1], 990_000)
	kid := w.child(old, 5_000)
	grandkid := w.child(kid, 5_000)
	w.must(Accepted, old, kid, grandkid)

	w.refuses(w.spend(coin[:1], 1_000_000-10_000-1), CheckReplace)             // no more than the children with it
	w.refuses(w.spend(coin, 1_000_000, 1_000_000-20_000-10), CheckReplace)     // not enough for its own size
	w.refuses(w.spend(coin[:1], 1_000_000-9_999), CheckReplace)                // lower rate
	w.refuses(w.spend(append(coin[:1:1], out(kid, 0)), 900_000), CheckReplace) // spends what it replaces
	other := w.pay(10_000)
	w.must(Accepted, other)
	w.refuses(w.spend(append(coin[:1:1], out(other, 0)), 900_000), CheckReplace) // new unconfirmed input

	better := w.spend(coin[:1], 1_000_000-21_000)
	better.TxIn[0].Sequence = 0xffffffff // does not matter
	r := w.must(Accepted, better)
	if len(r.Replaced) != 3 {
		t.Fatalf("replaced %v", r.Replaced)
	}
	w.holds(false, old, kid, grandkid)
	w.holds(true, better, other)

	same := better.Copy()
	same.TxIn[0].Witness = wire.TxWitness{nil, {txscript.OP_TRUE}}
	w.refuses(same, CheckSameTx)
	w.must(Known, better)
}

func TestReplaceTooMany(t *testing.T) {
	w := newWorld(t, "dev", nil)
	var coins []wire.OutPoint
	for range 5 {
		op := w.coin(10_000_000)
		coins = append(coins, op)
		values := make([]int64, 20)
		for i := range values {
			values[i] = 400_000
		}
		tx := w.spend([]wire.OutPoint{op}, values...)
		w.must(Accepted, tx)
		for i := range 20 {
			w.must(Accepted, w.spend([]wire.OutPoint{out(tx, i)}, 390_000))
		}
	}
	w.refuses(w.spend(coins, 1_000_000), CheckReplace) // 105
	w.must(Accepted, w.spend(coins[:4], 1_000_000))
}

func TestChainLimits(t *testing.T) {
	w := newWorld(t, "dev", nil)
	first := w.pay(1000)
	w.must(Accepted, first)
	tx := first
	for range maxChain - 1 {
		tx = w.child(tx, 1000)
		w.must(Accepted, tx)
	}
	w.refuses(w.child(tx, 1000), CheckChain)
	w.block(first)
	w.must(Accepted, w.child(tx, 1000))

	// 101 kvB.
	big := w.spend([]wire.OutPoint{w.coin(100_000_000)})
	for range 1500 {
		big.AddTxOut(wire.NewTxOut(10_000, w.script))
	}
	w.must(Accepted, big) // 64 kvB
	next := w.spend([]wire.OutPoint{w.coin(100_000_000), out(big, 0)})
	for range 900 {
		next.AddTxOut(wire.NewTxOut(10_000, w.script))
	}
	w.refuses(next, CheckChain)
}

func TestTRUC(t *testing.T) {
	w := newWorld(t, "dev", nil)
	v3 := func(tx *wire.MsgTx) *wire.MsgTx {
		tx.Version = 3
		return tx
	}
	parent := v3(w.spend([]wire.OutPoint{w.coin(1_000_000)}, 400_000, 590_000))
	w.must(Accepted, parent)
	w.refuses(w.child(parent, 1000), CheckTRUC)
	kid := v3(w.child(parent, 1000))
	w.must(Accepted, kid)
	w.refuses(v3(w.spend([]wire.OutPoint{out(parent, 1)}, 580_000)), CheckTRUC) // a second child
	w.must(Accepted, v3(w.spend([]wire.OutPoint{out(parent, 0)}, 390_000)))     // in the place of the first
}

func TestPackage(t *testing.T) {
	w := newWorld(t, "dev", nil)
	parent := w.pay(0)
	w.refuses(parent, CheckFeeRate)
	poor := w.child(parent, 100)
	if _, err := w.pool.AddPackage(w.now, parent, poor, 1); !isPoor(err) {
		t.Fatal(err)
	}
	w.audit()
	kid := w.child(parent, 1000)
	r, err := w.pool.AddPackage(w.now, parent, kid, 1)
	if err != nil || r.Status != Accepted || len(r.Accepted) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	w.audit()
	w.holds(true, parent, kid)
	// Without its child nothing pays for the parent.
	w.block(w.spend([]wire.OutPoint{kid.TxIn[0].PreviousOutPoint}, 1))
	w.holds(false, parent, kid)
	if _, err := w.pool.AddPackage(w.now, w.pay(1000), w.pay(1000), 1); err == nil {
		t.Fatal("two strangers are no package")
	}
}

func TestSizeCap(t *testing.T) {
	w := newWorld(t, "dev", func(c *Config) { c.Bytes = 40_000 })
	var txs []*wire.MsgTx
	for i := range 60 {
		tx := w.pay(1000 + int64(i)*10)
		txs = append(txs, tx)
		w.must(Accepted, tx)
	}
	s := w.pool.Stats(w.now)
	if s.Count < 10 || s.Count > 30 {
		t.Fatalf("%+v", s)
	}
	w.holds(true, txs[60-s.Count:]...)
	w.holds(false, txs[:60-s.Count]...)
	worst := txs[59-s.Count] // the last that was evicted
	if want := rateOf(worst.TxOut[0].Value*0+1000+int64(59-s.Count)*10, (consensus.TxWeight(worst)+3)/4) + 1000; s.MinFee != want {
		t.Fatalf("minimum %d, want %d", s.MinFee, want)
	}
	w.refuses(w.pay(1000), CheckFeeRate)

	// It falls by half and half again once a block has come, and only then.
	if later := w.pool.Stats(w.now.Add(100 * time.Hour)); later.MinFee != s.MinFee {
		t.Fatalf("minimum %d, want %d", later.MinFee, s.MinFee)
	}
	w.block()
	w.now = w.now.Add(halfLife)
	if later := w.pool.Stats(w.now); later.MinFee < s.MinFee/2-2 || later.MinFee > s.MinFee/2+2 {
		t.Fatalf("minimum %d, want half of %d", later.MinFee, s.MinFee)
	}
	w.now = w.now.Add(100 * time.Hour)
	if later := w.pool.Stats(w.now); later.MinFee != 1000 {
		t.Fatalf("minimum %d", later.MinFee)
	}
	// A good child keeps its poor parent.
	parent := w.pay(150)
	w.refuses(parent, CheckFull)
	r, err := w.pool.AddPackage(w.now, parent, w.child(parent, 200_000), 1)
	if err != nil || len(r.Accepted) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	for i := range int64(30) {
		w.must(Accepted, w.pay(30_000+i*2000))
	}
	w.holds(true, parent)
}

func TestExpiry(t *testing.T) {
	w := newWorld(t, "dev", nil)
	old := w.pay(1000)
	kid := w.child(old, 1000)
	w.must(Accepted, old)
	w.now = w.now.Add(time.Hour)
	young := w.pay(1000)
	w.must(Accepted, kid, young)
	w.pool.Tick(w.now.Add(DefaultExpiry - time.Hour))
	w.holds(true, old, kid, young)
	w.pool.Tick(w.now.Add(DefaultExpiry - time.Hour + time.Second))
	w.holds(false, old, kid)
	w.holds(true, young)
	w.audit()
}

func TestChainErrors(t *testing.T) {
	w := newWorld(t, "dev", nil)
	tx := w.pay(1000)
	broken := errors.New("disk gone")
	w.broken = broken
	if _, err := w.add(tx, 1); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	w.broken = nil
	w.must(Accepted, tx) // not remembered as refused
}

func TestSince(t *testing.T) {
	w := newWorld(t, "dev", nil)
	a, b := w.pay(1000), w.pay(2000)
	w.must(Accepted, a, b)
	list := w.pool.Since(0, 10)
	if len(list) != 2 || list[0].ID != a.TxHash() || list[1].WitnessID != b.WitnessHash() || list[1].Fee != 2000 {
		t.Fatalf("%+v", list)
	}
	if one := w.pool.Since(list[0].Seq, 10); len(one) != 1 || one[0] != list[1] {
		t.Fatalf("%+v", one)
	}
	if raw, ok := w.pool.Served(a.TxHash(), list[0].Seq); !ok || !bytes.Equal(raw, serialize(a)) {
		t.Fatal("a is not served")
	}
	if _, ok := w.pool.Served(b.WitnessHash(), list[0].Seq); ok {
		t.Fatal("b is served before it was announced")
	}
}

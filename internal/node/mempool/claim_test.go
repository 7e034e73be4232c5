package mempool

import (
	"testing"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/internal/node/template"
	"github.com/layeredpow/lamina/spv/peg"
)

// deposits mines one L1 block with some deposits, and what has to lie above it.
func (w *world) deposits(count int, value int64) (peg.Terms, l1Node) {
	var txs []*wire.MsgTx
	var terms peg.Terms
	for i := range count {
		var tx *wire.MsgTx
		tx, terms = w.deposit(value, byte(i))
		txs = append(txs, tx)
	}
	n := w.l1.mine(txs...)
	for range 10 {
		w.l1.mine()
	}
	return terms, n
}

func TestClaim(t *testing.T) {
	w := newWorld(t, "dev-native", nil)
	terms, n := w.deposits(1, 100_000)
	claim := w.claim(terms, n, 1, 5_000)
	spoiled := claim.Copy()
	spoiled.TxIn[0].Witness = append(wire.TxWitness{}, claim.TxIn[0].Witness...)
	spoiled.TxIn[0].Witness[5] = append([]byte{}, claim.TxIn[0].Witness[5]...)
	spoiled.TxIn[0].Witness[5][7] ^= 1
	if spoiled.TxHash() != claim.TxHash() {
		t.Fatal("the proof is not covered by the id")
	}
	if _, err := w.add(spoiled, 1); err == nil {
		t.Fatal("a bad proof was taken")
	}
	if !w.pool.Knows(spoiled.WitnessHash()) || w.pool.Knows(claim.TxHash()) || w.pool.Knows(claim.WitnessHash()) {
		t.Fatal("a refusal is remembered by the witness id, and by nothing else")
	}
	w.must(Accepted, claim)
	w.refuses(w.claim(terms, n, 1, 5_050), CheckReplace)
	better := w.claim(terms, n, 1, 20_000)
	w.must(Accepted, better)
	w.holds(false, claim)
	kid := w.child(better, 1000)
	w.must(Accepted, kid)

	list, err := w.pool.Candidates()
	if err != nil || len(list) != 2 || list[0].Fee != 20_000 || len(list[1].Depends) != 1 || list[1].Depends[0] != 0 {
		t.Fatalf("%+v, %v", list, err)
	}
	w.block(better)
	w.holds(true, kid)
	w.holds(false, better)
	w.done[wire.OutPoint{Hash: n.txs[1].TxHash()}] = true
	w.refuses(claim, consensus.CheckClaimTwice)
}

// TestClaimPending: a claim that comes before its L1 block waits, and one whose L1 block
// has left the best chain goes.
func TestClaimPending(t *testing.T) {
	w := newWorld(t, "dev-native", nil)
	tx, terms := w.deposit(100_000, 1)
	n := w.l1.build(w.l1.Tip(), 0, tx)
	claim := w.claim(terms, n, 1, 5_000)
	w.must(Pending, claim)
	w.must(Pending, claim)
	if s := w.pool.Stats(w.now); s.Pending != 1 || s.Count != 0 {
		t.Fatalf("%+v", s)
	}
	check(t, w.pool.ParentMoved(w.now))
	w.l1.follow(n)
	for range 10 {
		w.l1.mine()
	}
	check(t, w.pool.ParentMoved(w.now))
	w.audit()
	w.holds(true, claim)
	if s := w.pool.Stats(w.now); s.Pending != 0 || s.Count != 1 {
		t.Fatalf("%+v", s)
	}
	at := n.at
	at.Height--
	at.Hash = n.header.Prev()
	for i := range byte(30) {
		b := w.l1.build(at, 50+i)
		w.l1.follow(b)
		at = b.at
	}
	check(t, w.pool.ParentMoved(w.now))
	w.audit()
	w.holds(false, claim)
}

func TestPendingBounded(t *testing.T) {
	w := newWorld(t, "dev-native", nil)
	tx, terms := w.deposit(100_000, 9)
	first := w.claim(terms, w.l1.build(w.l1.Tip(), 1, tx), 1, 5_000)
	w.must(Pending, first)
	for i := range byte(250) {
		tx, terms := w.deposit(100_000, i)
		if _, err := w.add(w.claim(terms, w.l1.build(w.l1.Tip(), 2, tx), 1, 5_000), 2); err != nil {
			t.Fatal(err)
		}
	}
	if s := w.pool.Stats(w.now); s.Pending != maxPending || !w.pool.pending.has(first.WitnessHash()) {
		t.Fatalf("%+v", s)
	}
}

// TestClaimsOfABlock: no more claims are offered than a block may hold and the cap allows.
func TestClaimsOfABlock(t *testing.T) {
	w := newWorld(t, "dev-native", nil)
	terms, n := w.deposits(130, 100_000)
	for i := range 130 {
		w.must(Accepted, w.claim(terms, n, uint32(i+1), 5_000+int64(i)))
	}
	kid := w.child(w.claim(terms, n, 1, 5_000), 1_000) // of the worst
	w.must(Accepted, kid)
	list, err := w.pool.Candidates()
	check(t, err)
	if len(list) != peg.MaxClaims || list[0].Fee != 5_030 {
		t.Fatalf("%d candidates, the first pays %d", len(list), list[0].Fee)
	}
	chosen, err := template.Choose(list, template.Room{Weight: w.p.BlockWeight, SigOps: 1000})
	if err != nil || len(chosen) == 0 {
		t.Fatalf("%d chosen, %v", len(chosen), err)
	}
	limited := *w.p.Peg
	limited.Cap = 1_050_000
	w.p.Peg = &limited
	w.supply = consensus.Supply{Claimed: 300_000, Burned: 250_000}
	if list, err = w.pool.Candidates(); err != nil || len(list) != 10 || list[0].Fee != 5_120 {
		t.Fatalf("%d candidates, %v", len(list), err)
	}
}

func TestBurn(t *testing.T) {
	w := newWorld(t, "dev-native", nil)
	burn := peg.Burn{Script: append([]byte{0, 20}, make([]byte, 20)...), MaxFee: 500, Amount: 30_000}
	out, err := burn.Output(w.p, w.l1.p.NetID())
	check(t, err)
	tx := w.pay(40_000)
	tx.TxOut = append(tx.TxOut, out, out)
	tx.TxOut[0].Value -= 30_000
	tx.AddTxOut(wire.NewTxOut(0, []byte{txscript.OP_RETURN, 1, 7})) // and data
	w.must(Accepted, tx)

	bad := w.pay(40_000)
	near := *out
	near.Value = 1
	bad.AddTxOut(&near)
	w.refuses(bad, peg.CheckBurnLeast)
	plainBurn := w.pay(100_000)
	plainBurn.AddTxOut(wire.NewTxOut(50_000, append([]byte{txscript.OP_RETURN}, make([]byte, 90)...)))
	w.refuses(plainBurn, CheckReturn)
}

package consensus

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/peg"
)

// verdict is what a refusal condemns.
type verdict string

const (
	forEver verdict = "the block"
	bytesOf verdict = "the bytes"
	proofOf verdict = "the proof"
	nothing verdict = "nothing"
)

func verdictOf(err error) verdict {
	switch {
	case errors.Is(err, ErrMutated):
		return bytesOf
	case errors.Is(err, ErrProof):
		return proofOf
	case Permanent(err):
		return forEver
	}
	return nothing
}

// spoil breaks one thing of a valid block or of its place.
type spoil struct {
	name   string
	spoil  func(w *world, b *Block)
	sealed bool // spoil leaves header and commitments as they have to be
	check  string
	about  verdict
}

func copyBlock(b *Block) *Block {
	c := *b
	c.Txs = nil
	for _, tx := range b.Txs {
		c.Txs = append(c.Txs, tx.Copy())
	}
	if b.Aux != nil {
		aux := *b.Aux
		c.Aux = &aux
	}
	return &c
}

// runSpoils makes sure that the block is valid and that each spoiling is refused by the
// check that it breaks, with the right verdict.
func runSpoils(t *testing.T, w *world, valid *Block, spoils []spoil) {
	if _, err := Connect(w.context(), copyBlock(valid), w, nil); err != nil {
		t.Fatalf("the valid block: %v", err)
	}
	for _, s := range spoils {
		t.Run(s.name, func(t *testing.T) {
			c := w.clone()
			params := *w.p
			c.p = &params
			b := copyBlock(valid)
			s.spoil(c, b)
			if !s.sealed {
				seal(b)
			}
			_, err := Connect(c.context(), b, c, nil)
			if err == nil {
				t.Fatal("accepted")
			}
			var refused *spv.CheckError
			if s.check != "" && (!errors.As(err, &refused) || refused.Name != s.check) {
				t.Fatalf("refused by %v, want %s", err, s.check)
			}
			if got := verdictOf(err); got != s.about {
				t.Fatalf("condemns %s, want %s: %v", got, s.about, err)
			}
		})
	}
}

// spoiledL1 is a world whose next block holds three transactions: one that spends a coin, and
// one that spends its output.
func spoiledL1(t testing.TB) (*world, *Block) {
	w := newWorld(t, "dev")
	w.mature(15)
	op := w.oldest(1)
	first := w.spend(op, w.pay(w.coins[op[0]].Value-700), wire.NewTxOut(200, []byte{txscript.OP_RETURN, 1, 2}))
	second := w.chained(first, 1000)
	return w, w.block(500+1000, first, second)
}

// chained spends the first output of a transaction that is in no block yet.
func (w *world) chained(tx *wire.MsgTx, fee int64) *wire.MsgTx {
	op := wire.OutPoint{Hash: tx.TxHash()}
	next := wire.NewMsgTx(2)
	next.AddTxIn(wire.NewTxIn(&op, nil, nil))
	next.AddTxOut(w.pay(tx.TxOut[0].Value - fee))
	w.sign(next, map[wire.OutPoint]Coin{op: {Value: tx.TxOut[0].Value, Script: tx.TxOut[0].PkScript}})
	return next
}

func script(n int, op byte) []byte { return bytes.Repeat([]byte{op}, n) }

func p2wsh(script []byte) []byte {
	return append([]byte{txscript.OP_0, 32}, sha(script)...)
}

// put brings a coin into the state from nowhere and returns its outpoint.
func (w *world) put(n byte, c Coin) wire.OutPoint {
	op := wire.OutPoint{Hash: spv.Hash{n, 0xee}}
	w.coins[op] = c
	return op
}

func TestSpoiledForm(t *testing.T) {
	w, valid := spoiledL1(t)
	most := w.p.Unit.MaxMoney
	runSpoils(t, w, valid, []spoil{
		{"root", func(_ *world, b *Block) { b.Header[40] ^= 1 }, true, spv.CheckBlockRoot, bytesOf},
		{"a transaction is missing", func(_ *world, b *Block) { b.Txs = b.Txs[:2] }, true, spv.CheckBlockRoot, bytesOf},
		{"last transaction twice", func(_ *world, b *Block) { b.Txs = append(b.Txs, b.Txs[2]) }, true, spv.CheckBlockMutated, bytesOf},
		{"too heavy without witnesses", func(_ *world, b *Block) { b.Txs[0].TxOut[0].PkScript = script(1_000_001, txscript.OP_RETURN) }, false, CheckWeight, forEver},
		{"too heavy with witnesses", func(_ *world, b *Block) { b.Txs[1].TxIn[0].Witness[0] = make([]byte, 4_000_000) }, false, CheckWeight, forEver},
		{"no transactions", func(_ *world, b *Block) { b.Txs = nil; copy(b.Header[36:68], make([]byte, 32)) }, true, spv.CheckBlockCoinbase, forEver},
		{"no coinbase", func(_ *world, b *Block) { b.Txs = b.Txs[1:]; sealRoot(b) }, true, spv.CheckBlockCoinbase, forEver},
		{"two coinbases", func(_ *world, b *Block) {
			second := b.Txs[0].Copy()
			second.LockTime = 1
			b.Txs[1] = second
		}, false, spv.CheckBlockCoinbase, forEver},
		{"inner nodes for transactions", func(_ *world, b *Block) {
			b.Txs = []*wire.MsgTx{tx64(), tx64()}
			b.Txs[1].LockTime = 7
			sealRoot(b)
		}, true, spv.CheckBlockCoinbase, bytesOf},
		{"64 bytes", func(_ *world, b *Block) { b.Txs[2] = tx64() }, false, spv.CheckBlockTx64, forEver},
		{"no inputs", func(_ *world, b *Block) { b.Txs[2].TxIn = nil }, false, CheckTxEmpty, forEver},
		{"no outputs", func(_ *world, b *Block) { b.Txs[2].TxOut = nil }, false, CheckTxEmpty, forEver},
		{"negative amount", func(_ *world, b *Block) { b.Txs[2].TxOut[0].Value = -1 }, false, CheckTxAmount, forEver},
		{"amount above all money", func(_ *world, b *Block) { b.Txs[2].TxOut[0].Value = most + 1 }, false, CheckTxAmount, forEver},
		{"sum above all money", func(w *world, b *Block) {
			b.Txs[2].TxOut = []*wire.TxOut{w.pay(most), w.pay(1)}
		}, false, CheckTxAmount, forEver},
		{"input twice", func(_ *world, b *Block) { b.Txs[2].TxIn = append(b.Txs[2].TxIn, b.Txs[2].TxIn[0]) }, false, CheckTxTwice, forEver},
		{"input that spends nothing", func(_ *world, b *Block) {
			b.Txs[2].AddTxIn(wire.NewTxIn(wire.NewOutPoint(&spv.Hash{}, wire.MaxPrevOutIndex), nil, nil))
		}, false, CheckTxNull, forEver},
		{"coinbase script of 1 byte", func(_ *world, b *Block) { b.Txs[0].TxIn[0].SignatureScript = CoinbaseHeight(16) }, false, CheckCoinbaseScript, forEver},
		{"coinbase script of 101 bytes", func(_ *world, b *Block) {
			b.Txs[0].TxIn[0].SignatureScript = append(CoinbaseHeight(16), make([]byte, 100)...)
		}, false, CheckCoinbaseScript, forEver},
		{"signature operations in the open", func(_ *world, b *Block) {
			b.Txs[0].TxOut[0].PkScript = script(20_001, txscript.OP_CHECKSIG)
		}, false, CheckSigOps, forEver},
		{"commitment to other witnesses", func(_ *world, b *Block) {
			out := b.Txs[0].TxOut
			out[len(out)-1].PkScript[10] ^= 1
			sealRoot(b)
		}, true, spv.CheckBlockWitness, bytesOf},
		{"another witness", func(_ *world, b *Block) { b.Txs[1].TxIn[0].Witness[0][10] ^= 1 }, true, spv.CheckBlockWitness, bytesOf},
		{"witness nonce of 31 bytes", func(_ *world, b *Block) { b.Txs[0].TxIn[0].Witness[0] = make([]byte, 31) }, true, spv.CheckBlockWitness, bytesOf},
		{"no witness nonce", func(_ *world, b *Block) { b.Txs[0].TxIn[0].Witness = nil }, true, spv.CheckBlockWitness, bytesOf},
		{"witness without commitment", func(_ *world, b *Block) {
			b.Txs[0].TxOut = b.Txs[0].TxOut[:1]
			b.Txs[0].TxIn[0].Witness = nil
			sealRoot(b)
		}, true, spv.CheckBlockWitness, bytesOf},
		{"commitment without any witness", func(_ *world, b *Block) {
			b.Txs[0].TxIn[0].Witness = nil
			b.Txs = b.Txs[:1]
			sealRoot(b)
		}, true, spv.CheckBlockWitness, bytesOf},
	})
}

func tx64() *wire.MsgTx {
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Hash: spv.Hash{1}}, nil, nil))
	tx.AddTxOut(wire.NewTxOut(1, script(4, txscript.OP_TRUE)))
	if tx.SerializeSizeStripped() != 64 {
		panic("not 64 bytes")
	}
	return tx
}

func TestSpoiledPlace(t *testing.T) {
	w, valid := spoiledL1(t)
	most := w.p.Unit.MaxMoney
	spend := func(w *world, b *Block, op wire.OutPoint, c Coin) {
		w.coins[op] = c
		b.Txs[1].TxIn[0].PreviousOutPoint = op
	}
	runSpoils(t, w, valid, []spoil{
		{"another height", func(_ *world, b *Block) { b.Txs[0].TxIn[0].SignatureScript[0]++ }, false, CheckCoinbaseHeight, forEver},
		{"coinbase id in use", func(w *world, b *Block) { w.coins[wire.OutPoint{Hash: b.Txs[0].TxHash()}] = Coin{Value: 1} }, false, CheckCoinbaseUnique, forEver},
		{"coinbase takes 1 too much", func(_ *world, b *Block) { b.Txs[0].TxOut[0].Value++ }, false, CheckCoinbaseValue, forEver},
		{"locked to the height", func(_ *world, b *Block) {
			b.Txs[1].LockTime = uint32(b.Height)
			b.Txs[1].TxIn[0].Sequence = 0
		}, false, CheckFinal, forEver},
		{"coinbase locked to the height", func(_ *world, b *Block) {
			b.Txs[0].LockTime = uint32(b.Height)
			b.Txs[0].TxIn[0].Sequence = 0
		}, false, CheckFinal, forEver},
		{"locked to the median time", func(w *world, b *Block) {
			b.Txs[1].LockTime = w.median(w.tip().Height)
			b.Txs[1].TxIn[0].Sequence = 0
		}, false, CheckFinal, forEver},
		{"relative lock in blocks", func(w *world, b *Block) {
			at := w.coins[b.Txs[1].TxIn[0].PreviousOutPoint].Height
			b.Txs[1].TxIn[0].Sequence = uint32(b.Height-at) + 1
		}, false, CheckSequence, forEver},
		{"relative lock in time", func(w *world, b *Block) {
			b.Txs[1].TxIn[0].Sequence = wire.SequenceLockTimeIsSeconds | 1
		}, false, CheckSequence, forEver},
		{"relative lock on a coin of the same block", func(_ *world, b *Block) { b.Txs[2].TxIn[0].Sequence = 1 }, false, CheckSequence, forEver},
		{"negative version has relative locks too", func(_ *world, b *Block) {
			b.Txs[2].Version, b.Txs[2].TxIn[0].Sequence = -1, 1
		}, false, CheckSequence, forEver},
		{"no such coin", func(_ *world, b *Block) { b.Txs[1].TxIn[0].PreviousOutPoint.Index = 9 }, false, CheckCoin, forEver},
		{"coin of a later transaction", func(_ *world, b *Block) { b.Txs[1], b.Txs[2] = b.Txs[2], b.Txs[1] }, false, CheckCoin, forEver},
		{"coin twice in the block", func(w *world, b *Block) { b.Txs[2].TxIn[0].PreviousOutPoint = b.Txs[1].TxIn[0].PreviousOutPoint }, false, CheckCoin, forEver},
		{"output that nobody can spend", func(w *world, b *Block) { b.Txs[2].TxIn[0].PreviousOutPoint.Index = 1 }, false, CheckCoin, forEver},
		{"the block's own coinbase", func(_ *world, b *Block) {
			b.Txs = b.Txs[:2]
			b.Txs[0].TxOut[0].Value = 1
			b.Txs[1].TxIn[0].Witness = nil
			seal(b)
			b.Txs[1].TxIn[0].PreviousOutPoint = wire.OutPoint{Hash: b.Txs[0].TxHash()}
			sealRoot(b)
		}, true, CheckCoin, forEver},
		{"claim where there is no peg", func(_ *world, b *Block) { b.Txs[1].TxIn[0].PreviousOutPoint.Index = 0x40000000 }, false, CheckCoin, forEver},
		{"immature coinbase", func(w *world, b *Block) {
			spend(w, b, wire.OutPoint{Hash: spv.Hash{5}}, Coin{Value: 5e9, Script: w.script, Height: b.Height - 9, Coinbase: true})
		}, false, CheckMaturity, forEver},
		{"coin above all money", func(w *world, b *Block) {
			spend(w, b, wire.OutPoint{Hash: spv.Hash{5}}, Coin{Value: most + 1, Script: w.script})
		}, false, CheckInputAmount, forEver},
		{"coins above all money", func(w *world, b *Block) {
			spend(w, b, wire.OutPoint{Hash: spv.Hash{5}}, Coin{Value: most, Script: w.script})
			w.coins[wire.OutPoint{Hash: spv.Hash{6}}] = Coin{Value: 1, Script: w.script}
			b.Txs[1].AddTxIn(wire.NewTxIn(&wire.OutPoint{Hash: spv.Hash{6}}, nil, nil))
		}, false, CheckInputAmount, forEver},
		{"pays more than it has", func(w *world, b *Block) { b.Txs[1].TxOut[0].Value += 501 }, false, CheckFee, forEver},
		{"fees above all money", func(w *world, b *Block) {
			spend(w, b, wire.OutPoint{Hash: spv.Hash{5}}, Coin{Value: most, Script: w.script})
			b.Txs[1].TxOut[0].Value = 0
			b.Txs[2].TxIn[0].PreviousOutPoint = wire.OutPoint{Hash: spv.Hash{6}}
			w.coins[wire.OutPoint{Hash: spv.Hash{6}}] = Coin{Value: most, Script: w.script}
			b.Txs[2].TxOut[0].Value = 0
		}, false, CheckFee, forEver},
		{"signature operations in witnesses", func(w *world, b *Block) {
			code := script(9_990, txscript.OP_CHECKSIG)
			for i := range byte(9) {
				op := w.put(i, Coin{Value: 1, Script: p2wsh(code)})
				b.Txs[1].AddTxIn(&wire.TxIn{PreviousOutPoint: op, Witness: wire.TxWitness{code}})
			}
		}, false, CheckSigOps, forEver},
		{"signature operations in P2SH", func(w *world, b *Block) {
			code := script(500, txscript.OP_CHECKSIG)
			push, _ := txscript.NewScriptBuilder().AddData(code).Script()
			for i := range byte(41) {
				op := w.put(i, Coin{Value: 1, Script: p2sh(code)})
				b.Txs[1].AddTxIn(wire.NewTxIn(&op, push, nil))
			}
		}, false, CheckSigOps, forEver},
		{"signature", func(_ *world, b *Block) { b.Txs[1].TxIn[0].Witness[0][12] ^= 1 }, false, CheckScript, forEver},
		{"signature of another amount", func(w *world, b *Block) {
			op := b.Txs[1].TxIn[0].PreviousOutPoint
			c := w.coins[op]
			c.Value++
			w.coins[op] = c
		}, false, CheckScript, forEver},
		{"P2SH witness program without witness", func(w *world, b *Block) {
			spend(w, b, wire.OutPoint{Hash: spv.Hash{5}}, Coin{Value: 5e9, Script: p2sh(w.script)})
			b.Txs[1].TxIn[0].Witness = nil
			b.Txs[1].TxIn[0].SignatureScript = append([]byte{byte(len(w.script))}, w.script...)
			b.Txs = b.Txs[:2]
			b.Txs[0].TxOut[0].Value = 1
		}, false, CheckScript, forEver},
	})
}

func p2sh(redeem []byte) []byte {
	return append(append([]byte{txscript.OP_HASH160, 20}, btcutil.Hash160(redeem)...), txscript.OP_EQUAL)
}

// spoiledLayer is a world whose next block claims a deposit, spends another, earlier claimed
// one and burns a part of it.
func spoiledLayer(t testing.TB, name string) (*world, *Block) {
	w := newWorld(t, name)
	u := w.p.UnitsPerSat()
	w.accept(w.block(300*u, w.claim(100_000, 300*u)))
	claim := w.claim(50_000, 100*u)
	op := w.oldest(1)
	value := w.coins[op[0]].Value
	return w, w.block(100*u+10, claim, w.spend(op, w.pay(value-2000*u-10), w.burn(2000)))
}

func (b *Block) setCommitment(change func(*spv.Commitment)) {
	out := b.Txs[0].TxOut[1]
	c, err := spv.ParseCommitment(out.PkScript)
	if err != nil {
		panic(err)
	}
	change(&c)
	out.PkScript = c.Script()
}

func TestSpoiledLayer(t *testing.T) {
	w, valid := spoiledLayer(t, "dev-native")
	stale := func(w *world, height int32) spv.Block {
		prev, _ := w.l1.Ancestor(w.l1.tip().Hash, height-1)
		return w.l1.on(prev, 9)
	}
	runSpoils(t, w, valid, []spoil{
		{"no commitment", func(_ *world, b *Block) { b.Txs[0].TxOut[1].PkScript = []byte{txscript.OP_RETURN} }, false, CheckCommitment, forEver},
		{"two commitments", func(_ *world, b *Block) { b.Txs[0].AddTxOut(b.Txs[0].TxOut[1]) }, false, CheckCommitment, forEver},
		{"commitment of a deeper layer", func(_ *world, b *Block) {
			b.setCommitment(func(c *spv.Commitment) { c.Parent = &spv.Block{Height: 1} })
		}, false, CheckCommitment, forEver},
		{"fee vote of 0", func(_ *world, b *Block) { b.setCommitment(func(c *spv.Commitment) { c.FeeVote = 0 }) }, false, CheckCommitment, forEver},
		{"fee vote of 1001", func(_ *world, b *Block) { b.setCommitment(func(c *spv.Commitment) { c.FeeVote = 1001 }) }, false, CheckCommitment, forEver},
		{"filter header", func(_ *world, b *Block) { b.setCommitment(func(c *spv.Commitment) { c.FilterHeader[3] ^= 1 }) }, false, CheckFilterHeader, forEver},
		{"mountain range", func(_ *world, b *Block) { b.setCommitment(func(c *spv.Commitment) { c.MMRRoot[3] ^= 1 }) }, false, CheckMMRRoot, forEver},
		{"no proof", func(_ *world, b *Block) { b.Aux = nil }, false, spv.CheckAuxPoWPresent, proofOf},
		{"anchor too shallow", func(w *world, b *Block) {
			at, _ := w.l1.Ancestor(w.l1.tip().Hash, w.l1.tip().Height-w.p.Layer.AnchorDepth+1)
			b.setCommitment(func(c *spv.Commitment) { c.Anchor = at })
		}, false, spv.CheckAnchorDepth, proofOf},
		{"anchor too deep", func(w *world, b *Block) {
			for range w.p.Layer.AnchorWindow {
				w.l1.mine()
			}
			b.Aux = w.aux(w.l1.tip())
		}, false, spv.CheckAnchorDepth, proofOf},
		{"anchor on a stale branch", func(w *world, b *Block) {
			b.setCommitment(func(c *spv.Commitment) { c.Anchor = stale(w, c.Anchor.Height) })
		}, false, spv.CheckAnchorBranch, proofOf},
		{"anchor of another height", func(_ *world, b *Block) {
			b.setCommitment(func(c *spv.Commitment) { c.Anchor.Height-- })
		}, false, spv.CheckAnchorBranch, proofOf},
		{"leaves the anchor's branch", func(w *world, b *Block) {
			at := stale(w, w.anchor.Height)
			w.anchor = &at
		}, false, spv.CheckAnchorOrder, forEver},
		{"anchor below the last one", func(w *world, b *Block) {
			at, _ := w.l1.Ancestor(w.l1.tip().Hash, w.nextAnchor().Height+1)
			w.anchor = &at
		}, false, spv.CheckAnchorOrder, forEver},
		{"unknown L1 block under the proof", func(w *world, b *Block) { b.Aux.Parent[5] ^= 1 }, false, "", nothing},
		{"claimed before", func(w *world, b *Block) {
			op := b.Txs[1].TxIn[0].PreviousOutPoint
			w.claimed[wire.OutPoint{Hash: op.Hash, Index: op.Index &^ 0x40000000}] = true
		}, false, CheckClaimTwice, forEver},
		{"claimed twice in the block", func(w *world, b *Block) {
			again := b.Txs[1].Copy()
			again.TxOut[0].Value--
			b.Txs = append(b.Txs, again)
		}, false, CheckClaimTwice, forEver},
		{"above the cap", func(w *world, b *Block) {
			limited := *w.p.Peg
			limited.Cap = 149_999
			w.p.Peg = &limited
		}, false, CheckClaimCap, forEver},
		{"above all money", func(w *world, b *Block) { w.supply.Claimed = w.p.Unit.MaxMoney - 10_000 }, false, CheckClaimMoney, forEver},
		{"claims beyond counting", func(w *world, b *Block) {
			w.supply = Supply{Claimed: math.MaxInt64 - 10_000, Burned: math.MaxInt64 - 1e6}
		}, false, CheckClaimMoney, forEver},
		{"burns beyond counting", func(w *world, b *Block) {
			w.supply = Supply{Claimed: math.MaxInt64 - 1e6, Burned: math.MaxInt64 - 1999}
		}, false, CheckBurnTotal, forEver},
		{"claim of another amount", func(w *world, b *Block) { b.Txs[1].TxOut[0].Value += 101 }, false, peg.CheckClaimFee, forEver},
		{"claim pays somebody else", func(w *world, b *Block) { b.Txs[1].TxOut[0].PkScript = p2wsh(nil) }, false, peg.CheckClaimPays, forEver},
		{"claim with a coin beside it", func(w *world, b *Block) { b.Txs[1].AddTxIn(b.Txs[2].TxIn[0]); b.Txs = b.Txs[:2] }, false, peg.CheckClaimInputs, forEver},
		{"claim under the anchor", func(w *world, b *Block) { b.Txs[1] = w.shallowClaim(50_000, 100) }, false, peg.CheckClaimDepth, forEver},
		{"claim of an unknown L1 block", func(w *world, b *Block) {
			b.Txs[1].TxIn[0].Witness[2] = make([]byte, 32)
		}, false, "", nothing},
		{"claim outside the coinbase's tree", func(w *world, b *Block) { b.Txs[1].TxIn[0].Witness[3][10] ^= 1 }, false, merkle.CheckRoot, forEver},
		{"burn of too little", func(w *world, b *Block) { b.Txs[2].TxOut[1].Value = w.p.Peg.MinBurn - 1 }, false, peg.CheckBurnLeast, forEver},
		{"nearly a burn", func(w *world, b *Block) {
			b.Txs[2].TxOut[1].PkScript = append(b.Txs[2].TxOut[1].PkScript, 0)
		}, false, peg.CheckBurnForm, forEver},
		{"coinbase nearly burns", func(w *world, b *Block) {
			out := *b.Txs[2].TxOut[1]
			out.Value = 1
			b.Txs[0].AddTxOut(&out)
		}, false, peg.CheckBurnLeast, forEver},
	})
}

func TestSpoiledFractional(t *testing.T) {
	w, valid := spoiledLayer(t, "dev-fractional")
	runSpoils(t, w, valid, []spoil{
		{"burn of a fraction", func(w *world, b *Block) { b.Txs[2].TxOut[1].Value++ }, false, peg.CheckBurnWhole, forEver},
		{"above the cap", func(w *world, b *Block) {
			limited := *w.p.Peg
			limited.Cap = 149_999
			w.p.Peg = &limited
		}, false, CheckClaimCap, forEver},
		{"above all money", func(w *world, b *Block) { w.supply.Claimed = w.p.Unit.MaxMoney/1000 - 10_000 }, false, CheckClaimMoney, forEver},
	})
}

func TestTooManyClaims(t *testing.T) {
	w := newWorld(t, "dev-native")
	var claims []*wire.MsgTx
	for range peg.MaxClaims + 1 {
		claims = append(claims, w.shallowClaim(10_000, 0))
	}
	for range w.p.Layer.AnchorDepth + 1 + w.p.Layer.ClaimDepth {
		w.l1.mine()
	}
	_, err := Connect(w.context(), w.block(0, claims...), w, nil)
	var refused *spv.CheckError
	if !errors.As(err, &refused) || refused.Name != CheckClaimCount || !Permanent(err) {
		t.Fatalf("101 claims: %v", err)
	}
	w.accept(w.block(0, claims[:peg.MaxClaims]...))
}

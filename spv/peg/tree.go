package peg

import (
	"encoding/hex"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
)

// internalKey is I of section 4.1: the point of BIP341 whose private key nobody knows, so
// that an output under it can be spent by its scripts alone.
var internalKey = func() *btcec.PublicKey {
	raw, err := hex.DecodeString("50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0")
	if err != nil {
		panic(err)
	}
	key, err := schnorr.ParsePubKey(raw)
	if err != nil {
		panic(err)
	}
	return key
}()

// InternalKey returns I, the internal key of every output that nobody may spend by key.
func InternalKey() *btcec.PublicKey { return internalKey }

// Leaf is one script of a taproot tree under I, with the control block that shows in a
// witness that it belongs there (BIP341; leaf version c0).
type Leaf struct {
	Script  []byte
	Control []byte // 33 bytes and 32 for each level
}

// Witness returns the witness that spends by this leaf: the stack, the last item on top,
// then script and control block.
func (l Leaf) Witness(stack ...[]byte) wire.TxWitness {
	w := make(wire.TxWitness, 0, len(stack)+2)
	return append(append(w, stack...), l.Script, l.Control)
}

// SigHash returns what a key of this leaf signs (BIP340) in an input of tx: SIGHASH_DEFAULT,
// no annex. Prevouts must know every output that tx spends.
func (l Leaf) SigHash(tx *wire.MsgTx, input int, prevouts txscript.PrevOutputFetcher) (spv.Hash, error) {
	return l.sigHash(tx, input, prevouts, txscript.NewTxSigHashes(tx, prevouts))
}

func (l Leaf) sigHash(tx *wire.MsgTx, input int, prevouts txscript.PrevOutputFetcher,
	mid *txscript.TxSigHashes) (spv.Hash, error) {
	h, err := txscript.CalcTapscriptSignaturehash(mid, txscript.SigHashDefault, tx, input, prevouts,
		txscript.NewBaseTapLeaf(l.Script))
	if err != nil {
		return spv.Hash{}, fmt.Errorf("input %d: signature hash: %w", input, err)
	}
	return spv.Hash(h), nil
}

// Pair returns the P2TR output script of the tree {a, b} under I, and its two leaves.
func Pair(a, b []byte) (pkScript []byte, left, right Leaf) {
	leafA, leafB := txscript.NewBaseTapLeaf(a), txscript.NewBaseTapLeaf(b)
	pkScript, odd := taproot(txscript.NewTapBranch(leafA, leafB).TapHash())
	return pkScript, Leaf{a, control(odd, leafB.TapHash())}, Leaf{b, control(odd, leafA.TapHash())}
}

// triple returns the output script of {a, {b, c}} and the leaves a and b.
func triple(a, b, c []byte) (pkScript []byte, first, second Leaf) {
	leafA, leafB, leafC := txscript.NewBaseTapLeaf(a), txscript.NewBaseTapLeaf(b), txscript.NewBaseTapLeaf(c)
	inner := txscript.NewTapBranch(leafB, leafC)
	pkScript, odd := taproot(txscript.NewTapBranch(leafA, inner).TapHash())
	return pkScript, Leaf{a, control(odd, inner.TapHash())}, Leaf{b, control(odd, leafC.TapHash(), leafA.TapHash())}
}

func taproot(root spv.Hash) (pkScript []byte, odd bool) {
	key := txscript.ComputeTaprootOutputKey(internalKey, root[:])
	pkScript, err := txscript.PayToTaprootScript(key)
	if err != nil {
		panic("peg: " + err.Error()) // 32 bytes always fit a script
	}
	return pkScript, key.SerializeCompressed()[0] == 0x03
}

func control(odd bool, path ...spv.Hash) []byte {
	head := byte(txscript.BaseLeafVersion)
	if odd {
		head |= 1
	}
	b := append([]byte{head}, schnorr.SerializePubKey(internalKey)...)
	for i := range path {
		b = append(b, path[i][:]...)
	}
	return b
}

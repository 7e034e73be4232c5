package descriptor

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/txscript"

	"github.com/layeredpow/lamina/keystore"
)

const maxRedeem = txscript.MaxScriptElementSize // of P2SH's script

// Output is one script with what it takes to spend it.
type Output struct {
	Script  []byte   // the output script
	Redeem  []byte   // P2SH: the script that it hashes; nil otherwise
	Witness []byte   // P2WSH, also within P2SH: the script that it hashes; nil otherwise
	Taproot *Taproot // P2TR; nil otherwise
	Keys    []Key    // in the descriptor's order
}

// Taproot is what a P2TR output commits to.
type Taproot struct {
	Internal *btcec.PublicKey // with even y
	Root     []byte           // 32 bytes; nil if there are no scripts
	Leaves   []Leaf           // in the descriptor's order
}

// Leaf is a script of leaf version c0 and its control block (BIP341).
type Leaf struct {
	Script  []byte
	Control []byte
}

// Key is a key of a script and where it comes from. Without an origin in the descriptor Fingerprint is that of the key
// itself or, if it is extended, of the one that Path begins at.
type Key struct {
	Public      *btcec.PublicKey
	Fingerprint keystore.Fingerprint
	Path        keystore.Path
}

// At derives the output with an index (below 2^31; 0 if the descriptor is not ranged) of a branch (from 0).
func (d *Descriptor) At(branch int, index uint32) (*Output, error) {
	if branch < 0 || branch >= d.branches {
		return nil, fmt.Errorf("descriptor: branch %d: want 0 to %d", branch, d.branches-1)
	}
	if index >= keystore.Hardened || index > 0 && !d.ranged {
		return nil, fmt.Errorf("descriptor: index %d: want one below 2^31, or 0 without a range", index)
	}
	o := &outputs{branch: branch, index: index}
	if err := o.top(d.root); err != nil {
		return nil, fmt.Errorf("descriptor: branch %d, index %d: %w", branch, index, err)
	}
	return &o.out, nil
}

// outputs derives one output.
type outputs struct {
	branch int
	index  uint32
	out    Output
}

func (o *outputs) top(e *expression) (err error) {
	switch {
	case e.name == "tr":
		return o.taproot(e)
	case e.name == "sh":
		o.out.Redeem, err = o.within(e.inner)
		if err == nil && len(o.out.Redeem) > maxRedeem {
			err = fmt.Errorf("P2SH script of %d bytes: more than %d", len(o.out.Redeem), maxRedeem)
		}
		if err == nil {
			o.out.Script, err = build(txscript.OP_HASH160, btcutil.Hash160(o.out.Redeem), txscript.OP_EQUAL)
		}
	default:
		o.out.Script, err = o.within(e)
	}
	return err
}

// within returns the script of any function but sh and tr.
func (o *outputs) within(e *expression) (script []byte, err error) {
	if e.name == "wsh" {
		if o.out.Witness, err = o.within(e.inner); err != nil {
			return nil, err
		}
		hash := sha256.Sum256(o.out.Witness)
		return build(txscript.OP_0, hash[:])
	}
	keys, err := o.keys(e.keys, false)
	if err != nil {
		return nil, err
	}
	switch e.name {
	case "pk":
		return build(keys[0], txscript.OP_CHECKSIG)
	case "pkh":
		hash := btcutil.Hash160(keys[0])
		return build(txscript.OP_DUP, txscript.OP_HASH160, hash, txscript.OP_EQUALVERIFY, txscript.OP_CHECKSIG)
	case "wpkh":
		return build(txscript.OP_0, btcutil.Hash160(keys[0]))
	}
	if e.name == "sortedmulti" {
		slices.SortFunc(keys, bytes.Compare)
	}
	b := txscript.NewScriptBuilder().AddInt64(int64(e.threshold))
	for _, k := range keys {
		b.AddData(k)
	}
	return b.AddInt64(int64(len(keys))).AddOp(txscript.OP_CHECKMULTISIG).Script()
}

// keys derives keys and notes them; x only if they are of a tapscript.
func (o *outputs) keys(keys []*key, xOnly bool) ([][]byte, error) {
	serials := make([][]byte, len(keys))
	for i, k := range keys {
		serial, from, err := k.at(o.branch, o.index)
		if err != nil {
			return nil, err
		}
		if xOnly {
			serial = schnorr.SerializePubKey(from.Public)
		}
		serials[i] = serial
		o.out.Keys = append(o.out.Keys, from)
	}
	return serials, nil
}

func (o *outputs) taproot(e *expression) error {
	serials, err := o.keys(e.keys, true)
	if err != nil {
		return err
	}
	t := new(Taproot)
	if t.Internal, err = schnorr.ParsePubKey(serials[0]); err != nil {
		return err
	}
	if e.tree != nil {
		root, err := o.tree(e.tree, t)
		if err != nil {
			return err
		}
		t.Root = root[:]
	}
	output := txscript.ComputeTaprootOutputKey(t.Internal, t.Root)
	head := byte(txscript.BaseLeafVersion)
	if output.SerializeCompressed()[0] == 3 {
		head |= 1
	}
	for i := range t.Leaves {
		t.Leaves[i].Control = slices.Concat([]byte{head}, serials[0], t.Leaves[i].Control)
	}
	o.out.Taproot = t
	o.out.Script, err = build(txscript.OP_1, schnorr.SerializePubKey(output))
	return err
}

// tree returns the hash of a tree and appends its leaves to t, each with the hashes beside its way up as Control.
func (o *outputs) tree(at *tree, t *Taproot) (hash [32]byte, err error) {
	if at.leaf != nil {
		script, err := o.leaf(at.leaf)
		t.Leaves = append(t.Leaves, Leaf{Script: script})
		return txscript.NewBaseTapLeaf(script).TapHash(), err
	}
	first := len(t.Leaves)
	left, err := o.tree(at.left, t)
	if err != nil {
		return hash, err
	}
	second := len(t.Leaves)
	right, err := o.tree(at.right, t)
	if err != nil {
		return hash, err
	}
	for i := first; i < len(t.Leaves); i++ {
		beside := right
		if i >= second {
			beside = left
		}
		t.Leaves[i].Control = append(t.Leaves[i].Control, beside[:]...)
	}
	return branchHash(left, right), nil
}

func (o *outputs) leaf(e *expression) ([]byte, error) {
	keys, err := o.keys(e.keys, true)
	if err != nil {
		return nil, err
	}
	if e.name == "pk" {
		return build(keys[0], txscript.OP_CHECKSIG)
	}
	if e.name == "sortedmulti_a" {
		slices.SortFunc(keys, bytes.Compare)
	}
	b := txscript.NewScriptBuilder()
	for i, k := range keys {
		b.AddData(k)
		if i == 0 {
			b.AddOp(txscript.OP_CHECKSIG)
		} else {
			b.AddOp(txscript.OP_CHECKSIGADD)
		}
	}
	return b.AddInt64(int64(e.threshold)).AddOp(txscript.OP_NUMEQUAL).Script()
}

// branchHash is BIP341's TapBranch hash: the smaller hash comes first.
func branchHash(a, b [32]byte) [32]byte {
	if bytes.Compare(a[:], b[:]) > 0 {
		a, b = b, a
	}
	return *chainhash.TaggedHash(chainhash.TagTapBranch, a[:], b[:])
}

// build makes a script of opcodes (int) and data ([]byte).
func build(parts ...any) ([]byte, error) {
	b := txscript.NewScriptBuilder()
	for _, part := range parts {
		switch part := part.(type) {
		case int:
			b.AddOp(byte(part))
		case []byte:
			b.AddData(part)
		}
	}
	return b.Script()
}

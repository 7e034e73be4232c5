package wallet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/btcutil/psbt"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/keystore/descriptor"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/wallet/address"
)

// shape is what all scripts of a shared account have in common.
type shape struct {
	kind   address.Kind
	weight int64 // the most that an input weighs
}

// errShape says what shared accounts there are.
var errShape = errors.New("descriptor: want wsh or sh(wsh) of multi or sortedmulti, or tr with leaves of pk, multi_a or sortedmulti_a")

// checkShared refuses descriptors that the wallet cannot weigh, or the chain has no rules
// for. They must have two branches, for receiving and for change, with a range each.
func (a *Account) checkShared(p *chains.Params) error {
	if !a.WatchOnly || a.Key != nil || a.Path != nil {
		return errors.New("account: with a descriptor it is watch-only, without a key of its own")
	}
	if a.Shared.Branches() != 2 || !a.Shared.Ranged() {
		return fmt.Errorf("descriptor: %d branches, ranged %t: want 2, ranged: keys that end in /<0;1>/*",
			a.Shared.Branches(), a.Shared.Ranged())
	}
	out, err := a.Shared.At(0, 0)
	if err != nil {
		return err
	}
	if a.shape.weight, err = spendWeight(out); err != nil {
		return err
	}
	a.shape.kind = address.KindOf(p, out.Script)
	if k := a.shape.kind; k != address.P2WSH && k != address.P2TR && (k != address.P2SH || p.Address.HRP == "") {
		return fmt.Errorf("descriptor: %s has no rules for its scripts", p.Name)
	}
	return nil
}

// spendWeight returns the most weight units of an input that spends a shared output.
func spendWeight(out *descriptor.Output) (int64, error) {
	bare := 4 * int64(32+4+4+1) // outpoint, sequence, length of the script
	switch {
	case out.Taproot != nil && len(out.Taproot.Leaves) > 0:
		most := int64(0)
		for _, leaf := range out.Taproot.Leaves {
			keys, need, ok := leafKeys(leaf.Script)
			if !ok {
				return 0, errShape
			}
			most = max(most, pushed(len(leaf.Script))+pushed(len(leaf.Control))+int64(need)*(1+64)+int64(len(keys)-need))
		}
		return bare + 1 + most, nil
	case out.Witness != nil && txscript.GetScriptClass(out.Witness) == txscript.MultiSigTy:
		_, need, err := txscript.CalcMultiSigStats(out.Witness)
		if err != nil {
			return 0, err
		}
		if out.Redeem != nil {
			bare += 4 * int64(1+len(out.Redeem))
		}
		return bare + 1 + 1 + int64(need)*(1+72) + pushed(len(out.Witness)), nil
	}
	return 0, errShape
}

// pushed is the size of a witness element with its length.
func pushed(n int) int64 { return int64(wire.VarIntSerializeSize(uint64(n)) + n) }

// leafKeys reads a tapscript of multi_a, sortedmulti_a or pk (BIP387): its x-only keys in
// order, and how many must sign.
func leafKeys(script []byte) (keys [][]byte, need int, ok bool) {
	t := txscript.MakeScriptTokenizer(0, script)
	for t.Next() {
		if t.Opcode() != txscript.OP_DATA_32 {
			return leafEnd(&t, keys)
		}
		keys = append(keys, t.Data())
		want := byte(txscript.OP_CHECKSIGADD)
		if len(keys) == 1 {
			want = txscript.OP_CHECKSIG
		}
		if !t.Next() || t.Opcode() != want {
			return nil, 0, false
		}
	}
	return keys, 1, t.Err() == nil && len(keys) == 1
}

// leafEnd reads what follows the keys: how many must sign, and NUMEQUAL.
func leafEnd(t *txscript.ScriptTokenizer, keys [][]byte) ([][]byte, int, bool) {
	need := 0
	switch op := t.Opcode(); {
	case op >= txscript.OP_1 && op <= txscript.OP_16:
		need = int(op-txscript.OP_1) + 1
	case op == txscript.OP_DATA_1:
		need = int(t.Data()[0])
	}
	ends := t.Next() && t.Opcode() == txscript.OP_NUMEQUAL && t.Done() && t.Err() == nil
	return keys, need, ends && need > 0 && need <= len(keys)
}

// shareInput writes what the owners of a shared output need to sign for it.
func shareInput(to *psbt.PInput, out *descriptor.Output) {
	to.RedeemScript, to.WitnessScript = out.Redeem, out.Witness
	to.Bip32Derivation, to.TaprootBip32Derivation = origins(out)
	if t := out.Taproot; t != nil {
		to.NonWitnessUtxo = nil // a signature covers all amounts (BIP341)
		to.TaprootInternalKey, to.TaprootMerkleRoot = schnorr.SerializePubKey(t.Internal), t.Root
		for _, leaf := range t.Leaves {
			to.TaprootLeafScript = append(to.TaprootLeafScript, &psbt.TaprootTapLeafScript{ControlBlock: leaf.Control,
				Script: leaf.Script, LeafVersion: txscript.BaseLeafVersion})
		}
	}
}

// shareOutput lets the owners see that an output is theirs.
func shareOutput(to *psbt.POutput, out *descriptor.Output) {
	to.RedeemScript, to.WitnessScript = out.Redeem, out.Witness
	to.Bip32Derivation, to.TaprootBip32Derivation = origins(out)
	if out.Taproot != nil {
		to.TaprootInternalKey = schnorr.SerializePubKey(out.Taproot.Internal)
	}
}

// origins says where each key of a shared output is found below its master key. Keys that
// stand in the descriptor as they are have nobody's.
func origins(out *descriptor.Output) (plain []*psbt.Bip32Derivation, taproot []*psbt.TaprootBip32Derivation) {
	seen := map[string]bool{}
	for _, k := range out.Keys {
		serial := k.Public.SerializeCompressed()
		if len(k.Path) == 0 || seen[string(serial)] {
			continue
		}
		seen[string(serial)] = true
		mark := binary.LittleEndian.Uint32(k.Fingerprint[:])
		if out.Taproot == nil {
			plain = append(plain, &psbt.Bip32Derivation{PubKey: serial, MasterKeyFingerprint: mark, Bip32Path: k.Path})
			continue
		}
		d := &psbt.TaprootBip32Derivation{XOnlyPubKey: serial[1:], MasterKeyFingerprint: mark, Bip32Path: k.Path}
		for _, leaf := range out.Taproot.Leaves {
			if keys, _, _ := leafKeys(leaf.Script); slices.ContainsFunc(keys, func(b []byte) bool { return bytes.Equal(b, serial[1:]) }) {
				hash := txscript.NewBaseTapLeaf(leaf.Script).TapHash()
				d.LeafHashes = append(d.LeafHashes, hash[:])
			}
		}
		taproot = append(taproot, d)
	}
	return plain, taproot
}

// finishShared finishes an input that several keys have signed for and says whether it
// did. The library does so only for as many signatures as are wanted, no more, and knows
// nothing of the order that a leaf wants its signatures in. What comes of it is judged by
// the script, as all that Extract returns.
func finishShared(in *psbt.PInput, spent *wire.TxOut) bool {
	if len(in.FinalScriptWitness) > 0 || len(in.FinalScriptSig) > 0 {
		return false
	}
	if in.WitnessScript != nil {
		trimSignatures(in)
		return false
	}
	if !txscript.IsPayToTaproot(spent.PkScript) || in.TaprootKeySpendSig != nil {
		return false
	}
	for _, leaf := range in.TaprootLeafScript {
		witness, ok := leafWitness(in, leaf)
		if !ok {
			continue
		}
		var w bytes.Buffer
		if err := psbt.WriteTxWitness(&w, witness); err != nil {
			return false
		}
		*in = psbt.PInput{NonWitnessUtxo: in.NonWitnessUtxo, WitnessUtxo: in.WitnessUtxo, FinalScriptWitness: w.Bytes(), Unknowns: in.Unknowns}
		return true
	}
	return false
}

// trimSignatures leaves as many signatures of a multisig script as it wants, in any order.
func trimSignatures(in *psbt.PInput) {
	if txscript.GetScriptClass(in.WitnessScript) != txscript.MultiSigTy {
		return
	}
	if _, need, err := txscript.CalcMultiSigStats(in.WitnessScript); err == nil && need > 0 && len(in.PartialSigs) > need {
		in.PartialSigs = in.PartialSigs[:need]
	}
}

// leafWitness returns the witness that spends by a leaf, if enough keys have signed: a
// signature or nothing for each key, the last key's first, then script and control block.
func leafWitness(in *psbt.PInput, leaf *psbt.TaprootTapLeafScript) (wire.TxWitness, bool) {
	keys, need, ok := leafKeys(leaf.Script)
	if !ok {
		return nil, false
	}
	hash := txscript.NewTapLeaf(leaf.LeafVersion, leaf.Script).TapHash()
	var witness wire.TxWitness
	for _, key := range slices.Backward(keys) {
		var sig []byte
		for _, s := range in.TaprootScriptSpendSig {
			if need > 0 && sig == nil && bytes.Equal(s.LeafHash, hash[:]) && bytes.Equal(s.XOnlyPubKey, key) {
				sig = bytes.Clone(s.Signature)
				if s.SigHash != txscript.SigHashDefault {
					sig = append(sig, byte(s.SigHash))
				}
				need--
			}
		}
		witness = append(witness, sig)
	}
	return append(witness, leaf.Script, leaf.ControlBlock), need == 0
}

package keystore

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/btcutil/psbt"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"
)

// SignPSBT adds the signatures that the keyring can make (the signer of BIP174 and BIP371) and returns how many. Its
// keys are those whose derivation names its fingerprint; each is derived and compared first, and signs only a script
// that holds it and that the output spent commits to. It signs with SIGHASH_ALL (in taproot DEFAULT too) and refuses an
// input that wants another type. If it returns an error the packet is unchanged. What the transaction does is for the
// caller to show before.
func (k *Keyring) SignPSBT(packet *psbt.Packet) (added int, err error) {
	if err := packet.SanityCheck(); err != nil {
		return 0, fmt.Errorf("PSBT: %w", err)
	}
	if in, want := len(packet.Inputs), len(packet.UnsignedTx.TxIn); in != want {
		return 0, fmt.Errorf("PSBT: %d inputs: the transaction has %d", in, want)
	}
	fingerprint, err := k.Fingerprint()
	if err != nil {
		return 0, err
	}
	s := &signing{keys: k, packet: packet, master: binary.LittleEndian.Uint32(fingerprint[:])}
	if err := s.collect(); err != nil {
		return 0, err
	}
	for i := range packet.Inputs {
		if err := s.input(i); err != nil {
			return 0, fmt.Errorf("PSBT: input %d: %w", i, err)
		}
	}
	for _, add := range s.additions {
		add()
	}
	return len(s.additions), nil
}

// signing is one pass over a packet.
type signing struct {
	keys      *Keyring
	packet    *psbt.Packet
	master    uint32 // fingerprint, as the library holds it
	spent     []*wire.TxOut
	fetcher   *txscript.MultiPrevOutFetcher
	hashes    *txscript.TxSigHashes
	complete  bool // every spent output is known, as taproot needs
	additions []func()
}

// collect finds the outputs that are spent. A whole transaction must be the one that the input names.
func (s *signing) collect() error {
	tx := s.packet.UnsignedTx
	s.spent, s.complete = make([]*wire.TxOut, len(tx.TxIn)), true
	s.fetcher = txscript.NewMultiPrevOutFetcher(nil)
	for i := range s.packet.Inputs {
		in, from := &s.packet.Inputs[i], tx.TxIn[i].PreviousOutPoint
		s.spent[i] = in.WitnessUtxo
		if whole := in.NonWitnessUtxo; whole != nil {
			if id := whole.TxHash(); id != from.Hash || int64(from.Index) >= int64(len(whole.TxOut)) {
				return fmt.Errorf("PSBT: input %d: spends %v, but comes with transaction %v", i, from, id)
			}
			out := whole.TxOut[from.Index]
			if w := in.WitnessUtxo; w != nil && (w.Value != out.Value || !bytes.Equal(w.PkScript, out.PkScript)) {
				return fmt.Errorf("PSBT: input %d: comes with two different outputs", i)
			}
			s.spent[i] = out
		}
		if s.spent[i] == nil {
			s.complete = false
			s.fetcher.AddPrevOut(from, new(wire.TxOut)) // the library hashes all of them, needed or not
			continue
		}
		s.fetcher.AddPrevOut(from, s.spent[i])
	}
	s.hashes = txscript.NewTxSigHashes(tx, s.fetcher)
	return nil
}

// input signs one input with each of our keys.
func (s *signing) input(i int) error {
	in := &s.packet.Inputs[i]
	if in.FinalScriptSig != nil || in.FinalScriptWitness != nil {
		return nil
	}
	for _, d := range in.Bip32Derivation {
		if d.MasterKeyFingerprint == s.master {
			if err := s.ecdsa(i, d); err != nil {
				return err
			}
		}
	}
	for _, d := range in.TaprootBip32Derivation {
		if d.MasterKeyFingerprint == s.master {
			if err := s.taproot(i, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// ecdsa signs a legacy or segwit v0 input.
func (s *signing) ecdsa(i int, d *psbt.Bip32Derivation) error {
	in := &s.packet.Inputs[i]
	for _, sig := range in.PartialSigs {
		if bytes.Equal(sig.PubKey, d.PubKey) {
			return nil
		}
	}
	public, err := s.keys.Public(d.Bip32Path)
	if err != nil {
		return err
	}
	if !bytes.Equal(public.Key().SerializeCompressed(), d.PubKey) {
		return fmt.Errorf("key at %s is %x, not %x", Path(d.Bip32Path), public.Key().SerializeCompressed(), d.PubKey)
	}
	if in.SighashType != 0 && in.SighashType != txscript.SigHashAll {
		return fmt.Errorf("wants sighash type %#x: only ALL is signed", uint32(in.SighashType))
	}
	hash, err := s.hash(i, d.PubKey)
	if err != nil {
		return err
	}
	der, err := s.keys.SignECDSA(d.Bip32Path, [32]byte(hash))
	if err != nil {
		return err
	}
	s.additions = append(s.additions, func() {
		sig := append(der, byte(txscript.SigHashAll))
		in.PartialSigs = append(in.PartialSigs, &psbt.PartialSig{PubKey: d.PubKey, Signature: sig})
	})
	return nil
}

// hash returns what a signature of key at input i signs, after it has found the script that holds the key.
func (s *signing) hash(i int, key []byte) ([]byte, error) {
	in, tx := &s.packet.Inputs[i], s.packet.UnsignedTx
	if s.spent[i] == nil {
		return nil, fmt.Errorf("the output that it spends is missing")
	}
	script := s.spent[i].PkScript
	if txscript.IsPayToScriptHash(script) {
		if !commits(script, txscript.OP_HASH160, in.RedeemScript) {
			return nil, fmt.Errorf("redeem script is not the one that the output commits to")
		}
		script = in.RedeemScript
	}
	witness := false
	switch {
	case txscript.IsPayToWitnessPubKeyHash(script):
		witness = true
		script = keyHashScript(script[2:])
	case txscript.IsPayToWitnessScriptHash(script):
		if !commits(script, txscript.OP_0, in.WitnessScript) {
			return nil, fmt.Errorf("witness script is not the one that the output commits to")
		}
		witness, script = true, in.WitnessScript
	}
	if !holds(script, key) {
		return nil, fmt.Errorf("script does not hold key %x", key)
	}
	if witness {
		return txscript.CalcWitnessSigHash(script, s.hashes, txscript.SigHashAll, tx, i, s.spent[i].Value)
	}
	if in.NonWitnessUtxo == nil {
		return nil, fmt.Errorf("spends no segwit output, but comes without the whole transaction") // its amount could be a lie
	}
	return txscript.CalcSignatureHash(script, txscript.SigHashAll, tx, i)
}

// taproot signs by the key path if d is of the internal key, and by each script path that d lists.
func (s *signing) taproot(i int, d *psbt.TaprootBip32Derivation) error {
	in := &s.packet.Inputs[i]
	public, err := s.keys.Public(d.Bip32Path)
	if err != nil {
		return err
	}
	if own := schnorr.SerializePubKey(public.Key()); !bytes.Equal(own, d.XOnlyPubKey) {
		return fmt.Errorf("key at %s is %x, not %x", Path(d.Bip32Path), own, d.XOnlyPubKey)
	}
	kind := in.SighashType
	switch {
	case kind != txscript.SigHashDefault && kind != txscript.SigHashAll:
		return fmt.Errorf("wants sighash type %#x: only DEFAULT and ALL are signed", uint32(kind))
	case !s.complete:
		return fmt.Errorf("taproot signs all outputs spent, and one is missing")
	case !txscript.IsPayToTaproot(s.spent[i].PkScript):
		return fmt.Errorf("has a taproot key, but spends no taproot output")
	}
	if bytes.Equal(d.XOnlyPubKey, in.TaprootInternalKey) && in.TaprootKeySpendSig == nil {
		output := txscript.ComputeTaprootOutputKey(public.Key(), in.TaprootMerkleRoot)
		if !bytes.Equal(schnorr.SerializePubKey(output), s.spent[i].PkScript[2:]) {
			return fmt.Errorf("internal key and merkle root do not give the output")
		}
		hash, err := txscript.CalcTaprootSignatureHash(s.hashes, kind, s.packet.UnsignedTx, i, s.fetcher)
		if err != nil {
			return err
		}
		sig, err := s.keys.SignSchnorr(d.Bip32Path, [32]byte(hash), in.TaprootMerkleRoot)
		if err != nil {
			return err
		}
		if kind == txscript.SigHashAll {
			sig = append(sig, byte(kind))
		}
		s.additions = append(s.additions, func() { in.TaprootKeySpendSig = sig })
	}
	for _, hash := range d.LeafHashes {
		if err := s.leaf(i, d, hash); err != nil {
			return err
		}
	}
	return nil
}

// leaf signs for one script path.
func (s *signing) leaf(i int, d *psbt.TaprootBip32Derivation, leafHash []byte) error {
	in, kind := &s.packet.Inputs[i], s.packet.Inputs[i].SighashType
	for _, sig := range in.TaprootScriptSpendSig {
		if bytes.Equal(sig.XOnlyPubKey, d.XOnlyPubKey) && bytes.Equal(sig.LeafHash, leafHash) {
			return nil
		}
	}
	leaf, err := psbt.FindLeafScript(in, leafHash)
	if err != nil {
		return nil // a leaf that this packet does not mean to spend by
	}
	control, err := txscript.ParseControlBlock(leaf.ControlBlock)
	if err == nil {
		err = txscript.VerifyTaprootLeafCommitment(control, s.spent[i].PkScript[2:], leaf.Script)
	}
	if err != nil {
		return fmt.Errorf("leaf %x is not of the output: %w", leafHash, err)
	}
	if !holds(leaf.Script, d.XOnlyPubKey) {
		return fmt.Errorf("leaf %x does not hold key %x", leafHash, d.XOnlyPubKey)
	}
	hash, err := txscript.CalcTapscriptSignaturehash(s.hashes, kind, s.packet.UnsignedTx, i, s.fetcher,
		txscript.NewTapLeaf(leaf.LeafVersion, leaf.Script))
	if err != nil {
		return err
	}
	sig, err := s.keys.SignSchnorrUntweaked(d.Bip32Path, [32]byte(hash))
	if err != nil {
		return err
	}
	s.additions = append(s.additions, func() {
		in.TaprootScriptSpendSig = append(in.TaprootScriptSpendSig, &psbt.TaprootScriptSpendSig{
			XOnlyPubKey: d.XOnlyPubKey, LeafHash: leafHash, Signature: sig, SigHash: kind})
	})
	return nil
}

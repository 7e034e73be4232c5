package wallet

import (
	"bytes"
	"fmt"

	"github.com/btcsuite/btcd/btcutil/psbt"
	"github.com/btcsuite/btcd/wire"
)

// Combine returns a packet with what is in p and in others, which must be of the same
// transaction (BIP174). Where they contradict each other it is an error, not a choice.
func (p *Packet) Combine(others ...*Packet) (*Packet, error) {
	out, err := ParsePacket(p.Bytes())
	if err != nil {
		return nil, err
	}
	for _, q := range others {
		if q, err = ParsePacket(q.Bytes()); err != nil {
			return nil, err
		}
		if out.ID() != q.ID() {
			return nil, fmt.Errorf("PSBT of %s: cannot be combined with one of %s", out.ID(), q.ID())
		}
		m := &merger{}
		merge(m, "global", &out.p.Unknowns, q.p.Unknowns, unknownKey)
		for i := range out.p.Inputs {
			m.input(fmt.Sprintf("input %d", i), &out.p.Inputs[i], &q.p.Inputs[i])
		}
		for i := range out.p.Outputs {
			m.output(fmt.Sprintf("output %d", i), &out.p.Outputs[i], &q.p.Outputs[i])
		}
		if m.err != nil {
			return nil, m.err
		}
	}
	return ParsePacket(out.Bytes())
}

// merger remembers the first contradiction.
type merger struct{ err error }

func (m *merger) differ(where, what string) {
	if m.err == nil {
		m.err = fmt.Errorf("PSBT: %s: two that are different: %s", where, what)
	}
}

func (m *merger) bytes(where, what string, to *[]byte, from []byte) {
	if *to == nil {
		*to = from
	} else if from != nil && !bytes.Equal(*to, from) {
		m.differ(where, what)
	}
}

func (m *merger) input(where string, a, b *psbt.PInput) {
	if a.NonWitnessUtxo == nil {
		a.NonWitnessUtxo = b.NonWitnessUtxo // checked against the input's outpoint when it was read
	}
	if a.WitnessUtxo == nil {
		a.WitnessUtxo = b.WitnessUtxo
	} else if b.WitnessUtxo != nil && !sameOut(a.WitnessUtxo, b.WitnessUtxo) {
		m.differ(where, "outputs taken")
	}
	if a.SighashType == 0 {
		a.SighashType = b.SighashType
	} else if b.SighashType != 0 && a.SighashType != b.SighashType {
		m.differ(where, "hash types")
	}
	m.bytes(where, "redeem scripts", &a.RedeemScript, b.RedeemScript)
	m.bytes(where, "witness scripts", &a.WitnessScript, b.WitnessScript)
	m.bytes(where, "final scripts", &a.FinalScriptSig, b.FinalScriptSig)
	m.bytes(where, "final witnesses", &a.FinalScriptWitness, b.FinalScriptWitness)
	m.bytes(where, "taproot signatures", &a.TaprootKeySpendSig, b.TaprootKeySpendSig)
	m.bytes(where, "taproot internal keys", &a.TaprootInternalKey, b.TaprootInternalKey)
	m.bytes(where, "taproot roots", &a.TaprootMerkleRoot, b.TaprootMerkleRoot)
	merge(m, where, &a.PartialSigs, b.PartialSigs, func(s *psbt.PartialSig) (string, string) {
		return string(s.PubKey), string(s.Signature)
	})
	merge(m, where, &a.Bip32Derivation, b.Bip32Derivation, derivationKey)
	merge(m, where, &a.TaprootBip32Derivation, b.TaprootBip32Derivation, taprootKey)
	merge(m, where, &a.TaprootScriptSpendSig, b.TaprootScriptSpendSig, func(s *psbt.TaprootScriptSpendSig) (string, string) {
		return string(s.XOnlyPubKey) + string(s.LeafHash), string(s.Signature) + string([]byte{byte(s.SigHash)})
	})
	merge(m, where, &a.TaprootLeafScript, b.TaprootLeafScript, func(s *psbt.TaprootTapLeafScript) (string, string) {
		return string(s.ControlBlock), string(s.Script) + string([]byte{byte(s.LeafVersion)})
	})
	merge(m, where, &a.Unknowns, b.Unknowns, unknownKey)
}

func sameOut(a, b *wire.TxOut) bool { return a.Value == b.Value && bytes.Equal(a.PkScript, b.PkScript) }

func (m *merger) output(where string, a, b *psbt.POutput) {
	m.bytes(where, "redeem scripts", &a.RedeemScript, b.RedeemScript)
	m.bytes(where, "witness scripts", &a.WitnessScript, b.WitnessScript)
	m.bytes(where, "taproot internal keys", &a.TaprootInternalKey, b.TaprootInternalKey)
	m.bytes(where, "taproot trees", &a.TaprootTapTree, b.TaprootTapTree)
	merge(m, where, &a.Bip32Derivation, b.Bip32Derivation, derivationKey)
	merge(m, where, &a.TaprootBip32Derivation, b.TaprootBip32Derivation, taprootKey)
	merge(m, where, &a.Unknowns, b.Unknowns, unknownKey)
}

func unknownKey(u *psbt.Unknown) (string, string) { return string(u.Key), string(u.Value) }

func derivationKey(d *psbt.Bip32Derivation) (string, string) {
	return string(d.PubKey), fmt.Sprint(d.MasterKeyFingerprint, d.Bip32Path)
}

func taprootKey(d *psbt.TaprootBip32Derivation) (string, string) {
	return string(d.XOnlyPubKey), fmt.Sprint(d.MasterKeyFingerprint, d.Bip32Path, d.LeafHashes)
}

// merge adds what is new to a list whose members have a key and a value.
func merge[T any](m *merger, where string, to *[]T, from []T, parts func(T) (key, value string)) {
	have := map[string]string{}
	for _, x := range *to {
		k, v := parts(x)
		have[k] = v
	}
	for _, x := range from {
		k, v := parts(x)
		switch was, ok := have[k]; {
		case !ok:
			*to = append(*to, x)
			have[k] = v
		case was != v:
			m.differ(where, fmt.Sprintf("values of %x", k[:min(len(k), 40)]))
		}
	}
}

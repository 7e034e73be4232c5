package settler

import (
	"bytes"
	"fmt"

	"github.com/btcsuite/btcd/btcutil/psbt"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv/peg"
)

// MaxPacket is the size of the largest PSBT that is read, bytes: a batch with all
// signatures of 15 settlers has some 150,000.
const MaxPacket = 1 << 20

// Packet returns what is to be signed as a PSBT (BIP174, BIP371), for a signer elsewhere:
// every input with its output on L1, internal key and settle leaf.
func (s *Sign) Packet() ([]byte, error) {
	p, err := psbt.NewFromUnsignedTx(s.Batch.Tx.Copy())
	if err != nil {
		return nil, fmt.Errorf("batch %d: PSBT: %w", s.Batch.Number, err)
	}
	internal := peg.InternalKey().SerializeCompressed()[1:]
	for i := range p.Inputs {
		spend := &s.Batch.Spends[i]
		p.Inputs[i].WitnessUtxo = wire.NewTxOut(spend.Value, spend.Vault.PkScript)
		p.Inputs[i].TaprootInternalKey = internal
		p.Inputs[i].TaprootLeafScript = []*psbt.TaprootTapLeafScript{{
			ControlBlock: spend.Vault.Settle.Control, Script: spend.Vault.Settle.Script, LeafVersion: txscript.BaseLeafVersion,
		}}
	}
	var b bytes.Buffer
	if err := p.Serialize(&b); err != nil {
		return nil, fmt.Errorf("batch %d: PSBT: %w", s.Batch.Number, err)
	}
	return b.Bytes(), nil
}

// Read returns the signatures in a PSBT that came back, by input. It refuses another
// transaction, and signatures that are none of this batch; what keys of no settler have
// signed does not count.
func (s *Sign) Read(raw []byte) ([]peg.Signatures, error) {
	if len(raw) > MaxPacket {
		return nil, fmt.Errorf("PSBT: %d bytes, want at most %d", len(raw), MaxPacket)
	}
	p, err := psbt.NewFromRawBytes(bytes.NewReader(raw), false)
	if err != nil {
		return nil, fmt.Errorf("PSBT: %w", err)
	}
	if got, want := p.UnsignedTx.TxHash(), s.Batch.Tx.TxHash(); got != want {
		return nil, fmt.Errorf("PSBT: transaction %s, want %s", got, want)
	}
	sigs := make([]peg.Signatures, len(s.Hashes))
	for i := range sigs {
		if sigs[i], err = s.read(i, p.Inputs[i].TaprootScriptSpendSig); err != nil {
			return nil, fmt.Errorf("PSBT: input %d: %w", i, err)
		}
	}
	return sigs, nil
}

func (s *Sign) read(input int, found []*psbt.TaprootScriptSpendSig) (peg.Signatures, error) {
	spend, sigs := &s.Batch.Spends[input], peg.Signatures{}
	leaf := txscript.NewBaseTapLeaf(spend.Vault.Settle.Script).TapHash()
	for _, f := range found {
		if !bytes.Equal(f.LeafHash, leaf[:]) {
			continue
		}
		for place, key := range spend.Set.Keys {
			if !bytes.Equal(f.XOnlyPubKey, key[:]) {
				continue
			}
			if len(f.Signature) != 64 || f.SigHash != txscript.SigHashDefault {
				return nil, fmt.Errorf("settler %d: a signature of %d bytes, sighash %d: want 64 and default", place, len(f.Signature), f.SigHash)
			}
			sig := [64]byte(f.Signature)
			if err := spend.CheckSignature(place, s.Hashes[input], sig); err != nil {
				return nil, err
			}
			sigs[place] = sig
		}
	}
	return sigs, nil
}

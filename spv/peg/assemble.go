package peg

import (
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
)

const (
	batchVersion  = 2
	batchSequence = 0xfffffffd // replaceable (BIP125)
)

// skeleton builds the transaction, all but what its payouts are worth and its list's hash,
// and so its size.
func (d *derivation) skeleton(picked []*candidate, coins []Coin) *Batch {
	b := &Batch{Number: uint32(d.Height / d.p.Peg.Epoch), Attempt: d.Attempt, Tx: wire.NewMsgTx(batchVersion)}
	b.Tx.LockTime = uint32(d.Height)
	d.spend(b, Coin{Outpoint: d.Connector, Value: d.link, Set: d.Set})
	change := -sum(picked)
	for i := range coins {
		d.spend(b, coins[i])
		change += coins[i].Value
	}
	b.Tx.AddTxOut(wire.NewTxOut(d.link, d.home.PkScript))
	b.Tx.AddTxOut(wire.NewTxOut(0, (&Marker{}).Script()))
	if change > 0 {
		b.Tx.AddTxOut(wire.NewTxOut(change, d.home.PkScript))
	}
	for _, u := range picked {
		b.Tx.AddTxOut(wire.NewTxOut(u.Amount, u.Script))
	}
	b.VSize = b.vsize()
	return b
}

func (d *derivation) spend(b *Batch, c Coin) {
	set := &d.p.Settlers[c.Set]
	b.Tx.AddTxIn(&wire.TxIn{PreviousOutPoint: c.Outpoint, Sequence: batchSequence})
	b.Spends = append(b.Spends, Spend{c.Value, set, d.vault(c)})
}

// vault recomputes a coin's vault, once.
func (d *derivation) vault(c Coin) Vault {
	v, ok := d.vaults[c.Outpoint]
	if !ok {
		v = NewVault(&d.p.Settlers[c.Set], d.p.Peg.Recovery, c.Mark)
		d.vaults[c.Outpoint] = v
	}
	return v
}

// fill completes the skeleton. All that burns ask for leaves the vault, payouts and fee
// together, so that the audit holds to the satoshi.
func (d *derivation) fill(b *Batch, picked []*candidate, share int64) {
	b.Share = share
	first := len(b.Tx.TxOut) - len(picked)
	for i, u := range picked {
		b.Tx.TxOut[first+i].Value = u.Amount - share
		b.Payouts = append(b.Payouts, Payout{u.Outpoint, u.Amount - share, u.Script})
		u.paid = true
	}
	marker := Marker{b.Number, d.Cut.Hash, PayoutHash(b.Payouts)}
	b.Tx.TxOut[1].PkScript = marker.Script()
}

// vsize returns the size of the batch in virtual bytes (BIP141), signed by K of each set.
func (b *Batch) vsize() int64 {
	stripped := b.Tx.SerializeSizeStripped()
	weight := 4*stripped + 2 // marker and flag
	for i := range b.Spends {
		s := &b.Spends[i]
		n := len(s.Set.Keys)
		items := make(wire.TxWitness, n, n+2)
		for k := range s.Set.K {
			items[k] = make([]byte, schnorr.SignatureSize)
		}
		weight += append(items, s.Vault.Settle.Script, s.Vault.Settle.Control).SerializeSize()
	}
	return int64(weight+3) / 4
}

// prevouts knows what the batch spends.
func (b *Batch) prevouts() *txscript.MultiPrevOutFetcher {
	f := txscript.NewMultiPrevOutFetcher(nil)
	for i, in := range b.Tx.TxIn {
		f.AddPrevOut(in.PreviousOutPoint, wire.NewTxOut(b.Spends[i].Value, b.Spends[i].Vault.PkScript))
	}
	return f
}

// SigHashes returns what each settler of input i's set signs, for every i (BIP340 over
// BIP341's SIGHASH_DEFAULT).
func (b *Batch) SigHashes() ([]spv.Hash, error) {
	prevouts := b.prevouts()
	mid := txscript.NewTxSigHashes(b.Tx, prevouts)
	hashes := make([]spv.Hash, len(b.Spends))
	for i := range b.Spends {
		h, err := b.Spends[i].Vault.Settle.sigHash(b.Tx, i, prevouts, mid)
		if err != nil {
			return nil, err
		}
		hashes[i] = h
	}
	return hashes, nil
}

// CheckSignature verifies one settler's signature of an input's hash, as SigHashes gave it.
func (s *Spend) CheckSignature(settler int, hash spv.Hash, sig [64]byte) error {
	if settler < 0 || settler >= len(s.Set.Keys) {
		return fmt.Errorf("settler %d: the set has %d", settler, len(s.Set.Keys))
	}
	key, err := schnorr.ParsePubKey(s.Set.Keys[settler][:])
	if err != nil {
		return fmt.Errorf("settler %d: %w", settler, err)
	}
	parsed, err := schnorr.ParseSignature(sig[:])
	if err != nil {
		return fmt.Errorf("settler %d: signature: %w", settler, err)
	}
	if !parsed.Verify(hash[:], key) {
		return fmt.Errorf("settler %d: signature is not of this batch's input", settler)
	}
	return nil
}

// Sign returns the batch with a witness for every input, from the signatures of each. Bad
// ones count as absent; without K good ones for every input it fails and names the first
// that lacks them.
func (b *Batch) Sign(sigs []Signatures) (*wire.MsgTx, error) {
	if len(sigs) != len(b.Spends) {
		return nil, fmt.Errorf("batch %d: signatures of %d inputs, want %d", b.Number, len(sigs), len(b.Spends))
	}
	hashes, err := b.SigHashes()
	if err != nil {
		return nil, fmt.Errorf("batch %d: %w", b.Number, err)
	}
	tx := b.Tx.Copy()
	for i := range b.Spends {
		s := &b.Spends[i]
		good := Signatures{}
		for settler := 0; settler < len(s.Set.Keys) && len(good) < s.Set.K; settler++ {
			if sig, ok := sigs[i][settler]; ok && s.CheckSignature(settler, hashes[i], sig) == nil {
				good[settler] = sig
			}
		}
		if tx.TxIn[i].Witness, err = SettleWitness(s.Vault.Settle, s.Set, good); err != nil {
			return nil, fmt.Errorf("batch %d: input %d: %w", b.Number, i, err)
		}
	}
	return tx, nil
}

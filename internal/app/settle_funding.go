package app

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"

	"github.com/btcsuite/btcd/btcutil/psbt"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/wallet"
	"github.com/layeredpow/lamina/wallet/settle"
)

// signedFunding finds the funding of a swap that was signed before this start. It is taken as a stranger's would be: every
// script of it is run once more.
func (l *Local) signedFunding(ctx context.Context, in Purse, id spv.Hash) (*wallet.Signed, error) {
	s, err := l.settlementOf(in.Wallet)
	if err != nil {
		return nil, err
	}
	c, err := l.ledger(in.Chain)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	sends, err := s.book.Step(nil) // a funding is among them for as long as it is right to send it
	var tx *wire.MsgTx
	for _, b := range sends {
		if b.Chain == c.params.NetID() && b.Tx.TxHash() == id && s.fundsLocked(b.Tx, b.Chain) {
			tx = b.Tx
		}
	}
	s.mu.Unlock()
	if tx == nil {
		if err != nil {
			return nil, err
		}
		return nil, Saying(CodeMissing, "funding %s: none was signed that may be sent now", id)
	}
	text, err := within(ctx, l, in, func(_ *ledger, p *purse) (string, error) { return packetWith(p, tx) })
	if err != nil {
		return nil, err
	}
	packet, err := wallet.ParsePacket([]byte(text))
	if err != nil {
		return nil, err
	}
	return packet.Extract()
}

// packetWith returns a signed transaction as a PSBT, with the transactions that it takes from.
func packetWith(p *purse, tx *wire.MsgTx) (string, error) {
	plain := tx.Copy()
	for _, in := range plain.TxIn {
		in.SignatureScript, in.Witness = nil, nil
	}
	packet, err := psbt.NewFromUnsignedTx(plain)
	if err != nil {
		return "", err
	}
	for i, in := range tx.TxIn {
		from, _, ok := p.chain.Transaction(in.PreviousOutPoint.Hash)
		if !ok || int(in.PreviousOutPoint.Index) >= len(from.TxOut) {
			return "", noTransaction(p, in.PreviousOutPoint.Hash)
		}
		line := &packet.Inputs[i]
		line.NonWitnessUtxo = from
		if len(in.SignatureScript) > 0 {
			line.FinalScriptSig = in.SignatureScript
		}
		if len(in.Witness) == 0 {
			continue
		}
		line.WitnessUtxo = from.TxOut[in.PreviousOutPoint.Index]
		var w bytes.Buffer
		if err := psbt.WriteTxWitness(&w, in.Witness); err != nil {
			return "", err
		}
		line.FinalScriptWitness = w.Bytes()
	}
	var raw bytes.Buffer
	if err := packet.Serialize(&raw); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(raw.Bytes()), nil
}

// refundsShown shows signed refunds of an output on a chain.
func refundsShown(chain string, list []settle.Rated) (out []Refund, err error) {
	for _, r := range list {
		tx := new(wire.MsgTx)
		if err := tx.Deserialize(bytes.NewReader(r.Raw)); err != nil {
			return nil, &Error{CodeInternal, err}
		}
		lock := tx.LockTime
		if lock == 0 { // of a deposit: by the age of what it takes
			lock = tx.TxIn[0].Sequence
		}
		out = append(out, Refund{ID: tx.TxHash(), Chain: chain, Rate: int64(r.Rate), Raw: hex.EncodeToString(r.Raw), Lock: lock})
	}
	return out, nil
}

package app

import (
	"bytes"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/wallet/settle"
)

// guarded is an output that may only be paid by a transaction that refunds were signed of.
type guarded struct {
	script  []byte
	refunds []settle.Rated
	what    string
}

// guardedLocked returns such outputs on a chain.
func (s *settlement) guardedLocked(chain spv.Hash) (out []guarded, err error) {
	for _, w := range s.book.Swaps() {
		if w.Terms == nil || w.Terms.Pays(w.Role).Chain != chain {
			continue
		}
		leg, err := s.book.Leg(w.Number)
		if err != nil {
			return nil, err
		}
		out = append(out, guarded{leg.Script, w.Refunds, "the leg of a swap"})
	}
	for script, refunds := range s.book.Refunds(chain) {
		out = append(out, guarded{[]byte(script), refunds, "a refundable deposit"})
	}
	return out, nil
}

func (s *settlement) beforeLocked(chain spv.Hash, tx *wire.MsgTx) error {
	side := s.on[chain]
	if side == nil {
		return nil
	}
	guards, err := s.guardedLocked(chain)
	if err != nil {
		return err
	}
	for _, g := range guards {
		if !pays(tx, g.script) {
			continue
		}
		ok, err := refundsOf(g.refunds, tx.TxHash())
		if err != nil {
			return err
		}
		if !ok {
			return Coded(CodeInvalid, "transaction %s: pays %s, and there is no signed refund of it: SignFunding makes one; "+
				"what was sent cannot be replaced, only raised (cpfp)", tx.TxHash(), g.what)
		}
	}
	if side.ledger.params.Peg == nil {
		return nil
	}
	for _, out := range tx.TxOut {
		if peg.IsBurn(out.PkScript, side.ledger.apex.NetID()) {
			return s.book.Burn(chain, tx)
		}
	}
	return nil
}

func pays(tx *wire.MsgTx, script []byte) bool {
	for _, out := range tx.TxOut {
		if bytes.Equal(out.PkScript, script) {
			return true
		}
	}
	return false
}

// refundsOf says whether refunds are of a transaction.
func refundsOf(refunds []settle.Rated, id spv.Hash) (bool, error) {
	for _, r := range refunds {
		tx := new(wire.MsgTx)
		if err := tx.Deserialize(bytes.NewReader(r.Raw)); err != nil {
			return false, &Error{CodeInternal, err}
		}
		if tx.TxIn[0].PreviousOutPoint.Hash == id {
			return true, nil
		}
	}
	return false, nil
}

package consensus

import (
	"fmt"
	"math"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/peg"
)

// Supply is what a pegged layer has taken in and given back since its first block.
type Supply struct {
	Claimed int64 // deposits claimed, L1 satoshis
	Burned  int64 // burned, base units of the layer
}

// after returns the supply behind a transaction. The cap bounds what has been claimed and
// not burned (protocol.md section 8); it is judged at every claim.
func (s Supply) after(p *chains.Params, facts *TxFacts) (Supply, error) {
	if facts.Claim != nil {
		deposit := facts.Claim.Amounts(p).Deposit
		if deposit > math.MaxInt64-s.Claimed {
			return s, refuse(CheckClaimMoney, fmt.Sprintf("%d sat on %d", deposit, s.Claimed), "a total that can be counted")
		}
		s.Claimed += deposit
		out := s.Claimed - s.Burned/p.UnitsPerSat()
		if out > p.Unit.MaxMoney/p.UnitsPerSat() {
			return s, refuse(CheckClaimMoney, fmt.Sprintf("%d sat claimed and not burned", out), "no more than the chain's money")
		}
		if p.Peg.Cap != chains.NoCap && out > p.Peg.Cap {
			return s, refuse(CheckClaimCap, fmt.Sprintf("%d sat claimed and not burned", out), fmt.Sprintf("at most %d", p.Peg.Cap))
		}
	}
	if facts.Burned > math.MaxInt64-s.Burned {
		return s, refuse(CheckBurnTotal, fmt.Sprintf("%d on %d", facts.Burned, s.Burned), "a total that can be counted")
	}
	s.Burned += facts.Burned
	return s, nil
}

// judgeClaim judges a transaction that mints a deposit (protocol.md 4.2).
func (at *TxContext) judgeClaim(tx *wire.MsgTx, view View, facts *TxFacts) error {
	c, err := peg.Parse(tx)
	if err != nil {
		return err
	}
	claimed, err := view.Claimed(c.Outpoint())
	if err != nil {
		return fmt.Errorf("claim %s: %w", c.Outpoint(), err)
	}
	if claimed {
		return refuse(CheckClaimTwice, c.Outpoint().String()+" again", "a deposit that was not claimed before")
	}
	if err := c.Check(at.Params, at.L1, at.Anchor, nil); err != nil {
		return err
	}
	amounts := c.Amounts(at.Params)
	facts.Claim, facts.Minted, facts.Fee = c, amounts.Minted, amounts.Fee
	return nil
}

// judgeBurns judges the outputs that destroy money (protocol.md 4.3), a coinbase's too. An
// output that is nearly a burn makes its transaction invalid.
func (at *TxContext) judgeBurns(tx *wire.MsgTx, id spv.Hash, facts *TxFacts) error {
	for i, out := range tx.TxOut {
		if Spendable(out.PkScript) {
			continue
		}
		if at.Params.Peg == nil || !peg.IsBurn(out.PkScript, at.Payer) {
			facts.Lost += out.Value
			continue
		}
		b, err := peg.ParseBurn(at.Params, at.Payer, out)
		if err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
		facts.Burns = append(facts.Burns, peg.Unpaid{Burn: b, Outpoint: wire.OutPoint{Hash: id, Index: uint32(i)}, Height: at.Height})
		facts.Burned += out.Value
	}
	return nil
}

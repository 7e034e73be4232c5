package app

import (
	"context"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/risk"
	"github.com/layeredpow/lamina/spv/said"
)

// laterBy are the further confirmations for which the risk is told.
var laterBy = []int{1, 2, 3, 6, 12, 30, 100}

// PaymentRisks says how safe payments of the history are from being undone.
func (l *Local) PaymentRisks(ctx context.Context, in Purse, ids []spv.Hash, attacker float64) ([]PaymentRisk, error) {
	attacker, err := attackerOr(attacker)
	if err != nil {
		return nil, err
	}
	if len(ids) > MostRisks {
		return nil, Coded(CodeInvalid, "%d payments: want at most %d", len(ids), MostRisks)
	}
	return within(ctx, l, in, func(c *ledger, p *purse) ([]PaymentRisk, error) {
		odds := c.odds(attacker)
		out := make([]PaymentRisk, 0, len(ids))
		for _, id := range ids {
			_, row, ok := p.chain.Transaction(id)
			if !ok {
				return nil, noTransaction(p, id)
			}
			r := odds.payment(row.Depth, row.Block.Height)
			r.Purse, r.ID, r.Trust = in, id, c.trustOf(p)
			out = append(out, r)
		}
		return out, nil
	})
}

// odds are what the risks of payments on one chain follow from. They are good within one call of the loop.
type odds struct {
	l        *ledger
	measured *measurement
	attacker float64
	race     risk.Race
	known    bool // there is a race
	waits    []Wait
	l1Waits  []Wait
}

func (l *ledger) odds(attacker float64) *odds {
	o := &odds{l: l, measured: l.measure(), attacker: attacker, l1Waits: waits(risk.OnL1(attacker), true)}
	o.race, o.known = l.race(o.measured, attacker)
	o.waits = waits(o.race, o.known)
	return o
}

// payment is about a payment so deep in the chain, in the block at a height.
func (o *odds) payment(depth, height int32) PaymentRisk {
	c := o.l
	r := PaymentRisk{Depth: depth, Attacker: o.attacker, Waits: o.waits}
	if c.params.AuxPoW != nil {
		r.unknown(o.measured.unknown)
	}
	if !o.known {
		return r
	}
	if c.params.AuxPoW != nil {
		r.Honest = &o.measured.honest
	}
	anchor := 0.0
	if c.params.Layer != nil && depth > 0 {
		var ok bool
		if r.AnchorDepth, ok = c.anchorDepth(height); !ok {
			r.unknown(said.Of("the L1 block under the payment's block is not known here"))
			return r
		}
		anchor = risk.OnL1(o.attacker).Risk(int(r.AnchorDepth))
		r.Anchor, r.L1Waits = &anchor, o.l1Waits
	}
	own := o.race.Risk(int(depth))
	both := risk.Combined(own, anchor)
	r.Own, r.Risk = &own, &both
	for _, more := range laterBy {
		r.Later = append(r.Later, Later{more, risk.Combined(o.race.Risk(int(depth)+more), anchor)})
	}
	return r
}

func (r *PaymentRisk) unknown(why said.Sentence) { r.Unknown, r.UnknownSaid = why.String(), why }

// anchorDepth returns how many L1 blocks lie on the highest block that a layer block can be anchored to, itself included; 0
// if that is not on the best chain.
func (l *ledger) anchorDepth(height int32) (int32, bool) {
	list, ok := l.sightings(height, height)
	if !ok || len(list) == 0 {
		return 0, false
	}
	highest, ok := l.anchorOf(&list[0].Parent, l.params.Layer.AnchorDepth)
	if !ok {
		return 0, false
	}
	if !l.lender.OnBest(highest) {
		return 0, true
	}
	return l.lender.Tip().Height - highest.Height + 1, true
}

package mempool

import (
	"errors"
	"fmt"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/peg"
)

// offer is what wants to be taken, as a whole or not at all: one transaction, or a few of
// which each may spend those before it. Judging it changes nothing.
type offer struct {
	pool   *Pool
	ctx    *consensus.TxContext
	view   *view
	now    time.Time
	fresh  []*entry
	sums   sums
	direct group // in conflict with one of the fresh
	evict  group // they, and what depends on them
}

// missingError tells which transactions would have to come first.
type missingError struct{ parents []spv.Hash }

func (e *missingError) Error() string {
	return fmt.Sprintf("%d parents are not known, %s among them", len(e.parents), e.parents[0])
}

// poorError says that the transaction alone pays too little, so that a child may help.
type poorError struct{ error }

func (e *poorError) Unwrap() error { return e.error }

func (p *Pool) newOffer(now time.Time) (*offer, error) {
	ctx, err := p.place()
	if err != nil {
		return nil, err
	}
	return &offer{pool: p, ctx: ctx, view: p.view(ctx.Height), now: now, direct: group{}}, nil
}

// judge judges the offer of some transactions in order. The cheap questions come first,
// the scripts last. Trusted leaves out what does not count for transactions that were in
// a block: fees.
func (o *offer) judge(txs []*wire.MsgTx, trusted bool) error {
	for _, tx := range txs {
		if err := o.preview(tx); err != nil {
			return fmt.Errorf("transaction %s: %w", tx.TxHash(), err)
		}
	}
	if !trusted {
		if err := o.judgeFees(); err != nil {
			return err
		}
	}
	if err := o.judgePlace(); err != nil {
		return err
	}
	o.evict = descendants(o.direct)
	for e := range o.direct {
		o.evict[e] = struct{}{}
	}
	if len(o.direct) > 0 {
		if err := o.judgeReplacement(); err != nil {
			return err
		}
	}
	for _, e := range o.fresh {
		facts, err := consensus.CheckTx(o.ctx, e.tx, o.view, o.pool.cache)
		if err != nil {
			return err
		}
		if facts.Fee != e.fee { // fees were judged by our own sum: it must be the true one
			return fmt.Errorf("transaction %s: fee %d, want %d", e.id, e.fee, facts.Fee)
		}
	}
	return nil
}

// preview finds out what a transaction pays, takes and depends on.
func (o *offer) preview(tx *wire.MsgTx) error {
	p := o.pool
	e := &entry{tx: tx, id: tx.TxHash(), wid: tx.WitnessHash(), weight: consensus.TxWeight(tx), time: o.now,
		height: o.ctx.Height - 1, parents: group{}}
	if old := p.byID[e.id]; old != nil {
		return refuse(CheckSameTx, e.wid.String(), "another transaction than that with witness id "+old.wid.String())
	}
	if !sound(p.params.Unit.MaxMoney, tx) {
		if _, err := consensus.CheckTx(o.ctx, tx, o.view, nil); err != nil {
			return err
		}
	}
	claim := p.params.Peg != nil && peg.IsClaim(tx)
	if !p.anyForm {
		if err := p.form(tx, e.weight, claim); err != nil {
			return err
		}
	}
	var coins []*consensus.Coin
	var err error
	if claim {
		err = o.claim(e)
	} else {
		coins, err = o.coins(e)
	}
	if err != nil {
		return err
	}
	if !p.anyForm {
		if err := p.inputs(tx, coins); err != nil {
			return err
		}
	}
	e.sigOps = sigOps(tx, coins)
	if most := consensus.SigOpLimit(p.params) / sigOpsShare; e.sigOps > most {
		return refuse(CheckSigOps, fmt.Sprint(e.sigOps), fmt.Sprintf("a cost of at most %d", most))
	}
	e.size = consensus.VirtualSize(max(e.weight, e.sigOps*weightPerSigOp))
	e.cost = cost(tx)
	o.view.made[e.id] = tx
	o.fresh = append(o.fresh, e)
	o.sums.add(e, 1)
	return nil
}

// sound tells whether amounts can be added up and inputs be looked for. What is not sound
// is for package consensus to refuse.
func sound(most int64, tx *wire.MsgTx) bool {
	sum := int64(0)
	for _, out := range tx.TxOut {
		if out.Value < 0 || out.Value > most-sum {
			return false
		}
		sum += out.Value
	}
	seen := make(map[wire.OutPoint]struct{}, len(tx.TxIn))
	for _, in := range tx.TxIn {
		seen[in.PreviousOutPoint] = struct{}{}
		if in.PreviousOutPoint.Index == wire.MaxPrevOutIndex {
			return false
		}
	}
	return len(tx.TxIn) > 0 && len(tx.TxOut) > 0 && len(seen) == len(tx.TxIn)
}

// claim finds out what a claim pays.
func (o *offer) claim(e *entry) error {
	c, err := peg.Parse(e.tx)
	if err != nil {
		return err
	}
	a := c.Amounts(o.pool.params)
	if a.Fee < 0 {
		_, err := consensus.CheckTx(o.ctx, e.tx, o.view, nil)
		return err
	}
	e.fee, e.deposit = a.Fee, a.Deposit
	o.conflict(e.tx)
	return nil
}

func (o *offer) conflict(tx *wire.MsgTx) {
	for _, in := range tx.TxIn {
		if other := o.pool.spent[in.PreviousOutPoint]; other != nil {
			o.direct[other] = struct{}{}
		}
	}
}

// coins finds what a transaction spends, whose child it is, and what it pays.
func (o *offer) coins(e *entry) ([]*consensus.Coin, error) {
	o.conflict(e.tx)
	coins := make([]*consensus.Coin, 0, len(e.tx.TxIn))
	missing := &missingError{}
	sum := int64(0)
	for i, in := range e.tx.TxIn {
		op := in.PreviousOutPoint
		c, err := o.view.Coin(op)
		if err != nil {
			return nil, fmt.Errorf("coin %s: %w", op, err)
		}
		parent, fresh := o.pool.byID[op.Hash], o.view.made[op.Hash] != nil
		switch {
		case c == nil && (parent != nil || fresh):
			return nil, refuse(consensus.CheckCoin, fmt.Sprintf("input %d spends %s", i, op), "an output that exists")
		case c == nil:
			missing.parents = append(missing.parents, op.Hash)
			continue
		case c.Value < 0 || c.Value > o.pool.params.Unit.MaxMoney-sum:
			return nil, refuse(consensus.CheckInputAmount, fmt.Sprintf("input %d of %d on %d", i, c.Value, sum),
				"amounts within the chain's money")
		case fresh:
			for _, f := range o.fresh {
				if f.id == op.Hash {
					e.parents[f] = struct{}{}
				}
			}
		case parent != nil:
			e.parents[parent] = struct{}{}
		}
		sum += c.Value
		coins = append(coins, c)
	}
	if len(missing.parents) > 0 {
		return nil, o.gone(e, missing)
	}
	for _, out := range e.tx.TxOut {
		sum -= out.Value
	}
	if sum < 0 {
		return nil, refuse(consensus.CheckFee, fmt.Sprintf("outputs of %d more", -sum), "no more than the inputs")
	}
	e.fee = sum
	return coins, nil
}

// maxOutputsAsked is how many outputs are looked for to find that a transaction is in the
// chain already.
const maxOutputsAsked = 16

// gone tells a transaction whose parents are missing from one that is in the chain, so
// that its inputs are spent by itself.
func (o *offer) gone(e *entry, missing *missingError) error {
	for i := range e.tx.TxOut[:min(len(e.tx.TxOut), maxOutputsAsked)] {
		c, err := o.pool.chain.Coin(wire.OutPoint{Hash: e.id, Index: uint32(i)})
		if err != nil {
			return err
		}
		if c != nil {
			return refuse(CheckUnspent, fmt.Sprintf("output %d at height %d", i, c.Height), "a transaction that is not in the chain yet")
		}
	}
	return missing
}

// judgeFees holds what the offer pays against what is asked. A transaction can be paid for
// by those behind it and not by those before it.
func (o *offer) judgeFees() error {
	policy := o.pool.params.Policy
	rate := o.pool.floorAt(o.now)
	var paid, size, least int64
	for i := len(o.fresh) - 1; i >= 0; i-- {
		e := o.fresh[i]
		dust := int64(0)
		for _, out := range e.tx.TxOut {
			if out.Value < policy.SoftDust && !isReturn(out.PkScript) {
				dust += policy.SoftDust
			}
		}
		own := feeFor(policy.MinRelay, e.size) + dust
		e.poor = e.fee < own
		paid, size, least = paid+e.fee, size+e.size, least+own
		if want := max(least, feeFor(rate, size)); paid < want {
			return &poorError{fmt.Errorf("transaction %s: %w", e.id, refuse(CheckFeeRate,
				fmt.Sprintf("fee %d for %d vbytes", paid, size), fmt.Sprintf("at least %d", want)))}
		}
	}
	return nil
}

// isPoor tells whether an offer was refused for its fee alone.
func isPoor(err error) bool {
	var poor *poorError
	return errors.As(err, &poor)
}

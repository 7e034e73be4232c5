package app

import (
	"context"

	"github.com/layeredpow/lamina/keystore"
	"github.com/layeredpow/lamina/wallet"
	"github.com/layeredpow/lamina/wallet/fee"
)

// PlanCombine plans to combine coins, and changes nothing.
func (l *Local) PlanCombine(ctx context.Context, in Purse, r CombineRequest) (Plan, error) {
	l.freshen(ctx, in, r.Rate)
	return within(ctx, l, in, func(c *ledger, p *purse) (Plan, error) {
		rate, err := c.rate(r.Rate)
		if err != nil {
			return Plan{}, err
		}
		future := max(rate, fee.Rate(c.feeRange().Normal))
		if r.Future != 0 {
			if future, err = c.rate(r.Future); err != nil {
				return Plan{}, err
			}
		}
		filter, err := r.filter()
		if err != nil {
			return Plan{}, err
		}
		plan, err := p.chain.PlanCombine(filter, rate, future)
		if err != nil {
			return Plan{}, err
		}
		l.drafts.keepPlan(in, plan)
		return planOf(c, p, plan), nil
	})
}

// planOf shows a plan.
func planOf(c *ledger, p *purse, plan *wallet.Plan) Plan {
	out := Plan{Purse: p.Purse, ID: plan.ID, Rate: int64(plan.Rate), Future: int64(plan.Future), Cost: plan.Cost, Later: plan.Later,
		Rest: plan.Rest, Saving: plan.Saving(), Left: plan.Left, Lost: plan.Lost, Unit: unitOf(c.params), Trust: c.trustOf(p)}
	for i, g := range plan.Groups {
		for _, s := range g.Steps {
			step := PlanStep{Group: i, Sum: s.Sum, Fee: s.Fee, VSize: fee.Virtual(s.Weight)}
			for _, op := range s.Coins {
				step.Coins = append(step.Coins, op.String())
			}
			out.Coins += len(s.Coins)
			out.Steps = append(out.Steps, step)
		}
		if g.Join {
			out.Steps = append(out.Steps, PlanStep{Group: i, Join: true})
		}
	}
	if out.Advice = AdviseWait; out.Saving > 0 {
		out.Advice = AdviseNow
	}
	out.State = PlanState{Steps: len(out.Steps)}
	if _, at, err := p.chain.NextStep(plan.ID, 0, chance()); err == nil {
		out.State = PlanState{Kept: true, Done: at.Done, Steps: at.Steps, Waiting: at.Waiting}
	}
	return out
}

// RunPlan sends all transactions of a plan that can be sent now.
func (l *Local) RunPlan(ctx context.Context, in Purse, id string, password Secret, consent []string) (PlanState, error) {
	to, err := consentTo(consent)
	if err != nil {
		return PlanState{}, err
	}
	keys, done, err := l.keys(in.Wallet, password)
	if err != nil {
		return PlanState{}, err
	}
	defer done()
	err = change(ctx, l, in, func(_ *ledger, p *purse) error {
		for _, kept := range p.chain.Plans() {
			if kept.ID == id {
				return nil
			}
		}
		plan := l.drafts.plan(in, id)
		if plan == nil {
			return Saying(CodeMissing, "plan %.40q: neither kept nor just made", id)
		}
		return p.chain.StartPlan(plan)
	})
	if err != nil {
		return PlanState{}, err
	}
	state := PlanState{Kept: true}
	for {
		more, err := l.step(ctx, in, id, keys, to, &state)
		if len(state.Warnings) > 0 && len(state.Sent) > 0 {
			return state, nil // an error would lose what was sent
		}
		if err != nil || !more {
			return state, err
		}
	}
}

// step sends the next transaction of a plan, if there is one, and tells whether there was.
func (l *Local) step(ctx context.Context, in Purse, id string, keys *keystore.Keyring, to []wallet.Concern, state *PlanState) (bool, error) {
	type next struct {
		draft *wallet.Draft
		at    wallet.Progress
	}
	n, err := within(ctx, l, in, func(c *ledger, p *purse) (next, error) {
		d, at, err := p.chain.NextStep(id, c.lockHeight(), chance())
		return next{d, at}, err
	})
	if err != nil {
		return false, err
	}
	state.Done, state.Steps, state.Waiting = n.at.Done, n.at.Steps, n.at.Waiting
	if n.draft == nil {
		return false, nil
	}
	if err := consented(n.draft, to); err != nil {
		state.Warnings = warningsOf(n.draft)
		return false, err
	}
	signed, err := n.draft.Sign(keys.Unchecked(), to...) // it runs every script itself
	if err != nil {
		return false, err
	}
	sent, err := l.commit(ctx, &planned{in: in, draft: n.draft}, signed, "")
	if err != nil {
		return false, err
	}
	if sent.Repeated {
		return false, Saying(CodeInternal, "plan %s: its next transaction %s was sent already", id, sent.ID)
	}
	state.Sent = append(state.Sent, sent.ID)
	return true, nil
}

// ListPlans returns the plans that are kept.
func (l *Local) ListPlans(ctx context.Context, in Purse) ([]Plan, error) {
	return within(ctx, l, in, func(c *ledger, p *purse) (out []Plan, err error) {
		for _, plan := range p.chain.Plans() {
			out = append(out, planOf(c, p, plan))
		}
		return out, nil
	})
}

// DropPlan forgets a plan.
func (l *Local) DropPlan(ctx context.Context, in Purse, id string) error {
	return change(ctx, l, in, func(_ *ledger, p *purse) error {
		for _, kept := range p.chain.Plans() {
			if kept.ID == id {
				return p.chain.DropPlan(id)
			}
		}
		return Saying(CodeMissing, "plan %.40q: not kept", id)
	})
}

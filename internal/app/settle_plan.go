package app

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/layeredpow/lamina/keystore"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/wallet"
	"github.com/layeredpow/lamina/wallet/fee"
	"github.com/layeredpow/lamina/wallet/settle"
)

var _ Settlement = (*Local)(nil)

// settlePlan is a draft that wants refunds, and what is signed of it.
type settlePlan struct {
	draft  string
	layer  *spv.Hash // of a refundable deposit
	swap   uint32    // else
	made   time.Time
	kept   *planned
	signed *wallet.Signed
}

// settlementOf returns the settlement of a wallet.
func (l *Local) settlementOf(name string) (*settlement, error) {
	w, err := l.ready(name)
	if err != nil {
		return nil, err
	}
	if w.watch {
		return nil, Saying(CodeWatch, "wallet %s: watch-only, it cannot settle", name)
	}
	if s := l.deals.of(name); s != nil {
		return s, nil
	}
	return nil, Saying(CodeMissing, "wallet %s: has no chains that are followed here", name)
}

// pegged returns a wallet's settlement, a pegged layer and its L1. The wallet has accounts on both.
func (l *Local) pegged(wallet, chain string) (s *settlement, layer, l1 *ledger, err error) {
	if s, err = l.settlementOf(wallet); err != nil {
		return nil, nil, nil, err
	}
	if layer, l1, err = l.peg(chain); err != nil {
		return nil, nil, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on[layer.params.NetID()] == nil {
		return nil, nil, nil, Saying(CodeMissing, "wallet %s: wants accounts on both %s and %s", wallet, l1.params.Name, chain)
	}
	return s, layer, l1, nil
}

// peg returns a pegged layer and its L1.
func (l *Local) peg(chain string) (layer, l1 *ledger, err error) {
	if layer, err = l.ledger(chain); err != nil {
		return nil, nil, err
	}
	if layer.params.Peg == nil || layer.params.Layer == nil {
		return nil, nil, Saying(CodeInvalid, "%s: takes no deposits, its money is its own", chain)
	}
	l1, err = l.ledger(layer.apex.Name)
	return layer, l1, err
}

// inForce leaves out of states those whose transaction is the wallet's own, is in no block, and was replaced or given up: it is
// called off, and one that took its place has a state of its own. Waits tells a state's transaction, and whether it is in no block.
func inForce[T any](ctx context.Context, l *Local, in Purse, states []T, waits func(*T) (spv.Hash, bool)) ([]T, error) {
	return within(ctx, l, in, func(_ *ledger, p *purse) ([]T, error) {
		return slices.DeleteFunc(states, func(s T) bool {
			id, waiting := waits(&s)
			if !waiting {
				return false
			}
			_, row, ok := p.chain.Transaction(id)
			return ok && row.Status != wallet.StatusPending && row.Status != wallet.StatusConfirmed
		}), nil
	})
}

// with runs f on a settlement's book, tells the machines what is to be looked for since, and has everything looked at.
func with[T any](l *Local, s *settlement, f func(book *settle.Book) (T, error)) (T, error) {
	s.mu.Lock()
	out, err := f(s.book)
	s.mu.Unlock()
	l.deals.spread(s)
	l.deals.wake()
	return out, err
}

// ownScript returns the script of an address of a purse to be paid at.
func (l *Local) ownScript(ctx context.Context, in Purse, fresh bool) ([]byte, error) {
	a, err := l.Receive(ctx, in, ReceiveRequest{Fresh: fresh})
	if err != nil {
		return nil, err
	}
	c, err := l.ledger(in.Chain)
	if err != nil {
		return nil, err
	}
	return l.script(c.params, a.Address)
}

// settleDraft plans a transaction that makes outputs, in the loop of its chain.
func (l *Local) settleDraft(ctx context.Context, kept *planned, rate int64, coins []string,
	outputs func(c *ledger, p *purse) ([]wallet.Recipient, error)) (Draft, error) {
	l.freshen(ctx, kept.in, rate)
	ops, err := outpoints(coins)
	if err != nil {
		return Draft{}, err
	}
	return l.plan(ctx, kept, func(c *ledger, p *purse) (*wallet.Draft, error) {
		to, err := outputs(c, p)
		if err != nil {
			return nil, err
		}
		r := wallet.Request{Recipients: to, Coins: ops, LongTerm: fee.Rate(c.feeRange().Normal), LockHeight: c.lockHeight()}
		if r.Rate, err = c.rate(rate); err != nil {
			return nil, err
		}
		r.Change = changeAccount(p, &r)
		return p.chain.Draft(r, chance())
	})
}

// guard keeps that a draft wants refunds, and forgets those that are as old as drafts that are forgotten.
func (l *Local) guard(p *settlePlan) {
	t := l.deals
	t.mu.Lock()
	defer t.mu.Unlock()
	now := l.options.Clock()
	for id, old := range t.plans {
		if now.Sub(old.made) > draftAge {
			delete(t.plans, id)
		}
	}
	for id, old := range t.signed {
		if now.Sub(old.made) > draftAge {
			delete(t.signed, id)
		}
	}
	p.made = now
	t.plans[p.draft] = p
}

// SignFunding signs a draft with the refunds of it.
func (l *Local) SignFunding(ctx context.Context, r SendRequest) (Funding, error) {
	kept, err := l.drafts.get(r.Draft)
	if err != nil {
		return Funding{}, err
	}
	l.deals.mu.Lock()
	plan := l.deals.plans[r.Draft]
	l.deals.mu.Unlock()
	if plan == nil {
		return Funding{}, Coded(CodeInvalid, "draft %.40q: wants no refunds, Send sends it", r.Draft)
	}
	s, err := l.settlementOf(kept.in.Wallet)
	if err != nil {
		return Funding{}, err
	}
	consent, err := consentTo(r.Consent)
	if err != nil {
		return Funding{}, err
	}
	if err := consented(kept.draft, consent); err != nil {
		return Funding{}, err
	}
	keys, done, err := l.keys(kept.in.Wallet, r.Password)
	if err != nil {
		return Funding{}, err
	}
	defer done()
	signed, err := kept.draft.Sign(keys, consent...)
	if err != nil {
		return Funding{}, err
	}
	refunds, err := with(l, s, func(book *settle.Book) ([]settle.Rated, error) {
		if plan.layer != nil {
			return book.FundRefundable(*plan.layer, signed.Tx(), keys)
		}
		return book.Fund(plan.swap, signed.Tx(), keys)
	})
	if err != nil {
		return Funding{}, err
	}
	plan.kept, plan.signed = kept, signed
	l.deals.mu.Lock()
	l.deals.signed[signed.ID()] = plan
	l.deals.mu.Unlock()
	out := Funding{Purse: kept.in, ID: signed.ID()}
	out.Refunds, err = refundsShown(kept.in.Chain, refunds)
	return out, errors.Join(err, ctx.Err())
}

// SendFunding keeps a transaction that SignFunding signed, and sends it.
func (l *Local) SendFunding(ctx context.Context, in Purse, id spv.Hash) (Sent, error) {
	l.deals.mu.Lock()
	plan := l.deals.signed[id]
	l.deals.mu.Unlock()
	if plan != nil && plan.kept.in == in {
		return l.commit(ctx, plan.kept, plan.signed, "")
	}
	signed, err := l.signedFunding(ctx, in, id)
	if err != nil {
		return Sent{}, err
	}
	return l.commit(ctx, &planned{in: in}, signed, "")
}

// refundKeys is the public part of the keys that a refundable deposit is planned with.
type refundKeys struct{ key *keystore.Public }

var errNoRefundKey = Saying(CodeLocked, "refundable deposit: wants the wallet to be unlocked once")

func (k refundKeys) Public(path keystore.Path) (*keystore.Public, error) {
	if k.key == nil || path.String() != settle.RefundPath().String() {
		return nil, errNoRefundKey
	}
	return k.key, nil
}

func (refundKeys) SignECDSA(keystore.Path, [32]byte) ([]byte, error) { return nil, errNoRefundKey }
func (refundKeys) SignSchnorrUntweaked(keystore.Path, [32]byte) ([]byte, error) {
	return nil, errNoRefundKey
}
func (refundKeys) Secret(string, uint32) ([32]byte, error) { return [32]byte{}, errNoRefundKey }

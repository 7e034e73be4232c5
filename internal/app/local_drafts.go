package app

import (
	"context"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/syncer"
	"github.com/layeredpow/lamina/wallet"
	"github.com/layeredpow/lamina/wallet/address"
	"github.com/layeredpow/lamina/wallet/fee"
	"github.com/layeredpow/lamina/wallet/uri"
)

// Draft plans a payment.
func (l *Local) Draft(ctx context.Context, in Purse, pay Payment) (Draft, error) {
	l.freshen(ctx, in, pay.Rate)
	kept := &planned{in: in, payment: digest("pay", in, pay), label: pay.Label, labels: map[string]string{}}
	return l.plan(ctx, kept, func(c *ledger, p *purse) (*wallet.Draft, error) {
		r, err := l.request(c, p, &pay, kept)
		if err != nil {
			return nil, err
		}
		return p.chain.Draft(r, chance())
	})
}

// plan makes a draft in the loop and keeps it.
func (l *Local) plan(ctx context.Context, kept *planned, make func(c *ledger, p *purse) (*wallet.Draft, error)) (Draft, error) {
	return within(ctx, l, kept.in, func(c *ledger, p *purse) (Draft, error) {
		d, err := make(c, p)
		if err != nil {
			return Draft{}, err
		}
		kept.draft = d
		l.drafts.keep(kept, l.options.Clock())
		return draftOf(c, p, kept), nil
	})
}

// request reads a payment.
func (l *Local) request(c *ledger, p *purse, pay *Payment, kept *planned) (r wallet.Request, err error) {
	if r.Rate, err = c.rate(pay.Rate); err != nil {
		return r, err
	}
	r.LongTerm = fee.Rate(c.feeRange().Normal)
	if r.Coins, err = outpoints(pay.Coins); err != nil {
		return r, err
	}
	if r.Data, err = hex.DecodeString(pay.Data); err != nil {
		return r, Saying(CodeInvalid, "data: %v", err)
	}
	if len(r.Data) == 0 {
		r.Data = nil
	}
	if len(pay.Accounts) > 0 {
		r.Accounts = pay.Accounts
	} else if r.Coins == nil {
		r.Accounts = watched(p)
	}
	if !pay.NoLock {
		r.LockHeight = c.lockHeight()
	}
	for i, to := range pay.To {
		out, text, err := l.recipient(c, to)
		if err != nil {
			return r, Saying(CodeInvalid, "recipient %d: %w", i+1, err)
		}
		if to.Label != "" {
			kept.labels[text] = to.Label
		}
		r.Recipients = append(r.Recipients, out)
	}
	r.Change = changeAccount(p, &r)
	return r, nil
}

// watched returns all accounts of a purse that cannot sign for any, as its drafts are for others to sign; else nil.
func watched(p *purse) (all []int) {
	for i, a := range p.chain.Accounts() {
		if !a.WatchOnly {
			return nil
		}
		all = append(all, i)
	}
	return all
}

// recipient reads one output to make, and its address.
func (l *Local) recipient(c *ledger, to Recipient) (wallet.Recipient, string, error) {
	out := wallet.Recipient{Amount: to.Amount, Max: to.Max, PaysFee: to.PaysFee}
	ask, err := l.parse(c, to.Address)
	if err != nil {
		return out, "", err
	}
	out.Script = ask.Script
	if ask.HasAmount && out.Amount == 0 && !out.Max {
		out.Amount = ask.Amount
	}
	return out, ask.Address, nil
}

// parse reads an address or a URI.
func (l *Local) parse(c *ledger, text string) (*uri.Request, error) {
	text = strings.TrimSpace(text)
	if strings.Contains(text, ":") {
		return uri.Parse(c.params, text, l.set.All()...)
	}
	script, err := l.script(c.params, text)
	if err != nil {
		return nil, err
	}
	return &uri.Request{Script: script, Address: text}, nil
}

// changeAccount chooses the account that takes the change: that of the coins that were named; else, of the accounts that
// pay, one of the kind of what is paid, so that the change looks like a payment, or the one for receiving.
func changeAccount(p *purse, r *wallet.Request) int {
	if len(r.Coins) > 0 {
		if k, ok := p.chain.Coin(r.Coins[0]); ok {
			return k.Account
		}
	}
	accounts := p.chain.Accounts()
	var kinds []address.Kind
	for _, to := range r.Recipients {
		kinds = append(kinds, address.KindOf(p.chain.Params(), to.Script))
	}
	for _, kind := range append(kinds, receiving...) {
		for i, a := range accounts {
			if a.Kind() == kind && (r.Accounts == nil && !a.WatchOnly || slices.Contains(r.Accounts, i)) {
				return i
			}
		}
	}
	at, err := accountFor(p, ReceiveRequest{})
	if err != nil {
		return 0
	}
	return at
}

// Bump plans a replacement that pays more.
func (l *Local) Bump(ctx context.Context, in Purse, id spv.Hash, rate int64) (Draft, error) {
	return l.replace(ctx, "bump", in, id, rate, (*wallet.Chain).Bump)
}

// Cancel plans a replacement that pays everything back to ourselves.
func (l *Local) Cancel(ctx context.Context, in Purse, id spv.Hash, rate int64) (Draft, error) {
	return l.replace(ctx, "cancel", in, id, rate, (*wallet.Chain).Cancel)
}

// Raise plans a child that pays for its parent.
func (l *Local) Raise(ctx context.Context, in Purse, id spv.Hash, rate int64) (Draft, error) {
	return l.replace(ctx, "cpfp", in, id, rate, (*wallet.Chain).Raise)
}

func (l *Local) replace(ctx context.Context, kind string, in Purse, id spv.Hash, asked int64,
	how func(*wallet.Chain, spv.Hash, fee.Rate, int32, *rand.Rand) (*wallet.Draft, error)) (Draft, error) {
	l.freshen(ctx, in, asked)
	kept := &planned{in: in, payment: digest(kind, in, id, asked)}
	return l.plan(ctx, kept, func(c *ledger, p *purse) (*wallet.Draft, error) {
		tx, row, ok := p.chain.Transaction(id)
		if !ok {
			return nil, noTransaction(p, id)
		}
		rate, err := c.rate(asked)
		if err != nil {
			return nil, err
		}
		if asked == 0 && row.FeeKnown {
			// A quarter more at least: a smaller step would seldom change anything.
			was := int64(fee.RateOf(row.Fee, int64(3*tx.SerializeSizeStripped()+tx.SerializeSize())))
			rate = max(rate, fee.Rate(was+was/4+c.params.Policy.Incremental))
		}
		kept.label = row.Label
		return how(p.chain, id, rate, c.lockHeight(), chance())
	})
}

// Split plans a transaction to ourselves that makes the coins asked for.
func (l *Local) Split(ctx context.Context, in Purse, s SplitRequest) (Draft, error) {
	ops, err := outpoints(s.Coins)
	if err != nil {
		return Draft{}, err
	}
	l.freshen(ctx, in, s.Rate)
	kept := &planned{in: in, payment: digest("split", in, s)}
	return l.plan(ctx, kept, func(c *ledger, p *purse) (*wallet.Draft, error) {
		rate, err := c.rate(s.Rate)
		if err != nil {
			return nil, err
		}
		account := s.Account
		if account < 0 {
			account = richest(p, ops)
		}
		split := wallet.Split{Count: s.Count, Amount: s.Amount, Coins: ops, Account: account, Rate: rate,
			LongTerm: fee.Rate(c.feeRange().Normal), Lock: c.lockHeight()}
		if len(s.Amounts) > 0 {
			split.Amounts = s.Amounts
		}
		d, scripts, err := p.chain.PlanSplit(split, chance())
		c.watch(p, syncer.Watch{Scripts: scripts, From: p.next()})
		return d, err
	})
}

// richest returns the account with the most that can be spent, of certain coins if there are any.
func richest(p *purse, only []wire.OutPoint) (account int) {
	sums := map[int]int64{}
	for _, k := range p.chain.Coins() {
		if k.Spendable() && (len(only) == 0 || slices.Contains(only, k.Outpoint)) {
			sums[k.Account] += k.Value
		}
	}
	for i := range p.chain.Accounts() {
		if sums[i] > sums[account] {
			account = i
		}
	}
	return account
}

// Discard forgets a draft.
func (l *Local) Discard(ctx context.Context, id string) error {
	l.drafts.discard(id)
	return ctx.Err()
}

// ParseURI reads a payment request or a bare address.
func (l *Local) ParseURI(ctx context.Context, chain, text string) (PaymentRequest, error) {
	c, err := l.ledger(chain)
	if err != nil {
		return PaymentRequest{}, err
	}
	ask, err := l.parse(c, text)
	if err != nil {
		return PaymentRequest{}, err
	}
	out := PaymentRequest{Address: ask.Address, Label: ask.Label, Message: ask.Message}
	if ask.HasAmount {
		out.Amount = &ask.Amount
	}
	return out, ctx.Err()
}

func warningsOf(d *wallet.Draft) (out []Warning) {
	for _, w := range d.Warnings() {
		out = append(out, Warning{w.Concern.String(), w.Text.String(), w.Text})
	}
	return out
}

// draftOf shows a draft.
func draftOf(c *ledger, p *purse, kept *planned) Draft {
	d := kept.draft
	out := Draft{Purse: kept.in, ID: kept.id, Paid: d.Paid(), Fee: d.Fee(), Rate: int64(d.Rate()), VSize: fee.Virtual(d.Weight()),
		LockTime: d.LockTime(), Algorithm: d.Algorithm(), Replaces: d.Replaces(), Warnings: warningsOf(d), Unit: unitOf(c.params), Trust: c.trustOf(p)}
	for _, in := range d.Inputs() {
		k := &in.Coin
		line := outputLine(p.chain, k.Script, k.Value)
		line.Outpoint, line.State, line.Tags, line.Label = k.Outpoint.String(), k.State.String(), k.Tags, k.Label
		out.Inputs = append(out.Inputs, line)
	}
	for _, o := range d.Outputs() {
		line := outputLine(p.chain, o.Script, o.Value)
		if text := kept.labels[line.Address]; text != "" {
			line.Label = text
		}
		out.Outputs = append(out.Outputs, line)
	}
	return out
}

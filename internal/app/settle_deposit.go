package app

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/spv/said"
	"github.com/layeredpow/lamina/wallet"
	"github.com/layeredpow/lamina/wallet/address"
	"github.com/layeredpow/lamina/wallet/settle"
)

// DraftDeposit plans a deposit.
func (l *Local) DraftDeposit(ctx context.Context, r DepositRequest) (SettleDraft, error) {
	s, layer, l1, err := l.pegged(r.Wallet, r.Layer)
	if err != nil {
		return SettleDraft{}, err
	}
	if r.Refundable && r.Max {
		return SettleDraft{}, Saying(CodeInvalid, "deposit: a refundable one wants its amount said")
	}
	if r.MaxFee == 0 {
		r.MaxFee = int64(settle.MaxFees(layer.params)[1])
	}
	script, err := l.depositScript(ctx, s, layer, &r)
	if err != nil {
		return SettleDraft{}, err
	}
	var back []byte
	if r.Refundable {
		if back, err = l.ownScript(ctx, Purse{r.Wallet, l1.params.Name}, false); err != nil {
			return SettleDraft{}, err
		}
	}
	id := layer.params.NetID()
	var to wallet.Recipient
	kept := &planned{in: Purse{r.Wallet, l1.params.Name}, payment: digest("deposit", Purse{r.Wallet, l1.params.Name}, r), label: r.Label}
	d, err := l.settleDraft(ctx, kept, r.Rate, r.Coins, func(c *ledger, p *purse) ([]wallet.Recipient, error) {
		amount := r.Amount
		if r.Max { // what is left after the fee follows from the draft; the script does not depend on it
			amount = p.chain.Balance().Spendable()
		}
		var err error
		if to, err = s.planDeposit(id, script, back, &r, amount); err != nil {
			return nil, err
		}
		c.settleWatch(s)
		if to.Max = r.Max; r.Max {
			to.Amount = 0
		}
		return []wallet.Recipient{to}, nil
	})
	if err != nil {
		return SettleDraft{}, err
	}
	out := SettleDraft{Draft: d, For: "deposit", Layer: r.Layer, Amount: paidTo(kept.draft, to.Script), MaxFee: r.MaxFee,
		Refunds: r.Refundable}
	if r.Max {
		if _, err := s.planDeposit(id, script, back, &r, out.Amount); err != nil {
			l.drafts.discard(d.ID)
			return SettleDraft{}, err
		}
	}
	if r.Refundable {
		l.guard(&settlePlan{draft: d.ID, layer: &id})
	}
	l.deals.spread(s)
	out.Arrives = out.Amount*layer.params.UnitsPerSat() - r.MaxFee
	out.Custody = custodyOf(layer, l1)
	out.Address, err = address.Encode(layer.params, script)
	return out, err
}

// planDeposit has a deposit looked for, durably, and returns the output that makes it.
func (s *settlement) planDeposit(layer spv.Hash, script, back []byte, r *DepositRequest, amount int64) (to wallet.Recipient, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Refundable {
		_, to, err = s.book.NewRefundable(layer, script, uint64(r.MaxFee), amount, back, refundKeys{s.log.refunds})
	} else {
		_, to, err = s.book.NewDeposit(layer, script, uint64(r.MaxFee), amount)
	}
	return to, err
}

func paidTo(d *wallet.Draft, script []byte) (sum int64) {
	for _, o := range d.Outputs() {
		if bytes.Equal(o.Script, script) {
			sum += o.Value
		}
	}
	return sum
}

// depositScript returns the script on the layer that a deposit shall pay: that of the address which is given out now, unless
// a deposit to it is on its way.
func (l *Local) depositScript(ctx context.Context, s *settlement, layer *ledger, r *DepositRequest) ([]byte, error) {
	in := Purse{r.Wallet, r.Layer}
	script, err := l.ownScript(ctx, in, r.Refundable)
	if err != nil || r.Refundable {
		return script, err
	}
	s.mu.Lock()
	states, err := s.book.Deposits(layer.params.NetID())
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(states, func(d settle.DepositState) bool {
		return d.Phase != settle.Planned && bytes.Equal(d.Terms.Script, script)
	}) {
		return l.ownScript(ctx, in, true)
	}
	return script, nil
}

// Deposits returns where deposits stand.
func (l *Local) Deposits(ctx context.Context, name, chain string) ([]Deposit, error) {
	s, layer, l1, err := l.pegged(name, chain)
	if err != nil {
		return nil, err
	}
	own, err := within(ctx, l, Purse{name, chain}, func(_ *ledger, p *purse) (map[string]bool, error) {
		all := map[string]bool{}
		for _, script := range p.chain.Scripts() {
			all[string(script)] = true
		}
		return all, nil
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	states, err := s.book.Deposits(layer.params.NetID())
	failed := s.failed
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	states, err = inForce(ctx, l, Purse{name, l1.params.Name}, states, func(d *settle.DepositState) (spv.Hash, bool) {
		return d.Outpoint.Hash, d.Phase == settle.Sent
	})
	if err != nil {
		return nil, err
	}
	// The newest last: those in no block, then the rest by height.
	slices.SortStableFunc(states, func(a, b settle.DepositState) int { return int(depositOrder(&a)) - int(depositOrder(&b)) })
	out := []Deposit{}
	for i := range states {
		d, err := depositOf(layer, l1, &states[i])
		if err != nil {
			return nil, err
		}
		d.Wallet, d.Ours = name, own[string(states[i].Terms.Script)]
		if d.Phase == string(settle.Claimable) || d.Phase == string(settle.RefundDue) {
			d.Trouble, d.TroubleSaid = failed.String(), failed
		}
		out = append(out, d)
	}
	return out, nil
}

func depositOrder(d *settle.DepositState) int32 {
	if d.Block == nil {
		return 1<<31 - 1
	}
	return d.Block.Height
}

func depositOf(layer, l1 *ledger, s *settle.DepositState) (d Deposit, err error) {
	d = Deposit{Layer: layer.params.Name, L1: l1.params.Name, Phase: string(s.Phase), Amount: s.Value, MaxFee: int64(s.Terms.MaxFee),
		Refundable: s.Back != nil || s.Phase == settle.Waiting || s.Phase == settle.RefundDue, Block: s.Block, Depth: s.Confirmations,
		Needed: s.Needed, Expected: s.Expected, Claim: s.Claim, ClaimDepth: s.Depth, Why: s.Why, WhySaid: s.Said}
	d.Address, _ = address.Encode(layer.params, s.Terms.Script) // somebody else's script may have none
	if d.Vault, err = address.Encode(l1.params, s.Script); err != nil {
		return d, err
	}
	if s.Phase == settle.Planned {
		d.Amount = s.Deposit.Amount
		return d, nil
	}
	d.Outpoint = s.Outpoint.String()
	if t, err := s.Ticket(); err == nil && !d.Refundable {
		if d.Ticket, err = t.Encode(); err != nil {
			return d, err
		}
	}
	d.Refunds, err = refundsShown(l1.params.Name, s.Refunds())
	return d, err
}

// Claim claims a deposit for its owner.
func (l *Local) Claim(ctx context.Context, name, text string) error {
	t, err := settle.ParseTicket(text)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(l.ledgers, func(c *ledger) bool { return c.params.NetID() == t.Layer })
	if i < 0 {
		return Saying(CodeMissing, "ticket: layer %s is not followed here", t.Layer)
	}
	s, layer, l1, err := l.pegged(name, l.ledgers[i].params.Name)
	if err != nil {
		return err
	}
	at, ok := l1.view.Lookup(t.Block)
	if !ok || !l1.view.OnBest(at) {
		return Saying(CodeMissing, "ticket: block %s is not on %s, as far as that is known here", t.Block, l1.params.Name)
	}
	if _, err := with(l, s, func(book *settle.Book) (struct{}, error) {
		if err := s.log.setForeign(layer.params.NetID(), t.Terms.Script); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, book.Adopt(t)
	}); err != nil {
		return err
	}
	return l.Rescan(ctx, Purse{name, l1.params.Name}, max(at.Height, 1))
}

// TakeBack signs the refund of a refundable deposit that was found from the seed.
func (l *Local) TakeBack(ctx context.Context, name, chain, outpoint string, password Secret) (Funding, error) {
	s, layer, l1, err := l.pegged(name, chain)
	if err != nil {
		return Funding{}, err
	}
	in := Purse{name, l1.params.Name}
	back, err := l.ownScript(ctx, in, false)
	if err != nil {
		return Funding{}, err
	}
	keys, done, err := l.keys(name, password)
	if err != nil {
		return Funding{}, err
	}
	defer done()
	state, err := with(l, s, func(book *settle.Book) (settle.DepositState, error) {
		return takeBack(book, layer.params.NetID(), outpoint, back, keys)
	})
	if err != nil {
		return Funding{}, err
	}
	out := Funding{Purse: in, ID: state.Outpoint.Hash}
	out.Refunds, err = refundsShown(l1.params.Name, state.Refunds())
	return out, err
}

// takeBack signs, and returns the deposit as it stands then.
func takeBack(book *settle.Book, layer spv.Hash, outpoint string, back []byte, keys settle.Keys) (none settle.DepositState, err error) {
	op, err := wire.NewOutPointFromString(outpoint)
	if err != nil {
		return none, Coded(CodeInvalid, "deposit %.80q: want txid:index", outpoint)
	}
	find := func() (settle.DepositState, error) {
		states, err := book.Deposits(layer)
		for i := range states {
			if states[i].Outpoint == *op && states[i].Phase != settle.Planned {
				return states[i], nil
			}
		}
		return none, errors.Join(err, Saying(CodeMissing, "deposit %s: there is none", op))
	}
	state, err := find()
	if err != nil {
		return none, err
	}
	if state.Phase != settle.Waiting && state.Phase != settle.RefundDue {
		return none, Saying(CodeInvalid, "deposit %s: is %s, want it to be waiting or refund due", op, state.Phase)
	}
	if len(state.Refunds()) > 0 {
		return state, nil
	}
	if err := book.TakeBack(state, back, keys); err != nil {
		return none, err
	}
	return find()
}

// Pegs returns the layers that take deposits.
func (l *Local) Pegs(ctx context.Context) ([]Peg, error) {
	out := []Peg{}
	for _, c := range l.ledgers {
		layer, l1, err := l.peg(c.params.Name)
		if err != nil {
			continue
		}
		out = append(out, pegOf(layer, l1))
	}
	return out, ctx.Err()
}

func pegOf(layer, l1 *ledger) Peg {
	p, a, units := layer.params, layer.params.Peg, layer.params.UnitsPerSat()
	spacing := int64(l1.params.Spacing())
	out := Peg{Layer: p.Name, L1: l1.params.Name, Kind: p.Kind.String(), Units: units, MinDeposit: a.MinDeposit,
		MaxDeposit: min(a.Cap, p.Unit.MaxMoney/units), MinWithdrawal: a.MinBurn * units, MaxPayout: peg.MaxBurn * units,
		PayoutFee: payoutFee(l1), RefundBlocks: a.Refund, RefundSeconds: int64(a.Refund) * spacing,
		ClaimBlocks: 1 + p.Layer.AnchorDepth + 1 + p.Layer.ClaimDepth, Custody: custodyOf(layer, l1), Unit: unitOf(p), L1Unit: unitOf(l1.params)}
	for _, limit := range settle.MaxFees(p) {
		out.MaxFees = append(out.MaxFees, int64(limit))
	}
	out.ClaimSeconds = int64(out.ClaimBlocks) * spacing
	// First seal, release depth, half an epoch, sign delay, confirmation (section 9).
	blocks := 1 + max(a.ReleaseBlocks, a.ReleaseSeals) + (a.Epoch+1)/2 + a.SignDelay + 1
	out.WithdrawSeconds = int64(blocks) * spacing
	switch {
	case out.MaxDeposit < out.MinDeposit:
		out.ClosedSaid = said.Of("the most that may be deposited is below the least: the layer's cap is not raised yet")
	case out.Custody == nil:
		out.ClosedSaid = said.Of("no settlers are in office for long enough")
	}
	out.Closed, out.Open = out.ClosedSaid.String(), out.ClosedSaid.Form == ""
	return out
}

// payoutSize is what a batch of one payout takes, in virtual bytes, about: connector and two vault inputs, four outputs.
const payoutSize = 1000

// payoutFee is a limit that should do: a batch for one payout alone, at three times the usual rate.
func payoutFee(l1 *ledger) int64 { return 3 * payoutSize * l1.feeRange().Normal / 1000 }

// custodyOf says who would hold a deposit that is made now; nil if nobody is in office for long enough.
func custodyOf(layer, l1 *ledger) *Custody {
	tip := l1.snapshot().status.Tip.Height
	set, ok := layer.params.SettlersAt(tip + 1)
	if !ok || int64(layer.params.Settlers[set].To)-int64(tip) < settle.TermSlack {
		return nil
	}
	t, err := settle.TrustIn(layer.params, l1.params, set)
	if err != nil {
		return nil
	}
	return &Custody{Settlers: t.Settlers, Release: t.Release, Stall: t.Stall, Recover: t.Recover, RecoverAge: t.RecoverAge,
		RecoverAfter: t.RecoverAfter, Words: t.Words()}
}

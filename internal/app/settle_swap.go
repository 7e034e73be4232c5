package app

import (
	"context"
	"encoding/hex"
	"math"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/said"
	"github.com/layeredpow/lamina/spv/swap"
	"github.com/layeredpow/lamina/wallet"
	"github.com/layeredpow/lamina/wallet/settle"
)

// swapForms are all there are, by their names.
var swapForms = map[string]swap.Form{"p2tr": swap.P2TR, "p2wsh": swap.P2WSH, "p2sh": swap.P2SH}

func formName(f swap.Form) string {
	for name, form := range swapForms {
		if form == f {
			return name
		}
	}
	return f.String()
}

// newestForm returns the newest form of a leg that a chain has.
func newestForm(p *chains.Params) swap.Form {
	switch {
	case p.Address.Taproot:
		return swap.P2TR
	case p.Address.HRP != "":
		return swap.P2WSH
	}
	return swap.P2SH
}

// swapAsset reads an asset, and finds its chain.
func (l *Local) swapAsset(a Asset) (swap.Asset, *ledger, error) {
	c, err := l.ledger(a.Chain)
	if err != nil {
		return swap.Asset{}, nil, err
	}
	form := newestForm(c.params)
	if a.Form != "" {
		var ok bool
		if form, ok = swapForms[a.Form]; !ok {
			return swap.Asset{}, nil, Coded(CodeInvalid, "form %.20q: want p2tr, p2wsh or p2sh", a.Form)
		}
	}
	if a.Amount <= 0 || a.Amount > c.params.Unit.MaxMoney {
		return swap.Asset{}, nil, Saying(CodeInvalid, "amount %d on %s: want 1 to %d", a.Amount, a.Chain, c.params.Unit.MaxMoney)
	}
	return swap.Asset{Chain: c.params.NetID(), Form: form, Amount: a.Amount}, c, nil
}

// assetShown shows an asset of a chain, by its name if that is known.
func (l *Local) assetShown(chain spv.Hash, form swap.Form, amount int64) Asset {
	a := Asset{Chain: chain.String(), Amount: amount, Form: formName(form)}
	for _, p := range l.set.All() {
		if p.NetID() == chain {
			a.Chain = p.Name
		}
	}
	for _, c := range l.ledgers { // private networks may share a genesis block with one that nobody follows
		if c.params.NetID() == chain {
			a.Chain = c.params.Name
		}
	}
	return a
}

// swapScripts returns where a swap's money goes in the end.
func (l *Local) swapScripts(ctx context.Context, wallet string, give, get string) (to settle.Scripts, err error) {
	if to.Refund, err = l.ownScript(ctx, Purse{wallet, give}, false); err != nil {
		return to, err
	}
	to.Redeem, err = l.ownScript(ctx, Purse{wallet, get}, false)
	return to, err
}

// readHash reads a payment hash; empty: none.
func readHash(text string) (*[32]byte, error) {
	if text == "" {
		return nil, nil
	}
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != 32 {
		return nil, Saying(CodeInvalid, "hash of %d characters: want 64 hexadecimal digits", len(text))
	}
	return (*[32]byte)(raw), nil
}

// OfferSwap makes an offer.
func (l *Local) OfferSwap(ctx context.Context, r SwapRequest) (Swap, error) {
	s, err := l.settlementOf(r.Wallet)
	if err != nil {
		return Swap{}, err
	}
	ask := settle.SwapRequest{First: !r.Second, T1: r.T1, T2: r.T2}
	var give, get *ledger
	if ask.Give, give, err = l.swapAsset(r.Give); err != nil {
		return Swap{}, err
	}
	if ask.Get, get, err = l.swapAsset(r.Get); err != nil {
		return Swap{}, err
	}
	if ask.Hash, err = readHash(r.Hash); err != nil {
		return Swap{}, err
	}
	if ask.Scripts, err = l.swapScripts(ctx, r.Wallet, r.Give.Chain, r.Get.Chain); err != nil {
		return Swap{}, err
	}
	first, second := give, get
	if r.Second {
		first, second = get, give
	}
	if err := s.expiries(first, second, &ask); err != nil {
		return Swap{}, err
	}
	keys, done, err := l.keys(r.Wallet, r.Password)
	if err != nil {
		return Swap{}, err
	}
	defer done()
	number, err := with(l, s, func(book *settle.Book) (uint32, error) {
		number, _, err := book.Offer(ask, keys)
		return number, err
	})
	if err != nil {
		return Swap{}, err
	}
	return l.swapShown(ctx, s, number)
}

// expiries chooses heights that were not named: t2 leaves time for both fundings and to reveal, and as much again to agree;
// t1 keeps the margin of section 5 with clocks as far apart as it counts with.
func (s *settlement) expiries(first, second *ledger, r *settle.SwapRequest) error {
	one, two := first.settleChain(), second.settleChain()
	tip1, err := s.tip(one.Clock.NetID())
	if err != nil {
		return err
	}
	tip2, err := s.tip(two.Clock.NetID())
	if err != nil {
		return err
	}
	per1, per2 := float64(one.Clock.Spacing()), float64(two.Clock.Spacing())
	const skew = 1.5
	shared := one.Clock.NetID() == two.Clock.NetID()
	reveal := float64(swap.RevealMargin)
	funding := float64(one.Takes) * per1 / per2
	if !shared {
		reveal = max(reveal, swap.RevealMargin*swap.MarginSpacing/per2*skew)
		funding *= skew * skew
	}
	t2 := math.Ceil(2 * (float64(two.Takes) + funding + reveal + 1))
	if r.T2 != 0 {
		t2 = float64(r.T2) - float64(tip2.Height)
	}
	margin := float64(swap.MarginOnL1)
	if second.params.Kind.Layered() {
		margin = swap.MarginOnLayer
	}
	t1 := t2 + margin
	if !shared {
		// While the parties agree and fund, the first chain may move and the second not: that eats into the margin.
		t1 = math.Ceil((t2*per2*skew+margin*swap.MarginSpacing)*skew/per1) + 1 + 2*float64(one.Takes)
	}
	if r.T2 == 0 {
		r.T2 = uint32(float64(tip2.Height) + t2)
	}
	if r.T1 == 0 {
		r.T1 = uint32(max(float64(tip1.Height)+t1, 1))
	}
	return nil
}

// ReadOffer says what an offer is about.
func (l *Local) ReadOffer(ctx context.Context, text string) (SwapOffer, error) {
	o, err := swap.DecodeOffer(text)
	if err != nil {
		return SwapOffer{}, err
	}
	out := SwapOffer{ID: o.ID(), MakerFirst: o.MakerFirst, T1: o.T1, T2: o.T2,
		Give: l.assetShown(o.Get.Chain, o.Get.Form, o.Get.Amount), Get: l.assetShown(o.Give.Chain, o.Give.Form, o.Give.Amount)}
	if o.MakerFirst {
		out.Hash = hex.EncodeToString(o.Hash[:])
	}
	return out, ctx.Err()
}

// TakeSwap answers an offer.
func (l *Local) TakeSwap(ctx context.Context, r SwapTake) (Swap, error) {
	s, err := l.settlementOf(r.Wallet)
	if err != nil {
		return Swap{}, err
	}
	o, err := l.ReadOffer(ctx, r.Offer)
	if err != nil {
		return Swap{}, err
	}
	hash, err := readHash(r.Hash)
	if err != nil {
		return Swap{}, err
	}
	to, err := l.swapScripts(ctx, r.Wallet, o.Give.Chain, o.Get.Chain)
	if err != nil {
		return Swap{}, err
	}
	keys, done, err := l.keys(r.Wallet, r.Password)
	if err != nil {
		return Swap{}, err
	}
	defer done()
	number, err := with(l, s, func(book *settle.Book) (uint32, error) {
		number, _, err := book.Take(r.Offer, hash, to, keys)
		return number, err
	})
	if err != nil {
		return Swap{}, err
	}
	return l.swapShown(ctx, s, number)
}

// AcceptSwap takes the answer to an offer of ours.
func (l *Local) AcceptSwap(ctx context.Context, name string, number uint32, answer string, password Secret) (Swap, error) {
	s, err := l.settlementOf(name)
	if err != nil {
		return Swap{}, err
	}
	keys, done, err := l.keys(name, password)
	if err != nil {
		return Swap{}, err
	}
	defer done()
	if _, err := with(l, s, func(book *settle.Book) (struct{}, error) { return struct{}{}, book.Accept(number, answer, keys) }); err != nil {
		return Swap{}, err
	}
	return l.swapShown(ctx, s, number)
}

// DraftSwap plans the transaction that funds our leg.
func (l *Local) DraftSwap(ctx context.Context, name string, number uint32, rate int64) (SettleDraft, error) {
	s, err := l.settlementOf(name)
	if err != nil {
		return SettleDraft{}, err
	}
	w, err := l.swapShown(ctx, s, number)
	if err != nil {
		return SettleDraft{}, err
	}
	if w.Move != string(settle.Fund) || len(w.Refunds) > 0 {
		return SettleDraft{}, Saying(CodeInvalid, "swap %d: not to be funded now: %s", number, w.why())
	}
	s.mu.Lock()
	leg, err := s.book.Leg(number)
	s.mu.Unlock()
	if err != nil {
		return SettleDraft{}, err
	}
	in := Purse{name, w.Give.Chain}
	kept := &planned{in: in, payment: digest("swap", in, number, w.Offer, w.Answer)}
	d, err := l.settleDraft(ctx, kept, rate, nil, func(*ledger, *purse) ([]wallet.Recipient, error) { return []wallet.Recipient{leg}, nil })
	if err != nil {
		return SettleDraft{}, err
	}
	l.guard(&settlePlan{draft: d.ID, swap: number})
	return SettleDraft{Draft: d, For: "swap", Amount: w.Give.Amount, Arrives: w.Get.Amount, Refunds: true}, nil
}

func (w *Swap) why() said.Sentence {
	switch {
	case len(w.Refunds) > 0:
		return said.Of("its funding was signed")
	case w.Trouble != "":
		return w.TroubleSaid
	}
	return w.WhySaid
}

package app

import (
	"context"
	"encoding/hex"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/said"
	"github.com/layeredpow/lamina/spv/swap"
	"github.com/layeredpow/lamina/wallet"
	"github.com/layeredpow/lamina/wallet/settle"
)

// Swaps returns where swaps stand.
func (l *Local) Swaps(ctx context.Context, name string) ([]Swap, error) {
	s, err := l.settlementOf(name)
	if err != nil {
		return nil, err
	}
	return l.swapsOf(ctx, s)
}

func (l *Local) swapsOf(ctx context.Context, s *settlement) ([]Swap, error) {
	out := []Swap{}
	s.mu.Lock()
	for _, state := range s.book.Swaps() {
		w, err := l.swapOfLocked(s, &state)
		if err != nil {
			s.mu.Unlock()
			return nil, err
		}
		out = append(out, w)
	}
	s.mu.Unlock()
	for i := range out {
		if err := l.settleUnsent(ctx, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, ctx.Err()
}

// swapShown returns one swap.
func (l *Local) swapShown(ctx context.Context, s *settlement, number uint32) (Swap, error) {
	all, err := l.swapsOf(ctx, s)
	if err != nil {
		return Swap{}, err
	}
	for i := range all {
		if all[i].Number == number {
			return all[i], nil
		}
	}
	return Swap{}, Saying(CodeMissing, "swap %d: wallet %s has none of this number", number, s.wallet)
}

// settleUnsent sees whether the funding that was signed is kept, and so on its way.
func (l *Local) settleUnsent(ctx context.Context, w *Swap) error {
	if w.Signed == nil {
		return nil
	}
	status, err := within(ctx, l, Purse{w.Wallet, w.Give.Chain}, func(_ *ledger, p *purse) (wallet.Status, error) {
		_, row, ok := p.chain.Transaction(*w.Signed)
		if !ok {
			return wallet.StatusAbandoned, nil
		}
		return row.Status, nil
	})
	if err != nil || status == wallet.StatusAbandoned {
		return err
	}
	w.Signed, w.WhySaid = nil, said.Of("our leg is sent, and in no block yet")
	if status == wallet.StatusReplaced || status == wallet.StatusVoid {
		w.WhySaid = said.Of("our leg never came; if it still does it is taken back")
	}
	w.Why = w.WhySaid.String()
	return nil
}

func (l *Local) swapOfLocked(s *settlement, state *settle.SwapState) (Swap, error) {
	o, err := swap.DecodeOffer(state.Offer)
	if err != nil {
		return Swap{}, &Error{CodeInternal, err}
	}
	w := Swap{Wallet: s.wallet, Number: state.Number, Role: "responder", T1: o.T1, T2: o.T2, Offer: state.Offer, Answer: state.Answer,
		Phase: string(state.Phase), Move: string(state.Move), Why: state.Why, WhySaid: state.Said, Until: state.Until, Left: state.Left, Trouble: state.Trouble, TroubleSaid: state.Failed}
	if state.Role == swap.Initiator {
		w.Role = "initiator"
	}
	give, get := o.Give, o.Get
	if (state.Role == swap.Initiator) != o.MakerFirst {
		give, get = get, give
	}
	w.Give, w.Get = l.assetShown(give.Chain, give.Form, give.Amount), l.assetShown(get.Chain, get.Form, get.Amount)
	hash := o.Hash
	if state.Terms != nil {
		hash = state.Terms.Hash
	}
	if hash != ([32]byte{}) {
		text := hex.EncodeToString(hash[:])
		w.Hash = &text
	}
	if w.Refunds, err = refundsShown(w.Give.Chain, state.Refunds); err != nil {
		return Swap{}, err
	}
	if state.Move == settle.Fund && len(state.Refunds) > 0 {
		w.Signed, err = s.signedLocked(give.Chain, state)
		return w, err
	}
	if state.Move == settle.Redeem || state.Move == settle.Refund {
		w.Keys, err = s.lacksKeysLocked(state)
	}
	return w, err
}

// signedLocked returns the funding of a swap that was signed; nil if there is none.
func (s *settlement) signedLocked(chain spv.Hash, state *settle.SwapState) (*spv.Hash, error) {
	leg, err := s.book.Leg(state.Number)
	if err != nil {
		return nil, err
	}
	sends, _ := s.book.Step(nil) // what went wrong with others does not matter here
	for _, b := range sends {
		if b.Chain == chain && pays(b.Tx, leg.Script) {
			id := b.Tx.TxHash()
			return &id, nil
		}
	}
	return nil, nil
}

// lacksKeysLocked says whether nothing can be sent for a swap without the keys.
func (s *settlement) lacksKeysLocked(state *settle.SwapState) (bool, error) {
	chain := state.Terms.Gets(state.Role).Chain
	coins := s.book.Coins(chain)
	if state.Move == settle.Refund {
		chain = state.Terms.Pays(state.Role).Chain
		coins = s.book.Coins(chain)
	}
	sends, _ := s.book.Step(nil)
	for _, b := range sends {
		if b.Chain != chain {
			continue
		}
		for _, op := range coins {
			if b.Tx.TxIn[0].PreviousOutPoint == op {
				return false, nil
			}
		}
	}
	return true, nil
}

// CancelSwap gives up a swap that was not funded.
func (l *Local) CancelSwap(ctx context.Context, name string, number uint32) (Swap, error) {
	s, err := l.settlementOf(name)
	if err != nil {
		return Swap{}, err
	}
	if _, err := with(l, s, func(book *settle.Book) (struct{}, error) { return struct{}{}, book.Cancel(number) }); err != nil {
		return Swap{}, err
	}
	return l.swapShown(ctx, s, number)
}

// MoveSwap does now what is to be done about a swap and wants keys.
func (l *Local) MoveSwap(ctx context.Context, name string, number uint32, password Secret) (Swap, error) {
	s, err := l.settlementOf(name)
	if err != nil {
		return Swap{}, err
	}
	w, err := l.swapShown(ctx, s, number)
	if err != nil {
		return Swap{}, err
	}
	if w.Move != string(settle.Redeem) && w.Move != string(settle.Refund) {
		return Swap{}, Saying(CodeInvalid, "swap %d: nothing is to be redeemed or refunded now: %s", number, w.why())
	}
	keys, done, err := l.keys(name, password)
	if err != nil {
		return Swap{}, err
	}
	defer done()
	// Whatever it signs is on disk from now on, and is sent with the rest.
	if _, err := with(l, s, func(book *settle.Book) (struct{}, error) {
		_, err := book.Step(keys)
		return struct{}{}, err
	}); err != nil {
		return Swap{}, err
	}
	return l.swapShown(ctx, s, number)
}

// LearnSecret takes the secret of a swap from elsewhere.
func (l *Local) LearnSecret(ctx context.Context, name string, secret Secret) error {
	s, err := l.settlementOf(name)
	if err != nil {
		return err
	}
	var raw [32]byte
	defer clear(raw[:])
	if n, err := hex.Decode(raw[:], trim(secret, 64)); err != nil || n != len(raw) {
		return Saying(CodeInvalid, "secret of %d characters: want 64 hexadecimal digits", len(secret))
	}
	if _, err := with(l, s, func(book *settle.Book) (struct{}, error) { return struct{}{}, book.Learn(raw) }); err != nil {
		return err
	}
	return ctx.Err()
}

// trim returns a text of exactly n bytes, else none.
func trim(text []byte, n int) []byte {
	if len(text) != n {
		return nil
	}
	return text
}

// RestoreSwap takes a swap up whose record was lost.
func (l *Local) RestoreSwap(ctx context.Context, r SwapRestore) (Swap, error) {
	s, err := l.settlementOf(r.Wallet)
	if err != nil {
		return Swap{}, err
	}
	keys, done, err := l.keys(r.Wallet, r.Password)
	if err != nil {
		return Swap{}, err
	}
	defer done()
	o, err := l.ReadOffer(ctx, r.Offer)
	if err != nil {
		return Swap{}, err
	}
	// Which side we are on is not known yet: each script is of an address on the chain that it will be paid on.
	taker, err := l.swapScripts(ctx, r.Wallet, o.Give.Chain, o.Get.Chain)
	if err != nil {
		return Swap{}, err
	}
	number, err := with(l, s, func(*settle.Book) (uint32, error) { return s.restoreLocked(&r, taker, keys) })
	if err != nil {
		return Swap{}, err
	}
	return l.swapShown(ctx, s, number)
}

// restoreLocked finds out on a book of its own which side we are on, before anything is kept.
func (s *settlement) restoreLocked(r *SwapRestore, taker settle.Scripts, keys settle.Keys) (uint32, error) {
	o, err := swap.DecodeOffer(r.Offer)
	if err != nil {
		return 0, err
	}
	var follow []settle.Chain
	for _, side := range s.on {
		follow = append(follow, side.ledger.settleChain())
	}
	trial, err := settle.Open(follow, new(wallet.Memory))
	if err != nil {
		return 0, err
	}
	if _, err := trial.Restore(r.Offer, r.Answer, taker, keys); err != nil {
		return 0, err
	}
	if maker := (trial.Swaps()[0].Role == swap.Initiator) == o.MakerFirst; maker {
		taker.Refund, taker.Redeem = taker.Redeem, taker.Refund
	}
	for _, chain := range []spv.Hash{o.Give.Chain, o.Get.Chain} {
		if err := s.lookBackLocked(chain); err != nil {
			return 0, err
		}
	}
	return s.book.Restore(r.Offer, r.Answer, taker, keys)
}

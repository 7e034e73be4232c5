package app

import (
	"context"
	"testing"
)

// swapOf returns the swap of an offer.
func (s *doomed) swapOf(offer string) (*Swap, error) {
	all, err := s.Swaps(context.Background(), s.name)
	for i := range all {
		if all[i].Offer == offer {
			return &all[i], err
		}
	}
	return nil, err
}

// fundOf funds the leg of a swap, in as many lives as it takes, and waits until the node has it.
func (s *doomed) fundOf(offer, chain string) {
	s.w.t.Helper()
	ctx := context.Background()
	s.until("the leg in the pool of "+chain, func() (bool, error) {
		w, err := s.swapOf(offer)
		if err != nil || w == nil || len(s.w.loop(chain).Pool().All()) > 0 {
			return w != nil, err
		}
		if w.Move != "fund" || len(w.Refunds) > 0 && w.Signed == nil {
			return false, nil
		}
		id := w.Signed
		if id == nil {
			d, err := s.DraftSwap(ctx, s.name, w.Number, 0)
			if err != nil {
				return false, err
			}
			f, err := s.SignFunding(ctx, SendRequest{Draft: d.ID, Password: Secret(password), Consent: consentOf(d)})
			if err != nil {
				return false, err
			}
			id = &f.ID
		}
		_, err = s.SendFunding(ctx, s.on(chain), *id)
		return false, err
	})
	if n := len(s.w.loop(chain).Pool().All()); n != 1 {
		s.w.t.Fatalf("%s: %d transactions fund the leg on %s", s.name, n, chain)
	}
}

// reach waits, in as many lives as it takes, until a swap has a phase; where it wants keys it gets them.
func (s *doomed) reach(offer, phase string) {
	s.w.t.Helper()
	s.until("a swap that is "+phase, func() (bool, error) {
		w, err := s.swapOf(offer)
		if err == nil && w.Keys {
			_, err = s.MoveSwap(context.Background(), s.name, w.Number, Secret(password))
		}
		return err == nil && w.Phase == phase, err
	})
}

// TestSwapKilled ends either side's program before and after every write by which a swap gets on, from the offer to the last
// redemption, and from the offer to both refunds: each leg is paid once, and ends where it should.
func TestSwapKilled(t *testing.T) {
	t.Parallel()
	manyLives(t)
	for _, refund := range []bool{false, true} {
		t.Run(map[bool]string{false: "redeemed", true: "refunded"}[refund], func(t *testing.T) {
			t.Parallel()
			w := newDevStack(t, "dev-issued")
			ann, bob := w.doomed("ann", testWords), w.doomed("bob", otherWords)
			ann.fund("dev", 2)
			bob.fund("dev-issued", 2)
			ann.current()
			bob.current()
			had := [2]int64{ann.total("dev"), bob.total("dev-issued")}
			offer := agreeDoomed(ann, bob)
			ann.m.at("swap signed", "payment")
			ann.fundOf(offer.Offer, "dev")
			bob.m.at("mined on dev", "read on dev", "swap signed", "payment")
			ann.m.at("mined on dev")
			w.mine("dev", 2, nil)
			bob.fundOf(offer.Offer, "dev-issued")
			ann.m.at("mined on dev-issued")
			bob.m.at("mined on dev-issued", "read on dev-issued")
			w.mine("dev-issued", 2, nil)
			if refund {
				height := func() uint32 { return uint32(w.loop("dev").View().Tip().Height) }
				w.mine("dev", int(offer.T2-height())+5, nil) // the layer's anchor is below the tip
				bob.refunded(offer.Offer, "dev-issued", had[1])
				w.mine("dev", int(offer.T1-height()), nil)
				ann.refunded(offer.Offer, "dev", had[0])
				return
			}
			ann.m.at("swap redeemed")
			ann.redeems(offer.Offer, "dev-issued", 4.9e8)
			bob.m.at("swap redeemed")
			ann.m.at("mined on dev")
			bob.redeems(offer.Offer, "dev", 2.9e8)
			ann.reach(offer.Offer, "redeemed")
		})
	}
}

// agreeDoomed has ann offer, bob answer and ann accept, each in as many lives as it takes.
func agreeDoomed(ann, bob *doomed) (offer Swap) {
	ctx := context.Background()
	ann.m.at("swap offered")
	ann.until("an offer", func() (done bool, err error) {
		offer, err = ann.OfferSwap(ctx, SwapRequest{Wallet: ann.name, Give: Asset{Chain: "dev", Amount: 3e8},
			Get: Asset{Chain: "dev-issued", Amount: 5e8}, Password: Secret(password)})
		return err == nil, err
	})
	answer := ""
	bob.m.at("swap agreed")
	bob.until("an answer", func() (bool, error) {
		if s, err := bob.swapOf(offer.Offer); err != nil || s != nil {
			if left, _ := bob.m.rest(); err == nil && left != nil {
				_, err = bob.TakeSwap(ctx, SwapTake{Wallet: bob.name, Offer: offer.Offer, Password: Secret(password)})
			}
			if s != nil {
				answer = s.Answer
			}
			return s != nil, err
		}
		_, err := bob.TakeSwap(ctx, SwapTake{Wallet: bob.name, Offer: offer.Offer, Password: Secret(password)})
		return false, err
	})
	ann.m.at("swap agreed")
	ann.until("the answer accepted", func() (bool, error) {
		_, err := ann.AcceptSwap(ctx, ann.name, offer.Number, answer, Secret(password))
		return err == nil, err
	})
	return offer
}

// redeems has a side take the other leg on a chain, mines it, and waits until the money is there.
func (s *doomed) redeems(offer, chain string, least int64) {
	s.w.t.Helper()
	ctx := context.Background()
	s.until("the redemption on "+chain, func() (bool, error) {
		w, err := s.swapOf(offer)
		if err == nil && w.Keys {
			_, err = s.MoveSwap(ctx, s.name, w.Number, Secret(password))
		}
		return len(s.w.loop(chain).Pool().All()) == 1, err
	})
	s.m.at("mined on " + chain)
	s.w.mine(chain, 2, nil)
	s.reach(offer, "redeemed")
	s.until("the money", func() (bool, error) {
		b, err := s.Balance(ctx, s.on(chain))
		return err == nil && b.Total() > least, err
	})
}

// refunded waits for the refund of a side's leg on a chain, mines it, and sees that all is back.
func (s *doomed) refunded(offer, chain string, had int64) {
	s.w.t.Helper()
	s.until("the refund", func() (bool, error) { return len(s.w.loop(chain).Pool().All()) == 1, nil })
	s.m.at("mined on " + chain)
	s.w.mine(chain, 2, nil)
	s.reach(offer, "refunded")
	s.until("all is back", func() (bool, error) {
		b, err := s.Balance(context.Background(), s.on(chain))
		return err == nil && b.Total() > had-100_000, err
	})
}

// TestRefundableKilled ends the program before and after every write by which a refundable deposit is made, swept and
// claimed: it is made once, and arrives.
func TestRefundableKilled(t *testing.T) {
	t.Parallel()
	manyLives(t)
	w := newSettledStack(t, settlersOf(t, 2, 3), "dev-native")
	w.establish("dev-native")
	s := w.doomed("ann", testWords)
	ctx := context.Background()
	s.fund("dev", 2)
	made := func() (int, error) {
		return within(ctx, s.Local, s.on("dev"), func(_ *ledger, p *purse) (int, error) { return len(p.chain.Pending()), nil })
	}
	s.m.at("deposit planned", "deposit signed", "payment", "seen on dev")
	s.until("a deposit in the pool", func() (bool, error) {
		n, err := made()
		if err != nil || n > 0 {
			return len(w.loop("dev").Pool().All()) == 1, err
		}
		f, err := s.signRefundable(300_000)
		if err == nil {
			_, err = s.SendFunding(ctx, f.Purse, f.ID)
		}
		return false, err
	})
	if n, err := made(); err == nil && n != 1 {
		t.Fatalf("%d deposits were made", n)
	}
	s.mined("dev", 1, "the sweep", func() (bool, error) { return len(w.loop("dev").Pool().All()) == 1, nil }, "mined on dev", "read on dev")
	s.mined("dev", 6, "claim in the pool", func() (bool, error) { return len(w.loop("dev-native").Pool().All()) == 1, nil }, "mined on dev", "claim")
	s.mined("dev-native", 1, "money on the layer", func() (bool, error) {
		b, err := s.Balance(ctx, s.on("dev-native"))
		return err == nil && b.Confirmed >= 250_000, err
	}, "mined on dev-native")
}

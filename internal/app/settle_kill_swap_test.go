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

// TestSwapKilled lets both sides of a swap die at writes by chance, from the offer to the last redemption, and from the
// offer to both refunds: each leg is paid once, and ends where it should.
func TestSwapKilled(t *testing.T) {
	t.Parallel()
	for _, refund := range []bool{false, true} {
		t.Run(map[bool]string{false: "redeemed", true: "refunded"}[refund], func(t *testing.T) {
			t.Parallel()
			w := newDevStack(t, "dev-issued")
			ann, bob := w.doomed("ann", testWords), w.doomed("bob", otherWords)
			ctx := context.Background()
			ann.fund("dev", 2)
			bob.fund("dev-issued", 2)
			ann.current()
			bob.current()
			had := [2]int64{ann.total("dev"), bob.total("dev-issued")}
			ann.m.begin(4)
			bob.m.begin(4)
			var offer Swap
			ann.until("an offer", func() (done bool, err error) {
				offer, err = ann.OfferSwap(ctx, SwapRequest{Wallet: ann.name, Give: Asset{Chain: "dev", Amount: 3e8},
					Get: Asset{Chain: "dev-issued", Amount: 5e8}, Password: Secret(password)})
				return err == nil, err
			})
			answer := ""
			bob.until("an answer", func() (bool, error) {
				if s, err := bob.swapOf(offer.Offer); err != nil || s != nil {
					answer = s.Answer
					return true, err
				}
				_, err := bob.TakeSwap(ctx, SwapTake{Wallet: bob.name, Offer: offer.Offer, Password: Secret(password)})
				return false, err
			})
			ann.until("the answer accepted", func() (bool, error) {
				_, err := ann.AcceptSwap(ctx, ann.name, offer.Number, answer, Secret(password))
				return err == nil, err
			})
			ann.fundOf(offer.Offer, "dev")
			w.mine("dev", 2, nil)
			bob.fundOf(offer.Offer, "dev-issued")
			w.mine("dev-issued", 2, nil)
			if refund {
				ends := func(s *doomed, chain string, had int64) {
					s.until("the refund", func() (bool, error) { return len(w.loop(chain).Pool().All()) == 1, nil })
					w.mine(chain, 2, nil)
					s.reach(offer.Offer, "refunded")
					s.until("all is back", func() (bool, error) {
						b, err := s.Balance(ctx, s.on(chain))
						return err == nil && b.Total() > had-100_000, err
					})
				}
				height := func() uint32 { return uint32(w.loop("dev").View().Tip().Height) }
				w.mine("dev", int(offer.T2-height())+5, nil) // the layer's anchor is below the tip
				ends(bob, "dev-issued", had[1])
				w.mine("dev", int(offer.T1-height()), nil)
				ends(ann, "dev", had[0])
				return
			}
			ann.until("ann's redemption", func() (bool, error) {
				s, err := ann.swapOf(offer.Offer)
				if err == nil && s.Keys {
					_, err = ann.MoveSwap(ctx, ann.name, s.Number, Secret(password))
				}
				return len(w.loop("dev-issued").Pool().All()) == 1, err
			})
			w.mine("dev-issued", 2, nil)
			ann.reach(offer.Offer, "redeemed")
			bob.until("bob's redemption", func() (bool, error) {
				s, err := bob.swapOf(offer.Offer)
				if err == nil && s.Keys {
					_, err = bob.MoveSwap(ctx, bob.name, s.Number, Secret(password))
				}
				return len(w.loop("dev").Pool().All()) == 1, err
			})
			w.mine("dev", 2, nil)
			bob.reach(offer.Offer, "redeemed")
			for _, x := range []struct {
				s     *doomed
				chain string
				least int64
			}{{ann, "dev-issued", 4.9e8}, {bob, "dev", 2.9e8}} {
				x.s.until("the money", func() (bool, error) {
					b, err := x.s.Balance(ctx, x.s.on(x.chain))
					return err == nil && b.Total() > x.least, err
				})
			}
		})
	}
}

// TestRefundableKilled lets the program die at writes by chance while a refundable deposit is made, swept and claimed: it
// is made once, and arrives.
func TestRefundableKilled(t *testing.T) {
	t.Parallel()
	w := newSettledStack(t, settlersOf(t, 2, 3), "dev-native")
	w.establish("dev-native")
	s := w.doomed("ann", testWords)
	ctx := context.Background()
	s.fund("dev", 2)
	s.m.begin(4)
	made := func() (int, error) {
		return within(ctx, s.Local, s.on("dev"), func(_ *ledger, p *purse) (int, error) { return len(p.chain.Pending()), nil })
	}
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
		t.Fatalf("seed %d: %d deposits were made", s.m.seed, n)
	}
	w.mine("dev", 1, nil)
	s.until("the sweep", func() (bool, error) { return len(w.loop("dev").Pool().All()) == 1, nil })
	for range 6 {
		w.mine("dev", 1, nil)
		s.until("at the tip", func() (bool, error) {
			b, err := s.Balance(ctx, s.on("dev"))
			return err == nil && b.Trust.Scanned == w.loop("dev").View().Tip(), err
		})
	}
	s.until("claim in the pool", func() (bool, error) { return len(w.loop("dev-native").Pool().All()) == 1, nil })
	w.mine("dev-native", 1, nil)
	s.until("money on the layer", func() (bool, error) {
		b, err := s.Balance(ctx, s.on("dev-native"))
		return err == nil && b.Confirmed >= 250_000, err
	})
}

package app

import (
	"context"
	"strings"
	"testing"
	"time"
)

// swap returns a wallet's only swap, once a condition holds.
func (s *settler) swap(what string, holds func(w *Swap) bool) Swap {
	s.w.t.Helper()
	var last Swap
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		all, err := s.Swaps(context.Background(), s.name)
		s.must(err)
		if len(all) != 1 {
			s.w.t.Fatalf("%s has %d swaps, want 1", s.name, len(all))
		}
		if last = all[0]; holds(&last) {
			return last
		}
	}
	s.w.t.Fatalf("%s: never came: %s: %+v", s.name, what, last)
	return last
}

func (s *settler) phase(phase string) Swap {
	s.w.t.Helper()
	return s.swap(phase, func(w *Swap) bool { return w.Phase == phase })
}

func (s *settler) unlock() {
	s.w.t.Helper()
	_, err := s.Unlock(context.Background(), s.name, Secret(password), time.Hour)
	s.must(err)
}

// fundSwap plans, signs and sends the leg of swap 0; the program ends in between.
func (s *settler) fundSwap() {
	s.w.t.Helper()
	ctx := context.Background()
	d, err := s.DraftSwap(ctx, s.name, 0, 0)
	s.must(err)
	if !d.Refunds {
		s.w.t.Fatalf("draft: %+v", d)
	}
	ask := SendRequest{Draft: d.ID, Password: Secret(password), Consent: consentOf(d)}
	if _, err := s.Send(ctx, ask); err == nil || !strings.Contains(err.Error(), "SignFunding") {
		s.w.t.Fatalf("%s: sent without refunds: %v", s.name, err)
	}
	f, err := s.SignFunding(ctx, ask)
	s.must(err)
	if len(f.Refunds) == 0 || f.Refunds[0].Raw == "" || s.w.inPool(d.Chain, f.ID) {
		s.w.t.Fatalf("funding: %+v", f)
	}
	s.again()
	w := s.swap("signed", func(w *Swap) bool { return w.Signed != nil && w.Move == "fund" }) // once it knows again how deep the other leg is
	if *w.Signed != f.ID {
		s.w.t.Fatalf("signed: %+v, want %s", w, f.ID)
	}
	if s.w.inPool(d.Chain, f.ID) {
		s.w.t.Fatalf("%s: the leg was sent before SendFunding", s.name)
	}
	sent, err := s.SendFunding(ctx, f.Purse, f.ID)
	s.must(err)
	s.w.pooled(d.Chain, sent.ID)
	if w := s.swap("sent", func(w *Swap) bool { return w.Signed == nil }); w.Move != "fund" && w.Move != "wait" {
		s.w.t.Fatalf("sent: %+v", w)
	}
}

// agree has ann offer dev for bob's dev-issued, up to both sides' agreement.
func agree(t *testing.T, w *devStack, ann, bob *settler) {
	t.Helper()
	ctx := context.Background()
	ann.fund("dev", 1)
	bob.fund("dev-issued", 1)
	ann.current()
	bob.current()
	offer, err := ann.OfferSwap(ctx, SwapRequest{Wallet: ann.name, Give: Asset{Chain: "dev", Amount: 3e8}, Get: Asset{Chain: "dev-issued", Amount: 5e8},
		Password: Secret(password)})
	ann.must(err)
	if read, err := bob.ReadOffer(ctx, offer.Offer); err != nil || read.Give != (Asset{"dev-issued", 5e8, "p2tr"}) || read.Get.Amount != 3e8 || !read.MakerFirst {
		t.Fatalf("offer: %+v, %v", read, err)
	}
	taken, err := bob.TakeSwap(ctx, SwapTake{Wallet: bob.name, Offer: offer.Offer, Password: Secret(password)})
	bob.must(err)
	if taken.Role != "responder" || taken.Move != "wait" || taken.Give.Chain != "dev-issued" {
		t.Fatalf("taken: %+v", taken)
	}
	accepted, err := ann.AcceptSwap(ctx, ann.name, offer.Number, taken.Answer, Secret(password))
	ann.must(err)
	if accepted.Phase != "agreed" || accepted.Move != "fund" || accepted.Role != "initiator" {
		t.Fatalf("accepted: %+v", accepted)
	}
}

// TestSwap swaps money of the L1 for that of a layer. A side that is locked again sends what it has signed.
func TestSwap(t *testing.T) {
	t.Parallel()
	w := newDevStack(t, "dev-issued")
	ann, bob := w.wallet("ann", testWords), w.wallet("bob", otherWords)
	agree(t, w, ann, bob)
	ann.fundSwap()
	w.mine("dev", 2, nil)
	bob.swap("for bob to fund", func(s *Swap) bool { return s.Phase == "funded first" && s.Move == "fund" })
	bob.fundSwap()
	w.mine("dev-issued", 2, nil)
	ann.swap("the secret to be shown", func(s *Swap) bool { return s.Move == "redeem" && s.Keys && s.Left > 18 })
	before := ann.total("dev-issued")
	ann.unlock()
	w.wait("ann's redemption", func() bool { return len(w.loop("dev-issued").Pool().All()) == 1 })
	ann.again() // and she is locked again
	w.mine("dev-issued", 2, nil)
	ann.phase("redeemed")
	w.wait("ann's money", func() bool { return ann.total("dev-issued") > before+4e8 })
	bob.swap("the secret seen", func(s *Swap) bool { return s.Phase == "secret seen" && s.Move == "redeem" })
	moved, err := bob.MoveSwap(context.Background(), bob.name, 0, Secret(password))
	bob.must(err)
	if moved.Keys {
		t.Fatalf("moved: %+v", moved)
	}
	w.wait("bob's redemption", func() bool { return len(w.loop("dev").Pool().All()) == 1 })
	w.mine("dev", 2, nil)
	bob.phase("redeemed")
	w.wait("bob's money", func() bool { return bob.total("dev") > 2e8 })
	ann.swap("rest", func(s *Swap) bool { return s.Move == "rest" })
	bob.swap("rest", func(s *Swap) bool { return s.Move == "rest" })
}

// TestSwapRefunds lets a swap run out after both sides have paid: each has its money back, without keys.
func TestSwapRefunds(t *testing.T) {
	t.Parallel()
	manyLives(t)
	w := newDevStack(t, "dev-issued")
	ann, bob := w.wallet("ann", testWords), w.wallet("bob", otherWords)
	agree(t, w, ann, bob)
	had := [2]int64{ann.total("dev"), bob.total("dev-issued")}
	ann.fundSwap()
	w.mine("dev", 2, nil)
	bob.swap("for bob to fund", func(s *Swap) bool { return s.Move == "fund" })
	bob.fundSwap()
	w.mine("dev-issued", 2, nil)
	terms := ann.swap("funded", func(s *Swap) bool { return s.Move == "redeem" })
	if _, err := ann.CancelSwap(context.Background(), ann.name, 0); err == nil {
		t.Fatal("a funded swap was canceled")
	}
	height := func() uint32 { return uint32(w.loop("dev").View().Tip().Height) }
	w.mine("dev", int(terms.T2-height())-17, nil)
	ann.swap("too late", func(s *Swap) bool { return s.Move == "wait" && strings.Contains(s.Why, "too late") })
	w.mine("dev", 22, nil) // t2, and the layer's anchor below it
	bob.again()
	w.wait("bob's refund", func() bool { return len(w.loop("dev-issued").Pool().All()) == 1 })
	w.mine("dev-issued", 2, nil)
	bob.phase("refunded")
	w.mine("dev", int(terms.T1-height()), nil)
	ann.again()
	w.wait("ann's refund", func() bool { return len(w.loop("dev").Pool().All()) == 1 })
	w.mine("dev", 2, nil)
	ann.phase("refunded")
	w.wait("all is back", func() bool {
		return ann.total("dev") > had[0]-100_000 && bob.total("dev-issued") > had[1]-100_000
	})
}

// TestSwapCalledOff cancels the funding of a leg that is in no block: then it is not said to be on its way.
func TestSwapCalledOff(t *testing.T) {
	t.Parallel()
	w := newDevStack(t, "dev-issued")
	ann, bob := w.wallet("ann", testWords), w.wallet("bob", otherWords)
	agree(t, w, ann, bob)
	ann.fundSwap()
	ctx := context.Background()
	id := w.loop("dev").Pool().All()[0].ID
	d, err := ann.Cancel(ctx, ann.on("dev"), id, 40_000)
	ann.must(err)
	ann.send(SettleDraft{Draft: d})
	off := func(s *Swap) bool { return s.Signed == nil && strings.Contains(s.Why, "never came") }
	ann.swap("the leg called off", off)
	w.mine("dev", 1, nil)
	ann.again()
	ann.swap("the leg called off for good", off)
	height := w.loop("dev").View().Tip().Height
	w.mine("dev", int(ann.swap("t1", off).T1)-int(height), nil)
	ann.swap("rest", func(s *Swap) bool { return s.Move == "rest" && s.Phase == "dropped" })
}

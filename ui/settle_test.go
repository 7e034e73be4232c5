package ui

import (
	"fmt"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/ui/present"
)

func newSettleBench(t *testing.T, size fyne.Size, journeys int) *bench {
	t.Helper()
	m := newMoney()
	m.journeys = journeys
	b := newWalletBench(t, size, m)
	b.frame.open(settleAt)
	b.pump()
	return b
}

func TestSettleShowsEveryPhase(t *testing.T) {
	b := newSettleBench(t, desk, len(depositPhases))
	for b.settle.more.Visible() {
		test.Tap(b.settle.more)
	}
	b.wantShown("3 of 14 blocks deep. About 2 h more.", "Deep enough. The claim is being made.", "The money is on Dev native.",
		"It cannot be claimed: its settlers have left", "The settlers did not take it.", "Paid on Dev.", "Released: the settlers' next batch",
		"It is your turn: fund your side.", "400 blocks are left for this step.", "Take what is yours now", "Lost: the other side took both.",
		"unheard of")
	b.wantHidden("Nothing of it was seen") // a deposit that was planned and not sent
	b.wantWhole()
	open := true
	for _, c := range b.settle.cards {
		if c.what.Over {
			open = false
		} else if !open {
			t.Errorf("%q is under way and stands below what is over", c.what.Title)
		}
	}
	last := present.Journey{}
	for _, j := range b.settle.journeys(&b.settle.facts) {
		if j.At >= len(j.Stations) {
			t.Errorf("%q is at station %d of %d", j.State, j.At, len(j.Stations))
		}
		if j.Over && j.State == last.State && j.Title == last.Title {
			t.Errorf("%q stands there twice", j.Title)
		}
		last = j.Journey
	}
}

func TestSettleEmptyMissingAndFailing(t *testing.T) {
	b := newSettleBench(t, desk, 0)
	b.wantShown("Nothing is under way.", "Deposit to a layer")
	b.wantHidden("Show more")
	b.money.err = app.Coded(app.CodeInternal, "block 7: 79 bytes, want 80")
	b.frame.open(settleAt)
	b.pump()
	b.wantShown("block 7: 79 bytes, want 80", "See whether the disk is full")
	b.money.err = nil
	type plain struct{ app.Backend }
	var without app.Backend = plain{b.money}
	if _, ok := without.(app.Settlement); ok {
		return // every Backend settles
	}
	b.session.backend = without
	b.frame.open(settleAt)
	b.wantShown("not available here yet")
	b.wantHidden("Deposit to a layer")
}

func TestSettleMany(t *testing.T) {
	b := newSettleBench(t, desk, 2000)
	if n := len(b.settle.list.Objects); n != journeysShown {
		t.Errorf("%d cards, want %d", n, journeysShown)
	}
	test.Tap(b.settle.more)
	if n := len(b.settle.list.Objects); n != 2*journeysShown {
		t.Errorf("%d cards, want %d", n, 2*journeysShown)
	}
	b.wantWhole()
}

func TestDeposit(t *testing.T) {
	b := newSettleBench(t, desk, 0)
	m := b.money
	b.tap("Deposit to a layer")
	b.pump()
	b.wantShown("Whom you trust", "you rely on 11 of 15 settlers", "5 of them together could hold all payouts up", "14 blocks, about 2 h")
	b.wantWhole()
	b.settle.deposit.amount.SetText("0.0001")
	b.tap("Review the deposit")
	b.pump()
	b.wantShown("below the least of 20000")
	b.settle.deposit.amount.SetText("0.1")
	b.settle.deposit.fees.SetSelectedIndex(2)
	b.tap("Review the deposit")
	b.pump()
	if got := m.deposits[1]; got.Amount != 10_000_000 || got.MaxFee != 16_000 || got.Layer != "dev-native" || got.Wallet != "main" {
		t.Errorf("asked for %+v", got)
	}
	b.wantShown("Look at it before it goes", "you rely on 11 of 15 settlers", "Deposit 0.1 TST", "ldevn1qq8ze8zdkmpd4u0w8a2rqsjh8mr9mkcwwxz4m2q7")
	b.wantWhole()
	b.settle.review.password.entry.SetText("right")
	b.tap("Deposit 0.1 TST")
	b.pump()
	b.wantShown("On its way: kept on disk")
	if len(m.sent) != 1 || !strings.HasPrefix(m.sent[0].Key, "desktop draft-") {
		t.Errorf("sent %v", m.sent)
	}
	b.tap("Done")
	b.pump()
	b.wantShown("Nothing is under way.")
}

// TestRefundIsKeptFirst: a deposit that can be taken back does not leave before its refunds
// are said to be kept elsewhere.
func TestRefundIsKeptFirst(t *testing.T) {
	b := newSettleBench(t, phone, 0)
	m := b.money
	b.tap("Deposit to a layer")
	b.pump()
	b.settle.deposit.amount.SetText("0.1")
	b.settle.deposit.back.SetChecked(true)
	b.wantShown("Can be taken back after", "1\u202f008 blocks, about 7 d")
	b.tap("Review the deposit")
	b.pump()
	b.settle.review.password.entry.SetText("wrong")
	b.tap("Sign it, and its refund first")
	b.pump()
	b.wantShown("The password is wrong")
	b.settle.review.password.entry.SetText("right")
	b.tap("Sign it, and its refund first")
	b.pump()
	b.wantShown("Keep the refunds first", "There are 2 refunds of it")
	b.wantWhole()
	b.settle.funding.sendIt()
	b.pump()
	if len(m.sent) != 0 || m.asked["SendFunding dev "+idOf(77).String()[:8]] != 0 {
		t.Fatal("it was sent before the refunds were kept")
	}
	b.settle.funding.kept.SetChecked(true)
	b.tap("Send the money now")
	b.pump()
	if m.count("SendFunding dev "+idOf(77).String()[:8]) != 1 {
		t.Errorf("asked %v", m.asked)
	}
	b.wantShown("On its way")
	b.back()
	b.pump()
	b.wantShown("Nothing is under way.")
}

func TestWithdrawal(t *testing.T) {
	b := newSettleBench(t, phone, 0)
	m := b.money
	b.tap("Withdraw to the L1")
	b.pump()
	b.wantShown("The payout may cost at most", "about 24 h, longer where fewer miners seal the layer")
	w := b.settle.withdraw
	if w.limit.Text != "0.00005" {
		t.Errorf("limit %q, want the one that should do", w.limit.Text)
	}
	w.amount.SetText("nonsense")
	b.tap("Review the withdrawal")
	b.wantShown("is no amount of TST")
	w.amount.SetText("0.2")
	w.limit.SetText("0.0001")
	b.tap("Review the withdrawal")
	b.pump()
	if got := m.withdrawals[0]; got.Amount != 20_000_000 || got.MaxFee != 10_000 || got.Address != "" {
		t.Errorf("asked for %+v", got)
	}
	b.wantShown("Burn 0.2 TST")
	b.wantWhole()
	b.back() // Escape: back to the form, as it was
	if b.settle.at != b.settle.withdraw.content || w.amount.Text != "0.2" {
		t.Error("the form is gone")
	}
	b.back()
	b.pump()
	if b.settle.at != b.settle.home {
		t.Error("Escape does not lead home")
	}
}

func TestSwap(t *testing.T) {
	m := newMoney()
	m.setUnlocked(true)
	b := newWalletBench(t, desk, m)
	b.frame.open(settleAt)
	b.pump()
	b.tap("Swap with somebody")
	p := b.settle.swap
	p.give.amount.SetText("0.1")
	b.tap("Make the offer")
	b.wantShown("Amount: not given yet.")
	p.get.amount.SetText("5")
	p.get.chain.SetSelectedIndex(2)
	b.tap("Make the offer")
	b.pump()
	if got := m.offers[0]; got.Give.Chain != "dev" || got.Give.Amount != 10_000_000 || got.Get.Chain != "dev-issued" || got.Get.Amount != 500_000_000 {
		t.Errorf("offered %+v", got)
	}
	b.wantShown(anOffer, "Give this offer to the other side")
	p.text.SetText("nonsense")
	b.pump()
	b.wantShown("not an offer")
	if !p.take.Disabled() {
		t.Error("an offer that cannot be read can be taken")
	}
	p.text.SetText(" " + anOffer + "\n")
	b.pump()
	b.wantShown("5 DVI on Dev issued", "0.1 TST on Dev", "the other side")
	b.wantWhole()
	b.tap("Take the offer")
	b.pump()
	b.wantShown("lamina-answer1qqqqqqqq", "Give this answer to the other side")
	b.back()
	b.pump()
}

func TestSwapGoesOn(t *testing.T) {
	b := newSettleBench(t, desk, 4)
	m := b.money
	card := func(phase string) *journeyCard {
		for _, c := range b.settle.cards {
			if c.what.swap != nil && c.what.swap.Phase == phase {
				return c
			}
		}
		t.Fatalf("no card of a swap that is %s", phase)
		return nil
	}
	offered := card("offered")
	offered.accept()
	b.wantShown("Paste the other side's answer first.")
	offered.answer.SetText("an answer")
	offered.password.entry.SetText("right")
	offered.accept()
	b.pump()
	card("agreed").fund()
	b.pump()
	b.wantShown("Look at it before it goes", "Sign it, and its refund first")
	b.back()
	b.pump()
	funded := card("funded second")
	funded.password.entry.SetText("right")
	funded.move()
	b.pump()
	card("offered").cancel()
	b.pump()
	for _, call := range []string{"AcceptSwap 0 an answer right", "DraftSwap 1", "MoveSwap 3 right", "CancelSwap 0"} {
		if m.count(call) != 1 {
			t.Errorf("%s: not asked once, but %v", call, m.asked)
		}
	}
}

// TestSettleKeepsWhatIsTyped: what happens on the chains must not take away what is being
// typed or read.
func TestSettleKeepsWhatIsTyped(t *testing.T) {
	b := newSettleBench(t, desk, 1)
	for _, c := range b.settle.cards {
		if c.what.swap != nil {
			c.answer.SetText("half an ans")
		}
	}
	b.changed(moneyChanged)
	b.pump()
	b.wantShown("half an ans")
	b.tap("Deposit to a layer")
	b.pump()
	b.settle.deposit.amount.SetText("0.1")
	before := fmt.Sprint(b.money.count("Deposits"))
	b.changed(moneyChanged)
	b.pump()
	if b.settle.deposit.amount.Text != "0.1" || fmt.Sprint(b.money.count("Deposits")) != before {
		t.Error("the form was filled anew")
	}
}

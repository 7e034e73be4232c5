package ui

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/layeredpow/lamina/internal/app"
)

func TestRescueASwap(t *testing.T) {
	b := newSettleBench(t, desk, 0)
	b.tap("Help a swap on")
	p := b.settle.rescue
	b.tap("Take the swap up again")
	b.wantShown("Paste the offer and the answer first.")
	p.offer.SetText(" offer-text\n")
	p.answer.SetText("answer-text")
	p.password.entry.SetText("right")
	b.tap("Take the swap up again")
	b.pump()
	b.wantShown("It is followed again.")
	b.tap("Use the secret")
	b.wantShown("Type the secret first.")
	secret := strings.Repeat("5e", 32)
	p.secret.SetText(secret)
	b.tap("Use the secret")
	b.pump()
	b.wantShown("It fits, and is kept.")
	for _, call := range []string{"RestoreSwap offer-text answer-text right", "LearnSecret " + secret} {
		if b.money.count(call) != 1 {
			t.Errorf("%s: not asked once, but %v", call, b.money.asked)
		}
	}
	if p.offer.Text+p.answer.Text+p.password.entry.Text+p.secret.Text != "" {
		t.Error("something that was typed is still there")
	}
	p.secret.SetText(secret)
	p.password.entry.SetText("right")
	b.back()
	b.pump()
	if p.secret.Text+p.password.entry.Text != "" {
		t.Error("a secret is still there after Escape")
	}
	b.money.err = app.Coded(app.CodeMissing, "secret: of no swap that was agreed")
	b.tap("Help a swap on")
	p.secret.SetText(secret)
	b.tap("Use the secret")
	b.pump()
	b.wantShown("secret: of no swap that was agreed")
	if p.secret.Text != "" {
		t.Error("a secret that was refused is still there")
	}
}

func TestDepositFromTheWordsIsTakenBack(t *testing.T) {
	for _, orphans := range []bool{false, true} {
		m := newMoney()
		m.journeys, m.orphans = len(depositPhases), orphans
		b := newWalletBench(t, desk, m)
		b.frame.open(settleAt)
		b.pump()
		b.settle.shown = 1000
		b.settle.fill()
		done := 0
		for _, c := range b.settle.cards {
			for _, d := range c.deeds() {
				if d.name != "Sign its refund" {
					continue
				}
				if phase := c.what.deposit.Phase; phase != "waiting" && phase != "refund due" {
					t.Errorf("offered for one that is %s", phase)
				}
				if !c.password.entry.Visible() {
					t.Error("no password is asked for")
				}
				if !strings.Contains(c.next.Text, "It needs you: found from the seed") {
					t.Errorf("why it waits for its owner is not said: %q", c.next.Text)
				}
				if done++; done == 1 {
					c.password.entry.SetText("right")
					call := "TakeBack " + c.what.deposit.Layer + " " + c.what.deposit.Outpoint[:8] + " right"
					d.act()
					b.pump()
					b.wantShown("The refund is signed")
					if m.count(call) != 1 {
						t.Errorf("%s: not asked once, but %v", call, m.asked)
					}
				}
			}
		}
		if (done > 0) != orphans {
			t.Errorf("records lost %v: offered %d times", orphans, done)
		}
	}
}

// TestEscapeOnAButton: Fyne would give the key to the button alone.
func TestEscapeOnAButton(t *testing.T) {
	b := newSettleBench(t, desk, 0)
	b.tap("Deposit to a layer")
	b.pump()
	b.window.Canvas().Focus(b.settle.deposit.next)
	b.window.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	b.pump()
	if b.settle.at != b.settle.home {
		t.Error("the page is still open")
	}
	button := b.settle.begin.Objects[2].(*button)
	b.window.Canvas().Focus(button)
	b.window.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	if b.settle.at != b.settle.swap.content {
		t.Error("space does not press")
	}
	test.Tap(button)
}

// TestSettleOfFewChains: a layer that the wallet has no account on is not asked about.
func TestSettleOfFewChains(t *testing.T) {
	m := newMoney()
	m.journeys = 1
	m.wallets[0].Chains = []string{"dev", "dev-issued"}
	b := newWalletBench(t, desk, m)
	b.frame.open(settleAt)
	b.pump()
	if m.count("Deposits") != 0 || m.count("Swaps") == 0 {
		t.Errorf("asked: %v", m.asked)
	}
	b.tap("Deposit to a layer")
	b.wantShown("The wallet has no account on Dev native and its L1 both.")
}

package ui

import (
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fyne.io/fyne/v2/storage"

	"github.com/layeredpow/lamina/internal/app"
)

func TestSend(t *testing.T) {
	m := newMoney()
	m.warnings = []app.Warning{{Concern: "high share", Text: "the fee is 12 % of the payment"}}
	b := newWalletBench(t, phone, m)
	b.frame.open(sendAt)
	b.pump()
	b.wantShown("Recipient and amount are not given yet", "10\u202fsat/vB, usual", "From 1\u202fsat/vB to 100\u202fsat/vB, by what 180 merged-mining proofs tell, what peers relay (8), the chain's policy.")
	b.send.to.SetText("somewhere")
	b.pump()
	b.wantShown("no prefix of this chain")
	b.send.to.SetText("dev:" + payee + "?amount=0.3")
	b.pump()
	if b.send.to.Text != payee || b.send.amount.Text != "0.3" || b.send.label.Text != "shop" {
		t.Fatalf("the request gave %q, %q, %q", b.send.to.Text, b.send.amount.Text, b.send.label.Text)
	}
	b.wantShown("0.3 TST", "0.000\u202f014\u202f1 TST, < 0.1\u202f% of the payment", "paid 2 times before")
	b.send.amount.SetText("1")
	b.pump()
	b.wantShown("below the 100000000 wanted", "Nothing was sent. Pay less")
	b.send.amount.SetText("0,3")
	b.send.fee.slider.SetValue(1)
	b.pump()
	if last := m.payments[len(m.payments)-1]; last.Rate != 100_000 || last.To[0].Amount != 30_000_000 {
		t.Errorf("planned %+v", last)
	}
	b.tap("Review the payment")
	b.wantShown("bcrt 1qpa yee0", "back to you", "Send 0.3 TST", "I agree to pay a fee that is a large part")
	b.wantWhole()
	b.send.review.start() // Enter in the password's field
	if len(m.sent) != 0 || m.count("Send") != 0 {
		t.Fatal("sent without consent")
	}
	b.send.review.checks[0].SetChecked(true)
	for _, password := range []string{"wrong", "right"} {
		b.send.review.password.entry.SetText(password)
		b.tap("Send 0.3 TST")
		if b.send.review.password.entry.Text != "" {
			t.Error("the password stays in its field")
		}
		b.tap0("Send 0.3 TST") // a second press while the first runs
		b.pump()
		if password == "wrong" {
			b.wantShown("The password is wrong", "look at caps lock")
		}
	}
	b.wantShown("On its way", "Sent")
	b.wantHidden("Look at it before it goes")
	if len(m.sent) != 1 || fmt.Sprint(m.sent[0].Consent) != "[high share]" || !strings.HasSuffix(m.sent[0].Key,
		m.sent[0].Draft) || m.sent[0].Draft == "" {
		t.Errorf("sent %+v", m.sent)
	}
	b.tap("Done")
	b.pump()
	if b.send.to.Text != "" || b.send.amount.Text != "" || b.send.label.Text != "" {
		t.Error("the form still holds the payment")
	}
	if len(m.discarded) == 0 {
		t.Error("drafts that were not sent are not discarded")
	}
}

// tap0 is tap where the button may be gone.
func (b *bench) tap0(text string) {
	if strings.Contains(shown(b.window.Content()), text+"\n") {
		b.tap(text)
	}
}

// TestSendSafely: giving up and coming back must not lose the way or pay twice.
func TestSendSafely(t *testing.T) {
	m := newMoney()
	b := newWalletBench(t, desk, m)
	b.frame.open(sendAt)
	b.send.to.SetText(payee)
	b.send.all.SetChecked(true)
	b.pump()
	if last := m.payments[len(m.payments)-1]; !last.To[0].Max || last.To[0].Amount != 0 {
		t.Errorf("planned %+v", last)
	}
	b.tap("Review the payment")
	m.hold = make(chan struct{})
	b.send.review.password.entry.SetText("right")
	b.tap("Send 0.000\u202f000\u202f01 TST")
	b.back() // Escape gives up the waiting
	b.wantShown("You stopped waiting. What was done before that stays done")
	draft := b.send.review.draft.ID
	close(m.hold)
	m.hold = nil
	b.pump()
	b.send.review.password.entry.SetText("right")
	b.tap("Send 0.000\u202f000\u202f01 TST")
	b.pump()
	for _, s := range m.sent {
		if s.Draft != draft || s.Key != m.sent[0].Key {
			t.Errorf("sent again with another key: %+v", s)
		}
	}
	// Another purse has no use for what was typed.
	b.tap("Done")
	b.send.to.SetText(payee)
	b.take(app.Purse{Wallet: "main", Chain: "dev-native"})
	b.pump()
	if b.send.to.Text != "" {
		t.Error("the recipient went along to another chain")
	}
}

// TestSendPrivately: the switch says what it takes, holds for one payment, and its page says how far it came.
func TestSendPrivately(t *testing.T) {
	m := newMoney()
	b := newWalletBench(t, phone, m)
	send := func(private bool) {
		t.Helper()
		b.frame.open(sendAt)
		b.send.to.SetText(payee)
		b.send.amount.SetText("0.3")
		b.pump()
		b.tap("Review the payment")
		b.wantShown("Announce it privately")
		b.wantHidden("over a connection of its own")
		b.send.review.quietly.on.SetChecked(private)
		if private {
			b.wantShown("over a connection of its own, which takes longer", "Without a proxy a stranger still sees this computer's address")
			b.wantWhole()
			m.config.Proxy = "127.0.0.1:9050"
			b.send.review.quietly.say()
			b.wantShown("Your proxy hides")
		}
		b.send.review.password.entry.SetText("right")
		b.tap("Send 0.3 TST")
		b.pump()
		if shows := strings.Contains(shown(b.window.Content()), "one stranger at a time until"); shows != private {
			t.Errorf("private %v: told so: %v", private, shows)
		}
		b.tap("Done")
		b.pump()
	}
	send(true)
	send(false)
	if len(m.sent) != 2 || !m.sent[0].Private || m.sent[1].Private {
		t.Errorf("sent %+v", m.sent)
	}
	x, tx := b.texts, app.Transaction{Private: true, Unit: unit, Trust: trust}
	for told, want := range map[int]string{0: "nobody yet", 3: "3 peers, of whom 3 fetched it"} {
		tx.Told, tx.Took = told, told
		if rows := fmt.Sprint(x.Payment(&tx)); !strings.Contains(rows, "one stranger at a time") || !strings.Contains(rows, want) {
			t.Errorf("told %d: %s", told, rows)
		}
	}
}

func TestSendUnlocked(t *testing.T) {
	m := newMoney()
	b := newWalletBench(t, desk, m)
	b.app.Preferences().SetInt(unlockKey, 15)
	for i := range 2 {
		b.frame.open(sendAt)
		b.send.to.SetText(payee)
		b.send.amount.SetText("0.3")
		b.pump()
		b.tap("Review the payment")
		if asks := b.send.review.password.entry.Visible(); asks != (i == 0) {
			t.Fatalf("payment %d asks for the password: %v", i, asks)
		}
		b.send.review.password.entry.SetText("right")
		b.tap("Send 0.3 TST")
		b.pump()
		b.tap("Done")
		b.pump()
	}
	if len(m.sent) != 2 || m.sent[0].Password != nil {
		t.Errorf("sent %d", len(m.sent))
	}
}

func TestSendFromPicture(t *testing.T) {
	m := newMoney()
	b := newWalletBench(t, desk, m)
	b.frame.open(sendAt)
	path := filepath.Join(t.TempDir(), "code.png")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	code, err := encodeQR("dev:" + payee + "?amount=0.3")
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, code); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	b.dropped(storage.NewFileURI(path))
	b.pump()
	if b.send.to.Text != payee || b.send.amount.Text != "0.3" {
		t.Errorf("read %q, %q", b.send.to.Text, b.send.amount.Text)
	}
	b.dropped(storage.NewFileURI(path + ".none"))
	b.pump()
	b.wantShown("code.png.none")
}

func TestReceive(t *testing.T) {
	m := newMoney()
	b := newWalletBench(t, desk, m)
	b.frame.open(receiveAt)
	b.pump()
	b.wantShown("bcrt 1q8z e8zd", "SegWit", "number 1", "never paid yet")
	if b.receive.qr.Image == nil {
		t.Error("no code")
	}
	b.receive.amount.SetText("much")
	b.tap("Put it into the code")
	b.wantShown(`"much" is no amount of TST`)
	b.receive.amount.SetText("0.5")
	b.receive.label.SetText("rent")
	b.tap("Put it into the code")
	b.pump()
	if last := m.received[len(m.received)-1]; last.Amount != 50_000_000 || last.Label != "rent" {
		t.Errorf("asked for %+v", last)
	}
	b.tap("Copy the address")
	b.wantShown("Copied. Compare it")
	if got := b.app.Clipboard().Content(); got != b.receive.shown.Address {
		t.Errorf("clipboard: %q", got)
	}
	b.tap("Another address")
	b.pump()
	if last := m.received[len(m.received)-1]; !last.Fresh || last.Label != "" {
		t.Errorf("asked for %+v", last)
	}
	b.wantShown("number 2")
	m.wallets[0].Verified = false
	b.reload(nil)
	b.pump()
	b.wantShown("Nobody vouched for this address")
	b.receive.vouch.entry.SetText("right")
	b.tap("Check with the password")
	b.pump()
	b.wantHidden("Nobody vouched for this address")
	if m.wallets[0].Unlocked {
		t.Error("the wallet stays unlocked although it is to be asked for every time")
	}
}

package ui

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
)

// app.Packets: a packet is "name signatures", of two that it takes, in base64.

func packetText(name string, signatures int) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s %d", name, signatures))
}

func (m *money) DraftPacket(ctx context.Context, draft string) (string, error) {
	return packetText(draft, 0), m.call(ctx, "DraftPacket")
}

func (m *money) ShowPacket(ctx context.Context, _ app.Purse, text string) (app.Packet, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	name, count, ok := strings.Cut(string(raw), " ")
	if err != nil || !ok {
		return app.Packet{}, app.Coded(app.CodeInvalid, "PSBT of %d bytes: begins neither with psbt nor in base64", len(text))
	}
	d, p := m.draft(30_000_000), app.Packet{Text: strings.TrimSpace(text), Complete: count == "2"}
	copy(p.ID[:], name)
	p.Inputs, p.Outputs, p.Fee = d.Inputs, d.Outputs, &d.Fee
	return p, m.call(ctx, "ShowPacket")
}

func (m *money) CombinePackets(ctx context.Context, texts []string) (string, error) {
	name, sum := "", 0
	for _, text := range texts {
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return "", err
		}
		n := 0
		if _, err := fmt.Sscanf(string(raw), "%s %d", &name, &n); err != nil {
			return "", err
		}
		sum += n
	}
	return packetText(name, min(sum, 2)), m.call(ctx, "CombinePackets")
}

func (m *money) SendPacket(ctx context.Context, in app.Purse, text string) (app.Sent, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return app.Sent{}, err
	}
	return app.Sent{Purse: in, ID: spv.Hash{1}}, m.call(ctx, "SendPacket "+string(raw))
}

// TestSendWithoutKeys: a wallet that only watches plans a payment, gives it away to be signed, and sends what comes back: the
// same, and whole.
func TestSendWithoutKeys(t *testing.T) {
	m := newMoney()
	m.wallets[0].WatchOnly = true
	m.warnings = []app.Warning{{Concern: "high share", Text: "the fee is 12 % of the payment"}}
	b := newWalletBench(t, phone, m)
	b.frame.open(sendAt)
	b.wantShown("its keys are elsewhere", "Bring one back signed")
	b.send.to.SetText(payee)
	b.send.amount.SetText("0.3")
	b.pump()
	b.tap("Review the payment")
	b.wantShown("Look at it before it is signed", "its keys are elsewhere")
	b.wantHidden("Send 0.3 TST", "Announce it privately", "The password is asked for")
	b.tap("Get it as a PSBT")
	if b.pump(); m.count("DraftPacket") != 0 {
		t.Fatal("made without consent")
	}
	b.send.review.checks[0].SetChecked(true)
	b.tap("Get it as a PSBT")
	b.pump()
	b.wantShown("Have it signed", "Nothing is sent yet")
	b.wantWhole()
	draft := b.send.review.draft.ID
	if slices.Contains(m.discarded, draft) || b.send.to.Text != "" {
		t.Error("the draft is forgotten, or still in the form")
	}
	b.tap("Copy the text")
	if got := b.app.Clipboard().Content(); got != packetText(draft, 0) {
		t.Errorf("the clipboard holds %q", got)
	}
	for _, step := range []struct {
		back, says string
		whole      bool
	}{
		{"nonsense", "begins neither with psbt nor in base64", false},
		{packetText("another", 2), "another payment than the one", false},
		{packetText(draft, 1), "Signatures are missing", false},
		{packetText(draft, 1), "It is signed.", true}, // the second one's, beside the first
	} {
		b.send.packets.entry.SetText(step.back)
		b.pump()
		b.wantShown(step.says)
		if b.send.packets.send.Disabled() == step.whole {
			t.Errorf("%s: can be sent: %v", step.says, !step.whole)
		}
		b.wantWhole()
		b.send.packets.entry.SetText("")
	}
	b.send.packets.read(packetText(draft, 1))
	b.pump()
	b.wantShown("bcrt 1qpa yee0", "0.3 TST", "0.000\u202f014\u202f1 TST")
	b.tap("Send it now")
	b.pump()
	b.wantShown("On its way: kept on disk")
	b.wantHidden("Bring it back signed", "Have it signed")
	if m.count("SendPacket "+draft+" 2") != 1 || m.count("Send") != 0 {
		t.Errorf("asked %v", m.asked)
	}
	b.back()
	b.wantShown("Recipient and amount are not given yet")
}

// TestSignedOnAnotherDay: what comes back is all there is.
func TestSignedOnAnotherDay(t *testing.T) {
	m := newMoney()
	m.wallets[0].WatchOnly = true
	b := newWalletBench(t, phone, m)
	b.frame.open(sendAt)
	b.tap("Bring one back signed")
	b.wantShown("Bring it back signed")
	b.wantHidden("Nothing is sent yet")
	b.wantWhole()
	b.send.packets.entry.SetText(packetText("old", 2))
	b.pump()
	b.tap("Send it now")
	b.pump()
	if m.count("SendPacket old 2") != 1 {
		t.Errorf("asked %v", m.asked)
	}
}

// TestWithoutKeysNothingEndsNowhere: what takes keys is not offered to a wallet that has none.
func TestWithoutKeysNothingEndsNowhere(t *testing.T) {
	m := newMoney()
	b := newWalletBench(t, desk, m)
	b.frame.open(coinsAt)
	b.pump()
	if b.coins.joins.Disabled() || b.coins.splits.Disabled() {
		t.Error("a wallet with keys is offered neither Combine nor Split")
	}
	m.note(func() { m.wallets[0].WatchOnly = true })
	b.reload(nil)
	b.pump()
	b.frame.open(coinsAt)
	b.pump()
	if !b.coins.joins.Disabled() || !b.coins.splits.Disabled() {
		t.Error("Combine or Split is offered")
	}
	b.frame.open(settleAt)
	b.pump()
	b.wantShown("take a wallet with its keys")
	b.wantHidden("Deposit to a layer", "Withdraw to the L1")
	b.frame.open(sendAt)
	b.wantShown("its keys are elsewhere")
	m.note(func() { m.wallets[0].WatchOnly = false })
	b.reload(nil)
	b.pump()
	b.wantHidden("its keys are elsewhere")
}

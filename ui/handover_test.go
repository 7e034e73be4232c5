package ui

import (
	"testing"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/ui/present"
)

func TestHandOverFillsInARequest(t *testing.T) {
	m := newMoney()
	b := newMoneyBench(t, desk, nil, m)
	b.HandOver("dev:" + payee + "?amount=0.3") // before the folder is open
	m.config.Stack = "dev"
	b.begin()
	b.pump()
	if b.frame.at != sendAt || b.send.amount.Text != "0.3" || b.send.recipient() != payee || b.send.label.Text != "shop" {
		t.Errorf("at %d, %q to %q", b.frame.at, b.send.amount.Text, b.send.recipient())
	}
	if len(m.sent) != 0 {
		t.Error("something was sent")
	}
	b.HandOver("")
	b.HandOver("other:x")
	b.pump()
	b.wantShown("no prefix of this chain")
	b.frame.open(coinsAt)
	b.pump()
	b.HandOver("") // only comes to the front
	b.pump()
	if b.frame.at != coinsAt {
		t.Error("an empty request opens a page")
	}
}

func TestLookAlikes(t *testing.T) {
	const known = "bcrt1q8ze8zdkmpd4u0w8a2rqsjh8mr9mkcwwxz4m2q7" // of the history
	like := known[:20] + "qqqqqq" + known[26:]
	m := newMoney()
	b := newWalletBench(t, desk, m)
	b.frame.open(sendAt)
	b.send.to.SetText(like)
	b.pump()
	b.wantShown("This is not " + known)
	b.send.to.SetText(known)
	b.pump()
	b.wantHidden("This is not")
	b.frame.open(receiveAt)
	b.pump()
	for held, warns := range map[string]bool{known: false, like: true, "dev:" + like + "?amount=1": true, payee: false, "": false} {
		b.receive.progress.clear()
		b.app.Clipboard().SetContent(held)
		b.receive.compareClipboard()
		if got := b.receive.progress.outcome.Visible(); got != warns {
			t.Errorf("clipboard %q: warns %v, want %v", held, got, warns)
		}
	}
}

// TestFirstRunStartsTheNode: on the stack that has no other, the node comes with one click.
func TestFirstRunStartsTheNode(t *testing.T) {
	m := newMoney()
	m.wallets, m.node = nil, present.Node{Phase: present.NodeStopped}
	b := newMoneyBench(t, phone, nil, m)
	b.begin()
	b.pump()
	b.tap("Create a wallet")
	b.wantShown("Its node comes with this program")
	b.wantWhole()
	b.first.follow("dev")
	b.pump()
	m.wallets = []app.Wallet{{Name: "main", Chains: []string{"dev", "dev-native"}, Verified: true}}
	b.first.finish(m.wallets[0])
	b.pump()
	if o := m.config.Node; o == nil || !o.Mine || len(o.Payees) != 2 {
		t.Errorf("ordered %+v", o)
	}
}

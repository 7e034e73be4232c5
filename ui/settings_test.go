package ui

import (
	"fmt"
	"testing"

	"fyne.io/fyne/v2"
)

func TestSettingsOfWallet(t *testing.T) {
	m := newMoney()
	b := newWalletBench(t, phone, m)
	b.frame.open(settingsAt)
	w := b.settings.wallet
	b.wantShown("main. Locked. Fingerprint 73c5da0a. Birthday 2026-11-21.")
	b.tap("Show the words")
	w.tasks[1].fields[0].SetText("wrong")
	b.tap("Show them")
	b.pump()
	b.wantShown("The password is wrong")
	b.wantHidden("abandon")
	b.tap("Show the words")
	w.tasks[1].fields[0].SetText("right")
	b.tap("Show them")
	b.pump()
	b.wantShown(" 1 abandon")
	b.back() // Escape hides them
	b.wantHidden("abandon")
	b.tap("Check the backup")
	w.tasks[2].fields[0].SetText("zoo")
	b.tap0("Check it now")
	b.pump()
	b.wantShown("These are not the words of this wallet")
	b.tap("Change the password")
	for i, text := range []string{"right", "new one", "new on"} {
		w.tasks[0].fields[i].SetText(text)
	}
	b.tap("Change it now")
	b.wantShown("The two are not the same.")
	w.tasks[0].fields[2].SetText("new one")
	b.tap("Change it now")
	b.pump()
	b.wantShown("The new password holds from now on.")
	b.tap("Scan deeper")
	w.tasks[3].fields[0].SetText("5")
	b.tap("Scan now")
	b.wantShown("a number from 20 to 10000")
	w.tasks[3].fields[0].SetText("300")
	b.tap("Scan now")
	b.pump()
	if m.count("SetGap 300") != 1 {
		t.Errorf("asked %v", m.asked)
	}
	m.wallets[0].Trouble = "key file main.lamina: damaged"
	b.reload(nil)
	b.pump()
	b.wantShown("key file main.lamina: damaged")
	b.tap("Use the copy of the key file")
	b.pump()
	b.wantHidden("damaged", "Use the copy")
}

func TestSettingsOfNetwork(t *testing.T) {
	m := newMoney()
	b := newWalletBench(t, desk, m)
	b.frame.open(settingsAt)
	n := b.settings.network
	b.wantShown("/somewhere/lamina")
	n.peers.SetText("dev 127.0.0.1:18444\nnonsense")
	b.tap("Apply")
	b.wantShown("Peers: nonsense is none.")
	n.peers.SetText("dev 127.0.0.1:18444")
	n.proxy.SetText("127.0.0.1:9050")
	n.offline.SetChecked(true)
	b.tap("Apply")
	b.pump()
	b.wantShown("In use now.")
	if fmt.Sprint(m.config) != "{dev map[dev:[127.0.0.1:18444]] 127.0.0.1:9050 true  [] <nil>}" {
		t.Errorf("opened with %v", m.config)
	}
}

func TestUnitsAndLanguage(t *testing.T) {
	m := newMoney()
	b := newWalletBench(t, desk, m)
	b.frame.open(settingsAt)
	b.settings.units.SetSelected("In thousandths of a coin")
	b.frame.open(overviewAt)
	b.pump()
	b.wantShown("6\u202f800 mTST")
	b.frame.open(sendAt)
	b.send.to.SetText(payee)
	b.send.amount.SetText("300")
	b.pump()
	if last := m.payments[len(m.payments)-1]; last.To[0].Amount != 30_000_000 {
		t.Errorf("300 mTST is %d", last.To[0].Amount)
	}
	b.settings.speech.SetSelected("Deutsch")
	if got := translate(b.app.Preferences().String(languageKey))("Overview"); got != "Übersicht" {
		t.Errorf("the next start says %q", got)
	}
	b.settings.speech.SetSelectedIndex(0)
	if got := translate(b.app.Preferences().String(languageKey))("Overview"); got != "Overview" {
		t.Errorf("as the desktop: %q", got)
	}
}

// TestTabReachesTheForms goes through the forms by keyboard alone.
func TestTabReachesTheForms(t *testing.T) {
	b := newWalletBench(t, desk, newMoney())
	c := b.window.Canvas()
	for at, wanted := range map[int][]fyne.Focusable{
		sendAt:     {b.send.to, b.send.amount, b.send.all, b.send.label, b.send.fee.slider},
		receiveAt:  {b.receive.amount, b.receive.label, b.receive.copy, b.receive.fresh},
		activityAt: {b.activity.only, b.activity.search, b.activity.list},
		coinsAt:    {b.coins.every, b.coins.tags, b.coins.list},
		settingsAt: {b.settings.network.proxy, b.settings.network.peers, b.settings.wallet.idle},
	} {
		b.frame.open(at)
		b.pump()
		reached := map[fyne.Focusable]bool{}
		c.Unfocus()
		for range 120 {
			c.FocusNext()
			if f := c.Focused(); f != nil {
				reached[f] = true
			}
		}
		for _, f := range wanted {
			if !reached[f] {
				t.Errorf("screen %d: Tab never reaches %T", at, f)
			}
		}
	}
}

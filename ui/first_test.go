package ui

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
)

// newFirst is a bench on the very first start.
func newFirst(t *testing.T) (*bench, *money) {
	m := newMoney()
	m.wallets = nil
	b := newMoneyBench(t, phone, nil, m)
	b.begin()
	b.wantShown("Welcome to Lamina", "believes no server")
	b.wantWhole()
	return b, m
}

func (b *bench) chooseStack() {
	b.t.Helper()
	b.wantShown("Which chains?", "Test networks have no real money")
	b.wantWhole()
	b.first.follow("dev")
	b.pump()
	b.wantShown("What shall it be called?")
	b.tap("Go on")
}

func (b *bench) choosePassword(password string) {
	b.t.Helper()
	b.wantShown("Choose a password")
	b.first.pass.SetText("1234")
	b.wantShown("Weak")
	b.tap("Go on")
	b.wantShown("The two are not the same.")
	b.first.pass.SetText(password)
	walk(b.first.body, func(o fyne.CanvasObject) bool {
		if e, ok := o.(*field); ok && e != b.first.pass {
			e.SetText(password)
		}
		return true
	})
	b.wantWhole()
	b.tap("Go on")
	b.pump()
}

func TestFirstRunCreates(t *testing.T) {
	b, m := newFirst(t)
	b.tap("Create a wallet")
	b.chooseStack()
	b.choosePassword("correct horse battery staple")
	b.wantShown(" 1 abandon", "12 accident", "Fingerprint 01020304", "Birthday 2026-11-21")
	b.wantWhole()
	b.back() // the wallet is made: there is no way back
	b.wantShown("Write these words down")
	b.tap("Show as a code, with the birthday")
	b.tap("I have written them down")
	list := strings.Fields(secretWords)
	asked := regexp.MustCompile(`Word number (\d+)`).FindAllStringSubmatch(shown(b.first.content), -1)
	if len(asked) != 3 {
		t.Fatalf("asks for %v", asked)
	}
	b.tap("Check them")
	b.wantShown("is another one")
	next := 0
	walk(b.first.body, func(o fyne.CanvasObject) bool {
		if e, ok := o.(*field); ok {
			n, _ := strconv.Atoi(asked[next][1])
			e.SetText(" " + strings.ToUpper(list[n-1]))
			next++
		}
		return true
	})
	b.tap("Check them")
	b.pump()
	b.wantShown("6.8 TST")
	b.wantHidden("Welcome to Lamina", "abandon", "accident")
	if m.config.Stack != "dev" || m.passwords[0] != "correct horse battery staple" || len(m.wallets[0].Chains) != 3 {
		t.Errorf("stack %q, wallets %v", m.config.Stack, m.wallets)
	}
	if len(b.first.backup.Words) != 0 {
		t.Error("the words are still in memory of the page")
	}
}

func TestFirstRunRestores(t *testing.T) {
	b, m := newFirst(t)
	b.tap("Restore a wallet")
	b.chooseStack()
	b.first.words.SetText(strings.Replace(secretWords, "abandon", "abandom", 1))
	b.pump()
	b.wantShown("Word 1 is in no list")
	b.tap("Go on")
	b.wantShown("The words are not right yet.")
	b.tap("abandon") // the suggestion
	b.pump()
	b.wantShown("12 words, and their checksum fits.")
	b.wantWhole()
	b.tap("Go on")
	b.wantShown("Is there a passphrase?")
	b.first.pass.SetText("pass phrase")
	b.tap("Go on")
	b.wantShown("How old is it?")
	var day *field
	walk(b.first.body, func(o fyne.CanvasObject) bool {
		if e, ok := o.(*field); ok {
			day = e
		}
		return true
	})
	day.SetText("1999")
	b.tap("Go on")
	b.wantShown("there was no chain in 1999")
	day.SetText("2024-03")
	b.tap("Go on")
	b.choosePassword("correct horse battery staple")
	if m.restored != secretWords+"|pass phrase|2024-03-01" {
		t.Errorf("restored %q", m.restored)
	}
	b.wantShown("6.8 TST")
	if b.first.words.Text != "" {
		t.Error("the words stay in their field")
	}
}

func TestFirstRunWatches(t *testing.T) {
	b, m := newFirst(t)
	b.tap("Watch a wallet")
	b.chooseStack()
	b.tap("Go on")
	b.wantShown("Paste a key first.")
	walk(b.first.body, func(o fyne.CanvasObject) bool {
		if e, ok := o.(*field); ok {
			e.SetText("tpub1\n\n tpub2 ")
		}
		return true
	})
	b.tap("Go on")
	b.back() // and forth
	b.tap("Go on")
	b.tap("Go on")
	b.choosePassword("correct horse battery staple")
	if m.restored != "tpub1|tpub2" || !m.wallets[0].WatchOnly || len(m.wallets[0].Chains) != 1 {
		t.Errorf("watches %q: %+v", m.restored, m.wallets)
	}
}

func TestFirstRunCanBeLeft(t *testing.T) {
	b, _ := newFirst(t)
	b.tap("Only look around")
	b.wantShown("No wallet yet")
	b.frame.open(verifyAt)
	b.wantShown("Nothing verified yet")
	b.frame.open(sendAt)
	b.tap("Set up a wallet")
	b.wantShown("Welcome to Lamina")
}

//go:build flows

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const flowsPassword = "three calm strata"

// ordered puts numbered words of several columns in their order.
func (u *hand) ordered() []string {
	u.t.Helper()
	byNumber := map[int]string{}
	s := u.see()
	for _, o := range s.Things {
		if o.Kind != "label" {
			continue
		}
		n := 0
		for _, part := range strings.Fields(o.Text) {
			if digits := strings.TrimRight(part, "."); strings.Trim(digits, "0123456789") == "" {
				n = 0
				for _, d := range digits {
					n = n*10 + int(d-'0')
				}
			} else if n > 0 {
				byNumber[n], n = part, 0
			}
		}
	}
	var list []string
	for i := 1; byNumber[i] != ""; i++ {
		list = append(list, byNumber[i])
	}
	return list
}

// create goes through the first run to a new wallet on the development stack.
func (u *hand) create(shots bool) []string {
	u.t.Helper()
	shot := func(name string) {
		if shots {
			u.shot(name)
		}
	}
	u.shows("Welcome to Lamina")
	shot("01-welcome")
	u.click("Create a wallet")
	u.shows("Which chains?")
	shot("02-stacks")
	u.click("Dev")
	u.shows("What shall it be called?")
	shot("03-name")
	u.key("Return")
	u.shows("Choose a password")
	u.fill("New password", flowsPassword)
	u.key("Tab")
	u.typed(flowsPassword)
	shot("04-password")
	u.key("Return")
	u.shows("Write these words down")
	words := u.ordered()
	if len(words) < 12 {
		u.t.Fatalf("%d words are shown:\n%s", len(words), u.see().words())
	}
	shot("05-words")
	u.click("I have written them down")
	u.shows("Is the paper right?")
	for _, o := range u.see().Things {
		if n, ok := strings.CutPrefix(o.Text, "Word number "); ok && o.Kind == "label" {
			i := 0
			for _, d := range n {
				i = i*10 + int(d-'0')
			}
			u.fill(o.Text, words[i-1])
		}
	}
	shot("06-check")
	u.click("Check them")
	u.shows("in total, counted in units of Dev")
	return words
}

// address copies what Receive shows.
func (u *hand) address() string {
	u.t.Helper()
	u.click("Receive")
	var address string
	u.until("an address", func(s sight) bool {
		for _, o := range s.Things {
			if text := strings.ReplaceAll(plain.Replace(o.Text), " ", ""); o.Kind == "label" && strings.HasPrefix(text, "ldev1") {
				address = text
				return true
			}
		}
		return false
	})
	return address
}

// TestFlows drives the whole wallet on the development stack, from the first start on, and
// keeps a picture of every step.
func TestFlows(t *testing.T) {
	home := t.TempDir()
	folder := filepath.Join(home, "a")
	a := sit(t, nil, 0, 1280, 800, "--data-dir", folder)
	words := a.create(true)
	a.shows("Dev is synced")
	a.shot("10-overview")
	own := a.address()
	a.shot("11-receive")
	step := func(name string, do func(), of ...*hand) {
		t.Run(name, func(t *testing.T) {
			for _, u := range append(of, a) {
				defer func(before *testing.T) { u.t = before }(u.t)
				u.t = t
			}
			do()
		})
	}
	step("request", a.request)
	step("node", func() {
		a.click("Node")
		a.shows("Blocks pay to the wallet main.")
		a.shot("13-node")
		a.unlocked()
	})
	step("send", func() { a.pay(own) })
	step("activity", a.activity)
	step("coins", a.coins)
	step("deposit", a.deposit)
	step("withdraw", a.withdraw)
	var to []string // the peers of whoever has no node
	for chain, at := range portsOf(t, folder) {
		to = append(to, "--connect", chain+"="+at)
	}
	b := sit(t, []string{"PATH=/usr/bin:/bin"}, 1400, 1280, 800, append(to, "--data-dir", filepath.Join(home, "b"))...)
	step("swap", func() { a.swap(b) }, b)
	b.stand()
	step("dark", func() { a.everyPage("40-dark", 1280, 800) })
	step("light", func() {
		a.looks("Light")
		a.everyPage("41-light", 1280, 800)
		a.everyPage("42-light", 360, 740)
		a.everyPage("43-light", 3840, 2160)
	})
	step("small and large", func() {
		a.looks("Dark")
		a.everyPage("44-dark", 360, 740)
		a.everyPage("45-dark", 3840, 2160)
		a.size(1280, 800)
	})
	step("lock", a.lock)
	c := sit(t, []string{"PATH=/usr/bin:/bin", "FYNE_SCALE=2"}, 0, 3840, 2160, append(to, "--data-dir", filepath.Join(home, "c"))...)
	step("restore", func() { c.restore(words) }, c)
	c.stand()
	step("idle", a.idle) // last: a node that is started anew has other ports
}

// request asks for an amount, and has it in the code.
func (u *hand) request() {
	u.t.Helper()
	u.fill("Amount", "0.25")
	u.fill("Label", "rent")
	u.click("Put it into the code")
	u.shot("12-request")
}

// unlocked lets the password last for a while.
func (u *hand) unlocked() {
	u.t.Helper()
	u.click("Settings")
	u.shot("14-settings")
	u.choose("After the password the wallet stays unlocked", "until idle for 15 minutes")
}

// pay sends to an address of our own, once money is ripe.
func (u *hand) pay(address string) {
	u.t.Helper()
	u.click("Send")
	u.shot("20-send-empty")
	u.fill("To", address)
	u.fill("Amount", "1.25")
	u.fill("Label", "to myself")
	u.click("Review the payment")
	u.shows("Look at it before it goes")
	u.shot("21-review")
	u.agreed("Send", "22-sent")
}

// agreed consents to every warning, gives the password where it is wanted, and presses the button.
func (u *hand) agreed(button, shot string) {
	u.t.Helper()
	unticked := func(s sight) (all []*thing) {
		for i, o := range s.Things {
			if o.Kind == "check" && o.Text == "" && !o.On {
				all = append(all, &s.Things[i])
			}
		}
		return all
	}
	for range 10 {
		s := u.see()
		if e := s.find("entry", "Password of the wallet"); e != nil && strings.HasPrefix(e.Text, "\n") {
			u.fill("Password of the wallet", flowsPassword)
		}
		if b := s.find("button", button); b != nil && !b.Off {
			break
		}
		if left := len(unticked(s)); left > 0 { // a second press too early would take it back
			u.press("a warning", func(s sight) *thing { return append(unticked(s), nil)[0] })
			u.until("its tick", func(s sight) bool { return len(unticked(s)) < left })
		}
	}
	u.press(button, func(s sight) *thing { return s.find("button", button) })
	u.shows("On its way")
	u.shot(shot)
	u.click("Done")
}

// activity looks at the payments: all, those that are searched for, and one of them.
func (u *hand) activity() {
	u.t.Helper()
	u.click("Activity")
	u.shows("payments")
	u.shot("23-activity") // ours may be far down: a block comes every second
	u.enter("to myself", func(s sight) *thing { return s.find("entry", "label, address or id") }, func() { u.key("ctrl+f") })
	u.shows("1 payment")
	u.shot("24-search")
	u.press("the payment", func(s sight) *thing { return s.find("label", "to myself") })
	u.shows("All payments")
	u.shows("How safe it is")
	u.shot("25-payment")
	u.key("Escape")
	u.key("ctrl+f")
	u.key("ctrl+a", "BackSpace")
}

// coins splits one coin and combines many.
func (u *hand) coins() {
	u.t.Helper()
	u.click("Coins")
	u.shows("coins")
	u.shot("26-coins")
	u.click("Split")
	u.shows("Into what?")
	u.fill("Equal coins, how many", "5")
	u.shot("27-split")
	u.click("Review the payment")
	u.shows("Look at it before it goes")
	u.agreed("Send", "28-split-sent")
	u.click("Coins")
	u.click("Combine")
	u.shows("Which coins?")
	u.until("a plan", func(s sight) bool { b := s.find("button", "Combine now"); return b != nil && !b.Off })
	u.shot("29-combine")
	u.click("Combine now")
	u.shows("sent.")
	u.shot("30-combined")
	u.click("All coins")
}

// deposit brings money to a layer, and waits until it is there.
func (u *hand) deposit() {
	u.t.Helper()
	u.key("ctrl+6")
	u.shows("Nothing is under way")
	u.shot("31-settle-empty")
	u.inOrder("Settle", "Deposit to a layer", "Withdraw to the L1", "Swap with somebody", "Help a swap on")
	u.tabTo("Deposit to a layer")
	u.key("Return")
	u.choose("To the layer", "Dev native layer")
	u.fill("Amount", "2")
	u.shot("32-deposit")
	u.click("Review the deposit")
	u.shows("To come back to Dev you rely on")
	u.shot("33-deposit-review")
	u.agreed("Deposit ", "34-deposit-sent")
	u.click("Settle")
	u.shows("2 DEV to Dev native layer")
	u.shot("35-deposit-underway")
	u.shows("The money is on Dev native layer.")
	u.shot("36-deposit-claimed")
}

// patienceSettled is how long it may take until what was burned is sealed, deep enough, signed by the settlers that the
// program has started, and paid.
const patienceSettled = 8 * time.Minute

// withdraw burns some of it, and waits until it is paid on the L1.
func (u *hand) withdraw() {
	u.t.Helper()
	u.click("Settle")
	u.click("Withdraw to the L1")
	u.choose("From the layer", "Dev native layer")
	u.fill("Amount", "0.5")
	u.shot("37-withdraw")
	u.click("Review the withdrawal")
	u.shows("Look at it before it goes")
	u.shot("38-withdraw-review")
	u.agreed("Burn ", "39-withdraw-sent")
	u.click("Settle")
	u.until("the burn on its way", func(s sight) bool { // or over already: a slow hand misses the moment
		return s.find("label", "The burn cannot be undone") != nil || s.find("label", "Paid on Dev.") != nil
	})
	u.shot("39-withdraw-underway")
	u.showsIn(patienceSettled, "Paid on Dev.")
	u.shot("39-withdraw-paid")
}

// looks chooses the theme.
func (u *hand) looks(word string) {
	u.t.Helper()
	u.size(1280, 800)
	u.click("Settings")
	u.press("the theme", func(s sight) *thing { return s.exact("text", word) })
}

// everyPage keeps a picture of every destination in a window of a size.
func (u *hand) everyPage(name string, w, h int) {
	u.t.Helper()
	u.size(w, h)
	for i, key := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "0"} {
		u.key("ctrl+" + key)
		u.until("the answers", func(s sight) bool {
			return s.find("label", "Reading") == nil && s.find("label", "Working") == nil
		})
		u.shot(fmt.Sprintf("%s-%dx%d-%d", name, w, h, i))
	}
}

// idle measures the program while nobody touches it: first while four chains grow by the second, then while they stand still.
func (u *hand) idle() {
	u.t.Helper()
	u.key("ctrl+1")
	u.shows("Dev is synced")
	time.Sleep(10 * time.Second) // what was drawn before is forgotten
	u.t.Logf("four chains are followed, a block a second: %.2f %% of a processor", u.share())
	u.key("ctrl+8")
	u.press("mining", func(s sight) *thing { return s.find("check", "") })
	u.shows("Nothing is mined here.")
	u.shows("Dev is synced")
	u.key("ctrl+1")
	time.Sleep(20 * time.Second) // what was found last is told around
	u.t.Logf("four chains are followed, and stand still: %.2f %% of a processor", u.share())
	u.shot("46-idle")
}

// lock locks the wallet by its shortcut.
func (u *hand) lock() {
	u.t.Helper()
	u.key("ctrl+l")
	u.click("Settings")
	u.until("a locked wallet", func(s sight) bool { return s.find("label", "Locked.") != nil })
	u.shot("60-locked")
}

// restore starts on an empty folder with the words of a wallet that has a past.
func (u *hand) restore(words []string) {
	u.t.Helper()
	u.click("Restore a wallet")
	u.click("Dev")
	u.shows("What shall it be called?")
	u.key("Return")
	u.shows("Type the words")
	u.typed(strings.Join(words[:11], " ") + " abandom")
	u.until("a hint", func(s sight) bool { return s.find("label", "12") != nil })
	u.shot("61-words")
	u.fill("words, with spaces", strings.Join(words, " "))
	u.shows("and their checksum fits")
	u.click("Go on")
	u.shows("Is there a passphrase?")
	u.key("Return")
	u.shows("How old is it?")
	u.shot("62-birthday")
	u.key("Return")
	u.shows("Choose a password")
	u.fill("New password", flowsPassword)
	u.key("Tab")
	u.typed(flowsPassword)
	u.key("Return")
	u.shows("in total, counted in units of Dev")
	u.click("Activity")
	u.shows("payments")
	u.shot("63-restored")
}

// portsOf returns where the node of a data folder accepts peers, by chain.
func portsOf(t *testing.T, folder string) map[string]string {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(folder, "node", "dev", portsName))
	var p nodePorts
	if err == nil {
		err = json.Unmarshal(src, &p)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p.Chains
}

// TestPhone shows the phone layout (-tags mobile) in the window that stands in for a phone, in both themes. That window
// hears no keys, so the wallet is the command line's.
func TestPhone(t *testing.T) {
	home := t.TempDir()
	folder, password := filepath.Join(home, "phone"), filepath.Join(home, "password")
	if err := os.WriteFile(password, []byte(flowsPassword+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(nodeProgram, "wallet", "create", "main", "--chain", "dev", "--chain", "dev-native", "--data-dir", folder,
		"--password-file", password, "--words-to", filepath.Join(home, "words")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	u := sit(t, nil, 0, 500, 1000, "--data-dir", folder)
	u.size(int(360*u.see().Scale+0.5), int(740*u.see().Scale+0.5)) // a phone of 360 x 740, as large as this driver draws it
	for _, theme := range []string{"Light", "Dark"} {
		u.click("More")
		u.click("Settings")
		u.press("the theme", func(s sight) *thing { return s.exact("text", theme) })
		for _, page := range []string{"Overview", "Receive", "Send", "Activity", "Coins", "Settle", "Layers", "Node", "Verify", "Settings"} {
			if u.see().exact("text", page) == nil {
				u.click("More")
			}
			u.click(page)
			u.shot("70-phone-" + theme + "-" + page)
		}
	}
}

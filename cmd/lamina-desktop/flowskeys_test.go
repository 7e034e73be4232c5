//go:build flows

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestKeys drives what is easily forgotten, by keys alone: a wallet that only watches, the order in which Tab goes, and the
// shortcuts.
func TestKeys(t *testing.T) {
	home := t.TempDir()
	u := sit(t, []string{"PATH=/usr/bin:/bin"}, 0, 1280, 800, "--data-dir", offline(t, filepath.Join(home, "watch")))
	u.shows("Welcome to Lamina")
	u.tabTo("Watch a wallet")
	u.key("Return")
	u.shows("Which chains?")
	u.shot("80-watch-stacks")
	u.click("Dev")
	u.shows("What shall it be called?")
	u.typed("-watched")
	u.key("Return")
	u.shows("Which keys?")
	u.key("shift+Tab")
	u.key("Tab")
	u.typed(watchable(t, home))
	u.shot("81-watch-keys")
	u.tabTo("Go on")
	u.key("Return")
	u.shows("How old is it?")
	u.key("Return")
	u.shows("Choose a password")
	u.typed(flowsPassword)
	u.key("Tab")
	u.typed(flowsPassword)
	u.key("Return")
	u.shows("in total, counted in units of Dev")
	u.shot("82-watch-overview")
	u.key("ctrl+3")
	u.inOrder("Send", "address or payment request", "Paste", "Code in a picture", "0.0", "All that is there", "who or what for")
	u.shot("83-tab-send")
	u.key("ctrl+6")
	u.shows("This wallet only watches")
	u.shot("84-watch-settle")
	for key, shows := range map[string]string{"ctrl+1": "in total, counted in", "ctrl+2": "Ask for something", "ctrl+4": "Activity",
		"ctrl+5": "Combine", "ctrl+7": "Followed here", "ctrl+8": "A full node checks every block", "ctrl+9": "Nothing verified yet", "ctrl+0": "Appearance"} {
		u.key(key)
		u.shows(shows)
	}
	u.key("ctrl+0")
	u.press("the list of shortcuts", func(s sight) *thing { return s.exact("label", "Keyboard") })
	u.shot("85-shortcuts")
}

// offline makes a data folder that follows the development stack and asks nothing of the network.
func offline(t *testing.T, folder string) string {
	t.Helper()
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, configName), []byte(`{"stack": "dev", "offline": true}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

// watchable returns a descriptor of some wallet's keys.
func watchable(t *testing.T, home string) string {
	t.Helper()
	password := filepath.Join(home, "password")
	if err := os.WriteFile(password, []byte(flowsPassword+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		out, err := exec.Command(nodeProgram, append(args, "--chain", "dev", "--data-dir", filepath.Join(home, "other"))...).Output()
		if err != nil {
			t.Fatalf("%s: %v: %s", args, err, out)
		}
		return string(out)
	}
	run("wallet", "create", "main", "--password-file", password, "--words-to", filepath.Join(home, "words"))
	for _, word := range strings.Fields(run("wallet", "descriptor", "--wallet", "main")) {
		if strings.Contains(word, "(") {
			return word
		}
	}
	t.Fatal("no descriptor is printed")
	return ""
}

// mostTabs is how often Tab is pressed at most until it has been everywhere.
const mostTabs = 60

// tabTo presses Tab until something has the keys.
func (u *hand) tabTo(name string) {
	u.t.Helper()
	for range mostTabs {
		if u.see().Focus == name {
			return
		}
		u.tab()
	}
	u.t.Fatalf("Tab does not come to %q; there is\n%s", name, u.see().words())
}

// tab presses Tab and returns what has the keys then.
func (u *hand) tab() (now string) {
	u.t.Helper()
	before := u.see().Focus
	u.key("Tab")
	u.until("the keys elsewhere", func(s sight) bool { now = s.Focus; return now != before })
	return now
}

// inOrder checks that Tab goes through some things of a page from the first to the last.
func (u *hand) inOrder(page string, want ...string) {
	u.t.Helper()
	u.tabTo(want[0])
	order := []string{want[0]}
	for range mostTabs {
		now := u.tab()
		if order = append(order, now); now == want[len(want)-1] {
			break
		}
	}
	at := -1
	for _, name := range want {
		if i := slices.Index(order, name); i <= at {
			u.t.Errorf("%s: Tab goes through %q, want among them %q in this order", page, order, want)
			return
		} else {
			at = i
		}
	}
}

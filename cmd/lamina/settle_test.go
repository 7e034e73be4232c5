package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/app"
)

// dealt runs a command line of somebody who agrees to everything.
func dealt(t *testing.T, b *teller, args ...string) outcome {
	t.Helper()
	pw := file(t, "pw", []byte(tellerPassword+"\n"))
	return atTeller(t, b, true, nil, "", append(args, "--password-file", pw)...)
}

// TestSettleCommands: what reaches the Backend, what is shown before it does, and how it ends.
func TestSettleCommands(t *testing.T) {
	without := []string{"status", "trust", "claim", "audit", "ticket", "cancel", "list", "read", "secret", "prove"} // a password
	outpoint := someTx.String() + ":1"
	secret := file(t, "secret", []byte(strings.Repeat("ab", 32)+"\n"))
	refunds := filepath.Join(t.TempDir(), "refunds")
	for _, c := range []struct {
		args string
		code int
		did  string   // that the Backend was asked for
		says []string // in the output or on the other stream
	}{
		{"settle deposit dev-native 0.005 --yes", exitOK, "deposit 500000 max false fee 0 refundable false", []string{someTx.String()}},
		{"settle deposit dev-native max --max-fee 0.00016 --yes", exitOK, "deposit 0 max true fee 16000 refundable false", nil},
		{"settle deposit dev-native 0.005 --dry-run", exitOK, "deposit 500000", []string{"trust: 2 of 3 settlers together release", "0.00496 DEV at least",
			"about 50 s", "privacy:", someAddr}},
		{"settle deposit dev-native 0.005", exitUsage, "deposit 500000", []string{"--dry-run, then say --yes"}},
		{"settle deposit dev-native x --yes", exitUsage, "", []string{"amounts are whole coins"}},
		{"settle deposit dev-other 0.005 --yes", exitUsage, "", []string{"layer dev-other", "there is dev-native"}},
		{"settle deposit dev-native 0.005 --refundable --yes", exitUsage, "", []string{"refund-to"}},
		{"settle withdraw dev-native " + someAddr + " 0.001 --max-fee 0.00002 --yes", exitOK, "withdraw 100000 to " + someAddr + " fee 2000", nil},
		{"settle withdraw dev-native self 0.001 --dry-run", exitOK, "withdraw 100000 to  fee 0", []string{"cannot be taken back", "2 of 3 settlers together pay it out",
			"about 1 min 30 s"}},
		{"settle status", exitUsage, "", []string{"is on no pegged layer"}},
		{"settle status dev-native", exitOK, "", []string{"deposit", "sent", "1 of 5 confirmations, about 40 s to go", "withdrawal  burned", "expected in about 1 min 20 s", "overdue: 3 batches", "overdue: 100 or more batches",
			"lamina settle prove checks"}},
		{"settle trust", exitOK, "", []string{"native, pegged to dev", "conspire they can steal", "0.00001 DEV, 0.00004 DEV"}},
		{"settle claim lamina-ticket", exitOK, "claim lamina-ticket", []string{"taken"}},
		{"settle claim " + outpoint, exitOK, "", []string{"sent", "0.005 DEV to dev-native"}},
		{"settle claim " + strings.Repeat("ab", 32), exitUsage, "", []string{"none of this id"}},
		{"settle ticket " + outpoint, exitOK, "", []string{"lamina-ticket\n"}},
		{"settle ticket x", exitUsage, "", []string{"none of this outpoint"}},
		{"settle refund " + outpoint + " -o " + refunds, exitOK, "takeback " + outpoint, []string{"1 refunds of"}},
		{"settle prove dev-native --node /nowhere", exitRefuted, "", []string{"0 payouts proved, 1 not", "no server is running"}},
		{"swap read lpoffer1text", exitOK, "", []string{"0.0007 DEV on dev-issued", "other side pays first"}},
		{"swap cancel 0", exitOK, "cancel 0", nil},
		{"swap list", exitOK, "", []string{"0.0005 DEV on dev for 0.0007 DEV on dev-issued", "fund: lamina swap fund 0"}},
		{"swap secret --secret-file " + secret, exitOK, "learn 64", []string{"taken"}},
		{"swap restore lpoffer1text lpanswer1text", exitOK, "restore lpoffer1text lpanswer1text", []string{"swap 2"}},
		{"settle audit dev", exitUsage, "", []string{`required flag(s) "node"`}},
		{"settle audit dev --node /nowhere", exitUsage, "", []string{"takes no deposits"}},
		{"settle audit dev-native --node /nowhere", exitUsage, "", []string{"data folder of a node"}},
		{"swap offer --give dev=0.0005 --get dev-issued=0.0007 --yes", exitOK, "offer 50000 of dev for 70000 of dev-issued second false hash", []string{"lpoffer1text",
			"lamina swap accept 0 ANSWER"}},
		{"swap offer --give dev=0.0005 --get dev-issued=0.0007 --second --yes", exitOK, "offer 50000 of dev for 70000 of dev-issued second true hash", nil},
		{"swap offer --give dev=0.0005 --get dev-issued=0.0007 --payment-hash " + strings.Repeat("ab", 32) + " --yes", exitOK, "offer 50000 of dev for 70000 of dev-issued " +
			"second false hash " + strings.Repeat("ab", 32), nil},
		{"swap offer --give 0.0005 --get dev-issued=1 --yes", exitUsage, "", []string{"want CHAIN=AMOUNT"}},
		{"swap offer --give other=0.0005 --get dev-issued=1 --yes", exitUsage, "", []string{"--give other: the chain is not followed"}},
		{"swap take lpoffer1text --yes", exitOK, "take lpoffer1text", []string{"lpanswer1text", "we are the responder"}},
		{"swap take nonsense --yes", exitUsage, "", []string{"begins lpoffer1"}},
		{"swap accept 0 lpanswer1text", exitOK, "accept 0 lpanswer1text", []string{"lamina swap fund 0 -o FILE"}},
		{"swap accept 7 lpanswer1text", exitUsage, "", []string{"swap 7: wallet main has none"}},
		{"swap fund 0 --yes", exitUsage, "", []string{"output"}},
		{"swap fund 0 --yes -o -", exitUsage, "", []string{"want a file"}},
		{"swap redeem 0", exitRefuted, "", []string{"not to be redeemed now: our leg is first"}},
		{"swap refund 0", exitRefuted, "", []string{"not to be refunded now"}},
		{"swap redeem x", exitUsage, "", []string{"want a whole number"}},
	} {
		b := &teller{synced: true}
		if !strings.Contains(c.args, "settle status") || strings.Contains(c.args, "dev-native") {
			b.chains = []string{"dev", "dev-native", "dev-issued"}
		}
		args := strings.Fields(c.args)
		var got outcome
		if words := strings.Fields(c.args)[:2]; slices.Contains(without, words[1]) {
			got = atTeller(t, b, true, nil, "", args...)
		} else {
			got = dealt(t, b, args...)
		}
		if got.code != c.code || c.did != "" && !b.asked(c.did) {
			t.Errorf("%s: code %d, did %q\n%s%s", c.args, got.code, b.did, got.out, got.err)
		}
		for _, say := range c.says {
			if !strings.Contains(got.out+got.err, say) {
				t.Errorf("%s: want %q in\n%s%s", c.args, say, got.out, got.err)
			}
		}
		if strings.Contains(got.out+got.err, "hush") {
			t.Errorf("%s: a secret is printed", c.args)
		}
	}
}

// TestRefundableUnlocks: the first refundable deposit of a wallet wants its password before it can be drafted: it is asked for once, and
// the session that it opens ends with the command.
func TestRefundableUnlocks(t *testing.T) {
	b := &teller{synced: true, strange: true}
	got := dealt(t, b, append(strings.Fields("settle deposit dev-native 0.005 --refundable --yes --refund-to"), filepath.Join(t.TempDir(), "refunds"))...)
	if got.code != exitOK || !b.asked("unlock 1m0s") || !b.asked("send funding") || b.unlocked {
		t.Errorf("%+v, did %q, unlocked %t", got, b.did, b.unlocked)
	}
}

// TestRefundsFirst: refunds are on disk before a funding is sent, and without a file nothing is signed.
func TestRefundsFirst(t *testing.T) {
	for _, args := range []string{"settle deposit dev-native 0.005 --refundable --yes --refund-to", "swap fund 0 --yes -o"} {
		b := &teller{synced: true}
		to := filepath.Join(t.TempDir(), "refunds")
		got := dealt(t, b, append(strings.Fields(args), to)...)
		raw, err := os.ReadFile(to)
		must(t, err)
		var kept keptRefunds
		must(t, json.Unmarshal(raw, &kept))
		if got.code != exitOK || len(kept.Refunds) != 1 || kept.Refunds[0].Raw != "0200" || kept.Funding != someTx || !b.asked("send funding") {
			t.Errorf("%s: %+v, did %q\n%s", args, got, b.did, raw)
		}
		for _, bad := range []string{to, filepath.Join(t.TempDir(), "no", "folder"), "-", ""} {
			b := &teller{synced: true}
			got := dealt(t, b, append(strings.Fields(args), bad)...)
			if got.code != exitUsage || b.asked("sign") || b.asked("send") {
				t.Errorf("%s %q: %+v, did %q", args, bad, got, b.did)
			}
		}
		if again, err := os.ReadFile(to); err != nil || string(again) != string(raw) {
			t.Errorf("%s: the file was changed: %v", args, err)
		}
		wrong := file(t, "pw", []byte("another\n"))
		b = &teller{synced: true}
		empty := filepath.Join(t.TempDir(), "refunds")
		got = atTeller(t, b, true, nil, "", append(strings.Fields(args), empty, "--password-file", wrong)...)
		if _, err := os.Stat(empty); got.code != exitRefuted || !os.IsNotExist(err) || b.asked("send") {
			t.Errorf("%s: with a wrong password %+v, %v", args, got, err)
		}
	}
	// What was signed before is sent as it is, with its refunds written first, and no password.
	b := &teller{synced: true, tellerDeals: tellerDeals{signed: true}}
	to := filepath.Join(t.TempDir(), "refunds")
	got := atTeller(t, b, true, nil, "", "swap", "fund", "0", "--yes", "-o", to)
	if raw, err := os.ReadFile(to); err != nil || got.code != exitOK || b.asked("draft swap") || b.asked("sign") || !b.asked("send funding") || !strings.Contains(string(raw), `"0200"`) {
		t.Errorf("signed before: %+v, did %q, %v %s", got, b.did, err, raw)
	}
}

// TestSwapTexts: a text goes to a file, comes from a file or standard input, and is drawn.
func TestSwapTexts(t *testing.T) {
	b := &teller{synced: true}
	offer := filepath.Join(t.TempDir(), "offer")
	if got := dealt(t, b, "swap", "offer", "--give", "dev=0.0005", "--get", "dev-issued=0.0007", "--yes", "-o", offer, "--qr"); got.code != exitOK ||
		!strings.Contains(got.out, "█") || !strings.Contains(got.out, "written to "+offer) {
		t.Errorf("offer: %+v", got)
	}
	if raw, err := os.ReadFile(offer); err != nil || string(raw) != "lpoffer1text\n" {
		t.Errorf("file: %q, %v", raw, err)
	}
	for _, from := range []string{"@" + offer, "-"} {
		b := &teller{synced: true}
		pw := file(t, "pw", []byte(tellerPassword+"\n"))
		got := atTeller(t, b, true, nil, "lpoffer1text\n", "--json", "swap", "take", from, "--yes", "--password-file", pw)
		var w app.Swap
		if err := json.Unmarshal([]byte(got.out), &w); err != nil || w.Answer != "lpanswer1text" || !b.asked("take lpoffer1text") {
			t.Errorf("take %s: %+v, %v", from, got, err)
		}
	}
	big := file(t, "big", make([]byte, longestText+1))
	if got := dealt(t, &teller{synced: true}, "swap", "take", "@"+big, "--yes"); got.code != exitUsage || !strings.Contains(got.err, "want at most 65536") {
		t.Errorf("big: %+v", got)
	}
	// Whoever is asked sees the risk first.
	k := &keyboard{lines: []string{"n"}}
	if got := atTeller(t, &teller{synced: true}, true, k, "", "swap", "take", "lpoffer1text"); got.code != exitRefuted ||
		!strings.Contains(k.screen.String(), "the other side knows the secret and pays first") {
		t.Errorf("asked: %+v %s", got, k.screen.String())
	}
	// A move that wants keys is made with them.
	b = &teller{synced: true, tellerDeals: tellerDeals{move: "redeem", phase: "funded second"}}
	if got := dealt(t, b, "swap", "redeem", "0"); got.code != exitOK || !b.asked("move 0") {
		t.Errorf("redeem: %+v, %q", got, b.did)
	}
}

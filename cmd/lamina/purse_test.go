package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestNoPeer: a command that opens the folder itself does not wait for ever where no peer can be found.
func TestNoPeer(t *testing.T) {
	dir := t.TempDir()
	hidden := filepath.Join(dir, "password")
	if err := os.WriteFile(hidden, []byte("a password of a test\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ask := func(args ...string) outcome {
		var out, errs bytes.Buffer
		s := newSession(strings.NewReader(""), &out, &errs)
		s.lonely = 50 * time.Millisecond
		code := s.run(t.Context(), append(args, "--data-dir", filepath.Join(dir, "data")))
		return outcome{code, out.String(), errs.String()}
	}
	if o := ask("wallet", "create", "w", "--chain", "dev", "--password-file", hidden, "--words-to", filepath.Join(dir, "words")); o.code != exitOK {
		t.Fatalf("%+v", o)
	}
	if o := ask("balance"); o.code != exitUsage || !strings.Contains(o.err, "dev: no peer for 50ms") || !strings.Contains(o.err, "--offline") {
		t.Errorf("without a peer: %+v", o)
	}
	if o := ask("balance", "--offline"); o.code != exitOK {
		t.Errorf("offline: %+v", o)
	}
}

// TestDamagedFolder: whatever file is damaged, the answer says which and what to do; doing that helps, and nothing else is lost.
func TestDamagedFolder(t *testing.T) {
	h := &household{t: t, dir: filepath.Join(t.TempDir(), "data"), pw: file(t, "pw", []byte("hush-password\n"))}
	h.must("wallet", "create", "main", "--chain", "dev", "--password-file", h.pw, "--words-to", filepath.Join(t.TempDir(), "words"))
	keys, database := filepath.Join(h.dir, "wallets", "main.lamina"), filepath.Join(h.dir, "lamina.db")
	address := h.must("receive", "--offline")["address"]
	sound, err := os.ReadFile(keys)
	must(t, err)
	for name, spoilt := range map[string][]byte{
		"cut": sound[:100], "empty": {}, "a bit": append(bytes.Clone(sound[:len(sound)-1]), sound[len(sound)-1]^1), "text": []byte("not a key file"),
	} {
		must(t, os.WriteFile(keys, spoilt, 0o600))
		for _, args := range [][]string{{"balance", "--offline"}, {"wallet", "backup", "--password-file", h.pw, "--words-to", "nowhere"}} {
			got := h.lamina(args...)
			if got.code != exitUsage || !strings.Contains(got.err, "damaged") || !strings.Contains(got.err, "main.lamina.bak is whole") || !strings.Contains(got.err, "lamina wallet repair") {
				t.Errorf("%s, %s: %+v", name, args[0], got)
			}
		}
		if now, err := os.ReadFile(keys); err != nil || !bytes.Equal(now, spoilt) {
			t.Errorf("%s: the file was changed: %v", name, err)
		}
		h.must("wallet", "repair", "main")
		if got := h.must("receive", "--offline")["address"]; got != address {
			t.Errorf("%s: repaired, it gives out %v, not %v", name, got, address)
		}
	}
	raw, err := os.ReadFile(database)
	must(t, err)
	for name, spoilt := range map[string][]byte{
		"cut": raw[:5000], "text": bytes.Repeat([]byte("no"), 20_000),
		"all but the two roots": append(bytes.Clone(raw[:2*os.Getpagesize()]), bytes.Repeat([]byte{0xa5}, len(raw)-2*os.Getpagesize())...),
	} {
		must(t, os.WriteFile(database, spoilt, 0o600))
		got := h.lamina("balance", "--offline")
		if got.code != exitUsage || !strings.Contains(got.err, "lamina.db") || !strings.Contains(got.err, "move lamina.db away") || strings.Contains(got.err, "goroutine") {
			t.Errorf("database, %s: %+v", name, got)
		}
	}
	must(t, os.Rename(database, database+".away"))
	if got := h.must("receive", "--offline")["address"]; got != address {
		t.Errorf("with a new database it gives out %v, not %v", got, address)
	}
	h.must("balance", "--offline")
}

// TestOpenings: a command opens the folder once to see which wallet is meant, and once with what that one wants.
func TestOpenings(t *testing.T) {
	for args, most := range map[string]int{"balance": 2, "balance --chain dev": 2, "balance --account 0": 2, "history": 2, "settle status dev-native": 2, "wallet list": 1} {
		b := &teller{synced: true}
		if strings.HasPrefix(args, "settle") {
			b.chains = []string{"dev", "dev-native"}
		}
		times := 0
		var out, errs bytes.Buffer
		s := newSession(strings.NewReader(""), &out, &errs)
		s.backend = func(context.Context, opening) (*opened, error) {
			times++
			return &opened{b, false, func() error { return nil }}, nil
		}
		if code := s.run(t.Context(), strings.Fields(args)); code != exitOK || times > most {
			t.Errorf("%s: opened %d times, want at most %d; exit code %d\n%s%s", args, times, most, code, &out, &errs)
		}
	}
}

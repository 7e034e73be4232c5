package main

import (
	"bytes"
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

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestNodeDamaged: a settling node whose databases are spoilt, one after the other, ends with a sentence that names the file and
// with what to do, and no stack trace. Doing it for a chain, it goes on from the block files.
func TestNodeDamaged(t *testing.T) {
	t.Parallel() // it waits most of the time
	dir, key := t.TempDir(), filepath.Join(t.TempDir(), "settler.key")
	must(t, os.WriteFile(key, fmt.Appendf(nil, "%064x\n", 1), 0o600))
	settle := []string{"--settle", "--settler-key", key}
	c := startNode(t, dir, append(settle, "--mine", "--mine-every", "5ms")...)
	stack := devStack(t)
	untilNode(t, "blocks", func() bool { return c.height(stack[0].Name) >= 10 })
	c.end()
	var files []string
	must(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".db" {
			files = append(files, path)
		}
		return err
	}))
	if len(files) < len(stack) {
		t.Fatalf("databases: %q, want one for each of %d chains", files, len(stack))
	}
	journals := 0
	for _, path := range files {
		sound, err := os.ReadFile(path)
		must(t, err)
		must(t, os.WriteFile(path, bytes.Repeat([]byte{0xff}, len(sound)), 0o600))
		want := "made again from the block files"
		if filepath.Base(path) == "settler.db" {
			journals++
			want = "put a copy of it back"
		}
		cmd := exec.Command(os.Args[0], append([]string{"node", "--data-dir", dir}, settle...)...)
		cmd.Env = append(os.Environ(), childMark)
		said, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != exitUsage {
			t.Errorf("%s: %v, want exit code %d", path, err, exitUsage)
		}
		if text := string(said); !strings.Contains(text, path+": damaged") || !strings.Contains(text, want) || strings.Contains(text, "goroutine ") {
			t.Errorf("%s: %s\nwant %q", path, text, want)
		}
		must(t, os.WriteFile(path, sound, 0o600))
	}
	if journals == 0 {
		t.Errorf("no journal among %q", files)
	}

	must(t, os.Rename(filepath.Join(dir, stack[0].Name, "chain.db"), filepath.Join(dir, "away.db")))
	c = startNode(t, dir, settle...)
	if got := c.height(stack[0].Name); got < 10 {
		t.Errorf("made again: %s is at %d, want 10 or more", stack[0].Name, got)
	}
	c.end()
}

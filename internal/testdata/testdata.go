// Package testdata gives tests the real chain data under data/: headers, blocks, merged-mining proofs, filters and public vectors.
// data/MANIFEST.md says where each file comes from. The package never touches the network, never writes, and is
// imported by test files only.
package testdata

import (
	"bytes"
	"compress/bzip2"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Path returns the path of the file name below data/ ("headers/genesis.json", slashes on every system).
// It ends the test if the file does not exist.
func Path(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(Root(t), "internal", "testdata", "data", filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("test data %s: %v", name, err)
	}
	return path
}

// Root returns the module's root folder: the nearest folder above the test's working directory that holds go.mod.
// The search works under -trimpath too, where runtime.Caller knows no real path.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the test's working directory")
		}
		dir = parent
	}
}

// plain holds what was decompressed, by name: that costs a hundred times what reading does, and many tests read the same file.
var plain sync.Map

// Read returns the content of the file name below data/, decompressed if the name ends in .bz2. It is the caller's to change.
func Read(t testing.TB, name string) []byte {
	t.Helper()
	if b, found := plain.Load(name); found {
		return bytes.Clone(b.([]byte))
	}
	raw, err := os.ReadFile(Path(t, name))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(name, ".bz2") {
		return raw
	}
	b, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(raw)))
	if err != nil {
		t.Fatalf("test data %s: %v", name, err)
	}
	plain.Store(name, b)
	return bytes.Clone(b)
}

// Hex returns the bytes that the file name spells in hex; white space around the digits is dropped.
func Hex(t testing.TB, name string) []byte {
	t.Helper()
	b, err := hex.DecodeString(string(bytes.TrimSpace(Read(t, name))))
	if err != nil {
		t.Fatalf("test data %s: %v", name, err)
	}
	return b
}

// HexLines returns one byte slice for each line of hex in the file name. Empty lines and lines that begin with # are skipped.
func HexLines(t testing.TB, name string) [][]byte {
	t.Helper()
	var lines [][]byte
	for i, line := range strings.Split(string(Read(t, name)), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		b, err := hex.DecodeString(line)
		if err != nil {
			t.Fatalf("test data %s: line %d: %v", name, i+1, err)
		}
		lines = append(lines, b)
	}
	return lines
}

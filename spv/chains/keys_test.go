package chains

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/assets"
	"github.com/layeredpow/lamina/internal/testdata"
)

// TestEveryKeyIsDocumented: the table in docs/add-a-chain.md has every key that the reader
// asks for in any of the files, and no other.
func TestEveryKeyIsDocumented(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join(testdata.Root(t), "docs", "add-a-chain.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(doc), "\n## What the keys mean\n")
	text, _, _ = strings.Cut(text, "\n## ")
	described := map[string]bool{}
	for _, line := range strings.Split(text, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			continue
		}
		for _, key := range strings.Split(cells[1], "`") {
			if strings.Contains(key, ".") {
				described[key] = true
			}
		}
	}
	read := map[string]bool{}
	names, err := fs.Glob(assets.Chains, "*.toml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		src, err := fs.ReadFile(assets.Chains, name)
		if err != nil {
			t.Fatal(err)
		}
		d, err := parseDocument(name, src)
		if err != nil {
			t.Fatal(err)
		}
		(&reader{doc: d}).read(&Params{})
		for _, table := range d.tables {
			for _, key := range table.asked {
				read[table.name+"."+key] = true
			}
		}
	}
	for key := range read {
		if !described[key] {
			t.Errorf("%s is not described", key)
		}
	}
	for key := range described {
		if !read[key] {
			t.Errorf("%s is described, but nothing reads it", key)
		}
	}
	if len(read) < 80 {
		t.Errorf("%d keys read", len(read))
	}
}

// TestNames: what is written is read back, and nothing else is.
func TestNames(t *testing.T) {
	for k := L1; k <= Fractional; k++ {
		var back Kind
		text, err := k.MarshalText()
		if err != nil || back.UnmarshalText(text) != nil || back != k {
			t.Errorf("kind %s: %v, %v", text, back, err)
		}
	}
	for n := Main; n <= Dev; n++ {
		var back Network
		text, err := n.MarshalText()
		if err != nil || back.UnmarshalText(text) != nil || back != n {
			t.Errorf("network %s: %v, %v", text, back, err)
		}
	}
	for _, bad := range []string{"", "L1", "unknown(0)", " main"} {
		if new(Kind).UnmarshalText([]byte(bad)) == nil || new(Network).UnmarshalText([]byte(bad)) == nil {
			t.Errorf("%q is a name", bad)
		}
	}
	if got := Kind(99).String(); got != "unknown(99)" {
		t.Errorf("kind 99 is %s", got)
	}
}

// TestProblemsAreBounded: a file of nothing but mistakes gets a short answer.
func TestProblemsAreBounded(t *testing.T) {
	var b strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&b, "key%d = 1\n", i)
	}
	_, err := Parse("x.toml", []byte(b.String()))
	ps, ok := err.(Problems)
	if !ok || len(ps) != maxProblems || ps[0].Line != 1 {
		t.Fatalf("%d problems, %v", len(ps), ok)
	}
}

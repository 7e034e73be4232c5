package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/testdata"
)

// TestVerifyDocument runs the examples of docs/verify.md and compares outcomes, names and
// verdicts; not the wording of what was compared, which spv may improve at any time.
func TestVerifyDocument(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(testdata.Root(t), "docs", "verify.md"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Join(testdata.Root(t), "internal", "testdata", "data"))
	ran := 0
	for _, block := range strings.Split(string(raw), "```\n$ lamina ")[1:] {
		block, _, _ = strings.Cut(block, "\n```")
		command, documented, found := strings.Cut(block, "\n")
		if !found {
			continue // an example without output
		}
		command, tail, _ := strings.Cut(command, " | tail -n ")
		got := strings.Split(strings.TrimRight(lamina(t, nil, strings.Fields(command)...).out, "\n"), "\n")
		if n := 0; tail != "" {
			if _, err := fmt.Sscan(tail, &n); err != nil || n > len(got) {
				t.Fatalf("%s: tail %q: %v", command, tail, err)
			}
			got = got[len(got)-n:]
		}
		want := strings.Split(documented, "\n")
		if len(got) != len(want) {
			t.Errorf("%s: %d lines, the document shows %d", command, len(got), len(want))
			continue
		}
		for i := range got {
			if stable(got[i]) != stable(want[i]) {
				t.Errorf("%s: line %d:\n%s\nthe document shows:\n%s", command, i+1, got[i], want[i])
			}
		}
		ran++
	}
	if ran < 7 {
		t.Errorf("%d examples with output, want at least 7", ran)
	}
}

// stable cuts what a check compared off its lines.
func stable(line string) string {
	const column = 38
	if len(line) > column && strings.HasPrefix(line, "  ") && (strings.HasPrefix(line[column:], "want ") || strings.HasPrefix(line[column:], "got ") || strings.HasPrefix(line[column:], "why ")) {
		return line[:column]
	}
	return line
}

package doctor_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv/doctor"
)

// TestPoolsDocument: docs/pools.md explains every check and every cause.
func TestPoolsDocument(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(testdata.Root(t), "docs", "pools.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for _, r := range doctor.Rules() {
		if row := "| " + r.Name + " | " + r.Text + " |"; !strings.Contains(text, row) {
			t.Errorf("docs/pools.md lacks %q", row)
		}
	}
	for _, name := range doctor.Causes() {
		if !strings.Contains(text, "\n| "+name+" | ") {
			t.Errorf("docs/pools.md does not explain the cause %q", name)
		}
	}
}

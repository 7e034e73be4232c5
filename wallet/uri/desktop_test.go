package uri

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/testchain"
)

// TestDesktopEntry checks that a desktop is told of every scheme that there is.
func TestDesktopEntry(t *testing.T) {
	entry, err := os.ReadFile("../../assets/linux/org.layeredpow.lamina.desktop")
	if err != nil {
		t.Fatal(err)
	}
	_, types, _ := bytes.Cut(entry, []byte("\nMimeType="))
	types, _, _ = bytes.Cut(types, []byte("\n"))
	listed := map[string]bool{}
	for _, kind := range strings.Split(strings.TrimSuffix(string(types), ";"), ";") {
		listed[strings.TrimPrefix(kind, "x-scheme-handler/")] = false
	}
	set := testchain.Set(t)
	for _, p := range set.All() {
		if _, ok := listed[Scheme(p)]; !ok {
			t.Errorf("%s: the desktop entry has no scheme %s", p.Name, Scheme(p))
		}
		listed[Scheme(p)] = true
	}
	for scheme, used := range listed {
		if !used {
			t.Errorf("the desktop entry has scheme %s, which no chain has", scheme)
		}
	}
}

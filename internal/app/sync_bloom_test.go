package app

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/store"
	"github.com/layeredpow/lamina/spv/chains"
)

// TestAllowBloom: peers of a chain may be told Bloom filters if it is named, and only then;
// a name that is not followed is no consent to anything.
func TestAllowBloom(t *testing.T) {
	p := params(t, "litecoin-regtest")
	for _, c := range []struct {
		allowed []string
		wrong   string
		bloom   bool
		wanted  wire.ServiceFlag
	}{
		{nil, "", false, wire.SFNodeCF},
		{[]string{p.Name}, "", true, wire.SFNodeBloom},
		{[]string{p.Name, "elsewhere"}, `"elsewhere", which is not followed`, false, 0},
	} {
		f := Follow{Chains: []*chains.Params{p}, AllowBloom: c.allowed, Log: slog.New(slog.DiscardHandler)}
		if err := f.check(); (err != nil) != (c.wrong != "") || (err != nil && !strings.Contains(err.Error(), c.wrong)) {
			t.Fatalf("%v: %v, want %q", c.allowed, err, c.wrong)
		} else if err != nil {
			continue
		}
		disk, err := store.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		followed, err := f.openChain(disk, p)
		if err != nil {
			t.Fatal(err)
		}
		scan, err := followed.scanFrom(1)
		if err != nil || scan.Bloom != c.bloom || followed.wanted() != c.wanted {
			t.Errorf("%v: bloom %v, wants %v, %v", c.allowed, scan.Bloom, followed.wanted(), err)
		}
		if err := disk.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

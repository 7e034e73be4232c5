package present

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/assets"
	"github.com/layeredpow/lamina/spv/chains"
)

func builtin(t *testing.T) *chains.Set {
	t.Helper()
	set, err := chains.Load(assets.Chains)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// plain replaces the narrow spaces that numbers are grouped with.
func plain(s string) string { return strings.ReplaceAll(s, thin, "_") }

func TestNumber(t *testing.T) {
	tests := []struct {
		n    int64
		want string
	}{
		{0, "0"}, {999, "999"}, {1000, "1_000"}, {145000, "145_000"}, {1234567, "1_234_567"}, {-1234, "-1_234"}, {-999, "-999"},
		{math.MaxInt64, "9_223_372_036_854_775_807"},
	}
	for _, test := range tests {
		if got := plain(number(test.n)); got != test.want {
			t.Errorf("%d: got %q, want %q", test.n, got, test.want)
		}
	}
}

func TestAmount(t *testing.T) {
	tests := []struct {
		units    int64
		decimals int
		want     string
	}{
		{0, 8, "0 X"}, {1, 8, "0.000_000_01 X"}, {1234567, 8, "0.012_345_67 X"}, {50_00000000, 8, "50 X"},
		{120431850000, 8, "1_204.318_5 X"}, {5, 0, "5 X"}, {1, 11, "0.000_000_000_01 X"}, {-150000000, 8, "-1.5 X"},
		{math.MaxInt64, 8, "92_233_720_368.547_758_07 X"},
	}
	for _, test := range tests {
		if got := plain(amount(test.units, test.decimals, "X")); got != test.want {
			t.Errorf("%d of %d decimals: got %q, want %q", test.units, test.decimals, got, test.want)
		}
	}
}

func TestDurationAndSize(t *testing.T) {
	durations := map[uint32]string{
		0: "0 s", 5: "5 s", 45: "45 s", 60: "1 min", 90: "1.5 min", 100: "100 s", 150: "2.5 min", 600: "10 min", 5400: "1.5 h", 7200: "2 h",
		1209600: "14 d", 302400: "3.5 d", math.MaxUint32: "4_294_967_295 s",
	}
	for seconds, want := range durations {
		if got := plain(duration(seconds)); got != want {
			t.Errorf("%d s: got %q, want %q", seconds, got, want)
		}
	}
	for bytes, want := range map[int]string{0: "0 B", 1023: "1_023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1 << 20: "1.0 MiB", 33554432: "32.0 MiB"} {
		if got := plain(size(bytes)); got != want {
			t.Errorf("%d bytes: got %q, want %q", bytes, got, want)
		}
	}
}

func TestEnglish(t *testing.T) {
	if got := English("{{.A}} of {{.B}}", words{"A": 1, "B": "x"}); got != "1 of x" {
		t.Errorf("got %q", got)
	}
	// A text that is no template is shown as it stands.
	for _, odd := range []string{"{{", "{{.A.B.C}}"} {
		if got := English(odd, words{"A": 1}); got != odd {
			t.Errorf("%q: got %q, want the text itself", odd, got)
		}
	}
}

func TestGroupsHoldEveryChainOnce(t *testing.T) {
	set := builtin(t)
	seen := map[string]int{}
	for _, g := range New(nil).Groups(set.Stacks()) {
		for _, st := range g.Stacks {
			last := st.Strata[len(st.Strata)-1]
			if last.Depth != 0 || last.Level != "L1" {
				t.Errorf("%s: the lowest stratum is %s of depth %d, want the L1", g.Title, last.Name, last.Depth)
			}
			for i, s := range st.Strata {
				seen[s.Name]++
				// What lies directly below is no more than one level lower.
				if i+1 < len(st.Strata) && s.Depth > st.Strata[i+1].Depth+1 {
					t.Errorf("%s of depth %d lies on %s of depth %d", s.Name, s.Depth, st.Strata[i+1].Name, st.Strata[i+1].Depth)
				}
			}
		}
	}
	for _, p := range set.All() {
		if seen[p.Name] != 1 {
			t.Errorf("%s: shown %d times, want once", p.Name, seen[p.Name])
		}
	}
}

func TestGroupsOfLayersOfLayers(t *testing.T) {
	chain := func(name, parent string, kind chains.Kind) *chains.Params {
		p := *builtin(t).All()[0]
		p.Name, p.Title, p.Parent, p.Kind = name, name, parent, kind
		return &p
	}
	l1 := chain("one", "", chains.L1)
	a, b, a2 := chain("a", "one", chains.Native), chain("b", "one", chains.Issued), chain("a-on-a", "a", chains.Fractional)
	groups := New(nil).Groups([]chains.Stack{{L1: l1, Layers: []*chains.Params{a, a2, b}}})
	var got []string
	for _, s := range groups[0].Stacks[0].Strata {
		got = append(got, s.Level+" "+s.Name)
	}
	if want := []string{"L3 a-on-a", "L2 a", "L2 b", "L1 one"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if New(nil).Groups(nil) != nil {
		t.Error("no stacks: got groups")
	}
}

func TestFacts(t *testing.T) {
	want := map[string]string{
		"litecoin": "own work \u00b7 scrypt\nevery 2.5 min \u00b7 LTC",
		"dogecoin": "merge-mined \u00b7 scrypt\nevery 1 min \u00b7 DOGE \u00b7 id 98",
	}
	for name, facts := range want {
		p, err := builtin(t).Get(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := New(nil).facts(p); got != facts {
			t.Errorf("%s: got %q, want %q", name, got, facts)
		}
	}
}

// flatten returns a page as lines of section, label and value.
func flatten(p Page) (lines []string) {
	for _, s := range p.Sections {
		for _, r := range s.Rows {
			lines = append(lines, plain(s.Title+" | "+r.Label+" | "+r.Value))
		}
	}
	return lines
}

func TestEveryChainHasAWholePage(t *testing.T) {
	for _, p := range builtin(t).All() {
		page := New(nil).Chain(p)
		text := strings.Join(flatten(page), "\n") + page.Title + page.Sentence
		for _, broken := range []string{"<no value>", "{{", "unknown(", "%!"} {
			if strings.Contains(text, broken) {
				t.Errorf("%s: the page contains %q", p.Name, broken)
			}
		}
		for _, s := range page.Sections {
			for _, r := range s.Rows {
				if s.Title == "" || r.Label == "" || r.Value == "" {
					t.Errorf("%s: empty cell in section %q: %q = %q", p.Name, s.Title, r.Label, r.Value)
				}
			}
		}
		eras := 0
		for _, line := range flatten(page) {
			if strings.HasPrefix(line, "Difficulty | ") {
				eras++
			}
		}
		if eras != len(p.Eras) {
			t.Errorf("%s: %d eras shown, want %d", p.Name, eras, len(p.Eras))
		}
		if !strings.Contains(text, p.NetID().String()) {
			t.Errorf("%s: the page does not show the genesis id", p.Name)
		}
	}
}

func TestChainPageSaysWhatTheFileSays(t *testing.T) {
	want := map[string][]string{
		"dogecoin": {
			"Difficulty | From block 145_000 | At every block, by an eighth of the deviation from 1 min. A block every 1 min.",
			"Merged mining | Proofs allowed | From block 371_337",
			"Chain | Merged-mining id | 98 (0x0062)",
			"Chain | Parent | litecoin",
			"Least block versions | What is judged | the version without chain id",
		},
		"namecoin-testnet": {"Merged mining | Versions without an id | always allowed"},
		"bitcoin": {
			"Difficulty | From block 0 | Every 2_016 blocks, by the time that the last ones took against 14 d, at least 1/4 and at most 4 times that. A block every 10 min.",
			"Money | New money from block 0 | 50 BTC a block, half of it after every 210_000 blocks",
			"Peers | Port | 8333",
		},
		"bitcoin-regtest": {"Difficulty | From block 0 | Fixed: the target never changes. A block every 10 min."},
		"dev-native":      {"Settlers | Deposits from L1 block 0 | 2 of 3 settle, 2 of 3 recover"},
	}
	for name, lines := range want {
		p, err := builtin(t).Get(name)
		if err != nil {
			t.Fatal(err)
		}
		got := flatten(New(nil).Chain(p))
		for _, line := range lines {
			if !slices.Contains(got, line) {
				t.Errorf("%s: no line %q among\n%s", name, line, strings.Join(got, "\n"))
			}
		}
	}
}

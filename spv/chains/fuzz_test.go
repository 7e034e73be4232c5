package chains_test

import (
	"errors"
	"io/fs"
	"reflect"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/assets"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// FuzzParse: no file makes the parser panic; every error names the file and a line of it;
// what parses is the same each time, and fit for use by the rules. (Files are written by
// people, in more than one way: there is no encoder that could give the same bytes back.)
func FuzzParse(f *testing.F) {
	names, err := fs.Glob(assets.Chains, "*.toml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		f.Add([]byte(source(f, strings.TrimSuffix(name, ".toml"))))
	}
	f.Add([]byte(example(f)))
	f.Add([]byte("[chain]\nname = \"x\"\nkind = \"native\"\n[auxpow]\n[genesis]\n[[era]]\nretarget = \"asert\""))
	f.Add([]byte("a = [[[{b = [\"\\u0000\", 1979-05-27T07:32:00Z]}]]]\n[a.b]\n'c' = '''\n'''\n[[d]]"))
	f.Fuzz(func(t *testing.T, src []byte) {
		p, err := chains.Parse("x.toml", src)
		if err != nil {
			checkProblems(t, src, err)
			return
		}
		if q, err := chains.Parse("x.toml", src); err != nil || !reflect.DeepEqual(p, q) {
			t.Fatalf("parsed twice, differently: %v", err)
		}
		target, ok := spv.ParseTarget(p.Genesis.Bits())
		if !ok || target.Gt(&p.PowLimit) || p.Name == "" || p.Spacing() == 0 {
			t.Fatalf("genesis bits %08x over %s", p.Genesis.Bits(), p.PowLimit.Hex())
		}
		genesis := points{0: {Time: p.Genesis.Time(), Bits: p.Genesis.Bits()}}
		p.RequiredBits(genesis, 1, p.Genesis.Time()+p.Spacing())
		for _, height := range []int32{-1, 0, 1, 1 << 30} {
			if amount, _ := p.Subsidy(height); amount < 0 || amount > p.Unit.MaxMoney {
				t.Fatalf("subsidy %d at %d", amount, height)
			}
			p.Maturity(height)
			p.SettlersAt(height)
		}
		spv.NewTree(&p.Rules)
		if err := load(t).Add(p); err != nil {
			checkProblems(t, src, err)
		}
	})
}

func checkProblems(t *testing.T, src []byte, err error) {
	t.Helper()
	var ps chains.Problems
	if !errors.As(err, &ps) || len(ps) == 0 {
		t.Fatalf("not a list of problems: %v", err)
	}
	lines := 1 + strings.Count(string(src), "\n")
	for _, p := range ps {
		if p.File != "x.toml" || p.Line < 1 || p.Line > lines || p.Text == "" {
			t.Fatalf("%d lines, problem %#v", lines, p)
		}
	}
}

package risk_test

import (
	"slices"
	"testing"

	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/pow"
	"github.com/layeredpow/lamina/spv/risk"
)

// TestRealRuns places the parents of consecutive real blocks over the real L1 headers that the proofs themselves hold: a parent that
// another one builds on was an L1 block. What comes out is checked by what nobody told: a seal's work hash meets the L1's own
// target, a near miss's does not.
func TestRealRuns(t *testing.T) {
	const u, n, s = risk.Unknown, risk.Near, risk.Seal
	for _, c := range []struct {
		file string
		want []risk.Class
	}{
		{"headers/dogecoin-mainnet-974401-974411-auxpow.hex", []risk.Class{u, n, n, n, n, n, s, n, s, n, n}},
		{"headers/dogecoin-mainnet-2054958-2054963-auxpow.hex", []risk.Class{s, u, u, n, s, n}},
	} {
		var run []risk.Sighting
		var parents []spv.Header
		for i, line := range testdata.HexLines(t, c.file) {
			sealed, _, err := spv.ParseSealed(line, true)
			if err != nil {
				t.Fatal(err)
			}
			h := sealed.Aux.Parent
			run = append(run, risk.Sighting{Block: spv.Block{Height: int32(i), Hash: sealed.Header.ID()}, Bits: sealed.Header.Bits(),
				Parent: risk.Parent{Hash: h.ID(), Prev: h.Prev(), Time: h.Time(), Bits: h.Bits()}})
			parents = append(parents, h)
		}
		l1 := newView()
		for i := range run { // upwards: a seal's block comes before what builds on it
			below := run[i].Parent.Prev
			if !slices.ContainsFunc(run, func(s risk.Sighting) bool { return s.Parent.Prev == run[i].Parent.Hash }) {
				continue
			}
			if _, ok := l1.at[below]; !ok {
				l1.add(below, l1.tip().Hash)
			}
			l1.add(run[i].Parent.Hash, below)
		}
		for i, p := range risk.Place(l1, run) {
			if p.Class != c.want[i] {
				t.Errorf("%s, block %d: %v, want %v", c.file, i, p.Class, c.want[i])
			}
			target, _ := spv.ParseTarget(p.Parent.Bits)
			hash := pow.Scrypt.Sum((*[80]byte)(&parents[i]))
			young := p.Under == l1.tip() // what was built on it comes after the file's end
			if met := spv.Meets(&hash, &target); p.Class != u && met != (p.Class == s) && !young {
				t.Errorf("%s, block %d: %v, but that it meets the L1's target is %v", c.file, i, p.Class, met)
			}
		}
	}
}

package risk_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/pow"
	"github.com/layeredpow/lamina/spv/risk"
)

// TestMeasuredShare: over stacks whose share is known, the stated bounds hold in at least 95% of seeds, for every share and window.
func TestMeasuredShare(t *testing.T) {
	for _, c := range []struct {
		window, seeds int
		every         float64 // seconds between layer blocks; rarer ones make the long window affordable
	}{{risk.ShortWindow, 400, layerSpacing}, {risk.LongWindow, 200, 300}} {
		for _, p := range shares {
			held, lent := 0, 0
			for seed := range uint64(c.seeds) {
				s := newStack(1000+seed, p)
				s.every = c.every
				run := make([]risk.Sighting, 0, 6000)
				s.onLayer = func(x risk.Sighting) { run = append(run, x) }
				for len(s.l1.best) < c.window+20 {
					s.step()
				}
				m := risk.Measure(bestBlocks(s.l1, 10, c.window), risk.Place(s.l1, run))
				truth := p * (1 - lossOfLayer)
				if m.Low <= truth && truth <= m.High {
					held++
				}
				if math.Abs(m.Lent-truth) <= 2.3*m.LentError {
					lent++
				}
			}
			if held*100 < c.seeds*95 || lent*100 < c.seeds*95 {
				t.Errorf("window %d, p %g: share held in %d, lent in %d of %d seeds", c.window, p, held, lent, c.seeds)
			}
		}
	}
}

func bestBlocks(l1 *view, from, n int) (list []risk.L1Block) {
	for h := from; h < from+n; h++ {
		list = append(list, risk.L1Block{Block: spv.Block{Height: int32(h), Hash: l1.best[h]}, Bits: l1Bits})
	}
	return list
}

func TestMeasureNothing(t *testing.T) {
	if s := risk.Measure(nil, nil); s.High != 1 || s.Low != 0 || s.Share != 0 {
		t.Errorf("%+v", s)
	}
	if s := risk.Measure(make([]risk.L1Block, 3), nil); s.High != 1 || s.Low != 0 || s.Share != 0 { // bits that are none
		t.Errorf("%+v", s)
	}
}

// TestMeasureSorts: only what builds on the window's best blocks is lent; the rest is counted where it belongs.
func TestMeasureSorts(t *testing.T) {
	l1 := newView()
	for n := byte(2); n < 9; n++ {
		l1.add(spv.Hash{n}, spv.Hash{n - 1})
	}
	l1.add(spv.Hash{50}, spv.Hash{4}) // at height 4, beside block 5
	var run []risk.Sighting
	for i, on := range []byte{2, 3, 6, 50, 6, 5, 8, 99} { // heights 1, 2, 5, 4, 5, 4, 7, none
		run = append(run, risk.Sighting{Bits: layerBits(5), Parent: risk.Parent{Hash: spv.Hash{200, byte(i)}, Prev: spv.Hash{on}, Bits: l1Bits}})
	}
	run[2].Parent.Hash = spv.Hash{7}
	got := risk.Measure(bestBlocks(l1, 3, 4), risk.Place(l1, run)) // heights 3 to 6
	if got.From != 3 || got.To != 6 || got.Blocks != 5 || got.Unknown != 1 || got.OffBest != 1 || got.Stale != 3 || got.Seals != 1 ||
		got.Share != 0.25 || math.Abs(got.Lent-4*0.5/4) > 1e-4 {
		t.Errorf("%+v", got)
	}
}

// TestWithheldShowsInLent: p~ stays and p^ falls when parents are kept back.
func TestWithheldShowsInLent(t *testing.T) {
	s := newStack(5, 0.5)
	var run []risk.Sighting
	s.onLayer = func(x risk.Sighting) { run = append(run, x) }
	s.withhold = true
	for len(s.l1.best) < 300 {
		s.step()
	}
	m := risk.Measure(bestBlocks(s.l1, 1, 290), risk.Place(s.l1, run))
	// Who withholds adds nothing to the L1 either: the layer's work is p/(1-p) of what is left.
	if m.Share != 0 || math.Abs(m.Lent-0.95) > 3*m.LentError {
		t.Errorf("%+v", m)
	}
}

func TestPlace(t *testing.T) {
	l1 := newView()
	prev := spv.Hash{1}
	for n := byte(2); n < 8; n++ {
		l1.add(spv.Hash{n}, prev)
		prev = spv.Hash{n}
	}
	l1.add(spv.Hash{50}, spv.Hash{3}) // a stale block at height 3
	for i, c := range []struct {
		id, prev byte
		class    risk.Class
		height   int32
		off      bool
		behind   int32
	}{
		{100, 4, risk.Near, 3, false, 0},
		{5, 4, risk.Seal, 3, false, 0},
		{101, 4, risk.Near, 3, false, 1}, // the seal before it showed block 4
		{102, 50, risk.Near, 3, true, 1},
		{103, 99, risk.Unknown, 0, false, 0},
		{50, 3, risk.Near, 2, false, 2}, // a known L1 block, but not on the best chain
		{104, 7, risk.Near, 6, false, 0},
		{105, 5, risk.Near, 4, false, 2},
	} {
		run := make([]risk.Sighting, 8)
		run[0].Parent = risk.Parent{Hash: spv.Hash{100}, Prev: spv.Hash{4}}
		run[1].Parent = risk.Parent{Hash: spv.Hash{5}, Prev: spv.Hash{4}}
		run[2].Parent = risk.Parent{Hash: spv.Hash{101}, Prev: spv.Hash{4}}
		run[3].Parent = risk.Parent{Hash: spv.Hash{102}, Prev: spv.Hash{50}}
		run[4].Parent = risk.Parent{Hash: spv.Hash{103}, Prev: spv.Hash{99}}
		run[5].Parent = risk.Parent{Hash: spv.Hash{50}, Prev: spv.Hash{3}}
		run[6].Parent = risk.Parent{Hash: spv.Hash{104}, Prev: spv.Hash{7}}
		run[7].Parent = risk.Parent{Hash: spv.Hash{105}, Prev: spv.Hash{5}}
		got := risk.Place(l1, run)[i]
		if got.Parent.Hash[0] != c.id || got.Class != c.class || got.Under.Height != c.height || got.OffBest != c.off || got.Behind != c.behind {
			t.Errorf("%d: got %v on %v, off %v, behind %d; want %+v", i, got.Class, got.Under, got.OffBest, got.Behind, c)
		}
	}
}

func TestPools(t *testing.T) {
	var layer []risk.Placed
	for payout, n := range []int{3, 4, 2, 1} { // payout 0: nobody
		for range n {
			layer = append(layer, risk.Placed{Sighting: risk.Sighting{Parent: risk.Parent{Payout: [32]byte{byte(payout)}}}})
		}
	}
	pools, half := risk.Pools(layer)
	if len(pools) != 4 || pools[0].Payout[0] != 1 || pools[0].Share != 0.4 || pools[1].Blocks != 3 || half != 2 {
		t.Errorf("%+v, half %d", pools, half)
	}
	if pools, half = risk.Pools(layer[:3]); len(pools) != 1 || half != 2 {
		t.Errorf("nobody thrice: %+v, half %d", pools, half)
	}
	if pools, half = risk.Pools(nil); pools != nil || half != 0 {
		t.Errorf("%+v %d", pools, half)
	}
}

func TestBranchEvidence(t *testing.T) {
	l1 := newView()
	for n := byte(2); n < 6; n++ {
		l1.add(spv.Hash{n}, spv.Hash{n - 1})
	}
	side, _ := l1.add(spv.Hash{50}, spv.Hash{4})
	var run []risk.Sighting
	for i, on := range []byte{5, 5, 50, 50, 50, 50, 4, 99} {
		run = append(run, risk.Sighting{Bits: layerBits(0.5), Parent: risk.Parent{Hash: spv.Hash{200, byte(i)}, Prev: spv.Hash{on}, Bits: l1Bits}})
	}
	layer := risk.Place(l1, run)
	got := risk.Branch(l1, side, side.Height, layer)
	if got.Blocks != 4 || math.Abs(got.Work-0.2) > 1e-4 || got.Error != 0.5 || math.Abs(got.Whole(0.5)-0.4) > 1e-4 || got.Whole(0) != 0 {
		t.Errorf("%+v", got)
	}
	if got = risk.Branch(l1, l1.tip(), side.Height, layer); got.Blocks != 2 {
		t.Errorf("%+v", got)
	}
	if got = risk.Branch(l1, l1.tip(), 0, layer); got.Blocks != 3 {
		t.Errorf("%+v", got)
	}
}

// realParent is the parent of a real merge-mined block.
func realParent(t *testing.T, file string) (risk.Parent, *spv.AuxPoW) {
	t.Helper()
	s, _, err := spv.ParseSealed(testdata.Hex(t, "auxpow/"+file), true)
	if err != nil {
		t.Fatal(err)
	}
	h := &s.Aux.Parent
	p := risk.Parent{Hash: h.ID(), Prev: h.Prev(), Time: h.Time(), Bits: h.Bits(), Slot: s.Aux.Slot}
	s.Aux.Coinbase.EachOutput(func(value int64, _ []byte) bool { p.Outputs += value; return true })
	return p, s.Aux
}

// TestRealFees: the fees in real parents' coinbases.
func TestRealFees(t *testing.T) {
	for _, c := range []struct {
		file string
		fee  int64
		ok   bool
	}{
		{"namecoin-mainnet/19414.hex", 4302413, true},
		{"dogecoin-mainnet/371337.hex", 400_000, true},
		{"namecoin-testnet/233281.hex", 0, false}, // pays nothing, on no block
	} {
		p, _ := realParent(t, c.file)
		l1 := newView()
		if p.Prev != (spv.Hash{}) {
			l1.add(p.Prev, spv.Hash{1})
		}
		placed := risk.Place(l1, []risk.Sighting{{Parent: p}})[0]
		fee, ok := placed.Fee(func(height int32) (int64, bool) { return 50e8, height == 2 })
		if fee != c.fee || ok != c.ok {
			t.Errorf("%s: fee %d (%v), want %d (%v)", c.file, fee, ok, c.fee, c.ok)
		}
		if _, ok = placed.Fee(func(int32) (int64, bool) { return p.Outputs + 1, true }); ok {
			t.Errorf("%s: outputs below the subsidy gave a fee", c.file)
		}
		if _, ok = placed.Fee(func(int32) (int64, bool) { return 1, false }); ok {
			t.Errorf("%s: a subsidy that is not exact gave a fee", c.file)
		}
	}
}

// TestRealParents classifies neighbours of real blocks that tell about each other: the later one's parent builds on the
// earlier one's, which therefore was an L1 block; and three parents share one block under them.
func TestRealParents(t *testing.T) {
	a, proof := realParent(t, "dogecoin-mainnet/521335.hex")
	b, _ := realParent(t, "dogecoin-mainnet/521336.hex")
	if b.Prev != a.Hash {
		t.Fatal("the two parents do not follow each other")
	}
	target, _ := spv.ParseTarget(a.Bits)
	if hash := pow.Scrypt.Sum((*[80]byte)(&proof.Parent)); !spv.Meets(&hash, &target) {
		t.Fatalf("an L1 block was built on %s, which does not meet its own target", a.Hash)
	}
	l1 := newView()
	l1.add(a.Prev, spv.Hash{1})
	l1.add(a.Hash, a.Prev)
	run := []risk.Sighting{{Parent: a}, {Parent: b}}
	for _, file := range []string{"400000.hex", "400001.hex", "400002.hex"} {
		p, _ := realParent(t, "dogecoin-mainnet/"+file)
		run = append(run, risk.Sighting{Parent: p})
	}
	placed := risk.Place(l1, run)
	if placed[0].Class != risk.Seal || placed[1].Class != risk.Near || placed[1].Under.Hash != a.Hash || placed[2].Class != risk.Unknown {
		t.Errorf("%v, %v, %v", placed[0].Class, placed[1].Class, placed[2].Class)
	}
	l1.add(run[2].Parent.Prev, a.Hash)
	for i, p := range risk.Place(l1, run[2:]) {
		if p.Class != risk.Near || !bytes.Equal(p.Under.Hash[:], run[2].Parent.Prev[:]) || p.Behind != 0 {
			t.Errorf("%d: %v on %v", i, p.Class, p.Under)
		}
	}
}

func BenchmarkMeasure(b *testing.B) {
	s := newStack(1, 0.5)
	var run []risk.Sighting
	s.onLayer = func(x risk.Sighting) { run = append(run, x) }
	for len(s.l1.best) < 2050 {
		s.step()
	}
	window, layer := bestBlocks(s.l1, 10, 2016), risk.Place(s.l1, run)
	for b.Loop() {
		risk.Measure(window, layer)
	}
}

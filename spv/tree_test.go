package spv_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/spv"
)

// model is the plainest possible tree: every header by id, the best found by walking.
type model struct {
	parent map[spv.Hash]spv.Hash
	work   map[spv.Hash]uint256.Int
	height map[spv.Hash]int32
	best   spv.Hash
}

func newModel(rules *spv.Rules, t *testing.T) *model {
	g := rules.Genesis.ID()
	return &model{
		parent: map[spv.Hash]spv.Hash{},
		work:   map[spv.Hash]uint256.Int{g: workOf(t, rules.Genesis.Bits())},
		height: map[spv.Hash]int32{g: 0},
		best:   g,
	}
}

func (m *model) add(t *testing.T, h *spv.Header) {
	id, prev := h.ID(), h.Prev()
	if _, known := m.work[id]; known {
		return
	}
	var w uint256.Int
	before, own := m.work[prev], workOf(t, h.Bits())
	w.Add(&before, &own)
	m.parent[id], m.work[id], m.height[id] = prev, w, m.height[prev]+1
	if b := m.work[m.best]; w.Gt(&b) {
		m.best = id
	}
}

// chain returns the ids from genesis to the best block.
func (m *model) chain() []spv.Hash {
	var ids []spv.Hash
	for id, ok := m.best, true; ok; id, ok = m.parent[id] {
		ids = append(ids, id)
	}
	slices.Reverse(ids)
	return ids
}

// TestTreeAgainstModel grows random trees with branches of unequal difficulty and
// compares every answer with the model's, and a mirror that follows the Changes.
func TestTreeAgainstModel(t *testing.T) {
	rules := easyRules(spv.Era{Retarget: spv.ASERT, Spacing: 600, HalfLife: 600})
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 1))
		tree, m := spv.NewTree(rules), newModel(rules, t)
		mirror := []spv.Hash{rules.Genesis.ID()}
		known := []spv.Header{rules.Genesis}
		for range 60 {
			on := known[max(0, len(known)-1-rng.IntN(8))]
			var run []spv.Sealed
			for range 1 + rng.IntN(4) {
				time := on.Time() + uint32(rng.IntN(900)+1)
				bits, median, ok := tree.After(on.ID(), time)
				if !ok {
					break // deeper in this run than the tree knows
				}
				h := header(spv.Header{}, on.ID(), max(time, median+1), bits, rng.Uint64())
				if b, _, _ := tree.After(on.ID(), h.Time()); b != bits {
					break
				}
				mine(t, &h)
				run = append(run, spv.Sealed{Header: h})
				break
			}
			if rng.IntN(5) == 0 {
				run = append(run, spv.Sealed{Header: known[len(known)-1]}) // known already
			}
			if len(run) == 0 {
				continue
			}
			if run[0].Header == rules.Genesis {
				continue
			}
			change := connect(t, tree, run...)
			for i := range run {
				m.add(t, &run[i].Header)
				known = append(known, run[i].Header)
			}
			mirror = mirror[:len(mirror)-change.Undo]
			for i := range change.Headers {
				if prev := change.Headers[i].Prev(); prev != mirror[len(mirror)-1] {
					t.Fatalf("seed %d: change does not link", seed)
				}
				mirror = append(mirror, change.Headers[i].ID())
			}
			compare(t, seed, tree, m, mirror)
		}
	}
}

func compare(t *testing.T, seed uint64, tree *spv.Tree, m *model, mirror []spv.Hash) {
	t.Helper()
	want := m.chain()
	if !slices.Equal(want, mirror) {
		t.Fatalf("seed %d: changes lead to another chain than the most work", seed)
	}
	tip := tree.Tip()
	if tip.Hash != m.best || tip.Height != m.height[m.best] {
		t.Fatalf("seed %d: tip %s, want %s", seed, tip, m.best)
	}
	for id, height := range m.height {
		b, ok := tree.Lookup(id)
		work, _ := tree.WorkAt(id)
		if !ok || b.Height != height || work != m.work[id] {
			t.Fatalf("seed %d: block %s at %d with %s", seed, id, b.Height, work.Hex())
		}
		if on := tree.OnBest(b); on != (int(height) < len(want) && want[height] == id) {
			t.Fatalf("seed %d: block %s on best: %v", seed, b, on)
		}
		up := id
		for h := height; h >= 0; h-- {
			if a, ok := tree.Ancestor(id, h); !ok || a.Hash != up || a.Height != h {
				t.Fatalf("seed %d: ancestor of %s at %d is %s, want %s", seed, b, h, a, up)
			}
			up = m.parent[up]
		}
	}
	ends := map[spv.Hash]bool{}
	for id := range m.height {
		ends[id] = true
	}
	for _, p := range m.parent {
		delete(ends, p)
	}
	tips := tree.Tips()
	if len(tips) != len(ends) || tips[0] != tip {
		t.Fatalf("seed %d: %d tips, want %d", seed, len(tips), len(ends))
	}
}

func TestTreeDeepReorg(t *testing.T) {
	rules := easyRules()
	tree := spv.NewTree(rules)
	a := grow(t, tree, rules.Genesis.ID(), 3000, 600, 1)
	b := grow(t, tree, rules.Genesis.ID(), 3001, 600, 2)
	connect(t, tree, a...)
	if c := connect(t, tree, b[:3000]...); c.Undo != 0 || len(c.Headers) != 0 {
		t.Fatalf("equal work moved the tip: %d undone", c.Undo)
	}
	c := connect(t, tree, b[3000])
	if c.Undo != 3000 || len(c.Headers) != 3001 || c.Headers[0] != b[0].Header || c.Tip.Hash != b[3000].Header.ID() {
		t.Fatalf("undo %d, %d headers, tip %s", c.Undo, len(c.Headers), c.Tip)
	}
}

// TestTreeWindow runs far past the window: memory stays bounded, the rules stay the
// same, and a branch from below the reorganisation limit is refused by name.
func TestTreeWindow(t *testing.T) {
	rules := easyRules()
	rules.ReorgLimit = 50
	tree := spv.NewTree(rules)
	var all []spv.Header
	stale := 0
	for range 1200 {
		s := next(t, tree, 600, 1)
		if len(all)%37 == 0 { // a stale branch now and then
			h := header(spv.Header{}, s.Header.Prev(), s.Header.Time(), easyBits, 77)
			mine(t, &h)
			connect(t, tree, s, spv.Sealed{Header: h})
			stale++
		} else {
			connect(t, tree, s)
		}
		all = append(all, s.Header)
	}
	if tip := tree.Tip(); tip.Height != 1200 || tip.Hash != all[1199].ID() {
		t.Fatalf("tip %s", tip)
	}
	if base := tree.Base(); base < 600 || base > 1200-61 {
		t.Fatalf("window begins at %d", base)
	}
	for h := tree.Base(); h <= 1200; h++ {
		if b, ok := tree.Block(h); !ok || b.Hash != all[h-1].ID() {
			t.Fatalf("block at %d is %s", h, b)
		}
	}
	if _, ok := tree.Lookup(all[10].ID()); ok {
		t.Fatal("a block below the window is still there")
	}
	low, _ := tree.Block(1150)
	fork := header(spv.Header{}, low.Hash, all[1149].Time()+1, easyBits, 5)
	mine(t, &fork)
	connect(t, tree, spv.Sealed{Header: fork}) // 50 deep: allowed
	low, _ = tree.Block(1149)
	fork = header(spv.Header{}, low.Hash, all[1148].Time()+1, easyBits, 6)
	mine(t, &fork)
	_, err := tree.Connect([]spv.Sealed{{Header: fork}}, 0)
	wantCheck(t, err, spv.CheckReorgLimit)
	if stale == 0 {
		t.Fatal("no stale branch was made")
	}
}

func wantCheck(t *testing.T, err error, name string) {
	t.Helper()
	var c *spv.CheckError
	if !errors.As(err, &c) || c.Name != name {
		t.Fatalf("got %v, want a failed check %q", err, name)
	}
}

// TestTreeRefuses spoils one thing of the next header at a time.
func TestTreeRefuses(t *testing.T) {
	rules := easyRules(spv.Era{Retarget: spv.ASERT, Spacing: 600, HalfLife: 86400})
	rules.VersionFloors = []spv.VersionFloor{{From: 5, Min: 3}}
	tree := spv.NewTree(rules)
	connect(t, tree, grow(t, tree, rules.Genesis.ID(), 20, 500, 1)...)
	good := next(t, tree, 600, 1)
	tip, _ := tree.Header(20)
	now := good.Header.Time()
	rules.Checkpoints = []spv.Block{{Height: 3}, {Height: 21, Hash: good.Header.ID()}}

	remine := func(h spv.Header) spv.Header { mine(t, &h); return h }
	for _, c := range []struct {
		name  string
		spoil func(h spv.Header) spv.Header
		now   uint32
		want  string
	}{
		{"bits", func(h spv.Header) spv.Header { return remine(header(h, h.Prev(), h.Time(), easyBits-1, 1)) }, now, spv.CheckDifficulty},
		{"too old", func(h spv.Header) spv.Header {
			_, median, _ := tree.After(h.Prev(), 0)
			bits, _, _ := tree.After(h.Prev(), median)
			return remine(header(h, h.Prev(), median, bits, 1))
		}, now, spv.CheckMedianTime},
		{"too new", func(h spv.Header) spv.Header { return h }, now - 7201, spv.CheckFutureTime},
		{"version", func(h spv.Header) spv.Header { h[0] = 2; return remine(h) }, now, spv.CheckVersion},
		{"not the checkpoint", func(h spv.Header) spv.Header { return remine(header(h, h.Prev(), h.Time(), h.Bits(), 99)) }, now, spv.CheckCheckpoint},
		{"no work", func(h spv.Header) spv.Header {
			target, _ := spv.ParseTarget(h.Bits())
			for id := h.ID(); spv.Meets(&id, &target); id = h.ID() {
				h[76]++
			}
			rules.Checkpoints[1].Hash = h.ID()
			return h
		}, now, spv.CheckWork},
	} {
		h := c.spoil(good.Header)
		_, err := tree.Connect([]spv.Sealed{{Header: h}}, c.now)
		wantCheck(t, err, c.want)
		var he *spv.HeaderError
		if !errors.As(err, &he) || he.Block.Height != 21 || he.Block.Hash != h.ID() {
			t.Fatalf("%s: the error does not name the header: %v", c.name, err)
		}
		if he.Permanent() == (c.want == spv.CheckFutureTime) {
			t.Fatalf("%s: permanent %v", c.name, he.Permanent())
		}
		rules.Checkpoints[1].Hash = good.Header.ID()
	}
	if _, err := tree.Connect([]spv.Sealed{{Header: header(good.Header, spv.Hash{1}, now, easyBits, 1)}}, now); !errors.Is(err, spv.ErrUnknownParent) {
		t.Fatalf("got %v, want an unknown parent", err)
	}
	if tree.Tip().Hash != tip.ID() {
		t.Fatal("a refused header moved the tip")
	}
	connect(t, tree, good)
}

// TestTreeStopsAtBadHeader: what came before the bad header stays.
func TestTreeStopsAtBadHeader(t *testing.T) {
	rules := easyRules()
	tree := spv.NewTree(rules)
	run := grow(t, tree, rules.Genesis.ID(), 600, 600, 1)
	run[400].Header[70] ^= 1
	change, err := tree.Connect(run, 0)
	if err == nil || change.Tip.Height != 400 || len(change.Headers) != 400 {
		t.Fatalf("tip %s with %v", change.Tip, err)
	}
}

func TestNewTreeAtContinues(t *testing.T) {
	rules := easyRules(spv.Era{Retarget: spv.Interval, Spacing: 600, Timespan: 6000, MaxDrop: 4, MaxRise: 4})
	whole := spv.NewTree(rules)
	run := grow(t, whole, rules.Genesis.ID(), 95, 400, 1)
	connect(t, whole, run...)
	var start []spv.Header
	for h := int32(60); h < 80; h++ {
		s, _ := whole.Header(h)
		start = append(start, s)
	}
	first, _ := whole.Block(60)
	work, _ := whole.WorkAt(first.Hash)
	part, err := spv.NewTreeAt(rules, start, 60, work)
	if err != nil {
		t.Fatal(err)
	}
	connect(t, part, run[79:]...)
	if part.Tip() != whole.Tip() || part.Work() != whole.Work() {
		t.Fatalf("tip %s, want %s", part.Tip(), whole.Tip())
	}
	start[5], start[6] = start[6], start[5]
	if _, err := spv.NewTreeAt(rules, start, 60, work); err == nil {
		t.Fatal("headers that do not link were taken")
	}
}

func TestLocator(t *testing.T) {
	rules := easyRules()
	tree := spv.NewTree(rules)
	connect(t, tree, grow(t, tree, rules.Genesis.ID(), 100, 600, 1)...)
	var heights []int32
	for _, id := range tree.Locator() {
		b, _ := tree.Lookup(id)
		heights = append(heights, b.Height)
	}
	want := []int32{100, 99, 98, 97, 96, 95, 94, 93, 92, 91, 89, 85, 77, 61, 29, 0}
	if !slices.Equal(heights, want) {
		t.Fatalf("locator %v, want %v", heights, want)
	}
}

func TestUpto(t *testing.T) {
	rules := easyRules(spv.Era{Retarget: spv.ASERT, Spacing: 600, HalfLife: 600})
	tree := spv.NewTree(rules)
	a := grow(t, tree, rules.Genesis.ID(), 30, 500, 1)
	b := grow(t, tree, rules.Genesis.ID(), 10, 900, 2)
	connect(t, tree, a...)
	connect(t, tree, b...)
	for _, end := range []spv.Header{a[29].Header, a[12].Header, b[9].Header, rules.Genesis} {
		u, ok := tree.Upto(end.ID())
		want, _ := tree.WorkAt(end.ID())
		if !ok || u.Tip().Hash != end.ID() || u.Work() != want {
			t.Fatalf("tree up to %s: tip %s", end.ID(), u.Tip())
		}
	}
	u, _ := tree.Upto(a[20].Header.ID())
	connect(t, u, a[21:]...)
	connect(t, u, grow(t, u, a[29].Header.ID(), 1, 600, 3)...)
	if u.Tip().Height != 31 || tree.Tip().Height != 30 {
		t.Fatalf("tips %s and %s", u.Tip(), tree.Tip())
	}
	if _, ok := tree.Upto(spv.Hash{1}); ok {
		t.Fatal("a tree up to an unknown block")
	}
}

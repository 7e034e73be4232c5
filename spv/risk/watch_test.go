package risk_test

import (
	"math"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/risk"
)

var shares = []float64{0.1, 0.3, 0.5, 0.7, 0.9}

func TestNoFalseAlarm(t *testing.T) {
	for _, p := range shares {
		for seed := range uint64(2) {
			w := newWatched(seed, p)
			w.until(12_000, func() bool { return false })
			if len(w.events) > 0 {
				t.Errorf("seed %d, p %g: %v", seed, p, &w.events[0].Alarm)
			}
		}
	}
}

// TestForeignParentsBecomeUsual: some chains are merge-mined with several others at once.
func TestForeignParentsBecomeUsual(t *testing.T) {
	for seed := range uint64(4) {
		w := newWatched(seed, 0.5)
		w.until(2000, func() bool { return false })
		for w.foreign = 0.02; w.foreign < 0.15; w.foreign += 0.02 {
			w.until(4000, func() bool { return false })
		}
		for _, e := range w.events {
			if e.Kind == risk.Eclipse {
				t.Errorf("seed %d: %v", seed, &e.Alarm)
			}
		}
	}
}

func TestEclipse(t *testing.T) {
	for _, p := range shares {
		for seed := range uint64(10) {
			w := newWatched(seed, p)
			w.until(1500, func() bool { return false })
			w.events = nil
			w.hidden = true
			unknown := 0
			layer := w.onLayer
			w.onLayer = func(s risk.Sighting) {
				if _, ok := w.known.Lookup(s.Parent.Prev); !ok {
					unknown++
				}
				layer(s)
			}
			if !w.until(400, func() bool { return w.active(risk.Eclipse) }) || unknown > risk.EclipseBlocks(0.02) || unknown > 6 {
				t.Errorf("seed %d, p %g: %d unknown parents, alarm %v", seed, p, unknown, w.active(risk.Eclipse))
			}
			w.until(100, func() bool { return false })
			w.hidden = false
			if !w.until(3, func() bool { return !w.active(risk.Eclipse) }) {
				t.Errorf("seed %d, p %g: not cleared when the L1 blocks came", seed, p)
			}
			onceEach(t, seed, w.events, risk.Eclipse)
		}
	}
}

// onceEach: the alarm was raised once and cleared once, and no other was raised.
func onceEach(t *testing.T, seed uint64, events []risk.Event, k risk.Kind) {
	t.Helper()
	if len(events) != 2 || events[0].Kind != k || events[0].Cleared || events[1].Kind != k || !events[1].Cleared {
		t.Errorf("seed %d: want %s raised and cleared, got %+v", seed, k, events)
	}
}

func TestWithholding(t *testing.T) {
	for _, p := range shares {
		for seed := range uint64(5) {
			w := newWatched(seed, p)
			w.until(1500, func() bool { return false })
			if len(w.events) > 0 {
				t.Fatalf("seed %d, p %g: %+v", seed, p, w.events)
			}
			w.withhold = true
			due, tip := 0.0, int32(0)
			layer := w.onLayer
			w.onLayer = func(s risk.Sighting) {
				if due += w.sealChance(); due < 40+1.5 {
					tip = w.known.tip().Height
				}
				layer(s)
			}
			w.until(100_000, func() bool { return w.active(risk.Withholding) })
			if over := w.known.tip().Height - tip; over > 7 {
				t.Errorf("seed %d, p %g: raised %d L1 blocks after 40 were due (%g in all)", seed, p, over, due)
			}
			w.withhold = false
			if !w.until(100_000, func() bool { return !w.active(risk.Withholding) }) {
				t.Errorf("seed %d, p %g: not cleared", seed, p)
			}
		}
	}
}

func TestShareDrop(t *testing.T) {
	for _, p := range shares {
		for seed := range uint64(2) {
			w := newWatched(seed, p)
			w.until(100_000, func() bool { return len(w.known.best) > 2100 })
			low, _ := risk.Wilson(p*2016, 2016)
			low *= 0.9 // what was seen may be less than what is true
			p, share := w.p, w.share
			w.p = 0
			before := len(w.known.best)
			for !w.active(risk.ShareDrop) && len(w.known.best)-before < 2000 {
				w.step()
				w.time++
				w.catchUp()
			}
			if n := len(w.known.best) - before; n > risk.DropBlocks(low)+7 {
				t.Errorf("seed %d, p %g: raised after %d L1 blocks, want %d", seed, p, n, risk.DropBlocks(low)+7)
			}
			w.p, w.share = p, share
			if !w.until(100_000, func() bool { return !w.active(risk.ShareDrop) }) {
				t.Errorf("seed %d, p %g: not cleared", seed, p)
			}
			onceEach(t, seed, w.events, risk.ShareDrop)
		}
	}
}

// TestShareDropForGood: what has lasted long enough is the usual.
func TestShareDropForGood(t *testing.T) {
	w := newWatched(3, 0.8)
	w.until(100_000, func() bool { return len(w.known.best) > 1000 })
	w.p, w.share = 0.2, 0.2
	w.until(100_000, func() bool { return w.active(risk.ShareDrop) })
	before := len(w.known.best)
	w.until(100_000, func() bool { return !w.active(risk.ShareDrop) })
	if n := len(w.known.best) - before; n > 2*risk.LongWindow {
		t.Errorf("cleared after %d L1 blocks", n)
	}
	w.until(5000, func() bool { return false })
	onceEach(t, 3, w.events, risk.ShareDrop)
}

func TestFork(t *testing.T) {
	for _, p := range shares {
		for seed := range uint64(10) {
			w := newWatched(seed, p)
			w.until(1500, func() bool { return w.rival == spv.Hash{} && w.layers > 1000 })
			w.catchUp()
			w.events = nil
			w.split, w.sides = true, [2]spv.Hash{w.l1.tip().Hash, w.l1.tip().Hash}
			fork := w.l1.tip()
			deep := 0
			layer := w.onLayer
			w.onLayer = func(s risk.Sighting) {
				if b, ok := w.known.Lookup(s.Parent.Prev); ok && !w.known.OnBest(b) && b.Height >= fork.Height+2 {
					deep++
				}
				layer(s)
			}
			// The branches change places as best; what counts is the side at the time.
			if !w.until(3000, func() bool { return w.active(risk.Fork) }) || deep > 12 {
				t.Errorf("seed %d, p %g: %d blocks deep on the side, alarm %v", seed, p, deep, w.active(risk.Fork))
			}
			w.split, w.since = false, 0
			if !w.until(400, func() bool { return !w.active(risk.Fork) }) {
				t.Errorf("seed %d, p %g: not cleared", seed, p)
			}
		}
	}
}

// TestReplay: a watch that was started anew comes to the same alarms as one that was there all the time.
func TestReplay(t *testing.T) {
	w := newWatched(11, 0.5)
	var blocks []risk.L1Block
	var layer []risk.Sighting
	inner := w.onLayer
	w.onLayer = func(s risk.Sighting) {
		layer = append(layer, s)
		inner(s)
	}
	replayed := func() *risk.Watch {
		w.catchUp()
		blocks = bestBlocks(w.known, 1, len(w.known.best)-1)
		again := risk.NewWatch()
		again.Replay(w.known, blocks, layer)
		return again
	}
	w.until(5000, func() bool { return false })
	if a := replayed().Active(); len(a) > 0 {
		t.Errorf("quiet: %+v", a)
	}
	w.withhold = true
	w.until(100_000, func() bool { return w.active(risk.Withholding) && w.active(risk.ShareDrop) })
	w.until(100, func() bool { return false })
	got := replayed().Active()
	if len(got) != 2 || got[0].Kind != risk.ShareDrop || got[1].Kind != risk.Withholding {
		t.Errorf("withheld: %+v", got)
	}
}

// TestForkByTheNumbers pins the stated bounds on a hand-made stack.
func TestForkByTheNumbers(t *testing.T) {
	l1, w := newView(), risk.NewWatch()
	id := func(branch, n byte) spv.Hash { return spv.Hash{branch, n, 9} }
	prev := spv.Hash{1}
	for n := byte(1); n <= 10; n++ {
		b, _ := l1.add(id(0, n), prev)
		prev = id(0, n)
		w.L1(l1, risk.L1Block{Block: b, Bits: l1Bits})
	}
	prev = id(0, 7)
	for n := byte(1); n <= 2; n++ {
		l1.add(id(1, n), prev)
		prev = id(1, n)
	}
	height := int32(0)
	block := func(on spv.Hash) []risk.Event {
		height++
		return w.Layer(l1, risk.Sighting{Block: spv.Block{Height: height}, Bits: layerBits(0.5),
			Parent: risk.Parent{Hash: spv.Hash{7, byte(height)}, Prev: on, Bits: l1Bits}})
	}
	for range 20 { // a stale block draws 20 near misses: one L1 block of work
		if e := block(id(1, 1)); len(e) > 0 {
			t.Fatalf("alarm: %v", &e[0].Alarm)
		}
	}
	block(id(0, 10))
	block(id(1, 2))
	if e := block(id(1, 2)); len(e) > 0 {
		t.Fatalf("alarm: %v", &e[0].Alarm)
	}
	e := block(id(1, 2))
	if len(e) != 1 || e[0].Kind != risk.Fork || e[0].Seen.Block != (spv.Block{Height: 7, Hash: id(0, 7)}) || e[0].Seen.Blocks != 23 ||
		math.Abs(e[0].Seen.Got-23*0.05) > 1e-3 || math.Abs(e[0].Seen.Want-0.05) > 1e-4 {
		t.Fatalf("got %+v", e)
	}
	for n := range 16 {
		if e = block(id(0, 10)); (len(e) > 0) != (n == 15) {
			t.Fatalf("block %d: %+v", n, e)
		}
	}
}

// TestForkByWork: a stale block that draws four L1 blocks' worth of work is a fork, however short.
func TestForkByWork(t *testing.T) {
	l1, w := newView(), risk.NewWatch()
	l1.add(spv.Hash{2}, spv.Hash{1})
	l1.add(spv.Hash{3}, spv.Hash{1})
	for n := range int32(100) {
		e := w.Layer(l1, risk.Sighting{Block: spv.Block{Height: n}, Bits: layerBits(0.5),
			Parent: risk.Parent{Hash: spv.Hash{9, byte(n)}, Prev: spv.Hash{3}, Bits: l1Bits}})
		if len(e) > 0 {
			if n+1 < 80 || n+1 > 81 || e[0].Kind != risk.Fork {
				t.Fatalf("block %d: %+v", n+1, e)
			}
			return
		}
	}
	t.Error("no alarm")
}

// TestLateSeals: what the layer shows within 6 L1 blocks still counts, and work on a side branch is not due on the best one.
func TestLateSeals(t *testing.T) {
	l1, w := newView(), risk.NewWatch()
	height := int32(0)
	show := func(hash, prev spv.Hash) {
		height++
		w.Layer(l1, risk.Sighting{Block: spv.Block{Height: height}, Bits: layerBits(5), Parent: risk.Parent{Hash: hash, Prev: prev, Bits: l1Bits}})
	}
	id := func(n int) spv.Hash { return spv.Hash{1, byte(n >> 8), byte(n)} }
	l1.add(id(1), spv.Hash{1})
	for n := 2; n < 300; n++ {
		b, _ := l1.add(id(n), id(n-1))
		w.L1(l1, risk.L1Block{Block: b, Bits: l1Bits})
		if n > 7 && n < 250 {
			show(id(n-5), id(n-6))
		}
	}
	if a := w.Active(); len(a) != 1 || a[0].Kind != risk.ShareDrop || a[0].Seen.Want < 0.9 || a[0].Seen.Got > 0.2 {
		t.Errorf("got %+v, want the share to have been whole and to be gone", a)
	}
	side := spv.Hash{77}
	l1.add(side, id(295))
	for n := 300; n < 420; n++ {
		show(spv.Hash{78, byte(n)}, side)
		b, _ := l1.add(id(n), id(n-1))
		w.L1(l1, risk.L1Block{Block: b, Bits: l1Bits})
	}
	for _, a := range w.Active() {
		if a.Kind == risk.Withholding {
			t.Errorf("%+v", a)
		}
	}
}

func TestAnchorAndFilter(t *testing.T) {
	l1, w := newView(), risk.NewWatch()
	one, _ := l1.add(spv.Hash{2}, spv.Hash{1})
	l1.add(spv.Hash{3}, spv.Hash{2})
	if e := w.Anchor(l1, one); e != nil {
		t.Fatal(e)
	}
	if e := w.Anchor(l1, spv.Block{Height: 1, Hash: spv.Hash{77}}); e != nil { // not known is not overtaken
		t.Fatal(e)
	}
	prev := spv.Hash{1}
	for n := byte(10); n < 14; n++ {
		l1.add(spv.Hash{n}, prev)
		prev = spv.Hash{n}
	}
	e := w.Anchor(l1, one)
	if len(e) != 1 || e[0].Kind != risk.AnchorLost || e[0].Seen.Block != one || e[0].Cleared {
		t.Fatalf("%+v", e)
	}
	if e = w.Anchor(l1, one); e != nil {
		t.Fatalf("raised twice: %+v", e)
	}
	if e = w.Filter(one, 2); len(e) != 1 || e[0].Kind != risk.FilterConflict {
		t.Fatalf("%+v", e)
	}
	if got := w.Active(); len(got) != 2 || got[0].Kind != risk.AnchorLost || got[1].Kind != risk.FilterConflict {
		t.Fatalf("%+v", got)
	}
	if e = w.Anchor(l1, l1.tip()); len(e) != 1 || !e[0].Cleared {
		t.Fatalf("%+v", e)
	}
	if e = w.Filter(one, 1); len(e) != 1 || !e[0].Cleared || len(w.Active()) != 0 {
		t.Fatalf("%+v", e)
	}
}

func TestTexts(t *testing.T) {
	for _, k := range risk.Kinds() {
		text := k.Text()
		a := risk.Alarm{Kind: k, Seen: risk.Seen{Blocks: 3, Of: 4, Want: 0.25, Got: 0.125}}
		for _, s := range []string{text.Title, a.Fill(text.Seen), a.Fill(text.Do), k.String(), a.String()} {
			if s == "" || strings.ContainsAny(s, "{}") {
				t.Errorf("%s: %q", k, s)
			}
		}
	}
	if k := risk.Kind(99); k.Text() != (risk.Text{}) || k.String() != "alarm 99" {
		t.Error(k)
	}
	a := risk.Alarm{Kind: risk.ShareDrop, Seen: risk.Seen{Of: 50, Want: 0.5, Got: 0.125}}
	if got := a.Fill("{got%} of {of}, {want%} before"); got != "12.5% of 50, 50.0% before" {
		t.Error(got)
	}
}

// FuzzWatch feeds what makes no sense: nothing may panic, and memory stays bounded by what was fed.
func FuzzWatch(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\x80\x81\x82\x83\xff\xfe"))
	f.Fuzz(func(t *testing.T, b []byte) {
		l1, w := newView(), risk.NewWatch()
		for i := 0; i+3 < len(b); i += 4 {
			a, c, h := spv.Hash{b[i+1]}, spv.Hash{b[i+2]}, int32(int8(b[i+3]))
			switch b[i] % 4 {
			case 0:
				_, again := l1.at[a]
				if _, ok := l1.at[c]; ok && !again {
					l1.add(a, c)
				}
				w.L1(l1, risk.L1Block{Block: spv.Block{Height: h, Hash: a}, Bits: uint32(b[i]) << 24})
			case 1, 2:
				w.Layer(l1, risk.Sighting{Block: spv.Block{Height: h, Hash: a}, Bits: uint32(b[i])<<22 | 0xffff,
					Parent: risk.Parent{Hash: a, Prev: c, Bits: l1Bits}})
			default:
				w.Anchor(l1, spv.Block{Height: h, Hash: a})
				w.Filter(spv.Block{Height: h, Hash: a}, int(h))
			}
		}
		for _, a := range w.Active() {
			if a.String() == "" {
				t.Fatal("an alarm without a text")
			}
		}
	})
}

func BenchmarkWatchLayer(b *testing.B) {
	w := newWatched(1, 0.5)
	w.until(5000, func() bool { return false })
	l1, s := w.known, risk.Sighting{Bits: layerBits(0.5), Parent: risk.Parent{Prev: w.known.tip().Hash, Bits: l1Bits}}
	s.Block.Height = w.height
	for b.Loop() {
		w.watch.Layer(l1, s)
	}
}

package app

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/layeredpow/lamina/internal/store"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/pow"
	"github.com/layeredpow/lamina/spv/syncer"
)

const easyBits = 0x207fffff

// shortRules are those of an easy chain whose tree forgets soon.
func shortRules(reorgs int32) *spv.Rules {
	limit, _ := spv.ParseTarget(easyBits)
	return &spv.Rules{Name: "short", Work: pow.SHA256d, PowLimit: limit, ReorgLimit: reorgs, MaxFuture: 7200,
		Eras:    []spv.Era{{Retarget: spv.Interval, Timespan: 20 * 600, Spacing: 600, MaxDrop: 4, MaxRise: 4, ExtraBlock: true}},
		Genesis: mined(spv.Header{}, spv.Hash{}, 1_600_000_000, easyBits, 0)}
}

// mined fills in a header on top of a block and finds its nonce. Only the tag sets two
// apart that are otherwise the same.
func mined(h spv.Header, prev spv.Hash, time, bits uint32, tag byte) spv.Header {
	if h.Version() == 0 {
		binary.LittleEndian.PutUint32(h[0:], 0x20000000)
	}
	copy(h[4:], prev[:])
	h[36] = tag
	binary.LittleEndian.PutUint32(h[68:], time)
	binary.LittleEndian.PutUint32(h[72:], bits)
	target, _ := spv.ParseTarget(bits)
	for nonce := uint32(0); ; nonce++ {
		binary.LittleEndian.PutUint32(h[76:], nonce)
		if id := h.ID(); spv.Meets(&id, &target) {
			return h
		}
	}
}

// extend mines n headers on top of a block, step seconds apart, and adds them to the tree.
func extend(t *testing.T, tree *spv.Tree, on spv.Hash, n int, step func() uint32, tag byte) (run []spv.Sealed) {
	t.Helper()
	for range n {
		last, _ := tree.HeaderOf(on)
		time := last.Time() + step()
		bits, _, ok := tree.After(on, time)
		if !ok {
			t.Fatalf("what follows %s is not known", on)
		}
		h := mined(spv.Header{}, on, time, bits, tag)
		if _, err := tree.Connect([]spv.Sealed{{Header: h}}, 0); err != nil {
			t.Fatal(err)
		}
		on = h.ID()
		run = append(run, spv.Sealed{Header: h})
	}
	return run
}

// onDisk opens a chain of the rules on a disk of its own, until the test ends.
func onDisk(t *testing.T, rules *spv.Rules) *store.Chain {
	t.Helper()
	disk, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = disk.Close() })
	target, _ := spv.ParseTarget(easyBits)
	chain, _, err := disk.Chain(rules.Name, rules.Genesis, 0, spv.WorkOf(&target))
	if err != nil {
		t.Fatal(err)
	}
	return chain
}

// keep adds headers to a tree and to what is on disk of it.
func keep(t *testing.T, tree *spv.Tree, chain *store.Chain, run []spv.Sealed) {
	t.Helper()
	change, err := tree.Connect(run, 0)
	if err == nil {
		err = chain.Apply(change)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestStrays gives a view blocks that left the chain long before its tree begins, from the
// top down, and compares what it then tells with a tree that saw them.
func TestStrays(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 4))
	whole := spv.NewTree(shortRules(1 << 20))
	step := func() uint32 { return 300 + r.Uint32N(500) }
	run := extend(t, whole, whole.Tip().Hash, 600, step, 1)
	old := extend(t, whole, run[99].Header.ID(), 25, step, 2) // over an adjustment
	rules := shortRules(50)
	target, _ := spv.ParseTarget(easyBits)
	chain, tree := onDisk(t, rules), spv.NewTree(rules)
	for i := range run {
		keep(t, tree, chain, run[i:i+1])
	}
	view := newParentView(tree, chain)
	for i := len(old) - 1; i > 0; i-- {
		if err := view.addStray(old[i].Header, 0); err != errLoose {
			t.Fatalf("%d: %v, want %v", i, err, errLoose)
		}
	}
	lazy := old[0].Header
	for id := lazy.ID(); spv.Meets(&id, &target); id = lazy.ID() {
		lazy[76]++
	}
	bits, _, _ := whole.After(run[99].Header.ID(), 1_600_000_000)
	early := mined(spv.Header{}, run[99].Header.ID(), 1_600_000_000, bits, 2)
	for name, h := range map[string]spv.Header{spv.CheckWork: lazy, spv.CheckMedianTime: early} {
		var refused *spv.CheckError
		if err := view.addStray(h, 0); !errors.As(err, &refused) || refused.Name != name {
			t.Fatalf("%v, want %s", err, name)
		}
	}
	if err := view.addStray(old[0].Header, 0); err != nil {
		t.Fatal(err)
	}
	for i := range old {
		id := old[i].Header.ID()
		want, _ := whole.Lookup(id)
		if got, ok := view.Lookup(id); !ok || got != want || view.OnBest(got) {
			t.Fatalf("%d: %s %v, want %s off the best chain", i, got, ok, want)
		}
		for height := int32(0); height <= want.Height+1; height++ {
			wantAt, wantOK := whole.Ancestor(id, height)
			if got, ok := view.Ancestor(id, height); ok != wantOK || got != wantAt {
				t.Fatalf("ancestor of %s at %d: %s %v, want %s %v", want, height, got, ok, wantAt, wantOK)
			}
		}
		when := old[i].Header.Time() + 600
		bits, median, _ := whole.After(id, when)
		if b, m, ok := view.After(id, when); !ok || b != bits || m != median {
			t.Fatalf("after %s: %08x above %d (%v), want %08x above %d", want, b, m, ok, bits, median)
		}
	}
}

// TestParentView compares what a view of a short tree and of what is on disk below it
// tells with what a tree tells that has forgotten nothing.
func TestParentView(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 3))
	whole := spv.NewTree(shortRules(1 << 20))
	step := func() uint32 { return 300 + r.Uint32N(500) }
	run := extend(t, whole, whole.Tip().Hash, 2000, step, 1)
	side := extend(t, whole, run[1989].Header.ID(), 5, step, 2) // a branch that never was the best

	rules := shortRules(50)
	chain, tree := onDisk(t, rules), spv.NewTree(rules)
	view := newParentView(tree, chain)
	now := time.Unix(0, 0)
	for from := 0; from < len(run); from += 250 {
		keep(t, tree, chain, run[from:from+250])
		known := append([]spv.Sealed{{Header: rules.Genesis}}, run[:from+250]...)
		if from+250 == len(run) {
			keep(t, tree, chain, side)
			known = append(known, side...)
		}
		if now = now.Add(time.Minute); !view.update(tree, chain, false, now) || view.update(tree, chain, false, now.Add(time.Hour)) {
			t.Fatal("the view does not tell what is new")
		}
		for range 300 {
			tellsTheSame(t, seed, r, view, whole, known)
		}
		if _, ok := view.Lookup(spv.Hash{1, 2, 3}); ok {
			t.Fatal("a made-up block is known")
		}
	}
	if tree.Base() == 0 {
		t.Fatal("the tree has forgotten nothing, so that nothing was tested")
	}
	if _, ok := tree.Lookup(run[10].Header.ID()); ok {
		t.Fatal("the tree still knows block 11")
	}
	// Coming and going of the L1 is news by itself, at any time.
	if !view.update(tree, chain, true, now) || !view.Synced() || !view.update(tree, chain, false, now) || view.Synced() {
		t.Fatal("synced is not told")
	}
}

// tellsTheSame draws two of the blocks that a view knows, and asks it and the tree that has forgotten nothing about them.
func tellsTheSame(t *testing.T, seed uint64, r *rand.Rand, view *parentView, whole *spv.Tree, known []spv.Sealed) {
	t.Helper()
	id, other := known[r.IntN(len(known))].Header.ID(), known[r.IntN(len(known))].Header.ID()
	want, _ := whole.Lookup(id)
	if got, ok := view.Lookup(id); !ok || got != want {
		t.Fatalf("seed %d: %s, want %s", seed, got, want)
	}
	at, _ := whole.Lookup(other)
	height := at.Height + r.Int32N(3) - 1
	wantAt, wantOK := whole.Ancestor(id, height)
	if got, ok := view.Ancestor(id, height); ok != wantOK || got != wantAt {
		t.Fatalf("seed %d: ancestor of %s at %d: %s %v, want %s %v", seed, want, height, got, ok, wantAt, wantOK)
	}
	if got, want := view.OnBest(at), whole.OnBest(at); got != want {
		t.Fatalf("seed %d: %s on the best chain: %v", seed, at, got)
	}
	if at.Hash[0]++; view.OnBest(at) {
		t.Fatalf("seed %d: a made-up block is on the best chain", seed)
	}
	when := 1_600_000_000 + r.Uint32N(1_500_000)
	bits, median, _ := whole.After(id, when)
	if b, m, ok := view.After(id, when); !ok || b != bits || m != median {
		t.Fatalf("seed %d: after %s: %08x above %d (%v), want %08x above %d", seed, want, b, m, ok, bits, median)
	}
}

// TestPost: a wake-up never keeps a layer from hearing that its L1 has moved.
func TestPost(t *testing.T) {
	for _, c := range []struct {
		name          string
		old, in, want syncer.Input
	}{
		{"over a wake-up", wake{}, syncer.ParentMoved{}, syncer.ParentMoved{}},
		{"a seek over a wake-up", wake{}, syncer.Seek{}, syncer.Seek{}},
		{"over a seek", syncer.Seek{}, syncer.ParentMoved{}, syncer.ParentMoved{}},
		{"not by a seek", syncer.ParentMoved{}, syncer.Seek{}, syncer.ParentMoved{}},
	} {
		box := make(chan syncer.Input, 1)
		box <- c.old
		if post(box, c.in); <-box != c.want {
			t.Errorf("%s: want %T", c.name, c.want)
		}
	}
}

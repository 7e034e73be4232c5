package spv_test

import (
	"bytes"
	"testing"

	"github.com/layeredpow/lamina/spv"
)

// sealed makes n layer headers on top of a block of the tree, each with a proof of its own
// whose parent belongs to no chain. The tree is not changed.
func sealed(t testing.TB, tree *spv.Tree, on spv.Hash, n int, tag uint64) []spv.Sealed {
	t.Helper()
	scratch, ok := tree.Upto(on)
	if !ok {
		t.Fatalf("%s is not in the tree", on)
	}
	scratch.VerifyProof = nil
	var run []spv.Sealed
	for range n {
		tip := scratch.Tip()
		last, _ := scratch.Header(tip.Height)
		time := last.Time() + 60
		bits, _, _ := scratch.After(tip.Hash, time)
		h := header(layerVersion(), tip.Hash, time, bits, tag)
		s := sealOn(t, h, header(spv.Header{}, spv.Hash{byte(tag)}, time, easyBits, 0), nil)
		connect(t, scratch, s)
		run = append(run, s)
	}
	return run
}

// wantProofs compares the proofs of a change with those of the headers it brings, of which
// the first few may be missing.
func wantProofs(t *testing.T, change spv.Change, want []spv.Sealed, missing int) {
	t.Helper()
	if len(change.Headers) != len(want) || len(change.Proofs) != len(want) {
		t.Fatalf("%d headers with %d proofs, want %d of each", len(change.Headers), len(change.Proofs), len(want))
	}
	for i, got := range change.Proofs {
		if change.Headers[i] != want[i].Header {
			t.Fatalf("header %d differs", i)
		}
		if i < missing {
			if got != nil {
				t.Fatalf("proof %d is still at hand", i)
			}
			continue
		}
		if got == nil || !bytes.Equal(got.Append(nil), want[i].Aux.Append(nil)) {
			t.Fatalf("proof %d of %d differs", i, len(want))
		}
	}
}

// TestChangeProofs: a header's proof comes with it, at once or when its branch becomes the
// best one, and again when a block comes back that was taken off not long ago.
func TestChangeProofs(t *testing.T) {
	tree := spv.NewTree(layerRules())
	a := sealed(t, tree, tree.Tip().Hash, 162, 1)
	wantProofs(t, connect(t, tree, a[:160]...), a[:160], 0)

	b := sealed(t, tree, a[4].Header.ID(), 156, 2) // up to height 161
	if c := connect(t, tree, b[:100]...); len(c.Headers) != 0 || c.Proofs != nil {
		t.Fatalf("a worse branch moved the chain: %+v", c.Tip)
	}
	for i := range b[:100] { // the tree must not look at the messages' memory any more
		own := *b[i].Aux
		b[i].Aux.Parent, b[i].Aux.CoinbaseBranch = spv.Header{}, nil
		b[i].Aux = &own
	}
	c := connect(t, tree, b[100:]...)
	if c.Undo != 155 {
		t.Fatalf("%d blocks undone, want 155", c.Undo)
	}
	wantProofs(t, c, b, 0)

	// Back to the first branch: up to height 160-144 its proofs were settled.
	c = connect(t, tree, a[160:]...)
	if c.Undo != 156 {
		t.Fatalf("%d blocks undone, want 156", c.Undo)
	}
	wantProofs(t, c, a[5:], 16-5)

	plain := spv.NewTree(easyRules())
	if c := connect(t, plain, grow(t, plain, plain.Tip().Hash, 2, 600, 1)...); c.Proofs != nil {
		t.Fatalf("%d proofs on a chain without merged mining", len(c.Proofs))
	}
}

// TestVerifyProof: what the policy passes over is not verified, all else is, whatever the
// order in which they come.
func TestVerifyProof(t *testing.T) {
	third := func(height int32) bool { return height%3 == 0 }
	good := sealed(t, spv.NewTree(layerRules()), layerRules().Genesis.ID(), 600, 1)
	asked := map[int32]int{}
	tree := spv.NewTree(layerRules())
	tree.VerifyProof = func(height int32) bool { asked[height]++; return third(height) }
	wantProofs(t, connect(t, tree, good...), good, 0)
	for h := range int32(600) {
		if asked[h+1] != 1 {
			t.Fatalf("asked %d times about height %d", asked[h+1], h+1)
		}
	}

	spoiled := func(height int32) []spv.Sealed {
		run := append([]spv.Sealed(nil), good...)
		aux := *run[height-1].Aux
		target, _ := spv.ParseTarget(easyBits)
		for id := aux.Parent.ID(); spv.Meets(&id, &target); id = aux.Parent.ID() {
			aux.Parent[76]++
		}
		run[height-1].Aux = &aux
		return run
	}
	for _, height := range []int32{1, 2, 255, 256, 257, 300, 301, 599, 600} {
		tree := spv.NewTree(layerRules())
		tree.VerifyProof = third
		_, err := tree.Connect(spoiled(height), 0)
		if !third(height) {
			if err != nil || tree.Tip().Height != 600 {
				t.Fatalf("height %d, not verified: tip %s, %v", height, tree.Tip(), err)
			}
			continue
		}
		wantCheck(t, err, spv.CheckParentWork)
		if tree.Tip().Height != height-1 {
			t.Fatalf("height %d, verified: tip %s", height, tree.Tip())
		}
	}

	// What needs no look at the proof is judged all the same.
	for name, c := range map[string]struct {
		spoil func(s *spv.Sealed)
		want  string
	}{
		"no proof at all":  {func(s *spv.Sealed) { s.Aux = nil }, spv.CheckAuxPoWPresent},
		"another chain id": {func(s *spv.Sealed) { s.Header[2]++ }, spv.CheckChainID},
		"wrong bits":       {func(s *spv.Sealed) { s.Header[72]-- }, spv.CheckDifficulty},
	} {
		tree := spv.NewTree(layerRules())
		tree.VerifyProof = func(int32) bool { return false }
		bad := good[0]
		c.spoil(&bad)
		_, err := tree.Connect([]spv.Sealed{bad}, 0)
		t.Log(name)
		wantCheck(t, err, c.want)
	}
}

// TestClone: a clone knows what the tree knew, on all branches, and neither notices what
// happens to the other.
func TestClone(t *testing.T) {
	tree := spv.NewTree(easyRules())
	run := grow(t, tree, tree.Tip().Hash, 20, 600, 1)
	connect(t, tree, run...)
	side := grow(t, tree, run[9].Header.ID(), 15, 600, 2)
	side, more := side[:5], side[5:]
	connect(t, tree, side...)
	clone := tree.Clone()
	if clone.Tip() != tree.Tip() || clone.Work() != tree.Work() || clone.Blocks() != 26 {
		t.Fatalf("clone of %d blocks at %s", clone.Blocks(), clone.Tip())
	}
	connect(t, tree, more...)
	if clone.Tip().Height != 20 || tree.Tip().Height != 25 {
		t.Fatalf("clone at %s, tree at %s", clone.Tip(), tree.Tip())
	}
	if _, ok := clone.Lookup(more[0].Header.ID()); ok {
		t.Fatal("the clone knows what came later")
	}
	if h, ok := clone.HeaderOf(side[4].Header.ID()); !ok || h != side[4].Header {
		t.Fatal("the clone does not know the side branch")
	}
	if c := connect(t, clone, more...); c.Undo != 10 || len(c.Headers) != 15 || clone.Tip() != tree.Tip() {
		t.Fatalf("the clone moved to %+v", c)
	}
}

// TestProofsBounded: what waits on branches takes no more memory than allowed, whatever
// peers send; the oldest are kept.
func TestProofsBounded(t *testing.T) {
	tree := spv.NewTree(layerRules())
	tree.VerifyProof = func(int32) bool { return false }
	large := *sealed(t, tree, tree.Tip().Hash, 1, 1)[0].Aux
	large.CoinbaseBranch = siblings(30_000, 1) // near 1 MB
	branch := func(n int, tag uint64) (run []spv.Sealed) {
		scratch := spv.NewTree(layerRules())
		scratch.VerifyProof = tree.VerifyProof
		for range n {
			tip := scratch.Tip()
			last, _ := scratch.Header(tip.Height)
			bits, _, _ := scratch.After(tip.Hash, last.Time()+60)
			s := spv.Sealed{Header: header(layerVersion(), tip.Hash, last.Time()+60, bits, tag), Aux: &large}
			connect(t, scratch, s)
			run = append(run, s)
		}
		return run
	}
	connect(t, tree, branch(21, 1)...)
	side := branch(22, 2)
	connect(t, tree, side[:20]...)
	kept := 0
	change := connect(t, tree, side[20:]...)
	for i, p := range change.Proofs {
		if p != nil {
			kept++
		} else if i >= 20 {
			t.Errorf("proof %d came just now and is not at hand", i)
		}
	}
	// The first branch's newest blocks have taken the room of all but the last two.
	if len(change.Proofs) != 22 || kept != 2 {
		t.Errorf("%d of %d proofs at hand, want 2 of 22", kept, len(change.Proofs))
	}
}

package spv_test

import (
	"testing"

	"github.com/layeredpow/lamina/spv"
)

// TestPruneBranches: a branch that forks below the window goes with it, whatever its own
// height; one that forks inside stays and may still become the best chain.
func TestPruneBranches(t *testing.T) {
	whole := spv.NewTree(easyRules()) // its window holds all
	rules := easyRules()
	rules.ReorgLimit = 700
	tree := spv.NewTree(rules)
	run := grow(t, whole, rules.Genesis.ID(), 3000, 600, 1)
	connect(t, whole, run...)
	connect(t, tree, run[:900]...)
	old := grow(t, whole, run[499].Header.ID(), 300, 600, 2) // from 500 up to 800
	connect(t, tree, old...)
	for i := 900; i < len(run); i += 100 {
		connect(t, tree, run[i:i+100]...)
	}
	if base := tree.Base(); base < 1500 {
		t.Fatalf("base %d", base)
	}
	for _, h := range []spv.Header{run[100].Header, run[tree.Base()-2].Header, old[0].Header, old[299].Header} {
		if b, ok := tree.Lookup(h.ID()); ok {
			t.Errorf("%s is still there", b)
		}
	}
	if tree.Blocks() != int(tree.Tip().Height-tree.Base())+1 {
		t.Errorf("%d blocks from %d to %d", tree.Blocks(), tree.Base(), tree.Tip().Height)
	}
	side := grow(t, whole, run[2399].Header.ID(), 700, 600, 3)
	connect(t, tree, side[:500]...)
	if c := connect(t, tree, side[500:]...); c.Undo != 600 || tree.Tip().Hash != side[699].Header.ID() {
		t.Fatalf("%d undone, tip %s", c.Undo, tree.Tip())
	}
}

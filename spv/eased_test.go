package spv_test

import (
	"testing"

	"github.com/layeredpow/lamina/spv"
)

// TestEasedSideBranch: where minimum difficulty is allowed now and then, each header looks down to the start of its period for
// one that was not eased, on a side branch, too: there it must not begin at the tip for every step.
func TestEasedSideBranch(t *testing.T) {
	rules := easyRules(spv.Era{Retarget: spv.Interval, Spacing: 600, Timespan: 600 * 2016, MaxDrop: 4, MaxRise: 4, EaseAfter: 1200})
	tree := spv.NewTree(rules)
	best := grow(t, tree, rules.Genesis.ID(), 2014, 600, 1)
	side := grow(t, tree, rules.Genesis.ID(), 2013, 600, 2)
	connect(t, tree, best...)
	if c := connect(t, tree, side...); c.Undo != 0 || tree.Tip().Hash != best[2013].Header.ID() {
		t.Fatalf("tip %s", tree.Tip())
	}
	if work, ok := tree.WorkAt(side[2012].Header.ID()); !ok || work.Sign() == 0 {
		t.Fatal("the side branch is not there")
	}
}

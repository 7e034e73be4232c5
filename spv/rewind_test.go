package spv_test

import (
	"testing"

	"github.com/layeredpow/lamina/spv"
)

// TestRewind: a tree goes back to any block of its best chain that it can tell about, and to genesis if it is rooted there, and
// goes on from it by the same rules; to nothing else.
func TestRewind(t *testing.T) {
	rules := easyRules(spv.Era{Retarget: spv.ASERT, Spacing: 600, HalfLife: 6000})
	whole := spv.NewTree(rules)
	a := grow(t, whole, rules.Genesis.ID(), 700, 600, 1)
	b := grow(t, whole, rules.Genesis.ID(), 30, 500, 3)
	follow := func(tree *spv.Tree, run []spv.Sealed) {
		t.Helper()
		if _, err := tree.Connect(run, 0); err != nil {
			t.Fatal(err)
		}
	}
	follow(whole, a)
	side := grow(t, whole, a[690].Header.ID(), 5, 600, 2)
	rules.ReorgLimit = 100
	for _, c := range []struct {
		name   string
		to     spv.Header
		rooted bool
		height int32 // -1: refused
	}{
		{"the tip", a[699].Header, false, 700},
		{"within the window", a[650].Header, false, 651},
		{"its edge", a[599].Header, false, 600},
		{"genesis", rules.Genesis, true, 0},
		{"genesis, which nobody keeps", rules.Genesis, false, -1},
		{"below the window", a[300].Header, true, -1},
		{"a side branch", side[4].Header, true, -1},
		{"nothing known", b[0].Header, true, -1},
	} {
		tree := spv.NewTree(rules)
		follow(tree, a)
		follow(tree, side)
		tree.Rooted = c.rooted
		before := tree.Work()
		change, ok := tree.Rewind(c.to.ID())
		if !ok {
			if c.height >= 0 || tree.Tip().Height != 700 || tree.Work() != before || len(tree.Tips()) != 2 {
				t.Errorf("%s: refused, tip %s", c.name, tree.Tip())
			}
			continue
		}
		at := spv.Block{Height: c.height, Hash: c.to.ID()}
		if tree.Tip() != at || change.Tip != at || change.Undo != int(700-c.height) || len(change.Headers) > 0 || len(tree.Tips()) != 1 || tree.Rooted != c.rooted {
			t.Errorf("%s: tip %s after %+v", c.name, tree.Tip(), change)
			continue
		}
		if c.height == 0 {
			follow(tree, b)
		} else {
			follow(tree, a[c.height:])
			if tree.Work() != before {
				t.Errorf("%s: work %v after going on, want %v", c.name, tree.Work(), before)
			}
		}
	}
}

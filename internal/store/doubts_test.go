package store

import (
	"slices"
	"testing"

	"github.com/layeredpow/lamina/spv"
)

// TestDoubts: doubts are there again when the folder is opened anew, and go with the blocks
// or the filters that they are about.
func TestDoubts(t *testing.T) {
	dir := t.TempDir()
	s, c, _ := open(t, dir)
	want := func(heights ...int32) {
		t.Helper()
		if got, err := c.Doubts(); err != nil || !slices.Equal(got, heights) {
			t.Fatalf("doubts %v, %v; want %v", got, err, heights)
		}
	}
	check(t, c.Apply(spv.Change{Headers: link(genesis, 50, 1)}))
	want()
	check(t, addFilters(c, 1, 40, 1))
	for _, h := range []int32{45, 7, 20, 40, 7} {
		check(t, c.Doubt(h))
	}
	for _, h := range []int32{-1, 51} {
		if c.Doubt(h) == nil {
			t.Fatalf("a doubt of block %d of 50 is taken", h)
		}
	}
	want(7, 20, 40, 45)
	check(t, c.CutFilters(41)) // no filter is above it, but a doubt
	want(7, 20, 40)
	check(t, s.Close())
	s, c, _ = open(t, dir)
	want(7, 20, 40)
	check(t, c.CutFilters(30))
	want(7, 20)
	check(t, c.Apply(spv.Change{Undo: 32}))
	want(7)
	check(t, s.Close())
}

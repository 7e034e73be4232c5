package spv_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/spv"
)

var salt = [16]byte{1, 2, 3}

func workFor(t testing.TB, headers uint64) uint256.Int {
	one := workOf(t, easyBits)
	var w uint256.Int
	w.Mul(&one, uint256.NewInt(headers))
	return w
}

// feed sends a chain to a presync in messages of 400 headers, as a peer would after
// getheaders from Next, until it errs or the chain ends. It returns what was released.
func feed(p *spv.Presync, run []spv.Sealed, now uint32) (released []spv.Sealed, err error) {
	at := map[spv.Hash]int{run[0].Header.Prev(): 0}
	for i := range run {
		at[run[i].Header.ID()] = i + 1
	}
	for {
		from := at[p.Next()]
		part := run[from:min(from+400, len(run))]
		out, err := p.Feed(part, len(part) < 400, now)
		released = append(released, out...)
		if err != nil || (len(part) < 400 && p.Releasing() && from+len(part) == len(run) && at[p.Next()] == len(run)) {
			return released, err
		}
	}
}

func TestPresync(t *testing.T) {
	rules := easyRules()
	genesis := rules.Genesis.ID()
	run := grow(t, spv.NewTree(rules), genesis, 3000, 600, 1)
	other := grow(t, spv.NewTree(rules), genesis, 3000, 600, 2)
	now := run[2999].Header.Time()

	t.Run("enough work", func(t *testing.T) {
		p := spv.NewPresync(spv.NewTree(rules), workFor(t, 2500), salt, now)
		released, err := feed(p, run, now)
		if err != nil || len(released) != 3000 {
			t.Fatalf("%d released, %v", len(released), err)
		}
		tree := spv.NewTree(rules)
		if c := connect(t, tree, released...); c.Tip.Height != 3000 {
			t.Fatalf("tip %s", c.Tip)
		}
	})
	t.Run("nothing before the work is shown", func(t *testing.T) {
		p := spv.NewPresync(spv.NewTree(rules), workFor(t, 2500), salt, now)
		for from := 0; from < 2400; from += 400 {
			if out, err := p.Feed(run[from:from+400], false, now); err != nil || len(out) != 0 || p.Releasing() {
				t.Fatalf("at %d: %d released, %v", from, len(out), err)
			}
		}
	})
	t.Run("too little work", func(t *testing.T) {
		p := spv.NewPresync(spv.NewTree(rules), workFor(t, 3002), salt, now)
		released, err := feed(p, run, now)
		if !errors.Is(err, spv.ErrNotEnoughWork) || len(released) != 0 {
			t.Fatalf("%d released, %v", len(released), err)
		}
	})
	t.Run("another chain the second time", func(t *testing.T) {
		p := spv.NewPresync(spv.NewTree(rules), workFor(t, 2500), salt, now)
		for from := 0; !p.Releasing(); from += 400 {
			if _, err := p.Feed(run[from:from+400], false, now); err != nil {
				t.Fatal(err)
			}
		}
		released, err := feed(p, other, now)
		if err == nil || !strings.Contains(err.Error(), "not of the chain that showed its work") || len(released) != 0 {
			t.Fatalf("%d released, %v", len(released), err)
		}
	})
	t.Run("a switch in the middle of the second pass", func(t *testing.T) {
		p := spv.NewPresync(spv.NewTree(rules), workFor(t, 2900), salt, now)
		for from := 0; !p.Releasing(); from += 400 {
			if _, err := p.Feed(run[from:min(from+400, 3000)], from+400 > 3000, now); err != nil {
				t.Fatal(err)
			}
		}
		branch := append([]spv.Sealed(nil), run[:1000]...)
		tree := spv.NewTree(rules)
		connect(t, tree, branch...)
		branch = append(branch, grow(t, tree, tree.Tip().Hash, 1500, 600, 9)...)
		released, err := feed(p, branch, now)
		if err == nil || len(released) > 1000 {
			t.Fatalf("%d released, %v", len(released), err)
		}
	})
	t.Run("more headers than time allows", func(t *testing.T) {
		p := spv.NewPresync(spv.NewTree(rules), workFor(t, 2500), salt, rules.Genesis.Time()-7200+100)
		if _, err := feed(p, run, 0); err == nil || !strings.Contains(err.Error(), "more than its time allows") {
			t.Fatal(err)
		}
	})
	t.Run("a run that does not continue", func(t *testing.T) {
		p := spv.NewPresync(spv.NewTree(rules), workFor(t, 2500), salt, now)
		if _, err := p.Feed(run[5:9], false, now); err == nil {
			t.Fatal("taken")
		}
		p = spv.NewPresync(spv.NewTree(rules), workFor(t, 2500), salt, now)
		twice := append(append([]spv.Sealed(nil), run[:4]...), run[:4]...)
		if _, err := p.Feed(twice, false, now); err == nil {
			t.Fatal("a repeated run was taken")
		}
	})
	t.Run("bad work", func(t *testing.T) {
		p := spv.NewPresync(spv.NewTree(rules), workFor(t, 2500), salt, now)
		bad := append([]spv.Sealed(nil), run[:400]...)
		target, _ := spv.ParseTarget(easyBits)
		for id := bad[399].Header.ID(); spv.Meets(&id, &target); id = bad[399].Header.ID() {
			bad[399].Header[76]++
		}
		_, err := p.Feed(bad, false, now)
		wantCheck(t, err, spv.CheckWork)
	})
}

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

// presyncWorld is two chains of 3000 headers from the same genesis.
type presyncWorld struct {
	rules      *spv.Rules
	run, other []spv.Sealed
	now        uint32
}

// presync begins a presync that wants the work of so many headers.
func (w *presyncWorld) presync(t *testing.T, headers uint64) *spv.Presync {
	t.Helper()
	return spv.NewPresync(spv.NewTree(w.rules), workFor(t, headers), salt, w.now)
}

// shown is a presync to which the run has shown its work.
func (w *presyncWorld) shown(t *testing.T, headers uint64) *spv.Presync {
	t.Helper()
	p := w.presync(t, headers)
	for from := 0; !p.Releasing(); from += 400 {
		if _, err := p.Feed(w.run[from:min(from+400, 3000)], from+400 > 3000, w.now); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func TestPresync(t *testing.T) {
	rules := easyRules()
	genesis := rules.Genesis.ID()
	w := &presyncWorld{rules: rules, run: grow(t, spv.NewTree(rules), genesis, 3000, 600, 1),
		other: grow(t, spv.NewTree(rules), genesis, 3000, 600, 2)}
	w.now = w.run[2999].Header.Time()
	t.Run("enough work", w.enoughWork)
	t.Run("nothing before the work is shown", w.nothingBefore)
	t.Run("too little work", w.tooLittleWork)
	t.Run("another chain the second time", w.anotherChain)
	t.Run("a switch in the middle of the second pass", w.switchInTheMiddle)
	t.Run("more headers than time allows", w.tooManyForTheTime)
	t.Run("a run that does not continue", w.notContinued)
	t.Run("bad work", w.badWork)
}

func (w *presyncWorld) enoughWork(t *testing.T) {
	released, err := feed(w.presync(t, 2500), w.run, w.now)
	if err != nil || len(released) != 3000 {
		t.Fatalf("%d released, %v", len(released), err)
	}
	tree := spv.NewTree(w.rules)
	if c := connect(t, tree, released...); c.Tip.Height != 3000 {
		t.Fatalf("tip %s", c.Tip)
	}
}

func (w *presyncWorld) nothingBefore(t *testing.T) {
	p := w.presync(t, 2500)
	for from := 0; from < 2400; from += 400 {
		if out, err := p.Feed(w.run[from:from+400], false, w.now); err != nil || len(out) != 0 || p.Releasing() {
			t.Fatalf("at %d: %d released, %v", from, len(out), err)
		}
	}
}

func (w *presyncWorld) tooLittleWork(t *testing.T) {
	released, err := feed(w.presync(t, 3002), w.run, w.now)
	if !errors.Is(err, spv.ErrNotEnoughWork) || len(released) != 0 {
		t.Fatalf("%d released, %v", len(released), err)
	}
}

func (w *presyncWorld) anotherChain(t *testing.T) {
	released, err := feed(w.shown(t, 2500), w.other, w.now)
	if err == nil || !strings.Contains(err.Error(), "not of the chain that showed its work") || len(released) != 0 {
		t.Fatalf("%d released, %v", len(released), err)
	}
}

func (w *presyncWorld) switchInTheMiddle(t *testing.T) {
	p := w.shown(t, 2900)
	branch := append([]spv.Sealed(nil), w.run[:1000]...)
	tree := spv.NewTree(w.rules)
	connect(t, tree, branch...)
	branch = append(branch, grow(t, tree, tree.Tip().Hash, 1500, 600, 9)...)
	released, err := feed(p, branch, w.now)
	if err == nil || len(released) > 1000 {
		t.Fatalf("%d released, %v", len(released), err)
	}
}

func (w *presyncWorld) tooManyForTheTime(t *testing.T) {
	p := spv.NewPresync(spv.NewTree(w.rules), workFor(t, 2500), salt, w.rules.Genesis.Time()-7200+100)
	if _, err := feed(p, w.run, 0); err == nil || !strings.Contains(err.Error(), "more than its time allows") {
		t.Fatal(err)
	}
}

func (w *presyncWorld) notContinued(t *testing.T) {
	if _, err := w.presync(t, 2500).Feed(w.run[5:9], false, w.now); err == nil {
		t.Fatal("taken")
	}
	twice := append(append([]spv.Sealed(nil), w.run[:4]...), w.run[:4]...)
	if _, err := w.presync(t, 2500).Feed(twice, false, w.now); err == nil {
		t.Fatal("a repeated run was taken")
	}
}

func (w *presyncWorld) badWork(t *testing.T) {
	bad := append([]spv.Sealed(nil), w.run[:400]...)
	target, _ := spv.ParseTarget(easyBits)
	for id := bad[399].Header.ID(); spv.Meets(&id, &target); id = bad[399].Header.ID() {
		bad[399].Header[76]++
	}
	_, err := w.presync(t, 2500).Feed(bad, false, w.now)
	wantCheck(t, err, spv.CheckWork)
}

// TestPresyncProofs: the proofs of headers that are held back take a bounded memory, however long a peer makes them; nothing but their
// length is wrong with these.
func TestPresyncProofs(t *testing.T) {
	rules := easyRules()
	run := grow(t, spv.NewTree(rules), rules.Genesis.ID(), 2500, 600, 1)
	now := run[2499].Header.Time()
	for _, c := range []struct {
		size    int // of a proof, about
		refused bool
	}{{1 << 10, false}, {24 << 10, false}, {48 << 10, true}, {1 << 20, true}} {
		p := spv.NewPresync(spv.NewTree(rules), workFor(t, 2400), salt, now)
		for from := 0; !p.Releasing(); from += 500 {
			if _, err := p.Feed(run[from:from+500], false, now); err != nil {
				t.Fatal(err)
			}
		}
		aux := &spv.AuxPoW{CoinbaseBranch: siblings(c.size/32, 1)}
		held := 0
		var err error
		for i := 0; i < len(run) && err == nil; i += 10 {
			part := append([]spv.Sealed(nil), run[i:i+10]...)
			for k := range part {
				part[k].Aux = aux
			}
			held += len(part) * c.size
			var out []spv.Sealed
			out, err = p.Feed(part, false, now)
			if held -= len(out) * c.size; held > 40<<20 {
				t.Fatalf("proofs of %d bytes: %d bytes are held", c.size, held)
			}
		}
		if refused := err != nil && strings.Contains(err.Error(), "bytes of proofs"); refused != c.refused || !refused && !p.Done() {
			t.Errorf("proofs of %d bytes: refused %t (%v), want %t", c.size, refused, err, c.refused)
		}
	}
}

// TestPresyncShortWindow: a message may hold more headers than the tree of a chain that reorganises little.
func TestPresyncShortWindow(t *testing.T) {
	rules := easyRules()
	rules.ReorgLimit = 100
	run := grow(t, spv.NewTree(rules), rules.Genesis.ID(), 2000, 600, 1)
	now := run[1999].Header.Time()
	p := spv.NewPresync(spv.NewTree(rules), workFor(t, 1900), salt, now)
	for pass := range 2 {
		out, err := p.Feed(run, false, now)
		if err != nil || len(out) != pass*len(run) {
			t.Fatalf("pass %d: %d released, %v", pass+1, len(out), err)
		}
	}
	if !p.Done() {
		t.Error("not done")
	}
}

package chain

import (
	"errors"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// shunWorld is a chain on disk beside the model of it.
type shunWorld struct {
	t   *testing.T
	p   *chains.Params
	dir string
	c   *Chain
	m   *model
}

// take accepts blocks on both sides.
func (w *shunWorld) take(list ...*made) {
	w.t.Helper()
	for _, b := range list {
		_, err := w.c.Accept(b.raw, 0)
		check(w.t, err)
		w.m.accept(b)
	}
}

// at wants the chain to be at a block, now and after a kill.
func (w *shunWorld) at(want *made) {
	w.t.Helper()
	w.m.audit(w.t, w.c, want)
	if best, _ := w.c.BestHeader(); best != want.ref() {
		w.t.Fatalf("best header %s, want %s", best, want.ref())
	}
	drop(w.t, w.c)
	w.c = quick(w.t, w.dir, w.p, nil, Options{})
	w.m.audit(w.t, w.c, want)
}

// TestShun: what the operator shuns is left at once, over kills too, and whatever is built
// on it; it is followed again when the word is taken back.
func TestShun(t *testing.T) {
	p, dir := testchain.Easy(t, "dev"), t.TempDir()
	g := genesisOf(t, p)
	w := &shunWorld{t: t, p: p, dir: dir, c: quick(t, dir, p, nil, Options{}), m: newModel(g)}
	a := run(p, g, 10, 1)
	b := run(p, a[4], 3, 2)
	w.take(append(a, b...)...)
	w.at(a[9])

	moved, err := w.c.Shun(a[6].id)
	check(t, err)
	if len(moved.Disconnected) != 5 || len(moved.Connected) != 3 {
		t.Fatalf("%+v", moved)
	}
	w.at(b[2])
	top := run(p, a[9], 2, 3)
	w.shunsAbove(top, b[2])

	_, err = w.c.Shun(b[0].id)
	check(t, err)
	w.at(a[5]) // below the one that is shunned
	_, err = w.c.Readmit(a[9].id)
	check(t, err)
	if w.c.Tip() != top[0].ref() {
		t.Fatalf("readmitted by a block above it: tip %s, want %s", w.c.Tip(), top[0].ref())
	}
	w.take(top[1])
	w.at(top[1])
	longer := run(p, b[2], 10, 4)
	w.take(longer...)
	w.at(top[1])
	_, err = w.c.Readmit(longer[9].id)
	check(t, err)
	w.at(longer[9])
	w.refuses(g)
	w.at(longer[9])
}

// shunsAbove: a block and a header on top of what is shunned leave the chain where it is.
func (w *shunWorld) shunsAbove(top []*made, stays *made) {
	w.t.Helper()
	w.take(top[0])
	if _, err := w.c.AcceptHeaders([]spv.Sealed{{Header: top[1].header}}, 0); err != nil {
		w.t.Fatal(err)
	}
	w.at(stays)
	states := map[BranchState]int{}
	for _, x := range w.c.Branches() {
		states[x.State]++
	}
	if states[Shunned] != 1 || states[Invalid] != 0 {
		w.t.Errorf("branches %v", states)
	}
}

// refuses: neither genesis nor a block that nobody knows can be shunned.
func (w *shunWorld) refuses(genesis *made) {
	w.t.Helper()
	if _, err := w.c.Shun(genesis.id); err == nil || !strings.Contains(err.Error(), "begins with it") {
		w.t.Errorf("genesis: %v", err)
	}
	for _, f := range []func(spv.Hash) (Moved, error){w.c.Shun, w.c.Readmit} {
		if _, err := f(spv.Hash{1}); !errors.Is(err, ErrUnknown) {
			w.t.Errorf("a block that nobody knows: %v", err)
		}
	}
}

// TestReadmitInvalid: the operator's word does not make a block that broke a rule good.
func TestReadmitInvalid(t *testing.T) {
	p := testchain.Easy(t, "dev")
	g := genesisOf(t, p)
	c := quick(t, t.TempDir(), p, nil, Options{})
	a := run(p, g, 2, 1)
	_, err := c.Accept(a[0].raw, 0)
	check(t, err)
	rich := testchain.Coinbase(p, 2, 9, nil)
	rich.TxOut[0].Value++
	h := testchain.HeaderOn(4, a[0].id, []*wire.MsgTx{rich}, a[0].header.Time()+10)
	testchain.Mine(&h)
	bad := body(h, nil, a[0], []*wire.MsgTx{rich})
	if _, err := c.Accept(bad.raw, 0); err == nil {
		t.Fatal("a coinbase that pays too much is taken")
	}
	if _, err := c.Readmit(bad.id); err != nil || c.Tip() != a[0].ref() {
		t.Fatalf("tip %s, %v", c.Tip(), err)
	}
	if list := c.Branches(); len(list) != 2 || list[1].State != Invalid {
		t.Errorf("%+v", list)
	}
}

// TestShunL1: layers follow their L1.
func TestShunL1(t *testing.T) {
	s := newStack(t, Options{})
	a := s.grow1(s.g1, 10)
	one := s.make2(s.g2, a[9], 5) // anchor at 5
	two := s.make2(one, a[9], 3)  // at 7
	s.take2(one, Connected)
	s.take2(two, Connected)
	turn := func(f func(spv.Hash) (Moved, error), want *made) {
		t.Helper()
		_, err := f(a[5].id) // height 6
		check(t, err)
		_, err = s.c.ParentMoved(0)
		check(t, err)
		s.at(want)
		s.reopen(true)
		s.at(want)
	}
	turn(s.l1.Shun, one)
	turn(s.l1.Readmit, two)
}

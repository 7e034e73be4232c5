package chain

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// stack is an L1 and a layer on it, on disk, with their models.
type stack struct {
	t       *testing.T
	p1, p2  *chains.Params
	d1, d2  string
	o       Options
	l1, c   *Chain
	m1, m2  *model
	builder *layer
	g1, g2  *made
	tag     uint32
}

func newStack(t *testing.T, o Options) *stack {
	t.Helper()
	s := &stack{t: t, p1: testchain.Easy(t, "dev"), p2: testchain.Easy(t, "dev-native"), d1: t.TempDir(), d2: t.TempDir(), o: o}
	s.g1, s.g2 = genesisOf(t, s.p1), genesisOf(t, s.p2)
	s.m1, s.m2 = newModel(s.g1), newModel(s.g2)
	s.builder = &layer{t: t, p: s.p2, model: s.m2}
	s.open()
	return s
}

func (s *stack) open() {
	s.l1 = quick(s.t, s.d1, s.p1, nil, s.o)
	s.c = quick(s.t, s.d2, s.p2, s.l1, s.o)
}

// reopen closes or kills both and opens them again.
func (s *stack) reopen(kill bool) {
	s.t.Helper()
	for _, c := range []*Chain{s.c, s.l1} {
		if kill {
			drop(s.t, c)
		} else {
			check(s.t, c.Close())
		}
	}
	s.open()
}

// grow1 extends the L1 from a block and tells the layer.
func (s *stack) grow1(prev *made, n int) []*made {
	s.t.Helper()
	s.tag++
	list := run(s.p1, prev, n, s.tag)
	s.take1(list...)
	return list
}

func (s *stack) take1(list ...*made) {
	s.t.Helper()
	for _, b := range list {
		_, err := s.l1.Accept(b.raw, 0)
		check(s.t, err)
		s.m1.accept(b)
	}
	_, err := s.c.ParentMoved(0)
	check(s.t, err)
}

// onBest tells whether a layer block's anchor is on the L1's best chain, by the model.
func (s *stack) onBest(b *made) bool {
	tip := s.m1.tip(nil)
	return b.anchor.height <= tip.height && tip.at(b.anchor.height) == b.anchor
}

// make2 builds a layer block over an L1 block with the anchor so many blocks below.
func (s *stack) make2(prev, under *made, depth int32, txs ...*wire.MsgTx) *made {
	s.tag++
	return s.builder.block(prev, under, under.at(under.height-depth), s.tag, txs...)
}

func (s *stack) take2(b *made, want Status) Result {
	s.t.Helper()
	r, err := s.c.Accept(b.raw, 0)
	check(s.t, err)
	if r.Status != want {
		s.t.Fatalf("layer block %s: %s, want %s", b.ref(), r.Status, want)
	}
	if want != Pending {
		s.m2.accept(b)
	}
	return r
}

func (s *stack) at(want *made) {
	s.t.Helper()
	s.m2.audit(s.t, s.c, want)
}

// TestAnchorLeaves: blocks whose anchor leaves the best L1 chain are left, not condemned,
// and followed again when it comes back.
func TestAnchorLeaves(t *testing.T) {
	s := newStack(t, Options{})
	a := s.grow1(s.g1, 10)
	one := s.make2(s.g2, a[9], 5) // anchor at 5
	two := s.make2(one, a[9], 3)  // at 7
	three := s.make2(two, a[9], 2)
	for _, b := range []*made{one, two, three} {
		s.take2(b, Connected)
	}
	s.at(three)

	b := s.grow1(a[4], 6) // L1 forks above 5
	s.at(one)
	other := s.make2(one, b[5], 2)
	s.take2(other, Connected)
	s.reopen(true)
	s.at(other)

	s.grow1(a[9], 2)
	s.at(three)
	s.reopen(false)
	s.at(three)
	for _, b := range s.c.Branches() {
		if b.State == Invalid {
			t.Fatalf("branch %+v: an anchor off the best chain is no fault", b)
		}
	}
}

// TestSecondBest: a branch that was passed over because its end is invalid is followed when
// the better one has become ineligible.
func TestSecondBest(t *testing.T) {
	s := newStack(t, Options{})
	a := s.grow1(s.g1, 10)
	one := s.make2(s.g2, a[9], 2) // anchor at 8
	two := s.make2(one, a[9], 2)
	s.take2(one, Connected)
	s.take2(two, Connected)
	b1 := s.make2(s.g2, a[9], 6) // anchor at 4
	b2 := s.make2(b1, a[9], 6)
	b3 := s.make2(b2, a[9], 6, spend(5, 1, wire.OutPoint{Index: 9}))
	s.take2(b1, Side)
	s.take2(b2, Side)
	r, err := s.c.Accept(b3.raw, 0)
	if err == nil || r.Undo != 0 || len(r.Refused) != 1 || r.Refused[0].Block != b3.ref() {
		t.Fatalf("%+v, %v", r, err)
	}
	s.at(two)
	s.grow1(a[4], 6) // the L1 forks above 5
	s.at(b2)
}

// forgetful is an L1 that does not know one of its blocks yet.
type forgetful struct {
	*Chain
	hidden spv.Hash
}

func (f *forgetful) Lookup(id spv.Hash) (spv.Block, bool) {
	if id == f.hidden {
		return spv.Block{}, false
	}
	return f.Chain.Lookup(id)
}

// TestStalled: a block that cannot be connected yet for want of an L1 block that a claim
// speaks of is held, over a restart, and connected when that is known.
func TestStalled(t *testing.T) {
	s := newStack(t, Options{})
	a := s.grow1(s.g1, 12)
	pays, claim := deposited(s, a[11], a[0].txs[0], 100_000, 1000)
	over := run(s.p1, pays, 4, 50)
	s.take1(pays)
	s.take1(over...)
	check(t, s.c.Close())
	view := &forgetful{s.l1, pays.id}
	s.c = quick(t, s.d2, s.p2, view, s.o)

	one := s.make2(s.g2, a[11], 2)
	two := s.make2(one, over[3], 2, claim)
	three := s.make2(two, over[3], 2)
	s.take2(one, Connected)
	if r, err := s.c.Accept(two.raw, 0); err != nil || r.Status != Pending {
		t.Fatalf("%s, %v", r.Status, err)
	}
	if r, err := s.c.Accept(three.raw, 0); err != nil || r.Status != Side {
		t.Fatalf("%s, %v", r.Status, err)
	}
	other := s.make2(one, over[3], 2)
	s.take2(other, Connected)
	s.at(other)
	drop(t, s.c)
	s.c = quick(t, s.d2, s.p2, view, s.o)
	s.at(other)
	if moved, err := s.c.ParentMoved(0); err != nil || moved.Undo != 0 || len(moved.Connected) != 0 {
		t.Fatalf("%+v, %v", moved, err)
	}
	view.hidden = spv.Hash{}
	moved, err := s.c.ParentMoved(0)
	if err != nil || moved.Undo != 1 || len(moved.Connected) != 2 {
		t.Fatalf("%+v, %v", moved, err)
	}
	s.at(three)
}

// TestPending: a block over an L1 block that has not come yet waits for it.
func TestPending(t *testing.T) {
	s := newStack(t, Options{})
	a := s.grow1(s.g1, 8)
	late := run(s.p1, a[7], 2, 99)
	one := s.make2(s.g2, a[7], 2)
	two := s.make2(one, late[1], 2)
	s.take2(one, Connected)
	s.take2(two, Pending)
	if r, err := s.c.Accept(s.make2(two, late[1], 2).raw, 0); err != nil || r.Status != Orphan {
		t.Fatalf("on top of a pending one: %s, %v", r.Status, err)
	}
	s.take1(late[0])
	s.at(one)
	s.m2.accept(two)
	s.take1(late[1])
	s.at(two)
}

// TestProofs spoils pairs of header and proof. None of them condemns the header.
func TestProofs(t *testing.T) {
	s := newStack(t, Options{})
	a := s.grow1(s.g1, 12)
	s.take2(s.make2(s.g2, a[3], 2), Connected)
	good := s.make2(s.m2.order[1], a[11], 3)
	for name, c := range map[string]struct {
		over *made
		want string
	}{
		"too shallow":    {a[9], spv.CheckAnchorDepth},
		"off the branch": {run(s.p1, a[7], 4, 5)[3], spv.CheckAnchorBranch},
	} {
		if c.over.prev != a[8] {
			s.take1(c.over.at(9), c.over.at(10), c.over.at(11), c.over)
		}
		bad := body(good.header, prove(good.header, c.over, 7), good.prev, good.txs)
		_, err := s.c.Accept(bad.raw, 0)
		var refused *spv.CheckError
		if !errors.As(err, &refused) || refused.Name != c.want {
			t.Fatalf("%s: got %v, want %s", name, err, c.want)
		}
	}
	s.take2(good, Connected)
	s.at(good)
}

// TestReseal: a proof that makes a known block a seal takes the place of one that does not.
func TestReseal(t *testing.T) {
	s := newStack(t, Options{})
	a := s.grow1(s.g1, 8)
	one := s.make2(s.g2, a[7], 2)
	s.take2(one, Connected)
	two := s.make2(one, a[7], 2)
	s.take2(two, Connected)

	// An L1 block that commits to the layer's: its header is the second proof's parent.
	tx := mergedCoinbase(9, one.id, 77)
	h := testchain.HeaderOn(4, a[7].id, []*wire.MsgTx{tx}, a[7].header.Time()+10)
	testchain.Mine(&h)
	sealing := body(one.header, proofOf(tx, h), s.g2, one.txs)
	if r, err := s.c.Accept(sealing.raw, 0); err != nil || r.Status != Duplicate {
		t.Fatalf("%s, %v", r.Status, err)
	}
	s.at(two) // it is not on L1 yet, so nothing was replaced
	if n := len(s.c.Resealed()); n != 0 {
		t.Fatalf("%d seals over an L1 block that is not known", n)
	}
	onL1 := body(h, nil, a[7], []*wire.MsgTx{tx})
	s.take1(onL1)
	_, err := s.c.ParentMoved(0)
	check(t, err)
	fresh := s.c.Resealed()
	if len(fresh) != 1 || fresh[0].Header != one.header || fresh[0].Aux.Parent != h || len(s.c.Resealed()) != 0 {
		t.Fatalf("resealed: %d", len(fresh))
	}
	other := newStack(t, Options{})
	for _, b := range append(a, onL1) {
		other.take1(b)
	}
	other.take2(one, Connected)
	other.take2(two, Connected)
	for range 2 { // as another node is told
		if n, err := other.c.AcceptHeaders(fresh, 0); n != 0 || err != nil {
			t.Fatalf("%d new, %v", n, err)
		}
	}
	want, ok, _ := s.c.Seal(1)
	if got, _, _ := other.c.Seal(1); !ok || got != want {
		t.Fatalf("sealed by %s, the other by %s", want, got)
	}
	toldEarly(t, a, onL1, one, two, fresh, want)
	for range 2 {
		if r, err := s.c.Accept(sealing.raw, 0); err != nil || r.Status != Duplicate {
			t.Fatalf("%s, %v", r.Status, err)
		}
	}
	check(t, errors.Join(s.c.Flush()))
	one.raw = sealing.raw
	s.at(two)
	if r, err := s.c.Accept(body(one.header, prove(one.header, a[7], 9), s.g2, one.txs).raw, 0); err != nil || r.Status != Duplicate {
		t.Fatalf("%s, %v", r.Status, err)
	}
	s.reopen(false)
	s.at(two)
	list, err := s.c.Sealed(nil, spv.Hash{})
	if err != nil || len(list) != 2 || list[0].Aux.Parent != h || list[1].Header != two.header {
		t.Fatalf("%d headers, %v", len(list), err)
	}
}

// TestParked: policy keeps deep reorganisations and wide gaps off until the operator
// agrees.
func TestParked(t *testing.T) {
	s := newStack(t, Options{ParkDepth: 8, ParkGap: 7})
	a := s.grow1(s.g1, 40)
	chain := func(prev *made, tops ...int32) (list []*made) {
		for _, h := range tops {
			prev = s.make2(prev, a[h-1], 2)
			list = append(list, prev)
		}
		return list
	}
	own := chain(s.g2, 8, 12, 16, 20) // anchors 6, 10, 14, 18
	for _, b := range own {
		s.take2(b, Connected)
	}
	shallow := chain(own[1], 14, 16, 18, 20) // undoes anchors from 10: 8 L1 blocks
	for i, b := range shallow {
		s.take2(b, []Status{Side, Side, Connected, Connected}[i])
	}
	deep := chain(own[0], 9, 10, 11, 12, 13, 14, 15)
	for _, b := range deep {
		s.take2(b, Side)
	}
	s.at(shallow[3])
	if got := s.c.Parked(); len(got) != 1 || got[0] != deep[6].ref() {
		t.Fatalf("parked: %v", got)
	}
	s.reopen(true)
	s.at(shallow[3])
	moved, err := s.c.Agree(deep[6].id)
	check(t, err)
	if moved.Undo != 5 || len(moved.Connected) != 7 || len(s.c.Parked()) != 0 {
		t.Fatalf("agreed: %+v, parked %v", moved, s.c.Parked())
	}
	s.reopen(true)
	s.at(deep[6])

	wide := chain(deep[6], 22, 30, 31) // anchors 13, 20, 28, 29
	s.take2(wide[0], Connected)
	s.take2(wide[1], Side)
	s.take2(wide[2], Side)
	if got := s.c.Parked(); len(got) != 1 || got[0] != wide[2].ref() {
		t.Fatalf("parked: %v", got)
	}
	if states := s.c.Branches(); states[0].State != Active || len(states) != 4 {
		t.Fatalf("branches: %+v", states)
	}
	_, err = s.c.Agree(wide[1].id)
	check(t, err)
	s.at(wide[2])
}

// TestLayerAgainstModel drives a layer and its L1 with random blocks and forks on both,
// over restarts and kills, beside the models.
func TestLayerAgainstModel(t *testing.T) {
	seeds := uint64(4)
	if testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(seed, 2))
		s := newStack(t, Options{FlushBlocks: 1 + rng.IntN(20)})
		s.grow1(s.g1, 8)
		for step := range 150 {
			s.randomStep(rng)
			want := s.m2.tip(s.onBest)
			if s.c.Tip() != want.ref() {
				t.Fatalf("seed %d, step %d: tip %s, want %s", seed, step, s.c.Tip(), want.ref())
			}
			if rng.IntN(20) == 0 {
				s.reopen(rng.IntN(2) == 0)
				s.at(want)
			}
		}
		s.at(s.m2.tip(s.onBest))
		check(t, errors.Join(s.c.Close(), s.l1.Close()))
	}
}

// randomStep extends the L1 or the layer, mostly at the tip.
func (s *stack) randomStep(rng *rand.Rand) {
	if rng.IntN(4) == 0 {
		prev := s.m1.tip(nil)
		if rng.IntN(3) == 0 {
			prev = s.m1.order[max(0, len(s.m1.order)-1-rng.IntN(6))]
		}
		s.grow1(prev, 1+rng.IntN(3))
		return
	}
	prev := s.m2.tip(s.onBest)
	if rng.IntN(4) == 0 {
		prev = s.m2.order[max(0, len(s.m2.order)-1-rng.IntN(6))]
	}
	under := s.m1.tip(nil)
	if rng.IntN(6) == 0 {
		under = s.m1.order[max(0, len(s.m1.order)-1-rng.IntN(6))]
	}
	depth := 2 + rng.Int32N(5)
	anchor := under.at(max(0, under.height-depth))
	if under.height < depth || prev.anchor != nil && (anchor.height < prev.anchor.height || anchor.at(prev.anchor.height) != prev.anchor) {
		return // no such block can be valid
	}
	b := s.make2(prev, under, depth)
	_, err := s.c.Accept(b.raw, 0)
	check(s.t, err)
	s.m2.accept(b)
}

// toldEarly tells a node of a seal's proof when it has of the L1 block only the header, and of the layer's, too.
func toldEarly(t *testing.T, below []*made, onL1, one, two *made, fresh []spv.Sealed, want spv.Block) {
	t.Helper()
	s := newStack(t, Options{})
	s.take1(below...)
	_, err := s.l1.AcceptHeaders([]spv.Sealed{{Header: onL1.header}}, 0)
	check(t, err)
	_, err = s.c.AcceptHeaders([]spv.Sealed{{Header: one.header, Aux: one.aux}}, 0)
	check(t, err)
	for range 2 {
		_, err = s.c.AcceptHeaders(fresh, 0)
		check(t, err)
	}
	s.take2(one, Connected)
	s.take2(two, Connected)
	if got, sealed, _ := s.c.Seal(1); sealed {
		t.Fatalf("sealed by %s, which is not on the best chain", got)
	}
	s.take1(onL1)
	if got, _, _ := s.c.Seal(1); got != want {
		t.Fatalf("sealed by %s, want %s: the proof was told before the block", got, want)
	}
}

package spv

import (
	"fmt"
	"slices"

	"github.com/holiman/uint256"
)

// Tree holds the validated headers of one chain near its tip: every branch, with the
// cumulative work of each. Only headers that pass every rule get in; the branch with the
// most work is the best chain, the first seen among equals.
//
// It keeps a window below the tip (what the difficulty rule looks back at, and the
// deepest reorganisation that the rules allow), and of side branches, when they are many, those with
// the most work, so that its memory grows neither with the chain nor with what peers
// make up. It is not safe for concurrent use.
type Tree struct {
	// VerifyProof tells whether the proof of a header at a height is verified; nil means
	// that every one is. A header whose proof is passed over counts with the work that
	// its bits promise, so a policy must verify enough to make a lie not worth its while
	// (protocol.md section 10). It is asked once for every header that is judged.
	VerifyProof func(height int32) bool
	// Rooted tells that whoever keeps the headers below the window has them down to genesis, so
	// that Rewind may go back to there.
	Rooted bool

	rules  *Rules
	parent ParentView // nil: proofs are not linked to a parent chain
	nodes  nodes
	best   []int32 // node of the best chain by height-base
	base   int32
	tip    int32 // node
	window int32
	cursor branch // the ancestry last asked for; kept here so that asking allocates nothing
	median medianCache
	target targetCache
	batch  batch
	proofs proofs
}

// targetCache holds what the last bits expand to; most headers repeat them.
type targetCache struct {
	bits   uint32
	ok     bool
	target uint256.Int
	work   uint256.Int
}

// Change tells how the best chain moved: Undo blocks off its end, then Headers onto it,
// the first right above the fork. Tip is the best block afterwards. A zero Undo without
// Headers means that it did not move.
//
// Proofs has an entry for each of Headers on chains with merged mining, and is nil on
// others: the header's proof, or nil where it has none or, after a reorganisation, it is
// no longer at hand. Proofs share memory with the messages that they came in.
type Change struct {
	Undo    int
	Headers []Header
	Proofs  []*AuxPoW
	Tip     Block
}

// NewTree returns a tree that holds genesis only.
func NewTree(rules *Rules) *Tree {
	target, _ := ParseTarget(rules.Genesis.Bits())
	t, err := NewTreeAt(rules, []Header{rules.Genesis}, 0, WorkOf(&target))
	if err != nil {
		panic(err) // one header cannot fail to link
	}
	t.Rooted = true
	return t
}

// NewTreeAt returns a tree that starts from trusted headers: our own store's, or those
// at a checkpoint. The first is at height, and work is the chain's total up to and
// including it. They must link; nothing else about them is checked. To judge what comes
// next there should be Rules.Lookback of them, or all from genesis.
func NewTreeAt(rules *Rules, start []Header, height int32, work uint256.Int) (*Tree, error) {
	if len(start) == 0 {
		return nil, fmt.Errorf("tree of %s: no headers to start from", rules.Name)
	}
	t := &Tree{rules: rules, base: height, window: rules.Lookback() + rules.ReorgLimit}
	t.cursor.t = t
	t.nodes.index.grow(2 * len(start))
	for i := range start {
		if i > 0 && start[i].Prev() != t.nodes.at(int32(i)-1).id {
			return nil, fmt.Errorf("tree of %s: start header %d does not build on the one below it", rules.Name, height+int32(i))
		}
		id := start[i].ID()
		_, n := t.add(&id, &start[i], height+int32(i), int32(i)-1)
		if i == 0 {
			n.work = work
		} else {
			t.expand(start[i].Bits())
			n.work.Add(&t.nodes.at(n.prev).work, &t.target.work)
		}
		t.best = append(t.best, int32(i))
	}
	t.tip = t.nodes.end - 1
	t.prune()
	return t, nil
}

// Upto returns a tree of its own that ends in a block of this one, or in genesis: the branch
// that leads there, as far down as this tree knows it. Changes to one do not show in the other.
func (t *Tree) Upto(id Hash) (*Tree, bool) {
	at, ok := t.find(&id)
	if !ok && id == t.rules.Genesis.ID() {
		u := NewTree(t.rules)
		u.parent, u.VerifyProof = t.parent, t.VerifyProof
		return u, true
	}
	if !ok {
		return nil, false
	}
	var start []Header
	first := at
	for i := at; i >= 0; i = t.nodes.at(i).prev {
		start = append(start, t.nodes.at(i).header)
		first = i
	}
	slices.Reverse(start)
	u, err := NewTreeAt(t.rules, start, t.nodes.at(first).height, t.nodes.at(first).work)
	if err != nil {
		return nil, false // a branch of ours always links
	}
	u.parent, u.VerifyProof = t.parent, t.VerifyProof
	return u, true
}

// Rewind makes a block of the best chain the tip, however deep it lies, and forgets all that
// is not below it. Below the window it knows genesis only, and that if it is Rooted. It is false, and nothing changes, for other blocks.
func (t *Tree) Rewind(to Hash) (Change, bool) {
	b, known := t.Lookup(to)
	if known && !t.OnBest(b) || !known && !(t.Rooted && to == t.rules.Genesis.ID()) {
		return Change{}, false
	}
	u, ok := t.Upto(to)
	if !ok {
		return Change{}, false // never: it was found above
	}
	change := Change{Undo: int(t.Tip().Height - b.Height), Tip: u.Tip()}
	u.Rooted = t.Rooted
	*t = *u
	t.cursor.t = t
	return change, true
}

// Clone returns a tree that knows the same blocks and shares no memory with this one. It
// does not hand on the proofs of blocks that it did not connect itself.
func (t *Tree) Clone() *Tree {
	u := *t
	u.nodes, u.best = t.nodes.clone(), slices.Clone(t.best)
	u.batch, u.proofs = batch{}, proofs{first: t.nodes.end}
	u.cursor.t = &u
	return &u
}

// Blocks returns how many blocks the tree holds, on all branches. Together with the tip
// it tells whether Connect has added anything.
func (t *Tree) Blocks() int { return t.nodes.count() }

// LinkTo makes the tree judge merged-mining proofs against the chain whose work they
// borrow (rules R2 and R4 of layer chains).
func (t *Tree) LinkTo(parent ParentView) { t.parent = parent }

// Rules returns the rules that the tree applies.
func (t *Tree) Rules() *Rules { return t.rules }

// Tip returns the best block.
func (t *Tree) Tip() Block { return t.nodes.at(t.tip).block() }

// Work returns the total work of the best chain.
func (t *Tree) Work() uint256.Int { return t.nodes.at(t.tip).work }

// Base returns the lowest height that the tree can still tell about.
func (t *Tree) Base() int32 { return t.base }

func (n *node) block() Block { return Block{Height: n.height, Hash: n.id} }

// Header returns the best chain's header at a height within the window.
func (t *Tree) Header(height int32) (Header, bool) {
	i, ok := t.bestAt(height)
	if !ok {
		return Header{}, false
	}
	return t.nodes.at(i).header, true
}

// Block returns the best chain's block at a height within the window.
func (t *Tree) Block(height int32) (Block, bool) {
	i, ok := t.bestAt(height)
	if !ok {
		return Block{}, false
	}
	return t.nodes.at(i).block(), true
}

// Lookup returns the block with an id, on whatever branch.
func (t *Tree) Lookup(id Hash) (Block, bool) {
	i, ok := t.find(&id)
	if !ok {
		return Block{}, false
	}
	return t.nodes.at(i).block(), true
}

// HeaderOf returns the header of the block with an id, on whatever branch.
func (t *Tree) HeaderOf(id Hash) (Header, bool) {
	i, ok := t.find(&id)
	if !ok {
		return Header{}, false
	}
	return t.nodes.at(i).header, true
}

// WorkAt returns the total work of the branch that ends in a block of the tree.
func (t *Tree) WorkAt(id Hash) (uint256.Int, bool) {
	i, ok := t.find(&id)
	if !ok {
		return uint256.Int{}, false
	}
	return t.nodes.at(i).work, true
}

// OnBest tells whether a block is on the best chain and within the window.
func (t *Tree) OnBest(b Block) bool {
	i, ok := t.bestAt(b.Height)
	return ok && t.nodes.at(i).id == b.Hash
}

// Ancestor returns the block at a height on the branch that ends in id, itself included.
func (t *Tree) Ancestor(id Hash, height int32) (Block, bool) {
	i, ok := t.find(&id)
	if !ok {
		return Block{}, false
	}
	if i, ok = t.ancestor(i, height); !ok {
		return Block{}, false
	}
	return t.nodes.at(i).block(), true
}

// After returns what the next header on top of the block id must have: its compact
// target, given its time, and the median time that its own must exceed. It is false when
// the block is unknown or too near the window's edge to tell.
func (t *Tree) After(id Hash, time uint32) (bits, median uint32, ok bool) {
	i, ok := t.find(&id)
	if !ok {
		return 0, 0, false
	}
	t.cursor.on(i)
	height := t.nodes.at(i).height + 1
	bits, ok = t.rules.RequiredBits(&t.cursor, height, time)
	if !ok {
		return 0, 0, false
	}
	median, ok = MedianTime(&t.cursor, height-1)
	return bits, median, ok
}

// Locator returns ids of the best chain from the tip downwards, ten one by one and then
// at doubling steps down to the tree's lowest, for a peer to find where it agrees.
func (t *Tree) Locator() []Hash {
	var ids []Hash
	step := int32(1)
	for h := t.Tip().Height; h > t.base; h -= step {
		ids = append(ids, t.nodes.at(t.best[h-t.base]).id)
		if len(ids) >= 10 {
			step *= 2
		}
	}
	return append(ids, t.nodes.at(t.best[0]).id)
}

// Tips returns the last block of every branch in the window, the best one first, the
// others in the order in which they were seen.
func (t *Tree) Tips() []Block {
	first := t.nodes.first
	inner := make([]bool, t.nodes.end-first)
	for i := first; i < t.nodes.end; i++ {
		if n := t.nodes.at(i); n.height != gone && n.prev >= 0 {
			inner[n.prev-first] = true
		}
	}
	tips := []Block{t.Tip()}
	for i := first; i < t.nodes.end; i++ {
		if n := t.nodes.at(i); n.height != gone && !inner[i-first] && i != t.tip {
			tips = append(tips, n.block())
		}
	}
	return tips
}

func (t *Tree) bestAt(height int32) (int32, bool) {
	i := int64(height) - int64(t.base)
	if i < 0 || i >= int64(len(t.best)) {
		return 0, false
	}
	return t.best[i], true
}

func (t *Tree) find(id *Hash) (int32, bool) { return t.nodes.find(id) }

// ancestor returns the node at a height on the branch that ends in node i.
func (t *Tree) ancestor(i, height int32) (int32, bool) {
	n := t.nodes.at(i)
	if height > n.height || height < t.base {
		return 0, false
	}
	for n.height > height {
		if b, ok := t.bestAt(n.height); ok && b == i {
			return t.bestAt(height)
		}
		if i = n.prev; i < 0 {
			return 0, false
		}
		n = t.nodes.at(i)
	}
	return i, true
}

// branch is the Ancestry of one node.
type branch struct {
	t    *Tree
	at   int32
	last int32 // the node that was asked for last: rules that walk down a side branch go on from there
}

// on makes it the ancestry of another node.
func (b *branch) on(i int32) { b.at, b.last = i, i }

// At returns the header at a height on the branch.
func (b *branch) At(height int32) (Point, bool) {
	from := b.at
	if height <= b.t.nodes.at(b.last).height {
		from = b.last
	}
	i, ok := b.t.ancestor(from, height)
	if !ok {
		return Point{}, false
	}
	b.last = i
	h := &b.t.nodes.at(i).header
	return Point{Time: h.Time(), Bits: h.Bits()}, true
}

// medianCache holds the sorted times of the 11 headers up to one node, so that the next
// header on top of it costs one step instead of eleven.
type medianCache struct {
	valid bool
	at    int32 // node
	times [medianSpan]uint32
}

// medianTime is MedianTime for a node's own height, remembering where it was.
func (b *branch) medianTime(height int32) (uint32, bool) {
	t, c := b.t, &b.t.median
	if t.nodes.at(b.at).height != height || height < medianSpan {
		return medianTime(b, height)
	}
	if c.valid && c.at == t.nodes.at(b.at).prev {
		if old, ok := t.ancestor(b.at, height-medianSpan); ok {
			c.slide(t.nodes.at(old).header.Time(), t.nodes.at(b.at).header.Time())
			c.at = b.at
		}
	}
	if !c.valid || c.at != b.at {
		c.valid = false
		for i := range int32(medianSpan) {
			p, ok := b.At(height - i)
			if !ok {
				return 0, false
			}
			insert(c.times[:i+1], p.Time)
		}
		c.valid, c.at = true, b.at
	}
	return c.times[medianSpan/2], true
}

// slide replaces one time by another.
func (c *medianCache) slide(old, new uint32) {
	i := 0
	for c.times[i] != old {
		i++
	}
	copy(c.times[i:], c.times[i+1:])
	insert(c.times[:], new)
}

// expand fills the target cache.
func (t *Tree) expand(bits uint32) {
	if t.target.bits == bits && t.target.ok {
		return
	}
	c := &t.target
	c.bits = bits
	if c.target, c.ok = ParseTarget(bits); c.ok {
		c.work = WorkOf(&c.target)
	}
}

// add makes a node for a header on top of node prev; its work is for the caller to fill.
func (t *Tree) add(id *Hash, h *Header, height, prev int32) (int32, *node) {
	i, n := t.nodes.add(id)
	n.header, n.height, n.prev = *h, height, prev
	return i, n
}

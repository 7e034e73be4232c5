package app

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"github.com/layeredpow/lamina/internal/store"
	"github.com/layeredpow/lamina/spv"
)

// publishEvery is how often a view follows a chain that is still far behind.
const publishEvery = time.Second

// parentView is what the layers know of their L1: a copy of its tree, made by the L1's
// loop whenever that has moved, the headers on disk below it, and strays. It satisfies
// spv.ParentView and is safe for concurrent use.
type parentView struct {
	mu     sync.Mutex
	tree   *spv.Tree
	past   pastHeaders
	strays map[spv.Hash]stray
	loose  map[spv.Hash]spv.Header // strays whose block below is sought, by its id
	synced bool
	when   time.Time
	moves  atomic.Uint64 // grows with whatever layers may have waited for
}

// newParentView shows a chain as it is on disk.
func newParentView(tree *spv.Tree, chain *store.Chain) *parentView {
	v := &parentView{strays: map[spv.Hash]stray{}, loose: map[spv.Hash]spv.Header{}}
	v.publish(tree, chain)
	return v
}

// update lets the view follow the chain and tells whether there is anything new. It is
// for the chain's own loop.
func (v *parentView) update(tree *spv.Tree, chain *store.Chain, synced bool, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	same := tree.Tip() == v.tree.Tip() && tree.Blocks() == v.tree.Blocks()
	if (same || (!synced && now.Sub(v.when) < publishEvery)) && synced == v.synced {
		return false
	}
	v.synced, v.when = synced, now
	if !same {
		v.publish(tree, chain)
	}
	return true
}

func (v *parentView) publish(tree *spv.Tree, chain *store.Chain) {
	v.moves.Add(1)
	v.tree = tree.Clone()
	v.past.Past = chain.Past(tree.Base()) // no branch can leave the chain below
}

// Synced tells whether the chain has all that its peers know.
func (v *parentView) Synced() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.synced
}

// Lookup returns the block with an id.
func (v *parentView) Lookup(id spv.Hash) (spv.Block, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.lookup(id)
}

func (v *parentView) lookup(id spv.Hash) (spv.Block, bool) {
	if b, ok := v.tree.Lookup(id); ok {
		return b, true
	}
	if b, ok := v.past.lookup(id); ok {
		return b, true
	}
	s, ok := v.strays[id]
	return s.block, ok
}

// Ancestor returns the block at a height on the branch that ends in id.
func (v *parentView) Ancestor(id spv.Hash, height int32) (spv.Block, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	b, ok := v.lookup(id)
	if !ok || height > b.Height {
		return spv.Block{}, false
	}
	b, _, isStray := v.leave(b, height)
	if isStray || b.Height == height {
		return b, true
	}
	if height >= v.tree.Base() {
		return v.tree.Ancestor(b.Hash, height)
	}
	return v.past.block(height)
}

// After returns the bits required of a header on top of id at a time, and the median time
// that it must exceed.
func (v *parentView) After(id spv.Hash, time uint32) (bits, median uint32, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if bits, median, ok = v.tree.After(id, time); ok {
		return bits, median, true
	}
	b, ok := v.lookup(id)
	if !ok {
		return 0, 0, false
	}
	below := lineage{v: v, tip: b}
	if bits, ok = v.tree.Rules().RequiredBits(&below, b.Height+1, time); !ok {
		return 0, 0, false
	}
	median, ok = spv.MedianTime(&below, b.Height)
	return bits, median, ok
}

// OnBest tells whether a block is on the best chain.
func (v *parentView) OnBest(b spv.Block) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if b.Height >= v.tree.Base() {
		return v.tree.OnBest(b)
	}
	at, ok := v.past.block(b.Height)
	return ok && at == b
}

// lineage is the headers below a block: strays and those in the tree on its branch, and
// those on disk below the tree.
type lineage struct {
	v   *parentView
	tip spv.Block
}

// At returns the header at a height on the branch.
func (l *lineage) At(height int32) (spv.Point, bool) {
	if height > l.tip.Height {
		return spv.Point{}, false
	}
	from, s, ok := l.v.leave(l.tip, height)
	if ok {
		return spv.Point{Time: s.header.Time(), Bits: s.header.Bits()}, true
	}
	var h spv.Header
	b, ok := l.v.tree.Ancestor(from.Hash, height)
	if ok {
		h, ok = l.v.tree.HeaderOf(b.Hash)
	} else {
		h, ok = l.v.past.header(height)
	}
	return spv.Point{Time: h.Time(), Bits: h.Bits()}, ok
}

// pastHeaders finds headers on disk by height and by id. It reads many at a time: what is
// asked for next lies close by as a rule.
type pastHeaders struct {
	store.Past
	first int32 // height of read[0]
	read  []spv.Header
	// slots is a hash table of ids that stay on disk: it holds height-Base()+1, 0 is
	// free. It is built when an id is first asked for.
	slots   []uint32
	indexed int32 // how many heights from Base on it knows
}

const readHeaders = 4096

// header returns the header at a height.
func (p *pastHeaders) header(height int32) (spv.Header, bool) {
	if i := height - p.first; i >= 0 && int(i) < len(p.read) {
		return p.read[i], true
	}
	if height < p.Base() || height > p.To() {
		return spv.Header{}, false
	}
	// A little below as well: medians and adjustments look back.
	first := max(height-readHeaders/2, p.Base())
	read, err := p.Headers(first, min(readHeaders, p.To()-first+1))
	if err != nil {
		return spv.Header{}, false // as good as not known: whoever asks will ask again
	}
	p.first, p.read = first, read
	return read[height-first], true
}

func (p *pastHeaders) block(height int32) (spv.Block, bool) {
	h, ok := p.header(height)
	if !ok {
		return spv.Block{}, false
	}
	return spv.Block{Height: height, Hash: h.ID()}, true
}

// lookup returns the block with an id below To: the header above it names it.
func (p *pastHeaders) lookup(id spv.Hash) (spv.Block, bool) {
	if !p.index() {
		return spv.Block{}, false
	}
	for at := p.start(&id); p.slots[at] != 0; at = (at + 1) & (len(p.slots) - 1) {
		height := p.Base() + int32(p.slots[at]) - 1
		if above, ok := p.header(height + 1); ok && above.Prev() == id {
			return spv.Block{Height: height, Hash: id}, true
		}
	}
	return spv.Block{}, false
}

// start is where an id's search begins: its bytes are as good as random.
func (p *pastHeaders) start(id *spv.Hash) int {
	return int(binary.LittleEndian.Uint64(id[:8]) & uint64(len(p.slots)-1))
}

// index brings the table up to what is on disk and tells whether it could.
func (p *pastHeaders) index() bool {
	want := p.To() - p.Base() // To itself has no header above it here
	if want <= 0 {
		return false
	}
	if int(want) > len(p.slots)/2 {
		size := 1024
		for size < 3*int(want) {
			size *= 2
		}
		p.slots, p.indexed = make([]uint32, size), 0
	}
	for p.indexed < want {
		n := min(readHeaders, want-p.indexed)
		above, err := p.Headers(p.Base()+p.indexed+1, n)
		if err != nil {
			return false
		}
		for i := range above {
			id := above[i].Prev()
			at := p.start(&id)
			for p.slots[at] != 0 {
				at = (at + 1) & (len(p.slots) - 1)
			}
			p.slots[at] = uint32(p.indexed + int32(i) + 1)
		}
		p.indexed += n
	}
	return true
}

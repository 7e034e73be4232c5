package mempool

import (
	"cmp"
	"container/heap"
	"slices"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
)

// entry is a transaction of the pool with its place among the others.
type entry struct {
	tx      *wire.MsgTx
	id, wid spv.Hash
	fee     int64
	weight  int64
	size    int64 // virtual bytes, or more where it has many signature operations
	sigOps  int64
	cost    int64 // of memory, bytes
	deposit int64 // L1 satoshis that it claims; 0 if it is no claim
	time    time.Time
	height  int32 // of the tip when it came
	seq     uint64
	poor    bool // alone it pays too little: its child pays for it

	parents, children map[*entry]struct{}
	above, below      sums // ancestors, descendants, itself in both
	at                int  // in the heap
}

// sums are what some transactions are together.
type sums struct{ count, size, fee int64 }

func (s *sums) add(e *entry, sign int64) {
	s.count += sign
	s.size += sign * e.size
	s.fee += sign * e.fee
}

type group map[*entry]struct{}

// locked tells whether its place depends on the L1, or on a clock that may go back.
func (e *entry) locked() bool { return e.deposit > 0 || e.tx.LockTime != 0 }

// ancestors returns all that the entries of a group depend on, themselves not included
// unless one depends on another.
func ancestors(of group) group {
	return reach(of, func(e *entry) map[*entry]struct{} { return e.parents })
}

// descendants returns all that depends on the entries of a group.
func descendants(of group) group {
	return reach(of, func(e *entry) map[*entry]struct{} { return e.children })
}

func reach(from group, next func(*entry) map[*entry]struct{}) group {
	found := group{}
	var todo []*entry
	for e := range from {
		todo = append(todo, e)
	}
	for len(todo) > 0 {
		e := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for n := range next(e) {
			if _, ok := found[n]; !ok {
				found[n] = struct{}{}
				todo = append(todo, n)
			}
		}
	}
	return found
}

// insert links an entry, whose parents are known, into the pool. It has no children yet.
func (p *Pool) insert(e *entry) {
	e.children = group{}
	e.above, e.below = sums{}, sums{}
	e.above.add(e, 1)
	e.below.add(e, 1)
	for a := range ancestors(group{e: {}}) {
		e.above.add(a, 1)
		a.below.add(e, 1)
		heap.Fix(&p.worst, a.at)
	}
	for parent := range e.parents {
		parent.children[e] = struct{}{}
	}
	p.byID[e.id], p.byWID[e.wid] = e, e
	for _, in := range e.tx.TxIn {
		p.spent[in.PreviousOutPoint] = e
	}
	heap.Push(&p.worst, e)
	if e.seq == 0 {
		p.seq++
		e.seq = p.seq
	}
	p.queue(e)
	p.used += e.cost
	p.size += e.size
	p.fees += e.fee
}

// queue puts an entry into the order, by its turn.
func (p *Pool) queue(e *entry) {
	if n := len(p.order); n > 0 && p.order[n-1].seq > e.seq {
		i, _ := p.turn(e.seq)
		p.order = slices.Insert(p.order, i, turn{e.seq, e})
		return
	}
	p.order = append(p.order, turn{e.seq, e})
}

// turn returns where a turn is in the order, or would be.
func (p *Pool) turn(seq uint64) (int, bool) {
	return slices.BinarySearchFunc(p.order, seq, func(t turn, seq uint64) int { return cmp.Compare(t.seq, seq) })
}

// remove takes one entry out; what depends on it stays.
func (p *Pool) remove(e *entry) {
	for a := range ancestors(group{e: {}}) {
		a.below.add(e, -1)
		heap.Fix(&p.worst, a.at)
	}
	for d := range descendants(group{e: {}}) {
		d.above.add(e, -1)
	}
	for parent := range e.parents {
		delete(parent.children, e)
	}
	for child := range e.children {
		delete(child.parents, e)
	}
	delete(p.byID, e.id)
	delete(p.byWID, e.wid)
	for _, in := range e.tx.TxIn {
		delete(p.spent, in.PreviousOutPoint)
	}
	heap.Remove(&p.worst, e.at)
	if i, ok := p.turn(e.seq); ok {
		p.order[i].entry = nil
		p.gone++
	}
	if p.gone > len(p.order)/2 {
		p.order = slices.DeleteFunc(p.order, func(t turn) bool { return t.entry == nil })
		p.gone = 0
	}
	p.used -= e.cost
	p.size -= e.size
	p.fees -= e.fee
}

// drop takes entries out with all that depends on them, and with parents for which nobody
// pays any longer. It returns what has gone.
func (p *Pool) drop(those group) group {
	all := descendants(those)
	for e := range those {
		all[e] = struct{}{}
	}
	for todo := all; len(todo) > 0; {
		// A connected chain is removed from its ends, so that sums stay right throughout.
		parents := group{}
		for _, e := range youngestFirst(todo) {
			for parent := range e.parents {
				parents[parent] = struct{}{}
			}
			p.remove(e)
		}
		todo = group{}
		for e := range parents {
			if _, out := all[e]; !out && e.poor && len(e.children) == 0 {
				todo[e] = struct{}{}
				all[e] = struct{}{}
			}
		}
	}
	return all
}

// youngestFirst returns the entries, each before all that it depends on.
func youngestFirst(of group) []*entry {
	list := make([]*entry, 0, len(of))
	for e := range of {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(b.above.count, a.above.count), cmp.Compare(b.seq, a.seq))
	})
	return list
}

// evictions is a heap of entries: on top the one whose package, with all that depends on
// it, pays the least; but what pays more alone is no worse for its children.
type evictions []*entry

func (e *entry) score() (fee, size int64) {
	if compareRates(e.below.fee, e.below.size, e.fee, e.size) > 0 {
		return e.below.fee, e.below.size
	}
	return e.fee, e.size
}

func (h evictions) Len() int { return len(h) }
func (h evictions) Less(i, j int) bool {
	f1, s1 := h[i].score()
	f2, s2 := h[j].score()
	return cmp.Or(compareRates(f1, s1, f2, s2), cmp.Compare(h[j].seq, h[i].seq)) < 0
}
func (h evictions) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}
func (h *evictions) Push(x any) {
	e := x.(*entry)
	e.at = len(*h)
	*h = append(*h, e)
}
func (h *evictions) Pop() any {
	last := (*h)[len(*h)-1]
	(*h)[len(*h)-1] = nil
	*h = (*h)[:len(*h)-1]
	return last
}

// cost estimates the memory that a transaction takes in the pool, in bytes: what it holds,
// and what the structures around that take.
func cost(tx *wire.MsgTx) int64 {
	const (
		perTx   = 800
		perIn   = 330 // with its place among the spent outpoints
		perOut  = 90
		perItem = 40
	)
	c := int64(perTx + perIn*len(tx.TxIn) + perOut*len(tx.TxOut) + tx.SerializeSize())
	for _, in := range tx.TxIn {
		c += int64(perItem * len(in.Witness))
	}
	return c
}

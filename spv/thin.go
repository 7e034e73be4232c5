package spv

import (
	"slices"

	"github.com/holiman/uint256"
)

// sideSpare is how many blocks off the best chain a tree may hold beyond those of the deepest
// reorganisation.
const sideSpare = 10_000

// thin forgets side branches, those of the least work first, when there are more blocks on them
// than any reorganisation needs. Where difficulty follows every block, or may be eased, a branch that
// has paid for a few blocks goes on at next to no cost, as often as somebody likes; such a
// branch never has the work of one that could still become the best.
func (t *Tree) thin() {
	most := int(t.rules.ReorgLimit) + sideSpare
	if t.nodes.count()-len(t.best) <= most {
		return
	}
	reach := t.reach()
	var side []uint256.Int
	for i := t.nodes.first; i < t.nodes.end; i++ {
		if !t.dispensable(i) {
			continue
		}
		side = append(side, reach[i-t.nodes.first])
	}
	slices.SortFunc(side, func(a, b uint256.Int) int { return b.Cmp(&a) })
	least := side[most/2]
	t.keep(func(i int32) bool { return !t.dispensable(i) || reach[i-t.nodes.first].Gt(&least) })
}

// dispensable tells that a node is there, and not on the best chain.
func (t *Tree) dispensable(i int32) bool {
	n := t.nodes.at(i)
	if n.height == gone {
		return false
	}
	best, ok := t.bestAt(n.height)
	return !ok || best != i
}

// reach returns for every node, by its number less the first's, the most work of a branch that leads
// through it. What a node has, those below it have, too.
func (t *Tree) reach() []uint256.Int {
	first := t.nodes.first
	reach := make([]uint256.Int, t.nodes.end-first)
	for i := t.nodes.end - 1; i >= first; i-- { // parents have lower numbers
		n, own := t.nodes.at(i), &reach[i-first]
		if n.height == gone {
			continue
		}
		if n.work.Gt(own) {
			own.Set(&n.work)
		}
		if n.prev >= first && own.Gt(&reach[n.prev-first]) {
			reach[n.prev-first].Set(own)
		}
	}
	return reach
}

// keep gives the nodes that are wanted new numbers, in the same order, and lets go of the others.
func (t *Tree) keep(wanted func(i int32) bool) {
	old := t.nodes
	number := make([]int32, old.end-old.first)
	var kept nodes
	kept.index.grow(2 * len(t.best))
	for i := old.first; i < old.end; i++ {
		n := old.at(i)
		if n.height == gone || !wanted(i) {
			continue
		}
		at, fresh := kept.add(&n.id)
		*fresh = *n
		if n.prev >= old.first {
			fresh.prev = number[n.prev-old.first]
		}
		number[i-old.first] = at
	}
	for i, n := range t.best {
		t.best[i] = number[n-old.first]
	}
	t.tip = number[t.tip-old.first]
	t.nodes, t.median.valid = kept, false
	t.proofs.begin(t.nodes.end)
}

package merkle

import (
	"github.com/btcsuite/btcd/chaincfg/chainhash"

	"github.com/layeredpow/lamina/spv/pow"
)

// Rows folds many branches at once, a row of all of them at a time, because hashes cost
// less in bulk. The zero Rows is ready; it keeps its memory for the next time.
type Rows struct {
	pairs []chainhash.Hash
	left  []int // of the branches, those that go on
}

// Roots sets nodes[i], the leaf that it is given there, to branches[i].Root(nodes[i],
// indexes[i]). The slices are of the same length.
func (r *Rows) Roots(nodes []chainhash.Hash, branches []Branch, indexes []uint32) {
	r.left = r.left[:0]
	for i, b := range branches {
		if len(b) > 0 {
			r.left = append(r.left, i)
		}
	}
	for row := 0; len(r.left) > 0; row++ {
		r.pairs = r.pairs[:0]
		for _, i := range r.left {
			if indexes[i]>>row&1 != 0 {
				r.pairs = append(r.pairs, branches[i][row], nodes[i])
			} else {
				r.pairs = append(r.pairs, nodes[i], branches[i][row])
			}
		}
		pow.HashPairs(r.pairs, r.pairs)
		on := r.left[:0]
		for k, i := range r.left {
			nodes[i] = r.pairs[k]
			if row+1 < len(branches[i]) {
				on = append(on, i)
			}
		}
		r.left = on
	}
}

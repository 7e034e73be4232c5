package app

import (
	"errors"

	"github.com/layeredpow/lamina/spv"
)

const (
	// maxStrays bounds the blocks off the L1's best chain that are held. Each has the work
	// of an L1 block, so that more than a few are only seen where work is cheap.
	maxStrays = 4096
	// maxLoose bounds headers whose block below is being sought.
	maxLoose = 64
)

// errLoose: the block below a stray header is not known.
var errLoose = errors.New("builds on an unknown block")

// stray is a block that the L1's peers no longer have on their best chain and that the
// L1's tree has never seen: a layer's proof was made on it before it was left. Rule R2
// counts it as known all the same.
type stray struct {
	block  spv.Block
	header spv.Header
}

// addStray judges a header by the rules, in its place, and lets the layers know of it. It
// returns errLoose, and remembers the header, if the block below is not known either.
func (v *parentView) addStray(h spv.Header, now uint32) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	for next := []spv.Header{h}; len(next) > 0; next = next[1:] {
		h := next[0]
		if err := v.judgeStray(h, now); err != nil {
			return err
		}
		if above, ok := v.loose[h.ID()]; ok {
			delete(v.loose, h.ID())
			next = append(next, above)
		}
	}
	return nil
}

func (v *parentView) judgeStray(h spv.Header, now uint32) error {
	id := h.ID()
	if _, known := v.lookup(id); known {
		return nil
	}
	prev, known := v.lookup(h.Prev())
	if !known {
		if len(v.loose) >= maxLoose {
			clear(v.loose)
		}
		v.loose[h.Prev()] = h
		return errLoose
	}
	rules, place := v.tree.Rules(), spv.Block{Height: prev.Height + 1, Hash: id}
	if err := rules.CheckContext(&lineage{v: v, tip: prev}, place.Height, &h, now, nil); err != nil {
		return err
	}
	if err := rules.CheckWork(&spv.Sealed{Header: h}, place.Height, nil); err != nil {
		return err
	}
	if len(v.strays) >= maxStrays {
		clear(v.strays) // what is still needed is sought again
	}
	v.strays[id] = stray{block: place, header: h}
	v.moves.Add(1)
	return nil
}

// leave follows a branch down from a block to its last block that is no stray above a
// height, or to the stray at that height.
func (v *parentView) leave(b spv.Block, height int32) (spv.Block, stray, bool) {
	for {
		s, ok := v.strays[b.Hash]
		if !ok || b.Height <= height {
			return b, s, ok
		}
		b = spv.Block{Height: b.Height - 1, Hash: s.header.Prev()}
	}
}

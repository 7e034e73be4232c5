package app

import (
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/risk"
)

// best returns blocks of the best chain between two heights, oldest first, as far as they are at hand; and the time of each.
func (v *parentView) best(from, to int32) (blocks []risk.L1Block, times []uint32) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for h := max(from, 0); h <= min(to, v.tree.Tip().Height); h++ {
		header, ok := v.header(h)
		if !ok {
			blocks, times = nil, nil // a gap: only what lies above it follows each other
			continue
		}
		blocks = append(blocks, risk.L1Block{Block: spv.Block{Height: h, Hash: header.ID()}, Bits: header.Bits()})
		times = append(times, header.Time())
	}
	return blocks, times
}

func (v *parentView) header(height int32) (spv.Header, bool) {
	if h, ok := v.tree.Header(height); ok {
		return h, true
	}
	if height >= v.tree.Base() {
		return spv.Header{}, false
	}
	return v.past.header(height)
}

// Header returns the best chain's header at a height. With Tip and Lookup it makes the view a proof.L1.
func (v *parentView) Header(height int32) (spv.Header, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.header(height)
}

// Tip returns the best block.
func (v *parentView) Tip() spv.Block {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.tree.Tip()
}

// at returns the best chain's block at a height.
func (v *parentView) at(height int32) (spv.Block, bool) {
	h, ok := v.Header(height)
	return spv.Block{Height: height, Hash: h.ID()}, ok
}

package template

import (
	"fmt"

	"github.com/layeredpow/lamina/spv"
)

// Anchor returns the L1 block that the next block of a layer states as its anchor when it is merge-mined on top of an L1
// block (protocol.md 3.2): one deeper than the rules ask for, so that it also holds if the parent ends up one block
// lower, but never below last, the anchor of the layer's own tip. The error says why there is none at present.
func Anchor(l1 spv.ParentView, tip spv.Block, rules *spv.LayerRules, last spv.Block) (spv.Block, error) {
	if at, ok := l1.Ancestor(tip.Hash, last.Height); !ok || at != last {
		return spv.Block{}, fmt.Errorf("anchor under L1 block %s: the last one, %s, is not below it", tip, last)
	}
	height := max(tip.Height-rules.AnchorDepth-1, last.Height, 0)
	if depth := tip.Height - height; depth < rules.AnchorDepth {
		return spv.Block{}, fmt.Errorf("anchor under L1 block %s: the last one, %s, is %d blocks deep: at least %d are needed",
			tip, last, depth, rules.AnchorDepth)
	}
	anchor, ok := l1.Ancestor(tip.Hash, height)
	if !ok {
		return spv.Block{}, fmt.Errorf("anchor under L1 block %s: the header at %d is not at hand", tip, height)
	}
	return anchor, nil
}

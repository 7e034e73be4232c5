package app

import (
	"time"

	"github.com/layeredpow/lamina/spv"
)

// staleTip is the age of a tip beyond which no lock is set: an old height would only tell when the wallet was synced last.
const staleTip = 8 * time.Hour

// lockHeight returns the height that transactions are locked at against fee sniping: of the tip, or on a layer, where
// heights count L1 blocks, the one below what the tip is anchored to. 0: no lock.
func (l *ledger) lockHeight() int32 {
	tip := l.tree.Tip()
	header, _ := l.tree.Header(tip.Height)
	if l.clock().Sub(time.Unix(int64(header.Time()), 0)) > staleTip {
		return 0
	}
	if l.params.Kind.Layered() {
		return max(0, l.anchorFloor(tip)-1)
	}
	return tip.Height
}

// anchorFloor returns a height that the tip of a layer is anchored at, at least: headers do not say it, but the rules say
// how deep under its proof's parent it lies at most (rule R2), and anchors never go back (rule R3). 0: unknown.
func (l *ledger) anchorFloor(tip spv.Block) int32 {
	floor := int32(0)
	if a := l.fees.anchor; a.l1.Height > 0 && l.tree.OnBest(a.by) && l.lender.OnBest(a.l1) {
		floor = a.l1.Height
	}
	under, ok := l.provedOn(tip)
	if !ok {
		return floor
	}
	return max(floor, under.Height-l.params.Layer.AnchorDepth-l.params.Layer.AnchorWindow)
}

// provedOn returns the L1 block that the parent of a layer block's proof builds on.
func (l *ledger) provedOn(b spv.Block) (spv.Block, bool) {
	if l.lender == nil || l.params.Layer == nil {
		return spv.Block{}, false
	}
	kept, err := l.chain.Parents(b.Height, 1)
	if err != nil || kept[0] == nil {
		return spv.Block{}, false
	}
	under, ok := l.lender.Lookup(kept[0].Prev)
	return under, ok && l.lender.OnBest(under)
}

// anchored is a layer block and the L1 block that it is anchored to.
type anchored struct{ by, l1 spv.Block }

// seeAnchor notes the anchor that a layer block's coinbase names, if it lies as deep as it must: the block was not judged as
// nodes do.
func (l *ledger) seeAnchor(coinbase *spv.Tx, at spv.Block) {
	under, ok := l.provedOn(at)
	if !ok {
		return
	}
	was := &l.fees.anchor
	c, err := spv.CoinbaseCommitment(coinbase)
	if err == nil && (at.Height > was.by.Height || !l.tree.OnBest(was.by)) && c.Anchor.Height <= under.Height-l.params.Layer.AnchorDepth &&
		l.lender.OnBest(c.Anchor) {
		*was = anchored{at, c.Anchor}
	}
}

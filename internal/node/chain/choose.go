package chain

import "github.com/layeredpow/lamina/spv"

// connectable takes note that a block is held: if all below it are, it and those that
// waited for it can be connected.
func (c *Chain) connectable(e *entry) {
	if e.has(invalid) {
		return
	}
	if e.prev != nil && !e.prev.complete {
		c.waiting[e.prev] = append(c.waiting[e.prev], e)
		return
	}
	for queue := []*entry{e}; len(queue) > 0; queue = queue[1:] {
		e := queue[0]
		if e.has(invalid) {
			continue
		}
		e.complete = true
		delete(c.leaves, e.prev)
		c.leaves[e] = struct{}{}
		queue = append(queue, c.waiting[e]...)
		delete(c.waiting, e)
	}
}

// eligible tells whether a held block's anchor is on the best L1 chain (protocol.md 3.2).
// By rule R3 then all anchors below it are.
func (c *Chain) eligible(e *entry) bool {
	return c.parent == nil || e.height == 0 || c.parent.OnBest(e.anchor)
}

// choose returns the block that should be the tip: of those that are valid, held and
// eligible with all below them, and neither parked nor shunned, the one with the most work.
func (c *Chain) choose() *entry {
	clear(c.parked)
	own := c.tip()
	for own.barred || !c.eligible(own) {
		own = own.prev
	}
	best := own
	for leaf := range c.leaves {
		if !leaf.better(best) {
			continue // nor is anything below it
		}
		if e := c.candidate(leaf, own); e.better(best) {
			best = e
		}
	}
	for e := range c.parked {
		if !e.better(best) {
			delete(c.parked, e)
		}
	}
	return best
}

// candidate returns the highest block of a branch that can be followed now. Own is how
// far the best chain so far is eligible.
func (c *Chain) candidate(leaf, own *entry) *entry {
	top, ok := leaf, false // top: highest that nothing below stands against; ok: agreed to
	held := false          // policy alone holds the branch back
	e := leaf
	for ; !c.onActive(e) || e.height > own.height; e = e.prev {
		ok = ok || e.has(agreed)
		switch {
		case e.barred || e.pending || !c.eligible(e):
			top, held = e.prev, false
		case !ok && c.gap(e):
			top, held = e.prev, true
		}
	}
	if !ok && top != e && c.deep(e, own) {
		top, held = e, true
	}
	if held {
		c.parked[leaf] = struct{}{}
	}
	return top
}

// gap tells whether a block's anchor is too far above the one before it.
func (c *Chain) gap(e *entry) bool {
	return c.options.ParkGap > 0 && c.params.Layer != nil && e.height > 1 &&
		e.anchor.Height-e.prev.anchor.Height > c.options.ParkGap
}

// deep tells whether leaving the best chain at a block would undo too many L1 blocks.
func (c *Chain) deep(at, own *entry) bool {
	return c.options.ParkDepth > 0 && c.params.Layer != nil && own.height > at.height &&
		own.anchor.Height-at.anchor.Height > c.options.ParkDepth
}

// Parked returns the last blocks of the branches with more work that policy alone keeps
// from being followed.
func (c *Chain) Parked() []spv.Block {
	c.mu.RLock()
	defer c.mu.RUnlock()
	list := make([]spv.Block, 0, len(c.parked))
	for _, e := range sorted(c.parked, compareEntries) {
		list = append(list, e.block())
	}
	return list
}

// condemn marks a block, and all above it, as invalid for ever.
func (c *Chain) condemn(bad *entry, why error) {
	c.refused = append(c.refused, &BlockError{Block: bad.block(), Err: why})
	for _, e := range c.byID {
		if e.height < bad.height || e.ancestor(bad.height) != bad || e.has(invalid) {
			continue
		}
		e.state |= invalid
		e.complete = false
		delete(c.leaves, e)
		delete(c.waiting, e)
		c.dirt.entries[e] = struct{}{}
	}
	if bad.prev.complete {
		c.leaves[bad.prev] = struct{}{}
	}
	if c.best.has(invalid) {
		c.aim()
	}
}

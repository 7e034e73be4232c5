package chain

import (
	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/spv"
)

// Next returns what a block on top of the tip is judged by, for templates and the mempool.
// It speaks of the tip of this moment: whoever uses it compares Prev with Tip afterwards.
func (c *Chain) Next() (*consensus.Context, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	t, err := c.tally(c.tip().height)
	if err != nil {
		return nil, err
	}
	return c.context(t), nil
}

// context is Next for whoever holds the lock. The entries that it refers to never change
// in what it reads, so that it may be used after the lock is gone.
func (c *Chain) context(t *Tally) *consensus.Context {
	tip := c.tip()
	ctx := &consensus.Context{
		Params: c.params, Prev: tip.block(), MedianTime: tip.median(),
		MedianTimeAt: func(height int32) uint32 {
			if e := tip.ancestor(height); e != nil {
				return e.median()
			}
			return 0
		},
		FilterHeader: t.FilterHeader, Supply: t.Supply, ScriptsBelow: c.options.ScriptsBelow,
	}
	if c.params.Layer == nil {
		return ctx
	}
	ctx.L1, ctx.Payer = c.parent, c.parent.NetID()
	ctx.MMRRoot = c.mountain.Root().Hash
	if tip.height > 0 {
		anchor := tip.anchor
		ctx.PrevAnchor = &anchor
	}
	return ctx
}

// MedianTime returns the median time that a block on top of the tip must exceed.
func (c *Chain) MedianTime() uint32 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.tip().median()
}

// NextBits returns the bits that a block on top of the tip must have at a time.
func (c *Chain) NextBits(time uint32) uint32 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	bits, _ := c.params.RequiredBits(line{c.tip()}, c.tip().height+1, time) // all headers are at hand
	return bits
}

// MMRRoot returns the root of the mountain range over all headers up to the tip, as a
// layer block on top of it states it; zero on an L1.
func (c *Chain) MMRRoot() spv.Hash {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.mountain.Root().Hash
}

// Locator returns ids of the best chain from the tip downwards, ten one by one and then at
// doubling steps down to genesis, for a peer to find where it agrees.
func (c *Chain) Locator() []spv.Hash {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.locator(c.tip())
}

func (c *Chain) locator(tip *entry) []spv.Hash {
	var ids []spv.Hash
	step := int32(1)
	for h := tip.height; h > 0; h -= step {
		ids = append(ids, tip.ancestor(h).id)
		if len(ids) >= 10 {
			step *= 2
		}
	}
	return append(ids, c.active[0].id)
}

// BestHeader returns the header with the most work over blocks that are not known to be
// invalid and not shunned, whether or not the blocks are held, and its locator.
func (c *Chain) BestHeader() (spv.Block, []spv.Hash) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.best.block(), c.locator(c.best)
}

// Missing returns up to n blocks that are to be fetched: those on the way to the best
// header that are not held, the lowest first.
func (c *Chain) Missing(n int) []spv.Block {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var list []spv.Block
	for h := fork(c.best, c.tip()).height + 1; h <= c.best.height && len(list) < n; h++ {
		if e := c.best.ancestor(h); !e.has(held) {
			list = append(list, e.block())
		}
	}
	return list
}

// BranchState is what keeps a branch from being the best chain, or does not.
type BranchState uint8

// The states of a branch.
const (
	Active      BranchState = iota + 1 // the best chain
	Valid                              // held and not known to be invalid; less work, or not eligible, or pending
	Parked                             // policy holds it back
	HeadersOnly                        // blocks are missing
	Invalid
	Shunned // the operator's word holds it back
)

var branchNames = [...]string{"none", "active", "valid", "parked", "headers-only", "invalid", "shunned"}

// String returns the state in one word.
func (s BranchState) String() string { return branchNames[min(int(s), len(branchNames)-1)] }

// Branch is one tip of the header index.
type Branch struct {
	Tip   spv.Block
	Above int32 // blocks above the best chain
	State BranchState
}

// Branches returns every branch, the best chain first, the others by height and id.
func (c *Chain) Branches() []Branch {
	c.mu.RLock()
	defer c.mu.RUnlock()
	tips := make(map[*entry]struct{}, len(c.byID))
	for _, e := range c.byID {
		tips[e] = struct{}{}
	}
	for _, e := range c.byID {
		delete(tips, e.prev)
	}
	delete(tips, c.tip())
	list := []Branch{{Tip: c.tip().block(), State: Active}}
	for _, e := range sorted(tips, compareEntries) {
		b := Branch{Tip: e.block(), Above: e.height - fork(e, c.tip()).height, State: HeadersOnly}
		_, parked := c.parked[e]
		switch {
		case e.has(invalid):
			b.State = Invalid
		case e.barred:
			b.State = Shunned
		case parked:
			b.State = Parked
		case e.complete:
			b.State = Valid
		}
		list = append(list, b)
	}
	return list
}

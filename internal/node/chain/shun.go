package chain

import (
	"errors"
	"fmt"

	"github.com/layeredpow/lamina/spv"
)

// Shun is the operator's word that a block and all above it are not to be followed, as
// Bitcoin Core's invalidateblock. The word is durable when Shun returns and holds until
// Readmit. Blocks above are stored when they come, as on any side branch; nobody is blamed
// for them. The error wraps ErrUnknown if the block is not known.
func (c *Chain) Shun(id spv.Hash) (Moved, error) {
	return c.bar(id, func(e *entry) error {
		if e.height == 0 {
			return fmt.Errorf("block %s: the chain begins with it", e.block())
		}
		e.state |= shunned
		c.dirt.entries[e] = struct{}{}
		return nil
	})
}

// Readmit takes back what Shun said of a block, of those below it and of those above it. A
// block that broke a rule stays refused: only the operator's word is taken back. The error
// wraps ErrUnknown if the block is not known.
func (c *Chain) Readmit(id spv.Hash) (Moved, error) {
	return c.bar(id, func(e *entry) error {
		for _, s := range c.byID {
			if s.has(shunned) && (s.ancestor(e.height) == e || e.ancestor(s.height) == s) {
				s.state &^= shunned
				c.dirt.entries[s] = struct{}{}
			}
		}
		return nil
	})
}

// bar changes what is shunned, and moves to the chain that is best then.
func (c *Chain) bar(id spv.Hash, change func(*entry) error) (Moved, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byID[id]
	if e == nil {
		return Moved{}, fmt.Errorf("block %s: %w", id, ErrUnknown)
	}
	if err := change(e); err != nil {
		return Moved{}, err
	}
	var roots []*entry
	for _, e := range c.byID {
		if e.has(shunned) {
			roots = append(roots, e)
		}
	}
	for _, e := range c.byID {
		e.barred = false
		for _, root := range roots {
			// A block has no ancestor above itself, so that ancestor is nil there.
			e.barred = e.barred || e.ancestor(root.height) == root
		}
	}
	start := c.tip()
	c.aim()
	err := errors.Join(c.activate(), c.flush())
	return c.moved(start), err
}

// aim finds the best header anew.
func (c *Chain) aim() {
	c.best = c.tip()
	for c.best.barred {
		c.best = c.best.prev
	}
	for _, e := range c.byID {
		if !e.has(invalid) && !e.barred && e.work.Gt(&c.best.work) {
			c.best = e
		}
	}
}

package chain

import (
	"bytes"
	"errors"
	"slices"

	"github.com/layeredpow/lamina/spv"
)

// keptSeals is how many seals are kept for others to fetch, and how many that are none yet, or none any more.
const keptSeals = 100

// Seal returns the block of the best L1 chain that seals the best chain's block at a
// height (protocol.md 3.2); false where its proof's parent is none, and on an L1.
func (c *Chain) Seal(height int32) (spv.Block, bool, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.params.Layer == nil || height <= 0 || int(height) >= len(c.active) {
		return spv.Block{}, false, nil
	}
	s, err := c.sealedOf(c.active[height])
	if err != nil {
		return spv.Block{}, false, err
	}
	at, ok := c.sealing(s.Aux)
	return at, ok, nil
}

// sealing returns the block of the best L1 chain that a proof's parent is; false if it is none.
func (c *Chain) sealing(aux *spv.AuxPoW) (spv.Block, bool) {
	if !spv.IsSeal(&aux.Parent, c.params.Work.Sum((*[spv.HeaderSize]byte)(&aux.Parent)), c.parent) {
		return spv.Block{}, false
	}
	return c.parent.Lookup(aux.Parent.ID())
}

// mayBlock tells whether a header has the work that an L1 block of its bits needs.
func (c *Chain) mayBlock(h *spv.Header) bool {
	hash := c.params.Work.Sum((*[spv.HeaderSize]byte)(h))
	target, ok := spv.ParseTarget(h.Bits())
	return ok && spv.Meets(&hash, &target)
}

// reseal lets a second proof for a known block take the place of the stored one, if it makes the block a seal and the
// stored one does not, or a seal higher on L1 (protocol.md 3.2). So whoever has heard of the same proofs, in whatever order,
// counts the same seals. One whose L1 block is not on the best chain, or whose own is not held, may be a seal later:
// it is tried again when the L1 has moved, and so is the one that gave way. Errors are those of judge.
func (c *Chain) reseal(e *entry, s *spv.Sealed, now uint32) error {
	if c.params.Layer == nil || e.height == 0 || s.Aux == nil || !c.mayBlock(&s.Aux.Parent) {
		return nil
	}
	if !e.has(held) {
		c.await(s)
		return nil
	}
	stored, err := c.sealedOf(e)
	if err != nil || bytes.Equal(stored.Aux.Append(nil), s.Aux.Append(nil)) {
		return err
	}
	by, seals := c.sealing(s.Aux)
	if !seals {
		c.await(s)
		return nil
	}
	if was, ok := c.sealing(stored.Aux); ok && was.Height <= by.Height {
		return nil
	}
	if _, err := c.judge(s, now); err != nil {
		return err
	}
	if err := c.checkDepth(s.Aux, e.anchor); err != nil {
		return &spv.HeaderError{Block: e.block(), Err: err}
	}
	if c.mayBlock(&stored.Aux.Parent) {
		c.await(&stored)
	}
	e.state |= resealed
	c.dirt.entries[e] = struct{}{}
	c.dirt.proofs[e.id] = s.Aux.Append(nil)
	c.fresh = append(c.fresh[max(0, len(c.fresh)+1-keptSeals):], *s)
	c.reseals++
	return nil
}

// await keeps a proof that may be a seal when the L1 has moved.
func (c *Chain) await(s *spv.Sealed) {
	if !slices.ContainsFunc(c.late, func(l spv.Sealed) bool { return l.Aux.Parent == s.Aux.Parent }) {
		c.late = append(c.late[max(0, len(c.late)+1-keptSeals):], *s)
	}
}

// resealLate tries again what was no seal when it came.
func (c *Chain) resealLate(now uint32) error {
	late := c.late
	c.late = nil
	var errs []error
	for i := range late {
		var bad *spv.HeaderError // nobody's fault any more
		if err := c.reseal(c.byID[late[i].Header.ID()], &late[i], now); err != nil && !errors.As(err, &bad) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// keepProofs makes proofs durable that have taken the place of others. A block is read back from its file with its own
// proof, and nobody need tell again of a better one: what was counted before a kill must be counted after it.
func (c *Chain) keepProofs() error {
	if len(c.dirt.proofs) == 0 {
		return nil
	}
	return c.flush()
}

// Reseals returns how many stored proofs have given way to seals since the chain was opened. Whoever remembers what the proofs say
// reads them again when it has changed.
func (c *Chain) Reseals() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.reseals
}

// Resealed returns the headers whose stored proofs gave way to seals since it was last
// called, the newest 100 of them: other nodes may have the old proofs, and would count
// other seals.
func (c *Chain) Resealed() []spv.Sealed {
	c.mu.Lock()
	defer c.mu.Unlock()
	fresh := c.fresh
	c.fresh = nil
	return fresh
}

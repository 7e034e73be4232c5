package chain

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/layeredpow/lamina/spv"
)

// AcceptHeaders judges a run of headers, each of which builds on a known one or on the one
// before it in the run, and keeps those that pass every rule; the best chain moves with
// blocks only. Of one whose block is held, a better proof is kept. It returns how many were new. It stops at the first bad one with a
// *spv.HeaderError; those before it stay. They are durable when it returns.
func (c *Chain) AcceptHeaders(run []spv.Sealed, now uint32) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fresh := 0
	var err error
	for i := range run {
		if e := c.byID[run[i].Header.ID()]; e != nil {
			if err = c.reseal(e, &run[i], now); err != nil {
				break
			}
			continue
		}
		if _, err = c.judge(&run[i], now); err != nil {
			break
		}
		if _, err = c.index(&run[i].Header); err != nil {
			break
		}
		fresh++
	}
	if fresh > 0 {
		// A block above them may be written before theirs are, and can be read back from
		// its file only onto a header that is known.
		err = errors.Join(err, c.flush())
	}
	return fresh, err
}

// judge applies every header rule, that of the proof included, and returns the height.
// Errors are *spv.HeaderError.
func (c *Chain) judge(s *spv.Sealed, now uint32) (int32, error) {
	id := s.Header.ID()
	fail := func(height int32, err error) (int32, error) {
		return height, &spv.HeaderError{Block: spv.Block{Height: height, Hash: id}, Err: err}
	}
	prev := c.byID[s.Header.Prev()]
	if prev == nil {
		return fail(-1, spv.ErrUnknownParent)
	}
	height := prev.height + 1
	if err := c.params.CheckContext(line{prev}, height, &s.Header, now, nil); err != nil {
		return fail(height, err)
	}
	if err := c.params.CheckWork(s, height, nil); err != nil {
		return fail(height, err)
	}
	if c.params.Layer == nil {
		return height, nil
	}
	if s.Aux == nil {
		return fail(height, &spv.CheckError{Name: spv.CheckAuxPoWPresent, Want: "a proof", Got: "none"})
	}
	if err := spv.CheckParent(s, c.parent, nil); err != nil {
		return fail(height, err)
	}
	return height, nil
}

// index returns the entry of a header that was judged, made if it is new; nil if the block
// below is unknown. Headers over invalid blocks are kept, too: what a layer may build on
// must not depend on when a node found out.
func (c *Chain) index(h *spv.Header) (*entry, error) {
	id := h.ID()
	if e := c.byID[id]; e != nil {
		return e, nil
	}
	prev := c.byID[h.Prev()]
	if prev == nil {
		return nil, nil
	}
	e := &entry{id: id, header: *h, state: prev.state & invalid}
	if err := e.link(prev); err != nil {
		return nil, fmt.Errorf("header %s: %w", id, err)
	}
	c.add(e)
	c.dirt.entries[e] = struct{}{}
	return e, nil
}

// add takes an entry into the index.
func (c *Chain) add(e *entry) {
	c.byID[e.id] = e
	if !e.has(invalid) && !e.barred && (c.best == nil || e.work.Gt(&c.best.work)) {
		c.best = e
	}
}

// keptSeals is how many seals are kept for others to fetch, and how many that cannot be judged yet.
const keptSeals = 100

// reseal lets a second proof for a block that is held take the place of the stored one, if
// it makes the block a seal and the stored one does not (protocol.md 3.2). One whose L1 block
// is not on the best chain, or whose own is not held, may be so later: it is tried again when the L1 has moved.
func (c *Chain) reseal(e *entry, s *spv.Sealed, now uint32) error {
	if c.params.Layer == nil || e.height == 0 || s.Aux == nil {
		return nil
	}
	if !c.mayBlock(&s.Aux.Parent) {
		return nil
	}
	if !e.has(held) || !c.seals(s.Aux) {
		if !slices.ContainsFunc(c.late, func(l spv.Sealed) bool { return l.Aux.Parent == s.Aux.Parent }) {
			c.late = append(c.late[max(0, len(c.late)+1-keptSeals):], *s)
		}
		return nil
	}
	stored, err := c.sealedOf(e)
	if err != nil {
		return err
	}
	if bytes.Equal(stored.Aux.Append(nil), s.Aux.Append(nil)) || c.seals(stored.Aux) {
		return nil
	}
	if _, err := c.judge(s, now); err != nil {
		return err
	}
	if err := c.checkDepth(s.Aux, e.anchor); err != nil {
		return &spv.HeaderError{Block: e.block(), Err: err}
	}
	e.state |= resealed
	c.dirt.entries[e] = struct{}{}
	c.dirt.proofs[e.id] = s.Aux.Append(nil)
	c.fresh = append(c.fresh[max(0, len(c.fresh)+1-keptSeals):], *s)
	return nil
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

// mayBlock tells whether a header has the work that an L1 block of its bits needs.
func (c *Chain) mayBlock(h *spv.Header) bool {
	hash := c.params.Work.Sum((*[spv.HeaderSize]byte)(h))
	target, ok := spv.ParseTarget(h.Bits())
	return ok && spv.Meets(&hash, &target)
}

func (c *Chain) seals(aux *spv.AuxPoW) bool {
	return spv.IsSeal(&aux.Parent, c.params.Work.Sum((*[spv.HeaderSize]byte)(&aux.Parent)), c.parent)
}

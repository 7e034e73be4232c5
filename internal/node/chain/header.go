package chain

import (
	"errors"
	"fmt"

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
		return fresh, errors.Join(err, c.flush())
	}
	return fresh, errors.Join(err, c.keepProofs())
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

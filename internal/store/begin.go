package store

import (
	"errors"
	"fmt"

	"github.com/layeredpow/lamina/spv"
)

// writer is what Begin has handed changes to.
type writer struct {
	changes chan begun
	done    chan error // how it ended
}

// begun is a change and what ExpectHeight said when it was begun.
type begun struct {
	change   spv.Change
	expected int32
}

// Begin is Apply that does not wait for the disk, so that the next headers can be judged
// meanwhile. What is begun while the disk is busy making others durable is written and becomes durable
// together, so that a slow disk is asked less often. Whatever is asked of the chain next waits for all
// of it, and so does closing the store. It is for who has nothing else to write that must
// not be there without the headers, as a wallet has. Its error, or that of one begun before,
// ends the chain's use: it comes again from every call that can fail.
func (c *Chain) Begin(change spv.Change) error {
	if change.Undo > 0 || len(change.Headers) == 0 {
		return c.Apply(change)
	}
	if err := c.pairs(&change); err != nil || c.failed != nil {
		return errors.Join(err, c.failed)
	}
	if c.writer == nil {
		w := &writer{changes: make(chan begun), done: make(chan error, 1)}
		c.writer = w
		go func() { w.done <- c.writeBegun(w.changes) }()
	}
	select {
	case c.writer.changes <- begun{change, c.expected}:
	case c.failed = <-c.writer.done:
		c.writer = nil
	}
	return c.failed
}

// Settle waits until all that was begun is durable.
func (c *Chain) Settle() error {
	if c.writer != nil {
		close(c.writer.changes)
		c.failed = <-c.writer.done
		c.writer = nil
	}
	return c.failed
}

// writeBegun writes what is begun, in order, and names what is written as often as the disk
// lets it, until there is no more or something fails.
func (c *Chain) writeBegun(changes <-chan begun) error {
	end := growth{tip: c.tip}
	named := end.tip.Height // or being named
	var naming chan error   // nil: nothing is being named
	var bad error
	for changes != nil || naming != nil || named < end.tip.Height {
		if naming == nil && named < end.tip.Height {
			part := end
			end.marks, end.proofs, named = nil, nil, end.tip.Height
			naming = make(chan error, 1)
			go func() { naming <- c.nameTip(&part, nil) }()
		}
		select {
		case b, more := <-changes:
			if !more {
				changes = nil
				continue
			}
			next := end
			if bad = c.extend(&next, &b.change, b.expected); bad != nil {
				changes = nil // what came before it is named all the same
				continue
			}
			end = next
		case err := <-naming:
			if naming = nil; err != nil {
				return fmt.Errorf("headers of %s: %w", c.name, err)
			}
		}
	}
	if bad != nil {
		return fmt.Errorf("headers of %s: %w", c.name, bad)
	}
	return nil
}

package store

import (
	"encoding/binary"
	"fmt"
	"io"

	bolt "go.etcd.io/bbolt"

	"github.com/layeredpow/lamina/spv"
)

// heal checks the end of the file against the database and cuts the chain back to the
// highest block that is whole: the tip as a rule, the last good mark after damage.
func (c *Chain) heal() error {
	candidates, err := c.marksDown()
	if err != nil {
		return err
	}
	for i, lower := range candidates[1:] {
		upper := candidates[i]
		if c.intact(lower, upper) {
			return c.cutTo(upper)
		}
	}
	last := candidates[len(candidates)-1]
	if c.intact(last, last) {
		return c.cutTo(last)
	}
	return fmt.Errorf("the file does not hold its first block %s: move it and the database away to start anew", last.Block)
}

// marksDown returns the tip, the marks below it downwards, and the base.
func (c *Chain) marksDown() ([]mark, error) {
	list := []mark{c.tip}
	err := c.db.View(func(tx *bolt.Tx) error {
		b := tx.Bucket(chainsBucket).Bucket([]byte(c.name)).Bucket(marksBucket)
		if b == nil {
			return nil
		}
		cur := b.Cursor()
		for k, v := cur.Last(); k != nil; k, v = cur.Prev() {
			if len(k) != 4 || int32(binary.BigEndian.Uint32(k)) >= c.tip.Height {
				continue
			}
			m, err := decodeMark(v)
			if err != nil {
				return fmt.Errorf("mark %x: %w", k, err)
			}
			list = append(list, m)
		}
		return nil
	})
	if list[len(list)-1].Height != c.base.Height {
		list = append(list, c.base)
	}
	return list, err
}

// intact tells whether the file leads from one block to another without a break.
func (c *Chain) intact(lower, upper mark) bool {
	n := upper.Height - lower.Height + 1
	raw := make([]byte, int(n)*spv.HeaderSize)
	if got, err := c.file.ReadAt(raw, c.offset(lower.Height)); got != len(raw) || (err != nil && err != io.EOF) {
		return false
	}
	last := lower.Hash
	for i := range n {
		h := spv.Header(raw[int(i)*spv.HeaderSize:])
		if i == 0 {
			if h.ID() != lower.Hash {
				return false
			}
			continue
		}
		if h.Prev() != last {
			return false
		}
		last = h.ID()
	}
	return last == upper.Hash
}

// cutTo makes m the tip and drops what the file holds above it.
func (c *Chain) cutTo(m mark) error {
	if m.Block != c.tip.Block {
		c.tip = m
		if err := c.commit(nil); err != nil {
			return err
		}
	}
	return c.file.Truncate(c.offset(m.Height + 1))
}

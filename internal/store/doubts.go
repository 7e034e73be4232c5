package store

import (
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// doubtsBucket holds, by height, the blocks whose filters are in doubt; the values are empty.
var doubtsBucket = []byte("doubts")

// Doubt makes durable that the filter of the block at a height is not to be believed. It
// goes with the block, when that is undone, and with CutFilters.
func (c *Chain) Doubt(height int32) error {
	if err := c.Settle(); err != nil {
		return err
	}
	if height < c.base.Height || height > c.tip.Height {
		return fmt.Errorf("doubt of %s at %d: blocks held are %d to %d", c.name, height, c.base.Height, c.tip.Height)
	}
	err := c.db.Update(func(tx *bolt.Tx) error {
		b, err := tx.Bucket(chainsBucket).Bucket([]byte(c.name)).CreateBucketIfNotExists(doubtsBucket)
		if err != nil {
			return err
		}
		return b.Put(heightKey(height), nil)
	})
	if err != nil {
		return fmt.Errorf("doubt of %s at %d: %w", c.name, height, err)
	}
	return nil
}

// Doubts returns the heights of the blocks whose filters are in doubt, lowest first.
func (c *Chain) Doubts() (heights []int32, err error) {
	if err := c.Settle(); err != nil {
		return nil, err
	}
	err = c.db.View(func(tx *bolt.Tx) error {
		b := tx.Bucket(chainsBucket).Bucket([]byte(c.name)).Bucket(doubtsBucket)
		if b == nil {
			return nil
		}
		return b.ForEach(func(k, _ []byte) error {
			heights = append(heights, heightOf(k))
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("doubts of %s: %w", c.name, err)
	}
	return heights, nil
}

// cutDoubts drops the doubts above a height.
func (c *Chain) cutDoubts(to int32) error {
	heights, err := c.Doubts()
	if err != nil || len(heights) == 0 || heights[len(heights)-1] <= to {
		return err
	}
	return c.db.Update(func(tx *bolt.Tx) error {
		return dropAbove(tx.Bucket(chainsBucket).Bucket([]byte(c.name)).Bucket(doubtsBucket), to)
	})
}

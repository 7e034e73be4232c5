package store

import (
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// hearsayKey is the height from which on blocks were looked through by the word of Bloom peers alone; absent: none were.
var hearsayKey = []byte("hearsay")

// SetHearsay makes durable from which height on blocks were looked through by the word of Bloom peers alone; 0: none
// were, or all have been matched by filters since.
func (c *Chain) SetHearsay(from int32) error {
	if err := c.Settle(); err != nil {
		return err
	}
	err := c.db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket(chainsBucket).Bucket([]byte(c.name))
		if from == 0 {
			return b.Delete(hearsayKey)
		}
		return b.Put(hearsayKey, heightKey(from))
	})
	if err != nil {
		return fmt.Errorf("hearsay of %s from %d: %w", c.name, from, err)
	}
	return nil
}

// Hearsay returns what SetHearsay was told last, 0 if nothing.
func (c *Chain) Hearsay() (from int32, err error) {
	if err := c.Settle(); err != nil {
		return 0, err
	}
	err = c.db.View(func(tx *bolt.Tx) error {
		switch b := tx.Bucket(chainsBucket).Bucket([]byte(c.name)).Get(hearsayKey); {
		case b == nil:
		case len(b) == 4 && binary.BigEndian.Uint32(b) <= 1<<31-1:
			from = heightOf(b)
		default:
			return fmt.Errorf("record %x, want a height in 4 bytes", b)
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("hearsay of %s: %w", c.name, err)
	}
	return from, nil
}

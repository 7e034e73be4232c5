package store

import (
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// hearsayKey is the height from which on blocks were looked through by the word of Bloom peers alone, and that from which on
// perhaps of one alone; where the second is not kept, of one from the first on. Absent: none were.
var hearsayKey = []byte("hearsay")

// SetHearsay makes durable from which height on blocks were looked through by the word of Bloom peers alone, and from which on
// perhaps of one alone; 0: none were, or all have been matched by filters since.
func (c *Chain) SetHearsay(from, alone int32) error {
	if err := c.Settle(); err != nil {
		return err
	}
	err := c.db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket(chainsBucket).Bucket([]byte(c.name))
		if from == 0 {
			return b.Delete(hearsayKey)
		}
		return b.Put(hearsayKey, append(heightKey(from), heightKey(alone)...))
	})
	if err != nil {
		return fmt.Errorf("hearsay of %s from %d: %w", c.name, from, err)
	}
	return nil
}

// Hearsay returns what SetHearsay was told last, 0 if nothing.
func (c *Chain) Hearsay() (from, alone int32, err error) {
	if err := c.Settle(); err != nil {
		return 0, 0, err
	}
	err = c.db.View(func(tx *bolt.Tx) error {
		switch b := tx.Bucket(chainsBucket).Bucket([]byte(c.name)).Get(hearsayKey); {
		case b == nil:
		case len(b) == 4 && isHeight(b):
			from = heightOf(b)
			alone = from
		case len(b) == 8 && isHeight(b[:4]) && isHeight(b[4:]):
			from, alone = heightOf(b[:4]), heightOf(b[4:])
		default:
			return fmt.Errorf("record %x, want one height or two, each in 4 bytes", b)
		}
		return nil
	})
	if err != nil {
		return 0, 0, fmt.Errorf("hearsay of %s: %w", c.name, err)
	}
	return from, alone, nil
}

func isHeight(b []byte) bool { return binary.BigEndian.Uint32(b) <= 1<<31-1 }

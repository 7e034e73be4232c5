package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/spv"
)

var sampledKey = []byte("sampled")

// Sampled says how much of a chain is known by a sampled proof only.
type Sampled struct {
	To       spv.Block // this block and all below it
	Security int       // bits: a chain of which less than half of the work was done after some point passes with at most 2^-Security
	Opened   int       // blocks that were opened and verified then
	Open     int       // of them, those whose parents build on L1 blocks that were not known
	When     int64     // Unix seconds
}

const sampledSize = 4 + 32 + 2 + 4 + 4 + 8

func (s *Sampled) encode() []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(s.To.Height))
	b = append(b, s.To.Hash[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(s.Security))
	b = binary.BigEndian.AppendUint32(b, uint32(s.Opened))
	b = binary.BigEndian.AppendUint32(b, uint32(s.Open))
	return binary.BigEndian.AppendUint64(b, uint64(s.When))
}

func decodeSampled(b []byte) (*Sampled, error) {
	if b == nil {
		return nil, nil
	}
	if len(b) != sampledSize {
		return nil, fmt.Errorf("record of %d bytes, want %d", len(b), sampledSize)
	}
	s := &Sampled{To: spv.Block{Height: int32(binary.BigEndian.Uint32(b)), Hash: spv.Hash(b[4:36])}}
	s.Security, s.Opened = int(binary.BigEndian.Uint16(b[36:])), int(binary.BigEndian.Uint32(b[38:]))
	s.Open, s.When = int(binary.BigEndian.Uint32(b[42:])), int64(binary.BigEndian.Uint64(b[46:]))
	return s, nil
}

// Sampled tells how much of the chain is known by a sampled proof only; nil if all of it was verified.
func (c *Chain) Sampled() *Sampled {
	if c.sampled == nil {
		return nil
	}
	s := *c.sampled
	return &s
}

// Place puts another beginning in the place of a chain of which nothing but genesis is held: headers that link, the first at a height and
// with the chain's total work up to and including it, of which s says what they rest on; and those of the change on top of them. All of
// it is durable when it returns or, if the machine stops meanwhile, nothing. No wallet may have looked at the chain, which the caller sees
// to: what lies below is gone for it.
func (c *Chain) Place(start []spv.Header, height int32, work uint256.Int, change spv.Change, s Sampled) error {
	if err := c.Settle(); err != nil {
		return err
	}
	if err := c.place(start, height, work, change, s); err != nil {
		return fmt.Errorf("headers of %s: sampled start: %w", c.name, err)
	}
	return nil
}

func (c *Chain) place(start []spv.Header, height int32, work uint256.Int, change spv.Change, s Sampled) error {
	switch {
	case c.tip.Height != 0 || c.sampled != nil:
		return fmt.Errorf("held are %d to %d, want genesis alone", c.base.Height, c.tip.Height)
	case len(start) == 0 || height < 1 || change.Undo != 0:
		return fmt.Errorf("%d headers from %d, want one or more from 1 up", len(start), height)
	case len(change.Proofs) != len(change.Headers):
		return fmt.Errorf("%d proofs for %d headers", len(change.Proofs), len(change.Headers))
	}
	before, tip := c.base, c.tip
	c.base = mark{Block: spv.Block{Height: height, Hash: start[0].ID()}, work: work}
	c.tip, c.sampled = c.base, &s
	whole := spv.Change{Headers: append(start[1:len(start):len(start)], change.Headers...), Tip: change.Tip}
	whole.Proofs = append(make([]*spv.AuxPoW, len(start)-1), change.Proofs...)
	// The file's first place keeps genesis, so that the database may name either beginning.
	err := c.write(start[:1], height)
	if err == nil {
		err = c.grow(&whole, func(b *bolt.Bucket) error {
			return errors.Join(b.Put(baseKey, c.base.encode()), b.Put(sampledKey, s.encode()))
		})
	}
	if err != nil {
		c.base, c.tip, c.sampled = before, tip, nil
	}
	return err
}

// Wallets names the wallets that have records of the chain.
func (c *Chain) Wallets() (names []string, err error) {
	prefix := append([]byte{byte(len(c.name))}, c.name...)
	err = c.db.View(func(tx *bolt.Tx) error {
		cur := tx.Bucket(walletsBucket).Cursor()
		for k, _ := cur.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = cur.Next() {
			names = append(names, string(k[len(prefix):]))
		}
		return nil
	})
	return names, err
}

// Unplace goes back to genesis, from where all headers are to be fetched: what was known by a sampled proof only is forgotten, and all that
// was built on it. It does nothing to a chain that was verified from genesis on.
func (c *Chain) Unplace(genesis spv.Header, work uint256.Int) error {
	if err := c.Settle(); err != nil || c.sampled == nil {
		return err
	}
	base, tip, sampled := c.base, c.tip, c.sampled
	c.base = mark{Block: spv.Block{Hash: genesis.ID()}, work: work}
	c.tip, c.sampled = c.base, nil
	err := c.commit(func(b *bolt.Bucket) error {
		return errors.Join(b.Put(baseKey, c.base.encode()), b.Delete(sampledKey))
	})
	if err != nil {
		c.base, c.tip, c.sampled = base, tip, sampled
		return fmt.Errorf("headers of %s: back to genesis: %w", c.name, err)
	}
	return nil
}

// slot is a height's place in the files. Below a sampled start there is one more, genesis's.
func (c *Chain) slot(height int32) int64 {
	at := int64(height - c.base.Height)
	if c.sampled != nil {
		at++
	}
	return at
}

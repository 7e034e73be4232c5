package chain

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/wire"
	"github.com/holiman/uint256"
	bolt "go.etcd.io/bbolt"

	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// ErrUnknown: the block is not known, or its bytes are not held.
var ErrUnknown = errors.New("not held")

// Params returns the chain's parameters.
func (c *Chain) Params() *chains.Params { return c.params }

// NetID returns the id of the chain's genesis.
func (c *Chain) NetID() spv.Hash { return c.params.NetID() }

// Tip returns the best block.
func (c *Chain) Tip() spv.Block {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.tip().block()
}

// Work returns the total work of the best chain.
func (c *Chain) Work() uint256.Int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.tip().work
}

// WorkAt returns the total work of the branch that ends in a block.
func (c *Chain) WorkAt(id spv.Hash) (uint256.Int, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if e := c.byID[id]; e != nil {
		return e.work, true
	}
	return uint256.Int{}, false
}

// BlockAt returns the best chain's block at a height.
func (c *Chain) BlockAt(height int32) (spv.Block, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if height < 0 || int(height) >= len(c.active) {
		return spv.Block{}, false
	}
	return c.active[height].block(), true
}

// Header returns a block's header, on whatever branch.
func (c *Chain) Header(id spv.Hash) (spv.Header, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if e := c.byID[id]; e != nil {
		return e.header, true
	}
	return spv.Header{}, false
}

// Lookup returns the block with an id, on whatever branch.
func (c *Chain) Lookup(id spv.Hash) (spv.Block, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if e := c.byID[id]; e != nil {
		return e.block(), true
	}
	return spv.Block{}, false
}

// Ancestor returns the block at a height on the branch that ends in id.
func (c *Chain) Ancestor(id spv.Hash, height int32) (spv.Block, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if e := c.byID[id]; e != nil {
		if a := e.ancestor(height); a != nil {
			return a.block(), true
		}
	}
	return spv.Block{}, false
}

// After returns the bits required of a header on top of id at a time, and the median time
// that it must exceed.
func (c *Chain) After(id spv.Hash, time uint32) (bits, median uint32, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e := c.byID[id]
	if e == nil {
		return 0, 0, false
	}
	bits, ok = c.params.RequiredBits(line{e}, e.height+1, time)
	return bits, e.median(), ok
}

// OnBest tells whether a block is on the best chain.
func (c *Chain) OnBest(b spv.Block) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return b.Height >= 0 && int(b.Height) < len(c.active) && c.active[b.Height].id == b.Hash
}

// Block returns a block as it travels, with the proof that serves best. The error wraps
// ErrUnknown where it is not held.
func (c *Chain) Block(id spv.Hash) ([]byte, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e := c.byID[id]
	if e == nil || !e.has(held) {
		return nil, fmt.Errorf("block %s: %w", id, ErrUnknown)
	}
	if e.height == 0 {
		return c.genesis(), nil
	}
	raw, err := c.blocks.read(e.at)
	if err != nil || !e.has(resealed) {
		return raw, err
	}
	sealed, err := c.sealedOf(e)
	if err != nil {
		return nil, err
	}
	return append(sealed.Append(nil), raw[e.sealed:]...), nil
}

// MaxSealed is how many headers Sealed returns at most: what a headers message holds.
const MaxSealed = 2000

// Sealed returns headers of the best chain with their proofs, from above the first block
// of the locator that is on it (genesis, if none is) up to stop or the tip, but no more
// bytes than the chain's messages hold (P2P.HeadersSize).
func (c *Chain) Sealed(locator []spv.Hash, stop spv.Hash) ([]spv.Sealed, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	from := c.active[0]
	for _, id := range locator {
		if e := c.byID[id]; e != nil && c.onActive(e) {
			from = e
			break
		}
	}
	var list []spv.Sealed
	size, limit := uint64(0), uint64(c.params.P2P.HeadersSize)
	for _, e := range c.active[from.height+1:] {
		if size += uint64(e.sealed); limit > 0 && size > limit && len(list) > 0 {
			break
		}
		s, err := c.sealedOf(e)
		if err != nil {
			return nil, err
		}
		if list = append(list, s); e.id == stop || len(list) == MaxSealed {
			break
		}
	}
	return list, nil
}

// sealedOf returns the header of a held block with its best proof.
func (c *Chain) sealedOf(e *entry) (spv.Sealed, error) {
	if c.params.AuxPoW == nil || e.height == 0 {
		return spv.Sealed{Header: e.header}, nil
	}
	if e.has(resealed) {
		raw, err := c.proof(e.id)
		if err != nil {
			return spv.Sealed{}, err
		}
		aux, _, err := spv.ParseAuxPoW(raw)
		return spv.Sealed{Header: e.header, Aux: aux}, err
	}
	raw, err := c.blocks.head(e.at, e.sealed)
	if err != nil {
		return spv.Sealed{}, err
	}
	s, _, err := spv.ParseSealed(raw, true)
	if err != nil || s.Header != e.header {
		return spv.Sealed{}, errors.Join(fmt.Errorf("block %s: its file does not hold it", e.block()), err)
	}
	return s, nil
}

func (c *Chain) proof(id spv.Hash) (raw []byte, err error) {
	if raw, ok := c.dirt.proofs[id]; ok {
		return raw, nil
	}
	err = c.db.View(func(tx *bolt.Tx) error {
		raw = bytes.Clone(tx.Bucket(proofsBucket).Get(id[:]))
		return nil
	})
	return raw, err
}

// byHeight returns what a bucket holds for a height of the best chain.
func (c *Chain) byHeight(bucket []byte, dirty map[int32][]byte, height int32) (raw []byte, err error) {
	if height < 0 || int(height) >= len(c.active) {
		return nil, fmt.Errorf("height %d: the best chain ends at %d: %w", height, len(c.active)-1, ErrUnknown)
	}
	if raw, ok := dirty[height]; ok {
		return raw, nil
	}
	err = c.db.View(func(tx *bolt.Tx) error {
		if raw = bytes.Clone(tx.Bucket(bucket).Get(heightKey(height))); raw == nil {
			return fmt.Errorf("height %d: not in the database's %s", height, bucket)
		}
		return nil
	})
	return raw, err
}

// Filter returns the basic filter (BIP158) of the best chain's block at a height.
func (c *Chain) Filter(height int32) ([]byte, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.byHeight(filtersBucket, c.dirt.filters, height)
}

// FilterHeader returns the filter header (BIP157) of the best chain's block at a height.
func (c *Chain) FilterHeader(height int32) (spv.Hash, error) {
	t, err := c.Tally(height)
	return t.FilterHeader, err
}

// Tally returns where the sums stand after the best chain's block at a height.
func (c *Chain) Tally(height int32) (Tally, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	t, err := c.tally(height)
	if err != nil {
		return Tally{}, err
	}
	return *t, nil
}

func (c *Chain) tally(height int32) (*Tally, error) {
	if t := c.dirt.tallies[height]; t != nil {
		return t, nil
	}
	raw, err := c.byHeight(talliesBucket, nil, height)
	if err != nil {
		return nil, err
	}
	return decodeTally(height, raw)
}

// Supply returns what has been claimed and burned up to the tip.
func (c *Chain) Supply() (consensus.Supply, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	t, err := c.tally(c.tip().height)
	if err != nil {
		return consensus.Supply{}, err
	}
	return t.Supply, nil
}

// Coin returns an output that is unspent at the tip, nil if there is none. The coin is not
// to be changed.
func (c *Chain) Coin(op wire.OutPoint) (coin *consensus.Coin, err error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	err = c.db.View(func(tx *bolt.Tx) error {
		coin, err = view{c.dirt, tx}.Coin(op)
		return err
	})
	return coin, err
}

// Claimed tells whether an L1 outpoint has been claimed on this layer at the tip.
func (c *Chain) Claimed(op wire.OutPoint) (claimed bool, err error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	err = c.db.View(func(tx *bolt.Tx) error {
		claimed, err = view{c.dirt, tx}.Claimed(op)
		return err
	})
	return claimed, err
}

// Size returns how many bytes the chain takes on disk.
func (c *Chain) Size() (size int64, err error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, f := range c.blocks.files {
		n, err := f.Size()
		if err != nil {
			return 0, err
		}
		size += n
	}
	err = c.db.View(func(tx *bolt.Tx) error {
		size += tx.Size()
		return nil
	})
	return size, err
}

package chain

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/btcsuite/btcd/wire"
	bolt "go.etcd.io/bbolt"

	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/filter"
	"github.com/layeredpow/lamina/spv/merkle"
)

// load reads the index and takes the database's tip as the best chain.
func (c *Chain) load() (position, error) {
	var at position
	found := false
	err := c.db.View(func(tx *bolt.Tx) error {
		raw := tx.Bucket(metaBucket).Get(stateKey)
		if raw == nil {
			return nil
		}
		var err error
		if at, err = decodePosition(raw); err != nil {
			return err
		}
		found = true
		return tx.Bucket(indexBucket).ForEach(c.loadEntry)
	})
	if err != nil {
		return at, err
	}
	if !found {
		return at, c.begin()
	}
	tip := c.byID[at.tip]
	if tip == nil || !tip.complete {
		return at, fmt.Errorf("index: the tip %s is not in it", at.tip)
	}
	c.seq = at.seq
	if !tip.barred && !c.best.work.Gt(&tip.work) {
		c.best = tip
	}
	c.active = make([]*entry, tip.height+1)
	for e := tip; e != nil; e = e.prev {
		c.active[e.height] = e
	}
	for _, e := range c.active {
		if err := c.climb(e); err != nil {
			return at, err
		}
	}
	return at, nil
}

// loadEntry takes one record of the index, whose parents came before it.
func (c *Chain) loadEntry(key, value []byte) error {
	e, err := decodeEntry(key, value)
	if err != nil {
		return err
	}
	height := int32(binary.BigEndian.Uint32(key))
	prev := c.byID[e.header.Prev()]
	if (prev == nil) != (height == 0) {
		return fmt.Errorf("index record of %s at %d: the block below is missing", e.id, height)
	}
	if err := e.link(prev); err != nil {
		return fmt.Errorf("index record of %s at %d: %w", e.id, height, err)
	}
	if e.height != height {
		return fmt.Errorf("index record of %s: height %d, want %d", e.id, height, e.height)
	}
	c.add(e)
	if e.has(held) {
		c.connectable(e)
	}
	return nil
}

// begin makes the state of a chain that has its genesis only. Nothing is written yet.
func (c *Chain) begin() error {
	e := &entry{header: c.params.Genesis, state: held}
	e.id = e.header.ID()
	if err := e.link(nil); err != nil {
		return err
	}
	var genesis wire.MsgBlock
	if err := genesis.Deserialize(bytes.NewReader(c.genesis())); err != nil {
		return fmt.Errorf("genesis: %w", err)
	}
	f, err := filter.Build(&genesis, nil)
	if err != nil {
		return fmt.Errorf("genesis: %w", err)
	}
	c.add(e)
	c.active = []*entry{e}
	c.connectable(e)
	c.dirt.entries[e] = struct{}{}
	c.dirt.tallies[0] = &Tally{Block: e.block(), FilterHeader: filter.HeaderOf(f, spv.Hash{})}
	c.dirt.filters[0] = f
	return c.climb(e)
}

// genesis returns block 0 as it travels. It is not in the block files, and its coinbase
// cannot be spent.
func (c *Chain) genesis() []byte {
	raw := append(c.params.Genesis[:], 1)
	return append(raw, c.params.GenesisCoinbase...)
}

// climb puts the header of the best chain's next block into the mountain range.
func (c *Chain) climb(e *entry) error {
	if c.params.Layer == nil {
		return nil
	}
	own, err := workOf(&e.header)
	if err != nil {
		return err
	}
	return c.mountain.Append(merkle.Node{Hash: e.id, Work: own})
}

// replay takes the blocks behind the database's position from the files. They were
// judged before they were written, up to what needs coins.
func (c *Chain) replay() error {
	err := c.blocks.rest(func(at place, raw []byte) error {
		b, err := consensus.ParseBlock(c.params, raw)
		if err != nil {
			return fmt.Errorf("block file %d at %d: %w", at.file, at.offset, err)
		}
		e, err := c.index(&b.Header)
		if e == nil || err != nil {
			return err // nil: the block below was lost with the power; peers have both
		}
		if e.has(held | invalid) {
			return nil
		}
		anchor, err := c.anchorOf(b)
		if err != nil {
			return fmt.Errorf("block file %d at %d: %w", at.file, at.offset, err)
		}
		c.hold(e, at, b, anchor)
		return c.activate()
	})
	if err != nil {
		return err
	}
	return c.activate() // the L1 may have moved meanwhile
}

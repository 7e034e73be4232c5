package chain

import (
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/wire"
	bolt "go.etcd.io/bbolt"

	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/spv"
)

// activate moves to the block that should be the tip. A block that is found invalid or
// pending on the way is left out and the choice made again, so that the last word is
// always a chain that was judged in full.
func (c *Chain) activate() error {
	for {
		best := c.choose()
		if best == c.tip() {
			return nil
		}
		at := fork(best, c.tip())
		for c.tip() != at {
			if err := c.disconnect(); err != nil {
				return err
			}
		}
		for c.tip() != best {
			next := best.ancestor(c.tip().height + 1)
			err := c.connect(next)
			if consensus.Permanent(err) {
				c.condemn(next, err)
				break
			}
			if errors.Is(err, spv.ErrPending) || errors.Is(err, consensus.ErrProof) {
				next.pending = true
				c.stalled = append(c.stalled, next)
				break
			}
			if err != nil {
				return fmt.Errorf("block %s: %w", next.block(), err)
			}
		}
	}
}

// connect judges the block on top of the tip and takes it onto the best chain.
func (c *Chain) connect(e *entry) error {
	raw, err := c.blocks.read(e.at)
	if err != nil {
		return err
	}
	b, err := consensus.ParseBlock(c.params, raw)
	if err != nil {
		return err
	}
	b.Height = e.height
	below, err := c.tally(c.tip().height)
	if err != nil {
		return err
	}
	var delta *consensus.Delta
	err = c.db.View(func(tx *bolt.Tx) error {
		delta, err = consensus.Connect(c.context(below), b, view{c.dirt, tx}, c.options.SigCache)
		return err
	})
	if err != nil {
		return err
	}
	if err := c.climb(e); err != nil {
		return err
	}
	c.carryOut(e, delta)
	c.active = append(c.active, e)
	return c.flushIfDue(len(raw))
}

// carryOut notes what a block does to coins, claims and sums.
func (c *Chain) carryOut(e *entry, delta *consensus.Delta) {
	d := c.dirt
	for _, c := range delta.Created {
		before, known := d.coins[c.OutPoint]
		d.putCoin(c.OutPoint, &c.Coin, !known || before.fresh)
	}
	for _, c := range delta.Spent {
		d.dropCoin(c.OutPoint)
	}
	for _, op := range delta.Claims {
		d.claims[op] = true
	}
	d.tallies[e.height] = &Tally{
		Block: e.block(), FilterHeader: delta.FilterHeader, Supply: delta.Supply, FeeVote: delta.FeeVote, Burns: len(delta.Burns),
	}
	d.filters[e.height] = delta.Filter
	d.undo[e.height] = delta.EncodeUndo()
}

// disconnect takes the tip off the best chain.
func (c *Chain) disconnect() error {
	e := c.tip()
	raw, err := c.blocks.read(e.at)
	if err != nil {
		return err
	}
	b, err := consensus.ParseBlock(c.params, raw)
	if err != nil {
		return err
	}
	saved, err := c.byHeight(undoBucket, c.dirt.undo, e.height)
	if err != nil {
		return err
	}
	undo, err := consensus.DecodeUndo(saved)
	if err != nil {
		return fmt.Errorf("block %s: %w", e.block(), err)
	}
	if c.params.Layer != nil {
		if err := c.mountain.Truncate(uint64(e.height)); err != nil {
			return err
		}
	}
	d := c.dirt
	for _, tx := range b.Txs {
		id := tx.TxHash()
		for i, out := range tx.TxOut {
			if consensus.Spendable(out.PkScript) {
				d.dropCoin(wire.OutPoint{Hash: id, Index: uint32(i)})
			}
		}
	}
	for _, c := range undo.Spent {
		d.putCoin(c.OutPoint, &c.Coin, false)
	}
	for _, op := range undo.Claims {
		d.claims[op] = false
	}
	d.tallies[e.height], d.filters[e.height], d.undo[e.height] = nil, nil, nil
	c.active = c.active[:len(c.active)-1]
	return c.flushIfDue(len(raw))
}

// flushIfDue counts a block that was connected or disconnected.
func (c *Chain) flushIfDue(size int) error {
	c.dirt.blocks++
	c.dirt.size += size / 4 // filter and undo data, roughly
	if c.dirt.blocks < c.options.FlushBlocks && c.dirt.size < c.options.FlushBytes {
		return nil
	}
	return c.flush()
}

// view is the state before a block: what has changed since the last flush, over the
// database. It serves one Connect.
type view struct {
	dirt *dirt
	tx   *bolt.Tx
}

// Coin returns an unspent output, nil if there is none.
func (v view) Coin(op wire.OutPoint) (*consensus.Coin, error) {
	if c, ok := v.dirt.coins[op]; ok {
		return c.coin, nil
	}
	raw := v.tx.Bucket(coinsBucket).Get(outpointKey(op))
	if raw == nil {
		return nil, nil
	}
	coin, n, err := consensus.ParseCoin(raw)
	if err == nil && n != len(raw) {
		err = fmt.Errorf("coin %s: %d bytes, want %d", op, len(raw), n)
	}
	return coin, err
}

// Claimed tells whether an L1 outpoint was claimed on this layer.
func (v view) Claimed(op wire.OutPoint) (bool, error) {
	if claimed, ok := v.dirt.claims[op]; ok {
		return claimed, nil
	}
	return v.tx.Bucket(claimsBucket).Get(outpointKey(op)) != nil, nil
}

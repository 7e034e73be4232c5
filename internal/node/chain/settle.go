package chain

import (
	"fmt"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/spv/peg"
)

// Burns returns the burns in the best chain's blocks from one height up to another, both
// included, in the order of the chain.
func (c *Chain) Burns(from, to int32) ([]peg.Unpaid, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if from < 0 || from > to || int(to) >= len(c.active) {
		return nil, fmt.Errorf("heights %d to %d: want a range within 0 to %d", from, to, len(c.active)-1)
	}
	var list []peg.Unpaid
	for h := from; h <= to; h++ {
		t, err := c.tally(h)
		if err != nil {
			return nil, err
		}
		if t.Burns == 0 {
			continue
		}
		found, err := c.burnsOf(c.active[h])
		if err != nil {
			return nil, err
		}
		if len(found) != t.Burns {
			return nil, fmt.Errorf("block %s: %d burns in its file, %d when it was connected", t.Block, len(found), t.Burns)
		}
		list = append(list, found...)
	}
	return list, nil
}

// burnsOf reads the burns back from a block that has been connected.
func (c *Chain) burnsOf(e *entry) ([]peg.Unpaid, error) {
	raw, err := c.blocks.read(e.at)
	if err != nil {
		return nil, err
	}
	b, err := consensus.ParseBlock(c.params, raw)
	if err != nil {
		return nil, err
	}
	payer := c.parent.NetID()
	var list []peg.Unpaid
	for i, tx := range b.Txs {
		id := tx.TxHash()
		for n, out := range tx.TxOut {
			if !peg.IsBurn(out.PkScript, payer) {
				continue
			}
			burn, err := peg.ParseBurn(c.params, payer, out)
			if err != nil {
				return nil, fmt.Errorf("block %s: %w", e.block(), err)
			}
			list = append(list, peg.Unpaid{
				Burn: burn, Outpoint: wire.OutPoint{Hash: id, Index: uint32(n)}, Height: e.height, Index: uint32(i),
			})
		}
	}
	return list, nil
}

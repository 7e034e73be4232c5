package node

import (
	"fmt"
	"time"

	"github.com/btcsuite/btcd/wire"
	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/internal/node/chain"
	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/internal/node/mempool"
	"github.com/layeredpow/lamina/spv"
)

// headerChain is a foreign L1 as a light client knows it: its headers alone. The best chain
// is the one with the most work, whether or not its blocks are valid.
type headerChain struct{ *chain.Chain }

// Tip returns the best header.
func (c headerChain) Tip() spv.Block {
	best, _ := c.BestHeader()
	return best
}

// OnBest tells whether a block is on the chain of the best header.
func (c headerChain) OnBest(b spv.Block) bool {
	at, ok := c.Ancestor(c.Tip().Hash, b.Height)
	return ok && at == b
}

// BlockAt returns the best chain's block at a height.
func (c headerChain) BlockAt(height int32) (spv.Block, bool) { return c.Ancestor(c.Tip().Hash, height) }

// Work returns the total work of the best chain.
func (c headerChain) Work() uint256.Int {
	work, _ := c.WorkAt(c.Tip().Hash)
	return work
}

// MedianTime returns the median time that a header on top of the best one must exceed.
func (c headerChain) MedianTime() uint32 {
	_, median, _ := c.After(c.Tip().Hash, 0)
	return median
}

// NextBits returns the bits that a header on top of the best one must have at a time.
func (c headerChain) NextBits(time uint32) uint32 {
	bits, _, _ := c.After(c.Tip().Hash, time)
	return bits
}

// Sealed returns nothing: what was not judged in full is not served.
func (c headerChain) Sealed([]spv.Hash, spv.Hash) ([]spv.Sealed, error) { return nil, nil }

// Next is not known without blocks.
func (c headerChain) Next() (*consensus.Context, error) {
	return nil, fmt.Errorf("%s: %w: only its headers are followed", c.Params().Name, chain.ErrUnknown)
}

// noPool stands where a chain's transactions are none of our business.
type noPool struct{}

func (noPool) Add(time.Time, *wire.MsgTx, mempool.Source) (mempool.Result, error) {
	return mempool.Result{Status: mempool.Known}, nil
}

func (noPool) AddPackage(time.Time, *wire.MsgTx, *wire.MsgTx, mempool.Source) (mempool.Result, error) {
	return mempool.Result{Status: mempool.Known}, nil
}

func (noPool) Knows(spv.Hash) bool                                     { return true }
func (noPool) Since(uint64, int) []mempool.Arrival                     { return nil }
func (noPool) Back(int) uint64                                         { return 0 }
func (noPool) Served(spv.Hash, uint64) ([]byte, bool)                  { return nil, false }
func (noPool) Stats(time.Time) mempool.Stats                           { return mempool.Stats{} }
func (noPool) Idle() bool                                              { return true }
func (noPool) Moved(time.Time, [][]*wire.MsgTx, [][]*wire.MsgTx) error { return nil }
func (noPool) ParentMoved(time.Time) error                             { return nil }
func (noPool) Tick(time.Time)                                          {}
func (noPool) Forget(mempool.Source)                                   {}

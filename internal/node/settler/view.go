package settler

import (
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/chain"
	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// View is a chain whose blocks were judged in full, by whoever shows it. It may move at any
// moment, between two calls too.
type View interface {
	Params() *chains.Params
	Tip() spv.Block
	// BlockAt returns the best chain's block at a height.
	BlockAt(height int32) (spv.Block, bool)
	// OnBest tells whether a block is on the best chain.
	OnBest(b spv.Block) bool
	// Block returns a block as it travels.
	Block(id spv.Hash) ([]byte, error)
}

// L1 is the chain that the vault is on. *chain.Chain is one.
type L1 interface {
	View
	// Lookup returns the block with an id, on whatever branch.
	Lookup(id spv.Hash) (spv.Block, bool)
	// Coin returns an output that is unspent at the tip, nil if there is none.
	Coin(op wire.OutPoint) (*consensus.Coin, error)
}

// Layer is the chain that burns are made on. *chain.Chain is one.
type Layer interface {
	View
	// Tally returns fee vote and sums at a height of the best chain.
	Tally(height int32) (chain.Tally, error)
	// Seal returns the block of the best L1 chain that seals the best chain's block at a
	// height; false if none does.
	Seal(height int32) (spv.Block, bool, error)
	// Parked returns the tips of branches that policy alone keeps from being followed.
	Parked() []spv.Block
}

// trail is a branch of a chain that has been read, from the block at height base on.
type trail struct {
	base int32
	ids  []spv.Hash
}

// next returns the height of the first block that has not been read.
func (t *trail) next() int32 { return t.base + int32(len(t.ids)) }

func (t *trail) tip() spv.Block {
	if len(t.ids) == 0 {
		return spv.Block{Height: t.base - 1}
	}
	return spv.Block{Height: t.next() - 1, Hash: t.ids[len(t.ids)-1]}
}

func (t *trail) has(b spv.Block) bool {
	return b.Height >= t.base && b.Height < t.next() && t.ids[b.Height-t.base] == b.Hash
}

// cut forgets the blocks from a height on.
func (t *trail) cut(height int32) { t.ids = t.ids[:max(0, min(height, t.next())-t.base)] }

// retreat forgets blocks that have left the best chain.
func (t *trail) retreat(v View) {
	for len(t.ids) > 0 && !v.OnBest(t.tip()) {
		t.cut(t.tip().Height)
	}
}

// advance reads the best chain's next block; nil at the tip. A block that is not on top of
// the last one says that the chain has moved meanwhile.
func (t *trail) advance(v View) (*consensus.Block, spv.Block, error) {
	at, ok := v.BlockAt(t.next())
	if !ok {
		return nil, at, nil
	}
	raw, err := v.Block(at.Hash)
	if err != nil {
		return nil, at, err
	}
	b, err := consensus.ParseBlock(v.Params(), raw)
	if err != nil {
		return nil, at, err
	}
	if len(t.ids) > 0 && b.Header.Prev() != t.tip().Hash {
		return nil, at, errMoved
	}
	return b, at, nil
}

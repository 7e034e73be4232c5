package chain

import (
	"github.com/btcsuite/btcd/chaincfg/chainhash"

	"github.com/layeredpow/lamina/spv"
)

// The most that waits for the L1 in memory. What is dropped, peers have.
const (
	poolBlocks = 256
	poolBytes  = 32 << 20
)

// pool holds blocks with enough work whose L1 blocks are not known yet, as they came. It
// is not on disk: after a restart peers are asked again. Its keys are hashes of the whole
// bytes, so that a block with a proof that never comes true does not bar the same block
// with another.
type pool struct {
	order []spv.Hash // the oldest first
	raw   map[spv.Hash][]byte
	size  int
}

func newPool() pool { return pool{raw: map[spv.Hash][]byte{}} }

// add keeps a block and drops the oldest ones that make it too many.
func (p *pool) add(raw []byte) {
	id := chainhash.DoubleHashH(raw)
	if _, ok := p.raw[id]; ok {
		return
	}
	p.order = append(p.order, id)
	p.raw[id] = raw
	p.size += len(raw)
	for len(p.order) > poolBlocks || p.size > poolBytes && len(p.order) > 1 {
		p.size -= len(p.raw[p.order[0]])
		delete(p.raw, p.order[0])
		p.order = p.order[1:]
	}
}

// drain empties the pool and returns its blocks in the order in which they came.
func (p *pool) drain() [][]byte {
	list := make([][]byte, 0, len(p.order))
	for _, id := range p.order {
		list = append(list, p.raw[id])
	}
	*p = newPool()
	return list
}

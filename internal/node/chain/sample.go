package chain

import (
	"fmt"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/sample"
)

// SampleTail is how many blocks below the tip a sampled proof opens without gap: with fewer there are more draws, so that it gets no
// shorter.
const SampleTail = 128

// Sample returns a sampled proof (package sample) of a layer's best chain up to one of its blocks, as it travels. The error wraps
// ErrUnknown where the block is not on the best chain, or the chain is no layer. It costs a disk read for each opened block, and other
// goroutines' calls wait meanwhile.
func (c *Chain) Sample(tip spv.Hash, q sample.Query) ([]byte, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e := c.byID[tip]
	if c.params.Layer == nil || e == nil || !c.onActive(e) {
		return nil, fmt.Errorf("sampled proof up to %s: %w", tip, ErrUnknown)
	}
	p, err := sample.Build(c.params, q, e.height, SampleTail, history{c})
	if err != nil {
		return nil, err
	}
	return p.Encode()
}

// history is the best chain as a sample.Source, for whoever holds the lock.
type history struct{ c *Chain }

func (h history) at(height int32) (*entry, error) {
	if height < 0 || int(height) >= len(h.c.active) {
		return nil, fmt.Errorf("height %d: the best chain ends at %d: %w", height, len(h.c.active)-1, ErrUnknown)
	}
	return h.c.active[height], nil
}

func (h history) Node(position uint64) (merkle.Node, error) { return h.c.mountain.Node(position) }

func (h history) Header(height int32) (spv.Header, error) {
	e, err := h.at(height)
	if err != nil {
		return spv.Header{}, err
	}
	return e.header, nil
}

func (h history) Aux(height int32) (*spv.AuxPoW, error) {
	e, err := h.at(height)
	if err != nil {
		return nil, err
	}
	s, err := h.c.sealedOf(e)
	return s.Aux, err
}

func (h history) Coinbase(height int32) ([]byte, merkle.Branch, error) {
	e, err := h.at(height)
	if err != nil {
		return nil, nil, err
	}
	raw, err := h.c.blocks.read(e.at)
	if err != nil {
		return nil, nil, err
	}
	b, _, err := h.c.params.ParseBlock(raw)
	if err != nil {
		return nil, nil, err
	}
	branch, err := merkle.NewBranch(b.TxIDs(), 0)
	return b.Txs[0].AppendStripped(nil), branch, err
}

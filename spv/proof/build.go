package proof

import (
	"fmt"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/merkle"
)

// Source gives the best chain's headers with their merged-mining proofs.
type Source interface {
	// Sealed returns the header at a height. Aux is nil where there is no proof, or it is no longer at hand.
	Sealed(height int32) (spv.Sealed, error)
}

// L1 gives the headers of the chain that the payment's chain is merge-mined with. *spv.Tree satisfies it.
type L1 interface {
	Lookup(id spv.Hash) (spv.Block, bool)
	Header(height int32) (spv.Header, bool) // of the best chain
	Tip() spv.Block
}

// Headers taken along for context: median times look back at 11.
const context = 11

// l1Above is how many L1 headers above the highest parent are taken along, so that seals show their depth.
const l1Above = 6

// Build makes the proof of a payment in the block at a height, under so many headers as asked for, that block included, or
// as there are up to tip. Tx is without witness; inclusion proves it. L1 is nil on an L1 and where the chain has merge-mining
// rules of its own and its L1 is not followed.
func Build(chain *chains.Params, tx []byte, inclusion merkle.Inclusion, height, confirmations, tip int32, headers Source, l1 L1) (*Payment, error) {
	if height < 0 || height > tip || confirmations < 1 || confirmations > MaxHeaders-context {
		return nil, fmt.Errorf("payment proof: block %d of %d under %d headers, want a block of the chain and 1 to %d headers",
			height, tip, confirmations, MaxHeaders-context)
	}
	first := max(height-context, 0)
	last := int32(min(int64(tip), int64(height)+int64(confirmations)-1))
	p := &Payment{Chain: chain.NetID(), Height: first, Below: int(height - first), Tx: tx, Inclusion: inclusion}
	for h := first; h <= last; h++ {
		s, err := headers.Sealed(h)
		if err != nil {
			return nil, fmt.Errorf("payment proof: header %d: %w", h, err)
		}
		if h < height {
			s.Aux = nil
		} else if s.Aux != nil {
			s.Aux = plain(s.Aux)
		} else if chain.AuxPoW != nil && s.Header.HasAuxPoW() {
			return nil, fmt.Errorf("payment proof: the merged-mining proof of header %d is no longer at hand", h)
		}
		p.Headers = append(p.Headers, s)
	}
	if l1 == nil {
		return p, nil
	}
	return p, p.addL1(l1)
}

// plain returns a merged-mining proof without what no rule covers.
func plain(a *spv.AuxPoW) *spv.AuxPoW {
	c := *a
	c.BlockHash, c.CoinbaseIndex = spv.Hash{}, 0
	if tx, _, err := spv.ParseTx(c.Coinbase.AppendStripped(nil)); err == nil {
		c.Coinbase = tx
	}
	return &c
}

// addL1 takes the L1 headers along that hold the parents and the payment's anchor, with their context.
func (p *Payment) addL1(l1 L1) error {
	low, high := int32(-1), int32(-1)
	reach := func(height int32) {
		if low < 0 || height < low {
			low = height
		}
		high = max(high, height)
	}
	for i := p.Below; i < len(p.Headers); i++ {
		if aux := p.Headers[i].Aux; aux != nil {
			if under, ok := l1.Lookup(aux.Parent.Prev()); ok {
				reach(under.Height)
			}
		}
	}
	if low < 0 {
		return nil // rules of its own, and no parent that we know
	}
	if c, ok := p.commitment(); ok {
		reach(c.Anchor.Height)
	}
	p.L1Height = max(low-context, 0)
	for h := p.L1Height; h <= min(high+l1Above, l1.Tip().Height); h++ {
		header, ok := l1.Header(h)
		if !ok {
			return fmt.Errorf("payment proof: the L1's header %d is not at hand", h)
		}
		p.L1 = append(p.L1, header)
	}
	return nil
}

// commitment returns what the payment's block states about itself and its L1, if it does.
func (p *Payment) commitment() (spv.Commitment, bool) {
	tx, n, err := spv.ParseTx(p.Inclusion.Coinbase)
	if err != nil || n != len(p.Inclusion.Coinbase) {
		return spv.Commitment{}, false
	}
	c, err := spv.CoinbaseCommitment(&tx)
	return c, err == nil
}

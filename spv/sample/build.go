package sample

import (
	"fmt"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/merkle"
)

// Source is a prover's view of the best chain.
type Source interface {
	merkle.Nodes // of the range over all blocks, genesis first
	Header(height int32) (spv.Header, error)
	// Aux returns the merged-mining proof of the header at a height above genesis.
	Aux(height int32) (*spv.AuxPoW, error)
	// Coinbase returns the coinbase of the block at a height, without witness, with its branch.
	Coinbase(height int32) (tx []byte, branch merkle.Branch, err error)
}

// Build answers a query for the chain that ends at a height, opening so many blocks below the tip in full.
func Build(chain *chains.Params, q Query, height, tail int32, src Source) (*Proof, error) {
	if height < 2 || tail < 1 || tail > maxTail || q.Security < 1 || q.Security > MaxSecurity || q.Keep < 1 {
		return nil, fmt.Errorf("sampled proof: tip at %d, tail of %d, %d bits, %d blocks kept; want a tip at 2 or above, a tail of 1 to %d, 1 to %d bits, "+
			"1 block or more", height, tail, q.Security, q.Keep, maxTail, MaxSecurity)
	}
	b := builder{src: src, leaves: uint64(height), p: &Proof{Chain: chain.NetID(), Height: height}}
	first := max(height-tail, 1)
	var err error
	if b.p.Tip, err = b.sealed(height); err != nil {
		return nil, err
	}
	if b.p.Coinbase, b.p.Branch, err = src.Coinbase(height); err != nil {
		return nil, fmt.Errorf("sampled proof: coinbase of block %d: %w", height, err)
	}
	if b.p.Below, err = src.Header(first - 1); err != nil {
		return nil, fmt.Errorf("sampled proof: header %d: %w", first-1, err)
	}
	for h := first; h < height; h++ {
		s, err := b.sealed(h)
		if err != nil {
			return nil, err
		}
		b.p.Tail = append(b.p.Tail, s)
	}
	start := startOf(&chain.Rules, height, q.Keep)
	for h := start.first; h <= start.last; h++ {
		header, err := src.Header(h)
		if err != nil {
			return nil, fmt.Errorf("sampled proof: header %d: %w", h, err)
		}
		b.p.Start = append(b.p.Start, header)
	}
	peaks, err := merkle.PeaksAt(src, b.leaves)
	if err != nil {
		return nil, err
	}
	b.root = peaks.Root()
	for _, at := range []struct {
		path   *merkle.Proof
		height int32
	}{{&b.p.GenesisPath, 0}, {&b.p.BelowPath, first - 1}, {&b.p.LastPath, height - 1}, {&b.p.StartPath, start.last}} {
		if *at.path, err = merkle.Prove(src, b.leaves, uint64(at.height)); err != nil {
			return nil, err
		}
	}
	return b.p, b.draw(&q, first)
}

// run is a range of heights, both ends included.
type run struct{ first, last int32 }

// startOf returns the headers that a verifier goes on from who takes the newest blocks up to a height elsewhere.
func startOf(rules *spv.Rules, height, keep int32) run {
	last := max(height-min(keep, height), 0)
	return run{first: max(last-rules.Lookback()+1, 0), last: last}
}

type builder struct {
	src    Source
	leaves uint64
	root   merkle.Node
	p      *Proof
}

func (b *builder) sealed(height int32) (spv.Sealed, error) {
	h, err := b.src.Header(height)
	if err != nil {
		return spv.Sealed{}, fmt.Errorf("sampled proof: header %d: %w", height, err)
	}
	aux, err := b.src.Aux(height)
	if err != nil || aux == nil {
		return spv.Sealed{}, fmt.Errorf("sampled proof: the merged-mining proof of header %d is not at hand: %v", height, err)
	}
	return spv.Sealed{Header: h, Aux: aux}, nil
}

// span returns where a block stands in the work.
func (b *builder) span(height int32) (merkle.Span, uint256.Int, error) {
	h, err := b.src.Header(height)
	if err != nil {
		return merkle.Span{}, uint256.Int{}, fmt.Errorf("sampled proof: header %d: %w", height, err)
	}
	path, err := merkle.Prove(b.src, b.leaves, uint64(height))
	if err != nil {
		return merkle.Span{}, uint256.Int{}, err
	}
	leaf := leafOf(&h)
	span, err := path.Verify(b.root.Hash, b.leaves, leaf, uint64(height))
	return span, leaf.Work, err
}

// leafOf is a header's leaf in the range.
func leafOf(h *spv.Header) merkle.Node {
	target, _ := spv.ParseTarget(h.Bits())
	return merkle.Node{Hash: h.ID(), Work: spv.WorkOf(&target)}
}

func (b *builder) draw(q *Query, first int32) error {
	start, _, err := b.span(first)
	if err != nil || first == 1 {
		return err // nothing below the tail but genesis
	}
	var tail uint256.Int
	tail.Sub(&start.Total, &start.Before)
	octaves := octavesFor(&start.Total, &tail)
	seed := q.seed(b.p.Tip.Header.ID())
	drawn := make(map[int32]bool)
	for i := range Draws(q.Security, octaves) {
		point := draw(seed, i, octaves, &start.Total)
		at, err := b.find(&point, first)
		if err != nil {
			return err
		}
		drawn[at] = true
	}
	for height := int32(1); height < first; height++ {
		if drawn[height] {
			if err := b.open(height); err != nil {
				return err
			}
		}
	}
	return nil
}

// find returns the block below first in whose work a point lies. A point in the tail gives first, one in genesis 0: both are shown anyway.
func (b *builder) find(point *uint256.Int, first int32) (int32, error) {
	low, high := int32(0), first // the block is in low..high
	for low < high {
		mid := low + (high-low+1)/2
		span, _, err := b.span(mid)
		if err != nil {
			return 0, err
		}
		if span.Before.Gt(point) {
			high = mid - 1
		} else {
			low = mid
		}
	}
	return low, nil
}

func (b *builder) open(height int32) error {
	s := Sample{Height: height}
	var err error
	if s.Before, err = b.src.Header(height - 1); err != nil {
		return fmt.Errorf("sampled proof: header %d: %w", height-1, err)
	}
	if s.Block, err = b.sealed(height); err != nil {
		return err
	}
	if s.BeforePath, err = merkle.Prove(b.src, b.leaves, uint64(height-1)); err != nil {
		return err
	}
	if s.Path, err = merkle.Prove(b.src, b.leaves, uint64(height)); err != nil {
		return err
	}
	b.p.Samples = append(b.p.Samples, s)
	return nil
}

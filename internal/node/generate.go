package node

import (
	"context"
	"fmt"

	"github.com/layeredpow/lamina/internal/node/chain"
	"github.com/layeredpow/lamina/internal/node/miner"
	"github.com/layeredpow/lamina/internal/node/template"
	"github.com/layeredpow/lamina/internal/node/work"
	"github.com/layeredpow/lamina/spv"
)

// Generate mines blocks of one chain, one after another, each on top of the tip and paying
// to a script, and returns their ids. A layer's blocks are mined without the L1's: the L1
// does not move. It is for private networks.
func (m *Mining) Generate(ctx context.Context, name string, blocks int, payout []byte) (ids []spv.Hash, err error) {
	l, err := m.node.Loop(name)
	switch {
	case err != nil:
		return nil, err
	case l.pool == nil:
		return nil, l.headersOnly()
	case !private(l.params):
		return nil, fmt.Errorf("%s: blocks at will are for private networks", name)
	}
	for range blocks {
		var raw []byte
		if l == m.node.l1 {
			raw, err = m.generateL1(ctx, payout)
		} else {
			raw, err = m.generateLayer(ctx, l, payout)
		}
		if err != nil {
			return ids, err
		}
		result, err := l.Block(ctx, raw)
		if err != nil {
			return ids, err
		}
		if result.Status != chain.Connected {
			return ids, fmt.Errorf("block %s is %s: the chain moved meanwhile", result.Block, result.Status)
		}
		ids = append(ids, result.Block.Hash)
	}
	return ids, nil
}

func (m *Mining) generateL1(ctx context.Context, payout []byte) ([]byte, error) {
	t, err := m.node.template(ctx, m.node.l1, payout)
	if err != nil {
		return nil, err
	}
	s, err := m.search(ctx, t, func(s *work.Solution) bool { return s.Parent })
	if err != nil {
		return nil, err
	}
	return s.Block(), nil
}

func (m *Mining) generateLayer(ctx context.Context, l *Loop, payout []byte) ([]byte, error) {
	t, err := m.node.template(ctx, l, payout)
	if err != nil {
		return nil, err
	}
	parent, err := m.node.parent(ctx, anybody)
	if err != nil {
		return nil, err
	}
	header, coinbase := t.Bare()
	s, err := m.search(ctx, parent, func(s *work.Solution) bool { return len(s.Layers) > 0 },
		work.Layer{Chain: l.params.Name, ID: l.params.AuxPoW.ChainID, Hash: header.ID(), Target: t.Target})
	if err != nil {
		return nil, err
	}
	return t.Block(&spv.Sealed{Header: header, Aux: s.Proof(0)}, coinbase), nil
}

// search looks for a share on one thread.
func (m *Mining) search(ctx context.Context, parent *template.Template, wanted func(*work.Solution) bool,
	layers ...work.Layer) (*work.Solution, error) {
	job, err := work.NewJob(m.node.l1.params.Work, parent, layers)
	if err != nil {
		return nil, err
	}
	looking, stop := context.WithCancel(ctx)
	defer stop()
	var solution *work.Solution // written on the one thread, which Run waits for
	board := work.NewBoard(func(s *work.Solution) {
		if solution == nil && wanted(s) {
			solution = s
			stop()
		}
	})
	board.Post(job)
	one, err := miner.New(board, miner.Settings{Threads: 1, Tag: newTag('g')})
	if err != nil {
		return nil, err
	}
	one.Run(looking)
	if solution == nil {
		return nil, ctx.Err()
	}
	return solution, nil
}

package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/chain"
	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/internal/node/mempool"
	"github.com/layeredpow/lamina/internal/p2p"
	"github.com/layeredpow/lamina/spv/chains"
)

const (
	// flushEvery is how often chains are written, so that little is connected again after
	// a kill.
	flushEvery = time.Minute
	// rememberedSignatures is how many a chain's cache holds, some 40 bytes each.
	rememberedSignatures = 100_000
)

// Node is a stack that has been opened.
type Node struct {
	cfg    Config
	l1     *Loop
	layers []*Loop
	mining *Mining
	upload *p2p.Upload
	closed sync.Once

	settlements map[string]*Settlement // by layer
}

// Run opens a stack, tells so, and runs it until the context ends.
func Run(ctx context.Context, cfg Config, ready func(*Node)) error {
	n, err := Open(cfg)
	if err != nil {
		return err
	}
	ready(n)
	return n.Run(ctx)
}

// Open opens a stack's chains and its ports. Run must follow, or Close.
func Open(cfg Config) (*Node, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	n := &Node{cfg: cfg}
	if cfg.Upload > 0 {
		n.upload = p2p.NewUpload(cfg.Upload)
	}
	if err := n.open(); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *Node) open() error {
	l1, err := n.openChain(n.cfg.Stack.L1, nil)
	if err != nil {
		return err
	}
	n.l1 = l1
	for _, p := range n.cfg.Stack.Layers {
		if !p.Kind.Layered() || p.Parent != l1.params.Name {
			// Chains under rules of their own have nodes of their own; a layer of a layer would
			// have to state its parent layer's block, which nothing here chooses.
			n.cfg.Log.Info("not run here", "chain", p.Name, "kind", p.Kind.String(), "parent", p.Parent)
			continue
		}
		layer, err := n.openChain(p, l1.view)
		if err != nil {
			return err
		}
		layer.seek = l1.tellSought
		n.layers = append(n.layers, layer)
	}
	l1.stir = func() {
		for _, layer := range n.layers {
			layer.tellL1Moved()
		}
	}
	if n.mining, err = newMining(n); err != nil {
		return err
	}
	return n.openSettlements()
}

// openChain opens a chain and its port. L1 is nil for an L1.
func (n *Node) openChain(p *chains.Params, l1 View) (*Loop, error) {
	log := n.cfg.Log.With("chain", p.Name)
	var salt [32]byte
	_, _ = rand.Read(salt[:]) // never fails (crypto/rand)
	o := chain.Options{SigCache: consensus.NewSigCache(rememberedSignatures, salt)}
	if !private(p) {
		o.ParkDepth, o.ParkGap = chain.ParkDepth, chain.ParkGap
	}
	var parent chain.ParentSource
	if l1 != nil {
		parent = l1
	}
	c, err := chain.Open(n.cfg.folder(p), p, parent, o)
	if err != nil {
		return nil, err
	}
	var view View = c
	var pool *mempool.Pool
	if ours(p) {
		cfg := mempool.Config{Params: p, Chain: c, Cache: o.SigCache}
		if l1 != nil {
			cfg.L1, cfg.Payer = l1, l1.NetID()
		}
		pool = mempool.New(cfg)
	} else {
		view = headerChain{c}
	}
	l := newLoop(p, c, view, pool, l1, log)
	if l.listen, err = n.cfg.listen(p); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	n.connect(l)
	return l, nil
}

// connect says whom a loop speaks to.
func (n *Node) connect(l *Loop) {
	l.cfg.Agent, l.cfg.Peers, l.cfg.Clock = n.cfg.Agent, n.cfg.Peers[l.params.Name], n.cfg.Clock
	if l.listen != nil { // a nil *TCPListener is no nil net.Listener
		l.cfg.Listen = l.listen
	}
	l.cfg.Upload, l.cfg.Proxy = n.upload, n.cfg.Proxy
	if !private(l.params) && len(l.cfg.Peers) == 0 {
		l.cfg.Book = filepath.Join(n.cfg.folder(l.params), "peers.dat")
		l.cfg.Seek = &p2p.Seek{Want: wire.SFNodeNetwork, Seeds: l.params.P2P.Seeds, Port: l.params.P2P.Port}
	}
}

// Loops returns the chains that run, the L1 first.
func (n *Node) Loops() []*Loop { return append([]*Loop{n.l1}, n.layers...) }

// Loop returns the one of a chain.
func (n *Node) Loop(name string) (*Loop, error) {
	for _, l := range n.Loops() {
		if l.params.Name == name {
			return l, nil
		}
	}
	return nil, fmt.Errorf("chain %q: it does not run here", name)
}

// Mining returns what searches for blocks.
func (n *Node) Mining() *Mining { return n.mining }

// Run runs everything until the context ends, then closes it. Its error is what ended it
// before that.
func (n *Node) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var all sync.WaitGroup
	for _, l := range n.Loops() {
		l.fault = func(err error) { stop(err) }
		all.Go(func() {
			if err := l.run(ctx); err != nil {
				stop(err)
			}
		})
	}
	for _, s := range n.settlements {
		all.Go(func() { s.run(ctx) })
	}
	all.Go(func() { n.flush(ctx, stop) })
	n.mining.run(ctx, &all, stop)
	all.Wait()
	err := context.Cause(ctx)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		err = nil
	}
	return errors.Join(err, n.Close())
}

// flush writes the chains now and again.
func (n *Node) flush(ctx context.Context, stop context.CancelCauseFunc) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, l := range n.Loops() {
			if err := l.flush(ctx); err != nil && ctx.Err() == nil {
				stop(fmt.Errorf("%s: %w", l.params.Name, err))
				return
			}
		}
	}
}

// Close lets go of a stack that does not run. The layers go first: they ask their L1.
func (n *Node) Close() (err error) {
	n.closed.Do(func() {
		var errs []error
		for _, s := range n.settlements {
			errs = append(errs, s.close())
		}
		for i := len(n.layers) - 1; i >= 0; i-- {
			errs = append(errs, n.layers[i].close())
		}
		if n.l1 != nil {
			errs = append(errs, n.l1.close())
		}
		if n.mining != nil {
			errs = append(errs, n.mining.close())
		}
		err = errors.Join(errs...)
	})
	return err
}

func (l *Loop) close() error {
	return errors.Join(closeListener(l.listen), l.chain.Close())
}

// closeListener closes a port that may have been closed, or never opened.
func closeListener(l net.Listener) error {
	if l == nil {
		return nil
	}
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

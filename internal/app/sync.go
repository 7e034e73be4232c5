package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/p2p"
	"github.com/layeredpow/lamina/internal/store"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/said"
	"github.com/layeredpow/lamina/spv/syncer"
)

// Progress tells how far the synchronisation of one chain is. A layer is synced only while
// its L1 is, too.
type Progress struct {
	Chain string
	syncer.Status
	p2p.Report
	Sampled *Sampled // what is known by a sampled proof only; nil: all was verified
}

// DataError says why a data folder cannot be opened, with a hint for the user.
type DataError = store.OpenError

// Sync says what to follow: one chain, its peers, and where its headers are kept.
type Sync struct {
	Chain   *chains.Params
	DataDir string
	Peers   []string // host:port, kept connected; none: peers are sought
	Agent   string   // user agent, such as "/Lamina:0.1.0/"
	Log     *slog.Logger
}

// Run follows the chain until the context ends, as Follow.Run does.
func (s *Sync) Run(ctx context.Context, notify func(Progress)) error {
	f := Follow{Chains: []*chains.Params{s.Chain}, Peers: map[string][]string{s.Chain.Name: s.Peers},
		DataDir: s.DataDir, Agent: s.Agent, Log: s.Log}
	return f.Run(ctx, notify)
}

// Follow says what to follow: chains, of which layers come with their L1.
type Follow struct {
	Chains []*chains.Params
	// Peers are host:port by chain, and kept connected. For a chain without any, peers are
	// sought, if its network is a public one.
	Peers   map[string][]string
	DataDir string
	Agent   string // user agent, such as "/Lamina:0.1.0/"
	Proxy   string // host:port of a SOCKS5 proxy for all connections; empty: none
	// Resolve looks the names of seeds up; nil asks the system.
	Resolve func(ctx context.Context, name string) ([]netip.Addr, error)
	Verify  Verify // how much of layers' histories
	// AllowBloom names chains whose peers may be told Bloom filters for wallets.
	AllowBloom []string
	// Clock gives the time by which headers are too far in the future; nil: time.Now.
	Clock func() time.Time
	Log   *slog.Logger
}

// Run follows the chains until the context ends, each in a loop of its own. It continues
// from what the data folder holds; what damage has cost is fetched again. Notify is
// called often, for one chain at a time, and must not block. The first error ends all.
func (f *Follow) Run(ctx context.Context, notify func(Progress)) error {
	if err := f.check(); err != nil {
		return err
	}
	disk, err := store.Open(f.DataDir)
	if err != nil {
		return err
	}
	defer func() {
		if err := disk.Close(); err != nil {
			f.Log.Error("data folder", "error", err)
		}
	}()
	all, err := f.open(disk)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var one sync.Mutex // one chain's report at a time
	var loops sync.WaitGroup
	errs := make([]error, len(all))
	for i, c := range all {
		loops.Go(func() {
			defer stop()
			errs[i] = c.run(ctx, func(p Progress) {
				one.Lock()
				defer one.Unlock()
				notify(p)
			})
		})
	}
	loops.Wait()
	return errors.Join(errs...)
}

// FindsPeers tells whether peers of a chain can be had without naming any: its network is
// a public one, and there are seeds.
func FindsPeers(p *chains.Params) bool {
	return len(p.P2P.Seeds) > 0 && p2p.SeekOf(p, wire.SFNodeNetwork) != nil
}

// check makes sure that every layer's L1 is followed beside it.
func (f *Follow) check() error {
	if err := f.Verify.check(); err != nil {
		return err
	}
	followed := map[string]bool{}
	for _, p := range f.Chains {
		if followed[p.Name] {
			return fmt.Errorf("%s is to be followed twice", p.Name)
		}
		followed[p.Name] = true
	}
	for _, name := range f.AllowBloom {
		if !followed[name] {
			return fmt.Errorf("bloom filters are allowed on %q, which is not followed", name)
		}
	}
	for _, p := range f.Chains {
		if p.Kind.Layered() && !followed[p.Parent] {
			return fmt.Errorf("%s is a layer: its proofs want %s followed beside it", p.Name, p.Parent)
		}
	}
	return nil
}

// open takes every chain from disk and gives the layers a view of their L1.
func (f *Follow) open(disk *store.Store) ([]*followed, error) {
	byName := map[string]*followed{}
	var all []*followed
	for _, p := range f.Chains {
		c, err := f.openChain(disk, p)
		if err != nil {
			return nil, err
		}
		byName[p.Name] = c
		all = append(all, c)
	}
	for _, c := range all {
		if !c.params.Kind.Layered() {
			continue
		}
		l1 := c
		for l1.params.Kind.Layered() {
			l1 = byName[l1.params.Parent] // check has seen to it that it is there
		}
		if l1.view == nil {
			l1.view = newParentView(l1.tree, l1.chain)
		}
		l1.layers = append(l1.layers, c.inputs)
		c.l1, c.seek = l1.view, l1.inputs
		c.tree.LinkTo(l1.view)
	}
	return all, nil
}

func (f *Follow) openChain(disk *store.Store, p *chains.Params) (*followed, error) {
	rules := &p.Rules
	target, ok := spv.ParseTarget(rules.Genesis.Bits())
	if !ok {
		return nil, fmt.Errorf("%s: genesis bits %08x are no target", p.Name, rules.Genesis.Bits())
	}
	chain, cut, err := disk.Chain(p.Name, rules.Genesis, 0, spv.WorkOf(&target))
	if err != nil {
		return nil, err
	}
	clock := f.Clock
	if clock == nil {
		clock = time.Now
	}
	log := f.Log.With("chain", p.Name)
	if cut > 0 {
		log.Warn("headers file was damaged, the rest is fetched again", "lost", cut)
	}
	sampling, err := f.Verify.begin(disk, chain, p, log)
	if err != nil {
		return nil, err
	}
	if public(p) {
		// Twice the time that the newest should have taken, in case blocks were slow.
		chain.KeepProofs(uint32(clock().Unix() - 2*store.KeptProofs*int64(p.Spacing())))
	}
	tree, err := chain.Tree(rules)
	if err != nil {
		return nil, err
	}
	c := &followed{params: p, chain: chain, tree: tree, sampling: sampling, bloom: slices.Contains(f.AllowBloom, p.Name), inputs: make(chan syncer.Input, boxed)}
	c.cfg = p2p.Config{Codec: codecOf(p), Agent: f.Agent, Protocol: p.P2P.Protocol, Peers: f.Peers[p.Name], Log: log,
		Inputs: c.inputs, Proxy: f.Proxy, V2: p.P2P.V2, Clock: clock}
	if len(c.cfg.Peers) == 0 {
		if c.cfg.Seek = p2p.SeekOf(p, wire.SFNodeNetwork); c.cfg.Seek != nil {
			c.cfg.Seek.Resolve = f.Resolve
			c.cfg.Book = filepath.Join(f.DataDir, p.Name+".peers")
		}
	}
	return c, nil
}

// scanFrom says how a chain's blocks are looked through for wallets, from a height on.
func (c *followed) scanFrom(height int32) (*syncer.Scan, error) {
	doubts, err := c.chain.Doubts()
	if err != nil {
		return nil, err
	}
	hearsay, alone, err := c.chain.Hearsay()
	if err != nil {
		return nil, err
	}
	return &syncer.Scan{From: height, Layered: c.params.Kind.Layered(), Filters: c.chain, Headers: c.chain, Doubts: doubts, Hearsay: hearsay, Alone: alone,
		Relay: true, Bloom: c.bloom}, nil
}

// wanted returns what peers that are sought for a wallet must serve: where Bloom filters
// are allowed those that take some will do.
func (c *followed) wanted() wire.ServiceFlag {
	if c.bloom {
		return wire.SFNodeBloom
	}
	return wire.SFNodeCF
}

// public tells whether anybody may run a node of a chain's network.
func public(p *chains.Params) bool { return p.Network == chains.Main || p.Network == chains.Test }

// followed is one chain on its way. Its loop alone uses tree and chain.
type followed struct {
	params *chains.Params
	cfg    p2p.Config
	chain  *store.Chain
	tree   *spv.Tree
	inputs chan syncer.Input   // see post
	view   *parentView         // of an L1 with layers: what they know of it
	layers []chan syncer.Input // and where they are told that it has moved
	l1     *parentView         // of a layer: its L1
	seek   chan syncer.Input   // and where it is asked for what it does not have

	bloom    bool // its peers may be told Bloom filters
	sampling bool // it begins by a sampled proof
	older    bool // a wallet is older than what is held of a chain that began so
}

func (c *followed) run(ctx context.Context, notify func(Progress)) error {
	machine := c.newMachine()
	c.cfg.Sink = c.carryOut
	err := p2p.Run(ctx, c.cfg, machine, func(r p2p.Report) {
		status := machine.Status()
		c.follow(&status)
		notify(Progress{Chain: c.params.Name, Status: status, Report: r, Sampled: c.chain.Sampled()})
	})
	return errors.Join(err, c.chain.Settle())
}

// follow tells the layers of their L1's moves, and corrects what a layer says of itself.
func (c *followed) follow(status *syncer.Status) {
	if c.view != nil && c.view.update(c.tree, c.chain, status.Synced, time.Now()) {
		c.tellLayers()
	}
	if c.l1 != nil && status.Synced && !c.l1.Synced() {
		status.Synced = false
		status.WaitFor(said.Of("its L1 to be synced"))
	}
	if c.older {
		status.Synced = false
		status.WaitFor(said.Of("all to be verified, for a wallet older than the sampled start: run it once with --verify all"))
	}
}

// carryOut makes durable what the machine wants stored. Headers may still be on their way to
// the disk when it returns: nothing but more headers rests on them here.
func (c *followed) carryOut(out syncer.Output) ([]syncer.Input, error) {
	switch out := out.(type) {
	case syncer.Store:
		if !public(c.params) { // its peers are the user's own
			c.chain.ExpectHeight(out.Claimed)
		}
		return nil, c.chain.Begin(out.Change)
	case syncer.Placed:
		return nil, c.place(&out)
	case syncer.StoreFilters:
		return nil, c.chain.AppendFilters(out.From, out.Headers, out.Filters)
	case syncer.CutFilters:
		return nil, c.chain.CutFilters(out.To)
	case syncer.Doubt:
		return nil, c.chain.Doubt(out.Height)
	case syncer.Hearsay:
		return nil, c.chain.SetHearsay(out.From, out.Alone)
	case syncer.Missing:
		if _, known := c.l1.Lookup(out.Parent); !known {
			post(c.seek, syncer.Seek{Block: out.Parent})
		}
	case syncer.Stray:
		return c.stray(out.Header), nil
	}
	return nil, nil
}

// stray takes a header off the L1's best chain, and seeks the one below where that is not
// known. One that breaks a rule is nobody's fault but its layer peer's, who named it.
func (c *followed) stray(h spv.Header) []syncer.Input {
	if c.view == nil {
		return nil
	}
	switch err := c.view.addStray(h, uint32(c.cfg.Clock().Unix())); {
	case err == nil:
		c.tellLayers()
	case errors.Is(err, errLoose):
		return []syncer.Input{syncer.Seek{Block: h.Prev()}}
	default:
		c.cfg.Log.Warn("a layer's proof builds on a block that is not valid", "block", h.ID(), "error", err)
	}
	return nil
}

func (c *followed) tellLayers() {
	for _, layer := range c.layers {
		post(layer, syncer.ParentMoved{})
	}
}

// boxed is how many inputs wait in the box of a loop: at least as many as one message of a layer seeks of its L1.
const boxed = 64

// post puts an input into the box of a loop, and never waits. Where it is full the oldest gives way, unless that is ParentMoved,
// without which a layer may wait for ever: a Seek is asked for again after a while, and any input wakes the loop.
func post(box chan syncer.Input, in syncer.Input) {
	for {
		select {
		case box <- in:
			return
		default:
		}
		select {
		case old := <-box:
			if moved, ok := old.(syncer.ParentMoved); ok {
				in = moved
			}
		default: // the loop has taken it
		}
	}
}

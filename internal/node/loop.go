package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/chain"
	"github.com/layeredpow/lamina/internal/node/mempool"
	"github.com/layeredpow/lamina/internal/node/relay"
	"github.com/layeredpow/lamina/internal/p2p"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

// errStopped is what calls get once the loop has ended.
var errStopped = errors.New("the node stops")

// View is a chain as anybody may read it while its loop runs: of a foreign L1 the headers
// alone.
type View interface {
	relay.Chain
	chain.ParentSource
}

// Loop is one chain and the goroutine that owns it. Its methods may be called from any
// goroutine.
type Loop struct {
	params  *chains.Params
	log     *slog.Logger
	chain   *chain.Chain
	view    View          // the chain, or its headers
	pool    *mempool.Pool // nil for a foreign L1
	machine *relay.Machine
	cfg     p2p.Config
	listen  net.Listener
	inputs  chan syncer.Input // holds one: a second Resume says nothing new
	board   *p2p.Switchboard
	status  atomic.Pointer[relay.Status]
	report  atomic.Pointer[p2p.Report]
	ended   chan struct{}

	mu      sync.Mutex
	calls   []call
	l1Moved bool          // a layer's L1 has moved since the layer last looked
	sought  []spv.Hash    // headers off the best chain that layers lack
	news    chan struct{} // closed when the tip moves

	// Of the loop alone.
	tip     spv.Block
	carried []call                         // carried out, and not yet told so
	stirred bool                           // headers or blocks came since stir was last called
	stir    func()                         // called when they have
	seek    func(spv.Hash)                 // called with what a layer lacks of its L1
	moved   func()                         // called when the tip has moved, and when the chain has caught up
	fault   func(error)                    // called when chain or disk have failed
	settle  func(syncer.Peer, msg.Message) // called with what peers say about settlement
}

// call is something that another goroutine has the loop do.
type call struct {
	run  func(now time.Time)
	done chan struct{} // closed once all that follows from it here has been done, too; nil if nobody waits
}

// watched is a chain that notes when headers or blocks come, on whatever branch: layers may
// have waited for them.
type watched struct {
	View
	stirred *bool
}

func (w watched) Accept(raw []byte, now uint32) (chain.Result, error) {
	r, err := w.View.Accept(raw, now)
	*w.stirred = *w.stirred || r.Status != chain.Orphan && r.Status != chain.Duplicate
	return r, err
}

func (w watched) AcceptHeaders(run []spv.Sealed, now uint32) (int, error) {
	n, err := w.View.AcceptHeaders(run, now)
	*w.stirred = *w.stirred || n > 0
	return n, err
}

// newLoop returns the loop of a chain that has been opened. L1 is nil for an L1.
func newLoop(p *chains.Params, c *chain.Chain, view View, pool *mempool.Pool, l1 View, log *slog.Logger) *Loop {
	l := &Loop{params: p, log: log, chain: c, view: view, pool: pool, inputs: make(chan syncer.Input, 1),
		board: p2p.NewSwitchboard(), ended: make(chan struct{}), news: make(chan struct{}), tip: view.Tip(),
		stir: func() {}, seek: func(spv.Hash) {}, moved: func() {}, fault: func(error) {}, settle: func(syncer.Peer, msg.Message) {}}
	cfg := relay.Config{Chain: watched{view, &l.stirred}, Pool: noPool{}}
	if pool != nil {
		cfg.Pool = pool
	}
	if l1 != nil {
		cfg.Parent, cfg.Sample = l1, c.Sample
		l.l1Moved = true // it may have, since both were last open
	}
	cfg.Settle = func(from syncer.Peer, message msg.Message) { l.settle(from, message) }
	_, _ = rand.Read(cfg.Salt[:]) // never fails (crypto/rand)
	l.machine = relay.New(cfg)
	l.status.Store(&relay.Status{Tip: l.tip, Header: l.tip, Initial: true})
	l.report.Store(&p2p.Report{})
	l.cfg = p2p.Config{Codec: msg.Codec{Magic: p.P2P.Magic, AuxPoW: p.AuxPoW != nil, MaxBlock: p.P2P.MaxMessage},
		Protocol: p.P2P.Protocol, V2: p.P2P.V2, Log: log, Sink: l.sink, Inputs: l.inputs, Switchboard: l.board, Height: func() int32 { return view.Tip().Height }}
	if pool != nil {
		l.cfg.Services, l.cfg.Relay = Services, true
	}
	if cfg.Sample != nil {
		l.cfg.Services |= msg.SFNodeSample
	}
	return l
}

// Services are what a full node offers to peers (BIP14 bits).
const Services = wire.SFNodeNetwork | wire.SFNodeWitness | wire.SFNodeCF

// run owns the chain until the context ends.
func (l *Loop) run(ctx context.Context) error {
	defer close(l.ended)
	l.poke() // a layer has to look at its L1
	err := p2p.Run(ctx, l.cfg, l, func(r p2p.Report) { l.tell(&r) })
	if err != nil {
		return fmt.Errorf("%s: %w", l.params.Name, err)
	}
	return nil
}

// Step hands the machine an input, after what others have asked for. It is for the driver.
func (l *Loop) Step(now time.Time, in syncer.Input) (out []syncer.Output) {
	if _, ok := in.(syncer.Resume); ok {
		out = l.carryOut(now)
	}
	out = append(out, l.machine.Step(now, in)...)
	if l.pool == nil {
		out = withoutInventory(out)
	}
	if l.stirred {
		l.stirred = false
		l.stir()
	}
	l.follow()
	for _, c := range l.carried {
		if c.done != nil {
			close(c.done)
		}
	}
	l.carried = nil
	return out
}

// carryOut does what others have asked for. The machine follows the chain after each, so
// that pool and chain agree whenever a call begins.
func (l *Loop) carryOut(now time.Time) (out []syncer.Output) {
	l.mu.Lock()
	calls, l1Moved, sought := l.calls, l.l1Moved, l.sought
	l.calls, l.l1Moved, l.sought = nil, false, nil
	l.mu.Unlock()
	if l1Moved {
		out = append(out, l.machine.Step(now, syncer.ParentMoved{})...)
	}
	for _, id := range sought {
		out = append(out, l.machine.Step(now, syncer.Seek{Block: id})...)
	}
	for _, c := range calls {
		c.run(now)
		out = append(out, l.machine.Step(now, syncer.Resume{})...)
	}
	l.carried = append(l.carried, calls...)
	return out
}

// withoutInventory leaves out announcements: a chain whose blocks are not held here has
// nothing to announce.
func withoutInventory(out []syncer.Output) []syncer.Output {
	kept := out[:0]
	for _, o := range out {
		if s, ok := o.(syncer.Send); ok {
			if _, inv := s.Message.(*wire.MsgInv); inv {
				continue
			}
		}
		kept = append(kept, o)
	}
	return kept
}

// follow tells whoever waits that the tip has moved.
func (l *Loop) follow() {
	tip := l.view.Tip()
	if tip == l.tip {
		return
	}
	l.log.Info("tip", "height", tip.Height, "block", tip.Hash, "from", l.tip.Height)
	l.tip = tip
	l.mu.Lock()
	close(l.news)
	l.news = make(chan struct{})
	l.mu.Unlock()
	l.moved()
}

// tell publishes where the loop stands.
func (l *Loop) tell(r *p2p.Report) {
	s := l.machine.Status()
	was := l.status.Swap(&s)
	l.report.Store(r)
	if was.Initial && !s.Initial {
		l.log.Info("caught up", "height", s.Tip.Height)
		l.moved()
	}
	if s.Fault != nil && was.Fault == nil {
		l.fault(fmt.Errorf("%s: %w", l.params.Name, s.Fault))
	}
}

// poke makes the loop look for calls.
func (l *Loop) poke() {
	select {
	case l.inputs <- syncer.Resume{}:
	default: // one waits already, and will see what is there now
	}
}

// tellL1Moved lets a layer look at its L1 again.
func (l *Loop) tellL1Moved() {
	l.mu.Lock()
	l.l1Moved = true
	l.mu.Unlock()
	l.poke()
}

// maxSought is how many headers a loop is asked for at a time. What is lost by it is asked for again.
const maxSought = 2 * syncer.MaxMissing

// tellSought has the loop ask its peers for a header.
func (l *Loop) tellSought(id spv.Hash) {
	l.mu.Lock()
	if len(l.sought) < maxSought {
		l.sought = append(l.sought, id)
	}
	l.mu.Unlock()
	l.poke()
}

// sink carries out what is for others than peers.
func (l *Loop) sink(out syncer.Output) ([]syncer.Input, error) {
	if missing, ok := out.(syncer.Missing); ok {
		l.seek(missing.Parent)
	}
	return nil, nil
}

// post runs a function on the loop, some time later.
func (l *Loop) post(f func(now time.Time)) { l.put(call{run: f}) }

func (l *Loop) put(c call) {
	l.mu.Lock()
	l.calls = append(l.calls, c)
	l.mu.Unlock()
	l.poke()
}

// do runs a function on the loop and waits for it, and for what follows from it here: the mempool has moved with the chain, and
// the layers know that their L1 has. After an error it may still run.
func (l *Loop) do(ctx context.Context, f func(now time.Time)) error {
	done := make(chan struct{})
	l.put(call{f, done})
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.ended:
	}
	select {
	case <-done:
		return nil
	default:
		return errStopped
	}
}

// answer is what a call on the loop led to.
type answer[T any] struct {
	value T
	err   error
}

// on runs a function on a loop and returns what it returns.
func on[T any](ctx context.Context, l *Loop, f func(now time.Time) (T, error)) (T, error) {
	got := &answer[T]{}
	if err := l.do(ctx, func(now time.Time) { got.value, got.err = f(now) }); err != nil {
		var none T
		return none, err
	}
	return got.value, got.err
}

package daemon

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/settler"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

// Config says what a running settler is connected to.
type Config struct {
	Machine *settler.Machine // the caller leaves it alone meanwhile
	Signer  Signer           // nil: it only passes on and broadcasts
	// News, one for each chain, returns a channel that is closed when the chain moves next.
	News []func() <-chan struct{}
	// Heard brings what peers send, settler.Heard and settler.Asked; whoever fills it may drop what does not fit.
	Heard <-chan settler.Input
	// Asks brings questions to the machine, which its only user puts to it between two steps.
	Asks <-chan func(*settler.Machine)
	// Again is how often what may have been lost is repeated; 0: every 20 s.
	Again time.Duration
	// Gossip sends to all peers but one, Blame tells of a bad one. They do not wait.
	Gossip func(m msg.Message, except syncer.Peer)
	Blame  func(p syncer.Peer, why string)
	// Broadcast hands a batch or a sweep to the L1's node. Its error is logged: it is tried again.
	Broadcast func(ctx context.Context, tx *wire.MsgTx) error
	// Told gets the status after each step.
	Told func(settler.Status)
	Log  *slog.Logger
}

// maxOutbox is how many transactions wait to be broadcast; more come again.
const maxOutbox = 512

// usualAgain is Config.Again's default.
const usualAgain = 20 * time.Second

// run is a settler that runs.
type run struct {
	Config
	ctx     context.Context
	moved   chan struct{} // holds one
	signed  chan settler.Signed
	asked   spv.Hash           // the transaction that the signer works on; zero: none
	give    context.CancelFunc // gives that up
	outbox  chan *wire.MsgTx   // on its way to the L1's node
	work    sync.WaitGroup
	refuses string // the last refusal that was logged
	behind  int    // ticks since it is behind
}

// Run drives a settler until the context ends.
func Run(ctx context.Context, c Config) {
	if c.Again == 0 {
		c.Again = usualAgain
	}
	ctx, stop := context.WithCancel(ctx)
	r := &run{Config: c, ctx: ctx, signed: make(chan settler.Signed), moved: make(chan struct{}, 1), outbox: make(chan *wire.MsgTx, maxOutbox)}
	defer r.work.Wait()
	defer stop()
	tick := time.NewTicker(c.Again)
	defer tick.Stop()
	for _, news := range c.News {
		r.work.Go(func() { r.watch(news) })
	}
	r.work.Go(r.deliver)
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.moved:
			r.step(settler.Moved{})
		case <-tick.C:
			r.behind++
			r.step(settler.Tick{})
		case h := <-c.Heard:
			r.step(h)
		case ask := <-c.Asks:
			ask(c.Machine)
		case s := <-r.signed:
			r.asked = spv.Hash{}
			r.step(s)
		}
	}
}

// watch tells whenever a chain has moved. News are asked for before the step reads what is
// there, so that none is missed.
func (r *run) watch(news func() <-chan struct{}) {
	for {
		next := news()
		select {
		case r.moved <- struct{}{}:
		default: // one waits already
		}
		select {
		case <-next:
		case <-r.ctx.Done():
			return
		}
	}
}

func (r *run) step(in settler.Input) {
	for _, out := range r.Machine.Step(in) {
		switch out := out.(type) {
		case settler.Sign:
			r.sign(&out)
		case settler.Gossip:
			r.Gossip(out.Sig, out.Except)
		case settler.Spread:
			r.Gossip(out.Ask, out.Except)
		case settler.Blame:
			r.Blame(out.Peer, out.Why)
		case settler.Broadcast:
			r.broadcast(out.Tx)
		}
	}
	r.tell()
}

// sign lets the signer work, one batch at a time: what is left out is asked for again. A
// signer may take for ever; when another batch is wanted it is to give up.
func (r *run) sign(s *settler.Sign) {
	txid := s.Batch.Tx.TxHash()
	if r.Signer == nil || r.asked == txid {
		return
	}
	if r.asked != (spv.Hash{}) {
		r.give()
		return
	}
	r.asked = txid
	ctx, give := context.WithCancel(r.ctx)
	r.give = give
	r.work.Go(func() {
		defer give()
		sigs, err := r.Signer.Sign(ctx, s)
		if err != nil && ctx.Err() == nil {
			r.Log.Error("no signature", "batch", s.Batch.Number, "transaction", txid, "error", err)
		}
		select {
		case r.signed <- settler.Signed{TxID: txid, Sigs: sigs, Err: err}:
		case <-r.ctx.Done():
		}
	})
}

// broadcast has a transaction delivered. What does not fit comes again.
func (r *run) broadcast(tx *wire.MsgTx) {
	select {
	case r.outbox <- tx:
	default:
	}
}

// deliver hands on what is to be broadcast, one after the other.
func (r *run) deliver() {
	for {
		select {
		case tx := <-r.outbox:
			if err := r.Broadcast(r.ctx, tx); err != nil && r.ctx.Err() == nil {
				r.Log.Warn("transaction not taken", "transaction", tx.TxHash(), "error", err)
			}
		case <-r.ctx.Done():
			return
		}
	}
}

// longBehind is for how many ticks one may be behind before that is told.
const longBehind = 3

// tell publishes the status, and logs why nothing is signed when that changes: quietly where there is no signer, who would not sign
// anyhow. To be behind for a moment is usual whenever a block comes.
func (r *run) tell() {
	s := r.Machine.Status()
	name := ""
	if s.Refusal != nil {
		name = s.Refusal.Name
	}
	if name != settler.RefuseBehind {
		r.behind = 0
	}
	warn, inform := slog.LevelWarn, slog.LevelInfo
	if r.Signer == nil {
		warn, inform = slog.LevelDebug, slog.LevelDebug
	}
	switch {
	case name == settler.RefuseBehind && r.behind < longBehind || name == r.refuses:
	case name == "":
		r.refuses = name
		r.Log.Log(r.ctx, inform, "nothing stands against signing any more")
	default:
		r.refuses = name
		r.Log.Log(r.ctx, warn, "signs nothing", "why", s.Refusal.Error())
	}
	if r.Told != nil {
		r.Told(s)
	}
}

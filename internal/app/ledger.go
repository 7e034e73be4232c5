package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/p2p"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/syncer"
)

// ledger is one chain with the purses on it. Its loop alone uses them; all others ask it,
// by call.
type ledger struct {
	noted uint64 // of the L1's moves
	*followed
	feed    *feed
	clock   func() time.Time
	offline bool
	asked   chan func()                   // what the loop is to do
	ended   chan struct{}                 // closed when the loop is over
	shown   atomic.Pointer[chainSnapshot] // what the loop has told last

	machine machine
	purses  []*purse
	first   int32              // lowest block that the machine looks at; 0: headers only
	scanned spv.Block          // what the machine has told last
	queue   []syncer.Input     // for the machine, before anything else
	peers   map[spv.Hash]int   // that announced an unconfirmed transaction
	restart context.CancelFunc // ends this run, so that the next one looks from elsewhere
	pace    pace
	lender  *parentView // the chain whose work this one borrows, if it is followed
	gauge   gauge
	fetch   fetch
	apex    *chains.Params // its L1, or its own
	deals   *settlements
	// settleOut is what the machine broadcasts for settlements.
	settleOut map[spv.Hash]spv.Hash // ids without and with witness
	fees      feeWatch
	handed    handouts
	whispers  *whisperer // of this run
}

// chainSnapshot is what a loop tells of its chain. It does not change.
type chainSnapshot struct {
	status  syncer.Status
	report  p2p.Report
	scanned spv.Block
	eta     time.Duration // 0: not known
	sampled *Sampled
}

// same tells whether nothing has changed that listeners are told of: how far the chain is, and what Trust rests on.
func (s *chainSnapshot) same(now *chainSnapshot) bool {
	a, b := &s.status, &now.status
	return a.Tip == b.Tip && a.Stage == b.Stage && a.Synced == b.Synced && a.Peers == b.Peers && s.scanned == now.scanned &&
		a.Rung == b.Rung && a.FilterPeers == b.FilterPeers && a.BloomPeers == b.BloomPeers && a.Disputed == b.Disputed
}

// wake has a loop look at what it is asked. It travels as an input, and may be lost when
// a run ends: the next one looks of its own accord.
type wake struct{ syncer.Input }

// queued has the loop hand the machine what is in the queue. It travels as an output.
type queued struct{ syncer.Output }

// Step does what the loop is asked, and hands the machine an input.
func (l *ledger) Step(now time.Time, in syncer.Input) (out []syncer.Output) {
	l.answer()
	if l.l1 != nil {
		// Whatever becomes of a message between loops, a layer looks at its L1 itself: it would wait for ever.
		if moves := l.l1.moves.Load(); moves != l.noted {
			l.noted = moves
			l.queue = append(l.queue, syncer.ParentMoved{})
		}
	}
	if _, only := in.(wake); !only {
		out = l.machine.Step(now, in)
		if !l.sampling {
			l.gaugeWaiting(in, out)
		}
	}
	l.seeFees(in)
	l.handed.see(in, out)
	out = append(out, l.fetch.step(now, in)...)
	if len(l.queue) > 0 || l.broken() != nil {
		out = append(out, queued{})
	}
	return out
}

// broken returns what went wrong with the disk below a purse.
func (l *ledger) broken() error {
	for _, p := range l.purses {
		if p.book.broken != nil {
			return p.book.broken
		}
	}
	return l.settleBroken()
}

// answer does all that the loop is asked.
func (l *ledger) answer() {
	for {
		select {
		case do := <-l.asked:
			do()
		default:
			return
		}
	}
}

// call runs f in a ledger's loop and returns its result.
func call[T any](ctx context.Context, l *ledger, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	do := func() {
		value, err := f()
		done <- result{value, err}
	}
	var none T
	stopped := func() error { return Saying(CodeStopped, "%s: the program is closing", l.params.Name) }
	select {
	case l.asked <- do:
	case <-ctx.Done():
		return none, ctx.Err()
	case <-l.ended:
		return none, stopped()
	}
	select {
	case l.inputs <- wake{}:
	default: // it has not yet looked at the last one
	}
	select {
	case got := <-done:
		return got.value, got.err
	case <-ctx.Done():
		return none, ctx.Err()
	case <-l.ended:
		return none, stopped()
	}
}

// run follows the chain until the context ends. It begins anew whenever the machine must
// look from elsewhere.
func (l *ledger) run(ctx context.Context) error {
	defer close(l.ended)
	for ctx.Err() == nil {
		var inner context.Context
		inner, l.restart = context.WithCancel(ctx)
		if err := l.once(inner); err != nil {
			return err
		}
	}
	return nil
}

// once runs one machine.
func (l *ledger) once(ctx context.Context) error {
	defer l.restart()
	if err := l.begin(); err != nil {
		return err
	}
	l.fetch.restart()
	l.fees.restart()
	if l.offline { // nobody else will say how far the chain is
		l.tell(p2p.Report{})
	}
	l.answer() // what the last run was asked when it ended
	l.cfg.Sink, l.cfg.Relay = l.sink, l.first > 0
	if l.cfg.Seek != nil && l.first > 0 {
		l.cfg.Seek.Want |= l.wanted()
	}
	if l.params.Address.HRP != "" {
		l.cfg.Services = wire.SFNodeWitness // some nodes ask others for transactions without witnesses, which are invalid
	}
	if l.offline {
		return l.drive(ctx)
	}
	l.cfg.Switchboard = p2p.NewSwitchboard()
	l.whispers = &whisperer{ctx: ctx, board: l.cfg.Switchboard}
	err := p2p.Run(ctx, l.cfg, l, l.tell)
	l.restart()
	l.whispers.wait.Wait()
	return err
}

// drive is p2p.Run without a network.
func (l *ledger) drive(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case in := <-l.inputs:
			for todo := []syncer.Input{in}; len(todo) > 0; todo = todo[1:] {
				for _, out := range l.Step(l.clock(), todo[0]) {
					more, err := l.sink(out)
					if err != nil {
						return err
					}
					todo = append(todo, more...)
				}
			}
			l.tell(p2p.Report{})
		}
	}
}

// begin makes a machine for the purses that there are, and tells it of them.
func (l *ledger) begin() error {
	var salt [16]byte
	_, _ = rand.Read(salt[:]) // never fails (crypto/rand)
	if err := l.regrow(); err != nil {
		return err
	}
	cfg := syncer.Config{Tree: l.tree, Salt: salt}
	if !l.sampling { // else it is not known yet where the chain will begin
		if err := l.placeAll(false); err != nil {
			return err
		}
	}
	l.first, l.queue, l.peers, l.scanned = 0, nil, map[spv.Hash]int{}, spv.Block{Height: -1}
	l.handed = handouts{}
	for _, p := range l.purses {
		if p.placed() && (l.first == 0 || p.book.place.first < l.first) {
			l.first = p.book.place.first
		}
	}
	if l.first > 0 {
		scan, err := l.scanFrom(l.first)
		if err != nil {
			return err
		}
		cfg.Scan = scan
	}
	if l.machine = syncer.NewWith(cfg); l.sampling {
		l.machine = l.newMachine()
	}
	return l.watchAll()
}

// regrow takes the tree from disk after a run: the machine that ended may have held back
// headers that the old tree has and the disk has not.
func (l *ledger) regrow() error {
	if l.machine == nil {
		return nil
	}
	tree, err := l.chain.Tree(&l.params.Rules)
	if err != nil {
		return err
	}
	tree.VerifyProof = l.tree.VerifyProof
	if l.l1 != nil {
		tree.LinkTo(l.l1)
	}
	l.tree = tree
	return nil
}

// watchAll puts all that the purses look for, and what they send, into the queue.
func (l *ledger) watchAll() error {
	in := syncer.Watch{From: -1}
	for _, p := range l.purses {
		if err := l.settle(p); err != nil {
			return err
		}
		if p.live = p.placed(); p.live {
			scripts, coins := p.watch()
			in.Scripts, in.Coins = append(in.Scripts, scripts...), append(in.Coins, coins...)
			if from := p.next(); in.From < 0 || from < in.From {
				in.From = from
			}
		}
	}
	if err := l.settleWatchAll(&in); err != nil {
		return err
	}
	if in.From >= 0 {
		l.queue = append(l.queue, in)
		l.scanned, _ = l.block(in.From - 1)
	}
	for _, p := range l.purses {
		clear(p.outbox)
		clear(p.hush)
		var ids []spv.Hash
		for _, tx := range p.chain.Pending() {
			ids = append(ids, tx.TxHash())
		}
		l.queue = append(l.queue, p.mail(ids)...)
	}
	return nil
}

// tell publishes how far the chain is, and sees whether new purses can begin by now.
func (l *ledger) tell(r p2p.Report) {
	s := &chainSnapshot{status: l.machine.Status(), report: r, scanned: l.scanned, sampled: l.chain.Sampled()}
	l.follow(&s.status)
	if !l.sampling { // else the tree is of genesis alone
		l.gaugeMoves(&s.status)
		l.seeProofs(&s.status)
	}
	s.eta = l.pace.eta(l.clock(), s.status.Share())
	l.whisperDue(s.status.Peers)
	old := l.shown.Swap(s)
	if old == nil || !old.same(s) {
		state := l.state()
		l.feed.send(Event{Kind: EventSync, Time: l.clock(), Chain: &state})
		l.deals.wake() // not before the layers' view of their L1 is as new
	}
	if l.sampling {
		l.leaveSampler()
	} else if !l.offline && slices.ContainsFunc(l.purses, func(p *purse) bool { return !p.placed() }) {
		before := l.unplaced()
		if err := l.placeAll(s.status.Synced); err != nil {
			l.cfg.Log.Error("birthday", "error", err)
		} else if l.unplaced() < before {
			l.restart()
		}
	}
}

func (l *ledger) unplaced() (n int) {
	for _, p := range l.purses {
		if !p.placed() {
			n++
		}
	}
	return n
}

// purse returns a wallet's purse.
func (l *ledger) purse(wallet string) (*purse, error) {
	for _, p := range l.purses {
		if p.Wallet == wallet {
			return p, nil
		}
	}
	return nil, Saying(CodeMissing, "wallet %q: not open on %s", wallet, l.params.Name)
}

// errTwice guards the one thing that openers could get wrong.
var errTwice = errors.New("is open already")

// join adds a purse. The machine begins anew, for it must look at more blocks.
func (l *ledger) join(p *purse) error {
	if _, err := l.purse(p.Wallet); err == nil {
		return fmt.Errorf("wallet %s %w", p.name(), errTwice)
	}
	l.purses = append(l.purses, p)
	l.restart()
	return nil
}

// pace guesses how long what is left will take.
type pace struct {
	since time.Time
	share float64
}

// eta returns how long the rest takes if it goes on as fast; 0: that cannot be told.
func (p *pace) eta(now time.Time, share float64) time.Duration {
	if p.since.IsZero() || share < p.share || share == 1 {
		p.since, p.share = now, share
	}
	took := now.Sub(p.since)
	if share-p.share < 0.005 || took < 3*time.Second {
		return 0
	}
	return time.Duration(float64(took) * (1 - share) / (share - p.share))
}

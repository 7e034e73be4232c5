package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/chain"
	"github.com/layeredpow/lamina/internal/node/mempool"
	"github.com/layeredpow/lamina/internal/node/settler"
	"github.com/layeredpow/lamina/internal/node/settler/daemon"
	"github.com/layeredpow/lamina/internal/p2p"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

const (
	// journalName is the file, in the layer's folder, that remembers what was signed.
	journalName = "settler.db"
	// maxHeard is how many signatures of peers wait to be judged; more are let go, they come
	// again.
	maxHeard = 2048
	// maxUnsaid is how many signatures wait for the layer's loop to send them.
	maxUnsaid = 4096
	// privateAgain is how often what may have got lost is repeated on a private network.
	privateAgain = 2 * time.Second
)

// Settlement follows the peg of one layer, of which the node runs the L1 in full as well:
// what is owed, what was paid, the batch that is due. With a signer it signs; without one it
// passes on what others signed. It may be asked from any goroutine.
type Settlement struct {
	layer, l1 *Loop
	signer    daemon.Signer
	journal   *daemon.Journal // nil without a signer
	machine   *settler.Machine
	gauge     gauge
	heard     chan settler.Input
	asks      chan func(*settler.Machine)
	status    atomic.Pointer[settler.Status]
	over      atomic.Bool // nothing is read any more
	ended     chan struct{}
	log       *slog.Logger
	linking   sync.Mutex // held while the first connector is made

	mu     sync.Mutex
	unsaid []said // signatures and asks on their way to the layer's loop
	blamed []blamed
}

type said struct {
	message msg.Message
	except  syncer.Peer
}

type blamed struct {
	peer syncer.Peer
	why  string
}

// readable is a chain that lets a long reading be broken off.
type readable struct {
	*chain.Chain
	over *atomic.Bool
}

// Block returns a block as it travels.
func (r readable) Block(id spv.Hash) ([]byte, error) {
	if r.over.Load() {
		return nil, errStopped
	}
	return r.Chain.Block(id)
}

// nothing is the log of who signs nothing.
type nothing struct{}

func (nothing) Signed(uint32, int) (spv.Hash, bool, error) { return spv.Hash{}, false, nil }

func (nothing) Record(number uint32, _ int, _ spv.Hash) error {
	return fmt.Errorf("batch %d: there is no signer here", number)
}

func (nothing) Swept(wire.OutPoint) (int64, spv.Hash, bool, error) { return 0, spv.Hash{}, false, nil }

func (nothing) RecordSweep(deposit wire.OutPoint, _ int64, _ spv.Hash) error {
	return fmt.Errorf("sweep of %s: there is no signer here", deposit)
}

// pegged tells whether a layer's settlement can be followed here: the blocks of its L1 must be.
func (n *Node) pegged(p *chains.Params) bool {
	return p.Peg != nil && len(p.Settlers) > 0 && p.Parent == n.l1.params.Name && ours(n.l1.params)
}

// openSettlements begins to follow every pegged layer. A signer that would sign nothing is a
// mistake that must not stay unseen.
func (n *Node) openSettlements() error {
	n.settlements = map[string]*Settlement{}
	for _, l := range n.layers {
		if !n.pegged(l.params) {
			continue
		}
		signer := n.cfg.Signers[l.params.Name]
		if signer != nil && !Settles(l.params, signer.Keys()) {
			return fmt.Errorf("settler key %x: no settlers of %s have it", signer.Keys(), l.params.Name)
		}
		s, err := n.openSettlement(l, signer)
		if err != nil {
			return err
		}
		n.settlements[l.params.Name] = s
	}
	for name := range n.cfg.Signers {
		if n.settlements[name] == nil {
			return fmt.Errorf("settling %s: it is no pegged layer, or the blocks of its L1 are not judged here", name)
		}
	}
	return nil
}

// Settles tells whether any of a layer's settler sets has one of the keys, x-only.
func Settles(p *chains.Params, keys [][32]byte) bool {
	return slices.ContainsFunc(p.Settlers, func(set chains.Settlers) bool {
		return slices.ContainsFunc(set.Keys, func(key [32]byte) bool { return slices.Contains(keys, key) })
	})
}

func (n *Node) openSettlement(l *Loop, signer daemon.Signer) (*Settlement, error) {
	s := &Settlement{layer: l, l1: n.l1, signer: signer, gauge: gauge{layer: l.chain, l1: n.l1.chain},
		heard: make(chan settler.Input, maxHeard), asks: make(chan func(*settler.Machine)), ended: make(chan struct{}),
		log: n.cfg.Log.With("chain", l.params.Name, "part", "settlement")}
	cfg := settler.Config{Layer: readable{l.chain, &s.over}, L1: readable{n.l1.chain, &s.over}, Log: nothing{},
		Share: s.gauge.measure, Synced: func() bool { return current(l) && current(n.l1) }}
	if signer != nil {
		var err error
		if s.journal, err = daemon.OpenJournal(filepath.Join(n.cfg.folder(l.params), journalName), l.params.NetID()); err != nil {
			return nil, err
		}
		cfg.Keys, cfg.Log = signer.Keys(), s.journal
	}
	var err error
	if s.machine, err = settler.New(cfg); err != nil {
		return nil, errors.Join(err, s.close())
	}
	first := s.machine.Status()
	s.status.Store(&first)
	l.settle = s.hear
	return s, nil
}

// current tells whether a chain has all that is known of it. Light clients tell of no headers: on a private network who has no
// other peers knows the best chain himself. On a public one he does not, and waits for somebody who keeps blocks.
func current(l *Loop) bool {
	if l.Synced() {
		return true
	}
	s := l.Status()
	if s.Fault != nil || s.Initial || s.Tip != s.Header || !private(l.params) {
		return false
	}
	return !slices.ContainsFunc(l.Peers(), func(p p2p.Link) bool {
		return p.Services&(wire.SFNodeNetwork|wire.SFNodeNetworkLimited) != 0
	})
}

// Settlement returns how a layer's settlement stands; nil where it is not followed: the chain
// is no pegged layer, or the blocks of its L1 are not judged here.
func (n *Node) Settlement(chain string) *Settlement { return n.settlements[chain] }

// run follows both chains until the context ends.
func (s *Settlement) run(ctx context.Context) {
	defer close(s.ended)
	defer context.AfterFunc(ctx, func() { s.over.Store(true) })()
	again := time.Duration(0)
	if private(s.layer.params) {
		again = privateAgain
	}
	daemon.Run(ctx, daemon.Config{Machine: s.machine, Signer: s.signer, News: []func() <-chan struct{}{s.layer.News, s.l1.News},
		Heard: s.heard, Asks: s.asks, Again: again, Gossip: s.gossip, Blame: s.blame, Broadcast: s.broadcast,
		Told: func(st settler.Status) { s.status.Store(&st) }, Log: s.log})
}

func (s *Settlement) close() error {
	if s.journal == nil {
		return nil
	}
	return s.journal.Close()
}

// hear takes what a peer says about settlement. It is called on the layer's loop.
func (s *Settlement) hear(from syncer.Peer, message msg.Message) {
	var in settler.Input
	switch message := message.(type) {
	case *msg.SettleSig:
		in = settler.Heard{From: from, Sig: message}
	case *msg.SweepAsk:
		in = settler.Asked{From: from, Ask: message}
	default:
		return
	}
	select {
	case s.heard <- in:
	default: // it will be said again
	}
}

// gossip lets the layer's loop send a signature or an ask.
func (s *Settlement) gossip(message msg.Message, except syncer.Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.unsaid) < maxUnsaid {
		s.unsaid = append(s.unsaid, said{message, except})
		s.wake()
	}
}

func (s *Settlement) blame(p syncer.Peer, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.blamed) < maxUnsaid {
		s.blamed = append(s.blamed, blamed{p, why})
		s.wake()
	}
}

// wake makes the layer's loop look at what is to be said, once for all that comes until it does.
func (s *Settlement) wake() {
	if len(s.unsaid)+len(s.blamed) == 1 {
		s.layer.post(s.say)
	}
}

// say hands everything to the relay machine, on its loop.
func (s *Settlement) say(time.Time) {
	s.mu.Lock()
	unsaid, bad := s.unsaid, s.blamed
	s.unsaid, s.blamed = nil, nil
	s.mu.Unlock()
	for _, f := range unsaid {
		s.layer.machine.Flood(f.message, f.except)
	}
	for _, b := range bad {
		s.layer.machine.Blame(b.peer, b.why)
	}
}

// broadcast hands a batch to the L1's mempool, which spreads it.
func (s *Settlement) broadcast(ctx context.Context, tx *wire.MsgTx) error {
	result, err := s.l1.Tx(ctx, tx)
	if err != nil {
		return err
	}
	if result.Status != mempool.Accepted && result.Status != mempool.Known {
		return fmt.Errorf("transaction %s: %s", tx.TxHash(), result.Status)
	}
	return nil
}

// Status returns where the settlement stood at the last look.
func (s *Settlement) Status() settler.Status { return *s.status.Load() }

// Keys returns the public keys, x-only, that batches are signed with here; nil without a signer.
func (s *Settlement) Keys() [][32]byte {
	if s.signer == nil {
		return nil
	}
	return s.signer.Keys()
}

// Settled returns the batches in L1, the oldest first, and before them the transaction that
// made the first connector.
func (s *Settlement) Settled(ctx context.Context) (list []settler.Settled, err error) {
	err = s.ask(ctx, func(m *settler.Machine) {
		// A question that comes before the first look is no reason for an empty answer. What keeps
		// the ledger from the tips is for Status to say: what it has read is whole.
		_ = m.Ledger().Update()
		list = m.Ledger().Settled()
	})
	return list, err
}

// ask puts a question to the machine between two of its steps.
func (s *Settlement) ask(ctx context.Context, f func(*settler.Machine)) error {
	done := make(chan struct{})
	select {
	case s.asks <- func(m *settler.Machine) { f(m); close(done) }:
		<-done
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.ended:
		return errStopped
	}
}

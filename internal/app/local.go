package app

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"log/slog"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/layeredpow/lamina/internal/store"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// askedAhead is how many requests may wait for a loop before whoever asks waits, too.
const askedAhead = 64

// walletFolder lies in the data folder.
const walletFolder = "wallets"

// Local is the Backend of this very process: it has the data folder open, follows the
// chains and holds the wallets.
type Local struct {
	options LocalOptions
	set     *chains.Set
	disk    *store.Store
	ledgers []*ledger // each L1 before its layers
	feed    feed
	vaults  vaults
	drafts  drafts
	deals   *settlements

	ctx   context.Context
	stop  context.CancelFunc
	loops sync.WaitGroup
	mu    sync.Mutex
	errs  []error
}

var _ Backend = (*Local)(nil)

// OpenLocal opens a data folder, made if it is not there, and follows the chains until
// Close, or until Done because the disk fails.
func (a *App) OpenLocal(o LocalOptions) (*Local, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = a.clock
	}
	if o.Offline && o.Verify != VerifyAsBegun {
		return nil, Coded(CodeInvalid, "verify %q while offline: it wants the network", string(o.Verify))
	}
	if o.Offline { // peers that nobody dials, lest some are sought
		o.Peers = map[string][]string{}
		for _, p := range o.Chains {
			o.Peers[p.Name] = []string{"offline"}
		}
	}
	f := Follow{Chains: o.Chains, Peers: o.Peers, DataDir: o.DataDir, Agent: o.Agent, Proxy: o.Proxy, Verify: o.Verify, AllowBloom: o.AllowBloom, Log: o.Log, Clock: o.Clock}
	if err := f.check(); err != nil {
		return nil, err
	}
	disk, err := store.Open(o.DataDir)
	if err != nil {
		return nil, err
	}
	l := &Local{options: o, set: a.set, disk: disk, deals: newSettlements()}
	if err := l.open(&f); err != nil {
		return nil, errors.Join(err, disk.Close())
	}
	l.ctx, l.stop = context.WithCancel(context.Background())
	for _, c := range l.ledgers {
		l.loops.Go(func() {
			defer l.stop()
			if err := c.run(l.ctx); err != nil {
				o.Log.Error("chain stopped", "chain", c.params.Name, "error", err)
				l.mu.Lock()
				defer l.mu.Unlock()
				l.errs = append(l.errs, err)
			}
		})
	}
	l.loops.Go(l.wipe)
	l.loops.Go(l.settleLoop)
	return l, nil
}

// open makes the ledgers, and the purses of the wallets that there are.
func (l *Local) open(f *Follow) error {
	all, err := f.open(l.disk)
	if err != nil {
		return err
	}
	for _, c := range all {
		l.ledgers = append(l.ledgers, &ledger{followed: c, feed: &l.feed, clock: l.options.Clock, offline: l.options.Offline,
			asked: make(chan func(), askedAhead), ended: make(chan struct{}), restart: func() {},
			deals: l.deals, apex: l.apexOf(c.params), settleOut: map[spv.Hash]spv.Hash{}})
	}
	l.lend(all)
	l.watchFees()
	if err := os.MkdirAll(filepath.Join(l.options.DataDir, walletFolder), 0o700); err != nil {
		return err
	}
	return l.openVaults()
}

// wipe locks sessions whose time is up, even if nobody asks for them.
func (l *Local) wipe() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-l.ctx.Done():
			l.vaults.lockAll()
			return
		case <-tick.C:
			for _, name := range l.vaults.expired(l.options.Clock()) {
				l.feed.send(Event{Kind: EventWallet, Time: l.options.Clock(), Purse: Purse{Wallet: name}})
			}
		}
	}
}

// Done is closed when the loops are told to end: by Close, or because one of them failed.
func (l *Local) Done() <-chan struct{} { return l.ctx.Done() }

// Close ends all, wipes the keys and lets go of the data folder. The error joins what
// made loops end.
func (l *Local) Close() error {
	l.stop()
	l.loops.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(append(l.errs, l.disk.Close())...)
}

// Subscribe sends what happens from now on.
func (l *Local) Subscribe(ctx context.Context) <-chan Event { return l.feed.subscribe(ctx, l.ctx) }

// ledger returns a chain that is followed.
func (l *Local) ledger(chain string) (*ledger, error) {
	for _, c := range l.ledgers {
		if c.params.Name == chain {
			return c, nil
		}
	}
	if _, err := l.set.Get(chain); err != nil {
		return nil, &Error{CodeMissing, err}
	}
	return nil, Saying(CodeMissing, "chain %s: not followed here", chain)
}

// within runs f on a purse in its chain's loop.
func within[T any](ctx context.Context, l *Local, in Purse, f func(c *ledger, p *purse) (T, error)) (T, error) {
	var none T
	c, err := l.ledger(in.Chain)
	if err != nil {
		return none, err
	}
	if err := l.vaults.usable(in.Wallet); err != nil {
		return none, err
	}
	return call(ctx, c, func() (T, error) {
		p, err := c.purse(in.Wallet)
		if err != nil {
			return none, err
		}
		return f(c, p)
	})
}

// change is within for what returns nothing.
func change(ctx context.Context, l *Local, in Purse, f func(c *ledger, p *purse) error) error {
	_, err := within(ctx, l, in, func(c *ledger, p *purse) (struct{}, error) { return struct{}{}, f(c, p) })
	return err
}

// chance returns a generator whose seed nobody knows.
func chance() *mrand.Rand {
	var seed [32]byte
	_, _ = rand.Read(seed[:]) // never fails (crypto/rand)
	return mrand.New(mrand.NewChaCha8(seed))
}

// randomID returns an id that nobody guesses.
func randomID() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return binary.LittleEndian.Uint64(b[:])
}

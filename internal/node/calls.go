package node

import (
	"context"
	"fmt"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/chain"
	"github.com/layeredpow/lamina/internal/node/mempool"
	"github.com/layeredpow/lamina/internal/node/relay"
	"github.com/layeredpow/lamina/internal/node/template"
	"github.com/layeredpow/lamina/internal/p2p"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// Params returns the chain's parameters.
func (l *Loop) Params() *chains.Params { return l.params }

// Chain returns the chain's state. Of a foreign L1 it holds the headers alone; see View.
func (l *Loop) Chain() *chain.Chain { return l.chain }

// View returns the chain as layers see it.
func (l *Loop) View() View { return l.view }

// Pool returns the mempool, nil for a foreign L1.
func (l *Loop) Pool() *mempool.Pool { return l.pool }

// Address returns where peers are accepted, empty if nowhere.
func (l *Loop) Address() string {
	if l.listen == nil {
		return ""
	}
	return l.listen.Addr().String()
}

// Status returns how far the chain is.
func (l *Loop) Status() relay.Status { return *l.status.Load() }

// Traffic returns the number of connections, and the bytes since the start.
func (l *Loop) Traffic() p2p.Report { return *l.report.Load() }

// Peers returns who is connected.
func (l *Loop) Peers() []p2p.Link { return l.board.Links() }

// Switchboard is for changing who is connected.
func (l *Loop) Switchboard() *p2p.Switchboard { return l.board }

// Synced tells whether no better chain is known of than ours. A private network of one node
// knows no better.
func (l *Loop) Synced() bool {
	s := l.Status()
	return s.Fault == nil && (s.Synced || !s.Initial && s.Peers == 0 && private(l.params))
}

// News returns a channel that is closed when the tip moves.
func (l *Loop) News() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.news
}

// Block takes a block as it travels, as chain.Chain.Accept does, and announces it.
func (l *Loop) Block(ctx context.Context, raw []byte) (chain.Result, error) {
	if l.pool == nil {
		return chain.Result{}, l.headersOnly()
	}
	return on(ctx, l, func(now time.Time) (chain.Result, error) {
		return watched{l.view, &l.stirred}.Accept(raw, uint32(now.Unix()))
	})
}

// Tx takes a transaction of our own, as mempool.Pool.Add does, and spreads it.
func (l *Loop) Tx(ctx context.Context, tx *wire.MsgTx) (mempool.Result, error) {
	if l.pool == nil {
		return mempool.Result{}, l.headersOnly()
	}
	return on(ctx, l, func(now time.Time) (mempool.Result, error) { return l.pool.Add(now, tx, 0) })
}

// Candidates returns the tip, and the mempool's transactions for a block on top of it, both of one moment.
func (l *Loop) Candidates(ctx context.Context) (spv.Block, []template.Candidate, error) {
	if l.pool == nil {
		return spv.Block{}, nil, l.headersOnly()
	}
	at, err := l.place(ctx)
	if err != nil {
		return spv.Block{}, nil, err
	}
	return at.next.Prev, at.candidates, nil
}

// Whisper judges a transaction of our own as Tx does, but neither keeps nor spreads it: it
// tells one peer of it over a connection of its own, as p2p.Switchboard.Whisper, and returns
// that peer's address.
func (l *Loop) Whisper(ctx context.Context, tx *wire.MsgTx, address string) (string, error) {
	if l.pool == nil {
		return "", l.headersOnly()
	}
	if _, err := l.pool.Test(l.cfg.Clock(), tx); err != nil {
		return "", err
	}
	return l.board.Whisper(ctx, tx, address)
}

// Agree is the operator's word that a parked branch may be followed, as chain.Chain.Agree.
func (l *Loop) Agree(ctx context.Context, id spv.Hash) (chain.Moved, error) {
	return on(ctx, l, func(time.Time) (chain.Moved, error) { return l.chain.Agree(id) })
}

// Shun is the operator's word that a block and all above it are not to be followed, as
// chain.Chain.Shun. Layers follow.
func (l *Loop) Shun(ctx context.Context, id spv.Hash) (chain.Moved, error) {
	return l.turn(ctx, id, l.chain.Shun)
}

// Readmit takes Shun back, as chain.Chain.Readmit.
func (l *Loop) Readmit(ctx context.Context, id spv.Hash) (chain.Moved, error) {
	return l.turn(ctx, id, l.chain.Readmit)
}

func (l *Loop) turn(ctx context.Context, id spv.Hash, f func(spv.Hash) (chain.Moved, error)) (chain.Moved, error) {
	if l.pool == nil {
		return chain.Moved{}, l.headersOnly()
	}
	return on(ctx, l, func(time.Time) (chain.Moved, error) {
		l.stirred = true
		return f(id)
	})
}

// flush makes the chain durable.
func (l *Loop) flush(ctx context.Context) error {
	_, err := on(ctx, l, func(time.Time) (struct{}, error) { return struct{}{}, l.chain.Flush() })
	return err
}

// header takes a header of a foreign L1 that its node has taken as a block.
func (l *Loop) header(ctx context.Context, h spv.Header) error {
	_, err := on(ctx, l, func(now time.Time) (int, error) {
		return watched{l.view, &l.stirred}.AcceptHeaders([]spv.Sealed{{Header: h}}, uint32(now.Unix()))
	})
	return err
}

func (l *Loop) headersOnly() error {
	return fmt.Errorf("%s: only its headers are followed here: its own nodes take blocks and transactions", l.params.Name)
}

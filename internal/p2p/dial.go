package p2p

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/p2p/bip324"
	"github.com/layeredpow/lamina/internal/p2p/book"
)

const (
	firstBackOff = time.Second
	mostBackOff  = time.Minute
	dialTime     = 15 * time.Second
	proxyTime    = time.Minute // a circuit to an onion service takes its time
	// settled is how long a connection must have lasted for the next failure to count
	// as the first again.
	settled = time.Minute
	// banTime is how long a peer that broke a rule is left alone, unless the cause says
	// otherwise (see banTimeOf).
	banTime = 24 * time.Hour
)

// banned ends a connection whose peer broke a rule that no honest peer breaks, or that the
// operator bans. Wait is for how long it is left alone.
type banned struct {
	reason error
	wait   time.Duration
}

func (b *banned) Error() string { return b.reason.Error() }
func (b *banned) Unwrap() error { return b.reason }

// dialer keeps one address connected.
type dialer struct {
	*host
	address  string
	services wire.ServiceFlag // what it said last that it serves
}

// keep connects again and again, waiting longer after each failure, until the context
// ends; running is the loop's.
func (d *dialer) keep(ctx, running context.Context) {
	wait := firstBackOff
	for ctx.Err() == nil {
		began := time.Now()
		err := d.once(ctx, running)
		if errors.Is(err, errStopped) {
			return
		}
		var ban *banned
		switch {
		case errors.As(err, &ban):
			wait = ban.wait
		case time.Since(began) > settled:
			wait = firstBackOff
		}
		d.cfg.Log.Debug("peer gone", "reason", err, "again in", wait)
		if !sleep(ctx, wait+rand.N(wait/4)) {
			return
		}
		wait = min(2*wait, mostBackOff)
	}
}

// once connects and stays until the connection ends, and returns why; errStopped if the loop
// has ended.
func (d *dialer) once(ctx, running context.Context) error {
	k, err := d.connect(ctx, d.address, book.Addr{}, d.services)
	if err == nil {
		d.services, k.named = k.version.Services, true
		err = k.serve(ctx)
	}
	err = fmt.Errorf("%s: %w", d.address, err)
	if !deliver(running, d.events, event{kind: ended, link: k, err: err}) {
		return errStopped
	}
	return err
}

// connect dials and shakes hands, encrypted if the chain's nodes do that as a rule or this
// one is said to, by the services that it is known to have. A node that knows nothing of
// that hangs up, and is dialled again. Sought is the address if the book chose it.
func (h *host) connect(ctx context.Context, address string, sought book.Addr, services wire.ServiceFlag) (*link, error) {
	k, err := h.open(ctx, address, sought, h.cfg.V2 || services&wire.SFNodeP2PV2 != 0)
	if errors.Is(err, bip324.ErrMute) && ctx.Err() == nil {
		h.cfg.Log.Debug("dialled again without encryption", "peer", address, "reason", err)
		return h.open(ctx, address, sought, false)
	}
	return k, err
}

// open dials and shakes hands once.
func (h *host) open(ctx context.Context, address string, sought book.Addr, v2 bool) (*link, error) {
	dial := h.cfg.Dial
	switch {
	case dial != nil:
	case h.cfg.Proxy != "":
		dial = through(h.cfg.Proxy)
	default:
		dial = direct
	}
	timed, cancel := context.WithTimeout(ctx, h.dialTime())
	defer cancel()
	conn, err := dial(timed, address)
	if err != nil {
		return nil, err
	}
	k := newLink(h, conn, address, sought, false)
	k.v2 = v2
	if err := k.greet(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return k, nil
}

func (h *host) dialTime() time.Duration {
	if h.cfg.Proxy != "" {
		return proxyTime
	}
	return dialTime
}

// sleep waits and reports whether the context is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

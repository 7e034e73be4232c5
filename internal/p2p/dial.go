package p2p

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/p2p/bip324"
	"github.com/layeredpow/lamina/internal/p2p/book"
)

const (
	firstBackOff = time.Second
	mostBackOff  = time.Minute
	// mostLocal is mostBackOff for an address on this machine: to dial it in vain costs nothing, and whoever starts his own node
	// again expects to see it used.
	mostLocal = 4 * time.Second
	dialTime  = 15 * time.Second
	proxyTime = time.Minute // a circuit to an onion service takes its time
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
// ends; running is the loop's. A connection that outlasted the wait that would come next was
// no failure: who starts its node again and again is not left alone for longer and longer.
func (d *dialer) keep(ctx, running context.Context) {
	wait, most := firstBackOff, mostBackOff
	if d.cfg.Proxy == "" && local(d.address) {
		most = mostLocal
	}
	for ctx.Err() == nil {
		lasted, err := d.once(ctx, running)
		if errors.Is(err, errStopped) {
			return
		}
		var ban *banned
		switch {
		case errors.As(err, &ban):
			wait = ban.wait
		case lasted > wait:
			wait = firstBackOff
		}
		d.cfg.Log.Debug("peer gone", "reason", err, "again in", wait)
		if !sleep(ctx, wait+rand.N(wait/4)) {
			return
		}
		wait = min(2*wait, most)
	}
}

// local tells whether an address is on this machine.
func local(address string) bool {
	host, _, _ := net.SplitHostPort(address)
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// once connects and stays until the connection ends, and returns how long it lasted after the handshake, and why it ended;
// errStopped if the loop has ended.
func (d *dialer) once(ctx, running context.Context) (lasted time.Duration, err error) {
	k, err := d.connect(ctx, d.address, book.Addr{}, d.services)
	if err == nil {
		began := time.Now()
		d.services, k.named = k.version.Services, true
		err = k.serve(ctx)
		lasted = time.Since(began)
	}
	err = fmt.Errorf("%s: %w", d.address, err)
	if !deliver(running, d.events, event{kind: ended, link: k, err: err}) {
		return 0, errStopped
	}
	return lasted, err
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

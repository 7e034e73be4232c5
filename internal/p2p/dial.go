package p2p

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

// banTime is how long a peer that broke a rule is left alone.
const banTime = 24 * time.Hour

// banned ends a connection whose peer broke a rule that no honest peer breaks.
type banned struct{ reason error }

func (b *banned) Error() string { return b.reason.Error() }
func (b *banned) Unwrap() error { return b.reason }

// dialer keeps one address connected.
type dialer struct {
	cfg     *Config
	address string
	nonce   uint64
	ids     <-chan syncer.Peer
	events  chan<- event
}

// keep connects again and again, waiting longer after each failure, until the context
// ends.
func (d *dialer) keep(ctx context.Context) {
	wait := firstBackOff
	for ctx.Err() == nil {
		began := time.Now()
		link, err := d.connect(ctx)
		if err == nil {
			err = link.serve(ctx, &d.cfg.Codec, d.events)
		}
		err = fmt.Errorf("%s: %w", d.address, err)
		if !deliver(ctx, d.events, event{link: link, err: err}) {
			return
		}
		var ban *banned
		switch {
		case errors.As(err, &ban):
			wait = banTime
		case time.Since(began) > settled:
			wait = firstBackOff
		}
		d.cfg.Log.Debug("peer gone", "peer", d.address, "reason", err, "again in", wait)
		if !sleep(ctx, wait+rand.N(wait/4)) {
			return
		}
		wait = min(2*wait, mostBackOff)
	}
}

// connect dials and shakes hands.
func (d *dialer) connect(ctx context.Context) (*link, error) {
	dial := d.cfg.Dial
	if dial == nil {
		dial = func(ctx context.Context, address string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", address)
		}
	}
	timed, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	conn, err := dial(timed, d.address)
	if err != nil {
		return nil, err
	}
	version, err := greet(ctx, conn, &d.cfg.Codec, d.cfg.Agent, d.nonce, time.Now())
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	select {
	case id := <-d.ids:
		return &link{id: id, address: d.address, conn: conn, version: version, out: make(chan msg.Message, sendQueue)}, nil
	case <-ctx.Done():
		_ = conn.Close()
		return nil, context.Cause(ctx)
	}
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

package p2p

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/layeredpow/lamina/internal/p2p/book"
	"github.com/layeredpow/lamina/spv/syncer"
)

// What a Switchboard refuses.
var (
	ErrNamed        = errors.New("is kept connected already")
	ErrNotNamed     = errors.New("is not kept connected")
	ErrNotConnected = errors.New("is not connected")
	ErrNotBanned    = errors.New("is not banned")
)

// mostNamed bounds how many addresses are kept connected or tried at a time: each costs a
// goroutine, and the caller may be a program.
const mostNamed = 1000

// Switchboard is the operator's hold on one loop's connections while it runs. Its methods
// may be called from any goroutine; Links answers at once, the others wait for the loop to
// begin.
type Switchboard struct {
	calls chan func(context.Context, *loop)
	ended chan struct{}

	mu    sync.Mutex
	links []*link
}

// NewSwitchboard returns one for a single Run.
func NewSwitchboard() *Switchboard {
	return &Switchboard{calls: make(chan func(context.Context, *loop)), ended: make(chan struct{})}
}

// Link tells of one connection after its handshake.
type Link struct {
	syncer.Connected
	Since            time.Time
	Named, Encrypted bool
	Sent, Received   int64         // bytes
	FeeFilter        int64         // least fee rate that it wants to hear of, base units per 1000 virtual bytes
	LastSent         time.Time     // zero: nothing yet, here and below
	LastReceived     time.Time     // a whole message
	Ping, Quickest   time.Duration // of the last answer to a ping, and of the quickest; 0: none yet
	Unanswered       time.Duration // since the last ping, while it has no answer
}

// Ban is a host that is left alone.
type Ban struct {
	Host  string
	Until time.Time
	Cause string
}

// Links returns all connections, the oldest first.
func (s *Switchboard) Links() []Link {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Link, len(s.links))
	for i, k := range s.links {
		list[i] = k.tell()
	}
	return list
}

// Add keeps an address host:port connected from now on. The error wraps ErrNamed if it is
// already.
func (s *Switchboard) Add(ctx context.Context, address string) error {
	return s.on(ctx, func(ctx context.Context, l *loop) error {
		if l.named[address] != nil {
			return fmt.Errorf("peer %s: %w", address, ErrNamed)
		}
		return l.name(ctx, address)
	})
}

// Try connects to an address host:port once. It does not wait for the outcome.
func (s *Switchboard) Try(ctx context.Context, address string) error {
	return s.on(ctx, func(ctx context.Context, l *loop) error {
		if l.trying.Add(1) > mostNamed {
			l.trying.Add(-1)
			return fmt.Errorf("peer %s: %d are being tried", address, mostNamed)
		}
		d := &dialer{host: l.host, address: address}
		l.wait.Go(func() {
			defer l.trying.Add(-1)
			_, _ = d.once(ctx, ctx) // the loop reports how it ends
		})
		return nil
	})
}

// Remove keeps an address connected no longer, and ends its connection. The error wraps
// ErrNotNamed.
func (s *Switchboard) Remove(ctx context.Context, address string) error {
	return s.on(ctx, func(_ context.Context, l *loop) error {
		end := l.named[address]
		if end == nil {
			return fmt.Errorf("peer %s: %w", address, ErrNotNamed)
		}
		delete(l.named, address)
		end()
		return nil
	})
}

var errOperator = errors.New("ended by the operator")

// Disconnect ends a connection. One that is kept connected is dialled again. The error
// wraps ErrNotConnected.
func (s *Switchboard) Disconnect(ctx context.Context, peer syncer.Peer) error {
	return s.on(ctx, func(_ context.Context, l *loop) error {
		k := l.links[peer]
		if k == nil {
			return fmt.Errorf("peer %d: %w", peer, ErrNotConnected)
		}
		k.end(errOperator)
		return nil
	})
}

// Ban leaves a host, an address without port, alone until a time, and ends its connections.
// It is kept in the address book.
func (s *Switchboard) Ban(ctx context.Context, host string, until time.Time, cause string) error {
	a, err := hostOf(host)
	if err != nil {
		return err
	}
	return s.on(ctx, func(_ context.Context, l *loop) error {
		l.book.Ban(a, until, cause)
		for _, k := range l.links {
			if at, err := book.Parse(k.address); err == nil && at.Host() == a.Host() {
				k.end(&banned{reason: errOperator, wait: time.Until(until)})
			}
		}
		l.saveBook()
		return nil
	})
}

// Unban lets a host come back. The error wraps ErrNotBanned.
func (s *Switchboard) Unban(ctx context.Context, host string) error {
	a, err := hostOf(host)
	if err != nil {
		return err
	}
	return s.on(ctx, func(_ context.Context, l *loop) error {
		if !l.book.Banned(a, time.Now()) {
			return fmt.Errorf("host %s: %w", a.Host(), ErrNotBanned)
		}
		l.book.Unban(a)
		l.saveBook()
		return nil
	})
}

// Bans returns all hosts that are left alone, by name.
func (s *Switchboard) Bans(ctx context.Context) (list []Ban, err error) {
	err = s.on(ctx, func(_ context.Context, l *loop) error {
		for a, ban := range l.book.Bans() {
			if until := time.Unix(int64(ban.Until), 0); until.After(time.Now()) {
				list = append(list, Ban{Host: a.Host(), Until: until, Cause: ban.Cause})
			}
		}
		return nil
	})
	slices.SortFunc(list, func(a, b Ban) int { return cmp.Compare(a.Host, b.Host) })
	return list, err
}

// hostOf reads an IP address or an onion service without its port.
func hostOf(host string) (book.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return book.Addr{IP: ip.Unmap().WithZone("")}, nil
	}
	a, err := book.Parse(net.JoinHostPort(host, "1"))
	if err != nil {
		return a, fmt.Errorf("host %.80q: want an IP address or an onion service, without port", host)
	}
	a.Port = 0
	return a, nil
}

// on runs a function on the loop and returns what it returns.
func (s *Switchboard) on(ctx context.Context, f func(context.Context, *loop) error) error {
	done := make(chan error, 1)
	select {
	case s.calls <- func(running context.Context, l *loop) { done <- f(running, l) }:
		return <-done // the loop carries out what it takes
	case <-s.ended:
		return errStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// note takes a connection in, or out.
func (s *Switchboard) note(k *link, here bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if here {
		s.links = append(s.links, k)
	} else {
		s.links = slices.DeleteFunc(s.links, func(o *link) bool { return o == k })
	}
}

// name keeps an address connected.
func (l *loop) name(running context.Context, address string) error {
	if len(l.named) >= mostNamed {
		return fmt.Errorf("peer %s: %d are kept connected, at most %d may be", address, len(l.named), mostNamed)
	}
	ctx, end := context.WithCancel(running)
	l.named[address] = end
	d := &dialer{host: l.host, address: address}
	l.wait.Go(func() { d.keep(ctx, running) })
	return nil
}

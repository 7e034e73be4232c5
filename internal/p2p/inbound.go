package p2p

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net"
	"slices"
	"time"

	"github.com/layeredpow/lamina/internal/p2p/book"
)

// DefaultInbound is how many accepted connections are kept at a time.
const DefaultInbound = 117

// acceptPause is the wait after an error of the listener, such as too many open files.
const acceptPause = time.Second

// shakingShare is the share of the connections that may be shaking hands: strangers who never
// do that push each other out, and nobody who has.
const shakingShare = 4

// guest is an accepted connection, before and after its handshake.
type guest struct {
	conn  net.Conn
	since time.Time
	group uint64
	link  *link // nil before the handshake
	end   context.CancelCauseFunc
}

var errRoom = errors.New("turned out to make room for another")

// accept brings connections to the loop.
func (l *loop) accept(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { _ = l.cfg.Listen.Close() })
	defer stop()
	for ctx.Err() == nil {
		conn, err := l.cfg.Listen.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			l.cfg.Log.Warn("listener", "error", err)
			sleep(ctx, acceptPause)
		case !deliver(ctx, l.events, event{kind: arrived, conn: conn}):
			_ = conn.Close()
		}
	}
}

// admit takes an accepted connection in, if need be in the place of another.
func (l *loop) admit(ctx context.Context, conn net.Conn) {
	now := time.Now()
	address := conn.RemoteAddr().String()
	if a, err := book.Parse(address); err == nil && l.book.Banned(a, now) {
		_ = conn.Close()
		return
	}
	shaking := func(g *guest) bool { return g.link == nil }
	anyone := func(*guest) bool { return true }
	if l.count(shaking) >= max(1, l.cfg.Inbound/shakingShare) && !l.makeRoom(now, shaking) ||
		len(l.guests) >= l.cfg.Inbound && !l.makeRoom(now, anyone) {
		_ = conn.Close()
		return
	}
	running := ctx
	ctx, end := context.WithCancelCause(ctx)
	l.guests = append(l.guests, &guest{conn: conn, since: now, group: maphash.String(l.seed, groupOf(address)), end: end})
	l.wait.Go(func() {
		defer end(nil)
		k := newLink(l.host, conn, address, book.Addr{}, true)
		err := k.greet(ctx)
		if err == nil {
			err = k.serve(ctx)
		} else {
			_ = conn.Close()
			k = nil
		}
		err = fmt.Errorf("%s: %w", address, err)
		l.cfg.Log.Debug("inbound peer gone", "reason", err)
		deliver(running, l.events, event{kind: ended, conn: conn, link: k, err: err})
	})
}

func (l *loop) count(which func(*guest) bool) (n int) {
	for _, g := range l.guests {
		if which(g) {
			n++
		}
	}
	return n
}

// makeRoom turns one of some guests out, and tells whether there was one to turn out.
func (l *loop) makeRoom(now time.Time, which func(*guest) bool) bool {
	var all []standing
	var at []int
	for i, g := range l.guests {
		if !which(g) {
			continue
		}
		s := standing{group: g.group, since: g.since, greeted: g.link != nil}
		if g.link != nil {
			s.quick, s.useful = time.Duration(g.link.quick.Load()), g.link.useful
		}
		all, at = append(all, s), append(at, i)
	}
	out := evict(all, now)
	if out < 0 {
		return false
	}
	i := at[out]
	l.guests[i].end(errRoom)
	_ = l.guests[i].conn.Close()
	l.guests = slices.Delete(l.guests, i, i+1)
	return true
}

func (l *loop) forgetGuest(conn net.Conn) {
	l.guests = slices.DeleteFunc(l.guests, func(g *guest) bool { return g.conn == conn })
}

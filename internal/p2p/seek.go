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

	"github.com/layeredpow/lamina/internal/p2p/book"
	"github.com/layeredpow/lamina/spv/chains"
)

// DefaultOutbound is how many peers are sought.
const DefaultOutbound = 8

const (
	// settled is how long a connection that was sought must have lasted to be a good one: the next failure counts as the first
	// again.
	settled = time.Minute
	// seedWait is how long known addresses are tried before seeds are asked.
	seedWait = 11 * time.Second
	seedTime = 30 * time.Second
	// seedEnough is how many connections make seeds unnecessary.
	seedEnough = 2
	// feelEvery is how often an address that nobody has tried is tried.
	feelEvery = 2 * time.Minute
	// emptyWait is the wait while no address will do.
	emptyWait = 2 * time.Second
)

// Seek says how to find peers that nobody named. It is left out for networks that are
// private, and where the user named the peers.
type Seek struct {
	Peers int              // how many to keep, of distinct network groups; 0: DefaultOutbound
	Want  wire.ServiceFlag // services that they must have
	Seeds []string         // DNS names that answer with addresses of peers
	Fixed []string         // addresses host:port to begin with
	Port  uint16           // of what seeds answer
	// Resolve looks a name up; nil asks the system. It is not called if there is a proxy:
	// then seeds are dialled by name, through it, and asked for addresses.
	Resolve func(ctx context.Context, name string) ([]netip.Addr, error)
}

// SeekOf says how to find peers of a chain with some services; nil for networks that are
// private, of which nobody is to hear.
func SeekOf(p *chains.Params, want wire.ServiceFlag) *Seek {
	if p.Network != chains.Main && p.Network != chains.Test {
		return nil
	}
	return &Seek{Want: want, Seeds: p.P2P.Seeds, Port: p.P2P.Port}
}

// seeker keeps one connection to a peer of the book's choice.
type seeker struct{ *host }

// keep dials one address after another until the context ends.
func (s *seeker) keep(ctx context.Context) {
	wait := firstBackOff
	for ctx.Err() == nil {
		reply := make(chan book.Entry, 1)
		if !deliver(ctx, s.events, event{kind: wanted, reply: reply}) {
			return
		}
		chosen := <-reply // the loop answers what it takes
		a := chosen.Addr
		if a == (book.Addr{}) {
			if !sleep(ctx, emptyWait) {
				return
			}
			continue
		}
		began := time.Now()
		k, err := s.connect(ctx, a.String(), a, chosen.Services)
		if err == nil {
			err = k.serve(ctx)
		}
		err = fmt.Errorf("%s: %w", a, err)
		s.cfg.Log.Debug("peer gone", "reason", err)
		if !deliver(ctx, s.events, event{kind: ended, link: k, sought: a, err: err}) {
			return
		}
		if time.Since(began) > settled {
			wait = firstBackOff
		}
		if !sleep(ctx, rand.N(wait)) {
			return
		}
		wait = min(2*wait, mostBackOff)
	}
}

// feel tries addresses that have not worked yet, one now and again, only to shake hands: so
// those that work are known when one of our peers goes, and addresses that somebody made up do
// not stay (Bitcoin Core's feelers).
func (s *seeker) feel(ctx context.Context) {
	for sleep(ctx, feelEvery/2+rand.N(feelEvery)) {
		reply := make(chan book.Entry, 1)
		if !deliver(ctx, s.events, event{kind: probing, reply: reply}) {
			return
		}
		chosen := <-reply // the loop answers what it takes
		a := chosen.Addr
		if a == (book.Addr{}) {
			continue
		}
		k, err := s.connect(ctx, a.String(), a, chosen.Services)
		if err == nil {
			_ = k.conn.Close()
		}
		s.cfg.Log.Debug("address tried", "peer", a, "error", err)
		if !deliver(ctx, s.events, event{kind: probed, link: k, sought: a}) {
			return
		}
	}
}

// sow brings the loop addresses from seeds, at once if it knows none, else if too few of
// those it knows answer.
func (s *seeker) sow(ctx context.Context, empty bool) {
	seek := s.cfg.Seek
	var fixed []book.Entry
	for _, text := range seek.Fixed {
		if a, err := book.Parse(text); err == nil {
			fixed = append(fixed, book.Entry{Addr: a, Services: seek.Want})
		} else {
			s.cfg.Log.Warn("fixed seed", "error", err)
		}
	}
	if empty && len(fixed) > 0 {
		deliver(ctx, s.events, event{kind: told, source: "fixed", entries: fixed})
	}
	for ctx.Err() == nil {
		if !empty && !sleep(ctx, seedWait) {
			return
		}
		empty = false
		for _, i := range rand.Perm(len(seek.Seeds)) {
			if s.linked.Load() >= seedEnough {
				return
			}
			name := seek.Seeds[i]
			found, err := s.ask(ctx, name)
			if err != nil {
				s.cfg.Log.Info("seed", "name", name, "error", err)
				continue
			}
			s.cfg.Log.Info("seed", "name", name, "addresses", len(found))
			deliver(ctx, s.events, event{kind: told, source: name, entries: found})
		}
		if !sleep(ctx, time.Minute+rand.N(time.Minute)) || s.linked.Load() >= seedEnough {
			return
		}
	}
}

// ask returns what a seed answers.
func (s *seeker) ask(ctx context.Context, name string) ([]book.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, seedTime)
	defer cancel()
	seek := s.cfg.Seek
	if s.cfg.Proxy != "" {
		return s.visit(ctx, net.JoinHostPort(name, fmt.Sprint(seek.Port)))
	}
	resolve := seek.Resolve
	if resolve == nil {
		resolve = func(ctx context.Context, name string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		}
	}
	// Seeds that know services answer for those in hexadecimal before their name.
	services := seek.Want
	ips, err := resolve(ctx, fmt.Sprintf("x%x.%s", uint64(seek.Want), name))
	if err != nil || len(ips) == 0 {
		services = 0
		ips, err = resolve(ctx, name)
	}
	var found []book.Entry
	for _, ip := range ips[:min(len(ips), 256)] {
		found = append(found, book.Entry{Addr: book.Addr{IP: ip.Unmap().WithZone(""), Port: seek.Port}, Services: services})
	}
	return found, err
}

// visit connects to a peer only to ask it for addresses.
func (s *seeker) visit(ctx context.Context, address string) ([]book.Entry, error) {
	k, err := s.connect(ctx, address, book.Addr{}, 0)
	if err != nil {
		return nil, err
	}
	defer k.conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = k.conn.Close() })
	defer stop()
	if err := k.writeOne(&wire.MsgGetAddr{}); err != nil {
		return nil, err
	}
	for range 100 {
		m, _, err := k.in.next()
		k.in.release()
		if err != nil {
			return nil, err
		}
		// A node tells its own address first, alone.
		if found := entries(m); len(found) > 1 {
			return found, nil
		}
	}
	return nil, errors.New("it tells no addresses")
}

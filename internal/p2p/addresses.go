package p2p

import (
	"crypto/rand"
	"errors"
	"net"
	"slices"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/p2p/book"
	"github.com/layeredpow/lamina/spv/msg"
)

const (
	// saveEvery is how often the address book goes to disk; bans and the end save it, too.
	saveEvery = 10 * time.Minute
	// A peer may tell one address each tellEvery, and tellAsked when it was asked.
	tellEvery = 10 * time.Second
	tellAsked = 1000
	// maxBanTime bounds how long a cause may have a peer left alone.
	maxBanTime = 7 * 24 * time.Hour
)

// openBook takes the address book from disk.
func (l *loop) openBook() {
	var key [16]byte
	_, _ = rand.Read(key[:]) // never fails (crypto/rand)
	l.book, l.saved = book.New(key), time.Now()
	if l.cfg.Book != "" {
		b, err := book.Load(l.cfg.Book, key)
		if err != nil {
			l.cfg.Log.Warn("address book begun anew", "error", err)
		}
		l.book = b
	}
	l.anchors = l.book.Anchors()
}

// saveBook puts it back. An error is no reason to stop: addresses are had again.
func (l *loop) saveBook() {
	l.saved = time.Now()
	if l.cfg.Book == "" {
		return
	}
	var best []*link
	for _, k := range l.links {
		if k.sought != (book.Addr{}) && time.Since(k.since) > settled {
			best = append(best, k)
		}
	}
	slices.SortFunc(best, func(a, b *link) int { return b.since.Compare(a.since) })
	for _, k := range best {
		l.book.Anchor(k.sought)
	}
	if err := book.Save(l.cfg.Book, l.book.Encode()); err != nil {
		l.cfg.Log.Warn("address book", "error", err)
	}
}

// gossips tells whether addresses are exchanged here; otherwise they are the machine's.
func (l *loop) gossips() bool { return l.cfg.Book != "" || l.cfg.Seek != nil }

// choose hands an address out to dial; the zero Entry if none will do.
func (l *loop) choose() book.Entry {
	now := time.Now()
	groups := map[string]bool{}
	for a := range l.busy {
		groups[a.Group()] = true
	}
	for _, k := range l.links {
		if !k.inbound {
			groups[groupOf(k.address)] = true
		}
	}
	fits := func(e book.Entry) bool {
		return !groups[e.Addr.Group()] && l.reaches(e.Addr) &&
			(e.Services == 0 || e.Services&l.cfg.Seek.Want == l.cfg.Seek.Want)
	}
	var chosen book.Entry
	for chosen.Addr == (book.Addr{}) && len(l.anchors) > 0 {
		e := book.Entry{Addr: l.anchors[0]}
		l.anchors = l.anchors[1:]
		if fits(e) && !l.book.Banned(e.Addr, now) {
			chosen = e
		}
	}
	if chosen.Addr == (book.Addr{}) {
		e, ok := l.book.Select(l.random, now, fits)
		if !ok {
			return book.Entry{}
		}
		chosen = e
	}
	l.book.Tried(chosen.Addr, now)
	l.busy[chosen.Addr] = true
	return chosen
}

// probe hands out an address that has not worked yet, to see whether it does; the zero Entry
// if none will do, or if there are too few peers: then those are sought first.
func (l *loop) probe() book.Entry {
	if l.report.Outbound < l.cfg.Seek.Peers {
		return book.Entry{}
	}
	now := time.Now()
	chosen, _ := l.book.Fresh(l.random, now, l.stranger)
	if chosen.Addr != (book.Addr{}) {
		l.book.Tried(chosen.Addr, now)
		l.busy[chosen.Addr] = true
	}
	return chosen
}

// reaches tells whether an address is of a kind that can be dialled here.
func (l *loop) reaches(a book.Addr) bool {
	return !a.IsOnion() || l.cfg.Proxy != "" || l.cfg.Dial != nil
}

// learn takes addresses from a source.
func (l *loop) learn(found []book.Entry, source string, seed bool) {
	now := time.Now()
	for _, e := range found {
		seen := time.Unix(int64(e.Seen), 0)
		if seed {
			seen = now.Add(-time.Duration(3+l.random.IntN(4)) * 24 * time.Hour) // a seed does not say
		}
		l.book.Add(e.Addr, e.Services, seen, source, now)
	}
}

// gossip follows what a peer says of addresses, and tells whether it did.
func (l *loop) gossip(k *link, m msg.Message) bool {
	if !l.gossips() {
		return false
	}
	if _, ok := m.(*wire.MsgGetAddr); ok {
		// Only who came to us is told, and once: who asks again wants to read the book out.
		if k.inbound && !k.toldAll {
			k.toldAll = true
			l.tellAddresses(k)
		}
		return true
	}
	found := entries(m)
	if found == nil {
		return false
	}
	now := time.Now()
	k.tokens = min(k.tokens+now.Sub(k.tokensAt).Seconds()/tellEvery.Seconds(), tellAsked)
	k.tokensAt = now
	found = found[:min(len(found), int(k.tokens))]
	k.tokens -= float64(len(found))
	l.learn(found, groupOf(k.address), false)
	return true
}

func (l *loop) tellAddresses(k *link) {
	some := l.book.Sample(l.random, time.Now())
	if k.addrV2 {
		m := &wire.MsgAddrV2{}
		for _, e := range some {
			m.AddrList = append(m.AddrList, e.Wire())
		}
		k.queue(m)
		return
	}
	m := &wire.MsgAddr{}
	for _, e := range some {
		if !e.Addr.IsOnion() {
			seen := time.Unix(int64(e.Seen), 0)
			m.AddrList = append(m.AddrList, wire.NewNetAddressTimestamp(seen, e.Services, e.Addr.IP.AsSlice(), e.Addr.Port))
		}
	}
	k.queue(m)
}

// entries returns the addresses that an addr or addrv2 message tells of, leaving out those
// of kinds that are not used; nil for another message.
func entries(m msg.Message) []book.Entry {
	var list []*wire.NetAddressV2
	switch m := m.(type) {
	case *wire.MsgAddr:
		for _, na := range m.AddrList {
			ip := na.IP.To4()
			if ip == nil {
				ip = na.IP.To16()
			}
			if ip != nil {
				list = append(list, wire.NetAddressV2FromBytes(na.Timestamp, na.Services, ip, na.Port))
			}
		}
	case *wire.MsgAddrV2:
		list = m.AddrList
	default:
		return nil
	}
	found := make([]book.Entry, 0, len(list))
	for _, na := range list {
		if a, err := book.FromWire(na); err == nil {
			found = append(found, book.Entry{Addr: a, Services: na.Services, Seen: uint32(max(0, na.Timestamp.Unix()))})
		}
	}
	return found
}

// groupOf returns the network group of an address host:port, or the host where it is a
// name.
func groupOf(address string) string {
	if a, err := book.Parse(address); err == nil {
		return a.Group()
	}
	host, _, _ := net.SplitHostPort(address)
	return host
}

// ban leaves a host alone for a time, which it returns. This machine's own hosts are never
// banned: all who come through a local Tor look the same.
func (l *loop) ban(k *link, cause error) time.Duration {
	wait := banTimeOf(cause)
	a, err := book.Parse(k.address)
	if err != nil || (!a.IsOnion() && a.IP.IsLoopback()) {
		return wait
	}
	l.book.Ban(a, time.Now().Add(wait), cause.Error())
	l.saveBook()
	return wait
}

// banTimeOf returns how long a peer is left alone for a cause: as long as the cause has it
// (BanTime), or a day.
func banTimeOf(cause error) time.Duration {
	var timed interface{ BanTime() time.Duration }
	if errors.As(cause, &timed) {
		return min(max(timed.BanTime(), time.Minute), maxBanTime)
	}
	return banTime
}

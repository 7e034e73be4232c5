package book

import (
	"slices"
	"strings"
	"time"
)

// mostBans bounds the list, mostCause each reason, in bytes.
const (
	mostBans  = 4096
	mostCause = 200
)

// mostAnchors is how many peers are dialled first after a restart.
const mostAnchors = 2

// Ban says until when a host is left alone, and why.
type Ban struct {
	Until uint32 // seconds since 1970
	Cause string
}

// Ban leaves a host, whatever its port, alone until a time. When the list is full, that
// which ends first makes room.
func (b *Book) Ban(a Addr, until time.Time, cause string) {
	a.Port = 0
	if _, known := b.bans[a]; !known && len(b.bans) >= mostBans {
		first := b.banned()[0]
		for _, x := range b.banned() {
			if b.bans[x].Until < b.bans[first].Until {
				first = x
			}
		}
		delete(b.bans, first)
	}
	b.bans[a] = Ban{Until: unix(until), Cause: strings.ToValidUTF8(cause[:min(len(cause), mostCause)], "")}
}

// Banned tells whether a host is to be left alone.
func (b *Book) Banned(a Addr, now time.Time) bool {
	a.Port = 0
	ban, ok := b.bans[a]
	if ok && ban.Until <= unix(now) {
		delete(b.bans, a)
		return false
	}
	return ok
}

// Bans returns all bans, by address without port.
func (b *Book) Bans() map[Addr]Ban {
	all := make(map[Addr]Ban, len(b.bans))
	for a, ban := range b.bans {
		all[a] = ban
	}
	return all
}

// Unban ends a ban.
func (b *Book) Unban(a Addr) {
	a.Port = 0
	delete(b.bans, a)
}

// banned returns the banned hosts in a fixed order.
func (b *Book) banned() []Addr {
	all := make([]Addr, 0, len(b.bans))
	for a := range b.bans {
		all = append(all, a)
	}
	slices.SortFunc(all, func(x, y Addr) int { return strings.Compare(x.Host(), y.Host()) })
	return all
}

// Anchor remembers a peer that served us well, at most two, the latest first.
func (b *Book) Anchor(a Addr) {
	b.anchors = slices.DeleteFunc(b.anchors, func(x Addr) bool { return x == a })
	b.anchors = slices.Insert(b.anchors, 0, a)
	b.anchors = b.anchors[:min(len(b.anchors), mostAnchors)]
}

// Anchors returns the peers to dial first.
func (b *Book) Anchors() []Addr { return slices.Clone(b.anchors) }

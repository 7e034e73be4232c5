package book

import (
	"encoding/binary"
	"time"

	"github.com/aead/siphash"
	"github.com/btcsuite/btcd/wire"
)

// The book has so many buckets, each with so many places. One source group reaches
// newShare of the buckets for addresses that nobody has tried, one address group triedShare
// of those for addresses that have worked: 1/16 and 1/32.
const (
	newBuckets   = 256
	newShare     = 16
	triedBuckets = 128
	triedShare   = 4
	places       = 32
)

const (
	// old is the age at which an address that nobody tells of any longer is worth nothing.
	old = 30 * 24 * time.Hour
	// stale is how long an address that works is believed in.
	stale = 7 * 24 * time.Hour
	// young is the age that is put on addresses from others, so that what we have seen
	// ourselves is newer.
	penalty = 2 * time.Hour
	// fewTries and manyTries are how often an address may fail that never worked, and one
	// that did.
	fewTries  = 3
	manyTries = 10
)

// Entry is what is known of an address.
type Entry struct {
	Addr     Addr
	Services wire.ServiceFlag // by the word of whoever told it, or its own once connected
	Seen     uint32           // when it was last said to be there, seconds since 1970
	Worked   uint32           // when a handshake last succeeded; 0: never
	Tried    uint32           // when it was last dialled; 0: never
	Fails    uint8            // dials in vain since it last worked
}

// place is where an entry lies.
type place struct {
	tried        bool
	bucket, slot uint16
}

// Book holds addresses. It is not safe for concurrent use.
type Book struct {
	key     [16]byte
	entries map[Addr]*kept
	fresh   [newBuckets][places]*kept
	proven  [triedBuckets][places]*kept
	bans    map[Addr]Ban // by address without port
	anchors []Addr
}

type kept struct {
	Entry
	at place
}

// New returns an empty book. Key must be random and secret.
func New(key [16]byte) *Book {
	return &Book{key: key, entries: map[Addr]*kept{}, bans: map[Addr]Ban{}}
}

// Len returns how many addresses there are, and how many of them have worked.
func (b *Book) Len() (all, worked int) {
	for _, k := range b.entries {
		if k.at.tried {
			worked++
		}
	}
	return len(b.entries), worked
}

// hash returns a number that nobody without the key foresees. Parts are told apart by
// their lengths.
func (b *Book) hash(parts ...string) uint64 {
	var text []byte
	for _, p := range parts {
		text = binary.LittleEndian.AppendUint16(text, uint16(len(p)))
		text = append(text, p...)
	}
	return siphash.Sum64(text, &b.key)
}

func number(n uint64) string { return string(binary.LittleEndian.AppendUint64(nil, n)) }

// freshBucket is where an address from a source goes.
func (b *Book) freshBucket(a Addr, source string) uint16 {
	spread := b.hash("spread", source, a.Group()) % newShare
	return uint16(b.hash("fresh", source, number(spread)) % newBuckets)
}

func (b *Book) provenBucket(a Addr) uint16 {
	spread := b.hash("spread", a.String()) % triedShare
	return uint16(b.hash("proven", a.Group(), number(spread)) % triedBuckets)
}

func (b *Book) slot(table string, bucket uint16, a Addr) uint16 {
	return uint16(b.hash(table, number(uint64(bucket)), a.String()) % places)
}

// Add takes an address that a source tells of, seen at a time by its word. The source is
// the network group of the peer, or the name of a seed. It returns whether the book has
// become larger. An address that the book knows stays where it is.
func (b *Book) Add(a Addr, services wire.ServiceFlag, seen time.Time, source string, now time.Time) bool {
	if !a.Routable() {
		return false
	}
	if age := now.Sub(seen); age < -10*time.Minute || age > 10*365*24*time.Hour {
		seen = now.Add(-5 * 24 * time.Hour) // its clock is wrong
	}
	at := unix(seen.Add(-penalty))
	if k := b.entries[a]; k != nil {
		if at > k.Seen {
			k.Seen = at
		}
		if k.Worked == 0 {
			k.Services |= services
		}
		return false
	}
	k := &kept{Entry: Entry{Addr: a, Services: services, Seen: at}}
	return !k.terrible(now) && b.shelve(k, b.freshBucket(a, source), now)
}

// shelve puts an entry in a bucket of fresh ones, unless a better one has its place.
func (b *Book) shelve(k *kept, bucket uint16, now time.Time) bool {
	k.at = place{bucket: bucket, slot: b.slot("fresh", bucket, k.Addr)}
	spot := &b.fresh[k.at.bucket][k.at.slot]
	if *spot != nil {
		if !(*spot).terrible(now) {
			return false
		}
		delete(b.entries, (*spot).Addr)
	}
	*spot = k
	b.entries[k.Addr] = k
	return true
}

// Tried notes that an address is being dialled.
func (b *Book) Tried(a Addr, now time.Time) {
	if k := b.entries[a]; k != nil {
		k.Tried = unix(now)
		k.Fails = min(k.Fails, 254) + 1
	}
}

// Works notes that a handshake with an address succeeded, and what it serves. An address
// that the book does not know is added: it was named by the user. It takes the place of
// another that has worked only if that one is doubtful.
func (b *Book) Works(a Addr, services wire.ServiceFlag, now time.Time) {
	if !a.Routable() {
		return
	}
	k := b.entries[a]
	if k == nil {
		b.Add(a, services, now, "user", now)
		if k = b.entries[a]; k == nil {
			return // its place is taken by a better one
		}
	}
	k.Services, k.Seen, k.Worked, k.Fails = services, unix(now), unix(now), 0
	if k.at.tried {
		return
	}
	to := place{tried: true, bucket: b.provenBucket(a)}
	to.slot = b.slot("proven", to.bucket, a)
	spot := &b.proven[to.bucket][to.slot]
	if other := *spot; other != nil {
		if other.Fails == 0 && now.Sub(time.Unix(int64(other.Worked), 0)) < stale {
			return // it stays among the fresh ones, and is dialled from there
		}
		*spot = nil
		delete(b.entries, other.Addr)
		defer b.shelve(other, b.freshBucket(other.Addr, other.Addr.Group()), now)
	}
	b.fresh[k.at.bucket][k.at.slot] = nil
	k.at, *spot = to, k
}

// terrible tells whether an address is not worth a place.
func (e *Entry) terrible(now time.Time) bool {
	since := func(t uint32) time.Duration { return now.Sub(time.Unix(int64(t), 0)) }
	switch {
	case e.Tried != 0 && since(e.Tried) < time.Minute:
		return false // it is being dialled
	case since(e.Seen) > old+penalty:
		return true
	case e.Worked == 0:
		return e.Fails >= fewTries
	default:
		return e.Fails >= manyTries && since(e.Worked) > stale
	}
}

// unix returns a time as it is stored; times before 1970 are 0.
func unix(t time.Time) uint32 { return uint32(max(0, t.Unix())) }

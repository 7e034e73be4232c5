package book

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	// rest is how long an address is hardly ever dialled again.
	rest = 10 * time.Minute
	// Sample tells at most shown addresses, and one in shownShare.
	shown      = 1000
	shownShare = 4
)

// Select draws an address to dial, as often one that has worked as one that nobody has
// tried, the less likely the more it has failed. Fits says which will do. False: none.
func (b *Book) Select(random *rand.Rand, now time.Time, fits func(Entry) bool) (Entry, bool) {
	chosen := b.draw(random, now, fits)
	table := random.IntN(2)
	if chosen[table] == nil {
		table = 1 - table
	}
	if chosen[table] == nil {
		return Entry{}, false
	}
	return chosen[table].Entry, true
}

// Fresh draws an address that has not worked yet, as Select does. False: none.
func (b *Book) Fresh(random *rand.Rand, now time.Time, fits func(Entry) bool) (Entry, bool) {
	if chosen := b.draw(random, now, fits)[0]; chosen != nil {
		return chosen.Entry, true
	}
	return Entry{}, false
}

// draw returns an address that has not worked yet, and one that has; nil for none.
func (b *Book) draw(random *rand.Rand, now time.Time, fits func(Entry) bool) (chosen [2]*kept) {
	var total [2]float64
	for _, k := range b.inOrder() {
		if k.terrible(now) || b.Banned(k.Addr, now) || !fits(k.Entry) {
			continue
		}
		table := 0
		if k.at.tried {
			table = 1
		}
		c := k.chance(now)
		if total[table] += c; random.Float64()*total[table] < c {
			chosen[table] = k
		}
	}
	return chosen
}

// chance returns how likely an entry is to be drawn, compared with others.
func (e *Entry) chance(now time.Time) float64 {
	c := math.Pow(0.66, float64(min(e.Fails, 8)))
	if e.Tried != 0 && now.Sub(time.Unix(int64(e.Tried), 0)) < rest {
		c *= 0.01
	}
	return c
}

// Sample returns some of the addresses by chance, to tell them to a peer: at most 1000 and
// a quarter of all, so that the book cannot be read out at once.
func (b *Book) Sample(random *rand.Rand, now time.Time) []Entry {
	var all []Entry
	for _, k := range b.inOrder() {
		if !k.terrible(now) && !b.Banned(k.Addr, now) {
			all = append(all, k.Entry)
		}
	}
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return slices.Clip(all[:min(shown, (len(all)+shownShare-1)/shownShare)])
}

// inOrder returns all entries by place: the same book gives the same order.
func (b *Book) inOrder() []*kept {
	all := make([]*kept, 0, len(b.entries))
	for i := range b.proven {
		for _, k := range b.proven[i] {
			if k != nil {
				all = append(all, k)
			}
		}
	}
	for i := range b.fresh {
		for _, k := range b.fresh[i] {
			if k != nil {
				all = append(all, k)
			}
		}
	}
	return all
}

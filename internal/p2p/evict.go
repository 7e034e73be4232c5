package p2p

import (
	"slices"
	"time"
)

// Of the connections that came to us, so many are never turned out for a new one: those of
// the most different networks, with the quickest answers, the latest to be of use, and half
// of the rest, the longest here. A stranger would have to be better than honest peers in
// each of these to push them all out.
const (
	safeNetworks = 4
	safeQuick    = 8
	safeUseful   = 4
)

// handshakeGrace is how long a guest may take over its handshake before it is the first to
// be turned out.
const handshakeGrace = 3 * time.Second

// standing is what counts when one of the guests has to go.
type standing struct {
	group   uint64 // network group under a secret key
	since   time.Time
	greeted bool
	quick   time.Duration // least time of an answer to a ping; 0: none yet
	useful  time.Time     // when it last brought what it was asked for; zero: never
}

// evict returns which of the guests goes to make room; -1 if none should.
func evict(guests []standing, now time.Time) int {
	late := -1
	for i, g := range guests {
		if !g.greeted && now.Sub(g.since) > handshakeGrace && (late < 0 || g.since.Before(guests[late].since)) {
			late = i
		}
	}
	if late >= 0 {
		return late
	}
	left := make([]int, len(guests))
	for i := range left {
		left[i] = i
	}
	left = keepNetworks(guests, left)
	left = keepFirst(left, safeQuick, func(i int) bool { return guests[i].quick > 0 },
		func(i, j int) int { return int(guests[i].quick - guests[j].quick) })
	left = keepFirst(left, safeUseful, func(i int) bool { return !guests[i].useful.IsZero() },
		func(i, j int) int { return guests[j].useful.Compare(guests[i].useful) })
	left = keepFirst(left, len(left)/2, func(i int) bool { return guests[i].greeted },
		func(i, j int) int { return guests[i].since.Compare(guests[j].since) })
	return crowded(guests, left)
}

// keepFirst takes the first n that qualify, in an order, off the list.
func keepFirst(left []int, n int, qualifies func(int) bool, order func(i, j int) int) []int {
	slices.SortStableFunc(left, order)
	return slices.DeleteFunc(left, func(i int) bool {
		if n == 0 || !qualifies(i) {
			return false
		}
		n--
		return true
	})
}

// keepNetworks takes the longest here of some networks, by the secret order of their
// groups, off the list.
func keepNetworks(guests []standing, left []int) []int {
	slices.SortStableFunc(left, func(i, j int) int {
		switch a, b := &guests[i], &guests[j]; {
		case a.group < b.group:
			return -1
		case a.group > b.group:
			return 1
		default:
			return a.since.Compare(b.since)
		}
	})
	kept, last := 0, -1
	return slices.DeleteFunc(left, func(i int) bool {
		if !guests[i].greeted || kept == safeNetworks || last >= 0 && guests[last].group == guests[i].group {
			return false
		}
		kept, last = kept+1, i
		return true
	})
}

// crowded returns the youngest guest of the network that has the most; -1 of none.
func crowded(guests []standing, left []int) int {
	count, youngest := map[uint64]int{}, map[uint64]int{}
	for _, i := range left {
		group := guests[i].group
		count[group]++
		if y, ok := youngest[group]; !ok || guests[i].since.After(guests[y].since) {
			youngest[group] = i
		}
	}
	worst := -1
	for _, i := range left {
		if y := youngest[guests[i].group]; worst < 0 || count[guests[i].group] > count[guests[worst].group] ||
			count[guests[i].group] == count[guests[worst].group] && guests[y].since.After(guests[worst].since) {
			worst = y
		}
	}
	return worst
}

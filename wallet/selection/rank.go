package selection

import (
	"cmp"
	"slices"
)

// effective is a coin by what it brings after its own fee.
type effective struct {
	index  int
	value  int64 // effective, more than 0
	weight int64
	waste  int64 // of spending it now instead of later
}

// A digit of a value, as sorted takes it.
const (
	digitBits = 12
	digits    = 1 << digitBits
)

// sorted puts coins in order, those that bring most first, of equal ones the first first; they come in the order of their
// indices. Many coins are sorted by the digits of their values, the lowest first, with as many passes as the largest has
// digits: comparing them takes several times as long. The list may be used up.
func sorted(list []effective) []effective {
	if len(list) < digits/4 {
		slices.SortFunc(list, func(a, b effective) int {
			return cmp.Or(cmp.Compare(b.value, a.value), cmp.Compare(a.index, b.index))
		})
		return list
	}
	var used uint64
	for i := range list {
		used |= uint64(list[i].value)
	}
	other := make([]effective, len(list))
	for shift := 0; used>>shift > 0; shift += digitBits {
		digit := func(e *effective) uint64 { return digits - 1 - uint64(e.value)>>shift%digits } // the largest first
		var places [digits]int
		for i := range list {
			places[digit(&list[i])]++
		}
		at := 0
		for d, n := range places {
			places[d] = at
			at += n
		}
		for i := range list {
			d := digit(&list[i])
			other[places[d]] = list[i]
			places[d]++
		}
		list, other = other, list
	}
	return list
}

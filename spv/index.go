package spv

import "encoding/binary"

// idIndex finds nodes by block id: a hash table with open addressing whose keys stay in
// the nodes. An id's low bytes are as good as random already, so they are the hash.
type idIndex struct {
	// slots hold node+1 in the lower half and bytes 4 to 7 of the id in the upper: where to
	// start looking, and what to compare first, so that nothing but a find that succeeds
	// touches the nodes. 0 is free.
	slots []uint64
	used  int
}

// tagOf returns the upper half of an id's slot.
func tagOf(id *Hash) uint64 { return uint64(binary.LittleEndian.Uint32(id[4:])) << 32 }

// home returns where the search for a slot's content starts.
func (x *idIndex) home(slot uint64) int { return int(slot>>32) & (len(x.slots) - 1) }

func (x *idIndex) next(at int) int { return (at + 1) & (len(x.slots) - 1) }

func (x *idIndex) find(id *Hash, s *nodes) (int32, bool) {
	tag := tagOf(id)
	for at := x.home(tag); ; at = x.next(at) {
		slot := x.slots[at]
		if slot == 0 {
			return 0, false
		}
		if n := int32(uint32(slot)) - 1; slot&^0xffffffff == tag && s.at(n).id == *id {
			return n, true
		}
	}
}

// insert adds node i, which must not be there yet.
func (x *idIndex) insert(i int32, id *Hash) {
	if 2*(x.used+1) > len(x.slots) {
		x.grow(2 * len(x.slots))
	}
	x.put(tagOf(id) | uint64(i+1))
}

func (x *idIndex) put(slot uint64) {
	at := x.home(slot)
	for x.slots[at] != 0 {
		at = x.next(at)
	}
	x.slots[at] = slot
	x.used++
}

// remove takes node i out, which must be there. Those behind it that a search would no
// longer reach move into its place.
func (x *idIndex) remove(i int32, id *Hash) {
	slot := tagOf(id) | uint64(i+1)
	at := x.home(slot)
	for x.slots[at] != slot {
		at = x.next(at)
	}
	x.used--
	for behind := x.next(at); x.slots[behind] != 0; behind = x.next(behind) {
		// It may move if its home is not between the free place and where it is.
		mask := len(x.slots) - 1
		if (behind-x.home(x.slots[behind]))&mask >= (behind-at)&mask {
			x.slots[at], at = x.slots[behind], behind
		}
	}
	x.slots[at] = 0
}

// grow makes room for at least n slots, a power of two.
func (x *idIndex) grow(n int) {
	size := 64
	for size < n {
		size *= 2
	}
	old := x.slots
	x.slots, x.used = make([]uint64, size), 0
	for _, slot := range old {
		if slot != 0 {
			x.put(slot)
		}
	}
}

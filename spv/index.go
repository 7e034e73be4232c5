package spv

import "encoding/binary"

// idIndex finds nodes by block id: a hash table with open addressing whose keys stay in
// the nodes. An id's low bytes are as good as random already, so they are the hash.
type idIndex struct {
	// slots hold node+1 in the lower half and four more bytes of the id in the upper,
	// so that looking past other ids does not touch their nodes; 0 is free.
	slots []uint64
	used  int
}

// key splits an id into where to start looking and what to compare first.
func (x *idIndex) key(id *Hash) (start int, tag uint64) {
	k := binary.LittleEndian.Uint64(id[:8])
	return int(k & uint64(len(x.slots)-1)), k &^ 0xffffffff
}

func (x *idIndex) find(id *Hash, nodes []node) (int32, bool) {
	i, tag := x.key(id)
	for ; ; i = (i + 1) & (len(x.slots) - 1) {
		s := x.slots[i]
		if s == 0 {
			return 0, false
		}
		if n := int32(uint32(s)) - 1; s&^0xffffffff == tag && nodes[n].id == *id {
			return n, true
		}
	}
}

// insert adds node i, which must not be there yet.
func (x *idIndex) insert(i int32, nodes []node) {
	if 2*(x.used+1) > len(x.slots) {
		x.grow(4 * (x.used + 1))
		x.rebuild(nodes)
		return // rebuilt from all nodes, this one included
	}
	x.put(i, nodes)
}

func (x *idIndex) put(i int32, nodes []node) {
	s, tag := x.key(&nodes[i].id)
	for x.slots[s] != 0 {
		s = (s + 1) & (len(x.slots) - 1)
	}
	x.slots[s] = tag | uint64(i+1)
	x.used++
}

// grow makes room for at least n slots, a power of two, and empties the table.
func (x *idIndex) grow(n int) {
	size := 64
	for size < n {
		size *= 2
	}
	x.slots = make([]uint64, size)
	x.used = 0
}

// rebuild fills the table anew from the nodes.
func (x *idIndex) rebuild(nodes []node) {
	clear(x.slots)
	x.used = 0
	for i := range nodes {
		x.put(int32(i), nodes)
	}
}

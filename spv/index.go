package spv

import "encoding/binary"

// idIndex finds nodes by block id: a hash table with open addressing whose keys stay in
// the nodes. An id's low bytes are as good as random already, so they are the hash.
type idIndex struct {
	slots []int32 // node+1; 0 is free
	used  int
}

func (x *idIndex) start(id *Hash) int {
	return int(binary.LittleEndian.Uint64(id[:8]) & uint64(len(x.slots)-1))
}

func (x *idIndex) find(id *Hash, nodes []node) (int32, bool) {
	for i := x.start(id); ; i = (i + 1) & (len(x.slots) - 1) {
		switch n := x.slots[i]; {
		case n == 0:
			return 0, false
		case nodes[n-1].id == *id:
			return n - 1, true
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
	s := x.start(&nodes[i].id)
	for x.slots[s] != 0 {
		s = (s + 1) & (len(x.slots) - 1)
	}
	x.slots[s] = i + 1
	x.used++
}

// grow makes room for at least n slots, a power of two, and empties the table.
func (x *idIndex) grow(n int) {
	size := 64
	for size < n {
		size *= 2
	}
	x.slots = make([]int32, size)
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

package spv

import "github.com/holiman/uint256"

// node is a header in the tree.
type node struct {
	id     Hash
	work   uint256.Int // cumulative, this block included
	header Header
	height int32 // gone once the node is forgotten
	prev   int32 // number of the node below; -1 at the window's edge
}

const gone = -1

// nodesPerChunk is how many nodes are had and let go of at once.
const nodesPerChunk = 512

// spareChunks is how many chunks are kept for nodes to come: as many as one message of
// headers fills.
const spareChunks = 4

// nodes holds a tree's nodes by number: parents have lower ones than their children, and
// numbers are never used again, but for Tree.keep, which begins anew. The lowest are let go of as the window moves, and their
// memory serves the newest, so that following a chain neither copies nor leaves garbage.
type nodes struct {
	chunks []*[nodesPerChunk]node
	base   int32 // number of the first node in chunks
	first  int32 // the lowest number that is not gone
	end    int32 // one above the highest
	left   int   // how many from first on are gone
	index  idIndex
}

func (s *nodes) at(i int32) *node {
	n := uint32(i - s.base)
	return &s.chunks[n/nodesPerChunk][n%nodesPerChunk]
}

// count returns how many nodes there are.
func (s *nodes) count() int { return int(s.end-s.first) - s.left }

// add makes a node; all but its id is for the caller to fill before it asks for it.
func (s *nodes) add(id *Hash) (int32, *node) {
	if int(s.end-s.base) == len(s.chunks)*nodesPerChunk {
		s.chunks = append(s.chunks, new([nodesPerChunk]node))
	}
	i := s.end
	s.end++
	n := s.at(i)
	n.id = *id
	s.index.insert(i, id)
	return i, n
}

func (s *nodes) find(id *Hash) (int32, bool) { return s.index.find(id, s) }

// forget takes a node out. Nothing that is kept may lead to it.
func (s *nodes) forget(i int32) {
	n := s.at(i)
	if n.height == gone {
		return
	}
	s.index.remove(i, &n.id)
	n.height = gone
	s.left++
}

// forgetBelow takes out all nodes below a number, and uses their memory again.
func (s *nodes) forgetBelow(first int32) {
	for ; s.first < first; s.first++ {
		s.forget(s.first)
		s.left-- // it is not counted any longer
	}
	idle := int(s.first-s.base) / nodesPerChunk
	if idle == 0 {
		return
	}
	// Rotate those that are free to the end.
	s.chunks = append(s.chunks[idle:], s.chunks[:idle]...)
	s.base += int32(idle * nodesPerChunk)
	used := (int(s.end-s.base) + nodesPerChunk - 1) / nodesPerChunk
	if most := used + spareChunks; len(s.chunks) > most {
		clear(s.chunks[most:])
		s.chunks = s.chunks[:most]
	}
}

// clone returns nodes that share no memory with these.
func (s *nodes) clone() nodes {
	c := *s
	c.chunks = make([]*[nodesPerChunk]node, len(s.chunks))
	for i, chunk := range s.chunks {
		own := *chunk
		c.chunks[i] = &own
	}
	c.index.slots = append([]uint64(nil), s.index.slots...)
	return c
}

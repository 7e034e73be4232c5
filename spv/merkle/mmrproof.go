package merkle

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/holiman/uint256"
)

const (
	nodeSize = 2 * 32 // encoded size of a Node in bytes

	// maxProofNodes is the longest proof of a range of up to MaxLeaves leaves: 31 siblings
	// within the largest mountain and the bag of all others.
	maxProofNodes = 32
)

// Proof proves one leaf of a mountain range. Its nodes are the siblings on the way to the
// mountain's peak, lowest first; then, if there are mountains to the right, their bag as
// one node; then the peaks to the left, nearest first. How many of each is settled by
// the number of leaves and the leaf's index.
type Proof []Node

// Span tells where in a chain's work a proved leaf stands.
type Span struct {
	Before uint256.Int // work of all leaves before this one
	Total  uint256.Int // work of all leaves
}

// Prove proves a leaf in the range over the first leaves nodes, which may be fewer than
// are stored. The error is that of nodes, or says that index is not below leaves.
func Prove(nodes Nodes, leaves, index uint64) (Proof, error) {
	if index >= leaves {
		return nil, fmt.Errorf("mountain range: leaf %d of %d", index, leaves)
	}
	peaks, err := PeaksAt(nodes, leaves)
	if err != nil {
		return nil, err
	}
	mountain := mountainOf(leaves, index)
	proof := make(Proof, 0, proofLength(leaves, mountain))
	for height := range mountain {
		sibling := (index>>height ^ 1) << height
		node, err := nodes.Node(position(sibling, height))
		if err != nil {
			return nil, fmt.Errorf("mountain range: leaves from %d at height %d: %w", sibling, height, err)
		}
		proof = append(proof, node)
	}
	if bagged, any := peaks.bag(mountain); any {
		proof = append(proof, bagged)
	}
	for height := mountain + 1; height < maxPeaks; height++ {
		if leaves>>height&1 != 0 {
			proof = append(proof, peaks.at[height])
		}
	}
	return proof, nil
}

// mountainOf returns the height of the mountain in which a leaf below leaves stands: that of
// the highest bit in which leaves and index differ. Above it the two agree, so that the
// leaf lies behind the same larger mountains.
func mountainOf(leaves, index uint64) int {
	return bits.Len64(leaves^index) - 1
}

// Verify checks that leaf is number index, counted from 0, of the leaves that a range with
// the given root and number of leaves has, and returns the work before it and in total.
// The root's hash covers the works of all nodes it is made of, so Span is as good as the
// root; only in a range of one leaf is the work the caller's own. A refusal is a
// *CheckError named mmr-index, mmr-length, mmr-work (a sum exceeds 256 bits) or mmr-root.
func (p Proof) Verify(root chainhash.Hash, leaves uint64, leaf Node, index uint64) (Span, error) {
	if index >= leaves || leaves > MaxLeaves {
		return Span{}, refuse(CheckRangeIndex, fmt.Sprintf("leaf %d of %d", index, leaves),
			fmt.Sprintf("an index below the number of leaves, at most %d", uint64(MaxLeaves)))
	}
	mountain := mountainOf(leaves, index)
	if want := proofLength(leaves, mountain); len(p) != want {
		return Span{}, refuse(CheckRangeLength, fmt.Sprintf("%d nodes", len(p)), fmt.Sprint(want))
	}
	c := climb{node: leaf}
	rest := p
	for height := range mountain {
		c.join(&rest[0], index>>height&1 != 0)
		rest = rest[1:]
	}
	if leaves&(1<<mountain-1) != 0 {
		c.join(&rest[0], false)
		rest = rest[1:]
	}
	for i := range rest {
		c.join(&rest[i], true)
	}
	if c.overflow {
		return Span{}, refuse(CheckRangeWork, "a sum above 256 bits", "sums below 2^256")
	}
	if c.node.Hash != root {
		return Span{}, refuse(CheckRangeRoot, c.node.Hash.String(), root.String())
	}
	return Span{Before: c.before, Total: c.node.Work}, nil
}

// proofLength returns the number of nodes that prove a leaf of the mountain of a height.
func proofLength(leaves uint64, mountain int) int {
	n := mountain
	if leaves&(1<<mountain-1) != 0 {
		n++
	}
	return n + bits.OnesCount64(leaves>>(mountain+1))
}

// climb is the way from a leaf to the root.
type climb struct {
	node     Node
	before   uint256.Int
	overflow bool
}

func (c *climb) join(sibling *Node, left bool) {
	var overflow bool
	if left {
		// Never above the sum that parent makes and checks.
		c.before.Add(&c.before, &sibling.Work)
		c.node, overflow = parent(sibling, &c.node)
	} else {
		c.node, overflow = parent(&c.node, sibling)
	}
	c.overflow = c.overflow || overflow
}

// Append appends the proof to dst: CompactSize number of nodes, then for each node its hash
// and its work as 32 bytes little-endian.
func (p Proof) Append(dst []byte) []byte {
	dst = appendCompactSize(dst, uint64(len(p)))
	var b [nodeSize]byte
	for i := range p {
		p[i].put(b[:])
		dst = append(dst, b[:]...)
	}
	return dst
}

// ParseProof reads what Proof.Append writes, with at most 32 nodes and the length in its
// shortest form, and returns the bytes behind it.
func ParseProof(b []byte) (p Proof, rest []byte, err error) {
	n, rest, err := compactSize(b)
	if err != nil {
		return nil, nil, fmt.Errorf("range proof: length: %w", err)
	}
	if n > maxProofNodes {
		return nil, nil, fmt.Errorf("range proof: %d nodes, at most %d", n, maxProofNodes)
	}
	if uint64(len(rest)) < n*nodeSize {
		return nil, nil, fmt.Errorf("range proof: %d nodes in %d bytes: %w", n, len(rest), errShort)
	}
	if n > 0 {
		p = make(Proof, n)
	}
	for i := range p {
		p[i].take(rest)
		rest = rest[nodeSize:]
	}
	return p, rest, nil
}

// put writes the node's hash and its work, little-endian, to the first 64 bytes of b.
func (n *Node) put(b []byte) {
	b = b[copy(b, n.Hash[:]):]
	for i, limb := range n.Work { // least significant first
		binary.LittleEndian.PutUint64(b[8*i:], limb)
	}
}

// take reads what put writes.
func (n *Node) take(b []byte) {
	b = b[copy(n.Hash[:], b):]
	for i := range n.Work {
		n.Work[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
}

package merkle

import (
	"crypto/sha256"
	"fmt"
	"math"
	"math/bits"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/holiman/uint256"
)

// MaxLeaves is the largest number of leaves of a mountain range. Block heights are 32-bit.
const MaxLeaves = math.MaxUint32

// maxPeaks is the number of peaks of the largest range: one per set bit of MaxLeaves.
const maxPeaks = 32

// Node is a node of the Merkle mountain range over a chain's headers (protocol.md section
// 3.1). For a leaf, Hash is the block id and Work the work of the block's bits; for an
// inner node, Work is the sum over its leaves. The work of a block is a number of expected
// hashes.
type Node struct {
	Hash chainhash.Hash
	Work uint256.Int
}

// rangePrefix is the BIP340 prefix of the inner nodes' hash: the tag's SHA-256, twice.
var rangePrefix = func() (p [2 * sha256.Size]byte) {
	tag := sha256.Sum256([]byte("LPOW/mmr"))
	copy(p[:], tag[:])
	copy(p[sha256.Size:], tag[:])
	return p
}()

// parent joins two nodes: Hash is the tagged hash of l.Hash, l.Work, r.Hash, r.Work in this
// order, works as 32 bytes little-endian, and Work is l.Work + r.Work. The flag reports
// that the sum exceeds 256 bits.
func parent(l, r *Node) (p Node, overflow bool) {
	var b [len(rangePrefix) + 2*nodeSize]byte
	copy(b[:], rangePrefix[:])
	l.put(b[len(rangePrefix):])
	r.put(b[len(rangePrefix)+nodeSize:])
	p.Hash = sha256.Sum256(b[:])
	_, overflow = p.Work.AddOverflow(&l.Work, &r.Work)
	return p, overflow
}

// Peaks is a mountain range reduced to what appending and the root need, at most 32 nodes.
// The zero value is the empty range. Assignment copies it and == compares it, so a caller
// that may have to go back keeps a copy, or rebuilds one with PeaksAt.
//
// The range over n leaves is made of perfect binary trees ("mountains"), one for each set
// bit of n, the largest over the oldest leaves.
type Peaks struct {
	leaves uint64
	work   uint256.Int
	at     [maxPeaks]Node // at[k] is the peak over 2^k leaves; zero unless bit k of leaves is set
}

// Leaves returns the number of leaves.
func (p *Peaks) Leaves() uint64 { return p.leaves }

// Append adds a leaf. It appends the nodes that become final, the leaf first and each
// parent behind its children, to stored and returns the longer slice; a caller that does
// not prove anything passes and ignores nil. It fails, changing nothing, when the
// range has MaxLeaves leaves or when the total work would exceed 256 bits.
func (p *Peaks) Append(stored []Node, leaf Node) ([]Node, error) {
	if p.leaves >= MaxLeaves {
		return stored, fmt.Errorf("mountain range: %d leaves, at most %d", p.leaves+1, uint64(MaxLeaves))
	}
	var total uint256.Int
	if _, overflow := total.AddOverflow(&p.work, &leaf.Work); overflow {
		return stored, fmt.Errorf("mountain range: work %s + %s exceeds 256 bits", p.work.Hex(), leaf.Work.Hex())
	}
	p.work = total
	stored = append(stored, leaf)
	height := 0
	for ; p.leaves>>height&1 != 0; height++ {
		leaf, _ = parent(&p.at[height], &leaf) // below the total, which fits
		p.at[height] = Node{}
		stored = append(stored, leaf)
	}
	p.at[height] = leaf
	p.leaves++
	return stored, nil
}

// Root bags the peaks from right to left: starting with the rightmost (smallest) peak, the
// next peak to the left is joined as left child with everything to its right. The root of
// one leaf is that leaf, the root of none the zero Node.
func (p *Peaks) Root() Node {
	if p.leaves == 0 {
		return Node{}
	}
	root, _ := p.bag(maxPeaks)
	return root
}

// bag joins the peaks below a height and reports whether there are any.
func (p *Peaks) bag(height int) (bagged Node, any bool) {
	for k := range height {
		switch {
		case p.leaves>>k&1 == 0:
		case !any:
			bagged, any = p.at[k], true
		default:
			bagged, _ = parent(&p.at[k], &bagged)
		}
	}
	return bagged, any
}

// Nodes reads the nodes of a range in the order in which Peaks.Append made them. Positions
// count from 0; a node once written never changes.
type Nodes interface {
	Node(position uint64) (Node, error)
}

// nodeCount returns the number of nodes of the range over n leaves, bagging aside.
func nodeCount(leaves uint64) uint64 {
	return 2*leaves - uint64(bits.OnesCount64(leaves))
}

// position returns where the peak over 2^height leaves stands whose first leaf is given:
// all nodes over the leaves before it come first, then its own subtree, itself last.
func position(first uint64, height int) uint64 {
	return nodeCount(first) + 2<<height - 2
}

// PeaksAt reads the range over the first n leaves back from its nodes, be it after a
// restart or for going back before a reorganisation. The error is that of nodes, or says
// that n is above MaxLeaves.
func PeaksAt(nodes Nodes, n uint64) (Peaks, error) {
	if n > MaxLeaves {
		return Peaks{}, fmt.Errorf("mountain range: %d leaves, at most %d", n, uint64(MaxLeaves))
	}
	p := Peaks{leaves: n}
	for height := range maxPeaks {
		if n>>height&1 == 0 {
			continue
		}
		first := n >> height << height &^ (1 << height)
		peak, err := nodes.Node(position(first, height))
		if err != nil {
			return Peaks{}, fmt.Errorf("mountain range: peak over leaves %d..%d: %w", first, first+1<<height-1, err)
		}
		p.at[height] = peak
		if _, overflow := p.work.AddOverflow(&p.work, &peak.Work); overflow {
			return Peaks{}, fmt.Errorf("mountain range: work of %d leaves exceeds 256 bits", n)
		}
	}
	return p, nil
}

// MMR is a mountain range with all its nodes in memory, 64 bytes each and two per leaf. The
// zero value is the empty range.
type MMR struct {
	peaks Peaks
	nodes nodeSlice
}

type nodeSlice []Node

func (s nodeSlice) Node(position uint64) (Node, error) {
	if position >= uint64(len(s)) {
		return Node{}, fmt.Errorf("node %d of %d", position, len(s))
	}
	return s[position], nil
}

// Append adds a leaf; the errors are those of Peaks.Append.
func (m *MMR) Append(leaf Node) (err error) {
	m.nodes, err = m.peaks.Append(m.nodes, leaf)
	return err
}

// Root returns the root as Peaks.Root does.
func (m *MMR) Root() Node { return m.peaks.Root() }

// Leaves returns the number of leaves.
func (m *MMR) Leaves() uint64 { return m.peaks.leaves }

// Peaks returns a copy of the range's reduced form.
func (m *MMR) Peaks() Peaks { return m.peaks }

// Truncate goes back to the first n leaves. It fails when there are fewer.
func (m *MMR) Truncate(n uint64) error {
	if n > m.peaks.leaves {
		return fmt.Errorf("mountain range: %d leaves, cannot go back to %d", m.peaks.leaves, n)
	}
	peaks, err := PeaksAt(m.nodes, n)
	if err != nil {
		return err
	}
	m.peaks, m.nodes = peaks, m.nodes[:nodeCount(n)]
	return nil
}

// Node returns a node, so that a range is the Nodes of itself and of every shorter one.
func (m *MMR) Node(position uint64) (Node, error) { return m.nodes.Node(position) }

// Prove proves the leaf with the given index, counted from 0, in the present range.
func (m *MMR) Prove(index uint64) (Proof, error) {
	return Prove(m.nodes, m.peaks.leaves, index)
}

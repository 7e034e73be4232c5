package work

import (
	"encoding/binary"
	"fmt"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/internal/node/template"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/pow"
)

// MaxTreeHeight is the height of the largest merged-mining tree: layer chains take no longer branch (protocol.md 3).
const MaxTreeHeight = 16

// treeNonce is the nonce of every tree: whether two chains collide does not depend on it.
const treeNonce = 0

// Layer is a block that is to be merge-mined.
type Layer struct {
	Chain  string      // name of its chain, for messages
	ID     int32       // the chain's id in merged-mining trees
	Hash   spv.Hash    // id of the block: the leaf
	Target uint256.Int // what the parent's work hash must meet
}

// Tree is a merged-mining tree: it commits to one block of each of its chains.
type Tree struct {
	slots []uint32
	rows  [][]spv.Hash // leaves first, the root alone last
}

// NewTree builds the smallest tree in which all layers have slots of their own. The error names two layers whose ids are
// equal in the lowest 16 bits, so that no tree holds both.
func NewTree(layers []Layer) (*Tree, error) {
	height, err := treeHeight(layers)
	if err != nil {
		return nil, err
	}
	t := &Tree{slots: make([]uint32, len(layers))}
	row := make([]spv.Hash, 1<<height)
	for i, l := range layers {
		t.slots[i] = spv.Slot(treeNonce, l.ID, height)
		row[t.slots[i]] = l.Hash
	}
	t.rows = append(t.rows, row)
	for len(row) > 1 {
		above := make([]spv.Hash, len(row)/2)
		pow.HashPairs(above, row)
		t.rows = append(t.rows, above)
		row = above
	}
	return t, nil
}

// treeHeight returns the least height at which all ids differ modulo the number of leaves.
func treeHeight(layers []Layer) (int, error) {
	for height := 0; ; height++ {
		taken := make(map[uint32]int, len(layers))
		clash := [2]int{-1, -1}
		for i, l := range layers {
			slot := uint32(l.ID) & (1<<height - 1)
			if j, ok := taken[slot]; ok {
				clash = [2]int{j, i}
				break
			}
			taken[slot] = i
		}
		if clash[0] < 0 {
			return height, nil
		}
		if height == MaxTreeHeight {
			a, b := layers[clash[0]], layers[clash[1]]
			return 0, fmt.Errorf("merged-mining tree: chain ids %d (%s) and %d (%s) collide in every tree of height %d or less",
				a.ID, a.Chain, b.ID, b.Chain, MaxTreeHeight)
		}
	}
}

// Height returns the number of levels above the leaves.
func (t *Tree) Height() int { return len(t.rows) - 1 }

// Root returns the tree's root.
func (t *Tree) Root() spv.Hash { return t.rows[t.Height()][0] }

// Slot returns the leaf that the layer with a place in NewTree's list has taken.
func (t *Tree) Slot(i int) uint32 { return t.slots[i] }

// Branch returns the siblings from that leaf to the root.
func (t *Tree) Branch(i int) merkle.Branch {
	branch := make(merkle.Branch, t.Height())
	at := t.slots[i]
	for level := range branch {
		branch[level] = t.rows[level][at^1]
		at >>= 1
	}
	return branch
}

// magic stands before the root in the parent's coinbase script.
var magic = []byte{0xfa, 0xbe, 'm', 'm'}

// Mark returns what the parent's coinbase script must hold: magic, root byte-reversed, number of leaves and nonce as
// little-endian uint32 (protocol.md 3).
func (t *Tree) Mark() []byte {
	mark := make([]byte, 0, template.MarkSize)
	mark = append(mark, magic...)
	root := t.Root()
	for i := range root {
		mark = append(mark, root[len(root)-1-i])
	}
	mark = binary.LittleEndian.AppendUint32(mark, uint32(1)<<t.Height())
	return binary.LittleEndian.AppendUint32(mark, treeNonce)
}

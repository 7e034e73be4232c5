package merkle

import (
	"encoding/binary"
	"fmt"

	"github.com/btcsuite/btcd/chaincfg/chainhash"

	"github.com/layeredpow/lamina/spv/pow"
)

// MaxDepth is the largest depth of a block tree that an inclusion proof may have. A tree
// of depth 16 has 65,536 leaves; no block of a chain that Lamina knows holds more than
// MaxTransactions (protocol.md section 4.2).
const MaxDepth = 16

// Branch holds the sibling hashes on the way from a leaf to the root of a binary hash
// tree, lowest first.
type Branch []chainhash.Hash

// Root folds the branch over a leaf: bit i of index, least significant first, tells on
// which side the i-th sibling stands (set: sibling on the left). Bits beyond the length of
// the branch are ignored, as merged-mining proofs demand; whoever needs a unique index
// compares it with 1<<len(b). Root does not allocate.
func (b Branch) Root(leaf chainhash.Hash, index uint32) chainhash.Hash {
	for i := range b {
		if index&1 != 0 {
			leaf = pow.HashPair(&b[i], &leaf)
		} else {
			leaf = pow.HashPair(&leaf, &b[i])
		}
		index >>= 1
	}
	return leaf
}

// NewBranch returns the branch from leaves[index] to the root that Root computes. The
// error says that index is not smaller than the number of leaves.
func NewBranch(leaves []chainhash.Hash, index uint32) (Branch, error) {
	if uint64(index) >= uint64(len(leaves)) {
		return nil, fmt.Errorf("merkle branch: leaf %d of %d", index, len(leaves))
	}
	var b Branch
	level := append([]chainhash.Hash(nil), leaves...)
	for at := int(index); len(level) > 1; at >>= 1 {
		sibling := at ^ 1
		if sibling == len(level) {
			sibling = at // an odd level repeats its last node
		}
		b = append(b, level[sibling])
		level = level[:foldLevel(level, level)]
	}
	return b, nil
}

// Append appends the branch to dst as CompactSize length and hashes, the encoding of
// merged-mining proofs and of claim witnesses (protocol.md sections 3 and 4.2).
func (b Branch) Append(dst []byte) []byte {
	dst = appendCompactSize(dst, uint64(len(b)))
	for i := range b {
		dst = append(dst, b[i][:]...)
	}
	return dst
}

// ParseBranch reads a branch of at most limit hashes from the start of b and returns the
// bytes behind it. The length must be in its shortest form.
func ParseBranch(b []byte, limit int) (branch Branch, rest []byte, err error) {
	n, rest, err := compactSize(b)
	if err != nil {
		return nil, nil, fmt.Errorf("merkle branch: length: %w", err)
	}
	if n > uint64(max(limit, 0)) {
		return nil, nil, fmt.Errorf("merkle branch: %d hashes, at most %d", n, limit)
	}
	hashes, rest, err := takeHashes(rest, n)
	if err != nil {
		return nil, nil, fmt.Errorf("merkle branch: %w", err)
	}
	return hashes, rest, nil
}

// AppendIndexed appends a leaf's index (uint32, little-endian) and the branch to dst:
// item 3 of a claim witness (protocol.md section 4.2).
func (b Branch) AppendIndexed(dst []byte, index uint32) []byte {
	return b.Append(binary.LittleEndian.AppendUint32(dst, index))
}

// ParseIndexed reads what AppendIndexed writes, with at most MaxDepth hashes, and returns
// the bytes behind it. Whether the index fits the branch is Inclusion.Verify's to say.
func ParseIndexed(b []byte) (index uint32, branch Branch, rest []byte, err error) {
	if len(b) < 4 {
		return 0, nil, nil, fmt.Errorf("merkle index: %d bytes, want 4", len(b))
	}
	branch, rest, err = ParseBranch(b[4:], MaxDepth)
	if err != nil {
		return 0, nil, nil, err
	}
	return binary.LittleEndian.Uint32(b), branch, rest, nil
}

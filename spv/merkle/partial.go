package merkle

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
)

// MaxTransactions is the largest number of transactions that a partial tree may speak of:
// Bitcoin Core's MAX_BLOCK_WEIGHT / MIN_TRANSACTION_WEIGHT = 4,000,000 / (4*60)
// (merkleblock.cpp, CPartialMerkleTree::ExtractMatches). Litecoin's and Dogecoin's
// older 1,000,000 / 60 is the same number.
const MaxTransactions = 4_000_000 / (4 * 60)

// maxFlagBytes bounds the flag bytes: a tree of n leaves has at most n-1 inner nodes and,
// where levels are odd, one more per level.
const maxFlagBytes = (2*MaxTransactions + MaxDepth + 7) / 8

// Partial is the tree part of a BIP37 merkleblock message, which is also what Bitcoin
// Core's gettxoutproof gives. It is as received: Extract tells what it proves.
type Partial struct {
	Transactions uint32           // number of transactions that the block is said to have
	Hashes       []chainhash.Hash // in depth-first order
	Flags        []byte           // one bit per visited node, least significant bit first
}

// Match is one transaction that a partial tree proves.
type Match struct {
	Index uint32         // position in the block
	TxID  chainhash.Hash // the leaf; a forger may pass an inner node for it, see Depth
}

// ParsePartial reads number of transactions (uint32), hashes and flag bytes from the start
// of b, which begins behind the message's header, and returns the bytes behind them.
// Lengths must be in their shortest form and within MaxTransactions.
func ParsePartial(b []byte) (p *Partial, rest []byte, err error) {
	if len(b) < 4 {
		return nil, nil, fmt.Errorf("partial tree: %d bytes: %w", len(b), errShort)
	}
	p = &Partial{Transactions: binary.LittleEndian.Uint32(b)}
	n, rest, err := compactSize(b[4:])
	if err != nil {
		return nil, nil, fmt.Errorf("partial tree: hashes: %w", err)
	}
	if n > MaxTransactions {
		return nil, nil, fmt.Errorf("partial tree: %d hashes, at most %d", n, MaxTransactions)
	}
	if p.Hashes, rest, err = takeHashes(rest, n); err != nil {
		return nil, nil, fmt.Errorf("partial tree: %w", err)
	}
	if n, rest, err = compactSize(rest); err != nil {
		return nil, nil, fmt.Errorf("partial tree: flags: %w", err)
	}
	if n > maxFlagBytes {
		return nil, nil, fmt.Errorf("partial tree: %d flag bytes, at most %d", n, maxFlagBytes)
	}
	if n > uint64(len(rest)) {
		return nil, nil, fmt.Errorf("partial tree: %d flag bytes, want %d: %w", len(rest), n, errShort)
	}
	p.Flags = append(p.Flags, rest[:n]...)
	return p, rest[n:], nil
}

// Append appends the encoding that ParsePartial reads to dst.
func (p *Partial) Append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, p.Transactions)
	dst = Branch(p.Hashes).Append(dst)
	dst = appendCompactSize(dst, uint64(len(p.Flags)))
	return append(dst, p.Flags...)
}

// Depth returns the number of levels above the leaves in a tree of p.Transactions leaves:
// the length of the branch of every match. The number of transactions is the sender's
// claim. Who is to be sure that a match is a transaction and not an inner node
// (CVE-2017-12842) needs the coinbase proved at this same depth.
func (p *Partial) Depth() int { return depth(p.Transactions) }

func depth(leaves uint32) int {
	if leaves < 2 {
		return 0
	}
	return bits.Len32(leaves - 1)
}

// width returns the number of nodes at a height in a tree of the given number of leaves.
func width(leaves uint32, height int) uint32 {
	return uint32((uint64(leaves) + 1<<height - 1) >> height)
}

// NewPartial builds the partial tree that proves the leaves whose index is in matched,
// from a block's transaction ids in block order. It fails when there are no transactions,
// more than MaxTransactions, or a matched index that is not in the block.
func NewPartial(txids []chainhash.Hash, matched ...uint32) (*Partial, error) {
	if len(txids) == 0 || len(txids) > MaxTransactions {
		return nil, fmt.Errorf("partial tree: %d transactions, want 1..%d", len(txids), MaxTransactions)
	}
	b := builder{p: &Partial{Transactions: uint32(len(txids))}}
	wanted := make([]bool, len(txids))
	for _, i := range matched {
		if uint64(i) >= uint64(len(txids)) {
			return nil, fmt.Errorf("partial tree: match %d of %d transactions", i, len(txids))
		}
		wanted[i] = true
	}
	b.hashes = append(b.hashes, append([]chainhash.Hash(nil), txids...))
	b.wanted = append(b.wanted, wanted)
	for height := 0; len(b.hashes[height]) > 1; height++ {
		b.addLevel(height)
	}
	b.visit(len(b.hashes)-1, 0)
	return b.p, nil
}

// builder holds all levels of the full tree, leaves first, while a Partial is written.
type builder struct {
	p      *Partial
	hashes [][]chainhash.Hash
	wanted [][]bool // whether a node is or covers a match
	bit    int
}

func (b *builder) addLevel(height int) {
	below := b.hashes[height]
	level := make([]chainhash.Hash, (len(below)+1)/2)
	foldLevel(level, below)
	wanted := make([]bool, len(level))
	for i, w := range b.wanted[height] {
		wanted[i/2] = wanted[i/2] || w
	}
	b.hashes, b.wanted = append(b.hashes, level), append(b.wanted, wanted)
}

func (b *builder) visit(height, at int) {
	wanted := b.wanted[height][at]
	b.addFlag(wanted)
	if height == 0 || !wanted {
		b.p.Hashes = append(b.p.Hashes, b.hashes[height][at])
		return
	}
	b.visit(height-1, 2*at)
	if 2*at+1 < len(b.hashes[height-1]) {
		b.visit(height-1, 2*at+1)
	}
}

func (b *builder) addFlag(set bool) {
	if b.bit%8 == 0 {
		b.p.Flags = append(b.p.Flags, 0)
	}
	if set {
		b.p.Flags[b.bit/8] |= 1 << (b.bit % 8)
	}
	b.bit++
}

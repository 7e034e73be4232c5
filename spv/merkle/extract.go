package merkle

import (
	"github.com/btcsuite/btcd/chaincfg/chainhash"

	"github.com/layeredpow/lamina/spv/pow"
	"github.com/layeredpow/lamina/spv/said"
)

// Extract folds the partial tree and returns the root it leads to and the transactions it
// proves, in block order. The caller compares the root with a header's and minds the
// limits named at Depth.
//
// The checks are those of Bitcoin Core's CPartialMerkleTree::ExtractMatches: a number of
// transactions in 1..MaxTransactions, no more hashes than transactions, no fewer bits than
// hashes, every hash and every flag byte used, and no two equal children (CVE-2012-2459).
// As in Core the padding bits of the last flag byte may have any value. Every refusal is a
// *CheckError.
func (p *Partial) Extract() (root chainhash.Hash, matches []Match, err error) {
	if err := p.checkShape(); err != nil {
		return chainhash.Hash{}, nil, err
	}
	w := walk{p: p}
	root = w.visit(p.Depth(), 0)
	if w.err == nil {
		w.err = w.checkUsed()
	}
	if w.err != nil {
		return chainhash.Hash{}, nil, w.err
	}
	return root, w.matches, nil
}

func (p *Partial) checkShape() error {
	switch n := uint64(p.Transactions); {
	case n == 0 || n > MaxTransactions:
		return refuseSaid(CheckPartialCount, said.Just(n), said.Of("1..%d transactions", MaxTransactions))
	case uint64(len(p.Hashes)) > n:
		return refuseSaid(CheckPartialHashes, said.Just(len(p.Hashes)), said.Of("at most %d hashes", n))
	case 8*len(p.Flags) < len(p.Hashes):
		return refuseSaid(CheckPartialFlags, said.Just(8*len(p.Flags)), said.Of("at least %d flag bits", len(p.Hashes)))
	}
	return nil
}

// walk visits a partial tree depth first, as it was written.
type walk struct {
	p       *Partial
	bits    int // flag bits used so far
	hashes  int // hashes used so far
	matches []Match
	err     error
}

// visit returns the hash of the node at height and position at. Its depth is bounded by
// MaxTransactions, and after an error it returns at once.
func (w *walk) visit(height int, at uint32) chainhash.Hash {
	covers := w.flag()
	if w.err != nil {
		return chainhash.Hash{}
	}
	if height == 0 || !covers {
		return w.leaf(height, at, covers)
	}
	left := w.visit(height-1, 2*at)
	right := left
	if 2*at+1 < width(w.p.Transactions, height-1) {
		right = w.visit(height-1, 2*at+1)
		if w.err == nil && right == left {
			w.err = refuseSaid(CheckDuplicate, said.Of("%s twice", left), said.Of("different children at height %d", height))
		}
	}
	return pow.HashPair(&left, &right)
}

func (w *walk) flag() bool {
	if w.err != nil {
		return false
	}
	if w.bits == 8*len(w.p.Flags) {
		w.err = refuseSaid(CheckPartialFlags, said.Just(w.bits), said.Of("more than %d flag bits", w.bits))
		return false
	}
	set := w.p.Flags[w.bits/8]>>(w.bits%8)&1 != 0
	w.bits++
	return set
}

func (w *walk) leaf(height int, at uint32, covers bool) chainhash.Hash {
	if w.hashes == len(w.p.Hashes) {
		w.err = refuseSaid(CheckPartialHashes, said.Just(w.hashes), said.Of("more than %d hashes", w.hashes))
		return chainhash.Hash{}
	}
	h := w.p.Hashes[w.hashes]
	w.hashes++
	if height == 0 && covers {
		w.matches = append(w.matches, Match{Index: at, TxID: h})
	}
	return h
}

func (w *walk) checkUsed() error {
	if used := (w.bits + 7) / 8; used != len(w.p.Flags) {
		return refuseSaid(CheckPartialFlags, said.Just(len(w.p.Flags)), said.Of("%d flag bytes", used))
	}
	if w.hashes != len(w.p.Hashes) {
		return refuseSaid(CheckPartialHashes, said.Just(len(w.p.Hashes)), said.Of("%d hashes", w.hashes))
	}
	return nil
}

package merkle

import (
	"github.com/btcsuite/btcd/chaincfg/chainhash"

	"github.com/layeredpow/lamina/spv/pow"
)

// Root computes the root of a block's transaction ids, in block order. Mutated reports
// that two neighbours which are hashed together are equal at some level, so that another
// transaction list has the same root (CVE-2012-2459): such a block is to be refused
// without remembering its hash as bad. The answer is that of Bitcoin Core's
// ComputeMerkleRoot (consensus/merkle.cpp), also for no transactions (the zero hash).
//
// The witness root of BIP141 is the same function over the witness ids, with the zero hash
// in place of the coinbase's.
func Root(txids []chainhash.Hash) (root chainhash.Hash, mutated bool) {
	switch len(txids) {
	case 0:
		return chainhash.Hash{}, false
	case 1:
		return txids[0], false
	}
	mutated = hasEqualPair(txids)
	level := make([]chainhash.Hash, (len(txids)+1)/2)
	foldLevel(level, txids)
	for len(level) > 1 {
		mutated = mutated || hasEqualPair(level)
		level = level[:foldLevel(level, level)]
	}
	return level[0], mutated
}

// foldLevel writes the parents of level to dst and returns their number. The last node of
// an odd level is its own neighbour. Dst may be level itself.
func foldLevel(dst, level []chainhash.Hash) int {
	n := len(level) / 2
	last := level[len(level)-1]
	pow.HashPairs(dst, level)
	if len(level)%2 != 0 {
		dst[n] = pow.HashPair(&last, &last)
		n++
	}
	return n
}

func hasEqualPair(level []chainhash.Hash) bool {
	for i := 0; i+1 < len(level); i += 2 {
		if level[i] == level[i+1] {
			return true
		}
	}
	return false
}

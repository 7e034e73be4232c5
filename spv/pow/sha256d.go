package pow

import (
	"crypto/sha256"
	"fmt"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
)

// DoubleSHA256 returns sha256(sha256(b)): the hash of transactions, merkle nodes and block ids.
func DoubleSHA256(b []byte) chainhash.Hash {
	first := sha256.Sum256(b)
	return sha256.Sum256(first[:])
}

// HashPair returns the merkle node above l and r, sha256d(l || r), without allocating. HashPairs does a whole row faster.
func HashPair(l, r *chainhash.Hash) chainhash.Hash {
	var both [2 * chainhash.HashSize]byte
	copy(both[:chainhash.HashSize], l[:])
	copy(both[chainhash.HashSize:], r[:])
	return hashNodes(&both)
}

// HashPairs sets out[i] to the merkle node above nodes[2i] and nodes[2i+1]: one row of a merkle tree from the row below.
// An odd last node is left alone: what goes beside it is the caller's rule. out may be the start of nodes.
// It panics if out is shorter than half of nodes.
func HashPairs(out, nodes []chainhash.Hash) {
	pairs := len(nodes) / 2
	if len(out) < pairs {
		panic(fmt.Sprintf("pow: %d hashes of output for %d pairs", len(out), pairs))
	}
	for i := hashNodePairs(out, nodes); i < pairs; i++ {
		out[i] = HashPair(&nodes[2*i], &nodes[2*i+1])
	}
}

// HashHeaders sets out[i] to the block id of headers[i], the sha256d of its 80 bytes, on the calling goroutine.
// It panics if out is shorter than headers.
func HashHeaders(out []chainhash.Hash, headers []*[80]byte) {
	checkRoom(out, headers)
	for i := hashHeaderPairs(out, headers); i < len(headers); i++ {
		out[i] = DoubleSHA256(headers[i][:])
	}
}

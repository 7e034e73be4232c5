package pow

import (
	"crypto/sha256"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
)

// DoubleSHA256 returns sha256(sha256(b)): the hash of transactions, merkle nodes and block ids.
func DoubleSHA256(b []byte) chainhash.Hash {
	first := sha256.Sum256(b)
	return sha256.Sum256(first[:])
}

// HashPair returns the merkle node above l and r, sha256d(l || r), without allocating.
func HashPair(l, r *chainhash.Hash) chainhash.Hash {
	var both [2 * chainhash.HashSize]byte
	copy(both[:chainhash.HashSize], l[:])
	copy(both[chainhash.HashSize:], r[:])
	return DoubleSHA256(both[:])
}

// HashHeaders sets out[i] to the block id of headers[i], the sha256d of its 80 bytes, on the calling goroutine.
// It panics if out is shorter than headers.
func HashHeaders(out []chainhash.Hash, headers []*[80]byte) {
	out = out[:len(headers)]
	for i, header := range headers {
		out[i] = DoubleSHA256(header[:])
	}
}

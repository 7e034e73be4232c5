package merkle

import (
	"crypto/sha256"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
)

func hashPair(l, r *chainhash.Hash) chainhash.Hash {
	var b [2 * chainhash.HashSize]byte
	copy(b[:], l[:])
	copy(b[chainhash.HashSize:], r[:])
	first := sha256.Sum256(b[:])
	return sha256.Sum256(first[:])
}

func doubleSHA256(b []byte) chainhash.Hash {
	first := sha256.Sum256(b)
	return sha256.Sum256(first[:])
}

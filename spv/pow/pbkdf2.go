package pow

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
)

// The two PBKDF2-HMAC-SHA256 calls of scrypt with one iteration each (RFC 7914, section 6; RFC 8018, section 5.2), for
// the one shape that a work hash has: the 80-byte header is the password of both and the salt of the first.
// Both HMAC passes hash a fixed number of bytes, so each is one Sum256 over a buffer that begins with the padded key.

const (
	innerPad = 0x36
	outerPad = 0x5c
)

// hmacKey is the HMAC key block of a header for both passes. An 80-byte password is longer than the 64-byte SHA-256
// block, so HMAC takes its hash instead (RFC 2104, section 2).
type hmacKey struct {
	inner, outer [sha256.BlockSize]byte
}

func newHMACKey(header *[80]byte) (k hmacKey) {
	digest := sha256.Sum256(header[:])
	for i := range k.inner {
		var b byte
		if i < len(digest) {
			b = digest[i]
		}
		k.inner[i], k.outer[i] = b^innerPad, b^outerPad
	}
	return k
}

// finish is the outer HMAC pass over the digest of the inner one.
func (k *hmacKey) finish(inner [sha256.Size]byte) [sha256.Size]byte {
	var buf [sha256.BlockSize + sha256.Size]byte
	copy(buf[:], k.outer[:])
	copy(buf[sha256.BlockSize:], inner[:])
	return sha256.Sum256(buf[:])
}

// expandHeader fills x with PBKDF2(header, header, 1, 128): the start state of ROMix.
func expandHeader(x *block, header *[80]byte) hmacKey {
	k := newHMACKey(header)
	var buf [sha256.BlockSize + 80 + 4]byte
	copy(buf[:], k.inner[:])
	copy(buf[sha256.BlockSize:], header[:])
	for i := range 4 {
		binary.BigEndian.PutUint32(buf[sha256.BlockSize+80:], uint32(i+1))
		part := k.finish(sha256.Sum256(buf[:]))
		for w := range 8 {
			x[8*i+w] = binary.LittleEndian.Uint32(part[4*w:])
		}
	}
	return k
}

// extractHash returns PBKDF2(header, x, 1, 32): the work hash from the end state of ROMix and the key of its header.
func extractHash(x *block, k *hmacKey) chainhash.Hash {
	var buf [sha256.BlockSize + 4*len(x) + 4]byte
	copy(buf[:], k.inner[:])
	for i, w := range x {
		binary.LittleEndian.PutUint32(buf[sha256.BlockSize+4*i:], w)
	}
	binary.BigEndian.PutUint32(buf[sha256.BlockSize+4*len(x):], 1)
	return k.finish(sha256.Sum256(buf[:]))
}

package pow

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
)

// Scan searches the count nonces from first upwards, of at most 2^32-first, for one with which the header's work hash
// has its topmost 32 bits (bytes 28..31, little-endian) at most at limit: the top of the target. It returns the lowest.
// That is a candidate: whether the whole hash meets the whole target is for the caller to see. The header's own nonce
// plays no part. It runs on the calling goroutine and panics if the algorithm is outside the set.
func (a Algorithm) Scan(header *[80]byte, first uint32, count uint64, limit uint32) (nonce uint32, ok bool) {
	count = min(count, 1<<32-uint64(first))
	switch a {
	case SHA256d:
		return scanners[len(scanners)-1].scan(header, first, count, limit)
	case Scrypt:
		return scanScrypt(fastest, header, first, count, limit)
	}
	panic("pow: " + a.String() + " has no work hash")
}

// scanner is one implementation of Scan for SHA-256d.
type scanner struct {
	name string
	scan scanFunc
}

// scanFunc is Scan with a count that does not reach beyond the last nonce.
type scanFunc func(header *[80]byte, first uint32, count uint64, limit uint32) (nonce uint32, ok bool)

// hashTop returns the topmost 32 bits of a hash.
func hashTop(h *chainhash.Hash) uint32 { return binary.LittleEndian.Uint32(h[28:]) }

// scanPortable hashes one header after the other with crypto/sha256, whose own assembly is worth more than the
// third of the work that a kept midstate would save.
func scanPortable(header *[80]byte, first uint32, count uint64, limit uint32) (uint32, bool) {
	try := *header
	for i := range count {
		nonce := first + uint32(i)
		binary.LittleEndian.PutUint32(try[76:], nonce)
		digest := sha256.Sum256(try[:])
		digest = sha256.Sum256(digest[:])
		if hashTop((*chainhash.Hash)(&digest)) <= limit {
			return nonce, true
		}
	}
	return 0, false
}

// scanScrypt fills the lanes of one mixer.
func scanScrypt(m *mixer, header *[80]byte, first uint32, count uint64, limit uint32) (uint32, bool) {
	var tries [maxLanes][80]byte
	var headers [maxLanes]*[80]byte
	var out [maxLanes]chainhash.Hash
	for i := range tries {
		tries[i] = *header
		headers[i] = &tries[i]
	}
	for done := uint64(0); done < count; {
		n := int(min(count-done, uint64(m.lanes)))
		for i := range n {
			binary.LittleEndian.PutUint32(tries[i][76:], first+uint32(done)+uint32(i))
		}
		m.hash(out[:n], headers[:n])
		for i := range n {
			if hashTop(&out[i]) <= limit {
				return first + uint32(done) + uint32(i), true
			}
		}
		done += uint64(n)
	}
	return 0, false
}

package pow

import (
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"hash"

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

// The state of crypto/sha256 as it marshals it: a magic of 4 bytes, then the 8 words, big-endian. Callers keep such states
// over releases of Go, so the form stays; TestScan would see it change.
const wordsAt, wordsEnd = 4, 4 + sha256.Size

// scanPortable leaves compressing to crypto/sha256, whose own assembly beats all that Go can say, and saves a third of
// it: the hasher is put back to its state after the header's first 64 bytes for each nonce, is given the second block
// with its padding, and its state is then the first digest.
func scanPortable(header *[80]byte, first uint32, count uint64, limit uint32) (uint32, bool) {
	hasher := sha256.New().(interface {
		hash.Hash
		encoding.BinaryAppender
		encoding.BinaryUnmarshaler
	})
	_, _ = hasher.Write(header[:64])    // never fails (hash.Hash)
	mid, _ := hasher.AppendBinary(nil)  // nor does this
	buffer := make([]byte, 0, len(mid)) // states are of one size
	var block [64]byte
	copy(block[:12], header[64:])
	block[16] = 0x80
	binary.BigEndian.PutUint64(block[56:], 8*80)
	for i := range count {
		nonce := first + uint32(i)
		binary.LittleEndian.PutUint32(block[12:], nonce)
		if err := hasher.UnmarshalBinary(mid); err != nil {
			panic("pow: crypto/sha256 refuses its own state: " + err.Error())
		}
		_, _ = hasher.Write(block[:])
		state, _ := hasher.AppendBinary(buffer)
		digest := sha256.Sum256(state[wordsAt:wordsEnd])
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

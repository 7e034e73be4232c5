package pow

import (
	"encoding/binary"

	"golang.org/x/sys/cpu"
)

// hasSHA tells whether the processor has the SHA extensions, which x/sys/cpu does not report: leaf 7, EBX bit 29.
// They use the SSE registers, which every system saves.
var hasSHA = cpu.X86.HasSSSE3 && cpu.X86.HasSSE41 && cpuidFeatures()>>29&1 == 1

// cpuidFeatures returns EBX of CPUID leaf 7, sub-leaf 0, or 0 if the processor has no such leaf.
func cpuidFeatures() (ebx7 uint32)

// compress2 does one block of SHA-256 in two independent streams: p goes into states[0], q into states[1].
// It needs hasSHA.
//
//go:noescape
func compress2(states *[2]shaState, p, q *[64]byte)

// shaState is the state of SHA-256 between blocks in the order of the SHA extensions: f, e, b, a, h, g, d, c.
type shaState [8]uint32

// digestOrder gives the place in a shaState of the words a..h, in which order they make up the digest.
var digestOrder = [8]int{3, 2, 7, 6, 1, 0, 5, 4}

// shaStart is the state before the first block (FIPS 180-4, section 5.3.3), once for each stream.
var shaStart = [2]shaState{shaIV, shaIV}

var shaIV = shaState{0x9b05688c, 0x510e527f, 0xbb67ae85, 0x6a09e667, 0x5be0cd19, 0x1f83d9ab, 0xa54ff53a, 0x3c6ef372}

// put writes the digest, 32 bytes.
func (s *shaState) put(digest []byte) {
	_ = digest[31]
	for i, at := range digestOrder {
		binary.BigEndian.PutUint32(digest[4*i:], s[at])
	}
}

// shaBlocks are a block for each stream.
type shaBlocks [2][64]byte

// lastBlocks returns blocks whose first used bytes are still to be set and that end a message of total bytes.
func lastBlocks(used, total int) (b shaBlocks) {
	for i := range b {
		b[i][used] = 0x80
		binary.BigEndian.PutUint16(b[i][62:], uint16(8*total))
	}
	return b
}

func (s *shaBlocks) compress(states *[2]shaState) { compress2(states, &s[0], &s[1]) }

// The blocks that end each kind of message; copied, then filled in.
var (
	headerEnd = lastBlocks(16, 80)                 // the last 16 bytes of a header
	digestEnd = lastBlocks(32, 32)                 // the digest under the second hash
	pairEnd   = lastBlocks(0, 64)                  // nothing is left of a pair of merkle nodes
	saltEnd   = lastBlocks(20, 64+80+4)            // HMAC key block, header as salt, counter
	outerEnd  = lastBlocks(32, 64+32)              // HMAC key block, inner digest
	stateEnd  = lastBlocks(4, 64+4*len(block{})+4) // HMAC key block, ROMix state, counter
)

package filter

import (
	"encoding/binary"
	"math/bits"
)

// sipState is the state of SipHash-2-4 (Aumasson and Bernstein, 2012).
type sipState struct{ v0, v1, v2, v3 uint64 }

// newSipState begins a hash under a key of 16 bytes.
func newSipState(key []byte) sipState {
	k0, k1 := binary.LittleEndian.Uint64(key), binary.LittleEndian.Uint64(key[8:])
	return sipState{
		v0: k0 ^ 0x736f6d6570736575,
		v1: k1 ^ 0x646f72616e646f6d,
		v2: k0 ^ 0x6c7967656e657261,
		v3: k1 ^ 0x7465646279746573,
	}
}

// lanes is how many messages are hashed side by side: one SipHash waits for itself most of
// the time.
const lanes = 16

// messages holds messages that hash in the same number of words, 16 to a block: the first
// words of all, then the second ones, and so on. The last block is filled up with zeros.
type messages struct {
	width int
	count int
	words []uint64
}

// sipWords is how many words SipHash reads from a message of n bytes: its bytes in
// little-endian words, the last word zero-padded and with the length mod 256 on top.
func sipWords(n int) int { return n/8 + 1 }

// add adds a message, which must be as wide as the others.
func (m *messages) add(message []byte) {
	lane := m.count % lanes
	if lane == 0 {
		m.words = append(m.words, make([]uint64, lanes*m.width)...)
	}
	m.count++
	block := m.words[len(m.words)-lanes*m.width:]
	last := uint64(len(message)) << 56
	for at := lane; at+lanes < len(block); at += lanes {
		block[at] = binary.LittleEndian.Uint64(message)
		message = message[8:]
	}
	var tail [8]byte
	copy(tail[:], message)
	block[len(block)-lanes+lane] = last | binary.LittleEndian.Uint64(tail[:])
}

// sums hashes the messages of the block that begins with a message, and returns how many
// they are.
func (m *messages) sums(out *[lanes]uint64, state *sipState, first int) int {
	n := min(lanes, m.count-first)
	block := m.words[first*m.width : (first+lanes)*m.width]
	if hasLanes && n > 2 {
		sumLanes(out, state, &block[0], m.width)
		return n
	}
	for lane := 0; lane < n; lane += 2 {
		out[lane], out[lane+1] = state.sum2(block[lane:])
	}
	return n
}

func sipRound(v0, v1, v2, v3 uint64) (uint64, uint64, uint64, uint64) {
	v0 += v1
	v2 += v3
	v1 = bits.RotateLeft64(v1, 13) ^ v0
	v3 = bits.RotateLeft64(v3, 16) ^ v2
	v2 += v1
	v0 = bits.RotateLeft64(v0, 32) + v3
	v1 = bits.RotateLeft64(v1, 17) ^ v2
	v3 = bits.RotateLeft64(v3, 21) ^ v0
	return v0, v1, bits.RotateLeft64(v2, 32), v3
}

// sum2 hashes the two messages whose first words the block begins with, and whose next ones
// follow at a distance of all lanes.
func (s *sipState) sum2(block []uint64) (uint64, uint64) {
	a0, a1, a2, a3 := s.v0, s.v1, s.v2, s.v3
	b0, b1, b2, b3 := s.v0, s.v1, s.v2, s.v3
	for at := 0; at+1 < len(block); at += lanes {
		m, n := block[at], block[at+1]
		a3 ^= m
		b3 ^= n
		a0, a1, a2, a3 = sipRound(a0, a1, a2, a3)
		b0, b1, b2, b3 = sipRound(b0, b1, b2, b3)
		a0, a1, a2, a3 = sipRound(a0, a1, a2, a3)
		b0, b1, b2, b3 = sipRound(b0, b1, b2, b3)
		a0 ^= m
		b0 ^= n
	}
	a2 ^= 0xff
	b2 ^= 0xff
	for range 4 {
		a0, a1, a2, a3 = sipRound(a0, a1, a2, a3)
		b0, b1, b2, b3 = sipRound(b0, b1, b2, b3)
	}
	return a0 ^ a1 ^ a2 ^ a3, b0 ^ b1 ^ b2 ^ b3
}

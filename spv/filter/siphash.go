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

// appendSipWords appends the words that SipHash reads from a message: its bytes in
// little-endian words, the last word zero-padded and with the length mod 256 on top.
func appendSipWords(dst []uint64, message []byte) []uint64 {
	length := uint64(len(message)) << 56
	for ; len(message) >= 8; message = message[8:] {
		dst = append(dst, binary.LittleEndian.Uint64(message))
	}
	var tail [8]byte
	copy(tail[:], message)
	return append(dst, length|binary.LittleEndian.Uint64(tail[:]))
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

// sum hashes one message, given as words.
func (s *sipState) sum(words []uint64) uint64 {
	v0, v1, v2, v3 := s.v0, s.v1, s.v2, s.v3
	for _, m := range words {
		v3 ^= m
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
		v0 ^= m
	}
	v2 ^= 0xff
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	return v0 ^ v1 ^ v2 ^ v3
}

// sum2 hashes two messages of the same number of words. One SipHash waits for itself most
// of the time; two side by side fill the gaps.
func (s *sipState) sum2(a, b []uint64) (uint64, uint64) {
	a0, a1, a2, a3 := s.v0, s.v1, s.v2, s.v3
	b0, b1, b2, b3 := s.v0, s.v1, s.v2, s.v3
	b = b[:len(a)]
	for i, m := range a {
		n := b[i]
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

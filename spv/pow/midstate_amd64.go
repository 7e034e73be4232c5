package pow

import (
	"encoding/binary"
	"math/bits"
)

// shaK are the round constants of SHA-256 (FIPS 180-4, section 4.2.2).
var shaK = [64]uint32{
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
}

// shaWords is the state of SHA-256 between rounds in the order a..h.
type shaWords [8]uint32

// round returns the state after one round with the constant and the message word summed in kw.
func (s shaWords) round(kw uint32) shaWords {
	a, e := s[0], s[4]
	t := s[7] + (bits.RotateLeft32(e, -6) ^ bits.RotateLeft32(e, -11) ^ bits.RotateLeft32(e, -25)) +
		(e&s[5] ^ ^e&s[6]) + kw
	u := (bits.RotateLeft32(a, -2) ^ bits.RotateLeft32(a, -13) ^ bits.RotateLeft32(a, -22)) +
		(a&s[1] ^ a&s[2] ^ s[1]&s[2])
	return shaWords{t + u, a, s[1], s[2], s[3] + t, e, s[5], s[6]}
}

// sigma0 and sigma1 are those of the message schedule.
func sigma0(w uint32) uint32 { return bits.RotateLeft32(w, -7) ^ bits.RotateLeft32(w, -18) ^ w>>3 }
func sigma1(w uint32) uint32 { return bits.RotateLeft32(w, -17) ^ bits.RotateLeft32(w, -19) ^ w>>10 }

// midstate returns the state after the first 64 bytes of a header.
func midstate(header *[80]byte) (s shaWords) {
	var w [64]uint32
	for i := range 16 {
		w[i] = binary.BigEndian.Uint32(header[4*i:])
	}
	for i := 16; i < 64; i++ {
		w[i] = sigma1(w[i-2]) + w[i-7] + sigma0(w[i-15]) + w[i-16]
	}
	s = shaWordsIV
	for i := range w {
		s = s.round(shaK[i] + w[i])
	}
	for i := range s {
		s[i] += shaWordsIV[i]
	}
	return s
}

// shaWordsIV is the state before the first block.
var shaWordsIV = func() (s shaWords) {
	for i, at := range digestOrder {
		s[i] = shaIV[at]
	}
	return s
}()

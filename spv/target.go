package spv

import (
	"encoding/binary"

	"github.com/holiman/uint256"
)

// A target is a 256-bit number; a work hash read as a little-endian number must not
// exceed it. The compact form ("bits") is a base-256 floating point number: the top
// byte is the exponent, the lower 23 bits the mantissa, bit 23 the sign.

// ParseTarget expands a compact target. It is false for what Bitcoin Core refuses
// (pow.cpp DeriveTarget): negative, zero, or above 256 bits.
func ParseTarget(bits uint32) (uint256.Int, bool) {
	var t uint256.Int
	exponent := bits >> 24
	mantissa := uint64(bits & 0x007fffff)
	if bits&0x00800000 != 0 && mantissa != 0 {
		return t, false
	}
	if exponent <= 3 {
		t.SetUint64(mantissa >> (8 * (3 - exponent)))
		return t, !t.IsZero()
	}
	tooBig := exponent > 34 || (mantissa > 0xff && exponent > 33) || (mantissa > 0xffff && exponent > 32)
	if mantissa == 0 || tooBig {
		return t, false
	}
	t.SetUint64(mantissa)
	t.Lsh(&t, uint(8*(exponent-3)))
	return t, true
}

// CompactTarget encodes a target, dropping what the 23-bit mantissa cannot hold
// (arith_uint256::GetCompact).
func CompactTarget(t *uint256.Int) uint32 {
	size := uint32(t.ByteLen())
	var mantissa uint32
	if size <= 3 {
		mantissa = uint32(t.Uint64()) << (8 * (3 - size))
	} else {
		var s uint256.Int
		mantissa = uint32(s.Rsh(t, uint(8*(size-3))).Uint64())
	}
	if mantissa&0x00800000 != 0 {
		mantissa >>= 8
		size++
	}
	return mantissa | size<<24
}

// WorkOf returns the expected number of hashes behind a block with this target:
// floor(2^256 / (target+1)).
func WorkOf(t *uint256.Int) uint256.Int {
	var inv, div, w uint256.Int
	inv.Not(t)
	div.AddUint64(t, 1)
	if div.IsZero() {
		return *uint256.NewInt(1)
	}
	w.Div(&inv, &div)
	w.AddUint64(&w, 1)
	return w
}

// Meets tells whether a work hash, read as a little-endian number, is at most t.
func Meets(h *Hash, t *uint256.Int) bool {
	for i := 3; i >= 0; i-- {
		limb := binary.LittleEndian.Uint64(h[8*i:])
		if limb != t[i] {
			return limb < t[i]
		}
	}
	return true
}

package filter

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
)

// windowBits is how many bits of a 64-bit window are valid whatever the bit it starts at.
const windowBits = 64 - 7

// sparsity is the binary logarithm of the index bits per element: few enough to stay in the
// processor's cache, and enough for one bit to settle fifteen questions of sixteen.
const sparsity = 4

// set is a decoded filter, laid out for many questions.
type set struct {
	limit  uint64   // N*M, above every element
	values []uint64 // the elements, ascending
	index  []uint64 // bit v>>shift is set for every element v
	shift  int
}

// reset makes room for n elements.
func (s *set) reset(n uint64) {
	s.limit = n * falsePositiveRate
	indexBits := bits.Len64(n) + sparsity
	s.shift = max(0, bits.Len64(s.limit)-indexBits)
	words := (1<<indexBits + 63) / 64
	s.values = slices.Grow(s.values[:0], int(n))
	s.index = slices.Grow(s.index[:0], words)[:words]
	clear(s.index)
}

func (s *set) add(value uint64) {
	s.values = append(s.values, value)
	at := value >> (s.shift & 63)
	s.index[at/64] |= 1 << (at % 64)
}

// candidate returns the element that a SipHash stands for, the upper half of its product
// with the limit (BIP158, "Hashing Data Objects"), and whether the index knows of one like
// it. The set must not be empty.
func (s *set) candidate(sip uint64) (value uint64, known bool) {
	value, _ = bits.Mul64(sip, s.limit)
	at := value >> (s.shift & 63)
	return value, s.index[at/64]>>(at%64)&1 != 0
}

func (s *set) contains(value uint64) bool {
	_, found := slices.BinarySearch(s.values, value)
	return found
}

// decode reads a coded set of n elements, which must be below the limit and followed by
// nothing but the padding of the last byte.
func (s *set) decode(coded []byte, n uint64) error {
	s.reset(n)
	var value, at uint64 // at: the bit to read next
	for count := uint64(0); count < n; {
		// One load serves all elements that lie within the window whole, mostly two.
		left := uint64(windowBits)
		if first := at >> 3; first+8 <= uint64(len(coded)) {
			window := binary.BigEndian.Uint64(coded[first:]) << (at & 7)
			for count < n {
				ones := uint64(bits.LeadingZeros64(^window))
				width := ones + 1 + remainderBits
				if width > left {
					break
				}
				value += ones<<remainderBits | window<<((ones+1)&63)>>(64-remainderBits)
				if value >= s.limit {
					return s.tooLarge(value)
				}
				s.add(value)
				count++
				window <<= width & 63
				left -= width
			}
		}
		if at += windowBits - left; left < windowBits {
			continue
		}
		delta, width, ok := slowDelta(coded, at)
		if !ok {
			return fmt.Errorf("filter: ends in element %d of %d", count+1, n)
		}
		if value += delta; value >= s.limit {
			return s.tooLarge(value)
		}
		s.add(value)
		count++
		at += width
	}
	return checkPadding(coded, at)
}

func (s *set) tooLarge(value uint64) error {
	return fmt.Errorf("filter: element %d, want below %d", value, s.limit)
}

// slowDelta reads one delta bit by bit: a quotient in unary (ones, then a zero) and a
// remainder of 19 bits, most significant first. It serves the last bytes, where no whole
// window is left, and the rare long quotients.
func slowDelta(coded []byte, at uint64) (delta, width uint64, ok bool) {
	end := 8 * uint64(len(coded))
	start := at
	for ; at < end && bit(coded, at) == 1; at++ {
		delta++
	}
	if at++; end < at || end-at < remainderBits {
		return 0, 0, false
	}
	for stop := at + remainderBits; at < stop; at++ {
		delta = delta<<1 | bit(coded, at)
	}
	return delta, at - start, true
}

func bit(coded []byte, at uint64) uint64 {
	return uint64(coded[at>>3] >> (7 - at&7) & 1)
}

// checkPadding makes sure that nothing but zero bits up to the end of the byte follows the
// last element.
func checkPadding(coded []byte, at uint64) error {
	end := 8 * uint64(len(coded))
	if end-at >= 8 {
		return fmt.Errorf("filter: %d bytes behind the last element", (end-at)/8)
	}
	for ; at < end; at++ {
		if bit(coded, at) != 0 {
			return fmt.Errorf("filter: bit %d set behind the last element", at)
		}
	}
	return nil
}

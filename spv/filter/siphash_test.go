package filter

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/aead/siphash"
)

func sequence(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

// TestSipHashVector is the example of the SipHash paper, appendix A.
func TestSipHashVector(t *testing.T) {
	s := newSipState(sequence(16))
	if got := s.sum(appendSipWords(nil, sequence(15))); got != 0xa129ca6149be45e5 {
		t.Errorf("%x, want a129ca6149be45e5", got)
	}
}

func TestSipHashAgainstLibrary(t *testing.T) {
	for seed := range 20 {
		var key [16]byte
		binary.LittleEndian.PutUint64(key[3:], 0x9e3779b97f4a7c15*uint64(seed))
		s := newSipState(key[:])
		for n := range 300 {
			message := sequence(n)
			want := siphash.Sum64(message, &key)
			words := appendSipWords(nil, message)
			other := appendSipWords(nil, make([]byte, n))
			a, b := s.sum2(words, other)
			if got := s.sum(words); got != want || a != want || b != s.sum(other) {
				t.Fatalf("%d bytes: %x and %x, want %x", n, got, a, want)
			}
		}
	}
}

func BenchmarkSipHash(b *testing.B) {
	var key [16]byte
	s := newSipState(key[:])
	for _, n := range []int{22, 34} {
		message := sequence(n)
		words := appendSipWords(nil, message)
		b.Run(fmt.Sprintf("library/%d", n), func(b *testing.B) {
			for b.Loop() {
				siphash.Sum64(message, &key)
			}
		})
		b.Run(fmt.Sprintf("one/%d", n), func(b *testing.B) {
			for b.Loop() {
				s.sum(words)
			}
		})
		b.Run(fmt.Sprintf("two/%d", n), func(b *testing.B) {
			for b.Loop() {
				s.sum2(words, words)
			}
		})
	}
}

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

// sipSum hashes one message, in each lane of a block in turn, and with each implementation.
func sipSum(t testing.TB, key, message []byte) (sum uint64) {
	t.Helper()
	s := newSipState(key)
	had := hasLanes
	defer setLanes(had)
	for lane := range lanes {
		m := messages{width: sipWords(len(message))}
		for i := range lanes {
			other := sequence(len(message))
			if i == lane {
				other = message
			} else if len(other) > 0 {
				other[0] ^= byte(i + 1)
			}
			m.add(other)
		}
		for _, on := range []bool{had, false} {
			setLanes(on)
			var out [lanes]uint64
			if n := m.sums(&out, &s, 0); n != lanes {
				t.Fatalf("%d sums, want %d", n, lanes)
			}
			if lane == 0 && on == had {
				sum = out[0]
			}
			if out[lane] != sum {
				t.Fatalf("%d bytes in lane %d: %x, want %x", len(message), lane, out[lane], sum)
			}
		}
	}
	return sum
}

// TestSipHashVector is the example of the SipHash paper, appendix A.
func TestSipHashVector(t *testing.T) {
	if got := sipSum(t, sequence(16), sequence(15)); got != 0xa129ca6149be45e5 {
		t.Errorf("%x, want a129ca6149be45e5", got)
	}
}

func TestSipHashAgainstLibrary(t *testing.T) {
	for seed := range 4 {
		var key [16]byte
		binary.LittleEndian.PutUint64(key[3:], 0x9e3779b97f4a7c15*uint64(seed))
		for n := range 300 {
			message := sequence(n)
			if got, want := sipSum(t, key[:], message), siphash.Sum64(message, &key); got != want {
				t.Fatalf("%d bytes: %x, want %x", n, got, want)
			}
		}
	}
}

// TestSipHashCounts: whatever the number of messages, each is hashed, and no other.
func TestSipHashCounts(t *testing.T) {
	had := hasLanes
	defer setLanes(had)
	var key [16]byte
	s := newSipState(key[:])
	m := messages{width: sipWords(22)}
	for count := 1; count <= 3*lanes; count++ {
		message := sequence(22)
		message[21] = byte(count)
		m.add(message)
		for _, on := range []bool{had, false} {
			setLanes(on)
			seen := 0
			for first := 0; first < m.count; first += lanes {
				var out [lanes]uint64
				n := m.sums(&out, &s, first)
				for i, got := range out[:n] {
					message[21] = byte(first + i + 1)
					if want := siphash.Sum64(message, &key); got != want {
						t.Fatalf("message %d of %d: %x, want %x", first+i, count, got, want)
					}
				}
				seen += n
			}
			if seen != count {
				t.Fatalf("%d sums of %d messages", seen, count)
			}
		}
	}
}

func BenchmarkSipHash(b *testing.B) {
	var key [16]byte
	s := newSipState(key[:])
	for _, n := range []int{22, 34} {
		message := sequence(n)
		m := messages{width: sipWords(n)}
		for range lanes {
			m.add(message)
		}
		b.Run(fmt.Sprintf("library/%d", n), func(b *testing.B) {
			for b.Loop() {
				for range lanes {
					siphash.Sum64(message, &key)
				}
			}
		})
		b.Run(fmt.Sprintf("lanes/%d", n), func(b *testing.B) {
			var out [lanes]uint64
			for b.Loop() {
				m.sums(&out, &s, 0)
			}
		})
	}
}

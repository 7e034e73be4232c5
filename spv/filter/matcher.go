package filter

import (
	"encoding/binary"
	"fmt"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
)

// Parameters of the basic filter (BIP158, section "Block Filters").
const (
	remainderBits     = 19     // P: bits of a delta below the unary quotient
	falsePositiveRate = 784931 // M: one false positive in so many tests
)

// MaxSize is the largest filter that MatchAny reads, in bytes. A block of 4,000,000 weight
// units holds fewer than 90,000 different scripts, whose filter takes about 235,000 bytes;
// the peer messages' library reads up to 262,144.
const MaxSize = 4 << 20

// Matcher tests filters for a set of scripts. It keeps the scripts in the form in which they
// are hashed and the memory that a test needs, so that MatchAny allocates only while it
// grows. A Matcher serves one goroutine at a time.
type Matcher struct {
	groups []messages // scripts, by the number of words that they hash in
	set    set        // of the present filter
}

// NewMatcher returns a matcher of the given output scripts. It does not keep the slices.
func NewMatcher(scripts [][]byte) *Matcher {
	m := new(Matcher)
	for _, script := range scripts {
		m.Add(script)
	}
	return m
}

// Add adds an output script. An empty script is ignored, because no filter holds it; a
// repeated one costs time and changes nothing.
func (m *Matcher) Add(script []byte) {
	if len(script) == 0 {
		return
	}
	width := sipWords(len(script))
	at := 0
	for at < len(m.groups) && m.groups[at].width != width {
		at++
	}
	if at == len(m.groups) {
		m.groups = append(m.groups, messages{width: width})
	}
	m.groups[at].add(script)
}

// MatchAny reports whether the filter of the block with the given id (the key of its hash
// function) holds any of the matcher's scripts. A script that is not there is taken for one
// that is once in 784,931 times; a script that is there is never missed, provided that the
// filter is the block's.
//
// The whole filter is read whatever the answer, and an error says that it is not in the
// one form that BIP158 gives a set: the number of elements in its shortest form, all of
// them there and below N*M, and behind them only the zero bits that fill up the last byte.
func (m *Matcher) MatchAny(filter []byte, block *chainhash.Hash) (bool, error) {
	n, coded, err := elements(filter)
	if err != nil {
		return false, err
	}
	if err := m.set.decode(coded, n); err != nil {
		return false, err
	}
	return n > 0 && m.meets(block), nil
}

// elements reads the number of elements and returns the coded set behind it. A number
// that the bytes cannot hold is refused: an element takes at least 20 bits.
func elements(filter []byte) (n uint64, coded []byte, err error) {
	if len(filter) == 0 || len(filter) > MaxSize {
		return 0, nil, fmt.Errorf("filter: %d bytes, want 1..%d", len(filter), MaxSize)
	}
	first, coded := filter[0], filter[1:]
	n = uint64(first)
	if first >= 0xfd {
		size := 2 << (first - 0xfd)
		if len(coded) < size {
			return 0, nil, fmt.Errorf("filter: number of elements in %d bytes, want %d", len(coded), size)
		}
		var raw [8]byte
		copy(raw[:], coded[:size])
		n, coded = binary.LittleEndian.Uint64(raw[:]), coded[size:]
		if least := uint64(1) << (4 * size); n < 0xfd || size > 2 && n < least {
			return 0, nil, fmt.Errorf("filter: number of elements %d in %d bytes", n, size)
		}
	}
	if most := 8 * uint64(len(coded)) / (remainderBits + 1); n > most {
		return 0, nil, fmt.Errorf("filter: %d elements in %d bytes, at most %d", n, len(coded), most)
	}
	return n, coded, nil
}

// meets reports whether any of the scripts, hashed under the block's id, is in m.set.
func (m *Matcher) meets(block *chainhash.Hash) bool {
	state := newSipState(block[:])
	var sums [lanes]uint64
	for i := range m.groups {
		g := &m.groups[i]
		for first := 0; first < g.count; first += lanes {
			for _, sip := range sums[:g.sums(&sums, &state, first)] {
				if v, known := m.set.candidate(sip); known && m.set.contains(v) {
					return true
				}
			}
		}
	}
	return false
}

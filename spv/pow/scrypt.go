package pow

import (
	"sync"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
)

// maxLanes is the largest number of hashes that any mixer computes side by side.
const maxLanes = 16

// mixer is one implementation of ROMix: it mixes up to lanes states at once, in about the time that one takes.
type mixer struct {
	name  string
	lanes int
	// mix replaces each of the first lanes states of s.x by its ROMix.
	mix func(s *scratch)
	// pool keeps scratch memory of this mixer's size between calls: it is too big to be allocated for every hash.
	pool *sync.Pool
}

// scratch is the memory that one call of a mixer works in.
type scratch struct {
	x     [maxLanes]block
	keys  [maxLanes]hmacKey
	pairs [maxLanes / 2]midKeys
	rows  [maxLanes * len(block{})]uint32 // the states in the order of the vector code
	v     []block                         // 1024 blocks (128 KiB) for each lane
}

func newMixer(name string, lanes int, mix func(*scratch)) *mixer {
	pool := &sync.Pool{New: func() any { return &scratch{v: make([]block, lanes*scryptN)} }}
	return &mixer{name: name, lanes: lanes, mix: mix, pool: pool}
}

var portable = newMixer("portable", 1, func(s *scratch) {
	romixGo(&s.x[0], (*[scryptN]block)(s.v))
})

// fastest is the mixer for more than one hash.
var fastest = mixers[len(mixers)-1]

// hash sets out[i] to the scrypt hash of headers[i]. It takes at most m.lanes headers.
func (m *mixer) hash(out []chainhash.Hash, headers []*[80]byte) {
	s := m.pool.Get().(*scratch)
	paired := s.expandPairs(headers)
	for i := paired; i < len(headers); i++ {
		s.keys[i] = expandHeader(&s.x[i], headers[i])
	}
	m.mix(s)
	s.extractPairs(out, paired)
	for i := paired; i < len(headers); i++ {
		out[i] = extractHash(&s.x[i], &s.keys[i])
	}
	m.pool.Put(s)
}

// scryptOne returns the scrypt hash of one header.
func scryptOne(header *[80]byte) chainhash.Hash {
	headers := [1]*[80]byte{header}
	var out [1]chainhash.Hash
	portable.hash(out[:], headers[:])
	return out[0]
}

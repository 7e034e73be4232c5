package pow

import (
	"encoding/binary"
	"math/bits"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
)

// The PBKDF2 calls of two hashes at a time on the SHA extensions. Beside the second stream this gains by going on from the
// states after the HMAC key blocks and after the salt's first block: 16 blocks for a hash rather than 28.

// midKeys are the HMAC keys of two headers as the states after their key blocks.
type midKeys struct {
	inner, outer [2]shaState
}

// newMidKeys returns the keys of two headers.
func newMidKeys(h, g *[80]byte) (k midKeys) {
	states := shaStart
	compress2(&states, (*[64]byte)(h[:]), (*[64]byte)(g[:]))
	tails := headerEnd
	copy(tails[0][:16], h[64:])
	copy(tails[1][:16], g[64:])
	tails.compress(&states)

	var inner, outer shaBlocks
	for i := range states {
		states[i].put(inner[i][:])
		for j, b := range inner[i] {
			inner[i][j], outer[i][j] = b^innerPad, b^outerPad
		}
	}
	k.inner, k.outer = shaStart, shaStart
	inner.compress(&k.inner)
	outer.compress(&k.outer)
	return k
}

// finish replaces the states after the inner HMAC pass by those after the outer one.
func (k *midKeys) finish(states *[2]shaState) {
	digests := outerEnd
	states[0].put(digests[0][:])
	states[1].put(digests[1][:])
	*states = k.outer
	digests.compress(states)
}

// expandPair is expandHeader for two headers.
func expandPair(x, y *block, h, g *[80]byte) midKeys {
	k := newMidKeys(h, g)
	salted := k.inner
	compress2(&salted, (*[64]byte)(h[:]), (*[64]byte)(g[:]))
	tails := saltEnd
	copy(tails[0][:16], h[64:])
	copy(tails[1][:16], g[64:])
	for i := range 4 {
		tails[0][19], tails[1][19] = byte(i+1), byte(i+1)
		states := salted
		tails.compress(&states)
		k.finish(&states)
		for w, at := range digestOrder {
			x[8*i+w] = bits.ReverseBytes32(states[0][at])
			y[8*i+w] = bits.ReverseBytes32(states[1][at])
		}
	}
	return k
}

// extractPair sets a and b to what extractHash returns for two states.
func extractPair(a, b *chainhash.Hash, x, y *block, k *midKeys) {
	states := k.inner
	for half := 0; half < len(x); half += 16 {
		var both shaBlocks
		for i := range 16 {
			binary.LittleEndian.PutUint32(both[0][4*i:], x[half+i])
			binary.LittleEndian.PutUint32(both[1][4*i:], y[half+i])
		}
		both.compress(&states)
	}
	tails := stateEnd
	tails[0][3], tails[1][3] = 1, 1
	tails.compress(&states)
	k.finish(&states)
	states[0].put(a[:])
	states[1].put(b[:])
}

// expandPairs sets the first lanes of s to the start states of headers and returns how many it has done: all but an odd
// last one, or none on a processor without the SHA extensions.
func (s *scratch) expandPairs(headers []*[80]byte) int {
	if !hasSHA {
		return 0
	}
	done := len(headers) &^ 1
	for i := 0; i < done; i += 2 {
		s.pairs[i/2] = expandPair(&s.x[i], &s.x[i+1], headers[i], headers[i+1])
	}
	return done
}

// extractPairs sets the hashes of the lanes that expandPairs has done.
func (s *scratch) extractPairs(out []chainhash.Hash, done int) {
	for i := 0; i < done; i += 2 {
		extractPair(&out[i], &out[i+1], &s.x[i], &s.x[i+1], &s.pairs[i/2])
	}
}

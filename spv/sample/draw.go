package sample

import (
	"crypto/sha256"
	"encoding/binary"
	"math"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/spv"
)

// MaxOctaves is the most octaves that the work below the tail can be divided into.
const MaxOctaves = 31

// MaxSecurity is the most bits of security that can be asked for.
const MaxSecurity = 128

// Query is what a verifier asks for.
type Query struct {
	Salt     [32]byte // random
	Security int      // bits: a false chain passes with a probability of at most 2^-Security
	// Keep is how many of the newest blocks, the tip included, the verifier will take one by one elsewhere, at least 1. The headers
	// that it goes on from are shown.
	Keep int32
}

// Draws returns how many draws from so many octaves give the security. One octave needs one: its every half-empty chain is hit.
func Draws(security, octaves int) int {
	switch {
	case octaves < 1 || security < 1:
		return 0
	case octaves == 1:
		return 1
	}
	return int(math.Ceil(float64(security) / -math.Log2(1-1/float64(octaves))))
}

// seed binds the draws to the salt and to the tip, which commits to all before it.
func (q *Query) seed(tip spv.Hash) [32]byte {
	b := append([]byte("LPOW/sample"), q.Salt[:]...)
	return sha256.Sum256(append(b, tip[:]...))
}

// draw returns a point of the total work, counted from the first block, in the given number of octaves.
func draw(seed [32]byte, number, octaves int, total *uint256.Int) (point uint256.Int) {
	first := sha256.Sum256(binary.LittleEndian.AppendUint32(append([]byte{0}, seed[:]...), uint32(number)))
	second := sha256.Sum256(binary.LittleEndian.AppendUint32(append([]byte{1}, seed[:]...), uint32(number)))
	octave := uint(binary.LittleEndian.Uint64(first[:]) % uint64(octaves))
	var near, far, width uint256.Int // distances from the end
	near.Rsh(total, octave+1)
	far.Rsh(total, octave)
	width.Sub(&far, &near)
	if width.IsZero() {
		width.SetOne()
	}
	point.SetBytes32(second[:])
	point.Mod(&point, &width) // the bias is below 2^-64 for work below 2^192
	point.Add(&point, &near)
	point.AddUint64(&point, 1)
	point.Sub(total, &point)
	return point
}

// octavesFor returns the least number of octaves that leave nothing between them and a tail of the given work.
func octavesFor(total, tail *uint256.Int) int {
	var rest uint256.Int
	for octaves := 1; octaves <= MaxOctaves; octaves++ {
		if rest.Rsh(total, uint(octaves)); !rest.Gt(tail) {
			return octaves
		}
	}
	return MaxOctaves + 1
}

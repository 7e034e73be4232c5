package merkle

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
)

// TestRows: many at once give what one by one does, whatever their lengths and indexes.
func TestRows(t *testing.T) {
	const seed = 7
	random := rand.New(rand.NewPCG(seed, 1))
	hash := func() (h chainhash.Hash) {
		for i := 0; i < len(h); i += 8 {
			binary.LittleEndian.PutUint64(h[i:], random.Uint64())
		}
		return h
	}
	var rows Rows
	for range 200 {
		n := random.IntN(20)
		leaves, branches, indexes := make([]chainhash.Hash, n), make([]Branch, n), make([]uint32, n)
		var want []chainhash.Hash
		for i := range n {
			leaves[i], indexes[i] = hash(), random.Uint32()
			length := random.IntN(18)
			if random.IntN(20) == 0 {
				length = 40 // longer than an index has bits
			}
			for range length {
				branches[i] = append(branches[i], hash())
			}
			want = append(want, branches[i].Root(leaves[i], indexes[i]))
		}
		rows.Roots(leaves, branches, indexes)
		if !slices.Equal(leaves, want) {
			t.Fatalf("seed %d: %d branches: roots differ", seed, n)
		}
	}
}

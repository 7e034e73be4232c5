package spv

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// TestNodes: after any history of adding and forgetting, exactly what was not forgotten is
// found, by id and by number. Ids whose search begins in the same few places are common.
func TestNodes(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		var s nodes
		s.index.grow(1)
		held, ids := map[int32]Hash{}, []Hash(nil)
		for range 4000 {
			var id Hash
			binary.LittleEndian.PutUint32(id[4:], random.Uint32N(40)<<20|random.Uint32N(8))
			binary.LittleEndian.PutUint64(id[8:], random.Uint64())
			i, n := s.add(&id)
			n.height = i
			held[i], ids = id, append(ids, id)
			if random.IntN(5) == 0 {
				old := s.first + random.Int32N(s.end-s.first)
				s.forget(old)
				delete(held, old)
			}
			if random.IntN(300) == 0 {
				below := s.first + random.Int32N(s.end-s.first)
				for i := s.first; i < below; i++ {
					delete(held, i)
				}
				s.forgetBelow(below)
			}
		}
		if s.count() != len(held) {
			t.Fatalf("seed %d: %d nodes, want %d", seed, s.count(), len(held))
		}
		if most := (int(s.end-s.first)/nodesPerChunk + 2 + spareChunks); len(s.chunks) > most {
			t.Fatalf("seed %d: %d chunks for %d numbers", seed, len(s.chunks), s.end-s.first)
		}
		copied := s.clone()
		for i, id := range ids {
			_, want := held[int32(i)]
			for _, from := range []*nodes{&s, &copied} {
				got, ok := from.find(&id)
				if ok != want || ok && (got != int32(i) || from.at(got).height != got) {
					t.Fatalf("seed %d: node %d found as %d, %v, want %v", seed, i, got, ok, want)
				}
			}
		}
	}
}

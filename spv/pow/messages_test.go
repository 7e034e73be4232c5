package pow

import (
	"math/rand/v2"
	"testing"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
)

// TestHashMessages holds messages of every length around the ends of blocks, in any company, against crypto/sha256.
func TestHashMessages(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	for round := range 200 {
		var messages [][]byte
		for range random.IntN(70) {
			length := random.IntN(300)
			if random.IntN(10) == 0 {
				length = random.IntN(3000)
			}
			if round < 20 { // neighbours
				length = round*16 + len(messages)
			}
			m := make([]byte, length)
			for i := range m {
				m[i] = byte(random.Uint32())
			}
			messages = append(messages, m)
		}
		out := make([]chainhash.Hash, len(messages)+1)
		HashMessages(out, messages)
		for i, m := range messages {
			if want := referenceSHA256d(m); out[i] != want {
				t.Fatalf("seed %d, round %d, message %d of %d with %d bytes: %v, want %v", seed, round, i, len(messages), len(m), out[i], want)
			}
		}
		if out[len(messages)] != (chainhash.Hash{}) {
			t.Fatal("a hash behind the last message")
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a short out does not panic")
		}
	}()
	HashMessages(nil, [][]byte{{1}})
}

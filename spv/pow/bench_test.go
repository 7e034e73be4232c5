package pow

import (
	"crypto/sha256"
	"runtime"
	"testing"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"golang.org/x/crypto/scrypt"
)

// perHash reports the time of one hash when an iteration computes n of them.
func perHash(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/hash")
}

// BenchmarkScrypt measures one core.
func BenchmarkScrypt(b *testing.B) {
	headers := randomHeaders(7, maxLanes)
	out := make([]chainhash.Hash, maxLanes)
	b.Run("xcrypto", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := scrypt.Key(headers[0][:], headers[0][:], 1024, 1, 1, 32); err != nil {
				b.Fatal(err)
			}
		}
		perHash(b, 1)
	})
	for _, m := range mixers {
		b.Run(m.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.hash(out[:m.lanes], headers[:m.lanes])
			}
			perHash(b, m.lanes)
		})
	}
}

func BenchmarkScryptAllCores(b *testing.B) {
	headers := randomHeaders(8, 256)
	out := make([]chainhash.Hash, len(headers))
	for _, m := range mixers {
		b.Run(m.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				scryptManyWith(m, runtime.GOMAXPROCS(0), out, headers)
			}
			perHash(b, len(headers))
		})
	}
}

func BenchmarkSHA256d(b *testing.B) {
	headers := randomHeaders(9, 1000)
	out := make([]chainhash.Hash, len(headers))
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for i, header := range headers {
				first := sha256.Sum256(header[:])
				out[i] = sha256.Sum256(first[:])
			}
		}
		perHash(b, len(headers))
	})
	b.Run("HashHeaders", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			HashHeaders(out, headers)
		}
		perHash(b, len(headers))
	})
}

func BenchmarkMerkleNodes(b *testing.B) {
	nodes := make([]chainhash.Hash, 1024)
	out := make([]chainhash.Hash, len(nodes)/2)
	each := func(hash func(l, r *chainhash.Hash) chainhash.Hash) func(*testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for i := range out {
					out[i] = hash(&nodes[2*i], &nodes[2*i+1])
				}
			}
			perHash(b, len(out))
		}
	}
	b.Run("bare", each(func(l, r *chainhash.Hash) chainhash.Hash {
		var both [64]byte
		copy(both[:32], l[:])
		copy(both[32:], r[:])
		first := sha256.Sum256(both[:])
		return sha256.Sum256(first[:])
	}))
	b.Run("HashPair", each(HashPair))
	b.Run("HashPairs", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			HashPairs(out, nodes)
		}
		perHash(b, len(out))
	})
}

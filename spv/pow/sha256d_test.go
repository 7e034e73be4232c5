package pow

import (
	"crypto/sha256"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
)

func referenceSHA256d(b []byte) chainhash.Hash {
	first := sha256.Sum256(b)
	return sha256.Sum256(first[:])
}

func TestHashHeaders(t *testing.T) {
	headers := randomHeaders(10, 40)
	for n := range len(headers) + 1 {
		out := make([]chainhash.Hash, len(headers))
		HashHeaders(out, headers[:n])
		for i, got := range out {
			var want chainhash.Hash
			if i < n {
				want = referenceSHA256d(headers[i][:])
			}
			if got != want {
				t.Errorf("header %d of %d: %v, want %v", i, n, got, want)
			}
		}
	}
}

func TestHashPairs(t *testing.T) {
	var nodes []chainhash.Hash
	for _, header := range randomHeaders(11, 75) {
		nodes = append(nodes, chainhash.Hash(header[:32]))
	}
	for n := range len(nodes) + 1 {
		row := slices.Clone(nodes[:n])
		HashPairs(row, row)
		for i := range n / 2 {
			want := referenceSHA256d(slices.Concat(nodes[2*i][:], nodes[2*i+1][:]))
			if row[i] != want {
				t.Errorf("pair %d of %d nodes: %v, want %v", i, n, row[i], want)
			}
			if got := HashPair(&nodes[2*i], &nodes[2*i+1]); got != want {
				t.Errorf("HashPair %d: %v, want %v", i, got, want)
			}
		}
		for i := n / 2; i < n; i++ {
			if row[i] != nodes[i] {
				t.Errorf("%d nodes: node %d changed", n, i)
			}
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a short out does not panic")
		}
	}()
	HashPairs(make([]chainhash.Hash, 1), nodes[:4])
}

func TestDoubleSHA256(t *testing.T) {
	b := make([]byte, 200)
	for n := range b {
		b[n] = byte(7 * n)
		if got, want := DoubleSHA256(b[:n]), referenceSHA256d(b[:n]); got != want {
			t.Errorf("%d bytes: %v, want %v", n, got, want)
		}
	}
	// A published vector: sha256d("hello").
	const want = "503d8319a48348cdc610a582f7bf754b5833df65038606eb48510790dfc99595"
	if got := DoubleSHA256([]byte("hello")).String(); got != want {
		t.Errorf("sha256d(hello) = %s, want %s", got, want)
	}
}

func FuzzHashHeaders(f *testing.F) {
	f.Add(make([]byte, 80), uint8(0))
	f.Add(randomHeaders(12, 1)[0][:], uint8(5))
	f.Fuzz(func(t *testing.T, b []byte, n uint8) {
		headers := make([]*[80]byte, n%35)
		for i := range headers {
			headers[i] = new([80]byte)
			copy(headers[i][:], b)
			headers[i][i] ^= n
		}
		out := make([]chainhash.Hash, len(headers))
		HashHeaders(out, headers)
		for i, got := range out {
			if want := referenceSHA256d(headers[i][:]); got != want {
				t.Errorf("header %x: %v, want %v", *headers[i], got, want)
			}
		}
	})
}

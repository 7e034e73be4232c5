//go:build !race

package pow

import (
	"testing"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
)

// TestNoAllocation is not built with the race detector, under which sync.Pool drops items at random.
func TestNoAllocation(t *testing.T) {
	headers := randomHeaders(3, 70)
	out := make([]chainhash.Hash, len(headers))
	for name, call := range map[string]func(){
		"sha256d sum":  func() { out[0] = SHA256d.Sum(headers[0]) },
		"sha256d many": func() { SHA256d.SumMany(out, headers) },
		"scrypt sum":   func() { out[0] = Scrypt.Sum(headers[0]) },
		"scrypt many":  func() { Scrypt.SumMany(out, headers) },
		"hash pairs":   func() { HashPairs(out, out) },
		"hash pair":    func() { out[0] = HashPair(&out[1], &out[2]) },
		"double":       func() { out[0] = DoubleSHA256(headers[0][:]) },
	} {
		if n := testing.AllocsPerRun(20, call); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

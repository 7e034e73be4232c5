package pow

import (
	"testing"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
)

// TestMixers compares every mixer that this processor runs with x/crypto, for every number of filled lanes, odd counts and
// several cores.
func TestMixers(t *testing.T) {
	headers := randomHeaders(5, 40)
	want := make([]chainhash.Hash, len(headers))
	for i, header := range headers {
		want[i] = referenceScrypt(t, header)
	}
	for _, m := range mixers {
		t.Run(m.name, func(t *testing.T) {
			for n := range len(headers) + 1 {
				checkMany(t, m, 1+n%3, headers[:n], want[:n])
			}
			for n := 1; n <= m.lanes; n++ {
				out := make([]chainhash.Hash, n)
				m.hash(out, headers[:n])
				for i := range out {
					if out[i] != want[i] {
						t.Errorf("lane %d of %d: %v, want %v", i, n, out[i], want[i])
					}
				}
			}
		})
	}
}

func checkMany(t *testing.T, m *mixer, cores int, headers []*[80]byte, want []chainhash.Hash) {
	t.Helper()
	out := make([]chainhash.Hash, len(headers)+1)
	scryptManyWith(m, cores, out, headers)
	for i := range want {
		if out[i] != want[i] {
			t.Errorf("header %d of %d on %d cores: %v, want %v", i, len(headers), cores, out[i], want[i])
		}
	}
	if out[len(headers)] != (chainhash.Hash{}) {
		t.Errorf("%d headers on %d cores: wrote past the last one", len(headers), cores)
	}
}

func FuzzMixers(f *testing.F) {
	f.Add(make([]byte, 80), uint8(0))
	f.Add(randomHeaders(6, 1)[0][:], uint8(17))
	f.Fuzz(func(t *testing.T, b []byte, n uint8) {
		headers := make([]*[80]byte, 1+n%maxLanes)
		want := make([]chainhash.Hash, len(headers))
		for i := range headers {
			headers[i] = new([80]byte)
			copy(headers[i][:], b)
			headers[i][79] += byte(i)
			want[i] = referenceScrypt(t, headers[i])
		}
		for _, m := range mixers {
			checkMany(t, m, 1, headers, want)
		}
	})
}

package pow

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"
)

// candidates lists the nonces that Scan is to find, by btcd's hash of the whole header.
func candidates(header [80]byte, first uint32, count uint64, limit uint32) (found []uint32) {
	for i := range count {
		binary.LittleEndian.PutUint32(header[76:], first+uint32(i))
		h := chainhash.DoubleHashH(header[:])
		if binary.LittleEndian.Uint32(h[28:]) <= limit {
			found = append(found, first+uint32(i))
		}
	}
	return found
}

// scanAll calls scan again behind every nonce that it finds.
func scanAll(scan scanFunc, header *[80]byte, first uint32, count uint64, limit uint32) (found []uint32) {
	end := uint64(first) + count
	for at := uint64(first); at < end; {
		nonce, ok := scan(header, uint32(at), end-at, limit)
		if !ok {
			break
		}
		found = append(found, nonce)
		at = uint64(nonce) + 1
	}
	return found
}

// TestScan compares every implementation with a loop over btcd's hash: random headers, counts that do not fill a
// batch, targets from easy to moderate, nonces up to the last.
func TestScan(t *testing.T) {
	for _, s := range scanners {
		t.Run(s.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			for _, header := range randomHeaders(20, 40) {
				first := r.Uint32()
				count := uint64(r.IntN(700))
				if r.IntN(4) == 0 {
					first = -uint32(count) // the last nonces there are
				}
				count = min(count, 1<<32-uint64(first))
				limit := uint32(0xffffffff) >> r.IntN(12)
				want := candidates(*header, first, count, limit)
				if got := scanAll(s.scan, header, first, count, limit); !slices.Equal(got, want) {
					t.Fatalf("header %x, nonces %d+%d, limit %08x: %d, want %d", *header, first, count, limit, got, want)
				}
			}
		})
	}
}

// TestScanGenesis finds the nonces of real blocks.
func TestScanGenesis(t *testing.T) {
	header := [80]byte{0: 1, 68: 0x29, 0xab, 0x5f, 0x49, 0xff, 0xff, 0, 0x1d}
	root, err := chainhash.NewHashFromStr("4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b")
	if err != nil {
		t.Fatal(err)
	}
	copy(header[36:], root[:])
	const nonce = 2083236893
	for _, s := range scanners {
		const before = 100_000
		if got, ok := s.scan(&header, nonce-before, 2*before, 0); !ok || got != nonce {
			t.Errorf("%s: nonce %d, %v, want %d", s.name, got, ok, nonce)
		}
		if got, ok := s.scan(&header, nonce-before, before, 0); ok {
			t.Errorf("%s: nonce %d below the one there is", s.name, got)
		}
	}
	if got, ok := SHA256d.Scan(&header, nonce-10, 1<<40, 0); !ok || got != nonce {
		t.Errorf("Scan: nonce %d, %v, want %d", got, ok, nonce)
	}
}

// TestScanScrypt compares with the one-by-one hash.
func TestScanScrypt(t *testing.T) {
	for _, m := range mixers {
		for i, header := range randomHeaders(21, 3) {
			first, count, limit := uint32(i)*1000, uint64(40+i), uint32(1<<29)
			var want []uint32
			try := *header
			for n := range count {
				binary.LittleEndian.PutUint32(try[76:], first+uint32(n))
				h := Scrypt.Sum(&try)
				if hashTop(&h) <= limit {
					want = append(want, first+uint32(n))
				}
			}
			got := scanAll(func(h *[80]byte, first uint32, count uint64, limit uint32) (uint32, bool) {
				return scanScrypt(m, h, first, count, limit)
			}, header, first, count, limit)
			if !slices.Equal(got, want) {
				t.Errorf("%s: nonces %d, want %d", m.name, got, want)
			}
		}
	}
}

func TestScanUnknown(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an algorithm outside the set does not panic")
		}
	}()
	Algorithm(0).Scan(new([80]byte), 0, 1, 0)
}

func FuzzScan(f *testing.F) {
	f.Add(make([]byte, 80), uint32(0), uint16(40), uint32(1<<28))
	f.Add([]byte("header"), ^uint32(3), uint16(4), ^uint32(0))
	f.Fuzz(func(t *testing.T, b []byte, first uint32, n uint16, limit uint32) {
		var header [80]byte
		copy(header[:], b)
		count := min(uint64(n%512), 1<<32-uint64(first))
		want := candidates(header, first, count, limit)
		for _, s := range scanners {
			if got := scanAll(s.scan, &header, first, count, limit); !slices.Equal(got, want) {
				t.Errorf("%s: header %x, nonces %d+%d, limit %08x: %d, want %d", s.name, header, first, count, limit, got, want)
			}
		}
	})
}

// BenchmarkScan measures one core. "btcd" is the loop of btcd's CPU miner, "naive" hashes all 80 bytes of every header
// with crypto/sha256, twice.
func BenchmarkScan(b *testing.B) {
	header := randomHeaders(22, 1)[0]
	const n = 1 << 16
	b.Run("btcd", func(b *testing.B) {
		var h wire.BlockHeader
		if err := h.Deserialize(bytes.NewReader(header[:])); err != nil {
			b.Fatal(err)
		}
		target := new(big.Int)
		for i := uint32(0); b.Loop(); i += n {
			for j := range uint32(n) {
				h.Nonce = i + j
				hash := h.BlockHash()
				if blockchain.HashToBig(&hash).Cmp(target) <= 0 {
					b.Fatal("a hash of zero")
				}
			}
		}
		perHash(b, n)
	})
	b.Run("naive", func(b *testing.B) {
		try := *header
		for i := uint32(0); b.Loop(); i += n {
			for j := range uint32(n) {
				binary.LittleEndian.PutUint32(try[76:], i+j)
				digest := sha256.Sum256(try[:])
				digest = sha256.Sum256(digest[:])
				if digest == [32]byte{} {
					b.Fatal("a hash of zero")
				}
			}
		}
		perHash(b, n)
	})
	for _, s := range scanners {
		b.Run(s.name, func(b *testing.B) {
			for i := uint32(0); b.Loop(); i += n {
				s.scan(header, i, n, 0)
			}
			perHash(b, n)
		})
	}
}

package filter

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/btcsuite/btcd/btcutil/bloom"
	"github.com/btcsuite/btcd/wire"
)

// TestBloom: btcd finds in our filters what is in them, and hardly anything else.
func TestBloom(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	some := func(n int) (list [][]byte) {
		for range n {
			e := make([]byte, 1+rng.IntN(70))
			for i := range e {
				e[i] = byte(rng.Uint32())
			}
			list = append(list, e)
		}
		return list
	}
	for _, c := range []struct {
		n    int
		most float64 // share of others that match
	}{{0, 0.0005}, {1, 0.0005}, {10, 0.0005}, {1000, 0.0005}, {15_000, 0.0005}, {MaxBloom, 0.002}} {
		in := some(c.n)
		m := Bloom(in, rng.Uint32())
		if len(m.Filter) > wire.MaxFilterLoadFilterSize || m.HashFuncs > wire.MaxFilterLoadHashFuncs || m.Flags != wire.BloomUpdateAll {
			t.Fatalf("%d elements: %d bytes, %d functions", c.n, len(m.Filter), m.HashFuncs)
		}
		theirs := bloom.LoadFilter(m)
		for _, e := range in {
			if !theirs.Matches(e) {
				t.Fatalf("%d elements: %x is not found", c.n, e)
			}
		}
		for i := range uint32(bloomRoom) {
			theirs.AddOutPoint(&wire.OutPoint{Hash: [32]byte{9}, Index: i})
		}
		const others = 20_000
		found := 0
		for i := range uint64(others) {
			if theirs.Matches(binary.BigEndian.AppendUint64(make([]byte, 80), i)) {
				found++
			}
		}
		if rate := float64(found) / others; rate > c.most {
			t.Errorf("%d elements: %.4f of all others match, want at most %.4f", c.n, rate, c.most)
		}
	}
}

// TestBloomOutpoint: btcd finds an outpoint by what we add of it.
func TestBloomOutpoint(t *testing.T) {
	o := wire.OutPoint{Hash: [32]byte{1, 2, 3}, Index: 0x01020304}
	f := bloom.LoadFilter(Bloom([][]byte{BloomOutpoint(&o)}, 7))
	if !f.MatchesOutPoint(&o) {
		t.Fatal("not found")
	}
	if o.Index++; f.MatchesOutPoint(&o) {
		t.Fatal("another is found")
	}
}

// TestBloomElement takes scripts of every kind apart.
func TestBloomElement(t *testing.T) {
	for script, want := range map[string]string{
		"\x00\x14aaaaaaaaaaaaaaaaaaaa":         "aaaaaaaaaaaaaaaaaaaa",
		"\x76\xa9\x14bbbbbbbbbbbbbbbbbbbb\x88": "bbbbbbbbbbbbbbbbbbbb",
		"\x51\x02cc\x03ddd\x52\xae":            "ddd",
		"\x51":                                 "",
		"":                                     "",
		"\x4c":                                 "", // cut short
		"\x6a\x02ee":                           "ee",
	} {
		if got := BloomElement([]byte(script)); string(got) != want {
			t.Errorf("%x: %q, want %q", script, got, want)
		}
	}
}

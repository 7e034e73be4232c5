package recent

import (
	"encoding/binary"
	"testing"

	"github.com/layeredpow/lamina/spv"
)

func number(n int) (h spv.Hash) {
	binary.LittleEndian.PutUint64(h[:], uint64(n))
	return h
}

func TestSet(t *testing.T) {
	const most = 100
	s := New(most)
	for n := range 1000 {
		if !s.Add(number(n)) || s.Add(number(n)) {
			t.Fatalf("hash %d: new once", n)
		}
		if s.Len() > most {
			t.Fatalf("%d hashes, want at most %d", s.Len(), most)
		}
		for back := range min(n, most/2) {
			if !s.Has(number(n - back)) {
				t.Fatalf("at %d: %d forgotten", n, n-back)
			}
		}
		if n >= most && s.Has(number(n-most)) {
			t.Fatalf("at %d: %d not forgotten", n, n-most)
		}
	}
	s.Remove(number(999))
	if s.Has(number(999)) || !s.Has(number(998)) {
		t.Fatal("one is removed and no other")
	}
	s.Clear()
	if s.Len() != 0 || s.Has(number(998)) {
		t.Fatal("not cleared")
	}
	var zero Set
	if zero.Add(number(1)); zero.Has(number(1)) {
		t.Fatal("the zero set took a hash")
	}
}

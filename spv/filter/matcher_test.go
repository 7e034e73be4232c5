package filter

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"github.com/aead/siphash"
	"github.com/btcsuite/btcd/btcutil/gcs"
	"github.com/btcsuite/btcd/btcutil/gcs/builder"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"
)

// strangers returns n scripts of the usual sizes that no block holds.
func strangers(n int) [][]byte {
	return made("stranger", n)
}

func made(name string, n int) [][]byte {
	scripts := make([][]byte, n)
	for i := range scripts {
		h := chainhash.HashB(fmt.Appendf(nil, "%s %d", name, i))
		scripts[i] = append([]byte{0x51, 0x20}, h...)[:[]int{22, 23, 25, 34}[i%4]]
	}
	return scripts
}

// setOf returns the filter of the given scripts, made by btcd's library, and its block id.
func setOf(t testing.TB, scripts [][]byte) ([]byte, *gcs.Filter, chainhash.Hash) {
	t.Helper()
	id := chainhash.HashH(fmt.Append(nil, len(scripts)))
	set, err := gcs.BuildGCSFilter(builder.DefaultP, builder.DefaultM, builder.DeriveKey(&id), scripts)
	if err != nil {
		t.Fatal(err)
	}
	filter, err := set.NBytes()
	if err != nil {
		t.Fatal(err)
	}
	return filter, set, id
}

// TestMatcherSizes: sets and queries of many sizes, without, with one and with all matches.
func TestMatcherSizes(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 10, 252, 253, 1000, 20_000} {
		scripts := made("member", n)
		filter, _, id := setOf(t, scripts)
		for _, q := range []int{0, 1, 2, 3, 100, 1023, 1024} {
			query := strangers(q)
			m := NewMatcher(query)
			if found, err := m.MatchAny(filter, &id); err != nil || found {
				t.Errorf("%d strangers in %d: found %t, %v", q, n, found, err)
			}
			for _, at := range []int{0, n / 2, n - 1} {
				if at < 0 || at >= n {
					continue
				}
				m := NewMatcher(append(slices.Clone(query), scripts[at]))
				if found, err := m.MatchAny(filter, &id); err != nil || !found {
					t.Errorf("element %d of %d among %d strangers: found %t, %v", at, n, q, found, err)
				}
			}
		}
		if found, err := NewMatcher(scripts).MatchAny(filter, &id); err != nil || found != (n > 0) {
			t.Errorf("all of %d: found %t, %v", n, found, err)
		}
	}
}

// TestMatcherReuse: one matcher over filters of all sizes, growing on the way, answers as
// a fresh one does.
func TestMatcherReuse(t *testing.T) {
	m := NewMatcher([][]byte{nil}) // an empty script is no query
	if len(m.groups) != 0 {
		t.Fatalf("%d groups of scripts, want none", len(m.groups))
	}
	query := made("member", 40)[30:]
	for i, script := range append(query, strangers(100)...) {
		for _, n := range []int{20, 31 + i%10, 3, 0} {
			filter, _, id := setOf(t, made("member", n))
			got, err := m.MatchAny(filter, &id)
			want := i > 0 && n >= 31
			if err != nil || got != want {
				t.Fatalf("%d scripts in %d: found %t, %v, want %t", i, n, got, err, want)
			}
		}
		m.Add(script)
	}
}

func TestMatcherMalformed(t *testing.T) {
	good, _, id := setOf(t, made("member", 5))
	edited := func(edit func([]byte) []byte) []byte { return edit(bytes.Clone(good)) }
	for _, c := range []struct {
		name   string
		filter []byte
		want   string
	}{
		{"empty", nil, "0 bytes"},
		{"too large", make([]byte, MaxSize+1), "bytes, want"},
		{"last byte missing", good[:len(good)-1], "at most 4"},
		{"byte behind", edited(func(b []byte) []byte { return append(b, 0) }), "1 bytes behind"},
		{"padding set", edited(func(b []byte) []byte { b[len(b)-1] |= 1; return b }), "set behind"},
		{"one element more", edited(func(b []byte) []byte { b[0]++; return b }), "at most 5"},
		{"ones instead of the end", edited(func(b []byte) []byte { return append(b[:len(b)-4], 0xff, 0xff, 0xff, 0xff) }), "ends in element 5 of 5"},
		{"one element less", edited(func(b []byte) []byte { b[0]--; return b }), "behind the last element"},
		{"count cut", []byte{0xfd, 1}, "number of elements in 1 bytes"},
		{"count not short", []byte{0xfd, 0xfc, 0}, "number of elements 252"},
		{"count in 4 bytes", []byte{0xfe, 0xff, 0xff, 0, 0}, "number of elements 65535"},
		{"count in 8 bytes", []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, "number of elements 4294967295"},
		{"count huge", []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0}, "at most 1"},
		{"only ones", append([]byte{1}, bytes.Repeat([]byte{0xff}, 100)...), "ends in element 1 of 1"},
		{"element too large", []byte{1, 0xc0, 0, 0}, "element 1048576, want below 784931"},
		{"bytes in an empty set", []byte{0, 0}, "1 bytes behind"},
	} {
		for _, m := range []*Matcher{NewMatcher(nil), NewMatcher(made("member", 5))} {
			found, err := m.MatchAny(c.filter, &id)
			if err == nil || found || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: found %t, error %v, want %q", c.name, found, err, c.want)
			}
		}
	}
}

// TestMatcherLongQuotient takes the slow way in the middle of a set, where a whole window
// would be there.
func TestMatcherLongQuotient(t *testing.T) {
	const n = 100
	values := make([]uint64, n)
	for i := range values {
		values[i] = n*falsePositiveRate - n + uint64(i) // first delta: a quotient near 150
	}
	filter := referenceEncode(values)
	_, coded, err := elements(filter)
	if err != nil {
		t.Fatal(err)
	}
	var s set
	if err := s.decode(coded, n); err != nil || !slices.Equal(s.values, values) {
		t.Errorf("decoded %v, %v, want %v", s.values, err, values)
	}
}

func TestMatcherDoesNotAllocate(t *testing.T) {
	filter, _, id := setOf(t, made("member", 3000))
	small, _, smallID := setOf(t, made("member", 3))
	m := NewMatcher(strangers(1000))
	run := func() {
		for _, c := range []struct {
			filter []byte
			id     *chainhash.Hash
		}{{filter, &id}, {small, &smallID}} {
			if found, err := m.MatchAny(c.filter, c.id); err != nil || found {
				t.Fatalf("found %t, %v", found, err)
			}
		}
	}
	run()
	if n := testing.AllocsPerRun(20, run); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// referenceEncode writes a set of ascending values the plain way, as a string of bits.
func referenceEncode(values []uint64) []byte {
	var b bytes.Buffer
	if err := wire.WriteVarInt(&b, 0, uint64(len(values))); err != nil {
		panic(err)
	}
	var text strings.Builder
	last := uint64(0)
	for _, v := range values {
		text.WriteString(strings.Repeat("1", int((v-last)>>19)))
		fmt.Fprintf(&text, "0%019b", (v-last)&(1<<19-1))
		last = v
	}
	for s := text.String(); len(s) > 0; s = s[min(8, len(s)):] {
		var octet byte
		for i := range min(8, len(s)) {
			octet |= (s[i] - '0') << (7 - i)
		}
		b.WriteByte(octet)
	}
	return b.Bytes()
}

// referenceDecode reads a filter through btcd's number reader and a string of bits; ok tells
// whether the bytes are the one encoding of what it read.
func referenceDecode(filter []byte) (values []uint64, ok bool) {
	r := bytes.NewReader(filter)
	n, err := wire.ReadVarInt(r, 0)
	if err != nil || n > uint64(len(filter)) {
		return nil, false
	}
	var text strings.Builder
	for _, octet := range filter[len(filter)-r.Len():] {
		fmt.Fprintf(&text, "%08b", octet)
	}
	s, last := text.String(), uint64(0)
	for range n {
		zero := strings.IndexByte(s, '0')
		if zero < 0 || len(s) < zero+20 {
			return nil, false
		}
		last += uint64(zero) << 19
		var remainder uint64
		if _, err := fmt.Sscanf(s[zero+1:zero+20], "%b", &remainder); err != nil {
			return nil, false
		}
		last += remainder
		values = append(values, last)
		s = s[zero+20:]
	}
	if n > 0 && last >= n*falsePositiveRate {
		return nil, false
	}
	return values, bytes.Equal(referenceEncode(values), filter)
}

func FuzzMatcher(f *testing.F) {
	for _, n := range []int{0, 1, 5, 300} {
		filter, _, _ := setOf(f, made("member", n))
		f.Add(filter)
	}
	for _, v := range vectors(f) {
		f.Add(v.filter)
	}
	f.Add(referenceEncode([]uint64{0, 0, 3 * 784930}))
	query := append(made("member", 6), strangers(20)...)
	id := chainhash.HashH(fmt.Append(nil, 5)) // the key of the set of five members
	key := builder.DeriveKey(&id)
	m := NewMatcher(query)
	f.Fuzz(func(t *testing.T, filter []byte) {
		found, err := m.MatchAny(filter, &id)
		values, ok := referenceDecode(filter)
		if ok != (err == nil) {
			t.Fatalf("%x: error %v, reference accepts %t", filter, err, ok)
		}
		if err != nil {
			return
		}
		want := false
		for _, script := range query {
			term, _ := bits.Mul64(siphash.Sum64(script, &key), uint64(len(values))*falsePositiveRate)
			want = want || slices.Contains(values, term)
		}
		set, err := gcs.FromNBytes(builder.DefaultP, builder.DefaultM, filter)
		if err != nil {
			t.Fatalf("%x: the library refuses: %v", filter, err)
		}
		zip, err := set.ZipMatchAny(key, query)
		if err != nil || found != want || zip != want {
			t.Fatalf("%x: found %t, reference %t, library %t, %v", filter, found, want, zip, err)
		}
	})
}

// FuzzMatcherQuery turns arbitrary bytes into scripts and compares with the library.
func FuzzMatcherQuery(f *testing.F) {
	filter, set, id := setOf(f, made("member", 300))
	key := builder.DeriveKey(&id)
	f.Add(bytes.Join(made("member", 3), nil), uint16(22))
	f.Add(binary.LittleEndian.AppendUint64(nil, 1), uint16(1))
	f.Fuzz(func(t *testing.T, b []byte, size uint16) {
		if size == 0 {
			return
		}
		scripts := slices.Collect(slices.Chunk(b, int(size)))
		want, err := set.ZipMatchAny(key, scripts)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := NewMatcher(scripts).MatchAny(filter, &id); err != nil || got != want {
			t.Fatalf("%d scripts: found %t, %v, library %t", len(scripts), got, err, want)
		}
	})
}

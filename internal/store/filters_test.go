package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/filter"
)

// made makes the filters and filter headers of a branch's blocks from one height to
// another: what they are follows from tag and height alone.
func made(from, to int32, tag byte) (headers []spv.Hash, list [][]byte) {
	for h := from; h <= to; h++ {
		header := sha256.Sum256(binary.BigEndian.AppendUint32([]byte{tag}, uint32(h)))
		headers = append(headers, header)
		list = append(list, bytes.Repeat(header[:3], int(h)%4)) // some are empty
	}
	return headers, list
}

func addFilters(c *Chain, from, to int32, tag byte) error {
	headers, list := made(from, to, tag)
	return c.AppendFilters(from, headers, list)
}

// holdsFilters compares what is held with branches, each to a height of its own.
func holdsFilters(t testing.TB, c *Chain, from int32, branches ...struct {
	to  int32
	tag byte
}) {
	t.Helper()
	next := from
	for _, b := range branches {
		headers, list := made(next, b.to, b.tag)
		for i := range list {
			got, ok := c.Filter(next)
			header, ok2 := c.FilterHeader(next)
			if !ok || !ok2 || !bytes.Equal(got, list[i]) || header != headers[i] {
				t.Fatalf("filter %d: %x with header %s, want %x with %s", next, got, header, list[i], headers[i])
			}
			next++
		}
	}
	if len(branches) == 0 {
		if c.FiltersTo() >= c.FiltersFrom() || c.FiltersTo() >= 0 {
			t.Fatalf("filters from %d to %d, want none", c.FiltersFrom(), c.FiltersTo())
		}
	} else if c.FiltersTo() != next-1 || c.FiltersFrom() != from {
		t.Fatalf("filters from %d to %d, want %d to %d", c.FiltersFrom(), c.FiltersTo(), from, next-1)
	}
	for _, h := range []int32{from - 1, next} {
		if _, ok := c.Filter(h); ok {
			t.Fatalf("a filter at %d", h)
		}
	}
}

type branch = struct {
	to  int32
	tag byte
}

func TestFilters(t *testing.T) {
	dir := t.TempDir()
	s, c, _ := open(t, dir)
	a := link(genesis, 100, 1)
	check(t, c.Apply(spv.Change{Headers: a}))
	holdsFilters(t, c, 30)
	check(t, addFilters(c, 30, 60, 1))
	check(t, addFilters(c, 61, 100, 1))
	holdsFilters(t, c, 30, branch{100, 1})

	check(t, c.Apply(spv.Change{Undo: 20, Headers: link(a[79], 25, 2)}))
	holdsFilters(t, c, 30, branch{80, 1})
	check(t, addFilters(c, 81, 105, 2))
	holdsFilters(t, c, 30, branch{80, 1}, branch{105, 2})
	check(t, s.Close())
	s, c, _ = open(t, dir)
	holdsFilters(t, c, 30, branch{80, 1}, branch{105, 2})

	check(t, addFilters(c, 90, 95, 3)) // what is held from there on goes
	holdsFilters(t, c, 30, branch{80, 1}, branch{89, 2}, branch{95, 3})
	check(t, c.CutFilters(95))
	check(t, c.CutFilters(92))
	holdsFilters(t, c, 30, branch{80, 1}, branch{89, 2}, branch{92, 3})
	check(t, addFilters(c, 10, 20, 4)) // an earlier birthday begins anew
	holdsFilters(t, c, 10, branch{20, 4})
	check(t, c.Apply(spv.Change{Undo: 100})) // below all filters
	holdsFilters(t, c, 6)
	check(t, addFilters(c, 3, 5, 5))
	holdsFilters(t, c, 3, branch{5, 5})
	check(t, c.CutFilters(0))
	holdsFilters(t, c, 3)
	check(t, s.Close())
}

func TestFiltersRefused(t *testing.T) {
	s, c, _ := open(t, t.TempDir())
	defer s.Close()
	check(t, c.Apply(spv.Change{Headers: link(genesis, 20, 1)}))
	check(t, addFilters(c, 5, 10, 1))
	for want, try := range map[string]func() error{
		"from 12, want at most 11": func() error { return addFilters(c, 12, 13, 1) },
		"11 to 21, blocks held":    func() error { return addFilters(c, 11, 21, 1) },
		"-1 to 3, blocks held":     func() error { return c.AppendFilters(-1, make([]spv.Hash, 5), make([][]byte, 5)) },
		"1 headers for 2 filters":  func() error { return c.AppendFilters(11, make([]spv.Hash, 1), make([][]byte, 2)) },
		"want at most 4194304": func() error {
			return c.AppendFilters(11, make([]spv.Hash, 1), [][]byte{make([]byte, filter.MaxSize+1)})
		},
	} {
		if err := try(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	check(t, c.AppendFilters(11, nil, nil))
	holdsFilters(t, c, 5, branch{10, 1})
}

// TestFiltersKilledAtEveryByte: whatever byte is the last, the filters that are found are
// those of the headers that are found, and the history can be finished.
func TestFiltersKilledAtEveryByte(t *testing.T) {
	a := link(genesis, 5, 1)
	b := link(a[2], 3, 2)
	steps := []func(c *Chain) error{
		func(c *Chain) error { return c.Apply(spv.Change{Headers: a}) },
		func(c *Chain) error { return addFilters(c, 2, 3, 1) },
		func(c *Chain) error { return addFilters(c, 4, 5, 1) },
		func(c *Chain) error { return c.Apply(spv.Change{Undo: 2, Headers: b}) },
		func(c *Chain) error { return addFilters(c, 4, 6, 2) },
		func(c *Chain) error { return addFilters(c, 5, 6, 3) },
	}
	least := []int32{-1, -1, 3, 3, 3, 4, 6} // after so many steps, the next perhaps begun
	everyByte(t, steps, func(t *testing.T, c *Chain, done int) {
		tip, _ := c.Tip()
		if to := c.FiltersTo(); to < least[done] {
			t.Fatalf("filters to %d, %d steps were done", to, done)
		}
		switch to := c.FiltersTo(); {
		case to < 0:
			holdsFilters(t, c, 2)
		case tip.Hash == a[4].ID():
			if to != 3 && to != 5 || done == 3 && to != 5 {
				t.Fatalf("filters to %d were never complete", to)
			}
			holdsFilters(t, c, 2, branch{to, 1})
		case to == 6:
			first, _ := made(6, 6, 2)
			if last, _ := c.FilterHeader(6); last == first[0] {
				holdsFilters(t, c, 2, branch{3, 1}, branch{6, 2})
			} else {
				holdsFilters(t, c, 2, branch{3, 1}, branch{4, 2}, branch{6, 3})
			}
		case to == 4:
			holdsFilters(t, c, 2, branch{3, 1}, branch{4, 2})
		default:
			holdsFilters(t, c, 2, branch{3, 1})
		}
		finish(t, c, append(a[:3:3], b...))
		from := max(c.FiltersTo()+1, 2)
		for ; from <= 6; from++ {
			tag := byte(2)
			if from <= 3 {
				tag = 1
			}
			check(t, addFilters(c, from, from, tag))
		}
		if c.FiltersTo() != 6 || c.FiltersFrom() != 2 {
			t.Fatalf("filters %d to %d after finishing", c.FiltersFrom(), c.FiltersTo())
		}
	})
}

// TestFiltersDamage spoils the closed files in ways that no crash of ours makes.
func TestFiltersDamage(t *testing.T) {
	size := func(to int32) (n int64) {
		_, list := made(10, to, 1)
		for _, f := range list {
			n += int64(len(f))
		}
		return n
	}
	for name, d := range map[string]struct {
		spoil func(t *testing.T, filters, index string)
		left  int32
	}{
		"filters cut short":  {func(t *testing.T, f, _ string) { check(t, os.Truncate(f, size(90)+1)) }, 90},
		"index cut short":    {func(t *testing.T, _, i string) { check(t, os.Truncate(i, 71*filterEntry+5)) }, 80},
		"a flipped bit":      {func(t *testing.T, f, _ string) { flip(t, f, size(99)-1) }, 98},
		"a flipped header":   {func(t *testing.T, _, i string) { flip(t, i, 89*filterEntry+7) }, 98},
		"a flipped end":      {func(t *testing.T, _, i string) { flip(t, i, 89*filterEntry+33) }, 98},
		"garbage at the end": {func(t *testing.T, f, i string) { grow(t, f, 1234); grow(t, i, 123) }, 99},
		"filters are gone":   {func(t *testing.T, f, _ string) { check(t, os.Remove(f)) }, -1},
		"the index is gone":  {func(t *testing.T, _, i string) { check(t, os.Remove(i)) }, -1},
		"another index there": {func(t *testing.T, _, i string) {
			check(t, os.WriteFile(i, make([]byte, 91*filterEntry), 0o600))
		}, -1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, c, _ := open(t, dir)
			check(t, c.Apply(spv.Change{Headers: link(genesis, 100, 1)}))
			check(t, addFilters(c, 10, 99, 1))
			check(t, s.Close())
			d.spoil(t, filepath.Join(dir, "test.filters"), filepath.Join(dir, "test.filters.index"))
			s, c, cut := open(t, dir)
			defer s.Close()
			if cut != 0 {
				t.Errorf("%d headers cut", cut)
			}
			if d.left < 0 {
				holdsFilters(t, c, 10)
			} else {
				holdsFilters(t, c, 10, branch{d.left, 1})
			}
			check(t, addFilters(c, max(d.left+1, 10), 99, 1))
			holdsFilters(t, c, 10, branch{99, 1})
		})
	}
}

// TestFilterSpoiledInside: damage that opening does not see is never served as a filter,
// and can be fetched anew.
func TestFilterSpoiledInside(t *testing.T) {
	dir := t.TempDir()
	s, c, _ := open(t, dir)
	check(t, c.Apply(spv.Change{Headers: link(genesis, 100, 1)}))
	check(t, addFilters(c, 10, 100, 1))
	check(t, s.Close())
	flip(t, filepath.Join(dir, "test.filters"), 50)
	s, c, _ = open(t, dir)
	defer s.Close()
	bad := int32(-1)
	for h := int32(10); h <= 100; h++ {
		_, want := made(h, h, 1)
		if got, ok := c.Filter(h); !ok && bad < 0 {
			bad = h
		} else if !ok || !bytes.Equal(got, want[0]) {
			t.Fatalf("filter %d: %x, %v", h, got, ok)
		}
	}
	if bad < 0 {
		t.Fatal("the damage went unseen")
	}
	check(t, addFilters(c, bad, 100, 1))
	holdsFilters(t, c, 10, branch{100, 1})
}

// TestFiltersAnyOrder reads filters of all sizes in every way.
func TestFiltersAnyOrder(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 1))
	s, c, _ := open(t, t.TempDir())
	defer s.Close()
	const n = 700
	check(t, c.Apply(spv.Change{Headers: link(genesis, n, 1)}))
	headers, list := make([]spv.Hash, n), make([][]byte, n)
	for i := range list {
		list[i] = make([]byte, r.IntN(20_000))
		for j := range list[i] {
			list[i][j] = byte(r.Uint32())
		}
		headers[i] = sha256.Sum256(list[i])
	}
	list[300] = make([]byte, 2*maxStretch) // larger than what is read at once
	headers[300] = sha256.Sum256(list[300])
	check(t, c.AppendFilters(1, headers, list))
	at, ok := int32(1), true
	for range 3000 {
		if at++; r.IntN(10) == 0 || at > n {
			at = 1 + r.Int32N(n)
		}
		var got []byte
		if got, ok = c.Filter(at); !ok || !bytes.Equal(got, list[at-1]) {
			t.Fatalf("seed %d: filter %d differs", seed, at)
		}
	}
}

// FuzzFilterFiles puts anything into the files: opening and reading never panics, and what
// is served is what an entry's checksum vouches for.
func FuzzFilterFiles(f *testing.F) {
	headers, list := made(1, 6, 1)
	var index, blob []byte
	for i := range list {
		blob = append(blob, list[i]...)
		index = appendEntry(index, &headers[i], int64(len(blob)), list[i])
	}
	f.Add(index, blob)
	f.Add(index, blob[:3])
	f.Add(bytes.Repeat([]byte{0xff}, 6*filterEntry), blob)
	f.Fuzz(func(t *testing.T, index, blob []byte) {
		d := newDisk(1 << 30)
		fs := &filters{blob: &mortal{disk: d, data: blob}, index: &mortal{disk: d, data: index}, held: filterRange{1, 6}}
		r, end, err := fs.whole(fs.held)
		if err != nil || end < 0 || end > int64(len(blob)) || r.to > 6 {
			t.Fatalf("%v whole to %d: %v", r, end, err)
		}
		for h := int32(1); h <= 6; h++ {
			header, one, err := fs.read(h)
			if err != nil {
				continue
			}
			entry := index[int(h-1)*filterEntry : int(h)*filterEntry]
			if again := appendEntry(nil, &header, entryEnd(entry), one); !bytes.Equal(again, entry) {
				t.Fatalf("filter %d is not the entry's", h)
			}
		}
	})
}

// BenchmarkFilters reads a million stored filters in order, as a rescan does: their sizes
// are those of young chains and of busy ones.
func BenchmarkFilters(b *testing.B) {
	for _, size := range []int{100, 2000} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			n := int32(1_000_000)
			if size > 1000 {
				n = 200_000
			}
			s, c, _ := open(b, b.TempDir())
			defer s.Close()
			last := genesis
			headers, list := make([]spv.Hash, 10_000), make([][]byte, 10_000)
			for i := range list {
				list[i] = make([]byte, size)
			}
			for h := int32(1); h < n; h += 10_000 {
				run := link(last, 10_000, 1)
				last = run[len(run)-1]
				check(b, c.Apply(spv.Change{Headers: run}))
				check(b, c.AppendFilters(h, headers, list))
			}
			b.SetBytes(int64(n) * int64(size))
			b.ReportAllocs()
			for b.Loop() {
				for h := int32(1); h <= n; h++ {
					if f, ok := c.Filter(h); !ok || len(f) != size {
						b.Fatal(h)
					}
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "filters/s")
		})
	}
}

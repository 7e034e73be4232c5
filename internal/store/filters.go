package store

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	bolt "go.etcd.io/bbolt"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/filter"
)

// filterEntry is the size of a filter's entry in the index: filter header 32, end of the
// filter in its file uint64, and a CRC-32C over header, end and the filter itself uint32.
// So every entry shows by itself whether it and its filter are whole.
const filterEntry = 32 + 8 + 4

// maxStretch bounds how much is read at a time when filters are read in order.
const (
	maxStretch        = 1 << 20 // bytes of filters
	maxStretchEntries = 4096
)

var (
	filtersKey = []byte("filters")
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	// errDamaged: a file does not hold what the database names.
	errDamaged = errors.New("damaged")
)

// filters are the compact filters of one chain's blocks from a first height upwards: the
// filters one behind the other in one file, an index of entries in another. The range in
// the database is the truth; the files may hold more.
type filters struct {
	blob, index file
	held        filterRange
	end         int64   // of the last filter held, in the file
	ahead       stretch // what was read last
}

// filterRange is the heights that have filters. None: to is below first.
type filterRange struct{ first, to int32 }

var noFilters = filterRange{first: 0, to: -1}

func (r filterRange) encode() []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(r.first)), uint32(r.to))
}

func decodeFilterRange(b []byte) (filterRange, error) {
	if b == nil {
		return noFilters, nil
	}
	if len(b) != 8 {
		return noFilters, fmt.Errorf("filters: record of %d bytes, want 8", len(b))
	}
	return filterRange{int32(binary.BigEndian.Uint32(b)), int32(binary.BigEndian.Uint32(b[4:]))}, nil
}

// upTo is the range without what lies above a height.
func (r filterRange) upTo(height int32) filterRange {
	if r.to <= height {
		return r
	}
	if height < r.first {
		return noFilters
	}
	return filterRange{r.first, height}
}

// stretch is a run of filters as read at once.
type stretch struct {
	first   int32
	entries []byte
	base    int64 // where blob begins in the file
	blob    []byte
}

func (s *stretch) count() int32 { return int32(len(s.entries) / filterEntry) }

// FiltersTo returns the highest height that has a filter; below every height if none has.
func (c *Chain) FiltersTo() int32 {
	_ = c.Settle()
	return c.filters.held.to
}

// FiltersFrom returns the lowest height that has a filter; above FiltersTo if none has.
func (c *Chain) FiltersFrom() int32 {
	_ = c.Settle()
	return c.filters.held.first
}

// Filter returns the filter of the best chain's block at a height. It is false where there
// is none, or where the disk has spoiled it: then AppendFilters from that height replaces
// it. Reading in order is fast: much is read at a time. The bytes must not be changed.
func (c *Chain) Filter(height int32) ([]byte, bool) {
	_ = c.Settle()
	_, f, err := c.filters.read(height)
	return f, err == nil
}

// FilterHeader returns the filter header (BIP157) at a height; false as for Filter.
func (c *Chain) FilterHeader(height int32) (spv.Hash, bool) {
	_ = c.Settle()
	header, _, err := c.filters.read(height)
	return header, err == nil
}

// AppendFilters makes filters and their headers durable, those of the blocks from a
// height upwards. They follow those that are held; what is held from that height upwards
// is dropped first. The first ones ever may begin anywhere, and so may ones from below
// the first held, which begin everything anew. They must have been checked.
func (c *Chain) AppendFilters(from int32, headers []spv.Hash, list [][]byte) error {
	if err := c.Settle(); err != nil {
		return err
	}
	f := &c.filters
	to := int64(from) + int64(len(list)) - 1
	switch {
	case len(headers) != len(list):
		return fmt.Errorf("filters of %s from %d: %d headers for %d filters", c.name, from, len(headers), len(list))
	case len(list) == 0:
		return nil
	case from < c.base.Height || to > int64(c.tip.Height):
		return fmt.Errorf("filters of %s: %d to %d, blocks held are %d to %d", c.name, from, to, c.base.Height, c.tip.Height)
	case f.held != noFilters && from > f.held.to+1:
		return fmt.Errorf("filters of %s: from %d, want at most %d", c.name, from, f.held.to+1)
	}
	for i, one := range list {
		if len(one) > filter.MaxSize {
			return fmt.Errorf("filter of %s at %d: %d bytes, want at most %d", c.name, from+int32(i), len(one), filter.MaxSize)
		}
	}
	if err := c.appendFilters(from, headers, list); err != nil {
		return fmt.Errorf("filters of %s: %w", c.name, err)
	}
	return nil
}

func (c *Chain) appendFilters(from int32, headers []spv.Hash, list [][]byte) error {
	f := &c.filters
	if err := c.cutFilters(from - 1); err != nil {
		return err
	}
	if f.held != noFilters && f.held.to != from-1 {
		return fmt.Errorf("%w from %d on, fetch them again from there", errDamaged, f.held.to+1)
	}
	grown := filterRange{from, from + int32(len(list)) - 1}
	if f.held != noFilters {
		grown.first = f.held.first
	}
	end, err := f.write(int64(from-grown.first)*filterEntry, headers, list)
	if err != nil {
		return err
	}
	return c.commitFilters(grown, end)
}

// CutFilters drops the filters, and the doubts about them, above a height.
func (c *Chain) CutFilters(to int32) error {
	if err := c.Settle(); err != nil {
		return err
	}
	if err := errors.Join(c.cutFilters(to), c.cutDoubts(to)); err != nil {
		return fmt.Errorf("filters of %s: %w", c.name, err)
	}
	return nil
}

func (c *Chain) cutFilters(to int32) error {
	if c.filters.held.to <= to {
		return nil
	}
	rest, end, err := c.filters.whole(c.filters.held.upTo(to))
	if err != nil {
		return err
	}
	return c.commitFilters(rest, end)
}

// write puts filters behind those that are held and makes them durable, the index last,
// from an offset on. It returns where the last filter ends.
func (f *filters) write(offset int64, headers []spv.Hash, list [][]byte) (int64, error) {
	f.ahead = stretch{}
	out := bufio.NewWriterSize(io.NewOffsetWriter(f.blob, f.end), 256<<10)
	end := f.end
	entries := make([]byte, 0, len(list)*filterEntry)
	for i, one := range list {
		if _, err := out.Write(one); err != nil {
			return 0, err
		}
		end += int64(len(one))
		entries = appendEntry(entries, &headers[i], end, one)
	}
	if err := errors.Join(out.Flush(), f.blob.Sync()); err != nil {
		return 0, err
	}
	if _, err := f.index.WriteAt(entries, offset); err != nil {
		return 0, err
	}
	return end, f.index.Sync()
}

func appendEntry(dst []byte, header *spv.Hash, end int64, one []byte) []byte {
	at := len(dst)
	dst = binary.BigEndian.AppendUint64(append(dst, header[:]...), uint64(end))
	return binary.BigEndian.AppendUint32(dst, entrySum(dst[at:], one))
}

// entrySum is the checksum of an entry's first two fields and its filter.
func entrySum(fields, one []byte) uint32 {
	return crc32.Update(crc32.Checksum(fields, castagnoli), castagnoli, one)
}

func (f *filters) offset(height int32) int64 { return int64(height-f.held.first) * filterEntry }

// read returns the filter at a height and its header. It is errDamaged where the files do
// not hold them whole.
func (f *filters) read(height int32) (spv.Hash, []byte, error) {
	if height < f.held.first || height > f.held.to {
		return spv.Hash{}, nil, fmt.Errorf("filter %d: held are %d to %d", height, f.held.first, f.held.to)
	}
	s := &f.ahead
	if n := s.count(); height < s.first || height >= s.first+n {
		if height != s.first+n {
			n = 0 // out of order: what lies behind it may not be wanted
		}
		next, err := f.load(height, min(2*n+1, maxStretchEntries, f.held.to-height+1))
		if err != nil {
			return spv.Hash{}, nil, err
		}
		*s = next
	}
	i := int(height-s.first) * filterEntry
	start := s.base
	if i > 0 {
		start = entryEnd(s.entries[i-filterEntry:])
	}
	entry := s.entries[i : i+filterEntry]
	one := s.blob[start-s.base : entryEnd(entry)-s.base]
	one = one[:len(one):len(one)]
	if binary.BigEndian.Uint32(entry[40:]) != entrySum(entry[:40], one) {
		return spv.Hash{}, nil, fmt.Errorf("filter %d: %w", height, errDamaged)
	}
	return spv.Hash(entry[:32]), one, nil
}

func entryEnd(entry []byte) int64 { return int64(binary.BigEndian.Uint64(entry[32:])) }

// load reads up to n filters from a height upwards: as many as fit into a stretch, and at
// least one. Where an entry makes no sense it ends before it.
func (f *filters) load(height, n int32) (stretch, error) {
	s := stretch{first: height}
	raw := make([]byte, int(n)*filterEntry)
	if height > f.held.first {
		var before [filterEntry]byte
		if err := readAll(f.index, before[:], f.offset(height-1)); err != nil {
			return s, err
		}
		s.base = entryEnd(before[:])
	}
	if err := readAll(f.index, raw, f.offset(height)); err != nil {
		return s, err
	}
	count, end := 0, s.base
	for ; count < int(n); count++ {
		next := entryEnd(raw[count*filterEntry:])
		if next < end || next-end > filter.MaxSize || (count > 0 && next-s.base > maxStretch) {
			break
		}
		end = next
	}
	if count == 0 || s.base < 0 {
		return s, fmt.Errorf("filter %d: %w", height, errDamaged)
	}
	s.entries, s.blob = raw[:count*filterEntry], make([]byte, end-s.base)
	return s, readAll(f.blob, s.blob, s.base)
}

// readAll fills b; a file that is too short is damage, other trouble may pass.
func readAll(f file, b []byte, at int64) error {
	n, err := f.ReadAt(b, at)
	switch {
	case n == len(b):
		return nil
	case err == io.EOF || err == nil:
		return fmt.Errorf("file ends at %d, want %d bytes: %w", at+int64(n), at+int64(len(b)), errDamaged)
	default:
		return err
	}
}

// whole returns what of a part of the range held is whole: up to its highest filter that
// is, as a rule the last; and where that one ends.
func (f *filters) whole(r filterRange) (filterRange, int64, error) {
	for r != noFilters {
		f.ahead = stretch{} // one at a time
		end := int64(0)
		_, _, err := f.read(r.to)
		if err == nil {
			end = entryEnd(f.ahead.entries)
			// An empty filter is whole by itself; those before it must be there, too.
			err = readAll(f.blob, make([]byte, min(end, 1)), max(end-1, 0))
		}
		if err == nil {
			return r, end, nil
		}
		if !errors.Is(err, errDamaged) {
			return r, 0, err
		}
		r = r.upTo(r.to - 1)
	}
	return noFilters, 0, nil
}

// openFilters takes the range that the database names, forgets what of it is not whole,
// and drops what the files hold above it.
func (c *Chain) openFilters(named filterRange) error {
	f := &c.filters
	f.held = named
	held, end, err := f.whole(named.upTo(c.tip.Height))
	if err != nil {
		return err
	}
	f.end = end
	if held != named {
		if err := c.commitFilters(held, end); err != nil {
			return err
		}
	}
	return errors.Join(f.index.Truncate(int64(held.to-held.first+1)*filterEntry), f.blob.Truncate(end))
}

// commitFilters names a range of filters in the database, on its own.
func (c *Chain) commitFilters(r filterRange, end int64) error {
	err := c.db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket(chainsBucket).Bucket([]byte(c.name)).Put(filtersKey, r.encode())
	})
	if err == nil {
		c.filters.held, c.filters.end, c.filters.ahead = r, end, stretch{}
	}
	return err
}

package chain

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
)

// fileLimit is where a block file ends and the next one begins, bytes.
const fileLimit = 128 << 20

// frameSize is what stands before a block in its file: length and CRC-32C, both uint32
// little-endian. A length of 0 ends the file.
const frameSize = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// place is where a block lies. The zero place is nowhere: no block has length 0.
type place struct {
	file   uint32
	offset uint32 // of the frame
	length uint32 // of the block, without the frame
}

// mark is a position in the block files.
type mark struct {
	file   uint32
	offset uint32
}

func (p place) end() mark { return mark{p.file, p.offset + frameSize + p.length} }

// file is what the block files need of one file; tests put faults in between.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error
	Truncate(size int64) error
	Size() (int64, error)
}

// folder opens block files by number. Without create, a file that is not there is an
// error that wraps os.ErrNotExist.
type folder interface {
	open(number uint32, create bool) (file, error)
}

// diskFolder is a folder of the file system.
type diskFolder string

type diskFile struct{ *os.File }

func (f diskFile) Size() (int64, error) {
	s, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return s.Size(), nil
}

func (d diskFolder) open(number uint32, create bool) (file, error) {
	flags := os.O_RDWR
	if create {
		flags |= os.O_CREATE
	}
	f, err := os.OpenFile(filepath.Join(string(d), fmt.Sprintf("blocks-%05d.dat", number)), flags, 0o600)
	if err != nil {
		return nil, err
	}
	return diskFile{f}, nil
}

// blockFiles is the append-only sequence of blocks in the order in which they were
// accepted. Reads may run side by side, but not beside a write.
type blockFiles struct {
	folder folder
	limit  uint32 // bytes of one file
	most   uint32 // bytes of one block
	files  []file // by number, all open
	end    mark
	dirty  bool // written since the last sync
}

// openBlocks opens the files that are there; from is how far they are known to be whole.
func openBlocks(dir folder, limit, most uint32, from mark) (*blockFiles, error) {
	b := &blockFiles{folder: dir, limit: limit, most: most, end: from}
	for n := uint32(0); ; n++ {
		f, err := dir.open(n, n == 0)
		if errors.Is(err, os.ErrNotExist) {
			break
		}
		if err != nil {
			return nil, errors.Join(err, b.close())
		}
		b.files = append(b.files, f)
	}
	if int64(from.file) >= int64(len(b.files)) {
		return nil, errors.Join(fmt.Errorf("block file %d: missing", from.file), b.close())
	}
	size, err := b.files[from.file].Size()
	if err == nil && size < int64(from.offset) {
		err = fmt.Errorf("block file %d: %d bytes, the database knows of %d", from.file, size, from.offset)
	}
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

// rest reads what lies behind the end, block by block, up to the first frame that is not
// whole, and cuts that off. See gets every block; its error stops the reading.
func (b *blockFiles) rest(see func(p place, raw []byte) error) error {
	for {
		p := place{file: b.end.file, offset: b.end.offset}
		raw, err := b.frame(&p)
		if err != nil {
			return err
		}
		if raw == nil && int(b.end.file) < len(b.files)-1 {
			b.end = mark{file: b.end.file + 1}
			continue
		}
		if raw == nil {
			return b.files[b.end.file].Truncate(int64(b.end.offset))
		}
		b.end, b.dirty = p.end(), true
		if err := see(p, raw); err != nil {
			return err
		}
	}
}

// frame reads the block at a place whose length is not known yet; nil if no whole one is
// there.
func (b *blockFiles) frame(p *place) ([]byte, error) {
	f := b.files[p.file]
	var head [frameSize]byte
	if n, err := f.ReadAt(head[:], int64(p.offset)); n < frameSize {
		return nil, notEnd(err)
	}
	p.length = binary.LittleEndian.Uint32(head[:])
	if p.length == 0 || p.length > b.most {
		return nil, nil
	}
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if int64(p.offset)+frameSize+int64(p.length) > size {
		return nil, nil
	}
	raw := make([]byte, p.length)
	if _, err := f.ReadAt(raw, int64(p.offset)+frameSize); notEnd(err) != nil {
		return nil, err
	}
	if crc32.Checksum(raw, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
		return nil, nil
	}
	return raw, nil
}

func notEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// add writes a block behind the last one.
func (b *blockFiles) add(raw []byte) (place, error) {
	if len(raw) == 0 || len(raw) > int(b.most) {
		return place{}, fmt.Errorf("block of %d bytes: want 1 to %d", len(raw), b.most)
	}
	if b.end.offset > 0 && uint64(b.end.offset)+frameSize+uint64(len(raw)) > uint64(b.limit) {
		if err := b.next(); err != nil {
			return place{}, err
		}
	}
	frame := make([]byte, frameSize, frameSize+len(raw))
	binary.LittleEndian.PutUint32(frame, uint32(len(raw)))
	binary.LittleEndian.PutUint32(frame[4:], crc32.Checksum(raw, castagnoli))
	b.dirty = true
	if _, err := b.files[b.end.file].WriteAt(append(frame, raw...), int64(b.end.offset)); err != nil {
		return place{}, fmt.Errorf("block file %d: %w", b.end.file, err)
	}
	p := place{file: b.end.file, offset: b.end.offset, length: uint32(len(raw))}
	b.end = p.end()
	return p, nil
}

// next begins a new file. The one before is made durable first, so that only the last
// file can lose its end.
func (b *blockFiles) next() error {
	if err := b.sync(); err != nil {
		return err
	}
	f, err := b.folder.open(uint32(len(b.files)), true)
	if err != nil {
		return err
	}
	b.files = append(b.files, f)
	b.end = mark{file: uint32(len(b.files) - 1)}
	return nil
}

// read returns the block at a place.
func (b *blockFiles) read(p place) ([]byte, error) {
	if int64(p.file) >= int64(len(b.files)) {
		return nil, fmt.Errorf("block file %d: missing", p.file)
	}
	at := p
	raw, err := b.frame(&at)
	if err != nil {
		return nil, fmt.Errorf("block file %d at %d: %w", p.file, p.offset, err)
	}
	if raw == nil || at != p {
		return nil, fmt.Errorf("block file %d at %d: damaged, want a whole block of %d bytes", p.file, p.offset, p.length)
	}
	return raw, nil
}

// head returns the first n bytes of the block at a place, unchecked.
func (b *blockFiles) head(p place, n uint32) ([]byte, error) {
	if int64(p.file) >= int64(len(b.files)) {
		return nil, fmt.Errorf("block file %d: missing", p.file)
	}
	raw := make([]byte, min(n, p.length))
	if _, err := b.files[p.file].ReadAt(raw, int64(p.offset)+frameSize); notEnd(err) != nil {
		return nil, fmt.Errorf("block file %d at %d: %w", p.file, p.offset, err)
	}
	return raw, nil
}

func (b *blockFiles) sync() error {
	if !b.dirty {
		return nil
	}
	if err := b.files[b.end.file].Sync(); err != nil {
		return fmt.Errorf("block file %d: %w", b.end.file, err)
	}
	b.dirty = false
	return nil
}

func (b *blockFiles) close() error {
	var errs []error
	for _, f := range b.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

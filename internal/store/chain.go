package store

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/holiman/uint256"
	bolt "go.etcd.io/bbolt"

	"github.com/layeredpow/lamina/spv"
)

// markEvery is how far apart the blocks are whose total work the database remembers, so
// that a damaged file can be cut back to one of them.
const markEvery = 2016

var (
	tipKey      = []byte("tip")
	baseKey     = []byte("base")
	marksBucket = []byte("marks")
)

// file is what a chain needs of its header file; tests put faults in between.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error
	Truncate(size int64) error
}

// Chain is one chain's best headers on disk: 80 bytes each in a flat file, from the
// base upwards. It has one writer.
type Chain struct {
	name string
	db   *bolt.DB
	file file
	base mark // lowest block held
	tip  mark // highest block held
}

// mark is a block with the chain's total work up to and including it.
type mark struct {
	spv.Block
	work uint256.Int
}

const markSize = 4 + 32 + 32

func (m *mark) encode() []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(m.Height))
	work := m.work.Bytes32()
	return append(append(b, m.Hash[:]...), work[:]...)
}

func decodeMark(b []byte) (m mark, err error) {
	if len(b) != markSize {
		return m, fmt.Errorf("record of %d bytes, want %d", len(b), markSize)
	}
	m.Height = int32(binary.BigEndian.Uint32(b))
	m.Hash = spv.Hash(b[4:36])
	m.work.SetBytes32(b[36:])
	return m, nil
}

// Chain opens the headers of one chain. A chain that is not there yet begins with the
// start header, at a height and with the chain's total work up to and including it:
// genesis, or a checkpoint. Damage at the end of the file is cut off; Cut of the result
// tells how many headers that cost.
func (s *Store) Chain(name string, start spv.Header, height int32, work uint256.Int) (*Chain, int32, error) {
	f, err := os.OpenFile(filepath.Join(s.dir, name+".headers"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, 0, fmt.Errorf("headers of %s: %w", name, err)
	}
	c, cut, err := openChain(name, s.db, f, start, height, work)
	if err != nil {
		return nil, 0, fmt.Errorf("headers of %s: %w", name, err)
	}
	s.chains[name] = c
	return c, cut, nil
}

func openChain(name string, db *bolt.DB, f file, start spv.Header, height int32, work uint256.Int) (*Chain, int32, error) {
	c := &Chain{name: name, db: db, file: f}
	found, err := c.load()
	if err != nil {
		return nil, 0, err
	}
	if !found {
		c.base = mark{Block: spv.Block{Height: height, Hash: start.ID()}, work: work}
		c.tip = c.base
		if err := c.write([]spv.Header{start}, height); err != nil {
			return nil, 0, err
		}
		return c, 0, c.commit(nil, true)
	}
	before := c.tip.Height
	if err := c.heal(); err != nil {
		return nil, 0, err
	}
	return c, before - c.tip.Height, nil
}

// load reads what the database says.
func (c *Chain) load() (found bool, err error) {
	err = c.db.View(func(tx *bolt.Tx) error {
		b := tx.Bucket(chainsBucket).Bucket([]byte(c.name))
		if b == nil {
			return nil
		}
		found = true
		if c.base, err = decodeMark(b.Get(baseKey)); err != nil {
			return fmt.Errorf("base: %w", err)
		}
		if c.tip, err = decodeMark(b.Get(tipKey)); err != nil {
			return fmt.Errorf("tip: %w", err)
		}
		return nil
	})
	return found, err
}

// Tip returns the highest block held and the chain's total work.
func (c *Chain) Tip() (spv.Block, uint256.Int) { return c.tip.Block, c.tip.work }

// Base returns the lowest block held.
func (c *Chain) Base() spv.Block { return c.base.Block }

// Headers reads n headers from a height upwards. They must be held.
func (c *Chain) Headers(height, n int32) ([]spv.Header, error) {
	if height < c.base.Height || n < 0 || int64(height)+int64(n)-1 > int64(c.tip.Height) {
		return nil, fmt.Errorf("headers of %s: %d from %d, held are %d to %d", c.name, n, height, c.base.Height, c.tip.Height)
	}
	raw := make([]byte, int(n)*spv.HeaderSize)
	if _, err := c.file.ReadAt(raw, c.offset(height)); err != nil {
		return nil, fmt.Errorf("headers of %s from %d: %w", c.name, height, err)
	}
	headers := make([]spv.Header, n)
	for i := range headers {
		headers[i] = spv.Header(raw[i*spv.HeaderSize:])
	}
	return headers, nil
}

func (c *Chain) offset(height int32) int64 {
	return int64(height-c.base.Height) * spv.HeaderSize
}

// Tree returns a tree that continues from the end of the chain, holding what the rules
// look back at and the deepest reorganisation they allow, as far as it is on disk.
func (c *Chain) Tree(rules *spv.Rules) (*spv.Tree, error) {
	first := max(c.base.Height, c.tip.Height-rules.Lookback()-rules.ReorgLimit)
	headers, err := c.Headers(first, c.tip.Height-first+1)
	if err != nil {
		return nil, err
	}
	work := c.tip.work
	for i := range headers[1:] {
		own, err := workOf(&headers[1+i])
		if err != nil {
			return nil, fmt.Errorf("headers of %s at %d: %w", c.name, first+1+int32(i), err)
		}
		work.Sub(&work, &own)
	}
	return spv.NewTreeAt(rules, headers, first, work)
}

// Apply makes a change of the best chain durable: everything of it or, if the machine
// stops meanwhile, a consistent part.
func (c *Chain) Apply(change spv.Change) error {
	if change.Undo > 0 {
		if err := c.shrink(change.Undo); err != nil {
			return fmt.Errorf("headers of %s: %w", c.name, err)
		}
	}
	if len(change.Headers) == 0 {
		return nil
	}
	if err := c.grow(change.Headers); err != nil {
		return fmt.Errorf("headers of %s: %w", c.name, err)
	}
	return nil
}

// grow writes the headers, makes them durable, and only then names them.
func (c *Chain) grow(headers []spv.Header) error {
	tip, marks := c.tip, []mark(nil)
	for i := range headers {
		if prev := headers[i].Prev(); prev != tip.Hash {
			return fmt.Errorf("header %d builds on %s, want %s", tip.Height+1, prev, tip.Hash)
		}
		own, err := workOf(&headers[i])
		if err != nil {
			return fmt.Errorf("header %d: %w", tip.Height+1, err)
		}
		tip.Height++
		tip.Hash = headers[i].ID()
		tip.work.Add(&tip.work, &own)
		if tip.Height%markEvery == 0 {
			marks = append(marks, tip)
		}
	}
	if err := c.write(headers, c.tip.Height+1); err != nil {
		return err
	}
	before := c.tip
	c.tip = tip
	if err := c.commit(marks, false); err != nil {
		c.tip = before
		return err
	}
	return nil
}

// shrink forgets the last n headers: first in the database, so that the file may hold
// more than is named but never less.
func (c *Chain) shrink(n int) error {
	height := c.tip.Height - int32(n)
	if height < c.base.Height {
		return fmt.Errorf("undo %d headers from %d, held are %d to %d", n, c.tip.Height, c.base.Height, c.tip.Height)
	}
	headers, err := c.Headers(height, int32(n)+1)
	if err != nil {
		return err
	}
	before := c.tip
	for i := range headers[1:] {
		own, err := workOf(&headers[1+i])
		if err != nil {
			return err
		}
		c.tip.work.Sub(&c.tip.work, &own)
	}
	c.tip.Height, c.tip.Hash = height, headers[0].ID()
	if err := c.commit(nil, false); err != nil {
		c.tip = before
		return err
	}
	return nil
}

func (c *Chain) write(headers []spv.Header, height int32) error {
	raw := make([]byte, 0, len(headers)*spv.HeaderSize)
	for i := range headers {
		raw = append(raw, headers[i][:]...)
	}
	if _, err := c.file.WriteAt(raw, c.offset(height)); err != nil {
		return err
	}
	return c.file.Sync()
}

// commit names the tip (and, for a new chain, the base) in one transaction, and drops
// marks that are no longer below it.
func (c *Chain) commit(marks []mark, create bool) error {
	return c.db.Update(func(tx *bolt.Tx) error {
		b, err := tx.Bucket(chainsBucket).CreateBucketIfNotExists([]byte(c.name))
		if err != nil {
			return err
		}
		if create {
			if err := b.Put(baseKey, c.base.encode()); err != nil {
				return err
			}
		}
		m, err := b.CreateBucketIfNotExists(marksBucket)
		if err != nil {
			return err
		}
		if err := dropMarks(m, c.tip.Height); err != nil {
			return err
		}
		for i := range marks {
			if err := m.Put(binary.BigEndian.AppendUint32(nil, uint32(marks[i].Height)), marks[i].encode()); err != nil {
				return err
			}
		}
		return b.Put(tipKey, c.tip.encode())
	})
}

func dropMarks(m *bolt.Bucket, above int32) error {
	cur := m.Cursor()
	for k, _ := cur.Last(); k != nil && int32(binary.BigEndian.Uint32(k)) > above; k, _ = cur.Prev() {
		if err := m.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

func workOf(h *spv.Header) (uint256.Int, error) {
	target, ok := spv.ParseTarget(h.Bits())
	if !ok {
		return uint256.Int{}, fmt.Errorf("bits %08x are no target", h.Bits())
	}
	return spv.WorkOf(&target), nil
}

package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
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
	tipKey       = []byte("tip")
	baseKey      = []byte("base")
	marksBucket  = []byte("marks")  // mark by height
	proofsBucket = []byte("proofs") // full proof by height
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
// base upwards; with what is kept of their merged-mining proofs, and compact filters. It
// is for one goroutine; what it reads may be handed on.
type Chain struct {
	name    string
	db      *database
	file    file // headers
	parents file // records of parentSize, one for each header
	filters filters
	base    mark   // lowest block held
	tip     mark   // highest block held
	since   uint32 // proofs of older headers are not kept in full
	sampled *Sampled

	expected int32 // how high the chain is likely to become soon

	writer *writer // nil: nothing is under way
	failed error   // how the last one ended
	pieces pieces
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

// Chain opens what is kept of one chain. A chain that is not there yet begins with the
// start header, at a height and with the chain's total work up to and including it:
// genesis, or a checkpoint. Damage at the end of the files is cut off; cut tells how many
// headers that cost.
func (s *Store) Chain(name string, start spv.Header, height int32, work uint256.Int) (c *Chain, cut int32, err error) {
	c, cut, err = openChain(name, s.db.DB, s.create, start, height, work)
	if err != nil {
		return nil, 0, fmt.Errorf("headers of %s: %w", name, err)
	}
	s.chains[name] = c
	return c, cut, nil
}

// create opens a file in the data folder, made if it is not there.
func (s *Store) create(name string) (file, error) {
	path := filepath.Join(s.dir, name)
	_, missing := os.Stat(path)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if missing != nil {
		syncFolder(s.dir)
	}
	return f, nil
}

// syncFolder makes a new file's name durable where the system can; where it cannot, names
// are as durable as it makes them.
func syncFolder(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}

func openChain(name string, db *bolt.DB, create func(name string) (file, error), start spv.Header, height int32,
	work uint256.Int) (*Chain, int32, error) {
	c := &Chain{name: name, db: &database{db}}
	if err := c.openFiles(create); err != nil {
		return nil, 0, errors.Join(err, c.close())
	}
	cut, err := c.open(start, height, work)
	if err != nil {
		return nil, 0, errors.Join(err, c.close())
	}
	return c, cut, nil
}

func (c *Chain) openFiles(create func(name string) (file, error)) (err error) {
	for _, f := range []struct {
		to     *file
		suffix string
	}{{&c.file, ".headers"}, {&c.parents, ".parents"}, {&c.filters.blob, ".filters"}, {&c.filters.index, ".filters.index"}} {
		if *f.to, err = create(c.name + f.suffix); err != nil {
			return err
		}
	}
	return nil
}

func (c *Chain) close() error {
	errs := []error{c.Settle()}
	for _, f := range []file{c.file, c.parents, c.filters.blob, c.filters.index} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// open begins a new chain, or finds out what is whole of one that is there.
func (c *Chain) open(start spv.Header, height int32, work uint256.Int) (cut int32, err error) {
	filters, found, err := c.load()
	if err != nil {
		return 0, err
	}
	if !found {
		c.filters.held = noFilters
		c.base = mark{Block: spv.Block{Height: height, Hash: start.ID()}, work: work}
		c.tip = c.base
		if err := errors.Join(c.write([]spv.Header{start}, height), c.file.Sync()); err != nil {
			return 0, err
		}
		return 0, c.commit(func(b *bolt.Bucket) error { return b.Put(baseKey, c.base.encode()) })
	}
	c.filters.held = filters
	before := c.tip.Height
	if err := c.heal(); err != nil {
		return 0, err
	}
	return before - c.tip.Height, c.openFilters(c.filters.held)
}

// load reads what the database says.
func (c *Chain) load() (filters filterRange, found bool, err error) {
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
		if c.sampled, err = decodeSampled(b.Get(sampledKey)); err != nil {
			return fmt.Errorf("sampled: %w", err)
		}
		filters, err = decodeFilterRange(b.Get(filtersKey))
		return err
	})
	return filters, found, err
}

// Tip returns the highest block held and the chain's total work.
func (c *Chain) Tip() (spv.Block, uint256.Int) {
	_ = c.Settle() // the tip stays where it was if that failed
	return c.tip.Block, c.tip.work
}

// Base returns the lowest block held.
func (c *Chain) Base() spv.Block { return c.base.Block }

// Headers reads n headers from a height upwards. They must be held.
func (c *Chain) Headers(height, n int32) ([]spv.Header, error) {
	past := c.Past(math.MaxInt32)
	return past.Headers(height, n)
}

func (c *Chain) offset(height int32) int64 {
	return c.slot(height) * spv.HeaderSize
}

// Tree returns a tree that continues from the end of the chain, holding what the rules
// look back at and the deepest reorganisation they allow, as far as it is on disk.
func (c *Chain) Tree(rules *spv.Rules) (*spv.Tree, error) {
	if err := c.Settle(); err != nil {
		return nil, err
	}
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
	tree, err := spv.NewTreeAt(rules, headers, first, work)
	if err == nil {
		tree.Rooted = c.base.Height == 0
	}
	return tree, err
}

// Apply makes a change of the best chain durable, proofs included: everything of it or,
// if the machine stops meanwhile, a consistent part. Filters of blocks that are undone
// are dropped with them.
func (c *Chain) Apply(change spv.Change) error {
	if err := c.Settle(); err != nil {
		return err
	}
	return c.apply(&change)
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
	if err := c.commit(nil); err != nil {
		c.tip = before
		return err
	}
	return nil
}

// commit names the tip in one transaction with whatever add writes. Marks, proofs and
// filters that are no longer below it go.
func (c *Chain) commit(add func(b *bolt.Bucket) error) error {
	f := &c.filters
	held, end := f.held, f.end
	if held.to > c.tip.Height {
		var err error
		if held, end, err = f.whole(held.upTo(c.tip.Height)); err != nil {
			return err
		}
	}
	err := c.db.Update(func(tx *bolt.Tx) error {
		b, err := tx.Bucket(chainsBucket).CreateBucketIfNotExists([]byte(c.name))
		if err != nil {
			return err
		}
		for _, name := range [][]byte{marksBucket, proofsBucket, doubtsBucket} {
			if err := dropAbove(b.Bucket(name), c.tip.Height); err != nil {
				return err
			}
		}
		if held != f.held {
			if err := b.Put(filtersKey, held.encode()); err != nil {
				return err
			}
		}
		if add != nil {
			if err := add(b); err != nil {
				return err
			}
		}
		return b.Put(tipKey, c.tip.encode())
	})
	if err == nil && held != f.held {
		f.held, f.end, f.ahead = held, end, stretch{}
	}
	return err
}

func putMarks(b *bolt.Bucket, marks []mark) error {
	if len(marks) == 0 {
		return nil
	}
	m, err := b.CreateBucketIfNotExists(marksBucket)
	if err != nil {
		return err
	}
	for i := range marks {
		if err := m.Put(heightKey(marks[i].Height), marks[i].encode()); err != nil {
			return err
		}
	}
	return nil
}

// dropAbove deletes from a bucket whose keys are heights those above one.
func dropAbove(b *bolt.Bucket, height int32) error {
	if b == nil {
		return nil
	}
	// Looked up first: a cursor over pages that were emptied in the same transaction never
	// comes to an end (bbolt's Cursor.Last).
	var above []int32
	cur := b.Cursor()
	for k, _ := cur.Seek(heightKey(height + 1)); k != nil; k, _ = cur.Next() {
		above = append(above, heightOf(k))
	}
	for _, h := range above {
		if err := b.Delete(heightKey(h)); err != nil {
			return err
		}
	}
	return nil
}

func heightKey(height int32) []byte { return binary.BigEndian.AppendUint32(nil, uint32(height)) }

func heightOf(key []byte) int32 { return int32(binary.BigEndian.Uint32(key)) }

func workOf(h *spv.Header) (uint256.Int, error) {
	target, ok := spv.ParseTarget(h.Bits())
	if !ok {
		return uint256.Int{}, fmt.Errorf("bits %08x are no target", h.Bits())
	}
	return spv.WorkOf(&target), nil
}

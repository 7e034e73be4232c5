package chain

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// filled returns the folder of a closed chain of 30 blocks, and the model of it.
func filled(t testing.TB) (string, *chains.Params, *model) {
	t.Helper()
	dir, p := t.TempDir(), testchain.Easy(t, "dev")
	m := newModel(genesisOf(t, p))
	c := quick(t, dir, p, nil, Options{})
	for _, b := range run(p, m.genesis, 30, 1) {
		_, err := c.Accept(b.raw, 0)
		check(t, err)
		m.accept(b)
	}
	check(t, c.Close())
	return dir, p, m
}

func TestDamage(t *testing.T) {
	const first = "blocks-00000.dat"
	for name, d := range map[string]struct {
		spoil func(t *testing.T, dir string)
		open  string // part of the error that Open gives
		read  string // or of the one that reading block 10 gives
	}{
		"nothing": {func(*testing.T, string) {}, "", ""},
		"garbage at the end": {func(t *testing.T, dir string) {
			edit(t, dir, first, func(b []byte) []byte { return append(b, 9, 9, 9, 9, 9) })
		}, "", ""},
		"a frame without its block": {func(t *testing.T, dir string) {
			edit(t, dir, first, func(b []byte) []byte { return append(b, 200, 0, 0, 0, 1, 2, 3, 4, 5) })
		}, "", ""},
		"a length beyond all bounds": {func(t *testing.T, dir string) {
			edit(t, dir, first, func(b []byte) []byte { return append(b, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5) })
		}, "", ""},
		"cut short": {func(t *testing.T, dir string) { edit(t, dir, first, func(b []byte) []byte { return b[:len(b)-1] }) },
			"the database knows of", ""},
		"a flipped bit": {func(t *testing.T, dir string) {
			edit(t, dir, first, func(b []byte) []byte { b[len(b)/30*9+40] ^= 1; return b })
		}, "", "damaged"},
		"the database gone": {func(t *testing.T, dir string) { check(t, os.Remove(filepath.Join(dir, databaseName))) }, "", ""},
		"the blocks gone":   {func(t *testing.T, dir string) { check(t, os.Remove(filepath.Join(dir, first))) }, "the database knows of", ""},
		"a newer version": {func(t *testing.T, dir string) {
			change(t, dir, func(tx *bolt.Tx) error { return tx.Bucket(metaBucket).Put(versionKey, []byte{0, 0, 0, 9}) })
		}, "database version 00000009", ""},
		"another chain's": {func(t *testing.T, dir string) {
			change(t, dir, func(tx *bolt.Tx) error { return tx.Bucket(metaBucket).Put(netKey, make([]byte, 32)) })
		}, "genesis", ""},
		"an index record too short": {func(t *testing.T, dir string) {
			change(t, dir, func(tx *bolt.Tx) error {
				k, v := tx.Bucket(indexBucket).Cursor().Last()
				return tx.Bucket(indexBucket).Put(bytes.Clone(k), bytes.Clone(v[1:]))
			})
		}, "index record", ""},
		"an index record missing": {func(t *testing.T, dir string) {
			change(t, dir, func(tx *bolt.Tx) error {
				k, _ := tx.Bucket(indexBucket).Cursor().Seek(heightKey(10))
				return tx.Bucket(indexBucket).Delete(bytes.Clone(k))
			})
		}, "the block below is missing", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir, p, m := filled(t)
			d.spoil(t, dir)
			c, err := Open(dir, p, nil, Options{})
			if d.open != "" {
				if err == nil || !strings.Contains(err.Error(), d.open) || !strings.Contains(err.Error(), dir) {
					t.Fatalf("got %v, want %q", err, d.open)
				}
				return
			}
			check(t, err)
			defer c.Close()
			if d.read != "" {
				b, _ := c.BlockAt(10)
				if _, err := c.Block(b.Hash); err == nil || !strings.Contains(err.Error(), d.read) {
					t.Fatalf("got %v, want %q", err, d.read)
				}
				return
			}
			m.audit(t, c, m.order[30])
			if size, err := c.blocks.files[0].Size(); err != nil || size != int64(c.blocks.end.offset) {
				t.Fatalf("the file has %d bytes, the blocks end at %d: %v", size, c.blocks.end.offset, err)
			}
			for _, b := range run(p, m.order[30], 2, 1) { // and goes on
				_, err := c.Accept(b.raw, 0)
				check(t, err)
			}
		})
	}
}

func edit(t *testing.T, dir, name string, f func([]byte) []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	b, err := os.ReadFile(path)
	check(t, err)
	check(t, os.WriteFile(path, f(b), 0o600))
}

func change(t *testing.T, dir string, f func(tx *bolt.Tx) error) {
	t.Helper()
	db, err := bolt.Open(filepath.Join(dir, databaseName), 0o600, nil)
	check(t, err)
	check(t, errors.Join(db.Update(f), db.Close()))
}

// TestManyFiles fills several small block files and reads all back, after a loss of the
// database, too.
func TestManyFiles(t *testing.T) {
	p := testchain.Easy(t, "dev")
	list := run(p, genesisOf(t, p), 40, 1)
	dir := t.TempDir()
	b, err := openBlocks(diskFolder(dir), 1000, 1<<20, mark{})
	check(t, err)
	var at []place
	for _, m := range list {
		p, err := b.add(m.raw)
		check(t, err)
		at = append(at, p)
	}
	if b.end.file < 4 {
		t.Fatalf("only %d files", b.end.file+1)
	}
	check(t, b.close())
	b, err = openBlocks(diskFolder(dir), 1000, 1<<20, mark{})
	check(t, err)
	defer b.close()
	i := 0
	check(t, b.rest(func(p place, raw []byte) error {
		if p != at[i] || !bytes.Equal(raw, list[i].raw) {
			t.Fatalf("block %d at %+v, want %+v", i, p, at[i])
		}
		i++
		return nil
	}))
	for i, m := range list {
		if raw, err := b.read(at[i]); err != nil || !bytes.Equal(raw, m.raw) {
			t.Fatalf("block %d: %v", i, err)
		}
	}
	for _, bad := range []place{{file: 99, offset: 0, length: 5}, {offset: 1, length: at[0].length}, {length: at[0].length + 1}} {
		if _, err := b.read(bad); err == nil {
			t.Fatalf("read of %+v gave something", bad)
		}
	}
	for _, raw := range [][]byte{nil, make([]byte, 1<<20+1)} {
		if _, err := b.add(raw); err == nil {
			t.Fatalf("%d bytes were taken", len(raw))
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	l1, layer := testchain.Easy(t, "dev"), testchain.Easy(t, "dev-native")
	foreign := *l1
	foreign.Kind = chains.AuxPoW
	c, err := Open(t.TempDir(), l1, nil, Options{})
	check(t, err)
	defer c.Close()
	for name, o := range map[string]func() (*Chain, error){
		"a layer without its L1": func() (*Chain, error) { return Open(t.TempDir(), layer, nil, Options{}) },
		"an L1 over another":     func() (*Chain, error) { return Open(t.TempDir(), l1, c, Options{}) },
		"a foreign kind":         func() (*Chain, error) { return Open(t.TempDir(), &foreign, c, Options{}) },
	} {
		if _, err := o(); err == nil {
			t.Errorf("%s was opened", name)
		}
	}
	dir := t.TempDir()
	first, err := Open(dir, l1, nil, Options{})
	check(t, err)
	defer first.Close()
	if _, err := Open(dir, l1, nil, Options{}); !errors.Is(err, ErrInUse) {
		t.Fatalf("opened twice: %v", err)
	}
}

// TestDiskFull: a flush that fails changes nothing and is made up for by the next.
func TestDiskFull(t *testing.T) {
	p := testchain.Easy(t, "dev")
	m := newModel(genesisOf(t, p))
	db, err := bolt.Open(filepath.Join(t.TempDir(), databaseName), 0o600, &bolt.Options{NoSync: true})
	check(t, err)
	l := &life{left: 1 << 30}
	files := &mortalFolder{life: l}
	c, err := open(mortalDB{db, l}, files, p, nil, Options{FlushBlocks: 3})
	check(t, err)
	list := run(p, m.genesis, 12, 1)
	for i, b := range list {
		if i == 5 { // the block's write is cut in the middle
			l.left = 20
			if _, err := c.Accept(b.raw, 0); !errors.Is(err, errKilled) {
				t.Fatalf("got %v", err)
			}
			l.left = 1 << 30
			if c.Tip() != list[4].ref() {
				t.Fatalf("tip %s", c.Tip())
			}
		}
		if i == 8 { // the block is written, the flush fails
			l.left = frameSize + len(b.raw)
			if r, err := c.Accept(b.raw, 0); !errors.Is(err, errKilled) || r.Status != Connected {
				t.Fatalf("got %s, %v", r.Status, err)
			}
			l.left = 1 << 30
		} else {
			_, err := c.Accept(b.raw, 0)
			check(t, err)
		}
		m.accept(b)
	}
	m.audit(t, c, list[11])
	check(t, c.Flush())
	check(t, c.blocks.close())
	c, err = open(mortalDB{db, l}, files, p, nil, Options{})
	check(t, err)
	m.audit(t, c, list[11])
	check(t, c.Close())
}

// FuzzRecords: whatever the database holds is read without a panic, and only in the form
// in which it is written.
func FuzzRecords(f *testing.F) {
	e := &entry{header: spv.Header{1, 2, 3}, state: held, height: 7, seq: 9, at: place{1, 2, 3}, sealed: 80}
	e.id = e.header.ID()
	f.Add(e.key(), e.encode())
	f.Add([]byte{}, (&Tally{Burns: 3}).encode())
	f.Add([]byte{}, position{seq: 3}.encode())
	f.Fuzz(func(t *testing.T, key, value []byte) {
		if e, err := decodeEntry(key, value); err == nil && !bytes.Equal(e.encode(), value) {
			t.Fatalf("entry %x is written as %x", value, e.encode())
		}
		if p, err := decodePosition(value); err == nil && !bytes.Equal(p.encode(), value) {
			t.Fatalf("position %x is written as %x", value, p.encode())
		}
		if y, err := decodeTally(0, value); err == nil && !bytes.Equal(y.encode(), value) {
			t.Fatalf("tally %x is written as %x", value, y.encode())
		}
	})
}

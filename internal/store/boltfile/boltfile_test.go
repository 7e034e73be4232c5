package boltfile

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const hint = "what to do"

var (
	bucket = []byte("bucket")
	quick  = bolt.Options{Timeout: time.Second, NoSync: true, NoGrowSync: true}
)

// written returns a file of several levels of pages, with pages that are free.
func written(t *testing.T, path string) []byte {
	t.Helper()
	db, err := Open(path, hint, quick)
	check(t, err)
	for round := range 3 {
		check(t, db.Update(func(tx *bolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists(bucket)
			for i := range 400 {
				err = errors.Join(err, b.Put(fmt.Appendf(nil, "%d", i), bytes.Repeat([]byte{byte(round)}, 60)))
			}
			return err
		}))
	}
	check(t, db.Close())
	file, err := os.ReadFile(path)
	check(t, err)
	return file
}

// use opens a file, reads all of it, writes and closes it.
func use(path string) error {
	db, err := Open(path, hint, quick)
	if err != nil {
		return err
	}
	read := db.View(func(tx *bolt.Tx) error {
		return tx.Bucket(bucket).ForEach(func(k, v []byte) error {
			if len(k)+len(v) < 1<<20 { // a damaged length may span gigabytes
				_ = crc32.ChecksumIEEE(v) + crc32.ChecksumIEEE(k)
			}
			return nil
		})
	})
	write := db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucket)
		return errors.Join(b.Put([]byte("2"), make([]byte, 8000)), b.Delete([]byte("1")))
	})
	return errors.Join(read, write, db.Close())
}

// spoilt returns a copy in which some bytes are others, now and then a shorter one.
func spoilt(sound []byte, seed uint64) []byte {
	rng := rand.New(rand.NewPCG(seed, 1))
	file := bytes.Clone(sound)
	for range 1 + rng.IntN(3) {
		page := rng.IntN(len(file)/os.Getpagesize()) * os.Getpagesize()
		at, n := page+rng.IntN(1<<rng.IntN(12)), 1+rng.IntN(1<<rng.IntN(9))
		for i := at; i < min(at+n, len(file)); i++ {
			file[i] = byte(rng.Uint32() >> 13)
		}
	}
	if rng.IntN(8) == 0 {
		return file[:rng.IntN(len(file))]
	}
	return file
}

// TestDamage: whatever is spoilt, a database is read or is said to be damaged, by name; it never panics, hangs, or leaves its lock
// behind.
func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	sound := written(t, path)
	seeds := uint64(300)
	if testing.Short() {
		seeds = 100
	}
	named := 0
	try := func(what string, file []byte) {
		t.Helper()
		check(t, os.Remove(path))
		check(t, os.WriteFile(path, file, 0o600))
		var damage *Damage
		if err := use(path); errors.As(err, &damage) {
			if named++; !strings.Contains(err.Error(), path) || damage.Hint != hint {
				t.Errorf("%s: %v (%s)", what, err, damage.Hint)
			}
		}
		again := quick
		again.Timeout = time.Millisecond
		db, err := Open(path, hint, again)
		if errors.Is(err, ErrInUse) {
			t.Fatalf("%s: its lock was left behind", what)
		}
		if err == nil {
			check(t, db.Close())
		}
	}
	for at := 0; at < len(sound); at += os.Getpagesize() {
		for i, spoil := range []func(b []byte){
			func(b []byte) { b[0] ^= 0x10 },
			func(b []byte) { copy(b, bytes.Repeat([]byte{0xff}, 64)) },
			func(b []byte) { copy(b, make([]byte, 512)) },
			func(b []byte) { b[9] ^= 0x40; b[10] ^= 0x7f; b[12] ^= 1 },
			func(b []byte) { copy(b[16:], bytes.Repeat([]byte{0xfe}, 16)) },
		} {
			file := bytes.Clone(sound)
			spoil(file[at:])
			try(fmt.Sprintf("spoilt at %d in way %d", at, i), file)
		}
	}
	for seed := range seeds {
		try(fmt.Sprintf("seed %d", seed), spoilt(sound, seed))
	}
	if named < 20 {
		t.Errorf("%d errors that name the file", named)
	}
}

// TestOwnPanic: a panic that is not the database's is none of a damaged file.
func TestOwnPanic(t *testing.T) {
	db, err := Open(filepath.Join(t.TempDir(), "a.db"), hint, quick)
	check(t, err)
	defer db.Close()
	for name, f := range map[string]func(*bolt.Tx) error{
		"said":    func(*bolt.Tx) error { panic("ours") },
		"runtime": func(tx *bolt.Tx) error { return []error{}[tx.ID()+1] },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: became an error", name)
				}
			}()
			_ = db.View(f)
		}()
	}
}

// TestRefused: a file that is in use, and one that the system does not give, are not called damaged.
func TestRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.db")
	db, err := Open(path, hint, quick)
	check(t, err)
	again := quick
	again.Timeout = time.Millisecond
	if _, err := Open(path, hint, again); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	check(t, db.Close())
	for name, path := range map[string]string{"a folder": dir, "in no folder": filepath.Join(dir, "none", "a.db")} {
		_, err := Open(path, hint, quick)
		var damage *Damage
		if err == nil || errors.As(err, &damage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

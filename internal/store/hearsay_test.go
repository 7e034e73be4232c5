package store

import (
	"fmt"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/layeredpow/lamina/spv"
)

// TestHearsay: the height survives reopening, growth and reorganisations, and can be taken back; nonsense is named.
func TestHearsay(t *testing.T) {
	db := memoryless(t)()
	d := newDisk(1 << 30)
	open := func() *Chain {
		c, _, err := openChain("test", db, d.create, genesis, 0, one)
		check(t, err)
		return c
	}
	want := func(c *Chain, from, alone int32) {
		t.Helper()
		if got, one, err := c.Hearsay(); err != nil || got != from || one != alone {
			t.Fatalf("hearsay from %d, of one from %d, %v; want %d and %d", got, one, err, from, alone)
		}
	}
	put := func(c *Chain, record []byte) {
		t.Helper()
		check(t, c.db.Update(func(tx *bolt.Tx) error {
			return tx.Bucket(chainsBucket).Bucket([]byte("test")).Put(hearsayKey, record)
		}))
	}
	c := open()
	want(c, 0, 0)
	a := link(genesis, 9, 1)
	check(t, c.Begin(spv.Change{Headers: a}))
	check(t, c.SetHearsay(5, 7))
	check(t, c.Apply(spv.Change{Undo: 7, Headers: link(a[1], 3, 2)}))
	want(open(), 5, 7)
	put(c, []byte{0, 0, 0, 5}) // as an older program kept it
	want(c, 5, 5)
	check(t, c.SetHearsay(0, 0))
	want(open(), 0, 0)
	for _, record := range [][]byte{{255, 0, 0, 0}, {0, 0, 0, 1, 255, 0, 0, 0}, {1, 2, 3}, {}} {
		put(c, record)
		if _, _, err := c.Hearsay(); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("hearsay of test: record %x, want one height", record)) {
			t.Errorf("%x: %v", record, err)
		}
	}
	check(t, db.Close())
}

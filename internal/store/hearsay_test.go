package store

import (
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
	want := func(c *Chain, from int32) {
		t.Helper()
		if got, err := c.Hearsay(); err != nil || got != from {
			t.Fatalf("hearsay from %d, %v; want %d", got, err, from)
		}
	}
	c := open()
	want(c, 0)
	a := link(genesis, 9, 1)
	check(t, c.Begin(spv.Change{Headers: a}))
	check(t, c.SetHearsay(5))
	check(t, c.Apply(spv.Change{Undo: 7, Headers: link(a[1], 3, 2)}))
	want(open(), 5)
	check(t, c.SetHearsay(0))
	want(open(), 0)
	check(t, c.db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket(chainsBucket).Bucket([]byte("test")).Put(hearsayKey, []byte{255, 0, 0, 0})
	}))
	if _, err := c.Hearsay(); err == nil || !strings.Contains(err.Error(), "hearsay of test: record ff000000, want a height") {
		t.Fatal(err)
	}
	check(t, db.Close())
}

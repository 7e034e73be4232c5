package chain

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/layeredpow/lamina/internal/testchain"
)

// TestDamagedDatabase: whatever part of the database is spoilt, opening ends in a chain or in an error that names the file and
// says what to do. Doing it brings the same chain back.
func TestDamagedDatabase(t *testing.T) {
	p := testchain.Easy(t, "dev")
	dir := t.TempDir()
	c, err := Open(dir, p, nil, Options{})
	check(t, err)
	for _, b := range run(p, genesisOf(t, p), 30, 1) {
		_, err := c.Accept(b.raw, 0)
		check(t, err)
	}
	tip := c.Tip()
	check(t, c.Close())
	path := filepath.Join(dir, databaseName)
	sound, err := os.ReadFile(path)
	check(t, err)
	named := 0
	try := func(what string) {
		t.Helper()
		c, err := Open(dir, p, nil, Options{})
		if err == nil {
			check(t, c.Close())
			return
		}
		named++
		var damage *Damage
		if !errors.As(err, &damage) || !strings.Contains(err.Error(), path) || damage.Hint != damagedHint {
			t.Errorf("%s: %v", what, err)
		}
	}
	for at := 0; at < len(sound); at += os.Getpagesize() {
		spoilt := bytes.Clone(sound)
		copy(spoilt[at:], bytes.Repeat([]byte{0xff}, 64))
		check(t, os.WriteFile(path, spoilt, 0o600))
		try(fmt.Sprintf("page %d", at/os.Getpagesize()))
	}
	check(t, os.WriteFile(path, sound[:len(sound)/2], 0o600))
	try("cut in half")
	check(t, os.WriteFile(path, sound, 0o600))
	change(t, dir, func(tx *bolt.Tx) error { // bbolt reads it, and it makes no sense
		return tx.Bucket(indexBucket).Put(binary.BigEndian.AppendUint32(nil, 7), []byte("no record"))
	})
	before := named
	if try("a record"); named == before || named < 5 {
		t.Errorf("%d errors, the last one of a record: %t", named, named > before)
	}

	check(t, os.Rename(path, path+".away"))
	c, err = Open(dir, p, nil, Options{})
	check(t, err)
	defer c.Close()
	if c.Tip() != tip {
		t.Errorf("made again: tip %s, want %s", c.Tip(), tip)
	}
}

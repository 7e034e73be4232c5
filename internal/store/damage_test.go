package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/wallet"
)

// TestDamagedDatabase: whatever part of the database is spoilt, opening and reading it ends in what was written or in an error
// that names the file, never in a panic.
func TestDamagedDatabase(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	check(t, err)
	w, err := s.Wallet("chain", "wallet")
	check(t, err)
	var records []wallet.Record
	for i := range 150 {
		records = append(records, wallet.Record{Key: []byte{byte(i >> 8), byte(i)}, Value: bytes.Repeat([]byte{byte(i)}, 100)})
	}
	check(t, w.Write(records))
	check(t, s.Close())
	sound, err := os.ReadFile(filepath.Join(dir, databaseName))
	check(t, err)
	whole, named := 0, 0
	read := func(what string, file []byte) {
		t.Helper()
		check(t, os.WriteFile(filepath.Join(dir, databaseName), file, 0o600))
		err := func() error {
			s, err := Open(dir)
			if err != nil {
				return err
			}
			defer s.Close()
			w, err := s.Wallet("chain", "wallet")
			if err != nil {
				return err
			}
			n := 0
			if err := w.Load(func([]byte, []byte) error { n++; return nil }); err != nil {
				return err
			}
			if n == len(records) {
				whole++
			}
			return w.Write(records[:1])
		}()
		var open *OpenError
		if errors.As(err, &open) {
			if named++; !strings.Contains(err.Error(), databaseName) || open.Hint == "" {
				t.Errorf("%s: %v (%s)", what, err, open.Hint)
			}
		}
	}
	const page = 4096
	for at := 0; at < len(sound); at += page {
		for _, spoil := range []func(b []byte){ // boltfile's test has many more
			func(b []byte) { b[0] ^= 0x10 },
			func(b []byte) { copy(b[16:], bytes.Repeat([]byte{0xfe}, 16)) },
		} {
			bad := bytes.Clone(sound)
			spoil(bad[at:])
			read(fmt.Sprintf("page %d, spoilt from %d on", at/page, at), bad)
		}
	}
	for _, size := range []int{0, 1, page - 1, page, 2 * page, 3*page + 7, len(sound) - page} {
		read(fmt.Sprintf("cut to %d bytes", size), sound[:size])
	}
	if whole == 0 || named < 5 {
		t.Errorf("read whole %d times, %d errors that name the file", whole, named)
	}
}

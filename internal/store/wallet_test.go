package store

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/wallet"
)

func rec(key, value string) Record { return Record{Key: []byte(key), Value: []byte(value)} }

var _ wallet.Log = (*Wallet)(nil)

func records(t testing.TB, w *Wallet) map[string]string {
	t.Helper()
	all, last := map[string]string{}, ""
	check(t, w.Load(func(k, v []byte) error {
		if string(k) <= last {
			t.Fatalf("key %q after %q", k, last)
		}
		last = string(k)
		all[last] = string(v)
		return nil
	}))
	return all
}

func TestWallet(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	check(t, err)
	w, err := s.Wallet("chain", "mine")
	check(t, err)
	wantRecords := func(w *Wallet, want map[string]string) {
		t.Helper()
		if got := records(t, w); !maps.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	wantRecords(w, nil)
	check(t, w.Write(nil))
	check(t, w.Write([]Record{rec("b", "2"), rec("a", "1"), rec("e", "")}))
	check(t, w.Write([]Record{{Key: []byte("b")}, {Key: []byte("never")}, rec("c", "3"), rec("a", "4")}))
	want := map[string]string{"a": "4", "c": "3", "e": ""}
	wantRecords(w, want)

	// All or nothing.
	for what, bad := range map[string]Record{
		"key of 0 bytes":     {Value: []byte("x")},
		"key of 40000 bytes": {Key: make([]byte, 40000), Value: []byte("x")},
		"value of 16777217":  {Key: []byte("x"), Value: make([]byte, maxRecord+1)},
	} {
		if err := w.Write([]Record{rec("a", "5"), bad}); err == nil || !strings.Contains(err.Error(), what) {
			t.Fatalf("got %v, want %q", err, what)
		}
	}
	wantRecords(w, want)
	stop := errors.New("stop")
	if err := w.Load(func(_, _ []byte) error { return stop }); !errors.Is(err, stop) {
		t.Fatalf("got %v", err)
	}

	// Others' records are others'.
	for _, names := range [][2]string{{"chain", "min"}, {"chainm", "ine"}, {"chai", "nmine"}, {"other", "mine"}} {
		other, err := s.Wallet(names[0], names[1])
		check(t, err)
		wantRecords(other, nil)
		check(t, other.Write([]Record{rec("a", names[0])}))
	}
	check(t, s.Close())
	s, err = Open(dir)
	check(t, err)
	defer s.Close()
	w, err = s.Wallet("chain", "mine")
	check(t, err)
	wantRecords(w, want)
	for _, names := range [][2]string{{"", "x"}, {"x", ""}, {strings.Repeat("x", 200), strings.Repeat("y", 56)}} {
		if _, err := s.Wallet(names[0], names[1]); err == nil {
			t.Errorf("names %q were taken", names)
		}
	}
}

// TestMigration opens a data folder that the first version wrote: 40 real headers above
// 2000, of which five had been undone and put back.
func TestMigration(t *testing.T) {
	dir := t.TempDir()
	headers := testdata.Read(t, "store/v1-old.headers")
	check(t, os.WriteFile(filepath.Join(dir, databaseName), testdata.Read(t, "store/v1-lamina.db.bz2"), 0o600))
	check(t, os.WriteFile(filepath.Join(dir, "old.headers"), headers, 0o600))
	for range 2 { // migrated, and opened again
		s, err := Open(dir)
		check(t, err)
		c, cut, err := s.Chain("old", genesis, 0, one) // the folder knows better where it begins
		check(t, err)
		tip, work := c.Tip()
		if cut != 0 || c.Base().Height != 2000 || tip.Height != 2040 || work.Hex() != "0x7f907f907f9" ||
			tip.Hash.String() != "00000000d4df6eb7089e80d84e4b22d144a901dd63162af435f742c319b025bb" {
			t.Fatalf("%d cut, from %s to %s with work %s", cut, c.Base(), tip, work.Hex())
		}
		got, err := c.Headers(2000, 41)
		check(t, err)
		for i := range got {
			if got[i] != spv.Header(headers[80*i:]) {
				t.Fatalf("header %d differs", 2000+i)
			}
		}
		if c.FiltersTo() >= 0 {
			t.Fatalf("filters to %d", c.FiltersTo())
		}
		w, err := s.Wallet("old", "mine")
		check(t, err)
		check(t, w.Write([]Record{rec("k", fmt.Sprint(len(records(t, w))))}))
		check(t, s.Close())
	}
}

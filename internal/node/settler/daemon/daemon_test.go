package daemon

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/store/boltfile"
	"github.com/layeredpow/lamina/spv"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "signed.db")
	j, err := OpenJournal(path, spv.Hash{7})
	check(t, err)
	if _, ok, err := j.Signed(1, 0); ok || err != nil {
		t.Fatalf("an empty journal: %v, %v", ok, err)
	}
	check(t, j.Record(1, 0, spv.Hash{1}))
	check(t, j.Record(1, 0, spv.Hash{1}))
	check(t, j.Record(1, 1, spv.Hash{2}))
	check(t, j.Record(256, 20, spv.Hash{3}))
	if err := j.Record(1, 0, spv.Hash{9}); err == nil {
		t.Fatal("two transactions for one batch and attempt")
	}
	if _, err := OpenJournal(path, spv.Hash{7}); !errors.Is(err, ErrInUse) {
		t.Fatalf("opened twice: %v", err)
	}
	check(t, j.Close())
	if _, err := OpenJournal(path, spv.Hash{8}); err == nil {
		t.Fatal("opened for another layer")
	}
	j, err = OpenJournal(path, spv.Hash{7})
	check(t, err)
	defer j.Close()
	for _, want := range []struct {
		number  uint32
		attempt int
		id      spv.Hash
		ok      bool
	}{{1, 0, spv.Hash{1}, true}, {1, 1, spv.Hash{2}, true}, {256, 20, spv.Hash{3}, true}, {1, 2, spv.Hash{}, false}, {0, 1, spv.Hash{}, false}} {
		if id, ok, err := j.Signed(want.number, want.attempt); id != want.id || ok != want.ok || err != nil {
			t.Errorf("batch %d, attempt %d: %s %v %v", want.number, want.attempt, id, ok, err)
		}
	}
}

const secret = "00000000000000000000000000000000000000000000000000000000deadbeef"

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	check(t, os.WriteFile(path, []byte(secret+"\r\n"), 0o600))
	k, err := ReadKey(path)
	check(t, err)
	text, err := json.Marshal(struct{ K *Key }{k})
	check(t, err)
	printed := string(text) + fmt.Sprint(k) + fmt.Sprintf("%v %+v %#v %x %s %d", k, k, k, k, k, k)
	if strings.Contains(printed, "deadbeef") || strings.Contains(printed, "3735928559") || !strings.Contains(printed, hidden) {
		t.Fatalf("printed: %s", printed)
	}
	check(t, os.Chmod(path, 0o640))
	if _, err := ReadKey(path); err == nil || strings.Contains(err.Error(), "deadbeef") {
		t.Fatalf("a file that the group reads: %v", err)
	}
	if _, err := ReadKey(path + ".not"); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("no file: %v", err)
	}
	for _, bad := range []string{"", secret[1:], secret + "0", "x" + secret[1:], strings.Repeat("0", 64), strings.Repeat("f", 64),
		secret + strings.Repeat(" ", 100)} {
		if _, err := parseKey([]byte(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		} else if strings.Contains(err.Error(), "deadbeef") {
			t.Errorf("the error shows the key: %v", err)
		}
	}
}

func FuzzKey(f *testing.F) {
	f.Add([]byte(secret))
	f.Add([]byte(" \n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if k, err := parseKey(text); err == nil && len(k.Keys()) != 1 {
			t.Fatal("a key without a public key")
		}
	})
}

func TestJournalOfSweeps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "signed.db")
	j, err := OpenJournal(path, spv.Hash{7})
	check(t, err)
	a, b := wire.OutPoint{Hash: spv.Hash{1}, Index: 1}, wire.OutPoint{Hash: spv.Hash{1}, Index: 256}
	check(t, j.RecordSweep(a, 1000, spv.Hash{1}))
	check(t, j.RecordSweep(a, 1000, spv.Hash{1}))
	check(t, j.RecordSweep(b, 7, spv.Hash{2}))
	if j.RecordSweep(a, 1000, spv.Hash{3}) == nil || j.RecordSweep(a, 999, spv.Hash{3}) == nil {
		t.Fatal("another sweep for no higher fee")
	}
	check(t, j.RecordSweep(a, 2000, spv.Hash{3}))
	check(t, j.Close())
	j, err = OpenJournal(path, spv.Hash{7})
	check(t, err)
	defer j.Close()
	for op, want := range map[wire.OutPoint]struct {
		fee int64
		id  spv.Hash
		ok  bool
	}{a: {2000, spv.Hash{3}, true}, b: {7, spv.Hash{2}, true}, {Index: 1}: {}} {
		if fee, id, ok, err := j.Swept(op); fee != want.fee || id != want.id || ok != want.ok || err != nil {
			t.Errorf("%s: %d %s %v %v", op, fee, id, ok, err)
		}
	}
}

// TestDamagedJournal: whatever part of the journal is spoilt, it is opened and answers, or an error names the file and says what
// to do. It never answers that nothing was signed.
func TestDamagedJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "signed.db")
	j, err := OpenJournal(path, spv.Hash{7})
	check(t, err)
	check(t, errors.Join(j.Record(1, 0, spv.Hash{1}), j.Record(1, 1, spv.Hash{2}), j.Close()))
	sound, err := os.ReadFile(path)
	check(t, err)
	use := func() error {
		j, err := OpenJournal(path, spv.Hash{7})
		if err != nil {
			return err
		}
		defer j.Close()
		if txid, ok, err := j.Signed(1, 1); err != nil || !ok || txid != (spv.Hash{2}) {
			return errors.Join(err, fmt.Errorf("batch 1, attempt 1: %s, %t", txid, ok))
		}
		return nil
	}
	named := 0
	for at := 0; at < len(sound); at += os.Getpagesize() {
		for i, spoil := range []func(b []byte){
			func(b []byte) { copy(b, bytes.Repeat([]byte{0xff}, 64)) },
			func(b []byte) { copy(b[16:], bytes.Repeat([]byte{0xfe}, 16)) },
		} {
			spoilt := bytes.Clone(sound)
			spoil(spoilt[at:])
			check(t, os.WriteFile(path, spoilt, 0o600))
			err := use()
			if err == nil {
				continue
			}
			named++
			var damage *boltfile.Damage
			if !errors.As(err, &damage) || !strings.Contains(err.Error(), path) || damage.Hint != damagedHint {
				t.Errorf("page %d, way %d: %v", at/os.Getpagesize(), i, err)
			}
		}
	}
	if named < 3 {
		t.Errorf("%d errors that name the file", named)
	}
}

package keystore

import (
	"bytes"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// cheap is far below what Create accepts: the tests are about everything else.
var cheap = Cost{Memory: 8, Passes: 1, Lanes: 1}

const name = "wallet.keys"

func testContents(t testing.TB) Contents {
	t.Helper()
	words := mustWords(t, abandon)
	s := words.Seed([]byte("TREZOR"))
	keys := mustOpen(t, s)
	path := mustPath(t, "m/84'/0'/0'")
	key, err := keys.Public(path)
	if err != nil {
		t.Fatal(err)
	}
	return Contents{Words: words, Seed: s, Profile: Profile{Name: "Savings", Birthday: 1_700_000_000,
		Accounts:    []Account{{Chain: "main", Path: path, Key: key}},
		Descriptors: []string{"wpkh(key)"}}}
}

func mustCreate(t testing.TB, d disk, private bool) *File {
	t.Helper()
	f, err := create(d, name, []byte("right"), testContents(t), private, cheap)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFile(t *testing.T) {
	for _, private := range []bool{false, true} {
		d := newDisk()
		mustCreate(t, d, private)
		f, err := openFile(d, name)
		if err != nil {
			t.Fatal(err)
		}
		p, verified := f.Profile()
		if verified || (p.Name == "Savings") == private || f.Private() != private || f.WatchOnly() || f.Cost() != cheap {
			t.Errorf("private %t: before unlocking: %+v, verified %t", private, p, verified)
		}
		if private == bytes.Contains(d.files[name], []byte("Savings")) {
			t.Errorf("private %t: name in clear: %t", private, !private)
		}
		keys, err := f.Unlock([]byte("right"))
		if err != nil {
			t.Fatal(err)
		}
		p, verified = f.Profile()
		pub, err := keys.Public(p.Accounts[0].Path)
		if err != nil || !verified || p.Name != "Savings" || !pub.Equal(p.Accounts[0].Key) || p.Birthday != 1_700_000_000 ||
			p.Accounts[0].Path.String() != "m/84'/0'/0'" || !slices.Equal(p.Descriptors, []string{"wpkh(key)"}) {
			t.Errorf("private %t: after unlocking: %+v, verified %t", private, p, verified)
		}
		p.Accounts[0].Path[0], p.Descriptors[0] = 7, "changed"
		if again, _ := f.Profile(); again.Accounts[0].Path[0] == 7 || again.Descriptors[0] == "changed" {
			t.Error("the file shares its profile's memory")
		}
		words, err := f.Words([]byte("right"))
		if err != nil || strings.Join(words.Reveal(), " ") != abandon {
			t.Errorf("private %t: words do not come back: %v", private, err)
		}
		for _, wrong := range []string{"", "Right", "right "} {
			if _, err := f.Unlock([]byte(wrong)); !errors.Is(err, ErrPassword) {
				t.Errorf("private %t: password %q: error %v", private, wrong, err)
			}
		}
	}
}

func TestPasswordForms(t *testing.T) {
	d := newDisk()
	f, err := create(d, name, []byte("caf\u00e9"), testContents(t), false, cheap)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Unlock([]byte("cafe\u0301")); err != nil {
		t.Errorf("the same letter composed otherwise: %v", err)
	}
}

func TestWatchOnly(t *testing.T) {
	c := testContents(t)
	c.Seed, c.Words = nil, nil
	f, err := create(newDisk(), name, []byte("right"), c, true, cheap)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := f.Unlock([]byte("right"))
	if p, verified := f.Profile(); err != nil || keys != nil || !f.WatchOnly() || !verified || len(p.Accounts) != 1 {
		t.Errorf("%+v, keys %v, %v", p, keys, err)
	}
	if words, err := f.Words([]byte("right")); words != nil || err != nil {
		t.Errorf("words %v, %v", words, err)
	}
}

func TestCreateRefuses(t *testing.T) {
	foreign, err := ParsePublic(readBIP32(t).Valid[0].Chains[1].Pub, mainNet)
	if err != nil {
		t.Fatal(err)
	}
	wiped := mustWords(t, abandon)
	wiped.Wipe()
	tests := []struct {
		name     string
		spoil    func(*Contents)
		password string
		want     string
	}{
		{"empty password", func(*Contents) {}, "", "password: empty"},
		{"foreign account", func(c *Contents) { c.Profile.Accounts[0].Key = foreign }, "x", "not the seed's"},
		{"no key", func(c *Contents) { c.Profile.Accounts[0].Key = nil }, "x", "account 0"},
		{"no chain", func(c *Contents) { c.Profile.Accounts[0].Chain = "" }, "x", "account 0"},
		{"long name", func(c *Contents) { c.Profile.Name = strings.Repeat("x", 257) }, "x", "name of 257"},
		{"long descriptor", func(c *Contents) { c.Profile.Descriptors[0] = strings.Repeat("x", 1<<15) }, "x", "descriptor 0"},
		{"words, no seed", func(c *Contents) { c.Seed = nil }, "x", "no seed"},
		{"wiped words", func(c *Contents) { c.Words = wiped }, "x", "wiped"},
		{"wiped seed", func(c *Contents) { c.Seed.Wipe() }, "x", "wiped"},
		{"fingerprint, no seed", func(c *Contents) { c.Seed, c.Words, c.Profile.Fingerprint[0] = nil, nil, 1 }, "x", "watch-only"},
	}
	for _, tt := range tests {
		c, d := testContents(t), newDisk()
		tt.spoil(&c)
		if _, err := create(d, name, []byte(tt.password), c, false, cheap); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
		if len(d.files) != 0 {
			t.Errorf("%s: left files %v", tt.name, d.files)
		}
	}
	if _, err := Create(filepath.Join(t.TempDir(), name), []byte("x"), testContents(t), false, cheap); err == nil {
		t.Error("cheap cost: accepted")
	}
	for _, there := range []string{name, name + backupSuffix} {
		d := newDisk()
		d.files[there] = []byte("something")
		if _, err := create(d, name, []byte("x"), testContents(t), false, cheap); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s exists: error %v", there, err)
		}
		if string(d.files[there]) != "something" {
			t.Errorf("%s was overwritten", there)
		}
	}
}

func TestChangePassword(t *testing.T) {
	d := newDisk()
	f := mustCreate(t, d, false)
	was := slices.Clone(d.files[name])
	if err := f.rewrite([]byte("wrong"), []byte("next"), cheap, false, keep); !errors.Is(err, ErrPassword) {
		t.Errorf("wrong password: %v", err)
	}
	if err := f.rewrite([]byte("right"), nil, cheap, false, keep); err == nil {
		t.Error("empty new password: accepted")
	}
	if !bytes.Equal(d.files[name], was) {
		t.Error("a refused change changed the file")
	}
	if err := f.rewrite([]byte("right"), []byte("next"), cheap, false, keep); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{name, name + backupSuffix} {
		e, err := parseEnvelope(d.files[file])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.open(stretch([]byte("right"), e.salt[:], e.cost)); !errors.Is(err, ErrPassword) {
			t.Errorf("%s: opens to the old password: %v", file, err)
		}
		if _, err := e.open(stretch([]byte("next"), e.salt[:], e.cost)); err != nil {
			t.Errorf("%s: new password: %v", file, err)
		}
	}
	if len(d.files) != 2 {
		t.Errorf("%d files left, want 2", len(d.files))
	}
	if err := f.ChangePassword([]byte("next"), []byte("x"), cheap); err == nil {
		t.Error("cheap cost: accepted")
	}
}

func keep(*Profile) error { return nil }

func TestPasswordStays(t *testing.T) {
	password := []byte("right")
	f, err := create(newDisk(), name, password, testContents(t), true, cheap)
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]func() error{
		"unlock": func() error { _, err := f.Unlock(password); return err },
		"words":  func() error { _, err := f.Words(password); return err },
		"update": func() error { return f.Update(password, false, keep) },
	}
	for name, call := range calls {
		if err := call(); err != nil || string(password) != "right" {
			t.Errorf("%s: %v, password %q", name, err, password)
		}
	}
	testContents(t).Words.Seed(password)
	if string(password) != "right" {
		t.Error("the passphrase was wiped")
	}
}

func TestUpdate(t *testing.T) {
	d := newDisk()
	f := mustCreate(t, d, false)
	was := slices.Clone(d.files[name])
	refusal := errors.New("no")
	err := f.Update([]byte("right"), false, func(p *Profile) error { p.Accounts[0].Path[0] = 1; return refusal })
	if p, _ := f.Profile(); !errors.Is(err, refusal) || p.Accounts[0].Path[0] == 1 || !bytes.Equal(was, d.files[name]) {
		t.Errorf("refused update: %v, %+v", err, p)
	}
	err = f.Update([]byte("right"), false, func(p *Profile) error { p.Accounts[0].Path[0]++; return nil })
	if err == nil || !bytes.Equal(was, d.files[name]) {
		t.Errorf("account that is not the seed's: %v", err)
	}
	if err := f.Update([]byte("right"), true, func(p *Profile) error { p.Name = "Secret"; return nil }); err != nil {
		t.Fatal(err)
	}
	if p, verified := f.Profile(); p.Name != "Secret" || !verified || !f.Private() {
		t.Errorf("%+v, private %t", p, f.Private())
	}
	stale, err := openFile(d, name)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Update([]byte("right"), false, keep); err != nil {
		t.Fatal(err)
	}
	if err := stale.Update([]byte("right"), false, keep); err == nil || !strings.Contains(err.Error(), "changed on disk") {
		t.Errorf("two programs: %v", err)
	}
}

// powerCase is a change of the file that the power may interrupt.
type powerCase struct {
	prepare bool // the file exists before
	change  func(d *memDisk) error
	allowed []string // passwords that may open it afterwards
}

// The power goes at every operation, after so many bytes. After it the old or the new file is there, at once or from
// the backup, and never is there only a file that was not confirmed to anybody.
func TestPowerLoss(t *testing.T) {
	changes := map[string]powerCase{
		"create": {false, func(d *memDisk) error {
			_, err := create(d, name, []byte("right"), testContents(t), false, cheap)
			return err
		}, []string{"right"}},
		"change": {true, func(d *memDisk) error {
			f, err := openFile(d, name)
			if err != nil {
				return err
			}
			return f.rewrite([]byte("right"), []byte("next"), cheap, false, keep)
		}, []string{"right", "next"}},
		"change without backup": {true, func(d *memDisk) error {
			delete(d.files, name+backupSuffix)
			f, err := openFile(d, name)
			if err != nil {
				return err
			}
			return f.rewrite([]byte("right"), []byte("next"), cheap, false, keep)
		}, []string{"right", "next"}},
		"restore": {true, func(d *memDisk) error {
			d.files[name] = d.files[name][:99]
			return restore(d, name)
		}, []string{"right"}},
	}
	for what, c := range changes {
		whole := newDisk()
		if c.prepare {
			mustCreate(t, whole, false)
		}
		before := whole.reboot()
		whole.ops = 0
		if err := c.change(whole); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		size := len(whole.files[name])
		for op := range whole.ops {
			for done := range size + 1 {
				if done%16 > 1 && done < size-1 {
					continue // the start of each 16 bytes and the end stand for all
				}
				d := before.reboot()
				d.fails, d.done = op, done
				where := fmt.Sprintf("%s: operation %d after %d bytes", what, op, done)
				if err := c.change(d); err == nil {
					t.Errorf("%s: no error", where)
				}
				c.survives(t, where, d.reboot())
			}
		}
	}
}

// survives wants a whole file on the disk after the power came back, or one that can be restored, that an allowed password opens.
func (c *powerCase) survives(t *testing.T, where string, d *memDisk) {
	t.Helper()
	f, err := openFile(d, name)
	if err != nil {
		restored := restore(d, name)
		if restored == nil {
			f, err = openFile(d, name)
		} else if !c.prepare {
			return // never confirmed to exist, and no file that could be taken for one
		}
	}
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	if !slices.ContainsFunc(c.allowed, func(p string) bool { _, err := f.Unlock([]byte(p)); return err == nil }) {
		t.Errorf("%s: no password opens it", where)
	}
	if err := f.Backup(); err != nil {
		t.Errorf("%s: after unlocking: %v", where, err)
	}
}

func TestRestore(t *testing.T) {
	d := newDisk()
	mustCreate(t, d, false)
	good := slices.Clone(d.files[name])
	if err := restore(d, name); err == nil {
		t.Error("restored over a whole file")
	}
	d.files[name][40] ^= 1
	damaged := slices.Clone(d.files[name])
	if _, err := openFile(d, name); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "can be restored") {
		t.Errorf("damaged: error %v", err)
	}
	if err := restore(d, name); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(d.files[name], good) || !bytes.Equal(d.files[name+damagedSuffix], damaged) {
		t.Error("not restored, or the damaged file is lost")
	}
	delete(d.files, name)
	if _, err := openFile(d, name); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "can be restored") {
		t.Errorf("missing: error %v", err)
	}
	d.files[name+backupSuffix][50] ^= 1
	if _, err := openFile(d, name); !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "can be restored") {
		t.Errorf("missing, and the backup damaged: error %v", err)
	}
	if err := restore(d, name); !errors.Is(err, ErrDamaged) {
		t.Errorf("damaged backup: error %v", err)
	}
}

func TestBackupIsRenewed(t *testing.T) {
	d := newDisk()
	f := mustCreate(t, d, false)
	d.files[name+backupSuffix][50] ^= 1
	if f.Backup() == nil {
		t.Error("a damaged backup passes")
	}
	if _, err := f.Unlock([]byte("wrong")); err == nil || f.Backup() == nil {
		t.Error("a wrong password renewed the backup")
	}
	if _, err := f.Unlock([]byte("right")); err != nil || f.Backup() != nil {
		t.Errorf("not renewed: %v, %v", err, f.Backup())
	}
}

// The real disk, at the real cost.
func TestOnDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), name)
	f, err := Create(path, []byte("right"), testContents(t), true, Cost{Memory: leastMemory, Passes: 1, Lanes: 4})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Backup(); err != nil {
		t.Error(err)
	}
	for _, file := range []string{path, path + backupSuffix} {
		if s, err := os.Stat(file); err != nil || s.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
			t.Errorf("%s: mode %v, %v", file, s.Mode(), err)
		}
	}
	if _, err := Create(path, []byte("right"), testContents(t), true, LeastCost); !errors.Is(err, fs.ErrExist) {
		t.Errorf("created twice: %v", err)
	}
	if err := (osDisk{}).Place(path, path+backupSuffix); !errors.Is(err, fs.ErrExist) {
		t.Errorf("placed over a file: %v", err)
	}
	if err := f.ChangePassword([]byte("right"), []byte("next"), Cost{Memory: leastMemory, Passes: 1, Lanes: 2}); err != nil {
		t.Fatal(err)
	}
	again, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := again.Unlock([]byte("next"))
	if err != nil {
		t.Fatal(err)
	}
	keys.Lock()
	if err := os.Truncate(path, 100); err != nil {
		t.Fatal(err)
	}
	if err := Restore(path); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 3 {
		t.Errorf("%d files, want the file, its backup and the damaged one: %v", len(entries), err)
	}
}

// Nothing but file.go knows the disk of the machine.
func TestOneFileKnowsTheDisk(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range parsed.Imports {
			if i.Path.Value == `"os"` && file != "file.go" && !strings.HasSuffix(file, "_test.go") {
				t.Errorf("%s imports os", file)
			}
		}
	}
}

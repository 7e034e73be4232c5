package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holiman/uint256"
	bolt "go.etcd.io/bbolt"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/pow"
)

// link makes n headers that build on one another; the store judges links only.
func link(on spv.Header, n int, tag byte) []spv.Header {
	var run []spv.Header
	for range n {
		h := spv.Header{0: 4, 40: tag}
		id := on.ID()
		copy(h[4:], id[:])
		binary.LittleEndian.PutUint32(h[68:], on.Time()+600)
		binary.LittleEndian.PutUint32(h[72:], 0x207fffff)
		run = append(run, h)
		on = h
	}
	return run
}

var (
	genesis = func() spv.Header {
		h := spv.Header{0: 1}
		binary.LittleEndian.PutUint32(h[72:], 0x207fffff)
		return h
	}()
	one = *uint256.NewInt(2) // work of a block at 207fffff
)

func open(t testing.TB, dir string) (*Store, *Chain, int32) {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	c, cut, err := s.Chain("test", genesis, 0, one)
	if err != nil {
		t.Fatal(err)
	}
	return s, c, cut
}

func holds(t testing.TB, c *Chain, want []spv.Header) {
	t.Helper()
	tip, work := c.Tip()
	if int(tip.Height) != len(want) {
		t.Fatalf("tip %s, want %d headers", tip, len(want))
	}
	if w := uint256.NewInt(uint64(2 * (len(want) + 1))); work != *w {
		t.Fatalf("work %s, want %s", work.Hex(), w.Hex())
	}
	got, err := c.Headers(0, tip.Height+1)
	if err != nil {
		t.Fatal(err)
	}
	for i, h := range append([]spv.Header{genesis}, want...) {
		if got[i] != h {
			t.Fatalf("header %d differs", i)
		}
	}
}

func TestApplyAndReopen(t *testing.T) {
	dir := t.TempDir()
	s, c, _ := open(t, dir)
	a := link(genesis, 5000, 1)
	if err := c.Apply(spv.Change{Headers: a}); err != nil {
		t.Fatal(err)
	}
	holds(t, c, a)
	b := append(a[:1000:1000], link(a[999], 4500, 2)...)
	if err := c.Apply(spv.Change{Undo: 4000, Headers: b[1000:]}); err != nil {
		t.Fatal(err)
	}
	holds(t, c, b)
	if err := c.Apply(spv.Change{Headers: link(a[4], 1, 3)}); err == nil {
		t.Fatal("a header that does not link was taken")
	}
	if err := c.Apply(spv.Change{Undo: 9999}); err == nil {
		t.Fatal("more was undone than there is")
	}
	holds(t, c, b)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, c, cut := open(t, dir)
	defer s.Close()
	if cut != 0 {
		t.Fatalf("%d headers cut from a whole file", cut)
	}
	holds(t, c, b)
	if _, err := c.Headers(5400, 200); err == nil {
		t.Fatal("headers above the tip were read")
	}
	tree, err := c.Tree(&spv.Rules{Work: pow.SHA256d, Eras: []spv.Era{{Retarget: spv.Fixed, Spacing: 1}}, ReorgLimit: 100})
	if err != nil {
		t.Fatal(err)
	}
	tip, work := c.Tip()
	if tree.Tip() != tip || tree.Work() != work || tree.Base() != tip.Height-111 {
		t.Fatalf("tree from %d to %s with %v", tree.Base(), tree.Tip(), tree.Work())
	}
}

// TestDamage spoils the closed file in ways that no crash of ours makes, but disks do.
func TestDamage(t *testing.T) {
	a := link(genesis, 5000, 1)
	for name, d := range map[string]struct {
		spoil func(t *testing.T, path string)
		left  int
	}{
		"cut short":            {func(t *testing.T, p string) { check(t, os.Truncate(p, 4500*80+13)) }, 4032},
		"a flipped bit":        {func(t *testing.T, p string) { flip(t, p, 4900*80+50) }, 4032},
		"a flipped mark":       {func(t *testing.T, p string) { flip(t, p, 4032*80+50) }, 2016},
		"garbage at the end":   {func(t *testing.T, p string) { grow(t, p, 12345) }, 5000},
		"all but genesis gone": {func(t *testing.T, p string) { check(t, os.Truncate(p, 80)) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, c, _ := open(t, dir)
			check(t, c.Apply(spv.Change{Headers: a}))
			check(t, s.Close())
			d.spoil(t, filepath.Join(dir, "test.headers"))
			s, c, cut := open(t, dir)
			defer s.Close()
			if int(cut) != 5000-d.left {
				t.Fatalf("%d headers cut, want %d", cut, 5000-d.left)
			}
			holds(t, c, a[:d.left])
			check(t, c.Apply(spv.Change{Headers: a[d.left:]}))
			holds(t, c, a)
		})
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func flip(t *testing.T, path string, at int64) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	check(t, err)
	var b [1]byte
	_, err = f.ReadAt(b[:], at)
	check(t, err)
	b[0] ^= 1
	_, err = f.WriteAt(b[:], at)
	check(t, errors.Join(err, f.Close()))
}

func grow(t *testing.T, path string, n int) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	check(t, err)
	_, err = f.Write(make([]byte, n))
	check(t, errors.Join(err, f.Close()))
}

var errKilled = errors.New("killed")

// mortal is a file that dies after a number of written bytes: the write in hand is torn
// there, and nothing works afterwards.
type mortal struct {
	data []byte
	left int
	dead bool
}

func (m *mortal) ReadAt(p []byte, off int64) (int, error) {
	if m.dead {
		return 0, errKilled
	}
	if off >= int64(len(m.data)) {
		return 0, io.EOF
	}
	n := copy(p, m.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (m *mortal) WriteAt(p []byte, off int64) (int, error) {
	if m.dead {
		return 0, errKilled
	}
	n := min(len(p), m.left)
	if need := int(off) + n; need > len(m.data) {
		m.data = append(m.data, make([]byte, need-len(m.data))...)
	}
	copy(m.data[off:], p[:n])
	if m.left -= n; n < len(p) {
		m.dead = true
		return n, errKilled
	}
	return n, nil
}

func (m *mortal) Sync() error {
	if m.dead {
		return errKilled
	}
	return nil
}

func (m *mortal) Truncate(size int64) error {
	if m.dead {
		return errKilled
	}
	if size < int64(len(m.data)) {
		m.data = m.data[:size]
	}
	return nil
}

func (*mortal) Close() error { return nil }

// TestKilledAtEveryByte runs a history of growth and reorganisations, kills it at every
// byte that it writes, reopens, and finds a state that was once complete, from which the
// history can be finished. Nothing is deleted by hand.
func TestKilledAtEveryByte(t *testing.T) {
	a := link(genesis, 6, 1)
	b := link(a[1], 5, 2)
	steps := []spv.Change{{Headers: a[:3]}, {Headers: a[3:]}, {Undo: 4, Headers: b}, {Undo: 2}, {Headers: b[3:]}}
	final := append(a[:2:2], b...)
	states := map[spv.Hash]int{genesis.ID(): 0, a[2].ID(): 1, a[5].ID(): 2, a[1].ID(): 2, b[4].ID(): 3, b[2].ID(): 4}
	total := 80 * (1 + 6 + 5 + 2)
	for left := 0; left <= total; left++ {
		db := memoryless(t)
		f := &mortal{left: left}
		c, _, err := openChain("test", db, f, genesis, 0, one)
		for i := 0; i < len(steps) && err == nil; i++ {
			err = c.Apply(steps[i])
		}
		if (err == nil) != (left == total) {
			t.Fatalf("after %d bytes: %v", left, err)
		}
		after := &mortal{data: f.data, left: 1 << 20}
		c, cut, err := openChain("test", db, after, genesis, 0, one)
		if err != nil || cut != 0 {
			t.Fatalf("after %d bytes: reopened with %d cut: %v", left, cut, err)
		}
		tip, _ := c.Tip()
		if _, ok := states[tip.Hash]; !ok {
			t.Fatalf("after %d bytes: tip %s was never complete", left, tip)
		}
		finish(t, c, final)
		holds(t, c, final)
		check(t, db.Close())
	}
}

// finish brings a chain to the wanted headers from wherever it stands, as the tree's next
// change would.
func finish(t *testing.T, c *Chain, want []spv.Header) {
	t.Helper()
	tip, _ := c.Tip()
	held, err := c.Headers(0, tip.Height+1)
	check(t, err)
	common := 0
	for common < len(want) && common+1 < len(held) && held[common+1] == want[common] {
		common++
	}
	check(t, c.Apply(spv.Change{Undo: len(held) - 1 - common, Headers: want[common:]}))
}

// memoryless is a fresh database without the cost of syncing.
func memoryless(t *testing.T) *bolt.DB {
	t.Helper()
	db, err := bolt.Open(filepath.Join(t.TempDir(), databaseName), 0o600, &bolt.Options{NoSync: true, NoGrowSync: true})
	check(t, err)
	check(t, migrate(db))
	return db
}

func TestOwnedByOne(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	check(t, err)
	defer s.Close()
	_, err = Open(dir)
	var oe *OpenError
	if !errors.Is(err, ErrInUse) || !errors.As(err, &oe) || oe.Hint == "" ||
		!strings.Contains(err.Error(), fmt.Sprintf("by process %d", os.Getpid())) {
		t.Fatalf("got %v", err)
	}
}

func TestNewerVersionRefused(t *testing.T) {
	dir := t.TempDir()
	s, _, _ := open(t, dir)
	check(t, s.db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket(metaBucket).Put(versionKey, []byte{0, 0, 0, 99})
	}))
	check(t, s.Close())
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "newer version (99") {
		t.Fatalf("got %v", err)
	}
}

// TestKilledProcess kills a real process while it writes, over and over, and finds the
// chain whole each time.
func TestKilledProcess(t *testing.T) {
	if dir := os.Getenv("LAMINA_STORE_VICTIM"); dir != "" {
		victim(t, dir)
		return
	}
	dir := t.TempDir()
	reached := int32(0)
	for range 10 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledProcess$")
		cmd.Env = append(os.Environ(), "LAMINA_STORE_VICTIM="+dir)
		out, err := cmd.StdoutPipe()
		check(t, err)
		check(t, cmd.Start())
		// The victim prints a byte a step; killed at the third it is amid a fourth.
		if _, err := io.ReadFull(out, make([]byte, 3)); err != nil {
			t.Fatal(err)
		}
		check(t, cmd.Process.Kill())
		_ = cmd.Wait()
		s, c, cut := open(t, dir)
		tip, _ := c.Tip()
		if cut != 0 || tip.Height < reached {
			t.Fatalf("%d headers cut, tip %d after %d", cut, tip.Height, reached)
		}
		reached = tip.Height
		check(t, s.Close())
	}
	if reached < 30*50 {
		t.Fatalf("only %d headers were written", reached)
	}
}

func victim(t *testing.T, dir string) {
	s, c, _ := open(t, dir)
	defer s.Close()
	for {
		tip, _ := c.Tip()
		last, err := c.Headers(tip.Height, 1)
		check(t, err)
		check(t, c.Apply(spv.Change{Headers: link(last[0], 50, byte(tip.Height))}))
		fmt.Print(".")
	}
}

// BenchmarkOpen opens a store of a million headers and makes its tree.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	s, c, _ := open(b, dir)
	last := genesis
	for range 100 {
		run := link(last, 10_000, 1)
		check(b, c.Apply(spv.Change{Headers: run}))
		last = run[len(run)-1]
	}
	check(b, s.Close())
	rules := &spv.Rules{Work: pow.SHA256d, ReorgLimit: 4032, Eras: []spv.Era{{Retarget: spv.Interval, Timespan: 1209600, Spacing: 600}}}
	for b.Loop() {
		s, c, _ := open(b, dir)
		if _, err := c.Tree(rules); err != nil {
			b.Fatal(err)
		}
		check(b, s.Close())
	}
}

package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/layeredpow/lamina/spv"
)

var errKilled = errors.New("killed")

// disk is files that live until a number of bytes is written; a sync counts as one. There
// the write in hand is torn, and nothing works afterwards.
type disk struct {
	sync.Mutex // headers are written while others are made durable
	files      map[string]*mortal
	left       int
	used       int
	dead       bool
}

// mortal is one file of a disk.
type mortal struct {
	disk   *disk
	data   []byte
	synced []byte // what a power failure leaves
}

func newDisk(left int) *disk { return &disk{files: map[string]*mortal{}, left: left} }

func (d *disk) create(name string) (file, error) {
	if d.files[name] == nil {
		d.files[name] = &mortal{disk: d}
	}
	return d.files[name], nil
}

// after is what is found when the machine starts again: all that was written or, after a
// power failure, only what was synced.
func (d *disk) after(power bool) *disk {
	next := newDisk(1 << 30)
	for name, f := range d.files {
		data := f.data
		if power {
			data = f.synced
		}
		next.files[name] = &mortal{disk: next, data: append([]byte(nil), data...), synced: append([]byte(nil), data...)}
	}
	return next
}

// spend takes up to n from what is left and tells how much there was.
func (d *disk) spend(n int) (int, error) {
	if d.dead {
		return 0, errKilled
	}
	got := min(n, d.left)
	d.left -= got
	d.used += got
	if got < n {
		d.dead = true
		return got, errKilled
	}
	return got, nil
}

func (m *mortal) ReadAt(p []byte, off int64) (int, error) {
	m.disk.Lock()
	defer m.disk.Unlock()
	if m.disk.dead {
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
	m.disk.Lock()
	defer m.disk.Unlock()
	n, err := m.disk.spend(len(p))
	if need := int(off) + n; n > 0 && need > len(m.data) {
		m.data = append(m.data, make([]byte, need-len(m.data))...)
	}
	copy(m.data[min(int(off), len(m.data)):], p[:n])
	return n, err
}

func (m *mortal) Sync() error {
	m.disk.Lock()
	defer m.disk.Unlock()
	if _, err := m.disk.spend(1); err != nil {
		return err
	}
	m.synced = append(m.synced[:0], m.data...)
	return nil
}

func (m *mortal) Truncate(size int64) error {
	m.disk.Lock()
	defer m.disk.Unlock()
	if m.disk.dead {
		return errKilled
	}
	if size < int64(len(m.data)) {
		m.data = m.data[:size]
	}
	return nil
}

func (*mortal) Close() error { return nil }

// everyByte plays a history until each of the bytes that it writes, reopens what that
// left, after a kill and after a power failure, and lets look at it, with the number of
// steps that were said to be done.
func everyByte(t *testing.T, steps []func(c *Chain) error, look func(t *testing.T, c *Chain, done int)) {
	t.Helper()
	fresh := memoryless(t)
	done := 0
	run := func(left int) (*disk, *bolt.DB, error) {
		d, db := newDisk(left), fresh()
		c, _, err := openChain("test", db, d.create, genesis, 0, one)
		for done = 0; done < len(steps) && err == nil; {
			if err = steps[done](c); err == nil {
				done++
			}
		}
		if c != nil {
			err = errors.Join(err, c.Settle())
		}
		return d, db, err
	}
	d, db, err := run(1 << 30)
	check(t, errors.Join(err, db.Close()))
	total := d.used
	var place string
	defer func() {
		if t.Failed() {
			t.Log(place)
		}
	}()
	for left := range total + 1 {
		for _, power := range []bool{false, true} {
			place = fmt.Sprintf("after %d of %d bytes, power failure %v", left, total, power)
			d, db, err := run(left)
			if (err != nil) != d.dead {
				t.Fatal(err)
			}
			after := d.after(power)
			c, cut, err := openChain("test", db, after.create, genesis, 0, one)
			if err != nil || cut != 0 {
				t.Fatalf("reopened with %d cut: %v", cut, err)
			}
			look(t, c, done)
			check(t, db.Close())
		}
	}
	t.Logf("%d places", total+1)
}

// TestKilledAtEveryByte runs a history of growth and reorganisations, kills it at every
// byte that it writes, reopens, and finds a state that was once complete, from which the
// history can be finished. Nothing is deleted by hand.
func TestKilledAtEveryByte(t *testing.T) {
	a := link(genesis, 6, 1)
	b := link(a[1], 5, 2)
	steps := applied(spv.Change{Headers: a[:3]}, spv.Change{Headers: a[3:]}, spv.Change{Undo: 4, Headers: b},
		spv.Change{Undo: 2}, spv.Change{Headers: b[3:]})
	final := append(a[:2:2], b...)
	after := map[int]spv.Header{0: genesis, 1: a[2], 2: a[5], 3: b[4], 4: b[2], 5: b[4]}
	everyByte(t, steps, func(t *testing.T, c *Chain, done int) {
		tip, _ := c.Tip()
		next := after[min(done+1, 5)]
		if last := after[done]; tip.Hash != last.ID() && tip.Hash != next.ID() && (done != 2 || tip.Hash != a[1].ID()) {
			t.Fatalf("tip %s after %d steps", tip, done)
		}
		finish(t, c, final)
		holds(t, c, final)
	})
}

// TestKilledWhileWriting does the same for changes that are begun and not waited for: those
// that were not settled may be lost, the last first.
func TestKilledWhileWriting(t *testing.T) {
	a := link(genesis, 8, 1)
	b := link(a[5], 4, 2)
	begin := func(change spv.Change) func(c *Chain) error {
		return func(c *Chain) error { return c.Begin(change) }
	}
	steps := []func(c *Chain) error{begin(spv.Change{Headers: a[:3]}), begin(spv.Change{Headers: a[3:5]}), (*Chain).Settle,
		begin(spv.Change{Headers: a[5:]}), begin(spv.Change{Undo: 2, Headers: b})}
	states := []spv.Header{genesis, a[2], a[4], a[7], b[3]}
	least, most := []int{0, 0, 0, 2, 2, 4}, []int{1, 2, 2, 3, 4, 4} // by steps that were said to be done
	final := append(a[:6:6], b...)
	everyByte(t, steps, func(t *testing.T, c *Chain, done int) {
		tip, _ := c.Tip()
		possible := slices.Clone(states[least[done] : most[done]+1])
		if done == 4 {
			possible = append(possible, a[5]) // the undoing is a step of its own
		}
		if !slices.ContainsFunc(possible, func(h spv.Header) bool { return h.ID() == tip.Hash }) {
			t.Fatalf("tip %s after %d steps", tip, done)
		}
		finish(t, c, final)
		holds(t, c, final)
	})
}

// TestBeginTogether: what is begun while the disk is busy is made durable together, in order, with all that belongs to it.
func TestBeginTogether(t *testing.T) {
	const runs, run = 40, 200
	a := link(genesis, runs*run, 1)
	d, db := newDisk(1<<30), memoryless(t)()
	busy := &busyFile{free: make(chan struct{})}
	c, _, err := openChain("test", db, func(name string) (file, error) {
		f, err := d.create(name)
		if strings.HasSuffix(name, ".headers") {
			busy.file = f
			return busy, err
		}
		return f, err
	}, genesis, 0, one)
	check(t, err)
	before := busy.syncs.Load()
	busy.slow.Store(true)
	for i := range runs {
		check(t, c.Begin(spv.Change{Headers: a[i*run : (i+1)*run]}))
	}
	close(busy.free)
	check(t, c.Settle())
	if syncs := busy.syncs.Load() - before; syncs < 2 || syncs > 3 {
		t.Errorf("%d syncs, want one for the first and one for all others, or two", syncs)
	}
	holds(t, c, a)
	again, cut, err := openChain("test", db, d.after(true).create, genesis, 0, one)
	if err != nil || cut != 0 {
		t.Fatal(cut, err)
	}
	holds(t, again, a)
	check(t, db.Close())
}

// busyFile is a file whose syncs wait once it is slow.
type busyFile struct {
	file
	slow  atomic.Bool
	free  chan struct{}
	syncs atomic.Int32
}

func (f *busyFile) Sync() error {
	f.syncs.Add(1)
	if f.slow.Load() {
		<-f.free
	}
	return f.file.Sync()
}

// TestBegin: whatever is asked next sees what was begun, and hears of it if that failed.
func TestBegin(t *testing.T) {
	a := link(genesis, 2000, 1)
	d, db := newDisk(1<<30), memoryless(t)()
	c, _, err := openChain("test", db, d.create, genesis, 0, one)
	check(t, err)
	check(t, c.Begin(spv.Change{Headers: a[:900]}))
	if tip, _ := c.Tip(); tip.Height != 900 || tip.Hash != a[899].ID() {
		t.Fatalf("tip %s", tip)
	}
	check(t, c.Begin(spv.Change{Headers: a[900:1800]}))
	if got, err := c.Headers(1, 1800); err != nil || !slices.Equal(got, a[:1800]) {
		t.Fatal(err)
	}
	check(t, c.Begin(spv.Change{Headers: a[1900:]})) // does not link
	for name, ask := range map[string]func() error{
		"settle": c.Settle,
		"begin":  func() error { return c.Begin(spv.Change{Headers: a[1800:]}) },
		"apply":  func() error { return c.Apply(spv.Change{Headers: a[1800:]}) },
		"close":  c.close,
	} {
		if err := ask(); err == nil || !strings.Contains(err.Error(), "header 1801 builds on") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if tip, _ := c.Tip(); tip.Height != 1800 {
		t.Fatalf("tip %s", tip)
	}
	check(t, db.Close())
}

// applied makes steps of changes.
func applied(changes ...spv.Change) (steps []func(c *Chain) error) {
	for _, change := range changes {
		steps = append(steps, func(c *Chain) error { return c.Apply(change) })
	}
	return steps
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

// memoryless returns a maker of fresh databases, one at a time, without the cost of syncing.
func memoryless(t *testing.T) func() *bolt.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), databaseName)
	open := func() *bolt.DB {
		db, err := bolt.Open(path, 0o600, &bolt.Options{NoSync: true, NoGrowSync: true})
		check(t, err)
		return db
	}
	db := open()
	check(t, errors.Join(migrate(db), db.Close()))
	empty, err := os.ReadFile(path)
	check(t, err)
	return func() *bolt.DB {
		check(t, os.WriteFile(path, empty, 0o600))
		return open()
	}
}

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
		w, err := s.Wallet("test", "mine")
		check(t, err)
		if noted := records(t, w)["height"]; noted != fmt.Sprint(reached) && noted != fmt.Sprint(reached-50) {
			t.Fatalf("the wallet stands at %s, the chain at %d", noted, reached)
		}
		holdsFilters(t, c, 1, branch{c.FiltersTo(), 1})
		check(t, s.Close())
	}
	if reached < 30*50 {
		t.Fatalf("only %d headers were written", reached)
	}
}

func victim(t *testing.T, dir string) {
	s, c, _ := open(t, dir)
	defer s.Close()
	w, err := s.Wallet("test", "mine")
	check(t, err)
	for {
		tip, _ := c.Tip()
		last, err := c.Headers(tip.Height, 1)
		check(t, err)
		check(t, c.Apply(spv.Change{Headers: link(last[0], 50, byte(tip.Height))}))
		check(t, w.Write([]Record{rec("height", fmt.Sprint(tip.Height+50))}))
		check(t, addFilters(c, max(c.FiltersTo()+1, 1), tip.Height+50, 1))
		fmt.Print(".")
	}
}

// millionRules are those of a chain whose tree looks back as far as that of any L1.
var millionRules = &spv.Rules{Work: pow.SHA256d, ReorgLimit: 4032, Eras: []spv.Era{{Retarget: spv.Interval, Timespan: 1209600, Spacing: 600}}}

// fillHeaders fills a data folder with headers, ten thousand at a time.
func fillHeaders(t testing.TB, dir string, n int) {
	s, c, _ := open(t, dir)
	last := genesis
	for range n / 10_000 {
		run := link(last, 10_000, 1)
		check(t, c.Apply(spv.Change{Headers: run}))
		last = run[len(run)-1]
	}
	check(t, s.Close())
}

// BenchmarkOpen opens stores of ten thousand headers to a million and makes their trees; the largest again in a
// process of its own, which tells how much memory it has used at most.
func BenchmarkOpen(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := b.TempDir()
			fillHeaders(b, dir, n)
			for b.Loop() {
				s, c, _ := open(b, dir)
				if _, err := c.Tree(millionRules); err != nil {
					b.Fatal(err)
				}
				check(b, s.Close())
			}
			if n < 1_000_000 {
				return
			}
			cmd := exec.Command(os.Args[0], "-test.run=^TestOpenMillion$", "-test.v")
			cmd.Env = append(os.Environ(), "LAMINA_STORE_MILLION="+dir)
			out, err := cmd.Output()
			check(b, err)
			_, told, _ := strings.Cut(string(out), "VmHWM:")
			var kilobytes float64
			_, err = fmt.Sscan(told, &kilobytes)
			check(b, err)
			b.ReportMetric(kilobytes/1024, "MiB-RSS")
		})
	}
}

// TestOpenMillion is the process that BenchmarkOpen starts.
func TestOpenMillion(t *testing.T) {
	dir := os.Getenv("LAMINA_STORE_MILLION")
	if dir == "" {
		return
	}
	s, c, _ := open(t, dir)
	tree, err := c.Tree(millionRules)
	check(t, err)
	status, err := os.ReadFile("/proc/self/status")
	check(t, err)
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	fmt.Println("VmHWM:" + peak)
	if tree.Tip().Height != 1_000_000 {
		t.Fatal(tree.Tip())
	}
	check(t, s.Close())
}

// BenchmarkApply makes headers durable 2,000 at a time, as they come from peers: without
// proofs, with old ones of which a record is kept, and with new ones that are kept in full.
func BenchmarkApply(b *testing.B) {
	aux := realRun(b)[1].Aux
	for _, kind := range []string{"headers", "records", "proofs"} {
		b.Run(kind, func(b *testing.B) {
			s, c, _ := open(b, b.TempDir())
			defer s.Close()
			if kind != "proofs" {
				c.KeepProofs(1<<32 - 1)
			}
			last := genesis
			for b.Loop() {
				b.StopTimer()
				change := spv.Change{Headers: link(last, 2000, 1)}
				last = change.Headers[1999]
				if kind != "headers" {
					change.Proofs = make([]*spv.AuxPoW, 2000)
					for i := range change.Proofs {
						change.Proofs[i] = aux
					}
				}
				b.StartTimer()
				check(b, c.Apply(change))
			}
			b.ReportMetric(2000*float64(b.N)/b.Elapsed().Seconds(), "headers/s")
		})
	}
}

package chain

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/btcsuite/btcd/wire"
	bolt "go.etcd.io/bbolt"

	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

var errKilled = errors.New("killed")

// life is what is left to write before the kill: a byte in a file, or one side of a
// commit, counts one.
type life struct{ left int }

func (l *life) spend(n int) (can int, err error) {
	if can = min(n, l.left); can < n {
		l.left = 0
		return can, errKilled
	}
	l.left -= n
	return n, nil
}

// mortalFolder holds files in memory that die with their life.
type mortalFolder struct {
	*life
	files []*mortalFile
}

type mortalFile struct {
	*life
	data   []byte
	synced []byte // what a loss of power leaves
}

func (d *mortalFolder) open(number uint32, create bool) (file, error) {
	if int(number) == len(d.files) && create {
		if _, err := d.spend(1); err != nil {
			return nil, err
		}
		d.files = append(d.files, &mortalFile{life: d.life})
	}
	if int(number) >= len(d.files) {
		return nil, os.ErrNotExist
	}
	return d.files[number], nil
}

func (m *mortalFile) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(m.data)) {
		return 0, io.EOF
	}
	n := copy(p, m.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (m *mortalFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := m.spend(len(p))
	if need := int(off) + n; need > len(m.data) {
		m.data = append(m.data, make([]byte, need-len(m.data))...)
	}
	copy(m.data[off:], p[:n])
	return n, err
}

func (m *mortalFile) Sync() error {
	_, err := m.spend(1)
	if err == nil {
		m.synced = bytes.Clone(m.data)
	}
	return err
}

func (m *mortalFile) Truncate(size int64) error {
	if size < int64(len(m.data)) {
		m.data = m.data[:size]
	}
	return nil
}

func (m *mortalFile) Size() (int64, error) { return int64(len(m.data)), nil }

func (*mortalFile) Close() error { return nil }

// mortalDB is a database that dies right before or right after a commit.
type mortalDB struct {
	*bolt.DB
	*life
}

func (d mortalDB) Update(f func(*bolt.Tx) error) error {
	if _, err := d.spend(1); err != nil {
		return err
	}
	if err := d.DB.Update(f); err != nil {
		return err
	}
	_, err := d.spend(1)
	return err
}

// TestKilledAtEveryWrite runs a history with a reorganisation, a side branch and an
// invalid block, kills it at every byte that it writes and around every sync and commit,
// reopens, and finds everything that was accepted, and the state that the model works out
// for it. Then the history can be finished. A loss of power, which takes with it what was
// not synced, costs only blocks that were old when they came.
func TestKilledAtEveryWrite(t *testing.T) {
	p := testchain.Easy(t, "dev")
	p.Maturities = []chains.Maturity{{Blocks: 1}}
	g := genesisOf(t, p)
	a := run(p, g, 2, 1)
	pay := spend(a[0].txs[0].TxOut[0].Value, 2, wire.OutPoint{Hash: a[0].txs[0].TxHash()})
	a = append(a, block(p, a[1], 1, pay))
	b := run(p, a[0], 1, 2)
	b = append(b, block(p, b[0], 2, pay))
	b = append(b, run(p, b[1], 2, 2)...)
	bad := block(p, b[3], 3, pay)
	bad.bad = true
	history := append(append([]*made{}, a...), b...)
	history = append(append(history, bad), run(p, a[2], 3, 4)...) // and back to a
	for name, way := range map[string]struct{ power, live bool }{
		"kill": {false, true}, "power": {true, true}, "power and old blocks": {true, false},
	} {
		t.Run(name, func(t *testing.T) {
			step := 1
			if way.power { // only syncs matter
				step = 7
			}
			if testing.Short() {
				step = 41
			}
			for left, whole := 0, false; !whole; left += step {
				whole = killedAfter(t, p, g, history, left, way.power, way.live)
			}
		})
	}
}

// killedAfter kills a run through the history after so many writes and checks what is left.
// It tells whether the run came to its end.
func killedAfter(t *testing.T, p *chains.Params, g *made, history []*made, left int, power, live bool) (whole bool) {
	t.Helper()
	deliver := func(c *Chain, m *model) error {
		for i, h := range history {
			if i == 3 {
				if _, err := c.AcceptHeaders([]spv.Sealed{{Header: h.header}, {Header: history[4].header}}, 0); err != nil {
					return err
				}
			}
			now := uint32(0)
			if live {
				now = h.header.Time()
			}
			var refused *BlockError
			if _, err := c.Accept(h.raw, now); err != nil && !(h.bad && errors.As(err, &refused)) {
				return err
			}
			if !h.bad {
				m.accept(h)
			}
		}
		return nil
	}
	path := filepath.Join(t.TempDir(), "db")
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoSync: true, NoGrowSync: true})
	check(t, err)
	defer db.Close()
	l := &life{left: left}
	files := &mortalFolder{life: l}
	o := Options{FlushBlocks: 3}
	m := newModel(g)
	c, err := open(mortalDB{db, l}, files, p, nil, o)
	if err == nil {
		err = deliver(c, m)
		whole = err == nil
	}
	if err != nil && !errors.Is(err, errKilled) {
		t.Fatalf("after %d writes: %v", left, err)
	}

	l.left = 1 << 30
	for _, f := range files.files {
		if power {
			f.data = bytes.Clone(f.synced)
		}
	}
	c, err = open(mortalDB{db, l}, files, p, nil, o)
	if err != nil {
		t.Fatalf("after %d writes: %v", left, err)
	}
	// The block in hand may have reached the file, then it was accepted, too; an old block
	// that never reached the disk was not.
	held := newModel(g)
	for _, h := range history {
		_, accepted := m.seq[h]
		if raw, err := c.Block(h.id); err == nil && !h.bad {
			if held.accept(h); len(raw) != len(h.raw) {
				t.Fatalf("after %d writes: block %s is torn", left, h.ref())
			}
		} else if accepted && !(power && !live) {
			t.Fatalf("after %d writes: block %s is lost", left, h.ref())
		}
	}
	held.audit(t, c, held.tip(nil))
	check(t, deliver(c, held))
	if power && !live { // the order in which they came back decides between equals
		held.audit(t, c, held.tip(nil))
	} else {
		held.audit(t, c, history[len(history)-1])
	}
	return whole
}

// TestKilledProcess kills a real process under load, over and over, and finds the state
// whole each time.
func TestKilledProcess(t *testing.T) {
	p := testchain.Easy(t, "dev")
	if dir := os.Getenv("LAMINA_CHAIN_VICTIM"); dir != "" {
		victim(t, dir)
		return
	}
	dir := t.TempDir()
	kills := 50
	if testing.Short() {
		kills = 5
	}
	rng := rand.New(rand.NewPCG(7, 7))
	reached := int32(0)
	for range kills {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledProcess$")
		cmd.Env = append(os.Environ(), "LAMINA_CHAIN_VICTIM="+dir)
		out, err := cmd.StdoutPipe()
		check(t, err)
		check(t, cmd.Start())
		_, err = io.ReadFull(out, make([]byte, 1+rng.IntN(10)))
		check(t, errors.Join(err, cmd.Process.Kill()))
		_ = cmd.Wait()
		c, err := Open(dir, p, nil, Options{FlushBlocks: 7})
		check(t, err)
		tip := c.Tip()
		if tip.Height < reached {
			t.Fatalf("tip %s after %d", tip, reached)
		}
		reached = tip.Height
		m, best := reread(t, c, p)
		m.audit(t, c, best)
		check(t, c.Close())
	}
	t.Logf("%d kills, height %d", kills, reached)
}

// reread builds the model from the chain's own best blocks.
func reread(t testing.TB, c *Chain, p *chains.Params) (*model, *made) {
	t.Helper()
	at := genesisOf(t, p)
	m := newModel(at)
	for h := int32(1); h <= c.Tip().Height; h++ {
		b, _ := c.BlockAt(h)
		raw, err := c.Block(b.Hash)
		check(t, err)
		at = reparse(t, p, raw, at)
		m.accept(at)
	}
	return m, at
}

// victim grows a chain by two blocks at a time, every third time from a fork, and prints a
// byte for each pair.
func victim(t *testing.T, dir string) {
	p := testchain.Easy(t, "dev")
	c, err := Open(dir, p, nil, Options{FlushBlocks: 7})
	check(t, err)
	_, at := reread(t, c, p)
	for tag := uint32(os.Getpid()); ; tag += 2 {
		prev := at
		if tag%3 == 0 && at.prev != nil {
			prev = at.prev
		}
		var txs []*wire.MsgTx
		if prev.height > 12 {
			old := prev.at(prev.height - 10).txs[0]
			txs = append(txs, spend(old.TxOut[0].Value, 3, wire.OutPoint{Hash: old.TxHash()}))
		}
		first := block(p, prev, tag, txs...)
		at = block(p, first, tag+1)
		for _, b := range []*made{first, at} {
			_, err := c.Accept(b.raw, b.header.Time())
			check(t, err)
		}
		if c.Tip() != at.ref() {
			t.Fatalf("tip %s, want %s", c.Tip(), at.ref())
		}
		fmt.Print(".")
	}
}

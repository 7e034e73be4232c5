package chain

import (
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/btcsuite/btcd/wire"
	bolt "go.etcd.io/bbolt"

	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// quick opens a chain in a folder without the cost of syncing.
func quick(t testing.TB, dir string, p *chains.Params, parent ParentSource, o Options) *Chain {
	t.Helper()
	db, err := bolt.Open(filepath.Join(dir, databaseName), 0o600, &bolt.Options{NoSync: true, NoGrowSync: true})
	check(t, err)
	c, err := open(db, idle{diskFolder(dir)}, p, parent, o)
	check(t, err)
	return c
}

// idle is a folder whose files do not sync.
type idle struct{ folder }

type idleFile struct{ file }

func (idleFile) Sync() error { return nil }

func (d idle) open(number uint32, create bool) (file, error) {
	f, err := d.folder.open(number, create)
	if err != nil {
		return nil, err
	}
	return idleFile{f}, nil
}

// drop lets go of a chain's folder as a kill would: nothing is written any more.
func drop(t testing.TB, c *Chain) {
	t.Helper()
	check(t, c.blocks.close())
	check(t, c.db.Close())
}

// simulation drives a chain with random blocks, some of them bad, in random order, over
// restarts and kills, beside the model.
type simulation struct {
	t     *testing.T
	rng   *rand.Rand
	dir   string
	p     *chains.Params
	c     *Chain
	m     *model
	built []*made
	late  []*made // built, not delivered yet
	o     Options
	left  map[*made]bool // what the operator shuns
}

func TestAgainstModel(t *testing.T) {
	seeds := uint64(25)
	if testing.Short() {
		seeds = 4
	}
	for seed := range seeds {
		simulate(t, seed, 250)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func simulate(t *testing.T, seed uint64, steps int) {
	p := testchain.Easy(t, "dev")
	genesis := genesisOf(t, p)
	rng := rand.New(rand.NewPCG(seed, 1))
	s := &simulation{
		t: t, rng: rng, dir: t.TempDir(), p: p, m: newModel(genesis), built: []*made{genesis}, left: map[*made]bool{},
		o: Options{FlushBlocks: 1 + rng.IntN(40)},
	}
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	s.c = quick(t, s.dir, p, nil, s.o)
	for step := range steps {
		b := s.build(uint32(step))
		s.built = append(s.built, b)
		if s.late = append(s.late, b); rng.IntN(5) > 0 {
			s.deliver()
		}
		if rng.IntN(25) == 0 {
			s.restart()
		}
		if rng.IntN(25) == 0 {
			s.operate()
		}
		if step%40 == 0 || step == steps-1 {
			s.m.audit(t, s.c, s.best())
		}
	}
	check(t, s.c.Close())
	s.c = quick(t, s.dir, p, nil, s.o)
	s.m.audit(t, s.c, s.best())
	check(t, s.c.Close())
}

// best is where the chain should be.
func (s *simulation) best() *made { return s.m.tip(func(b *made) bool { return !s.left[b] }) }

// operate shuns a block, or takes that back, and hardly ever closes after it.
func (s *simulation) operate() {
	b := s.m.order[s.rng.IntN(len(s.m.order))]
	if b == s.m.genesis {
		return
	}
	if s.rng.IntN(2) == 0 {
		_, err := s.c.Shun(b.id)
		check(s.t, err)
		s.left[b] = true
	} else {
		_, err := s.c.Readmit(b.id)
		check(s.t, err)
		for o := range s.left {
			low, high := b, o
			if low.height > high.height {
				low, high = high, low
			}
			if high.at(low.height) == low {
				delete(s.left, o)
			}
		}
	}
	if want := s.best(); s.c.Tip() != want.ref() {
		s.t.Fatalf("%d shunned: tip %s, want %s", len(s.left), s.c.Tip(), want.ref())
	}
}

// build makes a block, mostly on the best one, with some transactions.
func (s *simulation) build(tag uint32) *made {
	prev := s.built[len(s.built)-1]
	switch s.rng.IntN(10) {
	case 0:
		prev = s.built[s.rng.IntN(len(s.built))]
	case 1, 2:
		prev = s.built[max(0, len(s.built)-1-s.rng.IntN(8))]
	case 3, 4, 5:
		prev = s.best()
	}
	var txs []*wire.MsgTx
	for op, coin := range s.m.coins(prev) {
		if len(txs) >= 3 {
			break
		}
		if coin.Coinbase && prev.height+1-coin.Height < s.p.Maturity(coin.Height) || coin.Value < 1000 {
			continue
		}
		tx := spend(coin.Value, 1+s.rng.IntN(4), op)
		if txs = append(txs, tx); s.rng.IntN(3) == 0 { // spent again inside the block
			txs = append(txs, spend(tx.TxOut[0].Value, 2, wire.OutPoint{Hash: tx.TxHash()}))
		}
	}
	bad := s.rng.IntN(25) == 0
	if bad {
		txs = append(txs, spend(1000, 1, wire.OutPoint{Hash: spv.Hash{byte(tag)}, Index: 7}))
	}
	b := block(s.p, prev, tag, txs...)
	b.bad = bad
	return b
}

// deliver hands over what was built, in order or out of it, headers first or not.
func (s *simulation) deliver() {
	if s.rng.IntN(2) == 0 {
		var run []spv.Sealed
		for _, b := range s.built[1:] { // a kill may have forgotten headers over bad blocks
			run = append(run, spv.Sealed{Header: b.header})
		}
		_, err := s.c.AcceptHeaders(run, 0)
		check(s.t, err)
		s.rng.Shuffle(len(s.late), func(i, j int) { s.late[i], s.late[j] = s.late[j], s.late[i] })
	}
	for _, b := range s.late {
		s.accept(b)
	}
	s.late = nil
}

func (s *simulation) accept(b *made) {
	before := s.c.Tip()
	r, err := s.c.Accept(b.raw, 0)
	if s.rotten(b) {
		if err == nil && s.c.OnBest(b.ref()) {
			s.t.Fatalf("bad block %s is on the best chain", b.ref())
		}
		if err == nil && r.Status == Side {
			s.m.accept(b) // not looked into yet
		}
		return
	}
	if err != nil {
		s.t.Fatalf("block %s: %v", b.ref(), err)
	}
	s.m.accept(b)
	if r.Tip != s.c.Tip() || len(r.Connected)-len(r.Disconnected) != int(r.Tip.Height-before.Height) ||
		r.Undo != len(r.Disconnected) || len(r.Headers) != len(r.Connected) {
		s.t.Fatalf("from %s: %+v", before, r)
	}
	if want := s.best(); s.c.Tip() != want.ref() {
		s.t.Fatalf("after %s (%s): tip %s, want %s", b.ref(), r.Status, s.c.Tip(), want.ref())
	}
}

// rotten tells whether a block or one below it is bad.
func (s *simulation) rotten(b *made) bool {
	for ; b != nil; b = b.prev {
		if b.bad {
			return true
		}
	}
	return false
}

// restart closes and opens, or kills and opens.
func (s *simulation) restart() {
	if s.rng.IntN(2) == 0 {
		check(s.t, s.c.Close())
	} else {
		drop(s.t, s.c)
	}
	s.c = quick(s.t, s.dir, s.p, nil, s.o)
	if want := s.best(); s.c.Tip() != want.ref() {
		s.t.Fatalf("reopened at %s, want %s", s.c.Tip(), want.ref())
	}
}

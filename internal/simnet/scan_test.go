package simnet_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/simnet"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/syncer"
)

// world is a chain with payments to a wallet, and what is needed to go on with it.
type world struct {
	miner  simnet.Miner
	ledger simnet.Ledger
	coins  []simnet.Coin // of the wallet, unspent
	used   int64         // scripts of the wallet that were paid
	rng    *rand.Rand
	truth  map[spv.Hash]spv.Block
	every  int // blocks from one payment to the next, 11 if 0; then nothing is spent
	opaque bool
}

func newWorld(r *spv.Rules, commit bool) *world {
	return &world{miner: simnet.Miner{Rules: r, Commit: commit}, rng: rand.New(rand.NewPCG(7, 7))}
}

// fork returns a world that goes on from a height of this one. The wallet's scripts go on
// from there, too, so that no branch leaves a gap that the other would not.
func (w *world) fork(height int, tag uint64) *world {
	f := &world{miner: w.miner, ledger: w.ledger[:height:height], rng: rand.New(rand.NewPCG(tag, 7))}
	f.miner.Tag = tag
	for _, b := range f.ledger {
		for _, s := range b.Paid() {
			for n := f.used; n < f.used+3; n++ {
				if string(s) == string(simnet.Script(n)) {
					f.used = n + 1
				}
			}
		}
	}
	return f
}

// foreign is a coin of somebody else's.
func (w *world) foreign() simnet.Coin {
	return simnet.Coin{Point: wire.OutPoint{Hash: spv.Hash{byte(w.rng.Uint32()), byte(w.rng.Uint32()), byte(w.rng.Uint32()), 9}},
		Value: 1e6, Script: 1e6 + w.rng.Int64N(1e6)}
}

// grow mines n blocks; some pay the wallet, some spend from it, some do both.
func (w *world) grow(n int) *world {
	for range n {
		var txs []*wire.MsgTx
		var spent [][]byte
		pay := func(from simnet.Coin, to ...int64) []simnet.Coin {
			tx, coins := simnet.Pay([]simnet.Coin{from}, to...)
			txs, spent = append(txs, tx), append(spent, simnet.Script(from.Script))
			return coins
		}
		pay(w.foreign(), 2e6+w.rng.Int64N(1e6))
		if h := len(w.ledger); w.every > 0 && h%w.every == 3 {
			pay(w.foreign(), w.used)
			w.used++
		} else if w.every > 0 {
		} else if h%11 == 3 {
			for range 1 + w.rng.IntN(3) {
				to := w.used
				if w.used > 0 && w.rng.IntN(3) == 0 {
					to = w.rng.Int64N(w.used)
				}
				w.coins = append(w.coins, pay(w.foreign(), to)[0])
				w.used = max(w.used, to+1)
			}
		} else if h%7 == 2 && len(w.coins) > 0 {
			i := w.rng.IntN(len(w.coins))
			w.coins[i].Opaque = w.opaque
			pay(w.coins[i], 3e6)
			w.coins = slices.Delete(w.coins, i, i+1)
		} else if h%31 == 5 { // within one block
			pay(pay(w.foreign(), w.used)[0], 3e6+1)
			w.used++
		}
		w.ledger = w.miner.Mine(w.ledger, txs, spent)
	}
	return w
}

// setting is one run of the simulator.
type setting struct {
	net    *simnet.Net
	rules  *spv.Rules
	scan   syncer.Scan
	wallet *simnet.Wallet
	seed   uint64
}

func newSetting(r *spv.Rules, seed uint64, scan syncer.Scan) *setting {
	net := simnet.New(nil, seed, start)
	net.Disk = simnet.NewDisk(r.Genesis)
	s := &setting{net: net, rules: r, scan: scan, wallet: simnet.NewWallet(scan.From, 5), seed: seed}
	net.Wallet = s.wallet
	net.Machine = s.machine()
	net.Tell(s.wallet.Watch())
	return s
}

func (s *setting) machine() *syncer.Machine {
	scan := s.scan
	scan.Filters, scan.Headers, scan.Doubts = s.net.Disk, s.net.Disk, s.net.Disk.Doubts()
	scan.Hearsay, scan.Alone = s.net.Disk.Hearsay.From, s.net.Disk.Hearsay.Alone
	return syncer.NewWith(syncer.Config{Tree: s.net.Disk.Tree(s.rules), Salt: [16]byte{byte(s.seed)}, Scan: &scan})
}

func (s *setting) run(t *testing.T, span time.Duration) {
	t.Helper()
	if err := s.net.Run(span); err != nil {
		t.Fatalf("seed %d: %v", s.seed, err)
	}
}

// want checks that the wallet knows the truth, and that the machine knows that it does.
func (s *setting) want(t *testing.T, w *world) {
	t.Helper()
	l := w.ledger
	status := s.net.Machine.Status()
	if !status.Synced || status.Tip.Hash != l[len(l)-1].ID || status.Share() != 1 {
		t.Fatalf("seed %d: %+v, want synced at %d; dropped %v", s.seed, status, len(l), s.net.Dropped)
	}
	if w.truth == nil {
		w.truth = l.Truth(s.wallet.Birthday, w.used+10)
	}
	if !maps.Equal(w.truth, s.wallet.Found) {
		t.Fatalf("seed %d: the wallet found %d transactions, there are %d; dropped %v", s.seed, len(s.wallet.Found), len(w.truth), s.net.Dropped)
	}
	if int(s.wallet.Cursor) != len(l) {
		t.Fatalf("seed %d: cursor %d, want %d", s.seed, s.wallet.Cursor, len(l))
	}
}

func (s *setting) banned(n *simnet.Node) bool { return slices.Contains(s.net.Banned, n) }

func TestScanSimple(t *testing.T) {
	r := rules()
	w := newWorld(r, false).grow(500)
	s := newSetting(r, 1, syncer.Scan{From: 20})
	node := &simnet.Node{Services: simnet.Full}
	node.Follow(w.ledger)
	s.net.Join(node)
	s.run(t, time.Minute)
	s.want(t, w)
}

// liars returns peers of which each deceives in its own way about the wallet's payments.
func liars(net *simnet.Net, l simnet.Ledger, n int, birthday int32) (nodes []*simnet.Node) {
	rng := net.Rand
	var scripts [][]byte
	for range 3 {
		scripts = append(scripts, simnet.Script(rng.Int64N(40)))
	}
	for range n {
		node := &simnet.Node{Services: simnet.Full, Manners: manners(rng)}
		node.Lie.From = birthday + rng.Int32N(int32(len(l))-birthday)
		switch rng.IntN(9) {
		case 0:
			node.Lie.Omit = scripts
		case 1:
			node.Lie.Omit, node.Lie.From = [][]byte{simnet.Script(rng.Int64N(30))}, 1
		case 2:
			node.Lie.Hashes = true
		case 3:
			node.Lie.Hashes, node.Lie.Omit = true, scripts
		case 4:
			node.Lie.Withhold = true
		case 5:
			node.Lie.Body = func(raw []byte) { raw[len(raw)-20] ^= 1 }
		case 6:
			node.Lie.Omit, node.Lie.Spends = scripts, true
		case 7:
			node.Silent = true
		case 8:
			node.Vanish = 1 + rng.IntN(200)
		}
		if rng.IntN(4) == 0 {
			node.Redial = time.Duration(1+rng.IntN(20)) * time.Second
		}
		node.Follow(l)
		nodes = append(nodes, node)
	}
	return nodes
}

func manners(rng *rand.Rand) simnet.Manners {
	return simnet.Manners{Latency: time.Duration(rng.IntN(300)) * time.Millisecond, Jitter: time.Second,
		Cut: []int{0, 0, 150, 700}[rng.IntN(4)]}
}

// TestScanManySeeds puts one honest peer among liars of all kinds, lets it come early or
// late, kills the machine at times, and lets the chain grow and reorganise. In the end the
// wallet knows the truth, and no honest peer was banned.
func TestScanManySeeds(t *testing.T) {
	t.Run("compared", func(t *testing.T) { manySeeds(t, false, syncer.OnlyFilters, 100) })
	t.Run("committed", func(t *testing.T) { manySeeds(t, true, syncer.Ladder, 80) })
	t.Run("whole", func(t *testing.T) { manySeeds(t, false, syncer.OnlyBlocks, 20) })
}

func manySeeds(t *testing.T, commit bool, source syncer.Source, seeds uint64) {
	r := rules()
	short := newWorld(r, commit).grow(400)
	long := short.fork(180, 1).grow(300) // 480
	next := long.fork(478, 2).grow(5)    // 483
	for seed := range seeds {
		s := newSetting(r, seed, syncer.Scan{From: 15, Layered: commit, Source: source})
		rng := s.net.Rand
		honest := &simnet.Node{Services: simnet.Full, Manners: manners(rng)}
		honest.Redial = 5 * time.Second
		patience := 7 * time.Minute
		if rng.IntN(4) == 0 {
			honest.Loss, patience = 0.02, 30*time.Minute
		}
		honest.Follow(short.ledger)
		bad := liars(s.net, short.ledger, rng.IntN(5), 15)
		for i, n := range slices.Insert(slices.Clone(bad), rng.IntN(len(bad)+1), honest) {
			s.net.Join(n)
			if rng.IntN(3) == 0 {
				s.run(t, time.Duration(rng.IntN(3000*(i+1)))*time.Millisecond)
			}
		}
		if rng.IntN(2) == 0 {
			s.run(t, time.Duration(rng.IntN(20_000))*time.Millisecond)
			s.net.Restart(s.machine())
		}
		s.run(t, patience)
		s.want(t, short)
		for _, world := range []*world{long, next} {
			for _, n := range append(bad, honest) {
				n.Follow(world.ledger)
				n.Announce()
			}
			s.run(t, time.Duration(rng.IntN(5000))*time.Millisecond)
			if rng.IntN(4) == 0 {
				s.net.Restart(s.machine())
			}
			s.run(t, patience)
			s.want(t, world)
		}
		for _, n := range bad {
			if n.Alive() && honest.Alive() && source == syncer.OnlyFilters && n.Lies(15, len(n.Ledger)) {
				t.Fatalf("seed %d: a liar is still connected: %+v; %+v; dropped %v", seed, n.Lie, s.net.Machine.Status(), s.net.Dropped)
			}
		}
		if s.banned(honest) {
			t.Fatalf("seed %d: the honest peer was banned: %v", seed, s.net.Dropped)
		}
	}
}

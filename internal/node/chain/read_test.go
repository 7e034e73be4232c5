package chain

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// TestIndexAgainstTree compares everything that the index says of headers, on all
// branches, with spv.Tree over the same ones, under a moving difficulty.
func TestIndexAgainstTree(t *testing.T) {
	p := testchain.Easy(t, "dev")
	p.Eras = testchain.Params(t, "dev").Eras
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 3))
			tree := spv.NewTree(&p.Rules)
			dir := t.TempDir()
			c := quick(t, dir, p, nil, Options{})
			all := growBoth(t, rng, tree, c)
			check(t, c.Close())
			c = quick(t, dir, p, nil, Options{})
			compareIndex(t, rng, tree, c, all)
			check(t, c.Close())
		})
	}
}

// growBoth gives a new tree and a new chain the same 300 headers, on branches of branches, and
// returns them behind genesis.
func growBoth(t *testing.T, rng *rand.Rand, tree *spv.Tree, c *Chain) []spv.Block {
	t.Helper()
	all := []spv.Block{{Hash: tree.Tip().Hash}}
	for range 300 {
		on := all[max(0, len(all)-1-rng.IntN(4))]
		if rng.IntN(10) == 0 {
			on = all[rng.IntN(len(all))]
		}
		h := spv.Header{0: 4, 40: byte(rng.IntN(256))}
		copy(h[4:], on.Hash[:])
		_, median, _ := tree.After(on.Hash, 0)
		time := median + 1 + rng.Uint32N(40)
		binary.LittleEndian.PutUint32(h[68:], time)
		bits, _, ok := tree.After(on.Hash, time)
		if !ok {
			t.Fatal("no bits")
		}
		binary.LittleEndian.PutUint32(h[72:], bits)
		target, _ := spv.ParseTarget(bits)
		for id := h.ID(); !spv.Meets(&id, &target); id = h.ID() {
			binary.LittleEndian.PutUint32(h[76:], h.Nonce()+1)
		}
		_, err := tree.Connect([]spv.Sealed{{Header: h}}, 0)
		check(t, err)
		n, err := c.AcceptHeaders([]spv.Sealed{{Header: h}}, 0)
		if check(t, err); n != 1 {
			t.Fatalf("%d headers were new", n)
		}
		all = append(all, spv.Block{Height: on.Height + 1, Hash: h.ID()})
	}
	return all
}

// compareIndex asks both for the work, the place, the next target and the ancestors of every header.
func compareIndex(t *testing.T, rng *rand.Rand, tree *spv.Tree, c *Chain, all []spv.Block) {
	t.Helper()
	for _, b := range all {
		want, _ := tree.WorkAt(b.Hash)
		if got, ok := c.WorkAt(b.Hash); !ok || got != want {
			t.Fatalf("work of %s: %s, want %s", b, got.Hex(), want.Hex())
		}
		if at, ok := c.Lookup(b.Hash); !ok || at != b {
			t.Fatalf("%s is %s", b, at)
		}
		time := rng.Uint32N(2_000_000_000)
		bits, median, ok := c.After(b.Hash, time)
		wantBits, wantMedian, _ := tree.After(b.Hash, time)
		if !ok || bits != wantBits || median != wantMedian {
			t.Fatalf("after %s: %08x %d, want %08x %d", b, bits, median, wantBits, wantMedian)
		}
		for h := int32(-1); h <= b.Height+1; h++ {
			got, ok := c.Ancestor(b.Hash, h)
			if want, has := tree.Ancestor(b.Hash, h); ok != has || got != want {
				t.Fatalf("ancestor of %s at %d: %s", b, h, got)
			}
		}
	}
	best, locator := c.BestHeader()
	work, _ := c.WorkAt(best.Hash)
	if tree.Work() != work || !slices.Equal(c.locator(c.byID[tree.Tip().Hash]), tree.Locator()) || locator[0] != best.Hash {
		t.Fatalf("best header %s, want %s", best, tree.Tip())
	}
	if m := c.Missing(1000); len(m) != int(best.Height) || m[0].Height != 1 || m[len(m)-1] != best {
		t.Fatalf("%d missing up to %s", len(m), best)
	}
}

// TestReads asks what peers, RPC and miners ask.
func TestReads(t *testing.T) {
	p := testchain.Easy(t, "dev")
	g := genesisOf(t, p)
	c := quick(t, t.TempDir(), p, nil, Options{})
	list := run(p, g, 25, 1)
	var heads []spv.Sealed
	for _, b := range list {
		heads = append(heads, spv.Sealed{Header: b.header})
	}
	n, err := c.AcceptHeaders(heads, 0)
	if err != nil || n != 25 || c.Tip().Height != 0 {
		t.Fatalf("%d headers, %v", n, err)
	}
	readOutOfOrder(t, c, list)
	readHeaders(t, c, list)
	p.P2P.HeadersSize = 7*spv.HeaderSize + 1
	if sealed, err := c.Sealed(nil, spv.Hash{}); err != nil || len(sealed) != 7 {
		t.Fatalf("%d headers, %v", len(sealed), err)
	}
	readNowhere(t, c)
	readNext(t, c, list[24])
	readCoinbases(t, c, list[0], g)
	check(t, c.Close())
}

// readOutOfOrder hands over the blocks of known headers, the second before the first: what is
// missing is told each time.
func readOutOfOrder(t *testing.T, c *Chain, list []*made) {
	t.Helper()
	if m := c.Missing(3); len(m) != 3 || m[0] != list[0].ref() || m[2] != list[2].ref() {
		t.Fatalf("missing: %v", m)
	}
	r, err := c.Accept(list[1].raw, 0) // out of order
	if err != nil || r.Status != Side || r.Undo != 0 || len(r.Connected) != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	if m := c.Missing(3); m[0] != list[0].ref() || m[1] != list[2].ref() {
		t.Fatalf("missing: %v", m)
	}
	r, err = c.Accept(list[0].raw, 0)
	if err != nil || r.Status != Connected || len(r.Connected) != 2 || r.Tip != list[1].ref() || r.Headers[1] != list[1].header {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, b := range list[2:] {
		_, err := c.Accept(b.raw, 0)
		check(t, err)
	}
	if r, err := c.Accept(list[3].raw, 0); err != nil || r.Status != Duplicate || r.Block != list[3].ref() {
		t.Fatalf("%+v, %v", r, err)
	}
}

// readHeaders asks for the headers between a locator and where to stop.
func readHeaders(t *testing.T, c *Chain, list []*made) {
	t.Helper()
	sealed, err := c.Sealed([]spv.Hash{{9}, list[4].id, list[2].id}, list[9].id)
	if err != nil || len(sealed) != 5 || sealed[0].Header != list[5].header || sealed[4].Header != list[9].header {
		t.Fatalf("%d headers, %v", len(sealed), err)
	}
	if sealed, err := c.Sealed(nil, spv.Hash{}); err != nil || len(sealed) != 25 {
		t.Fatalf("%d headers, %v", len(sealed), err)
	}
}

// readNowhere asks for a block that nobody knows, and for what would be below and above the chain.
func readNowhere(t *testing.T, c *Chain) {
	t.Helper()
	if _, err := c.Block(spv.Hash{1}); !errors.Is(err, ErrUnknown) {
		t.Fatalf("got %v", err)
	}
	for _, h := range []int32{-1, 26} {
		if _, err := c.Filter(h); !errors.Is(err, ErrUnknown) {
			t.Fatalf("filter at %d: %v", h, err)
		}
		if _, err := c.Tally(h); !errors.Is(err, ErrUnknown) {
			t.Fatalf("tally at %d: %v", h, err)
		}
		if _, ok := c.BlockAt(h); ok {
			t.Fatalf("a block at %d", h)
		}
	}
}

// readNext: what Next says is what the block on top of the tip is judged by.
func readNext(t *testing.T, c *Chain, tip *made) {
	t.Helper()
	next, err := c.Next()
	check(t, err)
	if next.Prev != tip.ref() || next.MedianTime != tip.at(20).header.Time() || next.MedianTime != c.MedianTime() ||
		next.MedianTimeAt(10) != tip.at(5).header.Time() || c.NextBits(tip.header.Time()+10) != testchain.EasyBits {
		t.Fatalf("next: %+v", next)
	}
	head, err := c.FilterHeader(tip.height)
	if err != nil || head != next.FilterHeader {
		t.Fatalf("filter header %s, %v", head, err)
	}
}

// readCoinbases: a block's coinbase is a coin, that of genesis is none.
func readCoinbases(t *testing.T, c *Chain, first, genesis *made) {
	t.Helper()
	cb := first.txs[0]
	coin, err := c.Coin(wire.OutPoint{Hash: cb.TxHash()})
	if err != nil || coin == nil || coin.Height != 1 || !coin.Coinbase {
		t.Fatalf("coin %+v, %v", coin, err)
	}
	if coin, err := c.Coin(wire.OutPoint{Hash: genesis.txs[0].TxHash()}); err != nil || coin != nil {
		t.Fatalf("genesis's coinbase: %+v, %v", coin, err)
	}
}

// spoiled is a way to spoil a block, the check that finds it, and whether it is bad for ever.
type spoiled struct {
	spoil func(b *made) *made
	want  string
	ever  bool
}

// TestRefused spoils a block in one way each. Those that are bad for ever are remembered,
// the others do not stand in the way of the true one.
func TestRefused(t *testing.T) {
	p := testchain.Easy(t, "dev")
	g := genesisOf(t, p)
	for name, s := range map[string]spoiled{
		"a transaction more": {func(b *made) *made {
			return body(b.header, nil, b.prev, append(slices.Clone(b.txs), b.txs[0]))
		}, spv.CheckBlockRoot, false},
		"money from nowhere": {func(b *made) *made {
			return block(p, b.prev, 7, spend(5, 1, wire.OutPoint{Index: 3}))
		}, consensus.CheckCoin, true},
		"too much of a reward": {func(b *made) *made {
			cb := testchain.Coinbase(p, b.height, 7, nil)
			cb.TxOut[0].Value++
			h := testchain.HeaderOn(4, b.prev.id, []*wire.MsgTx{cb}, b.header.Time())
			testchain.Mine(&h)
			return body(h, nil, b.prev, []*wire.MsgTx{cb})
		}, consensus.CheckCoinbaseValue, true},
		"an old time": {func(b *made) *made {
			h := testchain.HeaderOn(4, b.prev.id, b.txs, b.prev.at(1).header.Time())
			testchain.Mine(&h)
			return body(h, nil, b.prev, b.txs)
		}, spv.CheckMedianTime, true},
		"a far time": {func(b *made) *made {
			h := testchain.HeaderOn(4, b.prev.id, b.txs, b.header.Time()+601)
			testchain.Mine(&h)
			return body(h, nil, b.prev, b.txs)
		}, spv.CheckFutureTime, false},
		"no work": {func(b *made) *made {
			h := testchain.HeaderOn(4, b.prev.id, b.txs, b.header.Time())
			target, _ := spv.ParseTarget(testchain.EasyBits)
			for id := h.ID(); spv.Meets(&id, &target); id = h.ID() {
				h[76]++
			}
			return body(h, nil, b.prev, b.txs)
		}, spv.CheckWork, true},
	} {
		t.Run(name, func(t *testing.T) { s.refused(t, p, run(p, g, 13, 1)) })
	}
}

// refused gives a chain all blocks of a list, the last one spoiled first.
func (s *spoiled) refused(t *testing.T, p *chains.Params, list []*made) {
	t.Helper()
	c := quick(t, t.TempDir(), p, nil, Options{})
	for _, b := range list[:12] {
		_, err := c.Accept(b.raw, 0)
		check(t, err)
	}
	good := list[12]
	bad := s.spoil(good)
	_, err := c.Accept(bad.raw, good.header.Time())
	var refused *spv.CheckError
	if !errors.As(err, &refused) || refused.Name != s.want {
		t.Fatalf("got %v, want %s", err, s.want)
	}
	var he *spv.HeaderError
	ever := consensus.Permanent(err)
	if errors.As(err, &he) {
		ever = he.Permanent()
	}
	if ever != s.ever {
		t.Fatalf("%v: for ever is %v", err, ever)
	}
	if e := c.byID[bad.id]; e != nil && e.has(invalid) != s.ever {
		t.Fatalf("remembered as invalid: %v", e.has(invalid))
	}
	if e := c.byID[bad.id]; e != nil && s.ever {
		if _, err := c.Accept(bad.raw, 0); err == nil && c.OnBest(bad.ref()) {
			t.Fatal("taken the second time")
		}
		if _, err := c.Accept(block(p, bad, 1).raw, 0); !errors.Is(err, errInvalid) {
			t.Fatalf("on top of it: %v", err)
		}
	}
	r, err := c.Accept(good.raw, good.header.Time())
	if err != nil || r.Status != Connected {
		t.Fatalf("the true block: %s, %v", r.Status, err)
	}
	check(t, c.Close())
}

// TestReadsMeanwhile reads from several goroutines while blocks come and go; for the race
// detector, and for what must hold at every moment.
func TestReadsMeanwhile(t *testing.T) {
	s := newStack(t, Options{FlushBlocks: 5})
	s.grow1(s.g1, 8)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for _, c := range []*Chain{s.l1, s.c} {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				select {
				case <-stop:
					return
				default:
					readAll(t, c)
				}
			}
		}()
	}
	rng := rand.New(rand.NewPCG(9, 9))
	for range 60 {
		s.randomStep(rng)
	}
	close(stop)
	wg.Wait()
	s.at(s.m2.tip(s.onBest))
}

func readAll(t *testing.T, c *Chain) {
	tip := c.Tip()
	if raw, err := c.Block(tip.Hash); err != nil || len(raw) == 0 {
		t.Errorf("tip %s: %v", tip, err)
	}
	next, err := c.Next()
	if err != nil || next.MedianTimeAt(next.Prev.Height) != next.MedianTime {
		t.Errorf("next: %v", err)
	}
	if list, err := c.Sealed(c.Locator(), spv.Hash{}); err != nil {
		t.Errorf("%d headers: %v", len(list), err)
	}
	c.Work()
	c.BestHeader()
	c.Missing(10)
	c.Branches()
	c.Parked()
	c.NextBits(uint32(tip.Height))
	_, _ = c.Supply()
	_, _ = c.Filter(tip.Height)
	_, _ = c.FilterHeader(tip.Height)
	_, _ = c.Burns(0, tip.Height)
	_, _, _ = c.Seal(tip.Height)
	_, _ = c.Coin(wire.OutPoint{Hash: tip.Hash})
	_, _ = c.Claimed(wire.OutPoint{Hash: tip.Hash})
}

// FuzzAccept: whatever bytes come, the chain stays as it was or moves to a block that
// follows the rules, and takes the next good block.
func FuzzAccept(f *testing.F) {
	p := testchain.Easy(f, "dev")
	list := run(p, genesisOf(f, p), 4, 1)
	for _, b := range list {
		f.Add(b.raw)
	}
	f.Add(list[2].raw[:100])
	f.Fuzz(func(t *testing.T, raw []byte) {
		c := quick(t, t.TempDir(), p, nil, Options{})
		defer c.Close()
		for _, b := range list[:3] {
			_, err := c.Accept(b.raw, 0)
			check(t, err)
		}
		r, err := c.Accept(raw, 0)
		if err == nil && r.Status == 0 || err != nil && len(r.Connected) > 0 {
			t.Fatalf("%+v, %v", r, err)
		}
		if r, err := c.Accept(list[3].raw, 0); err != nil || r.Status != Connected && r.Status != Duplicate && c.Tip().Height < 4 {
			t.Fatalf("the next block: %+v, %v", r, err)
		}
	})
}

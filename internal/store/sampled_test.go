package store

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/wire"
	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/spv"
)

// sampledWorld is a chain of which a start in the middle and what follows is placed.
type sampledWorld struct {
	all   []spv.Header // from height 1
	start []spv.Header
	first int32
	work  uint256.Int // up to the first of the start
	above []spv.Header
	mark  Sampled
}

func newSampledWorld() sampledWorld {
	all := link(genesis, 40, 1)
	w := sampledWorld{all: all, start: all[20:24], first: 21, work: *uint256.NewInt(2 * 22), above: all[24:30]}
	w.mark = Sampled{To: spv.Block{Height: 24, Hash: all[23].ID()}, Security: 32, Opened: 300, Open: 2, When: 1_700_000_000}
	return w
}

func (w *sampledWorld) change() spv.Change {
	return spv.Change{Headers: w.above, Proofs: make([]*spv.AuxPoW, len(w.above))}
}

func (w *sampledWorld) place(c *Chain) error {
	return c.Place(w.start, w.first, w.work, w.change(), w.mark)
}

// holdsSampled fails unless the chain holds a beginning in the middle, up to a height.
func (w *sampledWorld) holds(t *testing.T, c *Chain, to int32) {
	t.Helper()
	tip, work := c.Tip()
	mark := c.Sampled()
	if mark == nil || *mark != w.mark || c.Base() != (spv.Block{Height: w.first, Hash: w.start[0].ID()}) ||
		tip != (spv.Block{Height: to, Hash: w.all[to-1].ID()}) || work != *uint256.NewInt(uint64(2 * (to + 1))) {
		t.Fatalf("from %s to %s with work %v, sampled %+v", c.Base(), tip, &work, mark)
	}
	headers, err := c.Headers(w.first, to-w.first+1)
	if err != nil || !slices.Equal(headers, w.all[w.first-1:to]) {
		t.Fatal(err)
	}
	if _, err := c.Headers(w.first-1, 1); err == nil {
		t.Fatal("a header below the start was read")
	}
}

// TestPlaced: a chain that begins in the middle is there again after it was opened anew, grows, shrinks, and can go back to genesis.
func TestPlaced(t *testing.T) {
	w := newSampledWorld()
	dir := t.TempDir()
	s, c, _ := open(t, dir)
	if c.Sampled() != nil {
		t.Fatal("sampled from the start")
	}
	check(t, w.place(c))
	w.holds(t, c, 30)
	check(t, s.Close())
	s, c, cut := open(t, dir)
	if cut != 0 {
		t.Fatalf("%d cut", cut)
	}
	w.holds(t, c, 30)
	check(t, c.Apply(spv.Change{Headers: w.all[30:], Proofs: make([]*spv.AuxPoW, 10)}))
	w.holds(t, c, 40)
	check(t, c.Apply(spv.Change{Undo: 15}))
	w.holds(t, c, 25)
	if parents, err := c.Parents(w.first, 5); err != nil || len(parents) != 5 {
		t.Fatal(err)
	}
	check(t, c.AppendFilters(23, make([]spv.Hash, 3), [][]byte{{1}, {2}, {3}}))
	if err := w.place(c); err == nil || !strings.Contains(err.Error(), "want genesis alone") {
		t.Fatalf("placed twice: %v", err)
	}
	check(t, c.Unplace(genesis, one))
	for range 2 {
		tip, work := c.Tip()
		if c.Sampled() != nil || tip != (spv.Block{Hash: genesis.ID()}) || c.Base() != tip || work != one || c.FiltersTo() > 0 {
			t.Fatalf("from %s to %s with work %v, sampled %+v, filters to %d", c.Base(), tip, &work, c.Sampled(), c.FiltersTo())
		}
		check(t, s.Close())
		s, c, _ = open(t, dir)
	}
	check(t, c.Apply(spv.Change{Headers: w.all}))
	holds(t, c, w.all)
	check(t, c.Unplace(genesis, one)) // there is nothing to go back from
	holds(t, c, w.all)
	check(t, s.Close())
}

// TestPlaceRefuses: nothing is changed by what cannot be placed.
func TestPlaceRefuses(t *testing.T) {
	w := newSampledWorld()
	for want, spoil := range map[string]func(s *Store, c *Chain, w *sampledWorld){
		"want genesis alone": func(_ *Store, c *Chain, w *sampledWorld) { check(t, c.Apply(spv.Change{Headers: w.all[:1]})) },
		"0 headers from 21":  func(_ *Store, _ *Chain, w *sampledWorld) { w.start = nil },
		"4 headers from 0":   func(_ *Store, _ *Chain, w *sampledWorld) { w.first = 0 },
		"header 23 builds on": func(_ *Store, _ *Chain, w *sampledWorld) {
			w.start = append(slices.Clone(w.start[:1]), w.start[2:]...)
			w.first = 22
		},
	} {
		s, c, _ := open(t, t.TempDir())
		w := w
		spoil(s, c, &w)
		before, _ := c.Tip()
		if err := w.place(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
		if tip, _ := c.Tip(); tip != before || c.Base().Height != 0 || c.Sampled() != nil {
			t.Errorf("%s: from %s to %s", want, c.Base(), tip)
		}
		check(t, c.Apply(spv.Change{Headers: w.all[before.Height:]}))
		holds(t, c, w.all)
		check(t, s.Close())
	}
}

// TestChainWallets names the wallets of one chain, whatever others there are.
func TestChainWallets(t *testing.T) {
	s, c, _ := open(t, t.TempDir())
	for _, at := range [][2]string{{c.name, "savings"}, {c.name + "x", "other"}, {c.name, "daily"}} {
		wallet, err := s.Wallet(at[0], at[1])
		check(t, err)
		check(t, wallet.Write([]Record{{Key: []byte{1}, Value: []byte{1}}}))
	}
	if names, err := c.Wallets(); err != nil || !slices.Equal(names, []string{"daily", "savings"}) {
		t.Errorf("%q, %v", names, err)
	}
	check(t, s.Close())
}

// TestPlaceKilled kills a history with a beginning in the middle, and the way back to genesis, at every byte that it writes.
func TestPlaceKilled(t *testing.T) {
	w := newSampledWorld()
	steps := []func(c *Chain) error{w.place,
		func(c *Chain) error {
			return c.Apply(spv.Change{Headers: w.all[30:33], Proofs: make([]*spv.AuxPoW, 3)})
		},
		func(c *Chain) error { return c.Unplace(genesis, one) },
		func(c *Chain) error { return c.Apply(spv.Change{Headers: w.all[:5]}) },
	}
	everyByte(t, steps, func(t *testing.T, c *Chain, done int) {
		tip, _ := c.Tip()
		state := fmt.Sprintf("%v %d", c.Sampled() != nil, tip.Height)
		states := []string{"false 0", "true 30", "true 33", "false 0", "false 5"}
		if !slices.Contains(states[done:min(done+2, 5)], state) {
			t.Fatalf("%s after %d steps", state, done)
		}
		if c.Sampled() != nil {
			w.holds(t, c, tip.Height)
			check(t, c.Apply(spv.Change{Headers: w.all[tip.Height:]}))
			w.holds(t, c, 40)
			return
		}
		finish(t, c, w.all)
		holds(t, c, w.all)
	})
}

// TestUndoAllProofs: everything that is kept of a chain can go at once, however many pages of the database it takes.
func TestUndoAllProofs(t *testing.T) {
	tx := wire.NewMsgTx(1)
	tx.AddTxIn(wire.NewTxIn(wire.NewOutPoint(&spv.Hash{}, wire.MaxPrevOutIndex), []byte{1, 2}, nil))
	tx.AddTxOut(wire.NewTxOut(1, make([]byte, 300)))
	var raw bytes.Buffer
	check(t, tx.Serialize(&raw))
	coinbase, _, err := spv.ParseTx(raw.Bytes())
	check(t, err)
	change := spv.Change{Headers: link(genesis, 2*markEvery, 1)}
	for range change.Headers {
		change.Proofs = append(change.Proofs, &spv.AuxPoW{Coinbase: coinbase})
	}
	s, c, _ := open(t, t.TempDir())
	check(t, c.Apply(change))
	if p, err := c.Proof(2 * markEvery); err != nil || p == nil {
		t.Fatal(p, err)
	}
	check(t, c.Apply(spv.Change{Undo: len(change.Headers)}))
	for height := range int32(2*markEvery + 1) {
		if p, err := c.Proof(height); err != nil || p != nil {
			t.Fatalf("proof %d is still there: %v", height, err)
		}
	}
	check(t, c.Apply(change))
	holds(t, c, change.Headers)
	check(t, s.Close())
}

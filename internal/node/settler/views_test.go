package settler_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/chain"
	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/internal/node/settler"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/spv/risk"
)

// moving is a chain that moves in the middle of being read.
type moving struct {
	*chain.Chain
	at   int32
	move func()
}

func (m *moving) BlockAt(height int32) (spv.Block, bool) {
	if m.move != nil && height == m.at {
		m.move()
		m.move = nil
	}
	return m.Chain.BlockAt(height)
}

func wantRefusal(t *testing.T, err error, want string) {
	t.Helper()
	var r *settler.Refusal
	if !errors.As(err, &r) || r.Name != want {
		t.Fatalf("got %v, want %s", err, want)
	}
}

// TestMovesMeanwhile: a ledger that is read while the L1 is reorganised says so, and is
// right the next time.
func TestMovesMeanwhile(t *testing.T) {
	w, c, coin := funded(t, "dev-native")
	_, tx := w.burn(coin, 100_000, 5000)
	w.pool2 = append(w.pool2, tx)
	c.rounds(12)
	l1 := &moving{Chain: w.l1, at: w.l1.Tip().Height - 1}
	l1.move = func() { w.reorg(6) }
	l, err := settler.NewLedger(w.l2, l1)
	check(t, err)
	wantRefusal(t, l.Update(), settler.RefuseBehind)
	check(t, l.Update())
	got, err := l.Supply()
	check(t, err)
	check(t, got.Check())
	if n := len(l.Settled()); n != 1 {
		t.Fatalf("%d batches in L1, want none after the reorganisation", n-1)
	}
}

// TestLayerLags: as long as the layer has not seen that the L1 lost a deposit, nothing is
// said about the accounts.
func TestLayerLags(t *testing.T) {
	w, c, _ := funded(t, "dev-native")
	w.pool = w.pool[:1]
	w.deaf = true
	w.reorg(11)
	c.step(0, settler.Moved{})
	c.refusal(0, settler.RefuseBehind)
	w.deaf = false
	_, err := w.l2.ParentMoved(0)
	check(t, err)
	c.step(0, settler.Moved{})
	c.refusal(0, "")
}

// either is one of two views of a layer.
type either struct{ *chain.Chain }

// TestCutLeaves: a batch whose cut has left the layer's best chain is an alarm, until it is
// back.
func TestCutLeaves(t *testing.T) {
	w, c, coin := funded(t, "dev-native")
	layer := &either{w.l2}
	c.seats[0].layer = layer
	c.start(0)
	_, tx := w.burn(coin, 100_000, 5000)
	w.pool2 = append(w.pool2, tx)
	c.rounds(12)
	done := c.seats[0].machine.Ledger().Settled()
	if len(done) != 2 {
		t.Fatalf("%d batches in L1, want 1", len(done)-1)
	}
	old := w.l2
	other, err := chain.Open(t.TempDir(), w.p2, w.l1, chain.Options{})
	check(t, err)
	defer other.Close()
	for h := int32(1); h < done[1].Cut.Height; h++ {
		at, _ := old.BlockAt(h)
		raw, err := old.Block(at.Hash)
		check(t, err)
		_, err = other.Accept(raw, 0)
		check(t, err)
	}
	w.l2, w.pool2, layer.Chain = other, nil, other
	w.mine(2)
	c.step(0, settler.Moved{})
	c.refusal(0, settler.RefuseBatch)
	w.l2, layer.Chain = old, old
	_, err = old.ParentMoved(0)
	check(t, err)
	c.step(0, settler.Moved{})
	c.refusal(0, "")
}

// TestNumberAgain: k settlers who make a second batch with a number that was used are found
// out, though each of the two follows from a state.
func TestNumberAgain(t *testing.T) {
	w := newWorld(t, "dev-native", nil)
	w.link()
	var claims []*wire.MsgTx
	for range 2 {
		d := w.deposit(100_000, 0)
		w.mine(8)
		claims = append(claims, w.claim(d))
		w.pool2 = append(w.pool2, claims[len(claims)-1])
	}
	w.mine(2)
	c := newCourt(t, w, rand.New(rand.NewPCG(1, 1)), three(t)...)
	_, one := w.burn(wire.OutPoint{Hash: claims[0].TxHash()}, 100_000, 5000)
	w.pool2 = append(w.pool2, one)
	c.rounds(12)
	done := c.seats[0].machine.Ledger().Settled()
	_, two := w.burn(wire.OutPoint{Hash: claims[1].TxHash()}, 100_000, 5000)
	w.pool2 = append(w.pool2, two)
	w.mine(1)
	if len(done) != 2 {
		t.Fatalf("%d batches in L1, want 1", len(done)-1)
	}
	burns, err := w.l2.Burns(0, w.l2.Tip().Height)
	check(t, err)
	d := w.open[1]
	at, err := w.l1.Coin(wire.OutPoint{Hash: d.tx.TxHash(), Index: 1})
	check(t, err)
	mark := d.terms.Hash(w.p2)
	for _, number := range []uint32{done[1].Number, done[1].Number + 1} {
		b, _, err := peg.Derive(w.p2, w.p1, peg.State{
			Height: int32(peg.BatchHeight(w.p2, number)), Cut: w.l2.Tip(), FeeRate: 1, Connector: wire.OutPoint{Hash: done[1].TxID},
			Coins: []peg.Coin{{Outpoint: wire.OutPoint{Hash: d.tx.TxHash(), Index: 1}, Height: at.Height, Value: 100_000, Mark: &mark}},
			Burns: burns[1:],
		})
		check(t, err)
		w.pool = append(w.pool, rogue(t, &settler.Sign{Batch: b}))
		w.mine(1)
		c.step(2, settler.Moved{})
		if number == done[1].Number {
			c.refusal(2, settler.RefuseBatch)
			w.pool = w.pool[:len(w.pool)-1]
			w.reorg(1)
			continue
		}
		c.refusal(2, "")
		if n := len(c.seats[2].machine.Ledger().Settled()); n != 3 {
			t.Fatalf("%d batches in L1, want 2", n-1)
		}
	}
}

// late is an L1 that grows when it is asked for a coin.
type late struct {
	*chain.Chain
	grow func()
}

func (l *late) Coin(op wire.OutPoint) (*consensus.Coin, error) {
	if grow := l.grow; grow != nil {
		l.grow = nil
		grow()
	}
	return l.Chain.Coin(op)
}

// TestMovesBeforeSigning: if a chain has moved by the time that everything is known, nothing
// is signed; what is due then may be another batch.
func TestMovesBeforeSigning(t *testing.T) {
	w, _, coin := funded(t, "dev-native")
	_, tx := w.burn(coin, 100_000, 5000)
	w.pool2 = append(w.pool2, tx)
	w.mine(9)
	log := memory{}
	m, err := settler.New(settler.Config{Layer: w.l2, L1: &late{w.l1, func() { w.mine(1) }}, Keys: keyFile(t, 1).Keys(), Log: log,
		Synced: func() bool { return true }, Share: func() (risk.Share, error) { return risk.Share{Low: 0.5}, nil }})
	check(t, err)
	if out := m.Step(settler.Moved{}); len(out) > 0 || len(log) > 0 || name(m.Status().Refusal) != settler.RefuseBehind {
		t.Fatalf("%+v, %d records, %v", out, len(log), m.Status().Refusal)
	}
	if out := m.Step(settler.Moved{}); len(out) != 1 || len(log) != 1 || m.Status().Refusal != nil {
		t.Fatalf("%+v, %d records, %v", out, len(log), m.Status().Refusal)
	}
}

// TestBatchMinedMeanwhile: a batch that gets into a block while the vault is looked at is not taken for theft.
func TestBatchMinedMeanwhile(t *testing.T) {
	w, _, s := thieves(t)
	w.pool = append(w.pool, rogue(t, s)) // as it should be
	m, err := settler.New(settler.Config{Layer: w.l2, L1: &late{w.l1, func() { w.mine(1) }}, Log: memory{},
		Synced: func() bool { return true }, Share: func() (risk.Share, error) { return risk.Share{Low: 0.5}, nil }})
	check(t, err)
	for _, want := range []string{settler.RefuseBehind, ""} {
		m.Step(settler.Moved{})
		if got := name(m.Status().Refusal); got != want {
			t.Fatalf("refusal %v, want %q", m.Status().Refusal, want)
		}
	}
	if n := len(m.Ledger().Settled()); n != 2 {
		t.Fatalf("%d batches in L1, want 1", n-1)
	}
}

// TestLost: signatures that nobody heard, and those that a settler forgot when he was
// killed, come again.
func TestLost(t *testing.T) {
	w, _, coin := funded(t, "dev-native")
	_, tx := w.burn(coin, 100_000, 5000)
	w.pool2 = append(w.pool2, tx)
	w.mine(9)
	known := len(w.pool)
	c := newCourt(t, w, rand.New(rand.NewPCG(1, 1)), three(t)[:2]...)
	c.lines = nil
	if s := c.seats[0].machine.Status(); s.Complete || s.Signatures[0] != 1 {
		t.Fatalf("%+v", s)
	}
	c.kill(1)
	c.start(1)
	c.lines = nil
	c.all(settler.Tick{})
	for i := range c.seats {
		if s := c.seats[i].machine.Status(); !s.Complete {
			t.Fatalf("settler %d: %+v", i, s)
		}
	}
	w.pool = w.pool[:known] // the broadcast is lost, too
	c.all(settler.Tick{})
	if len(w.pool) != known+1 {
		t.Fatalf("%d transactions are broadcast again, want 1", len(w.pool)-known)
	}
}

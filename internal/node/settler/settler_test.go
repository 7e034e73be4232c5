package settler_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/settler"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/peg"
)

// funded is a world with a connector, a deposit of 500,000 sat claimed at the returned
// outpoint of the layer, and its settlers.
func funded(t testing.TB, layer string) (*world, *court, wire.OutPoint) {
	t.Helper()
	w := newWorld(t, layer, nil)
	w.link()
	d := w.deposit(500_000, 0)
	w.mine(8)
	claim := w.claim(d)
	w.pool2 = append(w.pool2, claim)
	w.mine(2)
	c := newCourt(t, w, rand.New(rand.NewPCG(1, 1)), three(t)...)
	return w, c, wire.OutPoint{Hash: claim.TxHash()}
}

// paid returns what the L1's best chain pays to a script, and how many times.
func (w *world) paid(script []byte) (total int64, times int) {
	for h := int32(1); h <= w.l1.Tip().Height; h++ {
		at, _ := w.l1.BlockAt(h)
		for _, tx := range w.block(w.l1, at.Hash).Txs {
			for _, out := range tx.TxOut {
				if bytes.Equal(out.PkScript, script) {
					total, times = total+out.Value, times+1
				}
			}
		}
	}
	return total, times
}

func (c *court) refusal(i int, want string) {
	c.t.Helper()
	r := c.seats[i].machine.Status().Refusal
	if got := name(r); got != want {
		c.t.Fatalf("settler %d refuses because of %q (%v), want %q", i, got, r, want)
	}
}

func name(r *settler.Refusal) string {
	if r == nil {
		return ""
	}
	return r.Name
}

// TestPaid: a burn is paid once, with one settler dead, on the native and on the fractional
// layer; the layer's L1 has judged every script.
func TestPaid(t *testing.T) {
	for _, layer := range []string{"dev-native", "dev-fractional"} {
		t.Run(layer, func(t *testing.T) {
			w, c, coin := funded(t, layer)
			c.kill(1)
			script, tx := w.burn(coin, 100_000, 5000)
			w.pool2 = append(w.pool2, tx)
			c.rounds(20)
			total, times := w.paid(script)
			if times != 1 || total < 95_000 || total >= 100_000 {
				t.Fatalf("paid %d times, %d sat", times, total)
			}
			s := c.seats[0].machine.Status()
			if s.Refusal != nil || s.Supply.Burned != 100_000 || s.Supply.Unpaid != 0 || s.Supply.Vault != 400_000 || s.Supply.Claimed != 500_000 {
				t.Fatalf("%+v", s)
			}
			done := c.seats[2].machine.Ledger().Settled()
			if len(done) != 2 || done[1].Payouts[0].Value != total || done[1].Attempt != 0 {
				t.Fatalf("%+v", done)
			}
		})
	}
}

// TestReorgRemovesDeposit: when the L1 loses a deposit for good, the layer loses its mint,
// and both accounts agree again.
func TestReorgRemovesDeposit(t *testing.T) {
	w, c, coin := funded(t, "dev-native")
	w.pool = w.pool[:1] // the connector; nobody sends the deposit again
	w.reorg(11)
	c.all(settler.Moved{})
	w.mine(12)
	c.all(settler.Moved{})
	s := c.seats[0].machine.Status()
	if s.Refusal != nil || s.Supply != (peg.Supply{}) {
		t.Fatalf("%+v", s)
	}
	if out, err := w.l2.Coin(coin); err != nil || out != nil {
		t.Fatalf("the mint is still there: %+v, %v", out, err)
	}
}

// TestFeeRises: a batch that no miner takes is signed again for a higher fee, under the same
// number; of all its attempts one is mined, and found again in L1 as what it is.
func TestFeeRises(t *testing.T) {
	w, c, coin := funded(t, "dev-native")
	script, tx := w.burn(coin, 200_000, 100_000)
	w.pool2 = append(w.pool2, tx)
	known := len(w.pool)
	var held []*wire.MsgTx
	for range 50 {
		c.rounds(1)
		held = append(held, w.pool[known:]...)
		w.pool = w.pool[:known]
	}
	var attempts []*wire.MsgTx
	for _, tx := range held { // they come again and again
		if n := len(attempts); n == 0 || attempts[n-1].TxHash() != tx.TxHash() {
			attempts = append(attempts, tx)
		}
	}
	if len(attempts) != 3 {
		t.Fatalf("%d attempts in 50 blocks, want 3", len(attempts))
	}
	for i, tx := range attempts[1:] {
		was := attempts[i]
		if tx.LockTime != was.LockTime || tx.TxIn[0].PreviousOutPoint != was.TxIn[0].PreviousOutPoint {
			t.Fatalf("attempt %d is of another batch", i+1)
		}
		low, high := 200_000-was.TxOut[len(was.TxOut)-1].Value, 200_000-tx.TxOut[len(tx.TxOut)-1].Value
		if high < low*3/2-1 || high > low*3/2+1 {
			t.Fatalf("attempt %d pays %d sat, the one before %d", i+1, high, low)
		}
	}
	w.pool = append(w.pool, attempts[1], attempts[2], attempts[0]) // the miner takes the first he can
	c.rounds(10)
	if _, times := w.paid(script); times != 1 {
		t.Fatalf("paid %d times", times)
	}
	done := c.seats[0].machine.Ledger().Settled()
	if len(done) != 2 || done[1].Attempt != 1 || done[1].TxID != attempts[1].TxHash() {
		t.Fatalf("%+v", done)
	}
	w.reorg(10) // and another attempt is mined in its place
	c.all(settler.Moved{})
	w.pool = append(w.pool[:known], attempts[2], attempts[0])
	c.rounds(6)
	if _, times := w.paid(script); times != 1 {
		t.Fatalf("paid %d times after the reorganisation", times)
	}
	if done := c.seats[0].machine.Ledger().Settled(); len(done) != 2 || done[1].Attempt != 2 {
		t.Fatalf("%+v", done)
	}
}

// TestRefresh: vault outputs that have reached the age are moved with the next batch.
func TestRefresh(t *testing.T) {
	w := newWorld(t, "dev-native", func(p2 *chains.Params) { p2.Peg.Refresh = 12 })
	w.link()
	var coin wire.OutPoint
	for range 3 {
		d := w.deposit(100_000, 0)
		w.mine(8)
		claim := w.claim(d)
		w.pool2 = append(w.pool2, claim)
		coin = wire.OutPoint{Hash: claim.TxHash()}
	}
	w.mine(2)
	c := newCourt(t, w, rand.New(rand.NewPCG(1, 1)), three(t)...)
	_, tx := w.burn(coin, 50_000, 5000)
	w.pool2 = append(w.pool2, tx)
	c.rounds(14)
	done := c.seats[0].machine.Ledger().Settled()
	if len(done) != 2 || len(done[1].Payouts) != 1 {
		t.Fatalf("%+v", done)
	}
	batch, ok := w.find(done[1])
	if !ok || len(batch.TxIn) < 3 {
		t.Fatalf("the batch has %d inputs, want connector and all that are old", len(batch.TxIn))
	}
}

// find returns a batch from its block.
func (w *world) find(s settler.Settled) (*wire.MsgTx, bool) {
	for _, tx := range w.block(w.l1, s.Block.Hash).Txs {
		if tx.TxHash() == s.TxID {
			return tx, true
		}
	}
	return nil, false
}

// TestHandover: from a new set's office on, batches pay connector and change to it; what
// the old set holds is signed by the old one, and nobody needs to move anything by hand.
func TestHandover(t *testing.T) {
	w := newWorld(t, "dev-native", func(p2 *chains.Params) {
		old := p2.Settlers[0]
		old.To = 60
		next := chains.Settlers{From: 44, To: 1 << 30, K: 2, KR: 2}
		for n := 4; n <= 6; n++ {
			next.Keys = append(next.Keys, keyFile(t, n).Keys()[0])
		}
		p2.Settlers = []chains.Settlers{old, next}
	})
	w.link()
	d := w.deposit(500_000, 0)
	w.mine(8)
	claim := w.claim(d)
	w.pool2 = append(w.pool2, claim)
	w.mine(2)
	keys := three(t)
	for n := 4; n <= 6; n++ {
		keys = append(keys, keyFile(t, n))
	}
	c := newCourt(t, w, rand.New(rand.NewPCG(1, 1)), keys...)
	coin := wire.OutPoint{Hash: claim.TxHash()}
	var scripts [][]byte
	for range 3 {
		script, tx := w.burn(coin, 100_000, 5000)
		w.pool2, scripts = append(w.pool2, tx), append(scripts, script)
		coin = wire.OutPoint{Hash: tx.TxHash(), Index: 1}
		c.rounds(16)
		if len(scripts) == 2 { // all is in the new set's hands
			for i := range 3 {
				c.kill(i)
			}
		}
	}
	for i, script := range scripts {
		if _, times := w.paid(script); times != 1 {
			t.Fatalf("burn %d: paid %d times", i, times)
		}
	}
	done := c.seats[5].machine.Ledger().Settled()
	if len(done) != 4 {
		t.Fatalf("%d batches, want 3", len(done)-1)
	}
	for i, s := range done[1:] {
		tx, _ := w.find(s)
		want := settler.FirstLink(w.p2, w.p1, 1)[0].PkScript
		if s.Number*3 < 44 {
			want = settler.FirstLink(w.p2, w.p1, 0)[0].PkScript
		}
		if !bytes.Equal(tx.TxOut[0].PkScript, want) || !bytes.Equal(tx.TxOut[2].PkScript, want) {
			t.Fatalf("batch %d: connector and change are not the newest set's", i)
		}
	}
}

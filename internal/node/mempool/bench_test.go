package mempool

import (
	"runtime"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/internal/node/template"
)

// TestCost: the estimate of memory is near the truth, and not below it by much.
func TestCost(t *testing.T) {
	w := newWorld(t, "dev", nil)
	var txs []*wire.MsgTx
	for range 20_000 {
		txs = append(txs, w.pay(1000))
	}
	heap := func() int64 {
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return int64(s.HeapAlloc)
	}
	before := heap()
	for _, tx := range txs {
		// The pool holds transactions as they were parsed, which the test made before.
		raw, err := consensus.ParseTx(w.p, serialize(tx))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.pool.Add(w.now, raw, 1); err != nil {
			t.Fatal(err)
		}
	}
	grown, said := heap()-before, w.pool.Stats(w.now).Used
	if grown > said*12/10 || grown < said/3 {
		t.Fatalf("%d bytes, said %d", grown, said)
	}
	t.Logf("%d bytes, said %d", grown, said)
	runtime.KeepAlive(txs)
}

// BenchmarkAccept measures how many transactions of one P2WPKH input and two outputs a pool
// takes, signatures included.
func BenchmarkAccept(b *testing.B) {
	w := newWorld(b, "dev", func(c *Config) { c.Cache = consensus.NewSigCache(100_000, [32]byte{}) })
	s := newSigner()
	var txs []*wire.MsgTx
	for b.Loop() {
		b.StopTimer()
		op := w.coin(1_000_000)
		w.coins[op] = consensus.Coin{Value: 1_000_000, Script: s.script, Height: 1}
		tx := w.spend([]wire.OutPoint{op}, 500_000, 499_000)
		s.sign(b, tx, 1_000_000)
		txs = append(txs, tx)
		b.StartTimer()
		if _, err := w.pool.Add(w.now, tx, 1); err != nil {
			b.Fatal(err)
		}
	}
	if s := w.pool.Stats(w.now); s.Count != len(txs) {
		b.Fatalf("%d of %d", s.Count, len(txs))
	}
}

// BenchmarkReplace measures a replacement, without signatures, in a pool of 10,000.
func BenchmarkReplace(b *testing.B) {
	w := newWorld(b, "dev", nil)
	for range 10_000 {
		if _, err := w.pool.Add(w.now, w.pay(1000), 1); err != nil {
			b.Fatal(err)
		}
	}
	op := []wire.OutPoint{w.coin(1_000_000_000_000)}
	fee := int64(1000)
	for b.Loop() {
		if _, err := w.pool.Add(w.now, w.spend(op, 1_000_000_000_000-fee), 1); err != nil {
			b.Fatal(err)
		}
		fee += 1000
	}
}

// BenchmarkTemplate measures candidates and choice from a pool of 10,000, some in chains.
func BenchmarkTemplate(b *testing.B) {
	w := newWorld(b, "dev", nil)
	for i := range 5_000 {
		tx := w.pay(1000 + int64(i))
		for _, x := range []*wire.MsgTx{tx, w.child(tx, 1000)} {
			if _, err := w.pool.Add(w.now, x, 1); err != nil {
				b.Fatal(err)
			}
		}
	}
	for b.Loop() {
		list, err := w.pool.Candidates()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := template.Choose(list, template.Room{Weight: w.p.BlockWeight, SigOps: 80_000}); err != nil {
			b.Fatal(err)
		}
	}
}

package wallet

import (
	"sync/atomic"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"
)

// rich returns a wallet with n coins in n transactions.
func rich(b *testing.B, n int) *world {
	b.Helper()
	w := newWorld(b, "dev", 1)
	script := w.receive(2)
	for n > 0 {
		txs := make([]*wire.MsgTx, min(n, 1000))
		for i := range txs {
			txs[i] = w.pay(script, 10_000+w.rng.Int64N(10_000_000))
		}
		n -= len(txs)
		w.mine(txs...)
	}
	b.ResetTimer()
	return w
}

func BenchmarkBalance100k(b *testing.B) {
	w := rich(b, 100_000)
	for b.Loop() {
		if w.c.Balance().Coins != 100_000 {
			b.Fatal("coins are missing")
		}
	}
}

func BenchmarkHistoryPage100k(b *testing.B) {
	w := rich(b, 100_000)
	for b.Loop() {
		if len(w.c.History(90_000, 100)) != 100 {
			b.Fatal("rows are missing")
		}
	}
}

func BenchmarkCoins100k(b *testing.B) {
	w := rich(b, 100_000)
	for b.Loop() {
		_ = w.c.Coins()
	}
}

func BenchmarkOpen100k(b *testing.B) {
	w := rich(b, 100_000)
	for b.Loop() {
		w.open(w.c.Params())
	}
}

func benchmarkDraft(b *testing.B, coins int, amount int64) {
	w := rich(b, coins)
	r := Request{Rate: 3000, Change: 2, Recipients: []Recipient{{Script: w.stranger(), Amount: amount}}}
	for b.Loop() {
		if _, err := w.c.Draft(r, w.rng); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDraft10k(b *testing.B)  { benchmarkDraft(b, 10_000, 1_000_000_000) }
func BenchmarkDraft100k(b *testing.B) { benchmarkDraft(b, 100_000, 1_000_000_000) }

// BenchmarkSign1000 signs and verifies 1,000 inputs.
func BenchmarkSign1000(b *testing.B) {
	w := rich(b, 1000)
	d := w.draft(Request{Rate: 1000, Recipients: []Recipient{{Script: w.stranger(), Max: true}}})
	for b.Loop() {
		if _, err := d.Sign(w.keys.Unchecked(), anyway...); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSign1000Library does the same with the library alone, on the same cores: hash,
// sign and run the script of each of 1,000 inputs, one key for all.
func BenchmarkSign1000Library(b *testing.B) {
	w := rich(b, 1000)
	d := w.draft(Request{Rate: 1000, Recipients: []Recipient{{Script: w.stranger(), Max: true}}})
	key, _ := btcec.PrivKeyFromBytes([]byte{7})
	pub := key.PubKey().SerializeCompressed()
	script := witnessKeyHash(pub)
	for b.Loop() {
		tx := d.tx.Copy()
		outs := map[wire.OutPoint]*wire.TxOut{}
		for _, in := range tx.TxIn {
			outs[in.PreviousOutPoint] = wire.NewTxOut(1000, script)
		}
		f := txscript.NewMultiPrevOutFetcher(outs)
		hashes := txscript.NewTxSigHashes(tx, f)
		var bad atomic.Bool
		parallel(len(tx.TxIn), func(i int) {
			hash, _ := txscript.CalcWitnessSigHash(script, hashes, txscript.SigHashAll, tx, i, 1000)
			tx.TxIn[i].Witness = wire.TxWitness{append(ecdsa.Sign(key, hash).Serialize(), 1), pub}
		})
		parallel(len(tx.TxIn), func(i int) {
			e, err := txscript.NewEngine(script, tx, i, txscript.StandardVerifyFlags, nil, hashes, 1000, f)
			if err != nil || e.Execute() != nil {
				bad.Store(true)
			}
		})
		if bad.Load() {
			b.Fatal("does not verify")
		}
	}
}

// BenchmarkSignECDSA is what one signature of the keyring costs, its key's derivation
// included.
func BenchmarkSignECDSA(b *testing.B) {
	w := newWorld(b, "dev", 1)
	path := w.c.Accounts()[2].Path.Child(0, 5)
	for b.Loop() {
		if _, err := w.keys.SignECDSA(path, [32]byte{1}); err != nil {
			b.Fatal(err)
		}
	}
}

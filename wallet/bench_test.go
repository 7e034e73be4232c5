package wallet

import (
	"crypto/sha256"
	"sync/atomic"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
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

// combine1000 plans a combination of 1,000 coins of one account.
func combine1000(b *testing.B, account int) (*world, *Draft) {
	w := newWorld(b, "dev", 1)
	script := w.receive(account)
	txs := make([]*wire.MsgTx, 1000)
	for i := range txs {
		txs[i] = w.pay(script, 10_000+w.rng.Int64N(10_000_000))
	}
	w.mine(txs...)
	return w, w.draft(Request{Rate: 1000, Recipients: []Recipient{{Script: w.stranger(), Max: true}}})
}

// anyKey is the library's key: a full one, as to multiply by a small number takes less.
func anyKey() (*btcec.PrivateKey, *btcec.PublicKey) {
	digest := sha256.Sum256([]byte("any"))
	return btcec.PrivKeyFromBytes(digest[:])
}

// BenchmarkSign1000 signs a combination of 1,000 coins and runs every script, beside the library that does the same, on as
// many cores, with one key for all, and whose ECDSA signatures take whatever R comes.
func BenchmarkSign1000(b *testing.B) {
	for name, account := range map[string]int{"p2wpkh": 2, "p2tr": 3} {
		w, d := combine1000(b, account)
		b.Run(name+"/wallet", func(b *testing.B) {
			for b.Loop() {
				if _, err := d.Sign(w.keys.Unchecked(), anyway...); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/library", func(b *testing.B) {
			l := newLibrary(d, name == "p2tr")
			for b.Loop() {
				l.sign()
				if !l.verify() {
					b.Fatal("does not verify")
				}
			}
		})
	}
}

// BenchmarkSignOnly1000 makes 1,000 signatures (low-R where ECDSA) of hashes that are known, keys derived, beside the
// library's bare ones.
func BenchmarkSignOnly1000(b *testing.B) {
	key, _ := anyKey()
	for _, v := range []struct {
		name    string
		account int
		bare    func(hash []byte)
	}{
		{"p2wpkh", 2, func(hash []byte) { _ = ecdsa.Sign(key, hash).Serialize() }},
		{"p2tr", 3, func(hash []byte) {
			sig, err := schnorr.Sign(txscript.TweakTaprootPrivKey(*key, nil), hash, schnorr.FastSign())
			if err == nil {
				_ = sig.Serialize()
			}
		}},
	} {
		w, d := combine1000(b, v.account)
		hash := func(i int) ([32]byte, error) { return [32]byte{byte(i), byte(i >> 8)}, nil }
		b.Run(v.name+"/wallet", func(b *testing.B) {
			for b.Loop() {
				out := make([]solution, len(d.inputs))
				parallel(8, func(i int) { d.solve(out[i*125:][:125], i*125, w.keys.Unchecked(), hash) })
				if out[999].sig == nil {
					b.Fatal(out[999].err)
				}
			}
		})
		b.Run(v.name+"/library", func(b *testing.B) {
			for b.Loop() {
				parallel(1000, func(i int) {
					hash := [32]byte{byte(i), byte(i >> 8)}
					v.bare(hash[:])
				})
			}
		})
	}
}

// library signs with nothing but the library, on the same cores, with one key for all inputs.
type library struct {
	tx      *wire.MsgTx
	key     *btcec.PrivateKey
	script  []byte
	taproot bool
	fetcher *txscript.MultiPrevOutFetcher
	hashes  *txscript.TxSigHashes
}

func newLibrary(d *Draft, taproot bool) *library {
	key, pub := anyKey()
	l := &library{tx: d.tx.Copy(), key: key, taproot: taproot, script: witnessKeyHash(pub.SerializeCompressed())}
	if taproot {
		l.script = append([]byte{txscript.OP_1, 32}, schnorr.SerializePubKey(txscript.ComputeTaprootKeyNoScript(pub))...)
	}
	outs := map[wire.OutPoint]*wire.TxOut{}
	for _, in := range l.tx.TxIn {
		outs[in.PreviousOutPoint] = wire.NewTxOut(1000, l.script)
	}
	l.fetcher = txscript.NewMultiPrevOutFetcher(outs)
	return l
}

func (l *library) sign() {
	l.hashes = txscript.NewTxSigHashes(l.tx, l.fetcher)
	pub := l.key.PubKey().SerializeCompressed()
	parallel(len(l.tx.TxIn), func(i int) {
		if l.taproot {
			hash, _ := txscript.CalcTaprootSignatureHash(l.hashes, txscript.SigHashDefault, l.tx, i, l.fetcher)
			sig, _ := schnorr.Sign(txscript.TweakTaprootPrivKey(*l.key, nil), hash, schnorr.FastSign())
			l.tx.TxIn[i].Witness = wire.TxWitness{sig.Serialize()}
			return
		}
		hash, _ := txscript.CalcWitnessSigHash(l.script, l.hashes, txscript.SigHashAll, l.tx, i, 1000)
		l.tx.TxIn[i].Witness = wire.TxWitness{append(ecdsa.Sign(l.key, hash).Serialize(), 1), pub}
	})
}

func (l *library) verify() bool {
	var bad atomic.Bool
	parallel(len(l.tx.TxIn), func(i int) {
		e, err := txscript.NewEngine(l.script, l.tx, i, txscript.StandardVerifyFlags, nil, l.hashes, 1000, l.fetcher)
		if err != nil || e.Execute() != nil {
			bad.Store(true)
		}
	})
	return !bad.Load()
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

package consensus

import (
	"testing"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
)

// benchBlock is a block of 1,000 transactions that spend 2,000 P2WPKH coins.
func benchBlock(b *testing.B) (*world, *Block) {
	w := newWorld(b, "dev")
	w.mature(2)
	var txs []*wire.MsgTx
	for i := range 1000 {
		var in []wire.OutPoint
		for j := range 2 {
			op := wire.OutPoint{Hash: *number(i + 1), Index: uint32(j)}
			w.coins[op] = Coin{Value: 10_000, Script: w.script, Height: 1}
			in = append(in, op)
		}
		txs = append(txs, w.spend(in, w.pay(9_000), w.pay(10_000)))
	}
	return w, w.block(1_000_000, txs...)
}

// BenchmarkConnect measures a block of 2,000 P2WPKH inputs: never seen, with its
// transactions checked for the mempool before, with no scripts at all, and beside it the
// script library alone over the same inputs, one core.
func BenchmarkConnect(b *testing.B) {
	w, block := benchBlock(b)
	connect := func(b *testing.B, ctx *Context, cache func() *SigCache) {
		for b.Loop() {
			b.StopTimer()
			c := cache()
			b.StartTimer()
			if _, err := Connect(ctx, block, w, c); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("cold", func(b *testing.B) {
		connect(b, w.context(), func() *SigCache { return NewSigCache(5000, [32]byte{1}) })
	})
	b.Run("warm", func(b *testing.B) {
		cache := NewSigCache(5000, [32]byte{1})
		ctx := w.context().ForTx(spv.Block{})
		for _, tx := range block.Txs[1:] {
			if _, err := CheckTx(ctx, tx, w, cache); err != nil {
				b.Fatal(err)
			}
		}
		connect(b, w.context(), func() *SigCache { return cache })
	})
	b.Run("no-scripts", func(b *testing.B) {
		ctx := w.context()
		ctx.ScriptsBelow = block.Height
		connect(b, ctx, func() *SigCache { return nil })
	})
	b.Run("engine-alone", func(b *testing.B) {
		for b.Loop() {
			for _, tx := range block.Txs[1:] {
				prev := txscript.NewMultiPrevOutFetcher(nil)
				for _, in := range tx.TxIn {
					prev.AddPrevOut(in.PreviousOutPoint, wire.NewTxOut(10_000, w.script))
				}
				hashes := txscript.NewTxSigHashes(tx, prev)
				for i := range tx.TxIn {
					vm, err := txscript.NewEngine(w.script, tx, i, ConsensusFlags, nil, hashes, 10_000, prev)
					if err == nil {
						err = vm.Execute()
					}
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		}
	})
}

// BenchmarkCheckTx measures one transaction of two P2WPKH inputs under the mempool's rules.
func BenchmarkCheckTx(b *testing.B) {
	w, block := benchBlock(b)
	ctx := w.context().ForTx(spv.Block{})
	ctx.Flags = StandardFlags
	for b.Loop() {
		if _, err := CheckTx(ctx, block.Txs[1], w, NewSigCache(4, [32]byte{})); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseBlock measures reading the same block from its bytes.
func BenchmarkParseBlock(b *testing.B) {
	w, block := benchBlock(b)
	raw := block.Append(nil)
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, err := ParseBlock(w.p, raw); err != nil {
			b.Fatal(err)
		}
	}
}

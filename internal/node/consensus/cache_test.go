package consensus

import (
	"encoding/binary"
	"errors"
	"sync"
	"testing"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
)

func number(n int) *spv.Hash {
	var h spv.Hash
	binary.LittleEndian.PutUint64(h[:], uint64(n))
	return &h
}

// TestSigCacheBounds: the newest entries are there, the number of all is bounded, and what is
// asked for stays.
func TestSigCacheBounds(t *testing.T) {
	const entries = 100
	c := NewSigCache(entries, [32]byte{1})
	for i := range 10 * entries {
		c.add(number(i), ConsensusFlags)
		if i >= entries/8 && !c.has(number(i-entries/8), ConsensusFlags) {
			t.Fatalf("entry %d is gone after %d", i-entries/8, i)
		}
		if n := len(c.young) + len(c.old); n > entries {
			t.Fatalf("%d entries, want at most %d", n, entries)
		}
		if !c.has(number(0), ConsensusFlags) {
			t.Fatalf("entry 0 is gone after %d, though it was asked for", i)
		}
	}
	if c.has(number(0), StandardFlags) || c.has(number(1), ConsensusFlags) {
		t.Error("knows what it should not")
	}
	if NewSigCache(2, [32]byte{2}).has(number(0), ConsensusFlags) {
		t.Error("an empty cache knows something")
	}
}

func TestSigCacheConcurrent(t *testing.T) {
	c := NewSigCache(64, [32]byte{3})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 2000 {
				c.add(number(i*4+g), ConsensusFlags)
				c.has(number(i), ConsensusFlags)
			}
		})
	}
	wg.Wait()
}

// TestCacheOnlySuccess: a block finds what CheckTx has paid for, a transaction with another
// witness is not found, and a failure is never remembered.
func TestCacheOnlySuccess(t *testing.T) {
	w, b := spoiledL1(t)
	cache := NewSigCache(100, [32]byte{4})
	ctx := w.context().ForTx(spv.Block{})
	ctx.Flags = StandardFlags
	bad := b.Txs[1].Copy()
	bad.TxIn[0].Witness[0][12] ^= 1
	for range 2 {
		_, err := CheckTx(ctx, bad, w, cache)
		wantCheck(t, "bad", err, CheckScript)
	}
	if _, err := CheckTx(ctx, b.Txs[1], w, cache); err != nil {
		t.Fatal(err)
	}
	wtxid := b.Txs[1].WitnessHash()
	if !cache.has(&wtxid, ConsensusFlags) || !cache.has(&wtxid, StandardFlags|ConsensusFlags) {
		t.Error("a success is not remembered")
	}
	spoiled := copyBlock(b)
	spoiled.Txs[1] = bad
	seal(spoiled)
	_, err := Connect(w.context(), spoiled, w, cache)
	wantCheck(t, "spoiled", err, CheckScript)
	for range 2 {
		if _, err := Connect(w.context(), b, w, cache); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFirstFailure: of several bad inputs the first is named, however the work is shared.
func TestFirstFailure(t *testing.T) {
	var txs []*scriptTx
	for i := range 40 {
		tx := wire.NewMsgTx(2)
		var spent []*Coin
		for j := range 5 {
			tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Hash: *number(i), Index: uint32(j)}, nil, nil))
			code := []byte{txscript.OP_TRUE}
			if i >= 17 && j >= 3 {
				code = []byte{txscript.OP_FALSE}
			}
			spent = append(spent, &Coin{Script: code})
		}
		tx.AddTxOut(wire.NewTxOut(0, nil))
		txs = append(txs, newScriptTx(tx, spent, func() string { return number(i).String() }))
	}
	for range 200 {
		err := runScripts(txs, ConsensusFlags, nil)
		var refused *spv.CheckError
		if !errors.As(err, &refused) || refused.Got[:8] != "input 3:" || err.Error()[:64] != number(17).String() {
			t.Fatalf("got %v", err)
		}
	}
}

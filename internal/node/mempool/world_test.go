package mempool

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/assets"
	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// loaded is read once: fuzzing makes many worlds.
var loaded = sync.OnceValues(func() (*chains.Set, error) { return chains.Load(assets.Chains) })

func params(t testing.TB, name string) *chains.Params {
	t.Helper()
	set, err := loaded()
	check(t, err)
	p, err := set.Get(name)
	check(t, err)
	copied := *p
	return &copied
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is a chain in maps under a pool. Its tip is a number; its median time as well.
type world struct {
	t      testing.TB
	p      *chains.Params
	pool   *Pool
	height int32
	coins  map[wire.OutPoint]consensus.Coin
	made   uint32 // coins made out of nothing
	now    time.Time
	script []byte // of everybody: P2WSH of OP_TRUE
	broken error  // what the chain answers
	l1     *l1
	anchor *spv.Block
	supply consensus.Supply
	done   map[wire.OutPoint]bool // claimed
}

const baseTime = 1_760_000_000

func newWorld(t testing.TB, name string, tune func(*Config)) *world {
	sum := sha256.Sum256([]byte{txscript.OP_TRUE})
	w := &world{t: t, p: params(t, name), height: 1000, coins: map[wire.OutPoint]consensus.Coin{}, now: time.Unix(baseTime+100_000, 0),
		script: append([]byte{0, 32}, sum[:]...), done: map[wire.OutPoint]bool{}}
	cfg := Config{Params: w.p, Chain: w, Cache: consensus.NewSigCache(1000, [32]byte{1})}
	if w.p.Layer != nil {
		w.l1 = newL1(params(t, w.p.Parent))
		cfg.L1, cfg.Payer = w.l1, w.l1.p.NetID()
	}
	if tune != nil {
		tune(&cfg)
	}
	w.pool = New(cfg)
	return w
}

func (w *world) Coin(op wire.OutPoint) (*consensus.Coin, error) {
	if c, ok := w.coins[op]; ok {
		return &c, w.broken
	}
	return nil, w.broken
}

func (w *world) Claimed(op wire.OutPoint) (bool, error) { return w.done[op], w.broken }

func (w *world) median(height int32) uint32 { return baseTime + uint32(height)*10 }

func (w *world) Next() (*consensus.Context, error) {
	ctx := &consensus.Context{Params: w.p, Prev: spv.Block{Height: w.height}, MedianTime: w.median(w.height), MedianTimeAt: w.median,
		Supply: w.supply, PrevAnchor: w.anchor}
	if w.l1 != nil {
		ctx.L1, ctx.Payer = w.l1, w.l1.p.NetID()
	}
	return ctx, w.broken
}

// coin makes a coin out of nothing.
func (w *world) coin(value int64) wire.OutPoint {
	w.made++
	op := wire.OutPoint{Hash: spv.Hash{1, byte(w.made), byte(w.made >> 8), byte(w.made >> 16)}}
	w.coins[op] = consensus.Coin{Value: value, Script: w.script, Height: 10}
	return op
}

// spend spends some outputs to others that everybody can spend.
func (w *world) spend(from []wire.OutPoint, values ...int64) *wire.MsgTx {
	tx := wire.NewMsgTx(2)
	for _, op := range from {
		tx.AddTxIn(&wire.TxIn{PreviousOutPoint: op, Sequence: 0xfffffffd, Witness: wire.TxWitness{{txscript.OP_TRUE}}})
	}
	for _, v := range values {
		tx.AddTxOut(&wire.TxOut{Value: v, PkScript: w.script})
	}
	return tx
}

// pay spends a fresh coin with a fee.
func (w *world) pay(fee int64) *wire.MsgTx {
	return w.spend([]wire.OutPoint{w.coin(1_000_000)}, 1_000_000-fee)
}

func out(tx *wire.MsgTx, i int) wire.OutPoint {
	return wire.OutPoint{Hash: tx.TxHash(), Index: uint32(i)}
}

// child spends a transaction's first output with a fee.
func (w *world) child(of *wire.MsgTx, fee int64) *wire.MsgTx {
	return w.spend([]wire.OutPoint{out(of, 0)}, of.TxOut[0].Value-fee)
}

func (w *world) add(tx *wire.MsgTx, from Source) (Result, error) {
	w.t.Helper()
	r, err := w.pool.Add(w.now, tx, from)
	w.audit()
	return r, err
}

func (w *world) must(want Status, txs ...*wire.MsgTx) (r Result) {
	w.t.Helper()
	for _, tx := range txs {
		var err error
		if r, err = w.add(tx, 1); err != nil || r.Status != want {
			w.t.Fatalf("%s: %s, %v, want %s", tx.TxHash(), r.Status, err, want)
		}
	}
	return r
}

func (w *world) refuses(tx *wire.MsgTx, name string) {
	w.t.Helper()
	_, err := w.add(tx, 1)
	wantRefused(w.t, err, name)
}

func wantRefused(t testing.TB, err error, name string) {
	t.Helper()
	var refused *spv.CheckError
	if !errors.As(err, &refused) || refused.Name != name {
		t.Fatalf("%v, want %s", err, name)
	}
}

func (w *world) holds(want bool, txs ...*wire.MsgTx) {
	w.t.Helper()
	for i, tx := range txs {
		if _, _, ok := w.pool.Get(tx.TxHash()); ok != want {
			w.t.Fatalf("transaction %d %s: held %v, want %v", i, tx.TxHash(), ok, want)
		}
	}
}

// block connects a block of transactions to the world, and tells the pool.
func (w *world) block(txs ...*wire.MsgTx) []*wire.MsgTx {
	w.t.Helper()
	w.apply(txs)
	check(w.t, w.pool.Moved(w.now, nil, [][]*wire.MsgTx{txs}))
	w.audit()
	return txs
}

func (w *world) apply(txs []*wire.MsgTx) {
	w.height++
	for _, tx := range txs {
		for _, in := range tx.TxIn {
			delete(w.coins, in.PreviousOutPoint)
		}
		for i, o := range tx.TxOut {
			if consensus.Spendable(o.PkScript) {
				w.coins[out(tx, i)] = consensus.Coin{Value: o.Value, Script: o.PkScript, Height: w.height}
			}
		}
	}
}

// audit holds the pool's sums against a naive count.
func (w *world) audit() {
	w.t.Helper()
	p := w.pool
	var used, size, fees int64
	for id, e := range p.byID {
		if e.tx.TxHash() != id || p.byWID[e.tx.WitnessHash()] != e || p.worst[e.at] != e {
			w.t.Fatalf("entry %s is not where it should be", id)
		}
		var above, below sums
		for a := range ancestors(group{e: {}}) {
			above.add(a, 1)
		}
		for d := range descendants(group{e: {}}) {
			below.add(d, 1)
		}
		above.add(e, 1)
		below.add(e, 1)
		if above != e.above || below != e.below {
			w.t.Fatalf("entry %s: above %+v, below %+v, want %+v, %+v", id, e.above, e.below, above, below)
		}
		for _, in := range e.tx.TxIn {
			if p.spent[in.PreviousOutPoint] != e {
				w.t.Fatalf("entry %s: %s is not marked as spent", id, in.PreviousOutPoint)
			}
			parent, child := p.byID[in.PreviousOutPoint.Hash], false
			if parent != nil {
				_, child = parent.children[e]
			}
			if _, linked := e.parents[parent]; parent != nil && (!linked || !child) {
				w.t.Fatalf("entry %s is not linked to its parent", id)
			}
		}
		used, size, fees = used+e.cost, size+e.size, fees+e.fee
	}
	if used != p.used || size != p.size || fees != p.fees || len(p.worst) != len(p.byID) || len(p.byWID) != len(p.byID) || p.used > p.most {
		w.t.Fatalf("sums %d, %d, %d, want %d, %d, %d; at most %d", p.used, p.size, p.fees, used, size, fees, p.most)
	}
	inputs, turns, last := 0, 0, uint64(0)
	for _, e := range p.byID {
		inputs += len(e.tx.TxIn)
	}
	for _, t := range p.order {
		if t.seq <= last {
			w.t.Fatalf("turn %d behind %d", t.seq, last)
		}
		if last = t.seq; t.entry != nil {
			turns++
		}
	}
	if inputs != len(p.spent) || turns != len(p.byID) {
		w.t.Fatalf("%d spent of %d inputs, %d turns of %d", len(p.spent), inputs, turns, len(p.byID))
	}
}

// signer holds a key for real P2WPKH spends.
type signer struct {
	key    *btcec.PrivateKey
	script []byte
}

func newSigner() *signer {
	key, _ := btcec.PrivKeyFromBytes(bytes.Repeat([]byte{7}, 32))
	return &signer{key, append([]byte{0, 20}, btcutil.Hash160(key.PubKey().SerializeCompressed())...)}
}

// sign spends P2WPKH coins of one value.
func (s *signer) sign(t testing.TB, tx *wire.MsgTx, value int64) {
	prev := txscript.NewMultiPrevOutFetcher(nil)
	for _, in := range tx.TxIn {
		prev.AddPrevOut(in.PreviousOutPoint, wire.NewTxOut(value, s.script))
	}
	hashes := txscript.NewTxSigHashes(tx, prev)
	for i, in := range tx.TxIn {
		w, err := txscript.WitnessSignature(tx, hashes, i, value, s.script, txscript.SigHashAll, s.key, true)
		check(t, err)
		in.Witness = w
	}
}

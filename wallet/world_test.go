package wallet

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/keystore"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// world is one wallet with keys of its own on one chain, and whatever happens there.
type world struct {
	t    testing.TB
	seed uint64
	rng  *rand.Rand
	keys *keystore.Keyring
	log  *breakable
	c    *Chain
	n    uint32 // foreign transactions made
}

// breakable is a log that may fail.
type breakable struct {
	Memory
	broken bool
	writes int
}

var errBroken = errors.New("disk full")

func (l *breakable) Write(r []Record) error {
	if l.broken {
		return errBroken
	}
	l.writes++
	return l.Memory.Write(r)
}

func newWorld(t testing.TB, chain string, seed uint64) *world {
	t.Helper()
	w := &world{t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 0)), log: &breakable{}}
	raw := make([]byte, 32)
	binary.LittleEndian.PutUint64(raw, seed+1)
	s, err := keystore.NewSeed(raw)
	if err != nil {
		t.Fatal(err)
	}
	if w.keys, err = keystore.Open(s); err != nil {
		t.Fatal(err)
	}
	w.open(testchain.Params(t, chain))
	return w
}

func (w *world) accounts(p *chains.Params) (out []Account) {
	w.t.Helper()
	master, err := w.keys.Fingerprint()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, purpose := range p.Keys.Purposes {
		path, err := keystore.AccountPath(purpose, keystore.Net{CoinType: p.Keys.CoinType}, 0)
		if err != nil {
			w.t.Fatal(err)
		}
		key, err := w.keys.Public(path)
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, Account{Purpose: purpose, Path: path, Key: key, Master: master})
	}
	return out
}

func (w *world) open(p *chains.Params) {
	w.t.Helper()
	c, err := Open(p, w.accounts(p), w.log)
	if err != nil {
		w.t.Fatalf("seed %d: %v", w.seed, err)
	}
	w.c = c
}

// pay makes a foreign transaction with one output for each value, to a script.
func (w *world) pay(script []byte, values ...int64) *wire.MsgTx {
	w.n++
	tx := wire.NewMsgTx(2)
	var prev spv.Hash
	binary.LittleEndian.PutUint32(prev[:], w.n)
	binary.LittleEndian.PutUint64(prev[8:], w.seed+7)
	tx.AddTxIn(wire.NewTxIn(wire.NewOutPoint(&prev, 0), []byte{0x51}, nil))
	for _, v := range values {
		tx.AddTxOut(wire.NewTxOut(v, script))
	}
	return tx
}

func (w *world) coinbase(script []byte, value int64) *wire.MsgTx {
	tx := w.pay(script, value)
	tx.TxIn[0].PreviousOutPoint = wire.OutPoint{Index: 1<<32 - 1}
	tx.TxIn[0].SignatureScript = binary.LittleEndian.AppendUint32([]byte{4}, w.n)
	return tx
}

// stranger is a script that is not ours.
func (w *world) stranger() []byte {
	s := append([]byte{0x76, 0xa9, 20}, make([]byte, 20)...)
	for i := 3; i < len(s); i++ {
		s[i] = byte(w.rng.Uint32())
	}
	return append(s, 0x88, 0xac)
}

func block(height int32, branch byte) spv.Block {
	var h spv.Hash
	binary.LittleEndian.PutUint32(h[:], uint32(height))
	h[8] = branch
	return spv.Block{Height: height, Hash: h}
}

// receive returns a fresh script of an account.
func (w *world) receive(account int) []byte {
	w.t.Helper()
	a, _, err := w.c.Receive(account, true)
	if err != nil {
		w.t.Fatal(err)
	}
	return a.Script
}

// mine applies a block on top of the tip.
func (w *world) mine(txs ...*wire.MsgTx) spv.Block {
	w.t.Helper()
	b := block(w.c.Tip().Height+1, 1)
	if _, err := w.c.Apply(b, uint32(1_700_000_000+b.Height*600), txs); err != nil {
		w.t.Fatalf("seed %d: %v", w.seed, err)
	}
	if err := w.c.Scanned(b); err != nil {
		w.t.Fatal(err)
	}
	return b
}

func (w *world) draft(r Request) *Draft {
	w.t.Helper()
	d, err := w.c.Draft(r, w.rng)
	if err != nil {
		w.t.Fatalf("seed %d: %v", w.seed, err)
	}
	checkDraft(w.t, w.c, d)
	return d
}

var anyway = []Concern{HighShare, HighRate, AnyoneCanSpend, Reuse, Shaky}

func (w *world) sign(d *Draft) *Signed {
	w.t.Helper()
	s, err := d.Sign(w.keys, anyway...)
	if err != nil {
		w.t.Fatalf("seed %d: %v", w.seed, err)
	}
	if weightOf(s.tx) > d.weight {
		w.t.Fatalf("seed %d: weighs %d, the draft said at most %d", w.seed, weightOf(s.tx), d.weight)
	}
	return s
}

func (w *world) commit(s *Signed) {
	w.t.Helper()
	if _, err := w.c.Commit(s, 1_700_000_000); err != nil {
		w.t.Fatalf("seed %d: %v", w.seed, err)
	}
}

// checkDraft holds a draft against what every one must keep.
func checkDraft(t testing.TB, c *Chain, d *Draft) {
	t.Helper()
	var in, out int64
	for _, i := range d.inputs {
		in += i.Coin.Value
		for _, j := range d.inputs {
			if c.apart(i.Coin.Tags, j.Coin.Tags) {
				t.Fatalf("coins with tags %v and %v meet", i.Coin.Tags, j.Coin.Tags)
			}
		}
		if i.Coin.Frozen || i.Coin.State == NameHeld || i.Coin.State == Immature {
			t.Fatalf("coin %v is not to be spent: %+v", i.Coin.Outpoint, i.Coin)
		}
	}
	for n, o := range d.outputs {
		out += o.Value
		if o.Value < Dust(c.params, o.Script) || o.Value != d.tx.TxOut[n].Value {
			t.Fatalf("output %d of %d: dust is %d", n, o.Value, Dust(c.params, o.Script))
		}
	}
	if in != out+d.fee || d.fee < 0 || d.weight > MaxWeight {
		t.Fatalf("inputs %d, outputs %d, fee %d, weight %d", in, out, d.fee, d.weight)
	}
}

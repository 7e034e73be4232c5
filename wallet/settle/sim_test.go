package settle

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/keystore"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/wallet"
)

// sim is a chain without work whose nodes check what matters here: coins, scripts, lock times, claims. It is not the
// package's code: every spend runs in the script engine, every claim by the rules of package peg.
type sim struct {
	t       testing.TB
	p       *chains.Params
	l1      *sim // of a layer
	best    []simBlock
	headers map[spv.Hash]spv.Header
	heights map[spv.Hash]int32
	pool    []*wire.MsgTx
	coins   map[wire.OutPoint]simCoin
	claimed map[wire.OutPoint]bool
	salt    uint32
}

type simBlock struct {
	spv.Block
	anchor spv.Block // of a layer's
	txs    []*wire.MsgTx
}

type simCoin struct {
	out    *wire.TxOut
	height int32
}

// free is an output that anybody can spend with the witness freeWitness, without changing the transaction's id.
var (
	freeScript  = []byte{txscript.OP_TRUE}
	freeWitness = wire.TxWitness{freeScript}
)

func free(t testing.TB) []byte {
	t.Helper()
	hash := sha256.Sum256(freeScript)
	return append([]byte{0x00, 0x20}, hash[:]...)
}

func newSim(t testing.TB, p *chains.Params, l1 *sim) *sim {
	s := &sim{t: t, p: p, l1: l1, headers: map[spv.Hash]spv.Header{}, heights: map[spv.Hash]int32{}}
	s.replay()
	s.mine(true)
	return s
}

func (s *sim) tip() simBlock { return s.best[len(s.best)-1] }

// Lookup, Ancestor and Header make it a peg.L1View.
func (s *sim) Lookup(id spv.Hash) (spv.Block, bool) {
	h, ok := s.heights[id]
	return spv.Block{Height: h, Hash: id}, ok
}

func (s *sim) Header(id spv.Hash) (spv.Header, bool) {
	h, ok := s.headers[id]
	return h, ok
}

func (s *sim) Ancestor(id spv.Hash, height int32) (spv.Block, bool) {
	for {
		h, ok := s.heights[id]
		if !ok || h < height || height < 0 {
			return spv.Block{}, false
		}
		if h == height {
			return spv.Block{Height: h, Hash: id}, true
		}
		header := s.headers[id]
		id = header.Prev()
	}
}

// replay makes the coins of the best chain anew.
func (s *sim) replay() {
	s.coins, s.claimed = map[wire.OutPoint]simCoin{}, map[wire.OutPoint]bool{}
	for _, b := range s.best {
		for _, tx := range b.txs {
			s.connect(tx, b.Height)
		}
	}
}

func (s *sim) connect(tx *wire.MsgTx, height int32) {
	if c, err := peg.Parse(tx); peg.IsClaim(tx) && err == nil {
		s.claimed[c.Outpoint()] = true
	}
	for _, in := range tx.TxIn {
		delete(s.coins, in.PreviousOutPoint)
	}
	id := tx.TxHash()
	for i, out := range tx.TxOut {
		s.coins[wire.OutPoint{Hash: id, Index: uint32(i)}] = simCoin{out, height}
	}
}

// valid judges a transaction for the next block.
func (s *sim) valid(tx *wire.MsgTx, height int32, anchor spv.Block) error {
	if peg.IsClaim(tx) {
		c, err := peg.Parse(tx)
		if err != nil {
			return err
		}
		if s.claimed[c.Outpoint()] {
			return errors.New("claimed before")
		}
		return c.Check(s.p, s.l1, anchor, nil)
	}
	now := int64(height)
	if s.l1 != nil {
		now = int64(anchor.Height)
	}
	final := true
	for _, in := range tx.TxIn {
		final = final && in.Sequence == wire.MaxTxInSequenceNum
	}
	if !final && int64(tx.LockTime) >= now {
		return errors.New("not final")
	}
	prevouts, in := txscript.NewMultiPrevOutFetcher(nil), int64(0)
	for _, i := range tx.TxIn {
		coin, ok := s.coins[i.PreviousOutPoint]
		if !ok {
			return errors.New("missing coin")
		}
		if i.Sequence < 1<<16 && height-coin.height < int32(i.Sequence) {
			return errors.New("too young")
		}
		in += coin.out.Value
		prevouts.AddPrevOut(i.PreviousOutPoint, coin.out)
	}
	for _, o := range tx.TxOut {
		in -= o.Value
	}
	if in < 0 {
		return errors.New("makes money")
	}
	hashes := txscript.NewTxSigHashes(tx, prevouts)
	for n, i := range tx.TxIn {
		out := prevouts.FetchPrevOutput(i.PreviousOutPoint)
		e, err := txscript.NewEngine(out.PkScript, tx, n, txscript.StandardVerifyFlags, nil, hashes, out.Value, prevouts)
		if err != nil {
			return err
		}
		if err := e.Execute(); err != nil {
			return err
		}
	}
	return nil
}

// mine makes the next block, of what is in the pool or empty.
func (s *sim) mine(full bool) {
	height := int32(len(s.best))
	var prev spv.Hash
	if height > 0 {
		prev = s.tip().Hash
	}
	var anchor spv.Block
	if s.l1 != nil {
		anchor = s.l1.best[max(0, len(s.l1.best)-2-int(s.p.Layer.AnchorDepth))].Block
	}
	s.salt++
	base := wire.NewMsgTx(2)
	base.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Index: 1<<32 - 1}, SignatureScript: binary.BigEndian.AppendUint32([]byte{4}, s.salt)})
	base.AddTxOut(wire.NewTxOut(10_000_000_000, free(s.t)))
	b := simBlock{Block: spv.Block{Height: height}, anchor: anchor, txs: []*wire.MsgTx{base}}
	s.connect(base, height)
	var left []*wire.MsgTx
	for _, tx := range s.pool {
		if full && s.valid(tx, height, anchor) == nil {
			s.connect(tx, height)
			b.txs = append(b.txs, tx)
		} else {
			left = append(left, tx)
		}
	}
	s.pool = left
	var ids []spv.Hash
	for _, tx := range b.txs {
		ids = append(ids, tx.TxHash())
	}
	root, _ := merkle.Root(ids)
	var h spv.Header
	copy(h[4:], prev[:])
	copy(h[36:], root[:])
	b.Hash = h.ID()
	s.headers[b.Hash], s.heights[b.Hash] = h, height
	s.best = append(s.best, b)
}

// drop takes the newest blocks away; what was in them may be mined again.
func (s *sim) drop(n int) {
	for range min(n, len(s.best)-1) {
		s.pool = append(slices.Clone(s.tip().txs[1:]), s.pool...)
		s.best = s.best[:len(s.best)-1]
	}
	s.replay()
}

// follow drops the layer's blocks whose anchor is not in L1 any more.
func (s *sim) follow() {
	for i, b := range s.best {
		if on := s.l1.best; int(b.anchor.Height) >= len(on) || on[b.anchor.Height].Hash != b.anchor.Hash {
			s.drop(len(s.best) - i)
			return
		}
	}
}

// send puts a transaction into the pool.
func (s *sim) send(tx *wire.MsgTx) {
	id := tx.WitnessHash()
	for _, p := range s.pool {
		if p.WitnessHash() == id {
			return
		}
	}
	s.pool = append(s.pool, tx)
}

// pay makes a transaction from free coins.
func (s *sim) pay(outs ...*wire.TxOut) *wire.MsgTx {
	sum := int64(0)
	for _, o := range outs {
		sum += o.Value
	}
	for h := range s.best { // the oldest coinbases first: reorganisations do not reach them
		op := wire.OutPoint{Hash: s.best[h].txs[0].TxHash()}
		coin, ok := s.coins[op]
		taken := slices.ContainsFunc(s.pool, func(tx *wire.MsgTx) bool { return tx.TxIn[0].PreviousOutPoint == op })
		if !ok || taken || coin.out.Value < sum {
			continue
		}
		tx := wire.NewMsgTx(2)
		tx.AddTxIn(&wire.TxIn{PreviousOutPoint: op, Sequence: wire.MaxTxInSequenceNum, Witness: freeWitness})
		for _, o := range outs {
			tx.AddTxOut(o)
		}
		return tx
	}
	s.t.Fatalf("%s: no free coins at height %d", s.p.Name, len(s.best))
	return nil
}

// crashLog fails at a random write, before or after it is on disk, and from then on.
type crashLog struct {
	wallet.Memory
	rng   *rand.Rand
	odds  int // one write in so many; 0: none
	dead  bool
	count int
	fate  *fate // nil: none
}

var errCrash = errors.New("crash")

func (l *crashLog) Write(r []wallet.Record) error {
	if l.dead {
		return errCrash
	}
	l.count++
	if l.fate.strikes(r) {
		l.dead = true
		switch l.fate.how {
		case afterWrite:
			if err := l.Memory.Write(r); err != nil {
				return err
			}
		case withAll:
			l.Memory = wallet.Memory{}
		}
		return errCrash
	}
	if l.odds > 0 && l.rng.IntN(l.odds) == 0 {
		l.dead = true
		if l.rng.IntN(2) == 0 {
			if err := l.Memory.Write(r); err != nil {
				return err
			}
		}
		return errCrash
	}
	return l.Memory.Write(r)
}

// party is one wallet over the simulated chains.
type party struct {
	t      testing.TB
	seed   uint64
	log    *crashLog
	keys   *keystore.Keyring
	sims   []*sim
	follow []Chain
	watch  func(*Book)
	b      *Book
	opened int
}

func newKeys(t testing.TB, seed uint64) *keystore.Keyring {
	t.Helper()
	raw := make([]byte, 32)
	binary.LittleEndian.PutUint64(raw, seed+1)
	s, err := keystore.NewSeed(raw)
	if err != nil {
		t.Fatal(err)
	}
	k, err := keystore.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newParty(t testing.TB, seed uint64, rng *rand.Rand, odds int, sims ...*sim) *party {
	p := &party{t: t, seed: seed, keys: newKeys(t, seed), sims: sims, log: &crashLog{rng: rng, odds: odds}}
	for _, s := range sims {
		c := Chain{Params: s.p, Clock: s.p, Headers: s, Confirm: 4, Takes: 6, Rate: 2000, Stress: 10_000}
		if s.l1 != nil {
			c.Clock, c.Headers = s.l1.p, nil
		}
		p.follow = append(p.follow, c)
	}
	p.open()
	return p
}

func (p *party) open() {
	p.t.Helper()
	p.opened++
	p.log.dead = false
	b, err := Open(p.follow, p.log)
	if err != nil {
		p.t.Fatalf("seed %d: %v", p.seed, err)
	}
	if p.b = b; p.watch != nil {
		p.watch(b)
	}
}

// lose makes the wallet anew from its seed alone.
func (p *party) lose() {
	p.log.Memory = wallet.Memory{}
	p.open()
}

// try repeats what a crash interrupted until it is done, each time from what is on disk.
func (p *party) try(f func() error) {
	p.t.Helper()
	for {
		err := f()
		if err == nil {
			return
		}
		if !errors.Is(err, errCrash) {
			p.t.Fatalf("seed %d: %v", p.seed, err)
		}
		p.open()
	}
}

// sync tells the book what is in the chains, as a light client would.
func (p *party) sync() {
	p.t.Helper()
	for _, s := range p.sims {
		p.try(func() error {
			id := s.p.NetID()
			at, err := p.b.Tip(id)
			if err != nil {
				return err
			}
			n := min(int(at.Height)+1, len(s.best))
			for n > 0 && n-1 <= int(at.Height) {
				old, ok := s.Ancestor(at.Hash, int32(n-1))
				if ok && old.Hash == s.best[n-1].Hash {
					break
				}
				n--
			}
			if n-1 < int(at.Height) {
				if err := p.b.Rewind(id, s.best[max(n-1, 0)].Block); err != nil {
					return err
				}
			}
			for _, b := range s.best[n:] {
				if err := p.b.Apply(id, b.Block, b.txs); err != nil {
					return err
				}
			}
			return p.b.Scanned(id, s.tip().Block)
		})
		for _, tx := range s.pool {
			p.try(func() error { return p.b.Unconfirmed(s.p.NetID(), tx) })
		}
	}
}

// step does what the book says.
func (p *party) step() (sent []Broadcast) {
	p.t.Helper()
	p.sync()
	p.try(func() (err error) {
		sent, err = p.b.Step(p.keys)
		return err
	})
	for _, out := range sent {
		for _, s := range p.sims {
			if s.p.NetID() == out.Chain {
				s.send(out.Tx)
			}
		}
	}
	return sent
}

// script is an output script of ours, told apart by a number.
func script(n byte) []byte { return append([]byte{0x00, 0x14}, slices.Repeat([]byte{n}, 20)...) }

// force makes the next block with a transaction in it, whatever it spends.
func (s *sim) force(tx *wire.MsgTx) {
	s.mine(true)
	b := s.tip()
	s.best = s.best[:len(s.best)-1]
	s.connect(tx, b.Height)
	b.txs = append(b.txs, tx)
	h := s.headers[b.Hash]
	h[79]++ // the root is not looked at here
	b.Hash = h.ID()
	s.headers[b.Hash], s.heights[b.Hash] = h, b.Height
	s.best = append(s.best, b)
}

// private returns the private key with a small number.
func private(n int) *btcec.PrivateKey {
	var b [32]byte
	binary.BigEndian.PutUint32(b[28:], uint32(n))
	key, _ := btcec.PrivKeyFromBytes(b[:])
	return key
}

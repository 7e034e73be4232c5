package settler_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/chain"
	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/internal/node/settler"
	"github.com/layeredpow/lamina/internal/node/settler/daemon"
	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/peg"
)

var anyone = []byte{txscript.OP_TRUE}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is a real L1 and a real layer on it, both fully validated, with a miner who takes
// from a pool of transactions whatever can be mined.
type world struct {
	t      testing.TB
	p1, p2 *chains.Params
	l1, l2 *chain.Chain
	pool   []*wire.MsgTx // of the L1
	pool2  []*wire.MsgTx // of the layer
	tag    uint32
	vote   uint16
	open   []*opened
	spends map[wire.OutPoint]bool // coinbases that a deposit was made from
	deaf   bool                   // the layer is not told of L1 blocks
	after  func()                 // called when a block was taken, on either chain
}

// opened is a deposit that was made, and what it takes to claim it.
type opened struct {
	tx    *wire.MsgTx
	terms peg.Terms
}

func newWorld(t testing.TB, layer string, change func(p2 *chains.Params)) *world {
	t.Helper()
	w := &world{t: t, p1: testchain.Easy(t, "dev"), p2: testchain.Easy(t, layer), vote: 1, spends: map[wire.OutPoint]bool{}, after: func() {}}
	if change != nil {
		change(w.p2)
	}
	var err error
	w.l1, err = chain.Open(t.TempDir(), w.p1, nil, chain.Options{})
	check(t, err)
	w.l2, err = chain.Open(t.TempDir(), w.p2, w.l1, chain.Options{ParkDepth: chain.ParkDepth, ParkGap: chain.ParkGap})
	check(t, err)
	t.Cleanup(func() { _ = w.l2.Close(); _ = w.l1.Close() })
	w.mine(20)
	return w
}

// link makes the first connector and buries it.
func (w *world) link() {
	w.t.Helper()
	tx := w.pay(settler.FirstLink(w.p2, w.p1, 0)...)
	w.pool = append(w.pool, tx)
	w.mine(int(w.p2.Peg.ReleaseBlocks) + 1)
}

// pay spends a mature coinbase of the L1 to some outputs; the rest is a fee.
func (w *world) pay(outs ...*wire.TxOut) *wire.MsgTx {
	w.t.Helper()
	for h := int32(1); h < w.l1.Tip().Height-12; h++ {
		at, _ := w.l1.BlockAt(h)
		op := wire.OutPoint{Hash: w.block(w.l1, at.Hash).Txs[0].TxHash()}
		if c, err := w.l1.Coin(op); err != nil || c == nil || w.spends[op] {
			continue
		}
		w.spends[op] = true
		tx := wire.NewMsgTx(2)
		tx.AddTxIn(&wire.TxIn{PreviousOutPoint: op, Sequence: 0xfffffffd})
		for _, o := range outs {
			tx.AddTxOut(o)
		}
		return tx
	}
	w.t.Fatal("no coinbase to spend")
	return nil
}

func (w *world) block(c *chain.Chain, id spv.Hash) *consensus.Block {
	w.t.Helper()
	raw, err := c.Block(id)
	check(w.t, err)
	b, err := consensus.ParseBlock(c.Params(), raw)
	check(w.t, err)
	return b
}

// deposit puts a deposit into the pool.
func (w *world) deposit(value int64, set int) *opened {
	w.t.Helper()
	w.tag++
	script := []byte{txscript.OP_DATA_4, 0, 0, 0, 0, txscript.OP_DROP, txscript.OP_TRUE} // anybody's, told apart
	binary.LittleEndian.PutUint32(script[1:], w.tag)
	d := &opened{terms: peg.Terms{Set: uint16(set), MaxFee: 5000, Script: script}}
	v, err := d.terms.Vault(w.p2)
	check(w.t, err)
	d.tx = w.pay(wire.NewTxOut(1, []byte{txscript.OP_RETURN}), wire.NewTxOut(value, v.PkScript))
	w.pool, w.open = append(w.pool, d.tx), append(w.open, d)
	return d
}

// claim builds the claim of a deposit, nil if it is not in the L1.
func (w *world) claim(d *opened) *wire.MsgTx { return w.claimAt(d, 1) }

// claimAt builds the claim of one output.
func (w *world) claimAt(d *opened, vout uint32) *wire.MsgTx {
	w.t.Helper()
	id := d.tx.TxHash()
	for h := w.l1.Tip().Height; h > 0; h-- {
		at, _ := w.l1.BlockAt(h)
		txs := w.block(w.l1, at.Hash).Txs
		ids := make([]spv.Hash, len(txs))
		index := 0
		for i, tx := range txs {
			if ids[i] = tx.TxHash(); ids[i] == id {
				index = i
			}
		}
		if index == 0 {
			continue
		}
		own, err := merkle.NewBranch(ids, uint32(index))
		check(w.t, err)
		first, err := merkle.NewBranch(ids, 0)
		check(w.t, err)
		c, err := peg.Build(w.p2, d.terms, peg.Evidence{Deposit: plain(d.tx), Vout: vout, Block: at.Hash,
			Inclusion: merkle.Inclusion{Index: uint32(index), Branch: own, Coinbase: plain(txs[0]), CoinbaseBranch: first}}, 0)
		check(w.t, err)
		return c.Tx()
	}
	return nil
}

// burn spends an output of the layer to a burn, and gives back what is left.
func (w *world) burn(op wire.OutPoint, amount int64, maxFee uint32) (script []byte, tx *wire.MsgTx) {
	w.t.Helper()
	coin, err := w.l2.Coin(op)
	check(w.t, err)
	w.tag++
	script = append([]byte{0, 20}, make([]byte, 20)...)
	binary.BigEndian.PutUint32(script[2:], w.tag)
	b := peg.Burn{Script: script, MaxFee: maxFee, Amount: amount}
	out, err := b.Output(w.p2, w.p1.NetID())
	check(w.t, err)
	tx = wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: op, Sequence: 0xfffffffe})
	tx.AddTxOut(out)
	if rest := coin.Value - out.Value; rest > 0 {
		tx.AddTxOut(wire.NewTxOut(rest, coin.Script))
	}
	return script, tx
}

// mine makes blocks on top of both tips: an L1 block that takes what it can from the pool,
// and under it a layer block, which it seals.
func (w *world) mine(n int) {
	w.t.Helper()
	for range n {
		tip := w.l1.Tip()
		var raw2 *consensus.Block
		if tip.Height > 8 {
			raw2 = w.layerBlock()
		}
		b := w.l1Block(tip, w.minable(w.l1, &w.pool, tip.Height+1), raw2)
		w.take1(b)
		if raw2 != nil {
			raw2.Aux = proofOf(w.t, b)
			w.take2(raw2)
		}
	}
}

// unsealed makes a layer block whose proof's parent is no block of the L1.
func (w *world) unsealed() {
	w.t.Helper()
	b := w.layerBlock()
	orphan := w.l1Block(w.l1.Tip(), nil, b)
	b.Aux = proofOf(w.t, orphan)
	w.take2(b)
}

// reorg replaces the L1's last blocks by one more, without transactions. Layer blocks whose
// anchors go go with them.
func (w *world) reorg(depth int32) {
	w.t.Helper()
	tip := w.l1.Tip()
	prev, _ := w.l1.BlockAt(tip.Height - depth)
	for range depth + 1 {
		b := w.l1Block(prev, nil, nil)
		w.take1(b)
		prev = spv.Block{Height: prev.Height + 1, Hash: b.Header.ID()}
	}
	if w.l1.Tip() != prev {
		w.t.Fatalf("tip %s, want %s", w.l1.Tip(), prev)
	}
}

func (w *world) take1(b *consensus.Block) {
	w.t.Helper()
	if _, err := w.l1.Accept(b.Append(nil), 0); err != nil {
		w.t.Fatal(err)
	}
	if w.deaf {
		return
	}
	if _, err := w.l2.ParentMoved(0); err != nil {
		w.t.Fatal(err)
	}
	w.after()
}

func (w *world) take2(b *consensus.Block) {
	w.t.Helper()
	r, err := w.l2.Accept(b.Append(nil), 0)
	check(w.t, err)
	if r.Status != chain.Connected {
		w.t.Fatalf("layer block: %s", r.Status)
	}
	w.after()
}

// minable takes from a pool what can be in the next block. Nothing leaves a pool: it may
// have to be mined again.
func (w *world) minable(c *chain.Chain, pool *[]*wire.MsgTx, height int32) (txs []*wire.MsgTx) {
	used := map[wire.OutPoint]bool{}
next:
	for _, tx := range *pool {
		if tx.LockTime >= uint32(height) && c == w.l1 {
			continue
		}
		for _, in := range tx.TxIn {
			op := in.PreviousOutPoint
			if peg.IsClaim(tx) {
				if !w.claimable(tx) || used[op] {
					continue next
				}
				continue
			}
			if coin, err := c.Coin(op); err != nil || coin == nil || used[op] {
				continue next
			}
		}
		for _, in := range tx.TxIn {
			used[in.PreviousOutPoint] = true
		}
		txs = append(txs, tx)
	}
	return txs
}

// claimable tells whether a claim is valid on top of the layer.
func (w *world) claimable(tx *wire.MsgTx) bool {
	c, err := peg.Parse(tx)
	check(w.t, err)
	if done, err := w.l2.Claimed(c.Outpoint()); err != nil || done {
		return false
	}
	return c.Check(w.p2, w.l1, w.anchor(), nil) == nil
}

// anchor returns the anchor of the layer's next block.
func (w *world) anchor() spv.Block {
	next, err := w.l2.Next()
	check(w.t, err)
	at, _ := w.l1.BlockAt(w.l1.Tip().Height - w.p2.Layer.AnchorDepth - 1)
	if next.PrevAnchor != nil && next.PrevAnchor.Height > at.Height {
		at = *next.PrevAnchor
	}
	return at
}

// layerBlock builds the layer's next block, without its proof.
func (w *world) layerBlock() *consensus.Block {
	w.t.Helper()
	next, err := w.l2.Next()
	check(w.t, err)
	commitment := spv.Commitment{Anchor: w.anchor(), FeeVote: w.vote, FilterHeader: next.FilterHeader, MMRRoot: next.MMRRoot}
	height := next.Prev.Height + 1
	txs := append([]*wire.MsgTx{w.coinbase(w.p2, height, nil, wire.NewTxOut(0, commitment.Script()))}, w.minable(w.l2, &w.pool2, height)...)
	testchain.CommitWitness(txs)
	id, _ := w.p2.ChainID()
	prev, _ := w.l2.Header(next.Prev.Hash)
	under, _ := w.l1.Header(w.l1.Tip().Hash)
	h := testchain.HeaderOn(id<<16|0x0104, next.Prev.Hash, txs, max(prev.Time()+5, under.Time()))
	return &consensus.Block{Height: height, Header: h, Txs: txs}
}

// l1Block builds an L1 block, which is the parent of a layer block's proof if there is one.
func (w *world) l1Block(prev spv.Block, txs []*wire.MsgTx, layer *consensus.Block) *consensus.Block {
	w.t.Helper()
	var merged []byte
	if layer != nil {
		id := layer.Header.ID()
		merged = []byte{0xfa, 0xbe, 'm', 'm'}
		for i := range id {
			merged = append(merged, id[31-i])
		}
		merged = append(merged, 1, 0, 0, 0, 0, 0, 0, 0)
	}
	all := append([]*wire.MsgTx{w.coinbase(w.p1, prev.Height+1, merged)}, txs...)
	testchain.CommitWitness(all)
	below, _ := w.l1.Header(prev.Hash)
	h := testchain.HeaderOn(4, prev.Hash, all, below.Time()+10)
	testchain.Mine(&h)
	return &consensus.Block{Height: prev.Height + 1, Header: h, Txs: all}
}

func (w *world) coinbase(p *chains.Params, height int32, merged []byte, outs ...*wire.TxOut) *wire.MsgTx {
	w.tag++
	return testchain.Coinbase(p, height, w.tag, merged, outs...)
}

// proofOf is the proof of a layer block over the L1 block that commits to it.
func proofOf(t testing.TB, b *consensus.Block) *spv.AuxPoW {
	t.Helper()
	parsed, _, err := spv.ParseTx(plain(b.Txs[0]))
	check(t, err)
	ids := make([]spv.Hash, len(b.Txs))
	for i, tx := range b.Txs {
		ids[i] = tx.TxHash()
	}
	branch, err := merkle.NewBranch(ids, 0)
	check(t, err)
	return &spv.AuxPoW{Coinbase: parsed, CoinbaseBranch: branch, Parent: b.Header}
}

func plain(tx *wire.MsgTx) []byte {
	var raw bytes.Buffer
	if err := tx.SerializeNoWitness(&raw); err != nil {
		panic(err)
	}
	return raw.Bytes()
}

// keyFile writes the key file of one of the development settlers.
func keyFile(t testing.TB, n int) *daemon.Key {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	check(t, os.WriteFile(path, fmt.Appendf(nil, "%064x\n", n), 0o600))
	k, err := daemon.ReadKey(path)
	check(t, err)
	return k
}

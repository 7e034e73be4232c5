package mempool

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/peg"
)

// l1 is an L1 as a layer sees it: headers without work, one branch at a time the best.
type l1 struct {
	p     *chains.Params
	nodes map[spv.Hash]l1Node
	best  []spv.Block
}

type l1Node struct {
	header spv.Header
	at     spv.Block
	txs    []*wire.MsgTx
}

func newL1(p *chains.Params) *l1 {
	c := &l1{p: p, nodes: map[spv.Hash]l1Node{}}
	at := spv.Block{Hash: p.Genesis.ID()}
	c.nodes[at.Hash], c.best = l1Node{header: p.Genesis, at: at}, []spv.Block{at}
	for range 10 {
		c.mine()
	}
	return c
}

// build makes a block; nobody knows it yet.
func (c *l1) build(prev spv.Block, tag byte, txs ...*wire.MsgTx) l1Node {
	coinbase := wire.NewMsgTx(2)
	coinbase.AddTxIn(wire.NewTxIn(wire.NewOutPoint(&spv.Hash{}, wire.MaxPrevOutIndex), []byte{3, byte(prev.Height + 1), tag, 0}, nil))
	coinbase.AddTxOut(wire.NewTxOut(50, []byte{txscript.OP_TRUE}))
	all := append([]*wire.MsgTx{coinbase}, txs...)
	var ids []spv.Hash
	for _, tx := range all {
		ids = append(ids, tx.TxHash())
	}
	root, _ := merkle.Root(ids)
	var h spv.Header
	binary.LittleEndian.PutUint32(h[0:], 4)
	copy(h[4:], prev.Hash[:])
	copy(h[36:], root[:])
	binary.LittleEndian.PutUint32(h[68:], baseTime+uint32(prev.Height+1)*10)
	return l1Node{h, spv.Block{Height: prev.Height + 1, Hash: h.ID()}, all}
}

// follow makes a block the best.
func (c *l1) follow(n l1Node) {
	c.nodes[n.at.Hash] = n
	c.best = append(c.best[:n.at.Height:n.at.Height], n.at)
}

func (c *l1) mine(txs ...*wire.MsgTx) l1Node {
	n := c.build(c.Tip(), 0, txs...)
	c.follow(n)
	return n
}

func (c *l1) Tip() spv.Block { return c.best[len(c.best)-1] }

func (c *l1) Lookup(id spv.Hash) (spv.Block, bool) {
	n, ok := c.nodes[id]
	return n.at, ok
}

func (c *l1) Header(id spv.Hash) (spv.Header, bool) {
	n, ok := c.nodes[id]
	return n.header, ok
}

func (c *l1) Ancestor(id spv.Hash, height int32) (spv.Block, bool) {
	for {
		n, ok := c.nodes[id]
		if !ok || height < 0 || height > n.at.Height {
			return spv.Block{}, false
		}
		if n.at.Height == height {
			return n.at, true
		}
		id = n.header.Prev()
	}
}

func (c *l1) After(spv.Hash, uint32) (uint32, uint32, bool) { return 0, 0, false }

func (c *l1) OnBest(b spv.Block) bool { return slices.Contains(c.best, b) }

// deposit makes a deposit for the world's script, of which the tag makes many differ.
func (w *world) deposit(value int64, tag byte) (*wire.MsgTx, peg.Terms) {
	terms := peg.Terms{MaxFee: 100_000, Script: w.script}
	vault, err := terms.Vault(w.p)
	check(w.t, err)
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Hash: spv.Hash{2, tag}}, Sequence: 1})
	tx.AddTxOut(&wire.TxOut{Value: value, PkScript: vault.PkScript})
	return tx, terms
}

// claim makes the claim of a deposit in a block of the L1.
func (w *world) claim(terms peg.Terms, n l1Node, index uint32, fee int64) *wire.MsgTx {
	var ids []spv.Hash
	for _, tx := range n.txs {
		ids = append(ids, tx.TxHash())
	}
	own, err := merkle.NewBranch(ids, index)
	check(w.t, err)
	first, err := merkle.NewBranch(ids, 0)
	check(w.t, err)
	c, err := peg.Build(w.p, terms, peg.Evidence{Deposit: plain(w.t, n.txs[index]), Block: n.at.Hash, Inclusion: merkle.Inclusion{
		Index: index, Branch: own, Coinbase: plain(w.t, n.txs[0]), CoinbaseBranch: first}}, fee)
	check(w.t, err)
	return c.Tx()
}

func plain(t testing.TB, tx *wire.MsgTx) []byte {
	var raw bytes.Buffer
	check(t, tx.SerializeNoWitness(&raw))
	return raw.Bytes()
}

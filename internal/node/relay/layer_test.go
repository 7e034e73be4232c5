package relay

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/chain"
	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/internal/node/mempool"
	"github.com/layeredpow/lamina/internal/node/template"
	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

// layered is a node of a layer with an L1 of its own, which the test feeds.
type layered struct {
	*host
	l1  *chain.Chain
	dir string // of the layer
}

func (n *network) layered(name string, l1 *network) *layered {
	below, err := chain.Open(n.t.TempDir(), l1.p, nil, chain.Options{})
	check(n.t, err)
	h := &layered{&host{name: name}, below, n.t.TempDir()}
	n.open(h)
	n.add(h.host)
	n.t.Cleanup(func() {
		check(n.t, h.node.chain.Close())
		check(n.t, below.Close())
	})
	return h
}

// open opens what a node of a layer has on disk; again, it knows no more than that.
func (n *network) open(h *layered) {
	n.t.Helper()
	if h.node != nil {
		check(n.t, h.node.chain.Close())
	}
	c, err := chain.Open(h.dir, n.p, h.l1, chain.Options{})
	check(n.t, err)
	pool := mempool.New(mempool.Config{Params: n.p, Chain: c, L1: h.l1, Payer: h.l1.NetID(), Cache: consensus.NewSigCache(100, [32]byte{})})
	m := New(Config{Chain: c, Pool: pool, Parent: h.l1, Sample: c.Sample})
	h.machine, h.node = m, &node{c, pool, m}
}

// mineLayer makes a block of the layer whose proof is over the L1's tip.
func (n *network) mineLayer(h *layered) { n.mineVote(h, 1) }

// mineVote is mineLayer with a fee vote, by which blocks differ.
func (n *network) mineVote(h *layered, vote uint16) {
	n.t.Helper()
	c := h.node.chain
	next, err := c.Next()
	check(n.t, err)
	last := spv.Block{Hash: h.l1.NetID()}
	if next.PrevAnchor != nil {
		last = *next.PrevAnchor
	}
	tip := h.l1.Tip()
	anchor, err := template.Anchor(h.l1, tip, n.p.Layer, last)
	check(n.t, err)
	top, _ := h.l1.Header(tip.Hash)
	b, err := template.Build(&template.Request{Chain: n.p, Prev: c.Tip(), Bits: c.NextBits(top.Time()), Median: c.MedianTime(), Now: top.Time(),
		Payout: open, Commitment: &spv.Commitment{Anchor: anchor, FeeVote: vote, FilterHeader: next.FilterHeader, MMRRoot: next.MMRRoot}})
	check(n.t, err)
	header, coinbase := b.Bare()
	aux := proof(n, h.l1, header.ID(), tip, top)
	_, err = c.Accept(b.Block(&spv.Sealed{Header: header, Aux: aux}, coinbase), uint32(n.now.Unix()))
	check(n.t, err)
	n.step(h.host, syncer.Resume{})
}

// proof mines a proof for a layer block over an L1 block.
func proof(n *network, l1 *chain.Chain, id spv.Hash, tip spv.Block, top spv.Header) *spv.AuxPoW {
	aux, _ := proofAndBlock(n, l1, id, tip, top.Time()+10)
	return aux
}

// proofAndBlock mines a proof with a time, and returns with it the L1 block that it is of.
func proofAndBlock(n *network, l1 *chain.Chain, id spv.Hash, tip spv.Block, at uint32) (*spv.AuxPoW, []byte) {
	script := append(consensus.CoinbaseHeight(tip.Height+1), 0xfa, 0xbe, 'm', 'm')
	for i := range id {
		script = append(script, id[31-i])
	}
	script = append(script, 1, 0, 0, 0, 0, 0, 0, 0)
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(wire.NewTxIn(wire.NewOutPoint(&spv.Hash{}, wire.MaxPrevOutIndex), script, nil))
	tx.AddTxOut(wire.NewTxOut(1, open))
	var raw bytes.Buffer
	check(n.t, tx.SerializeNoWitness(&raw))
	parsed, _, err := spv.ParseTx(raw.Bytes())
	check(n.t, err)
	var h spv.Header
	root := tx.TxHash()
	binary.LittleEndian.PutUint32(h[0:], 4)
	copy(h[4:], tip.Hash[:])
	copy(h[36:], root[:])
	binary.LittleEndian.PutUint32(h[68:], at)
	binary.LittleEndian.PutUint32(h[72:], l1.NextBits(at))
	target, _ := spv.ParseTarget(h.Bits())
	for id := h.ID(); !spv.Meets(&id, &target); id = h.ID() {
		binary.LittleEndian.PutUint32(h[76:], binary.LittleEndian.Uint32(h[76:])+1)
	}
	return &spv.AuxPoW{Coinbase: parsed, Parent: h}, append(append(h[:len(h):len(h)], 1), raw.Bytes()...)
}

// feed gives a layer's L1 what another chain has.
func (n *network) feed(h *layered, from *chain.Chain) {
	n.t.Helper()
	for height := h.l1.Tip().Height + 1; height <= from.Tip().Height; height++ {
		b, _ := from.BlockAt(height)
		raw, err := from.Block(b.Hash)
		check(n.t, err)
		_, err = h.l1.Accept(raw, 0)
		check(n.t, err)
	}
	n.step(h.host, syncer.ParentMoved{})
}

// TestLayer: headers travel with their proofs; a node whose L1 lags waits without blaming
// anybody, and follows when its L1 does; a spoiled proof bars no block.
func TestLayer(t *testing.T) {
	l1 := newNetwork(t, 40)
	miner := l1.node("L1")
	for range 20 {
		l1.mine(miner)
	}
	n := newNetwork(t, 41)
	n.p = testchain.Easy(t, "dev-native")
	a, b, c := n.layered("a", l1), n.layered("b", l1), n.layered("c", l1)
	list := []*host{a.host, b.host, c.host}
	n.feed(a, miner.node.chain)
	n.feed(b, miner.node.chain)
	for range 10 {
		n.mineLayer(a)
	}
	n.ring(list)
	n.run(time.Minute)
	n.same(list[:2])
	if s := c.node.m.Status(); s.Tip.Height != 0 || s.Waiting == 0 {
		t.Fatalf("c knows no L1: %+v", s)
	}
	n.feed(c, miner.node.chain)
	n.run(time.Minute)
	n.same(list)

	for range 3 {
		l1.mine(miner)
	}
	n.feed(a, miner.node.chain)
	n.mineLayer(a)
	n.run(time.Minute)
	if b.node.chain.Tip() == a.node.chain.Tip() {
		t.Fatal("b's L1 does not have the block yet")
	}
	n.feed(c, miner.node.chain)
	n.feed(b, miner.node.chain)
	n.run(time.Minute)
	n.same(list)
	n.quiet(list)

	// An adversary brings the next header first, with a proof that is not its own.
	n.partition(map[*host]bool{a.host: true})
	n.mineLayer(a)
	run, err := a.node.chain.Sealed(nil, spv.Hash{})
	check(t, err)
	last := run[len(run)-1]
	spoiled := *last.Aux
	spoiled.Parent[70] ^= 1
	enemy := n.adversary()
	_, l := n.connect(b.host, enemy)
	n.say(l, &msg.Headers{Headers: []spv.Sealed{{Header: last.Header, Aux: &spoiled}}})
	n.run(5 * time.Second)
	if len(b.drops) == 0 || b.bans > 0 {
		t.Fatalf("drops %v, bans %d, want a drop without a ban", b.drops, b.bans)
	}
	n.connect(a.host, b.host)
	n.run(time.Minute)
	n.same(list)
}

// TestHeadersCut: messages with proofs keep the size that the chain's data says.
func TestHeadersCut(t *testing.T) {
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(wire.NewTxIn(wire.NewOutPoint(&spv.Hash{}, 0), make([]byte, 90), nil))
	tx.AddTxOut(wire.NewTxOut(1, make([]byte, 5000)))
	var raw bytes.Buffer
	check(t, tx.SerializeNoWitness(&raw))
	parsed, _, err := spv.ParseTx(raw.Bytes())
	check(t, err)
	run := make([]spv.Sealed, 2000)
	for i := range run {
		run[i].Aux = &spv.AuxPoW{Coinbase: parsed}
		binary.LittleEndian.PutUint32(run[i].Header[0:], spv.AuxPoWFlag|4)
	}
	for _, most := range []int{1, 6_000, 100_000, 4 << 20} {
		part, size := cut(run, most)
		whole := (&msg.Headers{Headers: part}).Append(nil)
		if len(part) == 0 || len(whole) > size || size > most && len(part) > 1 || len(part) < len(run) && len(whole)+len(whole)/len(part) < most-10_000 {
			t.Fatalf("cut at %d: %d headers, %d bytes, said %d", most, len(part), len(whole), size)
		}
	}
}

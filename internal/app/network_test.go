package app

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/p2p"
	"github.com/layeredpow/lamina/internal/simnet"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
	"github.com/layeredpow/lamina/wallet/address"
)

// network is a chain with a node that serves it over loopback: headers, filters, blocks
// and unconfirmed transactions. It takes transactions only if their signatures for
// outputs that it knows are right, as a node does.
type network struct {
	t       testing.TB
	params  *chains.Params
	address string
	ctx     context.Context
	inputs  chan syncer.Input
	blocks  atomic.Int32 // height to announce

	// Only the node's loop uses these.
	miner   simnet.Miner
	ledger  simnet.Ledger
	outs    map[wire.OutPoint]*wire.TxOut // ever made
	mempool []*wire.MsgTx
	links   map[syncer.Peer]bool
	out     []syncer.Output
	foreign uint32
	refused []error
	awaited map[spv.Hash]chan struct{} // closed when the transaction is in the mempool
	agents  map[syncer.Peer]string
	told    map[string][]spv.Hash // transactions announced, by the agent of who did
}

func newNetwork(t testing.TB, p *chains.Params) *network {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &network{t: t, params: p, address: l.Addr().String(), inputs: make(chan syncer.Input), links: map[syncer.Peer]bool{},
		miner: simnet.Miner{Rules: &p.Rules}, outs: map[wire.OutPoint]*wire.TxOut{},
		awaited: map[spv.Hash]chan struct{}{}, agents: map[syncer.Peer]string{}, told: map[string][]spv.Hash{}}
	ctx, cancel := context.WithCancel(context.Background())
	n.ctx = ctx
	cfg := p2p.Config{Codec: codecOf(p), Agent: "/test/", Services: simnet.Full, Relay: true, Log: slog.New(slog.DiscardHandler),
		Listen: l, Inputs: n.inputs, Height: n.blocks.Load}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = p2p.Run(ctx, cfg, n, nil)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return n
}

// request asks the node's loop to do something.
type request struct {
	syncer.Input
	do func()
}

// do runs f in the node's loop.
func (n *network) do(f func()) {
	n.t.Helper()
	done := make(chan struct{})
	select {
	case n.inputs <- request{do: func() { defer close(done); f() }}:
		<-done
	case <-time.After(patience):
		n.t.Fatal("the node does not answer")
	}
}

// Step answers peers.
func (n *network) Step(_ time.Time, in syncer.Input) []syncer.Output {
	n.out = nil
	switch in := in.(type) {
	case request:
		in.do()
	case syncer.Connected:
		n.links[in.Peer], n.agents[in.Peer] = true, in.Agent
	case syncer.Disconnected:
		delete(n.links, in.Peer)
	case syncer.Received:
		n.hear(in.Peer, in.Message)
	}
	return n.out
}

func (n *network) send(to syncer.Peer, m msg.Message) {
	n.out = append(n.out, syncer.Send{Peer: to, Message: m})
}

func (n *network) hear(from syncer.Peer, m msg.Message) {
	switch m := m.(type) {
	case *wire.MsgGetHeaders:
		at := 0
		for _, id := range m.BlockLocatorHashes {
			if h := n.height(*id); h >= 0 {
				at = h
				break
			}
		}
		answer := &msg.Headers{}
		for _, b := range n.ledger[at:min(at+msg.MaxHeaders, len(n.ledger))] {
			answer.Headers = append(answer.Headers, spv.Sealed{Header: b.Header})
		}
		n.send(from, answer)
	case *wire.MsgGetCFHeaders:
		if stop := n.height(m.StopHash); stop > 0 {
			answer := &wire.MsgCFHeaders{StopHash: m.StopHash, PrevFilterHeader: n.ledger[m.StartHeight-1].FilterBelow}
			for _, b := range n.ledger[m.StartHeight-1 : stop] {
				hash := spv.Hash(doubleHash(b.Filter))
				answer.FilterHashes = append(answer.FilterHashes, &hash)
			}
			n.send(from, answer)
		}
	case *wire.MsgGetCFilters:
		if stop := n.height(m.StopHash); stop > 0 {
			for _, b := range n.ledger[m.StartHeight-1 : stop] {
				n.send(from, &wire.MsgCFilter{BlockHash: b.ID, Data: b.Filter})
			}
		}
	case *wire.MsgGetData:
		for _, v := range m.InvList {
			n.give(from, v)
		}
	case *wire.MsgInv:
		ask := &wire.MsgGetData{}
		for _, v := range m.InvList {
			n.told[n.agents[from]] = append(n.told[n.agents[from]], v.Hash)
			if v.Type == wire.InvTypeTx {
				v = wire.NewInvVect(wire.InvTypeWitnessTx, &v.Hash)
			}
			ask.InvList = append(ask.InvList, v)
		}
		n.send(from, ask)
	case *msg.Tx:
		tx := new(wire.MsgTx)
		if err := tx.Deserialize(bytes.NewReader(m.Raw)); err != nil {
			n.refused = append(n.refused, err)
			return
		}
		n.take(tx)
	}
}

func (n *network) give(to syncer.Peer, v *wire.InvVect) {
	if v.Type&^wire.InvWitnessFlag == wire.InvTypeBlock {
		if h := n.height(v.Hash); h > 0 {
			n.send(to, &msg.Block{Raw: n.ledger[h-1].Raw})
		}
		return
	}
	for _, tx := range n.mempool {
		if tx.TxHash() == v.Hash || tx.WitnessHash() == v.Hash {
			var raw bytes.Buffer
			_ = tx.Serialize(&raw)
			n.send(to, &msg.Tx{Raw: raw.Bytes()})
			return
		}
	}
}

// height returns a block's height, 0 for genesis, -1 if it is not on the chain.
func (n *network) height(id spv.Hash) int {
	if id == n.params.Genesis.ID() {
		return 0
	}
	for i := len(n.ledger) - 1; i >= 0; i-- {
		if n.ledger[i].ID == id {
			return i + 1
		}
	}
	return -1
}

// take puts a transaction into the mempool in the place of those that it conflicts with,
// if its signatures are right and it pays more than they do.
func (n *network) take(tx *wire.MsgTx) {
	fetch := txscript.NewMultiPrevOutFetcher(maps.Clone(n.outs))
	for _, in := range tx.TxIn {
		if n.outs[in.PreviousOutPoint] == nil {
			fetch.AddPrevOut(in.PreviousOutPoint, &wire.TxOut{})
		}
	}
	hashes := txscript.NewTxSigHashes(tx, fetch)
	for i, in := range tx.TxIn {
		out := n.outs[in.PreviousOutPoint]
		if out == nil {
			continue // a coin from nowhere, see pay
		}
		engine, err := txscript.NewEngine(out.PkScript, tx, i, txscript.StandardVerifyFlags, nil, hashes, out.Value, fetch)
		if err == nil {
			err = engine.Execute()
		}
		if err != nil {
			n.refused = append(n.refused, err)
			return
		}
	}
	n.mempool = append(n.without(tx), tx)
	n.learn(tx)
	if c := n.awaited[tx.TxHash()]; c != nil {
		close(c)
		delete(n.awaited, tx.TxHash())
	}
}

// without returns the mempool without what conflicts with a transaction, or is it.
func (n *network) without(tx *wire.MsgTx) (rest []*wire.MsgTx) {
	taken := map[wire.OutPoint]bool{}
	for _, in := range tx.TxIn {
		taken[in.PreviousOutPoint] = true
	}
next:
	for _, other := range n.mempool {
		for _, in := range other.TxIn {
			if taken[in.PreviousOutPoint] {
				id := other.TxHash() // and what descends from it
				for i := range other.TxOut {
					taken[wire.OutPoint{Hash: id, Index: uint32(i)}] = true
				}
				continue next
			}
		}
		rest = append(rest, other)
	}
	return rest
}

func (n *network) learn(tx *wire.MsgTx) {
	for i, out := range tx.TxOut {
		n.outs[wire.OutPoint{Hash: tx.TxHash(), Index: uint32(i)}] = out
	}
}

// pay returns a transaction from nowhere to scripts.
func (n *network) pay(value int64, scripts ...[]byte) *wire.MsgTx {
	n.foreign++
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Hash: spv.Hash{1, 2, 3}, Index: n.foreign}, nil, wire.TxWitness{{1}}))
	for _, s := range scripts {
		tx.AddTxOut(wire.NewTxOut(value, s))
	}
	n.learn(tx)
	return tx
}

// announce puts a transaction into the mempool and tells all peers.
func (n *network) announce(tx *wire.MsgTx) {
	n.do(func() {
		n.mempool = append(n.mempool, tx)
		id := tx.TxHash()
		for peer := range n.links {
			n.send(peer, &wire.MsgInv{InvList: []*wire.InvVect{wire.NewInvVect(wire.InvTypeTx, &id)}})
		}
	})
}

// mine makes blocks; the first holds the mempool and more.
func (n *network) mine(blocks int, more ...*wire.MsgTx) {
	n.do(func() {
		txs := append(append([]*wire.MsgTx{}, n.mempool...), more...)
		n.mempool = nil
		for range blocks {
			n.block(txs)
			txs = nil
		}
		n.tell()
	})
}

func (n *network) block(txs []*wire.MsgTx) {
	var spent [][]byte
	for _, tx := range txs {
		n.learn(tx)
		for _, in := range tx.TxIn {
			if out := n.outs[in.PreviousOutPoint]; out != nil {
				spent = append(spent, out.PkScript)
			}
		}
	}
	n.ledger = n.miner.Mine(n.ledger, txs, spent)
}

// reorg replaces the newest blocks by one more, which are empty, and puts their
// transactions into the mempool if keep is set.
func (n *network) reorg(undo int, keep bool) {
	n.do(func() {
		for _, b := range n.ledger[len(n.ledger)-undo:] {
			if keep {
				n.mempool = append(n.mempool, b.Txs()[1:]...)
			}
		}
		n.ledger = n.ledger[: len(n.ledger)-undo : len(n.ledger)-undo]
		n.miner.Tag++
		for range undo + 1 {
			n.block(nil)
		}
		n.tell()
	})
}

func (n *network) tell() {
	n.blocks.Store(int32(len(n.ledger)))
	last := n.ledger[len(n.ledger)-1]
	for peer := range n.links {
		n.send(peer, &msg.Headers{Headers: []spv.Sealed{{Header: last.Header}}})
	}
}

func (n *network) tip() (tip spv.Block) {
	n.do(func() {
		tip = spv.Block{Height: int32(len(n.ledger)), Hash: n.params.Genesis.ID()}
		if len(n.ledger) > 0 {
			tip.Hash = n.ledger[len(n.ledger)-1].ID
		}
	})
	return tip
}

// holds says whether a transaction is in the mempool.
func (n *network) holds(id spv.Hash) (yes bool) {
	n.do(func() {
		for _, tx := range n.mempool {
			yes = yes || tx.TxHash() == id
		}
	})
	return yes
}

// await returns what is closed when a transaction is in the mempool.
func (n *network) await(id spv.Hash) <-chan struct{} {
	c := make(chan struct{})
	n.do(func() {
		for _, tx := range n.mempool {
			if tx.TxHash() == id {
				close(c)
				return
			}
		}
		n.awaited[id] = c
	})
	return c
}

func (n *network) pooled() (count int) {
	n.do(func() { count = len(n.mempool) })
	return count
}

func scriptAddress(t testing.TB, p *chains.Params, script []byte) string {
	t.Helper()
	text, err := address.Encode(p, script)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

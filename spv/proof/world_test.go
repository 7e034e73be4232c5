package proof_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/assets"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/proof"
)

// world is a mined stack: an L1 and a layer, both judged by spv.Tree, and a payment in one of the layer's blocks.
type world struct {
	set       *chains.Set
	layer, on *chains.Params // on: the L1
	l1        *spv.Tree
	tree      *spv.Tree
	sealed    []spv.Sealed // the layer's, by height
	txs       map[int32][]*wire.MsgTx
	now       uint32
}

const (
	worldBlocks = 20 // of the layer
	paidAt      = 14
)

// theWorld is mined once; nothing changes it.
var theWorld = sync.OnceValue(func() *world {
	set, err := chains.Load(assets.Chains)
	if err != nil {
		panic(err)
	}
	layer, err := set.Get("dev-native")
	if err != nil {
		panic(err)
	}
	w := &world{set: set, layer: layer, on: set.L1Of(layer), txs: map[int32][]*wire.MsgTx{}}
	w.l1, w.tree = spv.NewTree(&w.on.Rules), spv.NewTree(&layer.Rules)
	w.tree.LinkTo(w.l1)
	w.sealed = []spv.Sealed{{Header: layer.Rules.Genesis}}
	for range 8 {
		w.growL1(spv.Hash{})
	}
	for i := range worldBlocks {
		w.growLayer(i%3 == 2)
		if i%2 == 1 {
			w.growL1(spv.Hash{byte(i)})
		}
	}
	last, _ := w.l1.Header(w.l1.Tip().Height)
	w.now = last.Time() + 30
	return w
})

func header(version int32, prev, root spv.Hash, time, bits uint32) (h spv.Header) {
	binary.LittleEndian.PutUint32(h[0:], uint32(version))
	copy(h[4:], prev[:])
	copy(h[36:], root[:])
	binary.LittleEndian.PutUint32(h[68:], time)
	binary.LittleEndian.PutUint32(h[72:], bits)
	return h
}

// mine searches from a nonce upwards, so that headers of both chains differ from one another.
func mine(h *spv.Header, bits uint32) {
	target, _ := spv.ParseTarget(bits)
	for nonce := uint32(0); ; nonce++ {
		binary.LittleEndian.PutUint32(h[76:], nonce)
		if id := h.ID(); spv.Meets(&id, &target) {
			return
		}
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// parent is a header on top of the L1's tip.
func (w *world) parent(root spv.Hash) spv.Header {
	tip := w.l1.Tip()
	last, _ := w.l1.Header(tip.Height)
	time := last.Time() + 10
	bits, _, _ := w.l1.After(tip.Hash, time)
	return header(0x20000000, tip.Hash, root, time, bits)
}

func (w *world) growL1(root spv.Hash) {
	h := w.parent(root)
	mine(&h, h.Bits())
	_, err := w.l1.Connect([]spv.Sealed{{Header: h}}, 0)
	must(err)
}

// growLayer mines a layer block of four transactions; as a seal its parent goes to the L1, too.
func (w *world) growLayer(seal bool) {
	tip := w.tree.Tip()
	anchor, _ := w.l1.Block(w.l1.Tip().Height - w.layer.Layer.AnchorDepth - 1)
	s, txs := w.layerBlock(tip, anchor, seal)
	if seal {
		_, err := w.l1.Connect([]spv.Sealed{{Header: s.Aux.Parent}}, 0)
		must(err)
	}
	_, err := w.tree.Connect([]spv.Sealed{s}, 0)
	must(err)
	w.sealed = append(w.sealed, s)
	w.txs[tip.Height+1] = txs
}

// layerBlock mines a block with an anchor on top of another, its parent on the L1's tip.
func (w *world) layerBlock(prev, anchor spv.Block, seal bool) (spv.Sealed, []*wire.MsgTx) {
	last, _ := w.tree.Header(prev.Height)
	time := last.Time() + 5
	bits, _, _ := w.tree.After(prev.Hash, time)
	txs := []*wire.MsgTx{coinbase(prev.Height+1, (&spv.Commitment{Anchor: anchor, FeeVote: 1, MMRRoot: spv.Hash{5}}).Script())}
	for i := range 3 {
		txs = append(txs, payment(byte(i), prev.Height))
	}
	root, _ := merkle.Root(ids(txs))
	h := header(w.layer.AuxPoW.ChainID<<16|0x0104, prev.Hash, root, time, bits)
	aux := w.auxFor(h.ID())
	need := bits
	if seal {
		need = aux.Parent.Bits()
	}
	mine(&aux.Parent, need)
	return spv.Sealed{Header: h, Aux: aux}, txs
}

// auxFor returns a proof with a parent block of two transactions, not mined yet.
func (w *world) auxFor(id spv.Hash) *spv.AuxPoW {
	script := []byte{3, 1, 2, 3, 0xfa, 0xbe, 'm', 'm'}
	for i := range id {
		script = append(script, id[31-i])
	}
	tx := wire.NewMsgTx(1)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Index: 0xffffffff}, SignatureScript: append(script, 1, 0, 0, 0, 0, 0, 0, 0), Sequence: 0xffffffff})
	tx.AddTxOut(wire.NewTxOut(50e8, []byte{0x51}))
	parsed, _, err := spv.ParseTx(raw(tx))
	must(err)
	branch := merkle.Branch{{0xaa, id[0]}}
	return &spv.AuxPoW{Coinbase: parsed, CoinbaseBranch: branch, Parent: w.parent(branch.Root(parsed.ID(), 0))}
}

func coinbase(height int32, commitment []byte) *wire.MsgTx {
	tx := wire.NewMsgTx(1)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Index: 0xffffffff}, SignatureScript: []byte{2, byte(height), byte(height >> 8)}, Sequence: 0xffffffff})
	tx.AddTxOut(wire.NewTxOut(0, commitment))
	return tx
}

func payment(tag byte, height int32) *wire.MsgTx {
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Hash: spv.Hash{tag, byte(height), 1}, Index: 3}, []byte{1, tag}, nil))
	tx.AddTxOut(wire.NewTxOut(int64(tag)*1000+7, append([]byte{0, 20}, bytes.Repeat([]byte{tag}, 20)...)))
	return tx
}

func raw(tx *wire.MsgTx) []byte {
	var b bytes.Buffer
	must(tx.SerializeNoWitness(&b))
	return b.Bytes()
}

func ids(txs []*wire.MsgTx) (list []spv.Hash) {
	for _, tx := range txs {
		list = append(list, tx.TxHash())
	}
	return list
}

// Sealed is the proof.Source.
func (w *world) Sealed(height int32) (spv.Sealed, error) {
	if int(height) >= len(w.sealed) {
		return spv.Sealed{}, fmt.Errorf("no header %d", height)
	}
	return w.sealed[height], nil
}

func (w *world) inclusion(height int32, index uint32) merkle.Inclusion {
	txs := w.txs[height]
	branch, err := merkle.NewBranch(ids(txs), index)
	must(err)
	first, err := merkle.NewBranch(ids(txs), 0)
	must(err)
	return merkle.Inclusion{Index: index, Branch: branch, Coinbase: raw(txs[0]), CoinbaseBranch: first}
}

// pay builds the proof of a transaction.
func (w *world) pay(t testing.TB, height int32, index uint32, confirmations int32) *proof.Payment {
	t.Helper()
	p, err := proof.Build(w.layer, raw(w.txs[height][index]), w.inclusion(height, index), height, confirmations, worldBlocks, w, w.l1)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func encode(t testing.TB, p *proof.Payment) []byte {
	t.Helper()
	b, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// own returns the world's trees as what the verifier holds.
func (w *world) own(name string) proof.Chain {
	switch name {
	case w.layer.Name:
		return w.tree
	case w.on.Name:
		return w.l1
	}
	return nil
}

func wantCheck(t *testing.T, name string, err error, check string) {
	t.Helper()
	var c *spv.CheckError
	if !errors.As(err, &c) || c.Name != check {
		t.Errorf("%s: got %v, want check %s to fail", name, err, check)
	}
}

package sample_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/merkle"
)

// world is a layer's chain whose headers are made when somebody asks, from the ids in its range. Its blocks come every 60 seconds, or a
// little off, by which the schedule moves the difficulty.
type world struct {
	chain *chains.Params
	peaks merkle.Peaks
	nodes []merkle.Node
	n     int // blocks below the tip
	bits  []uint32
	times []uint32
	tip   spv.Header
	base  []byte // the tip's coinbase

	timed bool                               // the parents have their blocks' times
	bulk  int                                // bytes of outputs in the parents' coinbases
	false func(int32) bool                   // heights whose proofs have no work for the block
	leaf  func(height int32, l *merkle.Node) // changes what the range has of a header
	wrong func(h *spv.Header, height int32)  // changes a header before it gets its id
}

// newWorld makes a chain with its tip at a height.
func newWorld(t testing.TB, height int, jitter bool, wrong func(h *spv.Header, height int32)) *world {
	t.Helper()
	return skewedWorld(t, height, jitter, wrong, nil)
}

// skewedWorld makes a chain whose range has other leaves than its headers.
func skewedWorld(t testing.TB, height int, jitter bool, wrong func(h *spv.Header, height int32), leaf func(int32, *merkle.Node)) *world {
	t.Helper()
	w := &world{chain: testchain.Params(t, "layer-regtest"), wrong: wrong, leaf: leaf, false: func(int32) bool { return false }}
	g := &w.chain.Rules.Genesis
	w.add(t, g)
	for h := 1; h < height; h++ {
		time := w.times[h-1] + 60
		if jitter {
			// Slow and fast by turns, for 300 blocks each: the target moves by almost a half-life.
			time = w.times[h-1] + 60 + []uint32{15, ^uint32(14)}[h/300%2]
		}
		need, ok := w.chain.RequiredBits(w, int32(h), time)
		if !ok {
			t.Fatalf("no bits at %d", h)
		}
		w.times, w.bits = append(w.times, time), append(w.bits, need)
		header := w.make(int32(h))
		w.add(t, &header)
	}
	w.seal(t, height)
	return w
}

// seal makes the tip, which commits to all blocks below.
func (w *world) seal(t testing.TB, height int) {
	t.Helper()
	commitment := spv.Commitment{Anchor: spv.Block{Height: 1}, FeeVote: 1, MMRRoot: w.peaks.Root().Hash}
	tx := wire.NewMsgTx(1)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Index: 0xffffffff}, SignatureScript: []byte{1, 2}, Sequence: 0xffffffff})
	tx.AddTxOut(wire.NewTxOut(0, commitment.Script()))
	w.base = raw(tx)
	w.times = append(w.times[:height], w.times[height-1]+60)
	need, _ := w.chain.RequiredBits(w, int32(height), w.times[height])
	w.bits = append(w.bits[:height], need)
	w.tip = w.make(int32(height))
	root := tx.TxHash()
	copy(w.tip[36:68], root[:])
}

func raw(tx *wire.MsgTx) []byte {
	var b bytes.Buffer
	if err := tx.SerializeNoWitness(&b); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func (w *world) add(t testing.TB, h *spv.Header) {
	t.Helper()
	if w.n == 0 {
		w.times, w.bits = []uint32{h.Time()}, []uint32{h.Bits()}
	}
	w.n++
	target, _ := spv.ParseTarget(h.Bits())
	leaf := merkle.Node{Hash: h.ID(), Work: spv.WorkOf(&target)}
	if w.leaf != nil {
		w.leaf(int32(w.n-1), &leaf)
	}
	var err error
	if w.nodes, err = w.peaks.Append(w.nodes, leaf); err != nil {
		t.Fatal(err)
	}
}

// id is a leaf of the range: before it stand all leaves below and the nodes over them.
func (w *world) id(height int32) spv.Hash {
	return w.nodes[2*int(height)-bits.OnesCount32(uint32(height))].Hash
}

// At is the Ancestry of the blocks so far.
func (w *world) At(height int32) (spv.Point, bool) {
	if height < 0 || int(height) >= len(w.times) {
		return spv.Point{}, false
	}
	return spv.Point{Time: w.times[height], Bits: w.bits[height]}, true
}

func (w *world) make(height int32) (h spv.Header) {
	binary.LittleEndian.PutUint32(h[0:], uint32(w.chain.AuxPoW.ChainID<<16|0x0104))
	prev := w.id(height - 1)
	copy(h[4:], prev[:])
	binary.LittleEndian.PutUint32(h[36:], uint32(height))
	binary.LittleEndian.PutUint32(h[68:], w.times[height])
	binary.LittleEndian.PutUint32(h[72:], w.bits[height])
	if w.wrong != nil {
		w.wrong(&h, height)
	}
	return h
}

func (w *world) Header(height int32) (spv.Header, error) {
	switch {
	case height == 0:
		return w.chain.Rules.Genesis, nil
	case int(height) == w.n:
		return w.tip, nil
	case height < 0 || int(height) > w.n:
		return spv.Header{}, fmt.Errorf("no header %d", height)
	}
	return w.make(height), nil
}

func (w *world) Aux(height int32) (*spv.AuxPoW, error) {
	h, err := w.Header(height)
	if err != nil {
		return nil, err
	}
	id := h.ID()
	if w.false(height) {
		id[7] ^= 1 // work for another block
	}
	script := []byte{3, 1, 2, 3, 0xfa, 0xbe, 'm', 'm'}
	for i := range id {
		script = append(script, id[31-i])
	}
	tx := wire.NewMsgTx(1)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Index: 0xffffffff}, SignatureScript: append(script, 1, 0, 0, 0, 0, 0, 0, 0), Sequence: 0xffffffff})
	tx.AddTxOut(wire.NewTxOut(50e8, []byte{0x51}))
	for left := w.bulk; left > 0; left -= 34 { // payouts of a pool
		tx.AddTxOut(wire.NewTxOut(1, append([]byte{0x76, 0xa9, 20}, make([]byte, 22)...)))
	}
	parsed, _, err := spv.ParseTx(raw(tx))
	if err != nil {
		return nil, err
	}
	branch := make(merkle.Branch, 12)
	for i := range branch {
		branch[i] = spv.Hash{byte(height), byte(i)}
	}
	a := &spv.AuxPoW{Coinbase: parsed, CoinbaseBranch: branch}
	root := branch.Root(parsed.ID(), 0)
	copy(a.Parent[36:], root[:])
	binary.LittleEndian.PutUint32(a.Parent[0:], 4)
	if w.timed {
		copy(a.Parent[68:72], h[68:72])
	}
	target, _ := spv.ParseTarget(h.Bits())
	for nonce := uint32(0); ; nonce++ {
		binary.LittleEndian.PutUint32(a.Parent[76:], nonce)
		if hash := a.Parent.ID(); spv.Meets(&hash, &target) {
			return a, nil
		}
	}
}

func (w *world) Coinbase(int32) ([]byte, merkle.Branch, error) { return w.base, nil, nil }

func (w *world) Node(position uint64) (merkle.Node, error) { return w.nodes[position], nil }

func wantCheck(t *testing.T, name string, err error, check string) {
	t.Helper()
	var c *spv.CheckError
	if !errors.As(err, &c) || c.Name != check {
		t.Errorf("%s: got %v, want check %s to fail", name, err, check)
	}
}

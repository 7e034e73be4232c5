package simnet_test

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/layeredpow/lamina/internal/simnet"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/syncer"
)

const layerID = 0x4c00

// layerRules are those of a layer that is merge-mined with the chain of rules().
func layerRules() *spv.Rules {
	r := rules()
	r.Name = "layer"
	r.AuxPoW = &spv.AuxRules{ChainID: layerID, StrictID: true, PlainParent: true, IndexZero: true, Layer: true}
	return r
}

// seal makes a layer header on top of another whose proof builds on an L1 block.
func seal(t *testing.T, r *spv.Rules, prev spv.Header, on spv.Header) spv.Sealed {
	t.Helper()
	h := spv.Header{0: 4, 1: 1, 2: layerID & 0xff, 3: layerID >> 8}
	id := prev.ID()
	copy(h[4:], id[:])
	binary.LittleEndian.PutUint32(h[68:], on.Time()+600)
	binary.LittleEndian.PutUint32(h[72:], easyBits)
	leaf := h.ID()
	script := []byte{0xfa, 0xbe, 'm', 'm'}
	for i := range leaf {
		script = append(script, leaf[31-i])
	}
	script = append(script, 1, 0, 0, 0, 0, 0, 0, 0) // a tree of one leaf
	raw := append([]byte{1, 0, 0, 0, 1}, make([]byte, 32)...)
	raw = append(append(raw, 0xff, 0xff, 0xff, 0xff, byte(len(script))), script...)
	raw = append(raw, 0xff, 0xff, 0xff, 0xff, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0x51, 0, 0, 0, 0)
	coinbase, n, err := spv.ParseTx(raw)
	if err != nil || n != len(raw) {
		t.Fatalf("coinbase: %d of %d bytes, %v", n, len(raw), err)
	}
	p := &spv.AuxPoW{Coinbase: coinbase, Parent: spv.Header{0: 4}}
	under, root := on.ID(), coinbase.ID()
	copy(p.Parent[4:], under[:])
	copy(p.Parent[36:], root[:])
	binary.LittleEndian.PutUint32(p.Parent[68:], on.Time()+600)
	binary.LittleEndian.PutUint32(p.Parent[72:], easyBits)
	target, _ := spv.ParseTarget(easyBits)
	for nonce := uint32(0); ; nonce++ {
		binary.LittleEndian.PutUint32(p.Parent[76:], nonce)
		if id := p.Parent.ID(); spv.Meets(&id, &target) {
			return spv.Sealed{Header: h, Aux: p}
		}
	}
}

// TestEclipse: all L1 peers hide the L1 tip. The layer's proofs that build on it stay
// pending, nobody is blamed, and the layer goes on once L1 does.
func TestEclipse(t *testing.T) {
	r, lr := rules(), layerRules()
	full := chain(r, nil, 60, 1)
	var layer []spv.Sealed
	prev := lr.Genesis
	for i := range 40 {
		s := seal(t, lr, prev, full[20+i-1].Header)
		layer, prev = append(layer, s), s.Header
	}
	tree, treeL2 := spv.NewTree(r), spv.NewTree(lr)
	treeL2.LinkTo(tree)
	l1 := simnet.New(syncer.New(tree, [16]byte{}), 1, start)
	l2 := simnet.New(syncer.New(treeL2, [16]byte{}), 1, start)
	silent := &simnet.Node{Chain: full[:50]}
	l1.Join(silent)
	node := &simnet.Node{Chain: layer}
	l2.Join(node)
	step := func() {
		t.Helper()
		for _, n := range []*simnet.Net{l1, l2} {
			if err := n.Run(time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		l2.Tell(syncer.ParentMoved{})
		if err := l2.Run(time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	step()
	s := l2.Machine.Status()
	if s.Synced || s.Waiting != "the parent chain's headers" || s.Tip.Height != 31 {
		t.Fatalf("%+v, want the layer to wait at 31, on L1's block 50", s)
	}
	if len(l2.Dropped)+len(l1.Dropped) > 0 || !node.Alive() {
		t.Fatalf("dropped %v %v", l1.Dropped, l2.Dropped)
	}
	l1.Join(&simnet.Node{Chain: full})
	step()
	if s := l2.Machine.Status(); !s.Synced || s.Tip.Height != 40 || len(l2.Dropped) > 0 {
		t.Fatalf("%+v; dropped %v", s, l2.Dropped)
	}
	var b bytes.Buffer
	b.Write(layer[0].Append(nil)) // what was built is what travels
	if got, n, err := spv.ParseSealed(b.Bytes(), true); err != nil || n != b.Len() || got.Aux == nil {
		t.Fatalf("%d of %d bytes, %v", n, b.Len(), err)
	}
}

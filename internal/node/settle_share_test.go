package node

import (
	"testing"
	"time"

	"github.com/layeredpow/lamina/internal/node/chain"
	"github.com/layeredpow/lamina/internal/node/work"
	"github.com/layeredpow/lamina/spv"
)

// TestShareOfLaterProof: the share counts a block by the proof that seals it, also if another one came first and was read.
func TestShareOfLaterProof(t *testing.T) {
	a := start(t, Config{})
	l1, layer := a.loop("dev"), a.loop(pegged)
	a.generate("dev", 8)
	a.generate(pegged, 1)
	at := layer.View().Tip()
	first := a.Settlement(pegged)
	before, err := first.Share()
	check(t, err)
	if _, seals, err := layer.Chain().Seal(at.Height); err != nil || seals || before.Seals != 0 {
		t.Fatalf("sealed %t before its L1 block is there: %+v, %v", seals, before, err)
	}

	// An L1 block that commits to the same block of the layer.
	header, _ := layer.Chain().Header(at.Hash)
	target, _ := spv.ParseTarget(header.Bits())
	parent, err := a.parent(t.Context(), anybody)
	check(t, err)
	s, err := a.Mining().search(t.Context(), parent, func(s *work.Solution) bool { return s.Parent && len(s.Layers) > 0 },
		work.Layer{Chain: pegged, ID: layer.Params().AuxPoW.ChainID, Hash: at.Hash, Target: target})
	check(t, err)
	if r, err := l1.Block(t.Context(), s.Block()); err != nil || r.Status != chain.Connected {
		t.Fatalf("%s, %v", r.Status, err)
	}
	_, err = on(t.Context(), layer, func(now time.Time) (int, error) {
		return layer.view.AcceptHeaders([]spv.Sealed{{Header: header, Aux: s.Proof(0)}}, uint32(now.Unix()))
	})
	check(t, err)
	if by, seals, err := layer.Chain().Seal(at.Height); err != nil || !seals || by != l1.View().Tip() {
		t.Fatalf("sealed %t by %s, %v", seals, by, err)
	}
	if after, err := first.Share(); err != nil || after.Seals != 1 {
		t.Errorf("share %+v, %v: want one seal", after, err)
	}
}

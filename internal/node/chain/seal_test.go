package chain

import (
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
)

// seal returns an L1 block that commits to a layer's block, and the proof by which it seals that.
func (s *stack) seal(prev, of *made, tag uint32) (onL1 *made, proof spv.Sealed) {
	tx := mergedCoinbase(prev.height+1, of.id, tag)
	h := testchain.HeaderOn(4, prev.id, []*wire.MsgTx{tx}, prev.header.Time()+10)
	testchain.Mine(&h)
	return body(h, nil, prev, []*wire.MsgTx{tx}), spv.Sealed{Header: of.header, Aux: proofOf(tx, h)}
}

// hear takes a proof as another node tells of it.
func (s *stack) hear(proof spv.Sealed) {
	s.t.Helper()
	if n, err := s.c.AcceptHeaders([]spv.Sealed{proof}, 0); n != 0 || err != nil {
		s.t.Fatalf("%d new headers, %v", n, err)
	}
}

// sealed fails unless the layer's block 1 is sealed by a block of the L1; nil: by none.
func (s *stack) sealed(when string, by *made) {
	s.t.Helper()
	got, ok, err := s.c.Seal(1)
	check(s.t, err)
	if by == nil && ok || by != nil && (!ok || got != by.ref()) {
		s.t.Fatalf("%s: sealed %v by %s", when, ok, got)
	}
}

// TestSealKilled: however a proof came that makes a block a seal, a kill does not take it back: nodes would
// count other seals than their neighbours, and settlers other payouts.
func TestSealKilled(t *testing.T) {
	for name, come := range map[string]func(s *stack, block, onL1 *made, proof spv.Sealed){
		"told after the L1 block": func(s *stack, _, onL1 *made, proof spv.Sealed) {
			s.take1(onL1)
			s.hear(proof)
		},
		"told before the L1 block": func(s *stack, _, onL1 *made, proof spv.Sealed) {
			s.hear(proof)
			s.take1(onL1)
		},
		"with the block": func(s *stack, block, onL1 *made, proof spv.Sealed) {
			s.take1(onL1)
			again := body(block.header, proof.Aux, s.g2, block.txs)
			if r, err := s.c.Accept(again.raw, 0); err != nil || r.Status != Duplicate {
				s.t.Fatalf("%s, %v", r.Status, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStack(t, Options{})
			a := s.grow1(s.g1, 8)
			one := s.make2(s.g2, a[7], 2)
			s.take2(one, Connected)
			s.take2(s.make2(one, a[7], 2), Connected)
			onL1, proof := s.seal(a[7], one, 77)
			s.sealed("before", nil)
			come(s, one, onL1, proof)
			s.sealed("when it came", onL1)
			s.reopen(true)
			s.sealed("after a kill", onL1)
			s.reopen(true)
			s.sealed("after another kill", onL1)
		})
	}
}

// TestSealsInAnyOrder: of several proofs that make a block a seal the one lowest on L1 counts, whichever came first.
func TestSealsInAnyOrder(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {2, 0, 1}} {
		s := newStack(t, Options{})
		a := s.grow1(s.g1, 8)
		one := s.make2(s.g2, a[7], 2)
		s.take2(one, Connected)
		prev := a[7]
		var seals []*made
		var proofs []spv.Sealed
		for i := range uint32(3) {
			onL1, proof := s.seal(prev, one, i)
			seals, proofs, prev = append(seals, onL1), append(proofs, proof), onL1
		}
		s.take1(seals...)
		for _, i := range order {
			s.hear(proofs[i])
		}
		s.sealed("told", seals[0])
		s.reopen(true)
		s.sealed("after a kill", seals[0])
	}
}

// TestSealReturns: when the L1 goes over to a branch and back, the seal of either is there.
func TestSealReturns(t *testing.T) {
	s := newStack(t, Options{})
	a := s.grow1(s.g1, 8)
	one := s.make2(s.g2, a[7], 2)
	s.take2(one, Connected)
	here, proof := s.seal(a[7], one, 1)
	s.take1(here)
	s.hear(proof)
	s.sealed("at first", here)
	there, other := s.seal(a[7], one, 2)
	s.hear(other)
	over := run(s.p1, there, 1, 3)
	s.take1(there, over[0])
	s.sealed("on the other branch", there)
	back := run(s.p1, here, 2, 4)
	s.take1(back...)
	s.sealed("back again", here)
	s.reopen(true)
	s.sealed("after a kill", here)
}

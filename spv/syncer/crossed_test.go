package syncer

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
)

// TestCrossed: a block that is announced while a question travels is not taken for its answer, whenever it comes: all headers
// are fetched, and no question is lost.
func TestCrossed(t *testing.T) {
	rules := flatRules(1)
	const length, part = 60, 10
	var chain []spv.Sealed
	at := map[spv.Hash]int{rules.Genesis.ID(): 0}
	for prev := rules.Genesis.ID(); len(chain) < length; prev = chain[len(chain)-1].Header.ID() {
		h := spv.Header{0: 4, 72: 0xff, 73: 0xff, 74: 0x7f, 75: 0x20}
		copy(h[4:], prev[:])
		binary.LittleEndian.PutUint32(h[68:], uint32(len(chain)+1))
		for id := h.ID(); !spv.Meets(&id, &rules.PowLimit); id = h.ID() {
			h[76]++
		}
		chain = append(chain, spv.Sealed{Header: h})
		at[h.ID()] = len(chain)
	}
	for crossing := range 8 { // which answer the announcement comes before
		m := New(spv.NewTree(rules), [16]byte{})
		now := time.Unix(1_700_000_000, 0)
		var toPeer []Output
		step := func(in Input) {
			for out := m.Step(now, in); ; out = m.Step(now, Resume{}) {
				toPeer = append(toPeer, out...)
				if !slices.Contains(out, Output(Again{})) {
					return
				}
			}
		}
		step(Connected{Peer: 1, Height: length})
		for n := 0; len(toPeer) > 0; {
			questions := toPeer
			toPeer = nil
			for _, id := range asks(questions) {
				if n++; n == crossing+1 {
					step(Received{Peer: 1, Message: &msg.Headers{Headers: chain[length-1:]}})
				}
				from := at[id]
				step(Received{Peer: 1, Message: &msg.Headers{Headers: chain[from:min(from+part, length)]}})
			}
			if n > 100 {
				t.Fatalf("crossing %d: it goes on asking", crossing)
			}
		}
		if got := m.Tree().Tip().Height; got != length {
			t.Errorf("crossing %d: tip at %d, want %d", crossing, got, length)
		}
	}
}

// asks returns the first block of each question for headers.
func asks(out []Output) (first []spv.Hash) {
	for _, o := range out {
		if s, ok := o.(Send); ok {
			if g, ok := s.Message.(*wire.MsgGetHeaders); ok && len(g.BlockLocatorHashes) > 0 {
				first = append(first, *g.BlockLocatorHashes[0])
			}
		}
	}
	return first
}

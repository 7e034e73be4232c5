package spv_test

import (
	"encoding/binary"
	"testing"

	"github.com/layeredpow/lamina/spv"
)

// sibling mines a header on top of a block, unlike all others by its tag.
func sibling(on *spv.Header, bits uint32, tag uint64) spv.Sealed {
	h := header(spv.Header{}, on.ID(), on.Time()+600, bits, tag)
	target, _ := spv.ParseTarget(bits)
	for nonce := uint32(0); ; nonce++ {
		binary.LittleEndian.PutUint32(h[76:], nonce)
		if id := h.ID(); spv.Meets(&id, &target) {
			return spv.Sealed{Header: h}
		}
	}
}

// TestSideBranchesBounded: however many cheap blocks are told, the tree holds few of them. What may still become the best chain stays, and does.
func TestSideBranchesBounded(t *testing.T) {
	rules := easyRules()
	rules.ReorgLimit = 500
	tree := spv.NewTree(rules)
	best := grow(t, tree, rules.Genesis.ID(), 300, 600, 1)
	connect(t, tree, best...)
	rival := grow(t, tree, best[279].Header.ID(), 22, 600, 2) // 280 to 302
	connect(t, tree, rival[:20]...)                           // as much work, but seen later
	const most = 500 + 10_000
	largest := 0
	on := &best[249].Header
	for tag := uint64(10); tag < 35_000; tag += 500 {
		var flood []spv.Sealed
		for i := range uint64(500) {
			s := sibling(on, easyBits, tag+i)
			if i%5 != 0 { // some have blocks on top of them
				s = sibling(&flood[i-1].Header, easyBits, tag+i)
			}
			flood = append(flood, s)
		}
		connect(t, tree, flood...)
		largest = max(largest, tree.Blocks())
		if tip := tree.Tip(); tip.Hash != best[299].Header.ID() {
			t.Fatalf("tip %s", tip)
		}
	}
	if largest > 301+most || largest < 301+most/2 {
		t.Errorf("%d blocks were held, want at most %d", largest, 301+most)
	}
	for _, h := range []*spv.Header{&rules.Genesis, &best[299].Header, &best[100].Header, &rival[0].Header, &rival[19].Header} {
		b, ok := tree.Lookup(h.ID())
		if !ok {
			t.Fatalf("%s is forgotten", h.ID())
		}
		below, ok := tree.Ancestor(b.Hash, min(b.Height, 250))
		if want := append([]spv.Sealed{{Header: rules.Genesis}}, best...)[below.Height].Header.ID(); !ok || below.Hash != want {
			t.Errorf("below %s at %d there is %s", b, below.Height, below.Hash)
		}
		if work, _ := tree.WorkAt(b.Hash); work != workFor(t, uint64(b.Height)+1) {
			t.Errorf("block %s: work %s", b, work.Dec())
		}
	}
	if c := connect(t, tree, rival[20:]...); c.Undo != 20 || len(c.Headers) != 22 || tree.Tip().Height != 302 {
		t.Errorf("undo %d, %d headers, tip %s: want the rival", c.Undo, len(c.Headers), tree.Tip())
	}
	if got := len(tree.Tips()); got < 2 {
		t.Errorf("%d tips", got)
	}
	more := grow(t, tree, tree.Tip().Hash, 600, 600, 3) // the window moves on as before
	connect(t, tree, more...)
	if tree.Tip().Height != 902 {
		t.Errorf("tip %s", tree.Tip())
	}
}

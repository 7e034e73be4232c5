package spv_test

import (
	"encoding/binary"
	"testing"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/pow"
)

// easyBits is regtest's target: every second hash meets it.
const easyBits = 0x207fffff

// easyRules are those of a chain that a test can mine at once.
func easyRules(eras ...spv.Era) *spv.Rules {
	limit, _ := spv.ParseTarget(easyBits)
	if len(eras) == 0 {
		eras = []spv.Era{{Retarget: spv.Fixed, Spacing: 600}}
	}
	r := &spv.Rules{Name: "easy", Work: pow.SHA256d, PowLimit: limit, MaxFuture: 7200, Eras: eras, ReorgLimit: 4000}
	r.Genesis = header(spv.Header{}, spv.Hash{}, 1_600_000_000, easyBits, 0)
	return r
}

// header fills in a header on top of a block; tag makes siblings differ.
func header(h spv.Header, prev spv.Hash, time, bits uint32, tag uint64) spv.Header {
	if h.Version() == 0 {
		binary.LittleEndian.PutUint32(h[0:], 4)
	}
	copy(h[4:], prev[:])
	binary.LittleEndian.PutUint64(h[36:], tag)
	binary.LittleEndian.PutUint32(h[68:], time)
	binary.LittleEndian.PutUint32(h[72:], bits)
	return h
}

// mine finds a nonce that meets the header's own bits.
func mine(t testing.TB, h *spv.Header) {
	t.Helper()
	target, ok := spv.ParseTarget(h.Bits())
	if !ok {
		t.Fatalf("mine: bits %08x", h.Bits())
	}
	for nonce := uint32(0); ; nonce++ {
		binary.LittleEndian.PutUint32(h[76:], nonce)
		if id := h.ID(); spv.Meets(&id, &target) {
			return
		}
	}
}

// grow mines n headers on top of a block of the tree, spaced by step seconds, without
// connecting them.
func grow(t testing.TB, tree *spv.Tree, on spv.Hash, n int, step uint32, tag uint64) []spv.Sealed {
	t.Helper()
	b, ok := tree.Lookup(on)
	if !ok {
		t.Fatalf("grow: %s is not in the tree", on)
	}
	// A scratch tree of the same branch tells the bits; it starts from genesis.
	scratch := spv.NewTree(tree.Rules())
	for h := int32(1); h <= b.Height; h++ {
		at, _ := tree.Ancestor(on, h)
		connect(t, scratch, sealedHeader(t, tree, at))
	}
	var run []spv.Sealed
	for range n {
		s := next(t, scratch, step, tag)
		connect(t, scratch, s)
		run = append(run, s)
	}
	return run
}

// next mines the header that comes step seconds after the tip.
func next(t testing.TB, tree *spv.Tree, step uint32, tag uint64) spv.Sealed {
	t.Helper()
	tip := tree.Tip()
	last, _ := tree.Header(tip.Height)
	time := last.Time() + step
	bits, _, ok := tree.After(tip.Hash, time)
	if !ok {
		t.Fatalf("next: what follows %s is not known", tip)
	}
	h := header(spv.Header{}, tip.Hash, time, bits, tag)
	mine(t, &h)
	return spv.Sealed{Header: h}
}

func sealedHeader(t testing.TB, tree *spv.Tree, b spv.Block) spv.Sealed {
	t.Helper()
	h, ok := tree.Header(b.Height)
	if !ok || h.ID() != b.Hash {
		t.Fatalf("%s is not on the best chain", b)
	}
	return spv.Sealed{Header: h}
}

func connect(t testing.TB, tree *spv.Tree, run ...spv.Sealed) spv.Change {
	t.Helper()
	c, err := tree.Connect(run, 0)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func workOf(t testing.TB, bits uint32) uint256.Int {
	t.Helper()
	target, ok := spv.ParseTarget(bits)
	if !ok {
		t.Fatalf("bits %08x", bits)
	}
	return spv.WorkOf(&target)
}

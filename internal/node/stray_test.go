package node

import (
	"testing"

	"github.com/layeredpow/lamina/spv"
)

// TestLateNode: layer blocks whose proofs build on L1 blocks that were left stay valid while their anchors do (rule R2). A node
// that comes later is told the best chain alone, asks for the headers that were left by name, and follows.
func TestLateNode(t *testing.T) {
	a, b := start(t, Config{}), start(t, Config{})
	const layer = "dev-native"
	a.generate("dev", 6)
	a.generate(layer, 2)
	fork := a.loop("dev").View().Tip()
	for h := int32(1); h <= fork.Height; h++ {
		at, _ := a.loop("dev").View().BlockAt(h)
		raw, err := a.loop("dev").View().Block(at.Hash)
		check(t, err)
		_, err = b.loop("dev").Block(t.Context(), raw)
		check(t, err)
	}
	a.generate("dev", 1)
	a.generate(layer, 2) // over a block that is going to be left
	lost, kept := a.loop("dev").View().Tip(), a.loop(layer).View().Tip()
	for _, id := range b.generate("dev", 3) {
		raw, err := b.loop("dev").View().Block(id)
		check(t, err)
		_, err = a.loop("dev").Block(t.Context(), raw)
		check(t, err)
	}
	if a.loop("dev").View().OnBest(lost) {
		t.Fatal("the L1 was not reorganised")
	}
	if got := a.loop(layer).View().Tip(); got != kept {
		t.Fatalf("tip of the layer %s, want %s: its anchor stands", got, kept)
	}

	late := start(t, Config{Peers: a.addresses()})
	await(t, "the late node at the layer's tip", func() bool { return late.loop(layer).View().Tip() == kept }, late.loop(layer), late.loop("dev"))
	if b, known := late.loop("dev").View().Lookup(lost.Hash); !known || b != lost || late.loop("dev").View().OnBest(b) {
		t.Errorf("the block that was left: %v, known %t", b, known)
	}
	var none spv.Hash
	late.loop("dev").tellSought(none) // nobody has it: no harm
	agree(t, a, late)
}

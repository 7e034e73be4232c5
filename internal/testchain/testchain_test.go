package testchain

import (
	"testing"

	"github.com/layeredpow/lamina/spv"
)

// TestOwn: what is changed in one is not changed in the next, and easy is easy by the chain's own rules.
func TestOwn(t *testing.T) {
	plain := Params(t, "dev")
	id := plain.NetID()
	easy := Easy(t, "dev")
	if plain.NetID() != id || Params(t, "dev").NetID() != id {
		t.Error("an easy chain changes the built-in one")
	}
	tree := spv.NewTree(&easy.Rules)
	if bits, _, ok := tree.After(easy.NetID(), easy.Genesis.Time()+1); !ok || bits != EasyBits || easy.Genesis.Bits() != EasyBits {
		t.Errorf("bits %08x after genesis, want %08x", bits, EasyBits)
	}
	target, ok := spv.ParseTarget(EasyBits)
	if !ok || target.BitLen() != 255 {
		t.Errorf("a target of %d bits, want 255: every second hash", target.BitLen())
	}
}

// Package testchain gives tests the chains that ship with Lamina, as they are or made easy to mine. No program links it.
package testchain

import (
	"encoding/binary"
	"testing"

	"github.com/layeredpow/lamina/assets"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// EasyBits is the target of the easy chains: every second hash meets it.
const EasyBits = 0x207fffff

// Set returns the built-in chains, read anew: what a test changes in them no other test sees.
func Set(t testing.TB) *chains.Set {
	t.Helper()
	set, err := chains.Load(assets.Chains)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// Params returns one of the built-in chains, read anew.
func Params(t testing.TB, name string) *chains.Params {
	t.Helper()
	p, err := Set(t).Get(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Easy returns a built-in chain with a block every ten seconds at EasyBits for ever, genesis included. Genesis changes its id with
// it, and with that the chain's NetID.
func Easy(t testing.TB, name string) *chains.Params {
	t.Helper()
	p := Params(t, name)
	binary.LittleEndian.PutUint32(p.Genesis[72:], EasyBits)
	p.PowLimit, _ = spv.ParseTarget(EasyBits)
	p.Eras = []spv.Era{{Retarget: spv.Fixed, Spacing: 10}}
	return p
}

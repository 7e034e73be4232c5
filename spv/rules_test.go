package spv_test

import (
	"sync"
	"testing"

	"github.com/layeredpow/lamina/assets"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

var loadChains = sync.OnceValues(func() (*chains.Set, error) { return chains.Load(assets.Chains) })

// rulesFor returns the rules of a chain that ships with Lamina.
func rulesFor(t testing.TB, name string) *spv.Rules {
	t.Helper()
	set, err := loadChains()
	if err != nil {
		t.Fatal(err)
	}
	p, err := set.Get(name)
	if err != nil {
		t.Fatal(err)
	}
	return &p.Rules
}

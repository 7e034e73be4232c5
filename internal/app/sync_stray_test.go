package app

import (
	"log/slog"
	"testing"
	"time"

	"github.com/layeredpow/lamina/internal/node"
	"github.com/layeredpow/lamina/spv/chains"
)

// TestWalletStray is TestStackStray for the program that holds wallets: of two blocks on a branch that the L1 has left, one above
// the other, the layer's proofs name the upper one alone, and the wallet has the one below sought, too.
func TestWalletStray(t *testing.T) {
	w := newStackWorld(t, true)
	low, high := listen(t, w.l1, w.low), listen(t, w.layer, w.high)
	low.off = w.side
	a, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := a.OpenLocal(LocalOptions{DataDir: t.TempDir(), Chains: []*chains.Params{w.l1, w.layer}, Agent: "/test/",
		Log: slog.New(slog.DiscardHandler), Peers: map[string][]string{w.l1.Name: {low.address}, w.layer.Name: {high.address}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	want := map[string]int{w.l1.Name: 60, w.layer.Name: 500}
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		states, err := l.ListChains(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		there := 0
		for _, s := range states {
			if s.Trust.Synced && int(s.Trust.Tip.Height) == want[s.Name] {
				there++
			}
		}
		if there == len(want) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("want %v, stands at %+v", want, states)
		}
	}
}

// TestWalletLostBranch: a layer begins above blocks of its L1 that lost, because whoever made them mined alone at first. A node
// that has their headers brings a wallet to the layer's tip.
func TestWalletLostBranch(t *testing.T) {
	t.Parallel()
	w := newDevStack(t, "dev-native")
	alone, _ := w.run(node.Config{})
	nobody := append([]byte{0, 20}, make([]byte, 20)...)
	// No proof of the layer names the two lower of the L1's blocks. They are few enough that the layer's anchors still lie below
	// all of them: a layer that is anchored in what lost is lost with it.
	for _, c := range []struct {
		name   string
		blocks int
	}{{"dev", 3}, {"dev-native", 4}} {
		if _, err := alone.Mining().Generate(t.Context(), c.name, c.blocks, nobody); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range alone.Loops() {
		if err := l.Switchboard().Add(t.Context(), w.peers[l.Params().Name][0]); err != nil {
			t.Fatal(err)
		}
	}
	w.wait("the longer layer over the L1's lost branch", func() bool {
		return w.loop("dev").View().Tip().Height == 8 && w.loop("dev-native").View().Tip().Height == 4
	})
	w.wallet("ann", testWords).current()
}

package node

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// lightClient follows chains as `lamina sync` does, judging every header and proof.
type lightClient struct {
	t    *testing.T
	mu   sync.Mutex
	at   map[string]app.Progress
	stop context.CancelFunc
	end  chan error
}

func light(t *testing.T, all []*chains.Params, peers map[string][]string) *lightClient {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	c := &lightClient{t: t, at: map[string]app.Progress{}, stop: stop, end: make(chan error, 1)}
	f := app.Follow{Chains: all, Peers: peers, DataDir: t.TempDir(), Agent: "/light/", Log: slog.New(slog.DiscardHandler)}
	go func() {
		c.end <- f.Run(ctx, func(p app.Progress) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.at[p.Chain] = p
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-c.end; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("light client: %v", err)
		}
	})
	return c
}

func (c *lightClient) tip(chain string) (spv.Block, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.at[chain]
	return p.Tip, p.Synced
}

// follows waits until the light client stands where the node does, with all chains.
func (c *lightClient) follows(n *running) {
	c.t.Helper()
	for _, l := range n.Loops() {
		await(c.t, l.Params().Name+" at the light client", func() bool {
			tip, synced := c.tip(l.Params().Name)
			return synced && tip == l.View().Tip()
		}, l)
	}
}

// TestLightClient: a light client verifies what a node mines, and follows it through a
// reorganisation of the L1 that takes layer blocks with it.
func TestLightClient(t *testing.T) {
	a := start(t, Config{})
	s := stack(t, "dev")
	a.generate("dev", 6)
	for _, name := range devChains[1:] {
		a.generate(name, 20)
	}
	fork := a.loop("dev").View().Tip()
	a.generate("dev", 6) // anchors lie three below the tip
	for _, name := range devChains[1:] {
		a.generate(name, 4)
	}
	c := light(t, append([]*chains.Params{s.L1}, s.Layers...), a.addresses())
	c.follows(a)
	was := a.loop("dev-native").View().Tip()
	grow(t, a, fork, fork, 8)
	await(t, "the layer leaves with its anchor", func() bool { return !a.loop("dev-native").View().OnBest(was) }, a.loop("dev-native"))
	for _, name := range devChains[1:] {
		a.generate(name, 6) // headers alone do not say which branch is eligible: more work does
	}
	c.follows(a)
	if tip, _ := c.tip("dev-native"); tip.Height != 26 {
		t.Errorf("the light client's layer is at %s", tip)
	}
}

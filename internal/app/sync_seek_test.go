package app

import (
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/layeredpow/lamina/assets"
	"github.com/layeredpow/lamina/spv/chains"
)

// TestSeek: peers of a public chain are sought if none is named, and then only.
func TestSeek(t *testing.T) {
	set, err := chains.Load(assets.Chains)
	if err != nil {
		t.Fatal(err)
	}
	dev, err := set.Get("dev")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		network chains.Network
		peers   []string
		sought  bool
	}{
		"public":             {chains.Test, nil, true},
		"public, peer named": {chains.Test, []string{"127.0.0.1:1"}, false},
		"private":            {chains.Dev, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := *dev
			p.Network, p.P2P.Seeds = c.network, []string{"seed.example"}
			if FindsPeers(&p) != (c.network == chains.Test) {
				t.Errorf("finds peers: %v", FindsPeers(&p))
			}
			ctx, stop := context.WithTimeout(t.Context(), patience)
			defer stop()
			var mu sync.Mutex
			var asked []string
			f := Follow{Chains: []*chains.Params{&p}, Peers: map[string][]string{p.Name: c.peers}, DataDir: t.TempDir(), Agent: "/test/",
				Log: slog.New(slog.DiscardHandler), Resolve: func(_ context.Context, name string) ([]netip.Addr, error) {
					mu.Lock()
					defer mu.Unlock()
					if asked = append(asked, name); len(asked) == 2 {
						stop()
					}
					return nil, nil
				}}
			if err := f.Run(ctx, func(Progress) {
				if !c.sought {
					stop()
				}
			}); err != nil {
				t.Fatal(err)
			}
			_, err := os.Stat(filepath.Join(f.DataDir, p.Name+".peers"))
			if c.sought != (err == nil) || c.sought != (len(asked) == 2 && asked[0] == "x1.seed.example" && asked[1] == "seed.example") {
				t.Errorf("asked for %v, address book: %v", asked, err)
			}
		})
	}
}

package app_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/layeredpow/lamina/assets"
	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/realnode"
	"github.com/layeredpow/lamina/spv/chains"
)

func syncOf(t *testing.T, chain string, node *realnode.Node) *app.Sync {
	t.Helper()
	set, err := chains.Load(assets.Chains)
	if err != nil {
		t.Fatal(err)
	}
	p, err := set.Get(chain)
	if err != nil {
		t.Fatal(err)
	}
	return &app.Sync{Chain: p, DataDir: t.TempDir(), Peers: []string{node.P2P}, Agent: "/test/", Log: slog.New(slog.DiscardHandler)}
}

// until runs a synchronisation until a report satisfies done.
func until(t *testing.T, s *app.Sync, done func(app.Progress) bool) app.Progress {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	var last app.Progress
	reached := false // what is told while it ends does not count
	if err := s.Run(ctx, func(r app.Progress) {
		if reached {
			return
		}
		if last = r; done(r) {
			reached = true
			cancel()
		}
	}); err != nil {
		t.Fatal(err)
	}
	if !reached {
		t.Fatalf("ran out of time at %+v", last)
	}
	return last
}

func synced(r app.Progress) bool { return r.Synced }

// TestSyncRealNodes follows full nodes that we did not write: 2,100 blocks, a restart
// from disk, a reorganisation made on the node, and the node gone and back.
func TestSyncRealNodes(t *testing.T) {
	for chain, start := range map[string]func(testing.TB) *realnode.Node{
		"bitcoin-regtest":  realnode.Btcd,
		"litecoin-regtest": realnode.Litecoind,
	} {
		t.Run(chain, func(t *testing.T) {
			node := start(t)
			ids := node.Generate(t, 2100)
			s := syncOf(t, chain, node)
			r := until(t, s, synced)
			if r.Tip.Height != 2100 || r.Tip.Hash.String() != ids[2099] {
				t.Fatalf("tip %s, the node is at %s", r.Tip, ids[2099])
			}

			node.Call(t, nil, "invalidateblock", ids[2089])
			better := node.Generate(t, 15)
			r = until(t, s, synced)
			if r.Tip.Height != 2104 || r.Tip.Hash.String() != better[14] {
				t.Fatalf("tip %s after the reorganisation, the node is at %s", r.Tip, better[14])
			}
			if r.Received > 100_000 {
				t.Fatalf("%d bytes received: it did not continue from disk", r.Received)
			}

			if chain == "bitcoin-regtest" {
				return // btcd begins its regtest anew at every start
			}
			restarted := false
			r = until(t, s, func(r app.Progress) bool {
				if r.Synced && !restarted {
					restarted = true
					node.Stop(t)
					node.Start(t)
					better = node.Generate(t, 3)
				}
				return restarted && r.Synced && r.Tip.Hash.String() == better[2]
			})
			if r.Tip.Height != 2107 {
				t.Fatalf("tip %s after the restart", r.Tip)
			}
		})
	}
}

package simnet_test

import (
	"testing"
	"time"

	"github.com/layeredpow/lamina/internal/simnet"
	"github.com/layeredpow/lamina/spv/syncer"
)

// TestFilterIndexLags: full nodes tell of a block before their filter index has it and say nothing to who asks then. The
// wallet has looked at the block moments after the index has, and no node is let go for it.
func TestFilterIndexLags(t *testing.T) {
	for name, c := range map[string]struct {
		lags   []time.Duration
		within time.Duration
	}{
		"one node":    {[]time.Duration{time.Second}, 4 * time.Second},
		"a slow one":  {[]time.Duration{5 * time.Second}, 10 * time.Second},
		"slower":      {[]time.Duration{13 * time.Second}, 20 * time.Second},
		"all of them": {[]time.Duration{time.Second, 3 * time.Second, time.Second}, 8 * time.Second},
		"one of them": {[]time.Duration{0, 5 * time.Second, 0}, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(rules(), false).grow(50)
			s := newSetting(rules(), 1, syncer.Scan{From: 1})
			var nodes []*simnet.Node
			for _, lag := range c.lags {
				node := w.peer()
				nodes = append(nodes, node)
				node.Latency, node.Lag = 5*time.Millisecond, lag
				s.net.Join(node)
			}
			s.run(t, 20*time.Second)
			s.want(t, w)
			w.grow(1)
			w.truth = nil
			for _, node := range nodes {
				node.Follow(w.ledger)
				node.Announce()
			}
			s.run(t, c.within)
			s.want(t, w)
			s.run(t, 2*time.Minute)
			if len(s.net.Dropped) > 0 {
				t.Errorf("dropped: %v", s.net.Dropped)
			}
		})
	}
}

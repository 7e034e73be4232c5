package relay

import (
	"strings"
	"testing"
	"time"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
)

// split cuts the world's nodes from each other and has each mine on its own.
func (w *sampleWorld) split(a, b int) (tipA, tipB spv.Block) {
	for _, h := range w.list {
		for _, l := range h.links {
			w.cut(l)
		}
	}
	for range a {
		w.mineLayer(w.a)
	}
	for range b {
		w.mineVote(w.b, 2)
	}
	return w.a.node.chain.Tip(), w.b.node.chain.Tip()
}

// TestSampledForks: of two chains with good proofs that part far below what is kept, the one with more work is begun with, whoever
// gives it and whoever comes first.
func TestSampledForks(t *testing.T) {
	w := newSampleWorld(t, 55, nil)
	tipA, best := w.split(100, 130)
	if tipA.Height >= best.Height {
		t.Fatalf("tips %s, %s", tipA, best)
	}
	for name, order := range map[string][]*layered{"the better one first": {w.b, w.a}, "the better one last": {w.a, w.b}} {
		h, d := w.sampling(w.a.l1)
		for _, node := range order {
			w.connect(h, node.host)
		}
		w.run(30 * time.Second)
		if s := d.m.Status(); !s.Synced || s.Tip != best || d.tip(w.network) != best || len(d.placed) != 1 || d.m.Tree().Work() != w.b.node.chain.Work() {
			t.Errorf("%s: %+v, placed %d, stored up to %s, want %s; drops %v", name, s, len(d.placed), d.tip(w.network), best, h.drops)
		}
		for _, l := range h.links {
			w.cut(l)
		}
		w.run(5 * time.Minute) // the nodes' rations fill up again
	}
}

// TestSampledReorganised: the network leaves a proof's start while what is above it is being fetched. Nothing of the branch that was left is
// stored, and the next proof is of the new one.
func TestSampledReorganised(t *testing.T) {
	w := newSampleWorld(t, 56, nil)
	left, best := w.split(100, 130)
	h, d := w.sampling(w.a.l1)
	quiet := true
	h.alter = func(_ *host, m msg.Message) msg.Message {
		if _, ok := m.(*msg.Headers); ok && quiet {
			return nil
		}
		return m
	}
	w.connect(h, w.a.host)
	w.run(10 * time.Second)
	if s := d.m.Status(); s.Tip.Height != left.Height-sampledKeep || s.Synced {
		t.Fatalf("the trial has not begun: %+v", s)
	}
	w.connect(w.a.host, w.b.host)
	w.run(30 * time.Second)
	if tip := w.a.node.chain.Tip(); tip != best {
		t.Fatalf("the network is at %s, want %s", tip, best)
	}
	quiet = false
	w.connect(h, w.b.host)
	w.run(4 * time.Minute)
	s := d.m.Status()
	if !s.Synced || s.Tip != best || d.tip(w.network) != best || len(d.placed) != 1 || d.placed[0].Change.Tip != best || h.bans > 0 {
		t.Fatalf("%+v, placed %d, stored up to %s, want %s; bans %d, drops %v", s, len(d.placed), d.tip(w.network), best, h.bans, h.drops)
	}
	for _, err := range h.drops {
		if !strings.Contains(err.Error(), "lead to the work it promised") && !strings.Contains(err.Error(), "no answer") {
			t.Errorf("dropped for %v", err)
		}
	}
}

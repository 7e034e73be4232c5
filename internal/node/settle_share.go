package node

import (
	"fmt"
	"slices"
	"sync"

	"github.com/layeredpow/lamina/internal/node/chain"
	"github.com/layeredpow/lamina/internal/store"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/risk"
)

// mostSightings is how many of the layer's newest blocks a share is measured by. More than 28
// for every L1 block of the window are not looked at, so that the share is never too high.
const mostSightings = 4096

// gauge measures which share of the L1's work mines a layer, from the blocks of both best
// chains. It remembers what it has read of the layer, until a proof there gives way to one that seals.
type gauge struct {
	layer, l1 *chain.Chain

	mu      sync.Mutex
	read    []risk.Sighting // consecutive blocks of the layer, the newest last
	reseals int             // of the layer when they were read
}

// measure measures over the last risk.ShortWindow blocks of the L1, or as many as there are.
func (g *gauge) measure() (risk.Share, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.follow(); err != nil {
		return risk.Share{}, err
	}
	tip := g.l1.Tip()
	var window []risk.L1Block
	for h := max(1, tip.Height-risk.ShortWindow+1); h <= tip.Height; h++ {
		b, ok := g.l1.Ancestor(tip.Hash, h)
		header, known := g.l1.Header(b.Hash)
		if !ok || !known {
			return risk.Share{}, fmt.Errorf("L1 block %d below %s is not known", h, tip)
		}
		window = append(window, risk.L1Block{Block: b, Bits: header.Bits()})
	}
	return risk.Measure(window, risk.Place(g.l1, g.read)), nil
}

// follow reads the layer's blocks up to its tip.
func (g *gauge) follow() error {
	if n := g.layer.Reseals(); n != g.reseals {
		g.read, g.reseals = g.read[:0], n
	}
	for n := len(g.read); n > 0 && !g.layer.OnBest(g.read[n-1].Block); n-- {
		g.read = g.read[:n-1]
	}
	from := max(0, g.layer.Tip().Height-mostSightings)
	if n := len(g.read); n > 0 && g.read[n-1].Block.Height > from {
		from = g.read[n-1].Block.Height
	} else {
		g.read = g.read[:0]
	}
	for {
		at, ok := g.layer.BlockAt(from)
		if !ok {
			return fmt.Errorf("layer block %d: the chain has moved while it was read", from)
		}
		run, err := g.layer.Sealed([]spv.Hash{at.Hash}, spv.Hash{})
		if err != nil {
			return err
		}
		if len(run) == 0 {
			break
		}
		if run[0].Header.Prev() != at.Hash {
			return fmt.Errorf("layer block %s: the chain has moved while it was read", at)
		}
		for _, s := range run {
			from++
			b := spv.Block{Height: from, Hash: s.Header.ID()}
			g.read = append(g.read, risk.Sighting{Block: b, Bits: s.Header.Bits(), Parent: risk.Parent(store.ParentOf(s.Aux))})
		}
	}
	g.read = slices.Delete(g.read, 0, max(0, len(g.read)-mostSightings))
	return nil
}

// Share measures the part of the L1's work that mines the layer, over the window that settlers
// go by.
func (s *Settlement) Share() (risk.Share, error) { return s.gauge.measure() }

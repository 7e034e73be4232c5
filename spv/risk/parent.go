package risk

import (
	"fmt"
	"math"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/said"
)

// Parent is what is known of the parent header in a verified merged-mining proof, and of its coinbase.
type Parent struct {
	Hash    spv.Hash // of the parent header
	Prev    spv.Hash // the L1 block that it builds on
	Time    uint32   // seconds since 1970
	Bits    uint32   // compact target
	Slot    int32    // the layer's leaf in the merged-mining tree
	Outputs int64    // sum of the coinbase's outputs, base units of the L1; -1 if they make no sense
	Payout  [32]byte // SHA-256 of the script of the first output with a value; zero if there is none
}

// Sighting is one block of a layer with its verified proof's parent.
type Sighting struct {
	Block  spv.Block
	Bits   uint32 // the layer's compact target
	Parent Parent
}

// sealChance is the chance that a parent which meets the layer's target meets the L1's, too: the quotient of the targets, at most
// 1. The work of a layer block is so much of an L1 block's work. It is 0 where bits make no sense.
func (s *Sighting) sealChance() float64 {
	layer, l1 := workOf(s.Bits), workOf(s.Parent.Bits)
	if layer == 0 || l1 == 0 {
		return 0
	}
	return min(layer/l1, 1)
}

// workOf returns the expected hashes behind a compact target; 0 if it is none.
func workOf(bits uint32) float64 {
	target, ok := spv.ParseTarget(bits)
	if !ok {
		return 0
	}
	work := spv.WorkOf(&target)
	return work.Float64()
}

// Class tells where a layer block's parent stands in the L1 that we follow.
type Class uint8

// The classes of parents.
const (
	Unknown Class = iota + 1 // it builds on an L1 block that we do not know
	Near                     // it builds on a known block, but is no block of the best chain itself
	Seal                     // it is a block of the best L1 chain
)

// String returns "unknown parent", "near miss" or "seal".
func (c Class) String() string { return c.Says().String() }

// Says returns the class as a sentence.
func (c Class) Says() said.Sentence {
	switch c {
	case Seal:
		return said.Of("seal")
	case Near:
		return said.Of("near miss")
	default:
		return said.Of("unknown parent")
	}
}

// MarshalText makes a Class readable in JSON.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText takes what String gives.
func (c *Class) UnmarshalText(text []byte) error {
	for _, known := range []Class{Unknown, Near, Seal} {
		if known.String() == string(text) {
			*c = known
			return nil
		}
	}
	return fmt.Errorf("parent's class %.40q: want %q, %q or %q", text, Unknown, Near, Seal)
}

// Placed is a layer block with the place of its parent.
type Placed struct {
	Sighting
	Class Class
	Under spv.Block // the L1 block that the parent builds on; zero if unknown
	// OffBest: Under is on a side branch of the L1.
	OffBest bool
	// Behind is how many L1 blocks the parent is stale by: an earlier block of the layer showed an L1 block so much higher.
	// It needs no clock, so that history is measured like the present. 0: at the tip, or unknown.
	Behind int32
}

// Place finds the places of the parents of layer blocks that follow each other.
func Place(l1 spv.ParentView, run []Sighting) []Placed {
	placed := make([]Placed, len(run))
	shown := int32(-1) // height of the highest L1 block that the layer has shown
	for i := range run {
		placed[i] = place(l1, run[i], shown)
		if placed[i].Class != Unknown {
			shown = max(shown, placed[i].Under.Height)
		}
		if placed[i].Class == Seal {
			shown = max(shown, placed[i].Under.Height+1)
		}
	}
	return placed
}

func place(l1 spv.ParentView, s Sighting, shown int32) Placed {
	p := Placed{Sighting: s, Class: Unknown}
	under, ok := l1.Lookup(s.Parent.Prev)
	if !ok {
		return p
	}
	p.Class, p.Under, p.OffBest = Near, under, !l1.OnBest(under)
	if self, ok := l1.Lookup(s.Parent.Hash); ok && l1.OnBest(self) {
		p.Class = Seal
	}
	p.Behind = max(shown-under.Height, 0)
	return p
}

// Fee returns the fees, in the L1's base units, of the L1 block or template that the parent's coinbase belongs to: its
// outputs less the subsidy of the block on top of Under (protocol.md section 10). It is false where the
// place is unknown, the coinbase pays less than the subsidy, or the subsidy is not exact. It says what demand paid in all, not what the
// next block wants: how full the template was is not known. A near miss costs its miner the layer's work, not the L1's.
func (p *Placed) Fee(subsidy func(height int32) (amount int64, exact bool)) (int64, bool) {
	if p.Class == Unknown || p.Under.Height == math.MaxInt32 {
		return 0, false
	}
	amount, exact := subsidy(p.Under.Height + 1)
	if !exact || amount < 0 || p.Parent.Outputs < amount {
		return 0, false
	}
	return p.Parent.Outputs - amount, true
}

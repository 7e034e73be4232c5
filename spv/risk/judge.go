package risk

import (
	"math"

	"github.com/layeredpow/lamina/spv"
)

// judge raises and clears what depends on the blocks.
func (w *Watch) judge(l1 spv.ParentView) []Event {
	newest := w.layer[max(0, len(w.layer)-keptLayer):]
	events := w.judgeEclipse(newest)
	events = w.judgeFork(events, l1, newest)
	events = w.set(events, ShareDrop, w.drop.on, func() Seen {
		recent := w.history[max(0, len(w.history)-ShortWindow):]
		if w.since < len(recent) { // only since the share began to fall
			recent = recent[len(recent)-w.since:]
		}
		return Seen{Of: len(recent), Want: w.usual, Got: float64(count(recent)) / float64(max(len(recent), 1))}
	})
	return w.set(events, Withholding, w.held.on, func() Seen {
		seen := Seen{Of: len(w.due)}
		for _, d := range w.due {
			seen.Want += d.chance
			if d.seal {
				seen.Got++
			}
		}
		return seen
	})
}

// eclipseEvidence returns what an unknown parent and a known one say for an eclipse, where a share of foreign parents is usual.
func eclipseEvidence(usual float64) (unknown, known float64) {
	usual = min(max(usual, usualForeign), mostForeign)
	eclipsed := (1 + usual) / 2
	return math.Log(eclipsed / usual), math.Log((1 - eclipsed) / (1 - usual))
}

// judgeEclipse sums anew each time, because an L1 block that arrives makes unknown parents known.
func (w *Watch) judgeEclipse(newest []sighted) []Event {
	unknown, known := eclipseEvidence((w.foreign + foreignPrior*usualForeign) / (w.judged + foreignPrior))
	var s sum
	for i := range newest {
		if newest[i].Class == Unknown {
			s.add(unknown)
		} else {
			s.add(known)
		}
	}
	return w.set(nil, Eclipse, s.on, func() Seen {
		seen := Seen{Of: len(newest)}
		for i := range newest {
			if newest[i].Class == Unknown {
				seen.Blocks++
				seen.Hash = newest[i].Parent.Prev
			}
		}
		if n := len(w.l1); n > 0 {
			seen.Block = w.l1[n-1].Block
		}
		return seen
	})
}

// judgeFork looks for work on L1 blocks that are known and not on the best chain.
func (w *Watch) judgeFork(events []Event, l1 spv.ParentView, newest []sighted) []Event {
	var seen Seen
	deep, fresh := 0, false
	var last, fork spv.Block // of the side branch looked at last
	depth := int32(0)
	seen.Block.Height = math.MaxInt32
	for i := range newest {
		at := &newest[i]
		if at.Class == Unknown || !at.OffBest {
			continue
		}
		if at.Under != last {
			last = at.Under
			fork, depth = forkOf(l1, last)
		}
		if fork.Height < seen.Block.Height {
			seen.Block = fork
		}
		if depth >= forkDepth {
			deep++
		}
		seen.Blocks++
		seen.Got += at.sealChance()
		fresh = fresh || i >= len(newest)-forkFresh
	}
	on := fresh && (deep >= forkBlocks || seen.Got >= forkWork)
	return w.set(events, Fork, on, func() Seen {
		for i := range newest {
			if at := &newest[i]; at.Class != Unknown && !at.OffBest && at.Under.Height > seen.Block.Height {
				seen.Want += at.sealChance()
			}
		}
		return seen
	})
}

// forkOf returns the block of the best chain at which a side branch leaves it, and how far above it a block of the branch
// stands. Where headers below are not at hand, or beyond a day of blocks, that is the lowest block it came to.
func forkOf(l1 spv.ParentView, side spv.Block) (fork spv.Block, depth int32) {
	fork = side
	for depth < ShortWindow {
		below, ok := l1.Ancestor(side.Hash, side.Height-depth-1)
		if !ok {
			return fork, max(depth, forkDepth)
		}
		fork, depth = below, depth+1
		if l1.OnBest(below) {
			break
		}
	}
	return fork, depth
}

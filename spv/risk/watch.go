package risk

import (
	"math"
	"slices"

	"github.com/layeredpow/lamina/spv"
)

// What the alarms go by. Statistical alarms are Page's cumulative sums of log likelihood ratios: a quiet stream reaches threshold no more
// often than once in e^threshold (65 million) events on average (Lorden, 1971).
const (
	threshold = 18.0

	settleDepth = 6    // L1 blocks over one until what it did to the share is final
	keptLayer   = 256  // newest layer blocks that Eclipse and Fork look at
	mostWaiting = 8192 // layer blocks that wait for their L1 blocks to settle, at most

	usualForeign  = 0.02 // least share of parents of other chains that is taken as usual
	mostForeign   = 0.8
	foreignPrior  = 50   // layer blocks whose weight the usual share has until there is experience
	tolerated     = 0.05 // of parents due to be L1 blocks, how many may be lost without anybody's fault
	halved        = 0.5  // ShareDrop and Withholding look for a loss of half
	forkWork      = 4.0  // L1 blocks of work on another branch that make a fork of it, however short
	forkDepth     = 2    // L1 blocks from which on a side branch is no everyday stale block
	forkBlocks    = 3    // layer blocks that must build on such a branch
	forkFresh     = 16   // newest layer blocks of which one must show work on the side branch
	leastUsual    = 0.01 // no ShareDrop where the lower bound of the share was not even this
	shareHistory  = LongWindow
	leastExamples = ShortWindow
)

// Watch raises alarms about one layer. It is a state machine without a clock: feed it the layer's verified blocks and
// the best L1 chain's blocks in the order in which they come. After a start Replay the last 2,100 L1 blocks or so, once the
// L1 is synced: the watch itself is kept nowhere. An alarm is raised once and cleared when it is over.
//
// What it promises, for streams that lose at most 5% of their seals when quiet and have at most 2% of foreign parents, unless
// experience shows that more is usual:
//
//   - Eclipse: by the 6th layer block in a row on unknown L1 blocks (EclipseBlocks tells it where more is usual).
//   - Fork: by the 3rd layer block that builds on the 2nd or a later block of a side branch, or 4 L1 blocks' worth of work on
//     a shorter one. Cleared after 16 layer blocks without any.
//   - ShareDrop: if the layer is left altogether, within DropBlocks of the lower bound of the share before, and settleDepth (6) L1 blocks
//     until they count. Cleared when the share has been back for as many blocks as it takes to be sure, or is taken as
//     usual after 2,016 L1 blocks.
//   - Withholding: if no parent becomes an L1 block, after 40 were due, and the 6 L1 blocks. Cleared after about 100 that do.
//   - AnchorLost, FilterConflict: at once.
//   - None of them in 10,000 quiet blocks, but for a chance below 1 in 1,000.
//
// Reorganisations of either chain are followed by feeding the new blocks; what lay more than 6 L1 blocks deep stays as it was judged.
// Memory is bounded.
type Watch struct {
	layer   []sighted // oldest first
	l1      []L1Block // best chain's newest, not settled
	settled int32     // height of the highest settled L1 block; -1: none
	shown   int32     // height of the highest L1 block that the layer has shown

	history []bool // settled L1 blocks, newest last: was it a seal's parent
	usual   float64
	since   int // L1 blocks since usual was taken
	drop    sum
	held    sum
	due     []due // judged layer blocks, newest last

	foreign, judged float64

	active map[Kind]Alarm
}

type sighted struct {
	Placed
	settled bool
}

type due struct {
	chance float64
	seal   bool
}

// sum is a cumulative sum between 0 and threshold.
type sum struct {
	score float64
	on    bool
}

func (s *sum) add(evidence float64) {
	s.score = min(max(s.score+evidence, 0), threshold)
	switch s.score {
	case threshold:
		s.on = true
	case 0:
		s.on = false
	}
}

// NewWatch returns a watch that has seen nothing.
func NewWatch() *Watch { return &Watch{settled: -1, shown: -1, active: make(map[Kind]Alarm)} }

// Active returns the alarms that are on, by kind.
func (w *Watch) Active() []Alarm {
	var list []Alarm
	for _, k := range Kinds() {
		if a, ok := w.active[k]; ok {
			list = append(list, a)
		}
	}
	return list
}

// EclipseBlocks returns how many layer blocks in a row on unknown L1 blocks raise Eclipse where a share of foreign parents is usual.
func EclipseBlocks(usual float64) int {
	unknown, _ := eclipseEvidence(usual)
	return int(math.Ceil(threshold / unknown))
}

// DropBlocks returns within how many settled L1 blocks ShareDrop is raised when nobody mines the layer any more, low being
// the lower bound of the share before, as Measure gives it over 2,016 blocks.
func DropBlocks(low float64) int { return int(math.Ceil(threshold / dropEvidence(low, false))) }

// Layer takes a new block of the layer: one of the best chain, or one that waits for an L1 block with a proof that is
// otherwise verified. Blocks at its height and above are gone.
func (w *Watch) Layer(l1 spv.ParentView, s Sighting) []Event {
	for len(w.layer) > 0 && w.layer[len(w.layer)-1].Block.Height >= s.Block.Height {
		w.layer = w.layer[:len(w.layer)-1]
	}
	w.layer = append(w.layer, sighted{Placed: place(l1, s, w.shown)})
	w.show(&w.layer[len(w.layer)-1].Placed)
	if len(w.layer) > mostWaiting {
		w.layer = slices.Delete(w.layer, 0, mostWaiting/2)
	}
	return w.judge(l1)
}

func (w *Watch) show(p *Placed) {
	if p.Class != Unknown {
		w.shown = max(w.shown, p.Under.Height)
	}
	if p.Class == Seal {
		w.shown = max(w.shown, p.Under.Height+1)
	}
}

// L1 takes the new tip of the best L1 chain. After a reorganisation, feed all new blocks from the fork upwards, and only then:
// l1 must know the same best chain.
func (w *Watch) L1(l1 spv.ParentView, b L1Block) []Event {
	for len(w.l1) > 0 && w.l1[len(w.l1)-1].Block.Height >= b.Block.Height {
		w.l1 = w.l1[:len(w.l1)-1]
	}
	w.l1 = append(w.l1, b)
	w.replace(l1)
	for len(w.l1) > settleDepth {
		if first := w.l1[0]; first.Block.Height > w.settled {
			w.settle(first)
		}
		w.l1 = slices.Delete(w.l1, 0, 1)
	}
	return w.judge(l1)
}

// Replay feeds history: consecutive blocks of the best L1 chain, and what the layer showed over them, each in its order. It puts
// them together as they must have come: an L1 block, then the layer's blocks that build on it or below.
func (w *Watch) Replay(l1 spv.ParentView, blocks []L1Block, layer []Sighting) []Event {
	var events []Event
	for _, b := range blocks {
		events = append(events, w.L1(l1, b)...)
		for len(layer) > 0 {
			if under, ok := l1.Lookup(layer[0].Parent.Prev); ok && under.Height > b.Block.Height {
				break
			}
			events = append(events, w.Layer(l1, layer[0])...)
			layer = layer[1:]
		}
	}
	for _, s := range layer {
		events = append(events, w.Layer(l1, s)...)
	}
	return events
}

// replace finds the parents' places anew. A place that the view has forgotten stays as it was.
func (w *Watch) replace(l1 spv.ParentView) {
	w.shown = -1
	for i := range w.layer {
		at := &w.layer[i]
		if now := place(l1, at.Sighting, w.shown); now.Class != Unknown || at.Class == Unknown {
			at.Placed = now
		}
		w.show(&at.Placed)
	}
}

// settle judges an L1 block, and the layer blocks whose parents compete with it or came earlier.
func (w *Watch) settle(b L1Block) {
	w.settled = b.Block.Height
	sealed, last := false, -1
	for i := range w.layer {
		at := &w.layer[i]
		sealed = sealed || at.Parent.Hash == b.Block.Hash
		if !at.settled && at.Class != Unknown && at.Under.Height < b.Block.Height {
			last = i
		}
	}
	w.settleShare(sealed)
	for i := range w.layer[:last+1] {
		at := &w.layer[i]
		if at.settled || (at.Class != Unknown && at.Under.Height >= b.Block.Height) {
			continue
		}
		at.settled = true
		w.settleLayer(&at.Placed)
	}
	old := 0
	for old < len(w.layer)-keptLayer && w.layer[old].settled {
		old++
	}
	w.layer = slices.Delete(w.layer, 0, old)
}

func (w *Watch) settleShare(sealed bool) {
	if len(w.history) >= leastExamples {
		if w.since++; w.drop.score == 0 || w.since >= shareHistory { // what is usual is told by the blocks before this one
			w.usual, _ = Wilson(float64(count(w.history)), float64(len(w.history)))
			w.since, w.drop = 0, sum{}
		}
		if w.usual >= leastUsual {
			w.drop.add(dropEvidence(w.usual, sealed))
		}
	}
	if w.history = append(w.history, sealed); len(w.history) > shareHistory {
		w.history = slices.Delete(w.history, 0, 1)
	}
}

func count(list []bool) (n int) {
	for _, is := range list {
		if is {
			n++
		}
	}
	return n
}

func dropEvidence(usual float64, sealed bool) float64 {
	if sealed {
		return math.Log(halved)
	}
	return math.Log((1 - halved*usual) / (1 - usual))
}

func (w *Watch) settleLayer(p *Placed) {
	w.judged++
	if p.Class == Unknown {
		w.foreign++
		return
	}
	chance := p.sealChance()
	if p.OffBest || chance == 0 {
		return
	}
	seal := p.Class == Seal
	usual := (1 - tolerated) * chance
	if seal {
		w.held.add(math.Log(halved * chance / usual))
	} else {
		w.held.add(math.Log((1 - halved*chance) / (1 - usual)))
	}
	w.due = append(w.due, due{chance: chance, seal: seal})
	if len(w.due) > mostWaiting {
		w.due = slices.Delete(w.due, 0, mostWaiting/2)
	}
}

// Anchor takes the anchor of the layer's tip.
func (w *Watch) Anchor(l1 spv.ParentView, anchor spv.Block) []Event {
	_, known := l1.Lookup(anchor.Hash)
	return w.set(nil, AnchorLost, known && !l1.OnBest(anchor), func() Seen { return Seen{Block: anchor} })
}

// Filter takes how many different filter headers peers give for a block; with 1 the conflict is settled.
func (w *Watch) Filter(block spv.Block, answers int) []Event {
	return w.set(nil, FilterConflict, answers > 1, func() Seen { return Seen{Block: block, Blocks: answers} })
}

// set raises or clears an alarm if that changes anything.
func (w *Watch) set(events []Event, k Kind, on bool, seen func() Seen) []Event {
	a, was := w.active[k]
	switch {
	case on && !was:
		a = Alarm{Kind: k, Seen: seen()}
		if n := len(w.layer); n > 0 {
			a.At = w.layer[n-1].Block
		}
		w.active[k] = a
		return append(events, Event{Alarm: a})
	case !on && was:
		delete(w.active, k)
		return append(events, Event{Alarm: a, Cleared: true})
	}
	return events
}

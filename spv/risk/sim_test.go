package risk_test

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/risk"
)

// view is an L1 as somebody knows it. Blocks of all branches count; best is by height.
type view struct {
	prev map[spv.Hash]spv.Hash
	at   map[spv.Hash]int32
	best []spv.Hash
}

func newView() *view {
	v := &view{prev: map[spv.Hash]spv.Hash{}, at: map[spv.Hash]int32{}}
	v.add(spv.Hash{1}, spv.Hash{})
	return v
}

// add puts a block on top of prev and makes it best if it is higher than all others.
func (v *view) add(id, prev spv.Hash) (b spv.Block, best bool) {
	if at, ok := v.at[prev]; ok {
		b.Height = at + 1
	}
	b.Hash, v.prev[id], v.at[id] = id, prev, b.Height
	if int(b.Height) < len(v.best) {
		return b, false
	}
	v.best = append(v.best, id)
	for h := b.Height - 1; h >= 0 && v.best[h] != prev; h-- {
		v.best[h], prev = prev, v.prev[prev]
	}
	return b, true
}

func (v *view) tip() spv.Block {
	return spv.Block{Height: int32(len(v.best) - 1), Hash: v.best[len(v.best)-1]}
}

func (v *view) Lookup(id spv.Hash) (spv.Block, bool) {
	at, ok := v.at[id]
	return spv.Block{Height: at, Hash: id}, ok
}

func (v *view) OnBest(b spv.Block) bool {
	return b.Height >= 0 && int(b.Height) < len(v.best) && v.best[b.Height] == b.Hash
}

func (v *view) Ancestor(id spv.Hash, height int32) (spv.Block, bool) {
	at, ok := v.at[id]
	if !ok || height < 0 || height > at {
		return spv.Block{}, false
	}
	for ; at > height; at-- {
		id = v.prev[id]
	}
	return spv.Block{Height: height, Hash: id}, true
}

func (v *view) After(spv.Hash, uint32) (uint32, uint32, bool) { return 0, 0, false }

const (
	l1Spacing, layerSpacing = 600.0, 60.0
	l1Bits                  = 0x1a00ffff
	lossOfLayer             = 0.05  // layer blocks that another one beats
	raceOfL1                = 0.005 // L1 blocks with a rival
	switching               = 5.0   // seconds until miners work on a new L1 block
)

// stack simulates an L1 and a layer on it: who finds what is drawn, nothing is hashed.
type stack struct {
	rng   *rand.Rand
	p     float64 // share of the L1's hash rate that mines the layer
	share float64 // the layer's target in force was made for this p
	every float64 // seconds between layer blocks at that p
	ids   uint64

	l1    *view // all there is
	time  float64
	since float64  // when the best block was found
	rival spv.Hash // of the best block, while there is one; half of all work on it
	split bool     // rivals never give in: the fault of a fork
	sides [2]spv.Hash

	bitsFor float64 // bits is what sealChance was then
	bits    uint32

	height   int32
	withhold bool // parents that would be L1 blocks are kept back
	foreign  float64
	onL1     func(b risk.L1Block, best bool)
	onLayer  func(s risk.Sighting)
}

func newStack(seed uint64, p float64) *stack {
	return &stack{rng: rand.New(rand.NewPCG(seed, 7)), p: p, share: p, every: layerSpacing, l1: newView(),
		onL1: func(risk.L1Block, bool) {}, onLayer: func(risk.Sighting) {}}
}

func (s *stack) id() (id spv.Hash) {
	s.ids++
	binary.BigEndian.PutUint64(id[8:], s.ids)
	return id
}

// sealChance is how many L1 blocks' worth of work a layer block has.
func (s *stack) sealChance() float64 { return s.share * s.every / l1Spacing }

func (s *stack) layerBits() uint32 {
	if s.bitsFor != s.sealChance() {
		s.bitsFor, s.bits = s.sealChance(), easier(s.sealChance())
	}
	return s.bits
}

// layerBits is the compact target with which a share of the L1's work finds a block a minute.
func layerBits(p float64) uint32 { return easier(p * layerSpacing / l1Spacing) }

// easier is the compact target that a part of an L1 block's work meets.
func easier(part float64) uint32 {
	t, _ := spv.ParseTarget(l1Bits)
	t.Mul(&t, uint256.NewInt(1_000_000))
	t.Div(&t, uint256.NewInt(uint64(1_000_000*part)))
	return spv.CompactTarget(&t)
}

// step lets time pass until somebody finds a block of either chain.
func (s *stack) step() {
	layerRate, otherRate := s.p/s.share/s.every, (1-s.p)/l1Spacing
	s.time += s.rng.ExpFloat64() / (layerRate + otherRate)
	if s.rng.Float64()*(layerRate+otherRate) < otherRate {
		s.found(s.id(), s.under())
		return
	}
	parent := risk.Parent{Hash: s.id(), Prev: s.under(), Bits: l1Bits}
	wins := s.rng.Float64() < s.sealChance()
	if s.rng.Float64() < s.foreign {
		parent.Prev, wins = s.id(), false
	}
	if wins && !s.withhold {
		s.found(parent.Hash, parent.Prev)
	}
	if s.rng.Float64() >= lossOfLayer {
		s.height++
		s.onLayer(risk.Sighting{Block: spv.Block{Height: s.height, Hash: s.id()}, Bits: s.layerBits(), Parent: parent})
	}
}

// under is the L1 block that whoever finds something works on.
func (s *stack) under() spv.Hash {
	if s.split {
		return s.sides[s.rng.IntN(2)]
	}
	tip := s.l1.tip()
	if s.time-s.since < switching && s.rng.Float64() < 0.5 {
		return s.l1.prev[tip.Hash]
	}
	if s.rival != (spv.Hash{}) && s.rng.Float64() < 0.5 {
		return s.rival
	}
	return tip.Hash
}

func (s *stack) found(id, prev spv.Hash) {
	b, best := s.l1.add(id, prev)
	if s.split {
		for i := range s.sides {
			if s.sides[i] == prev {
				s.sides[i] = id
				break
			}
		}
	}
	s.onL1(risk.L1Block{Block: b, Bits: l1Bits}, best)
	if !best || s.split {
		return
	}
	s.since, s.rival = s.time, spv.Hash{}
	if s.rng.Float64() < raceOfL1 {
		s.rival = s.id()
		b, _ := s.l1.add(s.rival, prev)
		s.onL1(risk.L1Block{Block: b, Bits: l1Bits}, false)
	}
}

// watched is a stack whose watcher hears of L1 blocks some seconds late, or not at all.
type watched struct {
	*stack
	watch  *risk.Watch
	known  *view
	late   []lateBlock
	hidden bool // the eclipse
	events []risk.Event
	layers int // layer blocks seen
}

type lateBlock struct {
	at   float64
	b    risk.L1Block
	prev spv.Hash
}

func newWatched(seed uint64, p float64) *watched {
	w := &watched{stack: newStack(seed, p), watch: risk.NewWatch(), known: newView()}
	w.onL1 = func(b risk.L1Block, _ bool) {
		w.late = append(w.late, lateBlock{w.time + 4*w.rng.Float64(), b, w.l1.prev[b.Block.Hash]})
	}
	w.onLayer = func(s risk.Sighting) {
		w.catchUp()
		w.layers++
		w.events = append(w.events, w.watch.Layer(w.known, s)...)
	}
	return w
}

// catchUp tells the watch about the L1 blocks that have arrived, as whoever follows the L1 would: all that are new on the best
// chain, from the fork upwards.
func (w *watched) catchUp() {
	for len(w.late) > 0 && w.late[0].at <= w.time && !w.hidden {
		b := w.late[0]
		w.late = w.late[1:]
		before := append([]spv.Hash(nil), w.known.best...)
		if _, best := w.known.add(b.b.Block.Hash, b.prev); !best {
			continue
		}
		from := len(before)
		for from > 0 && before[from-1] != w.known.best[from-1] {
			from--
		}
		for h := from; h < len(w.known.best); h++ {
			block := risk.L1Block{Block: spv.Block{Height: int32(h), Hash: w.known.best[h]}, Bits: l1Bits}
			w.events = append(w.events, w.watch.L1(w.known, block)...)
		}
	}
}

// until steps until cond holds; false after most layer blocks.
func (w *watched) until(most int, cond func() bool) bool {
	for end := w.layers + most; w.layers < end; {
		if cond() {
			return true
		}
		w.step()
		w.catchUp()
	}
	return cond()
}

func (w *watched) active(k risk.Kind) bool {
	for _, a := range w.watch.Active() {
		if a.Kind == k {
			return true
		}
	}
	return false
}

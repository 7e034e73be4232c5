package risk

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"github.com/layeredpow/lamina/spv"
)

// The windows over which the share is shown, in L1 blocks.
const (
	ShortWindow = 144
	LongWindow  = 2016
)

// L1Block is a block of the best L1 chain.
type L1Block struct {
	Block spv.Block
	Bits  uint32 // compact target
}

// Share is the part of the L1's work that mines the layer, as measured over a window of L1 blocks (protocol.md section 9).
type Share struct {
	From    int32   `json:"from"` // heights of the window's first and last block, both included
	To      int32   `json:"to"`
	Seals   int     `json:"seals"`   // of its blocks, how many are parents of known layer blocks
	Blocks  int     `json:"blocks"`  // of the layer, on L1 blocks under the window's
	Unknown int     `json:"unknown"` // layer blocks whose parents build on unknown blocks, wherever they belong
	Stale   int     `json:"stale"`   // of Blocks, how many build on a block that was not the highest shown
	OffBest int     `json:"off_best"`
	Share   float64 `json:"share"` // p^, by work; what is lost to blocks found at the same time is lost here already
	Low     float64 `json:"low"`   // Wilson bounds of it
	High    float64 `json:"high"`
	// Lent is p~, the layer's work against the L1's in the same window. Above Share: parents that would be L1 blocks do not become
	// them. Its standard error is LentError.
	Lent      float64 `json:"lent"`
	LentError float64 `json:"lent_error"`
}

// Measure measures the share over consecutive blocks of the best L1 chain. Layer is what the layer showed meanwhile; blocks of it
// that belong elsewhere are left aside.
//
// Bounds: for a share p of 0.05 to 0.95 that did not change within the window, Low <= p(1-o) <= High holds in at
// least 95% of windows of 144 blocks or more, and |Lent - p(1-o)| <= 2.3 LentError, too (o: see Race).
func Measure(window []L1Block, layer []Placed) Share {
	if len(window) == 0 {
		return Share{High: 1}
	}
	s := Share{From: window[0].Block.Height, To: window[len(window)-1].Block.Height}
	seals := make(map[spv.Hash]bool)
	lent, squares := 0.0, 0.0
	for i := range layer {
		p := &layer[i]
		if p.Class == Unknown {
			s.Unknown++
			continue
		}
		if p.Under.Height < s.From-1 || p.Under.Height >= s.To {
			continue
		}
		s.Blocks++
		if p.Behind > 0 {
			s.Stale++
		}
		if p.OffBest {
			s.OffBest++
			continue
		}
		if p.Class == Seal {
			seals[p.Parent.Hash] = true
		}
		work := workOf(p.Bits)
		lent += work
		squares += work * work
	}
	total, totalSquares, sealed := 0.0, 0.0, 0.0
	for _, b := range window {
		work := workOf(b.Bits)
		total += work
		totalSquares += work * work
		if seals[b.Block.Hash] {
			s.Seals++
			sealed += work
		}
	}
	if total == 0 {
		s.High = 1
		return s
	}
	// Blocks of unequal work count as fewer: (sum w)^2 / sum w^2.
	trials := total * total / totalSquares
	s.Share = sealed / total
	s.Low, s.High = Wilson(s.Share*trials, trials)
	s.Lent = lent / total
	if lent > 0 {
		s.LentError = s.Lent * math.Sqrt(squares/(lent*lent)+1/trials)
	}
	return s
}

// Pool is a miner, or all who pay to one script, by its part of the layer's blocks.
type Pool struct {
	Payout [32]byte `json:"-"` // zero: coinbases that pay nobody, not one miner
	Blocks int      `json:"blocks"`
	Share  float64  `json:"share"`
}

// Pools returns who mined the layer's blocks, the largest first, and how few of them together mined more than half. Coinbases
// that pay nobody count as one miner each. Payouts are the miners' own choice: one miner may look like many, so that
// the number is an upper bound.
func Pools(layer []Placed) (pools []Pool, half int) {
	count := make(map[[32]byte]int)
	for i := range layer {
		count[layer[i].Parent.Payout]++
	}
	var sizes []int
	for payout, n := range count {
		pools = append(pools, Pool{Payout: payout, Blocks: n, Share: float64(n) / float64(len(layer))})
		if payout == [32]byte{} {
			sizes = append(sizes, slices.Repeat([]int{1}, n)...)
		} else {
			sizes = append(sizes, n)
		}
	}
	slices.SortFunc(pools, func(a, b Pool) int {
		return cmp.Or(cmp.Compare(b.Blocks, a.Blocks), bytes.Compare(a.Payout[:], b.Payout[:]))
	})
	slices.SortFunc(sizes, func(a, b int) int { return cmp.Compare(b, a) })
	for sum := 0; half < len(sizes) && 2*sum <= len(layer); half++ {
		sum += sizes[half]
	}
	return pools, half
}

// Evidence is work that near misses show on one branch of the L1, between its blocks. It is a measurement and no
// confirmation: it says what miners worked on, not what they will build on.
type Evidence struct {
	Blocks int     `json:"blocks"` // layer blocks that show it
	Work   float64 `json:"work"`   // of those who mine the layer, in L1 blocks
	Error  float64 `json:"error"`  // relative standard error, 1/sqrt(Blocks); 0 without blocks
}

// Whole returns the work of all miners of the branch, in L1 blocks, if those who mine the layer are the given share of
// them; 0 where that is unknown.
func (e Evidence) Whole(share float64) float64 {
	if !(share > 0 && share <= 1) {
		return 0
	}
	return e.Work / share
}

// Branch sums up the evidence of parents that build on the L1's branch that ends in tip, above the block at the height from
// or on it. L1 blocks themselves are not counted: a seal adds what its layer block is worth, like a near miss.
func Branch(l1 spv.ParentView, tip spv.Block, from int32, layer []Placed) Evidence {
	var e Evidence
	for i := range layer {
		p := &layer[i]
		if p.Class == Unknown || p.Under.Height < from || p.Under.Height > tip.Height {
			continue
		}
		if at, ok := l1.Ancestor(tip.Hash, p.Under.Height); !ok || at != p.Under {
			continue
		}
		e.Blocks++
		e.Work += p.sealChance()
	}
	if e.Blocks > 0 {
		e.Error = 1 / math.Sqrt(float64(e.Blocks))
	}
	return e
}

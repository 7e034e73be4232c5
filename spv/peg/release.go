package peg

import (
	"fmt"
	"slices"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

const (
	// FeeVotes is how many layer blocks, the cut and those below it, vote on the fee rate.
	FeeVotes = 144
	// MaxFeeRate is the highest fee rate of a first attempt, sat/vB.
	MaxFeeRate = 500
	// AttemptBlocks is how many L1 blocks an attempt has before the next one.
	AttemptBlocks = 18
	// MaxAttempt is the last attempt. It pays 3325 times the rate of the first.
	MaxAttempt = 20
)

// Sealing says of one block of the layer's best chain whether it is a seal.
type Sealing struct {
	Block spv.Block
	Seal  int32 // height of the L1 best-chain block that is its proof's parent, negative if it is no seal
}

// Cut returns the block up to which burns are released at L1 height at: the highest with
// ReleaseSeals seals at or above it in the layer, the lowest of which on L1 has
// ReleaseBlocks L1 blocks over it (section 8). Seals above at do not count. Run is the
// layer's best chain, ascending without gaps; it must reach down far enough, else there is
// no cut.
func Cut(p *chains.Params, run []Sealing, at int32) (spv.Block, bool) {
	seals, lowest := int32(0), at
	for i := len(run) - 1; i >= 0; i-- {
		if s := run[i].Seal; s >= 0 && s <= at {
			seals++
			lowest = min(lowest, s)
		}
		if seals >= p.Peg.ReleaseSeals && at-lowest >= p.Peg.ReleaseBlocks {
			return run[i].Block, true
		}
	}
	return spv.Block{}, false
}

// FeeRate returns the median of the fee votes of the last FeeVotes layer blocks up to the
// cut, at most MaxFeeRate, sat/vB. Near genesis there may be fewer. Of an even number it is
// the upper of the two in the middle, as in Bitcoin's median time.
func FeeRate(votes []uint16) (uint16, error) {
	if n := len(votes); n < 1 || n > FeeVotes {
		return 0, fmt.Errorf("fee votes: %d, want 1 to %d", n, FeeVotes)
	}
	sorted := slices.Sorted(slices.Values(votes))
	return min(sorted[len(sorted)/2], MaxFeeRate), nil
}

// BatchHeight returns the L1 height at which the batch with a number is judged.
func BatchHeight(p *chains.Params, number uint32) int64 { return int64(number) * int64(p.Peg.Epoch) }

// Attempt returns which attempt of the batch that was judged at an L1 height is to be
// signed when the L1 tip is at tip; false while the sign delay lasts.
func Attempt(p *chains.Params, judged, tip int32) (int, bool) {
	waited := int64(tip) - int64(judged) - int64(p.Peg.SignDelay)
	if waited < 0 {
		return 0, false
	}
	return int(min(waited/AttemptBlocks, MaxAttempt)), true
}

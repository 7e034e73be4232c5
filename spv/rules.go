package spv

import (
	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/spv/pow"
)

// Rules is everything that header validation needs to know of one chain, as data.
// It is read-only once built; spv/chains loads it from a chain's file.
type Rules struct {
	Name          string         // for messages only, never branched on
	Work          pow.Algorithm  // hash that own work, and the work of AuxPoW parents, is measured by
	Genesis       Header         // block 0
	PowLimit      uint256.Int    // easiest target allowed, at full precision
	MaxFuture     uint32         // seconds a header may be ahead of the clock
	Eras          []Era          // difficulty rules by height, ascending, the first from 0
	VersionFloors []VersionFloor // least versions by height, ascending
	FloorOnBase   bool           // floors judge BaseVersion instead of the whole version
	AuxPoW        *AuxRules      // nil where blocks cannot be merge-mined
	MinimumWork   uint256.Int    // a chain with less total work is not this chain
	Checkpoints   []Block        // known blocks, ascending
	ReorgLimit    int32          // deepest reorganisation that the tree can follow, blocks
	Challenge     []byte         // signet block challenge script (BIP325), nil elsewhere
	Extensions    bool           // blocks may carry an extension block (MWEB, LIP-2 and LIP-3)
}

// Retarget names a difficulty rule. The set is closed.
type Retarget uint8

// The difficulty rules.
const (
	// Fixed keeps the previous block's bits for ever (regtest).
	Fixed Retarget = iota + 1
	// Interval adjusts every Timespan/Spacing blocks by the time that the last ones took.
	Interval
	// Damped adjusts at every block by an eighth of the deviation (DigiShield).
	Damped
	// ASERT adjusts at every block, absolutely scheduled from genesis (aserti3-2d).
	ASERT
)

// Era is the difficulty rule in force from one height on.
type Era struct {
	From     int32 // first height judged by this era
	Retarget Retarget
	Spacing  uint32 // target seconds between blocks
	Timespan uint32 // Interval and Damped: seconds that one adjustment looks at

	// Interval only.
	ExtraBlock bool   // look back one block further, except at the very first adjustment
	MaxDrop    uint32 // least actual time is Timespan/MaxDrop
	MaxRise    uint32 // most actual time is Timespan*MaxRise
	BaseFirst  bool   // BIP94: scale the bits of the period's first block, not its last
	MaxBack    uint32 // BIP94: a period's first block may be this many seconds before its parent; 0: no such rule

	HalfLife uint32 // ASERT only: seconds of lag that double the target

	// Easing: the test networks' minimum-difficulty rule.
	EaseAfter     uint32 // a block this many seconds after its parent is at PowLimit; 0: no such rule
	EaseEvery     bool   // also where an adjustment is due, and without walking back past eased blocks
	EaseSince     uint32 // only for header times above this
	EaseBackwards bool   // also when the block's time is before its parent's (an unsigned difference)
}

// Period returns the number of blocks between adjustments of an Interval era.
func (e *Era) Period() int32 {
	return int32(e.Timespan / e.Spacing)
}

// VersionFloor refuses blocks below Min from a height on (BIP34, BIP66, BIP65).
type VersionFloor struct {
	From int32
	Min  int32
}

// AuxRules are the merged-mining rules of one chain.
type AuxRules struct {
	Start        int32 // first height at which a proof is allowed
	ChainID      int32 // this chain's id in the parent's merged-mining tree
	StrictID     bool  // headers must carry ChainID, parents must not
	LegacyBefore int32 // heights below this may have versions without a chain id
	LegacyV2     bool  // version 2 with chain id 0 is such a version too, not only version 1
	PlainParent  bool  // the parent header must not announce a proof of its own
	IndexZero    bool  // the serialised coinbase index must be 0 (some chains ignore it)
	Layer        bool  // the stricter rules of layer chains (protocol.md section 3)
}

// EraAt returns the difficulty rule for a block at the height.
func (r *Rules) EraAt(height int32) *Era {
	i := len(r.Eras) - 1
	for i > 0 && r.Eras[i].From > height {
		i--
	}
	return &r.Eras[i]
}

// versionFloor returns the least version allowed at the height, and whether there is one.
func (r *Rules) versionFloor(height int32) (int32, bool) {
	for i := len(r.VersionFloors) - 1; i >= 0; i-- {
		if f := r.VersionFloors[i]; f.From <= height {
			return f.Min, true
		}
	}
	return 0, false
}

// LastCheckpoint returns the highest checkpoint, or genesis.
func (r *Rules) LastCheckpoint() Block {
	if n := len(r.Checkpoints); n > 0 {
		return r.Checkpoints[n-1]
	}
	return Block{Hash: r.Genesis.ID()}
}

// Lookback returns how many headers below a block its difficulty and median time can
// depend on.
func (r *Rules) Lookback() int32 {
	most := int32(medianSpan)
	for i := range r.Eras {
		e := &r.Eras[i]
		if e.Retarget == Interval {
			// Eased periods are walked back to a period's start, which the
			// extra block of the next adjustment already covers.
			most = max(most, e.Period()+1)
		}
	}
	return most
}

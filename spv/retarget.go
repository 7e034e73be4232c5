package spv

import "github.com/holiman/uint256"

// Point is what difficulty and median time need of one header.
type Point struct {
	Time uint32 // seconds since 1970
	Bits uint32 // compact target
}

// Ancestry gives the headers below one header, on its own branch.
type Ancestry interface {
	// At returns the header at a height; false if it is not at hand.
	At(height int32) (Point, bool)
}

// medianSpan is the number of headers whose median time a new header must exceed.
const medianSpan = 11

// RequiredBits returns the compact target that the block at height must have, given the
// headers below it and its own time (which the test networks' easing depends on). It is
// false when a header that the rule needs is not at hand.
func (r *Rules) RequiredBits(below Ancestry, height int32, time uint32) (uint32, bool) {
	last, ok := below.At(height - 1)
	if !ok {
		return 0, false
	}
	e := r.EraAt(height)
	if e.eases(last.Time, time) && (e.EaseEvery || e.Retarget != Interval || height%e.Period() != 0) {
		return CompactTarget(&r.PowLimit), true
	}
	switch e.Retarget {
	case Interval:
		return r.intervalBits(e, below, height, time, last)
	case Damped:
		return r.dampedBits(e, below, height, last)
	case ASERT:
		return r.asertBits(e, height, last), true
	default:
		return last.Bits, true
	}
}

// easing tells whether the minimum-difficulty rule is in force for a block at time.
func (e *Era) easing(time uint32) bool { return e.EaseAfter != 0 && time > e.EaseSince }

// eases tells whether a block at time is allowed (and bound) to minimum difficulty.
func (e *Era) eases(last, time uint32) bool {
	if !e.easing(time) {
		return false
	}
	late := int64(time) > int64(last)+int64(e.EaseAfter)
	return late || (e.EaseBackwards && time < last)
}

// intervalBits is Bitcoin's rule and its variants: unchanged within a period, scaled by
// the time of the last period where one begins.
func (r *Rules) intervalBits(e *Era, below Ancestry, height int32, time uint32, last Point) (uint32, bool) {
	period := e.Period()
	if height%period != 0 {
		if !e.easing(time) || e.EaseEvery {
			return last.Bits, true
		}
		return r.lastUneased(below, height-1, period)
	}
	back := period - 1
	if e.ExtraBlock && height != period {
		back = period
	}
	first, ok := below.At(height - 1 - back)
	if !ok {
		return 0, false
	}
	base := last.Bits
	if e.BaseFirst {
		base = first.Bits
	}
	span := clamp(int64(last.Time)-int64(first.Time),
		int64(e.Timespan/e.MaxDrop), int64(e.Timespan)*int64(e.MaxRise))
	return r.scale(base, span, e.Timespan), true
}

// lastUneased walks back to the newest header of the period that was not eased.
func (r *Rules) lastUneased(below Ancestry, height, period int32) (uint32, bool) {
	limit := CompactTarget(&r.PowLimit)
	for {
		p, ok := below.At(height)
		if !ok {
			return 0, false
		}
		if p.Bits != limit || height%period == 0 {
			return p.Bits, true
		}
		height--
	}
}

// dampedBits is DigiShield: one block's time, its deviation divided by eight, clamped
// to [3/4, 3/2] of the timespan. Divisions truncate toward zero as in C.
func (r *Rules) dampedBits(e *Era, below Ancestry, height int32, last Point) (uint32, bool) {
	first, ok := below.At(height - 2)
	if !ok {
		return 0, false
	}
	want := int64(e.Timespan)
	span := want + (int64(last.Time)-int64(first.Time)-want)/8
	return r.scale(last.Bits, clamp(span, want-want/4, want+want/2), e.Timespan), true
}

// scale returns base*span/timespan, capped at the limit, in compact form.
func (r *Rules) scale(base uint32, span int64, timespan uint32) uint32 {
	t, _ := ParseTarget(base)
	var by, div, scaled uint256.Int
	by.SetUint64(uint64(span))
	div.SetUint64(uint64(timespan))
	if _, overflow := scaled.MulDivOverflow(&t, &by, &div); overflow || scaled.Gt(&r.PowLimit) {
		scaled.Set(&r.PowLimit)
	}
	return CompactTarget(&scaled)
}

// asertBits is aserti3-2d with genesis as the reference block and an imaginary parent
// one spacing before it.
func (r *Rules) asertBits(e *Era, height int32, last Point) uint32 {
	refParent := int64(r.Genesis.Time()) - int64(e.Spacing)
	ref, _ := ParseTarget(r.Genesis.Bits())
	t := asertTarget(&ref, int64(last.Time)-refParent, int64(height), e, &r.PowLimit)
	return CompactTarget(&t)
}

// asertTarget returns ref * 2^((elapsed - spacing*blocks)/halfLife), where elapsed runs
// from the reference block's parent to the last block and blocks counts the blocks in
// between, the last included. The fraction is the cubic approximation of the
// specification (2020-11-15-asert), in 16 bits of fixed point.
func asertTarget(ref *uint256.Int, elapsed, blocks int64, e *Era, limit *uint256.Int) uint256.Int {
	exponent := (elapsed - int64(e.Spacing)*blocks) * 65536 / int64(e.HalfLife)
	shifts := exponent >> 16
	f := uint64(exponent - shifts<<16)
	factor := 65536 + ((195766423245049*f + 971821376*f*f + 5127*f*f*f + 1<<47) >> 48)

	var by, t uint256.Int
	by.SetUint64(factor)
	if _, overflow := t.MulOverflow(ref, &by); !overflow {
		shifts -= 16
	} else if _, overflow = t.MulDivOverflow(ref, &by, uint256.NewInt(65536)); overflow {
		// Without its fraction a product this large is still exact to the compact form.
		return *limit
	}
	switch {
	case shifts <= -256:
		t.Clear()
	case shifts < 0:
		t.Rsh(&t, uint(-shifts))
	case shifts+int64(t.BitLen()) > 256:
		return *limit
	default:
		t.Lsh(&t, uint(shifts))
	}
	if t.IsZero() {
		t.SetOne()
	}
	if t.Gt(limit) {
		return *limit
	}
	return t
}

// MedianTime returns the median time of the 11 headers up to and including height, as a
// header above it must exceed it; near genesis of those that exist. It is false when one
// of them is not at hand.
func MedianTime(below Ancestry, height int32) (uint32, bool) {
	if b, ok := below.(*branch); ok {
		return b.medianTime(height)
	}
	return medianTime(below, height)
}

func medianTime(below Ancestry, height int32) (uint32, bool) {
	var times [medianSpan]uint32
	n := min(height+1, medianSpan)
	for i := range n {
		p, ok := below.At(height - i)
		if !ok {
			return 0, false
		}
		insert(times[:i+1], p.Time)
	}
	return times[n/2], n > 0
}

// insert puts t into a sorted slice whose last place is free.
func insert(times []uint32, t uint32) {
	i := len(times) - 1
	for i > 0 && times[i-1] > t {
		times[i] = times[i-1]
		i--
	}
	times[i] = t
}

func clamp(v, least, most int64) int64 { return min(max(v, least), most) }

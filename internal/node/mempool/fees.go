package mempool

import (
	"cmp"
	"math"
	"math/bits"
	"time"
)

const (
	// halfLife is how long the minimum takes to fall by half in a full pool (Bitcoin
	// Core's ROLLING_FEE_HALFLIFE).
	halfLife = 12 * time.Hour
	// decayEvery is how often it is worked out anew.
	decayEvery = 10 * time.Second
)

// compareRates compares the fee rates of two amounts over two sizes, neither negative.
func compareRates(fee1, size1, fee2, size2 int64) int {
	h1, l1 := bits.Mul64(uint64(fee1), uint64(size2))
	h2, l2 := bits.Mul64(uint64(fee2), uint64(size1))
	return cmp.Or(cmp.Compare(h1, h2), cmp.Compare(l1, l2))
}

// feeFor returns what a rate asks for a size, rounded up; rate in base units per 1000
// virtual bytes.
func feeFor(rate, size int64) int64 {
	hi, lo := bits.Mul64(uint64(rate), uint64(size))
	lo, carry := bits.Add64(lo, 999, 0)
	if hi += carry; hi >= 1000 {
		return math.MaxInt64
	}
	fee, _ := bits.Div64(hi, lo, 1000)
	return int64(min(fee, math.MaxInt64))
}

// rateOf returns a fee rate in base units per 1000 virtual bytes, rounded down.
func rateOf(fee, size int64) int64 {
	hi, lo := bits.Mul64(uint64(fee), 1000)
	if size <= 0 || hi >= uint64(size) {
		return math.MaxInt64
	}
	rate, _ := bits.Div64(hi, lo, uint64(size))
	return int64(min(rate, math.MaxInt64))
}

// floor is the rate below which a full pool takes nothing: it rises above whatever is
// evicted and falls by half again and again once blocks have made room.
type floor struct {
	rate  float64 // base units per 1000 virtual bytes
	since time.Time
	falls bool // a block came since it rose
}

// raise lifts the floor above the rate of what was evicted.
func (f *floor) raise(now time.Time, rate, incremental int64) {
	if r := float64(rate) + float64(incremental); r > f.rate {
		f.rate, f.since, f.falls = r, now, false
	}
}

// block notes that a block came.
func (f *floor) block(now time.Time) {
	if !f.falls {
		f.since, f.falls = now, true
	}
}

// at returns the floor at a time: it falls faster the emptier the pool is.
func (f *floor) at(now time.Time, used, most, incremental int64) int64 {
	if past := now.Sub(f.since); f.falls && f.rate > 0 && past >= decayEvery {
		half := halfLife
		switch {
		case used < most/4:
			half /= 4
		case used < most/2:
			half /= 2
		}
		f.rate *= math.Exp2(-float64(past) / float64(half))
		f.since = now
		if f.rate < float64(incremental)/2 {
			f.rate = 0
		}
	}
	if f.rate >= math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(math.Ceil(f.rate))
}

package fee

import (
	"fmt"
	"math/bits"
)

// Rate is a fee rate in base units per 1000 virtual bytes.
type Rate int64

// MaxRate is the largest rate there is; it keeps products within 64 bits.
const MaxRate Rate = 1e15

// Of returns the least fee in base units that pays the rate for a transaction of a
// weight (BIP141), rounded up as nodes do: weight to whole virtual bytes first. Rate and
// weight must not be negative.
func (r Rate) Of(weight int64) int64 {
	return r.OfVirtual(Virtual(weight))
}

// OfVirtual is Of for a size in virtual bytes.
func (r Rate) OfVirtual(vbytes int64) int64 {
	hi, lo := bits.Mul64(uint64(r), uint64(vbytes))
	lo, carry := bits.Add64(lo, 999, 0)
	if hi += carry; r < 0 || vbytes < 0 || hi >= 1000 {
		panic(fmt.Sprintf("fee: rate %d over %d vbytes", r, vbytes))
	}
	q, _ := bits.Div64(hi, lo, 1000)
	return int64(q)
}

// Virtual returns the virtual bytes of a weight: a quarter, rounded up.
func Virtual(weight int64) int64 { return (weight + 3) / 4 }

// RateOf returns the rate that a fee pays for a weight, rounded down; 0 for a weight of 0.
func RateOf(fee, weight int64) Rate {
	v := Virtual(weight)
	if v <= 0 || fee <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(fee), 1000)
	if hi >= uint64(v) {
		return MaxRate
	}
	q, _ := bits.Div64(hi, lo, uint64(v))
	return min(Rate(min(q, uint64(MaxRate))), MaxRate)
}

// String returns the rate in base units per virtual byte, as people say it: "1.5/vB".
func (r Rate) String() string {
	if r%1000 == 0 {
		return fmt.Sprintf("%d/vB", int64(r)/1000)
	}
	return fmt.Sprintf("%d.%03d/vB", int64(r)/1000, int64(r)%1000)
}

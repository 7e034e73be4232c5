package stratum

import (
	"math"
	"math/big"
	"time"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/spv/pow"
)

// unitTarget returns the target of difficulty 1: 0xffff * 2^208, and 2^16 times that where miners count in scrypt.
func unitTarget(a pow.Algorithm) *big.Int {
	shift := uint(208)
	if a == pow.Scrypt {
		shift += 16
	}
	return new(big.Int).Lsh(big.NewInt(0xffff), shift)
}

// targetOf returns the target of a difficulty, which is positive.
func targetOf(a pow.Algorithm, difficulty float64) uint256.Int {
	quotient := new(big.Float).Quo(new(big.Float).SetInt(unitTarget(a)), big.NewFloat(difficulty))
	whole, _ := quotient.Int(nil)
	target, overflow := uint256.FromBig(whole)
	if overflow {
		target.SetAllOne()
	}
	return *target
}

// difficultyOf returns the difficulty of a target; infinite for none.
func difficultyOf(a pow.Algorithm, target *uint256.Int) float64 {
	if target.IsZero() {
		return math.Inf(1)
	}
	d, _ := new(big.Float).Quo(new(big.Float).SetInt(unitTarget(a)), new(big.Float).SetInt(target.ToBig())).Float64()
	return d
}

// Pace says how often a miner is to find a share, and how hard shares are at first.
type Pace struct {
	Start float64       // difficulty
	Least float64       // the same; no miner gets an easier one unless a chain's own target is easier
	Every time.Duration // between the shares of one connection
}

const (
	paceShares = 8    // a look at the pace is due after so many shares
	paceWindow = 12   // or so many times Pace.Every
	paceStep   = 4    // most that the difficulty changes by at a time
	paceSlack  = 1.4  // a pace within this factor is left alone
	underOpen  = .999 // a difficulty stays this much below a chain's own, as miners round
)

// vardiff adjusts the difficulty of one connection.
type vardiff struct {
	pace   Pace
	value  float64
	since  time.Time
	shares int
}

// look returns whether the difficulty has changed.
func (v *vardiff) look(now time.Time) bool {
	passed := now.Sub(v.since)
	if v.shares < paceShares && passed < paceWindow*v.pace.Every {
		return false
	}
	ratio := float64(v.shares) * v.pace.Every.Seconds() / max(passed.Seconds(), 1e-3)
	v.since, v.shares = now, 0
	if ratio < paceSlack && ratio > 1/paceSlack {
		return false
	}
	before := v.value
	v.value = max(before*min(max(ratio, 1./paceStep), paceStep), v.pace.Least)
	return v.value != before
}

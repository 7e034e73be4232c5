package risk

import (
	"math"
	"time"
)

// Race is the contest between the honest miners of a chain and an attacker who mines a secret branch of it (protocol.md
// section 9). Both shares are parts of the L1's hash rate, 0 to 1. A Race whose shares are not such numbers, or leave
// nobody honest, is one that the attacker wins.
type Race struct {
	Honest   float64       // p: honest share that mines this chain; 1-Attacker on an L1
	Attacker float64       // q: the attacker's share
	Delay    time.Duration // until a block has reached the other miners; 0: at once
	Spacing  time.Duration // between blocks; 0 only with a Delay of 0
}

// OnL1 is the race on the L1 itself, where everybody who is not the attacker is honest.
func OnL1(attacker float64) Race { return Race{Honest: 1 - attacker, Attacker: attacker} }

// MaxConfirmations is the longest wait that Confirmations tells: two years of one-minute blocks. A longer one is as good as never.
const MaxConfirmations = 1 << 20

// useful is the honest share that lengthens the chain: p(1-o), o = 1-exp(-Delay/Spacing) being the part of the honest work
// that is lost to blocks found at the same time.
func (r Race) useful() float64 {
	if r.Delay <= 0 {
		return r.Honest
	}
	if r.Spacing <= 0 {
		return 0
	}
	return r.Honest * math.Exp(-float64(r.Delay)/float64(r.Spacing))
}

// Effective returns q', the attacker's part of the work that lengthens any branch of this chain. From 1/2 on he always wins.
func (r Race) Effective() float64 {
	valid := r.Honest >= 0 && r.Attacker >= 0 && r.Honest <= 1 && r.Attacker <= 1 // false for NaN, too
	useful := r.useful()
	if !valid || useful <= 0 {
		return 1
	}
	return r.Attacker / (useful + r.Attacker)
}

// Majority returns the least share of the L1's hash rate with which an attacker always wins.
func (r Race) Majority() float64 {
	if !(r.Honest >= 0 && r.Honest <= 1) {
		return 0
	}
	return r.useful()
}

// Risk returns the probability that the attacker ever overtakes z confirmations, given that he began when the payment was
// made: P(z) = 2 sum_{j=z}^{2z-1} C(2z-1,j) q'^j (1-q')^(2z-1-j). All terms are positive, so that nothing cancels: the relative
// error is below 1e-10 down to 1e-100 and beyond. No confirmation is a risk of 1.
func (r Race) Risk(z int) float64 {
	q := r.Effective()
	switch {
	case z <= 0 || q >= 0.5:
		return 1
	case q <= 0:
		return 0
	}
	// The first term, C(2z,z)/4^z (4q(1-q))^z / (1-q), with 4q(1-q) = 1-(1-2q)^2.
	skew := 1 - 2*q
	term := math.Exp(logCentral(z)+float64(z)*math.Log1p(-skew*skew)) / (1 - q)
	sum := 0.0
	odds := q / (1 - q)
	for j := z; j < 2*z && term > sum*1e-17; j++ {
		sum += term
		term *= float64(2*z-1-j) / float64(j+1) * odds
	}
	return min(sum, 1)
}

// logCentral returns ln(C(2z,z)/4^z): the product of 1-1/(2k) for few factors, Stirling's series for many.
func logCentral(z int) float64 {
	if z <= 30 {
		product := 1.0
		for k := 1; k <= z; k++ {
			product *= 1 - 1/float64(2*k)
		}
		return math.Log(product)
	}
	n := float64(z)
	return -math.Log(math.Pi*n)/2 - 1/(8*n) + 1/(192*n*n*n) - 1/(640*math.Pow(n, 5)) + 17/(14336*math.Pow(n, 7))
}

// Confirmations returns the least number of confirmations that bring the risk down to at most the given one; false means never:
// the attacker always wins, or it would take more than MaxConfirmations.
func (r Race) Confirmations(risk float64) (z int, ok bool) {
	if !(risk > 0) || r.Risk(MaxConfirmations) > risk {
		return 0, false
	}
	if risk >= 1 {
		return 0, true
	}
	// Risk falls with z.
	low, high := 0, 1 // Risk(low) > risk
	for r.Risk(high) > risk {
		low, high = high, 2*high
	}
	for high-low > 1 {
		if mid := (low + high) / 2; r.Risk(mid) > risk {
			low = mid
		} else {
			high = mid
		}
	}
	return high, true
}

// DefaultAttacker is the share that recommendations count with unless the user says another.
const DefaultAttacker = 0.30

// Size tells how much a payment matters to its receiver.
type Size uint8

// The sizes of payments.
const (
	Small  Size = iota + 1 // a loss would be a nuisance
	Normal                 // a risk of 1 in 1,000 will do
	Large                  // a risk of 1 in 1,000,000
)

// Wait returns the recommended confirmations for a payment; false means never, which no size makes good. A small payment waits
// for a risk of 1 in 100, but for 2 blocks at least and 6 at most, whatever the risk is then.
func (r Race) Wait(size Size) (z int, ok bool) {
	switch size {
	case Normal:
		return r.Confirmations(1e-3)
	case Large:
		return r.Confirmations(1e-6)
	}
	if z, ok = r.Confirmations(1e-2); !ok {
		return 0, false
	}
	return min(max(z, 2), 6), true
}

// RiskOfWork returns the probability that the attacker overtakes z confirmations when the honest side is known to have spent
// work block-works on them, however lucky it was: with l = work*q/p,
//
//	P(z,w) = 1 - sum_{k<z} e^-l l^k/k! (1-(q/p)^(z-k)),
//
// summed as P[Poisson(l) >= z] + (q/p)^z e^(w-l) P[Poisson(w) < z], in which nothing cancels. The relative error is below
// 1e-9 for z and work up to 100,000. Work is a measurement (see Evidence) and no number of confirmations.
func (r Race) RiskOfWork(z int, work float64) float64 {
	q := r.Effective()
	switch {
	case z <= 0 || q >= 0.5 || !(work >= 0):
		return 1
	case q <= 0:
		return 0
	}
	odds := q / (1 - q)
	mean := work * odds
	caught := poissonTail(z, mean)
	behind := math.Exp(float64(z)*math.Log(odds)+work-mean+logPoissonHead(z, work)) + caught
	return min(behind, 1)
}

// logPoisson returns ln(e^-mean mean^k / k!).
func logPoisson(k int, mean float64) float64 {
	if mean == 0 {
		if k == 0 {
			return 0
		}
		return math.Inf(-1)
	}
	gamma, _ := math.Lgamma(float64(k) + 1)
	return float64(k)*math.Log(mean) - mean - gamma
}

// logPoissonHead returns ln P[Poisson(mean) < z]. It starts from the largest term, so that a head too small for a float64 has a logarithm.
func logPoissonHead(z int, mean float64) float64 {
	top := min(z-1, int(mean))
	first := logPoisson(top, mean)
	sum, term := 0.0, 1.0
	for k := top; k >= 0 && term > 1e-18*sum; k-- {
		sum += term
		term *= float64(k) / mean
	}
	term = 1
	for k := top + 1; k < z; k++ {
		term *= mean / float64(k)
		sum += term
	}
	return first + math.Log(sum)
}

// poissonTail returns P[Poisson(mean) >= z].
func poissonTail(z int, mean float64) float64 {
	if mean >= float64(z) { // more than a third of it all: nothing is lost by the difference
		return -math.Expm1(logPoissonHead(z, mean))
	}
	sum, term := 0.0, 1.0
	for k := z; term > 1e-18*sum; k++ {
		sum += term
		term *= mean / float64(k+1)
	}
	return math.Exp(logPoisson(z, mean)) * sum
}

// Combined bounds the risk of a payment that several layers must all keep: the sum of the risks, at most 1 (protocol.md
// section 9: that of its own confirmations, that of its anchor's on the L1, and the parent layer's for an L3).
func Combined(risks ...float64) float64 {
	sum := 0.0
	for _, r := range risks {
		if !(r >= 0) {
			return 1
		}
		sum += r
	}
	return min(sum, 1)
}

// RewriteTime returns how long an attacker takes, on average, to mine z blocks of the chain alone and to make up for what the honest
// side adds meanwhile; false where he falls behind for ever on average. Difficulty is taken to fit the honest side's work.
func (r Race) RewriteTime(z int) (time.Duration, bool) {
	useful := r.useful()
	if r.Effective() < 0.5 || z < 0 || useful <= 0 {
		return 0, false
	}
	gain := r.Attacker/useful - 1 // blocks gained for each honest one
	if !(gain > 0) {
		return 0, false
	}
	d := float64(z) * float64(r.Spacing) / gain
	if d >= math.MaxInt64 {
		return 0, false
	}
	return time.Duration(d), true
}

package selection

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"

	"github.com/layeredpow/lamina/spv/said"
	"github.com/layeredpow/lamina/wallet/fee"
)

// Coin is what the choice must know of one coin.
type Coin struct {
	Value  int64 // base units
	Weight int64 // weight units of the input that spends it
	Class  int   // coins of two classes may be forbidden to meet; from 0
	Must   bool  // is spent in any case
}

// Request says what the coins are to pay for. Weights are in weight units, values in
// base units.
type Request struct {
	Target       int64    // sum of the outputs
	Base         int64    // weight of the transaction without inputs and change
	Rate         fee.Rate // of the transaction
	LongTerm     fee.Rate // at which a coin that is not spent now will be spent later
	ChangeWeight int64    // of a change output
	ChangeSpend  int64    // of the input that spends it later
	MinChange    int64    // least value of a change output
	ChangeFee    int64    // what a change output costs beyond its weight
	MaxWeight    int64    // of the whole transaction
	SubtractFee  bool     // the fee comes out of Target
}

// Result is a choice of coins.
type Result struct {
	Coins     []int // indices into the coins that were offered, ascending
	Sum       int64 // their value
	Change    bool  // enough is left over for a change output
	Waste     int64 // what is paid now beyond what the same coins would cost later, and for change
	Algorithm string
}

// Shortage says that the coins are too few.
type Shortage struct {
	Need  int64       // target and fee of the coins that there are
	Have  int64       // their value, at most math.MaxInt64
	Apart bool        // they would do, were some not to be kept apart
	Heavy bool        // they would do, but not in one transaction
	Unit  said.Amount // decimals and symbol of Need and Have, for Says
}

// Error says how much is missing and why.
func (s *Shortage) Error() string { return s.Says().String() }

// Says says the same as a sentence.
func (s *Shortage) Says() said.Sentence {
	need, have := s.Unit, s.Unit
	need.Units, have.Units = s.Need, s.Have
	switch {
	case s.Heavy:
		return said.Of("coins of %d: %d needs more of them than fit into one transaction", have, need)
	case s.Apart:
		return said.Of("coins of %d: enough for %d only by merging what is to stay apart", have, need)
	}
	return said.Of("coins of %d: below the %d that are needed with the fee", have, need)
}

// Select chooses coins for a request. Apart tells of two classes whether their coins
// must never meet; nil means that any may. Of several ways it prefers the one that
// brings fewest classes together, then the least waste. Random numbers come from rng
// alone, so equal arguments give an equal choice. The error is a *Shortage.
func Select(coins []Coin, r Request, apart func(a, b int) bool, rng *rand.Rand) (Result, error) {
	must := classes(coins, true)
	if apart != nil {
		for i, a := range must {
			for _, b := range must[i+1:] {
				if apart(a, b) {
					return Result{}, &Shortage{Need: r.Target, Have: total(coins), Apart: true}
				}
			}
		}
	}
	var best Result
	found, fewest := false, 0
	short := &Shortage{}
	free := ranked(coins, r)
	all := classes(coins, false)
	for _, pool := range pools(all, must, apart) {
		some := free
		if len(all) > 1 {
			some = within(free, coins, pool)
		}
		got, err := newSearch(coins, r, some).run(rng)
		if err != nil {
			short.Heavy = short.Heavy || err.Heavy
			continue
		}
		n := len(distinct(coins, got.Coins))
		if !found || n < fewest || n == fewest && got.Waste < best.Waste {
			best, found, fewest = got, true, n
		}
	}
	if found {
		return best, nil
	}
	every := newSearch(coins, r, free)
	short.Need, short.Have = every.need(), total(coins)
	if !short.Heavy {
		_, err := every.run(rng)
		short.Apart = err == nil
	}
	return Result{}, short
}

func classes(coins []Coin, must bool) (out []int) {
	seen := map[int]bool{}
	last := -1
	for i := range coins {
		if c := coins[i].Class; (coins[i].Must || !must) && (c != last || len(seen) == 0) {
			if last = c; !seen[c] {
				seen[c] = true
				out = append(out, c)
			}
		}
	}
	slices.Sort(out)
	return out
}

func distinct(coins []Coin, picked []int) map[int]bool {
	seen := map[int]bool{}
	for _, i := range picked {
		seen[coins[i].Class] = true
	}
	return seen
}

func total(coins []Coin) (sum int64) {
	for i := range coins {
		sum = addTo(sum, coins[i].Value)
	}
	return sum
}

// addTo adds and stays at the largest number instead of running over.
func addTo(a, b int64) int64 {
	if s := a + b; b < 0 || s >= a {
		return s
	}
	return math.MaxInt64
}

// maxPools bounds the sets of classes that are tried.
const maxPools = 64

// pools returns the sets of classes to choose from, each free of classes that must stay
// apart, small ones first: single classes, then for each class the largest set that
// begins with it. Every set holds the classes that must be spent.
func pools(all, must []int, apart func(a, b int) bool) []map[int]bool {
	if apart == nil {
		apart = func(int, int) bool { return false }
	}
	begin := func(c int) (map[int]bool, bool) {
		pool := map[int]bool{}
		for _, m := range must {
			if m != c && apart(m, c) {
				return nil, false
			}
			pool[m] = true
		}
		pool[c] = true
		return pool, true
	}
	var out []map[int]bool
	for _, c := range all {
		if pool, ok := begin(c); ok && len(out) < maxPools/2 {
			out = append(out, pool)
		}
	}
	if len(all) < 2 {
		return out
	}
	for _, c := range all {
		pool, ok := begin(c)
		if !ok || len(out) >= maxPools {
			continue
		}
		for _, d := range all {
			if meets(pool, d, apart) {
				pool[d] = true
			}
		}
		out = append(out, pool)
	}
	return out
}

func meets(pool map[int]bool, d int, apart func(a, b int) bool) bool {
	for c := range pool {
		if c != d && apart(c, d) {
			return false
		}
	}
	return true
}

// feeOf is the exact share of a weight in the fee, rounded up, so that the shares of
// all parts are never less than the whole.
func feeOf(rate fee.Rate, weight int64) int64 {
	hi, lo := bits.Mul64(uint64(max(rate, 0)), uint64(max(weight, 0)))
	lo, carry := bits.Add64(lo, 3999, 0)
	if hi += carry; hi >= 4000 {
		return math.MaxInt64 / 4
	}
	q, _ := bits.Div64(hi, lo, 4000)
	return int64(min(q, math.MaxInt64/4))
}

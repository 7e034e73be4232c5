package selection

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/layeredpow/lamina/wallet/fee"
)

func request(target int64, rate fee.Rate) Request {
	return Request{Target: target, Base: 4 * 80, Rate: rate, LongTerm: 5000, ChangeWeight: 4 * 31,
		ChangeSpend: 272, MinChange: 294, MaxWeight: 400_000}
}

// brute looks through every subset: the least waste there is, with and without change.
func brute(coins []Coin, r Request) (noChange, any int64) {
	noChange, any = math.MaxInt64, math.MaxInt64
	for set := range 1 << len(coins) {
		var sum, waste, weight int64
		for i, c := range coins {
			if set>>i&1 == 1 {
				f := (int64(r.Rate)*c.Weight + 3999) / 4000
				if c.Value <= f {
					sum = math.MinInt32
				}
				sum += c.Value - f
				waste += f - (int64(r.LongTerm)*c.Weight+3999)/4000
				weight += c.Weight
			}
		}
		left := sum - r.Target - (int64(r.Rate)*(r.Base+3)+3999)/4000
		if left < 0 || weight+r.Base > r.MaxWeight {
			continue
		}
		make := (int64(r.Rate)*r.ChangeWeight + 3999) / 4000
		cost := make + (int64(r.LongTerm)*r.ChangeSpend+3999)/4000
		if left > max(cost, r.MinChange+make-1) {
			any = min(any, waste+cost)
		} else {
			any, noChange = min(any, waste+left), min(noChange, waste+left)
		}
	}
	return noChange, any
}

// TestAgainstBruteForce holds every choice on small sets against all subsets: a sum
// without change is found if and only if there is one, and is the best; the whole choice
// is never worse than the stated factor.
func TestAgainstBruteForce(t *testing.T) {
	const seed = 7
	rng := rand.New(rand.NewPCG(seed, 1))
	exact, n, within := 0, 0, 0
	var ours, best float64
	for range 3000 {
		coins := make([]Coin, 1+rng.IntN(11))
		for i := range coins {
			coins[i] = Coin{Value: 1 + rng.Int64N(20_000), Weight: []int64{272, 230, 593}[rng.IntN(3)]}
		}
		r := request(1+rng.Int64N(40_000), fee.Rate(1000+rng.IntN(20_000)))
		noChange, any := brute(coins, r)
		got, err := Select(coins, r, nil, rng)
		if (err == nil) != (any < math.MaxInt64) {
			t.Fatalf("seed %d: %v %+v: %v, best waste %d", seed, coins, r, err, any)
		}
		if err != nil {
			continue
		}
		checkResult(t, coins, r, got)
		if got.Waste < any {
			t.Fatalf("seed %d: waste %d, brute force %d", seed, got.Waste, any)
		}
		picked, ok := newSearch(coins, r, ranked(coins, r)).branchAndBound()
		if ok != (noChange < math.MaxInt64) {
			t.Fatalf("seed %d: branch and bound %v, brute force %d", seed, ok, noChange)
		}
		if ok {
			exact++
			if res, _ := newSearch(coins, r, ranked(coins, r)).result("", picked); res.Waste != noChange {
				t.Fatalf("seed %d: %v %+v: branch and bound wastes %d, brute force %d", seed, coins, r, res.Waste, noChange)
			}
		}
		if n++; got.Waste == any {
			within++
		}
		// Waste may be negative: fees as a whole are compared.
		all := int64(r.Rate) * 10
		ours, best = ours+float64(got.Waste+all), best+float64(any+all)
	}
	if exact < 200 || n < 1500 {
		t.Errorf("%d sums without change, %d choices: too few to tell", exact, n)
	}
	t.Logf("%d choices, %d of them the best there is; %d without change, all exact; fee and waste %.4f times the best",
		n, within, exact, ours/best)
	if ours/best > 1.01 {
		t.Errorf("%.4f times the best, want at most 1.01", ours/best)
	}
}

func checkResult(t *testing.T, coins []Coin, r Request, got Result) {
	t.Helper()
	var sum, weight int64
	for _, i := range got.Coins {
		sum, weight = sum+coins[i].Value, weight+coins[i].Weight
	}
	weight += r.Base
	if got.Change {
		weight += r.ChangeWeight
	}
	if sum != got.Sum || !slices.IsSorted(got.Coins) || len(slices.Compact(slices.Clone(got.Coins))) != len(got.Coins) {
		t.Fatalf("%+v: sum %d", got, sum)
	}
	due := r.Rate.Of(weight)
	if r.SubtractFee {
		due = 0
	}
	least := int64(0)
	if got.Change {
		least = r.MinChange
	}
	if sum < r.Target+due+least || weight > r.MaxWeight {
		t.Fatalf("%+v: sum %d for target %d, fee %d, change %d; weight %d", got, sum, r.Target, due, least, weight)
	}
	for i, c := range coins {
		if c.Must && !slices.Contains(got.Coins, i) {
			t.Fatalf("coin %d must be spent: %+v", i, got)
		}
	}
}

// TestApart checks that coins that must stay apart never meet, whatever the rules.
func TestApart(t *testing.T) {
	const seed = 11
	rng := rand.New(rand.NewPCG(seed, 1))
	done := 0
	for range 2000 {
		coins := make([]Coin, 1+rng.IntN(30))
		for i := range coins {
			coins[i] = Coin{Value: 1 + rng.Int64N(20_000), Weight: 272, Class: rng.IntN(5), Must: rng.IntN(20) == 0}
		}
		var rule [5][5]bool
		for range rng.IntN(6) {
			a, b := rng.IntN(5), rng.IntN(5)
			rule[a][b], rule[b][a] = a != b, a != b
		}
		apart := func(a, b int) bool { return rule[a][b] }
		r := request(1+rng.Int64N(60_000), 2000)
		r.SubtractFee = rng.IntN(4) == 0
		got, err := Select(coins, r, apart, rng)
		if err != nil {
			var s *Shortage
			if !errors.As(err, &s) {
				t.Fatal(err)
			}
			continue
		}
		done++
		checkResult(t, coins, r, got)
		for _, i := range got.Coins {
			for _, j := range got.Coins {
				if apart(coins[i].Class, coins[j].Class) {
					t.Fatalf("seed %d: classes %d and %d meet", seed, coins[i].Class, coins[j].Class)
				}
			}
		}
	}
	if done < 300 {
		t.Errorf("%d choices, too few to tell", done)
	}
}

// TestSorted holds the order of coins, and the search in it, against the plain ways.
func TestSorted(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 1))
	for _, n := range []int{0, 1, 2, 300, digits/4 - 1, digits / 4, 5000} {
		for _, most := range []int64{1, 50, 1 << 12, 1<<24 - 1, math.MaxInt64} {
			list := make([]effective, n)
			for i := range list {
				list[i] = effective{index: i, value: 1 + rng.Int64N(most), weight: rng.Int64N(9), waste: rng.Int64N(9)}
			}
			want := slices.Clone(list)
			slices.SortStableFunc(want, func(a, b effective) int { return cmp.Compare(b.value, a.value) })
			got := sorted(list)
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d: %d values up to %d are out of order", seed, n, most)
			}
			s := &search{free: got}
			for range 50 {
				from, limit := rng.IntN(n+1), rng.Int64N(most)
				first := from
				for first < n && got[first].value > limit {
					first++
				}
				if at, looks := s.fitting(from, limit); at != first || looks > 40 {
					t.Fatalf("seed %d: first of %d from %d up to %d: %d after %d looks, want %d", seed, n, from, limit, at, looks, first)
				}
			}
		}
	}
}

func TestShortages(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	two := []Coin{{Value: 10_000, Weight: 272, Class: 1}, {Value: 10_000, Weight: 272, Class: 2}}
	r := request(15_000, 1000)
	if _, err := Select(two, r, func(a, b int) bool { return a != b }, rng); err == nil || !err.(*Shortage).Apart {
		t.Errorf("apart: %v", err)
	}
	if got, err := Select(two, r, nil, rng); err != nil || len(got.Coins) != 2 {
		t.Errorf("together: %+v %v", got, err)
	}
	if _, err := Select(two, request(30_000, 1000), nil, rng); err == nil || *err.(*Shortage) != (Shortage{Need: 30_000 + 81 + 136, Have: 20_000}) {
		t.Errorf("too few: %v", err)
	}
	r.MaxWeight = r.Base + 300
	if _, err := Select(two, r, nil, rng); err == nil || !err.(*Shortage).Heavy {
		t.Errorf("too heavy: %v", err)
	}
	// What is left over never goes to the fee for want of room for change.
	r = request(1000, 1000)
	r.MaxWeight = r.Base + 272
	if got, err := Select(two[:1], r, nil, rng); err == nil {
		t.Errorf("no room for change: %+v", got)
	}
}

func BenchmarkSelect(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(3, 3))
			coins := make([]Coin, n)
			for i := range coins {
				coins[i] = Coin{Value: 1000 + rng.Int64N(10_000_000), Weight: 272}
			}
			r := request(3_000_000_000, 3000)
			for b.Loop() {
				if _, err := Select(coins, r, nil, rng); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package template

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// plainChoice is the rule of Choose read literally: again and again look at every candidate's package.
func plainChoice(candidates []Candidate, room Room) (chosen []int) {
	taken := make([]bool, len(candidates))
	failed := map[int]sums{}
	for {
		best, bestSums := -1, sums{}
		var bestPack []int
		for i := range candidates {
			if taken[i] {
				continue
			}
			var pack []int
			var s sums
			var collect func(int)
			collect = func(at int) {
				if taken[at] || slices.Contains(pack, at) {
					return
				}
				for _, parent := range candidates[at].Depends {
					collect(parent)
				}
				pack = append(pack, at)
				s.fee += candidates[at].Fee
				s.weight += candidates[at].Weight
				s.sigOps += candidates[at].SigOps
			}
			collect(i)
			if failed[i] == s {
				continue
			}
			// Fee rates of small numbers are exact in floating point's cross product.
			if best < 0 || float64(s.fee)*float64(bestSums.weight) > float64(bestSums.fee)*float64(s.weight) {
				best, bestSums, bestPack = i, s, pack
			}
		}
		if best < 0 {
			return chosen
		}
		if bestSums.weight > room.Weight || bestSums.sigOps > room.SigOps {
			failed[best] = bestSums
			continue
		}
		room.Weight -= bestSums.weight
		room.SigOps -= bestSums.sigOps
		for _, at := range bestPack {
			taken[at] = true
		}
		chosen = append(chosen, bestPack...)
	}
}

// randomPool makes candidates of which some depend on up to three others, in no order.
func randomPool(r *rand.Rand, n int) []Candidate {
	place := r.Perm(n)
	pool := make([]Candidate, n)
	for i := range n {
		c := Candidate{Fee: r.Int64N(5000), Weight: 400 + r.Int64N(4000), SigOps: r.Int64N(20)}
		if i > 0 && r.IntN(2) == 0 {
			for range 1 + r.IntN(3) {
				// Mostly near ones, so that there are chains.
				c.Depends = append(c.Depends, place[max(0, i-1-r.IntN(8))])
			}
		}
		pool[place[i]] = c
	}
	return pool
}

func TestChoose(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 5))
		pool := randomPool(r, 1+r.IntN(40))
		room := Room{Weight: r.Int64N(100_000), SigOps: r.Int64N(400)}
		got, err := Choose(pool, room)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		want := plainChoice(pool, room)
		a, b := slices.Clone(got), slices.Clone(want)
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(a, b) {
			t.Fatalf("seed %d: chose %d, want %d", seed, a, b)
		}
		checkOrder(t, pool, got, room)
	}
}

// checkOrder sees to it that a choice is whole, in order and within its room.
func checkOrder(t *testing.T, pool []Candidate, chosen []int, room Room) {
	t.Helper()
	seen := map[int]bool{}
	for _, i := range chosen {
		if seen[i] {
			t.Fatalf("candidate %d is chosen twice", i)
		}
		for _, parent := range pool[i].Depends {
			if !seen[parent] {
				t.Fatalf("candidate %d stands before candidate %d, which it depends on", i, parent)
			}
		}
		seen[i] = true
		room.Weight -= pool[i].Weight
		room.SigOps -= pool[i].SigOps
	}
	if room.Weight < 0 || room.SigOps < 0 {
		t.Fatalf("room is overdrawn: %+v", room)
	}
}

func TestChoosePackages(t *testing.T) {
	for _, c := range []struct {
		name string
		pool []Candidate
		room Room
		want []int
	}{
		{"nothing", nil, Room{1000, 10}, nil},
		{"a child pays for its parent", []Candidate{
			{Fee: 10, Weight: 100}, {Fee: 0, Weight: 100}, {Fee: 100, Weight: 100, Depends: []int{1}}}, Room{200, 0}, []int{1, 2}},
		{"a parent alone is better than with its child", []Candidate{
			{Fee: 100, Weight: 100}, {Fee: 1, Weight: 900, Depends: []int{0}}, {Fee: 50, Weight: 100}}, Room{200, 0}, []int{0, 2}},
		{"a package that does not fit is left out whole", []Candidate{
			{Fee: 0, Weight: 150}, {Fee: 1000, Weight: 100, Depends: []int{0}}, {Fee: 1, Weight: 200}}, Room{200, 0}, []int{2}},
		{"a diamond is counted once", []Candidate{
			{Fee: 10, Weight: 100, Depends: []int{1, 2}}, {Fee: 10, Weight: 100, Depends: []int{3}},
			{Fee: 10, Weight: 100, Depends: []int{3}}, {Fee: 10, Weight: 100}}, Room{400, 0}, []int{3, 1, 2, 0}},
		{"the same parent named twice", []Candidate{
			{Fee: 10, Weight: 100, Depends: []int{1, 1}}, {Fee: 1, Weight: 100}}, Room{200, 0}, []int{1, 0}},
		{"signature operations", []Candidate{{Fee: 10, Weight: 1, SigOps: 11}, {Fee: 1, Weight: 1, SigOps: 10}}, Room{100, 10}, []int{1}},
		{"a grandchild reached only through a taken child", []Candidate{
			{Fee: 90, Weight: 100}, {Fee: 110, Weight: 100, Depends: []int{0}}, {Fee: 40, Weight: 100, Depends: []int{1}},
			{Fee: 30, Weight: 100}}, Room{300, 0}, []int{0, 1, 2}},
		{"fees beyond 32 bits", []Candidate{{Fee: 1 << 60, Weight: 3}, {Fee: 1<<60 + 1, Weight: 3}}, Room{3, 0}, []int{1}},
	} {
		got, err := Choose(c.pool, c.room)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %d, %v, want %d", c.name, got, err, c.want)
		}
	}
}

func TestChooseRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		pool []Candidate
		want string
	}{
		{"circle", []Candidate{{Weight: 1}, {Weight: 1, Depends: []int{2}}, {Weight: 1, Depends: []int{1}}},
			"candidate 1: depends on itself in a circle, or on one that does"},
		{"itself", []Candidate{{Weight: 1, Depends: []int{0}}}, "candidate 0: depends on itself in a circle, or on one that does"},
		{"beyond", []Candidate{{Weight: 1, Depends: []int{1}}}, "candidate 0: depends on candidate 1 of 1"},
		{"negative fee", []Candidate{{Weight: 1, Fee: -1}},
			"candidate 0: fee -1, weight 1, signature operations 0: want at least 0, 1 and 0"},
		{"no weight", []Candidate{{}}, "candidate 0: fee 0, weight 0, signature operations 0: want at least 0, 1 and 0"},
		{"sum", []Candidate{{Weight: 1, Fee: 1 << 62}, {Weight: 1, Fee: 1 << 62}},
			"candidate 1: fees, weights or signature operations sum beyond 2^63"},
	} {
		if _, err := Choose(c.pool, Room{100, 100}); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

// bulkPool is a full mempool: chains of up to 25, as pools allow them.
func bulkPool(n int) []Candidate {
	r := rand.New(rand.NewPCG(1, 1))
	pool := make([]Candidate, n)
	for i := range pool {
		pool[i] = Candidate{Fee: 200 + r.Int64N(20000), Weight: 400 + r.Int64N(4000), SigOps: 1 + r.Int64N(8)}
		if i%25 != 0 && r.IntN(2) == 0 {
			pool[i].Depends = []int{i - 1}
		}
	}
	return pool
}

func BenchmarkChoose(b *testing.B) {
	pool := bulkPool(10_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Choose(pool, Room{4_000_000, 80_000}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkChooseChain is the worst case: every candidate depends on the one before.
func BenchmarkChooseChain(b *testing.B) {
	pool := bulkPool(10_000)
	for i := range pool[1:] {
		pool[i+1].Depends = []int{i}
	}
	for b.Loop() {
		if _, err := Choose(pool, Room{4_000_000, 80_000}); err != nil {
			b.Fatal(err)
		}
	}
}

package selection

import (
	"container/heap"
	"math/rand/v2"
	"slices"
)

// search is one choice among the coins of one pool of classes.
type search struct {
	coins []Coin
	req   Request
	free  []effective // that may be chosen, largest first
	must  []int

	target int64 // effective value that the free coins must still bring, without change
	room   int64 // weight that is left for them
	cost   int64 // of a change output: making it now, spending it later
	make   int64 // of making it
	waste  int64 // of the coins that must be spent
}

func newSearch(coins []Coin, r Request, free []effective) *search {
	s := &search{coins: coins, req: r, free: free}
	s.make = feeOf(r.Rate, r.ChangeWeight) + r.ChangeFee
	s.cost = s.make + feeOf(r.LongTerm, r.ChangeSpend)
	s.target, s.room = r.Target, r.MaxWeight-r.Base
	if !r.SubtractFee {
		s.target = addTo(s.target, feeOf(r.Rate, r.Base+3)) // the whole is rounded up to virtual bytes
	}
	for i := range coins {
		if coins[i].Must {
			e := r.effect(i, coins[i].Value, r.fees(coins[i].Weight))
			s.must = append(s.must, i)
			s.target -= e.value
			s.room -= e.weight
			s.waste += e.waste
		}
	}
	return s
}

// fees are what coins of one weight cost.
type fees struct {
	weight int64
	own    int64 // now
	waste  int64 // of spending one now instead of later
}

func (r *Request) fees(weight int64) fees {
	own := feeOf(r.Rate, weight)
	return fees{weight, own, own - feeOf(r.LongTerm, weight)}
}

// effect says what a coin brings to a request.
func (r *Request) effect(index int, value int64, f fees) effective {
	e := effective{index: index, value: value, weight: f.weight, waste: f.waste}
	if !r.SubtractFee {
		e.value -= f.own
	}
	return e
}

// ranked returns the coins that may be chosen, those that bring most first. Coins that
// are worth no more than their own fee are left out.
func ranked(coins []Coin, r Request) []effective {
	free := make([]effective, 0, len(coins))
	f := r.fees(0)
	for i := range coins {
		c := &coins[i]
		if c.Must {
			continue
		}
		if c.Weight != f.weight { // nearly all coins have one of few weights
			f = r.fees(c.Weight)
		}
		if c.Value > f.own {
			free = append(free, r.effect(i, c.Value, f))
		}
	}
	return sorted(free)
}

// within returns those of a pool of classes, in the same order.
func within(free []effective, coins []Coin, pool map[int]bool) []effective {
	var out []effective
	for _, e := range free {
		if pool[coins[e.index].Class] {
			out = append(out, e)
		}
	}
	return out
}

// need is what all the coins would have to bring, their own fees included.
func (s *search) need() int64 {
	n := addTo(s.req.Target, feeOf(s.req.Rate, s.req.Base+3))
	if s.req.SubtractFee {
		n = s.req.Target
	}
	for i := range s.coins {
		if c := &s.coins[i]; !s.req.SubtractFee && (c.Must || c.Value > feeOf(s.req.Rate, c.Weight)) {
			n = addTo(n, feeOf(s.req.Rate, c.Weight))
		}
	}
	return n
}

// run tries every algorithm and returns the result of least waste.
func (s *search) run(rng *rand.Rand) (Result, *Shortage) {
	if s.room < 0 {
		return Result{}, &Shortage{Heavy: true}
	}
	if s.target <= 0 {
		if r, ok := s.result("given", nil); ok {
			return r, nil
		}
		return Result{}, &Shortage{Heavy: true}
	}
	var sum int64
	for i := range s.free {
		sum = addTo(sum, s.free[i].value)
	}
	if sum < s.target {
		return Result{}, &Shortage{}
	}
	var best Result
	found := false
	keep := func(name string, picked []int, ok bool) {
		if !ok {
			return
		}
		if r, ok := s.result(name, picked); ok && (!found || r.Waste < best.Waste) {
			best, found = r, true
		}
	}
	picked, ok := s.branchAndBound()
	keep("branch and bound", picked, ok)
	picked, ok = s.randomDraw(rng)
	keep("single random draw", picked, ok)
	picked, ok = s.largestFirst()
	keep("largest first", picked, ok)
	if !found {
		return Result{}, &Shortage{Heavy: true}
	}
	return best, nil
}

// result counts what a choice of free coins (indices into s.free) comes to. False if it
// leaves over what must not go to the fee and has no room for change.
func (s *search) result(name string, picked []int) (Result, bool) {
	r := Result{Algorithm: name, Coins: slices.Clone(s.must), Waste: s.waste}
	left := -s.target
	for _, i := range picked {
		r.Coins = append(r.Coins, s.free[i].index)
		left = addTo(left, s.free[i].value)
		r.Waste += s.free[i].waste
	}
	slices.Sort(r.Coins)
	for _, i := range r.Coins {
		r.Sum = addTo(r.Sum, s.coins[i].Value)
	}
	if left <= s.slack() {
		r.Waste += left
		return r, true
	}
	r.Change = true
	r.Waste += s.cost
	room := s.room - s.req.ChangeWeight
	for _, i := range picked {
		room -= s.free[i].weight
	}
	return r, room >= 0
}

// slack is the most that is left to the fee: more is worth a change output.
func (s *search) slack() int64 { return max(s.cost, s.req.MinChange+s.make-1) }

// maxTries bounds branch and bound; it looks at so many coins at most.
const maxTries = 100_000

// branchAndBound looks for the coins of least waste whose sum needs no change: at least
// the target, and not more than the cost of change above it. It is exact on sets that
// maxTries cover.
func (s *search) branchAndBound() (best []int, ok bool) {
	rest := make([]int64, len(s.free)+1) // sums of all coins from one on
	for i := len(s.free) - 1; i >= 0; i-- {
		rest[i] = addTo(rest[i+1], s.free[i].value)
	}
	high := addTo(s.target, s.slack())
	var path []int
	var sum, weight, waste, least int64
	next, dearer := 0, s.req.Rate >= s.req.LongTerm
	for tries := 0; tries < maxTries; tries++ {
		// Where spending now costs more than later, no further coin makes up for waste.
		dead := weight > s.room || addTo(sum, rest[next]) < s.target || ok && dearer && waste >= least
		if !dead && sum >= s.target {
			if w := waste + sum - s.target; !ok || w < least {
				best, least, ok = slices.Clone(path), w, true
			}
			dead = dearer // where spending now saves fees, one more coin may be better still
		}
		if !dead {
			at, looks := s.fitting(next, high-sum)
			tries += looks
			if dead = at == len(s.free); !dead {
				next = at + 1
				// Of equal coins in a row the first ones are taken: leaving one out and taking the
				// next gives nothing new.
				if c := &s.free[at]; at == 0 || len(path) > 0 && path[len(path)-1] == at-1 ||
					c.value != s.free[at-1].value || c.weight != s.free[at-1].weight {
					path = append(path, at)
					sum, weight, waste = sum+c.value, weight+c.weight, waste+c.waste
				}
				continue
			}
		}
		if len(path) == 0 {
			return best, ok
		}
		at := path[len(path)-1]
		c := &s.free[at]
		path = path[:len(path)-1]
		sum, weight, waste = sum-c.value, weight-c.weight, waste-c.waste
		next = at + 1
	}
	return best, ok
}

// fitting returns the first coin from one on that brings no more than most, the number of
// coins if none does, and how many it looked at besides.
func (s *search) fitting(from int, most int64) (at, looks int) {
	if from == len(s.free) || s.free[from].value <= most {
		return from, 0
	}
	low, step := from, 1 // the one at low brings too much
	for ; low+step < len(s.free) && s.free[low+step].value > most; looks++ {
		low, step = low+step, 2*step
	}
	high := min(low+step, len(s.free))
	for ; high-low > 1; looks++ {
		if middle := (low + high) / 2; s.free[middle].value > most {
			low = middle
		} else {
			high = middle
		}
	}
	return high, looks
}

// randomDraw takes coins in random order until they suffice with a change output. Where
// they get too heavy, the one that brings least makes room.
func (s *search) randomDraw(rng *rand.Rand) (picked []int, ok bool) {
	want := addTo(s.target, s.slack()+1)
	room := s.room - s.req.ChangeWeight
	order := make([]int, len(s.free)) // drawn up to n, the others behind
	for i := range order {
		order[i] = i
	}
	var drawn leastFirst
	var sum, weight int64
	for n := range order {
		other := n + rng.IntN(len(order)-n)
		order[n], order[other] = order[other], order[n]
		i := order[n]
		heap.Push(&drawn, i)
		sum, weight = addTo(sum, s.free[i].value), weight+s.free[i].weight
		for weight > room && len(drawn) > 0 {
			c := &s.free[heap.Pop(&drawn).(int)]
			sum, weight = sum-c.value, weight-c.weight
		}
		if sum >= want {
			return drawn, true
		}
	}
	return nil, false
}

// leastFirst is a heap of indices into search.free with the coin that brings least on
// top: as free is sorted, that is the largest index.
type leastFirst []int

func (h leastFirst) Len() int           { return len(h) }
func (h leastFirst) Less(i, j int) bool { return h[i] > h[j] }
func (h leastFirst) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *leastFirst) Push(x any)        { *h = append(*h, x.(int)) }
func (h *leastFirst) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// largestFirst takes the coins that bring most until they suffice.
func (s *search) largestFirst() (picked []int, ok bool) {
	var sum, weight int64
	for i := range s.free {
		if weight+s.free[i].weight > s.room {
			continue
		}
		picked = append(picked, i)
		sum, weight = addTo(sum, s.free[i].value), weight+s.free[i].weight
		if sum >= s.target {
			return picked, true
		}
	}
	return nil, false
}

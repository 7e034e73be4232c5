package template

import (
	"cmp"
	"container/heap"
	"fmt"
	"math/bits"
	"slices"

	"github.com/layeredpow/lamina/spv"
)

// Candidate is a transaction that may go into a block.
type Candidate struct {
	Tx      spv.Tx
	Fee     int64 // base units
	Weight  int64 // BIP141 weight units
	SigOps  int64 // signature operations as BIP141 counts them
	Depends []int // places among the candidates of those whose outputs it spends
}

// Room is how much a block, or what is left of it, can take.
type Room struct {
	Weight int64 // BIP141 weight units
	SigOps int64
}

func (r Room) holds(p *sums) bool { return p.weight <= r.Weight && p.sigOps <= r.SigOps }

func (r *Room) take(p *sums) {
	r.Weight -= p.weight
	r.SigOps -= p.sigOps
}

// sums are what some transactions pay and take together.
type sums struct{ fee, weight, sigOps int64 }

// before tells whether p pays a higher fee rate than q.
func (p *sums) before(q *sums) int {
	h1, l1 := bits.Mul64(uint64(p.fee), uint64(q.weight))
	h2, l2 := bits.Mul64(uint64(q.fee), uint64(p.weight))
	return cmp.Or(cmp.Compare(h2, h1), cmp.Compare(l2, l1))
}

// Choose picks candidates for a block and returns their places in an order in which each comes behind those that it
// depends on. It is greedy by package: of all candidates it takes the one that, with all that it depends on and that
// has not been taken, pays the highest fee rate, and takes that package as a whole or not at all. So a child pays for
// its parents, and nothing is taken without them. Equal rates go by place. The cost is the sum over all candidates of
// how many they depend on, directly or not; a pool that bounds chains of transactions bounds it.
//
// The error names the candidate that is malformed: a place that does not exist, a circle, a negative fee, no weight.
func Choose(candidates []Candidate, room Room) ([]int, error) {
	c, err := newChoice(candidates)
	if err != nil {
		return nil, err
	}
	var chosen []int
	for c.queue.Len() > 0 {
		top := heap.Pop(&c.queue).(offer)
		if c.taken[top.at] || top.sums != c.pack[top.at] || !room.holds(&top.sums) {
			continue // a package that shrinks is offered anew
		}
		room.take(&top.sums)
		chosen = append(chosen, c.take(top.at)...)
	}
	return chosen, nil
}

// choice is the state of one Choose.
type choice struct {
	candidates []Candidate
	children   [][]int
	rank       []int  // place in an order in which parents come first
	pack       []sums // of a candidate with all below it that have not been taken
	taken      []bool
	queue      offers
	seen       []int // last walk that met a candidate
	walks      int
}

func newChoice(candidates []Candidate) (*choice, error) {
	n := len(candidates)
	c := &choice{candidates: candidates, children: make([][]int, n), rank: make([]int, n), pack: make([]sums, n),
		taken: make([]bool, n), queue: make(offers, n), seen: make([]int, n)}
	var all sums
	for i := range candidates {
		t := &candidates[i]
		if t.Fee < 0 || t.Weight <= 0 || t.SigOps < 0 {
			return nil, fmt.Errorf("candidate %d: fee %d, weight %d, signature operations %d: want at least 0, 1 and 0",
				i, t.Fee, t.Weight, t.SigOps)
		}
		all.fee, all.weight, all.sigOps = all.fee+t.Fee, all.weight+t.Weight, all.sigOps+t.SigOps
		if all.fee < 0 || all.weight < 0 || all.sigOps < 0 {
			return nil, fmt.Errorf("candidate %d: fees, weights or signature operations sum beyond 2^63", i)
		}
		for _, parent := range t.Depends {
			if parent < 0 || parent >= n {
				return nil, fmt.Errorf("candidate %d: depends on candidate %d of %d", i, parent, n)
			}
			c.children[parent] = append(c.children[parent], i)
		}
	}
	if err := c.order(); err != nil {
		return nil, err
	}
	for i := range candidates {
		c.walk(i, c.parentsOf, func(at int) {
			t := &candidates[at]
			c.pack[i].fee += t.Fee
			c.pack[i].weight += t.Weight
			c.pack[i].sigOps += t.SigOps
		})
		c.queue[i] = offer{at: i, sums: c.pack[i]}
	}
	heap.Init(&c.queue)
	return c, nil
}

// order ranks the candidates (Kahn's algorithm).
func (c *choice) order() error {
	waiting := make([]int, len(c.candidates))
	var ready []int
	for i := range c.candidates {
		if waiting[i] = len(c.candidates[i].Depends); waiting[i] == 0 {
			ready = append(ready, i)
		}
	}
	for next := 0; next < len(ready); next++ {
		c.rank[ready[next]] = next
		for _, child := range c.children[ready[next]] {
			if waiting[child]--; waiting[child] == 0 {
				ready = append(ready, child)
			}
		}
	}
	if len(ready) < len(c.candidates) {
		i := slices.IndexFunc(waiting, func(n int) bool { return n > 0 })
		return fmt.Errorf("candidate %d: depends on itself in a circle, or on one that does", i)
	}
	return nil
}

func (c *choice) parentsOf(at int) []int { return c.candidates[at].Depends }

// walk visits a candidate and all that next leads to, each once, except those that have been taken.
func (c *choice) walk(from int, next func(int) []int, visit func(int)) {
	c.walks++
	todo := []int{from}
	c.seen[from] = c.walks
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		visit(at)
		for _, n := range next(at) {
			if c.seen[n] != c.walks && !c.taken[n] {
				c.seen[n] = c.walks
				todo = append(todo, n)
			}
		}
	}
}

// take marks a candidate's package as taken, offers what depends on it anew, and returns it, parents first.
func (c *choice) take(at int) (members []int) {
	c.walk(at, c.parentsOf, func(at int) { members = append(members, at) })
	slices.SortFunc(members, func(a, b int) int { return cmp.Compare(c.rank[a], c.rank[b]) })
	changed := map[int]bool{}
	for _, m := range members { // none is marked yet: what depends on one only through another is to be found, too
		t := &c.candidates[m]
		c.walk(m, func(at int) []int { return c.children[at] }, func(child int) {
			p := &c.pack[child]
			p.fee -= t.Fee
			p.weight -= t.Weight
			p.sigOps -= t.SigOps
			changed[child] = true
		})
	}
	for _, m := range members {
		c.taken[m] = true
		delete(changed, m)
	}
	for child := range changed {
		heap.Push(&c.queue, offer{at: child, sums: c.pack[child]})
	}
	return members
}

// offer is a candidate with its package as it was when it was put into the queue.
type offer struct {
	at   int
	sums sums
}

// offers is a heap of them, the best first.
type offers []offer

func (o offers) Len() int      { return len(o) }
func (o offers) Swap(i, j int) { o[i], o[j] = o[j], o[i] }
func (o offers) Less(i, j int) bool {
	return cmp.Or(o[i].sums.before(&o[j].sums), cmp.Compare(o[i].at, o[j].at)) < 0
}
func (o *offers) Push(x any) { *o = append(*o, x.(offer)) }
func (o *offers) Pop() any {
	last := (*o)[len(*o)-1]
	*o = (*o)[:len(*o)-1]
	return last
}

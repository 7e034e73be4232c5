package sample

import (
	"errors"
	"fmt"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/merkle"
)

// The names of the checks besides those of spv and spv/merkle.
const (
	CheckForm       = "sample-form"
	CheckChain      = "sample-chain"
	CheckCommitment = "layer-commitment"
	CheckLinked     = "headers-linked"
	CheckTail       = "sample-tail"
	CheckStart      = "sample-start"
	CheckDraws      = "sample-draws"
)

// Result is what a proof shows.
type Result struct {
	Tip      spv.Block   // the chain's newest block, opened
	Work     uint256.Int // the chain's, from genesis to tip, of which at least half was done after any point
	Security int         // a chain of which that is false passes with a probability of at most 2^-Security
	Tail     int         // newest blocks that were opened without gap, tip included
	Samples  int         // older blocks that were opened
	Octaves  int
	Open     int          // opened blocks whose parents build on L1 blocks that are not known
	Headers  []spv.Sealed // the tail and the tip
	Start    Start
}

// Start is where a verifier goes on from who takes the newest blocks one by one.
type Start struct {
	Headers []spv.Header // upwards, each on top of the one before it
	Height  int32        // of the first
	Work    uint256.Int  // the chain's, up to and including the first
	Last    spv.Block    // the last; it and the blocks below are known by the sample only
}

// Tree returns a tree that begins with the start's headers.
func (s *Start) Tree(rules *spv.Rules) (*spv.Tree, error) {
	return spv.NewTreeAt(rules, s.Headers, s.Height, s.Work)
}

// Verify judges an answer to a query. L1, which may be nil, judges the parents of opened blocks that build on L1 blocks it knows;
// now is the clock in seconds since 1970, 0 to leave it out. A refusal is a *spv.CheckError.
func Verify(raw []byte, chain *chains.Params, q Query, l1 spv.ParentView, now uint32) (*Result, error) {
	p, err := Parse(raw)
	if err != nil {
		return nil, refuse(CheckForm, "a sampled proof in the documented form", err.Error())
	}
	if !chain.Kind.Layered() || p.Chain != chain.NetID() {
		return nil, refuse(CheckChain, "a layer, genesis "+chain.NetID().String(), "genesis "+p.Chain.String())
	}
	if q.Security < 1 || q.Security > MaxSecurity {
		return nil, refuse(CheckDraws, fmt.Sprintf("1 to %d bits of security", MaxSecurity), fmt.Sprint(q.Security))
	}
	if q.Keep < 1 {
		return nil, refuse(CheckStart, "1 block or more to be kept", fmt.Sprint(q.Keep))
	}
	if p.Height < 2 || len(p.Tail) < 1 || int64(len(p.Tail)) >= int64(p.Height) {
		return nil, refuse(CheckTail, "1 or more blocks below a tip at 2 or above, genesis not among them", fmt.Sprintf("%d below %d", len(p.Tail), p.Height))
	}
	v := verifier{p: p, q: q, rules: &chain.Rules, l1: l1, now: now, first: p.Height - int32(len(p.Tail)), res: &Result{Security: q.Security}}
	for _, step := range []func() error{v.commitment, v.tail, v.places, v.start, v.samples, v.draws} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return v.res, nil
}

type verifier struct {
	p     *Proof
	q     Query
	rules *spv.Rules
	l1    spv.ParentView
	now   uint32
	first int32 // height of the tail's first
	res   *Result

	root  spv.Hash
	total uint256.Int // work of all blocks below the tip
	spans []span      // of the samples, upwards
	used  []bool
}

// span is the work of one block, from inclusive, to exclusive.
type span struct{ from, to uint256.Int }

func refuse(name, want, got string) error { return &spv.CheckError{Name: name, Want: want, Got: got} }

// at names the header that a check refused.
func at(height int32, err error) error {
	var c *spv.CheckError
	if errors.As(err, &c) {
		return refuse(c.Name, c.Want, fmt.Sprintf("header %d: %s", height, c.Got))
	}
	return err
}

// commitment takes the range's root from the tip's coinbase.
func (v *verifier) commitment() error {
	in := merkle.Inclusion{Branch: v.p.Branch, Coinbase: v.p.Coinbase, CoinbaseBranch: v.p.Branch}
	if err := in.VerifyCoinbase(v.p.Coinbase, v.p.Tip.Header.MerkleRoot()); err != nil {
		return err
	}
	tx, n, err := spv.ParseTx(v.p.Coinbase)
	if err != nil || n != len(v.p.Coinbase) {
		return refuse(CheckCommitment, "a coinbase", fmt.Sprint(err))
	}
	c, err := spv.CoinbaseCommitment(&tx)
	if err != nil {
		return refuse(CheckCommitment, "one commitment in the tip's coinbase", err.Error())
	}
	v.root = c.MMRRoot
	return nil
}

// points is the Ancestry of a few headers.
type points struct {
	first   int32
	headers []spv.Header
}

func (p *points) At(height int32) (spv.Point, bool) {
	if i := height - p.first; i >= 0 && int(i) < len(p.headers) {
		return spv.Point{Time: p.headers[i].Time(), Bits: p.headers[i].Bits()}, true
	}
	return spv.Point{}, false
}

// start places the headers that the verifier goes on from.
func (v *verifier) start() error {
	at := startOf(v.rules, v.p.Height, v.q.Keep)
	list := v.p.Start
	if int32(len(list)) != at.last-at.first+1 {
		return refuse(CheckStart, fmt.Sprintf("headers %d to %d", at.first, at.last), fmt.Sprintf("%d of them", len(list)))
	}
	var above uint256.Int // work of all but the first
	for i := 1; i < len(list); i++ {
		if prev := list[i-1].ID(); list[i].Prev() != prev {
			return refuse(CheckLinked, fmt.Sprintf("header %d on top of %s", at.first+int32(i), prev), list[i].Prev().String())
		}
		leaf := leafOf(&list[i])
		if _, overflow := above.AddOverflow(&above, &leaf.Work); overflow {
			return refuse(CheckStart, "work below 2^256", "more")
		}
	}
	last := &list[len(list)-1]
	where, err := v.place(v.p.StartPath, last, at.last)
	if err != nil {
		return err
	}
	if above.Gt(&where.to) {
		return refuse(CheckStart, "work of at most "+where.to.Dec()+", as the range has", above.Dec())
	}
	s := Start{Headers: list, Height: at.first, Last: spv.Block{Height: at.last, Hash: last.ID()}}
	s.Work.Sub(&where.to, &above)
	v.res.Start = s
	return nil
}

// opened judges one block that is shown in full.
func (v *verifier) opened(below *points, height int32, s *spv.Sealed) error {
	var rep spv.Report
	if err := v.rules.CheckContext(below, height, &s.Header, v.now, &rep); err != nil {
		return at(height, err)
	}
	for _, c := range rep.Checks {
		// Without the difficulty a block's work means nothing; the median time needs more headers than are shown.
		if c.Outcome == spv.Failed || (c.Outcome == spv.NotChecked && c.Name == spv.CheckDifficulty) {
			return refuse(c.Name, c.Want, fmt.Sprintf("header %d: %s", height, c.Got))
		}
	}
	if err := v.rules.CheckWork(s, height, nil); err != nil {
		return at(height, err)
	}
	if v.l1 == nil {
		v.res.Open++
		return nil
	}
	err := spv.CheckParent(s, v.l1, nil)
	if errors.Is(err, spv.ErrPending) {
		v.res.Open++
		return nil
	}
	return at(height, err)
}

func (v *verifier) tail() error {
	v.res.Headers = append(append(v.res.Headers, v.p.Tail...), v.p.Tip)
	below := points{first: v.first - 1, headers: []spv.Header{v.p.Below}}
	prev := v.p.Below.ID()
	for i := range v.res.Headers {
		s, height := &v.res.Headers[i], v.first+int32(i)
		if s.Header.Prev() != prev {
			return refuse(CheckLinked, fmt.Sprintf("header %d on top of %s", height, prev), s.Header.Prev().String())
		}
		if err := v.opened(&below, height, s); err != nil {
			return err
		}
		below.headers = append(below.headers, s.Header)
		prev = s.Header.ID()
	}
	v.res.Tip, v.res.Tail = spv.Block{Height: v.p.Height, Hash: prev}, len(v.res.Headers)
	return nil
}

// place verifies where a header stands in the range.
func (v *verifier) place(path merkle.Proof, h *spv.Header, height int32) (span, error) {
	leaf := leafOf(h)
	where, err := path.Verify(v.root, uint64(v.p.Height), leaf, uint64(height))
	if err != nil {
		return span{}, at(height, err)
	}
	v.total = where.Total
	s := span{from: where.Before}
	s.to.Add(&where.Before, &leaf.Work)
	return s, nil
}

// places ties genesis and both ends of the tail to the range, and with them the work in between.
func (v *verifier) places() error {
	if _, err := v.place(v.p.GenesisPath, &v.rules.Genesis, 0); err != nil {
		return err
	}
	below, err := v.place(v.p.BelowPath, &v.p.Below, v.first-1)
	if err != nil {
		return err
	}
	if _, err := v.place(v.p.LastPath, &v.p.Tail[len(v.p.Tail)-1].Header, v.p.Height-1); err != nil {
		return err
	}
	var tail, sum uint256.Int
	tail.Sub(&v.total, &below.to)
	for i := range v.p.Tail {
		work := leafOf(&v.p.Tail[i].Header).Work
		sum.Add(&sum, &work)
	}
	if sum != tail {
		return refuse(CheckTail, "work "+tail.Dec()+", as the range has", sum.Dec())
	}
	tip := leafOf(&v.p.Tip.Header).Work
	v.res.Work.Add(&v.total, &tip)
	if v.first == 1 {
		return nil // the tail is all there is
	}
	if v.res.Octaves = octavesFor(&v.total, &tail); v.res.Octaves > MaxOctaves {
		return refuse(CheckTail, fmt.Sprintf("at least 2^-%d of the work", MaxOctaves), tail.Dec())
	}
	return nil
}

func (v *verifier) samples() error {
	last := int32(0)
	for i := range v.p.Samples {
		s := &v.p.Samples[i]
		if s.Height <= last || s.Height >= v.first {
			return refuse(CheckDraws, "samples upwards, between genesis and the tail", fmt.Sprintf("%d behind %d", s.Height, last))
		}
		last = s.Height
		if id := s.Before.ID(); s.Block.Header.Prev() != id {
			return refuse(CheckLinked, fmt.Sprintf("header %d on top of %s", s.Height, id), s.Block.Header.Prev().String())
		}
		if _, err := v.place(s.BeforePath, &s.Before, s.Height-1); err != nil {
			return err
		}
		where, err := v.place(s.Path, &s.Block.Header, s.Height)
		if err != nil {
			return err
		}
		if err := v.opened(&points{first: s.Height - 1, headers: []spv.Header{s.Before}}, s.Height, &s.Block); err != nil {
			return err
		}
		v.spans = append(v.spans, where)
	}
	v.used = make([]bool, len(v.spans))
	v.res.Samples = len(v.spans)
	return nil
}

// draws demands the block of every draw, and no other.
func (v *verifier) draws() error {
	seed := v.q.seed(v.res.Tip.Hash)
	genesis := leafOf(&v.rules.Genesis).Work
	var tail uint256.Int
	for i := range v.p.Tail {
		work := leafOf(&v.p.Tail[i].Header).Work
		tail.Add(&tail, &work)
	}
	var start uint256.Int // of the tail
	start.Sub(&v.total, &tail)
	for i := range Draws(v.q.Security, v.res.Octaves) {
		point := draw(seed, i, v.res.Octaves, &v.total)
		if point.Lt(&genesis) || !point.Lt(&start) {
			continue // shown anyway
		}
		if !v.has(&point) {
			return refuse(CheckDraws, fmt.Sprintf("the block at work %s of %s, which was drawn", point.Dec(), v.total.Dec()), "no such sample")
		}
	}
	for i, used := range v.used {
		if !used {
			return refuse(CheckDraws, "blocks that were drawn", fmt.Sprintf("block %d, which was not", v.p.Samples[i].Height))
		}
	}
	return nil
}

func (v *verifier) has(point *uint256.Int) bool {
	low, high := 0, len(v.spans)
	for low < high {
		if mid := (low + high) / 2; v.spans[mid].from.Gt(point) {
			high = mid
		} else {
			low = mid + 1
		}
	}
	if low == 0 || !point.Lt(&v.spans[low-1].to) {
		return false
	}
	v.used[low-1] = true
	return true
}

package proof

import (
	"errors"
	"fmt"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/spv"
)

// run is a piece of a chain: headers that follow each other. It is the Ancestry of the headers above it and, for an L1, the ParentView
// of a layer. All its blocks count as being on the best chain: nothing else is known.
type run struct {
	rules   *spv.Rules
	first   int32
	headers []spv.Header
	ids     []spv.Hash
	index   map[spv.Hash]int32
}

// newRun links the headers; the error is a *spv.CheckError.
func newRun(rules *spv.Rules, first int32, headers []spv.Header) (*run, error) {
	r := &run{rules: rules, first: first, headers: headers, index: make(map[spv.Hash]int32, len(headers))}
	if int64(first)+int64(len(headers)) > 1<<31-1 {
		return nil, refuse(CheckLinked, "heights below 2^31", fmt.Sprintf("%d headers from %d", len(headers), first))
	}
	for i := range headers {
		if i > 0 && headers[i].Prev() != r.ids[i-1] {
			return nil, refuse(CheckLinked, fmt.Sprintf("header %d on top of %s", first+int32(i), r.ids[i-1]), headers[i].Prev().String())
		}
		id := headers[i].ID()
		r.ids = append(r.ids, id)
		r.index[id] = first + int32(i)
	}
	return r, nil
}

func (r *run) end() int32 { return r.first + int32(len(r.headers)) }

func (r *run) block(height int32) (spv.Block, bool) {
	if height < r.first || height >= r.end() {
		return spv.Block{}, false
	}
	return spv.Block{Height: height, Hash: r.ids[height-r.first]}, true
}

// At is the Ancestry.
func (r *run) At(height int32) (spv.Point, bool) {
	if height < r.first || height >= r.end() {
		return spv.Point{}, false
	}
	h := &r.headers[height-r.first]
	return spv.Point{Time: h.Time(), Bits: h.Bits()}, true
}

// Lookup, Ancestor, After and OnBest are the ParentView.
func (r *run) Lookup(id spv.Hash) (spv.Block, bool) {
	height, ok := r.index[id]
	return spv.Block{Height: height, Hash: id}, ok
}

func (r *run) Ancestor(id spv.Hash, height int32) (spv.Block, bool) {
	if top, ok := r.index[id]; !ok || height > top {
		return spv.Block{}, false
	}
	return r.block(height)
}

func (r *run) After(id spv.Hash, time uint32) (bits, median uint32, ok bool) {
	height, ok := r.index[id]
	if !ok {
		return 0, 0, false
	}
	if bits, ok = r.rules.RequiredBits(r, height+1, time); !ok {
		return 0, 0, false
	}
	median, ok = spv.MedianTime(r, height)
	return bits, median, ok
}

func (r *run) OnBest(b spv.Block) bool {
	at, ok := r.block(b.Height)
	return ok && at == b
}

// checkContext judges the headers from a height upwards by those below them and returns the heights at which the difficulty
// could not be told.
func (r *run) checkContext(from int32, now uint32) (untold []int32, err error) {
	for height := max(from, 1); height < r.end(); height++ {
		var rep spv.Report
		if err := r.rules.CheckContext(r, height, &r.headers[height-r.first], now, &rep); err != nil {
			return untold, err
		}
		if err := rep.Err(); err != nil {
			return untold, at(height, err)
		}
		for _, c := range rep.Checks {
			if c.Name == spv.CheckDifficulty && c.Outcome == spv.NotChecked {
				untold = append(untold, height)
			}
		}
	}
	return untold, nil
}

// work is the sum of what the headers from a height upwards promise.
func (r *run) work(from int32) (sum uint256.Int) {
	for i := max(from-r.first, 0); int(i) < len(r.headers); i++ {
		if target, ok := spv.ParseTarget(r.headers[i].Bits()); ok {
			work := spv.WorkOf(&target)
			sum.Add(&sum, &work)
		}
	}
	return sum
}

// at names the header that a check refused.
func at(height int32, err error) error {
	var c *spv.CheckError
	if errors.As(err, &c) {
		return refuse(c.Name, c.Want, fmt.Sprintf("header %d: %s", height, c.Got))
	}
	return err
}

func refuse(name, want, got string) error { return &spv.CheckError{Name: name, Want: want, Got: got} }

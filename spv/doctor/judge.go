package doctor

import (
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/said"
)

// pseudoHeight stands in for heights that are not known, so that the rules which look at
// the headers just below can be applied. It is far above genesis, near which they differ.
const pseudoHeight = 1 << 20

// Why some checks are not made.
var (
	needsHeight = said.Of("the height is not known")
	noEras      = said.Of("the chain's difficulty rules are not known")
	noL1        = said.Of("L1 headers are not part of the input")
)

// judge applies a chain's rules to headers, leaving out those that need what is not
// known.
type judge struct {
	real    *spv.Rules // as given
	rules   *spv.Rules // without the rules that cannot be applied
	located bool       // heights are known
	now     uint32
}

func newJudge(o *Options, located bool) *judge {
	located = located && len(o.Rules.Eras) > 0
	j := &judge{real: o.Rules, rules: o.Rules, located: located, now: o.Now}
	if !located {
		j.rules = timeless(o.Rules)
	}
	return j
}

// timeless returns the rules without what depends on the height. What then passes
// trivially, strike marks as not checked.
func timeless(r *spv.Rules) *spv.Rules {
	free := *r
	free.Eras = []spv.Era{{Retarget: spv.Fixed, Spacing: 1}}
	free.VersionFloors, free.Checkpoints = nil, nil
	return &free
}

// header applies every rule to one header and adds the checks to rep. Work is the work
// hash of the header, or of its parent, if it is at hand. Height is real or, if heights
// are not known, pseudoHeight. Below gives the headers below.
func (j *judge) header(s *spv.Sealed, work *spv.Hash, height int32, below spv.Ancestry, rep *spv.Report) error {
	if j.located && height == 0 {
		id, want := s.Header.ID(), j.real.Genesis.ID()
		return rep.CheckSaid(CheckGenesis, id == want, func() (said.Sentence, said.Sentence) { return said.Just(want), said.Just(id) })
	}
	start := len(rep.Checks)
	known := height
	if !j.located {
		known = UnknownHeight
	}
	if err := j.work(s, work, known, rep); err != nil {
		return err
	}
	if err := j.rules.CheckContext(below, height, &s.Header, j.now, rep); err != nil {
		return err
	}
	if !j.located {
		j.strike(start, rep)
	}
	return nil
}

// work applies the rules of work and proof; work is the work hash, if it is at hand.
func (j *judge) work(s *spv.Sealed, work *spv.Hash, height int32, rep *spv.Report) error {
	if work == nil {
		return j.rules.CheckWork(s, height, rep)
	}
	return j.rules.CheckWorkHash(s, height, *work, rep)
}

// strike marks as not checked what timeless rules cannot tell, from the check at start on.
func (j *judge) strike(start int, rep *spv.Report) {
	for i := start; i < len(rep.Checks); i++ {
		if c := &rep.Checks[i]; c.Name == spv.CheckDifficulty {
			*c = spv.CheckOf(c.Name, spv.NotChecked, demand(c.Name), j.blindness())
		}
	}
	if len(j.real.VersionFloors) > 0 {
		rep.SkipSaid(spv.CheckVersion, demand(spv.CheckVersion), j.blindness())
	}
}

func (j *judge) blindness() said.Sentence {
	if len(j.real.Eras) == 0 {
		return noEras
	}
	return needsHeight
}

// window is the Ancestry of a run of headers.
type window struct {
	base   int32
	points []spv.Point
}

// At returns the header at a height, false outside the window.
func (w *window) At(height int32) (spv.Point, bool) {
	i := int64(height) - int64(w.base)
	if i < 0 || i >= int64(len(w.points)) {
		return spv.Point{}, false
	}
	return w.points[i], true
}

func (w *window) add(h *spv.Header) {
	w.points = append(w.points, spv.Point{Time: h.Time(), Bits: h.Bits()})
}

// newWindow returns what is known below a run that begins at a height: genesis, where it
// is next.
func (j *judge) newWindow(height int32) *window {
	if height == 1 {
		w := &window{}
		w.add(&j.real.Genesis)
		return w
	}
	return &window{base: height}
}

// height returns the height that the rules are to be asked with.
func (j *judge) height(real int32) int32 {
	if j.located {
		return real
	}
	return pseudoHeight
}

// place finds out the height of a header: the one given, or that of a known block. Both
// known, they must agree.
func place(o *Options, h *spv.Header, rep *spv.Report) (height int32, located bool) {
	known, ok := locate(o.Rules, h.ID(), h.Prev())
	if o.Height < 0 {
		return max(known, 0), ok
	}
	if ok {
		rep.CheckSaid(CheckHeight, known == o.Height, func() (said.Sentence, said.Sentence) {
			return said.Of("height %d, where this block is known to be", known), said.Of("height %d", o.Height)
		})
	}
	return o.Height, true
}

// judgeOne applies the rules to a header that stands alone.
func judgeOne(o *Options, s *spv.Sealed, r *Report) {
	height, located := place(o, &s.Header, &r.checks)
	r.Subject = Subject{Hash: s.Header.ID()}
	if located {
		r.Subject.Height = &height
	}
	j := newJudge(o, located)
	at := j.height(height)
	j.header(s, nil, at, j.newWindow(at), &r.checks)
	if isLayer(o.Rules) && s.Aux != nil {
		r.checks.SkipSaid(spv.CheckParentKnown, demand(spv.CheckParentKnown), noL1)
	}
	r.describe(&s.Header)
	if s.Aux != nil {
		r.describeProof(s.Aux)
	}
}

// describe adds what a reader wants to see of a header.
func (r *Report) describe(h *spv.Header) {
	r.fact(said.Of("version"), said.Just("0x"+hex8(uint32(h.Version()))))
	r.fact(said.Of("previous"), said.Just(h.Prev()))
	r.fact(said.Of("time"), said.Just(clock(h.Time())))
	r.fact(said.Of("bits"), said.Just(hex8(h.Bits())))
}

func (r *Report) describeProof(p *spv.AuxPoW) {
	r.fact(said.Of("parent"), said.Just(p.Parent.ID()))
	r.fact(said.Of("parent time"), said.Just(clock(p.Parent.Time())))
	r.fact(said.Of("parent coinbase"), said.Just(p.Coinbase.ID()))
	if n := len(p.ChainBranch); n < 32 {
		r.fact(said.Of("slot"), said.Of("%d of %d", uint32(p.Slot), uint64(1)<<n))
	}
}

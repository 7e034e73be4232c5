package doctor

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/pow"
	"github.com/layeredpow/lamina/spv/said"
)

// Run counts what became of the headers of a run.
type Run struct {
	Headers int      `json:"headers"`           // in the input
	Proofs  int      `json:"proofs"`            // of those judged, how many carry a merged-mining proof
	Judged  int      `json:"judged"`            // up to the first refuted one, which is included
	First   Subject  `json:"first"`             // first header of the run
	Last    Subject  `json:"last"`              // last header that passed
	Refuted *Subject `json:"refuted,omitempty"` // the header at which the run was given up
	Work    string   `json:"work"`              // expected hashes behind those that passed, decimal
	Tallies []Tally  `json:"tallies"`
}

// Tally counts the outcomes of one check.
type Tally struct {
	Name       string `json:"check"`
	Passed     int    `json:"passed"`
	Failed     int    `json:"failed"`
	NotChecked int    `json:"not_checked"`
	Why        string `json:"why,omitempty"` // the first reason why it could not be made

	WhySaid said.Sentence `json:"-"`
}

// stretch is how many headers are hashed in bulk before they are judged.
const stretch = 512

// Headers verifies a run of headers, each of which builds on the one before it: headers
// of 80 bytes or with merged-mining proofs, one after another, one per line of hex, or in
// the payload of a `headers` message. What needs headers below the run is counted as not
// checked. It stops at the first refuted header. The error says that the input is no run
// of headers.
func Headers(o Options, input []byte) (*Report, error) {
	if _, err := o.prepare(input); err != nil {
		return nil, err
	}
	headers, err := parseRun(o.Rules, input)
	if err != nil {
		return nil, err
	}
	w := newWalk(&o, headers)
	bad := w.judgeAll()
	r := w.report()
	if bad >= 0 {
		r.diagnose(&o, &headers[bad])
	}
	return r, nil
}

// parseRun reads a run of headers in any of its forms.
func parseRun(r *spv.Rules, input []byte) ([]spv.Sealed, error) {
	if isText(input) {
		if headers := parseLines(r, input); headers != nil {
			return headers, nil
		}
	}
	raw, err := Decode(input)
	if err != nil {
		return nil, err
	}
	if m, err := msg.ParseHeaders(raw, r.AuxPoW != nil); err == nil {
		if len(m.Headers) == 0 {
			return nil, errors.New("headers: a message without headers")
		}
		return m.Headers, nil
	}
	return parseRow(r, raw)
}

// parseLines reads one header from each line, nil if any line holds anything else: hex
// may be wrapped at will.
func parseLines(r *spv.Rules, text []byte) []spv.Sealed {
	var headers []spv.Sealed
	for line := range bytes.Lines(text) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		raw, err := decodeHex(line)
		if err != nil {
			return nil
		}
		s, n, err := parseSealed(r, raw)
		if err != nil || n != len(raw) {
			return nil
		}
		headers = append(headers, s)
	}
	return headers
}

// parseRow reads headers that follow one another without anything in between.
func parseRow(r *spv.Rules, raw []byte) ([]spv.Sealed, error) {
	var headers []spv.Sealed
	for at := 0; at < len(raw); {
		s, n, err := parseSealed(r, raw[at:])
		if err != nil {
			return nil, fmt.Errorf("headers: header %d at offset %d: %w", len(headers), at, err)
		}
		headers = append(headers, s)
		at += n
	}
	return headers, nil
}

// walk judges a run header by header.
type walk struct {
	o       *Options
	judge   *judge
	headers []spv.Sealed
	height  int32 // of the first header; 0 where it is not known
	located bool
	below   *window
	last    spv.Hash // id of the header before
	tallies []Tally
	proofs  int
	work    uint256.Int
	passed  int
	failed  []spv.Check // all checks of the refuted header
	first   spv.Report  // the check of the height, made once
}

func newWalk(o *Options, headers []spv.Sealed) *walk {
	w := &walk{o: o, headers: headers}
	w.height, w.located = place(o, &headers[0].Header, &w.first)
	if !w.located {
		w.height, w.located = locateAny(o.Rules, headers)
	}
	w.judge = newJudge(o, w.located)
	w.below = w.judge.newWindow(w.judge.height(w.height))
	return w
}

// locateAny returns the height of a run's first header if any header of it is known.
func locateAny(r *spv.Rules, headers []spv.Sealed) (int32, bool) {
	known := make(map[spv.Hash]int32, len(r.Checkpoints))
	for _, c := range r.Checkpoints {
		known[c.Hash] = c.Height
	}
	for i := range headers {
		if height, ok := known[headers[i].Header.Prev()]; ok && int(height)+1 >= i {
			return height + 1 - int32(i), true
		}
	}
	return 0, false
}

// judgeAll judges the headers up to the first refuted one and returns its index, -1 if
// there is none.
func (w *walk) judgeAll() int {
	if c, bad := w.first.Failure(); bad {
		w.failed = []spv.Check{c}
		return 0
	}
	var b bulk
	for at := 0; at < len(w.headers); at += stretch {
		part := w.headers[at:min(at+stretch, len(w.headers))]
		b.hash(part, w.o.Rules.Work)
		for i := range part {
			if !w.next(at+i, &part[i], &b.ids[i], &b.works[i]) {
				return at + i
			}
		}
		if w.o.Progress != nil {
			w.o.Progress(at+len(part), len(w.headers))
		}
	}
	return -1
}

// next judges the i-th header and tells whether it passed.
func (w *walk) next(i int, s *spv.Sealed, id, work *spv.Hash) bool {
	var rep spv.Report
	w.link(i, w.height+int32(i), &s.Header, &rep)
	w.judge.header(s, work, w.judge.height(w.height)+int32(i), w.below, &rep)
	if isLayer(w.o.Rules) && s.Aux != nil {
		rep.SkipSaid(spv.CheckParentKnown, demand(spv.CheckParentKnown), noL1)
	}
	if s.Aux != nil {
		w.proofs++
	}
	for j := range rep.Checks {
		w.count(&rep.Checks[j])
	}
	if _, bad := rep.Failure(); bad {
		w.failed = rep.Checks
		return false
	}
	w.below.add(&s.Header)
	w.last = *id
	w.passed++
	if target, ok := spv.ParseTarget(s.Header.Bits()); ok {
		own := spv.WorkOf(&target)
		w.work.Add(&w.work, &own)
	}
	return true
}

// link checks that a header builds on the one before it, as far as that is at hand.
func (w *walk) link(i int, height int32, h *spv.Header, rep *spv.Report) {
	prev, want := h.Prev(), w.last
	switch {
	case w.located && height == 0:
		return
	case i == 0 && w.located && height == 1:
		want = w.o.Rules.Genesis.ID()
	case i == 0:
		rep.SkipSaid(CheckLink, demand(CheckLink), said.Of("what the first header builds on is not in the input"))
		return
	}
	rep.CheckSaid(CheckLink, prev == want, func() (said.Sentence, said.Sentence) {
		return said.Of("builds on %s", want), said.Just(prev)
	})
}

func (w *walk) count(c *spv.Check) {
	t := w.tally(c.Name)
	switch c.Outcome {
	case spv.Passed:
		t.Passed++
	case spv.Failed:
		t.Failed++
	case spv.NotChecked:
		if t.NotChecked++; t.Why == "" {
			t.Why, t.WhySaid = c.Got, c.GotSaid
		}
	}
}

func (w *walk) tally(name string) *Tally {
	for i := range w.tallies {
		if w.tallies[i].Name == name {
			return &w.tallies[i]
		}
	}
	w.tallies = append(w.tallies, Tally{Name: name})
	return &w.tallies[len(w.tallies)-1]
}

// subject refers to the i-th header.
func (w *walk) subject(i int) Subject {
	s := Subject{Hash: w.headers[i].Header.ID()}
	if w.located {
		height := w.height + int32(i)
		s.Height = &height
	}
	return s
}

// bulk hashes many headers at a time.
type bulk struct {
	headers    []*[spv.HeaderSize]byte
	ids, works []spv.Hash
}

// hash fills ids, and works with the hashes that carry the work of the headers.
func (b *bulk) hash(part []spv.Sealed, work pow.Algorithm) {
	b.headers = b.headers[:0]
	for i := range part {
		b.headers = append(b.headers, (*[spv.HeaderSize]byte)(&part[i].Header))
	}
	b.ids, b.works = make([]spv.Hash, len(part)), make([]spv.Hash, len(part))
	pow.HashHeaders(b.ids, b.headers)
	for i := range part {
		if part[i].Aux != nil {
			b.headers[i] = (*[spv.HeaderSize]byte)(&part[i].Aux.Parent)
		}
	}
	work.SumMany(b.works, b.headers)
}

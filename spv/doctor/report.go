package doctor

import (
	"slices"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/said"
)

// Verdict sums a report up.
type Verdict uint8

// The verdicts. Verified speaks only of the checks that were made; Report.NotChecked
// names the others.
const (
	Verified   Verdict = iota + 1 // at least one check passed, none failed
	Refuted                       // a check failed
	Incomplete                    // nothing could be checked
)

// String returns "verified", "refuted" or "incomplete".
func (v Verdict) String() string {
	switch v {
	case Verified:
		return "verified"
	case Refuted:
		return "refuted"
	default:
		return "incomplete"
	}
}

// MarshalText makes a Verdict readable in JSON.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Subject is the block that a report is about.
type Subject struct {
	Hash   spv.Hash `json:"hash"`
	Height *int32   `json:"height,omitempty"` // nil where it is not known
}

// String returns "HASH at height H", without the height where it is not known.
func (s Subject) String() string { return s.says().String() }

func (s Subject) says() said.Sentence {
	if s.Height == nil {
		return said.Just(s.Hash)
	}
	return said.Of("%s at height %d", s.Hash, *s.Height)
}

// Fact is something that was read and is worth showing, but is no check.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`

	NameSaid  said.Sentence `json:"-"`
	ValueSaid said.Sentence `json:"-"`
}

// Cause is the mistake that most likely made a proof fail, and how to mend it.
type Cause struct {
	Name string `json:"name"` // stable, such as "root-not-reversed"
	Text string `json:"text"` // what happened
	Mend string `json:"mend"` // what to change

	TextSaid said.Sentence `json:"-"`
	MendSaid said.Sentence `json:"-"`
}

// Report is what one verification found. Beside each text is its sentence, which does not travel, as that of a spv.Check.
type Report struct {
	Title      string      `json:"title"` // what was verified
	Subject    Subject     `json:"subject"`
	Facts      []Fact      `json:"facts,omitempty"`
	Checks     []spv.Check `json:"checks"` // in the order in which they were made
	Run        *Run        `json:"run,omitempty"`
	Verdict    Verdict     `json:"verdict"`
	NotChecked []string    `json:"not_checked,omitempty"` // names of checks that could not be made
	Cause      *Cause      `json:"cause,omitempty"`       // only with a failed check, and only if one was found
	Warnings   []string    `json:"warnings,omitempty"`

	TitleSaid    said.Sentence   `json:"-"`
	WarningsSaid []said.Sentence `json:"-"`

	checks spv.Report // collects Checks until conclude
}

func newReport(title said.Sentence) *Report { return &Report{Title: title.String(), TitleSaid: title} }

func newCause(name string, text, mend said.Sentence) *Cause {
	return &Cause{Name: name, Text: text.String(), Mend: mend.String(), TextSaid: text, MendSaid: mend}
}

func (r *Report) fact(name, value said.Sentence) {
	r.Facts = append(r.Facts, Fact{Name: name.String(), Value: value.String(), NameSaid: name, ValueSaid: value})
}

func (r *Report) warn(text said.Sentence) {
	r.Warnings, r.WarningsSaid = append(r.Warnings, text.String()), append(r.WarningsSaid, text)
}

// Failure returns the first failed check.
func (r *Report) Failure() (spv.Check, bool) {
	for _, c := range r.Checks {
		if c.Outcome == spv.Failed {
			return c, true
		}
	}
	return spv.Check{}, false
}

// conclude fills Checks, Verdict and NotChecked once all checks are in.
func (r *Report) conclude() *Report {
	r.Checks = append(r.Checks, r.checks.Checks...)
	r.Verdict = Incomplete
	for _, c := range r.Checks {
		switch c.Outcome {
		case spv.Failed:
			r.Verdict = Refuted
		case spv.Passed:
			if r.Verdict == Incomplete {
				r.Verdict = Verified
			}
		case spv.NotChecked:
			if !slices.Contains(r.NotChecked, c.Name) {
				r.NotChecked = append(r.NotChecked, c.Name)
			}
		}
	}
	return r
}

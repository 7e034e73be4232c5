package spv

import (
	"fmt"

	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/said"
)

// Outcome tells how a check ended.
type Outcome uint8

// The outcomes of a check. NotChecked is never to be read as passed.
const (
	Passed Outcome = iota + 1
	Failed
	NotChecked
)

// String returns "passed", "failed" or "not checked".
func (o Outcome) String() string {
	switch o {
	case Passed:
		return "passed"
	case Failed:
		return "failed"
	default:
		return "not checked"
	}
}

// MarshalText makes an Outcome readable in JSON.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText takes what String gives.
func (o *Outcome) UnmarshalText(text []byte) error {
	for _, known := range []Outcome{Passed, Failed, NotChecked} {
		if known.String() == string(text) {
			*o = known
			return nil
		}
	}
	return fmt.Errorf("outcome %.40q: want %q, %q or %q", text, Passed, Failed, NotChecked)
}

// Check is one rule applied to one object: its stable name, what the rule demands and
// what was found.
type Check struct {
	Name    string  `json:"check"`
	Outcome Outcome `json:"outcome"`
	Want    string  `json:"want"`
	Got     string  `json:"got"`

	// Want and Got for a face that speaks another language; empty where the texts are English alone. They do not travel:
	// a face that speaks other languages makes the reports that it shows.
	WantSaid said.Sentence `json:"-"`
	GotSaid  said.Sentence `json:"-"`
}

// CheckOf returns a check whose texts can be said in other languages.
func CheckOf(name string, outcome Outcome, want, got said.Sentence) Check {
	return Check{Name: name, Outcome: outcome, Want: want.String(), Got: got.String(), WantSaid: want, GotSaid: got}
}

func (c *Check) refusal() *CheckError {
	return &CheckError{Name: c.Name, Want: c.Want, Got: c.Got, WantSaid: c.WantSaid, GotSaid: c.GotSaid}
}

// Report collects the checks of one verification in the order in which they ran. A nil
// *Report is valid and collects nothing: verification then stops at the first failure
// and formats only that one.
type Report struct {
	Checks []Check `json:"checks"`
}

// CheckError says which check refuted an object: its stable name, what the rule demands
// and what was found.
type CheckError = merkle.CheckError

// Check applies one rule. With a nil report a failure is returned as *CheckError and a
// success costs nothing; otherwise the check is recorded and nil is returned, so that
// the remaining rules are examined too, and Err tells the first failure at the end.
// Say is called only when its texts are needed.
func (r *Report) Check(name string, ok bool, say func() (want, got string)) error {
	if r == nil && ok {
		return nil
	}
	want, got := say()
	return r.record(ok, Check{Name: name, Want: want, Got: got})
}

// CheckSaid is Check with texts that can be said in other languages.
func (r *Report) CheckSaid(name string, ok bool, say func() (want, got said.Sentence)) error {
	if r == nil && ok {
		return nil
	}
	want, got := say()
	return r.record(ok, CheckOf(name, 0, want, got))
}

func (r *Report) record(ok bool, c Check) error {
	if r == nil {
		return c.refusal()
	}
	c.Outcome = Failed
	if ok {
		c.Outcome = Passed
	}
	r.Checks = append(r.Checks, c)
	return nil
}

// Skip records a check that could not be made and why. It does nothing on a nil report.
func (r *Report) Skip(name, want, why string) {
	if r != nil {
		r.Checks = append(r.Checks, Check{Name: name, Outcome: NotChecked, Want: want, Got: why})
	}
}

// SkipSaid is Skip with texts that can be said in other languages.
func (r *Report) SkipSaid(name string, want, why said.Sentence) {
	if r != nil {
		r.Checks = append(r.Checks, CheckOf(name, NotChecked, want, why))
	}
}

// Err returns the first failed check as *CheckError, or nil.
func (r *Report) Err() error {
	if c, ok := r.Failure(); ok {
		return c.refusal()
	}
	return nil
}

// Failure returns the first failed check.
func (r *Report) Failure() (Check, bool) {
	if r != nil {
		for _, c := range r.Checks {
			if c.Outcome == Failed {
				return c, true
			}
		}
	}
	return Check{}, false
}

package present

import (
	"fmt"
	"strings"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/doctor"
	"github.com/layeredpow/lamina/spv/said"
)

// Verdict sums a report up in a word and a sentence.
type Verdict struct {
	Outcome  doctor.Verdict
	Word     string
	Sentence string
	Left     string // what was not checked; empty if nothing
	Limit    string // what the verdict does not speak of
}

// Check is one check as it is shown.
type Check struct {
	Outcome spv.Outcome
	Name    string // stable, such as "parent-work"
	Word    string // the outcome
	Rule    string // what the check demands, in words
	Values  []Row  // what was compared
}

// Report is a verification as it is shown. The names of checks are the same in every language: documents and other programs
// go by them.
type Report struct {
	Title   string // with the height, where it is known
	Subject string // the block's id
	Verdict Verdict
	Cause   []Row // what went wrong and how to mend it; empty if not known
	Checks  []Check
	Facts   []Row
	Notes   []string
}

// Report prepares a report.
func (x *Texts) Report(r *doctor.Report) Report {
	out := Report{Title: x.say(r.TitleSaid, r.Title), Subject: r.Subject.Hash.String(), Verdict: x.verdict(r)}
	if h := r.Subject.Height; h != nil {
		out.Title = x.t("{{.Title}}, height {{.N}}", words{"Title": out.Title, "N": number(*h)})
	}
	for i, english := range r.Warnings {
		var s said.Sentence
		if i < len(r.WarningsSaid) {
			s = r.WarningsSaid[i]
		}
		out.Notes = append(out.Notes, x.say(s, english))
	}
	for _, c := range r.Checks {
		out.Checks = append(out.Checks, x.check(c))
	}
	for _, f := range r.Facts {
		out.Facts = append(out.Facts, Row{Label: x.say(f.NameSaid, f.Name), Value: x.say(f.ValueSaid, f.Value), Mono: isHex(f.Value)})
	}
	if c := r.Cause; c != nil {
		out.Cause = []Row{{Label: x.t("Likely cause"), Value: x.say(c.TextSaid, c.Text)},
			{Label: x.t("To mend it"), Value: x.say(c.MendSaid, c.Mend)}}
	}
	return out
}

func (x *Texts) verdict(r *doctor.Report) Verdict {
	passed := 0
	for _, c := range r.Checks {
		if c.Outcome == spv.Passed {
			passed++
		}
	}
	w := words{"Passed": number(passed), "All": number(len(r.Checks))}
	v := Verdict{Outcome: r.Verdict}
	switch r.Verdict {
	case doctor.Verified:
		v.Word = x.t("Verified")
		v.Sentence = x.t("{{.Passed}} of {{.All}} checks passed, none failed.", w)
		v.Limit = x.t("This speaks of these bytes alone. Whether the block is on the best chain is another question.")
	case doctor.Refuted:
		v.Word = x.t("Refuted")
		if c, ok := r.Failure(); ok {
			w["Name"] = c.Name
		}
		v.Sentence = x.t("The check {{.Name}} failed. Do not rely on this.", w)
	default:
		v.Word = x.t("Not decided")
		v.Sentence = x.t("None of the checks could be made with what is given.")
	}
	if len(r.NotChecked) > 0 {
		v.Left = x.t("Not checked, and not vouched for: {{.Names}}.", words{"Names": strings.Join(r.NotChecked, ", ")})
	}
	return v
}

func (x *Texts) check(c spv.Check) Check {
	out := Check{Outcome: c.Outcome, Name: c.Name, Rule: x.Say(said.Sentence{Form: doctor.Explain(c.Name)})}
	value := func(label, text string) {
		if text != "" {
			out.Values = append(out.Values, Row{Label: label, Value: text, Mono: isHex(text)})
		}
	}
	want, got := x.say(c.WantSaid, c.Want), x.say(c.GotSaid, c.Got)
	switch c.Outcome {
	case spv.Passed:
		out.Word = x.t("passed")
		value(x.t("found"), got)
	case spv.Failed:
		out.Word = x.t("failed")
		value(x.t("wanted"), want)
		value(x.t("found"), got)
	default:
		out.Word = x.t("not checked")
		value(x.t("because"), got)
	}
	return out
}

// isHex tells values that read better in a fixed width.
func isHex(s string) bool {
	return len(s) >= 8 && strings.Trim(s, "0123456789abcdef") == ""
}

// Plain returns a report as text, for the clipboard.
func (r *Report) Plain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n\n%s. %s\n", r.Title, r.Subject, r.Verdict.Word, r.Verdict.Sentence)
	for _, s := range append([]string{r.Verdict.Left, r.Verdict.Limit}, r.Notes...) {
		if s != "" {
			fmt.Fprintln(&b, s)
		}
	}
	for _, row := range r.Cause {
		fmt.Fprintf(&b, "%s: %s\n", row.Label, row.Value)
	}
	fmt.Fprintln(&b)
	for _, c := range r.Checks {
		fmt.Fprintf(&b, "%-12s %s: %s\n", c.Word, c.Name, c.Rule)
		for _, v := range c.Values {
			fmt.Fprintf(&b, "%12s %s %s\n", "", v.Label, v.Value)
		}
	}
	fmt.Fprintln(&b)
	for _, f := range r.Facts {
		fmt.Fprintf(&b, "%s: %s\n", f.Label, f.Value)
	}
	return b.String()
}

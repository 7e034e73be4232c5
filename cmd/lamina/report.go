package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/doctor"
)

// showReport prints a report; anything but "verified" ends the program with code 1.
func (s *session) showReport(r *doctor.Report) error {
	var result error
	if r.Verdict != doctor.Verified {
		result = refuted
	}
	if s.json {
		return errors.Join(s.printJSON(r), result)
	}
	s.printf("%s\n  %-16s %s\n", r.Title, "block", r.Subject)
	for _, f := range r.Facts {
		s.printf("  %-16s %s\n", f.Name, f.Value)
	}
	s.printf("\n")
	for _, c := range r.Checks {
		s.showCheck(&c)
	}
	s.printf("\n%s\n", verdictLine(r))
	for _, w := range r.Warnings {
		s.printf("note: %s\n", w)
	}
	if r.Cause != nil {
		s.printf("cause: %s (%s)\nmend: %s\n", r.Cause.Text, r.Cause.Name, r.Cause.Mend)
	}
	return result
}

// showCheck prints what one check wanted and what it got.
func (s *session) showCheck(c *spv.Check) {
	got := "got "
	if c.Outcome == spv.NotChecked {
		got = "why "
	}
	s.printf("  %-12s %-22s want %s\n  %-12s %-22s %s %s\n", c.Outcome, c.Name, c.Want, "", "", got, c.Got)
}

// verdictLine sums a report up in one line.
func verdictLine(r *doctor.Report) string {
	if c, failed := r.Failure(); failed {
		return fmt.Sprintf("refuted by %s: got %s, want %s", c.Name, c.Got, c.Want)
	}
	line := fmt.Sprintf("%s: %d checks passed", r.Verdict, passed(r.Checks))
	if r.Run != nil {
		line = fmt.Sprintf("%s: %d headers", r.Verdict, r.Run.Judged)
	}
	if len(r.NotChecked) > 0 {
		line += "; not checked: " + strings.Join(unchecked(r), ", ")
	}
	return line
}

// unchecked names what could not be checked, in a run with the number of headers.
func unchecked(r *doctor.Report) []string {
	if r.Run == nil {
		return r.NotChecked
	}
	var names []string
	for _, t := range r.Run.Tallies {
		if t.NotChecked > 0 {
			names = append(names, fmt.Sprintf("%s of %d", t.Name, t.NotChecked))
		}
	}
	return names
}

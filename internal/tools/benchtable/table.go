package main

import (
	"fmt"
	"io"
	"strings"
)

// point names one figure: "PACKAGE:BenchmarkName/sub", or "bench:LABEL/CLIENT" of the bench module. Of several
// names, separated by "|" behind the last slash, the first that has run counts, and the row says which: not every
// processor runs every path.
type point struct{ bench, unit string }

// goal is what a row must reach. Zero means none.
type goal struct {
	ratio float64 // ours is that many times as good as the reference, or better
	limit float64 // ours, in its own unit: at least that much of a rate, at most that much of anything else
}

// row compares one thing. A row without a reference has no ratio.
type row struct {
	what      string
	ours      point
	reference string // its name; empty if there is none
	theirs    point
	goal      goal
	cores     bool   // on all cores; otherwise on one
	benchtime string // of a benchmark that is long or takes long to set up: it runs in one round; otherwise as asked for
	long      bool   // only with -long
}

type section struct {
	title string
	rows  []row
}

// find returns a figure, and which of the alternatives it is of.
func (f figures) find(p point) (value float64, variant string, err error) {
	base, last := p.bench, ""
	if i := strings.LastIndexByte(p.bench, '/'); i >= 0 && strings.Contains(p.bench[i:], "|") {
		base, last = p.bench[:i+1], p.bench[i+1:]
	}
	for _, v := range strings.Split(last, "|") {
		if units, ok := f[base+v]; ok {
			value, ok := units[p.unit]
			if !ok || value <= 0 {
				return 0, "", fmt.Errorf("%s: no figure in %s", base+v, p.unit)
			}
			return value, v, nil
		}
	}
	return 0, "", fmt.Errorf("%s: no such benchmark has run", p.bench)
}

// cells are a row as it is printed.
type cells struct {
	what, ours, reference, ratio, goal, met string
}

// fill looks up a row's figures. A row without one is an error, never an empty cell.
func (f figures) fill(r row) (c cells, missed bool, err error) {
	ours, variant, err := f.find(r.ours)
	if err != nil {
		return c, false, err
	}
	c = cells{what: r.what, ours: show(ours, r.ours.unit), goal: "-", met: "-", reference: "-", ratio: "-"}
	if variant != "" {
		c.what += ", " + variant
	}
	ok := r.goal.limit == 0 || ours == r.goal.limit || ours > r.goal.limit == isRate(r.ours.unit)
	if r.goal.limit != 0 {
		bound := "<= "
		if isRate(r.ours.unit) {
			bound = ">= "
		}
		c.goal = bound + show(r.goal.limit, r.ours.unit)
	}
	if r.reference != "" {
		theirs, _, err := f.find(r.theirs)
		if err != nil {
			return c, false, err
		}
		if isRate(r.ours.unit) != isRate(r.theirs.unit) {
			return c, false, fmt.Errorf("%s: %s beside %s", r.what, r.ours.unit, r.theirs.unit)
		}
		ratio := theirs / ours
		if isRate(r.ours.unit) {
			ratio = ours / theirs
		}
		c.reference, c.ratio = r.reference+", "+show(theirs, r.ours.unit), short(ratio)
		if r.goal.ratio != 0 {
			ok = ok && ratio >= r.goal.ratio
			c.goal = strings.TrimPrefix(c.goal+", ", "-, ") + short(r.goal.ratio) + " times"
		}
	}
	if r.goal != (goal{}) {
		c.met = map[bool]string{true: "yes", false: "**no**"}[ok]
	}
	return c, !ok, nil
}

// write prints the tables and returns the goals that are missed.
func write(w io.Writer, sections []section, f figures, long bool) (missed []string, err error) {
	for _, s := range sections {
		fmt.Fprintf(w, "\n### %s\n\n| what | ours | reference | ratio | goal | met |\n|---|---:|---:|---:|---:|---|\n", s.title)
		for _, r := range s.rows {
			if r.long && !long {
				continue
			}
			c, miss, err := f.fill(r)
			if err != nil {
				return nil, err
			}
			if miss {
				missed = append(missed, c.what)
			}
			fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s |\n", c.what, c.ours, c.reference, c.ratio, c.goal, c.met)
		}
	}
	return missed, nil
}

// scales are the units that read better in others: what one is, by size, the largest first.
var scales = map[string][]struct {
	size float64
	name string
}{
	"ns/op":        {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}, {1, "ns"}},
	"ns/hash":      {{1e3, "us/hash"}, {1, "ns/hash"}},
	"ms":           {{1e3, "s"}, {1, "ms"}, {1e-3, "us"}},
	"open-ms":      {{1e3, "s"}, {1, "ms"}},
	"s":            {{1, "s"}, {1e-3, "ms"}},
	"B-peak":       {{1e6, "MB"}},
	"B-written":    {{1e6, "MB"}},
	"B-kept":       {{1e6, "MB"}},
	"MiB-RSS":      {{1, "MiB"}},
	"RSS-MiB":      {{1, "MiB"}},
	"allocs/proof": {{1, "allocations"}},
}

// show prints a figure with three digits that count.
func show(value float64, unit string) string {
	steps := scales[unit]
	for i, s := range steps {
		if value >= s.size || i == len(steps)-1 {
			return short(value/s.size) + " " + s.name
		}
	}
	return short(value) + " " + unit
}

// short prints three digits that count, with a comma at the thousands.
func short(v float64) string {
	switch {
	case v >= 1000:
		n := fmt.Sprintf("%.0f", v)
		for i := len(n) - 3; i > 0; i -= 3 {
			n = n[:i] + "," + n[i:]
		}
		return n
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

package doctor

import (
	"fmt"

	"github.com/layeredpow/lamina/spv"
)

// report sums the run up: for each check one line for those that passed and one for
// those that could not be made, and the failed ones in full.
func (w *walk) report() *Report {
	r := &Report{Title: fmt.Sprintf("%d headers of %s", len(w.headers), w.o.Rules.Name), Subject: w.subject(len(w.headers) - 1)}
	r.Run = &Run{
		Headers: len(w.headers), Judged: w.passed, Proofs: w.proofs, Tallies: w.tallies,
		First: w.subject(0), Work: w.work.Dec(),
	}
	if w.passed > 0 {
		r.Run.Last = w.subject(w.passed - 1)
	}
	if w.failed != nil {
		refuted := w.subject(w.passed)
		r.Run.Refuted, r.Subject = &refuted, refuted
		r.Run.Judged++
	}
	r.Checks = append(r.Checks, w.first.Checks...)
	for i := range w.tallies {
		r.Checks = append(r.Checks, w.rows(&w.tallies[i])...)
	}
	r.describeRun(w)
	return r.conclude()
}

// rows returns a tally as checks. A check with failures is shown as the first of them,
// with what it compared.
func (w *walk) rows(t *Tally) []spv.Check {
	var rows []spv.Check
	if t.Passed > 0 {
		rows = append(rows, spv.Check{Name: t.Name, Outcome: spv.Passed, Want: Explain(t.Name), Got: headers(t.Passed)})
	}
	if t.NotChecked > 0 {
		rows = append(rows, spv.Check{Name: t.Name, Outcome: spv.NotChecked, Want: Explain(t.Name),
			Got: headers(t.NotChecked) + ": " + t.Why})
	}
	for _, c := range w.failed {
		if c.Name == t.Name && c.Outcome == spv.Failed {
			rows = append(rows, c)
		}
	}
	return rows
}

func headers(n int) string {
	if n == 1 {
		return "1 header"
	}
	return fmt.Sprintf("%d headers", n)
}

func (r *Report) describeRun(w *walk) {
	r.fact("first", "%s", r.Run.First)
	if w.passed > 0 {
		r.fact("last", "%s", r.Run.Last)
	}
	if r.Run.Refuted != nil {
		r.fact("refuted", "header %d of the input, %s", w.passed, r.Run.Refuted)
	}
	if w.proofs > 0 {
		r.fact("proofs", "%d", w.proofs)
	}
	r.fact("work", "%s hashes expected", r.Run.Work)
	if !w.located {
		r.warn("the height of the first header is not known: give it to have difficulty and versions checked")
	}
}

package doctor

import (
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/said"
)

// report sums the run up: for each check one line for those that passed and one for
// those that could not be made, and the failed ones in full.
func (w *walk) report() *Report {
	r := newReport(said.Of("%d headers of %s", len(w.headers), w.o.name()))
	r.Subject = w.subject(len(w.headers) - 1)
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
		rows = append(rows, spv.CheckOf(t.Name, spv.Passed, demand(t.Name), headers(t.Passed)))
	}
	if t.NotChecked > 0 {
		rows = append(rows, spv.CheckOf(t.Name, spv.NotChecked, demand(t.Name), said.Of("%s: %s", headers(t.NotChecked), t.WhySaid)))
	}
	for _, c := range w.failed {
		if c.Name == t.Name && c.Outcome == spv.Failed {
			rows = append(rows, c)
		}
	}
	return rows
}

func headers(n int) said.Sentence {
	if n == 1 {
		return said.Of("1 header")
	}
	return said.Of("%d headers", n)
}

func (r *Report) describeRun(w *walk) {
	r.fact(said.Of("first"), r.Run.First.says())
	if w.passed > 0 {
		r.fact(said.Of("last"), r.Run.Last.says())
	}
	if r.Run.Refuted != nil {
		r.fact(said.Of("refuted"), said.Of("header %d of the input, %s", w.passed, r.Run.Refuted.says()))
	}
	if w.proofs > 0 {
		r.fact(said.Of("proofs"), said.Just(w.proofs))
	}
	r.fact(said.Of("work"), said.Of("%s hashes expected", r.Run.Work))
	if !w.located {
		r.warn(said.Of("the height of the first header is not known: give it to have difficulty and versions checked"))
	}
}

package syncer

import (
	"fmt"
	"slices"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv/said"
)

const (
	// blockTime is how long a peer may take over one block: a large one over a slow line.
	blockTime = 2 * time.Minute
	// jobTime is how long a peer may take over a batch of filters in all. It may pause for
	// answerTime between two of them, but not for ever.
	jobTime = 4 * time.Minute
	// noticeTime is after how long it is said that an answer is being waited for.
	noticeTime = 5 * time.Second
	// paceTime is how long a peer that others wait for may be slow: leastHeaders is how many
	// headers it must tell in that time, leastMerkle how many blocks it must match.
	paceTime     = 2 * time.Minute
	leastHeaders = 1200
	leastMerkle  = 60
)

// debt is an answer that a peer owes. It is late when nothing was heard of the peer for a
// pause, or when it takes longer than all.
type debt struct {
	what       string // the question
	sent       time.Time
	pause, all time.Duration
}

// debts returns what a peer owes. Every stage that asks is here: whatever one peer does
// not answer in time is asked of another.
func (m *Machine) debts(p *peer) (list []debt) {
	if !p.asked.IsZero() {
		list = append(list, debt{wire.CmdGetHeaders, p.asked, answerTime, answerTime})
	}
	if m.scan == nil {
		return list
	}
	if q := p.word.question; q != nil {
		list = append(list, debt{q.purpose.command(), q.sent, answerTime, jobTime})
	}
	for _, b := range m.filters.batches {
		if b.peer == p.id {
			list = append(list, debt{wire.CmdGetCFilters, b.sent, answerTime, jobTime})
		}
	}
	for _, f := range m.fetches {
		if f.peer == p.id && f.block == nil {
			list = append(list, debt{"getdata for block " + f.ref.String(), f.sent, blockTime, 2 * blockTime})
		}
	}
	if c := m.scan.bloom.of(p.id); c != nil && c.owes() > 0 {
		list = append(list, debt{"getdata for filtered blocks", c.heard, answerTime, answerTime})
	}
	if d := m.claims.dispute; d != nil {
		for _, s := range d.sides {
			if s.peer == p.id && !s.have {
				list = append(list, debt{wire.CmdGetCFilters, s.sent, answerTime, answerTime})
			}
		}
	}
	return list
}

// late tells whether a debt of a peer's is overdue.
func (m *Machine) late(p *peer, d *debt) bool {
	return m.now.Sub(later(d.sent, p.heard)) > d.pause || m.now.Sub(d.sent) > d.all
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// dropLate lets go of the peers that owe an answer for too long, or give so little at a time
// that they hold up what others could give.
func (m *Machine) dropLate() {
	for _, p := range slices.Clone(m.peers) {
		for _, d := range m.debts(p) {
			if m.late(p, &d) {
				m.drop(p, fmt.Errorf("no answer to %s in time", d.what), false)
				break
			}
		}
		if p.asked.IsZero() && len(p.queue) == 0 {
			p.pace = pace{} // nobody waits for it
		}
		if p.pace.slow(m.now, leastHeaders) && len(m.peers) > 1 {
			m.drop(p, fmt.Errorf("fewer than %d headers in %s", leastHeaders, paceTime), false)
		}
		if m.scan == nil {
			continue
		}
		if c := m.scan.bloom.of(p.id); c != nil && c.pace.slow(m.now, leastMerkle) && len(m.peers) > 1 {
			m.drop(p, fmt.Errorf("fewer than %d filtered blocks in %s", leastMerkle, paceTime), false)
		}
	}
}

// awaited tells which answer has been waited for longest, nothing if none for long.
func (m *Machine) awaited() (words said.Sentence) {
	longest := noticeTime
	for _, p := range m.peers {
		for _, d := range m.debts(p) {
			if waits := m.now.Sub(later(d.sent, p.heard)); waits >= longest {
				longest = waits
				words = said.Of("a peer's answer to %s, for %s", d.what, waits.Round(time.Second))
			}
		}
	}
	return words
}

// pace counts what a peer gives while others wait for it.
type pace struct {
	since time.Time // zero: nobody waits for it
	got   int
}

func (p *pace) begin(now time.Time) {
	if p.since.IsZero() {
		*p = pace{since: now}
	}
}

// slow tells whether less than the least came in paceTime, and begins anew.
func (p *pace) slow(now time.Time, least int) bool {
	if p.since.IsZero() || now.Sub(p.since) < paceTime {
		return false
	}
	slow := p.got < least
	*p = pace{since: now}
	return slow
}

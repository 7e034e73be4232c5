package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/syncer"
)

// syncLines shows how a synchronisation goes, a line for each chain: all in place on a
// terminal, otherwise a line whenever something changes, a second apart at the least.
type syncLines struct {
	s        *session
	terminal bool
	order    []*syncLine
	drawn    bool
}

// syncLine is what was shown of one chain.
type syncLine struct {
	last  syncReport
	shown time.Time
	// Where the stage stood when it began.
	stage string
	from  int32
	began time.Time
}

// syncReport is one JSON line.
type syncReport struct {
	Chain   string  `json:"chain"`
	Stage   string  `json:"stage"`
	Done    int32   `json:"stage_done"`
	Total   int32   `json:"stage_total"` // by peers' word, not verified
	Share   float64 `json:"share"`       // of all stages; 1 only when synced
	Height  int32   `json:"height"`
	Tip     string  `json:"tip"`
	TipTime uint32  `json:"tip_time"`
	Claimed int32   `json:"claimed_height"` // by peers' word, not verified
	Shown   int32   `json:"presync_height,omitempty"`
	Rate    float64 `json:"per_second"` // blocks of the stage
	Bytes   int64   `json:"bytes_received"`
	ETA     *int64  `json:"eta_seconds,omitempty"` // of the stage; absent: unknown
	Peers   int     `json:"peers"`
	Private int     `json:"encrypted_peers"` // of them (BIP324)
	Source  string  `json:"source"`
	Synced  bool    `json:"synced"`
	Sampled int32   `json:"sampled_to,omitempty"` // blocks up to here are known by a sampled proof only; 0: all were verified
	Bits    int     `json:"sampled_security,omitempty"`
	Opened  int     `json:"sampled_opened,omitempty"` // blocks that were verified one by one then
	Waiting string  `json:"waiting_for,omitempty"`
	Trouble string  `json:"trouble,omitempty"`
}

func newSyncLines(s *session, all []*chains.Params) *syncLines {
	l := &syncLines{s: s, terminal: !s.json && isTerminal(s.out)}
	for _, p := range all {
		l.order = append(l.order, &syncLine{last: syncReport{Chain: p.Name, Stage: string(syncer.Connecting)}})
	}
	return l
}

// synced tells whether all chains are, by their last reports.
func (l *syncLines) synced() bool {
	for _, line := range l.order {
		if !line.last.Synced {
			return false
		}
	}
	return true
}

func (l *syncLines) show(p app.Progress, now time.Time) {
	for _, line := range l.order {
		if line.last.Chain == p.Chain && line.update(p, now) {
			l.print(line)
		}
	}
}

func (l *syncLines) print(line *syncLine) {
	switch {
	case l.s.json:
		// One document a line, whatever printJSON does elsewhere.
		_ = json.NewEncoder(l.s.out).Encode(line.last)
	case l.terminal:
		l.draw()
	default:
		l.s.printf("%s\n", line.last.text())
	}
}

// draw writes all lines over the ones that are there.
func (l *syncLines) draw() {
	var b strings.Builder
	if l.drawn {
		fmt.Fprintf(&b, "\x1b[%dA", len(l.order))
	}
	for _, line := range l.order {
		// Without wrapping, or the next drawing would begin in the wrong place.
		fmt.Fprintf(&b, "\r\x1b[K\x1b[?7l%s\x1b[?7h\n", line.last.text())
	}
	l.drawn = true
	l.s.printf("%s", b.String())
}

// end shows on a terminal how it stood at the end.
func (l *syncLines) end() {
	if l.terminal {
		l.draw()
	}
}

// update takes a report over and tells whether it is to be shown now.
func (l *syncLine) update(p app.Progress, now time.Time) bool {
	r := syncReport{Chain: p.Chain, Stage: string(p.Stage), Share: p.Share(), Height: p.Tip.Height, Tip: p.Tip.Hash.String(),
		TipTime: p.TipTime, Claimed: p.Claimed, Shown: p.Shown, Bytes: p.Received, Peers: p.Peers, Private: p.Encrypted, Source: p.Source(),
		Synced: p.Synced, Waiting: p.Waiting, Trouble: p.Trouble}
	if p.Sampled != nil {
		r.Sampled, r.Bits, r.Opened = p.Sampled.To.Height, p.Sampled.Security, p.Sampled.Opened
	}
	part := partOf(&p.Status)
	r.Done, r.Total = part.Done, part.Total
	if l.stage != r.Stage {
		l.stage, l.from, l.began = r.Stage, r.Done, now
	}
	if seconds := now.Sub(l.began).Seconds(); seconds > 0 {
		r.Rate = float64(int64(float64(r.Done-l.from) / seconds))
	}
	if left := r.Total - r.Done; left > 0 && r.Rate > 0 {
		eta := int64(float64(left) / r.Rate)
		r.ETA = &eta
	}
	if !l.shown.IsZero() && now.Sub(l.shown) < time.Second && r.Synced == l.last.Synced {
		return false
	}
	same := r == l.last
	l.last, l.shown = r, now
	return !same
}

// partOf returns how much of the stage in hand is done.
func partOf(s *syncer.Status) syncer.Part {
	switch s.Stage {
	case syncer.Presync:
		return syncer.Part{Done: s.Shown, Total: max(s.Shown, s.Claimed)}
	case syncer.FilterHeaders:
		return s.FilterHeaders
	case syncer.Filters:
		return s.Filters
	case syncer.Blocks:
		return s.Scanned
	default:
		return s.Headers
	}
}

func (r *syncReport) text() string {
	text := fmt.Sprintf("%s  %s", r.Chain, r.Stage)
	if r.Synced {
		text += "  synced"
	} else if r.Total > 0 {
		text += fmt.Sprintf("  %d of %d (%d%%)", r.Done, r.Total, int(100*r.Share))
	}
	text += fmt.Sprintf("  height %d  %.0f/s  %s  %s", r.Height, r.Rate, byteText(r.Bytes), peersText(r.Peers))
	if r.Sampled > 0 {
		text += fmt.Sprintf("  sampled up to %d, with %d bits", r.Sampled, r.Bits)
	}
	if r.ETA != nil {
		text += fmt.Sprintf("  %d s left", *r.ETA)
	}
	if r.Waiting != "" {
		text += "  waiting for " + r.Waiting
	}
	if r.Trouble != "" {
		text += "  (" + r.Trouble + ")"
	}
	return text
}

func byteText(n int64) string {
	switch {
	case n < 10_000:
		return fmt.Sprintf("%d B", n)
	case n < 10_000_000:
		return fmt.Sprintf("%d kB", n/1000)
	default:
		return fmt.Sprintf("%d MB", n/1_000_000)
	}
}

package stratum

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/layeredpow/lamina/internal/node/work"
)

// begin sends difficulty and job as soon as the miner has subscribed and been let in.
func (s *Session) begin(now time.Time) []byte {
	if !s.Ready() || len(s.jobs) > 0 {
		return nil
	}
	s.pace.since, s.pace.shares = now, 0
	return s.post(true)
}

// Post makes a job the current one and returns the lines that tell the miner. Nil leaves the miner with what it has,
// but takes no more shares. If the parent chain has moved, all earlier jobs are stale.
func (s *Session) Post(job *work.Job) []byte {
	clean := job == nil || s.current == nil || s.current.Parent.Prev != job.Parent.Prev
	s.current = job
	if clean {
		s.jobs = nil
	}
	return s.post(clean)
}

// Tick looks at the pace and returns the lines that change the difficulty, if it has to.
func (s *Session) Tick(now time.Time) []byte {
	if !s.Ready() || s.current == nil || !s.pace.look(now) {
		return nil
	}
	return s.post(false)
}

// post tells the miner difficulty and current job. The difficulty never hides what solves a chain: it stays below that
// of the easiest target.
func (s *Session) post(clean bool) []byte {
	if !s.Ready() || s.current == nil {
		return nil
	}
	j := s.current
	open := j.Open()
	most := underOpen * difficultyOf(j.Work, &open)
	s.pace.value = min(s.pace.value, paceStep*most) // shares that come too fast must not make it grow for ever
	difficulty := min(s.pace.value, most)
	s.count++
	p := &posted{id: strconv.FormatUint(s.count, 16), job: j, difficulty: difficulty, seen: map[work.Share]struct{}{}}
	for _, before := range s.jobs {
		if before.job == j {
			p.seen = before.seen // only the difficulty differs
		}
	}
	if len(s.jobs) == maxJobs {
		s.jobs = append(s.jobs[:0], s.jobs[1:]...)
	}
	s.jobs = append(s.jobs, p)

	left, right := j.Halves()
	branch := make([]string, len(j.Parent.Branch))
	for i, hash := range j.Parent.Branch {
		branch[i] = hex.EncodeToString(hash[:])
	}
	lines := notify("mining.set_difficulty", difficulty)
	return append(lines, notify("mining.notify", p.id, swappedWords(j.Parent.Prev[:]),
		hex.EncodeToString(left), hex.EncodeToString(right), branch, fmt.Sprintf("%08x", uint32(j.Parent.Version)),
		fmt.Sprintf("%08x", j.Parent.Bits), fmt.Sprintf("%08x", j.Parent.Time), clean)...)
}

// swappedWords writes bytes in Stratum's order for hashes: the four bytes of every word turned around.
func swappedWords(b []byte) string {
	out := make([]byte, len(b))
	for i := range b {
		out[i^3] = b[i]
	}
	return hex.EncodeToString(out)
}

package miner

import (
	"sync"
	"sync/atomic"
	"time"
)

// meterSeconds is how far back the hash rate looks.
const meterSeconds = 16

// meter counts hashes, second by second.
type meter struct {
	total atomic.Uint64

	mu      sync.Mutex
	started time.Time
	second  [meterSeconds]int64 // of the clock, since 1970
	hashes  [meterSeconds]uint64
}

func (m *meter) add(now time.Time, n uint64) {
	m.total.Add(n)
	s := now.Unix()
	at := s % meterSeconds
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.started.IsZero() {
		m.started = now
	}
	if m.second[at] != s {
		m.second[at], m.hashes[at] = s, 0
	}
	m.hashes[at] += n
}

// rate returns the hashes per second over the last whole seconds, or since the start if that was later.
func (m *meter) rate(now time.Time) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.started.IsZero() {
		return 0
	}
	s := now.Unix()
	var sum uint64
	for at := range m.second {
		if age := s - m.second[at]; age > 0 && age < meterSeconds {
			sum += m.hashes[at]
		}
	}
	// The seconds summed end where the present one began.
	ended := time.Unix(s, 0)
	span := min(ended.Sub(m.started), (meterSeconds-1)*time.Second)
	if span <= 0 {
		return 0
	}
	return float64(sum) / span.Seconds()
}

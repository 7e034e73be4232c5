// Package miner searches for work with the processor: it takes the job at hand from a source, tries nonces on a chosen
// number of threads, at full speed or at a set pace, and hands every hit back.
//
// It decides nothing about blocks: what a hit solves, and what is mined next, is the source's business. It holds no
// keys and knows no addresses. It belongs to the headless program only.
package miner

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/internal/node/template"
	"github.com/layeredpow/lamina/internal/node/work"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/pow"
)

const (
	// sliceTime is about how long a thread scans before it looks for a new job.
	sliceTime = 20 * time.Millisecond
	leastScan = 16
	mostScan  = 1 << 22
	pauseLong = 5 * time.Second // longest sleep of a paced thread before it looks for a new job
)

// Settings say how hard to work.
type Settings struct {
	Threads int     // goroutines that hash, at least 1
	Rate    float64 // hashes per second of all threads together, at most; 0: all there are
	// Interval is the least time between two blocks of the parent chain that are found here; the threads rest in
	// between. 0: none.
	Interval time.Duration
	// Tag begins every extranonce. Two miners that work on the same job need different ones.
	Tag [4]byte
	// Failed is told of shares that the source refuses: a broken invariant, as the miner makes no bad ones. May be nil.
	Failed func(error)
}

// Miner is one set of threads. Its methods are safe for concurrent use.
type Miner struct {
	settings Settings
	source   work.Source
	meter    meter

	mu    sync.Mutex
	until time.Time // no hashing before this
}

// New returns a miner that has not been started.
func New(source work.Source, s Settings) (*Miner, error) {
	if s.Threads < 1 || s.Threads > 1<<16 || s.Rate < 0 || s.Interval < 0 {
		return nil, fmt.Errorf("miner with %d threads, rate %g, interval %s: want 1 to 65536 threads and nothing negative",
			s.Threads, s.Rate, s.Interval)
	}
	return &Miner{settings: s, source: source}, nil
}

// Run mines until the context ends, and returns when all threads have stopped.
func (m *Miner) Run(ctx context.Context) {
	var threads sync.WaitGroup
	for i := range m.settings.Threads {
		threads.Go(func() { m.newThread(uint16(i)).run(ctx) })
	}
	threads.Wait()
}

// Hashes returns how many hashes have been tried.
func (m *Miner) Hashes() uint64 { return m.meter.total.Load() }

// HashRate returns the hashes per second of the last seconds.
func (m *Miner) HashRate() float64 { return m.meter.rate(time.Now()) }

// thread is one goroutine's search.
type thread struct {
	m       *Miner
	x       template.ExtraNonce // tag 4 | thread 2 | count 6, big-endian
	count   uint64
	scan    uint64    // nonces to try before looking up
	ahead   time.Time // a paced thread has used up its share until then
	waiting *time.Timer
}

func (m *Miner) newThread(number uint16) *thread {
	t := &thread{m: m, scan: 1 << 12, waiting: time.NewTimer(0)}
	copy(t.x[:], m.settings.Tag[:])
	binary.BigEndian.PutUint16(t.x[4:], number)
	return t
}

func (t *thread) run(ctx context.Context) {
	defer t.waiting.Stop()
	for ctx.Err() == nil {
		job, changed := t.m.source.Job()
		if job == nil {
			select {
			case <-ctx.Done():
			case <-changed:
			}
			continue
		}
		t.work(ctx, job, changed)
	}
}

// work searches one job until there is another.
func (t *thread) work(ctx context.Context, job *work.Job, changed <-chan struct{}) {
	for {
		t.count++
		var count [8]byte
		binary.BigEndian.PutUint64(count[:], t.count)
		copy(t.x[6:], count[2:])
		header, err := job.Header(t.x)
		if err != nil {
			continue // this extranonce would spell the magic; the next does not
		}
		for at := uint64(0); at < 1<<32; {
			open := job.Open()
			if open.IsZero() {
				t.rest(ctx, changed, pauseLong)
			} else if wait := t.early(time.Now()); wait > 0 {
				t.rest(ctx, changed, min(wait, pauseLong))
			} else {
				at += t.try(job, &header, uint32(at), &open)
			}
			select {
			case <-ctx.Done():
				return
			case <-changed:
				return
			default:
			}
		}
	}
}

// try scans some nonces from first on, up to the first hit, which it submits. It returns how many have been tried.
func (t *thread) try(job *work.Job, header *spv.Header, first uint32, open *uint256.Int) uint64 {
	start := time.Now()
	n := min(t.scan, 1<<32-uint64(first))
	nonce, hit := job.Work.Scan((*[80]byte)(header), first, n, top(open))
	if hit {
		n = uint64(nonce-first) + 1
	}
	now := time.Now()
	t.m.meter.add(now, n)
	t.pace(start, now, n, hit)
	if hit {
		t.submit(job, header, nonce, open)
	}
	return n
}

// top returns the topmost 32 bits of a target.
func top(target *uint256.Int) uint32 { return uint32(target[3] >> 32) }

// pace chooses how much to scan at a time and, under a set rate, when to go on.
func (t *thread) pace(start, now time.Time, n uint64, hit bool) {
	most := uint64(mostScan)
	if rate := t.m.settings.Rate; rate > 0 {
		each := rate / float64(t.m.settings.Threads)
		most = max(min(most, uint64(each*sliceTime.Seconds())), 1)
		if t.ahead.Before(start) {
			t.ahead = start
		}
		t.ahead = t.ahead.Add(time.Duration(float64(n) / each * float64(time.Second)))
	}
	if !hit {
		switch took := now.Sub(start); {
		case took < sliceTime/2:
			t.scan *= 2
		case took > sliceTime*2:
			t.scan /= 2
		}
	}
	t.scan = min(max(t.scan, leastScan), most)
}

// early returns how long to wait before the next scan.
func (t *thread) early(now time.Time) time.Duration {
	wait := time.Duration(0)
	if t.m.settings.Rate > 0 {
		wait = t.ahead.Sub(now)
	}
	if t.m.settings.Interval > 0 {
		t.m.mu.Lock()
		wait = max(wait, t.m.until.Sub(now))
		t.m.mu.Unlock()
	}
	return wait
}

// rest waits for a time, a new job or the end.
func (t *thread) rest(ctx context.Context, changed <-chan struct{}, wait time.Duration) {
	t.waiting.Reset(wait)
	select {
	case <-ctx.Done():
	case <-changed:
	case <-t.waiting.C:
	}
}

// submit hands in a candidate that meets the whole target.
func (t *thread) submit(job *work.Job, header *spv.Header, nonce uint32, open *uint256.Int) {
	try := *header
	binary.LittleEndian.PutUint32(try[76:], nonce)
	if hash := job.Work.Sum((*[80]byte)(&try)); !spv.Meets(&hash, open) {
		return
	}
	found, err := t.m.source.Submit(job, work.Share{ExtraNonce: t.x, Version: try.Version(), Time: try.Time(), Nonce: nonce})
	switch {
	case err != nil:
		if t.m.settings.Failed != nil {
			t.m.settings.Failed(fmt.Errorf("share of our own miner: %w", err))
		}
	case found.Parent && t.m.settings.Interval > 0:
		t.m.mu.Lock()
		t.m.until = time.Now().Add(t.m.settings.Interval)
		t.m.mu.Unlock()
	}
}

// Solve searches a header's nonces from its own upwards until its work hash meets the target of its bits, on the
// calling goroutine. It is for small chains in tests and demos. It is false when the context ends or there is no such
// nonce.
func Solve(ctx context.Context, algorithm pow.Algorithm, h *spv.Header) bool {
	target, ok := spv.ParseTarget(h.Bits())
	if !ok {
		return false
	}
	const lot = 1 << 12
	for at := uint64(h.Nonce()); at < 1<<32 && ctx.Err() == nil; {
		nonce, hit := algorithm.Scan((*[80]byte)(h), uint32(at), lot, top(&target))
		if !hit {
			at += lot
			continue
		}
		binary.LittleEndian.PutUint32(h[76:], nonce)
		if hash := algorithm.Sum((*[80]byte)(h)); spv.Meets(&hash, &target) {
			return true
		}
		at = uint64(nonce) + 1
	}
	return false
}

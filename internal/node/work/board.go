package work

import "sync"

// Source gives jobs to miners and takes what they find. Board is one.
type Source interface {
	// Job returns the job at hand, nil for none, and a channel that is closed when there is another.
	Job() (*Job, <-chan struct{})
	// Submit judges a share of a job, be it the one at hand or an older one, and passes on what it solves.
	Submit(j *Job, s Share) (*Solution, error)
}

// Board is where the one who knows the chains' tips puts jobs up and miners look for them. It is safe for concurrent
// use.
type Board struct {
	take func(*Solution)

	mu      sync.Mutex
	job     *Job
	changed chan struct{}
}

// NewBoard returns a board without a job. Take is called, on the miner's goroutine, with every share that solves
// something for the first time; it should put up a new job soon.
func NewBoard(take func(*Solution)) *Board {
	return &Board{take: take, changed: make(chan struct{})}
}

// Post replaces the job; nil stops the miners.
func (b *Board) Post(j *Job) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.job = j
	close(b.changed)
	b.changed = make(chan struct{})
}

// Job implements Source.
func (b *Board) Job() (*Job, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.job, b.changed
}

// Submit implements Source. A share of an older job is passed on, too: its block may still win, and a layer may not have
// moved. The solution returned tells all that the share meets, news or not.
func (b *Board) Submit(j *Job, s Share) (*Solution, error) {
	found, err := j.Judge(s)
	if err != nil || !found.Solved() {
		return found, err
	}
	news := *found
	news.Layers = append([]int(nil), found.Layers...)
	if news.news(); news.Solved() {
		b.take(&news)
	}
	return found, nil
}

package pow

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
)

// batch is one call of scryptMany: goroutines take groups of headers from it until none is left.
type batch struct {
	mixer   *mixer
	out     []chainhash.Hash
	headers []*[80]byte
	group   int // headers taken at a time
	next    atomic.Int64
	done    sync.WaitGroup
	// start is the method value of run, made once: a go statement with a fresh one would allocate.
	start func()
}

var batches = sync.Pool{New: func() any {
	b := new(batch)
	b.start = b.run
	return b
}}

// scryptMany sets out[i] to the scrypt hash of headers[i], on all cores if there is work for them.
func scryptMany(out []chainhash.Hash, headers []*[80]byte) {
	scryptManyWith(fastest, runtime.GOMAXPROCS(0), out, headers)
}

// scryptManyWith is scryptMany with a given mixer on at most cores goroutines, the caller's included.
// A short list is divided evenly between the cores even if no core then fills its lanes.
func scryptManyWith(m *mixer, cores int, out []chainhash.Hash, headers []*[80]byte) {
	if len(headers) == 0 {
		return
	}
	b := batches.Get().(*batch)
	b.mixer, b.out, b.headers = m, out, headers
	b.group = min(m.lanes, ceilDiv(len(headers), cores))
	b.next.Store(0)
	helpers := min(cores, ceilDiv(len(headers), b.group)) - 1
	b.done.Add(helpers)
	for range helpers {
		go b.start()
	}
	b.work()
	b.done.Wait()
	b.out, b.headers = nil, nil
	batches.Put(b)
}

func ceilDiv(n, d int) int { return (n + d - 1) / d }

// run is work on a goroutine of its own.
func (b *batch) run() {
	b.work()
	b.done.Done()
}

// work hashes groups until all are taken.
func (b *batch) work() {
	for {
		end := int(b.next.Add(int64(b.group)))
		start := end - b.group
		if start >= len(b.headers) {
			return
		}
		end = min(end, len(b.headers))
		m := b.mixer
		if end-start == 1 {
			m = portable // a lone hash leaves vector code waiting on its latencies
		}
		m.hash(b.out[start:end], b.headers[start:end])
	}
}

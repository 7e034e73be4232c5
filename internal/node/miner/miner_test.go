package miner

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/template"
	"github.com/layeredpow/lamina/internal/node/work"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/pow"
)

func job(t testing.TB, algorithm pow.Algorithm, height int32, bits uint32, layers ...work.Layer) *work.Job {
	t.Helper()
	tpl, err := template.Assemble(template.Parts{Prev: spv.Hash{byte(height), byte(height >> 8)}, Height: height, Version: 0x20000000, Bits: bits,
		Time: 1_700_000_000, Outputs: []template.Output{{Value: 50, Script: []byte{0x51}}}})
	if err != nil {
		t.Fatal(err)
	}
	j, err := work.NewJob(algorithm, tpl, layers)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func layer(id int32, bits uint) work.Layer {
	l := work.Layer{Chain: "layer", ID: id, Hash: spv.Hash{byte(id)}}
	l.Target.SetAllOne()
	l.Target.Rsh(&l.Target, bits)
	return l
}

// TestMiner mines a chain of jobs on several threads: every solution has its work, all layers are served, and nobody
// works on without a job.
func TestMiner(t *testing.T) {
	for _, algorithm := range []pow.Algorithm{pow.SHA256d, pow.Scrypt} {
		t.Run(algorithm.String(), func(t *testing.T) {
			bits, layerBits, blocks := uint32(0x1f00ffff), uint(15), int32(5)
			if algorithm == pow.Scrypt {
				bits, layerBits = 0x2007ffff, 2
			}
			ctx, stop := context.WithCancel(context.Background())
			defer stop()
			var mu sync.Mutex
			var layersSolved int
			height := int32(1)
			var board *work.Board
			board = work.NewBoard(func(s *work.Solution) {
				mu.Lock()
				defer mu.Unlock()
				if hash := algorithm.Sum((*[80]byte)(&s.Header)); s.Parent && !spv.Meets(&hash, &s.Job.Parent.Target) {
					t.Errorf("block %d without its work", s.Job.Parent.Height)
				}
				for _, i := range s.Layers {
					r := &spv.AuxRules{ChainID: s.Job.Layers[i].ID, StrictID: true, IndexZero: true, Layer: true}
					if err := r.CheckProof(s.Job.Layers[i].Hash, r.ChainID, s.Proof(i), nil); err != nil {
						t.Error(err)
					}
					layersSolved++
				}
				if !s.Parent || s.Job.Parent.Height != height {
					return
				}
				if height++; height > blocks {
					board.Post(nil)
					stop()
					return
				}
				board.Post(job(t, algorithm, height, bits, layer(0x4c00, layerBits), layer(0x4c01, layerBits+1)))
			})
			m, err := New(board, Settings{Threads: 3, Failed: func(err error) { t.Error(err) }})
			if err != nil {
				t.Fatal(err)
			}
			board.Post(job(t, algorithm, 1, bits, layer(0x4c00, layerBits), layer(0x4c01, layerBits+1)))
			m.Run(ctx)
			if height != blocks+1 || layersSolved == 0 || m.Hashes() == 0 {
				t.Fatalf("height %d, %d layer blocks, %d hashes", height, layersSolved, m.Hashes())
			}
		})
	}
}

// TestRate: a paced miner tries what it may, by a clock of the test's own, whatever the threads.
func TestRate(t *testing.T) {
	for _, threads := range []int{1, 4} {
		synctest.Test(t, func(t *testing.T) {
			board := work.NewBoard(func(*work.Solution) { t.Error("solved the impossible") })
			board.Post(job(t, pow.SHA256d, 1, 0x0400ffff, layer(1, 250)))
			ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
			defer stop()
			m, err := New(board, Settings{Threads: threads, Rate: 10_000})
			if err != nil {
				t.Fatal(err)
			}
			m.Run(ctx)
			if n := m.Hashes(); n < 298_000 || n > 302_000+uint64(threads)<<12 {
				t.Errorf("%d threads: %d hashes in 30 s at 10000 a second", threads, n)
			}
			if rate := m.HashRate(); rate < 9_900 || rate > 10_100 {
				t.Errorf("%d threads: %g hashes a second", threads, rate)
			}
		})
	}
}

// TestInterval: blocks come no faster than asked for.
func TestInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var found []time.Time
		height := int32(1)
		var board *work.Board
		board = work.NewBoard(func(s *work.Solution) {
			found = append(found, time.Now())
			height++
			board.Post(job(t, pow.SHA256d, height, 0x207fffff))
		})
		board.Post(job(t, pow.SHA256d, height, 0x207fffff))
		ctx, stop := context.WithTimeout(context.Background(), 65*time.Second)
		defer stop()
		m, err := New(board, Settings{Threads: 1, Interval: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		m.Run(ctx)
		if len(found) != 7 {
			t.Errorf("%d blocks in 65 s, want 7", len(found))
		}
		for i := 1; i < len(found); i++ {
			if gap := found[i].Sub(found[i-1]); gap < 10*time.Second || gap > 11*time.Second {
				t.Errorf("block %d after %s", i, gap)
			}
		}
	})
}

// TestThreadsDiffer: no two threads try the same header.
func TestThreadsDiffer(t *testing.T) {
	source := &recorder{job: job(t, pow.SHA256d, 1, 0x207fffff), changed: make(chan struct{})}
	ctx, stop := context.WithCancel(context.Background())
	source.stop = stop
	m, err := New(source, Settings{Threads: 4, Tag: [4]byte{1, 2, 3, 4}})
	if err != nil {
		t.Fatal(err)
	}
	m.Run(ctx)
	seen := map[work.Share]bool{}
	for _, s := range source.shares {
		if seen[s] {
			t.Fatalf("share %+v twice", s)
		}
		seen[s] = true
		if [4]byte(s.ExtraNonce[:4]) != [4]byte{1, 2, 3, 4} {
			t.Fatalf("extranonce %x without the tag", s.ExtraNonce)
		}
	}
}

// recorder is a source that never has news, so that the miner goes on with the same job.
type recorder struct {
	job     *work.Job
	changed chan struct{}
	stop    func()
	mu      sync.Mutex
	shares  []work.Share
}

func (r *recorder) Job() (*work.Job, <-chan struct{}) { return r.job, r.changed }

func (r *recorder) Submit(j *work.Job, s work.Share) (*work.Solution, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.shares = append(r.shares, s); len(r.shares) == 500 {
		r.stop()
	}
	return j.Judge(s)
}

func TestSolve(t *testing.T) {
	h := job(t, pow.SHA256d, 1, 0x1f00ffff).Parent.Header([]byte("coinbase"))
	if !Solve(context.Background(), pow.SHA256d, &h) {
		t.Fatal("no nonce")
	}
	target, _ := spv.ParseTarget(h.Bits())
	nonce := h.Nonce()
	for n := uint32(0); n <= nonce; n++ {
		binary.LittleEndian.PutUint32(h[76:], n)
		if id := h.ID(); spv.Meets(&id, &target) != (n == nonce) {
			t.Fatalf("nonce %d found, nonce %d decides otherwise", nonce, n)
		}
	}
	gone, stop := context.WithCancel(context.Background())
	stop()
	binary.LittleEndian.PutUint32(h[72:], 0x1d00ffff)
	if Solve(gone, pow.SHA256d, &h) {
		t.Fatal("solved after the end")
	}
}

func TestNewRefuses(t *testing.T) {
	for _, s := range []Settings{{}, {Threads: 1 << 17}, {Threads: 1, Rate: -1}, {Threads: 1, Interval: -1}} {
		if _, err := New(nil, s); err == nil {
			t.Errorf("%+v is taken", s)
		}
	}
}

// BenchmarkMiner measures all of it: board, threads, scan, on one thread. Beside it are the loop
// of btcd's CPU miner, and the naive one: the standard library's SHA-256 twice over all 80 bytes.
func BenchmarkMiner(b *testing.B) {
	header, err := job(b, pow.SHA256d, 1, 0x0400ffff).Header(template.ExtraNonce{})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("btcd", func(b *testing.B) {
		var h wire.BlockHeader
		if err := h.Deserialize(bytes.NewReader(header[:])); err != nil {
			b.Fatal(err)
		}
		perNonce(b, func(nonce uint32) bool {
			h.Nonce = nonce
			hash := h.BlockHash()
			return blockchain.HashToBig(&hash).Sign() == 0
		})
	})
	b.Run("naive", func(b *testing.B) {
		h := header
		perNonce(b, func(nonce uint32) bool {
			binary.LittleEndian.PutUint32(h[76:], nonce)
			first := sha256.Sum256(h[:])
			return sha256.Sum256(first[:]) == [32]byte{}
		})
	})
	for _, algorithm := range []pow.Algorithm{pow.SHA256d, pow.Scrypt} {
		b.Run(algorithm.String(), func(b *testing.B) {
			board := work.NewBoard(func(*work.Solution) {})
			board.Post(job(b, algorithm, 1, 0x0400ffff))
			m, err := New(board, Settings{Threads: 1})
			if err != nil {
				b.Fatal(err)
			}
			ctx, stop := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() { m.Run(ctx); close(done) }()
			start, before := time.Now(), m.Hashes()
			for b.Loop() {
				time.Sleep(10 * time.Millisecond)
			}
			rate := float64(m.Hashes()-before) / time.Since(start).Seconds()
			stop()
			<-done
			b.ReportMetric(rate/1e6, "MH/s")
		})
	}
}

// perNonce tries nonces, and reports how many a second.
func perNonce(b *testing.B, solves func(nonce uint32) bool) {
	nonce := uint32(0)
	for b.Loop() {
		for range 10_000 {
			if nonce++; solves(nonce) {
				b.Fatal("a hash of zero")
			}
		}
	}
	b.ReportMetric(float64(nonce)/1e6/b.Elapsed().Seconds(), "MH/s")
}

package syncer

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcutil/gcs"
	"github.com/btcsuite/btcd/btcutil/gcs/builder"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/pow"
)

func benchRules() *spv.Rules {
	limit, _ := spv.ParseTarget(0x207fffff)
	r := &spv.Rules{Name: "bench", Work: pow.SHA256d, PowLimit: limit, ReorgLimit: 4000,
		Eras: []spv.Era{{Retarget: spv.Fixed, Spacing: 600}}}
	r.Genesis = spv.Header{72: 0xff, 73: 0xff, 74: 0x7f, 75: 0x20}
	return r
}

func benchHeaders(r *spv.Rules, n int) []spv.Sealed {
	run := make([]spv.Sealed, n)
	prev := r.Genesis
	target, _ := spv.ParseTarget(r.Genesis.Bits())
	for i := range run {
		h := spv.Header{0: 4}
		id := prev.ID()
		copy(h[4:], id[:])
		binary.LittleEndian.PutUint32(h[68:], prev.Time()+600)
		binary.LittleEndian.PutUint32(h[72:], r.Genesis.Bits())
		for nonce := uint32(0); ; nonce++ {
			binary.LittleEndian.PutUint32(h[76:], nonce)
			if id := h.ID(); spv.Meets(&id, &target) {
				break
			}
		}
		run[i].Header, prev = h, h
	}
	return run
}

// BenchmarkHeaders: 200,000 headers through Step, 2,000 a message.
func BenchmarkHeaders(b *testing.B) {
	r := benchRules()
	run := benchHeaders(r, 200_000)
	now := time.Unix(1_700_000_000, 0)
	b.ReportAllocs()
	for b.Loop() {
		m := New(spv.NewTree(r), [16]byte{})
		m.Step(now, Connected{Peer: 1, Height: int32(len(run))})
		for i := 0; i < len(run); i += msg.MaxHeaders {
			m.Step(now, Received{Peer: 1, Message: &msg.Headers{Headers: run[i : i+msg.MaxHeaders]}})
			m.Step(now, Resume{})
		}
		if m.Tree().Tip().Height != int32(len(run)) {
			b.Fatalf("tip %s", m.Tree().Tip())
		}
		b.StopTimer()
		var mem runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&mem)
		b.ReportMetric(float64(mem.HeapAlloc)/(1<<20)-float64(len(run)*(spv.HeaderSize+8))/(1<<20), "MiB-held")
		runtime.KeepAlive(m)
		b.StartTimer()
	}
	b.ReportMetric(float64(len(run))*float64(b.N)/b.Elapsed().Seconds(), "headers/s")
}

// shelf is a store of filters for the first blocks of a chain.
type shelf struct{ filters [][]byte }

func (s *shelf) FiltersTo() int32                           { return int32(len(s.filters)) }
func (s *shelf) FilterHeader(int32) (spv.Hash, bool)        { return spv.Hash{1}, true }
func (s *shelf) Filter(height int32) ([]byte, bool)         { return s.filters[height-1], true }
func (s *shelf) Headers(int32, int32) ([]spv.Header, error) { return nil, nil }

// BenchmarkRescan: stored filters of a main chain's size (7,600 elements, 20 kB) matched for
// 1,000 new scripts, beside the peer library over the same filters.
func BenchmarkRescan(b *testing.B) {
	const blocks, elements, watched = 200, 7600, 1000
	r := benchRules()
	run := benchHeaders(r, blocks)
	rng := rand.New(rand.NewPCG(1, 2))
	script := func() []byte {
		s := append([]byte{0, 20}, make([]byte, 20)...)
		binary.LittleEndian.PutUint64(s[2:], rng.Uint64())
		return s
	}
	s := &shelf{}
	for i := range run {
		id := run[i].Header.ID()
		set := make([][]byte, elements)
		for j := range set {
			set[j] = script()
		}
		f, err := gcs.BuildGCSFilter(builder.DefaultP, builder.DefaultM, builder.DeriveKey(&id), set)
		if err != nil {
			b.Fatal(err)
		}
		data, _ := f.NBytes()
		s.filters = append(s.filters, data)
	}
	scripts := make([][]byte, watched)
	for i := range scripts {
		scripts[i] = script()
	}
	tree := spv.NewTree(r)
	if _, err := tree.Connect(run, 0); err != nil {
		b.Fatal(err)
	}
	rate := func(b *testing.B) { b.ReportMetric(blocks*float64(b.N)/b.Elapsed().Seconds(), "filters/s") }
	b.Run("syncer", func(b *testing.B) {
		for b.Loop() {
			m := NewWith(Config{Tree: tree, Scan: &Scan{From: 1, Filters: s, Headers: s}})
			m.caught = true
			m.Step(time.Unix(1_700_000_000, 0), Watch{Scripts: scripts, From: 1})
			for i := 0; len(m.scan.rescans) > 0; i++ {
				m.Step(time.Unix(1_700_000_000, 0), Resume{})
				if i > blocks {
					b.Fatalf("%+v", m.Status())
				}
			}
		}
		rate(b)
	})
	b.Run("gcs", func(b *testing.B) {
		for b.Loop() {
			for i, data := range s.filters {
				id := run[i].Header.ID()
				f, err := gcs.FromNBytes(builder.DefaultP, builder.DefaultM, data)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := f.MatchAny(builder.DeriveKey(&id), scripts); err != nil {
					b.Fatal(err)
				}
			}
		}
		rate(b)
	})
}

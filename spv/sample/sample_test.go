package sample_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/sample"
)

func query(n uint64, security int) (q sample.Query) {
	binary.LittleEndian.PutUint64(q.Salt[:], n)
	q.Security, q.Keep = security, 50
	return q
}

func build(t testing.TB, w *world, q sample.Query, height, tail int32) []byte {
	t.Helper()
	p, err := sample.Build(w.chain, q, height, tail, w)
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestHonest: every honest chain passes, whatever its length, tail, difficulty and salt.
func TestHonest(t *testing.T) {
	for _, height := range []int32{2, 3, 7, 64, 65, 1000, 3001} {
		w := newWorld(t, int(height), true, nil)
		var work uint256.Int
		for h := range height + 1 {
			header, _ := w.Header(h)
			target, _ := spv.ParseTarget(header.Bits())
			one := spv.WorkOf(&target)
			work.Add(&work, &one)
		}
		for _, tail := range []int32{1, 16, 5000} {
			tail = min(tail, 4096)
			for n := range uint64(5) {
				q := query(n, 20)
				got, err := sample.Verify(build(t, w, q, height, tail), w.chain, q, nil, 0)
				if err != nil {
					t.Fatalf("height %d, tail %d, salt %d: %v", height, tail, n, err)
				}
				if got.Work != work || got.Tip.Height != height || got.Tip.Hash != w.tip.ID() || got.Tail != int(min(tail, height-1))+1 ||
					got.Start.Last.Height != max(height-50, 0) || (got.Samples > 0) != (got.Octaves > 0) {
					t.Fatalf("height %d, tail %d: %+v", height, tail, got)
				}
				tree, err := got.Start.Tree(&w.chain.Rules)
				if err == nil {
					_, err = tree.Connect(w.run(t, tree.Tip().Height+1, height), 0)
				}
				if err != nil || tree.Tip() != got.Tip || tree.Work() != work || tree.Base() != max(height-60, 0) {
					t.Fatalf("height %d, tail %d: tree from %d at %v with work %v, %v", height, tail, tree.Base(), tree.Tip(), tree.Work(), err)
				}
			}
		}
	}
}

// run is the headers from one height to another, with their proofs.
func (w *world) run(t testing.TB, from, to int32) (list []spv.Sealed) {
	t.Helper()
	for h := from; h <= to; h++ {
		header, err := w.Header(h)
		if err != nil {
			t.Fatal(err)
		}
		aux, err := w.Aux(h)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, spv.Sealed{Header: header, Aux: aux})
	}
	return list
}

// TestSoundness: chains of which less than half was worked for after some point pass no more often than stated, with the false blocks where
// they serve the liar best. Where they stand in the tail, they never pass.
func TestSoundness(t *testing.T) {
	const height, tail, security, tries = 4000, 32, 3, 200
	w := newWorld(t, height, false, nil)
	for _, fork := range []int32{1, 500, 1900, 2000, 3000, 3500, 3900, 3930, 3960} {
		real := fork + (height-fork)/2 + 1 // from here on there was work
		w.false = func(h int32) bool { return h >= fork && h < real }
		passed := 0
		for n := range uint64(tries) {
			q := query(n+uint64(fork)<<32, security)
			if _, err := sample.Verify(build(t, w, q, height, tail), w.chain, q, nil, 0); err == nil {
				passed++
			}
		}
		stated := math.Pow(2, -security)
		limit := stated*tries + 3*math.Sqrt(stated*(1-stated)*tries)
		t.Logf("fork at %d of %d: passed %d of %d", fork, height, passed, tries)
		if float64(passed) > limit || (real > height-tail && passed > 0) {
			t.Errorf("fork at %d: passed %d of %d, stated at most 2^-%d", fork, passed, tries, security)
		}
	}
}

// TestForged: other lies, each with enough security that it must be found.
func TestForged(t *testing.T) {
	const height, tail = 2000, 64
	all := func(int32) bool { return true }
	for _, c := range []struct {
		name  string
		wrong func(h *spv.Header, height int32)
		work  func(int32) bool
		check string
	}{
		{"no work", nil, all, spv.CheckRootPresent},
		{"more difficulty than due", func(h *spv.Header, height int32) {
			if height < 1500 {
				binary.LittleEndian.PutUint32(h[72:], 0x203fffff)
			}
		}, nil, spv.CheckDifficulty},
		{"blocks beside each other", func(h *spv.Header, height int32) {
			if height < 1500 {
				h[5] ^= 1 // the previous block's id
			}
		}, nil, sample.CheckLinked},
		{"another chain id", func(h *spv.Header, height int32) {
			if height < 1500 {
				h[2]++
			}
		}, nil, spv.CheckChainID},
	} {
		w := newWorld(t, height, false, c.wrong)
		if c.work != nil {
			w.false = c.work
		}
		q := query(1, 30)
		_, err := sample.Verify(build(t, w, q, height, tail), w.chain, q, nil, 0)
		wantCheck(t, c.name, err, c.check)
	}
}

// TestPadded: work that only the range has, in the tail, where headers are not looked up in it one by one.
func TestPadded(t *testing.T) {
	const height, tail = 1000, 64
	w := skewedWorld(t, height, false, nil, func(h int32, l *merkle.Node) {
		if h == height-20 {
			l.Work.Lsh(&l.Work, 4)
		}
	})
	p, err := sample.Build(w.chain, query(1, 5), height, tail, w)
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	_, err = sample.Verify(b, w.chain, query(1, 5), nil, 0)
	wantCheck(t, "padded tail", err, sample.CheckTail)
}

// TestHeavyStart: headers on the way to the start's last, which are not looked up in the range one by one, claim more work
// than the range has in all, or than there can be. The work below them would come out as less than none.
func TestHeavyStart(t *testing.T) {
	const height, tail = 1000, 20
	for _, c := range []struct {
		name  string
		bits  uint32
		heavy int32 // so many of them
	}{{"more than the range", 0x1d00ffff, 1}, {"more than there can be", 0x03000001, 2}} {
		q := query(1, 1)
		last := height - q.Keep
		odd := func(h int32) bool { return h < last && h >= last-c.heavy }
		var light uint256.Int
		light.SetOne()
		w := skewedWorld(t, height, false, func(h *spv.Header, at int32) {
			if odd(at) {
				binary.LittleEndian.PutUint32(h[72:], c.bits)
			}
		}, func(h int32, l *merkle.Node) {
			if odd(h) {
				l.Work = light
			}
		})
		_, err := sample.Verify(build(t, w, q, height, tail), w.chain, q, nil, 0)
		wantCheck(t, c.name, err, sample.CheckStart)
	}
}

// TestSpoiled changes one thing in a good proof.
func TestSpoiled(t *testing.T) {
	const height, tail = 2000, 64
	w := newWorld(t, height, true, nil)
	q := query(9, 20)
	for _, c := range []struct {
		name  string
		spoil func(p *sample.Proof)
		check string
	}{
		{"another chain", func(p *sample.Proof) { p.Chain[0] ^= 1 }, sample.CheckChain},
		{"another coinbase", func(p *sample.Proof) { p.Coinbase = slices.Concat(p.Coinbase[:5], []byte{7}, p.Coinbase[6:]) }, merkle.CheckCoinbase},
		{"a longer chain", func(p *sample.Proof) { p.Height++ }, merkle.CheckRangeRoot},
		{"no tail", func(p *sample.Proof) { p.Tail = nil }, sample.CheckTail},
		{"a shorter tail", func(p *sample.Proof) { p.Tail = p.Tail[1:] }, sample.CheckLinked},
		{"a gap in the tail", func(p *sample.Proof) { p.Tail = slices.Delete(p.Tail, 5, 6) }, sample.CheckLinked},
		{"another header below", func(p *sample.Proof) { p.Below[77] ^= 1 }, sample.CheckLinked},
		{"no samples", func(p *sample.Proof) { p.Samples = nil }, sample.CheckDraws},
		{"a sample left out", func(p *sample.Proof) { p.Samples = slices.Delete(p.Samples, 4, 5) }, sample.CheckDraws},
		{"a sample twice", func(p *sample.Proof) { p.Samples = slices.Insert(p.Samples, 4, p.Samples[4]) }, sample.CheckDraws},
		{"a sample that nobody drew", func(p *sample.Proof) {
			for h := int32(1); ; h++ {
				i, found := slices.BinarySearchFunc(p.Samples, h, func(s sample.Sample, h int32) int { return int(s.Height - h) })
				if !found {
					p.Samples = slices.Insert(p.Samples, i, w.sample(t, h))
					return
				}
			}
		}, sample.CheckDraws},
		{"another height", func(p *sample.Proof) { p.Samples[3].Height++ }, merkle.CheckRangeRoot},
		{"another proof of work", func(p *sample.Proof) { p.Samples[3].Block.Aux = p.Samples[4].Block.Aux }, spv.CheckRootPresent},
		{"another header before", func(p *sample.Proof) { p.Samples[3].Before[77] ^= 1 }, sample.CheckLinked},
		{"another path", func(p *sample.Proof) { p.Samples[3].Path = p.Samples[3].BeforePath }, ""},
		{"another genesis path", func(p *sample.Proof) { p.GenesisPath = p.LastPath }, ""},
		{"another start", func(p *sample.Proof) { p.Start[len(p.Start)-1][77] ^= 1 }, merkle.CheckRangeRoot},
		{"a start of other headers", func(p *sample.Proof) { p.Start[0][77] ^= 1 }, sample.CheckLinked},
		{"a shorter start", func(p *sample.Proof) { p.Start = p.Start[1:] }, sample.CheckStart},
		{"no start", func(p *sample.Proof) { p.Start = nil }, sample.CheckStart},
		{"another start path", func(p *sample.Proof) { p.StartPath = p.LastPath }, ""},
		{"another last path", func(p *sample.Proof) { p.LastPath = p.BelowPath }, ""},
	} {
		p, err := sample.Build(w.chain, q, height, tail, w)
		if err != nil {
			t.Fatal(err)
		}
		c.spoil(p)
		b, err := p.Encode()
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		got, err := sample.Verify(b, w.chain, q, nil, 0)
		if got != nil || err == nil {
			t.Errorf("%s: passed", c.name)
		} else if c.check != "" {
			wantCheck(t, c.name, err, c.check)
		}
	}
}

// TestOtherQuestion: a good proof does not answer a question that differs in one thing from the one it was built for.
func TestOtherQuestion(t *testing.T) {
	const height, tail = 2000, 64
	w := newWorld(t, height, true, nil)
	q := query(9, 20)
	good := build(t, w, q, height, tail)
	_, err := sample.Verify(good, w.chain, query(10, 20), nil, 0)
	wantCheck(t, "another salt", err, sample.CheckDraws)
	_, err = sample.Verify(good, w.chain, query(9, 40), nil, 0)
	wantCheck(t, "more security", err, sample.CheckDraws)
	_, err = sample.Verify(good, w.chain, query(9, 0), nil, 0)
	wantCheck(t, "no security", err, sample.CheckDraws)
	for _, keep := range []int32{0, 49, 51} {
		other := q
		other.Keep = keep
		_, err = sample.Verify(good, w.chain, other, nil, 0)
		if err == nil {
			t.Errorf("%d blocks kept: passed", keep)
		}
	}
	_, err = sample.Verify(good, w.chain, q, nil, 1_700_000_000)
	wantCheck(t, "from the future", err, spv.CheckFutureTime)
	anotherLength(t, good)
}

// anotherLength wants a good proof that is cut short, longer, or longer than any not to be parsed.
func anotherLength(t *testing.T, good []byte) {
	t.Helper()
	for n := 0; n < len(good); n += 101 {
		if _, err := sample.Parse(good[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes parsed", n, len(good))
		}
	}
	if _, err := sample.Parse(append(slices.Clone(good), 0)); err == nil {
		t.Error("a byte behind the proof was taken")
	}
	if _, err := sample.Parse(make([]byte, sample.MaxProof+1)); err == nil {
		t.Error("too large a proof was taken")
	}
}

// sample is what Build makes of a block that was drawn.
func (w *world) sample(t testing.TB, height int32) (s sample.Sample) {
	t.Helper()
	s.Height = height
	s.Before, _ = w.Header(height - 1)
	s.Block.Header, _ = w.Header(height)
	s.Block.Aux, _ = w.Aux(height)
	var err error
	if s.BeforePath, err = merkle.Prove(w, uint64(w.n), uint64(height-1)); err != nil {
		t.Fatal(err)
	}
	if s.Path, err = merkle.Prove(w, uint64(w.n), uint64(height)); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBuildRefuses(t *testing.T) {
	w := newWorld(t, 10, false, nil)
	for _, c := range []struct {
		height, tail int32
		security     int
	}{{1, 1, 20}, {10, 0, 20}, {10, 5000, 20}, {10, 5, 0}, {10, 5, 129}, {11, 5, 20}} {
		if _, err := sample.Build(w.chain, query(1, c.security), c.height, c.tail, w); err == nil {
			t.Errorf("%+v: built", c)
		}
	}
}

func TestDraws(t *testing.T) {
	for _, octaves := range []int{2, 5, 13, 31} {
		for _, security := range []int{1, 32, 128} {
			n := sample.Draws(security, octaves)
			miss := 1 - 1/float64(octaves)
			if -float64(n)*math.Log2(miss) < float64(security) || -float64(n-1)*math.Log2(miss) >= float64(security) {
				t.Errorf("%d octaves, %d bits: %d draws", octaves, security, n)
			}
		}
	}
	if sample.Draws(32, 1) != 1 || sample.Draws(32, 0) != 0 {
		t.Error("one octave, or none")
	}
}

// TestMillion: a layer of a million blocks, with parents' proofs as large as real ones (1.67 kB on average, as with coinbases that pay
// a pool's members), fits in a mebibyte at 32 bits.
func TestMillion(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it makes a million headers; the whole run does")
	}
	const height, tail, security = 1_000_000, 128, 32
	w := newWorld(t, height, false, nil)
	w.bulk = 1070
	q := query(77, security)
	q.Keep = 2880
	begun := time.Now()
	raw := build(t, w, q, height, tail)
	built := time.Since(begun)
	begun = time.Now()
	got, err := sample.Verify(raw, w.chain, q, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	aux, _ := w.Aux(5)
	t.Logf("built in %s, parents' proofs made, verified in %s", built, time.Since(begun))
	t.Logf("%d bytes, proofs of %d bytes, %d samples and %d blocks of tail in %d octaves", len(raw), len(aux.Append(nil)), got.Samples, got.Tail, got.Octaves)
	if len(raw) > 1<<20 || len(aux.Append(nil)) < 1650 {
		t.Errorf("%d bytes with proofs of %d, want at most %d with at least 1650", len(raw), len(aux.Append(nil)), 1<<20)
	}
}

// FuzzParse: what parses encodes back to the same bytes, and never panics when it is judged.
func FuzzParse(f *testing.F) {
	w := newWorld(f, 60, true, nil)
	q := query(3, 2)
	q.Keep = 20
	f.Add(build(f, w, q, 60, 2))
	f.Add(build(f, w, q, 60, 60))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := sample.Parse(b)
		if err != nil {
			return
		}
		again, err := p.Encode()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%v: %d bytes came back as %d", err, len(b), len(again))
		}
		r, err := sample.Verify(b, w.chain, q, nil, 0)
		if (r == nil) == (err == nil) {
			t.Fatal("a result and an error, or neither")
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	w := newWorld(b, 50_000, false, nil)
	q := query(3, 32)
	raw := build(b, w, q, 50_000, 128)
	b.ReportMetric(float64(len(raw)), "bytes")
	for b.Loop() {
		if _, err := sample.Verify(raw, w.chain, q, nil, 0); err != nil {
			b.Fatal(err)
		}
	}
}

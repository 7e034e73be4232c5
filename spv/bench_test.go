package spv_test

import (
	"bytes"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv"
)

// bareHash is the least that a header costs: SHA-256 twice over its 80 bytes.
func bareHash(b []byte) [32]byte {
	first := sha256.Sum256(b)
	return sha256.Sum256(first[:])
}

// BenchmarkHeaders validates 100,000 real headers from their bytes on, 2,000 at a time:
// decode, link, difficulty, median time, work. The bare rate hashes the same headers in
// the same run.
func BenchmarkHeaders(b *testing.B) {
	rules := rulesFor(b, "bitcoin")
	raw := testdata.Read(b, "headers/bitcoin-mainnet-0-99999.neutrino.bz2")[10+spv.HeaderSize:]
	count := len(raw) / spv.HeaderSize
	var whole, bare time.Duration
	var sink byte
	run := make([]spv.Sealed, 0, 2000)
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		tree := spv.NewTree(rules)
		for rest := raw; len(rest) > 0; {
			run = run[:0]
			for len(run) < 2000 && len(rest) > 0 {
				s, n, err := spv.ParseSealed(rest, false)
				if err != nil {
					b.Fatal(err)
				}
				run = append(run, s)
				rest = rest[n:]
			}
			if _, err := tree.Connect(run, 0); err != nil {
				b.Fatal(err)
			}
		}
		mid := time.Now()
		for rest := raw; len(rest) > 0; rest = rest[spv.HeaderSize:] {
			h := bareHash(rest[:spv.HeaderSize])
			sink ^= h[0]
		}
		whole, bare = whole+mid.Sub(start), bare+time.Since(mid)
		if tree.Tip().Height != int32(count) {
			b.Fatal(tree.Tip())
		}
	}
	done := float64(count) * float64(b.N)
	b.ReportMetric(done/whole.Seconds(), "headers/s")
	b.ReportMetric(done/bare.Seconds(), "bare/s")
	b.ReportMetric(bare.Seconds()/whole.Seconds(), "ratio")
	_ = sink
}

// benchProof is a proof of common size: a coinbase of some 250 bytes, 12 hashes up to the
// parent's root, 4 to the merged-mining root.
func benchProof(t testing.TB) (*spv.Rules, spv.Sealed) {
	rules := familyRules()
	f := forged(rules, 100)
	f.coinbaseBranch = siblings(12, 0x10)
	f.tail = make([]byte, 138)
	s := f.seal(t)
	if n := len(s.Aux.Coinbase.Bytes()); n < 245 || n > 255 {
		t.Fatalf("coinbase of %d bytes", n)
	}
	return rules, s
}

// straightLine is what a verification cannot do without, and nothing else: ids, 16 pairs
// of hashes, one search, the parent's hash.
func straightLine(s *spv.Sealed) bool {
	p := s.Aux
	var pair [64]byte
	node := bareHash(p.Coinbase.Bytes())
	for i := range p.CoinbaseBranch {
		copy(pair[:32], node[:])
		copy(pair[32:], p.CoinbaseBranch[i][:])
		node = bareHash(pair[:])
	}
	if !bytes.Equal(node[:], p.Parent[36:68]) {
		return false
	}
	node = bareHash(s.Header[:])
	for i := range p.ChainBranch {
		left, right := pair[:32], pair[32:]
		if p.Slot>>i&1 != 0 {
			left, right = right, left
		}
		copy(left, node[:])
		copy(right, p.ChainBranch[i][:])
		node = bareHash(pair[:])
	}
	for i := range 16 {
		node[i], node[31-i] = node[31-i], node[i]
	}
	script := p.Coinbase.FirstScript()
	at := bytes.Index(script, node[:])
	work := bareHash(p.Parent[:])
	return at >= 4 && bytes.Equal(script[at-4:at], []byte{0xfa, 0xbe, 'm', 'm'}) && work[31] < 0x80
}

// BenchmarkAuxPoW verifies one proof again and again, parsed before or each time, and in
// the same run does the straight line's work.
func BenchmarkAuxPoW(b *testing.B) {
	rules, s := benchProof(b)
	raw := s.Append(nil)
	if !straightLine(&s) {
		b.Fatal("the straight line refuses the proof")
	}
	const batch = 1000
	for _, v := range []struct {
		name   string
		verify func() error
	}{
		{"verify", func() error { return rules.CheckWork(&s, 100, nil) }},
		{"parse and verify", func() error {
			p, _, err := spv.ParseSealed(raw, true)
			if err != nil {
				return err
			}
			return rules.CheckWork(&p, 100, nil)
		}},
	} {
		b.Run(v.name, func(b *testing.B) {
			var whole, bare time.Duration
			for b.Loop() {
				start := time.Now()
				for range batch {
					if err := v.verify(); err != nil {
						b.Fatal(err)
					}
				}
				mid := time.Now()
				for range batch {
					if !straightLine(&s) {
						b.Fatal("the straight line refuses the proof")
					}
				}
				whole, bare = whole+mid.Sub(start), bare+time.Since(mid)
			}
			done := batch * float64(b.N)
			b.ReportMetric(done/whole.Seconds(), "proofs/s")
			b.ReportMetric(done/bare.Seconds(), "straight/s")
			b.ReportMetric(bare.Seconds()/whole.Seconds(), "ratio")
			b.ReportMetric(testing.AllocsPerRun(100, func() { _ = v.verify() }), "allocs/proof")
		})
	}
}

// BenchmarkAuxPoWChain reads and connects 2,000 headers with a proof of common size each, as
// they come in a message. The straight rate is one after the other without the chain.
func BenchmarkAuxPoWChain(b *testing.B) {
	rules := familyRules()
	rules.AuxPoW.Start, rules.AuxPoW.LegacyBefore = 1, 0
	prev, time0 := rules.Genesis.ID(), rules.Genesis.Time()
	var raw []byte
	var run []spv.Sealed
	for i := range uint32(2000) {
		f := forged(rules, 1)
		f.header = header(withVersion(rules.AuxPoW.ChainID<<16|0x0104), prev, time0+600*(i+1), easyBits, 9)
		f.coinbaseBranch, f.tail = siblings(12, 0x10), make([]byte, 138)
		s := f.seal(b)
		raw, prev = s.Append(raw), s.Header.ID()
		run = append(run, s)
	}
	var whole, bare time.Duration
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		tree, parsed := spv.NewTree(rules), make([]spv.Sealed, 0, len(run))
		for rest := raw; len(rest) > 0; {
			s, n, err := spv.ParseSealed(rest, true)
			if err != nil {
				b.Fatal(err)
			}
			parsed, rest = append(parsed, s), rest[n:]
		}
		if _, err := tree.Connect(parsed, 0); err != nil {
			b.Fatal(err)
		}
		mid := time.Now()
		for i := range run {
			if !straightLine(&run[i]) {
				b.Fatal("the straight line refuses the proof")
			}
		}
		whole, bare = whole+mid.Sub(start), bare+time.Since(mid)
	}
	done := float64(len(run)) * float64(b.N)
	b.ReportMetric(done/whole.Seconds(), "headers/s")
	b.ReportMetric(done/bare.Seconds(), "straight/s")
	b.ReportMetric(bare.Seconds()/whole.Seconds(), "ratio")
}

// TestVerifyAllocatesNothing: only parsing a proof may allocate, three times at most: the
// proof and its two branches.
func TestVerifyAllocatesNothing(t *testing.T) {
	rules, s := benchProof(t)
	if n := testing.AllocsPerRun(100, func() { _ = rules.CheckWork(&s, 100, nil) }); n != 0 {
		t.Errorf("verification allocates %.0f times, want 0", n)
	}
	raw := s.Append(nil)
	if n := testing.AllocsPerRun(100, func() { _, _, _ = spv.ParseSealed(raw, true) }); n > 3 {
		t.Errorf("parsing allocates %.0f times, want 3 at most", n)
	}
}

package fee

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv"
)

// TestRate holds the arithmetic against big integers.
func TestRate(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 20_000 {
		r, w := Rate(rng.Int64N(int64(MaxRate))>>rng.IntN(50)), rng.Int64N(4_000_000)
		want := new(big.Int).Mul(big.NewInt(int64(r)), big.NewInt((w+3)/4))
		want.Div(want.Add(want, big.NewInt(999)), big.NewInt(1000))
		if got := r.Of(w); got != want.Int64() {
			t.Fatalf("%d over %d: %d, want %s", r, w, got, want)
		}
		if fee := r.Of(w); w > 0 && (RateOf(fee, w) < r || fee > 0 && RateOf(fee-1, w) >= r) {
			t.Fatalf("%d over %d: fee %d pays %d", r, w, fee, RateOf(fee, w))
		}
	}
	if RateOf(math.MaxInt64, 1) != MaxRate || RateOf(5, 0) != 0 {
		t.Error("bounds")
	}
	if s := Rate(1500).String(); s != "1.500/vB" {
		t.Error(s)
	}
}

// TestFromParent reads the fees of the parent chain out of real proofs.
func TestFromParent(t *testing.T) {
	for _, c := range []struct {
		file          string
		subsidy, fees int64
	}{
		{"auxpow/namecoin-mainnet/19414.hex", 50e8, 4302413},
		{"auxpow/dogecoin-mainnet/371337.hex", 50e8, 400000},
	} {
		s, _, err := spv.ParseSealed(testdata.Hex(t, c.file), true)
		if err != nil {
			t.Fatal(err)
		}
		outputs := int64(0)
		s.Aux.Coinbase.EachOutput(func(value int64, _ []byte) bool { outputs += value; return true })
		got, ok := FromParent(outputs, c.subsidy, 4_000_000, 7)
		if want := Rate(c.fees / 1000); !ok || got.Rate != want || got.Source != Parent || got.Time != 7 {
			t.Errorf("%s: %+v %v, want rate %d", c.file, got, ok, want)
		}
		if _, ok := FromParent(outputs, c.subsidy*2, 4_000_000, 7); ok {
			t.Errorf("%s: a coinbase below the subsidy says something", c.file)
		}
		if _, ok := FromParent(-1, -2, 4_000_000, 7); ok {
			t.Errorf("%s: outputs without a sense say something", c.file)
		}
	}
}

func TestFrom(t *testing.T) {
	const now = 1_000_000
	blocks := func(rates ...Rate) (out []Sample) {
		for _, r := range rates {
			out = append(out, Sample{Block, r, now - 60})
		}
		return out
	}
	for _, c := range []struct {
		name    string
		samples []Sample
		want    string
	}{
		{"nothing", nil, "at least 1/vB by policy; what blocks ask is not known"},
		{"peers", []Sample{{Peer, 3000, now}, {Peer, 2000, now}, {Peer, 900_000_000, now}}, "at least 3/vB (3 peers); what blocks ask is not known"},
		{"one liar of two", []Sample{{Peer, 2000, now}, {Peer, 900_000_000, now}}, "at least 2/vB (2 peers); what blocks ask is not known"},
		{"blocks", blocks(5000, 9000, 7000, 8000, 900_000_000), "7/vB to 9/vB, mean of 5 blocks; at least 1/vB by policy"},
		{"stale", []Sample{{Block, 5000, now - MaxAge - 1}, {Block, 5000, now + MaxAge + 1}, {Block, -1, now}}, "at least 1/vB by policy; what blocks ask is not known"},
		{"empty blocks", blocks(0, 0, 0), "1/vB to 1/vB, mean of 3 blocks; at least 1/vB by policy"},
		{"proofs", []Sample{{Parent, 4000, now}, {Parent, 5000, now}, {Parent, 3000, now}, {Parent, 9000, now}}, "4/vB to 5/vB, mean of 4 merged-mining proofs; at least 1/vB by policy"},
		{"two blocks are not enough", blocks(5000, 900_000_000), "at least 1/vB by policy; what blocks ask is not known"},
		{"blocks first", append(blocks(5000, 5000, 6000), Sample{Parent, 4000, now}, Sample{Parent, 4000, now}, Sample{Parent, 4000, now}),
			"5/vB to 6/vB, mean of 3 blocks; at least 1/vB by policy"},
	} {
		if got := From(c.samples, 1000, now).String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if _, ok := FromBlock(49, 50, 400, 1); ok {
		t.Error("a coinbase below the subsidy")
	}
	if s, ok := FromBlock(150, 50, 400, 1); !ok || s.Rate != 1000 || !strings.Contains(s.Source.String(), "blocks") {
		t.Errorf("%+v", s)
	}
}

package spv_test

import (
	"testing"

	"github.com/layeredpow/lamina/spv"
)

// uniform answers every height alike and remembers the lowest that it was asked for.
type uniform struct {
	last   int32 // the header below the one that is judged
	point  spv.Point
	older  uint32 // time of all headers below last
	lowest int32
}

func (u *uniform) At(height int32) (spv.Point, bool) {
	u.lowest = min(u.lowest, height)
	if height == u.last {
		return u.point, true
	}
	return spv.Point{Time: u.older, Bits: u.point.Bits}, true
}

// required returns the bits at height when the last block came span seconds after all
// those below it, and the lowest height that the rule looked at.
func required(t testing.TB, chain string, height int32, bits uint32, span, step int64) (uint32, int32) {
	t.Helper()
	const base = 1_500_000_000
	u := &uniform{last: height - 1, point: spv.Point{Time: uint32(base + span), Bits: bits}, older: base, lowest: height}
	got, ok := rulesFor(t, chain).RequiredBits(u, height, uint32(base+span+step))
	if !ok {
		t.Fatalf("%s %d: not at hand", chain, height)
	}
	return got, u.lowest
}

// TestLookback: how far back an adjustment looks, above all where a chain changed it.
func TestLookback(t *testing.T) {
	for _, v := range []struct {
		chain          string
		height, lowest int32
	}{
		{"bitcoin", 2016, 0}, {"bitcoin", 4032, 2016}, {"bitcoin", 4033, 4032}, {"bitcoin-testnet4", 4032, 2016},
		{"litecoin", 2016, 0}, {"litecoin", 4032, 2015}, {"litecoin-testnet", 4032, 2015},
		{"namecoin", 2016, 0}, {"namecoin", 18144, 16128}, {"namecoin", 20160, 18143}, {"namecoin", 401184, 399167},
		{"namecoin-testnet", 2016, 0}, {"namecoin-testnet", 4032, 2015},
		{"dogecoin", 240, 0}, {"dogecoin", 480, 239}, {"dogecoin", 144960, 144719}, {"dogecoin", 144999, 144998},
		{"dogecoin", 145000, 144998}, {"dogecoin", 145001, 144999}, {"dogecoin-testnet", 145000, 144998},
	} {
		if _, lowest := required(t, v.chain, v.height, 0x1c100000, 600, 60); lowest != v.lowest {
			t.Errorf("%s %d looks back to %d, want %d", v.chain, v.height, lowest, v.lowest)
		}
	}
}

// TestEras: the bounds of an adjustment, with values that can be worked out by hand.
func TestEras(t *testing.T) {
	const slow = 1 << 28
	for _, v := range []struct {
		chain  string
		height int32
		span   int64
		want   uint32
	}{
		{"bitcoin", 4032, 0, 0x1c040000}, {"bitcoin", 4032, -100, 0x1c040000}, {"bitcoin", 4032, slow, 0x1c400000},
		{"bitcoin", 4032, 1209600, 0x1c100000}, {"bitcoin", 4032, 604800, 0x1c080000}, {"bitcoin", 4033, 0, 0x1c100000},
		{"litecoin", 4032, 302400, 0x1c100000}, {"litecoin", 4032, 0, 0x1c040000},
		{"dogecoin", 4800, 0, 0x1c010000}, {"dogecoin", 5040, 0, 0x1c020000}, {"dogecoin", 9840, 0, 0x1c020000},
		{"dogecoin", 10080, 0, 0x1c040000}, {"dogecoin", 4800, slow, 0x1c400000}, {"dogecoin", 10080, slow, 0x1c400000},
		// 60 + (0-60)/8 is 53, as C truncates toward zero: 0x100000*53/60.
		{"dogecoin", 145000, 0, 0x1c0e2222}, {"dogecoin", 145000, 60, 0x1c100000}, {"dogecoin", 145000, -100, 0x1c0c0000},
		{"dogecoin", 145000, 1000, 0x1c180000}, {"dogecoin", 145000, 67, 0x1c100000}, {"dogecoin", 145000, 53, 0x1c100000},
		{"bitcoin-regtest", 4032, 0, 0x1c100000}, {"litecoin-regtest", 4032, slow, 0x1c100000}, {"dogecoin-regtest", 300, 0, 0x1c100000},
	} {
		if got, _ := required(t, v.chain, v.height, 0x1c100000, v.span, 60); got != v.want {
			t.Errorf("%s %d after %d s: bits %08x, want %08x", v.chain, v.height, v.span, got, v.want)
		}
	}
}

// TestEasing: when a late block on a test network is at minimum difficulty, and when not.
func TestEasing(t *testing.T) {
	for _, v := range []struct {
		chain  string
		height int32
		step   int64
		want   uint32
	}{
		{"bitcoin", 4040, 90000, 0x1c100000},
		{"bitcoin-testnet3", 4040, 1200, 0x1c100000}, {"bitcoin-testnet3", 4040, 1201, 0x1d00ffff},
		{"bitcoin-testnet3", 4032, 1201, 0x1c040000}, {"bitcoin-testnet4", 4040, 1201, 0x1d00ffff},
		{"bitcoin-testnet4", 4032, 90000, 0x1c040000}, {"bitcoin-testnet3", 4040, -5000, 0x1c100000},
		{"litecoin-testnet", 4040, 300, 0x1c100000}, {"litecoin-testnet", 4040, 301, 0x1e0fffff},
		{"namecoin-testnet", 4040, 1201, 0x1d0fffff}, {"namecoin-testnet", 4040, -1, 0x1d0fffff},
		{"namecoin-testnet", 4040, 0, 0x1c100000}, {"namecoin-testnet", 4032, 1201, 0x1c040000},
		{"dogecoin-testnet", 10081, 121, 0x1e0fffff}, {"dogecoin-testnet", 10081, 120, 0x1c100000},
		{"dogecoin-testnet", 10080, 121, 0x1c040000}, {"dogecoin-testnet", 150000, 121, 0x1c0e2222},
		{"dogecoin-testnet", 157500, 121, 0x1c0e2222}, {"dogecoin-testnet", 157501, 121, 0x1e0fffff},
		{"dogecoin-testnet", 157501, 120, 0x1c0e2222}, {"dogecoin", 400000, 121, 0x1c0e2222},
	} {
		if got, _ := required(t, v.chain, v.height, 0x1c100000, 0, v.step); got != v.want {
			t.Errorf("%s %d, %d s after the last: bits %08x, want %08x", v.chain, v.height, v.step, got, v.want)
		}
	}
	// One network's rule came with the clock.
	old := &uniform{last: 4039, point: spv.Point{Time: 1394838000 - 5000, Bits: 0x1c100000}}
	for _, v := range []struct{ time, want uint32 }{{1394838000, 0x1c100000}, {1394838001, 0x1d0fffff}} {
		if got, _ := rulesFor(t, "namecoin-testnet").RequiredBits(old, 4040, v.time); got != v.want {
			t.Errorf("time %d: bits %08x, want %08x", v.time, got, v.want)
		}
	}
}

// TestWalkBack: a block in time has the bits of the last one that was not eased, but none
// from below its own period.
func TestWalkBack(t *testing.T) {
	const eased, hard, harder = 0x1d00ffff, 0x1c100000, 0x1c080000
	rules := rulesFor(t, "bitcoin-testnet3")
	period := func(bits ...uint32) sparse { // from 4031 on
		s := sparse{}
		for i, b := range bits {
			s[4031+int32(i)] = spv.Point{Time: 1_500_000_000, Bits: b}
		}
		return s
	}
	for _, v := range []struct {
		name  string
		below sparse
		want  uint32
	}{
		{"one eased", period(harder, hard, eased), hard},
		{"several eased", period(harder, hard, eased, eased, eased), hard},
		{"none eased", period(harder, hard, hard), hard},
		{"all eased", period(harder, eased, eased), eased},
		{"the period's first", period(harder, hard), hard},
	} {
		height := 4031 + int32(len(v.below))
		if got, ok := rules.RequiredBits(v.below, height, 1_500_000_600); !ok || got != v.want {
			t.Errorf("%s: bits %08x, want %08x", v.name, got, v.want)
		}
	}
	if bits, ok := rules.RequiredBits(sparse{4035: {Bits: eased}}, 4036, 600); ok {
		t.Errorf("bits %08x without the headers that the walk needs", bits)
	}
}

// TestBIP94: the fourth test network scales the difficulty of a period's first block, and
// refuses a period that begins far before the last one ended.
func TestBIP94(t *testing.T) {
	const start = 1_700_000_000
	below := sparse{2016: {Time: start, Bits: 0x1c00ffff}, 4031: {Time: start + 1209600, Bits: 0x1d00ffff}}
	for chain, want := range map[string]uint32{"bitcoin-testnet3": 0x1d00ffff, "bitcoin-testnet4": 0x1c00ffff} {
		if got, ok := rulesFor(t, chain).RequiredBits(below, 4032, start+1209700); !ok || got != want {
			t.Errorf("%s: bits %08x, want %08x", chain, got, want)
		}
	}
	for _, v := range []struct {
		chain   string
		height  int32
		back    uint32
		refused bool
	}{
		{"bitcoin-testnet4", 4032, 600, false}, {"bitcoin-testnet4", 4032, 601, true},
		{"bitcoin-testnet4", 4033, 601, false}, {"bitcoin-testnet3", 4032, 601, false},
	} {
		last := start + 1209600
		at := sparse{2016: below[2016], v.height - 1: {Time: uint32(last), Bits: 0x1c00ffff}}
		h := header(spv.Header{}, spv.Hash{}, uint32(last)-v.back, 0x1c00ffff, 0)
		var rep spv.Report
		if err := rulesFor(t, v.chain).CheckContext(at, v.height, &h, 0, &rep); err != nil {
			t.Fatal(err)
		}
		if failed, ok := rep.Failure(); ok != v.refused || (ok && failed.Name != spv.CheckTimeWarp) {
			t.Errorf("%s %d, %d s back: %+v, want it refused: %v", v.chain, v.height, v.back, failed, v.refused)
		}
	}
}

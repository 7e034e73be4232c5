package chains_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// points is an ancestry that knows only some heights.
type points map[int32]spv.Point

func (p points) At(height int32) (spv.Point, bool) {
	at, ok := p[height]
	return at, ok
}

// firstHeights says how far back each chain looks from the last block before an adjustment,
// by the sources' prose: the heights between which they measure.
var firstHeights = map[string]func(last int32) int32{
	"bitcoin":  func(last int32) int32 { return last - 2015 },
	"litecoin": func(last int32) int32 { return max(last-2016, 0) },
	"dogecoin": func(last int32) int32 {
		if last >= 145_000 {
			return last - 1
		}
		return max(last-240, 0)
	},
}

// TestRetargetVectors runs the unit vectors of the reference implementations through the
// rules of the files. Only the two blocks that a rule measures between are at hand, so that
// a look at any other one fails.
func TestRetargetVectors(t *testing.T) {
	set := load(t)
	var file map[string]json.RawMessage
	if err := json.Unmarshal(testdata.Read(t, "vectors/retarget-unit-vectors.json"), &file); err != nil {
		t.Fatal(err)
	}
	n := 0
	for chain, first := range firstHeights {
		var vectors struct {
			Cases []struct {
				Name           string
				FirstBlockTime uint32 `json:"first_block_time"`
				LastHeight     int32  `json:"last_height"`
				LastTime       uint32 `json:"last_time"`
				LastBits       string `json:"last_bits"`
				ExpectedBits   string `json:"expected_bits"`
			}
		}
		if err := json.Unmarshal(file[chain], &vectors); err != nil {
			t.Fatal(err)
		}
		p := get(t, set, chain)
		for _, c := range vectors.Cases {
			last, want := parseBits(t, c.LastBits), parseBits(t, c.ExpectedBits)
			below := points{
				first(c.LastHeight): {Time: c.FirstBlockTime, Bits: last},
				c.LastHeight:        {Time: c.LastTime, Bits: last},
			}
			got, ok := p.RequiredBits(below, c.LastHeight+1, c.LastTime+1)
			if !ok || got != want {
				t.Errorf("%s: %s: bits %08x, %v, want %08x", chain, c.Name, got, ok, want)
			}
			n++
		}
	}
	if n != 14 {
		t.Errorf("%d vectors, want 14", n)
	}
}

func parseBits(t *testing.T, s string) uint32 {
	t.Helper()
	v, err := strconv.ParseUint(strings.TrimPrefix(s, "0x"), 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(v)
}

// TestNamecoinSwitch: the adjustment at 18144 is Bitcoin's, the one at 20160 looks one block
// further back.
func TestNamecoinSwitch(t *testing.T) {
	p := get(t, load(t), "namecoin")
	for height, first := range map[int32]int32{2016: 0, 18144: 16128, 20160: 18143, 22176: 20159} {
		below := points{first: {Time: 1_300_000_000, Bits: 0x1c007fff}, height - 1: {Time: 1_300_000_000 + 604_800, Bits: 0x1c007fff}}
		if got, ok := p.RequiredBits(below, height, 1_400_000_000); !ok || got != 0x1b3fff80 {
			t.Errorf("at %d: bits %08x, %v, want half of 1c007fff from block %d", height, got, ok, first)
		}
	}
}

// TestTestNetworks judges single blocks by the easing rules of the test networks.
func TestTestNetworks(t *testing.T) {
	set := load(t)
	const last, bits = 1_500_000_000, 0x1b0404cb
	for _, c := range []struct {
		chain  string
		height int32
		last   uint32
		gap    int64
		want   uint32
	}{
		{"bitcoin", 5000, last, 9999, bits},
		{"bitcoin-testnet3", 5000, last, 1200, bits}, {"bitcoin-testnet3", 5000, last, 1201, 0x1d00ffff},
		{"bitcoin-testnet4", 5000, last, 1201, 0x1d00ffff}, {"bitcoin-signet", 5000, last, 1201, bits},
		{"litecoin-testnet", 5000, last, 300, bits}, {"litecoin-testnet", 5000, last, 301, 0x1e0fffff},
		{"namecoin-testnet", 5000, last, 1201, 0x1d0fffff}, {"namecoin-testnet", 5000, last, -1, 0x1d0fffff}, {"namecoin-testnet", 5000, last, 0, bits},
		{"namecoin-testnet", 5000, 1_394_830_000, 8000, bits}, {"namecoin-testnet", 5000, 1_394_830_000, 8001, 0x1d0fffff},
		{"namecoin", 5000, last, -1, bits},
		{"dogecoin-testnet", 5001, last, 121, 0x1e0fffff}, {"dogecoin-testnet", 5001, last, 120, bits},
		{"dogecoin-testnet", 157_501, last, 121, 0x1e0fffff}, {"dogecoin-regtest", 5000, last, 1, bits}, {"litecoin-regtest", 2016, last, 1, bits},
	} {
		p := get(t, set, c.chain)
		below := points{c.height - 1: {Time: c.last, Bits: bits}}
		if got, ok := p.RequiredBits(below, c.height, uint32(int64(c.last)+c.gap)); !ok || got != c.want {
			t.Errorf("%s: %d s after its parent at %d: bits %08x, %v, want %08x", c.chain, c.gap, c.height, got, ok, c.want)
		}
	}
	// Between 145000 and 157500 no block of Dogecoin's test network is eased, however late.
	p := get(t, set, "dogecoin-testnet")
	for _, height := range []int32{145_000, 157_499, 157_500} {
		below := points{height - 1: {Time: last, Bits: bits}, height - 2: {Time: last - 60, Bits: bits}}
		if got, ok := p.RequiredBits(below, height, last+5000); !ok || got != bits {
			t.Errorf("at %d: bits %08x, %v, want %08x", height, got, ok, bits)
		}
	}
}

// TestRealRuns judges the bits of whole runs of real headers, and their checkpoints.
func TestRealRuns(t *testing.T) {
	set := load(t)
	for chain, name := range map[string]string{
		"bitcoin-testnet3": "headers/bitcoin-testnet3-0-9999.bin",
		"dogecoin":         "headers/dogecoin-mainnet-0-15000.bin",
		"dogecoin-testnet": "headers/dogecoin-testnet-0-15000.bin",
	} {
		p := get(t, set, chain)
		raw := testdata.Read(t, name)
		below := points{}
		for height := int32(0); len(raw) > 0; height++ {
			h, err := spv.ParseHeader(raw)
			if err != nil {
				t.Fatal(err)
			}
			raw = raw[spv.HeaderSize:]
			if height > 0 {
				if err := p.CheckContext(below, height, &h, 0, nil); err != nil {
					t.Fatalf("%s: %d: %v", chain, height, err)
				}
			} else if h != p.Genesis {
				t.Fatalf("%s: %s is not genesis", chain, h.ID())
			}
			below[height] = spv.Point{Time: h.Time(), Bits: h.Bits()}
		}
		if len(below) < 10_000 {
			t.Errorf("%s: %d headers", chain, len(below))
		}
	}
}

// TestVersionFloors judges versions on either side of the heights that rules changed at.
func TestVersionFloors(t *testing.T) {
	set := load(t)
	for _, c := range []struct {
		chain       string
		height, old int32 // the last height that the version was allowed at
	}{
		{"bitcoin", 227_930, 1}, {"bitcoin", 363_724, 2}, {"bitcoin", 388_380, 3},
		{"litecoin", 709_999, 1}, {"litecoin", 811_878, 2}, {"litecoin", 918_683, 3},
		{"namecoin", 249_999, 2}, {"namecoin", 334_999, 3},
		{"dogecoin", 1_034_382, 0x620102}, {"dogecoin", 3_464_750, 0x620103},
	} {
		p := get(t, set, c.chain)
		if !allows(p, c.height, c.old) || allows(p, c.height+1, c.old) {
			t.Errorf("%s: version %d at %d: %v, one higher: %v", c.chain, c.old, c.height, allows(p, c.height, c.old), allows(p, c.height+1, c.old))
		}
	}
}

// allows tells whether a header whose every other field is right may have a version.
func allows(p *chains.Params, height, version int32) bool {
	below := points{}
	for i := height - 4100; i < height; i++ {
		below[i] = spv.Point{Time: 1_400_000_000 + uint32(i)*p.Spacing(), Bits: 0x1b0404cb}
	}
	time := 1_400_000_000 + uint32(height)*p.Spacing()
	bits, _ := p.RequiredBits(below, height, time)
	var h spv.Header
	put(h[0:], uint32(version))
	put(h[68:], time)
	put(h[72:], bits)
	return p.CheckContext(below, height, &h, 0, nil) == nil
}

func put(b []byte, v uint32) { b[0], b[1], b[2], b[3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24) }

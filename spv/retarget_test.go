package spv_test

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv"
)

// sparse is an Ancestry of a few headers by height.
type sparse map[int32]spv.Point

func (s sparse) At(height int32) (spv.Point, bool) {
	p, ok := s[height]
	return p, ok
}

func (s sparse) put(height int32, h *spv.Header) {
	s[height] = spv.Point{Time: h.Time(), Bits: h.Bits()}
}

// shortRun is a contiguous run that is too short for a tree to judge from its start.
type shortRun struct {
	name       string
	chain      string
	read       func(t testing.TB) []spv.Sealed
	height     int32
	count      int
	difficulty int // headers whose difficulty can be judged
}

func lines(name string) func(testing.TB) []spv.Sealed {
	return func(t testing.TB) []spv.Sealed { return lineRun(t, name) }
}

// checkpointed puts the header that a checkpoint file ends with below a run.
func checkpointed(file string, read func(testing.TB) []spv.Sealed) func(testing.TB) []spv.Sealed {
	return func(t testing.TB) []spv.Sealed {
		all := binaryCheckpoints(t, file)
		return append([]spv.Sealed{{Header: all[len(all)-1].header}}, read(t)...)
	}
}

var shortRuns = []shortRun{
	{"dogecoin 974400..974411", "dogecoin", checkpointed("headers/org.dogecoin.production.checkpoints",
		lines("headers/dogecoin-mainnet-974401-974411-auxpow.hex")), 974400, 12, 10},
	{"dogecoin 2054958..2054963", "dogecoin", lines("headers/dogecoin-mainnet-2054958-2054963-auxpow.hex"), 2054958, 6, 4},
	{"dogecoin-testnet 739200..739211", "dogecoin-testnet", checkpointed("headers/org.dogecoin.test.checkpoints",
		lines("headers/dogecoin-testnet-739201-739211.hex")), 739200, 12, 10},
	{"dogecoin-testnet near 160000", "dogecoin-testnet", lines("headers/dogecoin-testnet-160000-run.hex"), 160000, 11, 9},
	{"dogecoin-testnet below 157500", "dogecoin-testnet", lines("headers/dogecoin-testnet-digishield-premin-run.hex"), 150000, 11, 9},
}

// TestShortRuns judges runs that begin in mid-chain: all difficulties that can be judged
// are, none is wrong, and nothing else is either.
func TestShortRuns(t *testing.T) {
	for _, r := range shortRuns {
		t.Run(r.name, func(t *testing.T) {
			rules := rulesFor(t, r.chain)
			run := r.read(t)
			if len(run) != r.count {
				t.Fatalf("%d headers, want %d", len(run), r.count)
			}
			below := sparse{}
			judged := 0
			for i := range run {
				h := &run[i].Header
				height := r.height + int32(i)
				if i > 0 && h.Prev() != run[i-1].Header.ID() {
					t.Fatalf("header %d does not build on the one below it", height)
				}
				if i > 0 || run[i].Aux != nil || !h.HasAuxPoW() { // a checkpoint comes without its proof
					if err := rules.CheckWork(&run[i], height, nil); err != nil {
						t.Errorf("header %d: %v", height, err)
					}
				}
				if difficultyOf(t, rules, below, height, h) == spv.Passed {
					judged++
					refuseOtherBits(t, rules, below, height, h)
				}
				below.put(height, h)
			}
			if judged != r.difficulty {
				t.Errorf("%d difficulties judged, want %d", judged, r.difficulty)
			}
		})
	}
}

// difficultyOf judges a header in its context, of which headers may be missing, and
// returns how its difficulty came out. Any failure ends up as a test error.
func difficultyOf(t testing.TB, rules *spv.Rules, below spv.Ancestry, height int32, h *spv.Header) spv.Outcome {
	t.Helper()
	var rep spv.Report
	if err := rules.CheckContext(below, height, h, 0, &rep); err != nil {
		t.Fatalf("header %d: %v", height, err)
	}
	if err := rep.Err(); err != nil {
		t.Errorf("header %d: %v", height, err)
	}
	for _, c := range rep.Checks {
		if c.Name == spv.CheckDifficulty {
			return c.Outcome
		}
	}
	t.Fatalf("header %d: the difficulty is not in the report", height)
	return 0
}

func refuseOtherBits(t testing.TB, rules *spv.Rules, below spv.Ancestry, height int32, h *spv.Header) {
	t.Helper()
	bad := *h
	setBits(&bad, h.Bits()^1)
	refutedBy(t, "other bits", rules.CheckContext(below, height, &bad, 0, nil), spv.CheckDifficulty)
}

// TestStrippedRun judges four headers from 600300 on whose proofs are missing: their bits
// follow the rule, their work cannot be shown.
func TestStrippedRun(t *testing.T) {
	rules := rulesFor(t, "dogecoin")
	below := sparse{}
	judged := 0
	for i, line := range strings.Fields(string(testdata.Read(t, "headers/dogecoin-mainnet-600300-run-stripped.txt"))) {
		h := spv.Header(unhex(t, line[:160]))
		height := 600300 + int32(i)
		if difficultyOf(t, rules, below, height, &h) == spv.Passed {
			judged++
		}
		refutedBy(t, "no proof", rules.CheckWork(&spv.Sealed{Header: h}, height, nil), spv.CheckAuxPoWPresent)
		below.put(height, &h)
	}
	if judged != 2 {
		t.Errorf("%d difficulties judged, want 2", judged)
	}
}

type relayHeader struct {
	Hex    string
	Height int32
}

func (r relayHeader) header(t testing.TB) spv.Header { return spv.Header(unhex(t, r.Hex)) }

// TestRelayHeaders judges public relay vectors: real headers within a period, across two
// retargets, and a block that lost against its sibling.
func TestRelayHeaders(t *testing.T) {
	for _, v := range []struct {
		file       string
		difficulty int
	}{
		{"headers/summa-relays-headers.json", 18},
		{"headers/summa-relays-headersWithRetarget.json", 18},
		{"headers/summa-relays-headersReorgAndRetarget.json", 13},
	} {
		t.Run(v.file, func(t *testing.T) {
			var f struct {
				OldPeriodStart, Genesis                    *relayHeader
				Chain, PreRetargetChain, PostRetargetChain []relayHeader
				OrphanA                                    *relayHeader `json:"orphan_562630"`
				OrphanB                                    *relayHeader `json:"orphan_437478"`
			}
			decodeJSON(t, v.file, &f)
			rules := rulesFor(t, "bitcoin")
			below := sparse{}
			if f.OldPeriodStart != nil {
				h := f.OldPeriodStart.header(t)
				below.put(f.OldPeriodStart.Height, &h)
			}
			run := slices.Concat([]relayHeader{*f.Genesis}, f.Chain, f.PreRetargetChain, f.PostRetargetChain)
			judged := 0
			var prev spv.Header
			for i, r := range run {
				h := r.header(t)
				if i > 0 && h.Prev() != prev.ID() {
					t.Fatalf("header %d does not build on the one below it", r.Height)
				}
				if err := rules.CheckWork(&spv.Sealed{Header: h}, r.Height, nil); err != nil {
					t.Errorf("header %d: %v", r.Height, err)
				}
				if difficultyOf(t, rules, below, r.Height, &h) == spv.Passed {
					judged++
					refuseOtherBits(t, rules, below, r.Height, &h)
				}
				below.put(r.Height, &h)
				prev = h
			}
			if judged != v.difficulty {
				t.Errorf("%d difficulties judged, want %d", judged, v.difficulty)
			}
			for _, o := range []*relayHeader{f.OrphanA, f.OrphanB} {
				if o == nil {
					continue
				}
				h := o.header(t)
				if difficultyOf(t, rules, below, o.Height, &h) != spv.Passed || rules.CheckWork(&spv.Sealed{Header: h}, o.Height, nil) != nil {
					t.Errorf("the orphan at %d is a valid header too", o.Height)
				}
			}
		})
	}
}

// TestRelayRetargets reproduces the retargets of public vectors: the first and last header
// of a period, and the next one's bits.
func TestRelayRetargets(t *testing.T) {
	var f struct {
		RetargetAlgorithm []struct {
			Input []struct {
				Timestamp, Height uint32
				NBits, Hex        string
			}
		}
	}
	decodeJSON(t, "merkleblock/summa-bitcoin-spv-testVectors.json", &f)
	rules := rulesFor(t, "bitcoin")
	judged := 0
	for _, c := range f.RetargetAlgorithm {
		first, last, next := c.Input[0], c.Input[1], c.Input[2]
		if next.Height != last.Height+1 {
			continue // one of them does not state a whole period
		}
		bits := func(s string) uint32 { return binary.LittleEndian.Uint32(unhex(t, s)) }
		below := sparse{
			int32(first.Height): {Time: first.Timestamp, Bits: bits(first.NBits)},
			int32(last.Height):  {Time: last.Timestamp, Bits: bits(last.NBits)},
		}
		if got, ok := rules.RequiredBits(below, int32(next.Height), next.Timestamp); !ok || got != bits(next.NBits) {
			t.Errorf("height %d: bits %08x, want %08x", next.Height, got, bits(next.NBits))
		}
		judged++
	}
	if judged != 8 {
		t.Errorf("%d retargets judged, want 8", judged)
	}
}

// TestUnitVectors reproduces the unit vectors of three node implementations.
func TestUnitVectors(t *testing.T) {
	var f map[string]json.RawMessage
	decodeJSON(t, "vectors/retarget-unit-vectors.json", &f)
	judged := 0
	for _, chain := range []string{"bitcoin", "litecoin", "dogecoin"} {
		var group struct {
			Cases []struct {
				Name           string
				FirstBlockTime uint32 `json:"first_block_time"`
				LastHeight     int32  `json:"last_height"`
				LastTime       uint32 `json:"last_time"`
				LastBits       string `json:"last_bits"`
				ParamsAtHeight *int32 `json:"params_at_height"`
				ExpectedBits   string `json:"expected_bits"`
			}
		}
		if err := json.Unmarshal(f[chain], &group); err != nil {
			t.Fatal(err)
		}
		rules := rulesFor(t, chain)
		for _, c := range group.Cases {
			bits, _ := strconv.ParseUint(c.LastBits, 0, 32)
			want, _ := strconv.ParseUint(c.ExpectedBits, 0, 32)
			below := firstEverywhere{last: c.LastHeight, point: spv.Point{Time: c.LastTime, Bits: uint32(bits)}, first: c.FirstBlockTime}
			got, ok := rules.RequiredBits(below, c.LastHeight+1, c.LastTime+60)
			if !ok || got != uint32(want) {
				t.Errorf("%s %s: bits %08x, want %08x", chain, c.Name, got, want)
			}
			judged++
		}
	}
	if judged != 14 {
		t.Errorf("%d vectors judged, want 14", judged)
	}
}

// firstEverywhere answers every height below the last with the same time, as the vectors
// do not say where the first block of their period stands.
type firstEverywhere struct {
	last  int32
	point spv.Point
	first uint32
}

func (f firstEverywhere) At(height int32) (spv.Point, bool) {
	if height == f.last {
		return f.point, true
	}
	return spv.Point{Time: f.first, Bits: f.point.Bits}, true
}

// TestFullHistory reproduces every retarget of a whole main chain from the first and last
// header of each period, and the total work at each of them.
func TestFullHistory(t *testing.T) {
	rules := rulesFor(t, "bitcoin")
	rows, err := csv.NewReader(strings.NewReader(string(testdata.Read(t, "headers/bitcoin-mainnet-diffchange-0-832608.csv")))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	below := sparse{}
	var total uint256.Int
	retargets, works, at := 0, 0, int32(-1)
	for _, row := range rows[1:] {
		n, _ := strconv.Atoi(row[0])
		height := int32(n)
		h := spv.Header(unhex(t, row[1]))
		if height > 0 && height%2016 == 0 {
			if got, ok := rules.RequiredBits(below, height, h.Time()); !ok || got != h.Bits() {
				t.Errorf("height %d: bits %08x, want %08x", height, got, h.Bits())
			}
			wrong := sparse{height - 1: below[height-1], height - 2016: {Time: below[height-2016].Time - 40_000_000, Bits: h.Bits()}}
			if got, _ := rules.RequiredBits(wrong, height, h.Time()); got == h.Bits() && got != 0x1d00ffff {
				t.Errorf("height %d: a period of a year gives the same bits", height)
			}
			retargets++
		}
		if err := rules.CheckWork(&spv.Sealed{Header: h}, height, nil); err != nil {
			t.Errorf("height %d: %v", height, err)
		}
		// All blocks since the last row have this row's bits.
		work := workOf(t, h.Bits())
		work.Mul(&work, uint256.NewInt(uint64(height-at)))
		total.Add(&total, &work)
		if want := uint256.MustFromHex("0x" + trimZeros(row[2])); !total.Eq(want) {
			t.Fatalf("height %d: work %s, want %s", height, total.Hex(), want.Hex())
		}
		works++
		at = height
		below.put(height, &h)
	}
	if retargets != 413 || works != 827 {
		t.Errorf("%d retargets and %d works, want 413 and 827", retargets, works)
	}
}

func trimZeros(s string) string {
	if s = strings.TrimLeft(s, "0"); s == "" {
		return "0"
	}
	return s
}

// electrum reads a list of [hash, target of the next period, ...] by period.
func electrum(t testing.TB, file string) (targets []uint256.Int, times []uint32) {
	t.Helper()
	var rows [][]any
	d := json.NewDecoder(bytes.NewReader(testdata.Read(t, file)))
	d.UseNumber() // targets have up to 78 digits
	if err := d.Decode(&rows); err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		var target uint256.Int
		if err := target.SetFromDecimal(row[1].(json.Number).String()); err != nil {
			t.Fatalf("%s: target %s: %v", file, row[1], err)
		}
		targets = append(targets, target)
		if len(row) > 2 {
			seconds, _ := row[2].(json.Number).Int64()
			times = append(times, uint32(seconds))
		}
	}
	return targets, times
}

// TestExtraBlockHistory reproduces every retarget of the chain that looks one block
// further back, from the last header of each period; only genesis stands in for a first.
func TestExtraBlockHistory(t *testing.T) {
	rules := rulesFor(t, "litecoin")
	targets, times := electrum(t, "headers/litecoin-mainnet-electrum-checkpoints.json")
	below := sparse{}
	below.put(0, &rules.Genesis)
	bits := rules.Genesis.Bits()
	judged := 0
	for i := range targets {
		height := int32(i+1) * 2016
		below[height-1] = spv.Point{Time: times[i], Bits: bits}
		want := spv.CompactTarget(&targets[i])
		if got, ok := rules.RequiredBits(below, height, times[i]+150); !ok || got != want {
			t.Fatalf("height %d: bits %08x, want %08x", height, got, want)
		}
		bits = want
		judged++
	}
	if judged != 972 {
		t.Errorf("%d retargets, want 972", judged)
	}
	// The rule without the extra block asks for other headers, which are not there.
	plain := *rules
	plain.Eras = append([]spv.Era(nil), rules.Eras...)
	plain.Eras[0].ExtraBlock = false
	if got, ok := plain.RequiredBits(below, 2*2016, times[1]+150); ok {
		t.Errorf("without the extra block: bits %08x from a header that is not there", got)
	}
}

// TestEpochTargets compares two independent lists of targets, and the compact form with both.
func TestEpochTargets(t *testing.T) {
	targets, _ := electrum(t, "headers/bitcoin-mainnet-electrum-checkpoints.json")
	var epochs []struct {
		Height int32
		Bits   string
	}
	decodeJSON(t, "headers/bitcoin-mainnet-epoch-headers.json", &epochs)
	compared := 0
	for _, e := range epochs {
		bits, _ := strconv.ParseUint(e.Bits, 16, 32)
		target, ok := spv.ParseTarget(uint32(bits))
		if !ok || spv.CompactTarget(&target) != uint32(bits) {
			t.Errorf("height %d: bits %08x do not survive", e.Height, bits)
		}
		if i := int(e.Height/2016) - 1; i >= 0 && i < len(targets) {
			if !target.Eq(&targets[i]) {
				t.Errorf("height %d: target %s, want %s", e.Height, target.Hex(), targets[i].Hex())
			}
			compared++
		}
	}
	if compared != 473 {
		t.Errorf("%d targets compared, want 473", compared)
	}
}

// TestMergeMinedTargets compares the bits of real merge-mined blocks with a published
// list of targets by period.
func TestMergeMinedTargets(t *testing.T) {
	targets, _ := electrum(t, "headers/namecoin-mainnet-electrum-checkpoints.json")
	for _, height := range []int{19200, 19204, 19414, 40000} {
		h := spv.Header(testdata.Hex(t, "auxpow/namecoin-mainnet/"+strconv.Itoa(height)+".hex")[:80])
		if want := spv.CompactTarget(&targets[height/2016-1]); h.Bits() != want {
			t.Errorf("block %d: bits %08x, want %08x", height, h.Bits(), want)
		}
	}
}

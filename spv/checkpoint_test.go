package spv_test

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv"
)

// checkpoint is one entry of a wallet's checkpoint file: total work, height, header.
type checkpoint struct {
	work   uint256.Int
	height int32
	header spv.Header
}

func parseCheckpoint(t testing.TB, b []byte) checkpoint {
	t.Helper()
	n := len(b) - 84
	if n != 12 && n != 32 {
		t.Fatalf("checkpoint of %d bytes", len(b))
	}
	var c checkpoint
	c.work.SetBytes(b[:n])
	c.height = int32(binary.BigEndian.Uint32(b[n:]))
	c.header = spv.Header(b[n+4:])
	return c
}

func textCheckpoints(t testing.TB, file string) []checkpoint {
	t.Helper()
	var all []checkpoint
	lines := strings.Fields(string(testdata.Read(t, file)))
	for _, line := range lines[5:] { // "TXT CHECKPOINTS 1", the number of signatures, the count
		b, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, parseCheckpoint(t, b))
	}
	return all
}

func binaryCheckpoints(t testing.TB, file string) []checkpoint {
	t.Helper()
	b := testdata.Read(t, file)
	const start = len("CHECKPOINTS 1") + 4 // no signatures
	count := int(binary.BigEndian.Uint32(b[start:]))
	b = b[start+4:]
	if len(b) != 96*count {
		t.Fatalf("%s: %d bytes for %d checkpoints", file, len(b), count)
	}
	var all []checkpoint
	for ; len(b) > 0; b = b[96:] {
		all = append(all, parseCheckpoint(t, b[:96]))
	}
	return all
}

// TestCheckpointWork adds up the work between published checkpoints, one at the start of
// each period, within which the bits stay the same.
func TestCheckpointWork(t *testing.T) {
	for _, v := range []struct {
		chain, file string
		count       int
		work        bool // no easing, so that periods have one difficulty
	}{
		{"bitcoin", "headers/org.bitcoin.production.checkpoints.txt", 436, true},
		{"bitcoin-signet", "headers/org.bitcoin.signet.checkpoints.txt", 114, true},
		{"bitcoin-testnet3", "headers/org.bitcoin.test.checkpoints.txt", 1792, false},
	} {
		t.Run(v.chain, func(t *testing.T) {
			rules := rulesFor(t, v.chain)
			all := textCheckpoints(t, v.file)
			if len(all) != v.count {
				t.Fatalf("%d checkpoints, want %d", len(all), v.count)
			}
			last := checkpoint{header: rules.Genesis}
			last.work = workOf(t, rules.Genesis.Bits())
			for _, c := range all {
				if err := rules.CheckWork(&spv.Sealed{Header: c.header}, c.height, nil); err != nil {
					t.Errorf("checkpoint %d: %v", c.height, err)
				}
				same, own := workOf(t, last.header.Bits()), workOf(t, c.header.Bits())
				same.Mul(&same, uint256.NewInt(uint64(c.height-last.height-1)))
				same.Add(&same, &last.work)
				same.Add(&same, &own)
				if v.work && (c.height != last.height+2016 || !same.Eq(&c.work)) {
					t.Fatalf("checkpoint %d: work %s, want %s", c.height, same.Hex(), c.work.Hex())
				}
				last = c
			}
		})
	}
}

// TestScryptCheckpoints verifies the work of checkpoints that carry their own, and the
// tree's totals at those that real runs from genesis reach.
func TestScryptCheckpoints(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		chain, file, run string
		count, native    int
	}{
		{"dogecoin", "headers/org.dogecoin.production.checkpoints", "headers/dogecoin-mainnet-0-15000.bin", 203, 77},
		{"dogecoin-testnet", "headers/org.dogecoin.test.checkpoints", "headers/dogecoin-testnet-0-15000.bin", 154, 120},
		{"litecoin", "headers/org.litecoin.production.checkpoints", "", 221, 221},
	} {
		rules := rulesFor(t, v.chain)
		all := binaryCheckpoints(t, v.file)
		native, reached := 0, 0
		var run []spv.Sealed
		if v.run != "" {
			run = plainRun(t, v.run, 0)
		}
		for _, c := range all {
			if !c.header.HasAuxPoW() || rules.AuxPoW == nil {
				if err := rules.CheckWork(&spv.Sealed{Header: c.header}, c.height, nil); err != nil {
					t.Errorf("%s checkpoint %d: %v", v.chain, c.height, err)
				}
				native++
			}
			if int(c.height) >= len(run) {
				continue
			}
			if run[c.height].Header != c.header {
				t.Errorf("%s checkpoint %d is not the run's header", v.chain, c.height)
			}
			if got := totalWork(t, run[:c.height+1]); !got.Eq(&c.work) {
				t.Errorf("%s checkpoint %d: work %s, want %s", v.chain, c.height, got.Hex(), c.work.Hex())
			}
			reached++
		}
		if len(all) != v.count || native != v.native || (v.run != "" && reached != 3) {
			t.Errorf("%s: %d checkpoints, %d native, %d reached, want %d, %d and 3", v.chain, len(all), native, reached, v.count, v.native)
		}
	}
	compareExtraBlockWork(t)
}

// compareExtraBlockWork adds up the published targets of whole periods and compares the
// sums with another wallet's checkpoints.
func compareExtraBlockWork(t *testing.T) {
	t.Helper()
	rules := rulesFor(t, "litecoin")
	targets, _ := electrum(t, "headers/litecoin-mainnet-electrum-checkpoints.json")
	want := map[int32]uint256.Int{}
	for _, c := range binaryCheckpoints(t, "headers/org.litecoin.production.checkpoints") {
		want[c.height] = c.work
	}
	total := workOf(t, rules.Genesis.Bits())
	period := total
	compared := 0
	for i := range targets {
		height := int32(i+1) * 2016
		var most, next uint256.Int
		most.Mul(&period, uint256.NewInt(2015))
		total.Add(&total, &most)
		next = workOf(t, spv.CompactTarget(&targets[i]))
		total.Add(&total, &next)
		period = next
		if w, ok := want[height]; ok {
			if !w.Eq(&total) {
				t.Fatalf("checkpoint %d: work %s, want %s", height, total.Hex(), w.Hex())
			}
			compared++
		}
	}
	if compared != len(want) {
		t.Errorf("%d of %d works compared", compared, len(want))
	}
}

func totalWork(t testing.TB, run []spv.Sealed) uint256.Int {
	t.Helper()
	var total uint256.Int
	for i := range run {
		w := workOf(t, run[i].Header.Bits())
		total.Add(&total, &w)
	}
	return total
}

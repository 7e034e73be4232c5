package risk_test

import (
	"bytes"
	"encoding/csv"
	"encoding/hex"
	"strconv"
	"testing"

	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/pow"
)

// TestRealParentTargets: the L1 blocks below the parents of these real proofs are not at hand, but the first and last headers of every period of
// the real L1 are. By those each parent has the target that the L1 had at its time, and none of them meets it: they were no seals, so
// that over their L1 blocks they are near misses, whatever else is known.
func TestRealParentTargets(t *testing.T) {
	rows, err := csv.NewReader(bytes.NewReader(testdata.Read(t, "headers/bitcoin-mainnet-diffchange-0-832608.csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	type mark struct {
		height int
		header spv.Header
	}
	var marks []mark
	for _, row := range rows[1:] {
		height, err := strconv.Atoi(row[0])
		raw, hexErr := hex.DecodeString(row[1])
		if err != nil || hexErr != nil || len(raw) != spv.HeaderSize {
			t.Fatal(row, err, hexErr)
		}
		marks = append(marks, mark{height, spv.Header(raw)})
	}
	for _, file := range []string{"namecoin-mainnet/19200", "namecoin-mainnet/19414", "namecoin-mainnet/40000", "syscoin-mainnet/1973",
		"syscoin-mainnet/430000", "syscoin-mainnet/electrumx-old-430000", "terracoin-mainnet/833000", "crown-mainnet/1671882"} {
		sealed, _, err := spv.ParseSealed(testdata.Hex(t, "auxpow/"+file+".hex"), true)
		if err != nil || sealed.Aux == nil {
			t.Fatal(file, err)
		}
		parent, period := &sealed.Aux.Parent, -1
		for i := 1; i < len(marks); i++ {
			first, last := &marks[i-1], &marks[i]
			if first.height%2016 == 0 && last.height == first.height+2015 && first.header.Time() <= parent.Time() && parent.Time() <= last.header.Time() {
				period = first.height
				if parent.Bits() != last.header.Bits() {
					t.Errorf("%s: bits %08x, want the L1's of blocks %d and up, %08x", file, parent.Bits(), period, last.header.Bits())
				}
			}
		}
		target, _ := spv.ParseTarget(parent.Bits())
		hash := pow.SHA256d.Sum((*[80]byte)(parent))
		if period < 0 || spv.Meets(&hash, &target) {
			t.Errorf("%s: in the period of block %d, meets the L1's target: %v", file, period, spv.Meets(&hash, &target))
		}
	}
}

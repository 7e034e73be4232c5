package spv

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/internal/testdata"
)

// The public vectors' constants: ten-minute blocks, two days of half-life.
var publicEra = Era{Retarget: ASERT, Spacing: 600, HalfLife: 172800}

const publicLimit = 0x1d00ffff

// asertRun is one file of the public aserti3-2d vectors.
type asertRun struct {
	height     uint64 // of the anchor; the vectors cross 2^63
	parentTime int64
	bits       uint32
	rows       int
	blocks     []struct {
		height uint64
		time   int64
		bits   uint32
	}
}

func readASERT(t testing.TB, name string) asertRun {
	t.Helper()
	var r asertRun
	lines := bufio.NewScanner(bytes.NewReader(testdata.Read(t, name)))
	number := func(s string) uint64 {
		n, err := strconv.ParseUint(s, 0, 64)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return n
	}
	for lines.Scan() {
		line := lines.Text()
		key, value, _ := strings.Cut(strings.TrimLeft(line, "# "), ": ")
		f := strings.Fields(line)
		switch {
		case key == "anchor height":
			r.height = number(value)
		case key == "anchor parent time":
			r.parentTime = int64(number(value))
		case key == "anchor nBits":
			r.bits = uint32(number(value))
		case key == "iterations":
			r.rows = int(number(value))
		case len(f) == 4 && f[0][0] != '#':
			seconds, err := strconv.ParseInt(f[2], 10, 64)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			r.blocks = append(r.blocks, struct {
				height uint64
				time   int64
				bits   uint32
			}{number(f[1]), seconds, uint32(number(f[3]))})
		}
	}
	if len(r.blocks) != r.rows || r.rows == 0 {
		t.Fatalf("%s: %d rows, want %d", name, len(r.blocks), r.rows)
	}
	return r
}

// TestASERTPublic reproduces the public aserti3-2d vectors: each row gives a block and
// the target of the one after it.
func TestASERTPublic(t *testing.T) {
	limit, _ := ParseTarget(publicLimit)
	judged := 0
	for n := 1; n <= 12; n++ {
		name := fmt.Sprintf("asert/run%02d", n)
		r := readASERT(t, name)
		ref, _ := ParseTarget(r.bits)
		for _, b := range r.blocks {
			got := asertTarget(&ref, b.time-r.parentTime, int64(b.height-r.height)+1, &publicEra, &limit)
			if CompactTarget(&got) != b.bits {
				t.Fatalf("%s: height %d: bits %08x, want %08x", name, b.height, CompactTarget(&got), b.bits)
			}
			judged++
		}
	}
	if judged != 14000 {
		t.Errorf("%d targets, want 14000", judged)
	}
}

// TestASERTHeaders reproduces real test network headers: the rule took over above
// 1416397 with an hour of half-life, and blocks 20 minutes late are eased.
func TestASERTHeaders(t *testing.T) {
	const anchor = 1416397
	var headers []struct {
		Height int64
		Time   int64
		Bits   string
	}
	if err := json.Unmarshal(testdata.Read(t, "asert/bch-testnet-headers.json"), &headers); err != nil {
		t.Fatal(err)
	}
	limit, _ := ParseTarget(publicLimit)
	era := Era{Retarget: ASERT, Spacing: 600, HalfLife: 3600}
	times := map[int64]int64{}
	var ref uint256.Int
	judged, eased := 0, 0
	for _, h := range headers {
		times[h.Height] = h.Time
		bits, _ := strconv.ParseUint(h.Bits, 16, 32)
		if h.Height == anchor {
			ref, _ = ParseTarget(uint32(bits))
		}
		if h.Height <= anchor {
			continue
		}
		want := limit
		if h.Time > times[h.Height-1]+1200 {
			eased++
		} else {
			want = asertTarget(&ref, times[h.Height-1]-times[anchor-1], h.Height-anchor, &era, &limit)
			judged++
		}
		if CompactTarget(&want) != uint32(bits) {
			t.Errorf("height %d: bits %08x, want %s", h.Height, CompactTarget(&want), h.Bits)
		}
	}
	if judged != 6 || eased != 3 {
		t.Errorf("%d targets and %d eased, want 6 and 3", judged, eased)
	}
}

// TestASERTLayer checks the layer chains' vectors (protocol.md section 3) through the
// rules, with genesis as the reference.
func TestASERTLayer(t *testing.T) {
	const genesisTime = 1_700_000_000
	for _, v := range []struct {
		elapsed uint32 // from genesis' imaginary parent to the last block
		height  int32  // of the last block
		want    uint32
	}{
		{60, 0, 0x1b0404cb},
		{64860, 720, 0x1b080996},
		{21660, 720, 0x1b020265},
		{48660, 720, 0x1b04c77b},
		{0, 100, 0x1b034f06},
	} {
		r := Rules{Eras: []Era{{Retarget: ASERT, Spacing: 60, HalfLife: 21600}}, PowLimit: *new(uint256.Int).Rsh(new(uint256.Int).SetAllOne(), 32)}
		putUint32(r.Genesis[68:], genesisTime)
		putUint32(r.Genesis[72:], 0x1b0404cb)
		last := onePoint{v.height, Point{Time: genesisTime - 60 + v.elapsed}}
		if got, ok := r.RequiredBits(last, v.height+1, 0); !ok || got != v.want {
			t.Errorf("%d s, height %d: bits %08x, want %08x", v.elapsed, v.height, got, v.want)
		}
	}
}

func putUint32(b []byte, v uint32) {
	b[0], b[1], b[2], b[3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
}

type onePoint struct {
	height int32
	point  Point
}

func (o onePoint) At(height int32) (Point, bool) { return o.point, height == o.height }

// TestASERTReference compares asertTarget with the specification's formula in
// arithmetic without limits, for every limit from a regression test's to a main chain's.
func TestASERTReference(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 20000 {
		limitBits := []uint32{0x207fffff, 0x1f7fffff, 0x1e0fffff, 0x1d00ffff}[i%4]
		limit, _ := ParseTarget(limitBits)
		ref := limit
		if i%8 >= 4 {
			ref.Rsh(&ref, uint(rng.IntN(ref.BitLen())))
		}
		era := Era{Spacing: 1 + rng.Uint32N(600), HalfLife: 600 + rng.Uint32N(200000)}
		blocks := rng.Int64N(1 << 22)
		elapsed := blocks*int64(era.Spacing) + rng.Int64N(int64(era.HalfLife)*40) - int64(era.HalfLife)*20
		got := asertTarget(&ref, elapsed, blocks, &era, &limit)
		want := referenceASERT(&ref, elapsed, blocks, &era, &limit)
		if w, _ := uint256.FromBig(want); CompactTarget(&got) != CompactTarget(w) {
			t.Fatalf("ref %s limit %08x elapsed %d blocks %d era %+v: %08x, want %08x",
				ref.Hex(), limitBits, elapsed, blocks, era, CompactTarget(&got), CompactTarget(w))
		}
	}
}

func referenceASERT(ref *uint256.Int, elapsed, blocks int64, e *Era, limit *uint256.Int) *big.Int {
	exponent := new(big.Int).Mul(big.NewInt(elapsed-int64(e.Spacing)*blocks), big.NewInt(65536))
	exponent.Quo(exponent, big.NewInt(int64(e.HalfLife))) // truncates toward zero
	shifts := new(big.Int).Rsh(exponent, 16).Int64()
	f := new(big.Int).Sub(exponent, big.NewInt(shifts<<16))
	sum := new(big.Int).Mul(big.NewInt(195766423245049), f)
	square := new(big.Int).Mul(f, f)
	cube := new(big.Int).Mul(square, f)
	sum.Add(sum, square.Mul(square, big.NewInt(971821376)))
	sum.Add(sum, cube.Mul(cube, big.NewInt(5127)))
	sum.Add(sum, new(big.Int).Lsh(big.NewInt(1), 47))
	factor := sum.Add(sum.Rsh(sum, 48), big.NewInt(65536))
	target := factor.Mul(factor, ref.ToBig())
	if shifts >= 0 {
		target.Lsh(target, uint(shifts))
	} else {
		target.Rsh(target, uint(-shifts))
	}
	target.Rsh(target, 16)
	if target.Sign() == 0 {
		return target.SetInt64(1)
	}
	if most := limit.ToBig(); target.Cmp(most) > 0 {
		return most
	}
	return target
}

package doctor_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/doctor"
)

// tally returns the counts of one check.
func tally(r *doctor.Report, name string) doctor.Tally {
	for _, t := range r.Run.Tallies {
		if t.Name == name {
			return t
		}
	}
	return doctor.Tally{}
}

// TestRunFromGenesis: nothing is left unchecked but the clock.
func TestRunFromGenesis(t *testing.T) {
	for _, c := range []struct {
		chain, file string
		n           int // headers taken
	}{
		{"bitcoin", "headers/bitcoin-mainnet_alt-1-2016.bin", 2016},
		{"bitcoin-testnet3", "headers/bitcoin-testnet3-0-9999.bin", 10000},
		{"dogecoin", "headers/dogecoin-mainnet-0-15000.bin", 1000},
		{"dogecoin", "headers/dogecoin-mainnet-1-240.bin", 240},
		{"litecoin", "headers/litecoin-mainnet-1-240.bin", 240},
	} {
		raw := testdata.Read(t, c.file)
		o := unknown(rulesOf(t, c.chain))
		o.Now = 1_800_000_000
		r, err := doctor.Headers(o, raw[:80*c.n])
		want(t, r, err, doctor.Verified)
		if len(r.NotChecked) > 0 || r.Run.Judged != c.n || r.Run.First.Height == nil {
			t.Errorf("%s: not checked: %v, run %+v", c.file, r.NotChecked, r.Run)
		}
		above := c.n - 1
		if *r.Run.First.Height == 1 {
			above = c.n
		}
		for _, name := range []string{doctor.CheckLink, spv.CheckTarget, spv.CheckWork, spv.CheckDifficulty, spv.CheckMedianTime, spv.CheckFutureTime} {
			if got := tally(r, name); got.Passed != above || got.Failed+got.NotChecked > 0 {
				t.Errorf("%s: %+v, want %d passed", c.file, got, above)
			}
		}
	}
}

// TestRunWork compares the work of a run with a published figure: 4,295,032,833
// hashes for a block at difficulty 1.
func TestRunWork(t *testing.T) {
	raw := testdata.Read(t, "headers/bitcoin-mainnet_alt-1-2016.bin")
	r, err := doctor.Headers(unknown(rulesOf(t, "bitcoin")), raw[:80*2015])
	want(t, r, err, doctor.Verified)
	if want := fmt.Sprint(int64(2015 * 0x100010001)); r.Run.Work != want {
		t.Errorf("work %s, want %s", r.Run.Work, want)
	}
}

// TestRunMidChain: what needs headers below the run is counted, not passed.
func TestRunMidChain(t *testing.T) {
	raw := testdata.Read(t, "headers/dogecoin-testnet-158001-160000.headersmsg.bin")
	rules := rulesOf(t, "dogecoin-testnet")
	r, err := doctor.Headers(doctor.Options{Rules: rules, Height: 158001}, raw)
	want(t, r, err, doctor.Verified)
	if r.Run.Headers != 2000 || r.Run.Proofs != 393 || *r.Run.Last.Height != 160000 {
		t.Errorf("%+v", r.Run)
	}
	for name, unchecked := range map[string]int{doctor.CheckLink: 1, spv.CheckDifficulty: 2, spv.CheckMedianTime: 11, spv.CheckFutureTime: 2000} {
		if got := tally(r, name); got.NotChecked < unchecked-1 || got.NotChecked > unchecked || got.Passed+got.NotChecked != 2000 {
			t.Errorf("%s: %+v, want %d not checked", name, got, unchecked)
		}
	}
	if got := tally(r, spv.CheckParentWork); got.Passed != 393 {
		t.Errorf("%+v", got)
	}

	// Without a height the difficulty rule is unknown; links, work and median time are not.
	r, err = doctor.Headers(unknown(rules), raw)
	want(t, r, err, doctor.Verified)
	if got := tally(r, spv.CheckDifficulty); got.NotChecked != 2000 {
		t.Errorf("%+v", got)
	}
	if got := tally(r, spv.CheckMedianTime); got.Passed < 1989 {
		t.Errorf("%+v", got)
	}
	if got := tally(r, spv.CheckAuxPoWStart); got.NotChecked != 393 {
		t.Errorf("%+v", got)
	}
	if len(r.Warnings) == 0 || r.Run.First.Height != nil {
		t.Errorf("%+v", r)
	}
}

// TestRunForms gives the same run in every form that Headers takes.
func TestRunForms(t *testing.T) {
	lines := testdata.HexLines(t, "headers/dogecoin-mainnet-974401-974411-auxpow.hex")
	o := doctor.Options{Rules: rulesOf(t, "dogecoin"), Height: 974401}
	row := bytes.Join(lines, nil)
	message := []byte{byte(len(lines))}
	for _, l := range lines {
		message = append(append(message, l...), 0)
	}
	text := testdata.Read(t, "headers/dogecoin-mainnet-974401-974411-auxpow.hex")
	wrapped := hex.EncodeToString(row)
	for i := 100; i < len(wrapped); i += 101 {
		wrapped = wrapped[:i] + "\n" + wrapped[i:]
	}
	for name, in := range map[string][]byte{
		"row": row, "message": message, "lines": text, "hex": []byte(hex.EncodeToString(row)), "wrapped": []byte(wrapped),
		"hex message": []byte("0x" + hex.EncodeToString(message)),
	} {
		r, err := doctor.Headers(o, in)
		want(t, r, err, doctor.Verified)
		if r.Run.Headers != 11 || r.Run.Proofs != 11 {
			t.Errorf("%s: %+v", name, r.Run)
		}
	}
	for name, in := range map[string][]byte{"cut": row[:len(row)-1], "empty message": {0}, "text": []byte("what?")} {
		if r, err := doctor.Headers(o, in); err == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestRunRefuted spoils one header and expects its position, its check and its cause.
func TestRunRefuted(t *testing.T) {
	raw := testdata.Read(t, "headers/bitcoin-mainnet_alt-1-2016.bin")
	for _, c := range []struct {
		name, check string
		at          int
		spoil       func(b []byte) []byte
	}{
		{"work", spv.CheckWork, 1000, func(b []byte) []byte { b[80*1000+76] ^= 1; return b }},
		{"link", doctor.CheckLink, 600, func(b []byte) []byte { return append(b[:80*600:80*600], b[80*601:]...) }},
		{"order", doctor.CheckLink, 5, func(b []byte) []byte { return append(slices.Clone(b[:400]), b[:400]...) }},
		{"first link", doctor.CheckLink, 0, func(b []byte) []byte { return b[80:] }},
	} {
		o := doctor.Options{Rules: rulesOf(t, "bitcoin"), Height: 1}
		r, err := doctor.Headers(o, c.spoil(slices.Clone(raw)))
		want(t, r, err, doctor.Refuted)
		if fail, _ := r.Failure(); fail.Name != c.check || r.Run.Refuted == nil || *r.Run.Refuted.Height != int32(c.at+1) || r.Run.Judged != c.at+1 {
			t.Errorf("%s: %+v, %+v", c.name, fail, r.Run)
		}
	}
	// A retarget is judged, not taken as given.
	o := doctor.Options{Rules: rulesOf(t, "bitcoin-testnet4"), Height: 1}
	if r, err := doctor.Headers(o, raw); err != nil || r.Verdict != doctor.Refuted {
		t.Errorf("another chain's run: %v %+v", err, r)
	}
	stripped := testdata.Read(t, "headers/dogecoin-mainnet-600300-run-stripped.txt")
	line, _, _ := strings.Cut(string(stripped), "|")
	r, err := doctor.Headers(unknown(rulesOf(t, "dogecoin")), []byte(line+"\n"+line))
	want(t, r, err, doctor.Refuted)
	if r.Cause == nil || r.Cause.Name != "proof-missing" {
		t.Errorf("cause %+v", r.Cause)
	}
}

// TestRunBulk: work hashed in bulk is judged like any other, own work and parents' alike.
func TestRunBulk(t *testing.T) {
	own := testdata.Read(t, "headers/litecoin-mainnet-1-240.bin")
	own[80*100+76] ^= 1
	r, err := doctor.Headers(unknown(rulesOf(t, "litecoin")), own)
	want(t, r, err, doctor.Refuted)
	if fail, _ := r.Failure(); fail.Name != spv.CheckWork || *r.Run.Refuted.Height != 101 {
		t.Errorf("%+v, %+v", fail, r.Run)
	}
	lines := testdata.HexLines(t, "headers/dogecoin-mainnet-974401-974411-auxpow.hex")
	lines[7][len(lines[7])-1] ^= 1 // the parent's nonce
	r, err = doctor.Headers(doctor.Options{Rules: rulesOf(t, "dogecoin"), Height: 974401}, bytes.Join(lines, nil))
	want(t, r, err, doctor.Refuted)
	if fail, _ := r.Failure(); fail.Name != spv.CheckParentWork || *r.Run.Refuted.Height != 974408 || r.Cause == nil {
		t.Errorf("%+v, %+v", fail, r.Run)
	}
}

// TestRunLocated: a checkpoint in the run tells the heights of all its headers.
func TestRunLocated(t *testing.T) {
	raw := testdata.Read(t, "headers/bitcoin-mainnet_alt-1-2016.bin")[80*100 : 80*200]
	rules := *rulesOf(t, "bitcoin")
	known := spv.Header(raw[80*50:])
	rules.Checkpoints = []spv.Block{{Height: 151, Hash: known.ID()}}
	r, err := doctor.Headers(unknown(&rules), raw)
	want(t, r, err, doctor.Verified)
	if r.Run.First.Height == nil || *r.Run.First.Height != 101 || tally(r, spv.CheckCheckpoint).Passed != 1 {
		t.Errorf("%+v", r.Run)
	}
}

func TestRunProgress(t *testing.T) {
	var seen []int
	o := unknown(rulesOf(t, "bitcoin"))
	o.Progress = func(done, total int) { seen = append(seen, done, total) }
	r, err := doctor.Headers(o, testdata.Read(t, "headers/bitcoin-mainnet_alt-1-2016.bin"))
	want(t, r, err, doctor.Verified)
	if !slices.Equal(seen, []int{512, 2016, 1024, 2016, 1536, 2016, 2016, 2016}) {
		t.Errorf("progress %v", seen)
	}
}

// TestRegtestBlocks: a chain of blocks, nearly all merge-mined, as a run of headers.
func TestRegtestBlocks(t *testing.T) {
	var stats struct{ Blocks []string }
	if err := json.Unmarshal(testdata.Read(t, "auxpow/namecoin-regtest/rpc_getblockstats.json"), &stats); err != nil {
		t.Fatal(err)
	}
	rules := rulesOf(t, "namecoin-regtest")
	var run []byte
	for i, text := range stats.Blocks {
		r, err := doctor.Block(doctor.Options{Rules: rules, Height: int32(i)}, []byte(text))
		want(t, r, err, doctor.Verified)
		raw, _ := hex.DecodeString(text)
		s, _, err := spv.ParseSealed(raw, i > 0)
		if err != nil {
			t.Fatal(err)
		}
		run = s.Append(run)
	}
	r, err := doctor.Headers(unknown(rules), run)
	want(t, r, err, doctor.Verified)
	if r.Run.Proofs != 103 || tally(r, spv.CheckParentWork).Passed != 103 || tally(r, spv.CheckDifficulty).NotChecked > 0 {
		t.Errorf("%+v", r.Run)
	}
}

func BenchmarkHeaders(b *testing.B) {
	raw := testdata.Read(b, "headers/bitcoin-testnet3-0-9999.bin")
	o := unknown(rulesOf(b, "bitcoin-testnet3"))
	for b.Loop() {
		if r, err := doctor.Headers(o, raw); err != nil || r.Verdict != doctor.Verified {
			b.Fatal(err)
		}
	}
	b.ReportMetric(10000*float64(b.N)/b.Elapsed().Seconds(), "headers/s")
}

func BenchmarkHeadersScrypt(b *testing.B) {
	raw := testdata.Read(b, "headers/dogecoin-testnet-158001-160000.headersmsg.bin")
	o := doctor.Options{Rules: rulesOf(b, "dogecoin-testnet"), Height: 158001}
	for b.Loop() {
		if r, err := doctor.Headers(o, raw); err != nil || r.Verdict != doctor.Verified {
			b.Fatal(err)
		}
	}
	b.ReportMetric(2000*float64(b.N)/b.Elapsed().Seconds(), "headers/s")
}

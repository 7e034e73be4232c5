package doctor_test

import (
	"encoding/json"
	"testing"

	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/doctor"
)

// sane makes sure that a report can be shown and that its verdict is that of its checks.
func sane(t *testing.T, r *doctor.Report, err error) {
	if err != nil {
		return
	}
	if _, err := json.Marshal(r); err != nil {
		t.Fatal(err)
	}
	failed, passed := false, false
	for _, c := range r.Checks {
		failed = failed || c.Outcome == spv.Failed
		passed = passed || c.Outcome == spv.Passed
	}
	if failed != (r.Verdict == doctor.Refuted) || (r.Verdict == doctor.Verified && !passed) || (r.Cause != nil && !failed) {
		t.Fatalf("%s, cause %v: %+v", r.Verdict, r.Cause, r.Checks)
	}
}

// seeds adds a proof, a block and a partial tree of the forged chains.
func seeds(f *testing.F) {
	f.Add([]byte{}, int32(-1), false)
	for _, layer := range []bool{false, true} {
		r := foreignRules()
		if layer {
			r = layerRules()
		}
		s := newPlan(r).seal(f)
		f.Add(s.Append(nil), int32(100), layer)
		f.Add(append(s.Append(s.Append(nil)), 1, 2), int32(100), layer)
	}
	f.Add(testdata.Read(f, "auxpow/namecoin-mainnet/19200.hex"), int32(19200), false)
	f.Add(testdata.Read(f, "merkleblock/bitcoin-mainnet-0830000-0.bin"), int32(-1), true)
	f.Add(testdata.Read(f, "headers/bitcoin-mainnet_alt-1-2016.bin")[:400], int32(1), false)
}

func options(height int32, layer bool) doctor.Options {
	o := doctor.Options{Rules: foreignRules(), Height: max(height, -1), Now: 1_700_000_000, Known: map[int32]string{1: "one"}}
	if layer {
		o.Rules = layerRules()
	}
	return o
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("0x00 ff\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if out, err := doctor.Decode(in); err == nil && (len(out) == 0 || len(out) > len(in)) {
			t.Fatalf("%d bytes from %d", len(out), len(in))
		}
	})
}

func FuzzHeader(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, in []byte, height int32, layer bool) {
		r, err := doctor.Header(options(height, layer), in)
		sane(t, r, err)
	})
}

func FuzzHeaders(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, in []byte, height int32, layer bool) {
		r, err := doctor.Headers(options(height, layer), in)
		sane(t, r, err)
	})
}

func FuzzAuxPoW(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, in []byte, height int32, layer bool) {
		o := options(height, layer)
		r, err := doctor.AuxPoW(o, in)
		sane(t, r, err)
		o.ChildHash, o.Bits = &spv.Hash{1}, 0x207fffff
		r, err = doctor.AuxPoW(o, in)
		sane(t, r, err)
	})
}

func FuzzBlock(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, in []byte, height int32, layer bool) {
		r, err := doctor.Block(options(height, layer), in)
		sane(t, r, err)
	})
}

func FuzzMerkle(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, in []byte, height int32, layer bool) {
		o := options(height, layer)
		r, err := doctor.Merkle(o, &spv.Hash{1}, in)
		sane(t, r, err)
		o.Rules = nil
		r, err = doctor.Merkle(o, nil, in)
		sane(t, r, err)
	})
}

package doctor_test

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/chaincfg/chainhash"

	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/doctor"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/pow"
)

// rulesOf returns a built-in chain's rules.
func rulesOf(t testing.TB, name string) *spv.Rules {
	t.Helper()
	return &testchain.Params(t, name).Rules
}

func unknown(r *spv.Rules) doctor.Options {
	return doctor.Options{Rules: r, Height: doctor.UnknownHeight}
}

// outcome returns how the first check with a name ended, 0 if there is none.
func outcome(r *doctor.Report, name string) spv.Outcome {
	for _, c := range r.Checks {
		if c.Name == name {
			return c.Outcome
		}
	}
	return 0
}

// want makes sure of a verdict and returns the report.
func want(t *testing.T, r *doctor.Report, err error, v doctor.Verdict) *doctor.Report {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict != v {
		t.Fatalf("%s: %s, want %s: %+v", r.Title, r.Verdict, v, r.Checks)
	}
	for _, c := range r.Checks {
		if doctor.Explain(c.Name) == "" {
			t.Errorf("check %q is not explained", c.Name)
		}
	}
	if _, err := json.Marshal(r); err != nil {
		t.Fatal(err)
	}
	wantSaid(t, r)
	return r
}

func TestDecode(t *testing.T) {
	for _, c := range []struct{ in, out, err string }{
		{"00ff", "\x00\xff", ""},
		{" 0x00 0Xff\r\n\t01\n", "\x00\xff\x01", ""},
		{"\x00\xff", "\x00\xff", ""},
		{"\x01z", "\x01z", ""},
		{"0", "", "input: 1 hex digits, want an even number"},
		{"00zz", "", "input: 'z' at offset 2 is not a hex digit"},
		{"{\"hex\"", "", "input: '{' at offset 0 is not a hex digit"},
		{"", "", "input: empty"},
		{" \n", "", "input: empty"},
	} {
		got, err := doctor.Decode([]byte(c.in))
		if (err == nil) != (c.err == "") || err != nil && err.Error() != c.err || string(got) != c.out {
			t.Errorf("%q: got %q, %v", c.in, got, err)
		}
	}
	if _, err := doctor.Decode(make([]byte, doctor.MaxInput+1)); err == nil || !strings.Contains(err.Error(), "want at most 67108864") {
		t.Errorf("oversized input: %v", err)
	}
}

func TestHeaderOwnWork(t *testing.T) {
	raw := testdata.Read(t, "headers/dogecoin-mainnet-1-240.bin")
	o := unknown(rulesOf(t, "dogecoin"))
	r, err := doctor.Header(o, raw[:80])
	want(t, r, err, doctor.Verified)
	if *r.Subject.Height != 1 || outcome(r, spv.CheckDifficulty) != spv.Passed || outcome(r, spv.CheckMedianTime) != spv.Passed {
		t.Fatalf("the header on genesis was not judged in full: %+v", r.Checks)
	}
	r, err = doctor.Header(o, raw[800:880])
	want(t, r, err, doctor.Verified)
	for _, name := range []string{spv.CheckDifficulty, spv.CheckMedianTime, spv.CheckFutureTime, spv.CheckLegacyVersion} {
		if outcome(r, name) != spv.NotChecked || !slices.Contains(r.NotChecked, name) {
			t.Errorf("%s without height: %s, not checked: %v", name, outcome(r, name), r.NotChecked)
		}
	}
	if outcome(r, spv.CheckWork) != spv.Passed || r.Subject.Height != nil {
		t.Errorf("%+v", r)
	}
	o.Now = binary.LittleEndian.Uint32(raw[868:]) - 7201
	r, err = doctor.Header(o, raw[800:880])
	want(t, r, err, doctor.Refuted)
	if outcome(r, spv.CheckFutureTime) != spv.Failed {
		t.Errorf("%+v", r.Checks)
	}
}

func TestHeaderHeights(t *testing.T) {
	rules := rulesOf(t, "bitcoin")
	r, err := doctor.Header(unknown(rules), rules.Genesis[:])
	want(t, r, err, doctor.Verified)
	if len(r.Checks) != 1 || outcome(r, doctor.CheckGenesis) != spv.Passed {
		t.Errorf("%+v", r.Checks)
	}
	r, err = doctor.Header(doctor.Options{Rules: rules, Height: 5}, rules.Genesis[:])
	want(t, r, err, doctor.Refuted)
	if outcome(r, doctor.CheckHeight) != spv.Failed {
		t.Errorf("%+v", r.Checks)
	}
	other := rulesOf(t, "bitcoin-testnet3").Genesis
	r, err = doctor.Header(doctor.Options{Rules: rules, Height: 0}, other[:])
	want(t, r, err, doctor.Refuted)
	if outcome(r, doctor.CheckGenesis) != spv.Failed {
		t.Errorf("%+v", r.Checks)
	}
}

func TestHeaderUnreadable(t *testing.T) {
	rules := rulesOf(t, "bitcoin")
	for _, in := range [][]byte{nil, rules.Genesis[:79], append(rules.Genesis[:80:80], 0), []byte("hello")} {
		if r, err := doctor.Header(unknown(rules), in); err == nil {
			t.Errorf("%x: %+v", in, r)
		}
	}
	if _, err := doctor.Header(doctor.Options{Rules: rules, Height: 1<<31 - 1}, rules.Genesis[:]); err == nil {
		t.Error("a height near the end of int32 was taken")
	}
	if _, err := doctor.Header(doctor.Options{}, rules.Genesis[:]); err == nil {
		t.Error("no rules were needed")
	}
}

// TestHeaderCauses spoils headers with work of their own.
func TestHeaderCauses(t *testing.T) {
	raw := spv.Header(testdata.Read(t, "headers/bitcoin-mainnet_alt-1-2016.bin")[800:880])
	doge := spv.Header(testdata.Read(t, "headers/dogecoin-mainnet-1-240.bin")[800:880])
	for _, c := range []struct {
		chain, cause string
		header       spv.Header
	}{
		{"bitcoin", "header-byte-order", spv.Header(words(raw[:]))},
		{"litecoin", "wrong-work-hash", raw},
		{"dogecoin", "too-little-work", spoiled(doge, 76)},
		{"bitcoin", "header-byte-order", func() spv.Header { h := raw; flip32(&h, 72); return h }()},
	} {
		r, err := doctor.Header(unknown(rulesOf(t, c.chain)), c.header[:])
		want(t, r, err, doctor.Refuted)
		if r.Cause == nil || r.Cause.Name != c.cause {
			t.Errorf("%s: cause %+v, want %s", c.chain, r.Cause, c.cause)
		}
	}
	old := doctor.Options{Rules: rulesOf(t, "dogecoin"), Height: 400000}
	for _, c := range []struct {
		height int32
		raw    []byte
		cause  string
	}{
		{400000, doge[:], "version-without-chain-id"},
		{1000, testdata.Hex(t, "auxpow/dogecoin-mainnet/700000.hex"), "before-start"},
	} {
		old.Height = c.height
		r, err := doctor.Header(old, c.raw)
		want(t, r, err, doctor.Refuted)
		if r.Cause == nil || r.Cause.Name != c.cause {
			t.Errorf("cause %+v, want %s", r.Cause, c.cause)
		}
	}
}

func spoiled(h spv.Header, at int) spv.Header { h[at] ^= 1; return h }

// TestChildWorkHash: on a scrypt chain the tree may hold the wrong hash of the child.
func TestChildWorkHash(t *testing.T) {
	r := foreignRules()
	p := newPlan(r)
	r.Work, p.mineWork, p.mineBits = pow.Scrypt, pow.Scrypt, 0x207fffff
	binary.LittleEndian.PutUint32(p.child[72:], 0x207fffff)
	p.leaf = func(spv.Hash) spv.Hash { return pow.Scrypt.Sum((*[80]byte)(&p.child)) }
	rep, err := doctor.AuxPoW(doctor.Options{Rules: r, Height: 100}, p.seal(t).Append(nil))
	want(t, rep, err, doctor.Refuted)
	if rep.Cause == nil || rep.Cause.Name != "child-work-hash" {
		t.Errorf("cause %+v", rep.Cause)
	}
}

// TestRealProofs verifies every real proof, whole or alone, by the chain's rules or by
// its id alone.
func TestRealProofs(t *testing.T) {
	sha := func(id int32) doctor.Options {
		return doctor.Options{Rules: doctor.Generic(id, pow.SHA256d), Height: doctor.UnknownHeight, Foreign: true}
	}
	chain := func(name string, height int32) doctor.Options {
		return doctor.Options{Rules: rulesOf(t, name), Height: height, Now: 1_800_000_000}
	}
	var index struct {
		Items []struct {
			File, Coin, Net, Hash, Kind string
			Height                      int32
			ChainID                     int32 `json:"chain_id"`
			IsAuxPoW                    bool  `json:"is_auxpow"`
		}
	}
	if err := json.Unmarshal(testdata.Read(t, "auxpow/index.json"), &index); err != nil {
		t.Fatal(err)
	}
	proofs := 0
	for _, it := range index.Items {
		var o doctor.Options
		switch it.Coin + " " + it.Net {
		case "dogecoin mainnet", "namecoin mainnet":
			o = chain(it.Coin, it.Height)
		case "dogecoin testnet", "namecoin testnet":
			o = chain(it.Coin+"-testnet", it.Height)
		default:
			if !it.IsAuxPoW {
				continue // other chains' own work has rules of its own
			}
			o = sha(it.ChainID)
		}
		if it.Height == 0 {
			o.Height = doctor.UnknownHeight
		}
		r, err := doctor.AuxPoW(o, testdata.Read(t, it.File))
		if err != nil || r.Verdict != doctor.Verified || r.Subject.Hash.String() != it.Hash {
			t.Errorf("%s: %v %+v", it.File, err, r)
			continue
		}
		if it.IsAuxPoW {
			proofs++
			if outcome(r, spv.CheckParentWork) != spv.Passed || outcome(r, spv.CheckCoinbaseRoot) != spv.Passed {
				t.Errorf("%s: %+v", it.File, r.Checks)
			}
		}
		if it.Kind == "block" && outcome(r, spv.CheckBlockRoot) != spv.Passed {
			t.Errorf("%s: the block's transactions were not checked: %+v", it.File, r.Checks)
		}
		if strings.Contains(it.File, "crown") && outcome(r, doctor.CheckTrailing) != spv.NotChecked {
			t.Errorf("%s: trailing bytes: %s", it.File, outcome(r, doctor.CheckTrailing))
		}
	}
	if proofs < 20 {
		t.Errorf("%d proofs, want at least 20", proofs)
	}
}

func TestTrailingBytes(t *testing.T) {
	raw := append(testdata.Hex(t, "auxpow/namecoin-mainnet/19200.hex"), 0)
	for name, verify := range map[string]func(doctor.Options, []byte) (*doctor.Report, error){"auxpow": doctor.AuxPoW, "block": doctor.Block} {
		r, err := verify(doctor.Options{Rules: rulesOf(t, "namecoin"), Height: 19200}, raw)
		want(t, r, err, doctor.Refuted)
		if fail, _ := r.Failure(); fail.Name != doctor.CheckTrailing {
			t.Errorf("%s: %+v", name, fail)
		}
	}
}

// TestBareProof verifies proofs that come without the header they belong to.
func TestBareProof(t *testing.T) {
	raw := testdata.Hex(t, "auxpow/dogecoin-mainnet/700000.hex")
	h := spv.Header(raw[:80])
	id := h.ID()
	o := doctor.Options{Rules: rulesOf(t, "dogecoin"), Height: doctor.UnknownHeight, ChildHash: &id, Bits: h.Bits()}
	r, err := doctor.AuxPoW(o, raw[80:])
	want(t, r, err, doctor.Verified)
	if outcome(r, spv.CheckSlot) != spv.Passed || outcome(r, spv.CheckDifficulty) != spv.NotChecked {
		t.Errorf("%+v", r.Checks)
	}
	backward := id
	slices.Reverse(backward[:])
	o.ChildHash = &backward
	r, err = doctor.AuxPoW(o, raw[80:])
	want(t, r, err, doctor.Refuted)
	if r.Cause == nil || r.Cause.Name != "child-hash-reversed" {
		t.Errorf("cause %+v", r.Cause)
	}
	o.Bits = 0
	if _, err := doctor.AuxPoW(o, raw[80:]); err == nil {
		t.Error("no bits were needed")
	}

	// Elastos puts the id of an 84-byte header, the height last, into its tree, byte-reversed.
	ela := testdata.Hex(t, "auxpow/elastos-mainnet/ela-360062-auxpow.hex")
	child := testdata.Hex(t, "auxpow/elastos-mainnet/ela-360062-child-header.hex")
	leaf := pow.DoubleSHA256(binary.LittleEndian.AppendUint32(child[:80:80], 360062))
	slices.Reverse(leaf[:])
	o = doctor.Options{Rules: doctor.Generic(1224, pow.SHA256d), Height: doctor.UnknownHeight, ChildHash: &leaf,
		Bits: binary.LittleEndian.Uint32(child[72:]), Foreign: true}
	r, err = doctor.AuxPoW(o, ela)
	want(t, r, err, doctor.Verified)
}

func TestBlock(t *testing.T) {
	var b struct{ Hex string }
	for _, c := range []struct {
		chain, file string
		height      int32
	}{
		{"bitcoin-signet", "blocks/bitcoin_signet_31500.json", 31500},
		{"litecoin", "blocks/litecoin_mainnet_900000.json", 900000},
	} {
		var any map[string]json.RawMessage
		if err := json.Unmarshal(testdata.Read(t, c.file), &any); err != nil {
			t.Fatal(err)
		}
		for _, v := range any { // the raw block is the longest string
			var s string
			if json.Unmarshal(v, &s) == nil && len(s) > len(b.Hex) {
				b.Hex = s
			}
		}
		raw, err := hex.DecodeString(b.Hex)
		if err != nil {
			t.Fatalf("%s: %v", c.file, err)
		}
		b.Hex = ""
		rules := rulesOf(t, c.chain)
		o := doctor.Options{Rules: rules, Height: c.height}
		r, err := doctor.Block(o, raw)
		want(t, r, err, doctor.Verified)
		if outcome(r, spv.CheckBlockRoot) != spv.Passed || (outcome(r, spv.CheckSignet) == spv.Passed) != (len(rules.Challenge) > 0) {
			t.Errorf("%s: %+v", c.file, r.Checks)
		}
		raw[len(raw)-1] ^= 1
		r, err = doctor.Block(o, raw)
		want(t, r, err, doctor.Refuted)
		if fail, _ := r.Failure(); fail.Name != spv.CheckBlockRoot {
			t.Errorf("%s: %+v", c.file, fail)
		}
		if r, err := doctor.Block(o, raw[:80]); err == nil {
			t.Errorf("a header was taken for a block: %+v", r)
		}
	}
}

func TestMerkle(t *testing.T) {
	raw := testdata.Read(t, "merkleblock/bitcoin-mainnet-0830000-100.bin")
	o := unknown(rulesOf(t, "bitcoin"))
	r, err := doctor.Merkle(o, nil, raw)
	want(t, r, err, doctor.Verified)
	if outcome(r, spv.CheckBlockRoot) != spv.Passed || outcome(r, spv.CheckWork) != spv.Passed || outcome(r, doctor.CheckTxDepth) != spv.NotChecked {
		t.Errorf("%+v", r.Checks)
	}
	r, err = doctor.Merkle(doctor.Options{}, &spv.Hash{1}, raw)
	want(t, r, err, doctor.Refuted)
	if outcome(r, doctor.CheckTxIncluded) != spv.Failed || outcome(r, spv.CheckWork) != spv.NotChecked {
		t.Errorf("%+v", r.Checks)
	}
	for _, at := range []int{40, 90, 200, len(raw) - 1} {
		bad := slices.Clone(raw)
		bad[at] ^= 1
		r, err := doctor.Merkle(o, nil, bad)
		if err == nil && r.Verdict != doctor.Refuted {
			t.Errorf("byte %d changed: %s", at, r.Verdict)
		}
	}
	r, err = doctor.Merkle(o, nil, append(slices.Clone(raw), 0))
	want(t, r, err, doctor.Refuted)
	if outcome(r, doctor.CheckTrailing) != spv.Failed {
		t.Errorf("%+v", r.Checks)
	}
}

// TestMerkleShallow: a tree that is said to be shallower than it is folds to the block's root, its inner nodes passing for
// the coinbase and a transaction. That it is deep enough is never called checked, even of an honest proof of the coinbase.
func TestMerkleShallow(t *testing.T) {
	txids := []spv.Hash{{1}, {2}, {3}, {4}}
	whole, err := merkle.NewPartial(txids, 0, 3)
	if err != nil {
		t.Fatal(err)
	}
	root, _, err := whole.Extract()
	if err != nil {
		t.Fatal(err)
	}
	pair := func(a, b spv.Hash) spv.Hash { return chainhash.DoubleHashH(slices.Concat(a[:], b[:])) }
	inner := []spv.Hash{pair(txids[0], txids[1]), pair(txids[2], txids[3])}
	shallow, err := merkle.NewPartial(inner, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	single, err := merkle.NewPartial([]spv.Hash{root}, 0)
	if err != nil {
		t.Fatal(err)
	}
	real := testdata.Read(t, "merkleblock/bitcoin-mainnet-0830000-0.bin")
	var header spv.Header
	copy(header[36:], root[:])
	for _, c := range []struct {
		name string
		raw  []byte
	}{{"whole", whole.Append(header[:])}, {"shallow", shallow.Append(header[:])}, {"one", single.Append(header[:])}, {"real", real}} {
		r, err := doctor.Merkle(doctor.Options{}, nil, c.raw)
		want(t, r, err, doctor.Verified)
		if outcome(r, spv.CheckBlockRoot) != spv.Passed || outcome(r, doctor.CheckTxDepth) != spv.NotChecked {
			t.Errorf("%s: %+v", c.name, r.Checks)
		}
	}
}

// TestForeignIDBelowVersionBits: a chain that keeps its id under BIP9's version bits is
// named by the bare id, and a wrong id is still refused.
func TestForeignIDBelowVersionBits(t *testing.T) {
	rules := foreignRules()
	rules.AuxPoW = &spv.AuxRules{ChainID: 16, StrictID: true, LegacyBefore: math.MaxInt32}
	p := newPlan(rules)
	binary.LittleEndian.PutUint32(p.child[0:], 0x20100104)
	s := p.seal(t)
	for id, want := range map[int32]doctor.Verdict{16: doctor.Verified, 0x2010: doctor.Verified, 17: doctor.Refuted, 48: doctor.Refuted} {
		r, err := doctor.AuxPoW(doctor.Options{Rules: doctor.Generic(id, pow.SHA256d), Height: doctor.UnknownHeight, Foreign: true}, s.Append(nil))
		if err != nil || r.Verdict != want {
			t.Errorf("chain id %d: %v, %v", id, r.Verdict, err)
		}
	}
}

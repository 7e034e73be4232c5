package pow

import (
	"encoding/hex"
	"encoding/json"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"golang.org/x/crypto/scrypt"

	"github.com/layeredpow/lamina/internal/testdata"
)

// randomHeaders returns n headers from a fixed seed.
func randomHeaders(seed uint64, n int) []*[80]byte {
	source := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	headers := make([]*[80]byte, n)
	for i := range headers {
		headers[i] = new([80]byte)
		source.Read(headers[i][:])
	}
	return headers
}

// referenceScrypt is the work hash by x/crypto.
func referenceScrypt(t testing.TB, header *[80]byte) (h chainhash.Hash) {
	t.Helper()
	key, err := scrypt.Key(header[:], header[:], 1024, 1, 1, 32)
	if err != nil {
		t.Fatal(err)
	}
	copy(h[:], key)
	return h
}

func TestParse(t *testing.T) {
	for name, want := range map[string]Algorithm{"sha256d": SHA256d, "scrypt": Scrypt} {
		got, err := Parse(name)
		if err != nil || got != want || got.String() != name {
			t.Errorf("Parse(%q) = %v, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "SHA256d", "scrypt ", "x11"} {
		_, err := Parse(name)
		if err == nil {
			t.Errorf("Parse(%q) passed", name)
			continue
		}
		for _, allowed := range []string{`"sha256d"`, `"scrypt"`} {
			if !strings.Contains(err.Error(), allowed) {
				t.Errorf("Parse(%q): error %q does not name %s", name, err, allowed)
			}
		}
	}
}

func TestText(t *testing.T) {
	var v struct{ Work Algorithm }
	if err := json.Unmarshal([]byte(`{"Work":"scrypt"}`), &v); err != nil || v.Work != Scrypt {
		t.Fatalf("unmarshal: %v, %v", v.Work, err)
	}
	text, err := json.Marshal(v)
	if err != nil || string(text) != `{"Work":"scrypt"}` {
		t.Fatalf("marshal: %s, %v", text, err)
	}
	if err := json.Unmarshal([]byte(`{"Work":"x11"}`), &v); err == nil || v.Work != Scrypt {
		t.Errorf("an unknown name: %v, %v, want an error and the old value", v.Work, err)
	}
	for _, a := range []Algorithm{0, Scrypt + 1} {
		if text, err := a.MarshalText(); err == nil {
			t.Errorf("%v marshals to %q", a, text)
		}
	}
	if got := Algorithm(9).String(); got != "Algorithm(9)" {
		t.Errorf("String = %q", got)
	}
}

func TestOutsideTheSet(t *testing.T) {
	for name, call := range map[string]func(){
		"Sum":       func() { Algorithm(0).Sum(new([80]byte)) },
		"SumMany":   func() { Algorithm(9).SumMany(nil, nil) },
		"short out": func() { SHA256d.SumMany(make([]chainhash.Hash, 1), randomHeaders(1, 2)) },
		"short out scrypt": func() {
			Scrypt.SumMany(make([]chainhash.Hash, 1), randomHeaders(1, 2))
		},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s does not panic", name)
				}
			}()
			call()
		}()
	}
}

type genesis struct {
	Header  string
	Hash    string
	PowAlgo string `json:"pow_algo"`
	PowHash string `json:"pow_hash"`
}

func TestGenesis(t *testing.T) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(testdata.Read(t, "headers/genesis.json"), &all); err != nil {
		t.Fatal(err)
	}
	seen := map[Algorithm]int{}
	for chain, raw := range all {
		var g genesis
		if json.Unmarshal(raw, &g) != nil || len(g.Header) != 160 || g.PowHash == "" {
			continue
		}
		algorithm, err := Parse(g.PowAlgo)
		if err != nil {
			t.Fatalf("%s: %v", chain, err)
		}
		var header [80]byte
		if _, err := hex.Decode(header[:], []byte(g.Header)); err != nil {
			t.Fatalf("%s: %v", chain, err)
		}
		if got := DoubleSHA256(header[:]).String(); got != g.Hash {
			t.Errorf("%s: block id %s, want %s", chain, got, g.Hash)
		}
		if got := algorithm.Sum(&header).String(); got != g.PowHash {
			t.Errorf("%s: work hash %s, want %s", chain, got, g.PowHash)
		}
		seen[algorithm]++
	}
	if seen[SHA256d] < 2 || seen[Scrypt] < 2 {
		t.Errorf("genesis blocks checked: %v, want at least 2 of each algorithm", seen)
	}
}

// target expands the compact form at bytes 72..75 of a header.
func target(header *[80]byte) *big.Int {
	mantissa := big.NewInt(int64(header[72]) | int64(header[73])<<8 | int64(header[74])<<16)
	return mantissa.Lsh(mantissa, 8*uint(header[75]-3))
}

// number reads a hash as a little-endian number.
func number(h chainhash.Hash) *big.Int {
	for i := range len(h) / 2 {
		h[i], h[31-i] = h[31-i], h[i]
	}
	return new(big.Int).SetBytes(h[:])
}

// TestRealWork checks the work of real headers: a wrong hash meets a target of these chains with a chance below 2^-12.
func TestRealWork(t *testing.T) {
	for _, c := range []struct {
		file      string
		algorithm Algorithm
	}{
		{"headers/litecoin-mainnet-1-240.bin", Scrypt},
		{"headers/dogecoin-mainnet-1-240.bin", Scrypt},
		{"headers/bitcoin-mainnet_alt-1-2016.bin", SHA256d},
	} {
		raw := testdata.Read(t, c.file)
		if len(raw) < 240*80 || len(raw)%80 != 0 {
			t.Fatalf("%s: %d bytes", c.file, len(raw))
		}
		headers := make([]*[80]byte, len(raw)/80)
		for i := range headers {
			headers[i] = (*[80]byte)(raw[80*i:])
		}
		work, ids := make([]chainhash.Hash, len(headers)), make([]chainhash.Hash, len(headers))
		c.algorithm.SumMany(work, headers)
		HashHeaders(ids, headers)
		for i, header := range headers {
			if number(work[i]).Cmp(target(header)) > 0 {
				t.Errorf("%s: header %d: work hash %v is above the target %064x", c.file, i, work[i], target(header))
			}
			if i+1 < len(headers) && ids[i] != chainhash.Hash(headers[i+1][4:36]) {
				t.Errorf("%s: header %d: id %v is not the next header's parent", c.file, i, ids[i])
			}
		}
	}
}

func TestSumManyEqualsSum(t *testing.T) {
	headers := randomHeaders(2, 83)
	for _, a := range []Algorithm{SHA256d, Scrypt} {
		out := make([]chainhash.Hash, len(headers)+1)
		a.SumMany(out, headers)
		for i, header := range headers {
			if want := a.Sum(header); out[i] != want {
				t.Errorf("%v: header %d of %d: %v, want %v", a, i, len(headers), out[i], want)
			}
		}
		if out[len(headers)] != (chainhash.Hash{}) {
			t.Errorf("%v: wrote past the last header", a)
		}
	}
}

func FuzzScrypt(f *testing.F) {
	f.Add(make([]byte, 80))
	f.Add(randomHeaders(4, 1)[0][:])
	f.Fuzz(func(t *testing.T, b []byte) {
		var header [80]byte
		copy(header[:], b)
		if got, want := Scrypt.Sum(&header), referenceScrypt(t, &header); got != want {
			t.Errorf("scrypt of %x: %v, want %v", header, got, want)
		}
	})
}

package address_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/wallet/address"
)

func chain(t testing.TB, set *chains.Set, name string) *chains.Params {
	t.Helper()
	p, err := set.Get(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// vector is one row of the key_io files: text, script or hash, and what it is.
type vector struct {
	text, hex string
	of        struct {
		Chain     string
		AddrType  string
		IsPrivkey bool
		IsTestnet bool
		Flip      bool `json:"tryCaseFlip"`
	}
}

func vectors(t *testing.T, name string) (out []vector) {
	t.Helper()
	var rows [][]json.RawMessage
	if err := json.Unmarshal(testdata.Read(t, "vectors/"+name), &rows); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		var v vector
		for i, to := range []any{&v.text, &v.hex, &v.of}[:len(r)] {
			if err := json.Unmarshal(r[i], to); err != nil {
				t.Fatal(err)
			}
		}
		out = append(out, v)
	}
	return out
}

var files = map[string]map[string]string{
	"bitcoin":  {"main": "bitcoin", "testnet4": "bitcoin-testnet4", "signet": "bitcoin-signet", "regtest": "bitcoin-regtest"},
	"litecoin": {"main": "litecoin", "test": "litecoin-testnet", "regtest": "litecoin-regtest"},
}

func TestKeyIOValid(t *testing.T) {
	set, n := testchain.Set(t), 0
	for coin, names := range files {
		for _, v := range vectors(t, coin+"-key_io_valid.json") {
			p := chain(t, set, names[v.of.Chain])
			if v.of.IsPrivkey {
				if got, err := address.Decode(p, v.text); err == nil {
					t.Errorf("private key %s: decodes to %x", v.text, got)
				}
				continue
			}
			n++
			checkVector(t, p, v)
		}
	}
	for _, v := range vectors(t, "dogecoin-base58_keys_valid.json") {
		if v.of.IsPrivkey {
			continue
		}
		n++
		name := "dogecoin"
		if v.of.IsTestnet {
			name = "dogecoin-testnet"
		}
		if v.hex = "76a914" + v.hex + "88ac"; v.of.AddrType == "script" {
			v.hex = "a914" + v.hex[6:46] + "87"
		}
		checkVector(t, chain(t, set, name), v)
	}
	if n < 120 {
		t.Errorf("%d addresses, want at least 120", n)
	}
}

func checkVector(t *testing.T, p *chains.Params, v vector) {
	t.Helper()
	got, err := address.Decode(p, v.text)
	if err != nil || hex.EncodeToString(got) != v.hex {
		t.Errorf("%s %s: %x %v, want %s", p.Name, v.text, got, err, v.hex)
		return
	}
	if back, err := address.Encode(p, got); err != nil || back != v.text {
		// Some chains read more version bytes than they write.
		again, e := address.Decode(p, back)
		if len(p.Address.P2SH) < 2 || e != nil || !bytes.Equal(again, got) {
			t.Errorf("%s %s: encodes to %s, %v", p.Name, v.text, back, err)
		}
	}
	if v.of.Flip {
		flipped, err := address.Decode(p, strings.ToUpper(v.text))
		if err != nil || !bytes.Equal(flipped, got) {
			t.Errorf("%s upper case: %v", v.text, err)
		}
	}
}

func TestKeyIOInvalid(t *testing.T) {
	set, n := testchain.Set(t), 0
	for _, name := range []string{"bitcoin-key_io_invalid", "litecoin-key_io_invalid", "dogecoin-base58_keys_invalid"} {
		coin, _, _ := strings.Cut(name, "-")
		for _, v := range vectors(t, name+".json") {
			for _, p := range set.All() {
				if !strings.HasPrefix(p.Name, coin) {
					continue
				}
				n++
				if got, err := address.Decode(p, v.text, set.All()...); err == nil {
					t.Errorf("%s: %q decodes to %x", p.Name, v.text, got)
				}
			}
		}
	}
	if n < 400 {
		t.Errorf("%d refusals, want at least 400", n)
	}
}

func TestDecodeErrors(t *testing.T) {
	set := testchain.Set(t)
	for _, c := range []struct{ chain, text, want string }{
		{"bitcoin", "LT2KVaAy1ppRuxRgrS5RNU3vBsy7RibPeA", `is of litecoin, want one of bitcoin`},
		{"dogecoin", "bc1q9vza2e8x573nczrlzms0wvx3gsqjx7vavgkx0l", `is of bitcoin, want one of dogecoin`},
		{"bitcoin", "bc1q9vza2e8x573nczrlzms0wvx3gsqjx7vavgkx0m", `checksum is wrong; character 42 may be mistyped`},
		{"bitcoin", "1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mp", `checksum is wrong; character 34 may be mistyped`},
		{"bitcoin", "bc1q9vza2e8x573nczrlzms0wvx3gsqjx7vavgkx0L", `mixes upper and lower case`},
		{"bitcoin", "", `empty, want an address of bitcoin`},
		{"bitcoin", " 1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo", `character 1 is not a letter or digit`},
		{"bitcoin", strings.Repeat("1", 1000), `address of 1000 characters: want at most 90`},
		{"bitcoin", "hello", `not an address of bitcoin`},
	} {
		_, err := address.Decode(chain(t, set, c.chain), c.text, set.All()...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %q: %v, want %q", c.chain, c.text, err, c.want)
		}
	}
}

// TestKinds checks that what is spendable by anybody on a chain is never taken for a
// kind that has an owner there.
func TestKinds(t *testing.T) {
	set := testchain.Set(t)
	v1 := append([]byte{0x51, 0x20}, make([]byte, 32)...)
	v0 := append([]byte{0x00, 0x14}, make([]byte, 20)...)
	for _, c := range []struct {
		chain  string
		script []byte
		want   address.Kind
	}{
		{"bitcoin", v1, address.P2TR}, {"namecoin", v1, address.Future}, {"dogecoin", v1, address.Future},
		{"bitcoin", v0, address.P2WPKH}, {"namecoin", v0, address.P2WPKH}, {"dogecoin", v0, address.Future},
		{"bitcoin", []byte{0x51, 0x02, 0x4e, 0x73}, address.Future}, {"bitcoin", []byte{0x6a}, address.Data},
		{"bitcoin", append([]byte{0x00, 0x15}, make([]byte, 21)...), address.Other}, {"bitcoin", nil, address.Other},
	} {
		if got := address.KindOf(chain(t, set, c.chain), c.script); got != c.want {
			t.Errorf("%s %x: %v, want %v", c.chain, c.script, got, c.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	set := testchain.Set(f)
	f.Add("bc1q9vza2e8x573nczrlzms0wvx3gsqjx7vavgkx0l")
	f.Add("1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo")
	f.Fuzz(func(t *testing.T, text string) {
		for _, p := range set.All() {
			script, err := address.Decode(p, text)
			if err != nil {
				continue
			}
			back, err := address.Encode(p, script)
			if err != nil {
				t.Fatalf("%s %q: %v", p.Name, text, err)
			}
			if again, err := address.Decode(p, back); err != nil || !bytes.Equal(again, script) {
				t.Fatalf("%s %q: %q decodes to %x, %v", p.Name, text, back, again, err)
			}
		}
	})
}

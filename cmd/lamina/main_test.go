package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/testdata"
)

// outcome is what one command line left behind.
type outcome struct {
	code     int
	out, err string
}

// lamina runs a command line in this process.
func lamina(t testing.TB, stdin []byte, args ...string) outcome {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(args, bytes.NewReader(stdin), &out, &errs)
	return outcome{code, out.String(), errs.String()}
}

// file writes a file for one test.
func file(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// document decodes a result that must be exactly one JSON document.
func document(t testing.TB, o outcome) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal([]byte(o.out), &doc); err != nil {
		t.Fatalf("not one JSON document: %v\n%s", err, o.out)
	}
	return doc
}

func data(t testing.TB, name string) string { return testdata.Path(t, name) }

// TestVerifyRealData sends every kind of real data through the command line.
func TestVerifyRealData(t *testing.T) {
	for _, c := range []struct {
		args string
		says []string // in the output
	}{
		{"header --chain dogecoin --from-height 700000 " + data(t, "auxpow/dogecoin-mainnet/700000.hex"), []string{"passed       parent-work", "at height 700000", "not checked: difficulty"}},
		{"header --chain dogecoin " + data(t, "auxpow/dogecoin-mainnet/17.hex"), []string{"passed       work", "the height is not known"}},
		{"headers --chain bitcoin-testnet3 " + data(t, "headers/bitcoin-testnet3-0-9999.bin"), []string{"verified: 10000 headers\n"}},
		{"headers --chain bitcoin " + data(t, "headers/bitcoin-mainnet_alt-1-2016.bin"), []string{"verified: 2016 headers\n"}},
		{"headers --chain litecoin " + data(t, "headers/litecoin-mainnet-1-240.bin"), []string{"verified: 240 headers\n"}},
		{"headers --chain dogecoin-testnet --from-height 158001 " + data(t, "headers/dogecoin-testnet-158001-160000.headersmsg.bin"),
			[]string{"verified: 2000 headers; not checked: link of 1, difficulty of 2, median-time of 11\n", "393 headers"}},
		{"headers --chain dogecoin --from-height 974401 " + data(t, "headers/dogecoin-mainnet-974401-974411-auxpow.hex"), []string{"verified: 11 headers", "proofs           11"}},
		{"headers --chain dogecoin " + data(t, "headers/dogecoin-mainnet-2054958-2054963-auxpow.hex"), []string{"verified: 6 headers", "note: the height of the first header is not known"}},
		{"auxpow --chain namecoin --from-height 19200 " + data(t, "auxpow/namecoin-mainnet/19200.hex"), []string{"passed       slot", "passed       merkle-root"}},
		{"auxpow --chain namecoin --from-height 19414 " + data(t, "auxpow/namecoin-mainnet/19414.hex"), []string{"passed       commitment-offset"}},
		{"auxpow --chain namecoin --from-height 19204 " + data(t, "auxpow/namecoin-mainnet/19204.hex"), []string{"passed       work", "passed       auxpow-present"}},
		{"auxpow --chain-id 20 --work sha256d " + data(t, "auxpow/crown-mainnet/1671882.hex"), []string{"not checked  trailing-bytes", "780 bytes"}},
		{"auxpow --chain-id 4096 --work sha256d " + data(t, "auxpow/syscoin-mainnet/430000.hex"), []string{"passed       slot"}},
		{"auxpow --chain-id 50 --work sha256d " + data(t, "auxpow/terracoin-mainnet/833000.hex"), []string{"passed       slot"}},
		{"merkle --chain bitcoin --from-height 830000 " + data(t, "merkleblock/bitcoin-mainnet-0830000-1000.bin"), []string{"transaction 1000", "not checked  tx-depth"}},
		{"merkle " + data(t, "merkleblock/rust-bitcoin-merkle_block.hex"), []string{"passed       merkle-root", "no chain was given"}},
		{"block --chain dogecoin --from-height 371337 " + data(t, "auxpow/dogecoin-mainnet/371337.hex"), []string{"passed       merkle-root", "passed       checkpoint"}},
		{"block --chain dogecoin --from-height 250000 " + data(t, "auxpow/dogecoin-mainnet/250000.hex"), []string{"passed       work"}},
	} {
		got := lamina(t, nil, append([]string{"verify"}, strings.Fields(c.args)...)...)
		if got.code != exitOK || got.err != "" {
			t.Errorf("%s: code %d, %s\n%s", c.args, got.code, got.err, got.out)
		}
		for _, say := range c.says {
			if !strings.Contains(got.out, say) {
				t.Errorf("%s: %q is not in\n%s", c.args, say, got.out)
			}
		}
	}
}

// TestVerifyRefuted changes real data and expects the check and the cause to be named.
func TestVerifyRefuted(t *testing.T) {
	proof := testdata.Hex(t, "auxpow/dogecoin-mainnet/700000.hex")
	for i := len(proof) - 80; i < len(proof); i += 4 { // as getwork sends it
		p := proof[i : i+4]
		p[0], p[1], p[2], p[3] = p[3], p[2], p[1], p[0]
	}
	run := testdata.Read(t, "headers/bitcoin-mainnet_alt-1-2016.bin")
	run[80*700+76] ^= 1
	partial := testdata.Read(t, "merkleblock/bitcoin-mainnet-0830000-1000.bin")
	block := append(testdata.Hex(t, "auxpow/namecoin-mainnet/40000.hex"), 0)
	other := strings.Repeat("ab", 32)
	for _, c := range []struct {
		in   []byte
		args string
		says []string
	}{
		{proof, "header --chain dogecoin -", []string{"refuted by parent-work", "(parent-byte-order)", "mend: "}},
		{run, "headers --chain bitcoin -", []string{"refuted by work", "header 700 of the input", "at height 701"}},
		{proof, "auxpow --chain dogecoin -", []string{"refuted by parent-work"}},
		{partial, "merkle --chain bitcoin --txid " + other + " -", []string{"refuted by tx-included"}},
		{block, "block --chain namecoin -", []string{"refuted by trailing-bytes", "1 bytes"}},
	} {
		args := append([]string{"verify"}, strings.Fields(c.args)...)
		got := lamina(t, c.in, args...)
		if got.code != exitRefuted || got.err != "" {
			t.Errorf("%s: code %d, %s", c.args, got.code, got.err)
		}
		for _, say := range c.says {
			if !strings.Contains(got.out, say) {
				t.Errorf("%s: %q is not in\n%s", c.args, say, got.out)
			}
		}
		got = lamina(t, c.in, append(args, "--json")...)
		if doc := document(t, got); got.code != exitRefuted || doc["verdict"] != "refuted" {
			t.Errorf("%s --json: code %d, %v", c.args, got.code, doc["verdict"])
		}
	}
}

// TestVerifyJSON pins the field names that scripts rely on.
func TestVerifyJSON(t *testing.T) {
	got := lamina(t, nil, "verify", "headers", "--json", "--chain", "dogecoin-testnet", "--from-height", "158001",
		data(t, "headers/dogecoin-testnet-158001-160000.headersmsg.bin"))
	doc := document(t, got)
	run, _ := doc["run"].(map[string]any)
	if got.code != exitOK || doc["verdict"] != "verified" || run["headers"] != 2000.0 || run["proofs"] != 393.0 {
		t.Fatalf("code %d: %v", got.code, run)
	}
	for _, key := range []string{"title", "subject", "facts", "checks", "not_checked"} {
		if doc[key] == nil {
			t.Errorf("no %q in %v", key, doc)
		}
	}
	check := doc["checks"].([]any)[0].(map[string]any)
	for _, key := range []string{"check", "outcome", "want", "got"} {
		if _, ok := check[key].(string); !ok {
			t.Errorf("no %q in %v", key, check)
		}
	}
	if last, _ := run["last"].(map[string]any); last["height"] != 160000.0 || len(last["hash"].(string)) != 64 {
		t.Errorf("last: %v", run["last"])
	}
}

// TestVerifyBare checks a proof without its header, as a pool would before submitauxblock.
func TestVerifyBare(t *testing.T) {
	raw := testdata.Hex(t, "auxpow/dogecoin-mainnet/700000.hex")
	aux := []byte(hex.EncodeToString(raw[80:]))
	var index struct {
		Items []struct{ File, Hash, Bits string }
	}
	if err := json.Unmarshal(testdata.Read(t, "auxpow/index.json"), &index); err != nil {
		t.Fatal(err)
	}
	for _, it := range index.Items {
		if it.File != "auxpow/dogecoin-mainnet/700000.hex" {
			continue
		}
		args := []string{"verify", "auxpow", "--chain", "dogecoin", "--bits", it.Bits, "-", "--hash"}
		if got := lamina(t, aux, append(args, it.Hash)...); got.code != exitOK {
			t.Errorf("code %d: %s%s", got.code, got.out, got.err)
		}
		b, _ := hex.DecodeString(it.Hash)
		for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
			b[i], b[j] = b[j], b[i]
		}
		got := lamina(t, aux, append(args, hex.EncodeToString(b))...)
		if got.code != exitRefuted || !strings.Contains(got.out, "(child-hash-reversed)") {
			t.Errorf("code %d: %s%s", got.code, got.out, got.err)
		}
		return
	}
	t.Fatal("700000 is not in the index")
}

// TestUsage: what cannot be read, or asked, ends with code 2, a message and no result.
func TestUsage(t *testing.T) {
	empty := file(t, "empty", nil)
	text := file(t, "text", []byte("no hex here"))
	for _, c := range []struct{ args, says string }{
		{"nonsense", `unknown command "nonsense"`},
		{"verify nonsense", `unknown command "nonsense"`},
		{"chains nonsense", `unknown command "nonsense"`},
		{"chains show nonsense", `chain "nonsense" is unknown, want one of`},
		{"chains check /nonsense.toml", "/nonsense.toml"},
		{"verify header " + empty, `required flag(s) "chain" not set`},
		{"verify header --chain bitcoin", "accepts 1 arg(s), received 0"},
		{"verify header --chain bitcoin " + empty, "input: empty"},
		{"verify header --chain bitcoin " + text, "input: 'n' at offset 0 is not a hex digit"},
		{"verify header --chain bitcoin /nonsense", "/nonsense: no such file"},
		{"verify header --chain nonsense " + empty, `chain "nonsense" is unknown`},
		{"verify headers --chain bitcoin --from-height x " + empty, "invalid argument"},
		{"verify headers --chain bitcoin --from-height 2000000000 " + data(t, "headers/litecoin-mainnet-1-240.bin"), "height: got 2000000000"},
		{"verify headers --chain dogecoin " + data(t, "auxpow/fractal-mainnet/1824355-indexer-class.hex"), "headers: header 0"},
		{"verify auxpow " + empty, "at least one of the flags in the group [chain chain-id]"},
		{"verify auxpow --chain-id 3 " + empty, "missing [work]"},
		{"verify auxpow --chain-id 3 --work md5 " + empty, `work hash "md5" is unknown`},
		{"verify auxpow --chain-id 70000 --work scrypt " + empty, "chain id: got 70000, want 0 to 65535"},
		{"verify auxpow --chain bitcoin " + data(t, "auxpow/dogecoin-mainnet/17.hex"), "bitcoin is not merge-mined"},
		{"verify auxpow --chain dogecoin --hash ab --bits 1d00ffff " + empty, "--hash: \"ab\" is not 64 hex digits"},
		{"verify auxpow --chain dogecoin --hash " + strings.Repeat("ab", 32) + " --bits xyz " + empty, "--bits: \"xyz\""},
		{"verify auxpow --chain-id 8228 --work sha256d " + data(t, "auxpow/fractal-mainnet/1824355-indexer-class.hex"), "auxpow"},
		{"verify merkle --txid 1 " + empty, "--txid: \"1\" is not 64 hex digits"},
		{"verify block --chain dogecoin " + data(t, "auxpow/dogecoin-mainnet/700000.hex"), "block: a header of 662 bytes without transactions"},
		{"demo now", "unknown command"},
		{"--chains-dir /nonsense chains", "/nonsense"},
	} {
		got := lamina(t, nil, strings.Fields(c.args)...)
		if got.code != exitUsage || got.out != "" || !strings.HasPrefix(got.err, "lamina: ") || !strings.Contains(got.err, c.says) {
			t.Errorf("%s: code %d, want 2 and %q\n%s%s", c.args, got.code, c.says, got.out, got.err)
		}
	}
}

package chains_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/layeredpow/lamina/assets"
	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv/chains"
)

// fenced returns the blocks of docs/add-a-chain.md that are fenced as a language.
func fenced(t testing.TB, language string) []string {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join(testdata.Root(t), "docs", "add-a-chain.md"))
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, b := range strings.Split(string(doc), "\n```"+language+"\n")[1:] {
		text, _, _ := strings.Cut(b, "\n```")
		blocks = append(blocks, text+"\n")
	}
	return blocks
}

// example is the layer of the document.
func example(t testing.TB) string {
	t.Helper()
	blocks := fenced(t, "toml mylayer.toml")
	if len(blocks) != 1 {
		t.Fatalf("docs/add-a-chain.md has %d files, want one", len(blocks))
	}
	return blocks[0]
}

func source(t testing.TB, name string) string {
	t.Helper()
	b, err := fs.ReadFile(assets.Chains, name+".toml")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestDocumentedLayer adds the document's layer to the chains there are.
func TestDocumentedLayer(t *testing.T) {
	set := load(t)
	p, err := chains.Parse("mylayer.toml", []byte(example(t)))
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Add(p); err != nil {
		t.Fatal(err)
	}
	stack, err := set.Stack("mylayer")
	if err != nil || stack.L1.Name != "dev" || len(stack.Layers) != 4 || set.L1Of(p) != stack.L1 {
		t.Fatalf("stack of %v with %d layers, %v", stack.L1, len(stack.Layers), err)
	}
	// A layer on that layer: no peg, its parent holds the value.
	upper := example(t)
	for _, s := range [][2]string{{`name = "mylayer"`, `name = "upper"`}, {`parent = "dev"`, `parent = "mylayer"`}, {"quiet", "windy"},
		{"0x4C10", "0x4C11"}, {`"lmy"`, `"lup"`}, {section(upper, "[peg]"), ""}, {section(upper, "[[settlers]]"), ""}} {
		upper = replace(t, upper, s[0], s[1])
	}
	q, err := chains.Parse("upper.toml", []byte(upper))
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Add(q); err != nil {
		t.Fatal(err)
	}
	if got := set.L1Of(q); got != stack.L1 || q.NetID() == p.NetID() {
		t.Fatalf("the L1 of a layer's layer is %s", got.Name)
	}
}

// section returns the text from a table's header to the next empty line.
func section(src, header string) string {
	_, rest, _ := strings.Cut(src, header+"\n")
	body, _, _ := strings.Cut(rest, "\n\n")
	return header + "\n" + body + "\n"
}

func replace(t testing.TB, src, old, new string) string {
	t.Helper()
	if strings.Count(src, old) != 1 {
		t.Fatalf("%q stands %d times in the file", old, strings.Count(src, old))
	}
	return strings.Replace(src, old, new, 1)
}

// spoiling changes one thing of a good file. The line that the error names is the one where
// at stands after the change (its first line; empty: line 1), so the texts here have %d.
type spoiling struct {
	file     string // of the assets; empty: the document's example
	old, new string
	at, want string
}

var spoilings = []spoiling{
	{"", `title = "My layer"`, `title = "My layer`, `title = `, `mylayer.toml:%d: basic strings cannot have new lines`},
	{"", `work = "sha256d"`, `work = "sha256d"` + "\n" + `work = "sha256d"`, "work = \"sha256d\"\nparent", `mylayer.toml:%d: key work is already defined`},
	{"", "[chain]\n", "extra = 1\n[chain]\n", "", `mylayer.toml:%d: extra = 1: a key outside any [table]`},
	{"", `name = "mylayer"`, `name = "My layer"`, `name = `, `mylayer.toml:%d: chain.name = "My layer": want 1 to 32 of a-z, 0-9 and -, a letter first`},
	{"", `name = "mylayer"`, `name = 7`, `name = `, `mylayer.toml:%d: chain.name = 7: want 1 to 32 of a-z, 0-9 and -, a letter first`},
	{"", "title = \"My layer\"\n", "", `[chain]`, `mylayer.toml:%d: chain.title: missing, want 1 to 60 printable ASCII characters`},
	{"", `network = "dev"`, `network = "testing"`, `network = `, `mylayer.toml:%d: chain.network = "testing": want one of main, test, regtest, dev`},
	{"", `kind = "native"`, `kind = "pegged"`, `kind = `, `mylayer.toml:%d: chain.kind = "pegged": want one of l1, auxpow, native, issued, fractional`},
	{"", `work = "sha256d"`, `work = "sha256"`, `work = "s`, `mylayer.toml:%d: chain.work = "sha256": want one of sha256d, scrypt`},
	{"", `parent = "dev"`, `parent = "mylayer"`, `parent = `, `mylayer.toml:%d: chain.parent = "mylayer": want another chain`},
	{"", `decimals = 8`, `decimal = 8`, `[unit]`, `mylayer.toml:%d: unit.decimals: missing, want an integer from 0 to 18
mylayer.toml:11: unit.decimal = 8: unknown key here, want one of symbol, decimals, max_money`},
	{"", `max_money = 2100000000000000`, `max_money = 2.1e15`, `max_money = `, `mylayer.toml:%d: unit.max_money = 2.1e15: want an integer from 1 to 4000000000000000000`},
	{"", `bits = "1f0ffff0"`, `bits = "200ffff0"`, `bits = `, `mylayer.toml:%d: genesis.bits = "200ffff0": bits 200ffff0, want a positive target of at most rules.pow_limit`},
	{"", `bits = "1f0ffff0"`, `bits = 0x1f0ffff0`, `bits = `, `mylayer.toml:%d: genesis.bits = 0x1f0ffff0: want 8 hex digits in a string`},
	{"", `message = "My layer, begun on a quiet evening"`, `message = ""`, `message = `, `mylayer.toml:%d: genesis.message = "": want 1 to 75 printable ASCII characters`},
	{"", "time = 1760000000\n", "time = 1760000000\nhash = \"" + strings.Repeat("0", 64) + "\"\n", `hash = `,
		`mylayer.toml:%d: genesis.hash = "` + strings.Repeat("0", 64) + `": want the hash of the genesis header, ea150a29c6f0e2d911c0a1e0b795b83e8d7986e06fb3b6c0174346866b8cc65b`},
	{"", `pow_limit = "000ffff0`, `pow_limit = "ffff0`, `pow_limit = `, `mylayer.toml:%d: rules.pow_limit = "ffff000000000000000000000000000000000000000000000000000000000": want 64 hex digits in a string`},
	{"", `reorg_limit = 40320`, `reorg_limit = 1000000`, `reorg_limit = `, `mylayer.toml:%d: rules.reorg_limit = 1000000: want an integer from 100 to 100000`},
	{"", `max_future = 600`, `max_future = 600` + "\nchallenge = \"51\"", `challenge = `,
		`mylayer.toml:%d: rules.challenge = "51": unknown key here, want one of pow_limit, max_future, reorg_limit, minimum_work, block_weight`},
	{"", `retarget = "asert"`, `retarget = "asrt"`, `retarget = `, `mylayer.toml:%d: era.retarget = "asrt": want one of fixed, interval, damped, asert`},
	{"", `retarget = "asert"`, `retarget = "fixed"`, `retarget = `, `mylayer.toml:%d: era.retarget = "fixed": want asert, the rule of all layers`},
	{"", "half_life = 600\n", "", `[[era]]`, `mylayer.toml:%d: era.half_life: missing, want an integer from 1 to 2147483648`},
	{"", "half_life = 600\n", "half_life = 600\nease_after = 20\n", `ease_after`, `mylayer.toml:%d: era.ease_after = 20: unknown key here, want one of from, retarget, spacing, half_life`},
	{"", "[[era]]", "[era]", `[era]`, `mylayer.toml:%d: [era]: want [[era]]`},
	{"", "[auxpow]\n", "[[auxpow]]\n", `[[auxpow]]`, `mylayer.toml:%d: [auxpow]: want [auxpow]`},
	{"", "chain_id = 0x4C10", "chain_id = 98", `chain_id`, `mylayer.toml:%d: auxpow.chain_id = 98: want an integer from 19456 to 32767`},
	{"", "chain_id = 0x4C10", "chain_id = 0x4C10\nstart = 5", `start`, `mylayer.toml:%d: auxpow.start = 5: unknown key here, want one of chain_id`},
	{"", "[layer]\n", "[lair]\n", ``, `mylayer.toml:%d: [layer]: missing
mylayer.toml:34: [lair]: unknown table here, want one of chain, unit, rules, era, checkpoint, auxpow, genesis, layer, peg, settlers, maturity, p2p, address, keys, policy`},
	{"", "sign_delay = 1", "sign_delay = 3", `sign_delay`, `mylayer.toml:%d: peg.sign_delay = 3: want less than the epoch of 3 blocks`},
	{"", "refresh = 100", "refresh = 200", `refresh`, `mylayer.toml:%d: peg.refresh = 200: want less than the recovery age of 200 blocks`},
	{"", `cap = "none"`, `cap = "no"`, `cap`, `mylayer.toml:%d: peg.cap = "no": want an integer from 0 to 4000000000000000000, or "none"`},
	{"", "\nk = 2", "\nk = 4", "k = 4", `mylayer.toml:%d: settlers.k = 4: want an integer from 1 to 3`},
	{"", "\nkr = 2", "\nkr = 3", "kr = 3", `mylayer.toml:%d: settlers.kr = 3: want an integer from 1 to 2`},
	{"", `    "79be`, `    "69be`, "keys = [", `mylayer.toml:%d: settlers.keys = [ "69be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",...: want an array of 1 to 16 x-only public keys of 64 hex digits`},
	{"", "    \"c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5\",\n", "    \"79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798\",\n", "keys = [",
		`mylayer.toml:%d: settlers.keys = [ "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",...: want no key twice`},
	{"", "[[maturity]]\nfrom = 0", "[[maturity]]\nfrom = 5", "from = 5", `mylayer.toml:%d: maturity.from = 5: want 0 in the first row`},
	{"", "[[maturity]]", "[[subsidy]]\nfrom = 0\namount = 1\n[[maturity]]", "[[subsidy]]",
		`mylayer.toml:%d: [subsidy]: unknown table here, want one of chain, unit, rules, era, checkpoint, auxpow, genesis, layer, peg, settlers, maturity, p2p, address, keys, policy`},
	{"", `magic = "e14c4410"`, `magic = "e14c44"`, `magic`, `mylayer.toml:%d: p2p.magic = "e14c44": want 8 hex digits in a string`},
	{"", `port = 29600`, `port = 70000`, `port`, `mylayer.toml:%d: p2p.port = 70000: want an integer from 1 to 65535`},
	{"", `seeds = []`, `seeds = ["seed one"]`, `seeds`, `mylayer.toml:%d: p2p.seeds = ["seed one"]: want an array of 0 to 32 host names`},
	{"", `filters = true`, `v2 = 2`, `v2`, `mylayer.toml:%d: p2p.v2 = 2: want true or false`},
	{"", `filters = true`, `filters = "yes"`, `filters`, `mylayer.toml:%d: p2p.filters = "yes": want true or false`},
	{"", `p2sh = [196]`, `p2sh = [196, "5"]`, `p2sh`, `mylayer.toml:%d: address.p2sh = [196, "5"]: want an array of 1 to 4 different integers from 0 to 255`},
	{"", `hrp = "lmy"`, `hrp = "LMY"`, `hrp`, `mylayer.toml:%d: address.hrp = "LMY": want 1 to 20 of a-z and 0-9`},
	{"", "taproot = true\n", "", "[address]", `mylayer.toml:%d: address.taproot: missing, want true on a layer`},
	{"", `purposes = [44, 49, 84, 86]`, `purposes = [44, 45]`, `purposes`, `mylayer.toml:%d: keys.purposes = [44, 45]: want only 44 49 84 86, by the address kinds that the chain has`},
	{"", `min_relay = 1000`, `min_relay = -1`, `min_relay`, `mylayer.toml:%d: policy.min_relay = -1: want an integer from 0 to 1000000000000`},
	{"", `kind = "native"`, `kind = 4`, `kind = `, `mylayer.toml:%d: chain.kind = 4: want one of l1, auxpow, native, issued, fractional`},
	{"", `seeds = []`, `seeds = [["a"]]`, `seeds`, `mylayer.toml:%d: p2p.seeds = [["a"]]: want an array of 0 to 32 host names`},
	{"", `headers_size = 4194304`, `headers_size = 8388609`, `headers_size`, `mylayer.toml:%d: p2p.headers_size = 8388609: want at most p2p.max_message, 8388608`},
	{"", `p2sh = [196]`, `p2sh = [111]`, `p2sh`, `mylayer.toml:%d: address.p2sh = [111]: want versions other than address.p2pkh, 111`},
	{"", "hrp = \"lmy\"\n", "", "[address]", `mylayer.toml:%d: address.hrp: missing, want 1 to 20 of a-z and 0-9`},
	{"", "message = \"My layer, begun on a quiet evening\"", "message = \"caf\u00e9\"", "message", "mylayer.toml:%d: genesis.message = \"caf\u00e9\": want 1 to 75 printable ASCII characters"},
	{"", `pow_limit = "000ffff000000000000000000000000000000000000000000000000000000000"`, `pow_limit = "` + strings.Repeat("0", 64) + `"`, "pow_limit",
		`mylayer.toml:%d: rules.pow_limit = "` + strings.Repeat("0", 64) + `": want a number above 0`},
	{"", "to = \"open\"\n", "to = \"open\"\nfrm = 1\n", "frm", `mylayer.toml:%d: settlers.frm = 1: unknown key here, want one of from, to, keys, k, kr`},
	{"", "from = 0\nto = \"open\"", "from = 9\nto = 8", "to = 8", `mylayer.toml:%d: settlers.to = 8: want at least from, 9`},
	{"", "[keys]\ncoin_type = 1\npurposes = [44, 49, 84, 86]\n", "", "", `mylayer.toml:%d: [keys]: missing`},
	{"", "[[maturity]]\nfrom = 0\nblocks = 10\n", "", "", `mylayer.toml:%d: [[maturity]]: missing, want at least one row`},
	{"", "[unit]\n", "[unit]\nname.full = \"x\"\n", "name.full", `mylayer.toml:%d: unit.name.full = "x": unknown key here, want one of symbol, decimals, max_money`},

	{"dev", "from = 0\nretarget = \"asert\"", "from = 1\nretarget = \"asert\"", "from = 1\nretarget", `dev.toml:%d: era.from = 1: want 0: asert is scheduled from genesis
dev.toml:29: era.from = 1: want 0 in the first row`},
	{"dev", "retarget = \"asert\"\nspacing = 10\nhalf_life = 600", "retarget = \"damped\"\nspacing = 10\ntimespan = 10", "from = 0\nretarget",
		`dev.toml:%d: era.from = 0: want 2 or more: a damped adjustment looks at the time between two blocks`},
	{"dev", "hrp = \"ldev\"\n", "", "taproot", `dev.toml:%d: address.taproot = true: want false without address.hrp`},
	{"dev", "spacing = 10\n", "spacing = 0\n", "spacing", `dev.toml:%d: era.spacing = 0: want an integer from 1 to 86400`},
	{"dev", "[[subsidy]]\n", "[[subsidy]]\nfrom = 0\namount = 1\n\n[[subsidy]]\n", "from = 0\namount = 5", `dev.toml:%d: subsidy.from = 0: want more than 0, as in the row before`},
	{"dev", "amount = 5000000000", "amount = 50000000000000000", "amount", `dev.toml:%d: subsidy.amount = 50000000000000000: want at most unit.max_money, 10000000000000000`},
	{"bitcoin", "timespan = 1209600", "timespan = 1209601", "timespan", `bitcoin.toml:%d: era.timespan = 1209601: want 2 to 100000 times the spacing of 600 s`},
	{"bitcoin", "height = 938343", "height = 934999", "height = 934999", `bitcoin.toml:%d: checkpoint.height = 934999: want more than 935000, as in the row before`},
	{"bitcoin", "from = 363725", "from = 227931", "from = 227931\nmin = 3", `bitcoin.toml:%d: version_floor.from = 227931: want more than 227931, as in the row before`},
	{"bitcoin", "ffff001d1dac2b7c", "ffff001d1dac2b7d", "hash =", `bitcoin.toml:%d: genesis.hash = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f": want the hash of the genesis header, 7423e9bb1c1ad68d63fed7b6256ced0271fbf363a86a618f0a894826de7ae1b4`},
	{"bitcoin", "fac00000000\"", "fac0000000000\"", "coinbase", `bitcoin.toml:%d: genesis.coinbase = "01000000010000000000000000000000000000000000000000000000000000000000...: want one transaction, 1 bytes follow it`},
	{"bitcoin", "3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49", "3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4b29ab5f49", "coinbase",
		`bitcoin.toml:%d: genesis.coinbase = "01000000010000000000000000000000000000000000000000000000000000000000...: its id is 4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b, want the header's merkle root 4b5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b`},
	{"bitcoin", "29ab5f49ffff001d", "29ab5f49ffff001e", "header", `bitcoin.toml:%d: genesis.header = "01000000000000000000000000000000000000000000000000000000000000000000...: bits 1e00ffff, want a positive target of at most rules.pow_limit`},
	{"namecoin", "legacy = 19200", `legacy = "sometimes"`, "legacy", `namecoin.toml:%d: auxpow.legacy = "sometimes": want an integer from 0 to 2147483647, or "always" or "never"`},
	{"dogecoin", "from = 145000\nretarget = \"damped\"", "from = 5001\nretarget = \"damped\"", "from = 5001\nretarget = \"damped\"", `dogecoin.toml:%d: era.from = 5001: want more than 10001, as in the row before`},
}

func TestBadFiles(t *testing.T) {
	if len(spoilings) < 25 {
		t.Errorf("%d bad files, want at least 25", len(spoilings))
	}
	for _, c := range spoilings {
		name, src := "mylayer", example(t)
		if c.file != "" {
			name, src = c.file, source(t, c.file)
		}
		src = replace(t, src, c.old, c.new)
		wantError(t, c, src, func() error {
			_, err := chains.Parse(name+".toml", []byte(src))
			return err
		})
	}
}

// wantError compares an error's whole text.
func wantError(t *testing.T, c spoiling, src string, f func() error) {
	t.Helper()
	err := f()
	line := 1 + strings.Count(src[:max(strings.Index(src, c.at), 0)], "\n")
	want := fmt.Sprintf(c.want, line)
	if err == nil || err.Error() != want {
		t.Errorf("%q -> %q: got\n%v\nwant\n%s", c.old, c.new, err, want)
		return
	}
	var ps chains.Problems
	if !errors.As(err, &ps) || len(ps) != 1+strings.Count(want, "\n") || ps[0].Line != line {
		t.Errorf("%q -> %q: not a list of problems: %#v", c.old, c.new, err)
	}
}

// TestEveryKeyIsNeeded leaves out one key of the document's layer at a time.
func TestEveryKeyIsNeeded(t *testing.T) {
	optional := map[string]bool{"p2p.headers_size": true, "p2p.filters": true}
	lines, table, n := strings.SplitAfter(example(t), "\n"), "", 0
	for i, line := range lines {
		if strings.HasPrefix(line, "[") {
			table = strings.Trim(line, "[]\n")
		}
		key, value, isKey := strings.Cut(line, " = ")
		if !isKey || value == "[\n" {
			continue
		}
		n++
		key = table + "." + key
		_, err := chains.Parse("x.toml", []byte(strings.Join(lines[:i], "")+strings.Join(lines[i+1:], "")))
		if optional[key] != (err == nil) || (err != nil && !strings.Contains(err.Error(), ": "+key+": missing, want ")) {
			t.Errorf("without %s: %v", key, err)
		}
	}
	if n < 50 {
		t.Errorf("%d keys left out", n)
	}
}

// misfits are files that are good by themselves, and do not fit the chains there are.
var misfits = []spoiling{
	{"", `name = "mylayer"`, `name = "dev-native"`, `name = `, `mylayer.toml:%d: chain.name = "dev-native": taken by dev-native.toml, want another name`},
	{"", `parent = "dev"`, `parent = "deaf"`, `parent = `, `mylayer.toml:%d: chain.parent = "deaf": no such chain, want one of bitcoin, bitcoin-regtest, bitcoin-signet, bitcoin-testnet3, bitcoin-testnet4, dev, ` +
		`dev-fractional, dev-issued, dev-native, dogecoin, dogecoin-regtest, dogecoin-testnet, layer-regtest, layer-signet, litecoin, litecoin-regtest, litecoin-testnet, namecoin, namecoin-regtest, namecoin-testnet`},
	{"", `parent = "dev"`, `parent = "namecoin"`, `parent = `, `mylayer.toml:%d: chain.parent = "namecoin": namecoin is of kind auxpow, want an l1 (or, for a layer, another layer)`},
	{"", `work = "sha256d"`, `work = "scrypt"`, `work = "s`, `mylayer.toml:%d: chain.work = "scrypt": want sha256d, the work hash of its L1 dev`},
	{"", `network = "dev"`, `network = "main"`, `network = `, `mylayer.toml:%d: chain.network = "main": want dev, the network of its parent dev`},
	{"", `decimals = 8`, `decimals = 11`, `decimals = `, `mylayer.toml:%d: unit.decimals = 11: want 8, as on dev`},
	{"", `kind = "native"`, `kind = "fractional"`, `decimals = `, `mylayer.toml:%d: unit.decimals = 8: want 11, 3 more than dev`},
	{"", "bits = \"1f0ffff0\"\nmessage = \"My layer, begun on a quiet evening\"\n\n[rules]\npow_limit = \"000ffff", "bits = \"1e0ff000\"\nmessage = \"My layer\"\n\n[rules]\npow_limit = \"00000ff", `pow_limit`,
		`mylayer.toml:%d: rules.pow_limit = "00000ff000000000000000000000000000000000000000000000000000000000": want at least 0000ffff00000000000000000000000000000000000000000000000000000000, the limit of its L1 dev`},
	{"", "chain_id = 0x4C10", "chain_id = 0x4C00", `chain_id`, `mylayer.toml:%d: auxpow.chain_id = 0x4C00: taken by dev-native of the same stack, want another id`},
	{"", `hrp = "lmy"`, `hrp = "ldev"`, `hrp`, `mylayer.toml:%d: address.hrp = "ldev": taken by dev of the same stack, want another prefix`},
	{"", `parent = "dev"`, `parent = "dev-native"`, ``, `mylayer.toml:%d: [peg]: want none: dev-native is a layer and holds the value itself`},
}

func TestMisfits(t *testing.T) {
	for _, c := range misfits {
		set := load(t)
		src := replace(t, example(t), c.old, c.new)
		p, err := chains.Parse("mylayer.toml", []byte(src))
		if err != nil {
			t.Errorf("%q -> %q: %v", c.old, c.new, err)
			continue
		}
		wantError(t, c, src, func() error { return set.Add(p) })
		if got, _ := set.Get(p.Name); got == p {
			t.Errorf("%q -> %q: in the set all the same", c.old, c.new)
		}
	}
}

// TestMisfitGenesis: a layer that shares its genesis block with another one of its stack.
func TestMisfitGenesis(t *testing.T) {
	set := load(t)
	first, err := chains.Parse("mylayer.toml", []byte(example(t)))
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Add(first); err != nil {
		t.Fatal(err)
	}
	src := replace(t, replace(t, example(t), `name = "mylayer"`, `name = "twin"`), `"lmy"`, `"ltw"`)
	twin, err := chains.Parse("twin.toml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	const want = "twin.toml:1: genesis.hash: same genesis block as mylayer, want another time or message\n" +
		"twin.toml:32: auxpow.chain_id = 0x4C10: taken by mylayer of the same stack, want another id"
	if err := set.Add(twin); err == nil || err.Error() != want {
		t.Fatalf("got\n%v\nwant\n%s", err, want)
	}
}

// TestMissingPeg: a pegged layer on an L1 without vaults.
func TestMissingPeg(t *testing.T) {
	src := example(t)
	src = replace(t, replace(t, src, section(src, "[peg]"), ""), section(src, "[[settlers]]"), "")
	p, err := chains.Parse("mylayer.toml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	const want = "mylayer.toml:1: [peg]: missing, want one for the vaults on dev"
	if err := load(t).Add(p); err == nil || err.Error() != want {
		t.Fatalf("got %v, want %s", err, want)
	}
}

// TestNoTaproot: a pegged layer on an L1 that cannot spend vaults.
func TestNoTaproot(t *testing.T) {
	dev := replace(t, replace(t, source(t, "dev"), "taproot = true\n", ""), "purposes = [44, 49, 84, 86]", "purposes = [44, 49, 84]")
	_, err := chains.Load(fstest.MapFS{"dev.toml": {Data: []byte(dev)}, "mylayer.toml": {Data: []byte(example(t))}})
	const want = `mylayer.toml:5: chain.kind = "native": want issued: dev has no taproot, which vaults are made of`
	if err == nil || err.Error() != want {
		t.Fatalf("got %v, want %s", err, want)
	}
}

// TestFileLimit reads a file that never ends.
func TestFileLimit(t *testing.T) {
	big := strings.Repeat("#", chains.MaxFile) + "\n"
	const want = "big.toml:1: 65537 bytes, want at most 65536"
	if _, err := chains.Parse("big.toml", []byte(big)); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	fsys := fstest.MapFS{"big.toml": {Data: []byte(big + big)}, "dev.toml": {Data: []byte(source(t, "dev"))}, "note.txt": {Data: []byte("!")}}
	if _, err := chains.Load(fsys); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	delete(fsys, "big.toml")
	if set, err := chains.Load(fsys); err != nil || len(set.All()) != 1 {
		t.Errorf("one good file: %v", err)
	}
}

// TestLoadOrphans: two layers that are each other's parents.
func TestLoadOrphans(t *testing.T) {
	a := replace(t, replace(t, example(t), `parent = "dev"`, `parent = "b"`), `name = "mylayer"`, `name = "a"`)
	b := replace(t, replace(t, example(t), `parent = "dev"`, `parent = "a"`), `name = "mylayer"`, `name = "b"`)
	_, err := chains.Load(fstest.MapFS{"a.toml": {Data: []byte(a)}, "b.toml": {Data: []byte(b)}})
	const want = `a.toml:7: chain.parent = "b": no such chain, want one of `
	if err == nil || err.Error() != want {
		t.Fatalf("got %v, want %s", err, want)
	}
}

// TestDocumentedErrors: the errors in the document are ones that a spoiled example gives.
func TestDocumentedErrors(t *testing.T) {
	known := map[string]bool{}
	for _, c := range append(append([]spoiling(nil), spoilings...), misfits...) {
		if c.file != "" {
			continue
		}
		src := replace(t, example(t), c.old, c.new)
		p, err := chains.Parse("mylayer.toml", []byte(src))
		if err == nil {
			err = load(t).Add(p)
		}
		if err == nil {
			t.Fatalf("%q -> %q: no error", c.old, c.new)
		}
		for _, line := range strings.Split(err.Error(), "\n") {
			known[line] = true
		}
	}
	blocks := fenced(t, "text")
	if len(blocks) != 1 {
		t.Fatalf("%d blocks of errors", len(blocks))
	}
	for _, line := range strings.Split(strings.TrimSpace(blocks[0]), "\n") {
		if !known[line] {
			t.Errorf("docs/add-a-chain.md: no such error: %s", line)
		}
	}
}

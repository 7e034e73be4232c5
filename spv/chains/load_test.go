package chains_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/chaincfg"

	"github.com/layeredpow/lamina/assets"
	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

func load(t testing.TB) *chains.Set {
	t.Helper()
	set, err := chains.Load(assets.Chains)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func get(t testing.TB, set *chains.Set, name string) *chains.Params {
	t.Helper()
	p, err := set.Get(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestStacks fixes which chains there are, in which stacks and order.
func TestStacks(t *testing.T) {
	set := load(t)
	want := []string{
		"bitcoin: namecoin",
		"bitcoin-regtest: layer-regtest namecoin-regtest",
		"bitcoin-signet: layer-signet",
		"bitcoin-testnet3: namecoin-testnet",
		"bitcoin-testnet4:",
		"dev: dev-fractional dev-issued dev-native",
		"litecoin: dogecoin",
		"litecoin-regtest: dogecoin-regtest",
		"litecoin-testnet: dogecoin-testnet",
	}
	var got []string
	total := 0
	for _, s := range set.Stacks() {
		line := s.L1.Name + ":"
		ids := map[int32]string{}
		for _, p := range s.Layers {
			line += " " + p.Name
			id, ok := p.ChainID()
			if other, taken := ids[id]; taken || !ok {
				t.Errorf("%s: chain id %d, %v, also of %q", p.Name, id, ok, other)
			}
			ids[id] = p.Name
			if st, err := set.Stack(p.Name); err != nil || st.L1 != s.L1 || len(st.Layers) != len(s.Layers) {
				t.Errorf("the stack of %s is that of %v, %v", p.Name, st.L1, err)
			}
		}
		got = append(got, line)
		total += 1 + len(s.Layers)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if names := set.Names(); total != 20 || len(names) != total || !slices.IsSorted(names) {
		t.Errorf("%d chains in stacks, names %v", total, names)
	}
}

func TestGetUnknown(t *testing.T) {
	_, err := load(t).Get("bitcoins")
	if err == nil || !strings.HasPrefix(err.Error(), `chain "bitcoins" is unknown, want one of bitcoin, bitcoin-regtest, `) {
		t.Fatal(err)
	}
}

// TestGenesis compares block 0 of the existing chains with the one built from the sources'
// constants, and measures its work by the chain's own rules.
func TestGenesis(t *testing.T) {
	var known map[string]struct {
		Header, Hash string
		CoinbaseTx   string `json:"coinbase_tx"`
	}
	if err := json.Unmarshal(testdata.Read(t, "headers/genesis.json"), &known); err != nil {
		t.Fatal(err)
	}
	set := load(t)
	for _, name := range slices.Sorted(maps.Keys(known)) {
		want := known[name]
		p := get(t, set, strings.TrimSuffix(name, "-mainnet"))
		if got := hex.EncodeToString(p.Genesis[:]); got != want.Header || p.NetID().String() != want.Hash {
			t.Errorf("%s: genesis %s %s", name, p.NetID(), got)
		}
		if got := hex.EncodeToString(p.GenesisCoinbase); got != want.CoinbaseTx {
			t.Errorf("%s: coinbase %s", name, got)
		}
		target, ok := spv.ParseTarget(p.Genesis.Bits())
		if work := p.Work.Sum((*[80]byte)(&p.Genesis)); !ok || !spv.Meets(&work, &target) {
			t.Errorf("%s: genesis work hash %s does not meet %08x", name, work, p.Genesis.Bits())
		}
	}
	if len(known) != 14 {
		t.Errorf("%d genesis blocks known, want 14", len(known))
	}
}

// TestDerivedGenesis rebuilds the dev stack's genesis hashes from the specified bytes.
func TestDerivedGenesis(t *testing.T) {
	set := load(t)
	for _, c := range []struct {
		name, message string
		version       uint32
		bits          string
	}{
		{"dev", "Lamina dev: proof of work, layered", 4, "ffff001f"},
		{"dev-native", "Lamina dev-native: the money below, sooner", 0x4c000104, "f0ff0f1f"},
		{"dev-issued", "Lamina dev-issued: a coin of its own", 0x4c010104, "f0ff0f1f"},
		{"dev-fractional", "Lamina dev-fractional: a thousandth is enough", 0x4c020104, "f0ff0f1f"},
	} {
		p := get(t, set, c.name)
		n := len(c.message)
		coinbase := "0100000001" + strings.Repeat("00", 32) + "ffffffff" + fmt.Sprintf("%02x%02x%x", n+1, n, c.message) +
			"ffffffff01" + "0000000000000000" + "016a" + "00000000"
		if got := hex.EncodeToString(p.GenesisCoinbase); got != coinbase {
			t.Errorf("%s: coinbase %s, want %s", c.name, got, coinbase)
		}
		tx, _, err := spv.ParseTx(p.GenesisCoinbase)
		if err != nil || !tx.IsCoinbase() || tx.ID() != p.Genesis.MerkleRoot() {
			t.Errorf("%s: genesis transaction: %v", c.name, err)
		}
		if got := hex.EncodeToString(p.Genesis[68:]); got != "0078e768"+c.bits+"00000000" || uint32(p.Genesis.Version()) != c.version {
			t.Errorf("%s: version %08x, time, bits and nonce %s", c.name, p.Genesis.Version(), got)
		}
	}
}

// TestRulesAreUsable asserts what every consumer takes for granted of any chain.
func TestRulesAreUsable(t *testing.T) {
	for _, p := range load(t).All() {
		for i := range p.Eras {
			e := &p.Eras[i]
			if e.Spacing == 0 || (e.Retarget == spv.Interval && e.Period() < 2) {
				t.Errorf("%s: era %d: spacing %d, timespan %d", p.Name, i, e.Spacing, e.Timespan)
			}
		}
		limit := spv.CompactTarget(&p.PowLimit)
		if target, ok := spv.ParseTarget(limit); !ok || target.Gt(&p.PowLimit) {
			t.Errorf("%s: pow limit has no compact form", p.Name)
		}
		if p.ReorgLimit < 4000 || p.ReorgLimit > 45_000 {
			t.Errorf("%s: reorg limit %d", p.Name, p.ReorgLimit)
		}
		if future := uint32(7200); !p.Kind.Layered() && p.Network != chains.Dev && p.MaxFuture != future {
			t.Errorf("%s: %d s into the future, want %d", p.Name, p.MaxFuture, future)
		}
		if p.Kind.Layered() != (p.Layer != nil) || p.Kind.Layered() != (p.Escrow != nil) || p.Kind.Pegged() != (p.Peg != nil) {
			t.Errorf("%s: %s with layer %v, peg %v", p.Name, p.Kind, p.Layer, p.Peg)
		}
		if amount, exact := p.Subsidy(math.MaxInt32); amount < 0 || amount > p.Unit.MaxMoney || !exact {
			t.Errorf("%s: subsidy in the far future %d, %v", p.Name, amount, exact)
		}
	}
}

// TestAgainstBtcd compares what another implementation states of the same networks.
func TestAgainstBtcd(t *testing.T) {
	set := load(t)
	for name, want := range map[string]*chaincfg.Params{
		"bitcoin": &chaincfg.MainNetParams, "bitcoin-testnet3": &chaincfg.TestNet3Params,
		"bitcoin-testnet4": &chaincfg.TestNet4Params, "bitcoin-signet": &chaincfg.SigNetParams,
		"bitcoin-regtest": &chaincfg.RegressionNetParams,
	} {
		p := get(t, set, name)
		m := uint32(want.Net)
		for _, c := range []struct {
			what      string
			got, want any
		}{
			{"magic", p.P2P.Magic, [4]byte{byte(m), byte(m >> 8), byte(m >> 16), byte(m >> 24)}},
			{"port", fmt.Sprint(p.P2P.Port), want.DefaultPort},
			{"genesis", p.NetID(), *want.GenesisHash},
			{"pow limit", p.PowLimit.ToBig().String(), want.PowLimit.String()},
			{"p2pkh", p.Address.P2PKH, want.PubKeyHashAddrID},
			{"p2sh", p.Address.P2SH[0], want.ScriptHashAddrID},
			{"wif", p.Address.WIF, want.PrivateKeyID},
			{"hrp", p.Address.HRP, want.Bech32HRPSegwit},
			{"bip32 pub", p.Address.BIP32Pub, want.HDPublicKeyID},
			{"bip32 prv", p.Address.BIP32Prv, want.HDPrivateKeyID},
			{"coin type", p.Keys.CoinType, want.HDCoinType},
			{"maturity", p.Maturity(0), int32(want.CoinbaseMaturity)},
			{"halving", p.Subsidies[0].Halving, want.SubsidyReductionInterval},
			{"no retarget", p.Eras[0].Retarget == spv.Fixed, want.PoWNoRetargeting},
			{"spacing", p.Spacing(), uint32(want.TargetTimePerBlock.Seconds())},
			{"bip94", p.Eras[0].BaseFirst, want.EnforceBIP94},
		} {
			if c.got != c.want {
				t.Errorf("%s: %s %v, btcd has %v", name, c.what, c.got, c.want)
			}
		}
		if want.PoWNoRetargeting {
			continue // btcd keeps old version rules there
		}
		ease := uint32(0)
		if want.ReduceMinDifficulty {
			ease = uint32(want.MinDiffReductionTime.Seconds())
		}
		if got := p.Eras[0].EaseAfter; got != ease {
			t.Errorf("%s: eases after %d s, btcd %d", name, got, ease)
		}
		for least, from := range map[int32]int32{2: want.BIP0034Height, 3: want.BIP0066Height, 4: want.BIP0065Height} {
			if got := firstHeight(p, least); got != from {
				t.Errorf("%s: version %d from %d, btcd from %d", name, least, got, from)
			}
		}
	}
}

// firstHeight returns the height from which versions below least are refused.
func firstHeight(p *chains.Params, least int32) int32 {
	for _, f := range p.VersionFloors {
		if f.Min >= least {
			return f.From
		}
	}
	return 0
}

func TestSubsidy(t *testing.T) {
	const coin = 100_000_000
	set := load(t)
	for _, c := range []struct {
		chain  string
		height int32
		want   int64
		exact  bool
	}{
		{"bitcoin", 0, 50 * coin, true}, {"bitcoin", 209_999, 50 * coin, true}, {"bitcoin", 210_000, 25 * coin, true},
		{"bitcoin", 840_000, 3.125 * coin, true}, {"bitcoin", 210_000 * 32, 1, true}, {"bitcoin", 210_000 * 33, 0, true},
		{"bitcoin", 210_000 * 64, 0, true}, {"bitcoin-regtest", 150, 25 * coin, true}, {"litecoin", 840_000, 25 * coin, true},
		{"namecoin", 420_000, 12.5 * coin, true}, {"bitcoin", -1, 0, true},
		{"dogecoin", 0, 1_000_000 * coin, false}, {"dogecoin", 144_999, 500_000 * coin, false}, {"dogecoin", 145_000, 250_000 * coin, true},
		{"dogecoin", 199_999, 250_000 * coin, true}, {"dogecoin", 200_000, 125_000 * coin, true}, {"dogecoin", 345_000, 62_500 * coin, true},
		{"dogecoin", 599_999, 15_625 * coin, true}, {"dogecoin", 600_000, 10_000 * coin, true}, {"dogecoin", 5_000_000, 10_000 * coin, true},
		{"dogecoin-regtest", 449, 125_000 * coin, true}, {"dogecoin-regtest", 899, 15_625 * coin, true}, {"dogecoin-regtest", 900, 10_000 * coin, true},
		{"dev-native", 5, 0, true}, {"dev-issued", 1_000_000, 25 * coin, true},
	} {
		if got, exact := get(t, set, c.chain).Subsidy(c.height); got != c.want || exact != c.exact {
			t.Errorf("%s: subsidy at %d is %d, %v, want %d, %v", c.chain, c.height, got, exact, c.want, c.exact)
		}
	}
	doge := get(t, set, "dogecoin")
	if a, b := doge.Maturity(144_999), doge.Maturity(145_000); a != 30 || b != 240 {
		t.Errorf("maturity %d and %d, want 30 and 240", a, b)
	}
}

// TestSettlerKeys recomputes the dev and test vaults' keys from the private keys 1, 2, ...
func TestSettlerKeys(t *testing.T) {
	set := load(t)
	for name, n := range map[string]int{"dev-native": 3, "dev-fractional": 3, "layer-regtest": 5, "layer-signet": 5} {
		p := get(t, set, name)
		s := p.Settlers[0]
		if len(s.Keys) != n || s.K != (n+1)/2 || s.KR != s.K {
			t.Errorf("%s: %d of %d, recovery %d", name, s.K, len(s.Keys), s.KR)
		}
		for i, key := range s.Keys {
			_, pub := btcec.PrivKeyFromBytes([]byte{byte(i + 1)})
			if got := [32]byte(schnorr.SerializePubKey(pub)); got != key {
				t.Errorf("%s: key %d is %x, want %x", name, i, key, got)
			}
		}
		if i, ok := p.SettlersAt(math.MaxInt32); !ok || i != 0 {
			t.Errorf("%s: nobody in office", name)
		}
		if _, ok := p.SettlersAt(-1); ok {
			t.Errorf("%s: somebody in office before block 0", name)
		}
	}
}

// TestLayerConstants compares the files with the columns of protocol.md section 8.
func TestLayerConstants(t *testing.T) {
	set := load(t)
	type column struct {
		layer    spv.LayerRules
		escrow   chains.Escrow
		peg      chains.Peg
		maturity int32
		era      spv.Era
	}
	test := column{spv.LayerRules{AnchorDepth: 6, AnchorWindow: 6, ClaimDepth: 3, ParentDepth: 30}, chains.Escrow{QuorumPercent: 55, Window: 288, Delay: 36},
		chains.Peg{ReleaseSeals: 6, ReleaseBlocks: 12, Epoch: 12, SignDelay: 2, Recovery: 4320, Refresh: 2160, Refund: 288, MinDeposit: 20_000, MinBurn: 10_000, Cap: chains.NoCap},
		720, spv.Era{Retarget: spv.ASERT, Spacing: 60, HalfLife: 21_600}}
	dev := column{spv.LayerRules{AnchorDepth: 2, AnchorWindow: 4, ClaimDepth: 1, ParentDepth: 5}, chains.Escrow{QuorumPercent: 50, Window: 10, Delay: 2},
		chains.Peg{ReleaseSeals: 1, ReleaseBlocks: 3, Epoch: 3, SignDelay: 1, Recovery: 200, Refresh: 100, Refund: 20, MinDeposit: 2000, MinBurn: 1000, Cap: chains.NoCap},
		10, spv.Era{Retarget: spv.ASERT, Spacing: 5, HalfLife: 600}}
	for name, want := range map[string]column{"layer-regtest": test, "layer-signet": test, "dev-native": dev, "dev-issued": dev, "dev-fractional": dev} {
		p := get(t, set, name)
		if *p.Layer != want.layer || *p.Escrow != want.escrow || (p.Peg != nil && *p.Peg != want.peg) || p.Maturity(0) != want.maturity || p.Eras[0] != want.era ||
			p.MaxFuture != 600 || p.BlockWeight != 1_000_000 {
			t.Errorf("%s: %+v %+v %+v %d %+v", name, p.Layer, p.Escrow, p.Peg, p.Maturity(0), p.Eras[0])
		}
		units := int64(1)
		if name == "dev-fractional" {
			units = 1000
		}
		if p.UnitsPerSat() != units || p.NetID() == get(t, set, p.Parent).NetID() {
			t.Errorf("%s: %d units per sat", name, p.UnitsPerSat())
		}
	}
	limit := get(t, set, "dev").PowLimit
	limit.Lsh(&limit, 4)
	if layer := get(t, set, "dev-native"); limit != layer.PowLimit {
		t.Errorf("dev's limit times 16 is %s, dev-native's %s", limit.Hex(), layer.PowLimit.Hex())
	}
}

package keystore

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/btcutil/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/txscript"

	"github.com/layeredpow/lamina/internal/testdata"
)

var (
	mainNet = Net{CoinType: 0, BIP32Pub: neutralID, BIP32Prv: privateID}
	testNet = Net{CoinType: 1, BIP32Pub: [4]byte{0x04, 0x35, 0x87, 0xcf}, BIP32Prv: [4]byte{0x04, 0x35, 0x83, 0x94}}

	privateID = [4]byte{0x04, 0x88, 0xad, 0xe4}
)

func encodePrivateAs(version [4]byte, n *node) string {
	key := n.key.Bytes()
	return encodeExtended(version, n.depth, n.parent, n.index, n.chain, append([]byte{0}, key[:]...))
}

func encodePrivate(n *node) string { return encodePrivateAs(privateID, n) }

func mustOpen(t testing.TB, s *Seed) *Keyring {
	t.Helper()
	k, err := Open(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Lock)
	return k
}

func mustPath(t testing.TB, text string) Path {
	t.Helper()
	p, err := ParsePath(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type bip32Vectors struct {
	Valid []struct {
		Seed   string
		Chains []struct{ Path, Pub, Prv string }
	}
	Invalid []struct{ Key, Why string }
}

func readBIP32(t testing.TB) (v bip32Vectors) {
	t.Helper()
	if err := json.Unmarshal(testdata.Read(t, "vectors/bip32.json"), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestBIP32Vectors(t *testing.T) {
	done := 0
	for _, v := range readBIP32(t).Valid {
		s, err := NewSeed(unhex(t, v.Seed))
		if err != nil {
			t.Fatal(err)
		}
		root, err := master(s)
		if err != nil {
			t.Fatal(err)
		}
		keys := mustOpen(t, s)
		var parent *Public
		for _, c := range v.Chains {
			path := mustPath(t, c.Path)
			n, err := root.derive(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := encodePrivate(n); got != c.Prv {
				t.Errorf("%s: private key differs", c.Path)
			}
			pub, err := keys.Public(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := pub.Encode(mainNet); got != c.Pub {
				t.Errorf("%s: %s, want %s", c.Path, got, c.Pub)
			}
			parsed, err := ParsePublic(c.Pub, mainNet)
			if err != nil || !parsed.Equal(pub) || parsed.Depth() != len(path) {
				t.Errorf("%s: does not parse back: %v", c.Path, err)
			}
			if len(path) > 0 && path[len(path)-1] < Hardened {
				child, err := parent.Child(path[len(path)-1])
				if err != nil || !child.Equal(pub) {
					t.Errorf("%s: the public way leads elsewhere: %v", c.Path, err)
				}
			}
			if _, err := ParsePublic(c.Prv, mainNet); err == nil || !strings.Contains(err.Error(), "private") ||
				strings.Contains(err.Error(), c.Prv[4:12]) {
				t.Errorf("%s: a private key: error %v", c.Path, err)
			}
			parent = pub
			done++
		}
	}
	if done != 17 {
		t.Errorf("%d chains, want 17", done)
	}
}

func TestBIP32Invalid(t *testing.T) {
	vectors := readBIP32(t).Invalid
	if len(vectors) != 16 {
		t.Fatalf("%d vectors, want 16", len(vectors))
	}
	for _, v := range vectors {
		if _, err := ParsePublic(v.Key, mainNet); err == nil {
			t.Errorf("%s: accepted", v.Why)
		}
		// Under no version at all may an invalid public key pass.
		if version, _, err := DecodePublic(v.Key); err == nil && version == neutralID {
			t.Errorf("%s: decoded", v.Why)
		}
	}
	pub := readBIP32(t).Valid[0].Chains[0].Pub
	if _, err := ParsePublic(pub, testNet); err == nil || !strings.Contains(err.Error(), "043587cf") {
		t.Errorf("another chain's key: error %v", err)
	}
}

// Random trees against btcutil's implementation, which shares no code with ours above the curve.
func TestDeriveAgainstReference(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	for range 20 {
		raw := make([]byte, 16+random.IntN(49))
		for i := range raw {
			raw[i] = byte(random.Uint32())
		}
		s, err := NewSeed(raw)
		if err != nil {
			t.Fatal(err)
		}
		reference, err := hdkeychain.NewMaster(raw, &chaincfg.MainNetParams)
		if err != nil {
			t.Fatal(err)
		}
		root, err := master(s)
		if err != nil {
			t.Fatal(err)
		}
		var path Path
		for range 1 + random.IntN(5) {
			path = append(path, random.Uint32())
			if reference, err = reference.Derive(path[len(path)-1]); err != nil {
				t.Fatal(err)
			}
		}
		n, err := root.derive(path)
		if err != nil {
			t.Fatal(err)
		}
		if encodePrivate(n) != reference.String() {
			t.Errorf("seed %d: path %s: differs from the reference", seed, path)
		}
		neutered, err := reference.Neuter()
		if err != nil {
			t.Fatal(err)
		}
		index := random.Uint32() &^ Hardened
		want, err := neutered.Derive(index)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := n.public().Child(index); err != nil || got.Encode(mainNet) != want.String() {
			t.Errorf("seed %d: path %s/%d: public derivation differs: %v", seed, path, index, err)
		}
	}
}

// Accounts of the vectors in BIP49, BIP84, BIP86 and SLIP-132, all of the same words.
func TestAccountVectors(t *testing.T) {
	keys := mustOpen(t, mustWords(t, abandon).Seed(nil))
	ypub, zpub, upub := [4]byte{4, 0x9d, 0x7c, 0xb2}, [4]byte{4, 0xb2, 0x47, 0x46}, [4]byte{4, 0x4a, 0x52, 0x62}
	tests := []struct {
		purpose uint32
		net     Net
		version [4]byte
		want    string
	}{
		{PurposeLegacy, mainNet, neutralID, "xpub6BosfCnifzxcFwrSzQiqu2DBVTshkCXacvNsWGYJVVhhawA7d4R5WSWGFNbi8Aw6ZRc1brxMyWMzG3DSSSSoekkudhUd9yLb6qx39T9nMdj"},
		{PurposeNested, mainNet, ypub, "ypub6Ww3ibxVfGzLrAH1PNcjyAWenMTbbAosGNB6VvmSEgytSER9azLDWCxoJwW7Ke7icmizBMXrzBx9979FfaHxHcrArf3zbeJJJUZPf663zsP"},
		{PurposeNested, testNet, upub, "upub5EFU65HtV5TeiSHmZZm7FUffBGy8UKeqp7vw43jYbvZPpoVsgU93oac7Wk3u6moKegAEWtGNF8DehrnHtv21XXEMYRUocHqguyjknFHYfgY"},
		{PurposeSegwit, mainNet, zpub, "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs"},
		{PurposeTaproot, mainNet, neutralID, "xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ"},
	}
	for _, tt := range tests {
		path, err := AccountPath(tt.purpose, tt.net, 0)
		if err != nil {
			t.Fatal(err)
		}
		pub, err := keys.Public(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := pub.EncodeAs(tt.version); got != tt.want {
			t.Errorf("%s: %s, want %s", path, got, tt.want)
		}
		version, parsed, err := DecodePublic(tt.want)
		if err != nil || version != tt.version || !parsed.Equal(pub) {
			t.Errorf("%s: does not decode: %v", path, err)
		}
	}
	if _, err := AccountPath(84, Net{CoinType: Hardened}, 0); err == nil {
		t.Error("hardened coin type: accepted")
	}
}

func TestAddressVectors(t *testing.T) {
	keys := mustOpen(t, mustWords(t, abandon).Seed(nil))
	segwit := func(pub *Public, change, index uint32) string {
		key, err := pub.Derive(change, index)
		if err != nil {
			t.Fatal(err)
		}
		a, err := btcutil.NewAddressWitnessPubKeyHash(btcutil.Hash160(key.SerializeCompressed()), &chaincfg.MainNetParams)
		if err != nil {
			t.Fatal(err)
		}
		return a.EncodeAddress()
	}
	taproot := func(pub *Public, change, index uint32) string {
		key, err := pub.Derive(change, index)
		if err != nil {
			t.Fatal(err)
		}
		a, err := btcutil.NewAddressTaproot(schnorr.SerializePubKey(txscript.ComputeTaprootKeyNoScript(key)), &chaincfg.MainNetParams)
		if err != nil {
			t.Fatal(err)
		}
		return a.EncodeAddress()
	}
	tests := []struct {
		account       string
		address       func(*Public, uint32, uint32) string
		change, index uint32
		want          string
	}{
		{"m/84'/0'/0'", segwit, 0, 0, "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"},
		{"m/84'/0'/0'", segwit, 0, 1, "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g"},
		{"m/84'/0'/0'", segwit, 1, 0, "bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el"},
		{"m/86'/0'/0'", taproot, 0, 0, "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"},
		{"m/86'/0'/0'", taproot, 0, 1, "bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh"},
		{"m/86'/0'/0'", taproot, 1, 0, "bc1p3qkhfews2uk44qtvauqyr2ttdsw7svhkl9nkm9s9c3x4ax5h60wqwruhk7"},
	}
	for _, tt := range tests {
		pub, err := keys.Public(mustPath(t, tt.account))
		if err != nil {
			t.Fatal(err)
		}
		if got := tt.address(pub, tt.change, tt.index); got != tt.want {
			t.Errorf("%s/%d/%d: %s, want %s", tt.account, tt.change, tt.index, got, tt.want)
		}
	}
}

func TestPath(t *testing.T) {
	for _, text := range []string{"m", "m/0", "m/84'/1'/0'", "m/2147483647'/2147483647"} {
		p := mustPath(t, text)
		if p.String() != text {
			t.Errorf("%s: reads back as %s", text, p)
		}
	}
	if got := mustPath(t, "m/84h/0h").String(); got != "m/84'/0'" {
		t.Errorf("h: %s", got)
	}
	for _, text := range []string{"", "0", "/0", "m/", "m//0", "m/2147483648", "m/-1", "m/+1", "m/01", "m/1a", "m/1''", "m/1H",
		"m/ 1", "M/1", "m/1/", strings.Repeat("m/1", 99), "m" + strings.Repeat("/1", 256), "m/*"} {
		if p, err := ParsePath(text); err == nil {
			t.Errorf("%q: reads as %s", text, p)
		}
	}
	base := make(Path, 1, 9)
	if a, b := base.Child(1), base.Child(2); a[1] != 1 || b[1] != 2 {
		t.Error("children share memory")
	}
}

func TestPublicRefuses(t *testing.T) {
	s, err := NewSeed(make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	pub, err := mustOpen(t, s).Public(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pub.Child(Hardened); err == nil {
		t.Error("hardened child of a public key")
	}
	deep := *pub
	deep.depth = maxDepth
	if _, err := deep.Child(0); err == nil {
		t.Error("depth 256")
	}
	if _, err := (&node{depth: maxDepth}).child(0); err == nil {
		t.Error("depth 256, private")
	}
	for _, n := range []int{0, 15, 65} {
		if _, err := NewSeed(make([]byte, n)); err == nil {
			t.Errorf("seed of %d bytes", n)
		}
	}
	s.Wipe()
	if _, err := Open(s); err == nil {
		t.Error("a wiped seed opens")
	}
}

func FuzzParsePublic(f *testing.F) {
	for _, v := range readBIP32(f).Valid {
		for _, c := range v.Chains {
			f.Add(c.Pub)
		}
	}
	for _, v := range readBIP32(f).Invalid {
		f.Add(v.Key)
	}
	f.Fuzz(func(t *testing.T, text string) {
		version, p, err := DecodePublic(text)
		if err != nil {
			return
		}
		if p.EncodeAs(version) != text {
			t.Errorf("%q: encodes as %q", text, p.EncodeAs(version))
		}
		if _, err := p.Derive(0, binary.BigEndian.Uint32(version[:])&^Hardened); err != nil && p.Depth() < maxDepth-1 {
			t.Errorf("%q: derives nothing: %v", text, err)
		}
	})
}

func FuzzParsePath(f *testing.F) {
	f.Add("m/84'/0h/1")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePath(text)
		if err == nil && p.String() != strings.ReplaceAll(text, "h", "'") {
			t.Errorf("%q: reads back as %s", text, p)
		}
	})
}

func BenchmarkChild(b *testing.B) {
	text := readBIP32(b).Valid[0].Chains[0].Pub
	b.Run("ours", func(b *testing.B) {
		p, err := ParsePublic(text, mainNet)
		if err != nil {
			b.Fatal(err)
		}
		for i := uint32(0); b.Loop(); i++ {
			if _, err := p.Child(i); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("hdkeychain", func(b *testing.B) {
		p, err := hdkeychain.NewKeyFromString(text)
		if err != nil {
			b.Fatal(err)
		}
		for i := uint32(0); b.Loop(); i++ {
			child, err := p.Derive(i)
			if err == nil {
				_, err = child.ECPubKey()
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

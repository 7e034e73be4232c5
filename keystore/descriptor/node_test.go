package descriptor

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/layeredpow/lamina/internal/realnode"
	"github.com/layeredpow/lamina/keystore"
)

// A full node that this project did not write reads our descriptors, agrees on their checksums and derives the same scripts.
func TestAgainstNode(t *testing.T) {
	node := realnode.Litecoind(t)
	net := keystore.Net{CoinType: 1, BIP32Pub: [4]byte{4, 0x35, 0x87, 0xcf}, BIP32Prv: [4]byte{4, 0x35, 0x83, 0x94}}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 4))
	raw := make([]byte, 32)
	for i := range raw {
		raw[i] = byte(random.Uint32())
	}
	s, err := keystore.NewSeed(raw)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keystore.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Lock()
	master, err := keys.Fingerprint()
	if err != nil {
		t.Fatal(err)
	}
	var k [3]string
	for i := range k {
		path := keystore.Path{keystore.Hardened + 48, keystore.Hardened + random.Uint32N(9)}
		pub, err := keys.Public(path)
		if err != nil {
			t.Fatal(err)
		}
		k[i] = fmt.Sprintf("%s%s/%d/*", origin{master, path}.String(), pub.Encode(net), random.Uint32()&^keystore.Hardened)
	}
	for _, text := range []string{
		"pkh(" + k[0] + ")", "wpkh(" + k[0] + ")", "sh(wpkh(" + k[0] + "))",
		"wsh(sortedmulti(2," + k[0] + "," + k[1] + "," + k[2] + "))", "sh(wsh(multi(1," + k[2] + "," + k[1] + ")))",
		"sh(sortedmulti(2," + k[1] + "," + k[0] + "))", "wsh(pkh(" + k[1] + "))", "sh(pk(" + k[1] + "))",
	} {
		d, err := Parse(text, net)
		if err != nil {
			t.Fatalf("seed %d: %s: %v", seed, text, err)
		}
		first := random.Uint32N(1000)
		var addresses []string
		node.Call(t, &addresses, "deriveaddresses", d.String(), []uint32{first, first + 3})
		for i, address := range addresses {
			var of struct{ ScriptPubKey string }
			node.Call(t, &of, "validateaddress", address)
			o, err := d.At(0, first+uint32(i))
			if err != nil {
				t.Fatal(err)
			}
			if got := hex.EncodeToString(o.Script); got != of.ScriptPubKey {
				t.Errorf("seed %d: %s: index %d: %s, the node says %s", seed, text, first+uint32(i), got, of.ScriptPubKey)
			}
		}
		if len(addresses) != 4 {
			t.Errorf("seed %d: %s: %d addresses, want 4", seed, text, len(addresses))
		}
	}
}

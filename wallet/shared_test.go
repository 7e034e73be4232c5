package wallet

import (
	"fmt"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcutil/psbt"
	"github.com/btcsuite/btcd/txscript"

	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/keystore"
	"github.com/layeredpow/lamina/keystore/descriptor"
	"github.com/layeredpow/lamina/wallet/address"
)

// nobody is BIP341's point that nobody has the key of.
const nobody = "50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0"

// club is a wallet of three keyrings, of which two spend.
type club struct {
	*world
	owners []*world
}

// newClub opens a watch-only wallet of a form, where K1, K2 and K3 stand for the owners' keys.
func newClub(t testing.TB, chain, form string) *club {
	t.Helper()
	c := &club{world: newWorld(t, chain, 30)}
	p := c.c.Params()
	net := keystore.Net{CoinType: p.Keys.CoinType, BIP32Pub: p.Address.BIP32Pub, BIP32Prv: p.Address.BIP32Prv}
	for n := range uint64(3) {
		w := newWorld(t, chain, 31+n)
		a := w.c.Accounts()[2]
		key := fmt.Sprintf("[%x%s]%s/<0;1>/*", a.Master, strings.TrimPrefix(a.Path.String(), "m"), a.Key.Encode(net))
		form = strings.ReplaceAll(form, fmt.Sprintf("K%d", n+1), key)
		c.owners = append(c.owners, w)
	}
	d, err := descriptor.Parse(form, net)
	if err != nil {
		t.Fatal(err)
	}
	if c.c, err = Open(p, []Account{{Shared: d, WatchOnly: true}}, c.log); err != nil {
		t.Fatal(err)
	}
	return c
}

// half pays half of what there is.
func (c *club) half() *Draft {
	c.t.Helper()
	sum := c.c.Balance().WatchOnly
	return c.draft(Request{Recipients: []Recipient{{Script: c.stranger(), Amount: sum / 2}}, Rate: 1000, Accounts: []int{0}})
}

// signed returns the packet of a draft as one owner signs it.
func (c *club) signed(p *Packet, owner, want int) *Packet {
	c.t.Helper()
	out, n, err := p.Sign(c.owners[owner].keys)
	if err != nil || n != want {
		c.t.Fatalf("owner %d: %d signatures, %v; want %d", owner+1, n, err, want)
	}
	return out
}

// forms are the shared scripts, and for the three owners how many signatures each gives an input.
var forms = []struct {
	text string
	kind address.Kind
	adds [3]int
}{
	{"wsh(sortedmulti(2,K1,K2,K3))", address.P2WSH, [3]int{1, 1, 1}},
	{"sh(wsh(multi(2,K3,K1,K2)))", address.P2SH, [3]int{1, 1, 1}},
	{"tr(" + nobody + ",sortedmulti_a(2,K1,K2,K3))", address.P2TR, [3]int{1, 1, 1}},
	{"tr(" + nobody + ",{multi_a(2,K3,K2,K1),multi_a(2,K1,K2)})", address.P2TR, [3]int{2, 2, 1}},
}

// TestShared receives with a wallet that three share, spends with two of them or all three, and lets the change come back.
func TestShared(t *testing.T) {
	for _, f := range forms {
		t.Run(f.text, func(t *testing.T) {
			c := newClub(t, "dev", f.text)
			script := c.receive(0)
			c.mine(c.pay(script, 500_000), c.pay(c.receive(0), 700_000))
			if b := c.c.Balance(); b.WatchOnly != 1_200_000 || b.Spendable() != 0 {
				t.Fatalf("%+v", b)
			}
			if a, ok := c.c.AddressOf(script); !ok || a.Kind != f.kind || !a.Watched {
				t.Fatalf("%+v", a)
			}
			for _, who := range [][]int{{0, 1}, {2, 0}, {1, 2}, {0, 1, 2}} {
				c.spend(f.adds, who)
			}
			// Opened anew, of its records, all is as it was.
			before := c.c.Balance()
			again, err := Open(c.c.Params(), c.c.Accounts(), c.log)
			if err != nil || again.Balance() != before || before.WatchOnly == 0 {
				t.Errorf("%+v, was %+v: %v", again.Balance(), before, err)
			}
		})
	}
}

func (c *club) spend(adds [3]int, who []int) {
	t := c.t
	t.Helper()
	before := c.c.Balance().WatchOnly
	d := c.half()
	if _, err := d.Sign(c.owners[0].keys, anyway...); err == nil || !strings.Contains(err.Error(), "watch-only") {
		t.Fatalf("signed by one: %v", err)
	}
	packet, err := d.Packet()
	if err != nil {
		t.Fatal(err)
	}
	if packet, err = ParsePacket(packet.Bytes()); err != nil {
		t.Fatal(err)
	}
	var parts []*Packet
	for _, n := range who {
		one := c.signed(packet, n, adds[n]*len(d.inputs))
		if _, err := one.Extract(); err == nil {
			t.Fatal("one of three suffices")
		}
		parts = append(parts, one)
	}
	all, err := parts[0].Combine(parts[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.Complete(all)
	if err != nil {
		t.Fatalf("owners %v: %v", who, err)
	}
	slack := 8 // for a lighter signature and, where there are two leaves, the lighter one
	if adds[0] > 1 {
		slack += 36
	}
	if w := weightOf(s.tx); w > d.weight || w < d.weight-int64(slack*len(d.inputs)) {
		t.Errorf("weighs %d, the draft said at most %d", w, d.weight)
	}
	c.commit(s)
	c.mine(s.Tx())
	if after := c.c.Balance().WatchOnly; after != before-d.Paid()-s.Fee() || s.Fee() != d.Fee() {
		t.Errorf("%d, was %d and paid %d with a fee of %d", after, before, d.Paid(), s.Fee())
	}
	own := 0
	for _, o := range c.c.Outputs(all) {
		if o.Change {
			own++
		}
	}
	if own != 1 {
		t.Errorf("%d outputs are change", own)
	}
}

// TestSharedRefused opens wallets of descriptors that are not whole, or that nobody could weigh.
func TestSharedRefused(t *testing.T) {
	for form, want := range map[string]string{
		"wsh(pk(K1))":                        "want wsh",
		"sh(multi(1,K1,K2))":                 "want wsh",
		"tr(K1)":                             "want wsh",
		"wpkh(K1)":                           "want wsh",
		"tr(" + nobody + ",{pk(K1),pk(K2)})": "",
	} {
		c := newClub(t, "dev", "wsh(sortedmulti(2,K1,K2,K3))")
		p := c.c.Params()
		net := keystore.Net{CoinType: p.Keys.CoinType, BIP32Pub: p.Address.BIP32Pub}
		for n, w := range c.owners {
			form = strings.ReplaceAll(form, fmt.Sprintf("K%d", n+1), w.c.Accounts()[2].Key.Encode(net)+"/<0;1>/*")
		}
		d, err := descriptor.Parse(form, net)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = Open(p, []Account{{Shared: d, WatchOnly: true}}, &Memory{}); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", form, err, want)
		}
		if _, err = Open(p, []Account{{Shared: d}}, &Memory{}); err == nil {
			t.Errorf("%s: opens to spend", form)
		}
		fixed, err := descriptor.Parse(strings.ReplaceAll(form, "<0;1>/*", "7"), net)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = Open(p, []Account{{Shared: fixed, WatchOnly: true}}, &Memory{}); err == nil {
			t.Errorf("%s: opens with one address", form)
		}
	}
	bare := *testchain.Params(t, "dev")
	bare.Address.HRP = ""
	for _, f := range forms {
		if _, err := Open(&bare, newClub(t, "dev", f.text).c.Accounts(), &Memory{}); err == nil {
			t.Errorf("%s: opens on a chain without witnesses", f.text)
		}
	}
}

// TestSharedSpoilt changes one thing in a packet that two have signed.
func TestSharedSpoilt(t *testing.T) {
	for _, f := range forms {
		c := newClub(t, "dev", f.text)
		c.mine(c.pay(c.receive(0), 900_000))
		packet, err := c.half().Packet()
		if err != nil {
			t.Fatal(err)
		}
		both, err := c.signed(packet, 0, f.adds[0]).Combine(c.signed(packet, 1, f.adds[1]))
		if err != nil {
			t.Fatal(err)
		}
		for what, spoil := range map[string]func(*psbt.PInput){
			"amount": func(in *psbt.PInput) { in.WitnessUtxo.Value++; in.NonWitnessUtxo = nil },
			"signatures": func(in *psbt.PInput) {
				for _, s := range in.PartialSigs {
					s.Signature[20] ^= 1
				}
				for _, s := range in.TaprootScriptSpendSig {
					s.Signature[20] ^= 1
				}
			},
			"script": func(in *psbt.PInput) {
				if in.WitnessScript != nil {
					in.WitnessScript[5] ^= 1
				}
				for _, l := range in.TaprootLeafScript {
					l.Script[len(l.Script)-2] = txscript.OP_1
				}
			},
		} {
			bad, err := ParsePacket(both.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			spoil(&bad.p.Inputs[0])
			if _, err := bad.Extract(); err == nil {
				t.Errorf("%s: %s spoilt, and it passes", f.text, what)
			}
		}
		if _, err := both.Extract(); err != nil {
			t.Errorf("%s: %v", f.text, err)
		}
	}
}

func FuzzLeafKeys(f *testing.F) {
	c := newClub(f, "dev", forms[2].text)
	out, err := c.c.Accounts()[0].Shared.At(0, 0)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(out.Taproot.Leaves[0].Script)
	f.Add([]byte{txscript.OP_DATA_32})
	f.Fuzz(func(t *testing.T, script []byte) {
		keys, need, ok := leafKeys(script)
		if ok && (need < 1 || need > len(keys) || len(keys)*34 > len(script)) {
			t.Fatalf("%d of %d keys in %d bytes", need, len(keys), len(script))
		}
	})
}

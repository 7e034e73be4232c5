package app

import (
	"strings"
	"testing"

	"github.com/layeredpow/lamina/wallet"
	"github.com/layeredpow/lamina/wallet/address"
)

// bip84Key is the account key of BIP84's test vector, as wallets write it (SLIP-132), and
// bip84First and bip84Change are its first addresses there.
const (
	bip84Key    = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs"
	bip84First  = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"
	bip84Change = "bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el"
)

func TestWatchKeys(t *testing.T) {
	p := params(t, "bitcoin")
	found, err := descriptorsOf(p, bip84Key)
	if err != nil || len(found) != 1 {
		t.Fatalf("zpub: %q, %v; want one descriptor", found, err)
	}
	a, err := accountOf(p, found[0])
	if err != nil {
		t.Fatal(err)
	}
	chain, err := wallet.Open(p, []wallet.Account{a}, &wallet.Memory{})
	if err != nil {
		t.Fatal(err)
	}
	for text, change := range map[string]bool{bip84First: false, bip84Change: true} {
		script, err := address.Decode(p, text)
		if err != nil {
			t.Fatal(err)
		}
		if at, ok := chain.AddressOf(script); !ok || at.Change != change || at.Index != 0 {
			t.Errorf("%s: %+v, want the first one, change %t", text, at, change)
		}
	}
	xpub := strings.TrimSuffix(strings.TrimPrefix(strings.SplitN(found[0], "#", 2)[0], "wpkh("), branches+")")
	if all, err := descriptorsOf(p, xpub); err != nil || len(all) != len(p.Keys.Purposes) {
		t.Errorf("xpub: %q, %v; want one for each of %d", all, err, p.Keys.Purposes)
	}
	for _, text := range []string{"wpkh(" + xpub + ")", "wpkh(" + xpub + "/*)", "wpkh(" + xpub + "/<1;0>/*)", "wpkh(" + xpub + "/<0;1>/7)",
		"wsh(multi(1," + xpub + "/<0;1>/7))", "sh(multi(1," + xpub + "/<0;1>/*))", "wsh(pk(" + xpub + "/<0;1>/*))", "multi(1," + xpub + "/<0;1>/*)"} {
		if _, err := accountOf(p, text); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}

func FuzzWatchKeys(f *testing.F) {
	p := params(f, "bitcoin")
	f.Add(bip84Key)
	if found, err := descriptorsOf(p, bip84Key); err == nil {
		f.Add(found[0])
	}
	f.Add("[d34db33f/84h/0h/0h]")
	f.Fuzz(func(t *testing.T, text string) {
		found, err := descriptorsOf(p, text)
		if err != nil {
			return
		}
		for _, d := range found {
			a, err := accountOf(p, d)
			if err != nil {
				continue
			}
			// What is kept is read again as the same.
			again, err := accountOf(p, d)
			if err != nil || !again.Key.Equal(a.Key) || !a.WatchOnly {
				t.Fatalf("%s: %v", d, err)
			}
		}
	})
}

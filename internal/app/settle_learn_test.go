package app

import (
	"testing"

	"github.com/btcsuite/btcd/wire"
	"github.com/tyler-smith/go-bip39"

	"github.com/layeredpow/lamina/assets"
	"github.com/layeredpow/lamina/keystore"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/wallet"
	"github.com/layeredpow/lamina/wallet/settle"
)

// TestLearnWhileScanning: the keys of refundable deposits are learned while a machine that does not look for them yet is on its way to
// the first block that it tells of. What it passes meanwhile is looked through again.
func TestLearnWhileScanning(t *testing.T) {
	set, err := chains.Load(assets.Chains)
	if err != nil {
		t.Fatal(err)
	}
	seed, err := keystore.NewSeed(bip39.NewSeed(testWords, ""))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keystore.Open(seed)
	if err != nil {
		t.Fatal(err)
	}
	for _, begun := range []bool{false, true} {
		s := &settlement{wallet: "ann", log: &settleLog{disk: &wallet.Memory{}}, on: map[spv.Hash]*settleSide{}, tried: map[wire.OutPoint]bool{}}
		var follow []settle.Chain
		var l1 spv.Hash
		for _, name := range []string{"dev", "dev-native"} {
			p, err := set.Get(name)
			if err != nil {
				t.Fatal(err)
			}
			apex, err := set.Get("dev")
			if err != nil {
				t.Fatal(err)
			}
			l1 = apex.NetID()
			follow = append(follow, settle.Chain{Params: p, Clock: apex, Confirm: 2, Takes: 9})
			s.on[p.NetID()] = &settleSide{ledger: &ledger{followed: &followed{params: p}, apex: apex}}
		}
		if s.book, err = settle.Open(follow, s.log); err != nil {
			t.Fatal(err)
		}
		if begun {
			s.all(l1)
		}
		if fresh, err := s.learn(keys); err != nil || !fresh {
			t.Fatalf("learned %v, %v", fresh, err)
		}
		if err := s.scanned(l1, spv.Block{Height: 39, Hash: spv.Hash{39}}, true, nil); err != nil {
			t.Fatal(err)
		}
		want := int32(40)
		if begun {
			want = 1
		}
		if got := s.next(l1, 1); got != want {
			t.Errorf("machine begun %v: looked through from %d, want %d", begun, got, want)
		}
	}
}

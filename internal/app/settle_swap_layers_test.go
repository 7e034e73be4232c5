package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"testing"

	"github.com/layeredpow/lamina/internal/realnode"
	"github.com/layeredpow/lamina/spv/chains"
)

// bargain makes an offer, has it taken, and accepts the answer.
func bargain(ann, bob *settler, r SwapRequest) (offer, taken Swap) {
	ann.w.t.Helper()
	ctx := context.Background()
	r.Wallet, r.Password = ann.name, Secret(password)
	offer, err := ann.OfferSwap(ctx, r)
	ann.must(err)
	taken, err = bob.TakeSwap(ctx, SwapTake{Wallet: bob.name, Offer: offer.Offer, Password: Secret(password)})
	bob.must(err)
	_, err = ann.AcceptSwap(ctx, ann.name, offer.Number, taken.Answer, Secret(password))
	ann.must(err)
	return offer, taken
}

// signAndSend funds a leg.
func (s *settler) signAndSend(number uint32) Funding {
	s.w.t.Helper()
	ctx := context.Background()
	d, err := s.DraftSwap(ctx, s.name, number, 0)
	s.must(err)
	f, err := s.SignFunding(ctx, SendRequest{Draft: d.ID, Password: Secret(password), Consent: consentOf(d)})
	s.must(err)
	_, err = s.SendFunding(ctx, f.Purse, f.ID)
	s.must(err)
	return f
}

// TestSwapLayers swaps money of a native layer for that of an issued one. The hash is a payment's: who offers learns the
// secret elsewhere, and until then nothing is redeemed. A spent hash is not taken again.
func TestSwapLayers(t *testing.T) {
	t.Parallel()
	manyLives(t)
	w := newDevStack(t, "dev-native", "dev-issued")
	ann, bob := w.wallet("ann", testWords), w.wallet("bob", otherWords)
	ctx := context.Background()
	ann.fund("dev", 1)
	bob.fund("dev-issued", 1)
	d, err := ann.DraftDeposit(ctx, DepositRequest{Wallet: ann.name, Layer: "dev-native", Amount: 4_000_000})
	ann.must(err)
	ann.send(d)
	w.mine("dev", 5, nil)
	w.pooled("dev-native", *ann.deposit("dev-native", "claiming").Claim)
	w.mine("dev-native", 1, nil)
	w.wait("money on the layer", func() bool { return ann.balance("dev-native").Spendable > 3_000_000 })
	ann.current()
	bob.current()
	secret := [32]byte{1, 2, 3}
	hash := sha256.Sum256(secret[:])
	ask := SwapRequest{Give: Asset{Chain: "dev-native", Amount: 2_000_000}, Get: Asset{Chain: "dev-issued", Amount: 3e8},
		Hash: hex.EncodeToString(hash[:])}
	offer, _ := bargain(ann, bob, ask)
	if offer.Hash == nil || *offer.Hash != ask.Hash {
		t.Fatalf("offer: %+v", offer)
	}
	ann.unlock()
	bob.unlock()
	w.pooled("dev-native", ann.signAndSend(0).ID)
	w.mine("dev-native", 2, nil)
	bob.swap("for bob to fund", func(s *Swap) bool { return s.Phase == "funded first" && s.Move == "fund" })
	w.pooled("dev-issued", bob.signAndSend(0).ID)
	w.mine("dev-issued", 2, nil)
	ann.swap("both funded, and no secret", func(s *Swap) bool { return s.Phase == "funded second" && s.Move == "wait" })
	if err := ann.LearnSecret(ctx, ann.name, Secret(hex.EncodeToString(hash[:]))); err == nil {
		t.Fatal("a secret of no swap is taken")
	}
	if err := ann.LearnSecret(ctx, ann.name, Secret("0102")); err == nil {
		t.Fatal("a short secret is taken")
	}
	ann.must(ann.LearnSecret(ctx, ann.name, Secret(hex.EncodeToString(secret[:]))))
	w.wait("ann's redemption", func() bool { return len(w.loop("dev-issued").Pool().All()) == 1 })
	w.mine("dev-issued", 2, nil)
	w.wait("bob's redemption", func() bool { return len(w.loop("dev-native").Pool().All()) == 1 })
	w.mine("dev-native", 2, nil)
	ann.phase("redeemed")
	bob.phase("redeemed")
	w.wait("the money", func() bool { return ann.total("dev-issued") > 2.9e8 && bob.total("dev-native") > 1_900_000 })
	ask.Wallet, ask.Password = ann.name, Secret(password)
	if _, err := ann.OfferSwap(ctx, ask); err == nil {
		t.Fatal("a hash is offered again")
	}
}

// TestSwapRealNodes swaps between two chains that share nothing but the form of their legs, each judged by a full node
// that we did not write: P2WSH on both.
func TestSwapRealNodes(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: it starts two full nodes; the whole run does")
	}
	nodes := map[string]*realnode.Node{"bitcoin-regtest": realnode.Btcd(t), "litecoin-regtest": realnode.Litecoind(t)}
	w := &devStack{t: t, peers: map[string][]string{}, log: slog.New(slog.DiscardHandler)}
	all := map[string]*chains.Params{}
	for _, name := range []string{"bitcoin-regtest", "litecoin-regtest"} {
		all[name] = params(t, name)
		w.all, w.peers[name] = append(w.all, all[name]), []string{nodes[name].P2P}
		nodes[name].Generate(t, 450) // until witnesses count
	}
	wallet := func(name, words, funded string) *settler {
		s := &settler{w: w, name: name, o: LocalOptions{DataDir: t.TempDir(), Chains: w.all, Peers: w.peers, Agent: "/test/", Log: w.log,
			Cost: leastCost}}
		s.open()
		t.Cleanup(func() { _ = s.Local.Close() })
		s.restore(words)
		submit(t, nodes[funded], all[funded], [][]byte{s.script(funded)})
		nodes[funded].Generate(t, int(all[funded].Maturity(1)))
		return s
	}
	ann, bob := wallet("ann", testWords, "bitcoin-regtest"), wallet("bob", otherWords, "litecoin-regtest")
	for _, s := range []*settler{ann, bob} {
		for name, node := range nodes {
			var height int32
			node.Call(t, &height, "getblockcount")
			w.wait(fmt.Sprintf("%s at the tip of %s", s.name, name), func() bool { return s.balance(name).Trust.Scanned.Height == height })
		}
		s.unlock()
	}
	bargain(ann, bob, SwapRequest{Give: Asset{Chain: "bitcoin-regtest", Amount: 1e8, Form: "p2wsh"},
		Get: Asset{Chain: "litecoin-regtest", Amount: 5e8, Form: "p2wsh"}})
	mined := func(what, chain string) {
		t.Helper()
		w.wait(what, func() bool {
			var pool []string
			nodes[chain].Call(t, &pool, "getrawmempool")
			return len(pool) == 1
		})
		nodes[chain].Generate(t, 2)
	}
	ann.signAndSend(0)
	mined("ann's leg", "bitcoin-regtest")
	bob.swap("for bob to fund", func(s *Swap) bool { return s.Phase == "funded first" && s.Move == "fund" })
	bob.signAndSend(0)
	mined("bob's leg", "litecoin-regtest")
	mined("ann's redemption", "litecoin-regtest")
	mined("bob's redemption", "bitcoin-regtest")
	ann.phase("redeemed")
	bob.phase("redeemed")
	w.wait("the money", func() bool { return ann.total("litecoin-regtest") > 4.9e8 && bob.total("bitcoin-regtest") > 0.9e8 })
}

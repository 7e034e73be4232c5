package app

import (
	"bytes"
	"context"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"
)

// TestDepositFromWords loses all but the words while a deposit is on its way, at each of its states, on the layer that
// counts in thousandths: it is found, claimed and arrives.
func TestDepositFromWords(t *testing.T) {
	t.Parallel()
	w := newDevStack(t, "dev-fractional")
	s := w.wallet("ann", testWords)
	ctx := context.Background()
	s.fund("dev", 1)
	d, err := s.DraftDeposit(ctx, DepositRequest{Wallet: s.name, Layer: "dev-fractional", Max: true})
	s.must(err)
	if d.Amount < 49e8 || d.Arrives != d.Amount*1000-d.MaxFee {
		t.Fatalf("all of it: %+v", d)
	}
	s.send(d)
	s.lose(testWords)
	w.mine("dev", 1, nil)
	if p := s.deposit("dev-fractional", "buried"); p.Amount != d.Amount || p.MaxFee != d.MaxFee || !p.Ours {
		t.Fatalf("found: %+v, want %+v", p, d)
	}
	s.lose(testWords)
	s.deposit("dev-fractional", "buried")
	w.mine("dev", 4, nil)
	claimed := s.deposit("dev-fractional", "claiming")
	w.pooled("dev-fractional", *claimed.Claim)
	s.lose(testWords)
	s.deposit("dev-fractional", "claiming")
	w.mine("dev-fractional", 1, nil)
	s.deposit("dev-fractional", "claimed")
	s.lose(testWords)
	s.deposit("dev-fractional", "claimed")
	w.wait("the money on the layer", func() bool { return s.total("dev-fractional") >= d.Arrives })
}

// TestWithdrawalFromWords loses all but the words while a withdrawal is on its way: it is found, followed and seen paid.
func TestWithdrawalFromWords(t *testing.T) {
	t.Parallel()
	w := newDevStack(t, "dev-native")
	s := w.wallet("ann", testWords)
	ctx := context.Background()
	s.fund("dev", 1)
	d, err := s.DraftDeposit(ctx, DepositRequest{Wallet: s.name, Layer: "dev-native", Amount: 1_000_000})
	s.must(err)
	s.send(d)
	w.mine("dev", 5, nil)
	w.pooled("dev-native", *s.deposit("dev-native", "claiming").Claim)
	w.mine("dev-native", 1, nil)
	w.wait("the money on the layer", func() bool { return s.balance("dev-native").Confirmed >= d.Arrives })
	wd, err := s.DraftWithdrawal(ctx, WithdrawalRequest{Wallet: s.name, Layer: "dev-native", Amount: 500_000, MaxFee: 2000})
	s.must(err)
	id := s.send(wd)
	found := func(phase string) Withdrawal {
		t.Helper()
		var all []Withdrawal
		w.wait("withdrawal "+phase, func() bool {
			all, err = s.Withdrawals(ctx, s.name, "dev-native")
			s.must(err)
			return len(all) == 1 && all[0].Phase == phase
		})
		return all[0]
	}
	found("sent")
	w.pooled("dev-native", id)
	s.lose(testWords)
	w.mine("dev-native", 1, nil)
	burned := found("burned")
	if !strings.HasPrefix(burned.Burn, id.String()) || burned.Amount != 500_000 {
		t.Fatalf("burned: %+v", burned)
	}
	s.lose(testWords)
	found("burned")
	w.payOut(burned, 499_000)
	found("batched")
	s.lose(testWords)
	w.mine("dev", 1, nil)
	if p := found("paid"); *p.Paid != 499_000 || p.Amount != 500_000 {
		t.Fatalf("paid: %+v", p)
	}
}

// TestClaimForAnother has a stranger claim by the ticket, while the owner is away: the owner is paid, and the stranger sees it.
func TestClaimForAnother(t *testing.T) {
	t.Parallel()
	w := newDevStack(t, "dev-native")
	ann := w.wallet("ann", testWords)
	ctx := context.Background()
	ann.fund("dev", 1)
	d, err := ann.DraftDeposit(ctx, DepositRequest{Wallet: ann.name, Layer: "dev-native", Amount: 700_000})
	ann.must(err)
	ann.send(d)
	w.mine("dev", 1, nil)
	ticket := ann.deposit("dev-native", "buried").Ticket
	ann.must(ann.Local.Close())
	w.mine("dev", 6, nil)

	// The stranger's wallet is younger than the deposit.
	bob := &settler{w: w, name: "bob", o: LocalOptions{DataDir: t.TempDir(), Chains: w.all, Peers: w.peers, Agent: "/test/", Log: w.log, Cost: leastCost}}
	bob.open()
	t.Cleanup(func() { _ = bob.Local.Close() })
	_, err = bob.RestoreWallet(ctx, NewWallet{Name: "bob", Chains: []string{"dev", "dev-native"}, Password: Secret(password),
		Birthday: time.Now().Add(24 * time.Hour)}, Secret(otherWords), nil)
	bob.must(err)
	bob.current()
	if err := bob.Claim(ctx, "bob", ticket+"x"); err == nil {
		t.Fatal("a spoilt ticket was taken")
	}
	bob.must(bob.Claim(ctx, "bob", ticket))
	claim := bob.deposit("dev-native", "claiming")
	if claim.Ours {
		t.Fatalf("somebody else's deposit: %+v", claim)
	}
	w.pooled("dev-native", *claim.Claim)
	bob.again()
	w.mine("dev-native", 1, nil)
	bob.deposit("dev-native", "claimed")
	if bob.total("dev-native") != 0 {
		t.Fatal("the stranger was paid")
	}
	ann.open()
	ann.deposit("dev-native", "claimed")
	w.wait("ann's money", func() bool { return ann.total("dev-native") >= d.Arrives })
}

// TestRefundableDeposit is refunded in time without keys, or with them where only the words are left.
func TestRefundableDeposit(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		t.Run(map[bool]string{false: "with its records", true: "from the words"}[lost], func(t *testing.T) {
			t.Parallel()
			w := newDevStack(t, "dev-native")
			s := w.wallet("ann", testWords)
			ctx := context.Background()
			s.fund("dev", 1)
			d, err := s.DraftDeposit(ctx, DepositRequest{Wallet: s.name, Layer: "dev-native", Amount: 900_000, Refundable: true})
			s.must(err)
			ask := SendRequest{Draft: d.ID, Password: Secret(password)}
			if _, err := s.Send(ctx, ask); err == nil || !strings.Contains(err.Error(), "SignFunding") {
				t.Fatalf("sent without refunds: %v", err)
			}
			f, err := s.SignFunding(ctx, ask)
			s.must(err)
			sent, err := s.SendFunding(ctx, f.Purse, f.ID)
			s.must(err)
			w.pooled("dev", sent.ID)
			refund := f.Refunds[0]
			if lost {
				s.lose(testWords)
			} else {
				s.again()
			}
			w.mine("dev", 1, nil)
			waiting := s.deposit("dev-native", "waiting")
			if !waiting.Refundable || waiting.Needed != 20 || refund.Lock != 20 || waiting.Ticket != "" {
				t.Fatalf("waiting: %+v, refund %+v", waiting, refund)
			}
			if lost {
				again, err := s.TakeBack(ctx, s.name, "dev-native", waiting.Outpoint, Secret(password))
				s.must(err)
				refund = again.Refunds[0]
			}
			raw, _ := hex.DecodeString(refund.Raw)
			tx := new(wire.MsgTx)
			s.must(tx.Deserialize(bytes.NewReader(raw)))
			if res, err := w.loop("dev").Tx(ctx, tx); err == nil && res.Status.String() == "accepted" {
				t.Fatal("the refund was taken too early")
			}
			w.mine("dev", 19, nil)
			if lost {
				s.again()
			}
			w.wait("the refund", func() bool { return len(w.loop("dev").Pool().All()) == 1 })
			w.mine("dev", 1, nil)
			s.deposit("dev-native", "refunded")
			w.wait("the money", func() bool { return s.total("dev") > 49e8+99e6 })
		})
	}
}

// TestSwapFromTexts takes a swap up from the words and its two texts.
func TestSwapFromTexts(t *testing.T) {
	t.Parallel()
	w := newDevStack(t, "dev-issued")
	ann, bob := w.wallet("ann", testWords), w.wallet("bob", otherWords)
	ctx := context.Background()
	agree(t, w, ann, bob, func() {})
	ann.fundSwap(func() {})
	w.mine("dev", 2, nil)
	had := bob.swap("for bob to fund", func(s *Swap) bool { return s.Move == "fund" })
	bob.fundSwap(func() {})
	w.mine("dev-issued", 2, nil)
	ann.swap("funded", func(s *Swap) bool { return s.Move == "redeem" })
	for _, s := range []*settler{ann, bob} {
		words := map[*settler]string{ann: testWords, bob: otherWords}[s]
		s.lose(words)
		s.current()
		_, err := s.RestoreSwap(ctx, SwapRestore{Wallet: s.name, Offer: had.Offer, Answer: had.Answer, Password: Secret(password)})
		s.must(err)
		s.phase("funded second")
	}
	ann.unlock()
	w.wait("ann's redemption", func() bool { return len(w.loop("dev-issued").Pool().All()) == 1 })
	w.mine("dev-issued", 2, nil)
	ann.phase("redeemed")
	bob.unlock()
	w.wait("bob's redemption", func() bool { return len(w.loop("dev").Pool().All()) == 1 })
	w.mine("dev", 2, nil)
	bob.phase("redeemed")
	w.wait("both have their money", func() bool { return ann.total("dev-issued") > 4e8 && bob.total("dev") > 2e8 })
}

// TestForeignTexts: what others send is refused with a reason.
func TestForeignTexts(t *testing.T) {
	t.Parallel()
	w := newDevStack(t, "dev-issued")
	s := w.wallet("ann", testWords)
	ctx := context.Background()
	for what, err := range map[string]error{
		"ticket":   s.Claim(ctx, s.name, "lpclaim1qqqq"),
		"layer":    second(s.DraftDeposit(ctx, DepositRequest{Wallet: s.name, Layer: "dev-issued", Amount: 1e6})),
		"chain":    second(s.DraftDeposit(ctx, DepositRequest{Wallet: s.name, Layer: "nowhere", Amount: 1e6})),
		"wallet":   second(s.Swaps(ctx, "nobody")),
		"offer":    second(s.TakeSwap(ctx, SwapTake{Wallet: s.name, Offer: "lpoffer1xyz"})),
		"secret":   s.LearnSecret(ctx, s.name, Secret("12")),
		"number":   second(s.DraftSwap(ctx, s.name, 7, 0)),
		"move":     second(s.MoveSwap(ctx, s.name, 7, nil)),
		"draft":    second(s.SignFunding(ctx, SendRequest{Draft: "none"})),
		"funding":  second(s.SendFunding(ctx, s.on("dev"), w.all[0].NetID())),
		"peg":      second(s.Audit(ctx, "dev-issued")),
		"outpoint": second(s.TakeBack(ctx, s.name, "dev-issued", "x", nil)),
	} {
		if err == nil || CodeOf(err) == CodeInternal {
			t.Errorf("%s: %v, want a refusal", what, err)
		}
	}
	_, err := s.OfferSwap(ctx, SwapRequest{Wallet: s.name, Give: Asset{Chain: "dev", Amount: 3e8}, Get: Asset{Chain: "dev-issued", Amount: 5e8}})
	if CodeOf(err) != CodeLocked {
		t.Errorf("offer while locked: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// TestDepositBehindTheGap restores a wallet whose open deposit pays an address that only a claim on the layer leads to: the L1
// was looked through by then, and is once more.
func TestDepositBehindTheGap(t *testing.T) {
	t.Parallel()
	w := newDevStack(t, "dev-native")
	s := w.wallet("ann", testWords)
	ctx := context.Background()
	s.fund("dev", 2)
	deposit := func(fresh int) {
		t.Helper()
		for range fresh {
			_, err := s.ownScript(ctx, s.on("dev-native"), true)
			s.must(err)
		}
		d, err := s.DraftDeposit(ctx, DepositRequest{Wallet: s.name, Layer: "dev-native", Amount: 100_000})
		s.must(err)
		s.send(d)
		w.mine("dev", 1, nil)
	}
	deposit(19)
	w.mine("dev", 4, nil)
	w.pooled("dev-native", *s.deposit("dev-native", "claiming").Claim)
	w.mine("dev-native", 1, nil)
	s.deposit("dev-native", "claimed")
	s.current()
	deposit(8)
	s.o.Peers = map[string][]string{"dev": w.peers["dev"], "dev-native": {"127.0.0.1:1"}} // the layer is not there yet
	s.lose(testWords)
	tip := w.loop("dev").View().Tip()
	w.wait("L1 looked through", func() bool { return s.balance("dev").Trust.Scanned == tip })
	s.o.Peers = w.peers
	s.again()
	w.wait("both deposits", func() bool {
		all, err := s.Deposits(ctx, s.name, "dev-native")
		s.must(err)
		return len(all) == 2 && all[0].Phase == "claimed" && all[1].Phase == "buried"
	})
}

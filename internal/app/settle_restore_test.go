package app

import (
	"bytes"
	"context"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
)

// manyLives leaves a test to the whole run that begins a life at each state. With -short TestSettleKilled and TestSwap begin
// some.
func manyLives(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: it begins a life at each state; the whole run does")
	}
}

// TestFromWords loses all but the words at each state of a deposit and of a withdrawal, on the layer that counts in
// thousandths: what is in a block is found, and the deposit is claimed, arrives, and is withdrawn. How far a burn is from
// being released is kept nowhere: it follows from the layer's chain.
func TestFromWords(t *testing.T) {
	t.Parallel()
	manyLives(t)
	const layer = "dev-fractional"
	w := newDevStack(t, layer)
	s := w.wallet("ann", testWords)
	ctx := context.Background()
	s.fund("dev", 1)
	d, err := s.DraftDeposit(ctx, DepositRequest{Wallet: s.name, Layer: layer, Max: true})
	s.must(err)
	if d.Amount < 49e8 || d.Arrives != d.Amount*1000-d.MaxFee {
		t.Fatalf("all of it: %+v", d)
	}
	var burn, claim spv.Hash
	deposit := func(phase string) func() {
		return func() {
			if p := s.deposit(layer, phase); p.Amount != d.Amount || p.MaxFee != d.MaxFee || !p.Ours {
				t.Fatalf("found: %+v, want %+v", p, d)
			}
		}
	}
	withdrawal := func(phase string) func() {
		return func() {
			p := s.withdrawal(layer, phase)
			if !strings.HasPrefix(p.Burn, burn.String()) || p.Amount != 500_000 || phase == "paid" && *p.Paid != 499_000 {
				t.Fatalf("found: %+v", p)
			}
		}
	}
	for _, state := range []struct {
		what  string
		bring func()
		found func() // with what was kept, and from the words; nil: what is in no block is not found from the words
	}{
		{"deposit sent", func() { s.send(d) }, nil},
		{"buried", func() { w.mine("dev", 1, nil) }, deposit("buried")},
		{"claiming", func() {
			w.mine("dev", 4, nil)
			claim = *s.deposit(layer, "claiming").Claim
			w.pooled(layer, claim)
		}, deposit("claiming")},
		{"claimed", func() { w.mine(layer, 1, nil) }, deposit("claimed")},
		{"withdrawal sent", func() {
			w.wait("the money on the layer", func() bool { return s.balance(layer).Spendable >= d.Arrives })
			wd, err := s.DraftWithdrawal(ctx, WithdrawalRequest{Wallet: s.name, Layer: layer, Amount: 500_000_000, MaxFee: 2000})
			s.must(err)
			burn = s.send(wd)
		}, nil},
		{"burned", func() { w.mine(layer, 1, nil) }, withdrawal("burned")},
		{"batched", func() { w.payOut(s.withdrawal(layer, "burned"), 499_000); s.withdrawal(layer, "batched") }, nil},
		{"paid", func() { w.mine("dev", 1, nil) }, withdrawal("paid")},
	} {
		state.bring()
		if state.found != nil {
			state.found()
		}
		s.lose(testWords)
		if state.found != nil {
			state.found()
		}
		if t.Failed() {
			t.Fatalf("at %s", state.what)
		}
	}
	if n := s.deposit(layer, "claimed"); n.Claim == nil || *n.Claim != claim {
		t.Errorf("claim %v, want %s", n.Claim, claim)
	}
}

// withdrawal waits until the wallet's only withdrawal from a layer has a phase.
func (s *settler) withdrawal(layer, phase string) (found Withdrawal) {
	s.w.t.Helper()
	s.w.wait("withdrawal "+phase, func() bool {
		all, err := s.Withdrawals(context.Background(), s.name, layer)
		s.must(err)
		if len(all) == 1 {
			found = all[0]
		}
		return len(all) == 1 && found.Phase == phase
	})
	return found
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

// TestRefundableDeposit is refunded in time without keys.
func TestRefundableDeposit(t *testing.T) {
	t.Parallel()
	w := newDevStack(t, "dev-native")
	s := w.wallet("ann", testWords)
	refund := s.sendRefundable()
	s.again()
	w.mine("dev", 1, nil)
	waiting := s.deposit("dev-native", "waiting")
	if !waiting.Refundable || waiting.Needed != 20 || refund.Lock != 20 || waiting.Ticket != "" || waiting.Why != "" {
		t.Fatalf("waiting: %+v, refund %+v", waiting, refund)
	}
	raw, _ := hex.DecodeString(refund.Raw)
	tx := new(wire.MsgTx)
	s.must(tx.Deserialize(bytes.NewReader(raw)))
	if res, err := w.loop("dev").Tx(context.Background(), tx); err == nil && res.Status.String() == "accepted" {
		t.Fatal("the refund was taken too early")
	}
	w.mine("dev", 19, nil)
	w.wait("the refund", func() bool { return len(w.loop("dev").Pool().All()) == 1 })
	w.mine("dev", 1, nil)
	s.deposit("dev-native", "refunded")
	w.wait("the money", func() bool { return s.total("dev") > 49e8+99e6 })
}

// TestRefundablePaidAgain has a stranger pay the script of a refundable deposit once more: that can be taken back, too.
func TestRefundablePaidAgain(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newDevStack(t, "dev-native")
	ann, bob := w.wallet("ann", testWords), w.wallet("bob", otherWords)
	ann.sendRefundable()
	w.mine("dev", 1, nil)
	first := ann.deposit("dev-native", "waiting")
	bob.fund("dev", 1)
	d, err := bob.Draft(ctx, bob.on("dev"), Payment{To: []Recipient{{Address: first.Vault, Amount: 700_000}}})
	bob.must(err)
	bob.send(SettleDraft{Draft: d})
	w.mine("dev", 1, nil)
	phases := func(want string) (all []Deposit) {
		t.Helper()
		w.wait("both "+want, func() bool {
			var err error
			all, err = ann.Deposits(ctx, ann.name, "dev-native")
			ann.must(err)
			if len(w.loop("dev").Pool().All()) > 0 {
				w.mine("dev", 1, nil)
			}
			n := 0
			for _, d := range all {
				if d.Phase == want {
					n++
				}
			}
			return n == 2
		})
		return all
	}
	for _, d := range phases("waiting") {
		if (d.Outpoint == first.Outpoint) == (len(d.Refunds) == 0) || (len(d.Refunds) == 0) == (d.Why == "") {
			t.Fatalf("%+v", d)
		}
		f, err := ann.TakeBack(ctx, ann.name, "dev-native", d.Outpoint, Secret(password))
		ann.must(err)
		if len(f.Refunds) == 0 {
			t.Fatalf("taken back: %+v", f)
		}
	}
	ann.again()
	w.mine("dev", 20, nil)
	phases("refunded")
}

// sendRefundable sends a refundable deposit, and returns its cheapest refund.
func (s *settler) sendRefundable() Refund {
	s.w.t.Helper()
	ctx := context.Background()
	s.fund("dev", 1)
	d, err := s.DraftDeposit(ctx, DepositRequest{Wallet: s.name, Layer: "dev-native", Amount: 900_000, Refundable: true})
	s.must(err)
	ask := SendRequest{Draft: d.ID, Password: Secret(password)}
	if _, err := s.Send(ctx, ask); err == nil || !strings.Contains(err.Error(), "SignFunding") {
		s.w.t.Fatalf("sent without refunds: %v", err)
	}
	f, err := s.SignFunding(ctx, ask)
	s.must(err)
	sent, err := s.SendFunding(ctx, f.Purse, f.ID)
	s.must(err)
	s.w.pooled("dev", sent.ID)
	return f.Refunds[0]
}

// TestRefundableFromWords loses all but the words at each state of a refundable deposit that the settlers leave: it is found,
// says that it wants the keys, and once they are there it comes back.
func TestRefundableFromWords(t *testing.T) {
	t.Parallel()
	manyLives(t)
	w := newDevStack(t, "dev-native")
	s := w.wallet("ann", testWords)
	ctx := context.Background()
	s.sendRefundable()
	s.lose(testWords) // in no block
	w.mine("dev", 1, nil)
	s.deposit("dev-native", "waiting")
	s.lose(testWords)
	waiting := s.deposit("dev-native", "waiting")
	if !strings.Contains(waiting.Why, "with the keys") || len(waiting.Refunds) > 0 {
		t.Fatalf("found: %+v", waiting)
	}
	again, err := s.TakeBack(ctx, s.name, "dev-native", waiting.Outpoint, Secret(password))
	s.must(err)
	if taken := s.deposit("dev-native", "waiting"); taken.Why != "" || len(taken.Refunds) == 0 || len(again.Refunds) != len(taken.Refunds) {
		t.Fatalf("taken up: %+v", taken)
	}
	s.lose(testWords)
	w.mine("dev", 19, nil)
	if due := s.deposit("dev-native", "refund due"); len(due.Refunds) > 0 {
		t.Fatalf("due: %+v", due)
	}
	s.lose(testWords)
	s.deposit("dev-native", "refund due")
	s.unlock() // nobody says more
	w.wait("the refund", func() bool { return len(w.loop("dev").Pool().All()) == 1 })
	w.mine("dev", 1, nil)
	s.deposit("dev-native", "refunded")
	s.lose(testWords)
	s.deposit("dev-native", "refunded")
	w.wait("the money", func() bool { return s.total("dev") > 49e8+99e6 })
}

// fromTexts loses all of a wallet but its words, and takes its swap up from the texts.
func (s *settler) fromTexts(of *Swap, phase string) Swap {
	s.w.t.Helper()
	s.lose(map[string]string{"ann": testWords, "bob": otherWords}[s.name])
	s.current()
	_, err := s.RestoreSwap(context.Background(), SwapRestore{Wallet: s.name, Offer: of.Offer, Answer: of.Answer, Password: Secret(password)})
	s.must(err)
	return s.phase(phase)
}

// TestSwapFromTexts loses all but the words and the two texts of a swap, on either side and at each of its states, up to
// both redemptions and up to both refunds.
func TestSwapFromTexts(t *testing.T) {
	t.Parallel()
	manyLives(t)
	for name, run := range map[string]func(w *devStack, ann, bob *settler, of *Swap){
		"not paid": notPaidFromTexts, "redeemed": redeemedFromTexts, "refunded": refundedFromTexts} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newDevStack(t, "dev-issued")
			ann, bob := w.wallet("ann", testWords), w.wallet("bob", otherWords)
			agree(t, w, ann, bob)
			of := ann.phase("agreed")
			run(w, ann, bob, &of)
		})
	}
}

// notPaidFromTexts: whether a leg is on its way is not known, so it is not paid again, and the user is told so.
func notPaidFromTexts(w *devStack, ann, bob *settler, of *Swap) {
	for _, s := range []*settler{ann, bob} {
		got := s.fromTexts(of, "dropped")
		if _, err := s.DraftSwap(context.Background(), s.name, 0, 0); err == nil || got.Move != "rest" || !strings.Contains(got.Why, "not paid again") {
			w.t.Errorf("%s: %v, %+v", s.name, err, got)
		}
	}
}

func redeemedFromTexts(w *devStack, ann, bob *settler, of *Swap) {
	ann.fundSwap()
	ann.fromTexts(of, "dropped") // as long as her leg is in no block
	w.mine("dev", 2, nil)
	ann.phase("funded first")
	bob.swap("for bob to fund", func(s *Swap) bool { return s.Move == "fund" })
	bob.fundSwap()
	bob.fromTexts(of, "dropped") // and so is his
	w.mine("dev-issued", 2, nil)
	bob.fromTexts(of, "funded second")
	ann.fromTexts(of, "funded second")
	ann.unlock()
	w.wait("ann's redemption", func() bool { return len(w.loop("dev-issued").Pool().All()) == 1 })
	ann.lose(testWords) // what she has sent is with others
	w.mine("dev-issued", 2, nil)
	ann.fromTexts(of, "redeemed")
	bob.fromTexts(of, "secret seen")
	bob.unlock()
	w.wait("bob's redemption", func() bool { return len(w.loop("dev").Pool().All()) == 1 })
	bob.lose(otherWords)
	w.mine("dev", 2, nil)
	bob.fromTexts(of, "redeemed")
	w.wait("both have their money", func() bool { return ann.total("dev-issued") > 4e8 && bob.total("dev") > 2e8 })
}

func refundedFromTexts(w *devStack, ann, bob *settler, of *Swap) {
	had := [2]int64{ann.total("dev"), bob.total("dev-issued")}
	height := func() uint32 { return uint32(w.loop("dev").View().Tip().Height) }
	ann.fundSwap()
	w.mine("dev", 2, nil)
	ann.fromTexts(of, "funded first")
	bob.swap("for bob to fund", func(s *Swap) bool { return s.Move == "fund" })
	bob.fundSwap()
	w.mine("dev-issued", 2, nil)
	w.mine("dev", int(of.T2-height())+5, nil) // the layer's anchor is below the tip
	for _, side := range []struct {
		s     *settler
		chain string
		had   int64
		until uint32
	}{{bob, "dev-issued", had[1], of.T2}, {ann, "dev", had[0], of.T1}} {
		w.mine("dev", max(int(side.until)-int(height()), 1), nil)
		side.s.fromTexts(of, "funded second")
		side.s.swap("for the keys", func(s *Swap) bool { return s.Move == "refund" && s.Keys })
		side.s.unlock()
		w.wait("the refund", func() bool { return len(w.loop(side.chain).Pool().All()) == 1 })
		w.mine(side.chain, 2, nil)
		side.s.phase("refunded")
		side.s.fromTexts(of, "refunded")
		w.wait("all is back", func() bool { return side.s.total(side.chain) > side.had-100_000 })
	}
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

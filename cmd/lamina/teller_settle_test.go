package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
)

// tellerDeals says where the teller's deposits and swaps stand; empty: as their methods say.
type tellerDeals struct {
	chains []string // of the wallet; nil: dev alone
	phase  string
	move   string
	signed bool
}

// The teller's side of app.Settlement: one pegged layer, one deposit, two withdrawals, one swap.

func (b *teller) Pegs(context.Context) ([]app.Peg, error) {
	p := app.Peg{Layer: "dev-native", L1: "dev", Kind: "native", Units: 1, Open: true, MinDeposit: 2000, MaxDeposit: 1e15, MinWithdrawal: 1000,
		MaxPayout: 1e8, MaxFees: []int64{1000, 4000, 16_000, 64_000}, PayoutFee: 3000, ClaimBlocks: 5, ClaimSeconds: 50, WithdrawSeconds: 90,
		RefundBlocks: 20, RefundSeconds: 200, Unit: devUnit, L1Unit: devUnit, Custody: someCustody}
	return []app.Peg{p}, nil
}

var someCustody = &app.Custody{Settlers: 3, Release: 2, Stall: 2, Recover: 2, RecoverAge: 200, RecoverAfter: 2000,
	Words: []string{"2 of 3 settlers together release deposited money. If so many conspire they can steal it."}}

func (b *teller) settleDraft(what, chain string, amount int64, refunds bool) app.SettleDraft {
	d := app.SettleDraft{For: what, Layer: "dev-native", Amount: amount, Arrives: amount - 4000, MaxFee: 4000, Address: someAddr, Refunds: refunds}
	d.ID, d.Purse, d.Warnings = "1", app.Purse{Wallet: "main", Chain: chain}, b.warnings
	return d
}

func (b *teller) DraftDeposit(_ context.Context, r app.DepositRequest) (app.SettleDraft, error) {
	b.note(fmt.Sprintf("deposit %d max %t fee %d refundable %t", r.Amount, r.Max, r.MaxFee, r.Refundable))
	if b.strange && r.Refundable && !b.unlocked {
		return app.SettleDraft{}, app.Coded(app.CodeLocked, "refundable deposit: wants the wallet to be unlocked once")
	}
	d := b.settleDraft("deposit", "dev", r.Amount, r.Refundable)
	d.Custody = someCustody
	return d, b.err
}

func (b *teller) DraftWithdrawal(_ context.Context, r app.WithdrawalRequest) (app.SettleDraft, error) {
	b.note(fmt.Sprintf("withdraw %d to %s fee %d", r.Amount, r.Address, r.MaxFee))
	return b.settleDraft("withdrawal", "dev-native", r.Amount, false), b.err
}

func (b *teller) Deposits(context.Context, string, string) ([]app.Deposit, error) {
	return []app.Deposit{{Wallet: "main", Layer: "dev-native", L1: "dev", Phase: b.depositPhase(), Amount: 500_000, Address: someAddr, Vault: someAddr,
		Outpoint: someTx.String() + ":1", MaxFee: 4000, Ours: true, Depth: 1, Needed: 5, Expected: 40, Ticket: "lamina-ticket"}}, nil
}

func (b *teller) depositPhase() string {
	if b.phase == "" {
		return "sent"
	}
	return b.phase
}

func (b *teller) Claim(_ context.Context, _, ticket string) error {
	b.note("claim " + ticket)
	return nil
}

func (b *teller) TakeBack(_ context.Context, _, _, outpoint string, password app.Secret) (app.Funding, error) {
	b.note("takeback " + outpoint)
	return app.Funding{Purse: app.Purse{Wallet: "main", Chain: "dev"}, ID: someTx, Refunds: someRefunds}, b.check(password)
}

func (b *teller) Withdrawals(context.Context, string, string) ([]app.Withdrawal, error) {
	paid := int64(99_000)
	return []app.Withdrawal{
		{Wallet: "main", Layer: "dev-native", L1: "dev", Burn: someTx.String() + ":0", Phase: "burned", Amount: 50_000, Address: someAddr, Expected: 80},
		{Wallet: "main", Layer: "dev-native", L1: "dev", Burn: someTx.String() + ":1", Phase: "paid", Amount: 100_000, Address: someAddr,
			Batch: &someTx, Payout: someTx.String() + ":2", Paid: &paid},
		{Wallet: "main", Layer: "dev-native", L1: "dev", Burn: someTx.String() + ":2", Phase: "released", Amount: 50_000, Address: someAddr, Overdue: 3},
		{Wallet: "main", Layer: "dev-native", L1: "dev", Burn: someTx.String() + ":3", Phase: "released", Amount: 50_000, Address: someAddr, Overdue: app.MostOverdue},
	}, nil
}

func (b *teller) ProvePayout(_ context.Context, p app.PayoutProof) error {
	b.note(fmt.Sprintf("prove %s %d", p.Burn, len(p.List)))
	return nil
}

func (b *teller) Audit(_ context.Context, layer string) (app.Supply, error) {
	return app.Supply{}, app.Coded(app.CodeMissing, "supply of %s: a light wallet sees only its own claims and burns", layer)
}

var someRefunds = []app.Refund{{ID: spv.Hash{8}, Chain: "dev", Rate: 1000, Raw: "0200", Lock: 900}}

func (b *teller) swap(number uint32) app.Swap {
	hash := hex.EncodeToString(make([]byte, 32))
	w := app.Swap{Wallet: "main", Number: number, Role: "initiator", Give: app.Asset{Chain: "dev", Amount: 50_000, Form: "p2tr"},
		Get: app.Asset{Chain: "dev-issued", Amount: 70_000, Form: "p2tr"}, T1: 900, T2: 800, Hash: &hash, Offer: "lpoffer1text", Phase: "agreed",
		Move: "fund", Why: "our leg is first", Left: 40, Until: 780}
	if b.phase != "" {
		w.Phase = b.phase
	}
	if b.move != "" {
		w.Move = b.move
	}
	if b.signed {
		w.Signed, w.Refunds = &someTx, someRefunds
	}
	return w
}

func (b *teller) OfferSwap(_ context.Context, r app.SwapRequest) (app.Swap, error) {
	b.note(fmt.Sprintf("offer %d of %s for %d of %s second %t hash %s", r.Give.Amount, r.Give.Chain, r.Get.Amount, r.Get.Chain, r.Second, r.Hash))
	return b.swap(0), b.check(r.Password)
}

func (b *teller) ReadOffer(_ context.Context, offer string) (app.SwapOffer, error) {
	if !strings.HasPrefix(offer, "lpoffer1") {
		return app.SwapOffer{}, app.Coded(app.CodeInvalid, "offer: want a text that begins lpoffer1")
	}
	return app.SwapOffer{ID: someTx, Give: app.Asset{Chain: "dev-issued", Amount: 70_000, Form: "p2tr"},
		Get: app.Asset{Chain: "dev", Amount: 50_000, Form: "p2tr"}, MakerFirst: true, T1: 900, T2: 800}, nil
}

func (b *teller) TakeSwap(_ context.Context, r app.SwapTake) (app.Swap, error) {
	b.note("take " + r.Offer)
	w := b.swap(1)
	w.Role, w.Give, w.Get, w.Answer = "responder", w.Get, w.Give, "lpanswer1text"
	return w, b.check(r.Password)
}

func (b *teller) AcceptSwap(_ context.Context, _ string, number uint32, answer string, password app.Secret) (app.Swap, error) {
	b.note(fmt.Sprintf("accept %d %s", number, answer))
	return b.swap(number), b.check(password)
}

func (b *teller) DraftSwap(_ context.Context, _ string, number uint32, _ int64) (app.SettleDraft, error) {
	b.note(fmt.Sprintf("draft swap %d", number))
	return b.settleDraft("swap", "dev", 50_000, true), nil
}

func (b *teller) CancelSwap(_ context.Context, _ string, number uint32) (app.Swap, error) {
	b.note(fmt.Sprintf("cancel %d", number))
	return b.swap(number), nil
}

func (b *teller) MoveSwap(_ context.Context, _ string, number uint32, password app.Secret) (app.Swap, error) {
	b.note(fmt.Sprintf("move %d", number))
	return b.swap(number), b.check(password)
}

func (b *teller) LearnSecret(_ context.Context, _ string, secret app.Secret) error {
	b.note(fmt.Sprintf("learn %d", len(secret)))
	return nil
}

func (b *teller) Swaps(context.Context, string) ([]app.Swap, error) {
	return []app.Swap{b.swap(0)}, nil
}

func (b *teller) RestoreSwap(_ context.Context, r app.SwapRestore) (app.Swap, error) {
	b.note("restore " + r.Offer + " " + r.Answer)
	return b.swap(2), b.check(r.Password)
}

func (b *teller) SignFunding(_ context.Context, r app.SendRequest) (app.Funding, error) {
	if err := b.check(r.Password); err != nil {
		return app.Funding{}, err
	}
	b.note("sign " + r.Draft)
	return app.Funding{Purse: app.Purse{Wallet: "main", Chain: "dev"}, ID: someTx, Refunds: someRefunds}, nil
}

func (b *teller) SendFunding(_ context.Context, in app.Purse, id spv.Hash) (app.Sent, error) {
	b.note("send funding " + id.String()[:4])
	return app.Sent{ID: id, Purse: in}, nil
}

// asked tells whether something was asked for.
func (b *teller) asked(what string) bool {
	return slices.ContainsFunc(b.did, func(did string) bool { return strings.HasPrefix(did, what) })
}

package ui

import (
	"context"
	"fmt"
	"strings"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
)

// app.Settlement

var _ app.Settlement = (*money)(nil)

var (
	depositPhases = []string{"sent", "buried", "claimable", "claiming", "claimed", "unclaimable", "waiting", "refund due", "swept",
		"refunded", "planned", "unheard of"}
	withdrawalPhases = []string{"sent", "burned", "sealed", "released", "batched", "paid", "unheard of"}
	swapPhases       = []string{"offered", "agreed", "funded first", "funded second", "secret seen", "redeemed", "refunded", "lost",
		"dropped", "unheard of"}
	swapMoves = []string{"wait", "fund", "wait", "redeem", "redeem", "rest", "rest", "rest", "rest", "refund"}
)

const anOffer = "lamina-offer1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq"

func (m *money) custody() *app.Custody {
	return &app.Custody{Settlers: 15, Release: 11, Stall: 5, Recover: 8, RecoverAge: 4320, RecoverAfter: 30 * 86_400}
}

func (m *money) Pegs(ctx context.Context) ([]app.Peg, error) {
	p := app.Peg{Layer: "dev-native", L1: "dev", Kind: "native", Units: 1, Open: true, MinDeposit: 20_000, MaxDeposit: 10_000_000_000,
		MinWithdrawal: 20_000, MaxPayout: 1_000_000_000, MaxFees: []int64{1000, 4000, 16_000, 64_000}, PayoutFee: 5000,
		ClaimBlocks: 14, ClaimSeconds: 8400, WithdrawSeconds: 86_400, RefundBlocks: 1008, RefundSeconds: 604_800,
		Custody: m.custody(), Unit: unit, L1Unit: unit}
	if m.long {
		p.Open, p.Closed, p.MaxDeposit = false, m.text("no settlers are in office until L1 block 12345"), 21e14
	}
	return []app.Peg{p}, m.call(ctx, "Pegs")
}

func (m *money) settleDraft(in app.Purse, for_ string, amount int64, refunds bool) app.SettleDraft {
	return app.SettleDraft{Draft: m.newDraft(in, amount), For: for_, Layer: "dev-native", Amount: amount, Arrives: amount - 4000, MaxFee: 4000,
		Address: "ldevn1qq8ze8zdkmpd4u0w8a2rqsjh8mr9mkcwwxz4m2q7", Refunds: refunds}
}

func (m *money) DraftDeposit(ctx context.Context, r app.DepositRequest) (app.SettleDraft, error) {
	m.note(func() { m.deposits = append(m.deposits, r) })
	if r.Amount < 20_000 && !r.Max {
		return app.SettleDraft{}, app.Coded(app.CodeInvalid, "deposit %d sat: below the least of 20000", r.Amount)
	}
	d := m.settleDraft(app.Purse{Wallet: r.Wallet, Chain: "dev"}, "deposit", max(r.Amount, 20_000), r.Refundable)
	d.Custody = m.custody()
	return d, m.call(ctx, "DraftDeposit")
}

func (m *money) Deposits(ctx context.Context, wallet, layer string) (out []app.Deposit, err error) {
	for i := range m.journeys {
		d := app.Deposit{Wallet: wallet, Layer: layer, L1: "dev", Phase: depositPhases[i%len(depositPhases)], Amount: 10_000_000 + int64(i),
			Address: "ldevn1qq8ze8zdkmpd4u0w8a2rqsjh8mr9mkcwwxz4m2q7", MaxFee: 4000, Depth: 3, Needed: 14, Expected: 6600, Ours: i%2 == 0,
			Outpoint: fmt.Sprintf("%s:0", idOf(i)), Ticket: "ticket-" + fmt.Sprint(i)}
		if d.Phase == "unclaimable" {
			d.Why = m.text("its settlers have left")
		}
		if d.Phase == "waiting" || d.Phase == "refund due" || d.Phase == "swept" || d.Phase == "refunded" {
			d.Refundable, d.Refunds = true, []app.Refund{{Raw: "02"}}
			if m.orphans {
				d.Refunds, d.Why = nil, m.text("found from the seed: its refund is to be signed with the keys")
			}
		}
		if d.Phase == "claimed" {
			id := idOf(i + 1000)
			d.Claim, d.Trouble = &id, ""
		}
		if m.long {
			d.Trouble, d.Amount = m.text("peer refused the claim"), 21e14
		}
		out = append(out, d)
	}
	return out, m.call(ctx, "Deposits")
}

func (m *money) Claim(ctx context.Context, _, ticket string) error {
	if !strings.HasPrefix(ticket, "ticket-") {
		return app.Coded(app.CodeInvalid, "ticket %.20q: not a ticket", ticket)
	}
	return m.call(ctx, "Claim "+ticket)
}

func (m *money) TakeBack(ctx context.Context, _, layer, outpoint string, p app.Secret) (app.Funding, error) {
	return app.Funding{}, m.call(ctx, fmt.Sprintf("TakeBack %s %s %s", layer, outpoint[:8], string(p)))
}

func (m *money) DraftWithdrawal(ctx context.Context, r app.WithdrawalRequest) (app.SettleDraft, error) {
	m.note(func() { m.withdrawals = append(m.withdrawals, r) })
	return m.settleDraft(app.Purse{Wallet: r.Wallet, Chain: "dev-native"}, "withdrawal", r.Amount, false), m.call(ctx, "DraftWithdrawal")
}

func (m *money) Withdrawals(ctx context.Context, wallet, layer string) (out []app.Withdrawal, err error) {
	for i := range m.journeys {
		w := app.Withdrawal{Wallet: wallet, Layer: layer, L1: "dev", Burn: fmt.Sprintf("%s:1", idOf(i)), Amount: 5_000_000 + int64(i),
			Phase: withdrawalPhases[i%len(withdrawalPhases)], Address: "bcrt1q8ze8zdkmpd4u0w8a2rqsjh8mr9mkcwwxz4m2q7", MaxFee: 5000,
			Expected: 40_000}
		if w.Phase == "paid" {
			batch, paid, seals := idOf(i+2000), int64(4_999_000), int32(12)
			w.Batch, w.Paid, w.Seals, w.Expected = &batch, &paid, &seals, 0
		}
		out = append(out, w)
	}
	return out, m.call(ctx, "Withdrawals")
}

func (m *money) ProvePayout(ctx context.Context, p app.PayoutProof) error {
	return m.call(ctx, "ProvePayout")
}

func (m *money) Audit(context.Context, string) (app.Supply, error) {
	return app.Supply{}, app.Coded(app.CodeMissing, "audit: a node of the layer knows")
}

func (m *money) oneSwap(i int) app.Swap {
	hash := strings.Repeat("ab", 32)
	s := app.Swap{Wallet: "main", Number: uint32(i), Role: "initiator", Give: app.Asset{Chain: "dev", Amount: 10_000_000 + int64(i)},
		Get: app.Asset{Chain: "dev-issued", Amount: 500_000_000}, T1: 851_000, T2: 850_500, Hash: &hash, Offer: anOffer,
		Phase: swapPhases[i%len(swapPhases)], Move: swapMoves[i%len(swapMoves)], Until: 850_400, Left: 400, Keys: true}
	if s.Phase != "offered" {
		s.Answer = "answer"
	}
	if m.long {
		s.Trouble, s.Give.Amount, s.Get.Amount = m.text("the wallet is locked"), 21e14, 21e14
	}
	return s
}

func (m *money) Swaps(ctx context.Context, _ string) (out []app.Swap, err error) {
	for i := range m.journeys {
		out = append(out, m.oneSwap(i))
	}
	return out, m.call(ctx, "Swaps")
}

func (m *money) OfferSwap(ctx context.Context, r app.SwapRequest) (app.Swap, error) {
	r.Password = append(app.Secret(nil), r.Password...)
	m.note(func() { m.offers = append(m.offers, r) })
	return m.oneSwap(0), m.call(ctx, "OfferSwap")
}

func (m *money) ReadOffer(ctx context.Context, offer string) (app.SwapOffer, error) {
	if offer != anOffer {
		return app.SwapOffer{}, app.Coded(app.CodeInvalid, "offer %.20q: not an offer", offer)
	}
	return app.SwapOffer{Give: app.Asset{Chain: "dev-issued", Amount: 500_000_000}, Get: app.Asset{Chain: "dev", Amount: 10_000_000},
		MakerFirst: true, T1: 851_000, T2: 850_500}, m.call(ctx, "ReadOffer")
}

func (m *money) TakeSwap(ctx context.Context, r app.SwapTake) (app.Swap, error) {
	s := m.oneSwap(1)
	s.Role, s.Answer = "responder", "lamina-answer1qqqqqqqq"
	return s, m.call(ctx, "TakeSwap "+r.Offer)
}

func (m *money) AcceptSwap(ctx context.Context, _ string, n uint32, answer string, p app.Secret) (app.Swap, error) {
	return m.oneSwap(1), m.call(ctx, fmt.Sprintf("AcceptSwap %d %s %s", n, answer, string(p)))
}

func (m *money) DraftSwap(ctx context.Context, wallet string, n uint32, _ int64) (app.SettleDraft, error) {
	return m.settleDraft(app.Purse{Wallet: wallet, Chain: "dev"}, "swap", 10_000_000, true), m.call(ctx, fmt.Sprintf("DraftSwap %d", n))
}

func (m *money) CancelSwap(ctx context.Context, _ string, n uint32) (app.Swap, error) {
	return m.oneSwap(8), m.call(ctx, fmt.Sprintf("CancelSwap %d", n))
}

func (m *money) MoveSwap(ctx context.Context, _ string, n uint32, p app.Secret) (app.Swap, error) {
	return m.oneSwap(5), m.call(ctx, fmt.Sprintf("MoveSwap %d %s", n, string(p)))
}

func (m *money) LearnSecret(ctx context.Context, _ string, s app.Secret) error {
	return m.call(ctx, "LearnSecret "+string(s))
}

func (m *money) RestoreSwap(ctx context.Context, r app.SwapRestore) (app.Swap, error) {
	return m.oneSwap(0), m.call(ctx, fmt.Sprintf("RestoreSwap %s %s %s", r.Offer, r.Answer, string(r.Password)))
}

func (m *money) SignFunding(ctx context.Context, r app.SendRequest) (app.Funding, error) {
	if err := m.password(append(app.Secret(nil), r.Password...)); err != nil {
		return app.Funding{}, err
	}
	return app.Funding{Purse: app.Purse{Wallet: "main", Chain: "dev"}, ID: idOf(77), Refunds: []app.Refund{{ID: idOf(78), Chain: "dev", Raw: "0200"},
		{ID: idOf(79), Chain: "dev", Raw: "0201"}}}, m.call(ctx, "SignFunding "+r.Draft)
}

func (m *money) SendFunding(ctx context.Context, in app.Purse, id spv.Hash) (app.Sent, error) {
	return app.Sent{ID: id}, m.call(ctx, "SendFunding "+in.Chain+" "+id.String()[:8])
}

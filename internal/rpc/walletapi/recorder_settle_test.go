package walletapi

import (
	"context"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
)

func (o *recorder) Pegs(context.Context) ([]app.Peg, error) {
	o.note()
	return answerOf[[]app.Peg](o)
}

func (o *recorder) DraftDeposit(_ context.Context, r app.DepositRequest) (app.SettleDraft, error) {
	o.note(r)
	return answerOf[app.SettleDraft](o)
}

func (o *recorder) Deposits(_ context.Context, wallet, layer string) ([]app.Deposit, error) {
	o.note(wallet, layer)
	return answerOf[[]app.Deposit](o)
}

func (o *recorder) Claim(_ context.Context, wallet, ticket string) error {
	o.note(wallet, ticket)
	return o.err
}

func (o *recorder) TakeBack(_ context.Context, wallet, layer, outpoint string, password app.Secret) (app.Funding, error) {
	o.note(wallet, layer, outpoint, password)
	return answerOf[app.Funding](o)
}

func (o *recorder) DraftWithdrawal(_ context.Context, r app.WithdrawalRequest) (app.SettleDraft, error) {
	o.note(r)
	return answerOf[app.SettleDraft](o)
}

func (o *recorder) Withdrawals(_ context.Context, wallet, layer string) ([]app.Withdrawal, error) {
	o.note(wallet, layer)
	return answerOf[[]app.Withdrawal](o)
}

func (o *recorder) ProvePayout(_ context.Context, p app.PayoutProof) error {
	o.note(p)
	return o.err
}

func (o *recorder) Audit(_ context.Context, layer string) (app.Supply, error) {
	o.note(layer)
	return answerOf[app.Supply](o)
}

func (o *recorder) OfferSwap(_ context.Context, r app.SwapRequest) (app.Swap, error) {
	o.note(r)
	return answerOf[app.Swap](o)
}

func (o *recorder) ReadOffer(_ context.Context, offer string) (app.SwapOffer, error) {
	o.note(offer)
	return answerOf[app.SwapOffer](o)
}

func (o *recorder) TakeSwap(_ context.Context, r app.SwapTake) (app.Swap, error) {
	o.note(r)
	return answerOf[app.Swap](o)
}

func (o *recorder) AcceptSwap(_ context.Context, wallet string, number uint32, answer string, password app.Secret) (app.Swap, error) {
	o.note(wallet, number, answer, password)
	return answerOf[app.Swap](o)
}

func (o *recorder) DraftSwap(_ context.Context, wallet string, number uint32, rate int64) (app.SettleDraft, error) {
	o.note(wallet, number, rate)
	return answerOf[app.SettleDraft](o)
}

func (o *recorder) CancelSwap(_ context.Context, wallet string, number uint32) (app.Swap, error) {
	o.note(wallet, number)
	return answerOf[app.Swap](o)
}

func (o *recorder) MoveSwap(_ context.Context, wallet string, number uint32, password app.Secret) (app.Swap, error) {
	o.note(wallet, number, password)
	return answerOf[app.Swap](o)
}

func (o *recorder) LearnSecret(_ context.Context, wallet string, secret app.Secret) error {
	o.note(wallet, secret)
	return o.err
}

func (o *recorder) Swaps(_ context.Context, wallet string) ([]app.Swap, error) {
	o.note(wallet)
	return answerOf[[]app.Swap](o)
}

func (o *recorder) RestoreSwap(_ context.Context, r app.SwapRestore) (app.Swap, error) {
	o.note(r)
	return answerOf[app.Swap](o)
}

func (o *recorder) SignFunding(_ context.Context, s app.SendRequest) (app.Funding, error) {
	o.note(s)
	return answerOf[app.Funding](o)
}

func (o *recorder) SendFunding(_ context.Context, in app.Purse, id spv.Hash) (app.Sent, error) {
	o.note(in, id)
	return answerOf[app.Sent](o)
}

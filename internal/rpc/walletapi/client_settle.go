package walletapi

import (
	"context"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
)

// The methods on what moves between chains; app.Settlement says what each does.

var _ app.Settlement = (*Client)(nil)

func (c *Client) Pegs(ctx context.Context) ([]app.Peg, error) { return ask(ctx, c, pegs, none{}) }

func (c *Client) DraftDeposit(ctx context.Context, r app.DepositRequest) (app.SettleDraft, error) {
	return ask(ctx, c, draftDeposit, r)
}

func (c *Client) Deposits(ctx context.Context, wallet, layer string) ([]app.Deposit, error) {
	return ask(ctx, c, deposits, layerOf{wallet, layer})
}

func (c *Client) Claim(ctx context.Context, wallet, ticket string) error {
	return tell(ctx, c, claim, ticketIn{wallet, ticket})
}

func (c *Client) TakeBack(ctx context.Context, wallet, layer, outpoint string, password app.Secret) (app.Funding, error) {
	return ask(ctx, c, takeBack, takeBackIn{wallet, layer, outpoint, plain(password)})
}

func (c *Client) DraftWithdrawal(ctx context.Context, r app.WithdrawalRequest) (app.SettleDraft, error) {
	return ask(ctx, c, draftWithdrawal, r)
}

func (c *Client) Withdrawals(ctx context.Context, wallet, layer string) ([]app.Withdrawal, error) {
	return ask(ctx, c, withdrawals, layerOf{wallet, layer})
}

func (c *Client) ProvePayout(ctx context.Context, p app.PayoutProof) error {
	return tell(ctx, c, provePayout, p)
}

func (c *Client) Audit(ctx context.Context, layer string) (app.Supply, error) {
	return ask(ctx, c, audit, layerOf{Layer: layer})
}

func (c *Client) OfferSwap(ctx context.Context, r app.SwapRequest) (app.Swap, error) {
	return ask(ctx, c, offerSwap, swapOffered{r, plain(r.Password)})
}

func (c *Client) ReadOffer(ctx context.Context, offer string) (app.SwapOffer, error) {
	return ask(ctx, c, readOffer, offerIn{offer})
}

func (c *Client) TakeSwap(ctx context.Context, r app.SwapTake) (app.Swap, error) {
	return ask(ctx, c, takeSwap, swapTaken{r, plain(r.Password)})
}

func (c *Client) AcceptSwap(ctx context.Context, wallet string, number uint32, answer string, password app.Secret) (app.Swap, error) {
	return ask(ctx, c, acceptSwap, swapIn{Wallet: wallet, Number: number, Answer: answer, Password: plain(password)})
}

func (c *Client) DraftSwap(ctx context.Context, wallet string, number uint32, rate int64) (app.SettleDraft, error) {
	return ask(ctx, c, draftSwap, swapIn{Wallet: wallet, Number: number, Rate: rate})
}

func (c *Client) CancelSwap(ctx context.Context, wallet string, number uint32) (app.Swap, error) {
	return ask(ctx, c, cancelSwap, swapIn{Wallet: wallet, Number: number})
}

func (c *Client) MoveSwap(ctx context.Context, wallet string, number uint32, password app.Secret) (app.Swap, error) {
	return ask(ctx, c, moveSwap, swapIn{Wallet: wallet, Number: number, Password: plain(password)})
}

func (c *Client) LearnSecret(ctx context.Context, wallet string, secret app.Secret) error {
	return tell(ctx, c, learnSecret, swapSecret{wallet, plain(secret)})
}

func (c *Client) Swaps(ctx context.Context, wallet string) ([]app.Swap, error) {
	return ask(ctx, c, listSwaps, walletOnly{wallet})
}

func (c *Client) RestoreSwap(ctx context.Context, r app.SwapRestore) (app.Swap, error) {
	return ask(ctx, c, restoreSwap, swapRestored{r, plain(r.Password)})
}

func (c *Client) SignFunding(ctx context.Context, s app.SendRequest) (app.Funding, error) {
	return ask(ctx, c, signFunding, sendRequest{s, plain(s.Password)})
}

func (c *Client) SendFunding(ctx context.Context, in app.Purse, id spv.Hash) (app.Sent, error) {
	return ask(ctx, c, sendFunding, txIn{Purse: in, ID: id})
}

package walletapi

import (
	"context"

	"github.com/layeredpow/lamina/internal/app"
)

// Requests about what moves between chains. An outer field hides the inner one of the same name.
type (
	layerOf struct {
		Wallet string `json:"wallet,omitempty"`
		Layer  string `json:"layer"`
	}
	ticketIn struct {
		Wallet string `json:"wallet"`
		Ticket string `json:"ticket"`
	}
	takeBackIn struct {
		Wallet   string `json:"wallet"`
		Layer    string `json:"layer"`
		Outpoint string `json:"outpoint"`
		Password plain  `json:"password,omitempty"`
	}
	swapOffered struct {
		app.SwapRequest
		Password plain `json:"password,omitempty"`
	}
	swapTaken struct {
		app.SwapTake
		Password plain `json:"password,omitempty"`
	}
	swapRestored struct {
		app.SwapRestore
		Password plain `json:"password,omitempty"`
	}
	offerIn struct {
		Offer string `json:"offer"`
	}
	swapIn struct {
		Wallet   string `json:"wallet"`
		Number   uint32 `json:"number"`
		Answer   string `json:"answer,omitempty"` // of swap.accept
		Rate     int64  `json:"rate,omitempty"`   // of swap.draft
		Password plain  `json:"password,omitempty"`
	}
	swapSecret struct {
		Wallet string `json:"wallet"`
		Secret plain  `json:"secret"`
	}
)

const ofLayer = `{"wallet":"main","layer":"dev-native"`

// The methods on deposits and withdrawals.
var (
	pegs = call[none, []app.Peg]{"settle.pegs", "Returns the layers that take deposits, and who is trusted with them.", "",
		func(b app.Backend, ctx context.Context, _ none) ([]app.Peg, error) { return b.Pegs(ctx) }}
	draftDeposit = call[app.DepositRequest, app.SettleDraft]{"settle.draftdeposit", "Plans a deposit from the L1 to a layer.",
		ofLayer + `,"amount":100000}`, app.Backend.DraftDeposit}
	deposits = call[layerOf, []app.Deposit]{"settle.deposits", "Returns where a wallet's deposits to a layer stand, the newest last.",
		ofLayer + "}",
		func(b app.Backend, ctx context.Context, p layerOf) ([]app.Deposit, error) {
			return b.Deposits(ctx, p.Wallet, p.Layer)
		}}
	claim = call[ticketIn, none]{"settle.claim", "Claims a deposit for its owner, whoever that is, by a ticket.",
		`{"wallet":"main","ticket":"..."}`,
		func(b app.Backend, ctx context.Context, p ticketIn) (none, error) {
			return none{}, b.Claim(ctx, p.Wallet, p.Ticket)
		}}
	takeBack = call[takeBackIn, app.Funding]{"settle.takeback", "Signs the refund of a refundable deposit that was found from the seed.",
		ofLayer + `,"outpoint":"TXID:0","password":"..."}`,
		func(b app.Backend, ctx context.Context, p takeBackIn) (app.Funding, error) {
			return b.TakeBack(ctx, p.Wallet, p.Layer, p.Outpoint, app.Secret(p.Password))
		}}
	draftWithdrawal = call[app.WithdrawalRequest, app.SettleDraft]{"settle.draftwithdrawal", "Plans a withdrawal from a layer to an address on the L1.",
		ofLayer + `,"address":"...","amount":100000}`, app.Backend.DraftWithdrawal}
	withdrawals = call[layerOf, []app.Withdrawal]{"settle.withdrawals", "Returns where a wallet's withdrawals from a layer stand, oldest first.",
		ofLayer + "}",
		func(b app.Backend, ctx context.Context, p layerOf) ([]app.Withdrawal, error) {
			return b.Withdrawals(ctx, p.Wallet, p.Layer)
		}}
	provePayout = call[app.PayoutProof, none]{"settle.provepayout", "Checks by a batch's payout list that it pays a withdrawal, and remembers it.",
		ofLayer + `,"burn":"TXID:0","batch":"...","list":[{"burn":"TXID:0","value":100000,"script":"..."}]}`,
		func(b app.Backend, ctx context.Context, p app.PayoutProof) (none, error) {
			return none{}, b.ProvePayout(ctx, p)
		}}
	audit = call[layerOf, app.Supply]{"settle.audit", "Adds up a layer's peg, where that is known; a node's auditsupply knows.",
		`{"layer":"dev-native"}`,
		func(b app.Backend, ctx context.Context, p layerOf) (app.Supply, error) { return b.Audit(ctx, p.Layer) }}
	signFunding = call[sendRequest, app.Funding]{"settle.signfunding", "Signs a draft that says refunds, and its refunds. The network hears of nothing.",
		`{"draft":"...","password":"..."}`,
		func(b app.Backend, ctx context.Context, p sendRequest) (app.Funding, error) {
			p.SendRequest.Password = app.Secret(p.Password)
			return b.SignFunding(ctx, p.SendRequest)
		}}
	sendFunding = call[txIn, app.Sent]{"settle.sendfunding", "Sends what settle.signfunding signed. Keep the refunds elsewhere before.",
		"{" + in + `,"txid":"..."}`,
		func(b app.Backend, ctx context.Context, p txIn) (app.Sent, error) {
			return b.SendFunding(ctx, p.Purse, p.ID)
		}}
)

// The methods on swaps.
var (
	offerSwap = call[swapOffered, app.Swap]{"swap.offer", "Makes an offer, a text for the other side.",
		`{"wallet":"main","give":{"chain":"dev","amount":100000},"get":{"chain":"dev-issued","amount":200000},"password":"..."}`,
		func(b app.Backend, ctx context.Context, p swapOffered) (app.Swap, error) {
			p.SwapRequest.Password = app.Secret(p.Password)
			return b.OfferSwap(ctx, p.SwapRequest)
		}}
	readOffer = call[offerIn, app.SwapOffer]{"swap.read", "Says what an offer is about.", `{"offer":"..."}`,
		func(b app.Backend, ctx context.Context, p offerIn) (app.SwapOffer, error) {
			return b.ReadOffer(ctx, p.Offer)
		}}
	takeSwap = call[swapTaken, app.Swap]{"swap.take", "Answers an offer. The answer is a text for the other side.",
		`{"wallet":"main","offer":"...","password":"..."}`,
		func(b app.Backend, ctx context.Context, p swapTaken) (app.Swap, error) {
			p.SwapTake.Password = app.Secret(p.Password)
			return b.TakeSwap(ctx, p.SwapTake)
		}}
	acceptSwap = call[swapIn, app.Swap]{"swap.accept", "Takes the answer to an offer of ours.",
		`{"wallet":"main","number":0,"answer":"...","password":"..."}`,
		func(b app.Backend, ctx context.Context, p swapIn) (app.Swap, error) {
			return b.AcceptSwap(ctx, p.Wallet, p.Number, p.Answer, app.Secret(p.Password))
		}}
	draftSwap = call[swapIn, app.SettleDraft]{"swap.draft", "Plans the transaction that funds our leg.", `{"wallet":"main","number":0}`,
		func(b app.Backend, ctx context.Context, p swapIn) (app.SettleDraft, error) {
			return b.DraftSwap(ctx, p.Wallet, p.Number, p.Rate)
		}}
	cancelSwap = call[swapIn, app.Swap]{"swap.cancel", "Gives up a swap that was not funded.", `{"wallet":"main","number":0}`,
		func(b app.Backend, ctx context.Context, p swapIn) (app.Swap, error) {
			return b.CancelSwap(ctx, p.Wallet, p.Number)
		}}
	moveSwap = call[swapIn, app.Swap]{"swap.move", "Redeems or refunds, whichever is to be done now.",
		`{"wallet":"main","number":0,"password":"..."}`,
		func(b app.Backend, ctx context.Context, p swapIn) (app.Swap, error) {
			return b.MoveSwap(ctx, p.Wallet, p.Number, app.Secret(p.Password))
		}}
	learnSecret = call[swapSecret, none]{"swap.learn", "Takes the secret of a swap whose hash came from elsewhere.",
		`{"wallet":"main","secret":"..."}`,
		func(b app.Backend, ctx context.Context, p swapSecret) (none, error) {
			return none{}, b.LearnSecret(ctx, p.Wallet, app.Secret(p.Secret))
		}}
	listSwaps = call[walletOnly, []app.Swap]{"swap.list", "Returns where a wallet's swaps stand.", `{"wallet":"main"}`,
		func(b app.Backend, ctx context.Context, p walletOnly) ([]app.Swap, error) {
			return b.Swaps(ctx, p.Wallet)
		}}
	restoreSwap = call[swapRestored, app.Swap]{"swap.restore", "Takes a swap up whose record was lost, from its texts.",
		`{"wallet":"main","offer":"...","answer":"...","password":"..."}`,
		func(b app.Backend, ctx context.Context, p swapRestored) (app.Swap, error) {
			p.SwapRestore.Password = app.Secret(p.Password)
			return b.RestoreSwap(ctx, p.SwapRestore)
		}}
)

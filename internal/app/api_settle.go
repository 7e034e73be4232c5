package app

import (
	"context"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/said"
	"github.com/layeredpow/lamina/wallet/settle"
)

// Settlement moves money between the chains of a stack (protocol.md sections 4 to 6): deposits to pegged layers and their
// claims, withdrawals, and atomic swaps. *Local satisfies it.
//
// What was begun goes on by itself for as long as the program runs, also after a restart: claims are made and sent, refunds
// that were signed are sent when they are due, and the other leg of a swap is redeemed while the wallet is unlocked. Where
// something stands follows from the chains as they were read so far; EventSettle says when to ask again.
//
// A draft of these calls is sent with Payments.Send. One that says Refunds must be signed by SignFunding and then sent by
// SendFunding: Send refuses it. Passwords are as in SendRequest: nil uses the unlocked session.
type Settlement interface {
	// Pegs returns the layers that take deposits, with whom they want to be trusted.
	Pegs(ctx context.Context) ([]Peg, error)
	// DraftDeposit plans a deposit from the L1 to a layer. That the deposit is looked for is on disk when it returns.
	DraftDeposit(ctx context.Context, r DepositRequest) (SettleDraft, error)
	// Deposits returns where the deposits of a wallet to a layer stand, the newest last; also those that were found from the
	// seed, and those of others that Claim was called for.
	Deposits(ctx context.Context, wallet, layer string) ([]Deposit, error)
	// Claim claims a deposit for its owner by a ticket (Deposit.Ticket), whoever that is. It costs nothing: the claim pays its
	// own fee. The L1 is looked through again from where the wallet began.
	Claim(ctx context.Context, wallet, ticket string) error
	// TakeBack signs the refund of a refundable deposit that was found from the seed, by its Outpoint.
	TakeBack(ctx context.Context, wallet, layer, outpoint string, password Secret) (Funding, error)

	// DraftWithdrawal plans a transaction on a layer that burns money for the settlers to pay out on the L1.
	DraftWithdrawal(ctx context.Context, r WithdrawalRequest) (SettleDraft, error)
	// Withdrawals returns where the withdrawals of a wallet from a layer stand, oldest first.
	Withdrawals(ctx context.Context, wallet, layer string) ([]Withdrawal, error)
	// ProvePayout checks that a batch pays a withdrawal, from the batch's payout list, and remembers it.
	ProvePayout(ctx context.Context, p PayoutProof) error
	// Audit adds up a layer's peg. A light wallet cannot: it sees its own claims and burns alone. Then the error has
	// CodeMissing; a node of the layer knows.
	Audit(ctx context.Context, layer string) (Supply, error)

	// OfferSwap makes an offer, a text for the other side.
	OfferSwap(ctx context.Context, r SwapRequest) (Swap, error)
	// ReadOffer says what an offer is about, before it is taken.
	ReadOffer(ctx context.Context, offer string) (SwapOffer, error)
	// TakeSwap answers an offer. Its Answer is for the other side.
	TakeSwap(ctx context.Context, r SwapTake) (Swap, error)
	// AcceptSwap takes the answer to an offer of ours.
	AcceptSwap(ctx context.Context, wallet string, number uint32, answer string, password Secret) (Swap, error)
	// DraftSwap plans the transaction that funds our leg. A rate of 0 means what Fees recommends.
	DraftSwap(ctx context.Context, wallet string, number uint32, rate int64) (SettleDraft, error)
	// CancelSwap gives up a swap that was not funded.
	CancelSwap(ctx context.Context, wallet string, number uint32) (Swap, error)
	// MoveSwap does now what is to be done about a swap and wants keys: to redeem or to refund. What that is follows from
	// the chains alone (Swap.Move): it never redeems too late, and never refunds too early.
	MoveSwap(ctx context.Context, wallet string, number uint32, password Secret) (Swap, error)
	// LearnSecret takes the secret of a swap whose hash came from elsewhere, such as a payment's preimage: 32 bytes in
	// hexadecimal.
	LearnSecret(ctx context.Context, wallet string, secret Secret) error
	// Swaps returns where the swaps of a wallet stand, by their numbers.
	Swaps(ctx context.Context, wallet string) ([]Swap, error)
	// RestoreSwap takes a swap up whose record was lost, from its texts, and looks through both chains again.
	RestoreSwap(ctx context.Context, r SwapRestore) (Swap, error)

	// SignFunding signs a draft with Refunds, and the refunds of it. All is on disk when it returns, and the network has heard
	// of nothing: keep the refunds elsewhere, too, then call SendFunding.
	SignFunding(ctx context.Context, s SendRequest) (Funding, error)
	// SendFunding keeps a transaction that SignFunding signed, and sends it. The funding of a swap may be sent after a restart.
	SendFunding(ctx context.Context, in Purse, id spv.Hash) (Sent, error)
}

// EventSettle is the kind of events that say that a wallet's deposits, withdrawals or swaps may stand elsewhere.
const EventSettle EventKind = "settle"

// Peg is a layer whose money is that of its L1.
type Peg struct {
	Layer string `json:"layer"`
	L1    string `json:"l1"`
	Kind  string `json:"kind"` // native or fractional
	// Units is how many base units of the layer are one of the L1.
	Units int64 `json:"units"`
	// Open: deposits can be made now; else Closed says why not.
	Open       bool          `json:"open"`
	Closed     string        `json:"closed,omitempty"`
	ClosedSaid said.Sentence `json:"closed_said,omitzero"`

	MinDeposit    int64 `json:"min_deposit"`    // L1 base units
	MaxDeposit    int64 `json:"max_deposit"`    // at once; L1 base units
	MinWithdrawal int64 `json:"min_withdrawal"` // base units of the layer
	MaxPayout     int64 `json:"max_payout"`     // of one output; more takes several, up to 200. Base units of the layer
	// MaxFees are what a claim may be allowed to cost, base units of the layer, lowest first: for 1, 4, 16 and 64 times its
	// usual fees. No others are, so that the seed alone finds a deposit again.
	MaxFees []int64 `json:"max_fees"`
	// PayoutFee is a limit for withdrawals that should do, L1 base units.
	PayoutFee int64 `json:"payout_fee"`

	ClaimBlocks  int32 `json:"claim_blocks"`  // L1 blocks until a deposit can be claimed
	ClaimSeconds int64 `json:"claim_seconds"` // about
	// WithdrawSeconds is how long a withdrawal takes if all L1 miners seal the layer, about.
	WithdrawSeconds int64 `json:"withdraw_seconds"`
	RefundBlocks    int32 `json:"refund_blocks"` // L1 blocks until a refundable deposit may be taken back
	RefundSeconds   int64 `json:"refund_seconds"`

	Custody *Custody `json:"custody,omitempty"` // of deposits made now; nil: nobody is in office
	Unit    Unit     `json:"unit"`              // of the layer
	L1Unit  Unit     `json:"l1_unit"`
}

// Custody is who is trusted with deposited money (section 4.4). All of it follows from the chain's parameters.
type Custody struct {
	Settlers     int      `json:"settlers"`      // how many there are
	Release      int      `json:"release"`       // so many together pay out, and could steal
	Stall        int      `json:"stall"`         // so many together could stop all payouts
	Recover      int      `json:"recover"`       // so many together can move money that has lain for RecoverAge
	RecoverAge   int32    `json:"recover_age"`   // L1 blocks
	RecoverAfter int64    `json:"recover_after"` // seconds, about
	Words        []string `json:"words"`         // the same in sentences, in English: to be shown before a deposit is signed
}

// DepositRequest asks for a deposit.
type DepositRequest struct {
	Wallet string `json:"wallet"`
	Layer  string `json:"layer"`
	Amount int64  `json:"amount"` // L1 base units
	Max    bool   `json:"max,omitempty"`
	// MaxFee is one of Peg.MaxFees; 0: the second.
	MaxFee int64 `json:"max_fee,omitempty"`
	// Refundable: it can be taken back if the settlers do not take it in time. It cannot be claimed before they do. Not with Max.
	Refundable bool     `json:"refundable,omitempty"`
	Rate       int64    `json:"rate,omitempty"` // base units of the L1 per 1000 virtual bytes; 0: what Fees recommends
	Coins      []string `json:"coins,omitempty"`
	Label      string   `json:"label,omitempty"`
}

// WithdrawalRequest asks for a withdrawal.
type WithdrawalRequest struct {
	Wallet  string `json:"wallet"`
	Layer   string `json:"layer"`
	Address string `json:"address"` // on the L1; empty: a new one of the wallet's own
	Amount  int64  `json:"amount"`  // base units of the layer: whole ones of the L1
	// MaxFee is the most that each payout may be charged, L1 base units; 0: Peg.PayoutFee. A payout waits for as long as the
	// batch's share is higher.
	MaxFee int64    `json:"max_fee,omitempty"`
	Rate   int64    `json:"rate,omitempty"` // of the transaction on the layer; 0: what Fees recommends
	Coins  []string `json:"coins,omitempty"`
	Label  string   `json:"label,omitempty"`
}

// SettleDraft is a transaction that is planned, and what it is for.
type SettleDraft struct {
	Draft
	For     string `json:"for"`     // deposit, withdrawal, swap
	Layer   string `json:"layer"`   // of a deposit or withdrawal
	Amount  int64  `json:"amount"`  // that moves, base units of the draft's chain
	Arrives int64  `json:"arrives"` // at least, base units of the other chain
	MaxFee  int64  `json:"max_fee"` // of the claim in base units of the layer, or of each payout in those of the L1
	Address string `json:"address"` // that is paid in the end, on the other chain; of a swap: that redeems to
	Refunds bool   `json:"refunds"` // to be sent by SignFunding and SendFunding
	// Custody is who will be trusted with a deposit: to be shown before it is signed.
	Custody *Custody `json:"custody,omitempty"`
}

// Funding is a signed transaction that the network has not heard of, with what takes its money back.
type Funding struct {
	Purse
	ID      spv.Hash `json:"txid"`
	Refunds []Refund `json:"refunds"` // of the same output, from the lowest fee rate up: one of them is sent when it is due
}

// Refund is a signed transaction that anybody may send once it is due: it pays nobody but the wallet. Keep it elsewhere, too.
type Refund struct {
	ID    spv.Hash `json:"txid"`
	Chain string   `json:"chain"`
	Rate  int64    `json:"rate"` // base units per 1000 virtual bytes
	Raw   string   `json:"raw"`  // hexadecimal
	// Lock is when it may be in a block: of a swap a height of the L1, of a deposit L1 blocks after the deposit's own.
	Lock uint32 `json:"lock"`
}

// Deposit is where a deposit stands.
type Deposit struct {
	Wallet string `json:"wallet"`
	Layer  string `json:"layer"`
	L1     string `json:"l1"`
	// Phase is planned, sent, buried, claimable, claiming, claimed or unclaimable; of a refundable one planned, sent, waiting,
	// refund due, swept or refunded.
	Phase    string `json:"phase"`
	Amount   int64  `json:"amount"`             // L1 base units
	Address  string `json:"address"`            // on the layer, that is paid
	Vault    string `json:"vault"`              // address on the L1
	Outpoint string `json:"outpoint,omitempty"` // on the L1; empty: planned
	MaxFee   int64  `json:"max_fee"`            // base units of the layer
	// Ours: the address is the wallet's. Else it is claimed for somebody else.
	Ours        bool          `json:"ours"`
	Refundable  bool          `json:"refundable"`
	Block       *spv.Block    `json:"block"` // of the L1; nil: in none
	Depth       int32         `json:"depth"` // L1 confirmations
	Needed      int32         `json:"needed"`
	Expected    int64         `json:"expected"`    // seconds until it is claimable or its refund due, about; 0: now, or nobody knows
	Claim       *spv.Hash     `json:"claim"`       // transaction on the layer; nil: none is known
	ClaimDepth  int32         `json:"claim_depth"` // confirmations
	Ticket      string        `json:"ticket,omitempty"`
	Refunds     []Refund      `json:"refunds,omitempty"`
	Why         string        `json:"why,omitempty"` // it is unclaimable, or cannot be taken back without the keys
	WhySaid     said.Sentence `json:"why_said,omitzero"`
	Trouble     string        `json:"trouble,omitempty"`
	TroubleSaid said.Sentence `json:"trouble_said,omitzero"`
}

// MostOverdue is the highest Withdrawal.Overdue: so many or more.
const MostOverdue = settle.MostOverdue

// Withdrawal is where one payout of a withdrawal stands.
type Withdrawal struct {
	Wallet   string    `json:"wallet"`
	Layer    string    `json:"layer"`
	L1       string    `json:"l1"`
	Burn     string    `json:"burn"`   // outpoint on the layer
	Phase    string    `json:"phase"`  // sent, burned, sealed, released, batched, paid
	Amount   int64     `json:"amount"` // L1 base units
	Address  string    `json:"address"`
	MaxFee   int64     `json:"max_fee"`
	Height   *int32    `json:"height"`   // of the burn's block; nil: in none
	Depth    int32     `json:"depth"`    // confirmations on the layer
	Seals    *int32    `json:"seals"`    // over it; nil: not known
	Expected int64     `json:"expected"` // seconds until it is paid, about; 0: paid, or nobody knows
	Overdue  int32     `json:"overdue"`  // epochs that ended since it was released, without a batch that pays it; 100 at most
	Batch    *spv.Hash `json:"batch"`    // transaction on the L1; nil: none is known
	Payout   string    `json:"payout,omitempty"`
	Paid     *int64    `json:"paid"`        // L1 base units; nil: not yet
	Final    int32     `json:"batch_depth"` // confirmations of the batch
	Proved   bool      `json:"proved"`      // the batch's payout list pays this burn; else only address and amount fit
}

// PayoutProof names a batch and its payout list.
type PayoutProof struct {
	Wallet string   `json:"wallet"`
	Layer  string   `json:"layer"`
	Burn   string   `json:"burn"` // outpoint on the layer
	Batch  spv.Hash `json:"batch"`
	List   []Payout `json:"list"`
}

// Payout is one payment of a batch.
type Payout struct {
	Burn   string `json:"burn"`   // outpoint on the layer
	Value  int64  `json:"value"`  // L1 base units
	Script string `json:"script"` // hexadecimal
}

// Supply is the account of a peg, in L1 base units. What is not known is nil.
type Supply struct {
	Layer   string `json:"layer"`
	Claimed *int64 `json:"claimed"`
	Burned  *int64 `json:"burned"`
	Vault   *int64 `json:"vault"`
	Unpaid  *int64 `json:"unpaid"`
}

// SwapRequest says what to offer.
type SwapRequest struct {
	Wallet string `json:"wallet"`
	Give   Asset  `json:"give"`
	Get    Asset  `json:"get"`
	// Second: the other side funds first, and knows the secret.
	Second bool `json:"second,omitempty"`
	// T1 and T2 are the heights at which the leg that is funded first and the other expire; 0: with the margins that
	// protocol.md section 5 wants, and some room to agree.
	T1       uint32 `json:"t1,omitempty"`
	T2       uint32 `json:"t2,omitempty"`
	Hash     string `json:"hash,omitempty"` // hexadecimal: a payment hash whose secret comes from elsewhere; not with Second
	Password Secret `json:"password,omitempty"`
}

// Asset is an amount on a chain.
type Asset struct {
	Chain  string `json:"chain"`
	Amount int64  `json:"amount"`         // base units
	Form   string `json:"form,omitempty"` // p2tr, p2wsh, p2sh; empty: the newest that the chain has
}

// SwapOffer is what an offer says.
type SwapOffer struct {
	ID         spv.Hash `json:"id"`
	Give       Asset    `json:"give"` // by whoever takes it
	Get        Asset    `json:"get"`  // by whoever takes it
	MakerFirst bool     `json:"maker_first"`
	T1         uint32   `json:"t1"`
	T2         uint32   `json:"t2"`
	Hash       string   `json:"hash,omitempty"`
}

// SwapTake takes an offer.
type SwapTake struct {
	Wallet   string `json:"wallet"`
	Offer    string `json:"offer"`
	Hash     string `json:"hash,omitempty"` // as SwapRequest.Hash, for an offer that leaves the hash to us
	Password Secret `json:"password,omitempty"`
}

// SwapRestore restores a swap.
type SwapRestore struct {
	Wallet   string `json:"wallet"`
	Offer    string `json:"offer"`
	Answer   string `json:"answer"`
	Password Secret `json:"password,omitempty"`
}

// Swap is where a swap stands.
type Swap struct {
	Wallet string  `json:"wallet"`
	Number uint32  `json:"number"`
	Role   string  `json:"role"` // initiator, who knows the secret and funds first, or responder
	Give   Asset   `json:"give"`
	Get    Asset   `json:"get"`
	T1     uint32  `json:"t1"`
	T2     uint32  `json:"t2"`
	Hash   *string `json:"hash"` // hexadecimal; nil: the other side will name it
	Offer  string  `json:"offer"`
	Answer string  `json:"answer,omitempty"` // empty: nobody took it yet

	Phase   string        `json:"phase"` // offered, agreed, funded first, funded second, secret seen, redeemed, refunded, lost, dropped
	Move    string        `json:"move"`  // wait, fund, redeem, refund, rest: what is to be done now
	Why     string        `json:"why"`   // in words
	WhySaid said.Sentence `json:"why_said,omitzero"`
	// Until is the height of an L1 at which Move may change by itself, Left the blocks until then; 0: none.
	Until int32 `json:"until"`
	Left  int32 `json:"left"`
	// Signed is the funding that SignFunding signed and SendFunding has not sent; nil: there is none such.
	Signed      *spv.Hash     `json:"signed"`
	Refunds     []Refund      `json:"refunds,omitempty"`
	Keys        bool          `json:"keys"`              // Move wants the wallet unlocked, or MoveSwap with a password
	Trouble     string        `json:"trouble,omitempty"` // why it could not be done
	TroubleSaid said.Sentence `json:"trouble_said,omitzero"`
}

package app

import (
	"context"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/said"
)

// Payments make transactions. A draft is planned and can be looked at; it changes
// nothing, and is forgotten after an hour or when the program ends. Sending signs it,
// keeps it on disk, and only then tells the network, again and again until it is
// confirmed or abandoned, also after a restart. While offline it is kept and told later.
type Payments interface {
	// Draft plans a payment.
	Draft(ctx context.Context, in Purse, p Payment) (Draft, error)
	// Bump plans a replacement of a pending transaction of ours that pays more (BIP125). A
	// rate of 0 means what Fees recommends.
	Bump(ctx context.Context, in Purse, id spv.Hash, rate int64) (Draft, error)
	// Cancel plans a replacement that pays everything back to ourselves.
	Cancel(ctx context.Context, in Purse, id spv.Hash, rate int64) (Draft, error)
	// Raise plans a transaction that spends our outputs of a pending one, so that both
	// together pay the rate (child pays for parent).
	Raise(ctx context.Context, in Purse, id spv.Hash, rate int64) (Draft, error)
	// Split plans a transaction to ourselves that makes the coins asked for.
	Split(ctx context.Context, in Purse, s SplitRequest) (Draft, error)
	// Sent returns what was sent under an idempotency key, nil if nothing was. It is to be asked before what may be a
	// repetition is planned: the coins are spent by then, and there may be nothing to plan with. With another request
	// than the key was used for it is an error (CodeConflict).
	Sent(ctx context.Context, in Purse, key string, of Asked) (*Sent, error)
	// Send signs a draft and sends it.
	Send(ctx context.Context, s SendRequest) (Sent, error)
	// Discard forgets a draft. What was sent stays sent.
	Discard(ctx context.Context, draft string) error
	// Abandon gives up a pending transaction: its inputs are free again. Seen again, in the
	// network or in a block, it counts again.
	Abandon(ctx context.Context, in Purse, id spv.Hash) error
	// ParseURI reads a payment request (BIP21) or a bare address, for a form to be filled in.
	ParseURI(ctx context.Context, chain, text string) (PaymentRequest, error)
}

// Payment says what a transaction shall do.
type Payment struct {
	To       []Recipient `json:"to"`
	Data     string      `json:"data,omitempty"`    // hexadecimal: an OP_RETURN output with at most 80 bytes
	Rate     int64       `json:"rate,omitempty"`    // base units per 1000 virtual bytes; 0: what Fees recommends
	Coins    []string    `json:"coins,omitempty"`   // exactly these outpoints are spent; none: the wallet chooses
	Accounts []int       `json:"rows,omitempty"`    // whose coins may be spent, as Account.Number; none: all
	Label    string      `json:"label,omitempty"`   // is kept for the transaction
	NoLock   bool        `json:"no_lock,omitempty"` // without the lock against fee sniping
}

// Asked is what a draft is made of: exactly one of its fields is set.
type Asked struct {
	Payment *Payment      `json:"payment,omitempty"`
	Split   *SplitRequest `json:"split,omitempty"`
	Bump    *Changed      `json:"bump,omitempty"`
	Cancel  *Changed      `json:"cancel,omitempty"`
	Raise   *Changed      `json:"raise,omitempty"`
}

// Changed is a pending transaction that is to be replaced or raised.
type Changed struct {
	ID   spv.Hash `json:"txid"`
	Rate int64    `json:"rate,omitempty"`
}

// Recipient is one output to make.
type Recipient struct {
	Address string `json:"address"` // or a URI with one
	Amount  int64  `json:"amount"`
	Max     bool   `json:"max,omitempty"`      // gets all that is left; at most one
	PaysFee bool   `json:"pays_fee,omitempty"` // the fee comes out of Amount
	Label   string `json:"label,omitempty"`    // is kept for the address
}

// Draft is a transaction that is planned.
type Draft struct {
	Purse
	ID        string      `json:"id"`
	Inputs    []DraftLine `json:"inputs"`
	Outputs   []DraftLine `json:"outputs"`
	Paid      int64       `json:"paid"` // to others
	Fee       int64       `json:"fee"`
	Rate      int64       `json:"rate"`  // least that the signed transaction pays
	VSize     int64       `json:"vsize"` // at most
	LockTime  uint32      `json:"lock_time"`
	Algorithm string      `json:"algorithm,omitempty"` // how the coins were chosen
	Replaces  []spv.Hash  `json:"replaces,omitempty"`
	Warnings  []Warning   `json:"warnings,omitempty"` // each wants consent in Send
	Unit      Unit        `json:"unit"`
	Trust     Trust       `json:"trust"`
}

// DraftLine is an input or output, for the picture of a transaction.
type DraftLine struct {
	Outpoint string   `json:"outpoint,omitempty"` // of an input
	Value    *int64   `json:"value"`              // nil: not known (somebody else's input)
	Address  string   `json:"address,omitempty"`  // empty: the script has none
	Script   string   `json:"script,omitempty"`   // hexadecimal
	Kind     string   `json:"kind,omitempty"`
	Ours     bool     `json:"ours"`
	Change   bool     `json:"change"`
	State    string   `json:"state,omitempty"` // of an input's coin, as Coin.State
	Tags     []string `json:"tags,omitempty"`
	Label    string   `json:"label,omitempty"`
}

// Warning is something that its owner must agree to.
type Warning struct {
	Concern string        `json:"concern"` // high share, high rate, anyone can spend, reuse, shaky
	Text    string        `json:"text"`
	Said    said.Sentence `json:"said,omitzero"`
}

// SendRequest says what to send.
type SendRequest struct {
	Draft    string   `json:"draft"`
	Password Secret   `json:"password,omitempty"` // nil: the unlocked session
	Consent  []string `json:"consent,omitempty"`  // to the concerns of the warnings
	// Key makes the call safe to repeat: a second one with the same key, whatever happened
	// in between, returns the transaction of the first and sends nothing; with another
	// payment it is an error (CodeConflict). 1 to 128 bytes; empty: none. Keys are kept for
	// ever, with the transaction.
	Key string `json:"key,omitempty"`
	// Private: the transaction is not announced on the connections that the wallet keeps, but told to one peer at a time over
	// a connection of its own, which takes longer; so is what replaces it or spends from it while it is pending. Without a
	// proxy the connection still comes from this machine's address.
	Private bool `json:"private,omitempty"`
}

// Sent is a transaction that is on disk and on its way.
type Sent struct {
	Purse
	ID       spv.Hash `json:"txid"`
	Fee      int64    `json:"fee"`
	Repeated bool     `json:"repeated"` // of an earlier call with the same key
	Trust    Trust    `json:"trust"`
}

// PaymentRequest is what a URI asks for.
type PaymentRequest struct {
	Address string `json:"address"`
	Amount  *int64 `json:"amount"` // nil: left to the payer
	Label   string `json:"label,omitempty"`
	Message string `json:"message,omitempty"`
}

// SplitRequest says into what coins are to be split. Exactly one of Amounts and Count is
// set.
type SplitRequest struct {
	Amounts []int64  `json:"amounts,omitempty"`
	Count   int      `json:"count,omitempty"`
	Amount  int64    `json:"amount,omitempty"` // with Count: of this sum; 0: of all that is there
	Coins   []string `json:"coins,omitempty"`
	Account int      `json:"row"`            // as Account.Number; below 0: the one with the most that can be spent
	Rate    int64    `json:"rate,omitempty"` // 0: what Fees recommends
}

// Plans combine many coins in as many transactions as it takes.
type Plans interface {
	// PlanCombine plans, and changes nothing.
	PlanCombine(ctx context.Context, in Purse, c CombineRequest) (Plan, error)
	// RunPlan sends all transactions of a plan that can be sent now. The first call for a
	// plan of PlanCombine keeps it, durably; after a crash or a restart it goes on where it
	// was, and nothing is sent twice. A plan in State.Waiting goes on when what was sent
	// is confirmed and RunPlan is called again.
	RunPlan(ctx context.Context, in Purse, plan string, password Secret, consent []string) (PlanState, error)
	// ListPlans returns the plans that are kept.
	ListPlans(ctx context.Context, in Purse) ([]Plan, error)
	// DropPlan forgets a plan. What was sent of it stays sent.
	DropPlan(ctx context.Context, in Purse, plan string) error
}

// CombineRequest chooses the coins to combine.
type CombineRequest struct {
	CoinFilter
	Rate   int64 `json:"rate,omitempty"`   // 0: what Fees recommends
	Future int64 `json:"future,omitempty"` // rate at which the coins would be spent later; 0: what Fees recommends, Rate if that is more
}

// What Plan.Advice says.
const (
	AdviseNow  = "now"  // combining costs less now than it saves later
	AdviseWait = "wait" // it costs as much, or more
)

// Plan combines coins.
type Plan struct {
	Purse
	ID     string     `json:"id"`
	Rate   int64      `json:"rate"`
	Future int64      `json:"future"`
	Coins  int        `json:"coins"`
	Steps  []PlanStep `json:"steps"`
	Cost   int64      `json:"cost"`   // fees of all steps now
	Later  int64      `json:"later"`  // fees of spending all the coins later, one by one
	Rest   int64      `json:"rest"`   // fees of spending later what the plan leaves
	Saving int64      `json:"saving"` // Later - Cost - Rest; negative if it costs
	Left   int        `json:"left"`   // coins that cost more than they hold, and stay
	Lost   int64      `json:"lost"`   // what they hold
	Advice string     `json:"advice"` // AdviseNow or AdviseWait
	State  PlanState  `json:"state"`
	Unit   Unit       `json:"unit"`
	Trust  Trust      `json:"trust"`
}

// PlanStep is one transaction of a plan: all of its coins into one. A group's last step
// combines what its others made.
type PlanStep struct {
	Group int      `json:"group"`
	Coins []string `json:"coins,omitempty"`
	Join  bool     `json:"join,omitempty"`
	Sum   int64    `json:"sum,omitempty"`
	Fee   int64    `json:"fee,omitempty"`
	VSize int64    `json:"vsize,omitempty"`
}

// PlanState says how far a plan is.
type PlanState struct {
	Kept    bool       `json:"kept"` // it was started
	Done    int        `json:"done"` // steps sent
	Steps   int        `json:"steps"`
	Waiting bool       `json:"waiting"`        // for what was sent to be confirmed
	Sent    []spv.Hash `json:"sent,omitempty"` // by this call
	// Warnings want consent before the next transaction goes out. Where they hold up a call's first one, it fails with
	// CodeConsent instead.
	Warnings []Warning `json:"warnings,omitempty"`
}

// Packets are partially signed transactions (BIP174), in base64.
type Packets interface {
	// DraftPacket returns a draft as a PSBT for others to sign.
	DraftPacket(ctx context.Context, draft string) (string, error)
	// ShowPacket says what a packet does, as far as the purse can tell, and what it claims.
	ShowPacket(ctx context.Context, in Purse, packet string) (Packet, error)
	// SignPacket adds the signatures that the wallet can make. A nil password uses the
	// unlocked session.
	SignPacket(ctx context.Context, in Purse, packet string, password Secret) (Packet, error)
	// CombinePackets joins packets of one transaction.
	CombinePackets(ctx context.Context, packets []string) (string, error)
	// SendPacket finishes a packet, runs every script, keeps the transaction and sends it.
	// It must spend coins of the purse.
	SendPacket(ctx context.Context, in Purse, packet string) (Sent, error)
	// FinishPacket finishes a packet and returns the transaction, in hexadecimal, unsent.
	FinishPacket(ctx context.Context, packet string) (string, error)
}

// Packet is what a PSBT does.
type Packet struct {
	Text     string      `json:"psbt"`
	ID       spv.Hash    `json:"txid"` // of the unsigned transaction; with old scripts the signed one's is another
	Inputs   []DraftLine `json:"inputs"`
	Outputs  []DraftLine `json:"outputs"`
	Fee      *int64      `json:"fee"`    // nil: not all inputs' values are stated
	Signed   []int       `json:"signed"` // signatures, by input; -1: final
	Complete bool        `json:"complete"`
	Added    int         `json:"added,omitempty"` // signatures that SignPacket added
}

package app

import (
	"context"
	"time"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/said"
)

// Money is what a wallet has, had, and receives by.
type Money interface {
	// Balance adds up a purse.
	Balance(ctx context.Context, in Purse) (Balance, error)
	// Balances does so for every chain of a wallet, in the order of its chains.
	Balances(ctx context.Context, wallet string) ([]Balance, error)
	// History returns transactions that a query takes, newest first.
	History(ctx context.Context, in Purse, q HistoryQuery) (History, error)
	// ExportHistory is History without the page, as CSV with a header line.
	ExportHistory(ctx context.Context, in Purse, q HistoryQuery) ([]byte, error)
	// Transaction returns all that is known of one transaction of the history.
	Transaction(ctx context.Context, in Purse, id spv.Hash) (Transaction, error)
	// Accounts returns the rows of addresses of a purse.
	Accounts(ctx context.Context, in Purse) ([]Account, error)
	// Receive returns an address to give out, of an account: the last one given out as long
	// as nobody paid to it. That it was given out is on disk before the call returns.
	Receive(ctx context.Context, in Purse, r ReceiveRequest) (Address, error)
	// Addresses returns the addresses given out or paid to, by account, then index.
	Addresses(ctx context.Context, in Purse) ([]Address, error)
	// LookUp says what an address is to a purse, ours or not.
	LookUp(ctx context.Context, in Purse, address string) (AddressFacts, error)
}

// Balance is the money of one purse by how far it can be relied on. Every coin is in
// exactly one class.
type Balance struct {
	Purse
	Confirmed      int64 `json:"confirmed"`
	OwnUnconfirmed int64 `json:"own_unconfirmed"` // change of our own payments
	Unconfirmed    int64 `json:"unconfirmed"`     // coming in; never spent of the wallet's own accord
	Immature       int64 `json:"immature"`
	Frozen         int64 `json:"frozen"`
	WatchOnly      int64 `json:"watch_only"`
	Names          int64 `json:"names"` // bound to names: not money
	Spendable      int64 `json:"spendable"`
	Coins          int   `json:"coins"` // that can be spent
	Unit           Unit  `json:"unit"`
	Trust          Trust `json:"trust"`
}

// Total is everything but what is bound to names.
func (b *Balance) Total() int64 {
	return b.Confirmed + b.OwnUnconfirmed + b.Unconfirmed + b.Immature + b.Frozen + b.WatchOnly
}

// Unit is how people write a chain's amounts.
type Unit struct {
	Symbol   string `json:"symbol"`
	Decimals int    `json:"decimals"` // digits after the point of one whole coin
}

// HistoryQuery chooses transactions. The zero value takes all.
type HistoryQuery struct {
	From   int       `json:"from"`             // skip so many
	Count  int       `json:"count"`            // at most; 0: 100
	Search string    `json:"search,omitempty"` // is part of label, id or an address, in any case
	Only   string    `json:"only,omitempty"`   // "in", "out", "pending", "confirmed", "replaced", "abandoned" or "void"; empty: all
	Since  time.Time `json:"since,omitzero"`
	Until  time.Time `json:"until,omitzero"`
}

// History is a page of transactions.
type History struct {
	Rows  []Row `json:"rows"`
	Total int   `json:"total"` // that the query takes, over all pages
	Unit  Unit  `json:"unit"`
	Trust Trust `json:"trust"`
}

// Row is one transaction of the history.
type Row struct {
	ID          spv.Hash   `json:"txid"`
	Status      string     `json:"status"` // confirmed, pending, replaced, abandoned, void
	Block       *spv.Block `json:"block"`  // nil: not confirmed
	Depth       int32      `json:"depth"`  // confirmations
	Time        time.Time  `json:"time"`   // of the block, else when it was first seen
	Amount      int64      `json:"amount"` // what came in minus what went out, the fee included
	Fee         *int64     `json:"fee"`    // nil: not known, as not all inputs are ours
	Coinbase    bool       `json:"coinbase,omitempty"`
	Ours        bool       `json:"ours"` // made here
	Replaceable bool       `json:"replaceable"`
	DoubleSpend bool       `json:"double_spend"` // another transaction takes the same coins
	ReplacedBy  *spv.Hash  `json:"replaced_by,omitempty"`
	Label       string     `json:"label,omitempty"`
	Addresses   []string   `json:"addresses,omitempty"` // paid to: ours if money came in, else others'
}

// Transaction is all that is known of one transaction of the history.
type Transaction struct {
	Row
	Raw        string        `json:"raw"` // hexadecimal
	VSize      int64         `json:"vsize"`
	Rate       *int64        `json:"rate"` // base units per 1000 virtual bytes; nil: the fee is not known
	Inputs     []DraftLine   `json:"inputs"`
	Outputs    []DraftLine   `json:"outputs"`
	Seen       int           `json:"seen"`              // peers that announced it since the program started, without having had it from us
	Told       int           `json:"told"`              // of a pending one of ours: peers that were told of it since then
	Took       int           `json:"took"`              // of them, those that fetched it
	Private    bool          `json:"private,omitempty"` // as SendRequest.Private
	Actions    []string      `json:"actions"`           // of "bump", "cancel", "cpfp", "abandon": what can be tried
	NoBump     string        `json:"no_bump,omitempty"` // why it cannot be replaced, where the chain is why
	NoBumpSaid said.Sentence `json:"no_bump_said,omitzero"`
	Unit       Unit          `json:"unit"`
	Trust      Trust         `json:"trust"`
}

// Account is one account of a purse.
type Account struct {
	// Number counts the purse's rows of addresses, of which an account (BIP44) has one of every kind: its number is in Path.
	// What chooses by Account or Accounts takes this one.
	Number    int    `json:"row"`
	Kind      string `json:"kind"` // of its addresses: p2pkh, p2sh-p2wpkh, p2wpkh, p2tr
	Path      string `json:"path,omitempty"`
	Key       string `json:"key"` // extended public key
	WatchOnly bool   `json:"watch_only"`
	Issued    uint32 `json:"issued"` // addresses given out
	Used      uint32 `json:"used"`   // index of the last that was paid, plus one
	Gap       uint32 `json:"gap"`    // watched behind it
	Hole      uint32 `json:"hole"`   // longest run of unused ones before a used one
}

// ReceiveRequest asks for an address.
type ReceiveRequest struct {
	Kind    string `json:"kind,omitempty"`    // as Account.Kind; empty: the newest that the chain has
	Account *int   `json:"row,omitempty"`     // Account.Number, instead of Kind
	Fresh   bool   `json:"fresh,omitempty"`   // the next one, even if the last was not paid
	Label   string `json:"label,omitempty"`   // is kept for the address, and shown to the payer
	Amount  int64  `json:"amount,omitempty"`  // for the URI; 0: left to the payer
	Message string `json:"message,omitempty"` // for the URI
}

// Address is an address of a purse.
type Address struct {
	Purse
	Address   string `json:"address"`
	URI       string `json:"uri,omitempty"` // BIP21; of Receive only
	Kind      string `json:"kind"`
	Account   int    `json:"row"` // as Account.Number
	Change    bool   `json:"change"`
	Index     uint32 `json:"index"`
	Path      string `json:"path,omitempty"`
	Uses      int    `json:"uses"` // payments to it; more than one links them for everybody to see
	Label     string `json:"label,omitempty"`
	WatchOnly bool   `json:"watch_only"`
	// Beyond: restoring elsewhere with a gap limit of 20 may not find it.
	Beyond bool `json:"beyond"`
	// Verified as Wallet.Verified: show an address that is not to be relied on as such.
	Verified bool `json:"verified"`
}

// AddressFacts says what an address is.
type AddressFacts struct {
	Address string   `json:"address"`
	Script  string   `json:"script"` // hexadecimal
	Kind    string   `json:"kind"`
	Ours    *Address `json:"ours,omitempty"` // nil: somebody else's
	// Paid is how many transactions of the history pay to it.
	Paid int `json:"paid"`
	// AnyoneCanSpend: the chain has no rules for it.
	AnyoneCanSpend bool `json:"anyone_can_spend"`
}

// Coins are the unspent outputs, and the owner's rules for them.
type Coins interface {
	ListCoins(ctx context.Context, in Purse, f CoinFilter) (CoinList, error)
	// Freeze keeps coins from being spent, durably, until they are thawed.
	Freeze(ctx context.Context, in Purse, outpoints []string, frozen bool) error
	// TagCoins sets the tags of coins; none removes them.
	TagCoins(ctx context.Context, in Purse, outpoints []string, tags []string) error
	// TagAddress sets the tags of every coin that is paid to an address of ours.
	TagAddress(ctx context.Context, in Purse, address string, tags []string) error
	// NeverMerge makes or lifts the rule that coins with tag a never meet coins with tag b;
	// "*" for b: that they meet none but their like.
	NeverMerge(ctx context.Context, in Purse, a, b string, never bool) error
	// Rules returns the pairs of tags that never meet.
	Rules(ctx context.Context, in Purse) ([][2]string, error)
}

// CoinFilter chooses coins. The zero value takes all.
type CoinFilter struct {
	MinDepth  int32    `json:"min_depth,omitempty"`
	MaxDepth  int32    `json:"max_depth,omitempty"` // 0: any
	MinValue  int64    `json:"min_value,omitempty"`
	MaxValue  int64    `json:"max_value,omitempty"` // 0: any
	Kinds     []string `json:"kinds,omitempty"`
	Accounts  []int    `json:"rows,omitempty"`  // as Account.Number
	Label     string   `json:"label,omitempty"` // is part of the coin's label
	Tag       string   `json:"tag,omitempty"`
	Spendable bool     `json:"spendable,omitempty"` // only those
}

// CoinList is what a filter takes, oldest first, then the unconfirmed.
type CoinList struct {
	Coins []Coin `json:"coins"`
	Sum   int64  `json:"sum"`
	Unit  Unit   `json:"unit"`
	Trust Trust  `json:"trust"`
}

// Coin is an unspent output.
type Coin struct {
	Outpoint  string     `json:"outpoint"`
	Value     int64      `json:"value"`
	Address   string     `json:"address"`
	Script    string     `json:"script"` // hexadecimal
	Kind      string     `json:"kind"`
	Account   int        `json:"row"` // as Account.Number
	Path      string     `json:"path,omitempty"`
	Change    bool       `json:"change"`
	State     string     `json:"state"` // confirmed, immature, own unconfirmed, unconfirmed, name
	Block     *spv.Block `json:"block"` // nil: not confirmed
	Depth     int32      `json:"depth"`
	Matures   int32      `json:"matures,omitempty"` // height of the first block that may spend it, if immature
	Frozen    bool       `json:"frozen"`
	WatchOnly bool       `json:"watch_only"`
	Spendable bool       `json:"spendable"`
	Reused    bool       `json:"reused"` // its address was paid more than once
	Tags      []string   `json:"tags,omitempty"`
	Label     string     `json:"label,omitempty"`
}

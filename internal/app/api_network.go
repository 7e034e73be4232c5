package app

import (
	"context"
	"time"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/said"
)

// Network is what is known of the chains: how far they are synchronised, what a fee is,
// and what happens.
type Network interface {
	// ListChains returns the chains that are followed, each L1 before its layers.
	ListChains(ctx context.Context) ([]ChainState, error)
	// Fees returns what transactions pay on a chain.
	Fees(ctx context.Context, chain string) (Fees, error)
	// Subscribe sends what happens from now on, until the context ends; then the channel is
	// closed. Who does not read in time loses events: the next one that fits says so
	// (Event.Missed), and all is to be asked anew.
	Subscribe(ctx context.Context) <-chan Event
}

// ChainState is how far a chain is.
type ChainState struct {
	Name    string `json:"name"`
	Title   string `json:"title"`
	Parent  string `json:"parent,omitempty"`
	Kind    string `json:"kind"`    // l1, auxpow, native, issued, fractional
	Network string `json:"network"` // main, test, regtest, dev
	Unit    Unit   `json:"unit"`

	Stage       string        `json:"stage"` // offline, connecting, presync, headers, filter headers, filters, blocks, following
	Done        int32         `json:"done"`  // of the stage, in blocks
	Total       int32         `json:"total"`
	Share       float64       `json:"share"`             // of all stages, 0 to 1; 1 only if synced
	ETA         *int64        `json:"eta"`               // seconds; nil: not known
	Waiting     string        `json:"waiting,omitempty"` // for what, in words
	WaitingSaid said.Sentence `json:"waiting_said,omitzero"`
	Trouble     string        `json:"trouble,omitempty"` // what went wrong last with a peer, in words

	FilterPeers  int   `json:"filter_peers"`
	Looked       int   `json:"looked"`        // blocks looked through whole
	FalseMatches int   `json:"false_matches"` // of them, those that held nothing
	Disputed     int   `json:"disputed"`      // blocks whose filters peers dispute and nobody can settle
	Received     int64 `json:"received"`      // bytes, since the start
	Claimed      int32 `json:"claimed"`       // highest block by any peer's word; not verified

	Trust Trust `json:"trust"`
}

// Fees are fee rates, base units per 1000 virtual bytes.
type Fees struct {
	Chain string `json:"chain"`
	// Least is what peers relay, by their own word, else by the chain's policy.
	Least int64 `json:"least"`
	// Normal is what a rate of 0 means elsewhere. Low and High: where Measured, the middle half of what blocks paid, by
	// their means; else bounds within which a choice makes sense, which say nothing of demand.
	Low    int64 `json:"low"`
	Normal int64 `json:"normal"`
	High   int64 `json:"high"`
	// Source says where the range comes from, in words.
	Source string `json:"source"`
	// Measured: blocks, or coinbases in proofs, tell what is paid; else peers and the chain's policy alone say what the
	// least is.
	Measured bool       `json:"measured"`
	Peers    int        `json:"peers"`            // that said what they relay
	Samples  int        `json:"samples"`          // blocks or proofs that were measured
	Newest   *time.Time `json:"newest,omitempty"` // of them
	Trust    Trust      `json:"trust"`
	Unit     Unit       `json:"unit"`
}

// EventKind names what an Event tells.
type EventKind string

// The kinds of events. More may come: skip those that are not known.
const (
	EventSeen      EventKind = "seen"      // a payment that concerns a purse, in no block yet
	EventConfirmed EventKind = "confirmed" // it got into a block
	EventReorged   EventKind = "reorged"   // its block is gone: it is unconfirmed again, or void
	EventChanged   EventKind = "changed"   // it was replaced, abandoned, sent
	EventSync      EventKind = "sync"      // a chain's stage, tip or peers changed, or what its filters rest on
	EventWallet    EventKind = "wallet"    // a wallet was made, locked or unlocked
)

// Event is something that happened.
type Event struct {
	Kind   EventKind   `json:"kind"`
	Time   time.Time   `json:"time"`
	Purse  Purse       `json:"purse,omitzero"` // of payments; of a wallet's event without chain
	TxID   *spv.Hash   `json:"txid,omitempty"`
	Row    *Row        `json:"row,omitempty"`   // the payment as it is now
	Peers  int         `json:"peers,omitempty"` // of seen: that announced it
	Chain  *ChainState `json:"chain,omitempty"` // of sync
	Alarm  *AlarmEvent `json:"alarm,omitempty"` // of alarm
	Missed bool        `json:"missed,omitempty"`
}

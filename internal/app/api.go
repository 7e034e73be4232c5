package app

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/said"
)

// Backend is all that the command line, the daemon's RPC and the screens ask of wallets.
// *Local is the one of this very process; a client of a running daemon is another. It is
// safe for concurrent use.
//
// Amounts are int64 in the chain's base units (ChainState.Unit says how people write
// them). Fee rates are base units per 1000 virtual bytes. Outpoints are "txid:index".
// Errors carry a Code: see CodeOf. What is said to people is English in one field, and a sentence for a face to say in its
// language in another, whose name ends in Said; errors say theirs by said.By. A Secret that is handed in stays the caller's to wipe.
type Backend interface {
	Wallets
	Keys
	Money
	Coins
	Payments
	Plans
	Packets
	Notes
	Network
	Security
	Settlement
}

// Purse names one wallet's side on one chain.
type Purse struct {
	Wallet string `json:"wallet"`
	Chain  string `json:"chain"`
}

// name returns "wallet on chain". It is no String, which types that embed a Purse would inherit.
func (p Purse) name() string { return p.Wallet + " on " + p.Chain }

// Trust says how far an answer about money can be relied on. It comes with every one.
type Trust struct {
	Tip     spv.Block `json:"tip"`      // highest block of the checked header chain
	TipTime time.Time `json:"tip_time"` // by its header
	Age     int64     `json:"age"`      // seconds since TipTime
	Scanned spv.Block `json:"scanned"`  // money is known up to this block; height -1: nothing yet
	Synced  bool      `json:"synced"`   // all that the peers know is taken in, and there is a peer
	// Verified: synced, scanned to the tip, and every filter is one that the chain commits to or that no peer disputes, or
	// every block was looked through whole. Never where peers matched the blocks by Bloom filters (BIP37).
	Verified     bool          `json:"verified"`
	Peers        int           `json:"peers"`
	FilterSource string        `json:"filter_source"`        // what blocks are looked through with, in words; empty: nothing yet
	FilterSaid   said.Sentence `json:"filter_said,omitzero"` // the same
	// Sampled is the height up to which the chain is known by a sampled proof only (protocol.md 10.1); 0: all headers were verified.
	Sampled int32 `json:"sampled,omitempty"`
	// SampledBits: a history of which less than half the work was done after some point passes with a chance of at most 2^-SampledBits.
	SampledBits int  `json:"sampled_security,omitempty"`
	Offline     bool `json:"offline"` // nothing is asked of the network: the answer is as of the last run
}

// Secret is a password, words or a passphrase. It prints as a placeholder; convert it to
// []byte or string where the text itself is wanted.
type Secret []byte

const hidden = "(secret)"

// String returns the placeholder.
func (Secret) String() string { return hidden }

// GoString returns the placeholder.
func (Secret) GoString() string { return hidden }

// Format writes the placeholder for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText returns the placeholder: who wants to send a secret on must say so.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// UnmarshalText takes a copy of the text.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = append(Secret{}, text...)
	return nil
}

// Wipe overwrites the secret.
func (s Secret) Wipe() { clear(s) }

// Notes are what the owner writes beside the money, in the exchange format of BIP329, and
// messages signed with an address's key.
type Notes interface {
	// SetLabel writes a label, durably; an empty one removes it. Kind is a type of BIP329:
	// tx, addr, pubkey, input, output or xpub.
	SetLabel(ctx context.Context, in Purse, kind, ref, text string) error
	// ExportLabels writes all labels and frozen coins of a purse as a label file.
	ExportLabels(ctx context.Context, in Purse, w io.Writer) error
	// ImportLabels takes in a label file, all of it or nothing.
	ImportLabels(ctx context.Context, in Purse, r io.Reader) (Imported, error)
	// SignMessage signs with the key of an address of ours (BIP322, simple; P2WPKH and
	// P2TR). A nil password uses the unlocked session.
	SignMessage(ctx context.Context, in Purse, address string, text []byte, password Secret) (string, error)
	// VerifyMessage returns nil if the signature is one of the text by the address.
	VerifyMessage(ctx context.Context, chain, address string, text []byte, signature string) error
}

// Imported says what an import of labels did.
type Imported struct {
	Labels  int      `json:"labels"` // set or changed
	Frozen  int      `json:"frozen"` // coins frozen or thawed
	Cut     int      `json:"cut"`    // labels shortened to 255 bytes
	Skipped []string `json:"skipped,omitempty"`
}

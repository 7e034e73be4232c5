package proof

import (
	"fmt"
	"slices"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/risk"
)

// Link tells what ties a piece of a chain to the chain.
type Link uint8

// The links, the best last. Genesis is the whole chain from there, with the minimum work of its rules; OwnChain is the verifier's own
// validated headers, genesis aside.
const (
	Unlinked Link = iota
	Genesis
	Checkpoint
	OwnChain
)

var linkNames = [...]string{Unlinked: "nothing", Genesis: "genesis", Checkpoint: "checkpoint", OwnChain: "own headers"}

// String returns "nothing", "genesis", "checkpoint" or "own headers".
func (l Link) String() string { return linkNames[min(int(l), len(linkNames)-1)] }

// MarshalText makes a Link readable in JSON.
func (l Link) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText takes what String gives.
func (l *Link) UnmarshalText(text []byte) error {
	i := slices.Index(linkNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("link %.40q: want one of %q", text, linkNames)
	}
	*l = Link(i)
	return nil
}

// Assumption is something that the file does not show. The set is closed.
type Assumption uint8

// The assumptions. The first two are always left.
const (
	NoBetterChain  Assumption = iota + 1 // no chain with more work leaves the payment out
	ScriptsValid                         // the scripts of the transaction were satisfied: miners say so by building on it
	ChainGiven                           // the headers belong to the chain: nothing ties them to it but their work
	DifficultyOpen                       // some difficulties could not be told from the headers in the file
	L1Absent                             // the file holds no L1 headers: the parents may be no blocks of the L1's network
	L1Given                              // the L1 headers belong to the L1: nothing ties them to it but their work
	L1Open                               // some difficulties of the L1 could not be told
	ParentsOpen                          // some parents build on L1 blocks that are not in the file
	ClockOpen                            // no clock was given: headers may come from the future
)

const nothingTies = "Nothing ties them to a checkpoint, to headers held here or, with the least work of that chain, to its genesis: judge by the work shown."

var assumptionTexts = [...]string{
	NoBetterChain:  "No chain with more work exists that leaves the payment out.",
	ScriptsValid:   "The transaction's scripts are satisfied. Miners built on it; they were not run here.",
	ChainGiven:     "The headers belong to the chain they name. " + nothingTies,
	DifficultyOpen: "Some headers have the difficulty that the rules ask for. It could not be told from the headers in the file.",
	L1Absent:       "The merged-mining parents belong to the L1's network. The file holds no L1 headers.",
	L1Given:        "The L1 headers belong to the L1. " + nothingTies,
	L1Open:         "Some L1 headers have the difficulty that the rules ask for. It could not be told from the headers in the file.",
	ParentsOpen:    "Some merged-mining parents build on blocks of the L1. Those blocks are not in the file.",
	ClockOpen:      "No header comes from the future. No clock was given.",
}

// String returns the assumption as a sentence.
func (a Assumption) String() string {
	if a < NoBetterChain || int(a) >= len(assumptionTexts) {
		return fmt.Sprintf("assumption %d", uint8(a))
	}
	return assumptionTexts[a]
}

// MarshalText makes an Assumption readable in JSON.
func (a Assumption) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText takes the sentence of an assumption that is known.
func (a *Assumption) UnmarshalText(text []byte) error {
	i := slices.Index(assumptionTexts[:], string(text))
	if i < int(NoBetterChain) {
		return fmt.Errorf("assumption %.80q: not one that is known", text)
	}
	*a = Assumption(i)
	return nil
}

// Output is one output of the transaction, in base units of the chain.
type Output struct {
	Value  int64  `json:"value"`
	Script []byte `json:"script"`
}

// Confirmation is one header from the payment's block upwards.
type Confirmation struct {
	Block  spv.Block  `json:"block"`
	Parent *spv.Hash  `json:"parent,omitempty"` // of its merged-mining proof
	Class  risk.Class `json:"class,omitempty"`  // of that parent, over the L1 headers in the file
	Under  spv.Block  `json:"under"`            // the L1 block that the parent builds on, if it is in the file
}

// Claim is what a file shows.
type Claim struct {
	Chain         string         `json:"chain"`
	TxID          spv.Hash       `json:"txid"`
	Outputs       []Output       `json:"outputs"`
	Block         spv.Block      `json:"block"`
	Time          uint32         `json:"time"`  // of the block, seconds since 1970
	Index         uint32         `json:"index"` // of the transaction in the block
	Headers       spv.Block      `json:"headers"`
	Confirmations []Confirmation `json:"confirmations"` // the payment's block first
	Work          string         `json:"work"`          // expected hashes behind Confirmations, decimal
	Linked        Link           `json:"linked"`

	L1       string     `json:"l1,omitempty"`
	L1From   spv.Block  `json:"l1_from"`
	L1To     spv.Block  `json:"l1_to"`
	L1Work   string     `json:"l1_work,omitempty"`
	L1Linked Link       `json:"l1_linked"`
	Anchor   *spv.Block `json:"anchor,omitempty"` // of the payment's block, on the L1
	Seals    int        `json:"seals"`            // confirmations that are L1 blocks in the file, too
	// SealDepth is how many L1 headers of the file lie on the lowest seal, itself included.
	SealDepth int32 `json:"seal_depth"`

	Assumptions []Assumption `json:"assumptions"`
}

package risk

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/layeredpow/lamina/spv"
)

// Kind names an alarm. The set is closed.
type Kind uint8

// The alarms.
const (
	Eclipse        Kind = iota + 1 // the layer's work builds on L1 blocks that we do not know
	Fork                           // work goes to an L1 branch that is not the best
	ShareDrop                      // far less of the L1's work mines the layer than before
	Withholding                    // parents that would be L1 blocks do not become any
	AnchorLost                     // the layer's tip stands on an L1 block that is not on the best chain
	FilterConflict                 // peers disagree about a block's filter
)

// Kinds lists all alarms.
func Kinds() []Kind { return []Kind{Eclipse, Fork, ShareDrop, Withholding, AnchorLost, FilterConflict} }

var kindNames = [...]string{
	Eclipse: "eclipse", Fork: "l1-fork", ShareDrop: "share-drop", Withholding: "withholding", AnchorLost: "anchor-lost",
	FilterConflict: "filter-conflict",
}

// String returns the alarm's stable name.
func (k Kind) String() string {
	if k < Eclipse || int(k) >= len(kindNames) {
		return "alarm " + strconv.Itoa(int(k))
	}
	return kindNames[k]
}

// MarshalText makes a Kind readable in JSON.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText takes a stable name.
func (k *Kind) UnmarshalText(text []byte) error {
	for _, known := range Kinds() {
		if known.String() == string(text) {
			*k = known
			return nil
		}
	}
	return fmt.Errorf("alarm %.40q: want one of %s", text, Kinds())
}

// Seen is what raised an alarm. Which fields count depends on the kind.
type Seen struct {
	Blocks int       `json:"blocks,omitempty"` // layer blocks that show it; FilterConflict: different answers
	Of     int       `json:"of,omitempty"`     // layer blocks looked at; ShareDrop: L1 blocks
	Block  spv.Block `json:"block"`            // L1: newest known block, fork point or anchor; FilterConflict: the block
	Hash   spv.Hash  `json:"hash"`             // Eclipse: an L1 block that we do not know
	Want   float64   `json:"want,omitempty"`   // Fork: L1 blocks of work on our branch; ShareDrop: share before; Withholding: seals due
	Got    float64   `json:"got,omitempty"`    // Fork: on the other; ShareDrop: share now; Withholding: seals found
}

// Alarm is one alarm as it was raised.
type Alarm struct {
	Kind Kind      `json:"kind"`
	At   spv.Block `json:"at"` // the layer's newest block then
	Seen Seen      `json:"seen"`
}

// Event tells that an alarm was raised or, with Cleared, that it is over.
type Event struct {
	Alarm
	Cleared bool `json:"cleared"`
}

// Text is what to tell people about an alarm, in English. Names in braces are places that Alarm.Fill knows: blocks, of, block, hash,
// want, got, want%, got%.
type Text struct {
	Title string // in a few words
	Seen  string // what was seen
	Do    string // what the user should do
}

var kindTexts = [...]Text{
	Eclipse: {
		Title: "The layer knows L1 blocks that we do not",
		Seen: "{blocks} of the newest {of} layer blocks carry work that builds on L1 blocks unknown here, such as {hash}. " +
			"The newest L1 block known here is {block}.",
		Do: "Accept no payment on either chain until this is over. Connect to L1 peers of your own choice, best through another " +
			"network: the present ones may be hiding blocks, or this program may have fallen behind.",
	},
	Fork: {
		Title: "Miners work on two branches of the L1",
		Seen: "Since block {block}, {blocks} layer blocks have shown {got} L1 blocks' worth of work on a branch that is not the best one, " +
			"against {want} on the best.",
		Do: "Wait for more confirmations than usual, on the L1 and on every layer over it, until one branch is clearly ahead.",
	},
	ShareDrop: {
		Title: "Much less of the L1's work protects the layer",
		Seen:  "Of the last {of} L1 blocks {got%} were mined for the layer, too. Before, it was at least {want%}.",
		Do:    "Wait for more confirmations on the layer: the recommended number already counts with the new share.",
	},
	Withholding: {
		Title: "Layer work is missing from the L1",
		Seen: "Of the last {of} layer blocks {want} were due to be L1 blocks as well, but only {got} are. " +
			"Somebody withholds L1 blocks, or works on L1 blocks that others do not build on.",
		Do: "Wait for seals (layer blocks that are L1 blocks themselves) rather than for a number of confirmations.",
	},
	AnchorLost: {
		Title: "The layer stands on an L1 block that is not on the best chain",
		Seen:  "The layer's newest block is anchored to the L1 block {block}, which has been overtaken by another branch.",
		Do:    "Accept no payment on the layer until it has moved to a branch that is anchored in the best L1 chain.",
	},
	FilterConflict: {
		Title: "Peers disagree about a filter",
		Seen:  "For block {block} peers gave {blocks} different filter headers. At least one of them lies or is broken.",
		Do: "Do not trust a missing payment until the conflict is settled: the block itself is fetched to tell who is right. " +
			"Connect to a peer of your own if it stays.",
	},
}

// Text returns what to tell people about the alarm.
func (k Kind) Text() Text {
	if k < Eclipse || int(k) >= len(kindTexts) {
		return Text{}
	}
	return kindTexts[k]
}

// Fill puts what was seen in the places of a text or of a translation of it.
func (a *Alarm) Fill(text string) string {
	s := &a.Seen
	return strings.NewReplacer(
		"{blocks}", strconv.Itoa(s.Blocks), "{of}", strconv.Itoa(s.Of), "{block}", s.Block.String(), "{hash}", s.Hash.String(),
		"{want}", fmt.Sprintf("%.1f", s.Want), "{got}", fmt.Sprintf("%.1f", s.Got),
		"{want%}", fmt.Sprintf("%.1f%%", 100*s.Want), "{got%}", fmt.Sprintf("%.1f%%", 100*s.Got),
	).Replace(text)
}

// String returns the title and what was seen.
func (a *Alarm) String() string {
	text := a.Kind.Text()
	return text.Title + ": " + a.Fill(text.Seen)
}

package app

import (
	"context"
	"time"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/proof"
	"github.com/layeredpow/lamina/spv/risk"
	"github.com/layeredpow/lamina/spv/said"
)

// Security is what is measured of the work behind the chains, and what of it stands behind a payment (protocol.md sections 9
// and 10). What is not known is nil or empty, never a number that looks like one. *Local satisfies it.
type Security interface {
	// ChainSecurity measures a chain. Attacker is the share of the L1's work that waits count with, above 0 and below 1; 0:
	// risk.DefaultAttacker.
	ChainSecurity(ctx context.Context, chain string, attacker float64) (ChainSecurity, error)
	// Alarms returns the alarms that are on, over all chains.
	Alarms(ctx context.Context) ([]ChainAlarm, error)
	// PaymentRisks says how safe payments of the history are from being undone, in their order; at most MostRisks of them.
	// Attacker is as for ChainSecurity.
	PaymentRisks(ctx context.Context, in Purse, ids []spv.Hash, attacker float64) ([]PaymentRisk, error)
	// Evidence lists why a payment is believed. The block that holds it is fetched once more unless offline: a peer learns
	// which block is looked at, as it does while the chain is looked through.
	Evidence(ctx context.Context, in Purse, id spv.Hash) (Evidence, error)
	// BalanceEvidence lists why a balance is believed.
	BalanceEvidence(ctx context.Context, in Purse) (Evidence, error)
	// Prove makes a file that shows a confirmed payment to anybody (package spv/proof), with so many headers from its block
	// upwards, or as many as there are. It fetches the block that holds the payment.
	Prove(ctx context.Context, in Purse, id spv.Hash, confirmations int32) (PaymentProof, error)
	// CheckProof judges a payment proof by the chain files, the clock, and the header chains that are held here: of each header
	// that the file shares with them it must be the same one. What is refuted is no error.
	CheckProof(ctx context.Context, file []byte) (ProofCheck, error)
}

// MostRisks is how many payments may be asked about at once.
const MostRisks = 1000

// EventAlarm is the kind of events that tell of an alarm: raised or, with AlarmEvent.Cleared, over.
const EventAlarm EventKind = "alarm"

// ChainAlarm is an alarm of one chain with its texts, in English.
type ChainAlarm struct {
	Chain string `json:"chain"`
	risk.Alarm
	Title string `json:"title"`
	What  string `json:"what"` // what was seen
	Do    string `json:"do"`   // what the user should do
}

// AlarmEvent is what an event of the kind EventAlarm tells.
type AlarmEvent struct {
	ChainAlarm
	Cleared bool `json:"cleared"`
}

// ChainSecurity is what is measured of one chain.
type ChainSecurity struct {
	Chain string `json:"chain"`
	L1    string `json:"l1,omitempty"` // whose work it borrows; empty: its own
	// Unknown says in words why there is no measured share; empty if there is one.
	Unknown     string        `json:"unknown,omitempty"`
	UnknownSaid said.Sentence `json:"unknown_said,omitzero"`
	Windows     []risk.Share  `json:"windows"` // the newest 144 and 2016 L1 blocks, as far as there are; none if unknown
	// Honest is the share that recommendations count with: the lower bound over the longer window or, where the share has
	// fallen since, over the shorter.
	Honest *float64     `json:"honest"`
	Points []SharePoint `json:"points,omitempty"` // over time, oldest first
	Parent ParentTally  `json:"parents"`
	Pools  []PoolShare  `json:"pools,omitempty"`      // of the newest blocks, the largest first, at most 10
	Half   int          `json:"half_pools,omitempty"` // so few payees mined more than half of them, at most
	Waits  []Wait       `json:"waits"`                // for each size of payment, for Attacker
	// Attacker is the share of the L1's work that Waits count with.
	Attacker float64 `json:"attacker"`
	// Majority is the share of the L1's work with which an attacker always wins; nil: unknown.
	Majority *float64     `json:"majority"`
	Alarms   []ChainAlarm `json:"alarms"`
	// Watched: alarms were looked for since the start, which wants the chains synced.
	Watched bool  `json:"watched"`
	Trust   Trust `json:"trust"`
}

// SharePoint is the share over a stretch of the L1.
type SharePoint struct {
	Time time.Time `json:"time"` // of the stretch's last block
	risk.Share
}

// ParentTally counts the newest layer blocks by their parents' place on the L1.
type ParentTally struct {
	Blocks  int `json:"blocks"` // that were looked at: those over the newest 2016 L1 blocks
	Seals   int `json:"seals"`  // parents that are L1 blocks
	Near    int `json:"near_misses"`
	Unknown int `json:"unknown"`  // parents on L1 blocks that are not known here
	Stale   int `json:"stale"`    // parents that build below the highest L1 block shown before
	OffBest int `json:"off_best"` // parents on side branches of the L1
}

// PoolShare is one payee's part of the newest layer blocks.
type PoolShare struct {
	// Payee is the start of the SHA-256 of the script that the parents' coinbases pay, hexadecimal; empty: they pay nobody.
	Payee  string  `json:"payee"`
	Blocks int     `json:"blocks"`
	Share  float64 `json:"share"`
}

// Wait is how many confirmations are recommended.
type Wait struct {
	Size          string `json:"size"`          // small, normal, large
	Confirmations *int   `json:"confirmations"` // nil: no number suffices, or it is unknown
	Never         bool   `json:"never"`         // no number suffices
}

// PaymentRisk says how safe a payment is from being undone, given an attacker with a share of the L1's work who began when
// it was made. It is a probability and never a sum of money.
type PaymentRisk struct {
	Purse
	ID          spv.Hash      `json:"txid"`
	Depth       int32         `json:"depth"` // confirmations
	Attacker    float64       `json:"attacker"`
	Unknown     string        `json:"unknown,omitempty"` // why there is no figure, in words; empty if there is
	UnknownSaid said.Sentence `json:"unknown_said,omitzero"`
	Honest      *float64      `json:"honest"` // share that the layer is counted with; nil on an L1, or unknown
	Own         *float64      `json:"own"`    // of the chain's own confirmations
	// Anchor is the risk that the L1 drops the block that the payment's block is anchored to, at most: the rules of the layer
	// say how high it may lie. Nil on an L1, or unknown.
	Anchor *float64 `json:"anchor"`
	// AnchorDepth is how many L1 blocks lie on that block at least, itself included.
	AnchorDepth int32    `json:"anchor_depth,omitempty"`
	Risk        *float64 `json:"risk"` // both together, at most
	Later       []Later  `json:"later,omitempty"`
	Waits       []Wait   `json:"waits"`              // for Depth
	L1Waits     []Wait   `json:"l1_waits,omitempty"` // for AnchorDepth
	Trust       Trust    `json:"trust"`
}

// Later is the risk after more confirmations, Anchor counted as it is now.
type Later struct {
	More int     `json:"more"`
	Risk float64 `json:"risk"`
}

// Evidence is the chain of reasons to believe something.
type Evidence struct {
	Purse
	ID    *spv.Hash  `json:"txid,omitempty"`  // nil: of a balance
	Block *spv.Block `json:"block,omitempty"` // of the payment
	Legs  []Leg      `json:"legs"`
	Whole bool       `json:"whole"` // no leg is missing or broken
	Trust Trust      `json:"trust"`
}

// Leg is one reason.
type Leg struct {
	Name  string        `json:"name"` // transaction, merkle path, header, history, work, merged mining, l1 block, anchor, filter, peers, alarm, scan, coins
	State LegState      `json:"state"`
	Text  string        `json:"text"` // what was checked, or what is missing and why
	Said  said.Sentence `json:"said,omitzero"`
	Alarm *risk.Alarm   `json:"alarm,omitempty"` // in the place of Said, if it is one
}

// LegState says how a leg stands.
type LegState string

// The states.
const (
	LegChecked LegState = "checked"
	LegMissing LegState = "missing" // not checked, or not at hand
	LegBroken  LegState = "broken"  // checked, and not as it should be
)

// ProofCheck is what became of a payment proof.
type ProofCheck struct {
	Claim   *proof.Claim `json:"claim"`             // what the file shows; nil: refuted
	Refuted string       `json:"refuted,omitempty"` // why
	Checks  []spv.Check  `json:"checks"`
}

// PaymentProof is a file that shows a payment.
type PaymentProof struct {
	File  []byte       `json:"file"`
	Claim *proof.Claim `json:"claim"` // what it shows, judged as a stranger would
	Trust Trust        `json:"trust"`
}

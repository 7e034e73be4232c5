// Package consensus judges blocks and transactions of layer chains, and of an L1 that has
// had today's rules since its first block, in full: everything that a header with its
// proof does not settle already. The rules are Bitcoin's newest (BIP30, 34, 65, 66, 68,
// 112, 113, 141, 143, 341, 342), all in force from block 1, and what a layer adds to them:
// the coinbase's commitment, its anchor, claims, burns and the cap (protocol.md sections
// 3, 3.1, 3.2, 4.2, 4.3 and 6).
//
// Everything is a function of values. The package does no IO, reads no clock, keeps no
// chain state and never decides which branch is the best: the state before a block is a
// View, what the block does to it is a Delta, and whoever asked carries it out. Header,
// work and merged-mining proof are package spv's to judge (R1, the first half of R2, R4);
// they are taken as judged here. Goroutines only share out script checks and are joined
// before an answer is given; the answer does not depend on them.
//
// A layer of a layer is refused: the rules do not say yet what its depth over the parent
// layer is measured from (R5).
package consensus

import (
	"errors"

	"github.com/layeredpow/lamina/spv"
)

// The names of the checks on the form of a block and its transactions, besides package
// spv's CheckBlockRoot, CheckBlockMutated, CheckBlockCoinbase, CheckBlockTx64 and
// CheckBlockWitness.
const (
	CheckWeight         = "block-weight"
	CheckSigOps         = "block-sigops"
	CheckTxEmpty        = "tx-empty"
	CheckTxSize         = "tx-size"
	CheckTxAmount       = "tx-amount"
	CheckTxTwice        = "tx-input-twice"
	CheckTxNull         = "tx-null-input"
	CheckCoinbaseScript = spv.CheckCoinbaseScript
)

// The names of the checks on a block and its transactions in their place in the chain.
const (
	CheckCoinbaseHeight = "coinbase-height"
	CheckCoinbaseUnique = "coinbase-unique"
	CheckCoinbaseValue  = "coinbase-value"
	CheckFinal          = "tx-final"
	CheckSequence       = "tx-sequence"
	CheckCoin           = "coin-missing"
	CheckMaturity       = "coin-immature"
	CheckInputAmount    = "tx-input-amount"
	CheckFee            = "tx-fee"
	CheckScript         = "script"
)

// The names of the checks that only layers have, besides package spv's CheckAnchorDepth,
// CheckAnchorBranch and CheckAnchorOrder and package spv/peg's.
const (
	CheckCommitment   = "layer-commitment"
	CheckFilterHeader = "layer-filter-header"
	CheckMMRRoot      = "layer-mmr-root"
	CheckClaimCount   = "claim-count"
	CheckClaimTwice   = "claim-twice"
	CheckClaimMoney   = "claim-money"
	CheckClaimCap     = "claim-cap"
	CheckBurnTotal    = "burn-total"
)

// What a refusal is about, where it is not the block itself. Both wrap a *spv.CheckError;
// spv.ErrPending is the third answer that condemns nothing.
var (
	// ErrMutated: the bytes are not those that the header stands for. Another peer may
	// have the block with this id (CVE-2012-2459, CVE-2017-12842, BIP141).
	ErrMutated = errors.New("not the block of this header")
	// ErrProof: the merged-mining proof is to blame. The header may have a better one
	// (protocol.md 3.2).
	ErrProof = errors.New("not a proof for this block")
)

// Permanent tells whether an error of CheckBlock or Connect makes the block invalid for
// ever, so that its id may be remembered as bad. It is false for bodies and proofs that are
// not the block's own, for what is pending, and for errors of the caller's View.
func Permanent(err error) bool {
	var refused *spv.CheckError
	return errors.As(err, &refused) && !errors.Is(err, ErrMutated) && !errors.Is(err, ErrProof) &&
		!errors.Is(err, spv.ErrPending)
}

// refuse returns the refusal of one check.
func refuse(name, got, want string) error {
	return &spv.CheckError{Name: name, Got: got, Want: want}
}

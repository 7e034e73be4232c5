package nodeapi

import (
	"context"
	"errors"

	"github.com/layeredpow/lamina/internal/node/chain"
	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv"
)

// reasons are BIP22's words for checks, as pools know them. Other checks go by their own name.
var reasons = map[string]string{
	spv.CheckWork: "high-hash", spv.CheckParentWork: "high-hash", spv.CheckDifficulty: "bad-diffbits", spv.CheckMedianTime: "time-too-old",
	spv.CheckFutureTime: "time-too-new", spv.CheckVersion: "bad-version", spv.CheckBlockRoot: "bad-txnmrklroot", spv.CheckBlockMutated: "bad-txns-duplicate",
	spv.CheckBlockCoinbase: "bad-cb-missing", spv.CheckBlockWitness: "bad-witness-merkle-match",
	consensus.CheckWeight: "bad-blk-weight", consensus.CheckSigOps: "bad-blk-sigops", consensus.CheckCoinbaseHeight: "bad-cb-height",
	consensus.CheckCoinbaseValue: "bad-cb-amount", consensus.CheckCoinbaseScript: "bad-cb-length", consensus.CheckFinal: "bad-txns-nonfinal",
	consensus.CheckCoin: "bad-txns-inputs-missingorspent", consensus.CheckMaturity: "bad-txns-premature-spend-of-coinbase",
	consensus.CheckScript: "mandatory-script-verify-flag-failed",
}

// blockReason words why a block is refused: a word that pools know, and what the check says.
func blockReason(err error) string {
	var check *spv.CheckError
	if !errors.As(err, &check) {
		return "rejected: " + err.Error()
	}
	word, ok := reasons[check.Name]
	if !ok {
		word = check.Name
	}
	return word + ": got " + check.Got + ", want " + check.Want
}

func submitBlock(ctx context.Context, n *Node, c *rpc.Call) (any, error) {
	p := n.Chain.Params()
	raw, err := c.Args.Hex(0, consensus.MaxBlock(p))
	if err != nil {
		return nil, err
	}
	if _, err := consensus.ParseBlock(p, raw); err != nil {
		return nil, rpc.Errorf(rpc.Undecodable, "%v", err)
	}
	if n.Loop == nil {
		return nil, off("the chain's loop")
	}
	result, err := n.Loop.Block(ctx, raw)
	var header *spv.HeaderError
	var block *chain.BlockError
	switch {
	case errors.As(err, &header), errors.As(err, &block):
		return blockReason(err), nil
	case err != nil:
		return nil, err
	}
	switch result.Status {
	case chain.Connected:
		return nil, nil
	case chain.Duplicate:
		return "duplicate", nil
	case chain.Orphan:
		return "prev-blk-not-found", nil
	}
	return "inconclusive: " + result.Status.String(), nil
}

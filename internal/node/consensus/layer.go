package consensus

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/layeredpow/lamina/spv"
)

// checkLayer judges what a layer block's coinbase states (protocol.md 3.1) and where that
// puts it over the L1 (R3 and the second half of R2, protocol.md 3.2).
func checkLayer(ctx *Context, h *body) (spv.Commitment, error) {
	c, err := commitment(h)
	if err != nil {
		return c, refuse(CheckCommitment, err.Error(), "exactly one layer commitment")
	}
	if c.Parent != nil {
		return c, refuse(CheckCommitment, "version 2", "version 1, as in a layer right over its L1")
	}
	if c.FilterHeader != ctx.FilterHeader {
		return c, refuse(CheckFilterHeader, c.FilterHeader.String(), ctx.FilterHeader.String())
	}
	if c.MMRRoot != ctx.MMRRoot {
		return c, refuse(CheckMMRRoot, c.MMRRoot.String(), ctx.MMRRoot.String())
	}
	if h.Aux == nil {
		return c, fmt.Errorf("%w: %w", ErrProof, refuse(spv.CheckAuxPoWPresent, "none", "a merged-mining proof"))
	}
	err = ctx.Params.Layer.CheckAnchor(c.Anchor, ctx.PrevAnchor, &h.Aux.Parent, ctx.L1, nil)
	var refused *spv.CheckError
	if errors.As(err, &refused) && refused.Name != spv.CheckAnchorOrder {
		return c, fmt.Errorf("%w: %w", ErrProof, err)
	}
	return c, err
}

// commitment reads the coinbase's commitment with the parser that light clients use.
func commitment(h *body) (spv.Commitment, error) {
	var raw bytes.Buffer
	mustWrite(h.Txs[0].SerializeNoWitness(&raw))
	coinbase, _, err := spv.ParseTx(raw.Bytes())
	if err != nil {
		return spv.Commitment{}, err
	}
	return spv.CoinbaseCommitment(&coinbase)
}

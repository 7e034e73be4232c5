package doctor

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/said"
)

// Block verifies a whole block as a light client can: its header and proof as Header
// does, that its transactions and witnesses are those that the header commits to, a
// signet's solution, and the form of a layer's commitment. It runs no other scripts and
// knows no amounts. The error says that the input is no block.
func Block(o Options, input []byte) (*Report, error) {
	raw, err := o.prepare(input)
	if err != nil {
		return nil, err
	}
	block, n, err := parseBlock(o.Rules, raw)
	if err != nil {
		return nil, err
	}
	return judgeBlock(&o, block, len(raw)-n), nil
}

func parseBlock(r *spv.Rules, raw []byte) (*spv.FullBlock, int, error) {
	if _, n, err := parseSealed(r, raw); err == nil && n == len(raw) {
		return nil, 0, fmt.Errorf("block: a header of %d bytes without transactions", n)
	}
	if bytes.HasPrefix(raw, r.Genesis[:]) {
		return spv.ParseBlock(raw, false) // a layer's genesis announces a proof that it does not have
	}
	return r.ParseBlock(raw)
}

func judgeBlock(o *Options, b *spv.FullBlock, trailing int) *Report {
	r := newReport(said.Of("block of %s", o.name()))
	judgeOne(o, &b.Sealed, r)
	b.CheckBody(&r.checks)
	if !isLayer(o.Rules) {
		r.allowTx64()
	}
	o.Rules.CheckSignetBlock(b, &r.checks)
	if isLayer(o.Rules) && b.Header != o.Rules.Genesis {
		r.commitment(b)
	}
	if b.HasExtension() {
		r.checks.SkipSaid(CheckTrailing, demand(CheckTrailing), said.Of("%d bytes of extension block, which only its own rules can judge", trailing))
	} else {
		r.trailing(o, trailing)
	}
	r.fact(said.Of("transactions"), said.Just(len(b.Txs)))
	r.conclude()
	r.diagnose(o, &b.Sealed)
	if r.Cause == nil && r.Verdict == Refuted {
		r.Cause = blockCause(b, r.Checks)
	}
	return r
}

// allowTx64 takes back the refusal of a transaction of 64 bytes, which only layers forbid: old blocks of other chains hold
// some. A coinbase in its place shows that what stands there are transactions and no inner nodes.
func (r *Report) allowTx64() {
	at := -1
	for i, c := range r.checks.Checks {
		switch {
		case c.Name == spv.CheckBlockCoinbase && c.Outcome != spv.Passed:
			return
		case c.Name == spv.CheckBlockTx64 && c.Outcome == spv.Failed:
			at = i
		}
	}
	if at >= 0 {
		r.warn(said.Of("%s has 64 bytes, which this chain allows: that it is in the block no merkle proof shows (CVE-2017-12842)",
			r.checks.Checks[at].GotSaid))
		r.checks.Checks = slices.Delete(r.checks.Checks, at, at+1)
	}
}

// commitment checks the form of a layer block's commitment to its anchor. Whether the
// anchor is the right one needs L1 headers.
func (r *Report) commitment(b *spv.FullBlock) {
	c, err := spv.Commitment{}, spv.ErrNoCommitment
	if len(b.Txs) > 0 {
		c, err = spv.CoinbaseCommitment(&b.Txs[0])
	}
	r.checks.CheckSaid(CheckCommitment, err == nil, func() (said.Sentence, said.Sentence) {
		want := said.Of("exactly one commitment output in the coinbase")
		if err != nil {
			return want, said.FromError(err)
		}
		return want, said.Of("anchor %s", c.Anchor)
	})
	if err == nil {
		r.checks.SkipSaid(spv.CheckAnchorBranch, demand(spv.CheckAnchorBranch), noL1)
		r.fact(said.Of("fee vote"), said.Just(fmt.Sprintf("%d sat/vB", c.FeeVote)))
		r.fact(said.Of("mmr root"), said.Just(c.MMRRoot))
	}
}

package doctor

import (
	"errors"
	"fmt"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/said"
)

// AuxPoW verifies a merged-mining proof: of a header, of a whole block (then also its
// transactions), or, with Options.ChildHash and Bits, one that came without its header. A
// header without a proof is verified by its own work, as its chain allows. The error says
// that the input is none of these.
func AuxPoW(o Options, input []byte) (*Report, error) {
	raw, err := o.prepare(input)
	if err != nil {
		return nil, err
	}
	if o.Rules.AuxPoW == nil {
		return nil, fmt.Errorf("%s is not merge-mined", o.Rules.Name)
	}
	if o.ChildHash != nil {
		return bareProof(&o, raw)
	}
	s, n, err := parseSealed(o.Rules, raw)
	if err != nil {
		return nil, err
	}
	if o.Foreign {
		o.Rules = belowVersionBits(o.Rules, &s.Header)
	}
	if s.Aux == nil && n < len(raw) {
		// A proof whose flag is clear is a mistake to be named, not a block.
		if proof, size, err := spv.ParseAuxPoW(raw[n:]); err == nil && n+size == len(raw) {
			s.Aux, n = proof, len(raw)
		}
	}
	if n < len(raw) {
		if block, size, err := spv.ParseBlock(raw, true); err == nil {
			return judgeBlock(&o, block, len(raw)-size), nil
		}
	}
	r := newReport(said.Of("merged-mining proof of %s", o.name()))
	if s.Aux == nil && !s.Header.HasAuxPoW() {
		r = newReport(said.Of("header of %s without a proof", o.name()))
	}
	judgeOne(&o, &s, r)
	r.trailing(&o, len(raw)-n)
	r.conclude()
	r.diagnose(&o, &s)
	return r, nil
}

// trailing reports bytes behind the object: a failure for the chains whose form we know.
func (r *Report) trailing(o *Options, n int) {
	if n == 0 {
		return
	}
	if o.Foreign {
		r.checks.SkipSaid(CheckTrailing, demand(CheckTrailing), said.Of("%d bytes that belong to the chain's own format", n))
		return
	}
	r.checks.CheckSaid(CheckTrailing, false, func() (said.Sentence, said.Sentence) { return demand(CheckTrailing), said.Of("%d bytes", n) })
}

// bareProof judges a proof by the child's id and bits alone.
func bareProof(o *Options, raw []byte) (*Report, error) {
	proof, n, err := spv.ParseAuxPoW(raw)
	if err != nil {
		return nil, err
	}
	if o.Bits == 0 {
		return nil, errors.New("proof without its header: the child's bits are missing")
	}
	r := newReport(said.Of("merged-mining proof for %s", o.name()))
	r.Subject.Hash = *o.ChildHash
	if o.Height >= 0 {
		r.Subject.Height = &o.Height
	}
	judgeBare(o, proof, &r.checks)
	r.trailing(o, len(raw)-n)
	r.fact(said.Of("bits"), said.Just(hex8(o.Bits)))
	r.describeProof(proof)
	r.conclude()
	if _, failed := r.Failure(); failed {
		r.Cause = findCause(&patient{
			o: o, rules: o.Rules, leaf: *o.ChildHash, bits: o.Bits, id: o.Rules.AuxPoW.ChainID, proof: proof,
		}, r.Checks)
	}
	return r, nil
}

// judgeBare applies the rules that do not need the child's header.
func judgeBare(o *Options, proof *spv.AuxPoW, rep *spv.Report) {
	target, ok := spv.ParseTarget(o.Bits)
	rep.CheckSaid(spv.CheckTarget, ok && !target.Gt(&o.Rules.PowLimit), func() (said.Sentence, said.Sentence) {
		return said.Of("a positive target, at most %s", targetText(&o.Rules.PowLimit)), said.Of("bits %s", hex8(o.Bits))
	})
	hash := o.Rules.Work.Sum((*[spv.HeaderSize]byte)(&proof.Parent))
	rep.CheckSaid(spv.CheckParentWork, ok && spv.Meets(&hash, &target), func() (said.Sentence, said.Sentence) {
		return said.Of("parent's work hash at most %s", targetText(&target)), said.Just(hash.String())
	})
	o.Rules.AuxPoW.CheckProof(*o.ChildHash, o.Rules.AuxPoW.ChainID, proof, rep)
	for _, name := range []string{spv.CheckChainID, spv.CheckDifficulty, spv.CheckMedianTime} {
		rep.SkipSaid(name, demand(name), said.Of("the child's header is not part of the input"))
	}
}

// hex8 and targetText write bits and targets: as text, which no language groups.
func hex8(bits uint32) string { return fmt.Sprintf("%08x", bits) }

func targetText(t *uint256.Int) string { return fmt.Sprintf("%064x", t.Bytes32()) }

package doctor

import (
	"errors"
	"fmt"

	"github.com/layeredpow/lamina/spv"
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
	r := &Report{Title: "merged-mining proof of " + o.Rules.Name}
	if s.Aux == nil && !s.Header.HasAuxPoW() {
		r.Title = "header of " + o.Rules.Name + " without a proof"
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
	got := fmt.Sprintf("%d bytes", n)
	if o.Foreign {
		r.checks.Skip(CheckTrailing, Explain(CheckTrailing), got+" that belong to the chain's own format")
		return
	}
	r.checks.Check(CheckTrailing, false, func() (string, string) { return Explain(CheckTrailing), got })
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
	r := &Report{Title: "merged-mining proof for " + o.Rules.Name, Subject: Subject{Hash: *o.ChildHash}}
	if o.Height >= 0 {
		r.Subject.Height = &o.Height
	}
	judgeBare(o, proof, &r.checks)
	r.trailing(o, len(raw)-n)
	r.fact("bits", "%08x", o.Bits)
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
	rep.Check(spv.CheckTarget, ok && !target.Gt(&o.Rules.PowLimit), func() (string, string) {
		return fmt.Sprintf("a positive target, at most %064x", o.Rules.PowLimit.Bytes32()), fmt.Sprintf("bits %08x", o.Bits)
	})
	hash := o.Rules.Work.Sum((*[spv.HeaderSize]byte)(&proof.Parent))
	rep.Check(spv.CheckParentWork, ok && spv.Meets(&hash, &target), func() (string, string) {
		return fmt.Sprintf("parent's work hash at most %064x", target.Bytes32()), hash.String()
	})
	o.Rules.AuxPoW.CheckProof(*o.ChildHash, o.Rules.AuxPoW.ChainID, proof, rep)
	for _, name := range []string{spv.CheckChainID, spv.CheckDifficulty, spv.CheckMedianTime} {
		rep.Skip(name, Explain(name), "the child's header is not part of the input")
	}
}

package doctor

import (
	"encoding/binary"
	"slices"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/pow"
	"github.com/layeredpow/lamina/spv/said"
)

// patient is a failing header or proof under examination.
type patient struct {
	o      *Options
	rules  *spv.Rules
	leaf   spv.Hash    // what the proof is to commit to
	header *spv.Header // nil where only the proof is at hand
	bits   uint32      // the child's
	id     int32       // chain id that decides the slot
	proof  *spv.AuxPoW // nil for a header's own work
}

// diagnose fills in the cause of the first failure that has one.
func (r *Report) diagnose(o *Options, s *spv.Sealed) {
	if r.Verdict != Refuted {
		return
	}
	p := &patient{o: o, rules: o.Rules, leaf: s.Header.ID(), header: &s.Header, bits: s.Header.Bits(), proof: s.Aux}
	if a := o.Rules.AuxPoW; a != nil {
		if p.id = a.ChainID; !a.StrictID {
			p.id = s.Header.ChainID()
		}
	}
	r.Cause = findCause(p, r.Checks)
}

// finders looks for the causes of each check's failure, most telling first. All of them
// recompute the proof with one mistake undone.
var finders = map[string][]func(*patient) *Cause{
	spv.CheckTarget:         {ownBytes, bitsReversed},
	spv.CheckChainID:        {versionOfOther},
	spv.CheckLegacyVersion:  {oldVersion},
	spv.CheckAuxPoWStart:    {beforeStart},
	spv.CheckAuxPoWFlag:     {flagClear},
	spv.CheckAuxPoWPresent:  {proofLost},
	spv.CheckWork:           {ownBytes, otherWork, tooLittleWork},
	spv.CheckParentWork:     {parentBytes, otherWork, childBitsReversed, parentBits, tooLittleWork},
	spv.CheckParentPlain:    {parentFlagged},
	spv.CheckParentChainID:  {parentOurs},
	spv.CheckCoinbasePlain:  {witnessKept},
	spv.CheckCoinbaseScript: {scriptLength},
	spv.CheckCoinbaseIndex:  {indexSet},
	spv.CheckCoinbaseRoot:   {parentBytes, witnessHashed, coinbaseBranch, coinbaseElsewhere},
	spv.CheckRootPresent:    {rootForm, childForm, branchForm, commitsElsewhere},
	spv.CheckRootMagic:      {magicBytes, magicTwice, magicApart, magicMissing},
	spv.CheckRootEarly:      {magicBytes, magicMissing},
	spv.CheckRootTail:       {tailMissing},
	spv.CheckTreeSize:       {sizeBytes, sizeMeaning},
	spv.CheckSlot:           {slotBytes, slotNonce, slotOfOther, slotArbitrary},
}

// needsProof are the checks whose finders look into the proof.
func needsProof(check string) bool {
	switch check {
	case spv.CheckTarget, spv.CheckChainID, spv.CheckLegacyVersion, spv.CheckAuxPoWPresent, spv.CheckWork:
		return false
	}
	return true
}

// findCause examines the failures in order and returns the first cause that it finds.
func findCause(p *patient, checks []spv.Check) *Cause {
	for _, c := range checks {
		if c.Outcome != spv.Failed || (p.proof == nil && needsProof(c.Name)) {
			continue
		}
		for _, find := range finders[c.Name] {
			if cause := find(p); cause != nil {
				return cause
			}
		}
	}
	return nil
}

// Causes lists the names of all causes, for documents.
func Causes() []string { return slices.Clone(causeNames) }

var causeNames = []string{
	"bits-byte-order", "version-of-other-chain", "version-byte-order", "version-without-chain-id", "before-start", "flag-clear", "proof-missing",
	"header-byte-order", "wrong-work-hash", "parent-bits-used", "too-little-work",
	"parent-byte-order", "parent-flagged", "parent-is-this-chain",
	"witness-kept", "witness-hashed", "script-length", "coinbase-index",
	"coinbase-branch-order", "coinbase-branch-bytes", "coinbase-branch-index", "coinbase-branch-includes-coinbase", "other-coinbase",
	"root-not-reversed", "root-word-order", "root-as-text", "root-outside-script",
	"child-hash-reversed", "child-work-hash", "chain-branch-order", "chain-branch-bytes", "chain-index-byte-order", "chain-index",
	"commitment-missing", "other-child",
	"magic-byte-order", "magic-twice", "magic-not-adjacent", "magic-missing",
	"tail-missing", "tree-size-byte-order", "tree-size-height", "tree-size-count", "tree-size-branch",
	"nonce-byte-order", "nonce-not-used", "slot-of-other-chain", "slot-arbitrary",
	"merkle-root-reversed", "merkle-root-of-wtxids",
}

// target returns the child's target.
func (p *patient) target() (uint256.Int, bool) { return spv.ParseTarget(p.bits) }

// meets tells whether a header would carry the work by the chain's own work hash.
func (p *patient) meets(h *spv.Header) bool {
	target, ok := p.target()
	hash := p.rules.Work.Sum((*[spv.HeaderSize]byte)(h))
	return ok && spv.Meets(&hash, &target)
}

// telling is whether meeting a target means something: on regtest every second hash does.
func telling(t *uint256.Int) bool { return t.BitLen() <= 248 }

// worker returns the header that has to carry the work.
func (p *patient) worker() *spv.Header {
	if p.proof != nil {
		return &p.proof.Parent
	}
	return p.header
}

// magic is the tag before a merged-mining root.
var magic = []byte{0xfa, 0xbe, 0x6d, 0x6d}

func reversed(h spv.Hash) spv.Hash {
	slices.Reverse(h[:])
	return h
}

// reversedWords swaps the bytes of each 32-bit word, as getwork did.
func reversedWords(b []byte) []byte {
	out := make([]byte, len(b))
	for i := 0; i+4 <= len(b); i += 4 {
		binary.BigEndian.PutUint32(out[i:], binary.LittleEndian.Uint32(b[i:]))
	}
	return out
}

func swap32(v uint32) uint32 {
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], v)
	return binary.BigEndian.Uint32(b[:])
}

// bitsReversed: the child's bits make sense only with their bytes in the other order.
func bitsReversed(p *patient) *Cause {
	t, ok := spv.ParseTarget(swap32(p.bits))
	if !ok || t.Gt(&p.rules.PowLimit) {
		return nil
	}
	return newCause("bits-byte-order",
		said.Of("bits %s spell no target of this chain, but %s do: their bytes are in the wrong order", hex8(p.bits), hex8(swap32(p.bits))),
		said.Of("write the bits as a little-endian uint32 into the header; give them as getblockheader shows them elsewhere"))
}

// childBitsReversed: the parent meets the target that the reversed bits spell.
func childBitsReversed(p *patient) *Cause {
	t, ok := spv.ParseTarget(swap32(p.bits))
	hash := p.rules.Work.Sum((*[spv.HeaderSize]byte)(&p.proof.Parent))
	if !ok || !telling(&t) || !spv.Meets(&hash, &t) {
		return nil
	}
	return bitsReversed(p)
}

// otherWork: the work is there by the other work hash.
func otherWork(p *patient) *Cause {
	target, ok := p.target()
	if !ok || !telling(&target) {
		return nil
	}
	for _, other := range []pow.Algorithm{pow.SHA256d, pow.Scrypt} {
		hash := other.Sum((*[spv.HeaderSize]byte)(p.worker()))
		if other == p.rules.Work || !spv.Meets(&hash, &target) {
			continue
		}
		return newCause("wrong-work-hash",
			said.Of("by %s the hash is %s and meets the target, but %s is measured by %s", other, hash, p.o.name(), p.rules.Work),
			said.Of("merge-mine with a chain whose work hash is %s, or name the right chain or work hash for this proof", p.rules.Work))
	}
	return nil
}

// parentBits: the parent meets its own, easier target instead of the child's.
func parentBits(p *patient) *Cause {
	own, ok := spv.ParseTarget(p.proof.Parent.Bits())
	target, known := p.target()
	hash := p.rules.Work.Sum((*[spv.HeaderSize]byte)(&p.proof.Parent))
	if !ok || !known || !own.Gt(&target) || !spv.Meets(&hash, &own) {
		return nil
	}
	return newCause("parent-bits-used",
		said.Of("the parent meets the target of its own bits %s, which is easier than that of the child's bits %s", hex8(p.proof.Parent.Bits()), hex8(p.bits)),
		said.Of("compare the parent's work hash with the child's target (the \"bits\" or \"_target\" of createauxblock) before submitting"))
}

// tooLittleWork says by how much the work falls short.
func tooLittleWork(p *patient) *Cause {
	target, ok := p.target()
	if !ok {
		return nil
	}
	hash := p.rules.Work.Sum((*[spv.HeaderSize]byte)(p.worker()))
	var value uint256.Int
	le := hash
	slices.Reverse(le[:])
	value.SetBytes32(le[:])
	var times uint256.Int
	times.Div(&value, &target)
	return newCause("too-little-work",
		said.Of("the work hash is %s times the target: a share of lower difficulty, or a header changed after it was mined", times.Dec()),
		said.Of("submit only what meets the child's target, with exactly the header bytes that were hashed"))
}

package proof

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/risk"
)

// The names of the checks besides those of spv and spv/merkle.
const (
	CheckForm     = "proof-form"
	CheckChain    = "proof-chain"
	CheckTx       = "proof-transaction"
	CheckLinked   = "headers-linked"
	CheckGenesis  = "genesis"
	CheckOwnChain = "own-chain"
	CheckL1       = "l1-headers"
)

// Chain is what the verifier holds of a chain: validated headers. *spv.Tree satisfies it.
type Chain interface {
	// Block returns the best chain's block at a height; false if it is not at hand.
	Block(height int32) (spv.Block, bool)
}

// Verify judges a file. Own returns what the verifier holds of a chain, by its name, or nil; it may be nil itself. Now is the clock
// in seconds since 1970, 0 to leave it out. Each rule that was applied is added to rep, which may be nil. A
// file that is refuted gives a *spv.CheckError and no claim; one that is not gives a claim, of which the assumptions are a part.
func Verify(file []byte, set *chains.Set, own func(chain string) Chain, now uint32, rep *spv.Report) (*Claim, error) {
	v := verifier{set: set, own: own, now: now, rep: rep, claim: &Claim{Assumptions: []Assumption{NoBetterChain, ScriptsValid}}}
	if own == nil {
		v.own = func(string) Chain { return nil }
	}
	if now == 0 {
		v.assume(ClockOpen)
	}
	var err error
	if v.p, err = Parse(file); err != nil {
		return nil, v.refused(refuse(CheckForm, "a payment proof in the documented form", err.Error()))
	}
	for _, step := range []func() error{v.chain, v.transaction, v.headers, v.l1, v.parents, v.anchor} {
		if err := step(); err != nil {
			return nil, v.refused(err)
		}
	}
	return v.claim, nil
}

type verifier struct {
	set   *chains.Set
	own   func(chain string) Chain
	now   uint32
	rep   *spv.Report
	claim *Claim

	p      *Payment
	params *chains.Params
	run    *run // of the payment's chain
	above  *run // of its L1; nil without
}

func (v *verifier) assume(a Assumption) { v.claim.Assumptions = append(v.claim.Assumptions, a) }

func (v *verifier) passed(name, want, got string) {
	if v.rep != nil {
		v.rep.Checks = append(v.rep.Checks, spv.Check{Name: name, Outcome: spv.Passed, Want: want, Got: got})
	}
}

func (v *verifier) refused(err error) error {
	var c *spv.CheckError
	if !errors.As(err, &c) {
		c = &spv.CheckError{Name: CheckForm, Want: "something that can be judged", Got: err.Error()}
	}
	if v.rep != nil {
		v.rep.Checks = append(v.rep.Checks, spv.Check{Name: c.Name, Outcome: spv.Failed, Want: c.Want, Got: c.Got})
	}
	return c
}

func (v *verifier) chain() error {
	for _, p := range v.set.All() {
		if p.NetID() == v.p.Chain {
			v.params, v.claim.Chain = p, p.Name
			v.passed(CheckChain, "a chain that is known here", p.Name)
			return nil
		}
	}
	return refuse(CheckChain, "a chain that is known here", "genesis "+v.p.Chain.String())
}

func (v *verifier) block() (spv.Block, *spv.Header) {
	i := v.p.Below
	h := &v.p.Headers[i].Header
	return spv.Block{Height: v.p.Height + int32(i), Hash: h.ID()}, h
}

func (v *verifier) transaction() error {
	tx, n, err := spv.ParseTx(v.p.Tx)
	if err != nil || n != len(v.p.Tx) || tx.HasWitness() || tx.Outputs() == 0 {
		return refuse(CheckTx, "one transaction with outputs, without witness", fmt.Sprintf("%d of %d bytes read, error: %v", n, len(v.p.Tx), err))
	}
	b, h := v.block()
	in := &v.p.Inclusion
	if in.Index == 0 {
		err = in.VerifyCoinbase(v.p.Tx, h.MerkleRoot())
	} else {
		err = in.Verify(v.p.Tx, h.MerkleRoot())
	}
	if err != nil {
		return err
	}
	c := v.claim
	c.TxID, c.Block, c.Time, c.Index = tx.ID(), b, h.Time(), in.Index
	tx.EachOutput(func(value int64, script []byte) bool {
		c.Outputs = append(c.Outputs, Output{Value: value, Script: bytes.Clone(script)})
		return true
	})
	v.passed("merkle-root", fmt.Sprintf("transaction %s at index %d of block %s", c.TxID, c.Index, b), "proved, with the coinbase at equal depth")
	return nil
}

// headers judges the payment's block and those above it: links, work, difficulty and times, and where the chain they are of is known from.
func (v *verifier) headers() error {
	plain := make([]spv.Header, len(v.p.Headers))
	for i := range plain {
		plain[i] = v.p.Headers[i].Header
	}
	rules := &v.params.Rules
	var err error
	if v.run, err = newRun(rules, v.p.Height, plain); err != nil {
		return err
	}
	c := v.claim
	c.Headers, _ = v.run.block(v.p.Height)
	for i := v.p.Below; i < len(plain); i++ {
		height := v.p.Height + int32(i)
		if height > 0 { // genesis is given
			if err := rules.CheckWork(&v.p.Headers[i], height, nil); err != nil {
				return at(height, err)
			}
		}
		b, _ := v.run.block(height)
		c.Confirmations = append(c.Confirmations, Confirmation{Block: b})
	}
	work := v.run.work(c.Block.Height)
	c.Work = work.Dec()
	v.passed(spv.CheckWork, "work or a merged-mining proof for each header", fmt.Sprintf("%d headers from %s up", len(c.Confirmations), c.Block))
	worked, err := v.below()
	if err != nil {
		return err
	}
	if c.Linked, err = v.judge(v.run, worked, c.Block.Height, DifficultyOpen); err != nil {
		return err
	}
	if c.Linked == Unlinked {
		v.assume(ChainGiven)
	}
	return nil
}

// below returns the height from which on the work of the run's headers is verified. Those below the payment's block carry their own, or
// none that is in the file.
func (v *verifier) below() (int32, error) {
	height := v.p.Height + int32(v.p.Below)
	if v.params.AuxPoW != nil {
		return height, nil
	}
	for height--; height >= max(v.p.Height, 1); height-- {
		if err := v.params.CheckWork(&v.p.Headers[height-v.p.Height], height, nil); err != nil {
			return 0, at(height, err)
		}
	}
	return v.p.Height, nil
}

// judge applies the rules that look at headers below to those whose work is verified, and finds what ties the run to its chain. Difficulties
// that it cannot tell of headers from a height upwards are left to assume.
func (v *verifier) judge(r *run, worked, from int32, open Assumption) (Link, error) {
	if genesis := r.rules.Genesis.ID(); r.first == 0 && r.ids[0] != genesis {
		return 0, refuse(CheckGenesis, genesis.String(), r.ids[0].String())
	}
	untold, err := r.checkContext(worked, v.now)
	if err != nil {
		return 0, err
	}
	untold = slices.DeleteFunc(untold, func(height int32) bool { return v.held(r.rules.Name, height) })
	judged := worked
	if n := len(untold); n > 0 { // with bits that nobody can tell, what follows may have any work
		judged = untold[n-1] + 1
	}
	link, err := v.link(r, judged)
	if err != nil {
		return 0, err
	}
	const rule = "the bits that the rule gives for each header"
	if untold = slices.DeleteFunc(untold, func(height int32) bool { return height < from }); len(untold) > 0 {
		v.assume(open)
		v.rep.Skip(spv.CheckDifficulty, rule, fmt.Sprintf("%s: headers below %d of them are not in the file", r.rules.Name, len(untold)))
	} else {
		v.passed(spv.CheckDifficulty, rule, r.rules.Name+": they have them")
	}
	if link == Unlinked {
		v.rep.Skip(CheckLinked, "a header that is known to be of "+r.rules.Name, "none")
	} else {
		v.passed(CheckLinked, "a header that is known to be of "+r.rules.Name, link.String())
	}
	return link, nil
}

// held tells whether the verifier has validated the header at a height himself; link has compared them.
func (v *verifier) held(chain string, height int32) bool {
	held := v.own(chain)
	if held == nil {
		return false
	}
	_, ok := held.Block(height)
	return ok
}

// link finds what ties a run to its chain, of which the headers from a height upwards were judged. Of the verifier's own headers each that
// is at hand must agree; genesis, which everybody has, ties nothing. A run that begins with genesis shows the chain whole, if it has the
// work that the chain has at least: anybody can mine a few easy blocks on top of genesis. One that holds a checkpoint is of the chain from
// there on, and below. What ties lies among the headers that were judged, or right below them: anybody can make up what is in between.
func (v *verifier) link(r *run, judged int32) (Link, error) {
	best := Unlinked
	if work := r.work(0); r.first == 0 && judged <= 1 && !work.Lt(&r.rules.MinimumWork) {
		best = Genesis
	}
	for _, c := range r.rules.Checkpoints { // checkContext has compared those that were judged
		if b, ok := r.block(c.Height); ok && b == c && c.Height >= judged-1 {
			best = Checkpoint
		}
	}
	held := v.own(r.rules.Name)
	if held == nil {
		return best, nil
	}
	for height := r.first; height < r.end(); height++ {
		b, _ := r.block(height)
		ours, ok := held.Block(height)
		if !ok {
			continue
		}
		if ours != b {
			return 0, refuse(CheckOwnChain, "block "+ours.String()+" of our best chain", b.Hash.String())
		}
		if height > 0 && height >= judged-1 {
			best = OwnChain
		}
	}
	return best, nil
}

func (v *verifier) l1() error {
	if v.params.AuxPoW == nil {
		if len(v.p.L1) > 0 {
			return refuse(CheckL1, "no L1 headers: "+v.params.Name+" is an L1", fmt.Sprint(len(v.p.L1)))
		}
		return nil
	}
	if len(v.p.L1) == 0 {
		v.rep.Skip(CheckL1, "L1 headers that hold the parents", "none")
		v.assume(L1Absent)
		return nil
	}
	l1 := v.set.L1Of(v.params)
	r, err := newRun(&l1.Rules, v.p.L1Height, v.p.L1)
	if err != nil {
		return err
	}
	for i := range v.p.L1 {
		if height := r.first + int32(i); height > 0 {
			if err := l1.CheckWork(&spv.Sealed{Header: v.p.L1[i]}, height, nil); err != nil {
				return at(height, err)
			}
		}
	}
	v.above = r
	c := v.claim
	c.L1 = l1.Name
	c.L1From, _ = r.block(r.first)
	c.L1To, _ = r.block(r.end() - 1)
	work := r.work(r.first)
	c.L1Work = work.Dec()
	v.passed(CheckL1, "work for each L1 header", fmt.Sprintf("%d headers, %s to %s", len(v.p.L1), c.L1From, c.L1To))
	if c.L1Linked, err = v.judge(r, r.first, r.first, L1Open); err != nil {
		return err
	}
	if c.L1Linked == Unlinked {
		v.assume(L1Given)
	}
	return nil
}

// parents places each merged-mining parent over the L1 headers.
func (v *verifier) parents() error {
	if v.params.AuxPoW == nil {
		return nil
	}
	open := 0
	for i := range v.claim.Confirmations {
		s := &v.p.Headers[v.p.Below+i]
		if s.Aux == nil {
			continue
		}
		c := &v.claim.Confirmations[i]
		id := s.Aux.Parent.ID()
		c.Parent, c.Class = &id, risk.Unknown
		if v.above == nil {
			continue
		}
		under, ok := v.above.Lookup(s.Aux.Parent.Prev())
		if !ok {
			open++
			continue
		}
		if v.params.AuxPoW.Layer {
			if err := spv.CheckParent(s, v.above, nil); errors.Is(err, spv.ErrPending) {
				open++
				continue
			} else if err != nil {
				return at(c.Block.Height, err)
			}
		}
		c.Under, c.Class = under, risk.Near
		if seal, ok := v.above.Lookup(id); ok {
			c.Class = risk.Seal
			v.claim.Seals++
			v.claim.SealDepth = max(v.claim.SealDepth, v.above.end()-seal.Height)
		}
	}
	if open > 0 {
		v.assume(ParentsOpen)
		v.rep.Skip(spv.CheckParentKnown, "each parent on an L1 block in the file, as the L1's rules want it",
			fmt.Sprintf("%d of %d cannot be judged", open, len(v.claim.Confirmations)))
	} else if v.above != nil {
		v.passed(spv.CheckParentKnown, "each parent on an L1 block in the file, as the L1's rules want it", fmt.Sprintf("%d seals", v.claim.Seals))
	}
	return nil
}

// anchor holds the payment's block to its place over the L1.
func (v *verifier) anchor() error {
	if v.params.Layer == nil {
		return nil
	}
	s := &v.p.Headers[v.p.Below]
	if v.claim.Block.Height == 0 {
		return nil
	}
	c, ok := v.p.commitment()
	if !ok {
		return refuse("layer-commitment", "one commitment in the block's coinbase", "none that can be read")
	}
	v.claim.Anchor = &c.Anchor
	if v.above == nil {
		return nil // stated already: L1Absent
	}
	err := v.params.Layer.CheckAnchor(c.Anchor, nil, &s.Aux.Parent, v.above, nil)
	if errors.Is(err, spv.ErrPending) {
		v.rep.Skip(spv.CheckAnchorBranch, "the anchor on the parent's branch", "L1 headers are not in the file")
		return nil
	}
	if err == nil {
		v.passed(spv.CheckAnchorBranch, "the anchor on the parent's branch, at the depth that the rules want", c.Anchor.String())
	}
	return err
}

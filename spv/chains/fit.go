package chains

import (
	"fmt"
	"strings"
)

// Add puts a chain that Parse returned into the set, after checking everything that depends
// on the chains that are there already: its parent must be one of them. The error is of
// type Problems; the set is then unchanged.
func (s *Set) Add(p *Params) error {
	f := fit{p: p}
	if other, taken := s.chains[p.Name]; taken {
		f.problem("chain.name", "taken by "+other.file+", want another name")
	}
	if p.Kind != L1 {
		s.checkParent(&f)
	}
	if err := f.problems.err(); err != nil {
		return err
	}
	s.chains[p.Name] = p
	return nil
}

// fit collects what is wrong with a chain in its place among others.
type fit struct {
	p        *Params
	problems Problems
}

func (f *fit) problem(key, text string) {
	e, ok := f.p.entries[key]
	if !ok {
		e.line = 1
	}
	f.problems = append(f.problems, Problem{f.p.file, e.line, key, e.text, text})
}

func (s *Set) checkParent(f *fit) {
	p := f.p
	parent, ok := s.chains[p.Parent]
	if !ok {
		f.problem("chain.parent", "no such chain, want one of "+strings.Join(s.Names(), ", "))
		return
	}
	if parent.Kind == AuxPoW || (p.Kind == AuxPoW && parent.Kind != L1) {
		f.problem("chain.parent", fmt.Sprintf("%s is of kind %s, want an l1 (or, for a layer, another layer)", parent.Name, parent.Kind))
		return
	}
	l1 := s.L1Of(parent)
	if p.Work != l1.Work {
		f.problem("chain.work", fmt.Sprintf("want %s, the work hash of its L1 %s", l1.Work, l1.Name))
	}
	if p.Network != parent.Network {
		f.problem("chain.network", fmt.Sprintf("want %s, the network of its parent %s", parent.Network, parent.Name))
	}
	if p.PowLimit.Lt(&l1.PowLimit) {
		f.problem("rules.pow_limit", fmt.Sprintf("want at least %x, the limit of its L1 %s", l1.PowLimit.Bytes32(), l1.Name))
	}
	checkUnit(f, parent)
	if p.Kind.Pegged() {
		checkPeg(f, parent)
	}
	for _, other := range append(s.stack(l1).Layers, l1) {
		checkNeighbour(f, other)
	}
}

// checkPeg: vaults stand on the L1 only; a layer holds value for its child chains itself.
func checkPeg(f *fit, parent *Params) {
	switch {
	case parent.Kind != L1 && f.p.Peg != nil:
		f.problem("[peg]", fmt.Sprintf("want none: %s is a layer and holds the value itself", parent.Name))
	case parent.Kind == L1 && f.p.Peg == nil:
		f.problem("[peg]", fmt.Sprintf("missing, want one for the vaults on %s", parent.Name))
	case parent.Kind == L1 && !parent.Address.Taproot:
		f.problem("chain.kind", fmt.Sprintf("want issued: %s has no taproot, which vaults are made of", parent.Name))
	}
}

// checkUnit: a peg neither rounds nor renames the fraction that it counts in.
func checkUnit(f *fit, parent *Params) {
	p := f.p
	switch p.Kind {
	case Native:
		if p.Unit.Decimals != parent.Unit.Decimals {
			f.problem("unit.decimals", fmt.Sprintf("want %d, as on %s", parent.Unit.Decimals, parent.Name))
		}
	case Fractional:
		if want := parent.Unit.Decimals + 3; p.Unit.Decimals != want {
			f.problem("unit.decimals", fmt.Sprintf("want %d, 3 more than %s", want, parent.Name))
		}
	}
}

// checkNeighbour: chains of one stack must be told apart by id and, where one of them is a
// layer, by genesis block and address prefix too. (Existing test networks share both.)
func checkNeighbour(f *fit, other *Params) {
	p := f.p
	if id, ok := other.ChainID(); ok && id == p.AuxPoW.ChainID {
		f.problem("auxpow.chain_id", "taken by "+other.Name+" of the same stack, want another id")
	}
	if !p.Kind.Layered() && !other.Kind.Layered() {
		return
	}
	if other.NetID() == p.NetID() {
		f.problem("genesis.hash", "same genesis block as "+other.Name+", want another time or message")
	}
	if p.Address.HRP != "" && p.Address.HRP == other.Address.HRP {
		f.problem("address.hrp", "taken by "+other.Name+" of the same stack, want another prefix")
	}
}

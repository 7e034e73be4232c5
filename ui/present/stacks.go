package present

import (
	"strings"

	"github.com/layeredpow/lamina/spv/chains"
)

// Group is the stacks of one kind of network.
type Group struct {
	Title  string
	Stacks []Stack
}

// Stack is an L1 with its layers as strata: the topmost first, the L1 last.
type Stack struct {
	Strata []Stratum
}

// Stratum is one chain in the picture of its stack.
type Stratum struct {
	Name  string // the chain's name, by which it is asked for
	Title string
	Level string // "L1", "L2", ...
	Facts string // kind and work in one line; spacing, unit and merged-mining id in another

	Depth int // levels over the L1
	Index int // place among the layers of the stack, for its colour
	Count int // number of layers of the stack
}

// Groups returns the stacks by how serious their money is.
func (x *Texts) Groups(stacks []chains.Stack) []Group {
	titles := []struct {
		network chains.Network
		title   string
	}{
		{chains.Main, x.t("Main networks")},
		{chains.Test, x.t("Test networks")},
		{chains.Dev, x.t("Development networks")},
		{chains.Regtest, x.t("Private test networks")},
	}
	var groups []Group
	for _, g := range titles {
		group := Group{Title: g.title}
		for _, s := range stacks {
			if s.L1.Network == g.network {
				group.Stacks = append(group.Stacks, x.stack(s))
			}
		}
		if len(group.Stacks) > 0 {
			groups = append(groups, group)
		}
	}
	return groups
}

// stack lays children directly on their parents.
func (x *Texts) stack(s chains.Stack) Stack {
	index := map[*chains.Params]int{}
	for i, p := range s.Layers {
		index[p] = i
	}
	var out Stack
	var lay func(p *chains.Params, depth int)
	lay = func(p *chains.Params, depth int) {
		for _, child := range s.Layers {
			if child.Parent == p.Name {
				lay(child, depth+1)
			}
		}
		out.Strata = append(out.Strata, Stratum{
			Name: p.Name, Title: p.Title, Level: level(depth), Facts: x.facts(p),
			Depth: depth, Index: index[p], Count: len(s.Layers),
		})
	}
	lay(s.L1, 0)
	return out
}

func level(depth int) string { return "L" + number(depth+1) }

func (x *Texts) facts(p *chains.Params) string {
	const dot = " \u00b7 "
	facts := []string{x.t("every {{.Time}}", words{"Time": duration(p.Spacing())}), p.Unit.Symbol}
	if id, ok := p.ChainID(); ok {
		facts = append(facts, x.t("id {{.ID}}", words{"ID": id}))
	}
	return x.kind(p.Kind) + dot + p.Work.String() + "\n" + strings.Join(facts, dot)
}

// kind names a kind in few words.
func (x *Texts) kind(k chains.Kind) string {
	switch k {
	case chains.L1:
		return x.t("own work")
	case chains.AuxPoW:
		return x.t("merge-mined")
	case chains.Native:
		return x.t("native layer")
	case chains.Issued:
		return x.t("issued layer")
	case chains.Fractional:
		return x.t("fractional layer")
	}
	return k.String()
}

// kindSentence says what a kind means.
func (x *Texts) kindSentence(k chains.Kind) string {
	switch k {
	case chains.L1:
		return x.t("An L1: it carries its own work, and others lie on it.")
	case chains.AuxPoW:
		return x.t("Merge-mined with its parent, under rules and with money of its own.")
	case chains.Native:
		return x.t("A layer whose money is its parent's, held there.")
	case chains.Issued:
		return x.t("A layer with money of its own.")
	case chains.Fractional:
		return x.t("A layer that counts its parent's money in thousandths of the smallest unit.")
	}
	return k.String()
}

func (x *Texts) network(n chains.Network) string {
	switch n {
	case chains.Main:
		return x.t("main, real money")
	case chains.Test:
		return x.t("public test network, worthless")
	case chains.Regtest:
		return x.t("private, blocks at will")
	case chains.Dev:
		return x.t("development, mined at a pace")
	}
	return n.String()
}

// Above names the layers that lie on the L1 of a stack.
func (x *Texts) Above(s Stack) string {
	var titles []string
	for _, stratum := range s.Strata[:len(s.Strata)-1] {
		titles = append(titles, stratum.Title)
	}
	if len(titles) == 0 {
		return x.t("No layer lies on it.")
	}
	return x.t("On it: {{.Titles}}.", words{"Titles": strings.Join(titles, ", ")})
}

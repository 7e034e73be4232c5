package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/spv/chains"
)

const chainsHelp = `List the chains that lamina knows: the built-in ones and those of --chains-dir.

  lamina chains
  lamina chains --chains-dir my-layer.toml --json
  lamina chains show dev
  lamina chains check my-layer.toml`

func (s *session) chains() *cobra.Command {
	c := group("chains", "list, show and check chains", chainsHelp, s.chainsShow(), s.chainsCheck())
	c.RunE = func(*cobra.Command, []string) error { return s.listChains() }
	return c
}

// chainRow is one line of the table of chains.
type chainRow struct {
	Name     string         `json:"name"`
	Title    string         `json:"title"`
	Network  chains.Network `json:"network"`
	Parent   string         `json:"parent,omitempty"`
	Work     string         `json:"work"`
	Spacing  uint32         `json:"spacing_seconds"`
	Kind     chains.Kind    `json:"kind"`
	Unit     string         `json:"unit"`
	Decimals int            `json:"decimals"`
	ChainID  *int32         `json:"chain_id,omitempty"`
}

func newChainRow(p *chains.Params) chainRow {
	row := chainRow{
		Name: p.Name, Title: p.Title, Network: p.Network, Parent: p.Parent, Work: p.Work.String(),
		Spacing: p.Spacing(), Kind: p.Kind, Unit: p.Unit.Symbol, Decimals: p.Unit.Decimals,
	}
	if id, ok := p.ChainID(); ok {
		row.ChainID = &id
	}
	return row
}

// listChains prints each stack, the L1 first.
func (s *session) listChains() error {
	a, err := s.open()
	if err != nil {
		return err
	}
	var rows []chainRow
	for _, stack := range a.Stacks() {
		rows = append(rows, newChainRow(stack.L1))
		for _, p := range stack.Layers {
			rows = append(rows, newChainRow(p))
		}
	}
	if s.json {
		return s.printJSON(rows)
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tPARENT\tWORK\tSPACING\tKIND\tUNIT\tMM ID")
	for _, r := range rows {
		id := "-"
		if r.ChainID != nil {
			id = fmt.Sprint(*r.ChainID)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d s\t%s\t%s\t%s\n", r.Name, dash(r.Parent), r.Work, r.Spacing, r.Kind, r.Unit, id)
	}
	return w.Flush()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

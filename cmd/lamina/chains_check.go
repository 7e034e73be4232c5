package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/spv/chains"
)

const chainsCheckHelp = `Check a chain file: its own text, and its place among the chains that lamina knows.

  lamina chains check my-layer.toml

Every problem names file, line, key and value and says what is allowed. The exit code is 1 for
a file with problems, 2 for one that cannot be read.`

func (s *session) chainsCheck() *cobra.Command {
	return &cobra.Command{
		Use: "check FILE", Short: "check a chain file", Long: chainsCheckHelp, Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return s.checkChain(args[0]) },
	}
}

// chainCheck is the result of checking one file.
type chainCheck struct {
	File     string          `json:"file"`
	OK       bool            `json:"ok"`
	Chain    *chainRow       `json:"chain,omitempty"`
	Genesis  string          `json:"genesis,omitempty"`
	Problems chains.Problems `json:"problems,omitempty"`
}

func (s *session) checkChain(path string) error {
	a, err := s.open()
	if err != nil {
		return err
	}
	p, err := a.AddChain(path)
	check := chainCheck{File: path, OK: err == nil}
	if err != nil && !errors.As(err, &check.Problems) {
		return unreadable(err, "give one chain file; docs/add-a-chain.md shows a whole one")
	}
	if check.OK {
		row := newChainRow(p)
		check.Chain, check.Genesis = &row, p.NetID().String()
	}
	return s.showChainCheck(&check)
}

func (s *session) showChainCheck(c *chainCheck) error {
	var result error
	if !c.OK {
		result = refuted
	}
	if s.json {
		return errors.Join(s.printJSON(c), result)
	}
	if !c.OK {
		s.printf("%v\n%s: %d problems\n", c.Problems, c.File, len(c.Problems))
		return result
	}
	s.printf("%s: good\n  name     %s\n  kind     %s\n  parent   %s\n  work     %s\n  genesis  %s\n",
		c.File, c.Chain.Name, c.Chain.Kind, dash(c.Chain.Parent), c.Chain.Work, c.Genesis)
	if c.Chain.ChainID != nil {
		s.printf("  mm id    %d\n", *c.Chain.ChainID)
	}
	return nil
}

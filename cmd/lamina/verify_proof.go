package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/rpc/walletapi"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/proof"
	"github.com/layeredpow/lamina/wallet/address"

	"github.com/spf13/cobra"
)

const verifyProofHelp = `Verify a payment proof, offline: what lamina prove has written.

  lamina verify proof payment.proof
  lamina verify proof payment.proof --json
  lamina verify proof payment.proof --data-dir ~/.lamina

It says what the file shows and what is left to assume; by itself a file cannot show that no better chain
was kept back. With --data-dir it is held to the header chains of that folder as well, which were checked
from genesis on: a block that is not on our best chain is refuted. Nothing is asked of the network.
Exit codes: 0 verified, 1 refuted, 2 input unreadable or wrong usage.`

func (s *session) verifyProof() *cobra.Command {
	var dir string
	c := oneInput("proof", "verify a payment proof", verifyProofHelp, func(file string) error {
		raw, err := s.read(file)
		if err != nil {
			return err
		}
		a, err := s.open()
		if err != nil {
			return err
		}
		got, err := s.checkProof(a, dir, raw)
		if err != nil {
			return explained(err)
		}
		return s.showProofCheck(a, &got)
	})
	c.Flags().StringVar(&dir, "data-dir", "", "folder whose header chains the proof is held to")
	return c
}

// checkProof judges a payment proof by itself or, if a folder is named, by what that holds.
func (s *session) checkProof(a *app.App, dir string, raw []byte) (got app.ProofCheck, err error) {
	if dir == "" {
		return a.CheckProof(raw)
	}
	p, err := proof.Parse(raw)
	if err != nil {
		return a.CheckProof(raw)
	}
	var names []string
	for _, c := range a.Chains() {
		if c.NetID() == p.Chain { // with its L1, which is followed along
			names = append(names, c.Name)
		}
	}
	if _, err := os.Stat(dir); err != nil { // else it would be made
		return got, unreadable(err, "lamina sync and lamina daemon make data folders")
	}
	b, err := s.backend(context.Background(), opening{dir: dir, chains: names, offline: true})
	if err != nil {
		return got, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	return b.CheckProof(context.Background(), raw)
}

func (s *session) showProofCheck(a *app.App, got *app.ProofCheck) error {
	if s.json {
		verdict := "verified"
		if got.Claim == nil {
			verdict = "refuted"
		}
		err := s.printJSON(map[string]any{"verdict": verdict, "error": got.Refuted, "claim": got.Claim, "checks": got.Checks})
		if err == nil && got.Claim == nil {
			err = refuted
		}
		return err
	}
	for i := range got.Checks {
		s.showCheck(&got.Checks[i])
	}
	if got.Claim == nil {
		return &failure{code: exitRefuted, err: errors.New(got.Refuted)}
	}
	return s.showClaim(a, got.Claim, got.Checks)
}

// showClaim prints what a payment proof shows, and what is left to assume.
func (s *session) showClaim(a *app.App, c *proof.Claim, checks []spv.Check) error {
	p, err := a.Chain(c.Chain)
	if err != nil {
		return err
	}
	unit := app.Unit{Symbol: p.Unit.Symbol, Decimals: p.Unit.Decimals}
	s.printf("\nverified: %d checks passed\n\n", passed(checks))
	s.printf("  %-14s %s\n  %-14s %s\n  %-14s %s, transaction %d\n", "chain", c.Chain, "transaction", c.TxID, "block", c.Block, c.Index)
	for _, out := range c.Outputs {
		to, err := address.Encode(p, out.Script)
		if err != nil {
			to = fmt.Sprintf("script %x", out.Script)
		}
		s.printf("  %-14s %s %s to %s\n", "pays", walletapi.FormatAmount(unit, out.Value), unit.Symbol, to)
	}
	s.printf("  %-14s %d, with %s expected hashes; headers tied to the chain by %s\n", "confirmations", len(c.Confirmations), c.Work, c.Linked)
	if c.L1 != "" {
		s.printf("  %-14s %s, headers %d to %d; %d confirmations are L1 blocks, the lowest %d deep\n", "over", c.L1, c.L1From.Height, c.L1To.Height, c.Seals, c.SealDepth)
	}
	if c.Anchor != nil {
		s.printf("  %-14s L1 block %s\n", "anchored to", c.Anchor)
	}
	for _, left := range c.Assumptions {
		s.printf("assumed: %s\n", left)
	}
	return nil
}

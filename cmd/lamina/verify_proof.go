package main

import (
	"fmt"

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

It says what the file shows and what is left to assume; it cannot know of a better chain that the file's
maker kept back. Exit codes: 0 verified, 1 refuted, 2 input unreadable or wrong usage.`

func (s *session) verifyProof() *cobra.Command {
	return oneInput("proof", "verify a payment proof", verifyProofHelp, func(file string) error {
		a, err := s.open()
		if err != nil {
			return err
		}
		raw, err := s.read(file)
		if err != nil {
			return err
		}
		claim, rep, err := a.VerifyPayment(raw)
		if rep == nil {
			return unreadable(err, "lamina prove writes payment proofs")
		}
		if s.json {
			verdict, cause := "verified", ""
			if err != nil {
				verdict, cause = "refuted", err.Error()
			}
			if bad := s.printJSON(map[string]any{"verdict": verdict, "error": cause, "claim": claim, "checks": rep.Checks}); bad != nil {
				return bad
			}
			if err != nil {
				return refuted
			}
			return nil
		}
		for i := range rep.Checks {
			s.showCheck(&rep.Checks[i])
		}
		if err != nil {
			return &failure{code: exitRefuted, err: err}
		}
		return s.showClaim(a, claim, rep)
	})
}

// showClaim prints what a payment proof shows, and what is left to assume.
func (s *session) showClaim(a *app.App, c *proof.Claim, rep *spv.Report) error {
	p, err := a.Chain(c.Chain)
	if err != nil {
		return err
	}
	unit := app.Unit{Symbol: p.Unit.Symbol, Decimals: p.Unit.Decimals}
	s.printf("\nverified: %d checks passed\n\n", passed(rep.Checks))
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

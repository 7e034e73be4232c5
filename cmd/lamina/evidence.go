package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
)

const evidenceHelp = `List why a payment, or the balance, is believed: what was checked, and what was not.

  lamina evidence TXID
  lamina evidence TXID --attacker 0.4 --size large
  lamina evidence balance
  lamina evidence TXID --json

For a payment it also tells the risk that it is undone, and how many confirmations are recommended
for a payment of its size, if an attacker has the given share of the L1's work. Exit code 1: a reason
turned out to be wrong.`

func (s *session) evidence() *cobra.Command {
	var f purseFlags
	attacker, size := 0.0, "normal"
	c := s.onPurse("evidence TXID|balance", "list why a payment is believed", evidenceHelp, cobra.ExactArgs(1), &f, wantMoney,
		func(ctx context.Context, d *desk, args []string) error {
			if !slices.Contains([]string{"small", "normal", "large"}, size) {
				return unreadable(fmt.Errorf("--size %q: want small, normal or large", size), "")
			}
			if err := checkAttacker(attacker); err != nil {
				return err
			}
			if args[0] == "balance" {
				e, err := d.BalanceEvidence(ctx, d.in)
				if err != nil {
					return err
				}
				return s.showEvidence(d, &e, nil, size)
			}
			id, err := txID(args[0])
			if err != nil {
				return err
			}
			e, err := d.Evidence(ctx, d.in, id)
			if err != nil {
				return err
			}
			risks, err := d.PaymentRisks(ctx, d.in, []spv.Hash{id}, attacker)
			if err != nil {
				return err
			}
			return s.showEvidence(d, &e, &risks[0], size)
		})
	addAttacker(c.Flags(), &attacker)
	c.Flags().StringVar(&size, "size", size, "how much the payment matters: small, normal or large")
	return c
}

// showEvidence prints the reasons and, of a payment, its risk.
func (s *session) showEvidence(d *desk, e *app.Evidence, r *app.PaymentRisk, size string) (err error) {
	var result error
	if slices.ContainsFunc(e.Legs, func(l app.Leg) bool { return l.State == app.LegBroken }) {
		result = refuted
	}
	if s.json {
		if r == nil {
			err = s.printJSON(e)
		} else {
			err = s.printWith(e, "risk", r)
		}
	} else {
		err = s.showLegs(d, e, r, size)
	}
	if err != nil {
		return err
	}
	return result
}

func (s *session) showLegs(d *desk, e *app.Evidence, r *app.PaymentRisk, size string) error {
	err := s.table("REASON\tSTATE\t", func(w io.Writer) {
		for _, l := range e.Legs {
			fmt.Fprintf(w, "%s\t%s\t%s\n", l.Name, l.State, shown(l.Text))
		}
	})
	if !e.Whole {
		s.printf("%s\n", s.red("the chain of reasons is not whole: see what is not checked"))
	}
	if r != nil {
		s.printf("%s\n", riskLine(r, size))
	}
	s.printf("%s\n", trustLine(&e.Trust))
	return err
}

// riskLine says how many confirmations there are of how many, and what risk is left. It is never a sum of money.
func riskLine(r *app.PaymentRisk, size string) string {
	line := "confirmations: " + ofRecommended(r.Depth, r.Waits, size)
	if r.Anchor != nil {
		line += "; L1 blocks on the anchor: " + ofRecommended(r.AnchorDepth, r.L1Waits, size)
	}
	line += fmt.Sprintf("; against %s of the L1's work", percent(r.Attacker))
	if r.Risk == nil {
		return line + "; risk unknown: " + r.Unknown
	}
	line += fmt.Sprintf("; risk now %.2g", *r.Risk)
	for _, l := range r.Later {
		if l.More == 1 || l.More == 6 {
			line += fmt.Sprintf(", after %d more %.2g", l.More, l.Risk)
		}
	}
	return line
}

// ofRecommended says "2 of 6 recommended".
func ofRecommended(depth int32, waits []app.Wait, size string) string {
	i := slices.IndexFunc(waits, func(w app.Wait) bool { return w.Size == size })
	switch {
	case i >= 0 && waits[i].Never:
		return fmt.Sprintf("%d, and no number suffices", depth)
	case i >= 0 && waits[i].Confirmations != nil:
		return fmt.Sprintf("%d of %d recommended", depth, *waits[i].Confirmations)
	}
	return fmt.Sprintf("%d of an unknown number", depth)
}

// red makes text red on a terminal, unless the user wants no colours (NO_COLOR).
func (s *session) red(text string) string {
	if _, plain := os.LookupEnv("NO_COLOR"); plain || !isTerminal(s.out) {
		return text
	}
	return "\x1b[31m" + text + "\x1b[0m"
}

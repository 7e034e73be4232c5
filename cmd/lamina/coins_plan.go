package main

import (
	"bytes"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/rpc/walletapi"
)

const coinsCombineHelp = `Combine many coins into one, in as many transactions as it takes.

  lamina coins combine --max-value 0.001 --dry-run
  lamina coins combine --max-value 0.001 --yes --password-file pw
  lamina coins combine --plans
  lamina coins combine --resume PLAN
  lamina coins combine --drop PLAN

What it costs now and saves later is shown first. A plan that was started is kept: --resume
goes on where it was, when what was sent has been confirmed. Nothing is sent twice.`

// combineFlags say what to combine, or which plan is meant.
type combineFlags struct {
	consentFlags
	filter       filterFlags
	future       string
	list         bool
	resume, drop string
}

func (s *session) coinsCombine() *cobra.Command {
	var f combineFlags
	c := s.onPurse("combine", "combine many coins into one", coinsCombineHelp, cobra.NoArgs, &f.purseFlags, wantMoney,
		func(ctx context.Context, d *desk, _ []string) error { return d.combine(ctx, &f) })
	f.consentFlags.add(c)
	_ = c.Flags().MarkHidden("key") // a plan is repeated by its id
	f.filter.add(c.Flags())
	c.Flags().StringVar(&f.future, "future-rate", "", "fee at which the coins would be spent later (default: what lamina fee calls normal)")
	c.Flags().BoolVar(&f.list, "plans", false, "list the plans that were started")
	c.Flags().StringVar(&f.resume, "resume", "", "go on with a plan")
	c.Flags().StringVar(&f.drop, "drop", "", "forget a plan; what was sent stays sent")
	c.MarkFlagsMutuallyExclusive("plans", "resume", "drop", "dry-run")
	return c
}

func (d *desk) combine(ctx context.Context, f *combineFlags) error {
	switch {
	case f.list:
		all, err := d.ListPlans(ctx, d.in)
		if err != nil {
			return err
		}
		return d.answer(ctx, map[string]any{"plans": append([]app.Plan{}, all...)}, func() {
			for i := range all {
				d.s.printf("%s", d.planText(&all[i]))
			}
		})
	case f.drop != "":
		if err := d.DropPlan(ctx, d.in, f.drop); err != nil {
			return err
		}
		return d.answer(ctx, map[string]any{"dropped": f.drop}, func() { d.s.printf("%s dropped\n", f.drop) })
	}
	plan, err := d.plan(ctx, f)
	if err != nil {
		return err
	}
	if f.dry {
		return d.answer(ctx, plan, func() { d.s.printf("%s", d.planText(&plan)) })
	}
	if err := d.s.confirm(ctx, f.yes, d.planText(&plan), "send this?"); err != nil {
		return err
	}
	password, err := d.password(ctx, &f.password)
	if err != nil {
		return err
	}
	defer password.Wipe()
	state, err := d.RunPlan(ctx, d.in, plan.ID, password, f.concerns())
	if err != nil {
		return err
	}
	for _, id := range state.Sent[max(0, len(state.Sent)-1):] {
		d.handOut(ctx, id, f.offline)
	}
	answer := struct {
		ID string `json:"plan"`
		app.PlanState
	}{plan.ID, state}
	return d.answer(ctx, answer, func() {
		for _, id := range state.Sent {
			d.s.printf("%s\n", id)
		}
		d.s.printf("%d of %d transactions sent\n", state.Done, state.Steps)
		for _, x := range state.Warnings {
			d.s.printf("stopped by a warning: %s: %s\n", x.Concern, shown(x.Text))
		}
		if len(state.Warnings) > 0 {
			d.s.printf("if you agree: lamina coins combine --resume %s, and --accept with the words before the colon\n", plan.ID)
		}
		if state.Waiting {
			d.s.printf("when they are confirmed: lamina coins combine --resume %s\n", plan.ID)
		}
	})
}

// plan makes the plan, or finds the one to go on with.
func (d *desk) plan(ctx context.Context, f *combineFlags) (app.Plan, error) {
	if f.resume != "" {
		all, err := d.ListPlans(ctx, d.in)
		for i := range all {
			if all[i].ID == f.resume {
				return all[i], err
			}
		}
		if err == nil {
			err = app.Coded(app.CodeMissing, "plan %q: there is none", f.resume)
		}
		return app.Plan{}, err
	}
	filter, err := f.filter.filter(d.unit)
	if err != nil {
		return app.Plan{}, err
	}
	r := app.CombineRequest{CoinFilter: filter}
	if r.Rate, err = feeRate(f.rate); err != nil {
		return app.Plan{}, err
	}
	if r.Future, err = feeRate(f.future); err != nil {
		return app.Plan{}, err
	}
	return d.PlanCombine(ctx, d.in, r)
}

func (d *desk) planText(p *app.Plan) string {
	var b bytes.Buffer
	w := tabular(&b)
	fmt.Fprintf(w, "plan\t%s\n", p.ID)
	fmt.Fprintf(w, "combines\t%d coins in %d transactions\n", p.Coins, len(p.Steps))
	fmt.Fprintf(w, "costs now\t%s at %s a virtual byte\n", d.amount(p.Cost), rateText(p.Rate))
	fmt.Fprintf(w, "costs later\t%s without it, %s with it, at %s a virtual byte\n", d.amount(p.Later), d.amount(p.Rest), rateText(p.Future))
	if p.Advice == app.AdviseNow {
		fmt.Fprintf(w, "advice\tnow: it costs %s less than spending the coins later\n", d.amount(p.Saving))
	} else {
		fmt.Fprintf(w, "advice\twait: it costs %s more than it saves\n", d.amount(-p.Saving))
	}
	if p.Left > 0 {
		fmt.Fprintf(w, "left alone\t%d coins that cost more than they hold, %s together\n", p.Left, d.amount(p.Lost))
	}
	fmt.Fprintf(w, "sent\t%d of %d\n", p.State.Done, p.State.Steps)
	_ = w.Flush()
	return b.String()
}

const coinsSplitHelp = `Split money into several coins of the wallet's own.

  lamina coins split --count 50
  lamina coins split --count 10 --amount 1
  lamina coins split --into 0.5 --into 0.25 --coin TXID:0`

func (s *session) coinsSplit() *cobra.Command {
	var f consentFlags
	var r app.SplitRequest
	var into []string
	var amount string
	var account accountFlag
	c := s.onSend("split", "split money into several coins", coinsSplitHelp, cobra.NoArgs, &f,
		func(ctx context.Context, d *desk, _ []string, rate int64) (app.Asked, error) {
			ask := r
			ask.Rate = rate
			var err error
			if ask.Account, err = account.richest(ctx, d, r.Coins); err != nil {
				return app.Asked{}, err
			}
			if amount != "" {
				if ask.Amount, err = walletapi.ParseAmount(d.unit, amount); err != nil {
					return app.Asked{}, unreadable(err, "")
				}
			}
			for _, text := range into {
				n, err := walletapi.ParseAmount(d.unit, text)
				if err != nil {
					return app.Asked{}, unreadable(err, "")
				}
				ask.Amounts = append(ask.Amounts, n)
			}
			return app.Asked{Split: &ask}, nil
		})
	flags := c.Flags()
	flags.IntVar(&r.Count, "count", 0, "how many equal coins")
	flags.StringVar(&amount, "amount", "", "sum to split with --count, whole coins (default: all)")
	flags.StringArrayVar(&into, "into", nil, "a coin to make, whole coins (repeatable)")
	flags.StringArrayVar(&r.Coins, "coin", nil, "split exactly this coin, TXID:INDEX (repeatable)")
	account.add(flags, "number of the account whose coins are split and made (default: the one with the most money)")
	c.MarkFlagsOneRequired("count", "into")
	c.MarkFlagsMutuallyExclusive("count", "into")
	return c
}

package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/rpc/walletapi"
	"github.com/layeredpow/lamina/spv"
)

const balanceHelp = `Add up a wallet's money by how far it can be relied on: on one chain, or on each that the wallet is on.

  lamina balance
  lamina balance --wallet main --chain dev --json
  lamina balance --offline
  lamina balance --chain dev --account 1`

func (s *session) balance() *cobra.Command {
	var f purseFlags
	var account accountFlag
	c := s.onPurse("balance", "add up the money", balanceHelp, cobra.NoArgs, &f, wantMoney,
		func(ctx context.Context, d *desk, _ []string) error {
			if account.number >= 0 {
				return d.showShare(ctx, &account)
			}
			b, err := d.Balance(ctx, d.in)
			if err != nil {
				return err
			}
			if s.json {
				return s.printWith(b, "total", b.Total())
			}
			return d.showBalance(b)
		})
	onChain := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if f.chain == "" && account.number < 0 {
			return s.balances(c.Context(), &f)
		}
		return onChain(c, args)
	}
	account.add(c.Flags(), "add up the account of this number alone")
	return c
}

// balances adds up a wallet's money on each of its chains.
func (s *session) balances(ctx context.Context, f *purseFlags) error {
	type balance struct {
		*app.Balance
		Total int64 `json:"total"`
	}
	return s.atCounter(ctx, f, func(ctx context.Context, k *counter) error {
		all := []balance{}
		for i, chain := range k.of.Chains {
			k.turn(chain)
			if _, err := k.state(ctx); err != nil { // a daemon need not follow it
				return err
			}
			b, err := k.Balance(ctx, k.in)
			if err != nil {
				return err
			}
			all = append(all, balance{&b, b.Total()})
			if s.json {
				continue
			}
			if i > 0 {
				s.printf("\n")
			}
			if err := k.showBalance(b); err != nil {
				return err
			}
		}
		switch {
		case !s.json:
			return nil
		case len(all) == 1:
			return s.printJSON(all[0])
		}
		return s.printJSON(map[string]any{"wallet": k.of.Name, "balances": all})
	})
}

func (d *desk) showBalance(b app.Balance) error {
	err := d.s.table(d.name()+"\t", func(w io.Writer) {
		for _, row := range []struct {
			name string
			n    int64
		}{{"confirmed", b.Confirmed}, {"own, unconfirmed", b.OwnUnconfirmed}, {"coming in", b.Unconfirmed}, {"immature", b.Immature},
			{"frozen", b.Frozen}, {"watch-only", b.WatchOnly}, {"bound to names", b.Names}} {
			if row.n != 0 || row.name == "confirmed" {
				fmt.Fprintf(w, "%s\t%s\n", row.name, d.amount(row.n))
			}
		}
		fmt.Fprintf(w, "spendable\t%s in %d coins\n", d.amount(b.Spendable), b.Coins)
	})
	d.s.printf("%s\n", trustLine(&b.Trust))
	return err
}

// showShare shows one account's part.
func (d *desk) showShare(ctx context.Context, account *accountFlag) error {
	part, err := d.share(ctx, account)
	if err != nil {
		return err
	}
	return d.answer(ctx, part, func() {
		d.s.printf("account %d: confirmed %s, spendable %s in %d coins, %s in all\n", part.Account, d.amount(part.Confirmed),
			d.amount(part.Spendable), part.Coins, d.amount(part.All))
	})
}

const historyHelp = `List payments, newest first, with how many confirmations each has of how many are recommended to
bring the risk that it is undone below 1 in 1,000.

  lamina history
  lamina history --count 20 --only pending
  lamina history --since 2026-01-01 --csv > payments.csv
  lamina history --search rent --json`

func (s *session) history() *cobra.Command {
	var f purseFlags
	var q app.HistoryQuery
	var since, until string
	var csv bool
	var attacker float64
	c := s.onPurse("history", "list payments", historyHelp, cobra.NoArgs, &f, wantMoney,
		func(ctx context.Context, d *desk, _ []string) error {
			for _, day := range []day{{"since", since, &q.Since}, {"until", until, &q.Until}} {
				if err := day.read(); err != nil {
					return err
				}
			}
			if csv {
				raw, err := d.ExportHistory(ctx, d.in, q)
				if err == nil {
					_, err = s.out.Write(raw)
				}
				return err
			}
			if err := checkAttacker(attacker); err != nil {
				return err
			}
			h, err := d.History(ctx, d.in, q)
			if err != nil {
				return err
			}
			waits, err := d.waitsFor(ctx, h.Rows, attacker)
			if err != nil {
				return err
			}
			if s.json {
				return s.printWith(h, "waits", waits)
			}
			err = s.table("TIME\tAMOUNT\tSTATE\tTRANSACTION\tLABEL", func(w io.Writer) {
				for i := range h.Rows {
					r := &h.Rows[i]
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.Time.UTC().Format("2006-01-02 15:04"), d.amount(r.Amount), standing(r, waits), r.ID, shown(r.Label))
				}
			})
			if len(h.Rows) < h.Total {
				s.printf("%d of %d; --from and --count show others\n", len(h.Rows), h.Total)
			}
			s.printf("%s\n", trustLine(&h.Trust))
			return err
		})
	flags := c.Flags()
	flags.IntVar(&q.From, "from", 0, "skip so many")
	flags.IntVar(&q.Count, "count", 100, "how many at most")
	addAttacker(flags, &attacker)
	flags.StringVar(&q.Search, "search", "", "part of a label, an id or an address")
	flags.StringVar(&q.Only, "only", "", "in, out, pending, confirmed, replaced, abandoned or void")
	flags.StringVar(&since, "since", "", "from this day on, YYYY-MM-DD")
	flags.StringVar(&until, "until", "", "before this day, YYYY-MM-DD")
	flags.BoolVar(&csv, "csv", false, "all of them as comma-separated values")
	c.MarkFlagsMutuallyExclusive("csv", "count")
	return c
}

// day is a flag that says a day.
type day struct {
	flag, text string
	to         *time.Time
}

func (d *day) read() (err error) {
	if d.text == "" {
		return nil
	}
	if *d.to, err = time.Parse(time.DateOnly, d.text); err != nil {
		return unreadable(fmt.Errorf("--%s %q: want YYYY-MM-DD", d.flag, d.text), "")
	}
	return nil
}

func stateOf(r *app.Row) string {
	switch {
	case r.Status != "confirmed" && r.DoubleSpend:
		return r.Status + ", double spend"
	case r.Status != "confirmed":
		return r.Status
	}
	return confirmations(r.Depth)
}

func confirmations(n int32) string {
	if n == 1 {
		return "1 confirmation"
	}
	return fmt.Sprintf("%d confirmations", n)
}

// shown makes text that others may have written safe for a terminal: no control characters.
func shown(text string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || (r >= 0x80 && r < 0xa0) || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) {
			return '?'
		}
		return r
	}, text)
}

const feeHelp = `Show what transactions pay, and where that is known from.

  lamina fee
  lamina fee --json`

func (s *session) fee() *cobra.Command {
	var f purseFlags
	return s.onPurse("fee", "show what transactions pay", feeHelp, cobra.NoArgs, &f, wantMoney,
		func(ctx context.Context, d *desk, _ []string) error {
			fees, err := d.Fees(ctx, d.in.Chain)
			if err != nil {
				return err
			}
			return d.answer(ctx, fees, func() {
				s.printf("low %s, normal %s, high %s, at least %s: base units per virtual byte\nfrom %s\n",
					rateText(fees.Low), rateText(fees.Normal), rateText(fees.High), rateText(fees.Least), shown(fees.Source))
			})
		})
}

// rateText writes a rate per 1000 virtual bytes as one per virtual byte.
func rateText(rate int64) string { return walletapi.FormatAmount(app.Unit{Decimals: 3}, rate) }

// lines writes the inputs or outputs of a transaction.
func (d *desk) lines(w io.Writer, name string, list []app.DraftLine) {
	for i := range list {
		l := &list[i]
		amount := "?"
		if l.Value != nil {
			amount = d.amount(*l.Value)
		}
		what := l.Address
		if what == "" {
			what = "script " + l.Script
		}
		switch {
		case strings.HasPrefix(l.Outpoint, spv.Hash{}.String()):
			amount, what = "", "new coins of its block"
		case l.Outpoint != "":
			what = l.Outpoint + " " + l.Address
		}
		var notes []string
		switch {
		case l.Change:
			notes = append(notes, "change")
		case l.Ours:
			notes = append(notes, "ours")
		}
		for _, note := range append([]string{l.State, l.Label}, l.Tags...) {
			if note != "" && note != "confirmed" && !slices.Contains(notes, note) {
				notes = append(notes, shown(note))
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", name, amount, what, strings.Join(notes, ", "))
	}
}

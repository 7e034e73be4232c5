package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
)

const txHelp = `Look at a payment, and change one that is still pending.

  lamina tx show TXID
  lamina tx bump TXID --rate 20
  lamina tx cancel TXID
  lamina tx cpfp TXID --rate 20
  lamina tx abandon TXID`

func (s *session) tx() *cobra.Command {
	return group("tx", "look at a payment, and change a pending one", txHelp, s.txShow(),
		s.txChange("bump", "pay a higher fee for a pending payment", txBumpHelp, func(c *app.Changed) app.Asked { return app.Asked{Bump: c} }),
		s.txChange("cancel", "take a pending payment back", txCancelHelp, func(c *app.Changed) app.Asked { return app.Asked{Cancel: c} }),
		s.txChange("cpfp", "pay for a pending payment with one that spends it", txCPFPHelp, func(c *app.Changed) app.Asked { return app.Asked{Raise: c} }),
		s.txAbandon())
}

const txShowHelp = `Show all that is known of a payment, and how many confirmations are recommended for it.

  lamina tx show TXID
  lamina tx show TXID --json`

func (s *session) txShow() *cobra.Command {
	var f purseFlags
	var attacker float64
	c := s.onPurse("show TXID", "show a payment", txShowHelp, cobra.ExactArgs(1), &f, wantMoney,
		func(ctx context.Context, d *desk, args []string) error {
			id, err := txID(args[0])
			if err != nil {
				return err
			}
			if err := checkAttacker(attacker); err != nil {
				return err
			}
			t, err := d.Transaction(ctx, d.in, id)
			if err != nil {
				return err
			}
			waits, err := d.waitsFor(ctx, []app.Row{t.Row}, attacker)
			if err != nil {
				return err
			}
			if s.json {
				return s.printWith(t, "waits", waits)
			}
			d.showTx(&t, waits)
			return nil
		})
	addAttacker(c.Flags(), &attacker)
	return c
}

// showTx prints all that is known of a payment.
func (d *desk) showTx(t *app.Transaction, waits []waitOf) {
	d.s.printf("%s\n", t.ID)
	w := tabular(d.s.out)
	fmt.Fprintf(w, "state\t%s\n", standing(&t.Row, waits))
	if t.Block != nil {
		fmt.Fprintf(w, "block\t%d\t%s\t\n", t.Block.Height, t.Block.Hash)
	}
	fmt.Fprintf(w, "time\t%s\n", t.Time.UTC().Format("2006-01-02 15:04:05 UTC"))
	fmt.Fprintf(w, "amount\t%s\n", d.amount(t.Amount))
	if t.Fee != nil && t.Rate != nil {
		fmt.Fprintf(w, "fee\t%s\t%s a virtual byte\t\n", d.amount(*t.Fee), rateText(*t.Rate))
	}
	if t.Label != "" {
		fmt.Fprintf(w, "label\t%s\n", shown(t.Label))
	}
	if t.ReplacedBy != nil {
		fmt.Fprintf(w, "replaced by\t%s\n", t.ReplacedBy)
	}
	d.lines(w, "from", t.Inputs)
	d.lines(w, "to", t.Outputs)
	if t.Block == nil {
		fmt.Fprintf(w, "seen by\t%s\n", seenText(t))
	}
	if len(t.Actions) > 0 {
		fmt.Fprintf(w, "can be tried\t%s\n", strings.Join(t.Actions, ", "))
	}
	if t.NoBump != "" {
		fmt.Fprintf(w, "no bump\t%s\n", shown(t.NoBump))
	}
	_ = w.Flush()
	d.s.printf("%s\n", trustLine(&t.Trust))
}

// seenText says who knows of a transaction that is in no block.
func seenText(t *app.Transaction) string {
	text := peersText(t.Seen)
	switch {
	case !t.Ours:
	case t.Private:
		text += fmt.Sprintf(", taken by %d that were told privately", t.Took)
	default:
		text += fmt.Sprintf(", fetched by %d of %d that were told", t.Took, t.Told)
	}
	return text
}

func txID(text string) (id spv.Hash, err error) {
	if len(text) != 2*len(id) || json.Unmarshal([]byte(`"`+text+`"`), &id) != nil {
		return id, unreadable(fmt.Errorf("%.80q: want a transaction's id, 64 hex digits", text), "lamina history lists them")
	}
	return id, nil
}

const txBumpHelp = `Replace a pending payment by one that pays a higher fee (BIP125).

  lamina tx bump TXID
  lamina tx bump TXID --rate 20 --yes --password-file pw`

const txCancelHelp = `Replace a pending payment by one that pays all of it back to the wallet. Whether it works
shows when one of the two gets into a block.

  lamina tx cancel TXID
  lamina tx cancel TXID --rate 20`

const txCPFPHelp = `Spend what a pending payment pays to the wallet, with a fee that is enough for both (child
pays for parent).

  lamina tx cpfp TXID --rate 20`

func (s *session) txChange(use, short, long string, asked func(*app.Changed) app.Asked) *cobra.Command {
	var f consentFlags
	return s.onSend(use+" TXID", short, long, cobra.ExactArgs(1), &f,
		func(_ context.Context, _ *desk, args []string, rate int64) (app.Asked, error) {
			id, err := txID(args[0])
			return asked(&app.Changed{ID: id, Rate: rate}), err
		})
}

const txAbandonHelp = `Give up a pending payment: what it spends is free again. It is not taken back from those
who have it; lamina tx cancel is the surer way.

  lamina tx abandon TXID`

func (s *session) txAbandon() *cobra.Command {
	var f purseFlags
	var yes bool
	c := s.onPurse("abandon TXID", "give up a pending payment", txAbandonHelp, cobra.ExactArgs(1), &f, wantMoney,
		func(ctx context.Context, d *desk, args []string) error {
			id, err := txID(args[0])
			if err != nil {
				return err
			}
			if err := s.confirm(ctx, yes, "whoever has "+id.String()+" can still have it confirmed\n", "give it up?"); err != nil {
				return err
			}
			if err := d.Abandon(ctx, d.in, id); err != nil {
				return err
			}
			return d.answer(ctx, map[string]any{"abandoned": id}, func() { s.printf("%s abandoned\n", id) })
		})
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

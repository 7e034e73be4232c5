package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/rpc/walletapi"
)

// consentFlags are those of every command that sends something.
type consentFlags struct {
	purseFlags
	password secretFlags
	yes      bool
	dry      bool
	accept   []string
	key      string
	rate     string
	private  bool // of send and its like alone
}

func (f *consentFlags) add(c *cobra.Command) {
	flags := c.Flags()
	f.password.add(flags, "password")
	flags.BoolVar(&f.yes, "yes", false, "do not ask")
	flags.BoolVar(&f.dry, "dry-run", false, "show what would be sent, and send nothing")
	flags.StringArrayVar(&f.accept, "accept", nil, "warning to agree to, by the words before its colon (repeatable)")
	flags.StringVar(&f.key, "key", "", "sending once more with the same key, whatever happened, pays nothing twice")
	flags.StringVar(&f.rate, "rate", "", "fee in base units per virtual byte (default: what lamina fee calls normal)")
}

// concerns returns the words of --accept, in which hyphens may stand for spaces.
func (f *consentFlags) concerns() (out []string) {
	for _, a := range f.accept {
		out = append(out, strings.ReplaceAll(a, "-", " "))
	}
	return out
}

// onSend is onPurse for a command that plans a transaction and sends it.
func (s *session) onSend(use, short, long string, args cobra.PositionalArgs, f *consentFlags,
	ask func(context.Context, *desk, []string, int64) (app.Asked, error)) *cobra.Command {
	c := s.onPurse(use, short, long, args, &f.purseFlags, wantMoney, func(ctx context.Context, d *desk, args []string) error {
		rate, err := feeRate(f.rate)
		if err != nil {
			return err
		}
		asked, err := ask(ctx, d, args, rate)
		if err != nil {
			return err
		}
		if f.key != "" && !f.dry { // the coins of a repetition are spent: it may be that nothing can be planned any more
			before, err := d.Sent(ctx, d.in, f.key, asked)
			if err != nil {
				return err
			}
			if before != nil {
				return d.showSent(ctx, before, f.offline)
			}
		}
		draft, err := d.draft(ctx, &asked)
		if err != nil {
			return err
		}
		return d.send(ctx, f, &draft)
	})
	f.add(c)
	c.Flags().BoolVar(&f.private, "private", false, "tell peers over connections of their own, one at a time, instead of those that are kept; slower")
	return c
}

// draft plans what is asked.
func (d *desk) draft(ctx context.Context, a *app.Asked) (app.Draft, error) {
	switch {
	case a.Split != nil:
		return d.Split(ctx, d.in, *a.Split)
	case a.Bump != nil:
		return d.Bump(ctx, d.in, a.Bump.ID, a.Bump.Rate)
	case a.Cancel != nil:
		return d.Cancel(ctx, d.in, a.Cancel.ID, a.Cancel.Rate)
	case a.Raise != nil:
		return d.Raise(ctx, d.in, a.Raise.ID, a.Raise.Rate)
	}
	return d.Draft(ctx, d.in, *a.Payment)
}

// send shows a draft, has it confirmed and sends it.
func (d *desk) send(ctx context.Context, f *consentFlags, draft *app.Draft) error {
	if f.dry {
		return d.answer(ctx, draft, func() { d.s.printf("%s", d.draftText(draft)) })
	}
	if err := agreed(draft.Warnings, f.concerns()); err != nil {
		return errors.Join(err, d.Discard(ctx, draft.ID))
	}
	if err := d.s.confirm(ctx, f.yes, d.draftText(draft), "send this?"); err != nil {
		return errors.Join(err, d.Discard(ctx, draft.ID))
	}
	password, err := d.password(ctx, &f.password)
	if err != nil {
		return err
	}
	defer password.Wipe()
	sent, err := d.Send(ctx, app.SendRequest{Draft: draft.ID, Password: password, Consent: f.concerns(), Key: f.key, Private: f.private})
	if err != nil {
		return err
	}
	return d.showSent(ctx, &sent, f.offline)
}

// agreed wants consent to every warning.
func agreed(warnings []app.Warning, accepted []string) error {
	var open []string
	for _, w := range warnings {
		ok := false
		for _, a := range accepted {
			ok = ok || a == w.Concern
		}
		if !ok {
			open = append(open, w.Concern+": "+w.Text)
		}
	}
	if open == nil {
		return nil
	}
	return app.Coded(app.CodeConsent, "%s", strings.Join(open, "; "))
}

// showSent prints what was sent, and stays until the network has it.
func (d *desk) showSent(ctx context.Context, sent *app.Sent, offline bool) error {
	if !sent.Repeated {
		d.handOut(ctx, sent.ID, offline)
	}
	return d.answer(ctx, sent, func() {
		d.s.printf("%s\nfee %s\n", sent.ID, d.amount(sent.Fee))
		switch {
		case sent.Repeated:
			d.s.printf("note: it was sent before; nothing was sent now\n")
		case offline:
			d.s.printf("note: it is kept, and told to the network the next time that a command or the daemon runs with it\n")
		}
	})
}

// draftText shows a draft to whoever is to agree to it.
func (d *desk) draftText(p *app.Draft) string {
	var b bytes.Buffer
	w := tabular(&b)
	fmt.Fprintf(w, "%s\t\t\t\n", d.name())
	d.lines(w, "from", p.Inputs)
	d.lines(w, "to", p.Outputs)
	fmt.Fprintf(w, "paid\t%s\t\t\n", d.amount(p.Paid))
	fmt.Fprintf(w, "fee\t%s\t%s a virtual byte, %d virtual bytes\t\n", d.amount(p.Fee), rateText(p.Rate), p.VSize)
	for _, id := range p.Replaces {
		fmt.Fprintf(w, "replaces\t%s\t\t\n", id)
	}
	_ = w.Flush()
	for _, x := range p.Warnings {
		fmt.Fprintf(&b, "warning: %s: %s\n", x.Concern, shown(x.Text))
	}
	return b.String()
}

// paymentFlags are what send and sendmany have in common, besides consent.
type paymentFlags struct {
	coins   []string
	label   string
	data    string
	account accountFlag
}

func (f *paymentFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringArrayVar(&f.coins, "coin", nil, "spend exactly this coin, TXID:INDEX (repeatable)")
	flags.StringVar(&f.label, "label", "", "label for the payment")
	f.account.add(flags, "number of the account that pays (default: all of them)")
	flags.StringVar(&f.data, "data", "", "hexadecimal, 80 bytes at most: an output that carries it")
}

// asked is a payment of the desk's wallet.
func (f *paymentFlags) asked(ctx context.Context, d *desk, rate int64, to []app.Recipient) (app.Asked, error) {
	rows, err := f.account.rows(ctx, d, "")
	return app.Asked{Payment: &app.Payment{To: to, Data: f.data, Rate: rate, Coins: f.coins, Label: f.label, Accounts: rows}}, err
}

const sendHelp = `Pay to an address, or what a payment request (BIP21) asks for. Amounts are whole coins.

  lamina send ADDRESS 0.5
  lamina send ADDRESS max --label rent
  lamina send "SCHEME:ADDRESS?amount=0.5"
  lamina send ADDRESS 0.5 --yes --password-file pw --key "order 17" --json
  lamina send ADDRESS 0.5 --dry-run

The payment is shown and has to be confirmed, unless --yes is given. Warnings want
--accept, also with --yes. The coins of all accounts pay, unless --account names one.

With --private the peers that serve this wallet are not told: one other peer at a time is,
over a connection made for it alone. Without --proxy that still comes from your address.`

func (s *session) send() *cobra.Command {
	var f consentFlags
	var p paymentFlags
	var paysFee bool
	c := s.onSend("send ADDRESS [AMOUNT]", "pay to an address", sendHelp, cobra.RangeArgs(1, 2), &f,
		func(ctx context.Context, d *desk, args []string, rate int64) (app.Asked, error) {
			to, err := d.recipient(ctx, args)
			if err != nil {
				return app.Asked{}, err
			}
			to.PaysFee = paysFee
			return p.asked(ctx, d, rate, []app.Recipient{to})
		})
	p.add(c)
	c.Flags().BoolVar(&paysFee, "subtract-fee", false, "the fee comes out of the amount")
	return c
}

// recipient reads an address or a request, and the amount if the request does not say it.
func (d *desk) recipient(ctx context.Context, args []string) (app.Recipient, error) {
	asked, err := d.ParseURI(ctx, d.in.Chain, args[0])
	if err != nil {
		return app.Recipient{}, err
	}
	to := app.Recipient{Address: asked.Address, Label: asked.Label}
	switch {
	case len(args) == 1 && asked.Amount == nil:
		return to, unreadable(errors.New("amount: neither the command nor the request says one"), "lamina send ADDRESS AMOUNT, in whole coins, or max")
	case len(args) == 1:
		to.Amount = *asked.Amount
	case args[1] == "max":
		to.Max = true
	default:
		if to.Amount, err = walletapi.ParseAmount(d.unit, args[1]); err != nil {
			return to, unreadable(err, "amounts are whole coins, such as 0.5")
		}
	}
	if len(args) == 2 && asked.Amount != nil && (to.Max || to.Amount != *asked.Amount) {
		return to, unreadable(fmt.Errorf("amount %s: the request asks for %s", args[1], d.amount(*asked.Amount)), "leave the amount out, or give the address alone")
	}
	return to, nil
}

const sendManyHelp = `Pay to many in one transaction. The file has a line for each: address, amount in whole
coins, and a label or nothing.

  lamina sendmany payments.csv
  lamina sendmany - --yes --password-file pw < payments.csv`

func (s *session) sendMany() *cobra.Command {
	var f consentFlags
	var p paymentFlags
	c := s.onSend("sendmany FILE", "pay to many in one transaction", sendManyHelp, cobra.ExactArgs(1), &f,
		func(ctx context.Context, d *desk, args []string, rate int64) (app.Asked, error) {
			to, err := d.batch(args[0])
			if err != nil {
				return app.Asked{}, err
			}
			return p.asked(ctx, d, rate, to)
		})
	p.add(c)
	return c
}

// batch reads the payments of a file.
func (d *desk) batch(name string) ([]app.Recipient, error) {
	chain, err := d.s.chain(d.in.Chain)
	if err != nil {
		return nil, err
	}
	from := d.s.in
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, unreadable(err, "give a file, or - for standard input")
		}
		defer f.Close()
		from = f
	}
	to, err := walletapi.ReadBatch(chain, from)
	if err != nil {
		return nil, unreadable(fmt.Errorf("%s: %w", name, err), "")
	}
	return to, nil
}

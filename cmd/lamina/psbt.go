package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
)

const psbtHelp = `Work on partially signed transactions (BIP174) with others. A file holds one, in base64 or
as bytes.

  lamina psbt create ADDRESS 0.5 > payment.psbt
  lamina psbt show payment.psbt
  lamina psbt sign payment.psbt --password-file pw > signed.psbt
  lamina psbt combine one.psbt two.psbt > both.psbt
  lamina psbt finalize both.psbt --send`

func (s *session) psbt() *cobra.Command {
	return group("psbt", "work on partially signed transactions", psbtHelp, s.psbtCreate(), s.psbtShow(), s.psbtSign(), s.psbtCombine(), s.psbtFinalize())
}

// packet reads a PSBT from a file: base64, or the bytes themselves.
func (s *session) packet(name string) (string, error) {
	raw, err := s.read(name)
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(string(raw), "psbt\xff") {
		return base64.StdEncoding.EncodeToString(raw), nil
	}
	return strings.TrimSpace(string(raw)), nil
}

// alone prints a text with nothing about it, for a file; as JSON, v with the trust that it deserves.
func (d *desk) alone(ctx context.Context, v any, text string) error {
	if d.s.json {
		return d.answer(ctx, v, nil)
	}
	d.s.printf("%s\n", text)
	return nil
}

const psbtCreateHelp = `Plan a payment and print it as a PSBT.

  lamina psbt create ADDRESS 0.5
  lamina psbt create ADDRESS max --coin TXID:0 --rate 2.5`

func (s *session) psbtCreate() *cobra.Command {
	var f purseFlags
	var p paymentFlags
	var rate string
	c := s.onPurse("create ADDRESS AMOUNT", "plan a payment as a PSBT", psbtCreateHelp, cobra.RangeArgs(1, 2), &f, wantMoney,
		func(ctx context.Context, d *desk, args []string) error {
			r, err := feeRate(rate)
			if err != nil {
				return err
			}
			to, err := d.recipient(ctx, args)
			if err != nil {
				return err
			}
			asked, err := p.asked(ctx, d, r, []app.Recipient{to})
			if err != nil {
				return err
			}
			draft, err := d.draft(ctx, &asked)
			if err != nil {
				return err
			}
			text, err := d.DraftPacket(ctx, draft.ID)
			if err != nil {
				return err
			}
			return d.alone(ctx, struct {
				Text  string    `json:"psbt"`
				Draft app.Draft `json:"draft"`
			}{text, draft}, text)
		})
	p.add(c)
	c.Flags().StringVar(&rate, "rate", "", "fee in base units per virtual byte (default: what lamina fee calls normal)")
	return c
}

const psbtShowHelp = `Show what a PSBT does, as far as the wallet can tell, and what it claims.

  lamina psbt show payment.psbt
  lamina psbt show - --json < payment.psbt`

func (s *session) psbtShow() *cobra.Command {
	var f purseFlags
	return s.onPurse("show FILE", "show what a PSBT does", psbtShowHelp, cobra.ExactArgs(1), &f, wantMoney,
		func(ctx context.Context, d *desk, args []string) error {
			text, err := s.packet(args[0])
			if err != nil {
				return err
			}
			p, err := d.ShowPacket(ctx, d.in, text)
			if err != nil {
				return err
			}
			return d.answer(ctx, p, func() { s.printf("%s", d.packetText(&p)) })
		})
}

func (d *desk) packetText(p *app.Packet) string {
	var b strings.Builder
	w := tabular(&b)
	fmt.Fprintf(w, "%s\t\t\t\n", p.ID)
	d.lines(w, "from", p.Inputs)
	d.lines(w, "to", p.Outputs)
	fee := "not known: the value of an input is not stated"
	if p.Fee != nil {
		fee = d.amount(*p.Fee)
	}
	fmt.Fprintf(w, "fee\t%s\t\t\n", fee)
	for i, n := range p.Signed {
		text := fmt.Sprintf("%d signatures", n)
		if n < 0 {
			text = "final"
		}
		fmt.Fprintf(w, "input %d\t%s\t\t\n", i, text)
	}
	fmt.Fprintf(w, "complete\t%s\t\t\n", yesNo(p.Complete, "yes", "no"))
	_ = w.Flush()
	return b.String()
}

const psbtSignHelp = `Add the signatures that the wallet can make, after showing what is signed.

  lamina psbt sign payment.psbt > signed.psbt
  lamina psbt sign payment.psbt --yes --password-file pw`

func (s *session) psbtSign() *cobra.Command {
	var f purseFlags
	var password secretFlags
	var yes bool
	c := s.onPurse("sign FILE", "add the wallet's signatures", psbtSignHelp, cobra.ExactArgs(1), &f, wantMoney,
		func(ctx context.Context, d *desk, args []string) error {
			text, err := s.packet(args[0])
			if err != nil {
				return err
			}
			p, err := d.ShowPacket(ctx, d.in, text)
			if err != nil {
				return err
			}
			if err := s.confirm(ctx, yes, d.packetText(&p), "sign this?"); err != nil {
				return err
			}
			given, err := d.password(ctx, &password)
			if err != nil {
				return err
			}
			defer given.Wipe()
			if p, err = d.SignPacket(ctx, d.in, text, given); err != nil {
				return err
			}
			if !s.json {
				fmt.Fprintf(s.err, "%d signatures added, %s\n", p.Added, yesNo(p.Complete, "complete", "not complete"))
			}
			return d.alone(ctx, p, p.Text)
		})
	password.add(c.Flags(), "password")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

const psbtCombineHelp = `Join PSBTs of one transaction that several have signed.

  lamina psbt combine one.psbt two.psbt > both.psbt`

func (s *session) psbtCombine() *cobra.Command {
	var f purseFlags
	return s.onPurse("combine FILE FILE...", "join PSBTs of one transaction", psbtCombineHelp, cobra.MinimumNArgs(2), &f, wantRecords,
		func(ctx context.Context, d *desk, args []string) error {
			var all []string
			for _, name := range args {
				text, err := s.packet(name)
				if err != nil {
					return err
				}
				all = append(all, text)
			}
			text, err := d.CombinePackets(ctx, all)
			if err != nil {
				return err
			}
			return d.alone(ctx, map[string]any{"psbt": text}, text)
		})
}

const psbtFinalizeHelp = `Finish a PSBT and print the transaction in hexadecimal, or send it.

  lamina psbt finalize both.psbt
  lamina psbt finalize both.psbt --send --yes`

func (s *session) psbtFinalize() *cobra.Command {
	var f purseFlags
	var send, yes bool
	c := s.onPurse("finalize FILE", "finish a PSBT", psbtFinalizeHelp, cobra.ExactArgs(1), &f, wantMoney,
		func(ctx context.Context, d *desk, args []string) error {
			text, err := s.packet(args[0])
			if err != nil {
				return err
			}
			if send {
				return d.sendPacket(ctx, text, yes, f.offline)
			}
			raw, err := d.FinishPacket(ctx, text)
			if err != nil {
				return err
			}
			return d.alone(ctx, map[string]any{"hex": raw}, raw)
		})
	c.Flags().BoolVar(&send, "send", false, "send it; it must spend coins of the wallet")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

func (d *desk) sendPacket(ctx context.Context, text string, yes, offline bool) error {
	p, err := d.ShowPacket(ctx, d.in, text)
	if err != nil {
		return err
	}
	if err := d.s.confirm(ctx, yes, d.packetText(&p), "send this?"); err != nil {
		return err
	}
	sent, err := d.SendPacket(ctx, d.in, text)
	if err != nil {
		return err
	}
	return d.showSent(ctx, &sent, offline)
}

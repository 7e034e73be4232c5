package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
)

const pegHelp = `Move money between an L1 and the layers whose money is pegged to it.

  lamina settle trust dev-native                 who is trusted with what
  lamina settle deposit dev-native 0.5           from the L1 to the layer
  lamina settle status                           where everything stands
  lamina settle withdraw dev-native ADDRESS 0.2  from the layer to an address on the L1
  lamina settle audit dev-native --node DIR      what a node counts on both chains

A deposit is claimed on the layer by itself while lamina daemon runs, or lamina settle claim. The wallet
wants accounts on the layer and on its L1: lamina wallet addchain.`

func (s *session) settle() *cobra.Command {
	return group("settle", "deposit to a layer, and withdraw from it", pegHelp, s.settleDeposit(), s.settleClaim(), s.settleTicket(),
		s.settleRefund(), s.settleWithdraw(), s.settleStatus(), s.settleProve(), s.settleAudit(), s.settleTrust())
}

const settleDepositHelp = `Pay from the L1 to a layer. Amounts are whole coins; max is all there is.

  lamina settle deposit dev-native 0.5
  lamina settle deposit dev-native 0.5 --max-fee 0.00004 --yes --password-file pw --key "order 17"
  lamina settle deposit dev-native 0.5 --refundable --refund-to refunds.json

Who will be trusted with the money is said before it is confirmed. --max-fee is what the claim may cost on the layer, one of
four amounts that lamina settle trust lists. A refundable deposit can be taken back if the settlers do not take it; its refund is
signed and written to a file before anything is sent, and it cannot be claimed before they do.`

// depositFlags are what the command line says besides the amount.
type depositFlags struct {
	consentFlags
	r        app.DepositRequest
	maxFee   string
	refundTo string
}

func (s *session) settleDeposit() *cobra.Command {
	var f depositFlags
	c := s.onCounter("deposit LAYER AMOUNT", "pay from the L1 to a layer", settleDepositHelp, cobra.ExactArgs(2), &f.purseFlags,
		func(ctx context.Context, k *counter, args []string) error { return k.deposit(ctx, &f, args) })
	f.consentFlags.add(c)
	flags := c.Flags()
	flags.StringVar(&f.maxFee, "max-fee", "", "most that the claim may cost, whole coins of the layer (default: the second that lamina settle trust lists)")
	flags.BoolVar(&f.r.Refundable, "refundable", false, "it can be taken back if the settlers do not take it in time")
	flags.StringVar(&f.refundTo, "refund-to", "", "file for the refunds of a refundable deposit; it must not be there yet")
	flags.StringArrayVar(&f.r.Coins, "coin", nil, "spend exactly this coin, TXID:INDEX (repeatable)")
	flags.StringVar(&f.r.Label, "label", "", "label for the payment")
	c.MarkFlagsRequiredTogether("refundable", "refund-to")
	c.MarkFlagsMutuallyExclusive("refundable", "key")
	return c
}

func (k *counter) deposit(ctx context.Context, f *depositFlags, args []string) (err error) {
	p, err := k.peg(ctx, args[0])
	if err != nil {
		return err
	}
	k.turn(p.L1)
	r := f.r
	r.Wallet, r.Layer = k.of.Name, p.Layer
	if r.Rate, err = feeRate(f.rate); err != nil {
		return err
	}
	if r.Max = args[1] == "max"; !r.Max {
		if r.Amount, err = k.read(p.L1Unit, "amount", args[1]); err != nil {
			return err
		}
	}
	if f.maxFee != "" {
		if r.MaxFee, err = k.read(p.Unit, "--max-fee", f.maxFee); err != nil {
			return err
		}
	}
	draft, err := k.DraftDeposit(ctx, r)
	if r.Refundable && app.CodeOf(err) == app.CodeLocked { // its refund key is not known before the first password
		lock, errUnlock := k.unlock(ctx, &f.password)
		if errUnlock != nil {
			return errUnlock
		}
		defer func() { err = errors.Join(err, lock()) }()
		draft, err = k.DraftDeposit(ctx, r)
	}
	if err != nil {
		return err
	}
	var b bytes.Buffer
	w := tabular(&b)
	fmt.Fprintf(w, "deposit\t%s to %s\n", k.on(p.L1, draft.Amount), p.Layer)
	fmt.Fprintf(w, "arrives\t%s at least, at %s\n", k.on(p.Layer, draft.Arrives), draft.Address)
	fmt.Fprintf(w, "claim\tcosts %s at most; expected %s after the deposit is in a block\n", k.on(p.Layer, draft.MaxFee), about(p.ClaimSeconds))
	if draft.Refunds {
		fmt.Fprintf(w, "refund\tafter %d blocks of %s, %s, if the settlers do not take it\n", p.RefundBlocks, p.L1, about(p.RefundSeconds))
	}
	_ = w.Flush()
	trustText(&b, draft.Custody)
	fmt.Fprintf(&b, "privacy: the claim links this payment on %s with the address on %s\n", p.L1, p.Layer)
	return k.sendDraft(ctx, &f.consentFlags, &draft, b.String(), f.refundTo)
}

// unlock opens a session for the length of a command, and returns what ends it.
func (k *counter) unlock(ctx context.Context, f *secretFlags) (lock func() error, err error) {
	password, err := k.password(ctx, f)
	if err != nil {
		return nil, err
	}
	defer password.Wipe()
	if _, err := k.Unlock(ctx, k.of.Name, password, commandTime); err != nil {
		return nil, err
	}
	k.unlocked = true
	return func() error { return k.Lock(ctx, k.of.Name) }, nil
}

// commandTime is how long a wallet stays unlocked for a command that is killed.
const commandTime = time.Minute

// trustText says in words who is trusted with deposited money.
func trustText(w io.Writer, c *app.Custody) {
	if c == nil {
		return
	}
	for _, line := range c.Words {
		fmt.Fprintf(w, "trust: %s\n", line)
	}
}

// sendDraft shows a draft and what it is for, has it confirmed and sends it. Refunds are written to the named file before.
func (k *counter) sendDraft(ctx context.Context, f *consentFlags, draft *app.SettleDraft, what, refundTo string) (err error) {
	text := what + k.draftText(&draft.Draft)
	if f.dry {
		return errors.Join(k.answer(ctx, draft, func() { k.s.printf("%s", text) }), k.Discard(ctx, draft.ID))
	}
	drop := func(err error) error { return errors.Join(err, k.Discard(ctx, draft.ID)) }
	if err := agreed(draft.Warnings, f.concerns()); err != nil {
		return drop(err)
	}
	if err := k.s.confirm(ctx, f.yes, text, "send this?"); err != nil {
		return drop(err)
	}
	var refunds *refundsFile
	if draft.Refunds {
		if refunds, err = newRefundsFile(refundTo); err != nil {
			return drop(err)
		}
		defer func() { err = errors.Join(err, refunds.close()) }()
	}
	password, err := k.password(ctx, &f.password)
	if err != nil {
		return err
	}
	defer password.Wipe()
	send := app.SendRequest{Draft: draft.ID, Password: password, Consent: f.concerns(), Key: f.key}
	if refunds == nil {
		sent, err := k.Send(ctx, send)
		if err != nil {
			return err
		}
		return k.showSent(ctx, &sent, f.offline)
	}
	signed, err := k.SignFunding(ctx, send)
	if err != nil {
		return err
	}
	return k.sendFunding(ctx, signed.Purse, &signed, refunds, f.offline)
}

// sendFunding keeps the refunds of a signed funding, and only then sends it.
func (k *counter) sendFunding(ctx context.Context, in app.Purse, signed *app.Funding, refunds *refundsFile, offline bool) error {
	if err := refunds.keep(in, signed.ID, signed.Refunds); err != nil {
		return err
	}
	sent, err := k.SendFunding(ctx, in, signed.ID)
	if err != nil {
		return err
	}
	k.handOut(ctx, sent.ID, offline)
	answer := struct {
		app.Sent
		File    string       `json:"refunds_file"`
		Refunds []app.Refund `json:"refunds"`
	}{sent, refunds.path, signed.Refunds}
	return k.answer(ctx, answer, func() {
		k.s.printf("%s\nfee %s\nrefunds: %s, good from %s on; keep it somewhere else, too\n", sent.ID, k.amount(sent.Fee), refunds.path, lockText(signed.Refunds))
	})
}

// lockText says from when on refunds are good.
func lockText(refunds []app.Refund) string {
	if len(refunds) == 0 {
		return "never"
	}
	lock := refunds[0].Lock
	const heights = 500_000_000
	if lock >= heights {
		return fmt.Sprintf("time %d", lock)
	}
	return fmt.Sprintf("block %d", lock)
}

const settleWithdrawHelp = `Burn money on a layer, for the settlers to pay it out on the L1. ADDRESS is any on the L1; self is a new
one of the wallet's own. Amounts are whole coins of the layer.

  lamina settle withdraw dev-native ADDRESS 0.2
  lamina settle withdraw dev-native self 0.2 --max-fee 0.00005 --yes --password-file pw --key "order 18"

--max-fee is the most, in whole coins of the L1, that the payout may be charged of the batch's fee. It waits for as long as its
share is higher. With --key say --max-fee, too: what is proposed changes with the fees on the L1.`

func (s *session) settleWithdraw() *cobra.Command {
	var f consentFlags
	var r app.WithdrawalRequest
	var maxFee string
	c := s.onCounter("withdraw LAYER ADDRESS AMOUNT", "pay from a layer to an address on the L1", settleWithdrawHelp, cobra.ExactArgs(3), &f.purseFlags,
		func(ctx context.Context, k *counter, args []string) error {
			return k.withdraw(ctx, &f, r, maxFee, args)
		})
	f.add(c)
	flags := c.Flags()
	flags.StringVar(&maxFee, "max-fee", "", "most that the payout may be charged, whole coins of the L1")
	flags.StringArrayVar(&r.Coins, "coin", nil, "spend exactly this coin, TXID:INDEX (repeatable)")
	flags.StringVar(&r.Label, "label", "", "label for the payment")
	return c
}

func (k *counter) withdraw(ctx context.Context, f *consentFlags, r app.WithdrawalRequest, maxFee string, args []string) error {
	p, err := k.peg(ctx, args[0])
	if err != nil {
		return err
	}
	k.turn(p.Layer)
	r.Wallet, r.Layer = k.of.Name, p.Layer
	if args[1] != "self" {
		r.Address = args[1]
	}
	if r.Amount, err = k.read(p.Unit, "amount", args[2]); err != nil {
		return err
	}
	if maxFee != "" {
		if r.MaxFee, err = k.read(p.L1Unit, "--max-fee", maxFee); err != nil {
			return err
		}
	}
	if r.Rate, err = feeRate(f.rate); err != nil {
		return err
	}
	draft, err := k.DraftWithdrawal(ctx, r)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	w := tabular(&b)
	fmt.Fprintf(w, "withdraw\t%s from %s\n", k.on(p.Layer, draft.Amount), p.Layer)
	fmt.Fprintf(w, "arrives\t%s at least, on %s at %s\n", k.on(p.L1, draft.Arrives), p.L1, draft.Address)
	fmt.Fprintf(w, "payout\tcharged %s at most each; expected %s if all miners of %s mine the layer, later if fewer do\n",
		k.on(p.L1, draft.MaxFee), about(p.WithdrawSeconds), p.L1)
	_ = w.Flush()
	if p.Custody != nil {
		fmt.Fprintf(&b, "trust: %d of %d settlers together pay it out; %d that sign nothing hold it up\n", p.Custody.Release, p.Custody.Settlers, p.Custody.Stall)
	}
	fmt.Fprintf(&b, "note: what is burned cannot be taken back\n")
	return k.sendDraft(ctx, f, &draft, b.String(), "")
}

const settleTrustHelp = `Say in words who is trusted with the money of a layer, and what may be deposited and withdrawn.

  lamina settle trust dev-native
  lamina settle trust dev-native --json

All of it follows from the chain's parameters. Without LAYER it shows all that are followed.`

func (s *session) settleTrust() *cobra.Command {
	var f purseFlags
	c := s.onCounter("trust [LAYER]", "say who is trusted with what", settleTrustHelp, cobra.MaximumNArgs(1), &f,
		func(ctx context.Context, k *counter, args []string) (err error) {
			var all []app.Peg
			if len(args) == 1 {
				var one app.Peg
				one, err = k.peg(ctx, args[0])
				all = []app.Peg{one}
			} else {
				all, err = k.Pegs(ctx)
			}
			if err != nil {
				return err
			}
			if s.json {
				return s.printJSON(map[string]any{"pegs": all})
			}
			for i := range all {
				k.showPeg(&all[i])
			}
			if len(all) == 0 {
				s.printf("no layer that takes deposits is followed\n")
			}
			return nil
		})
	return c
}

func (k *counter) showPeg(p *app.Peg) {
	w := tabular(k.s.out)
	fmt.Fprintf(w, "%s\t%s, pegged to %s\n", p.Layer, p.Kind, p.L1)
	if !p.Open {
		fmt.Fprintf(w, "closed\t%s\n", p.Closed)
	}
	fmt.Fprintf(w, "deposit\t%s at least, %s at most; claimable after %d blocks, %s\n", k.on(p.L1, p.MinDeposit), k.on(p.L1, p.MaxDeposit), p.ClaimBlocks,
		about(p.ClaimSeconds))
	var fees []string
	for _, fee := range p.MaxFees {
		fees = append(fees, k.on(p.Layer, fee))
	}
	fmt.Fprintf(w, "claim fee\tat most one of %s\n", strings.Join(fees, ", "))
	fmt.Fprintf(w, "refundable\tfrom %d blocks on, %s\n", p.RefundBlocks, about(p.RefundSeconds))
	fmt.Fprintf(w, "withdraw\t%s at least, in payouts of %s at most; %s if all miners seal the layer\n", k.on(p.Layer, p.MinWithdrawal),
		k.on(p.Layer, p.MaxPayout), about(p.WithdrawSeconds))
	_ = w.Flush()
	trustText(k.s.out, p.Custody)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
)

const settleStatusHelp = `Show where deposits and withdrawals stand.

  lamina settle status
  lamina settle status dev-native --json`

func (s *session) settleStatus() *cobra.Command {
	var f purseFlags
	return s.onCounter("status [LAYER]", "show where deposits and withdrawals stand", settleStatusHelp, cobra.MaximumNArgs(1), &f,
		func(ctx context.Context, k *counter, args []string) error {
			deposits, withdrawals, err := k.standings(ctx, args)
			if err != nil {
				return err
			}
			return k.answer(ctx, map[string]any{"deposits": deposits, "withdrawals": withdrawals}, func() {
				deposits = slices.DeleteFunc(deposits, func(d app.Deposit) bool { return d.Phase == "planned" }) // nobody has paid them
				w := tabular(s.out)
				for i := range deposits {
					k.depositLine(w, &deposits[i])
				}
				for i := range withdrawals {
					k.withdrawalLine(w, &withdrawals[i])
				}
				_ = w.Flush()
				if len(deposits)+len(withdrawals) == 0 {
					s.printf("no deposits and no withdrawals\n")
				}
			})
		})
}

// standings returns the deposits and withdrawals of the layer that is named, else of all that the wallet is on.
func (k *counter) standings(ctx context.Context, args []string) (deposits []app.Deposit, withdrawals []app.Withdrawal, err error) {
	layers, err := k.layers(ctx, args)
	if err != nil {
		return nil, nil, err
	}
	deposits, withdrawals = []app.Deposit{}, []app.Withdrawal{}
	for _, layer := range layers {
		d, err := k.Deposits(ctx, k.of.Name, layer)
		if err != nil {
			return nil, nil, err
		}
		w, err := k.Withdrawals(ctx, k.of.Name, layer)
		if err != nil {
			return nil, nil, err
		}
		deposits, withdrawals = append(deposits, d...), append(withdrawals, w...)
	}
	return deposits, withdrawals, nil
}

// layers returns the pegged layers that are meant.
func (k *counter) layers(ctx context.Context, args []string) ([]string, error) {
	if len(args) == 1 {
		p, err := k.peg(ctx, args[0])
		return []string{p.Layer}, err
	}
	all, err := k.Pegs(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range all {
		if slices.Contains(k.of.Chains, all[i].Layer) && slices.Contains(k.of.Chains, all[i].L1) {
			names = append(names, all[i].Layer)
		}
	}
	if names == nil {
		return nil, unreadable(fmt.Errorf("wallet %s: is on no pegged layer and its L1", k.of.Name), "lamina wallet addchain gives it accounts on them")
	}
	return names, nil
}

func (k *counter) depositLine(w io.Writer, d *app.Deposit) {
	what := "deposit"
	if !d.Ours {
		what = "claim for another"
	}
	fmt.Fprintf(w, "%s\t%s\t%s to %s\t%s\n", what, d.Phase, k.on(d.L1, d.Amount), d.Layer, d.Outpoint)
	note := func(text string) { fmt.Fprintf(w, "\t\t%s\n", text) }
	switch {
	case d.Claim != nil:
		note(fmt.Sprintf("claim %s, %d confirmations", d.Claim, d.ClaimDepth))
	case d.Phase != "planned" && d.Depth < d.Needed:
		note(fmt.Sprintf("%d of %d confirmations, %s to go", d.Depth, d.Needed, about(d.Expected)))
	}
	if len(d.Refunds) > 0 {
		note(fmt.Sprintf("refund is signed, good from an age of %s on", strings.TrimPrefix(lockText(d.Refunds), "block ")+" blocks"))
	}
	for _, text := range []string{d.Why, d.Trouble} {
		if text != "" {
			note(shown(text))
		}
	}
}

func (k *counter) withdrawalLine(w io.Writer, d *app.Withdrawal) {
	fmt.Fprintf(w, "withdrawal\t%s\t%s from %s\t%s\n", d.Phase, k.on(d.L1, d.Amount), d.Layer, d.Burn)
	note := func(format string, args ...any) { fmt.Fprintf(w, "\t\t"+format+"\n", args...) }
	note("to %s, charged %s at most", d.Address, k.on(d.L1, d.MaxFee))
	switch {
	case d.Paid != nil:
		how := "amount and address fit: lamina settle prove checks the batch's payout list"
		if d.Proved {
			how = "proved by the batch's payout list"
		}
		note("paid %s by %s, %d confirmations; %s", k.on(d.L1, *d.Paid), d.Payout, d.Final, how)
	case d.Overdue > 0:
		count := fmt.Sprint(d.Overdue)
		if d.Overdue >= app.MostOverdue {
			count += " or more"
		}
		note("overdue: %s batches were due since it was released, and none pays it. Its settlers do not sign, or a payout costs more than", count)
		note("may be charged: lamina settle audit asks a node. The burn stands, and any later batch can pay it")
	case d.Expected > 0:
		note("expected in %s", about(d.Expected))
	}
}

const settleClaimHelp = `Claim deposits. One's own are claimed without it while lamina daemon runs; without a daemon this stays until
their claims are with the network. With a ticket it claims for somebody else, which costs nothing.

  lamina settle claim
  lamina settle claim TXID
  lamina settle claim @ticket.txt
  lamina settle claim - < ticket.txt`

func (s *session) settleClaim() *cobra.Command {
	var f purseFlags
	return s.onCounter("claim [TXID|TICKET]", "claim deposits on the layer", settleClaimHelp, cobra.MaximumNArgs(1), &f,
		func(ctx context.Context, k *counter, args []string) error {
			id := ""
			if len(args) == 1 {
				text, err := s.text(args[0])
				if err != nil {
					return err
				}
				tx, _, _ := strings.Cut(text, ":")
				if _, err := txID(tx); err != nil { // no deposit of ours: a ticket
					return k.claimFor(ctx, text)
				}
				id = text
			}
			return k.awaitClaims(ctx, id, f.offline)
		})
}

// claimFor takes a ticket up.
func (k *counter) claimFor(ctx context.Context, ticket string) error {
	if err := k.Claim(ctx, k.of.Name, ticket); err != nil {
		return err
	}
	return k.answer(ctx, map[string]any{"taken": true}, func() {
		k.s.printf("taken: the L1 is looked through, then the claim is sent; lamina settle status shows it\n")
	})
}

// claimTime is how long a command without a daemon waits for the network to take a claim, once the deposit is deep enough.
const claimTime = 10 * time.Minute

// awaitClaims waits until every own deposit that is on its way, or the one that is named, is claimed. A daemon needs nobody
// who waits.
func (k *counter) awaitClaims(ctx context.Context, id string, offline bool) error {
	ctx, stop := context.WithTimeoutCause(ctx, claimTime, errors.New("claims: not on the layer after "+claimTime.String()))
	defer stop()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		all, _, err := k.standings(ctx, nil)
		if err != nil {
			return err
		}
		list := slices.DeleteFunc(all, func(d app.Deposit) bool {
			return d.Phase == "planned" || id != "" && d.Outpoint != id && !strings.HasPrefix(d.Outpoint, id+":")
		})
		if id != "" && len(list) == 0 {
			return app.Coded(app.CodeMissing, "deposit %s: the wallet has none of this id", id)
		}
		open := slices.ContainsFunc(list, func(d app.Deposit) bool {
			return slices.Contains([]string{"sent", "buried", "claimable", "claiming"}, d.Phase)
		})
		if !open || k.remote || offline {
			return k.answer(ctx, map[string]any{"deposits": list}, func() {
				w := tabular(k.s.out)
				for i := range list {
					k.depositLine(w, &list[i])
				}
				_ = w.Flush()
				if len(list) == 0 {
					k.s.printf("no deposits\n")
				}
			})
		}
		select {
		case <-ctx.Done():
			return unreadable(context.Cause(ctx), "lamina settle status shows where they stand")
		case <-tick.C:
		}
	}
}

const settleTicketHelp = `Print a deposit's ticket: by it anybody can claim the deposit for its owner.

  lamina settle ticket TXID:INDEX -o ticket.txt
  lamina settle ticket TXID:INDEX --qr`

func (s *session) settleTicket() *cobra.Command {
	var f purseFlags
	var out textFlags
	c := s.onCounter("ticket OUTPOINT", "print by what anybody can claim a deposit", settleTicketHelp, cobra.ExactArgs(1), &f,
		func(ctx context.Context, k *counter, args []string) error {
			d, err := k.depositAt(ctx, args[0])
			if err != nil {
				return err
			}
			if d.Ticket == "" {
				return app.Coded(app.CodeMissing, "deposit %s: has no ticket: it is in no block, or refundable", args[0])
			}
			text, err := out.hand(d.Ticket)
			if err != nil {
				return err
			}
			return k.answer(ctx, map[string]any{"ticket": d.Ticket}, func() { s.printf("%s", text) })
		})
	out.add(c.Flags())
	return c
}

// depositAt returns the deposit of an outpoint on the L1.
func (k *counter) depositAt(ctx context.Context, outpoint string) (app.Deposit, error) {
	all, _, err := k.standings(ctx, nil)
	if err != nil {
		return app.Deposit{}, err
	}
	for i := range all {
		if all[i].Outpoint == outpoint {
			return all[i], nil
		}
	}
	return app.Deposit{}, app.Coded(app.CodeMissing, "deposit %s: the wallet has none of this outpoint", outpoint)
}

const settleRefundHelp = `Sign the refund of a refundable deposit that was found from the seed, and write it to a file. It is also sent
by itself when it is due.

  lamina settle refund TXID:INDEX -o refunds.json`

func (s *session) settleRefund() *cobra.Command {
	var f purseFlags
	var password secretFlags
	var to string
	c := s.onCounter("refund OUTPOINT -o FILE", "sign the refund of a refundable deposit", settleRefundHelp, cobra.ExactArgs(1), &f,
		func(ctx context.Context, k *counter, args []string) (err error) {
			d, err := k.depositAt(ctx, args[0])
			if err != nil {
				return err
			}
			k.turn(d.L1)
			file, err := newRefundsFile(to)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, file.close()) }()
			given, err := k.password(ctx, &password)
			if err != nil {
				return err
			}
			defer given.Wipe()
			signed, err := k.TakeBack(ctx, k.of.Name, d.Layer, d.Outpoint, given)
			if err != nil {
				return err
			}
			if err := file.keep(signed.Purse, signed.ID, signed.Refunds); err != nil {
				return err
			}
			return k.answer(ctx, signed, func() {
				s.printf("%s: %d refunds of %s\n", to, len(signed.Refunds), d.Outpoint)
			})
		})
	password.add(c.Flags(), "password")
	c.Flags().StringVarP(&to, "output", "o", "", "file for the refunds; it must not be there yet")
	_ = c.MarkFlagRequired("output")
	return c
}

package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
)

const swapHelp = `Exchange coins of one chain for coins of another with somebody, by texts that travel any way you like. Nobody
holds the money in between.

  lamina swap offer --give dev=0.5 --get dev-issued=2 -o offer.txt   one side makes an offer
  lamina swap take @offer.txt -o answer.txt                          the other takes it
  lamina swap accept 0 @answer.txt                                   the first accepts the answer
  lamina swap fund 0 -o refunds.json                                 each pays, in turn, when swap status says fund
  lamina swap status 0

The rest happens by itself while lamina daemon runs with the wallet unlocked (lamina wallet unlock); else lamina swap redeem does it
in time. Texts are given as they are, as @FILE, or as - for standard input.`

func (s *session) swap() *cobra.Command {
	return group("swap", "exchange coins of one chain for those of another", swapHelp, s.swapOffer(), s.swapRead(), s.swapTake(), s.swapAccept(),
		s.swapFund(), s.swapStatus(), s.swapMove("redeem"), s.swapMove("refund"), s.swapCancel(), s.swapList(), s.swapSecret(), s.swapRestore())
}

const swapOfferHelp = `Make an offer, a text for the other side. Amounts are whole coins.

  lamina swap offer --give dev=0.5 --get dev-issued=2 -o offer.txt
  lamina swap offer --give dev=0.5 --get dev-issued=2 --second --qr
  lamina swap offer --give dev=0.5 --get dev-issued=2 --payment-hash HASH --yes --password-file pw --json

Whoever pays first knows the secret that opens both sides; that is us, unless --second says otherwise or --payment-hash names the hash
of a secret that comes from elsewhere, such as a Lightning payment's. --t1 and --t2 are the heights, on the L1, at which the side
that is paid first and the other can be taken back; they are chosen with the margins that the protocol wants.`

// offerFlags are what the command line says of an offer.
type offerFlags struct {
	purseFlags
	password         secretFlags
	yes              bool
	give, get        string
	giveForm, formOf string
	r                app.SwapRequest
	out              textFlags
}

func (s *session) swapOffer() *cobra.Command {
	var f offerFlags
	c := s.onCounter("offer --give CHAIN=AMOUNT --get CHAIN=AMOUNT", "make an offer", swapOfferHelp, cobra.NoArgs, &f.purseFlags,
		func(ctx context.Context, k *counter, _ []string) error { return k.offer(ctx, &f) })
	flags := c.Flags()
	f.password.add(flags, "password")
	flags.BoolVar(&f.yes, "yes", false, "do not ask")
	flags.StringVar(&f.give, "give", "", "what we pay, CHAIN=AMOUNT in whole coins")
	flags.StringVar(&f.get, "get", "", "what we are paid, CHAIN=AMOUNT in whole coins")
	flags.StringVar(&f.giveForm, "give-form", "", "script form of our side: p2tr, p2wsh or p2sh (default: the newest that the chain has)")
	flags.StringVar(&f.formOf, "get-form", "", "script form of the other side")
	flags.BoolVar(&f.r.Second, "second", false, "the other side knows the secret and pays first")
	flags.Uint32Var(&f.r.T1, "t1", 0, "height at which what is paid first can be taken back (0: chosen)")
	flags.Uint32Var(&f.r.T2, "t2", 0, "height at which what is paid second can be taken back (0: chosen)")
	flags.StringVar(&f.r.Hash, "payment-hash", "", "hash of a secret that comes from elsewhere, 64 hexadecimal digits")
	f.out.add(flags)
	_ = c.MarkFlagRequired("give")
	_ = c.MarkFlagRequired("get")
	c.MarkFlagsMutuallyExclusive("second", "payment-hash")
	return c
}

// asset reads CHAIN=AMOUNT.
func (k *counter) asset(name, text, form string) (a app.Asset, err error) {
	chain, amount, ok := strings.Cut(text, "=")
	if !ok {
		return a, unreadable(fmt.Errorf("--%s %q: want CHAIN=AMOUNT", name, text), "--"+name+" dev=0.5")
	}
	unit, ok := k.units[chain]
	if !ok {
		return a, unreadable(fmt.Errorf("--%s %s: the chain is not followed", name, chain), "the wallet is on "+strings.Join(k.of.Chains, ", ")+"; lamina wallet addchain adds more")
	}
	a = app.Asset{Chain: chain, Form: form}
	a.Amount, err = k.read(unit, "--"+name, amount)
	return a, err
}

func (k *counter) offer(ctx context.Context, f *offerFlags) (err error) {
	r := f.r
	r.Wallet = k.of.Name
	if r.Give, err = k.asset("give", f.give, f.giveForm); err != nil {
		return err
	}
	if r.Get, err = k.asset("get", f.get, f.formOf); err != nil {
		return err
	}
	k.turn(r.Give.Chain)
	text := fmt.Sprintf("give  %s on %s\nget   %s on %s\n", k.on(r.Give.Chain, r.Give.Amount), r.Give.Chain, k.on(r.Get.Chain, r.Get.Amount), r.Get.Chain) +
		swapTrust(!r.Second)
	if err := k.s.confirm(ctx, f.yes, text, "offer this?"); err != nil {
		return err
	}
	password, err := k.password(ctx, &f.password)
	if err != nil {
		return err
	}
	defer password.Wipe()
	r.Password = password
	w, err := k.OfferSwap(ctx, r)
	if err != nil {
		return err
	}
	return k.handSwap(ctx, &w, w.Offer, &f.out, "give the offer to the other side; then: lamina swap accept %d ANSWER\n")
}

// handSwap prints a swap whose text is for the other side.
func (k *counter) handSwap(ctx context.Context, w *app.Swap, text string, out *textFlags, next string) error {
	k.turn(w.Give.Chain)
	hand, err := out.hand(text)
	if err != nil {
		return err
	}
	return k.answer(ctx, w, func() {
		k.s.printf("%s", k.swapText(w))
		k.s.printf("%s", hand)
		k.s.printf(next, w.Number)
	})
}

// swapTrust says in words what each side risks.
func swapTrust(first bool) string {
	lines := []string{"trust: nobody holds the money. Each side is locked by a script: to whoever shows the secret, or back to its owner later."}
	if first {
		lines = append(lines,
			"trust: you know the secret and pay first. If the other side does not pay, your money is locked until t1 and then taken back: the",
			"       refund is signed and written to a file before you pay.",
			"trust: the other side pays second. Take its money well before t2: this program does not show the secret less than 18 blocks before it.")
	} else {
		lines = append(lines,
			"trust: the other side knows the secret and pays first; you pay only once its money lies deep enough. If it then does nothing, your",
			"       money is locked until t2 and then taken back.",
			"trust: when it takes your money the secret is public, and you must take its money before t1. Keep lamina daemon running with the",
			"       wallet unlocked, or look at lamina swap status often enough.")
	}
	return strings.Join(lines, "\n") + "\n"
}

const swapReadHelp = `Say what an offer is about, without taking it.

  lamina swap read @offer.txt`

func (s *session) swapRead() *cobra.Command {
	var f purseFlags
	return s.onCounter("read OFFER", "say what an offer is about", swapReadHelp, cobra.ExactArgs(1), &f,
		func(ctx context.Context, k *counter, args []string) error {
			text, err := s.text(args[0])
			if err != nil {
				return err
			}
			o, err := k.ReadOffer(ctx, text)
			if err != nil {
				return err
			}
			return k.answer(ctx, o, func() { s.printf("%s", k.offerText(&o)) })
		})
}

func (k *counter) offerText(o *app.SwapOffer) string {
	order := "the other side pays first and knows the secret"
	if !o.MakerFirst {
		order = "you pay first and know the secret"
	}
	return fmt.Sprintf("give  %s on %s\nget   %s on %s\norder %s; t1 %d, t2 %d\n", k.on(o.Give.Chain, o.Give.Amount), o.Give.Chain,
		k.on(o.Get.Chain, o.Get.Amount), o.Get.Chain, order, o.T1, o.T2)
}

const swapTakeHelp = `Take an offer: its terms are shown and checked. The answer is a text for the other side.

  lamina swap take @offer.txt -o answer.txt
  lamina swap take - --yes --password-file pw --json < offer.txt

--payment-hash is for an offer whose maker pays second: the hash of a secret that comes from elsewhere.`

func (s *session) swapTake() *cobra.Command {
	var f purseFlags
	var password secretFlags
	var out textFlags
	var yes bool
	var hash string
	c := s.onCounter("take OFFER", "take an offer", swapTakeHelp, cobra.ExactArgs(1), &f, func(ctx context.Context, k *counter, args []string) error {
		text, err := s.text(args[0])
		if err != nil {
			return err
		}
		o, err := k.ReadOffer(ctx, text)
		if err != nil {
			return err
		}
		if err := s.confirm(ctx, yes, k.offerText(&o)+swapTrust(!o.MakerFirst), "take this?"); err != nil {
			return err
		}
		given, err := k.password(ctx, &password)
		if err != nil {
			return err
		}
		defer given.Wipe()
		w, err := k.TakeSwap(ctx, app.SwapTake{Wallet: k.of.Name, Offer: text, Hash: hash, Password: given})
		if err != nil {
			return err
		}
		return k.handSwap(ctx, &w, w.Answer, &out, "give the answer to the other side; then: lamina swap status %d\n")
	})
	password.add(c.Flags(), "password")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	c.Flags().StringVar(&hash, "payment-hash", "", "hash of a secret that comes from elsewhere, 64 hexadecimal digits")
	out.add(c.Flags())
	return c
}

const swapAcceptHelp = `Accept the answer to an offer of ours. Nothing is paid yet.

  lamina swap accept 0 @answer.txt`

func (s *session) swapAccept() *cobra.Command {
	var f purseFlags
	var password secretFlags
	c := s.onSwap("accept NUMBER ANSWER", "accept the answer to an offer of ours", swapAcceptHelp, 2, &f,
		func(ctx context.Context, k *counter, w *app.Swap, args []string) error {
			text, err := s.text(args[1])
			if err != nil {
				return err
			}
			given, err := k.password(ctx, &password)
			if err != nil {
				return err
			}
			defer given.Wipe()
			got, err := k.AcceptSwap(ctx, k.of.Name, w.Number, text, given)
			if err != nil {
				return err
			}
			return k.answer(ctx, &got, func() { s.printf("%s", k.swapText(&got)) })
		})
	password.add(c.Flags(), "password")
	return c
}

// onSwap is a command on the swap that its first argument numbers.
func (s *session) onSwap(use, short, long string, args int, f *purseFlags,
	do func(context.Context, *counter, *app.Swap, []string) error) *cobra.Command {
	return s.onCounter(use, short, long, cobra.ExactArgs(args), f, func(ctx context.Context, k *counter, args []string) error {
		n, err := number(args[0], 0, 1<<32-1)
		if err != nil {
			return err
		}
		w, err := k.swapOf(ctx, uint32(n))
		if err != nil {
			return err
		}
		k.turn(w.Give.Chain)
		return do(ctx, k, &w, args)
	})
}

func (k *counter) swapOf(ctx context.Context, n uint32) (app.Swap, error) {
	all, err := k.Swaps(ctx, k.of.Name)
	if err != nil {
		return app.Swap{}, err
	}
	for i := range all {
		if all[i].Number == n {
			return all[i], nil
		}
	}
	return app.Swap{}, unreadable(fmt.Errorf("swap %d: wallet %s has none of this number", n, k.of.Name), "lamina swap list shows them")
}

const swapFundHelp = `Pay our side of a swap. Its refunds are signed and written to the file of -o before anything is sent; without
the file nothing is signed. If it was signed before, and not sent, the same transaction is sent now.

  lamina swap fund 0 -o refunds.json
  lamina swap fund 0 -o refunds.json --yes --password-file pw --json`

func (s *session) swapFund() *cobra.Command {
	var f consentFlags
	var to string
	c := s.onSwap("fund NUMBER -o FILE", "pay our side of a swap", swapFundHelp, 1, &f.purseFlags,
		func(ctx context.Context, k *counter, w *app.Swap, _ []string) error {
			if w.Signed != nil {
				return k.fundAgain(ctx, &f, w, to)
			}
			rate, err := feeRate(f.rate)
			if err != nil {
				return err
			}
			draft, err := k.DraftSwap(ctx, k.of.Name, w.Number, rate)
			if err != nil {
				return err
			}
			return k.sendDraft(ctx, &f, &draft, k.swapText(w)+swapTrust(w.Role == "initiator"), to)
		})
	f.add(c)
	_ = c.Flags().MarkHidden("key") // a swap is repeated by its number
	c.Flags().StringVarP(&to, "output", "o", "", "file for the refunds; it must not be there yet")
	_ = c.MarkFlagRequired("output")
	return c
}

// fundAgain sends a funding that was signed before.
func (k *counter) fundAgain(ctx context.Context, f *consentFlags, w *app.Swap, to string) (err error) {
	text := fmt.Sprintf("%ssigned %s, and not sent yet\n", k.swapText(w), w.Signed)
	if f.dry {
		return k.answer(ctx, w, func() { k.s.printf("%s", text) })
	}
	if err := k.s.confirm(ctx, f.yes, text, "send this?"); err != nil {
		return err
	}
	refunds, err := newRefundsFile(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, refunds.close()) }()
	return k.sendFunding(ctx, k.in, &app.Funding{Purse: k.in, ID: *w.Signed, Refunds: w.Refunds}, refunds, f.offline)
}

const swapSecretHelp = `Take the secret of a swap whose hash came from elsewhere, such as a Lightning payment's preimage: 64 hexadecimal
digits, the first line of a file or of a descriptor.

  lamina swap secret --secret-file preimage.txt`

func (s *session) swapSecret() *cobra.Command {
	var f purseFlags
	var secret secretFlags
	c := s.onCounter("secret", "take the secret of a swap from elsewhere", swapSecretHelp, cobra.NoArgs, &f,
		func(ctx context.Context, k *counter, _ []string) error {
			given, err := s.secret(ctx, &secret, "secret", false)
			if err != nil {
				return err
			}
			defer given.Wipe()
			if err := k.LearnSecret(ctx, k.of.Name, given); err != nil {
				return err
			}
			return k.answer(ctx, map[string]any{"taken": true}, func() { s.printf("taken\n") })
		})
	secret.add(c.Flags(), "secret")
	return c
}

const swapRestoreHelp = `Take a swap up whose record was lost, from the words and both texts.

  lamina swap restore @offer.txt @answer.txt`

func (s *session) swapRestore() *cobra.Command {
	var f purseFlags
	var password secretFlags
	c := s.onCounter("restore OFFER ANSWER", "take a swap up from its texts", swapRestoreHelp, cobra.ExactArgs(2), &f,
		func(ctx context.Context, k *counter, args []string) error {
			r := app.SwapRestore{Wallet: k.of.Name}
			var err error
			if args[0] == "-" && args[1] == "-" {
				return unreadable(errors.New("restore: both texts from standard input"), "write one of them to a file and say @FILE")
			}
			if r.Offer, err = s.text(args[0]); err != nil {
				return err
			}
			if r.Answer, err = s.text(args[1]); err != nil {
				return err
			}
			if r.Password, err = k.password(ctx, &password); err != nil {
				return err
			}
			defer r.Password.Wipe()
			w, err := k.RestoreSwap(ctx, r)
			if err != nil {
				return err
			}
			k.turn(w.Give.Chain)
			return k.answer(ctx, &w, func() { s.printf("%s", k.swapText(&w)) })
		})
	password.add(c.Flags(), "password")
	return c
}

// swapText shows a swap.
func (k *counter) swapText(w *app.Swap) string {
	var b bytes.Buffer
	k.writeSwap(&b, w)
	return b.String()
}

func (k *counter) writeSwap(to io.Writer, w *app.Swap) {
	ours, theirs := w.T1, w.T2
	if w.Role != "initiator" {
		ours, theirs = theirs, ours
	}
	t := tabular(to)
	fmt.Fprintf(t, "swap %d\t%s, we are the %s\n", w.Number, w.Phase, w.Role)
	fmt.Fprintf(t, "give\t%s on %s, back from block %d of %s on\n", k.on(w.Give.Chain, w.Give.Amount), w.Give.Chain, ours, k.clock(w.Give.Chain))
	fmt.Fprintf(t, "get\t%s on %s, theirs again from block %d of %s on\n", k.on(w.Get.Chain, w.Get.Amount), w.Get.Chain, theirs, k.clock(w.Get.Chain))
	fmt.Fprintf(t, "now\t%s\n", k.moveText(w))
	if w.Why != "" {
		fmt.Fprintf(t, "why\t%s\n", shown(w.Why))
	}
	if w.Left > 0 {
		fmt.Fprintf(t, "left\t%d blocks of %s, %s\n", w.Left, k.clock(w.Give.Chain), about(int64(w.Left)*k.spacing(w.Give.Chain)))
	}
	if w.Hash != nil {
		if raw, err := hex.DecodeString(*w.Hash); err == nil && len(raw) == 32 {
			fmt.Fprintf(t, "hash\t%s\n", *w.Hash)
		}
	}
	if w.Trouble != "" {
		fmt.Fprintf(t, "trouble\t%s\n", shown(w.Trouble))
	}
	_ = t.Flush()
}

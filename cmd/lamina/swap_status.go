package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
)

// moveText says what is to be done about a swap, and how.
func (k *counter) moveText(w *app.Swap) string {
	switch {
	case w.Signed != nil:
		return fmt.Sprintf("signed, not sent: lamina swap fund %d -o FILE", w.Number)
	case w.Move == "fund" && len(w.Refunds) == 0:
		return fmt.Sprintf("fund: lamina swap fund %d -o FILE", w.Number)
	case w.Keys && (w.Move == "redeem" || w.Move == "refund"):
		return fmt.Sprintf("%s: lamina swap %s %d, or unlock the wallet", w.Move, w.Move, w.Number)
	case w.Move == "fund":
		return "wait"
	}
	return w.Move
}

// clock returns the chain by whose blocks a chain's swaps expire.
func (k *counter) clock(chain string) string {
	if p, err := k.s.chain(chain); err == nil && p.Kind.Layered() {
		return p.Parent
	}
	return chain
}

// spacing returns the seconds between two blocks of a chain's clock, about; 0 if it is not known.
func (k *counter) spacing(chain string) int64 {
	p, err := k.s.chain(k.clock(chain))
	if err != nil {
		return 0
	}
	return int64(p.Spacing())
}

const swapStatusHelp = `Show where a swap stands, and what is to be done.

  lamina swap status 0
  lamina swap status 0 --json`

func (s *session) swapStatus() *cobra.Command {
	var f purseFlags
	return s.onSwap("status NUMBER", "show where a swap stands", swapStatusHelp, 1, &f,
		func(ctx context.Context, k *counter, w *app.Swap, _ []string) error {
			return k.answer(ctx, w, func() { k.writeSwap(s.out, w) })
		})
}

const swapListHelp = `List the wallet's swaps.

  lamina swap list
  lamina swap list --json`

func (s *session) swapList() *cobra.Command {
	var f purseFlags
	return s.onCounter("list", "list the swaps", swapListHelp, cobra.NoArgs, &f, func(ctx context.Context, k *counter, _ []string) error {
		all, err := k.Swaps(ctx, k.of.Name)
		if err != nil {
			return err
		}
		return k.answer(ctx, map[string]any{"swaps": append([]app.Swap{}, all...)}, func() {
			w := tabular(s.out)
			for i := range all {
				x := &all[i]
				fmt.Fprintf(w, "%d\t%s\t%s on %s for %s on %s\t%s\n", x.Number, x.Phase, k.on(x.Give.Chain, x.Give.Amount), x.Give.Chain,
					k.on(x.Get.Chain, x.Get.Amount), x.Get.Chain, k.moveText(x))
			}
			_ = w.Flush()
			if len(all) == 0 {
				s.printf("no swaps\n")
			}
		})
	})
}

const swapCancelHelp = `Give up a swap that was not funded.

  lamina swap cancel 0`

func (s *session) swapCancel() *cobra.Command {
	var f purseFlags
	return s.onSwap("cancel NUMBER", "give up a swap that was not funded", swapCancelHelp, 1, &f,
		func(ctx context.Context, k *counter, w *app.Swap, _ []string) error {
			got, err := k.CancelSwap(ctx, k.of.Name, w.Number)
			if err != nil {
				return err
			}
			return k.answer(ctx, &got, func() { k.writeSwap(s.out, &got) })
		})
}

const swapRedeemHelp = `Take the other side's money, which shows the secret, or uses the one that was shown. It is refused when it
would be too late to be safe.

  lamina swap redeem 0 --password-file pw`

const swapRefundHelp = `Take our own money back, if its time has come.

  lamina swap refund 0 --password-file pw`

// swapMove is redeem or refund. The chains decide which of them is to be done: the other one is refused.
func (s *session) swapMove(move string) *cobra.Command {
	var f purseFlags
	var password secretFlags
	short, long := "take the other side's money", swapRedeemHelp
	if move == "refund" {
		short, long = "take our own money back", swapRefundHelp
	}
	c := s.onSwap(move+" NUMBER", short, long, 1, &f, func(ctx context.Context, k *counter, w *app.Swap, _ []string) error {
		if w.Move != move {
			return &failure{code: exitRefuted, err: fmt.Errorf("swap %d: not to be %sed now: %s", w.Number, move, shown(w.Why)),
				hint: fmt.Sprintf("what is to be done now is to %s; lamina swap status %d says more", w.Move, w.Number)}
		}
		given, err := k.password(ctx, &password)
		if err != nil {
			return err
		}
		defer given.Wipe()
		got, err := k.MoveSwap(ctx, k.of.Name, w.Number, given)
		if err != nil {
			return err
		}
		if got, err = k.linger(ctx, &f, got); err != nil {
			return err
		}
		return k.answer(ctx, &got, func() { k.writeSwap(s.out, &got) })
	})
	password.add(c.Flags(), "password")
	return c
}

// linger gives the network time to hear of what a swap has sent, if the program that tells it is about to end.
func (k *counter) linger(ctx context.Context, f *purseFlags, w app.Swap) (app.Swap, error) {
	if k.remote || f.offline {
		return w, nil
	}
	ctx, stop := context.WithTimeout(ctx, k.s.linger)
	defer stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !slices.Contains([]string{"redeemed", "refunded"}, w.Phase) {
		select {
		case <-ctx.Done():
			return w, nil
		case <-tick.C:
		}
		now, err := k.swapOf(ctx, w.Number)
		if err != nil {
			if ctx.Err() != nil {
				return w, nil
			}
			return w, err
		}
		w = now
	}
	return w, nil
}

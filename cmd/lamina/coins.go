package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/rpc/walletapi"
)

const coinsHelp = `Look after the unspent outputs one by one.

  lamina coins list --spendable
  lamina coins freeze TXID:0
  lamina coins combine --max-value 0.001 --dry-run
  lamina coins split --count 50`

func (s *session) coins() *cobra.Command {
	return group("coins", "list, freeze, tag, combine and split coins", coinsHelp, s.coinsList(), s.coinsFreeze("freeze", true),
		s.coinsFreeze("unfreeze", false), s.coinsTag(), s.coinsRule(), s.coinsCombine(), s.coinsSplit())
}

// filterFlags choose coins.
type filterFlags struct {
	app.CoinFilter
	least, most string
}

func (f *filterFlags) add(flags *pflag.FlagSet) {
	flags.Int32Var(&f.MinDepth, "min-depth", 0, "confirmations at least")
	flags.Int32Var(&f.MaxDepth, "max-depth", 0, "confirmations at most (0: any)")
	flags.StringVar(&f.least, "min-value", "", "least amount, whole coins")
	flags.StringVar(&f.most, "max-value", "", "greatest amount, whole coins")
	flags.StringArrayVar(&f.Kinds, "kind", nil, "p2tr, p2wpkh, p2sh-p2wpkh or p2pkh (repeatable)")
	flags.StringVar(&f.Label, "label", "", "part of the coin's label")
	flags.StringVar(&f.Tag, "tag", "", "with this tag")
	flags.BoolVar(&f.Spendable, "spendable", false, "only those that can be spent")
}

func (f *filterFlags) filter(u app.Unit) (app.CoinFilter, error) {
	out := f.CoinFilter
	for _, limit := range []struct {
		name, text string
		to         *int64
	}{{"min-value", f.least, &out.MinValue}, {"max-value", f.most, &out.MaxValue}} {
		if limit.text == "" {
			continue
		}
		n, err := walletapi.ParseAmount(u, limit.text)
		if err != nil {
			return out, unreadable(fmt.Errorf("--%s: %w", limit.name, err), "")
		}
		*limit.to = n
	}
	return out, nil
}

const coinsListHelp = `List unspent outputs, oldest first.

  lamina coins list
  lamina coins list --min-value 0.01 --spendable --json`

func (s *session) coinsList() *cobra.Command {
	var f purseFlags
	var filter filterFlags
	c := s.onPurse("list", "list the coins", coinsListHelp, cobra.NoArgs, &f, wantMoney,
		func(ctx context.Context, d *desk, _ []string) error {
			take, err := filter.filter(d.unit)
			if err != nil {
				return err
			}
			list, err := d.ListCoins(ctx, d.in, take)
			if err != nil {
				return err
			}
			if s.json {
				return s.printJSON(list)
			}
			err = s.table("COIN\tAMOUNT\tDEPTH\tSTATE\tADDRESS\tTAGS\tLABEL", func(w io.Writer) {
				for i := range list.Coins {
					k := &list.Coins[i]
					state := k.State
					if k.Frozen {
						state += ", frozen"
					}
					if k.Reused {
						state += ", reused"
					}
					fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%s\n", k.Outpoint, d.amount(k.Value), k.Depth, state, k.Address,
						shown(strings.Join(k.Tags, " ")), shown(k.Label))
				}
			})
			s.printf("%d coins, %s\n%s\n", len(list.Coins), d.amount(list.Sum), trustLine(&list.Trust))
			return err
		})
	filter.add(c.Flags())
	return c
}

// coinsText says what was done with how many coins.
func (d *desk) coinsText(ctx context.Context, outpoints []string, did string) error {
	return d.answer(ctx, map[string]any{"coins": outpoints, "done": did}, func() { d.s.printf("%d coins %s\n", len(outpoints), did) })
}

const coinsFreezeHelp = `Keep coins from being spent, or lift that. It lasts until it is lifted.

  lamina coins freeze TXID:0 TXID:1
  lamina coins unfreeze TXID:0`

func (s *session) coinsFreeze(use string, frozen bool) *cobra.Command {
	var f purseFlags
	return s.onPurse(use+" COIN...", yesNo(frozen, "keep coins from being spent", "let frozen coins be spent"), coinsFreezeHelp,
		cobra.MinimumNArgs(1), &f, wantRecords, func(ctx context.Context, d *desk, args []string) error {
			if err := d.Freeze(ctx, d.in, args, frozen); err != nil {
				return err
			}
			return d.coinsText(ctx, args, yesNo(frozen, "frozen", "thawed"))
		})
}

const coinsTagHelp = `Set the tags of coins, or with --address of all that an address of the wallet is ever paid.

  lamina coins tag TXID:0 TXID:1 --tag shop
  lamina coins tag --address ADDRESS --tag shop --tag friends
  lamina coins tag TXID:0

Without --tag all tags are removed. lamina coins rule keeps coins of two tags apart.`

func (s *session) coinsTag() *cobra.Command {
	var f purseFlags
	var tags []string
	var address string
	c := s.onPurse("tag [COIN...]", "set the tags of coins", coinsTagHelp, cobra.ArbitraryArgs, &f, wantRecords,
		func(ctx context.Context, d *desk, args []string) error {
			switch {
			case (address == "") == (len(args) == 0):
				return unreadable(fmt.Errorf("%d coins and address %q: want coins or an address", len(args), address), "lamina coins list lists coins")
			case address != "":
				if err := d.TagAddress(ctx, d.in, address, tags); err != nil {
					return err
				}
				return d.answer(ctx, map[string]any{"address": address, "tags": append([]string{}, tags...)}, func() { s.printf("%s tagged\n", address) })
			}
			if err := d.TagCoins(ctx, d.in, args, tags); err != nil {
				return err
			}
			return d.coinsText(ctx, args, "tagged")
		})
	c.Flags().StringArrayVar(&tags, "tag", nil, "tag to set (repeatable)")
	c.Flags().StringVar(&address, "address", "", "an address of the wallet, instead of coins")
	return c
}

const coinsRuleHelp = `Show or make the rules by which coins of two tags never meet in one transaction.

  lamina coins rule
  lamina coins rule shop friends
  lamina coins rule shop "*"
  lamina coins rule shop friends --lift`

func (s *session) coinsRule() *cobra.Command {
	var f purseFlags
	var lift bool
	c := s.onPurse("rule [TAG TAG]", "keep coins of two tags apart", coinsRuleHelp, cobra.RangeArgs(0, 2), &f, wantRecords,
		func(ctx context.Context, d *desk, args []string) error {
			switch len(args) {
			case 1:
				return unreadable(fmt.Errorf("tag %q: want two", args[0]), `"*" for the second means any other`)
			case 2:
				if err := d.NeverMerge(ctx, d.in, args[0], args[1], !lift); err != nil {
					return err
				}
			}
			list, err := d.Rules(ctx, d.in)
			if err != nil {
				return err
			}
			return d.answer(ctx, map[string]any{"rules": append([][2]string{}, list...)}, func() {
				for _, r := range list {
					s.printf("%s never meets %s\n", shown(r[0]), shown(r[1]))
				}
			})
		})
	c.Flags().BoolVar(&lift, "lift", false, "lift the rule")
	return c
}

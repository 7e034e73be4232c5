package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/layeredpow/lamina/internal/app"
)

// accountFlag chooses an account by its number (BIP44). An account has a row of addresses of every kind that the chain has.
type accountFlag struct{ number int }

func (f *accountFlag) add(flags *pflag.FlagSet, use string) {
	flags.IntVar(&f.number, "account", -1, use)
}

// rows returns what the account's rows of addresses are counted as; nil if none is chosen. Kind: only that one; empty: all.
func (f *accountFlag) rows(ctx context.Context, d *desk, kind string) (rows []int, err error) {
	if f.number < 0 {
		return nil, nil
	}
	all, err := d.Accounts(ctx, d.in)
	if err != nil {
		return nil, err
	}
	for _, a := range all {
		if n, ok := accountNumber(a.Path); ok && n == f.number && (kind == "" || kind == a.Kind) {
			rows = append(rows, a.Number)
		}
	}
	if rows == nil {
		return nil, unreadable(fmt.Errorf("account %d: %s has none of this number, or none of the kind", f.number, d.name()),
			"lamina wallet descriptor shows the accounts; lamina wallet addaccount makes more")
	}
	return rows, nil
}

// richest returns the account's row with the most that can be spent, of certain coins if there are any; -1 if no account
// is chosen.
func (f *accountFlag) richest(ctx context.Context, d *desk, only []string) (int, error) {
	rows, err := f.rows(ctx, d, "")
	if err != nil || rows == nil {
		return -1, err
	}
	list, err := d.ListCoins(ctx, d.in, app.CoinFilter{Accounts: rows, Spendable: true})
	if err != nil {
		return -1, err
	}
	sums := map[int]int64{}
	for i := range list.Coins {
		if k := &list.Coins[i]; len(only) == 0 || slices.Contains(only, k.Outpoint) {
			sums[k.Account] += k.Value
		}
	}
	return slices.MaxFunc(rows, func(a, b int) int { return cmp.Compare(sums[a], sums[b]) }), nil
}

// accountNumber reads the account out of a path m/PURPOSE'/COIN'/ACCOUNT' (BIP44).
func accountNumber(path string) (int, bool) {
	parts := strings.Split(path, "/")
	if len(parts) != 4 {
		return 0, false
	}
	n, err := strconv.Atoi(strings.TrimRight(parts[3], "'hH"))
	return n, err == nil
}

// accountName names a row of addresses by its account; one without a path, whose keys are elsewhere, by its place.
func accountName(a *app.Account) string {
	if n, ok := accountNumber(a.Path); ok {
		return fmt.Sprintf("account %d", n)
	}
	return fmt.Sprintf("row %d", a.Number)
}

// share is one account's part of a balance.
type share struct {
	Account   int   `json:"account"`
	Confirmed int64 `json:"confirmed"`
	Spendable int64 `json:"spendable"`
	All       int64 `json:"all"`
	Coins     int   `json:"coins"` // that can be spent
}

// share adds up an account's coins.
func (d *desk) share(ctx context.Context, f *accountFlag) (s share, err error) {
	rows, err := f.rows(ctx, d, "")
	if err != nil {
		return s, err
	}
	list, err := d.ListCoins(ctx, d.in, app.CoinFilter{Accounts: rows})
	if err != nil {
		return s, err
	}
	s.Account, s.All = f.number, list.Sum
	for i := range list.Coins {
		k := &list.Coins[i]
		if k.State == "confirmed" {
			s.Confirmed += k.Value
		}
		if k.Spendable {
			s.Spendable += k.Value
			s.Coins++
		}
	}
	return s, nil
}

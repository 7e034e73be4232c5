package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/app"
)

// bursar is a teller whose wallet has two accounts with two kinds of addresses each, and one whose keys are elsewhere.
type bursar struct {
	teller
	split []app.SplitRequest
}

func (b *bursar) Accounts(context.Context, app.Purse) ([]app.Account, error) {
	return []app.Account{{Number: 0, Kind: "p2wpkh", Path: "m/84'/1'/0'"}, {Number: 1, Kind: "p2tr", Path: "m/86'/1'/0'"},
		{Number: 2, Kind: "p2wpkh", Path: "m/84'/1'/1'"}, {Number: 3, Kind: "p2tr", Path: "m/86'/1'/1'"}, {Number: 4, Kind: "p2wpkh"}}, nil
}

func (b *bursar) ListCoins(_ context.Context, _ app.Purse, f app.CoinFilter) (list app.CoinList, _ error) {
	for row, value := range []int64{9000, 8000, 200, 300, 99_000} {
		for n := range 2 {
			if slices.Contains(f.Accounts, row) && f.Spendable {
				k := app.Coin{Outpoint: fmt.Sprintf("%s:%d", someTx, 2*row+n), Value: value, Account: row, State: "confirmed", Spendable: true}
				list.Coins = append(list.Coins, k)
			}
		}
	}
	return list, nil
}

func (b *bursar) Split(_ context.Context, in app.Purse, r app.SplitRequest) (app.Draft, error) {
	b.split = append(b.split, r)
	return b.draft(in)
}

// TestSplitAccount: --account is the account's number, as everywhere; what is split is its row with the most money, of the
// coins that are chosen.
func TestSplitAccount(t *testing.T) {
	for _, c := range []struct {
		args string
		code int
		row  int
	}{{"", exitOK, -1}, {"--account 0", exitOK, 0}, {"--account 1", exitOK, 3}, {"--account 2", exitUsage, 0},
		{fmt.Sprintf("--account 1 --coin %s:4", someTx), exitOK, 2}} {
		b := &bursar{teller: teller{synced: true}}
		got := atTeller(t, b, false, nil, "", strings.Fields("coins split --count 3 --dry-run "+c.args)...)
		if got.code != c.code || (c.code == exitOK) != (len(b.split) > 0) {
			t.Errorf("%q: code %d, %d asked for; %s", c.args, got.code, len(b.split), got.err)
		} else if c.code == exitOK && b.split[0].Account != c.row {
			t.Errorf("%q: row %d, want %d", c.args, b.split[0].Account, c.row)
		}
	}
}

// TestGapNamesAccounts: what is shown of an account is the number that --account takes.
func TestGapNamesAccounts(t *testing.T) {
	got := atTeller(t, &bursar{teller: teller{synced: true}}, false, nil, "", "wallet", "gap", "50")
	want := "account 0  p2wpkh  gap 0  used 0\naccount 0  p2tr  gap 0  used 0\n" +
		"account 1  p2wpkh  gap 0  used 0\naccount 1  p2tr  gap 0  used 0\nrow 4  p2wpkh  gap 0  used 0\n"
	if got.code != exitOK || !strings.Contains(got.out, want) {
		t.Errorf("%+v", got)
	}
}

// TestAccountDocuments: a document calls the place among the rows of addresses "row", and never "account", which is the
// number that --account takes.
func TestAccountDocuments(t *testing.T) {
	got := atTeller(t, &teller{synced: true}, false, nil, "", "coins", "list", "--json")
	if got.code != exitOK || !strings.Contains(got.out, `"row": 3`) || strings.Contains(got.out, `"account"`) {
		t.Errorf("%+v", got)
	}
	got = atTeller(t, &teller{synced: true}, false, nil, "", "receive", "--json")
	if got.code != exitOK || !strings.Contains(got.out, `"row": 0`) || strings.Contains(got.out, `"account"`) {
		t.Errorf("%+v", got)
	}
}

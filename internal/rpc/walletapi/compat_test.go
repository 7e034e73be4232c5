package walletapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcjson"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv"
)

// till is a Backend with one wallet, four coins and three transactions, which keeps what it was asked to pay.
type till struct {
	app.Backend
	paid     []app.Payment
	keys     []string
	consents [][]string
	locked   bool
	watching *app.NewWallet
	rate     int64
}

var (
	coinID, payID, mineID = spv.Hash{1}, spv.Hash{2}, spv.Hash{3}
	tip                   = spv.Block{Height: 150, Hash: spv.Hash{9}}
	unit                  = app.Unit{Symbol: "DEV", Decimals: 8}
	trust                 = app.Trust{Tip: tip, TipTime: time.Unix(1_800_000_000, 0).UTC(), Age: 30, Scanned: tip, Synced: true, Verified: true, Peers: 3}
)

func (*till) ListWallets(context.Context) ([]app.Wallet, error) {
	return []app.Wallet{{Name: "main", Chains: []string{"dev", "dev-native"}, Unlocked: true}, {Name: "shop", Chains: []string{"dev-native"}}}, nil
}

func (*till) ListChains(context.Context) ([]app.ChainState, error) {
	return []app.ChainState{{Name: "dev", Unit: unit, Trust: trust, Share: 1}, {Name: "dev-native", Unit: unit}}, nil
}

func (*till) ListCoins(_ context.Context, in app.Purse, f app.CoinFilter) (list app.CoinList, err error) {
	for i, k := range []app.Coin{
		{Value: 123_456_789, State: "confirmed", Depth: 7, Block: &tip, Address: "a1", Spendable: true},
		{Value: 1000, State: "own unconfirmed", Address: "a2", Spendable: true},
		{Value: 50_000, State: "unconfirmed", Address: "a3"},
		{Value: 5_000_000_000, State: "immature", Depth: 3, Block: &tip, Address: "a4"},
		{Value: 77, State: "confirmed", Depth: 7, Frozen: true, Address: "a5"},
	} {
		k.Outpoint = fmt.Sprintf("%s:%d", coinID, i)
		if k.State == "immature" {
			k.Outpoint = mineID.String() + ":0"
		}
		if k.Value >= f.MinValue && (f.MaxValue == 0 || k.Value <= f.MaxValue) {
			list.Coins = append(list.Coins, k)
		}
	}
	return list, nil
}

func value(n int64) *int64 { return &n }

func (*till) Transaction(_ context.Context, _ app.Purse, id spv.Hash) (app.Transaction, error) {
	at := time.Unix(1_799_999_000, 0).UTC()
	mine := app.DraftLine{Value: value(123_456_789), Address: "a1", Ours: true, Label: "rent"}
	switch id {
	case coinID:
		return app.Transaction{Row: app.Row{ID: id, Status: "confirmed", Block: &tip, Depth: 7, Time: at, Amount: 123_456_789},
			Inputs: []app.DraftLine{{Outpoint: "x:0"}}, Outputs: []app.DraftLine{mine, {Value: value(5), Address: "other"}}, Raw: "00", Trust: trust}, nil
	case payID:
		return app.Transaction{Row: app.Row{ID: id, Status: "pending", Time: at, Amount: -3_000_500, Fee: value(500), Ours: true, Replaceable: true},
			Inputs: []app.DraftLine{mine}, Outputs: []app.DraftLine{{Value: value(3_000_000), Address: "b1"},
				{Value: value(120_456_289), Address: "a6", Ours: true, Change: true}}, Raw: "0102", Trust: trust}, nil
	case mineID:
		return app.Transaction{Row: app.Row{ID: id, Status: "confirmed", Block: &tip, Depth: 3, Time: at, Amount: 5_000_000_000, Coinbase: true},
			Inputs: []app.DraftLine{{}}, Outputs: []app.DraftLine{{Value: value(5_000_000_000), Address: "a4", Ours: true}}, Trust: trust}, nil
	}
	return app.Transaction{}, app.Coded(app.CodeMissing, "transaction %s: not in the history", id)
}

func (l *till) History(ctx context.Context, in app.Purse, q app.HistoryQuery) (h app.History, err error) {
	for _, id := range []spv.Hash{payID, mineID, coinID} { // newest first
		t, _ := l.Transaction(ctx, in, id)
		h.Rows = append(h.Rows, t.Row)
	}
	h.Total, h.Trust = 3, trust
	return h, nil
}

func (*till) Accounts(context.Context, app.Purse) ([]app.Account, error) {
	return []app.Account{{Gap: 20}, {Gap: 20}}, nil
}

func (*till) Receive(_ context.Context, in app.Purse, r app.ReceiveRequest) (app.Address, error) {
	return app.Address{Address: strings.Join([]string{"new", in.Wallet, in.Chain, r.Kind, r.Label}, "-")}, nil
}

func (l *till) Draft(_ context.Context, _ app.Purse, p app.Payment) (app.Draft, error) {
	if len(p.To) > 0 && p.To[0].Amount > 123_456_789 {
		return app.Draft{}, app.Coded(app.CodeFunds, "coins: 1.23 DEV, want more")
	}
	l.paid = append(l.paid, p)
	return app.Draft{ID: "d", Fee: 500, Outputs: []app.DraftLine{{}, {Change: true}}}, nil
}

func (l *till) Bump(_ context.Context, _ app.Purse, id spv.Hash, rate int64) (app.Draft, error) {
	l.rate = rate
	return app.Draft{ID: "bump " + id.String()}, nil
}

func (l *till) Sent(_ context.Context, _ app.Purse, key string, of app.Asked) (*app.Sent, error) {
	if key != "repeated" {
		return nil, nil
	}
	return &app.Sent{ID: payID, Fee: 900, Repeated: true}, nil
}

func (l *till) Send(_ context.Context, s app.SendRequest) (app.Sent, error) {
	if l.locked {
		return app.Sent{}, app.Coded(app.CodeLocked, "wallet main: locked")
	}
	l.keys, l.consents = append(l.keys, s.Key), append(l.consents, s.Consent)
	return app.Sent{ID: payID, Fee: 900}, nil
}

func (*till) DraftPacket(context.Context, string) (string, error) { return "cHNidA==", nil }
func (*till) SignPacket(_ context.Context, _ app.Purse, text string, _ app.Secret) (app.Packet, error) {
	return app.Packet{Text: text, Complete: true}, nil
}
func (*till) ShowPacket(_ context.Context, _ app.Purse, text string) (app.Packet, error) {
	return app.Packet{Text: text}, nil
}
func (*till) FinishPacket(context.Context, string) (string, error) { return "0203", nil }
func (*till) Unlock(_ context.Context, wallet string, password app.Secret, idle time.Duration) (app.Wallet, error) {
	if string(password) != "right" || wallet != "main" || idle != time.Minute {
		return app.Wallet{}, app.Coded(app.CodePassword, "wallet %s: the password is wrong", wallet)
	}
	return app.Wallet{}, nil
}
func (*till) Lock(context.Context, string) error { return nil }
func (l *till) WatchWallet(_ context.Context, n app.NewWallet, _ []string) (app.Wallet, error) {
	l.watching = &n
	return app.Wallet{}, nil
}

// counter asks a till over HTTP by other nodes' names.
type counter struct {
	t      *testing.T
	access rpc.Access
}

func (c counter) ask(result any, method string, params ...any) error {
	c.t.Helper()
	client, err := rpc.NewClient(c.access)
	if err != nil {
		c.t.Fatal(err)
	}
	return client.Call(c.t.Context(), result, method, params...)
}

// want decodes an answer into another program's type and compares it.
func want[T any](c counter, says func(T) bool, method string, params ...any) {
	c.t.Helper()
	var got T
	if err := c.ask(&got, method, params...); err != nil || !says(got) {
		raw, _ := json.Marshal(got)
		c.t.Errorf("%s %v: %v, %s", method, params, err, raw)
	}
}

// TestCompatible decodes answers with the types of a program that we did not write, as which old programs read them.
func TestCompatible(t *testing.T) {
	l := &till{}
	_, access, _ := serve(t, l, nil)
	access.Wallet = "main"
	c := counter{t, access}
	want(c, func(names []string) bool { return len(names) == 2 && names[0] == "main" }, "listwallets")
	want(c, func(r btcjson.GetBalancesResult) bool {
		return r.Mine.Trusted == 1.23457866 && r.Mine.UntrustedPending == 0.0005 && r.Mine.Immature == 50
	}, "getbalances")
	want(c, func(n float64) bool { return n == 1.23457866 }, "getbalance", "*", 0)
	want(c, func(r btcjson.GetWalletInfoResult) bool {
		return r.WalletName == "main" && r.TransactionCount == 3 && r.KeyPoolSize == 40 && r.PrivateKeysEnabled && r.Scanning.Value == false
	}, "getwalletinfo")
	want(c, func(r []btcjson.ListUnspentResult) bool {
		return len(r) == 1 && r[0].TxID == coinID.String() && r[0].Vout == 0 && r[0].Amount == 1.23456789 && r[0].Confirmations == 7 && r[0].Spendable
	}, "listunspent")
	want(c, func(r []btcjson.ListUnspentResult) bool { return len(r) == 3 && r[1].Vout == 1 }, "listunspent", 0)
	want(c, func(r []btcjson.ListUnspentResult) bool { return len(r) == 2 }, "listunspent", 0, 10, nil, false)
	want(c, func(r []btcjson.ListUnspentResult) bool { return len(r) == 1 && r[0].Address == "a2" }, "listunspent", 0, 10, []string{"a2", "a4"})
	want(c, func(r []btcjson.ListUnspentResult) bool { return len(r) == 1 && r[0].Address == "a3" }, "listunspent", 0, 10, nil, true,
		map[string]any{"minimumAmount": 0.0005, "maximumAmount": "0.0005"})
	want(c, func(r []btcjson.ListTransactionsResult) bool {
		return len(r) == 3 && r[0].Category == "receive" && r[0].Amount == 1.23456789 && *r[0].Label == "rent" && r[0].BlockHash == tip.Hash.String() &&
			r[1].Category == "immature" && r[1].Generated && r[1].Amount == 50 &&
			r[2].Category == "send" && r[2].Amount == -0.03 && *r[2].Fee == -0.000005 && r[2].Confirmations == 0 && r[2].BIP125Replaceable == "yes" &&
			r[2].Address == "b1" && r[2].Time == 1_799_999_000
	}, "listtransactions")
	want(c, func(r []btcjson.ListTransactionsResult) bool { return len(r) == 1 && r[0].Category == "immature" }, "listtransactions", "*", 1, 1)
	want(c, func(r []btcjson.ListTransactionsResult) bool { return len(r) == 1 && r[0].TxID == coinID.String() }, "listtransactions", "rent")
	want(c, func(r btcjson.GetTransactionResult) bool {
		return r.Amount == -0.03 && r.Fee == -0.000005 && r.Confirmations == 0 && len(r.Details) == 1 && r.Details[0].Amount == -0.03 && r.Hex == "0102" &&
			r.TxID == payID.String()
	}, "gettransaction", payID.String())
	want(c, func(a string) bool { return a == "new-main-dev-p2tr-rent" }, "getnewaddress", "rent", "bech32m")
	want(c, func(r btcjson.WalletProcessPsbtResult) bool { return r.Complete && r.Psbt == "cHNidA==" }, "walletprocesspsbt", "cHNidA==")
	want(c, func(r btcjson.WalletProcessPsbtResult) bool { return !r.Complete }, "walletprocesspsbt", "cHNidA==", false)
	want(c, func(r btcjson.WalletCreateFundedPsbtResult) bool {
		return r.Psbt == "cHNidA==" && r.Fee == 0.000005 && r.ChangePos == 1
	},
		"walletcreatefundedpsbt", []btcjson.PsbtInput{{Txid: coinID.String(), Vout: 1}},
		[]map[string]any{{"b1": 0.5}, {"data": "c0ffee"}}, 0, map[string]any{"fee_rate": 2.5, "subtractFeeFromOutputs": []int{0}})
	if p := l.paid[0]; p.To[0] != (app.Recipient{Address: "b1", Amount: 50_000_000, PaysFee: true}) || p.Data != "c0ffee" || p.Rate != 2500 ||
		p.Coins[0] != coinID.String()+":1" {
		t.Errorf("%+v", p)
	}
	want(c, func(any) bool { return true }, "walletpassphrase", "right", 60)
	want(c, func(any) bool { return true }, "walletlock")
}

// TestCompatibleSends: what old programs' calls pay, to the unit.
func TestCompatibleSends(t *testing.T) {
	l := &till{}
	_, access, _ := serve(t, l, nil)
	access.Wallet = "main"
	c := counter{t, access}
	id := func(s string) bool { return s == payID.String() }
	want(c, id, "sendtoaddress", "b1", json.Number("0.1"))
	want(c, id, "sendtoaddress", "b1", json.Number("1e-08"), "why", "who", true, true, nil, "unset", false, json.Number("1.234"), false, "order 17", []string{"reuse"})
	want(c, func(r map[string]string) bool { return r["txid"] == payID.String() && r["fee_reason"] != "" }, "sendtoaddress", "b1", "0.00000012",
		nil, nil, nil, nil, nil, nil, nil, nil, true)
	want(c, id, "sendmany", "", json.RawMessage(`{"b2":0.2,"b1":0.10000001}`), 1, "batch", []string{"b1"})
	want(c, func(r map[string]any) bool {
		return r["txid"] == payID.String() && r["origfee"] == 0.000005 && r["fee"] == 0.000009
	}, "bumpfee",
		payID.String(), map[string]any{"fee_rate": 12})
	for i, p := range []app.Payment{
		{To: []app.Recipient{{Address: "b1", Amount: 10_000_000}}},
		{To: []app.Recipient{{Address: "b1", Amount: 1, PaysFee: true, Label: "who"}}, Label: "why", Rate: 1234},
		{To: []app.Recipient{{Address: "b1", Amount: 12}}},
		{To: []app.Recipient{{Address: "b2", Amount: 20_000_000}, {Address: "b1", Amount: 10_000_001, PaysFee: true}}, Label: "batch"},
	} {
		if got, want := fmt.Sprintf("%+v", l.paid[i]), fmt.Sprintf("%+v", p); got != want {
			t.Errorf("payment %d:\ngot  %s\nwant %s", i, got, want)
		}
	}
	if l.rate != 12_000 || l.keys[1] != "order 17" || l.consents[1][0] != "reuse" || l.consents[0] != nil {
		t.Errorf("rate %d, keys %q, consents %q", l.rate, l.keys, l.consents)
	}
}

// TestCompatibleRefuses: wrong calls, and those that say what is not carried out, pay nothing and have other nodes' codes.
func TestCompatibleRefuses(t *testing.T) {
	l := &till{}
	_, access, _ := serve(t, l, nil)
	for _, bad := range []struct {
		wallet, chain string
		code          rpc.Code
		says          string
		method        string
		params        []any
	}{
		{"", "", rpc.NoWalletNamed, "there are 2", "getbalance", nil},
		{"none", "", rpc.NoSuchWallet, `wallet "none"`, "getbalance", nil},
		{"main", "dev-x", rpc.InvalidParameter, "not followed", "getbalance", nil},
		{"main", "", rpc.InvalidParameter, "minconf", "getbalance", []any{"*", 6}},
		{"main", "", rpc.NoFunds, "coins: 1.23", "sendtoaddress", []any{"b1", 5}},
		{"main", "", rpc.WrongType, "amount", "sendtoaddress", []any{"b1", -1}},
		{"main", "", rpc.WrongType, "amount", "sendtoaddress", []any{"b1", json.Number("0.000000001")}},
		{"main", "", rpc.WrongType, "amount", "sendtoaddress", []any{"b1", json.Number("1e400")}},
		{"main", "", rpc.WrongType, "amount", "sendtoaddress", []any{"b1", true}},
		{"main", "", rpc.InvalidParameter, "replaceable", "sendtoaddress", []any{"b1", 0.1, "", "", false, false}},
		{"main", "", rpc.InvalidParameter, "conf_target", "sendtoaddress", []any{"b1", 0.1, "", "", false, true, 6}},
		{"main", "", rpc.InvalidParameter, "fee_rate", "sendtoaddress", []any{"b1", 0.1, "", "", false, true, nil, nil, nil, 0}},
		{"main", "", rpc.WrongType, "amounts", "sendmany", []any{"", json.RawMessage(`{"b1":1,"b1":0.1}`)}},
		{"main", "", rpc.InvalidParameter, "not paid to", "sendmany", []any{"", map[string]any{"b1": 0.1}, 1, "", []string{"b2"}}},
		{"main", "", rpc.InvalidParameter, "dummy", "sendmany", []any{"account", map[string]any{"b1": 0.1}}},
		{"main", "", rpc.NotFound, "not in the history", "gettransaction", []any{strings.Repeat("ab", 32)}},
		{"main", "", rpc.NotFound, "address_type", "getnewaddress", []any{"", "p2pk"}},
		{"main", "", rpc.WrongPassphrase, "password is wrong", "walletpassphrase", []any{"wrong", 60}},
		{"main", "", rpc.WrongType, "passphrase", "walletpassphrase", []any{17, 60}},
		{"main", "", rpc.InvalidParameter, "options", "bumpfee", []any{payID.String(), map[string]any{"confTarget": 6}}},
		{"main", "", rpc.InvalidParameter, "outputs", "walletcreatefundedpsbt", []any{[]string{}, []any{map[string]any{"data": 7}}}},
		{"main", "", rpc.NoWalletNamed, "NAME being new", "importdescriptors", []any{[]any{}}},
	} {
		access := access
		access.Wallet, access.Chain = bad.wallet, bad.chain
		err := counter{t, access}.ask(nil, bad.method, bad.params...)
		var e *rpc.Error
		if !errors.As(err, &e) || e.Code != bad.code || !strings.Contains(e.Message, bad.says) {
			t.Errorf("%s %v: %v, want %d %q", bad.method, bad.params, err, bad.code, bad.says)
		}
	}
	l.locked = true
	access.Wallet = "main"
	var e *rpc.Error
	if err := (counter{t, access}).ask(nil, "sendtoaddress", "b1", 0.1); !errors.As(err, &e) || e.Code != rpc.NeedsUnlock {
		t.Errorf("locked: %v", err)
	}
	if len(l.keys) != 0 {
		t.Errorf("sent %d times", len(l.keys))
	}
}

func TestImportDescriptors(t *testing.T) {
	l := &till{}
	_, access, _ := serve(t, l, nil)
	access.Wallet, access.Chain = "new", "dev"
	c := counter{t, access}
	want(c, func(r btcjson.ImportMultiResults) bool { return len(r) == 2 && r[0].Success }, "importdescriptors",
		json.RawMessage(`[{"desc":"wpkh(a)","timestamp":1700000000},{"desc":"wpkh(b)","timestamp":"now"}]`))
	if n := l.watching; n == nil || n.Name != "new" || n.Chains[0] != "dev" || n.Birthday.Unix() != 1_700_000_000 {
		t.Errorf("%+v", n)
	}
	want(c, func(r btcjson.ImportMultiResults) bool { return r[0].Success }, "importdescriptors",
		json.RawMessage(`[{"desc":"wpkh(a)","timestamp":"now"},{"desc":"wpkh(a)","timestamp":0}]`))
	if !l.watching.Birthday.IsZero() {
		t.Errorf("%+v", l.watching)
	}
	if err := c.ask(nil, "importdescriptors", json.RawMessage(`[{"desc":"wpkh(a)"}]`)); err == nil {
		t.Error("no timestamp is taken")
	}
}

// FuzzAmount: what is taken is written back the same; nothing panics.
func FuzzAmount(f *testing.F) {
	for _, s := range []string{"0.1", "1e-8", "1E+3", `"2.50"`, "-1", "1e999", "9e20", "0.e1", ".", "1.2.3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := amountOf(unit, json.RawMessage(s))
		if err != nil {
			return
		}
		again, err := amountOf(unit, json.RawMessage(coin(unit, n)))
		if err != nil || again != n || n < 0 {
			t.Fatalf("%q: %d, then %d, %v", s, n, again, err)
		}
		if again, err := ParseAmount(unit, FormatAmount(unit, n)); err != nil || again != n {
			t.Fatalf("%q: %d, then %d, %v", s, n, again, err)
		}
	})
}

package walletapi

import (
	"context"
	"encoding/json"
	"time"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/rpc"
)

func (o others) listWallets(ctx context.Context, _ *rpc.Call) (any, error) {
	all, err := o.ListWallets(ctx)
	names := make([]string, 0, len(all))
	for _, w := range all {
		names = append(names, w.Name)
	}
	return names, answered(err)
}

// walletInfo is what getwalletinfo answers.
type walletInfo struct {
	Name          string      `json:"walletname"`
	Version       int         `json:"walletversion"`
	Format        string      `json:"format"`
	Balance       json.Number `json:"balance"`
	Unconfirmed   json.Number `json:"unconfirmed_balance"`
	Immature      json.Number `json:"immature_balance"`
	TxCount       int         `json:"txcount"`
	PoolSize      uint32      `json:"keypoolsize"`              // addresses watched behind the last used one
	UnlockedUntil *int64      `json:"unlocked_until,omitempty"` // 0: locked; left out: unlocked, for a time that is not known
	Unlocked      bool        `json:"unlocked"`
	PayTxFee      json.Number `json:"paytxfee"`
	PrivateKeys   bool        `json:"private_keys_enabled"`
	AvoidReuse    bool        `json:"avoid_reuse"`
	Scanning      any         `json:"scanning"`
	Descriptors   bool        `json:"descriptors"`
	Trust         app.Trust   `json:"trust"`
}

func (o others) walletInfo(ctx context.Context, d *desk, _ *rpc.Args) (any, error) {
	sums, err := o.sums(ctx, d)
	if err != nil {
		return nil, err
	}
	page, err := o.History(ctx, d.Purse, app.HistoryQuery{Count: 1})
	if err != nil {
		return nil, err
	}
	list, err := o.Accounts(ctx, d.Purse)
	if err != nil {
		return nil, err
	}
	info := walletInfo{Name: d.wallet.Name, Version: 1, Format: "lamina", Balance: d.coin(sums.trusted), Unconfirmed: d.coin(sums.pending),
		Immature: d.coin(sums.immature), TxCount: page.Total, Unlocked: d.wallet.Unlocked, PayTxFee: d.coin(0),
		PrivateKeys: !d.wallet.WatchOnly, Scanning: false, Descriptors: true, Trust: page.Trust}
	for _, a := range list {
		info.PoolSize += a.Gap
	}
	if !d.wallet.Unlocked {
		info.UnlockedUntil = new(int64)
	}
	if !page.Trust.Verified {
		info.Scanning = map[string]any{"duration": 0, "progress": d.chain.Share}
	}
	return info, nil
}

func (o others) passphrase(ctx context.Context, c *rpc.Call) (any, error) {
	w, err := o.wallet(ctx, c)
	if err != nil {
		return nil, err
	}
	var password plain
	if err := c.Args.Decode(0, &password, "a string"); err != nil {
		return nil, err
	}
	// A longer time is cut, as theirs is.
	seconds, err := c.Args.Int(1, 1, 1<<40)
	if err != nil {
		return nil, err
	}
	_, err = o.Unlock(ctx, w.Name, app.Secret(password), time.Duration(min(seconds, 86400))*time.Second)
	return nil, answered(err)
}

func (o others) lockWallet(ctx context.Context, c *rpc.Call) (any, error) {
	w, err := o.wallet(ctx, c)
	if err != nil {
		return nil, err
	}
	return nil, answered(o.Lock(ctx, w.Name))
}

// importDescriptors makes a wallet, since a wallet's accounts do not change behind its owner's back.
func (o others) importDescriptors(ctx context.Context, c *rpc.Call) (any, error) {
	var requests []struct {
		Desc      string          `json:"desc"`
		Timestamp json.RawMessage `json:"timestamp"`
	}
	if err := c.Args.Decode(0, &requests, "an array of {desc, timestamp}"); err != nil {
		return nil, err
	}
	if c.Wallet == "" || c.Chain == "" || len(requests) == 0 {
		return nil, rpc.Errorf(rpc.NoWalletNamed, "importdescriptors: want the path /chain/CHAIN/wallet/NAME, NAME being new, and a descriptor")
	}
	n := app.NewWallet{Name: c.Wallet, Chains: []string{c.Chain}}
	known := true
	var keys []string
	for _, r := range requests {
		at, ok := timestamp(r.Timestamp)
		if !ok || r.Desc == "" {
			return nil, rpc.Errorf(rpc.WrongType, `importdescriptors: want a desc, and a timestamp that is "now" or seconds since 1970`)
		}
		if at.Unix() == 0 { // from the first block on
			known = false
		}
		if n.Birthday.IsZero() || at.Before(n.Birthday) {
			n.Birthday = at
		}
		keys = append(keys, r.Desc)
	}
	if !known {
		n.Birthday = time.Time{}
	}
	if _, err := o.WatchWallet(ctx, n, keys); err != nil {
		return nil, answered(err)
	}
	type done struct {
		Success bool `json:"success"`
	}
	out := make([]done, len(requests))
	for i := range out {
		out[i].Success = true
	}
	return out, nil
}

func timestamp(raw json.RawMessage) (time.Time, bool) {
	if string(raw) == `"now"` {
		return time.Now(), true
	}
	var seconds int64
	if json.Unmarshal(raw, &seconds) != nil || seconds < 0 {
		return time.Time{}, false
	}
	return time.Unix(seconds, 0), true
}

// kinds pairs the other names of address forms with ours.
var kinds = map[string]string{"": "", "legacy": "p2pkh", "p2sh-segwit": "p2sh-p2wpkh", "bech32": "p2wpkh", "bech32m": "p2tr"}

func (o others) newAddress(ctx context.Context, d *desk, a *rpc.Args) (any, error) {
	label, err := a.StringOr(0, "")
	if err != nil {
		return nil, err
	}
	name, err := a.StringOr(1, "")
	if err != nil {
		return nil, err
	}
	kind, ok := kinds[name]
	if !ok {
		return nil, a.Bad(rpc.NotFound, 1, "legacy, p2sh-segwit, bech32 or bech32m")
	}
	got, err := o.Receive(ctx, d.Purse, app.ReceiveRequest{Kind: kind, Fresh: true, Label: label})
	return got.Address, err
}

// sums are the classes that other nodes have.
type sums struct{ trusted, pending, immature int64 }

func (o others) sums(ctx context.Context, d *desk) (s sums, err error) {
	list, err := o.ListCoins(ctx, d.Purse, app.CoinFilter{})
	for i := range list.Coins {
		switch k := &list.Coins[i]; k.State {
		case "confirmed", "own unconfirmed":
			s.trusted += k.Value
		case "unconfirmed":
			s.pending += k.Value
		case "immature":
			s.immature += k.Value
		}
	}
	return s, err
}

func (o others) balance(ctx context.Context, d *desk, a *rpc.Args) (any, error) {
	for i, values := range [][]string{{`"*"`, `""`}, {"0"}, {"true", "false"}, {"false"}} {
		if err := only(a, i, values...); err != nil {
			return nil, err
		}
	}
	s, err := o.sums(ctx, d)
	return d.coin(s.trusted), err
}

func (o others) balances(ctx context.Context, d *desk, _ *rpc.Args) (any, error) {
	s, err := o.sums(ctx, d)
	type mine struct {
		Trusted  json.Number `json:"trusted"`
		Pending  json.Number `json:"untrusted_pending"`
		Immature json.Number `json:"immature"`
	}
	return struct {
		Mine mine `json:"mine"`
		Last any  `json:"lastprocessedblock"`
	}{mine{d.coin(s.trusted), d.coin(s.pending), d.coin(s.immature)}, d.chain.Trust.Scanned}, err
}

package app

import (
	"context"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/wallet"
	"github.com/layeredpow/lamina/wallet/address"
)

// ListCoins returns the unspent coins that a filter takes.
func (l *Local) ListCoins(ctx context.Context, in Purse, f CoinFilter) (CoinList, error) {
	return within(ctx, l, in, func(c *ledger, p *purse) (CoinList, error) {
		list := CoinList{Coins: []Coin{}, Unit: unitOf(c.params), Trust: c.trustOf(p)}
		for _, k := range p.chain.Coins() {
			if !f.takes(&k) {
				continue
			}
			list.Coins = append(list.Coins, coinOf(p.chain, &k))
			list.Sum += k.Value
		}
		return list, nil
	})
}

func (f *CoinFilter) takes(k *wallet.Coin) bool {
	return k.Depth >= f.MinDepth && (f.MaxDepth == 0 || k.Depth <= f.MaxDepth) &&
		k.Value >= f.MinValue && (f.MaxValue == 0 || k.Value <= f.MaxValue) &&
		(len(f.Kinds) == 0 || slices.Contains(f.Kinds, k.Kind.String())) &&
		(len(f.Accounts) == 0 || slices.Contains(f.Accounts, k.Account)) &&
		strings.Contains(k.Label, f.Label) && (f.Tag == "" || slices.Contains(k.Tags, f.Tag)) &&
		(!f.Spendable || k.Spendable())
}

// filter returns the same for the planner, which looks at spendable coins only.
func (f *CoinFilter) filter() (wallet.Filter, error) {
	out := wallet.Filter{MinDepth: f.MinDepth, MaxDepth: f.MaxDepth, MinValue: f.MinValue, MaxValue: f.MaxValue, Label: f.Label, Tag: f.Tag}
	if len(f.Accounts) > 0 {
		out.Accounts = f.Accounts
	}
	for _, name := range f.Kinds {
		kinds := []address.Kind{address.P2PKH, address.P2WPKH, address.P2TR, address.Nested}
		at := slices.IndexFunc(kinds, func(k address.Kind) bool { return k.String() == name })
		if at < 0 {
			return out, Coded(CodeInvalid, "kind %.20q: want one of %v", name, kinds)
		}
		out.Kinds = append(out.Kinds, kinds[at])
	}
	return out, nil
}

func coinOf(chain *wallet.Chain, k *wallet.Coin) Coin {
	c := Coin{Outpoint: k.Outpoint.String(), Value: k.Value, Script: hex.EncodeToString(k.Script), Kind: k.Kind.String(),
		Account: k.Account, Change: k.Change, State: k.State.String(), Depth: k.Depth, Matures: k.Matures, Frozen: k.Frozen,
		WatchOnly: k.WatchOnly, Spendable: k.Spendable(), Reused: k.Reused, Tags: k.Tags, Label: k.Label}
	if a, ok := chain.AddressOf(k.Script); ok {
		c.Address = a.Text
	}
	if len(k.Path) > 2 {
		c.Path = k.Path.String()
	}
	if k.Depth > 0 {
		c.Block = &spv.Block{Height: k.Block.Height, Hash: k.Block.Hash}
	}
	return c
}

// outpoints reads "txid:index".
func outpoints(texts []string) (out []wire.OutPoint, err error) {
	for _, text := range texts {
		op, err := wire.NewOutPointFromString(text)
		if err != nil {
			return nil, Coded(CodeInvalid, "coin %.80q: want txid:index", text)
		}
		out = append(out, *op)
	}
	return out, nil
}

// Freeze keeps coins from being spent. They are marked one by one: what an error leaves
// undone may be asked for again.
func (l *Local) Freeze(ctx context.Context, in Purse, coins []string, frozen bool) error {
	ops, err := outpoints(coins)
	if err != nil {
		return err
	}
	return change(ctx, l, in, func(_ *ledger, p *purse) error {
		for _, op := range ops {
			if err := p.chain.Freeze(op, frozen); err != nil {
				return err
			}
		}
		return nil
	})
}

// TagCoins sets the tags of coins.
func (l *Local) TagCoins(ctx context.Context, in Purse, coins []string, tags []string) error {
	ops, err := outpoints(coins)
	if err != nil {
		return err
	}
	return change(ctx, l, in, func(_ *ledger, p *purse) error {
		for _, op := range ops {
			if err := p.chain.TagCoin(op, tags...); err != nil {
				return err
			}
		}
		return nil
	})
}

// TagAddress sets the tags of every coin that is paid to an address of ours.
func (l *Local) TagAddress(ctx context.Context, in Purse, text string, tags []string) error {
	return change(ctx, l, in, func(c *ledger, p *purse) error {
		script, err := l.script(c.params, text)
		if err != nil {
			return err
		}
		return p.chain.TagAddress(script, tags...)
	})
}

// NeverMerge makes or lifts a rule.
func (l *Local) NeverMerge(ctx context.Context, in Purse, a, b string, never bool) error {
	return change(ctx, l, in, func(_ *ledger, p *purse) error { return p.chain.NeverMerge(a, b, never) })
}

// Rules returns the pairs of tags that never meet.
func (l *Local) Rules(ctx context.Context, in Purse) ([][2]string, error) {
	return within(ctx, l, in, func(_ *ledger, p *purse) ([][2]string, error) { return p.chain.Rules(), nil })
}

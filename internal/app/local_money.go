package app

import (
	"context"
	"encoding/hex"
	"slices"

	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/syncer"
	"github.com/layeredpow/lamina/wallet"
	"github.com/layeredpow/lamina/wallet/address"
	"github.com/layeredpow/lamina/wallet/uri"
)

// Balance adds up a purse.
func (l *Local) Balance(ctx context.Context, in Purse) (Balance, error) {
	return within(ctx, l, in, func(c *ledger, p *purse) (Balance, error) {
		b := p.chain.Balance()
		return Balance{Purse: in, Confirmed: b.Confirmed, OwnUnconfirmed: b.OwnUnconfirmed, Unconfirmed: b.Unconfirmed,
			Immature: b.Immature, Frozen: b.Frozen, WatchOnly: b.WatchOnly, Names: b.Names, Spendable: b.Spendable(),
			Coins: b.Coins, Unit: unitOf(c.params), Trust: c.trustOf(p)}, nil
	})
}

// Balances does so for every chain of a wallet that is followed.
func (l *Local) Balances(ctx context.Context, name string) (out []Balance, err error) {
	w, err := l.vaults.get(name)
	if err != nil {
		return nil, err
	}
	for _, chain := range l.vaults.show(w).Chains {
		if _, err := l.ledger(chain); err != nil {
			continue
		}
		b, err := l.Balance(ctx, Purse{name, chain})
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

// Accounts returns the rows of addresses of a purse.
func (l *Local) Accounts(ctx context.Context, in Purse) ([]Account, error) {
	return within(ctx, l, in, func(c *ledger, p *purse) (out []Account, err error) {
		for i, a := range p.chain.Accounts() {
			out = append(out, Account{Number: i, Kind: a.Kind().String(), Key: keyOf(c.params, &a), WatchOnly: a.WatchOnly})
			if a.Path != nil {
				out[i].Path = a.Path.String()
			}
		}
		for _, k := range p.chain.Keychains() {
			if a := &out[k.Account]; !k.Change {
				a.Issued, a.Used, a.Gap, a.Hole = k.Issued, k.Used, k.Gap, k.Hole
			}
		}
		return out, nil
	})
}

// keyOf returns an account's extended public key, or the descriptor of one that is shared.
func keyOf(p *chains.Params, a *wallet.Account) string {
	if a.Shared != nil {
		return a.Shared.String()
	}
	return a.Key.Encode(netOf(p))
}

// receiving is the kinds of addresses, the one that is given out where nothing is said first.
var receiving = []address.Kind{address.P2WPKH, address.P2TR, address.Nested, address.P2PKH, address.P2WSH, address.P2SH}

// accountFor finds the account whose addresses are asked for: P2WPKH if nothing is said
// and the chain has it, as every payer can pay there.
func accountFor(p *purse, r ReceiveRequest) (int, error) {
	accounts := p.chain.Accounts()
	if r.Account != nil {
		if *r.Account < 0 || *r.Account >= len(accounts) {
			return 0, Coded(CodeInvalid, "account %d: %s has %d", *r.Account, p.name(), len(accounts))
		}
		return *r.Account, nil
	}
	for _, kind := range receiving {
		at := slices.IndexFunc(accounts, func(a wallet.Account) bool { return a.Kind() == kind })
		if at >= 0 && (r.Kind == "" || r.Kind == kind.String()) {
			return at, nil
		}
	}
	return 0, Saying(CodeInvalid, "addresses of kind %.20q: %s has none; kinds are %v", r.Kind, p.name(), receiving)
}

// Receive returns an address to give out.
func (l *Local) Receive(ctx context.Context, in Purse, r ReceiveRequest) (Address, error) {
	verified, err := l.verified(in.Wallet)
	if err != nil {
		return Address{}, err
	}
	return within(ctx, l, in, func(c *ledger, p *purse) (Address, error) {
		if r.Amount < 0 || r.Amount > c.params.Unit.MaxMoney {
			return Address{}, Saying(CodeInvalid, "amount %d: want 0 to %d", r.Amount, c.params.Unit.MaxMoney)
		}
		account, err := accountFor(p, r)
		if err != nil {
			return Address{}, err
		}
		a, scripts, err := p.chain.Receive(account, r.Fresh)
		if err != nil {
			return Address{}, err
		}
		c.watch(p, syncer.Watch{Scripts: scripts, From: p.next()})
		if r.Label != "" {
			if err := p.chain.SetLabel("addr", a.Text, r.Label); err != nil {
				return Address{}, err
			}
		}
		out := addressOf(p, &a, verified)
		request := uri.Request{Address: a.Text, Amount: r.Amount, HasAmount: r.Amount > 0, Label: r.Label, Message: r.Message}
		out.URI = request.Format(c.params)
		return out, nil
	})
}

func (l *Local) verified(name string) (bool, error) {
	w, err := l.vaults.get(name)
	if err != nil {
		return false, err
	}
	return l.vaults.show(w).Verified, nil
}

func addressOf(p *purse, a *wallet.Address, verified bool) Address {
	out := Address{Purse: p.Purse, Address: a.Text, Kind: a.Kind.String(), Account: a.Account, Change: a.Change, Index: a.Index,
		Uses: a.Uses, Label: p.chain.Label("addr", a.Text), WatchOnly: a.Watched, Beyond: a.Beyond, Verified: verified}
	if len(a.Path) > 2 {
		out.Path = a.Path.String()
	}
	return out
}

// Addresses returns the addresses given out or paid to.
func (l *Local) Addresses(ctx context.Context, in Purse) ([]Address, error) {
	verified, err := l.verified(in.Wallet)
	if err != nil {
		return nil, err
	}
	return within(ctx, l, in, func(_ *ledger, p *purse) (out []Address, err error) {
		issued := map[[2]int]uint32{}
		for _, k := range p.chain.Keychains() {
			change := 0
			if k.Change {
				change = 1
			}
			issued[[2]int{k.Account, change}] = k.Issued
		}
		for _, script := range p.chain.Scripts() { // by account, change, index
			a, _ := p.chain.AddressOf(script)
			change := 0
			if a.Change {
				change = 1
			}
			if a.Uses > 0 || a.Index < issued[[2]int{a.Account, change}] {
				out = append(out, addressOf(p, &a, verified))
			}
		}
		return out, nil
	})
}

// LookUp says what an address is to a purse.
func (l *Local) LookUp(ctx context.Context, in Purse, text string) (AddressFacts, error) {
	verified, err := l.verified(in.Wallet)
	if err != nil {
		return AddressFacts{}, err
	}
	return within(ctx, l, in, func(c *ledger, p *purse) (AddressFacts, error) {
		script, err := l.script(c.params, text)
		if err != nil {
			return AddressFacts{}, err
		}
		kind := address.KindOf(c.params, script)
		facts := AddressFacts{Address: text, Script: hex.EncodeToString(script), Kind: kind.String(), AnyoneCanSpend: kind == address.Future}
		if a, ok := p.chain.AddressOf(script); ok {
			ours := addressOf(p, &a, verified)
			facts.Ours, facts.Kind = &ours, ours.Kind
		}
		facts.Paid = p.chain.PaidTo(script)
		return facts, nil
	})
}

// script returns the script of an address, or says what is wrong with it; all chains that
// are known help to say whose it is.
func (l *Local) script(p *chains.Params, text string) ([]byte, error) {
	return address.Decode(p, text, l.set.All()...)
}

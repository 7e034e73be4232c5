package app

import (
	"context"

	"github.com/layeredpow/lamina/keystore"
)

// AddAccounts gives a wallet further accounts.
func (l *Local) AddAccounts(ctx context.Context, name string, password Secret, count uint32) (Wallet, error) {
	keys, done, err := l.keys(name, orEmpty(password))
	if err != nil {
		return Wallet{}, err
	}
	defer done()
	w, err := l.vaults.get(name)
	if err != nil {
		return Wallet{}, err
	}
	if count == 0 {
		if count, err = l.wanting(ctx, w); err != nil || count == 0 {
			return l.vaults.show(w), err
		}
	}
	if err := l.grow(ctx, w, keys, password, count); err != nil {
		return Wallet{}, err
	}
	return l.vaults.show(w), nil
}

// wanting returns how many accounts are missing for the last one not to be used on any chain that is followed, so that a
// restored wallet is found whole, one account after the other (BIP44).
func (l *Local) wanting(ctx context.Context, w *vault) (uint32, error) {
	l.vaults.mu.Lock()
	have, names := accountsIn(&w.profile), chainsOf(&w.profile)
	l.vaults.mu.Unlock()
	for _, chain := range names {
		if _, err := l.ledger(chain); err != nil {
			continue
		}
		rows, err := l.Accounts(ctx, Purse{w.name, chain})
		if err != nil {
			return 0, err
		}
		for _, r := range rows {
			path, err := keystore.ParsePath(r.Path)
			if err == nil && len(path) == 3 && path[2] == keystore.Hardened+have-1 && r.Used > 0 && have < mostAccounts {
				return 1, nil
			}
		}
	}
	return 0, nil
}

// discover adds the account that a wallet of several wants. That the keys are there is the occasion: it is no reason
// not to unlock if it fails.
func (l *Local) discover(ctx context.Context, w *vault, keys *keystore.Keyring, password Secret) {
	l.vaults.mu.Lock()
	several := accountsIn(&w.profile) > 1
	l.vaults.mu.Unlock()
	if !several {
		return
	}
	count, err := l.wanting(ctx, w)
	if err == nil && count > 0 {
		err = l.grow(ctx, w, keys, password, count)
	}
	if err != nil {
		l.options.Log.Warn("no further account", "wallet", w.name, "error", err)
	}
}

// grow derives further accounts, puts them into the key file, and has what was paid to them looked for.
func (l *Local) grow(ctx context.Context, w *vault, keys *keystore.Keyring, password Secret, count uint32) error {
	w.work.Lock()
	defer w.work.Unlock()
	err := w.file.Update(password, false, func(p *keystore.Profile) error {
		from := accountsIn(p)
		if count > mostAccounts || from+count > mostAccounts {
			return Saying(CodeInvalid, "accounts: %d and %d more, want at most %d", from, count, mostAccounts)
		}
		for _, chain := range chainsOf(p) {
			if err := l.addAccounts(p, keys, chain, from, from+count); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	profile, _ := w.file.Profile()
	l.vaults.mu.Lock()
	w.profile = profile
	l.vaults.mu.Unlock()
	// The accounts are on disk: should what follows fail, it happens at the next start.
	for _, chain := range chainsOf(&profile) {
		c, err := l.ledger(chain)
		if err != nil {
			continue // not followed now
		}
		accounts, err := accountsOf(c.params, w)
		if err != nil {
			return err
		}
		err = change(ctx, l, Purse{w.name, chain}, func(c *ledger, p *purse) error {
			defer c.restart()
			return p.widen(accounts)
		})
		if err != nil {
			return err
		}
	}
	l.feed.send(Event{Kind: EventWallet, Time: l.options.Clock(), Purse: Purse{Wallet: w.name}})
	return nil
}

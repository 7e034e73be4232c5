package app

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/layeredpow/lamina/keystore"
	"github.com/layeredpow/lamina/keystore/descriptor"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/syncer"
	"github.com/layeredpow/lamina/wallet"
)

// ListWallets returns the wallets of the data folder.
func (l *Local) ListWallets(ctx context.Context) (out []Wallet, err error) {
	l.vaults.mu.Lock()
	list := slices.Clone(l.vaults.list)
	l.vaults.mu.Unlock()
	for _, w := range list {
		out = append(out, l.vaults.show(w))
	}
	return out, ctx.Err()
}

// CreateWallet makes a wallet with new words.
func (l *Local) CreateWallet(ctx context.Context, n NewWallet) (Created, error) {
	bits := 128
	switch n.WordCount {
	case 0, 12:
	case 24:
		bits = 256
	default:
		return Created{}, Saying(CodeInvalid, "words: %d, want 12 or 24", n.WordCount)
	}
	if n.Birthday.IsZero() {
		n.Birthday = l.options.Clock()
	}
	if n.Accounts == 0 {
		n.Accounts = 1
	}
	words, err := keystore.NewWords(bits, rand.Reader)
	if err != nil {
		return Created{}, err
	}
	defer words.Wipe()
	w, err := l.seal(ctx, n, words, n.Passphrase)
	if err != nil {
		return Created{}, err
	}
	return Created{Wallet: l.vaults.show(w), Backup: backupOf(w, words)}, nil
}

// RestoreWallet makes a wallet from words that exist.
func (l *Local) RestoreWallet(ctx context.Context, n NewWallet, words, passphrase Secret) (Wallet, error) {
	parsed, err := keystore.ParseWords(string(words))
	if err != nil {
		return Wallet{}, &Error{CodeWords, err}
	}
	defer parsed.Wipe()
	if n.Accounts == 0 {
		n.Accounts = restoredAccounts
	}
	w, err := l.seal(ctx, n, parsed, passphrase)
	if err != nil {
		return Wallet{}, err
	}
	return l.vaults.show(w), nil
}

// WatchWallet makes a wallet that cannot sign.
func (l *Local) WatchWallet(ctx context.Context, n NewWallet, keys []string) (Wallet, error) {
	if len(n.Chains) != 1 || len(keys) == 0 {
		return Wallet{}, Saying(CodeInvalid, "watch-only wallet: %d chains and %d keys, want one chain and at least one key", len(n.Chains), len(keys))
	}
	p, err := l.set.Get(n.Chains[0])
	if err != nil {
		return Wallet{}, &Error{CodeMissing, err}
	}
	profile := keystore.Profile{Name: n.Name, Birthday: unixOf(n.Birthday)}
	for _, key := range keys {
		found, err := descriptorsOf(p, strings.TrimSpace(key))
		if err != nil {
			return Wallet{}, err
		}
		for _, text := range found {
			if _, err := accountOf(p, text); err != nil {
				return Wallet{}, err
			}
			profile.Descriptors = append(profile.Descriptors, p.Name+" "+text)
		}
	}
	w, err := l.store(ctx, n, keystore.Contents{Profile: profile})
	if err != nil {
		return Wallet{}, err
	}
	return l.vaults.show(w), nil
}

func unixOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return max(t.Unix(), 1)
}

// seal makes a key file of words.
func (l *Local) seal(ctx context.Context, n NewWallet, words *keystore.Words, passphrase Secret) (*vault, error) {
	seed := words.Seed(passphrase)
	defer seed.Wipe()
	keys, err := keystore.Open(seed)
	if err != nil {
		return nil, err
	}
	defer keys.Lock()
	profile := keystore.Profile{Name: n.Name, Birthday: unixOf(n.Birthday)}
	if len(n.Chains) == 0 {
		return nil, Saying(CodeInvalid, "chains: none, want at least one")
	}
	if n.Accounts > mostAccounts {
		return nil, Saying(CodeInvalid, "accounts: %d, want at most %d", n.Accounts, mostAccounts)
	}
	if err := l.addChains(&profile, keys, n.Chains, n.Accounts); err != nil {
		return nil, err
	}
	w, err := l.store(ctx, n, keystore.Contents{Profile: profile, Words: words, Seed: seed})
	if err != nil {
		return nil, err
	}
	l.learnKeys(w.name, keys)
	return w, nil
}

const (
	restoredAccounts = 3 // of each kind, that are looked for where nothing is said
	mostAccounts     = 20
)

// addChains derives the first accounts of every kind that a chain has, for chains that are new: all with number 0 first.
func (l *Local) addChains(profile *keystore.Profile, keys *keystore.Keyring, names []string, count uint32) error {
	for _, name := range names {
		if slices.Contains(chainsOf(profile), name) {
			continue
		}
		if err := l.addAccounts(profile, keys, name, 0, count); err != nil {
			return err
		}
	}
	return nil
}

// addAccounts derives the accounts of every kind that a chain has, with numbers from one on and below another.
func (l *Local) addAccounts(profile *keystore.Profile, keys *keystore.Keyring, chain string, from, below uint32) error {
	p, err := l.set.Get(chain)
	if err != nil {
		return &Error{CodeMissing, err}
	}
	for number := from; number < below; number++ {
		for _, purpose := range p.Keys.Purposes {
			path, err := keystore.AccountPath(purpose, netOf(p), number)
			if err != nil {
				return err
			}
			key, err := keys.Public(path)
			if err != nil {
				return err
			}
			profile.Accounts = append(profile.Accounts, keystore.Account{Chain: chain, Path: path, Key: key})
		}
	}
	return nil
}

func netOf(p *chains.Params) keystore.Net {
	return keystore.Net{CoinType: p.Keys.CoinType, BIP32Pub: p.Address.BIP32Pub, BIP32Prv: p.Address.BIP32Prv}
}

// unlockTime is what unlocking a new key file takes, about.
const unlockTime = 500 * time.Millisecond

// store writes a new key file and opens its purses.
func (l *Local) store(ctx context.Context, n NewWallet, contents keystore.Contents) (*vault, error) {
	if err := checkName(n.Name); err != nil {
		return nil, err
	}
	l.vaults.making.Lock()
	defer l.vaults.making.Unlock()
	if _, err := l.vaults.get(n.Name); err == nil {
		return nil, Saying(CodeExists, "wallet %q: there is one of this name", n.Name)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w := &vault{name: n.Name, path: filepath.Join(l.options.DataDir, walletFolder, n.Name+fileSuffix), verified: true}
	file, err := keystore.Create(w.path, n.Password, contents, false, l.cost())
	if errors.Is(err, fs.ErrExist) {
		return nil, &Error{CodeExists, err}
	}
	if err != nil {
		return nil, err
	}
	w.file, w.watch = file, file.WatchOnly()
	w.profile, _ = file.Profile()
	l.vaults.add(w)
	// The keys are on disk: what follows happens again at the next start.
	return w, l.joinAll(w, n.Gap)
}

func (l *Local) cost() keystore.Cost {
	if l.options.Cost != (keystore.Cost{}) {
		return l.options.Cost
	}
	return keystore.Calibrate(unlockTime, time.Now)
}

// joinAll opens the purses of a wallet that are not open.
func (l *Local) joinAll(w *vault, gap uint32) error {
	purses, err := l.purses(w)
	if err != nil {
		return err
	}
	if err := l.openSettlement(w, purses); err != nil {
		return err
	}
	for c, p := range purses {
		if gap > 0 {
			if _, err := p.chain.SetGap(gap); err != nil {
				return err
			}
		}
		_, err := call(l.ctx, c, func() (struct{}, error) { return struct{}{}, c.join(p) })
		if err != nil && !errors.Is(err, errTwice) {
			return err
		}
	}
	l.feed.send(Event{Kind: EventWallet, Time: l.options.Clock(), Purse: Purse{Wallet: w.name}})
	return nil
}

// purses reads the purses of a wallet on the chains that are followed.
func (l *Local) purses(w *vault) (map[*ledger]*purse, error) {
	out := map[*ledger]*purse{}
	for _, name := range chainsOf(&w.profile) {
		c, err := l.ledger(name)
		if err != nil {
			continue // not followed now
		}
		accounts, err := accountsOf(c.params, w)
		if err != nil {
			return nil, err
		}
		log, err := l.records(w, c.params.Name)
		if err != nil {
			return nil, err
		}
		if out[c], err = openPurse(log, c.params, w.name, w.profile.Birthday, accounts); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// records returns a wallet's records on a chain. They lie under the wallet's name and an id of its keys, so that a wallet of
// the same name with other keys begins with none.
func (l *Local) records(w *vault, chain string) (wallet.Log, error) {
	id := sha256.Sum256(fmt.Appendf(nil, "%x %q", w.profile.Fingerprint[:], w.profile.Descriptors))
	log, err := l.disk.Wallet(chain, fmt.Sprintf("%s/%x", w.name, id[:8]))
	if err != nil {
		return nil, err
	}
	if l.options.between != nil {
		return l.options.between(log), nil
	}
	return log, nil
}

// accountsOf returns a wallet's accounts on a chain, in the order of its profile.
func accountsOf(p *chains.Params, w *vault) (out []wallet.Account, err error) {
	for _, a := range w.profile.Accounts {
		if a.Chain == p.Name {
			out = append(out, wallet.Account{Purpose: a.Path[0] &^ keystore.Hardened, Path: a.Path, Key: a.Key,
				Master: w.profile.Fingerprint, WatchOnly: w.watch})
		}
	}
	for _, d := range w.profile.Descriptors {
		if chain, text, _ := strings.Cut(d, " "); chain == p.Name {
			a, err := accountOf(p, text)
			if err != nil {
				return nil, fmt.Errorf("wallet %s: %w", w.name, err)
			}
			out = append(out, a)
		}
	}
	return out, nil
}

// AddChains gives a wallet accounts on further chains.
func (l *Local) AddChains(_ context.Context, name string, password Secret, names []string) (Wallet, error) {
	keys, done, err := l.keys(name, orEmpty(password))
	if err != nil {
		return Wallet{}, err
	}
	defer done()
	w, err := l.vaults.get(name)
	if err != nil {
		return Wallet{}, err
	}
	w.work.Lock()
	defer w.work.Unlock()
	err = w.file.Update(password, false, func(p *keystore.Profile) error { return l.addChains(p, keys, names, accountsIn(p)) })
	if err != nil {
		return Wallet{}, err
	}
	profile, _ := w.file.Profile()
	l.vaults.mu.Lock()
	w.profile = profile
	l.vaults.mu.Unlock()
	if err := l.joinAll(w, 0); err != nil {
		return Wallet{}, err
	}
	l.learnKeys(name, keys)
	return l.vaults.show(w), nil
}

// accountsIn returns how many accounts of a kind a profile has on its first chain.
func accountsIn(p *keystore.Profile) uint32 {
	n := uint32(0)
	for _, a := range p.Accounts {
		if a.Chain == p.Accounts[0].Chain && a.Path[0] == p.Accounts[0].Path[0] {
			n++
		}
	}
	return max(n, 1)
}

// orEmpty makes of no password an empty one, which no file opens to: the session will not do.
func orEmpty(s Secret) Secret {
	if s == nil {
		return Secret{}
	}
	return s
}

// Descriptors returns a wallet's output descriptors on a chain.
func (l *Local) Descriptors(_ context.Context, in Purse) (out []string, err error) {
	w, err := l.vaults.get(in.Wallet)
	if err != nil {
		return nil, err
	}
	p, err := l.set.Get(in.Chain)
	if err != nil {
		return nil, &Error{CodeMissing, err}
	}
	l.vaults.mu.Lock()
	defer l.vaults.mu.Unlock()
	for _, a := range w.profile.Accounts {
		if a.Chain == p.Name {
			d, err := descriptor.ForAccount(a, w.profile.Fingerprint, netOf(p))
			if err != nil {
				return nil, err
			}
			out = append(out, d.String())
		}
	}
	for _, d := range w.profile.Descriptors {
		if chain, text, _ := strings.Cut(d, " "); chain == p.Name {
			out = append(out, text)
		}
	}
	if out == nil {
		return nil, Saying(CodeMissing, "wallet %s: has no accounts on %s", in.Wallet, in.Chain)
	}
	return out, nil
}

// SetGap sets how many unused addresses are looked for.
func (l *Local) SetGap(ctx context.Context, in Purse, gap uint32) error {
	return change(ctx, l, in, func(c *ledger, p *purse) error {
		defer p.book.drop()
		first := max(p.book.place.first, 1)
		if p.placed() && first <= p.chain.Tip().Height {
			p.book.setRedo(first) // in the same transaction as the gap: a crash forgets both or none
		}
		fresh, err := p.chain.SetGap(gap)
		if err != nil {
			return err
		}
		c.watch(p, syncer.Watch{Scripts: fresh, From: first})
		return nil
	})
}

// Rescan looks through all blocks from a height on once more.
func (l *Local) Rescan(ctx context.Context, in Purse, from int32) error {
	return change(ctx, l, in, func(c *ledger, p *purse) error {
		if from < 1 {
			return Saying(CodeInvalid, "height %d: want at least 1", from)
		}
		defer p.book.drop()
		if !p.placed() || from < p.book.place.first {
			p.book.setPlace(placed{from, p.birthday})
		}
		if from <= p.chain.Tip().Height {
			p.book.setRedo(from)
		}
		if err := p.book.flush(); err != nil {
			return err
		}
		c.restart()
		return nil
	})
}

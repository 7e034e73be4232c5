package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/layeredpow/lamina/keystore"
)

// longestIdle bounds how long a wallet may stay unlocked without use.
const longestIdle = 24 * time.Hour

// Unlock lets a wallet sign without a password. A wallet of several accounts gets one more if the last is used.
func (l *Local) Unlock(ctx context.Context, name string, password Secret, idle time.Duration) (Wallet, error) {
	if idle <= 0 || idle > longestIdle {
		return Wallet{}, Saying(CodeInvalid, "unlock for %s: want more than 0 and at most %s", idle, longestIdle)
	}
	w, err := l.ready(name)
	if err != nil {
		return Wallet{}, err
	}
	keys, err := l.unlock(w, orEmpty(password))
	if err != nil {
		return Wallet{}, err
	}
	if keys != nil { // not of a watch-only wallet, which is verified by this
		l.discover(ctx, w, keys, password)
		l.vaults.mu.Lock()
		w.endSession()
		if l.ctx.Err() != nil {
			keys.Lock()
		}
		w.session = keystore.NewSession(keys, l.options.Clock(), idle)
		l.vaults.mu.Unlock()
	}
	l.deals.wake() // what waited for the keys
	l.feed.send(Event{Kind: EventWallet, Time: l.options.Clock(), Purse: Purse{Wallet: name}})
	return l.vaults.show(w), nil
}

// ready returns a wallet's vault if its key file is whole.
func (l *Local) ready(name string) (*vault, error) {
	if err := l.vaults.usable(name); err != nil {
		return nil, err
	}
	return l.vaults.get(name)
}

// Lock ends a wallet's session and wipes the keys.
func (l *Local) Lock(ctx context.Context, name string) error {
	w, err := l.vaults.get(name)
	if err != nil {
		return err
	}
	l.vaults.mu.Lock()
	w.endSession()
	l.vaults.mu.Unlock()
	l.feed.send(Event{Kind: EventWallet, Time: l.options.Clock(), Purse: Purse{Wallet: name}})
	return ctx.Err()
}

// ChangePassword seals the key file anew.
func (l *Local) ChangePassword(_ context.Context, name string, password, next Secret) error {
	w, err := l.ready(name)
	if err != nil {
		return err
	}
	w.work.Lock()
	defer w.work.Unlock()
	return w.file.ChangePassword(orEmpty(password), next, l.cost())
}

// Backup returns what the owner writes down.
func (l *Local) Backup(_ context.Context, name string, password Secret) (Backup, error) {
	w, err := l.ready(name)
	if err != nil {
		return Backup{}, err
	}
	w.work.Lock()
	words, err := w.file.Words(orEmpty(password))
	w.work.Unlock()
	if err != nil {
		return Backup{}, err
	}
	if words != nil {
		defer words.Wipe()
	}
	return backupOf(w, words), nil
}

// backupOf puts a backup together. Words may be nil.
func backupOf(w *vault, words *keystore.Words) Backup {
	b := Backup{Chains: chainsOf(&w.profile), Fingerprint: fmt.Sprintf("%x", w.profile.Fingerprint[:])}
	var text strings.Builder
	fmt.Fprintf(&text, "Lamina wallet %s\n", w.name)
	if words != nil {
		list := words.Reveal()
		b.Words = Secret(strings.Join(list, " "))
		fmt.Fprintf(&text, "words: %s\n", string(b.Words))
		clear(list)
	}
	if w.profile.Birthday != 0 {
		b.Birthday = time.Unix(w.profile.Birthday, 0).UTC()
		fmt.Fprintf(&text, "birthday: %s\n", b.Birthday.Format(time.DateOnly))
	}
	fmt.Fprintf(&text, "fingerprint: %s\nchains: %s\n", b.Fingerprint, strings.Join(b.Chains, ", "))
	for _, d := range w.profile.Descriptors {
		_, descriptor, _ := strings.Cut(d, " ")
		fmt.Fprintf(&text, "descriptor: %s\n", descriptor)
	}
	b.Text = Secret(text.String())
	return b
}

// CheckBackup tells whether words and passphrase are those of the wallet.
func (l *Local) CheckBackup(_ context.Context, name string, words, passphrase Secret) (BackupCheck, error) {
	w, err := l.ready(name)
	if err != nil {
		return BackupCheck{}, err
	}
	parsed, err := keystore.ParseWords(string(words))
	if err != nil {
		return BackupCheck{}, &Error{CodeWords, err}
	}
	defer parsed.Wipe()
	seed := parsed.Seed(passphrase)
	defer seed.Wipe()
	keys, err := keystore.Open(seed)
	if err != nil {
		return BackupCheck{}, err
	}
	defer keys.Lock()
	var check BackupCheck
	for i, a := range w.profile.Accounts { // four bytes of fingerprint alone would be too few
		key, err := keys.Public(a.Path)
		if err != nil {
			return BackupCheck{}, err
		}
		check.Words = (check.Words || i == 0) && key.Equal(a.Key)
	}
	w.work.Lock()
	defer w.work.Unlock()
	if err := w.file.Backup(); err != nil {
		check.File = err.Error()
	}
	return check, nil
}

// CheckWords looks at recovery words as they are typed.
func (l *Local) CheckWords(_ context.Context, words Secret) (WordsCheck, error) {
	check := WordsCheck{Index: -1, Count: len(strings.Fields(string(words)))}
	parsed, err := keystore.ParseWords(string(words))
	var unknown *keystore.WordError
	switch {
	case errors.As(err, &unknown):
		check.Problem, check.Index, check.Suggestions = err.Error(), unknown.Index, unknown.Suggestions
	case err != nil:
		check.Problem = err.Error()
	default:
		parsed.Wipe()
		check.OK = true
	}
	return check, nil
}

// RestoreFile puts the backup in the place of a key file that is damaged or gone; what was
// there is kept beside it.
func (l *Local) RestoreFile(_ context.Context, name string) (Wallet, error) {
	w, err := l.vaults.get(name)
	if err != nil {
		return Wallet{}, err
	}
	w.work.Lock()
	defer w.work.Unlock()
	if err := keystore.Restore(w.path); err != nil {
		return Wallet{}, err
	}
	l.vaults.mu.Lock()
	w.read()
	l.vaults.mu.Unlock()
	if w.file == nil {
		return Wallet{}, l.vaults.usable(name)
	}
	return l.vaults.show(w), l.joinAll(w, 0)
}

package app

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/layeredpow/lamina/keystore"
	"github.com/layeredpow/lamina/spv/said"
)

// fileSuffix ends the names of key files.
const fileSuffix = ".lamina"

// vaults are the wallets' key files.
type vaults struct {
	mu     sync.Mutex // guards the list and, in each, trouble and session; never held while keys are derived
	list   []*vault   // by name
	making sync.Mutex // one wallet is made at a time
}

// vault is one key file.
type vault struct {
	name    string
	path    string
	work    sync.Mutex     // guards file: unlocking takes its time
	file    *keystore.File // nil: it does not open
	profile keystore.Profile
	watch   bool

	verified bool
	trouble  said.Sentence // why it cannot be used
	session  *keystore.Session
}

// get returns a wallet's vault.
func (v *vaults) get(name string) (*vault, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, w := range v.list {
		if w.name == name {
			return w, nil
		}
	}
	return nil, Saying(CodeMissing, "wallet %q: there is none of this name", name)
}

// usable returns why a wallet cannot be used, nil if it can.
func (v *vaults) usable(name string) error {
	w, err := v.get(name)
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if w.trouble.Form != "" {
		return Saying(CodeDamaged, "wallet %s: %s", name, w.trouble)
	}
	return nil
}

func (v *vaults) add(w *vault) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.list = append(v.list, w)
	slices.SortFunc(v.list, func(a, b *vault) int { return strings.Compare(a.name, b.name) })
}

// expired locks the sessions whose time is up, and names them.
func (v *vaults) expired(now time.Time) (names []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, w := range v.list {
		if w.session != nil && w.session.Locked(now) {
			w.session = nil
			names = append(names, w.name)
		}
	}
	return names
}

func (v *vaults) lockAll() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, w := range v.list {
		w.endSession()
	}
}

func (w *vault) endSession() {
	if w.session != nil {
		w.session.Lock()
		w.session = nil
	}
}

// show returns what is told of a wallet.
func (v *vaults) show(w *vault) Wallet {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := Wallet{Name: w.name, WatchOnly: w.watch, Verified: w.verified, Unlocked: w.session != nil, Trouble: w.trouble.String(), TroubleSaid: w.trouble,
		Chains: chainsOf(&w.profile)}
	if w.profile.Birthday != 0 {
		out.Birthday = time.Unix(w.profile.Birthday, 0).UTC()
	}
	if w.profile.Fingerprint != (keystore.Fingerprint{}) {
		out.Fingerprint = fmt.Sprintf("%x", w.profile.Fingerprint[:])
	}
	return out
}

// chainsOf names the chains of a profile, in its order.
func chainsOf(p *keystore.Profile) (names []string) {
	for _, a := range p.Accounts {
		if !slices.Contains(names, a.Chain) {
			names = append(names, a.Chain)
		}
	}
	for _, d := range p.Descriptors {
		if chain, _, _ := strings.Cut(d, " "); !slices.Contains(names, chain) {
			names = append(names, chain)
		}
	}
	return names
}

// openVaults finds the wallets of the data folder and opens their purses. A key file that
// does not open is told of as the wallet's trouble: the others go on. A damaged database is an error (*DataError): they
// share it.
func (l *Local) openVaults() error {
	names, err := filepath.Glob(filepath.Join(escapeGlob(l.options.DataDir), walletFolder, "*"+fileSuffix))
	if err != nil {
		return err
	}
	backups, _ := filepath.Glob(filepath.Join(escapeGlob(l.options.DataDir), walletFolder, "*"+fileSuffix+".bak"))
	for _, b := range backups { // the file itself may be gone
		if path := strings.TrimSuffix(b, ".bak"); !slices.Contains(names, path) {
			names = append(names, path)
		}
	}
	for _, path := range names {
		w := &vault{name: strings.TrimSuffix(filepath.Base(path), fileSuffix), path: path}
		if checkName(w.name) != nil {
			continue
		}
		w.read()
		l.vaults.add(w)
		if w.file == nil {
			continue
		}
		purses, err := l.purses(w)
		if err == nil {
			err = l.openSettlement(w, purses)
		}
		if folder := (*DataError)(nil); errors.As(err, &folder) {
			return folder
		}
		if err != nil {
			w.trouble = said.FromError(err)
			continue
		}
		for c, p := range purses {
			c.purses = append(c.purses, p)
		}
	}
	return nil
}

// escapeGlob makes a folder's name stand for itself in a pattern.
func escapeGlob(dir string) string {
	return strings.NewReplacer(`*`, `[*]`, `?`, `[?]`, `[`, `[[]`).Replace(dir)
}

// read opens the key file.
func (w *vault) read() {
	file, err := keystore.OpenFile(w.path)
	switch {
	case err != nil:
		w.trouble = said.FromError(err)
	case file.Private():
		w.trouble = said.Of("the key file hides its accounts, which is not supported here")
	default:
		w.file, w.trouble, w.watch = file, said.Sentence{}, file.WatchOnly()
		w.profile, _ = file.Profile()
	}
}

// keys returns what signs for a wallet, and what to do with it afterwards: of a password,
// for this once; without one, of the session. Watch-only wallets have none.
func (l *Local) keys(name string, password Secret) (keys *keystore.Keyring, done func(), err error) {
	if err := l.vaults.usable(name); err != nil {
		return nil, nil, err
	}
	w, err := l.vaults.get(name)
	if err != nil {
		return nil, nil, err
	}
	if w.watch {
		return nil, nil, Saying(CodeWatch, "wallet %s: watch-only, it cannot sign", name)
	}
	if password == nil {
		l.vaults.mu.Lock()
		defer l.vaults.mu.Unlock()
		if w.session == nil {
			return nil, nil, fmt.Errorf("wallet %s: %w: unlock it, or give its password", name, keystore.ErrLocked)
		}
		keys, err = w.session.Keys(l.options.Clock())
		return keys, func() {}, err
	}
	keys, err = l.unlock(w, password)
	if err != nil {
		return nil, nil, err
	}
	return keys, keys.Lock, nil
}

// unlock opens a key file, and takes note that its accounts are vouched for.
func (l *Local) unlock(w *vault, password Secret) (*keystore.Keyring, error) {
	w.work.Lock()
	defer w.work.Unlock()
	keys, err := w.file.Unlock(password)
	if err != nil {
		return nil, err
	}
	l.learnKeys(w.name, keys)
	l.vaults.mu.Lock()
	defer l.vaults.mu.Unlock()
	w.verified = true
	return keys, nil
}

// nameLength bounds a wallet's name, in bytes.
const nameLength = 64

func checkName(name string) error {
	plain := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
	}
	if name == "" || len(name) > nameLength || name[0] == '.' || strings.ContainsFunc(name, plain) {
		return Saying(CodeInvalid, "wallet name %.80q: want 1 to %d of a-z, A-Z, 0-9, '-', '_' and '.', not beginning with a point",
			name, nameLength)
	}
	return nil
}

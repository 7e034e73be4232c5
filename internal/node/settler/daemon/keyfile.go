package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"

	"github.com/layeredpow/lamina/internal/node/settler"
	"github.com/layeredpow/lamina/keystore"
	"github.com/layeredpow/lamina/spv/peg"
)

// keyPath leads to a settler's key: m / "LPST"' / 0'. No wallet has a key there.
var keyPath = keystore.Path{keystore.Hardened + 0x4c505354, keystore.Hardened}

// keyAccount names the account of a settler's key file. No chain has that name.
const keyAccount = "settler"

// unlockTime is what a guess at a password is to take.
const unlockTime = time.Second

// errWallets is what a key file of somebody else's gets.
var errWallets = errors.New("holds no settler key: want a file that `lamina settler key new` made")

// NewKeyFile makes a key file, sealed by a password, of the recovery words that are given, or
// of new ones where words is empty. Show gets the words before the file is made, and can
// refuse. It returns the public key, x-only.
func NewKeyFile(path string, password, words []byte, show func(words []byte) error) ([32]byte, error) {
	fail := func(err error) ([32]byte, error) { return [32]byte{}, fmt.Errorf("settler key %s: %w", path, err) }
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fail(errors.Join(fs.ErrExist, err))
	}
	kept, err := keystore.NewWords(128, rand.Reader)
	if len(words) > 0 {
		kept, err = keystore.ParseWords(string(words))
	}
	if err != nil {
		return fail(err)
	}
	defer kept.Wipe()
	seed := kept.Seed(nil)
	defer seed.Wipe()
	keys, err := keystore.Open(seed)
	if err != nil {
		return fail(err)
	}
	defer keys.Lock()
	public, err := keys.Public(keyPath)
	if err != nil {
		return fail(err)
	}
	list := kept.Reveal()
	defer clear(list)
	if err := show([]byte(strings.Join(list, " "))); err != nil {
		return fail(err)
	}
	profile := keystore.Profile{Name: keyAccount, Accounts: []keystore.Account{{Chain: keyAccount, Path: keyPath, Key: public}}}
	contents, cost := keystore.Contents{Profile: profile, Words: kept, Seed: seed}, keystore.Calibrate(unlockTime, time.Now)
	if _, err := keystore.Create(path, password, contents, false, cost); err != nil {
		return fail(err)
	}
	return xOnly(public), nil
}

func xOnly(p *keystore.Public) [32]byte { return [32]byte(schnorr.SerializePubKey(p.Key())) }

// KeyFile is a settler's key, sealed.
type KeyFile struct {
	file   *keystore.File
	public [32]byte
}

// OpenKeyFile reads a key file that NewKeyFile made.
func OpenKeyFile(path string) (*KeyFile, error) {
	f, err := keystore.OpenFile(path)
	if err != nil {
		return nil, fmt.Errorf("settler key %s: %w", path, err)
	}
	profile, _ := f.Profile()
	own := func(a keystore.Account) bool { return a.Chain == keyAccount && slices.Equal(a.Path, keyPath) }
	if len(profile.Accounts) != 1 || !own(profile.Accounts[0]) {
		return nil, fmt.Errorf("settler key %s: %w", path, errWallets)
	}
	return &KeyFile{file: f, public: xOnly(profile.Accounts[0].Key)}, nil
}

// Public returns the public key, x-only. Nobody vouches for it before Unlock.
func (k *KeyFile) Public() [32]byte { return k.public }

// Unlock returns a signer with the key.
func (k *KeyFile) Unlock(password []byte) (*Keyring, error) {
	keys, err := k.file.Unlock(password)
	if err != nil {
		return nil, err
	}
	if keys == nil {
		return nil, errWallets
	}
	return &Keyring{keys: keys, public: k.public}, nil
}

// Keyring is a settler's key in memory. It prints as a fixed placeholder.
type Keyring struct {
	keys   *keystore.Keyring
	public [32]byte
}

// Keys returns the public key.
func (k *Keyring) Keys() [][32]byte { return [][32]byte{k.public} }

// Sign signs every input whose set has the key.
func (k *Keyring) Sign(_ context.Context, s *settler.Sign) ([]peg.Signatures, error) {
	return signAll(s, k.public, func(hash [32]byte) ([]byte, error) { return k.keys.SignSchnorrUntweaked(keyPath, hash) })
}

// Wipe overwrites the key.
func (k *Keyring) Wipe() { k.keys.Lock() }

// Format writes the placeholder for every verb.
func (*Keyring) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText returns the placeholder.
func (*Keyring) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// signAll signs the inputs of a batch in whose sets a key is.
func signAll(s *settler.Sign, own [32]byte, sign func(hash [32]byte) ([]byte, error)) ([]peg.Signatures, error) {
	all := make([]peg.Signatures, len(s.Hashes))
	for i := range all {
		all[i] = peg.Signatures{}
		for place, key := range s.Batch.Spends[i].Set.Keys {
			if key != own {
				continue
			}
			sig, err := sign(s.Hashes[i])
			if err != nil {
				return nil, fmt.Errorf("batch %d, input %d: %w", s.Batch.Number, i, err)
			}
			all[i][place] = [64]byte(sig)
		}
	}
	return all, nil
}

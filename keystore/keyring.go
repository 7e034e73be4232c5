package keystore

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrLocked means that the keys were wiped: unlock the file again.
var ErrLocked = errors.New("keys: locked")

// secretPurpose is the first step of the path below which Secret derives, "LPOW" in ASCII: no account uses it.
const secretPurpose = Hardened + 0x4c504f57

// Keyring signs with the keys of one seed and gives out the public ones. It may be used by several goroutines.
type Keyring struct{ secret[keyring] }

type keyring struct {
	mu       sync.RWMutex // held for reading as long as a key is in use, so that Lock waits
	root     *node        // nil once locked
	branches branches
}

// Open grows the key tree of seed, which may be wiped afterwards. The caller locks the keyring after use.
func Open(seed *Seed) (*Keyring, error) {
	root, err := master(seed)
	if err != nil {
		return nil, err
	}
	return &Keyring{hide(&keyring{root: root})}, nil
}

// Lock wipes the keys. Whatever is asked of the keyring from then on gives ErrLocked.
func (k *Keyring) Lock() {
	open := k.reveal()
	open.mu.Lock()
	defer open.mu.Unlock()
	if open.root != nil {
		open.root.wipe()
		open.root = nil
		open.branches.wipe()
	}
}

// lend keeps the keys from being wiped during use.
func (k *Keyring) lend(use func(*keyring) error) error {
	open := k.reveal()
	open.mu.RLock()
	defer open.mu.RUnlock()
	if open.root == nil {
		return ErrLocked
	}
	return use(open)
}

// with lends use the node at path and wipes it afterwards.
func (k *Keyring) with(path Path, use func(*node) error) error {
	return k.lend(func(open *keyring) error {
		n, err := open.derive(path)
		if err != nil {
			return fmt.Errorf("path %s: %w", path, err)
		}
		defer n.wipe()
		return use(n)
	})
}

// derive returns the node at path, for the caller to wipe.
func (k *keyring) derive(path Path) (*node, error) {
	if len(path) == 0 {
		return k.root.derive(nil)
	}
	above, err := k.branches.at(k.root, path[:len(path)-1])
	if err != nil {
		return nil, err
	}
	return above.child(path[len(path)-1])
}

// Public returns the extended public key at path: an account's, if the path is that of AccountPath.
func (k *Keyring) Public(path Path) (p *Public, err error) {
	err = k.with(path, func(n *node) error { p = n.public(); return nil })
	return p, err
}

// Fingerprint returns the master key's, which descriptors and PSBTs name a key's origin by.
func (k *Keyring) Fingerprint() ([4]byte, error) {
	p, err := k.Public(nil)
	if err != nil {
		return [4]byte{}, err
	}
	return p.Fingerprint(), nil
}

// SignECDSA signs hash with the key at path. The signature is DER with low S (BIP146) and low R, thus at most 70 bytes;
// the sighash byte is the caller's to append. Equal arguments give equal signatures, so that a transaction
// that is signed again after a crash is the same transaction.
func (k *Keyring) SignECDSA(path Path, hash [32]byte) (der []byte, err error) {
	err = k.with(path, func(n *node) error { der, err = signECDSA(&n.key, hash); return err })
	return der, err
}

// SignSchnorr signs hash for the key path of a taproot output whose internal key is at path (BIP340, BIP341). root is
// the merkle root of its scripts, 32 bytes, or nil if there are none (BIP86). The signature is 64 bytes. Equal
// arguments give equal signatures.
func (k *Keyring) SignSchnorr(path Path, hash [32]byte, root []byte) (sig []byte, err error) {
	if err := checkRoot(root); err != nil {
		return nil, err
	}
	err = k.with(path, func(n *node) error { sig, err = signTaproot(&n.key, hash, root); return err })
	return sig, err
}

func checkRoot(root []byte) error {
	if len(root) != 0 && len(root) != sha256.Size {
		return fmt.Errorf("taproot merkle root: %d bytes: want none or %d", len(root), sha256.Size)
	}
	return nil
}

// SignSchnorrUntweaked signs hash with the key at path as it is, for a script path (BIP342).
func (k *Keyring) SignSchnorrUntweaked(path Path, hash [32]byte) (sig []byte, err error) {
	err = k.with(path, func(n *node) error { sig, err = signSchnorr(&n.key, hash); return err })
	return sig, err
}

// Secret derives 32 bytes that are to be revealed in the end: the secret of a swap. It is HMAC-SHA256 of the purpose
// under the private key at m / 1280331607' / index' (the first number is "LPOW"), so the words find it again,
// and what is revealed says nothing about any key.
func (k *Keyring) Secret(purpose string, index uint32) (out [32]byte, err error) {
	if index >= Hardened {
		return out, fmt.Errorf("secret %d: not below 2^31", index)
	}
	err = k.with(Path{secretPurpose, Hardened + index}, func(n *node) error {
		key := n.key.Bytes()
		defer clear(key[:])
		mac := hmac.New(sha256.New, key[:])
		mac.Write([]byte(purpose))
		mac.Sum(out[:0])
		return nil
	})
	return out, err
}

// Session is a keyring that locks itself after a time without use. It reads no clock: ask Locked now and then, so that
// the keys are wiped on time even if nobody wants them.
type Session struct {
	mu      sync.Mutex
	keys    *Keyring // nil once locked
	idle    time.Duration
	started time.Time
	expires time.Time
}

// NewSession lends keys until idle has passed without a call of Keys.
func NewSession(keys *Keyring, now time.Time, idle time.Duration) *Session {
	return &Session{keys: keys, idle: idle, started: now, expires: now.Add(idle)}
}

// Keys returns the keyring and extends the session, or ErrLocked.
func (s *Session) Keys(now time.Time) (*Keyring, error) {
	if s.Locked(now) {
		return nil, ErrLocked
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys == nil {
		return nil, ErrLocked
	}
	s.started, s.expires = now, now.Add(s.idle)
	return s.keys, nil
}

// Locked says whether the session is over, and wipes the keys if its time is up. A clock that went back behind the last
// use ends it too.
func (s *Session) Locked(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys != nil && (!now.Before(s.expires) || now.Before(s.started)) {
		s.keys.Lock()
		s.keys = nil
	}
	return s.keys == nil
}

// Lock ends the session.
func (s *Session) Lock() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys != nil {
		s.keys.Lock()
		s.keys = nil
	}
}

package keystore

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

const (
	maxName       = 256 // bytes, of a name of a wallet or of a chain
	maxAccounts   = 1000
	maxDescriptor = 16 << 10 // bytes
)

// Profile is the public part of a key file: enough to show balances and addresses, not enough to spend.
type Profile struct {
	Name        string      `json:"name"`
	Birthday    int64       `json:"birthday"`    // Unix seconds; no payment is older. 0: unknown
	Fingerprint Fingerprint `json:"fingerprint"` // of the master key; zero if watch-only
	Accounts    []Account   `json:"accounts"`
	Descriptors []string    `json:"descriptors"` // of watch-only and multisig accounts; kept as text, not read here
}

// Account is one account of one chain.
type Account struct {
	Chain string  `json:"chain"` // as the program names it
	Path  Path    `json:"path"`
	Key   *Public `json:"key"`
}

// Fingerprint is the first four bytes of a master key's HASH160, written in hexadecimal.
type Fingerprint [4]byte

// MarshalText writes eight hexadecimal digits.
func (f Fingerprint) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%x", f[:]), nil }

// UnmarshalText reads eight hexadecimal digits.
func (f *Fingerprint) UnmarshalText(text []byte) error {
	if len(text) != 2*len(f) {
		return fmt.Errorf("fingerprint: %d characters: want %d hexadecimal digits", len(text), 2*len(f))
	}
	if _, err := hex.Decode(f[:], text); err != nil {
		return fmt.Errorf("fingerprint: %w", err)
	}
	return nil
}

// parseProfile reads JSON, strictly.
func parseProfile(raw []byte) (p Profile, err error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		return Profile{}, fmt.Errorf("profile: %w", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return Profile{}, fmt.Errorf("profile: something follows the JSON")
	}
	if err := p.check(); err != nil {
		return Profile{}, err
	}
	return p, nil
}

// clone returns a profile that shares nothing that its holder might change.
func (p Profile) clone() Profile {
	p.Accounts, p.Descriptors = slices.Clone(p.Accounts), slices.Clone(p.Descriptors)
	for i := range p.Accounts {
		p.Accounts[i].Path = slices.Clone(p.Accounts[i].Path)
	}
	return p
}

// check holds the sizes against the limits.
func (p Profile) check() error {
	switch {
	case len(p.Name) > maxName:
		return fmt.Errorf("profile: name of %d bytes: more than %d", len(p.Name), maxName)
	case len(p.Accounts) > maxAccounts:
		return fmt.Errorf("profile: %d accounts: more than %d", len(p.Accounts), maxAccounts)
	case len(p.Descriptors) > maxAccounts:
		return fmt.Errorf("profile: %d descriptors: more than %d", len(p.Descriptors), maxAccounts)
	}
	for i, a := range p.Accounts {
		if a.Key == nil || a.Chain == "" || len(a.Chain) > maxName || len(a.Path) == 0 {
			return fmt.Errorf("profile: account %d: wants a key, a path and a chain of 1 to %d bytes", i, maxName)
		}
	}
	for i, d := range p.Descriptors {
		if len(d) > maxDescriptor {
			return fmt.Errorf("profile: descriptor %d of %d bytes: more than %d", i, len(d), maxDescriptor)
		}
	}
	return nil
}

// matches derives every account from the keys, so that no address is ever shown that the seed does not open.
func (p Profile) matches(keys *Keyring) error {
	fingerprint, err := keys.Fingerprint()
	if err != nil {
		return err
	}
	if fingerprint != p.Fingerprint {
		return fmt.Errorf("profile: fingerprint %x: the seed's is %x", p.Fingerprint[:], fingerprint[:])
	}
	for i, a := range p.Accounts {
		key, err := keys.Public(a.Path)
		if err != nil {
			return err
		}
		if !key.Equal(a.Key) {
			return fmt.Errorf("profile: account %d at %s: key is not the seed's", i, a.Path)
		}
	}
	return nil
}

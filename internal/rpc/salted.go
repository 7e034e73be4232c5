package rpc

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strings"
)

// Salted is a user of whom the server knows no password, only HMAC-SHA256 of it under a salt: what Bitcoin Core's
// share/rpcauth/rpcauth.py makes, USER:SALT$HASH, the hash in 64 hex digits and the salt as it is written.
type Salted struct {
	User, Salt string
	Hash       [sha256.Size]byte
}

// matches returns 1 for the right user and password, else 0, in a time that tells nothing of either.
func (s *Salted) matches(l Login) int {
	mac := hmac.New(sha256.New, []byte(s.Salt))
	mac.Write([]byte(l.Password))
	user, want := sha256.Sum256([]byte(l.User)), sha256.Sum256([]byte(s.User))
	return subtle.ConstantTimeCompare(mac.Sum(nil), s.Hash[:]) & subtle.ConstantTimeCompare(user[:], want[:])
}

// maxSalted is how many users a file may hold: each costs a hash with every request.
const maxSalted = 100

// ReadSalted reads a file of users, one USER:SALT$HASH a line; empty lines and those that begin with # are left out, and
// "rpcauth=" before the user is, too. Errors name lines and do not repeat them.
func ReadSalted(path string) ([]Salted, error) {
	b, err := readSmall(path, maxSaltedFile)
	if err != nil {
		return nil, fmt.Errorf("rpc users: %w", err)
	}
	list, err := parseSalted(b)
	if err != nil {
		return nil, fmt.Errorf("rpc users %s: %w", path, err)
	}
	return list, nil
}

func parseSalted(b []byte) (list []Salted, err error) {
	seen := map[string]bool{}
	for i, line := range bytes.Split(b, []byte("\n")) {
		text := strings.TrimPrefix(strings.TrimSpace(string(line)), "rpcauth=")
		if text == "" || text[0] == '#' {
			continue
		}
		user, rest, colon := strings.Cut(text, ":")
		salt, digits, dollar := strings.Cut(rest, "$")
		hash, bad := hex.DecodeString(digits)
		switch {
		case !colon || !dollar || user == "" || salt == "" || bad != nil || len(hash) != sha256.Size || strings.ContainsRune(user, 0):
			return nil, fmt.Errorf("line %d: want USER:SALT$HASH, the hash in %d hex digits", i+1, 2*sha256.Size)
		case seen[user] || user == cookieUser:
			return nil, fmt.Errorf("line %d: user %.64q is there twice, or is the cookie's", i+1, user)
		case len(list) == maxSalted:
			return nil, fmt.Errorf("line %d: more than %d users", i+1, maxSalted)
		}
		seen[user] = true
		list = append(list, Salted{User: user, Salt: salt, Hash: [sha256.Size]byte(hash)})
	}
	return list, nil
}

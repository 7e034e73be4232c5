package rpc

import (
	"bytes"
	"encoding/hex"
	"encoding/json"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
)

// Args are the parameters of a call, by their place in the method's list. A parameter that is null counts as not given.
// Errors name the parameter and what it is to be; none repeats the value, which may be secret.
type Args struct {
	params []Param
	values []json.RawMessage
}

// Has tells whether the parameter at a place was given.
func (a *Args) Has(i int) bool {
	return i < len(a.values) && len(a.values[i]) > 0 && !bytes.Equal(a.values[i], null)
}

// Raw returns a parameter as it came, nil where it was not given.
func (a *Args) Raw(i int) json.RawMessage {
	if !a.Has(i) {
		return nil
	}
	return a.values[i]
}

// Bad returns an error about a parameter.
func (a *Args) Bad(code Code, i int, want string) *Error {
	return Errorf(code, "parameter %d (%s): want %s", i+1, a.params[i].Name, want)
}

// Decode decodes a parameter into v; want says what it is to be.
func (a *Args) Decode(i int, v any, want string) error {
	if !a.Has(i) || json.Unmarshal(a.values[i], v) != nil {
		return a.Bad(WrongType, i, want)
	}
	return nil
}

// String returns a parameter that is a string. A number passes, too, as it was written: on a command line hex digits may
// look like one.
func (a *Args) String(i int) (s string, err error) {
	if raw := a.Raw(i); len(raw) > 0 && (raw[0] == '-' || (raw[0] >= '0' && raw[0] <= '9')) {
		return string(raw), nil
	}
	return s, a.Decode(i, &s, "a string")
}

// StringOr returns a parameter that is a string, or another value where it was not given.
func (a *Args) StringOr(i int, other string) (string, error) {
	if !a.Has(i) {
		return other, nil
	}
	return a.String(i)
}

// Int returns a parameter that is a whole number from least to most.
func (a *Args) Int(i int, least, most int64) (n int64, err error) {
	if err := a.Decode(i, &n, "a whole number"); err != nil {
		return 0, err
	}
	if n < least || n > most {
		return 0, Errorf(InvalidParameter, "parameter %d (%s): got %d, want %d to %d", i+1, a.params[i].Name, n, least, most)
	}
	return n, nil
}

// Bool returns a parameter that is true or false, or another value where it was not given. 0 and 1 pass, as they always have.
func (a *Args) Bool(i int, other bool) (b bool, err error) {
	if !a.Has(i) {
		return other, nil
	}
	switch string(a.values[i]) {
	case "1":
		return true, nil
	case "0":
		return false, nil
	}
	return b, a.Decode(i, &b, "true or false")
}

// Hash returns a parameter that is a block's or transaction's id: 64 hex digits in display order.
func (a *Args) Hash(i int) (chainhash.Hash, error) {
	s, err := a.String(i)
	if err != nil {
		return chainhash.Hash{}, err
	}
	if len(s) != 2*chainhash.HashSize {
		return chainhash.Hash{}, a.Bad(InvalidParameter, i, "64 hex digits")
	}
	h, err := chainhash.NewHashFromStr(s)
	if err != nil {
		return chainhash.Hash{}, a.Bad(InvalidParameter, i, "64 hex digits")
	}
	return *h, nil
}

// Hex returns a parameter that is bytes in hex, at most so many.
func (a *Args) Hex(i, most int) ([]byte, error) {
	s, err := a.String(i)
	if err != nil {
		return nil, err
	}
	if len(s) > 2*most {
		return nil, Errorf(Undecodable, "parameter %d (%s): %d hex digits, want at most %d", i+1, a.params[i].Name, len(s), 2*most)
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		return nil, a.Bad(Undecodable, i, "an even number of hex digits")
	}
	return b, nil
}

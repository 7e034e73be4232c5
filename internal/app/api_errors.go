package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/layeredpow/lamina/internal/store"
	"github.com/layeredpow/lamina/keystore"
	"github.com/layeredpow/lamina/spv/said"
	"github.com/layeredpow/lamina/wallet/selection"
)

// Code is what an error is about, for programs. It travels with the error to clients of
// the daemon.
type Code string

// The codes. What has none of the others is CodeInvalid: something about the request.
const (
	CodeInvalid  Code = "invalid"  // the request names something that is not right
	CodeMissing  Code = "missing"  // wallet, chain, transaction, draft or plan is not there
	CodeExists   Code = "exists"   // a wallet of that name is there
	CodeLocked   Code = "locked"   // a password is wanted, or Unlock
	CodePassword Code = "password" // the password is wrong
	CodeWords    Code = "words"    // recovery words are not right
	CodeDamaged  Code = "damaged"  // the key file is not whole
	CodeFunds    Code = "funds"    // the coins do not suffice
	CodeConsent  Code = "consent"  // a warning wants consent
	CodeConflict Code = "conflict" // the idempotency key was used for another payment
	CodeWatch    Code = "watch"    // a watch-only wallet cannot sign
	CodeOffline  Code = "offline"  // wants the network, which is not asked
	CodeInUse    Code = "in use"   // another process has the data folder
	CodeStopped  Code = "stopped"  // the program is closing, or the caller gave up
	CodeInternal Code = "internal" // disk, or a fault of ours
)

// Error is an error with its code.
type Error struct {
	Code Code
	Err  error
}

// Error returns the text of the error.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the error without its code.
func (e *Error) Unwrap() error { return e.Err }

// Coded makes an error with a code, also on the client's side of a connection.
func Coded(code Code, format string, args ...any) error {
	return &Error{code, fmt.Errorf(format, args...)}
}

// Saying is Coded of a sentence, which a face can say in its language: see said.By.
func Saying(code Code, form string, values ...any) error {
	return &Error{code, said.Errorf(form, values...)}
}

// CodeOf returns the code of an error: that of an Error in it, or of what packages below
// report.
func CodeOf(err error) Code {
	var coded *Error
	var short *selection.Shortage
	var word *keystore.WordError
	switch {
	case errors.As(err, &coded):
		return coded.Code
	case errors.As(err, &short):
		return CodeFunds
	case errors.As(err, &word), errors.Is(err, keystore.ErrChecksum):
		return CodeWords
	case errors.Is(err, keystore.ErrLocked):
		return CodeLocked
	case errors.Is(err, keystore.ErrPassword):
		return CodePassword
	case errors.Is(err, keystore.ErrDamaged):
		return CodeDamaged
	case errors.Is(err, store.ErrInUse):
		return CodeInUse
	case errors.Is(err, fs.ErrNotExist):
		return CodeMissing
	case errors.Is(err, fs.ErrExist):
		return CodeExists
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return CodeStopped
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return CodeInternal
	}
	return CodeInvalid
}

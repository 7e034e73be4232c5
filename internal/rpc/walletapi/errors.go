package walletapi

import (
	"encoding/json"
	"errors"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv/said"
)

// Numbers of codes that no other wallet's protocol has.
const (
	walletExists rpc.Code = -36 // as theirs: there is a wallet of that name
	wrongWords   rpc.Code = -100
	damaged      rpc.Code = -101
	wantsConsent rpc.Code = -102
	keyConflict  rpc.Code = -103
	inUse        rpc.Code = -104
	stopped      rpc.Code = -105
)

// numbers pairs what an error is about with the number that travels, one to one, so that a client gets back the code that
// the daemon had.
var numbers = []struct {
	code   app.Code
	number rpc.Code
}{
	{app.CodeInvalid, rpc.InvalidParameter}, {app.CodeMissing, rpc.NotFound}, {app.CodeExists, walletExists},
	{app.CodeLocked, rpc.NeedsUnlock}, {app.CodePassword, rpc.WrongPassphrase}, {app.CodeWords, wrongWords},
	{app.CodeDamaged, damaged}, {app.CodeFunds, rpc.NoFunds}, {app.CodeConsent, wantsConsent}, {app.CodeConflict, keyConflict},
	{app.CodeWatch, rpc.Wallet}, {app.CodeOffline, rpc.NotConnected}, {app.CodeInUse, inUse}, {app.CodeStopped, stopped},
	{app.CodeInternal, rpc.Internal},
}

// answered returns a Backend's error as it is answered.
func answered(err error) error {
	var ready *rpc.Error
	if err == nil || errors.As(err, &ready) {
		return err
	}
	code := app.CodeOf(err)
	for _, n := range numbers {
		if n.code == code {
			return told(n.number, err)
		}
	}
	return told(rpc.Misc, err)
}

// told is an error with what it says, for a face that speaks another language.
func told(number rpc.Code, err error) *rpc.Error {
	out := rpc.Errorf(number, "%s", err)
	if s, ok := said.By(err); ok {
		out.Data, _ = json.Marshal(s) // of numbers and text: it never fails
	}
	return out
}

// again is an error as it was told: with what it said, if that came too.
func again(code app.Code, told *rpc.Error) error {
	var s said.Sentence
	if json.Unmarshal(told.Data, &s) == nil && s.Form != "" {
		return &app.Error{Code: code, Err: &retold{told.Message, s}}
	}
	return app.Coded(code, "%s", told.Message)
}

// retold is an error from a daemon that says something.
type retold struct {
	text string
	said said.Sentence
}

func (r *retold) Error() string       { return r.text }
func (r *retold) Says() said.Sentence { return r.said }

// received returns what a daemon answered instead of a result, or why none came, as an error with its code.
func received(err error) error {
	var told *rpc.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, rpc.ErrNoServer):
		return app.Coded(app.CodeStopped, "daemon: %w", err)
	case !errors.As(err, &told):
		return err
	case told.Code == rpc.NoSuchMethod:
		return app.Coded(app.CodeMissing, "daemon: it serves no wallets, or is another version: %s", told.Message)
	}
	for _, n := range numbers {
		if n.number == told.Code {
			return again(n.code, told)
		}
	}
	return again(app.CodeInvalid, told)
}

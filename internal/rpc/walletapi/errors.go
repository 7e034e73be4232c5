package walletapi

import (
	"errors"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/rpc"
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
			return rpc.Errorf(n.number, "%s", err)
		}
	}
	return rpc.Errorf(rpc.Misc, "%s", err)
}

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
			return app.Coded(n.code, "%s", told.Message)
		}
	}
	return app.Coded(app.CodeInvalid, "%s", told.Message)
}

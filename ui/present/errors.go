package present

import (
	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv/said"
)

// Problem is an error in words.
type Problem struct {
	What string // what happened
	Next string // what it means for the money, and what can be done
}

// Problem says what an error of the Backend means and what to do. It is what the error says, which names the object; else
// what its code stands for; else the error's own text.
func (x *Texts) Problem(err error) Problem {
	code := app.CodeOf(err)
	if s, ok := said.By(err); ok {
		return Problem{What: x.Say(s), Next: x.next(code)}
	}
	return Problem{What: x.what(code, err), Next: x.next(code)}
}

// what says what happened by an error's code, where that says it all.
func (x *Texts) what(c app.Code, err error) string {
	switch c {
	case app.CodeLocked:
		return x.t("The wallet is locked.")
	case app.CodePassword:
		return x.t("The password is wrong.")
	case app.CodeWords:
		return x.t("The recovery words are not right.")
	case app.CodeInUse:
		return x.t("The data folder is in use.")
	}
	return x.quoted(err.Error())
}

// next says what to do about an error with a code.
func (x *Texts) next(c app.Code) string {
	switch c {
	case app.CodeMissing:
		return x.t("Nothing was changed. It may have gone meanwhile: open the page anew.")
	case app.CodeExists:
		return x.t("Nothing was changed. Choose another name.")
	case app.CodeLocked:
		return x.t("Nothing was changed. Type the password of the wallet and try again.")
	case app.CodePassword:
		return x.t("Nothing was changed. The password is not the one of this wallet: type it again, and look at caps lock.")
	case app.CodeWords:
		return x.t("Nothing was changed. Compare the words with your paper, one by one.")
	case app.CodeDamaged:
		return x.t("The key file is not whole. Settings can put its copy in its place; with your words the wallet can be restored, too.")
	case app.CodeFunds:
		return x.t("Nothing was sent. Pay less, lower the fee, or wait until money that is coming in is confirmed.")
	case app.CodeConsent:
		return x.t("Nothing was sent. Agree to the warning first.")
	case app.CodeConflict:
		return x.t("Nothing was sent twice. Look at Activity before you pay again.")
	case app.CodeWatch:
		return x.t("This wallet only watches. Its keys are elsewhere, and only there can be signed.")
	case app.CodeOffline:
		return x.t("The program is offline. Turn the network on in Settings.")
	case app.CodeInUse:
		return x.t("Another Lamina has this data folder open. Close it, or choose another folder with --data-dir.")
	case app.CodeStopped:
		return x.t("It was given up. Look at Activity to see whether a payment was made before that.")
	case app.CodeInternal:
		return x.t("Your keys and your words are not affected. See whether the disk is full or read-only, then try again.")
	}
	return x.t("Nothing was changed. Correct what is named and try again.")
}

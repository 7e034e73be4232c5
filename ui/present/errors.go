package present

import (
	"github.com/layeredpow/lamina/internal/app"
)

// Problem is an error in words.
type Problem struct {
	What string // what happened
	Next string // what it means for the money, and what can be done
}

// Problem says what an error of the Backend means and what to do. The error's own text is
// kept: it names the object.
func (x *Texts) Problem(err error) Problem {
	return Problem{What: err.Error(), Next: x.next(app.CodeOf(err))}
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

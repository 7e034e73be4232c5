package ui

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/ui/present"
)

// showWords shows the new words, this once.
func (f *firstRun) showWords(w app.Wallet) question {
	u, list := f.ui, strings.Fields(string(f.backup.Words))
	words := value(present.Numbered(list), true)
	words.Wrapping, words.Selectable = fyne.TextWrapOff, false // no way into the clipboard
	qr := newQR()
	qr.Hide()
	code := newButton(u, u.t("Show as a code, with the birthday"), nil)
	code.OnTapped = func() {
		setQR(qr, string(f.backup.Text))
		code.Hide()
		f.relayout()
	}
	return question{title: u.t("Write these words down"), final: true,
		under: u.t("On paper, in this order. Whoever has them has the money; without them it is lost when this computer is. They are shown this once; later the password shows them again."),
		body: []fyne.CanvasObject{newPanel(words), caption(u.texts.BackupNote(&f.backup)),
			inset(container.NewHBox(code)), container.New(layout.NewCenterLayout(), qr)},
		word: u.t("I have written them down"), next: func() { f.open(f.checkWords(w, list)) }}
}

// askedWords is how many words are asked for.
const askedWords = 3

// checkWords asks for three of the words by number.
func (f *firstRun) checkWords(w app.Wallet, list []string) question {
	u := f.ui
	order := rand.Perm(len(list))[:min(askedWords, len(list))]
	slices.Sort(order)
	var fields []*field
	var rows []fyne.CanvasObject
	for _, at := range order {
		e := newField(u, "", nil)
		fields = append(fields, e)
		rows = append(rows, asked(u.t("Word number {{.N}}", map[string]any{"N": at + 1}), e))
	}
	for i, e := range fields {
		e.OnSubmitted = func(string) {
			if i+1 < len(fields) {
				u.window.Canvas().Focus(fields[i+1])
				return
			}
			f.goOn()
		}
	}
	again := newButton(u, u.t("Show the words again"), func() {
		f.pages = f.pages[:len(f.pages)-1]
		f.show()
	})
	rows = append(rows, inset(container.NewHBox(again)))
	return question{title: u.t("Is the paper right?"), under: u.t("Read three words from the paper."), body: rows,
		word: u.t("Check them"), final: true, focus: fields[0],
		next: func() {
			for i, e := range fields {
				if !strings.EqualFold(strings.TrimSpace(e.Text), list[order[i]]) {
					f.progress.warn(u.t("Word number {{.N}} is another one.", map[string]any{"N": order[i] + 1}),
						u.t("Read it from the paper again. If the paper is wrong, show the words again and correct it."))
					u.window.Canvas().Focus(e)
					return
				}
			}
			for _, e := range fields {
				e.SetText("")
			}
			f.finish(w)
		}}
}

// wordsPage asks for the words of a wallet that exists.
func (f *firstRun) wordsPage() question {
	u := f.ui
	says, help := caption(u.texts.Words(&app.WordsCheck{Index: -1})), newTiles()
	var stop func()
	right := false
	f.words = newArea(u, u.t("words, with spaces"), 4, nil)
	f.words.OnChanged = func(text string) {
		if stop != nil {
			stop()
		}
		right = false
		b, typed := u.session.backend, app.Secret(text)
		stop = later(u, func(ctx context.Context) (app.WordsCheck, error) {
			defer typed.Wipe()
			return b.CheckWords(ctx, typed)
		}, func(c app.WordsCheck, err error) {
			if err != nil {
				f.progress.fail(err)
				return
			}
			right = c.OK
			says.SetText(u.texts.Words(&c))
			help.Objects = nil
			for _, word := range c.Suggestions[:min(6, len(c.Suggestions))] {
				help.Objects = append(help.Objects, newButton(u, word,
					func() { f.words.SetText(replaceWord(f.words.Text, c.Index, word)) }))
			}
			f.relayout()
		})
	}
	return question{title: u.t("Type the words"),
		under: u.t("12 to 24 words in their order, as they stand on the paper."), body: []fyne.CanvasObject{inset(f.words), says, inset(help)},
		word: u.t("Go on"), focus: f.words, next: func() {
			if !right {
				f.progress.warn(u.t("The words are not right yet."),
					u.t("Nothing was changed. Compare the words with your paper, one by one."))
				return
			}
			f.open(f.passphrasePage())
		}}
}

// replaceWord puts a word in the place of another.
func replaceWord(text string, index int, word string) string {
	list := strings.Fields(text)
	if index < 0 || index >= len(list) {
		return text
	}
	list[index] = word
	return strings.Join(list, " ")
}

// passphrasePage asks for what some wallets have beside the words.
func (f *firstRun) passphrasePage() question {
	u := f.ui
	f.pass = newPassword(u, u.t("none"))
	phrase := f.pass
	phrase.OnSubmitted = func(string) { f.goOn() }
	return question{title: u.t("Is there a passphrase?"),
		under: u.t("Some wallets have one beside the words. Another passphrase is another wallet, without any error. Leave it empty if you never chose one."),
		body:  []fyne.CanvasObject{inset(phrase)}, word: u.t("Go on"), focus: phrase, next: func() {
			f.open(f.birthdayPage(func() { f.open(f.passwordPage(func(p app.Secret) { f.restore(phrase, p) })) }))
		}}
}

// birthdayPage asks when the wallet was first used.
func (f *firstRun) birthdayPage(next func()) question {
	u := f.ui
	day := newField(u, u.t("2024, 2024-03 or 2024-03-31"), nil)
	day.OnSubmitted = func(string) { f.goOn() }
	return question{title: u.t("How old is it?"),
		under: u.t("The year of its first payment is enough, and earlier is safe. Left empty, every block is looked through, which takes long."),
		body:  []fyne.CanvasObject{inset(day)}, word: u.t("Go on"), focus: day, next: func() {
			at, err := u.texts.Birthday(day.Text, time.Now())
			if err != nil {
				f.progress.warn(err.Error(), "")
				return
			}
			f.wallet.Birthday = at
			next()
		}}
}

// restore makes the wallet of the words.
func (f *firstRun) restore(phrase *field, password app.Secret) {
	n, b := f.wallet, f.ui.session.backend
	n.Password = password
	words, passphrase := app.Secret(f.words.Text), app.Secret(phrase.Text)
	attemptWhole(f.progress, f.ui.t("Making keys\u2026"), func(ctx context.Context) (app.Wallet, error) {
		defer func() {
			for _, s := range []app.Secret{password, words, passphrase} {
				s.Wipe()
			}
		}()
		return b.RestoreWallet(ctx, n, words, passphrase)
	}, func(w app.Wallet) {
		phrase.SetText("")
		f.finish(w)
	})
}

// keyPage asks for public keys and their chain.
func (f *firstRun) keyPage() question {
	u := f.ui
	var titles []string
	for _, c := range u.session.chains {
		titles = append(titles, c.Title)
	}
	chain := newChoice(titles, nil)
	chain.SetSelectedIndex(0)
	keys := newArea(u, u.t("extended public keys or descriptors, one a line"), 4, nil)
	return question{title: u.t("Which keys?"), under: u.t("Who has them sees every payment, and can spend nothing."),
		body: []fyne.CanvasObject{asked(u.t("Chain"), chain), inset(keys)},
		word: u.t("Go on"), focus: keys, next: func() {
			var list []string
			for _, line := range strings.Split(keys.Text, "\n") {
				if line = strings.TrimSpace(line); line != "" {
					list = append(list, line)
				}
			}
			if len(list) == 0 || chain.SelectedIndex() < 0 {
				f.progress.warn(u.t("Paste a key first."), "")
				return
			}
			f.wallet.Chains = []string{u.session.chains[chain.SelectedIndex()].Name}
			f.open(f.birthdayPage(func() { f.open(f.passwordPage(func(p app.Secret) { f.watch(list, p) })) }))
		}}
}

// watch makes a wallet that cannot sign. Its password vouches for its keys.
func (f *firstRun) watch(keys []string, password app.Secret) {
	n, b := f.wallet, f.ui.session.backend
	n.Password = password
	attemptWhole(f.progress, f.ui.t("Looking at the keys\u2026"), func(ctx context.Context) (app.Wallet, error) {
		defer password.Wipe()
		return b.WatchWallet(ctx, n, keys)
	}, f.finish)
}

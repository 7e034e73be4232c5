package ui

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
)

// route is what the first run makes.
type route uint8

const (
	createNew route = iota
	restoreOld
	watchOnly
)

// firstRun asks, one question a page, for what a wallet needs. It covers the window.
type firstRun struct {
	ui      *UI
	content *fyne.Container
	box     *fyne.Container // the page
	scroll  *container.Scroll
	title   *widget.Label
	under   *widget.Label
	body    *fyne.Container // what is asked
	next    *button
	returns *button
	leave   *button

	progress *progress
	pages    []question // where the user is, and how to get back
	route    route
	stack    string
	wallet   app.NewWallet
	words    *field
	pass     *field
	backup   app.Backup
}

// question is one page.
type question struct {
	title, under string
	body         []fyne.CanvasObject
	word         string // on the button that goes on; empty: none
	next         func()
	focus        fyne.Focusable
	final        bool // there is no way back
}

func newFirstRun(u *UI) *firstRun {
	f := &firstRun{ui: u, title: heading(""), under: body(""), body: container.New(&column{gap: gap / 2})}
	f.next = newIconButton(u, "", base.NavigateNextIcon(), func() { f.goOn() })
	f.next.Importance = widget.HighImportance
	f.returns = newIconButton(u, u.t("Back"), base.NavigateBackIcon(), f.back)
	f.leave = newButton(u, u.t("Only look around"), f.end)
	f.progress = newProgress(u, func() { f.relayout() })
	f.box, f.scroll = scrolled(container.New(&column{gap: gap, most: questionMost}, container.NewHBox(f.returns), stack(0,
		f.title, f.under), f.body, f.progress.content,
		inset(f.next), inset(f.leave)))
	f.content = f.box
	f.content.Hide()
	return f
}

func (f *firstRun) relayout() { f.content.Refresh() }

// begin starts at the first page.
func (f *firstRun) begin() {
	show(f.ui.frame.content, false)
	show(f.content, true)
	f.forget()
	f.pages = nil
	f.stack = f.ui.program.Config().Stack
	f.ui.node.ask()
	f.open(f.welcome())
}

// forget drops every secret that was typed or shown.
func (f *firstRun) forget() {
	for _, e := range []*field{f.words, f.pass} {
		if e != nil {
			e.SetText("")
		}
	}
	f.backup.Words.Wipe()
	f.backup.Text.Wipe()
	f.backup = app.Backup{}
	f.wallet.Password.Wipe()
	f.wallet = app.NewWallet{}
}

// end leaves the first run.
func (f *firstRun) end() {
	if f.progress.stop != nil {
		f.progress.cancel()
		return
	}
	f.forget()
	f.body.Objects = nil
	show(f.content, false)
	show(f.ui.frame.content, true)
	f.ui.frame.open(f.ui.frame.at)
	f.ui.fillWanted()
}

// refresh is told of every change; the pages show none.
func (f *firstRun) refresh() {}

// open goes on to a page.
func (f *firstRun) open(p question) {
	f.pages = append(f.pages, p)
	f.show()
}

func (f *firstRun) show() {
	p := &f.pages[len(f.pages)-1]
	f.progress.clear()
	f.title.SetText(p.title)
	setText(f.under, p.under)
	f.body.Objects = p.body
	f.next.SetText(p.word)
	show(f.next, p.word != "")
	show(f.returns, len(f.pages) > 1 && !p.final)
	show(f.leave, len(f.pages) == 1)
	f.scroll.ScrollToTop()
	f.relayout()
	if p.focus != nil {
		f.ui.window.Canvas().Focus(p.focus)
	} else if p.word != "" {
		f.ui.window.Canvas().Focus(f.next)
	}
}

func (f *firstRun) goOn() {
	if p := f.pages[len(f.pages)-1]; p.next != nil && f.progress.stop == nil {
		p.next()
	}
}

// back goes to the page before.
func (f *firstRun) back() {
	switch {
	case f.progress.stop != nil:
		f.progress.cancel()
	case len(f.pages) > 1 && !f.pages[len(f.pages)-1].final:
		f.pages = f.pages[:len(f.pages)-1]
		f.show()
	}
}

// welcome says what this is, and asks what to do.
func (f *firstRun) welcome() question {
	u := f.ui
	choice := func(word, under string, r route) fyne.CanvasObject {
		button := newButton(u, word, func() { f.route = r; f.open(f.stackPage()) })
		button.Alignment = widget.ButtonAlignLeading
		return newPanel(stack(0, inset(button), caption(under)))
	}
	return question{
		title: u.t("Welcome to Lamina"),
		under: u.t("Lamina is a wallet for chains that lie on one another and share their proof of work.") + " " +
			u.t("It checks every header, every proof and every payment itself, on this computer, and believes no server.") + " " +
			u.t("Your keys stay here, locked by your password; the words that you will write down are the only other copy."),
		body: []fyne.CanvasObject{
			choice(u.t("Create a wallet"), u.t("New words, to be written down on paper."), createNew),
			choice(u.t("Restore a wallet"), u.t("You have its words."), restoreOld),
			choice(u.t("Watch a wallet"), u.t("You have its public key and want to see its money, not to spend it."), watchOnly),
		},
	}
}

// stackPage asks which chains are to be followed. It is left out where that is settled.
func (f *firstRun) stackPage() question {
	if f.ui.session.backend != nil && len(f.ui.session.wallets) > 0 {
		return f.namePage()
	}
	var rows []fyne.CanvasObject
	for _, g := range f.ui.texts.Groups(f.ui.rules.Stacks()) {
		rows = append(rows, strong(g.Title))
		for _, st := range g.Stacks {
			root := st.Strata[len(st.Strata)-1]
			row := newStratumRow(root, func() { f.follow(root.Name) })
			under := caption(f.ui.texts.Above(st))
			if f.ui.node.comesWith(root.Name) {
				under.SetText(under.Text + " " + f.ui.t("Its node comes with this program and starts with the wallet, mining for it."))
			}
			rows = append(rows, newPanel(stack(0, row, under)))
		}
	}
	return question{title: f.ui.t("Which chains?"),
		under: f.ui.t("An L1 is followed with all layers on it. Test networks have no real money."), body: rows}
}

// follow opens the data folder with a stack.
func (f *firstRun) follow(l1 string) {
	if f.progress.stop != nil {
		return
	}
	f.stack = l1
	c := f.ui.program.Config()
	c.Stack = l1
	f.progress.startWhole(f.ui.t("Opening the data folder\u2026"))
	f.ui.open(c, func(err error) {
		if err != nil {
			f.progress.fail(err)
			return
		}
		f.progress.stop = nil
		f.progress.clear()
		if len(f.ui.session.wallets) > 0 {
			f.end() // the folder holds wallets already
			return
		}
		f.open(f.namePage())
	})
}

// chainsOf returns the chains of the stack that is followed.
func (f *firstRun) chainsOf() (names []string) {
	for _, c := range f.ui.session.chains {
		names = append(names, c.Name)
	}
	return names
}

// namePage asks for a name.
func (f *firstRun) namePage() question {
	name := newField(f.ui, f.ui.t("letters, digits, - _ ."), nil)
	name.Text = "main"
	if len(f.ui.session.wallets) > 0 {
		name.Text = ""
	}
	next := func() {
		if !goodName(name.Text) {
			f.progress.warn(f.ui.t("Name: 1 to 64 letters of a-z and A-Z, digits, and - _ . are possible."), "")
			return
		}
		for _, w := range f.ui.session.wallets {
			if w.Name == name.Text {
				f.progress.warn(f.ui.t("There is a wallet of this name."), f.ui.t("Nothing was changed. Choose another name."))
				return
			}
		}
		f.wallet.Name, f.wallet.Chains = name.Text, f.chainsOf()
		switch f.route {
		case restoreOld:
			f.open(f.wordsPage())
		case watchOnly:
			f.open(f.keyPage())
		default:
			f.open(f.passwordPage(f.create))
		}
	}
	name.CursorColumn = len(name.Text)
	name.OnSubmitted = func(string) { f.goOn() }
	return question{title: f.ui.t("What shall it be called?"),
		under: f.ui.t("The name of the key file on this computer. Nobody else sees it."),
		body:  []fyne.CanvasObject{inset(name)}, word: f.ui.t("Go on"), next: next, focus: name}
}

// goodName says whether the Backend takes a name (app.NewWallet).
func goodName(name string) bool {
	if name == "" || len(name) > 64 || name[0] == '.' {
		return false
	}
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
		default:
			return false
		}
	}
	return true
}

// passwordPage asks for a new password, twice.
func (f *firstRun) passwordPage(next func(app.Secret)) question {
	u := f.ui
	first, again, hint := newPassword(u, u.t("New password")), newPassword(u, u.t("The same once more")), caption("")
	f.pass = first
	_, text := u.texts.Strength("")
	hint.SetText(text)
	first.OnChanged = func(typed string) {
		_, text := u.texts.Strength(typed)
		hint.SetText(text)
		f.relayout()
	}
	first.OnSubmitted = func(string) { u.window.Canvas().Focus(again) }
	again.OnSubmitted = func(string) { f.goOn() }
	return question{title: u.t("Choose a password"), under: u.t("It is asked for before anything is signed."),
		body: []fyne.CanvasObject{inset(first), hint, inset(again)}, word: u.t("Go on"), focus: first, next: func() {
			switch {
			case first.Text == "":
				f.progress.warn(u.t("Type a password first."), "")
			case first.Text != again.Text:
				f.progress.warn(u.t("The two are not the same."), u.t("Type both again."))
			default:
				password := first.take()
				again.SetText("")
				next(password)
			}
		}}
}

// finish opens the app on the new wallet.
func (f *firstRun) finish(w app.Wallet) {
	f.ui.reload(func() {
		if len(w.Chains) > 0 {
			f.ui.session.purse = app.Purse{Wallet: w.Name, Chain: w.Chains[0]}
		}
		f.end()
		f.ui.frame.open(overviewAt)
		f.ui.node.startFirst()
	})
}

// create makes a wallet with new words and shows them.
func (f *firstRun) create(password app.Secret) {
	n, b := f.wallet, f.ui.session.backend
	n.Password = password
	attemptWhole(f.progress, f.ui.t("Making keys\u2026"), func(ctx context.Context) (app.Created, error) {
		defer password.Wipe()
		return b.CreateWallet(ctx, n)
	}, func(c app.Created) {
		f.backup = c.Backup
		f.open(f.showWords(c.Wallet))
	})
}

package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
)

// purseBar chooses wallet and chain; it is not there where there is no choice.
type purseBar struct {
	ui      *UI
	content *fyne.Container
	wallet  *choice
	chain   *choice
	chains  []string // by option
	setting bool     // what is selected now is not the user's doing
}

func newPurseBar(u *UI) *purseBar {
	b := &purseBar{ui: u}
	b.wallet = newChoice(nil, func(name string) {
		if !b.setting {
			u.take(app.Purse{Wallet: name, Chain: u.session.purse.Chain})
		}
	})
	b.chain = newChoice(nil, func(string) {
		if i := b.chain.SelectedIndex(); !b.setting && i >= 0 {
			u.take(app.Purse{Wallet: u.session.purse.Wallet, Chain: b.chains[i]})
		}
	})
	b.content = container.New(layout.NewGridLayout(2), b.wallet, b.chain)
	return b
}

// refresh shows what there is to choose from.
func (b *purseBar) refresh() {
	b.setting = true
	defer func() { b.setting = false }()
	s := &b.ui.session
	var wallets, titles []string
	b.chains = nil
	for _, w := range s.wallets {
		wallets = append(wallets, w.Name)
		if w.Name == s.purse.Wallet {
			for _, c := range w.Chains {
				b.chains, titles = append(b.chains, c), append(titles, s.title(c))
			}
		}
	}
	b.wallet.SetOptions(wallets)
	b.chain.SetOptions(titles)
	b.wallet.SetSelected(s.purse.Wallet)
	for i, c := range b.chains {
		if c == s.purse.Chain {
			b.chain.SetSelectedIndex(i)
		}
	}
	show(b.wallet, len(wallets) > 1)
	show(b.chain, len(b.chains) > 1 || len(wallets) > 1)
	show(b.content, len(b.chains) > 1 || len(wallets) > 1)
}

// gate stands in front of a screen that wants a wallet: it says what is missing.
type gate struct {
	ui      *UI
	content *fyne.Container
	inner   fyne.CanvasObject
	empty   fyne.CanvasObject
	what    *widget.Label
	next    *widget.Label
	setUp   *button
}

func newGate(u *UI, inner fyne.CanvasObject) *gate {
	g := &gate{ui: u, inner: inner, what: heading(""), next: body("")}
	g.setUp = newIconButton(u, u.t("Set up a wallet"), base.ContentAddIcon(), func() { u.first.begin() })
	g.setUp.Importance = widget.HighImportance
	page, _ := scrolled(container.New(&column{gap: 4, most: questionMost}, g.what, g.next, inset(g.setUp)))
	g.empty = page
	g.content = newFill(inner, page)
	g.refresh()
	return g
}

// refresh returns whether there is a wallet to show.
func (g *gate) refresh() bool {
	s := &g.ui.session
	ready := s.backend != nil && s.purse.Wallet != "" && s.trouble == nil
	switch {
	case s.trouble != nil:
		g.what.SetText(s.trouble.What)
		g.next.SetText(s.trouble.Next)
	case s.backend == nil && g.ui.program.Config().Stack != "":
		g.what.SetText(g.ui.t("Opening the data folder\u2026"))
		g.next.SetText(g.ui.t("Chains and wallets are read from the disk."))
	default:
		g.what.SetText(g.ui.t("No wallet yet"))
		g.next.SetText(g.ui.t("A wallet holds the keys to your money. Create one, restore one from its words, or watch one."))
	}
	show(g.setUp, s.trouble == nil && (s.loaded || g.ui.program.Config().Stack == ""))
	show(g.inner, ready)
	show(g.empty, !ready)
	return ready
}

package ui

import (
	"context"
	"io"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
)

// swapPage makes an offer to swap, or takes one.
type swapPage struct {
	screen   *settleScreen
	content  *fyne.Container
	chains   []string // by option
	give     *side
	get      *side
	second   *check
	offer    *button
	text     *field // somebody's offer
	terms    *rows
	take     *button
	makes    *passwordAsk // before the offer is made
	takes    *passwordAsk // before one is taken
	made     *textBlock
	madeNote *widget.Label
	result   *panel
	progress *progress
	arrives  app.Unit // of the swap that is being funded
	reading  func()
}

// side is an amount on a chain.
type side struct {
	chain  *choice
	amount *field
}

func newSwapPage(s *settleScreen) *swapPage {
	u := s.ui
	p := &swapPage{screen: s, terms: newRows(), made: newTextBlock(s), madeNote: body("")}
	p.progress = newProgress(u, nil)
	newSide := func() *side { return &side{newChoice(nil, nil), newField(u, "0.0", nil)} }
	p.give, p.get = newSide(), newSide()
	p.second = newCheck(u.t("The other side funds first"), nil)
	p.offer = newIconButton(u, u.t("Make the offer"), base.DocumentCreateIcon(), p.makeOffer)
	p.offer.Importance = widget.HighImportance
	p.text = newArea(u, u.t("an offer that you were given"), 3, func(string) { p.read() })
	p.text.Wrapping = fyne.TextWrapBreak
	p.take = newIconButton(u, u.t("Take the offer"), base.ConfirmIcon(), p.takeOffer)
	p.take.Importance = widget.HighImportance
	p.makes, p.takes = newPasswordAsk(u, p.makeOffer), newPasswordAsk(u, p.takeOffer)
	p.result = newPanel(stack(4, p.madeNote, p.made.content))
	picture := newIconButton(u, u.t("Code in a picture"), base.FileImageIcon(), p.chooseImage)
	paste := newIconButton(u, u.t("Paste"), base.ContentPasteIcon(), func() { p.text.SetText(u.app.Clipboard().Content()) })
	risk := caption(u.t("Nobody holds the money of both, and nobody can take it from you: either both sides arrive, or each takes his own back. Until it is over, the program must run often enough."))
	p.content, _ = scrolled(container.New(&column{gap: gap, most: formMost},
		container.NewHBox(newIconButton(u, u.t("Back"), base.NavigateBackIcon(), s.leave)),
		stack(-overlap, heading(u.t("Swap with somebody")), risk),
		p.progress.content, p.result,
		newPanel(stack(gap/2, strong(u.t("Make an offer")), asked(u.t("You give, on"), p.give.chain), asked(u.t("Amount"), p.give.amount),
			asked(u.t("You get, on"), p.get.chain), asked(u.t("Amount"), p.get.amount), inset(p.second),
			p.makes.content, inset(p.offer))),
		newPanel(stack(gap/2, strong(u.t("Take an offer")), inset(p.text), inset(newTiles(paste, picture)), p.terms.box,
			p.takes.content, inset(p.take)))))
	p.progress.onChange = func() { p.content.Refresh() }
	return p
}

// open offers the wallet's chains.
func (p *swapPage) open() {
	u := p.screen.ui
	p.chains = nil
	var titles []string
	if w := u.session.wallet(); w != nil {
		for _, c := range w.Chains {
			p.chains, titles = append(p.chains, c), append(titles, u.session.title(c))
		}
	}
	for i, side := range []*side{p.give, p.get} {
		side.chain.SetOptions(titles)
		if side.chain.SelectedIndex() < 0 && i < len(titles) {
			side.chain.SetSelectedIndex(i)
		}
	}
	p.makes.refresh()
	p.takes.refresh()
	p.progress.clear()
	show(p.result, false)
	p.read()
	p.content.Refresh()
}

// asset reads a side of the form.
func (p *swapPage) asset(s *side) (app.Asset, error) {
	a := app.Asset{}
	if i := s.chain.SelectedIndex(); i >= 0 && i < len(p.chains) {
		a.Chain = p.chains[i]
	}
	var err error
	a.Amount, err = p.screen.ui.texts.ParseAmount(s.amount.Text, p.screen.unitOf(a.Chain))
	return a, err
}

func (p *swapPage) makeOffer() {
	s := p.screen
	b, back := s.settlement(), s.ui.session.backend
	give, err := p.asset(p.give)
	get := app.Asset{}
	if err == nil {
		get, err = p.asset(p.get)
	}
	if err != nil || b == nil {
		if err != nil {
			p.progress.warn(err.Error(), "")
		}
		return
	}
	r := app.SwapRequest{Wallet: s.wallet, Give: give, Get: get, Second: p.second.Checked}
	unlock := p.makes.take(s.wallet)
	attempt(p.progress, s.ui.t("Making the offer\u2026"), func(ctx context.Context) (w app.Swap, err error) {
		defer unlock.wipe()
		if r.Password, err = unlock.open(ctx, back); err != nil {
			return w, err
		}
		return b.OfferSwap(ctx, r)
	}, func(w app.Swap) {
		p.show(s.ui.t("Give this offer to the other side. The answer that comes back goes to Settle, beside the offer."), w.Offer, "swap-offer.txt")
	})
}

// show shows a text for the other side.
func (p *swapPage) show(note, text, file string) {
	p.makes.refresh()
	p.takes.refresh()
	p.madeNote.SetText(note)
	p.made.set(text, file)
	show(p.result, true)
	p.progress.done(p.screen.ui.t("It is kept on this computer."))
}

// offered is the text of the offer, without what copying brings along.
func (p *swapPage) offered() string { return strings.TrimSpace(p.text.Text) }

// read says what an offer is about, once the user pauses.
func (p *swapPage) read() {
	s := p.screen
	if p.reading != nil {
		p.reading()
	}
	p.terms.set(nil)
	p.take.Disable()
	text, b := p.offered(), s.settlement()
	if text == "" || b == nil {
		return
	}
	p.reading = later(s.ui, func(ctx context.Context) (app.SwapOffer, error) { return b.ReadOffer(ctx, text) }, func(o app.SwapOffer, err error) {
		if err != nil {
			p.progress.fail(err)
			return
		}
		p.progress.clear()
		p.terms.set(s.ui.texts.Offer(&o, s.unitOf, s.ui.session.title))
		p.take.Enable()
		p.content.Refresh()
	})
}

func (p *swapPage) takeOffer() {
	s := p.screen
	b, back := s.settlement(), s.ui.session.backend
	if p.take.Disabled() || b == nil {
		return
	}
	r := app.SwapTake{Wallet: s.wallet, Offer: p.offered()}
	unlock := p.takes.take(s.wallet)
	attempt(p.progress, s.ui.t("Taking the offer\u2026"), func(ctx context.Context) (w app.Swap, err error) {
		defer unlock.wipe()
		if r.Password, err = unlock.open(ctx, back); err != nil {
			return w, err
		}
		return b.TakeSwap(ctx, r)
	}, func(w app.Swap) {
		p.text.SetText("")
		p.show(s.ui.t("Give this answer to the other side. Settle shows how it goes on."), w.Answer, "swap-answer.txt")
	})
}

// chooseImage asks for a picture of an offer's code.
func (p *swapPage) chooseImage() {
	p.screen.ui.openFile(func(r fyne.URIReadCloser) {
		attempt(p.progress, p.screen.ui.t("Looking for a code in {{.Name}}\u2026", map[string]any{"Name": r.URI().Name()}),
			func(context.Context) (string, error) {
				defer r.Close()
				return decodeQR(io.Reader(r))
			}, func(text string) { p.text.SetText(text) })
	})
}

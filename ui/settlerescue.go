package ui

import (
	"context"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	base "fyne.io/fyne/v2/theme"

	"github.com/layeredpow/lamina/internal/app"
)

// rescuePage helps a swap on: one whose record was lost, and one that waits for a secret
// from elsewhere.
type rescuePage struct {
	screen   *settleScreen
	content  *fyne.Container
	offer    *field
	answer   *field
	password *passwordAsk
	restore  *button
	secret   *field
	learn    *button
	progress *progress
}

func newRescuePage(s *settleScreen) *rescuePage {
	u := s.ui
	p := &rescuePage{screen: s}
	p.progress = newProgress(u, nil)
	p.offer = newArea(u, u.t("the offer"), 2, nil)
	p.answer = newArea(u, u.t("the answer"), 2, nil)
	for _, f := range []*field{p.offer, p.answer} {
		f.Wrapping = fyne.TextWrapBreak
	}
	p.password = newPasswordAsk(u, p.takeUp)
	p.restore = newButton(u, u.t("Take the swap up again"), p.takeUp)
	p.secret = newPassword(u, u.t("64 hexadecimal digits"))
	p.secret.OnSubmitted = func(string) { p.tell() }
	p.learn = newButton(u, u.t("Use the secret"), p.tell)
	lost := newPanel(stack(gap/2, strong(u.t("A swap that this computer does not know any more")),
		caption(u.t("Both texts and the words of the wallet bring it back, from either side. The chains are looked through for it again.")),
		inset(p.offer), inset(p.answer), p.password.content, inset(container.NewHBox(p.restore))))
	secret := newPanel(stack(gap/2, strong(u.t("A secret from elsewhere")),
		caption(u.t("Where a swap's hash came from somebody else, such as the hash of a payment, its secret takes what is yours. It is kept here, and told to nobody before it is used.")),
		inset(p.secret), inset(container.NewHBox(p.learn))))
	p.content, _ = scrolled(container.New(&column{gap: gap, most: formMost},
		container.NewHBox(newIconButton(u, u.t("Back"), base.NavigateBackIcon(), s.leave)),
		heading(u.t("Help a swap on")), p.progress.content, lost, secret))
	p.progress.onChange = func() { p.content.Refresh() }
	return p
}

// open begins with an empty form.
func (p *rescuePage) open() {
	p.clear()
	p.progress.clear()
}

// clear drops every secret that was typed.
func (p *rescuePage) clear() {
	p.secret.SetText("")
	p.password.refresh()
}

// takeUp has a swap of which only the texts are left followed again.
func (p *rescuePage) takeUp() {
	s := p.screen
	r := app.SwapRestore{Wallet: s.wallet, Offer: strings.TrimSpace(p.offer.Text), Answer: strings.TrimSpace(p.answer.Text)}
	b, back := s.settlement(), s.ui.session.backend
	if b == nil || r.Offer == "" || r.Answer == "" {
		p.progress.warn(s.ui.t("Paste the offer and the answer first."), "")
		return
	}
	unlock := p.password.take(s.wallet)
	attempt(p.progress, s.ui.t("Looking whose swap it is\u2026"), func(ctx context.Context) (w app.Swap, err error) {
		defer unlock.wipe()
		if r.Password, err = unlock.open(ctx, back); err != nil {
			return w, err
		}
		return b.RestoreSwap(ctx, r)
	}, func(app.Swap) {
		p.offer.SetText("")
		p.answer.SetText("")
		p.password.refresh()
		p.progress.done(s.ui.t("It is followed again. Settle shows where it stands as soon as the chains are looked through."))
	})
}

// tell hands in a secret.
func (p *rescuePage) tell() {
	s := p.screen
	b := s.settlement()
	if b == nil || p.secret.Text == "" {
		p.progress.warn(s.ui.t("Type the secret first."), "")
		return
	}
	secret := p.secret.take()
	attempt(p.progress, s.ui.t("Comparing it with the hashes\u2026"), does(func(ctx context.Context) error {
		defer secret.Wipe()
		return b.LearnSecret(ctx, s.wallet, secret)
	}), func(nothing) {
		p.progress.done(s.ui.t("It fits, and is kept. What is yours can be taken as soon as both sides are funded."))
	})
}

// orphaned says whether a refundable deposit was found from the words alone: its refund has
// to be signed again.
func orphaned(d *app.Deposit) bool {
	return d.Ours && d.Refundable && d.Outpoint != "" && len(d.Refunds) == 0 && (d.Phase == "waiting" || d.Phase == "refund due")
}

// takeBack signs the refund of a deposit that was found from the words.
func (c *journeyCard) takeBack() {
	s, d := c.screen, c.what.deposit
	b, back, unlock := s.settlement(), s.ui.session.backend, c.password.take(d.Wallet)
	attempt(s.progress, s.ui.t("Signing, and keeping it on disk\u2026"), func(ctx context.Context) (app.Funding, error) {
		defer unlock.wipe()
		password, err := unlock.open(ctx, back)
		if err != nil {
			return app.Funding{}, err
		}
		return b.TakeBack(ctx, d.Wallet, d.Layer, d.Outpoint, password)
	}, func(app.Funding) {
		c.password.refresh()
		s.progress.done(s.ui.t("The refund is signed, and goes out when it is due."))
		s.ask()
	})
}

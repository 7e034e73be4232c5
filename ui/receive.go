package ui

import (
	"context"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/ui/present"
)

// receiveScreen shows an address to be paid at, as text and as a code.
type receiveScreen struct {
	ui      *UI
	content *fyne.Container
	page    *fyne.Container
	gate    *gate
	bar     *purseBar

	qr       *canvas.Image
	address  *widget.Label
	facts    *widget.Label
	doubt    *progress // says that no password vouched for the address yet
	vouch    *passwordAsk
	vouching *fyne.Container
	amount   *field
	label    *field
	message  *field
	copy     *button
	copyURI  *button
	fresh    *button
	progress *progress

	request app.ReceiveRequest // what the form said when it was applied last
	shown   app.Address
	purse   app.Purse // whose address is shown
	asking  inquiry
	kept    bool // what is shown was asked for as another one: news keep it
}

// briefly is how long a wallet is unlocked only to see that its password is right.
const briefly = time.Second

func newReceiveScreen(u *UI) *receiveScreen {
	s := &receiveScreen{ui: u, bar: newPurseBar(u), qr: newQR(), address: value("", true), facts: caption("")}
	s.address.Alignment, s.address.Wrapping = fyne.TextAlignCenter, fyne.TextWrapWord
	s.amount = newField(u, u.t("left to the payer"), nil)
	s.label = newField(u, u.t("who or what for"), nil)
	s.message = newField(u, u.t("shown to the payer"), nil)
	for _, f := range []*field{s.amount, s.label, s.message} {
		f.OnSubmitted = func(string) { s.apply() }
	}
	s.copy = newIconButton(u, u.t("Copy the address"), base.ContentCopyIcon(), func() { s.put(s.shown.Address) })
	s.copy.Importance = widget.HighImportance
	s.copyURI = newIconButton(u, u.t("Copy the request"), base.ContentCopyIcon(), func() { s.put(s.shown.URI) })
	s.fresh = newIconButton(u, u.t("Another address"), base.ContentAddIcon(), s.another)
	apply := newButton(u, u.t("Put it into the code"), s.apply)
	s.progress = newProgress(u, s.relayout)
	s.doubt = newProgress(u, s.relayout)
	s.vouch = newPasswordAsk(u, s.confirm)
	s.vouching = stack(4, s.vouch.content, inset(container.NewHBox(newButton(u, u.t("Check with the password"), s.confirm))))
	code := newPanel(stack(4, container.New(layout.NewCenterLayout(), s.qr), s.address, s.facts, inset(s.copy),
		inset(newTiles(s.copyURI, s.fresh)),
		s.doubt.content, s.vouching, s.progress.content))
	form := newPanel(stack(gap/2, strong(u.t("Ask for something")), asked(u.t("Amount"), s.amount), asked(u.t("Label"), s.label),
		asked(u.t("Message"), s.message), inset(apply)))
	columns := container.New(&beside{wide: 760, first: 400, gap: gap}, code, form)
	s.page, _ = scrolled(container.New(&column{gap: gap, most: pageMost}, stack(4, s.bar.content, heading(u.t("Receive"))), columns))
	s.gate = newGate(u, s.page)
	s.content = s.gate.content
	return s
}

func (s *receiveScreen) object() fyne.CanvasObject { return s.content }
func (s *receiveScreen) back()                     {}
func (s *receiveScreen) relayout()                 { s.page.Refresh() }

func (s *receiveScreen) refresh(c change) {
	s.bar.refresh()
	if !s.gate.refresh() {
		return
	}
	if s.purse != s.ui.session.purse {
		s.asking.drop()
		s.kept = false
		s.purse, s.shown, s.request = s.ui.session.purse, app.Address{}, app.ReceiveRequest{}
		s.show()
	}
	if c&(moneyChanged|walletsChanged) != 0 {
		s.asking.renew(s.ask)
	}
}

// apply asks anew with what the form says.
func (s *receiveScreen) apply() {
	r := app.ReceiveRequest{Label: s.label.Text, Message: s.message.Text}
	if s.amount.Text != "" {
		units, err := s.ui.texts.ParseAmount(s.amount.Text, s.ui.session.unit())
		if err != nil {
			s.progress.warn(err.Error(), "")
			return
		}
		r.Amount = units
	}
	s.request, s.kept = r, false
	s.ask()
}

// another asks for the next address. What the form says was for the last one.
func (s *receiveScreen) another() {
	for _, f := range []*field{s.amount, s.label, s.message} {
		f.SetText("")
	}
	s.request = app.ReceiveRequest{Fresh: true}
	s.ask()
	s.request = app.ReceiveRequest{}
}

// ask asks for the address.
func (s *receiveScreen) ask() {
	b, p, r := s.ui.session.backend, s.ui.session.purse, s.request
	if b == nil || p.Wallet == "" {
		return
	}
	ask(s.ui, &s.asking, func(ctx context.Context) (app.Address, error) { return b.Receive(ctx, p, r) }, func(a app.Address, err error) {
		if err != nil {
			s.progress.unanswered(err)
			return
		}
		if s.kept = r.Fresh || s.kept && a.Kind == s.shown.Kind && a.Index < s.shown.Index; s.kept && !r.Fresh {
			s.shown.Verified = a.Verified // of the same account
		} else {
			s.shown = a
		}
		s.progress.answered()
		s.show()
	})
}

// show puts the address on the page.
func (s *receiveScreen) show() {
	a := s.shown
	s.address.SetText(present.Fours(a.Address))
	setQR(s.qr, a.URI)
	s.facts.SetText(s.ui.texts.AddressNote(&a))
	show(s.address, a.Address != "")
	show(s.facts, a.Address != "")
	for _, button := range []*button{s.copy, s.copyURI, s.fresh} {
		if a.Address == "" {
			button.Disable()
		} else {
			button.Enable()
		}
	}
	doubt := a.Address != "" && !a.Verified && !a.WatchOnly
	s.doubt.clear()
	if doubt {
		s.doubt.warn(s.ui.t("Nobody vouched for this address since the program started."),
			s.ui.t("Who can write to your disk could have put an address of his own here. The password settles it."))
	}
	s.vouch.refresh()
	show(s.vouching, doubt)
	s.relayout()
}

// confirm lets the password vouch for the accounts.
func (s *receiveScreen) confirm() {
	b, p := s.ui.session.backend, s.ui.session.purse
	unlock := s.vouch.take(p.Wallet)
	attempt(s.progress, s.ui.t("Checking the password\u2026"), does(func(ctx context.Context) error {
		defer unlock.wipe()
		if _, err := b.Unlock(ctx, p.Wallet, unlock.password, max(unlock.idle, briefly)); err != nil {
			return err
		}
		if unlock.idle == 0 {
			return b.Lock(ctx, p.Wallet)
		}
		return nil
	}), func(nothing) { s.ui.reload(nil) })
}

// compareClipboard looks, when the window comes to the front, whether an address that was
// copied has become one that only looks like it.
func (s *receiveScreen) compareClipboard() {
	if s.shown.Address == "" || !s.content.Visible() {
		return
	}
	held := strings.TrimSpace(s.ui.app.Clipboard().Content())
	if _, rest, ok := strings.Cut(held, ":"); ok { // a request
		held, _, _ = strings.Cut(rest, "?")
	}
	if present.LookAlike(s.shown.Address, held) {
		s.progress.warn(s.ui.t("The clipboard holds an address that only looks like this one: {{.Address}}", map[string]any{"Address": held}),
			s.ui.t("Another program may change addresses that are copied. Do not paste it; let the payer read the code."))
	}
}

// put copies a text and reads it back: programs are known that put another address there.
func (s *receiveScreen) put(text string) {
	board := s.ui.app.Clipboard()
	board.SetContent(text)
	if board.Content() != text {
		s.progress.warn(s.ui.t("The clipboard holds something else than what is shown."),
			s.ui.t("Another program may change addresses that are copied. Do not paste it; let the payer read the code."))
		return
	}
	s.progress.done(s.ui.t("Copied. Compare it where you paste it: {{.Address}}",
		map[string]any{"Address": present.Short(s.shown.Address)}))
}

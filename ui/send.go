package ui

import (
	"context"
	"io"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/storage"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
)

// sendScreen makes a payment: recipient, amount and fee with what it costs beside them,
// then the review.
type sendScreen struct {
	ui      *UI
	content *fyne.Container
	page    *fyne.Container
	form    *fyne.Container
	gate    *gate
	bar     *purseBar
	review  *review
	packets *packetPage
	watches *fyne.Container // says that the keys are elsewhere

	to       *field
	hint     *widget.Label
	amount   *field
	unit     *widget.Label
	all      *check
	label    *field
	fee      *feeSlider
	cost     *rows
	why      *widget.Label // there is no cost yet
	next     *button
	progress *progress

	coins  []string // exactly these are spent; none: the wallet chooses
	from   *widget.Label
	draft  *app.Draft
	purse  app.Purse
	plans  inquiry
	asking func()
}

func newSendScreen(u *UI) *sendScreen {
	s := &sendScreen{ui: u, bar: newPurseBar(u), hint: caption(""), unit: body(""), cost: newRows(), why: body(""), from: caption("")}
	s.to = newArea(u, u.t("address or payment request"), 2, func(string) { s.recipientChanged() })
	s.to.Wrapping = fyne.TextWrapBreak
	s.amount = newField(u, "0.0", func(string) { s.plan() })
	s.unit.Wrapping = fyne.TextWrapOff
	s.all = newCheck(u.t("All that is there"), func(bool) { s.plan() })
	s.label = newField(u, u.t("who or what for"), nil)
	s.fee = newFeeSlider(u, s.plan, s.relayout)
	s.next = newIconButton(u, u.t("Review the payment"), base.NavigateNextIcon(), s.openReview)
	s.next.Importance = widget.HighImportance
	s.progress = newProgress(u, func() { s.relayout() })
	paste := newIconButton(u, u.t("Paste"), base.ContentPasteIcon(), func() { s.to.SetText(u.app.Clipboard().Content()) })
	picture := newIconButton(u, u.t("Code in a picture"), base.FileImageIcon(), s.chooseImage)
	left := newPanel(stack(gap/2, asked(u.t("To"), s.to), s.hint, inset(newTiles(paste, picture)),
		asked(u.t("Amount"), container.NewBorder(nil, nil, nil, s.unit, s.amount)), inset(s.all), asked(u.t("Label"),
			s.label), s.fee.content))
	right := newPanel(stack(4, strong(u.t("What it costs")), s.why, s.cost.box, s.from, inset(s.next), s.progress.content))
	columns := container.New(&beside{wide: 760, first: 420, gap: gap}, left, right)
	s.watches = stack(4, body(u.t("This wallet only watches: its keys are elsewhere. It plans a payment, has it signed there, and sends it.")),
		inset(container.NewHBox(newIconButton(u, u.t("Bring one back signed"), base.DownloadIcon(), func() { s.openPacket(s.purse, "", nil) }))))
	s.page, _ = scrolled(container.New(&column{gap: gap, most: pageMost}, stack(4, s.bar.content, heading(u.t("Send"))), s.watches, columns))
	s.review, s.packets = newReview(u), newPacketPage(u, func() { s.show(s.page) })
	s.form = newFill(s.page, s.review.content, s.packets.content)
	s.show(s.page)
	s.gate = newGate(u, s.form)
	s.content = s.gate.content
	s.clear()
	return s
}

func (s *sendScreen) object() fyne.CanvasObject { return s.content }

func (s *sendScreen) back() {
	switch {
	case s.review.content.Visible():
		s.review.leave()
	case s.packets.content.Visible():
		s.packets.leave()
	}
}

// show shows the form, or one of the pages over it.
func (s *sendScreen) show(page fyne.CanvasObject) {
	for _, p := range []fyne.CanvasObject{s.page, s.review.content, s.packets.content} {
		show(p, p == page)
	}
}

// openPacket shows a payment that is signed elsewhere.
func (s *sendScreen) openPacket(in app.Purse, text string, id *spv.Hash) {
	s.show(s.packets.content)
	s.packets.open(in, text, id)
}

func (s *sendScreen) relayout() { s.page.Refresh() }

func (s *sendScreen) refresh(c change) {
	s.bar.refresh()
	if !s.gate.refresh() {
		return
	}
	if s.purse != s.ui.session.purse {
		s.purse = s.ui.session.purse
		s.closeReview()
		s.clear()
	}
	w := s.ui.session.wallet()
	show(s.watches, w != nil && w.WatchOnly)
	s.unit.SetText(s.ui.texts.Symbol(s.ui.session.unit()))
	if s.review.content.Visible() {
		return // what is being read must not change under the reader's eyes
	}
	s.fee.load(s.purse.Chain)
	if c&moneyChanged != 0 {
		s.plans.renew(s.replan)
	}
}

// clear empties the form.
func (s *sendScreen) clear() {
	s.drop()
	s.coins = nil
	s.to.SetText("")
	s.amount.SetText("")
	s.label.SetText("")
	s.all.SetChecked(false)
	setText(s.hint, "")
	s.plan()
}

// spend fills the form with coins that were chosen.
func (s *sendScreen) spend(coins []string) {
	s.coins = coins
	s.plan()
}

// recipientChanged reads what was typed: an address, or a request with more in it.
func (s *sendScreen) recipientChanged() {
	if s.asking != nil {
		s.asking()
	}
	setText(s.hint, "")
	s.plan()
	text, b, p := s.recipient(), s.ui.session.backend, s.ui.session.purse
	if text == "" || b == nil {
		return
	}
	type answer struct {
		request app.PaymentRequest
		facts   app.AddressFacts
		like    string // known address that it could be mistaken for
	}
	s.asking = later(s.ui, func(ctx context.Context) (a answer, err error) {
		if a.request, err = b.ParseURI(ctx, p.Chain, text); err == nil {
			a.facts, err = b.LookUp(ctx, p, a.request.Address)
		}
		if err == nil && a.facts.Ours == nil {
			a.like, err = likeKnown(ctx, b, p, a.request.Address)
		}
		return a, err
	}, func(a answer, err error) {
		if err != nil {
			setText(s.hint, err.Error())
			s.relayout()
			return
		}
		s.hint.Importance = widget.LowImportance
		setText(s.hint, s.ui.texts.Recipient(&a.facts))
		if a.like != "" {
			s.hint.Importance = widget.DangerImportance
			setText(s.hint, s.ui.t("This is not {{.Known}}, which you know: only its ends are alike. Somebody may want to be paid in its place. Compare every letter.",
				map[string]any{"Known": a.like}))
		}
		if a.request.Amount != nil {
			s.amount.SetText(s.ui.texts.Plain(*a.request.Amount, s.ui.session.unit()))
		}
		if a.request.Label != "" && s.label.Text == "" {
			s.label.SetText(a.request.Label)
		}
		if a.request.Address != s.to.Text {
			s.to.SetText(a.request.Address)
		}
		s.relayout()
	})
}

// recipient is what was typed, without the blanks and line ends that copying brings along.
func (s *sendScreen) recipient() string { return strings.Join(strings.Fields(s.to.Text), "") }

// payment returns what the form says.
func (s *sendScreen) payment() (app.Payment, error) {
	to := app.Recipient{Address: s.recipient(), Max: s.all.Checked, Label: s.label.Text}
	if !s.all.Checked {
		units, err := s.ui.texts.ParseAmount(s.amount.Text, s.ui.session.unit())
		if err != nil {
			return app.Payment{}, err
		}
		to.Amount = units
	}
	return app.Payment{To: []app.Recipient{to}, Rate: s.fee.rate, Coins: s.coins, Label: s.label.Text}, nil
}

// plan works out what the payment costs, once the user pauses.
func (s *sendScreen) plan() {
	s.plans.drop()
	s.drop()
	setText(s.from, s.ui.texts.From(len(s.coins)))
	if s.all.Checked {
		s.amount.Disable()
	} else {
		s.amount.Enable()
	}
	if s.recipient() == "" || s.ui.session.backend == nil || s.ui.session.purse.Wallet == "" {
		s.say(s.ui.t("Recipient and amount are not given yet."))
		return
	}
	s.say(s.ui.t("Working it out\u2026"))
	s.replan()
}

// replan works it out anew; what is shown stays until then.
func (s *sendScreen) replan() {
	b, in := s.ui.session.backend, s.ui.session.purse
	if s.recipient() == "" || b == nil || in.Wallet == "" || s.review.content.Visible() {
		return
	}
	p, err := s.payment()
	if err != nil {
		s.say(err.Error())
		return
	}
	ask(s.ui, &s.plans, paused(s.ui, func(ctx context.Context) (app.Draft, error) { return b.Draft(ctx, in, p) }), func(d app.Draft, err error) {
		s.drop()
		if err != nil {
			problem := s.ui.texts.Problem(err)
			s.say(problem.What + "\n" + problem.Next)
			return
		}
		s.draft = &d
		s.why.Hide()
		s.cost.set(s.ui.texts.Cost(&d))
		s.next.Enable()
		s.relayout()
	})
}

// say shows why there is no cost.
func (s *sendScreen) say(why string) {
	setText(s.why, why)
	s.cost.set(nil)
	s.next.Disable()
	s.relayout()
}

// drop forgets the draft, here and in the Backend.
func (s *sendScreen) drop() {
	if s.draft == nil || s.ui.session.backend == nil {
		s.draft = nil
		return
	}
	id, b := s.draft.ID, s.ui.session.backend
	s.draft = nil
	run(s.ui, does(func(ctx context.Context) error { return b.Discard(ctx, id) }), func(nothing,
		error) {
	}) // it is forgotten in an hour anyway
}

func (s *sendScreen) openReview() {
	if s.draft == nil {
		return
	}
	s.plans.drop() // what is being read must not change under the reader's eyes
	s.review.open(*s.draft, func() { s.closeReview(); s.plan() }, func(app.Sent) {
		s.draft = nil
		s.clear()
	})
	s.show(s.review.content)
	if s.review.password.entry.Visible() && len(s.review.checks) == 0 {
		s.ui.window.Canvas().Focus(s.review.password.entry)
	}
}

func (s *sendScreen) closeReview() { s.show(s.page) }

// chooseImage asks for a picture of a code.
func (s *sendScreen) chooseImage() {
	s.ui.openFile(func(r fyne.URIReadCloser) {
		s.readCode(r.URI().Name(), func() (io.ReadCloser, error) { return r, nil })
	})
}

// readImage reads the code in a picture that was dropped on the window.
func (s *sendScreen) readImage(u fyne.URI) {
	s.readCode(u.Name(), func() (io.ReadCloser, error) { return storage.Reader(u) })
}

func (s *sendScreen) readCode(name string, open func() (io.ReadCloser, error)) {
	attempt(s.progress, s.ui.t("Looking for a code in {{.Name}}\u2026", map[string]any{"Name": name}),
		func(context.Context) (string, error) {
			r, err := open()
			if err != nil {
				return "", err
			}
			defer r.Close()
			return decodeQR(r)
		}, func(text string) { s.to.SetText(text) })
}

package ui

import (
	"context"
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
)

// paymentPage is everything that is known of one payment, and what can be done about it.
type paymentPage struct {
	ui      *UI
	content *fyne.Container
	page    *fyne.Container
	review  *review

	title      *widget.Label
	rows       *rows
	picture    *picture
	label      *field
	actions    *fyne.Container
	actionCard *panel
	card       *panel // what it is
	safety     *safety
	progress   *progress

	id     spv.Hash
	shown  *app.Transaction
	onBack func()
	asking inquiry
}

func newPaymentPage(u *UI, onBack func()) *paymentPage {
	p := &paymentPage{ui: u, title: heading(""), rows: newRows(), onBack: onBack}
	returns := newIconButton(u, u.t("All payments"), base.NavigateBackIcon(), onBack)
	p.label = newField(u, "", nil)
	p.label.OnSubmitted = func(string) { p.rename() }
	p.actions = container.New(&column{gap: 4})
	p.actionCard = newPanel(stack(gap/2, strong(u.t("What can be done")), p.actions))
	p.picture = newPicture(p.colour)
	p.progress = newProgress(u, func() { p.page.Refresh() })
	p.safety = newSafety(u)
	name := container.NewBorder(nil, nil, nil, newButton(u, u.t("Keep the label"), p.rename), p.label)
	p.card = newPanel(stack(gap, inset(p.picture), p.rows.box, asked(u.t("Label"), name)))
	p.page, _ = scrolled(container.New(&column{gap: gap, most: pageMost}, container.NewHBox(returns), p.title,
		p.card, p.progress.content, p.actionCard,
		p.safety.panel))
	p.safety.onChange = func() { p.page.Refresh() }
	p.review = newReview(u)
	p.review.content.Hide()
	p.content = newFill(p.page, p.review.content)
	return p
}

// back goes from the review to the payment, and from there to the list.
func (p *paymentPage) back() {
	if p.review.content.Visible() {
		p.review.leave()
		return
	}
	p.onBack()
}

// open shows a payment.
func (p *paymentPage) open(id spv.Hash) {
	p.id, p.shown = id, nil
	p.closeReview()
	p.title.SetText(p.ui.t("Reading the payment\u2026"))
	p.rows.set(nil)
	for _, o := range []fyne.CanvasObject{p.card, p.actionCard, p.safety.panel} {
		show(o, false)
	}
	p.progress.clear()
	p.safety.open(id)
	p.asking.drop()
	p.ask()
}

// refresh asks for the payment and its risk anew.
func (p *paymentPage) refresh() {
	p.asking.renew(p.ask)
	p.safety.refresh()
}

// ask asks for the payment.
func (p *paymentPage) ask() {
	b, in, id := p.ui.session.backend, p.ui.session.purse, p.id
	if b == nil {
		return
	}
	ask(p.ui, &p.asking, func(ctx context.Context) (app.Transaction, error) { return b.Transaction(ctx, in, id) },
		func(t app.Transaction, err error) {
			if err != nil {
				p.title.SetText(p.ui.t("This payment cannot be shown"))
				p.progress.unanswered(err)
				return
			}
			p.progress.answered()
			p.show(&t)
		})
}

func (p *paymentPage) show(t *app.Transaction) {
	if p.shown == nil || p.shown.Label != t.Label {
		p.label.SetText(t.Label)
	}
	p.shown = t
	p.title.SetText(p.ui.texts.PaymentTitle(t))
	p.rows.set(p.ui.texts.Payment(t))
	show(p.card, true)
	show(p.safety.panel, true)
	p.picture.set(p.ui.texts.Flow(p.draft()))
	p.actions.Objects = nil
	for _, action := range t.Actions {
		if o := p.action(action); o != nil {
			p.actions.Objects = append(p.actions.Objects, o)
		}
	}
	show(p.actionCard, len(p.actions.Objects) > 0)
	show(p.safety.tools, t.Block != nil)
	p.page.Refresh()
}

// draft is the payment as what the picture shows.
func (p *paymentPage) draft() *app.Draft {
	d := &app.Draft{Inputs: p.shown.Inputs, Outputs: p.shown.Outputs, Unit: p.shown.Unit}
	if p.shown.Fee != nil {
		d.Fee = *p.shown.Fee
	}
	return d
}

// action makes what can be done a button with what it means; nil if it is not known.
func (p *paymentPage) action(name string) fyne.CanvasObject {
	b, in, id := p.ui.session.backend, p.ui.session.purse, p.id
	offer := func(word, means string, act func()) fyne.CanvasObject {
		return stack(-overlap/2, inset(container.NewHBox(newButton(p.ui, word, act))), caption(means))
	}
	switch name {
	case "bump":
		return offer(p.ui.t("Pay a higher fee"), p.ui.t("The same payment takes its place and is confirmed sooner."), func() {
			p.plan(func(ctx context.Context) (app.Draft, error) { return b.Bump(ctx, in, id, 0) })
		})
	case "cancel":
		return offer(p.ui.t("Call it back"), p.ui.t("A payment to yourself takes its place, if that is confirmed first."), func() {
			p.plan(func(ctx context.Context) (app.Draft, error) { return b.Cancel(ctx, in, id, 0) })
		})
	case "cpfp":
		return offer(p.ui.t("Speed it up"), p.ui.t("What it pays you is spent at a fee that is high enough for both."), func() {
			p.plan(func(ctx context.Context) (app.Draft, error) { return b.Raise(ctx, in, id, 0) })
		})
	case "abandon":
		return offer(p.ui.t("Give it up"), p.ui.t("It is no longer sent, and its coins are free again."), p.giveUp)
	}
	return nil
}

// giveUp gives the payment up.
func (p *paymentPage) giveUp() {
	b, in, id := p.ui.session.backend, p.ui.session.purse, p.id
	attempt(p.progress, p.ui.t("Giving it up\u2026"),
		does(func(ctx context.Context) error { return b.Abandon(ctx, in, id) }), func(nothing) {
			p.refresh()
			p.progress.warn(p.ui.t("Given up here."),
				p.ui.t("It can still be confirmed: whoever has it may send it. Then it counts again."))
		})
}

// plan makes a draft and shows it for review.
func (p *paymentPage) plan(draft func(context.Context) (app.Draft, error)) {
	attempt(p.progress, p.ui.t("Working it out\u2026"), draft, func(d app.Draft) {
		p.review.open(d, func() { p.closeReview(); p.refresh() }, nil)
		show(p.review.content, true)
		show(p.page, false)
	})
}

func (p *paymentPage) closeReview() {
	show(p.review.content, false)
	show(p.page, true)
}

// rename keeps the label of the payment.
func (p *paymentPage) rename() {
	b, in, id, text := p.ui.session.backend, p.ui.session.purse, p.id.String(), p.label.Text
	attempt(p.progress, p.ui.t("Keeping the label\u2026"),
		does(func(ctx context.Context) error { return b.SetLabel(ctx, in, "tx", id, text) }), func(nothing) {
			p.progress.done(p.ui.t("The label is kept."))
			p.refresh()
		})
}

func (p *paymentPage) colour() color.Color { return p.ui.layerColour(p.ui.session.purse.Chain) }

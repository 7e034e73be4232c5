package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/ui/present"
	"github.com/layeredpow/lamina/ui/theme"
)

// holdRow is the money on one chain: its layer's colour, its name, its amount and a bar of
// its share. It opens the chain's payments.
type holdRow struct {
	pressable
	ui      *UI
	holding present.Holding

	title, amount, note *widget.Label
}

func newHoldRow(u *UI) *holdRow {
	r := &holdRow{ui: u, title: strong(""), amount: strong(""), note: caption("")}
	r.amount.Alignment = fyne.TextAlignTrailing
	for _, l := range []*widget.Label{r.title, r.amount} {
		l.Wrapping = fyne.TextWrapOff
	}
	r.title.Truncation = fyne.TextTruncateEllipsis
	r.onPress = func() {
		u.take(app.Purse{Wallet: u.session.purse.Wallet, Chain: r.holding.Chain})
		u.frame.open(activityAt)
	}
	r.ExtendBaseWidget(r)
	return r
}

func (r *holdRow) set(h present.Holding) {
	r.holding, r.name = h, h.Title+", "+h.Amount
	r.title.SetText(h.Title)
	r.amount.SetText(h.Amount)
	note := h.Note
	if h.Counted != "" {
		note = h.Counted + " \u00b7 " + note
	}
	r.note.SetText(note)
	r.Refresh()
}

// CreateRenderer implements fyne.Widget.
func (r *holdRow) CreateRenderer() fyne.WidgetRenderer {
	h := &holdRenderer{row: r, back: canvas.NewRectangle(nil), band: canvas.NewRectangle(nil),
		track: canvas.NewRectangle(nil), bar: canvas.NewRectangle(nil)}
	h.back.CornerRadius, h.band.CornerRadius, h.track.CornerRadius, h.bar.CornerRadius = 4, 3, 2, 2
	h.texts = container.New(&column{gap: -2 * overlap}, container.New(&amountLine{}, r.title, r.amount), r.note)
	h.Refresh()
	return h
}

type holdRenderer struct {
	row                    *holdRow
	back, band, track, bar *canvas.Rectangle
	texts                  *fyne.Container
}

const (
	holdBand = 6 // width of the layer's colour
	barHigh  = 4
)

func (h *holdRenderer) Layout(size fyne.Size) {
	h.back.Resize(size)
	put(h.band, 4, 8, holdBand, size.Height-16)
	fit(h.texts, size.Width-holdBand-8)
	h.texts.Move(fyne.NewPos(holdBand+8, 0))
	wide := size.Width - holdBand - 32
	share := max(0, float32(h.row.holding.Share))
	put(h.track, holdBand+16, size.Height-barHigh-4, wide, barHigh)
	put(h.bar, holdBand+16, size.Height-barHigh-4, wide*share, barHigh)
}

func (h *holdRenderer) MinSize() fyne.Size {
	return h.texts.MinSize().AddWidthHeight(holdBand+8, barHigh)
}

func (h *holdRenderer) Refresh() {
	h.row.paint(h.back)
	colour := h.row.ui.layerColour(h.row.holding.Chain)
	h.band.FillColor, h.bar.FillColor = colour, colour
	h.track.FillColor = themed(base.ColorNameSeparator)
	counted := h.row.holding.Share >= 0
	h.track.Hidden, h.bar.Hidden = !counted, !counted
	h.Layout(h.row.Size())
	for _, o := range h.Objects() {
		o.Refresh()
	}
}

func (h *holdRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{h.back, h.band, h.track, h.bar, h.texts}
}

func (h *holdRenderer) Destroy() {}

// amountLine lays a name and an amount side by side; the amount is never cut. Where both
// do not fit the amount goes below.
type amountLine struct{ width float32 }

// leastName is the room that a name wants beside an amount.
const leastName = 110

func (a *amountLine) beside(objects []fyne.CanvasObject, width float32) bool {
	return width-objects[1].MinSize().Width >= leastName
}

// Layout implements fyne.Layout.
func (a *amountLine) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	a.width = size.Width
	name, amount := objects[0], objects[1]
	need := amount.MinSize()
	if a.beside(objects, size.Width) {
		put(name, 0, 0, size.Width-need.Width, name.MinSize().Height)
		put(amount, size.Width-need.Width, 0, need.Width, need.Height)
		return
	}
	h := name.MinSize().Height
	put(name, 0, 0, size.Width, h)
	put(amount, max(0, size.Width-need.Width), h-2*overlap, need.Width, need.Height)
}

// MinSize implements fyne.Layout.
func (a *amountLine) MinSize(objects []fyne.CanvasObject) fyne.Size {
	name, amount := objects[0].MinSize(), objects[1].MinSize()
	s := fyne.NewSize(max(name.Width, amount.Width), max(name.Height, amount.Height))
	if a.width > 0 && !a.beside(objects, a.width) {
		s.Height = name.Height + amount.Height - 2*overlap
	}
	return s
}

// paymentRow is a payment in a list: direction, amount, who, when and how deep.
type paymentRow struct {
	pressable
	line present.PaymentLine
	look fyne.ThemeVariant // that it was written in

	icon                     *widget.Icon
	who, amount, when, state *widget.Label
}

func newPaymentRow() *paymentRow {
	r := &paymentRow{icon: widget.NewIcon(nil), who: body(""), amount: strong(""), when: caption(""), state: caption("")}
	r.onPress = func() {}
	r.amount.Alignment, r.state.Alignment = fyne.TextAlignTrailing, fyne.TextAlignTrailing
	for _, l := range []*widget.Label{r.who, r.amount, r.when, r.state} {
		l.Wrapping, l.Truncation = fyne.TextWrapOff, fyne.TextTruncateEllipsis
	}
	r.amount.Truncation = fyne.TextTruncateOff
	r.ExtendBaseWidget(r)
	return r
}

func (r *paymentRow) set(l present.PaymentLine) {
	look := variant()
	if r.line == l && r.look == look {
		return
	}
	if r.look != look { // a list keeps rows that it does not need, and no theme reaches those
		r.look = look
		r.who.Refresh()
	}
	r.line, r.name = l, l.Amount+" "+l.Who+", "+l.When+", "+l.State
	r.amount.SetText(l.Amount)
	r.when.SetText(l.When)
	r.state.SetText(l.State)
	r.Refresh()
}

// CreateRenderer implements fyne.Widget.
func (r *paymentRow) CreateRenderer() fyne.WidgetRenderer {
	p := &paymentRenderer{row: r, back: canvas.NewRectangle(nil), track: canvas.NewRectangle(nil), bar: canvas.NewRectangle(nil)}
	p.back.CornerRadius, p.track.CornerRadius, p.bar.CornerRadius = 4, 1, 1
	p.Refresh()
	return p
}

type paymentRenderer struct {
	row              *paymentRow
	back, track, bar *canvas.Rectangle
}

const (
	paymentHeight = 52 // of a row of two lines
	sureWide      = 96 // of the bar of confirmations
	sureHigh      = 3
)

func (p *paymentRenderer) Layout(size fyne.Size) {
	r := p.row
	p.back.Resize(size)
	put(r.icon, 8, (size.Height-20)/2, 20, 20)
	const x = 28
	amount := min(r.amount.MinSize().Width, size.Width-x)
	put(r.amount, size.Width-amount, -2, amount, 36)
	put(r.who, x, -2, max(0, size.Width-x-amount), 36)
	fitMiddle(r.who, r.line.Who, size.Width-x-amount)
	written := fyne.MeasureText(r.when.Text, r.when.Theme().Size(r.when.SizeName), r.when.TextStyle).Width + 2*inside
	when := min(written+1, max(0, size.Width-x))
	put(r.when, x, 20, when, 32)
	put(r.state, x+when, 20, size.Width-x-when, 32)
	put(p.track, size.Width-8-sureWide, size.Height-sureHigh-1, sureWide, sureHigh)
	put(p.bar, size.Width-8-sureWide, size.Height-sureHigh-1, sureWide*float32(max(0, r.line.Sure)), sureHigh)
}

func (p *paymentRenderer) MinSize() fyne.Size {
	return fyne.NewSize(28+p.row.amount.MinSize().Width, paymentHeight)
}

func (p *paymentRenderer) Refresh() {
	r := p.row
	r.paint(p.back)
	if r.line.In {
		r.icon.SetResource(theme.In())
	} else {
		r.icon.SetResource(theme.Out())
	}
	p.track.FillColor, p.bar.FillColor = themed(base.ColorNameSeparator), themed(base.ColorNamePrimary)
	if r.line.Sure >= 1 {
		p.bar.FillColor = themed(base.ColorNameSuccess)
	}
	p.track.Hidden, p.bar.Hidden = r.line.Sure < 0, r.line.Sure < 0
	p.Layout(r.Size())
	p.track.Refresh()
	p.bar.Refresh()
}

func (p *paymentRenderer) Objects() []fyne.CanvasObject {
	r := p.row
	return []fyne.CanvasObject{p.back, r.icon, r.who, r.amount, r.when, r.state, p.track, p.bar}
}

func (p *paymentRenderer) Destroy() {}

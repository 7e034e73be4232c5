package ui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/ui/present"
)

// payeeBar is one of those who mine a layer: who, how much, and a bar of it.
type payeeBar struct {
	widget.BaseWidget
	name, text *widget.Label
	share      float64
	layer      color.Color
}

func newPayeeBar() *payeeBar {
	b := &payeeBar{name: body(""), text: body(""), layer: color.Transparent}
	b.name.Wrapping, b.name.Truncation = fyne.TextWrapOff, fyne.TextTruncateEllipsis
	b.text.Wrapping, b.text.Alignment = fyne.TextWrapOff, fyne.TextAlignTrailing
	b.ExtendBaseWidget(b)
	return b
}

func (b *payeeBar) set(p present.Payee, layer color.Color) {
	b.share, b.layer = p.Share, layer
	b.name.SetText(p.Name)
	b.text.SetText(p.Text)
	b.Refresh()
}

// CreateRenderer implements fyne.Widget.
func (b *payeeBar) CreateRenderer() fyne.WidgetRenderer {
	r := &payeeRenderer{bar: b, track: canvas.NewRectangle(nil), fill: canvas.NewRectangle(nil),
		texts: container.New(&amountLine{}, b.name, b.text)}
	r.track.CornerRadius, r.fill.CornerRadius = barHigh/2, barHigh/2
	r.Refresh()
	return r
}

type payeeRenderer struct {
	bar         *payeeBar
	track, fill *canvas.Rectangle
	texts       *fyne.Container
}

func (r *payeeRenderer) Layout(size fyne.Size) {
	h := fit(r.texts, size.Width)
	wide := max(0, size.Width-16)
	put(r.track, 8, h-4, wide, barHigh)
	put(r.fill, 8, h-4, wide*float32(max(0, min(1, r.bar.share))), barHigh)
}

func (r *payeeRenderer) MinSize() fyne.Size { return r.texts.MinSize().AddWidthHeight(0, barHigh) }

func (r *payeeRenderer) Refresh() {
	r.track.FillColor, r.fill.FillColor = themed(base.ColorNameSeparator), r.bar.layer
	r.Layout(r.bar.Size())
	for _, o := range r.Objects() {
		o.Refresh()
	}
}

func (r *payeeRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.track, r.fill, r.texts}
}

func (r *payeeRenderer) Destroy() {}

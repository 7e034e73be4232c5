package ui

import (
	"image/color"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/ui/present"
	"github.com/layeredpow/lamina/ui/theme"
)

// Distances, in multiples of 4. Labels bring 8 of their own on each side.
const (
	gap    = 12 // between cards
	inside = 8  // within a card, which makes 16 with a label's own
)

func label(text string, size fyne.ThemeSizeName, importance widget.Importance) *widget.Label {
	l := widget.NewLabel(text)
	l.SizeName, l.Importance, l.Wrapping = size, importance, fyne.TextWrapWord
	return l
}

func heading(text string) *widget.Label {
	l := label(text, base.SizeNameSubHeadingText, widget.MediumImportance)
	l.TextStyle.Bold = true
	return l
}

func strong(text string) *widget.Label {
	l := label(text, base.SizeNameText, widget.MediumImportance)
	l.TextStyle.Bold = true
	return l
}

func body(text string) *widget.Label {
	return label(text, base.SizeNameText, widget.MediumImportance)
}

// caption is small and muted.
func caption(text string) *widget.Label {
	return label(text, base.SizeNameCaptionText, widget.LowImportance)
}

// value is selectable text, in a fixed width if it is hex.
func value(text string, mono bool) *widget.Label {
	l := body(text)
	setValue(l, text, mono)
	l.Selectable = true
	return l
}

func setValue(l *widget.Label, text string, mono bool) {
	l.TextStyle.Monospace = mono
	l.Wrapping = fyne.TextWrapWord
	if mono && !strings.Contains(text, " ") { // an address in groups breaks between them
		l.Wrapping = fyne.TextWrapBreak
	}
	l.SetText(text)
}

// stack lays objects one below the other.
func stack(gap float32, objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(&column{gap: gap}, objects...)
}

// wordyCheck puts words that may take several lines beside a check, whose own do not break.
func wordyCheck(c *check, text string) fyne.CanvasObject {
	return container.New(&iconLeft{size: 20}, c, body(text))
}

// inset aligns a control with the text of labels.
func inset(o fyne.CanvasObject) fyne.CanvasObject {
	return container.New(layout.NewCustomPaddedLayout(0, 0, 8, 8), o)
}

// scrolled makes a page that scrolls, with a margin around its content.
func scrolled(content fyne.CanvasObject) (*fyne.Container, *container.Scroll) {
	s := container.NewVScroll(container.New(layout.NewCustomPaddedLayout(gap, gap, gap, gap), content))
	return container.New(page{}, s), s
}

// panel is a card: its content on a rounded surface.
type panel struct {
	widget.BaseWidget
	content fyne.CanvasObject
	edge    fyne.ThemeColorName
}

func newPanel(content fyne.CanvasObject) *panel {
	p := &panel{content: content, edge: base.ColorNameSeparator}
	p.ExtendBaseWidget(p)
	return p
}

// CreateRenderer implements fyne.Widget.
func (p *panel) CreateRenderer() fyne.WidgetRenderer {
	r := &panelRenderer{panel: p, surface: canvas.NewRectangle(color.Transparent)}
	r.surface.CornerRadius, r.surface.StrokeWidth = 8, 1
	r.paint()
	return r
}

type panelRenderer struct {
	panel   *panel
	surface *canvas.Rectangle
}

func (r *panelRenderer) paint() {
	r.surface.FillColor = themed(theme.ColorSurface)
	r.surface.StrokeColor = themed(r.panel.edge)
}

func (r *panelRenderer) Layout(size fyne.Size) {
	r.surface.Resize(size)
	r.panel.content.Move(fyne.NewPos(inside, inside))
	r.panel.content.Resize(size.SubtractWidthHeight(2*inside, 2*inside))
}

func (r *panelRenderer) MinSize() fyne.Size {
	return r.panel.content.MinSize().AddWidthHeight(2*inside, 2*inside)
}

func (r *panelRenderer) Refresh() {
	r.paint()
	r.surface.Refresh()
	r.panel.content.Refresh()
}

func (r *panelRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.surface, r.panel.content}
}

func (r *panelRenderer) Destroy() {}

// themed returns a colour of the theme in use.
func themed(name fyne.ThemeColorName) color.Color {
	s := fyne.CurrentApp().Settings()
	return s.Theme().Color(name, s.ThemeVariant())
}

// variant returns the variant that is shown: the one of the theme's mode, else the
// desktop's.
func variant() fyne.ThemeVariant {
	s := fyne.CurrentApp().Settings()
	if t, ok := s.Theme().(*theme.Theme); ok {
		return t.Variant(s.ThemeVariant())
	}
	return s.ThemeVariant()
}

// rows is a list of names and values whose labels are reused, because Fyne keeps discarded
// ones for a while.
type rows struct {
	box            *fyne.Container
	labels, values []*widget.Label
}

func newRows() *rows {
	return newRowsIn(&pairs{wide: 440, label: 190})
}

func newRowsIn(l fyne.Layout) *rows { return &rows{box: container.New(l)} }

func (r *rows) set(list []present.Row) {
	for len(r.labels) < len(list) {
		r.labels = append(r.labels, caption(""))
		r.values = append(r.values, value("", false))
	}
	r.box.Objects = r.box.Objects[:0]
	for i, row := range list {
		r.labels[i].SetText(row.Label)
		setValue(r.values[i], row.Value, row.Mono)
		r.box.Objects = append(r.box.Objects, r.labels[i], r.values[i])
	}
	show(r.box, len(list) > 0)
}

package ui

import (
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

// stratumRow is one chain in the picture of its stack: a band of its layer's colour, a
// little further in for every level over the L1, with its name and main facts.
type stratumRow struct {
	pressable
	stratum present.Stratum
	height  string // of the chain; empty: it is not followed
}

func newStratumRow(s present.Stratum, onPress func()) *stratumRow {
	r := &stratumRow{stratum: s}
	r.name, r.onPress = s.Level+" "+s.Title+", "+strings.ReplaceAll(s.Facts, "\n", ", "), onPress
	r.ExtendBaseWidget(r)
	return r
}

// setHeight shows how high the chain is.
func (s *stratumRow) setHeight(height string) {
	if s.height != height {
		s.height = height
		s.Refresh()
	}
}

// CreateRenderer implements fyne.Widget.
func (s *stratumRow) CreateRenderer() fyne.WidgetRenderer {
	r := &stratumRenderer{row: s, back: canvas.NewRectangle(nil), band: canvas.NewRectangle(nil), level: canvas.NewText(s.stratum.Level, nil)}
	r.back.CornerRadius = 4
	r.band.CornerRadius = 4
	r.level.TextSize, r.level.TextStyle.Bold, r.level.Alignment = 12, true, fyne.TextAlignCenter
	r.height = caption("")
	r.texts = container.New(&column{gap: -2 * overlap}, strong(s.stratum.Title), caption(s.stratum.Facts), r.height)
	r.next = widget.NewIcon(base.NewDisabledResource(base.NavigateNextIcon()))
	r.all = []fyne.CanvasObject{r.back, r.band, container.New(layout.NewCenterLayout(), r.level), r.texts, r.next}
	r.Refresh()
	return r
}

type stratumRenderer struct {
	row        *stratumRow
	back, band *canvas.Rectangle
	level      *canvas.Text
	texts      *fyne.Container
	height     *widget.Label
	next       *widget.Icon
	all        []fyne.CanvasObject
}

const (
	bandWidth = 36 // of the coloured band that holds the level
	stepIn    = 16 // for every level over the L1
	nextWidth = 24
)

func (r *stratumRenderer) indent() float32 { return float32(r.row.stratum.Depth) * stepIn }

func (r *stratumRenderer) Layout(size fyne.Size) {
	x := r.indent()
	r.back.Move(fyne.NewPos(x, 0))
	r.back.Resize(fyne.NewSize(size.Width-x, size.Height))
	r.band.Move(fyne.NewPos(x, 0))
	r.band.Resize(fyne.NewSize(bandWidth, size.Height))
	r.all[2].Move(fyne.NewPos(x, 0))
	r.all[2].Resize(fyne.NewSize(bandWidth, size.Height))
	x += bandWidth
	r.texts.Move(fyne.NewPos(x, 0))
	r.texts.Resize(fyne.NewSize(size.Width-x-nextWidth, size.Height))
	r.next.Move(fyne.NewPos(size.Width-nextWidth, 0))
	r.next.Resize(fyne.NewSize(nextWidth-4, size.Height))
}

func (r *stratumRenderer) MinSize() fyne.Size {
	return r.texts.MinSize().AddWidthHeight(r.indent()+bandWidth+nextWidth, 0)
}

func (r *stratumRenderer) Refresh() {
	s := &r.row.stratum
	r.row.paint(r.back)
	setText(r.height, r.row.height)
	r.band.FillColor = theme.Layer(s.Depth, s.Index, s.Count, variant())
	r.level.Color = theme.OnLayer(r.band.FillColor)
	for _, o := range r.all[1:] {
		o.Refresh()
	}
}

func (r *stratumRenderer) Objects() []fyne.CanvasObject { return r.all }

func (r *stratumRenderer) Destroy() {}

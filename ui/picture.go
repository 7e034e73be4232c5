package ui

import (
	"image"
	"image/color"
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/ui/present"
	"github.com/layeredpow/lamina/ui/theme"
)

// picture shows a transaction: coins on the left, outputs on the right, ribbons between
// them as thick as their amounts. Every amount stands beside its ribbon in words.
type picture struct {
	widget.BaseWidget
	flow  present.Flow
	chain func() color.Color // the layer's colour
}

func newPicture(chain func() color.Color) *picture {
	p := &picture{chain: chain}
	p.ExtendBaseWidget(p)
	return p
}

func (p *picture) set(f present.Flow) {
	p.flow = f
	p.Refresh()
}

const (
	streamHeight = 44 // of a row of two lines
	ribbonWide   = 36 // least width of the ribbons
	sideMost     = 260
	ribbonMost   = 56 // thickness of all together
)

// CreateRenderer implements fyne.Widget.
func (p *picture) CreateRenderer() fyne.WidgetRenderer {
	r := &pictureRenderer{picture: p}
	r.ribbons = canvas.NewRaster(r.draw)
	r.Refresh()
	return r
}

type pictureRenderer struct {
	picture *picture
	ribbons *canvas.Raster
	left    []*widget.Label // two labels a row
	right   []*widget.Label
	objects []fyne.CanvasObject
}

// rowsOf fills labels with streams and hides what is too many.
func rowsOf(labels []*widget.Label, list []present.Stream, align fyne.TextAlign) []*widget.Label {
	for len(labels) < 2*len(list) {
		amount, under := strong(""), caption("")
		for _, l := range []*widget.Label{amount, under} {
			l.Wrapping, l.Truncation, l.Alignment = fyne.TextWrapOff, fyne.TextTruncateEllipsis, align
		}
		labels = append(labels, amount, under)
	}
	for i := range labels {
		labels[i].Hidden = i >= 2*len(list)
		if !labels[i].Hidden {
			text := list[i/2].Text
			if i%2 == 1 {
				text = list[i/2].Under
			}
			labels[i].SetText(text)
		}
	}
	return labels
}

func (r *pictureRenderer) Refresh() {
	f := &r.picture.flow
	r.left = rowsOf(r.left, f.In, fyne.TextAlignLeading)
	r.right = rowsOf(r.right, f.Out, fyne.TextAlignTrailing)
	r.objects = append(r.objects[:0], r.ribbons)
	for _, l := range append(append([]*widget.Label{}, r.left...), r.right...) {
		r.objects = append(r.objects, l)
	}
	r.Layout(r.picture.Size())
	canvas.Refresh(r.picture)
}

func (r *pictureRenderer) Layout(size fyne.Size) {
	left, right := sideOf(r.left, size.Width), sideOf(r.right, size.Width)
	if over := left + right + ribbonWide - size.Width; over > 0 {
		left, right = left-over/2, right-over/2
	}
	placeStreams(r.left, 0, left, size.Height, r.picture.flow.In)
	placeStreams(r.right, size.Width-right, right, size.Height, r.picture.flow.Out)
	put(r.ribbons, left, 0, max(0, size.Width-left-right), size.Height)
	r.ribbons.Refresh()
}

// sideOf returns the width that a side takes: a third where there is much room, and always
// what its longest amount needs.
func sideOf(labels []*widget.Label, width float32) float32 {
	side := min(sideMost, width/3)
	for i, l := range labels {
		if i%2 == 0 && !l.Hidden {
			side = max(side, textWidth(l))
		}
	}
	return side
}

// textWidth is what a label wants so that nothing is cut off.
func textWidth(l *widget.Label) float32 {
	whole := widget.NewLabelWithStyle(l.Text, l.Alignment, l.TextStyle)
	return whole.MinSize().Width + 2
}

// placeStreams centres rows of labels.
func placeStreams(labels []*widget.Label, x, width, height float32, list []present.Stream) {
	for i, l := range labels {
		if l.Hidden {
			continue
		}
		y := centreOf(i/2, len(list), height) - streamHeight/2
		put(l, x, y-6+float32(i%2)*20, width, l.MinSize().Height)
		if i%2 == 1 && width > 0 {
			fitMiddle(l, list[i/2].Under, width)
		}
	}
}

// centreOf returns where the middle of a row is.
func centreOf(row, n int, height float32) float32 {
	return height/2 + (float32(row)-float32(n-1)/2)*streamHeight
}

func (r *pictureRenderer) MinSize() fyne.Size {
	n := max(len(r.picture.flow.In), len(r.picture.flow.Out), 1)
	return fyne.NewSize(2*84+ribbonWide, float32(n)*streamHeight+ribbonMost/2)
}

func (r *pictureRenderer) Objects() []fyne.CanvasObject { return r.objects }

func (r *pictureRenderer) Destroy() {}

// colour returns the colour of a stream: the layer's own for the owner's money.
func (p *picture) colour(k present.StreamKind) color.NRGBA {
	var c color.Color
	switch k {
	case present.Theirs:
		c = themed(base.ColorNamePrimary)
	case present.Toll:
		c = themed(base.ColorNameWarning)
	case present.Back:
		c = themed(theme.ColorMuted)
	default:
		c = p.chain()
	}
	return color.NRGBAModel.Convert(c).(color.NRGBA)
}

// draw paints the ribbons in a number of pixels.
func (r *pictureRenderer) draw(w, h int) image.Image {
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	size := r.ribbons.Size()
	if w == 0 || h == 0 || size.Height == 0 {
		return out
	}
	f, pixel := &r.picture.flow, float64(h)/float64(size.Height)
	total := max(weight(f.In), weight(f.Out))
	for _, side := range []struct {
		list []present.Stream
		left bool
	}{{f.In, true}, {f.Out, false}} {
		offset := -ribbonMost / 2.0
		for i, s := range side.list {
			thick := max(1.5, ribbonMost*float64(s.Weight)/float64(max(total, 1)))
			s1 := ribbon{
				outer: float64(centreOf(i, len(side.list), size.Height)) * pixel,
				inner: (float64(size.Height)/2 + offset + thick/2) * pixel,
				thick: thick * pixel, left: side.left, colour: r.picture.colour(s.Kind),
			}
			s1.paint(out)
			offset += thick
		}
	}
	return out
}

func weight(list []present.Stream) (sum int64) {
	for _, s := range list {
		sum += s.Weight
	}
	return sum
}

// ribbon runs from a row at an edge to its place at the trunk in the middle.
type ribbon struct {
	outer, inner, thick float64
	left                bool
	colour              color.NRGBA
}

func (b *ribbon) paint(out *image.NRGBA) {
	w, h := out.Bounds().Dx(), out.Bounds().Dy()
	half := w / 2
	for i := range half {
		along := float64(i) / float64(max(half-1, 1)) // from the edge to the middle
		ease := along * along * (3 - 2*along)
		middle := b.outer + (b.inner-b.outer)*ease
		x := i
		if !b.left {
			x = w - 1 - i
		}
		shade := b.colour
		shade.A = byte(0xFF - 0x70*along)
		top, bottom := middle-b.thick/2, middle+b.thick/2
		for y := max(0, int(math.Floor(top))); y < min(h, int(math.Ceil(bottom))); y++ {
			cover := min(float64(y+1), bottom) - max(float64(y), top)
			c := shade
			c.A = byte(float64(shade.A) * max(0, min(1, cover)))
			if old := out.NRGBAAt(x, y); old.A < c.A {
				out.SetNRGBA(x, y, c)
			}
		}
	}
}

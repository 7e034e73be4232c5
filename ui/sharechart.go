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

// shareChart draws the measured share of the L1's work over time: a line, and around it the band of its bounds. What it shows
// stands in words beside it.
type shareChart struct {
	widget.BaseWidget
	work  present.Work
	layer color.Color
}

func newShareChart() *shareChart {
	c := &shareChart{layer: color.Transparent}
	c.ExtendBaseWidget(c)
	return c
}

func (c *shareChart) set(w present.Work, layer color.Color) {
	c.work, c.layer = w, layer
	c.Refresh()
}

// top is the share at the upper end of the chart.
func (c *shareChart) top() float64 {
	high := 0.0
	for _, s := range c.work.Course {
		high = max(high, s.High)
	}
	for _, top := range []float64{0.01, 0.1, 0.2, 0.5} {
		if high <= top {
			return top
		}
	}
	return 1
}

const (
	chartHigh  = 120 // of the drawing
	chartLeft  = 48  // room for the figures
	chartLine  = 20  // a line of text
	chartTicks = 3   // figures
)

// CreateRenderer implements fyne.Widget.
func (c *shareChart) CreateRenderer() fyne.WidgetRenderer {
	r := &chartRenderer{chart: c, from: canvas.NewText("", nil), to: canvas.NewText("", nil)}
	r.drawing = canvas.NewRaster(r.draw)
	r.to.Alignment = fyne.TextAlignTrailing
	for range chartTicks {
		tick, line := canvas.NewText("", nil), canvas.NewRectangle(nil)
		tick.Alignment = fyne.TextAlignTrailing
		r.ticks, r.lines = append(r.ticks, tick), append(r.lines, line)
		r.objects = append(r.objects, line, tick)
	}
	r.objects = append(r.objects, r.drawing, r.from, r.to)
	r.Refresh()
	return r
}

type chartRenderer struct {
	chart    *shareChart
	drawing  *canvas.Raster
	from, to *canvas.Text
	ticks    []*canvas.Text
	lines    []*canvas.Rectangle
	objects  []fyne.CanvasObject
}

func (r *chartRenderer) Layout(size fyne.Size) {
	wide := max(0, size.Width-chartLeft)
	put(r.drawing, chartLeft, chartLine/2, wide, chartHigh)
	for i := range r.ticks {
		y := chartLine/2 + float32(i)*chartHigh/(chartTicks-1)
		put(r.lines[i], chartLeft, y, wide, 1)
		put(r.ticks[i], 0, y-chartLine/2, chartLeft-8, chartLine)
	}
	put(r.from, chartLeft, chartHigh+chartLine, wide/2, chartLine)
	put(r.to, chartLeft+wide/2, chartHigh+chartLine, wide/2, chartLine)
}

func (r *chartRenderer) MinSize() fyne.Size { return fyne.NewSize(200, chartHigh+2*chartLine) }

func (r *chartRenderer) Refresh() {
	top := r.chart.top()
	for i, tick := range r.ticks {
		tick.Text = present.Percent(top * float64(chartTicks-1-i) / (chartTicks - 1))
		r.lines[i].FillColor = themed(base.ColorNameSeparator)
	}
	r.from.Text, r.to.Text = r.chart.work.From, r.chart.work.To
	for _, t := range append([]*canvas.Text{r.from, r.to}, r.ticks...) {
		t.TextSize, t.Color = 12, themed(theme.ColorMuted)
	}
	r.Layout(r.chart.Size())
	canvas.Refresh(r.chart)
}

func (r *chartRenderer) Objects() []fyne.CanvasObject { return r.objects }

func (r *chartRenderer) Destroy() {}

// at returns what the chart shows at a place from 0 to 1, between the stretches in proportion.
func (c *shareChart) at(place float64) present.Stretch {
	course := c.work.Course
	x := place * float64(len(course)-1)
	i := min(int(x), len(course)-1)
	a, b, part := course[i], course[min(i+1, len(course)-1)], x-math.Floor(x)
	between := func(from, to float64) float64 { return from + (to-from)*part }
	return present.Stretch{Low: between(a.Low, b.Low), Share: between(a.Share, b.Share), High: between(a.High, b.High)}
}

// draw paints band and line in a number of pixels.
func (r *chartRenderer) draw(w, h int) image.Image {
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	if w < 2 || h < 2 || len(r.chart.work.Course) == 0 {
		return out
	}
	line := color.NRGBAModel.Convert(r.chart.layer).(color.NRGBA)
	band := line
	band.A = 0x38
	top := r.chart.top()
	y := func(share float64) float64 { return float64(h) * (1 - max(0, min(1, share/top))) }
	thick := max(2, 2*float64(h)/chartHigh)
	before := y(r.chart.at(0).Share)
	for x := range w {
		s := r.chart.at(float64(x) / float64(w-1))
		upright(out, x, y(s.High), y(s.Low), band)
		now := y(s.Share)
		upright(out, x, min(before, now)-thick/2, max(before, now)+thick/2, line)
		before = now
	}
	return out
}

// upright paints a column of pixels, its ends as far as they are covered.
func upright(out *image.NRGBA, x int, from, to float64, c color.NRGBA) {
	for y := max(0, int(math.Floor(from))); y < min(out.Bounds().Dy(), int(math.Ceil(to))); y++ {
		cover := min(float64(y+1), to) - max(float64(y), from)
		shade := c
		shade.A = byte(float64(c.A) * max(0, min(1, cover)))
		if out.NRGBAAt(x, y).A < shade.A {
			out.SetNRGBA(x, y, shade)
		}
	}
}

package ui

import (
	"image"
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/ui/present"
	"github.com/layeredpow/lamina/ui/theme"
)

// timeLine draws a layer over its L1 as strata: the L1's blocks along the bottom, the layer above them, a line down for what
// seals the layer and dots for near misses.
type timeLine struct {
	widget.BaseWidget
	course    []present.Stretch
	layer, l1 color.Color
}

func newTimeLine() *timeLine {
	t := &timeLine{layer: color.Transparent, l1: color.Transparent}
	t.ExtendBaseWidget(t)
	return t
}

func (t *timeLine) set(course []present.Stretch, layer, l1 color.Color) {
	t.course, t.layer, t.l1 = course, layer, l1
	t.Refresh()
}

// Heights of the parts, from the top.
const (
	layerHigh   = 16
	betweenHigh = 32
	l1High      = 16
	dotHigh     = 6
	sealRoom    = 0.6 // of a stretch's width
)

// CreateRenderer implements fyne.Widget.
func (t *timeLine) CreateRenderer() fyne.WidgetRenderer {
	return &timeRenderer{line: t, drawing: canvas.NewRaster(t.draw)}
}

type timeRenderer struct {
	line    *timeLine
	drawing *canvas.Raster
}

func (r *timeRenderer) Layout(size fyne.Size) { r.drawing.Resize(size) }

func (r *timeRenderer) MinSize() fyne.Size {
	return fyne.NewSize(200, layerHigh+betweenHigh+l1High)
}

func (r *timeRenderer) Refresh() { r.drawing.Refresh() }

func (r *timeRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.drawing} }

func (r *timeRenderer) Destroy() {}

// draw paints the strata in a number of pixels.
func (t *timeLine) draw(w, h int) image.Image {
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	if len(t.course) == 0 || w < 2 || h < 2 {
		return out
	}
	layer, l1 := color.NRGBAModel.Convert(t.layer).(color.NRGBA), color.NRGBAModel.Convert(t.l1).(color.NRGBA)
	muted := color.NRGBAModel.Convert(themed(theme.ColorMuted)).(color.NRGBA)
	pixel := float64(h) / (layerHigh + betweenHigh + l1High)
	under, over := layerHigh*pixel, (layerHigh+betweenHigh)*pixel
	box(out, 0, 0, float64(w), under, layer)
	pitch, perDot := float64(w)/float64(len(t.course)), present.NearPerDot(t.course)
	gap := min(2*pixel, pitch/4)
	for i, s := range t.course {
		left, right := float64(i)*pitch+gap/2, float64(i+1)*pitch-gap/2
		box(out, left, over, right, float64(h), l1)
		room := right - left // the seals take the left of it, near misses the right
		if s.Seals > 0 && s.Blocks > 0 {
			wide := max(min(2*pixel, room), sealRoom*room*min(1, float64(s.Seals)/float64(s.Blocks)))
			if s.Blocks == 1 { // one block, one line
				wide = min(3*pixel, room)
			}
			middle := left + room*sealRoom/2
			box(out, max(left, middle-wide/2), under, middle+wide/2, over, layer)
		}
		size := min(dotHigh*pixel/2, room*(1-sealRoom)/2)
		for d := range (s.Near + perDot - 1) / perDot {
			y := under + (float64(d)+0.5)*(over-under)/present.MostDots - size/2
			box(out, right-room*(1-sealRoom)/2-size/2, y, right-room*(1-sealRoom)/2+size/2, y+size, muted)
		}
	}
	return out
}

// box paints a rectangle; its pixels are whole.
func box(out *image.NRGBA, left, top, right, bottom float64, c color.NRGBA) {
	for y := max(0, int(top+0.5)); y < min(out.Bounds().Dy(), max(int(top+0.5)+1, int(bottom+0.5))); y++ {
		for x := max(0, int(left+0.5)); x < min(out.Bounds().Dx(), max(int(left+0.5)+1, int(right+0.5))); x++ {
			out.SetNRGBA(x, y, c)
		}
	}
}

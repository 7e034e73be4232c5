package ui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/ui/present"
	"github.com/layeredpow/lamina/ui/theme"
)

// trail draws a journey's path: a dot for each station with its name, the one that was
// reached in bold. Where they do not fit beside one another they stand one below the other.
type trail struct {
	widget.BaseWidget
	journey present.Journey
}

func newTrail() *trail {
	t := &trail{}
	t.ExtendBaseWidget(t)
	return t
}

func (t *trail) set(j present.Journey) {
	t.journey = j
	t.Refresh()
}

const (
	dotSize    = 12
	trailPitch = 24 // between stations that stand one below the other
	trailHigh  = 44
)

// CreateRenderer implements fyne.Widget.
func (t *trail) CreateRenderer() fyne.WidgetRenderer {
	r := &trailRenderer{trail: t}
	r.Refresh()
	return r
}

type trailRenderer struct {
	trail *trail
	dots  []*canvas.Circle
	lines []*canvas.Rectangle // between a dot and the one before it
	names []*canvas.Text
	all   []fyne.CanvasObject
	width float32
}

// slot returns the width that each station wants beside the others.
func (r *trailRenderer) slot() (w float32) {
	for _, name := range r.names {
		w = max(w, name.MinSize().Width+8)
	}
	return max(w, 3*dotSize)
}

func (r *trailRenderer) beside() bool { return r.slot()*float32(len(r.names)) <= r.width }

func (r *trailRenderer) Layout(size fyne.Size) {
	r.width = size.Width
	slot := size.Width / float32(max(len(r.names), 1))
	for i := range r.names {
		if r.beside() {
			x := slot * (float32(i) + 0.5)
			put(r.dots[i], x-dotSize/2, 4, dotSize, dotSize)
			put(r.lines[i], x-slot+dotSize/2+2, 4+dotSize/2-1, slot-dotSize-4, 2)
			r.names[i].Alignment = fyne.TextAlignCenter
			put(r.names[i], x-slot/2, 8+dotSize, slot, r.names[i].MinSize().Height)
			continue
		}
		y := float32(i) * trailPitch
		put(r.dots[i], 8, y+(trailPitch-dotSize)/2, dotSize, dotSize)
		put(r.lines[i], 8+dotSize/2-1, y-(trailPitch-dotSize)/2+1, 2, trailPitch-dotSize-2)
		r.names[i].Alignment = fyne.TextAlignLeading
		put(r.names[i], 16+dotSize, y+(trailPitch-r.names[i].MinSize().Height)/2, size.Width-16-dotSize, r.names[i].MinSize().Height)
	}
}

func (r *trailRenderer) MinSize() fyne.Size {
	if len(r.names) == 0 {
		return fyne.Size{}
	}
	if r.beside() {
		return fyne.NewSize(0, trailHigh)
	}
	widest := float32(0)
	for _, name := range r.names {
		widest = max(widest, name.MinSize().Width)
	}
	return fyne.NewSize(16+dotSize+widest, trailPitch*float32(len(r.names)))
}

func (r *trailRenderer) Refresh() {
	j := &r.trail.journey
	for len(r.dots) < len(j.Stations) {
		dot := canvas.NewCircle(color.Transparent)
		dot.StrokeWidth = 2
		r.dots = append(r.dots, dot)
		r.lines = append(r.lines, canvas.NewRectangle(color.Transparent))
		r.names = append(r.names, canvas.NewText("", nil))
	}
	r.dots, r.lines, r.names = r.dots[:len(j.Stations)], r.lines[:len(j.Stations)], r.names[:len(j.Stations)]
	r.all = r.all[:0]
	for i, name := range j.Stations {
		r.paint(i, name, j)
		r.all = append(r.all, r.lines[i], r.dots[i], r.names[i])
	}
	r.Layout(r.trail.Size())
	canvas.Refresh(r.trail)
}

func (r *trailRenderer) paint(i int, name string, j *present.Journey) {
	reached := themed(base.ColorNamePrimary)
	if j.Failed && i == j.At {
		reached = themed(base.ColorNameError)
	}
	ahead := themed(base.ColorNameInputBorder)
	dot, line, text := r.dots[i], r.lines[i], r.names[i]
	dot.StrokeColor, dot.FillColor, line.FillColor, text.Color = ahead, color.Transparent, ahead, themed(theme.ColorMuted)
	if i <= j.At {
		dot.StrokeColor, dot.FillColor, line.FillColor, text.Color = reached, reached, reached, themed(base.ColorNameForeground)
	}
	line.Hidden = i == 0
	text.Text, text.TextSize, text.TextStyle.Bold = name, 12, i == j.At
}

func (r *trailRenderer) Objects() []fyne.CanvasObject { return r.all }

func (r *trailRenderer) Destroy() {}

package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// segments are a few alternatives beside one another, of which one holds.
type segments struct {
	content  *fyne.Container
	Selected string
	all      []*segment
	changed  func(string)
}

// newSegments offers words; changed hears of another one that is chosen.
func newSegments(words []string, selected string, changed func(string)) *segments {
	s := &segments{Selected: selected, changed: changed}
	var objects []fyne.CanvasObject
	for _, word := range words {
		one := newSegment(word, func() { s.SetSelected(word) })
		one.selected = word == selected
		s.all, objects = append(s.all, one), append(objects, one)
	}
	s.content = newTiles(objects...)
	return s
}

// SetSelected chooses a word.
func (s *segments) SetSelected(word string) {
	if word == s.Selected {
		return
	}
	s.Selected = word
	for _, one := range s.all {
		one.selectIt(one.name == word)
	}
	s.changed(word)
}

// segment is one of the alternatives: its word, and a tick where it holds.
type segment struct{ pressable }

func newSegment(word string, onPress func()) *segment {
	s := &segment{}
	s.name, s.onPress = word, onPress
	s.ExtendBaseWidget(s)
	return s
}

// CreateRenderer implements fyne.Widget.
func (s *segment) CreateRenderer() fyne.WidgetRenderer {
	r := &segmentRenderer{segment: s, back: canvas.NewRectangle(nil), text: canvas.NewText(s.name, nil),
		tick: widget.NewIcon(base.NewPrimaryThemedResource(base.ConfirmIcon()))}
	r.back.CornerRadius, r.text.TextSize, r.text.Alignment = 6, 14, fyne.TextAlignCenter
	r.Refresh()
	return r
}

type segmentRenderer struct {
	segment *segment
	back    *canvas.Rectangle
	text    *canvas.Text
	tick    *widget.Icon
}

const segmentTick = 20 // width and height of the tick

func (r *segmentRenderer) Layout(size fyne.Size) {
	r.back.Resize(size)
	put(r.tick, 8, (size.Height-segmentTick)/2, segmentTick, segmentTick)
	put(r.text, segmentTick+8, 0, size.Width-2*segmentTick-16, size.Height)
}

func (r *segmentRenderer) MinSize() fyne.Size {
	return fyne.NewSize(fyne.MeasureText(r.text.Text, r.text.TextSize, fyne.TextStyle{Bold: true}).Width+2*segmentTick+16, 36)
}

func (r *segmentRenderer) Refresh() {
	r.segment.paint(r.back)
	if !r.segment.focused {
		r.back.StrokeColor, r.back.StrokeWidth = themed(base.ColorNameInputBorder), 1
	}
	r.text.Color, r.text.TextStyle.Bold = themed(base.ColorNameForeground), r.segment.selected
	r.tick.Hidden = !r.segment.selected
	r.back.Refresh()
	r.text.Refresh()
}

func (r *segmentRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.back, r.tick, r.text}
}

func (r *segmentRenderer) Destroy() {}

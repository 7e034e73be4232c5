package ui

import (
	"fmt"
	"image/color"
	"math"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/ui/theme"
)

// rect is a part of the window, in pixels that depend on no device.
type rect struct{ x0, y0, x1, y1 float32 }

func rectOf(at fyne.Position, size fyne.Size) rect {
	return rect{at.X, at.Y, at.X + size.Width, at.Y + size.Height}
}

func (r rect) in(o rect) rect {
	return rect{max(r.x0, o.x0), max(r.y0, o.y0), min(r.x1, o.x1), min(r.y1, o.y1)}
}

func (r rect) has(p fyne.Position) bool {
	return p.X >= r.x0 && p.X < r.x1 && p.Y >= r.y0 && p.Y < r.y1
}

func (r rect) empty() bool { return r.x0 >= r.x1 || r.y0 >= r.y1 }

// inkOf is where a text's letters are: its object may be larger.
func inkOf(t *canvas.Text, at fyne.Position) rect {
	need, size := t.MinSize(), t.Size()
	switch t.Alignment {
	case fyne.TextAlignCenter:
		at.X += (size.Width - need.Width) / 2
	case fyne.TextAlignTrailing:
		at.X += size.Width - need.Width
	}
	at.Y += (size.Height - need.Height) / 2
	return rectOf(at, need)
}

// drawn is a text or an icon where it is seen.
type drawn struct {
	what string
	text *canvas.Text // nil: an icon
	ink  rect
	clip rect // what scrollers and the window leave of it
}

// surface is a surface that something is drawn on.
type surface struct {
	rect
	color color.Color
}

// sight is what a window shows, in the order in which it is drawn, and what is wrong with it.
type sight struct {
	b      *bench
	fills  []surface
	drawn  []drawn
	said   []string // texts of ours, whole
	parts  int      // things that are seen: texts, pictures, lines, surfaces in widgets
	wrongs []string
}

// see looks at all that the window shows.
func (b *bench) see() *sight {
	s := &sight{b: b}
	c := b.window.Canvas()
	top := c.Overlays().Top()
	if top == nil {
		top = c.Content()
	}
	window := rectOf(fyne.Position{}, c.Size())
	s.fills = append(s.fills, surface{window, themed(base.ColorNameBackground)})
	s.look(top, fyne.Position{}, window, view{room: window})
	s.overlaps()
	return s
}

// view is what something is seen in.
type view struct {
	room  rect   // of the widget that a text belongs to
	name  string // of that widget, for words about it
	typed bool   // what somebody types, which scrolls within its field
}

func (s *sight) wrong(format string, a ...any) {
	s.wrongs = append(s.wrongs, fmt.Sprintf(format, a...))
}

// look looks at o, which lies at a place of its parent.
func (s *sight) look(o fyne.CanvasObject, at fyne.Position, clip rect, in view) {
	if o == nil || !o.Visible() {
		return
	}
	at = at.Add(o.Position())
	box := rectOf(at, o.Size())
	switch o := o.(type) {
	case *canvas.Text:
		s.lookText(o, at, clip, in)
	case *canvas.Rectangle:
		s.lookFill(o.FillColor, o.StrokeColor, box, clip)
	case *canvas.Circle:
		s.lookFill(o.FillColor, o.StrokeColor, box, clip)
	case *canvas.Image:
		s.lookPart(box, clip, "picture")
		if o.Resource != nil && !box.in(clip).empty() {
			s.drawn = append(s.drawn, drawn{what: "icon " + o.Resource.Name(), ink: box, clip: clip})
		}
	case *canvas.Raster, *canvas.Line, *canvas.ArbitraryPolygon:
		s.lookPart(box, clip, fmt.Sprintf("%T", o))
	case *fyne.Container:
		for _, child := range o.Objects {
			s.look(child, at, clip, in)
		}
	case *container.Scroll:
		inner := func() { s.look(o.Content, at, clip.in(box), in) }
		if in.typed {
			inner()
			return
		}
		s.filled(box, clip, "a page that scrolls", inner)
		if need := o.Content.MinSize().Width; need > o.Size().Width+0.5 {
			s.wrong("a page scrolls sideways: it needs %.0f of %.0f", need, o.Size().Width)
		}
	case fyne.Widget:
		s.lookWidget(o, at, box, clip, in)
	}
}

func (s *sight) lookWidget(o fyne.Widget, at fyne.Position, box, clip rect, in view) {
	in.room = box
	say := func(text string) {
		in.name = text
		if text != "" && !box.in(clip).empty() {
			s.said = append(s.said, text)
		}
	}
	inner := func() {
		for _, child := range test.WidgetRenderer(o).Objects() {
			s.look(child, at, clip, in)
		}
	}
	switch o := o.(type) {
	case *panel:
		s.filled(box, clip, "a card", func() {
			s.lookFill(themed(theme.ColorSurface), nil, box, clip)
			s.parts-- // its surface is no content
			s.look(o.content, at, clip, in)
		})
		return
	case *widget.Label:
		if say(o.Text); strings.TrimSpace(o.Text) == "" {
			return
		}
		if need := o.MinSize(); o.Truncation == fyne.TextTruncateOff && (box.y1-box.y0 < need.Height-0.5 || box.x1-box.x0 < need.Width-0.5) {
			s.wrong("%.30q has %v, needs %v", o.Text, o.Size(), need)
		}
	case *button:
		if say(o.Text); o.Text == "" && o.Icon == nil {
			s.wrong("a button without word and icon")
		}
		s.needs(o, o.Text)
	case *check:
		if say(o.Text); o.Text != "" { // else its words are a label beside it
			s.needs(o, o.Text)
		}
	case *choice:
		in.typed = true // Fyne cuts what is chosen; its menu shows the whole
		say(o.Selected)
	case *segment:
		say(o.name)
		s.needs(o, o.name)
	case *navItem:
		say(o.name)
	case *field:
		s.lookField(&o.Entry, o.MultiLine)
		in.typed, in.name = true, o.PlaceHolder
	case *hexEntry:
		s.said = append(s.said, o.PlaceHolder)
		in.typed, in.name = true, o.PlaceHolder
	case *list:
		if o.Length() == 0 {
			s.parts++ // words beside it say why
			return
		}
	}
	inner()
}

// needs says where something of ours has less room than it asks for.
func (s *sight) needs(o fyne.CanvasObject, text string) {
	if need, has := o.MinSize(), o.Size(); need.Width > has.Width+0.5 || need.Height > has.Height+0.5 {
		s.wrong("%q has %v, needs %v", text, has, need)
	}
}

// lookField sees whether a field shows what it asks for.
func (s *sight) lookField(e *widget.Entry, lines bool) {
	s.said = append(s.said, e.PlaceHolder)
	if e.Text != "" || lines { // a scrollbar under an empty field looks broken
		return
	}
	if need := fyne.MeasureText(e.PlaceHolder, 14, e.TextStyle).Width + 2*inside; need > e.Size().Width {
		s.wrong("the field of %.0f cuts its placeholder %q, which needs %.0f", e.Size().Width, e.PlaceHolder, need)
	}
}

// filled sees whether a box with some room has anything in it.
func (s *sight) filled(box, clip rect, what string, look func()) {
	before := s.parts
	look()
	if s.parts == before && box.x1-box.x0 > 24 && box.y1-box.y0 > 24 && !box.in(clip).empty() {
		s.wrong("%s of %.0f x %.0f has nothing in it", what, box.x1-box.x0, box.y1-box.y0)
	}
}

// lookPart counts something that is seen, which may not leave the window or its page at the sides.
func (s *sight) lookPart(box, clip rect, what string) {
	if box.empty() {
		return
	}
	s.parts++
	if box.x0 < clip.x0-0.5 || box.x1 > clip.x1+0.5 {
		s.wrong("%s lies from %.0f to %.0f, and is seen from %.0f to %.0f", what, box.x0, box.x1, clip.x0, clip.x1)
	}
}

func (s *sight) lookFill(fill, edge color.Color, box, clip rect) {
	if opaque(fill) > 0 || opaque(edge) > 0 {
		s.lookPart(box, clip, "a surface")
	}
	if seen := box.in(clip); opaque(fill) > 0 && !seen.empty() {
		s.fills = append(s.fills, surface{seen, fill})
	}
}

func opaque(c color.Color) uint32 {
	if c == nil {
		return 0
	}
	_, _, _, a := c.RGBA()
	return a
}

func (s *sight) lookText(t *canvas.Text, at fyne.Position, clip rect, in view) {
	if strings.TrimSpace(t.Text) == "" {
		return
	}
	s.parts++
	if in.name == "" {
		s.said = append(s.said, t.Text)
	}
	ink := inkOf(t, at)
	if ink.in(clip).empty() { // scrolled away
		return
	}
	if !in.typed {
		room := in.room.in(rect{clip.x0, -math.MaxFloat32, clip.x1, math.MaxFloat32}) // pages scroll up and down
		if ink.x0 < room.x0-0.5 || ink.x1 > room.x1+0.5 || ink.y0 < room.y0-2 || ink.y1 > room.y1+2 {
			s.wrong("%.30q of %.30q is drawn in %.0f, which is more than its room %.0f", t.Text, in.name, ink, room)
		}
		if cut, ok := strings.CutSuffix(t.Text, "\u2026"); ok && !strings.Contains(in.name, t.Text) && len([]rune(cut)) < 3 {
			s.wrong("of %.60q no more than %q is left", in.name, t.Text)
		}
	}
	if behind, ratio := s.contrast(t, ink.in(clip)); ratio < 4.5 {
		s.wrong("%.30q is %v on %v: contrast %.2f, want 4.5", t.Text, t.Color, behind, ratio)
	}
	s.drawn = append(s.drawn, drawn{what: t.Text, text: t, ink: ink, clip: clip})
}

// contrast returns the colour behind a text and their contrast.
func (s *sight) contrast(t *canvas.Text, seen rect) (behind color.Color, ratio float64) {
	x, y := (seen.x0+seen.x1)/2, (seen.y0+seen.y1)/2
	behind = color.Black
	for _, f := range s.fills {
		if x >= f.x0 && x < f.x1 && y >= f.y0 && y < f.y1 {
			behind = over(f.color, behind)
		}
	}
	if t.Color == nil {
		return behind, 0
	}
	return behind, theme.Contrast(over(t.Color, behind), behind)
}

// over returns what a colour looks like on another, opaque one.
func over(c, behind color.Color) color.Color {
	r, g, b, a := c.RGBA()
	br, bg, bb, _ := behind.RGBA()
	mix := func(front, back uint32) uint8 { return uint8((front + back*(0xFFFF-a)/0xFFFF) >> 8) }
	return color.NRGBA{R: mix(r, br), G: mix(g, bg), B: mix(b, bb), A: 0xFF}
}

// How far the boxes of two texts reach into one another before their letters touch: those of a line have room above and below.
const (
	touchWide = 1
	touchHigh = 5
)

// overlaps sees whether something is drawn over something else.
func (s *sight) overlaps() {
	for i := range s.drawn {
		a := &s.drawn[i]
		for j := i + 1; j < len(s.drawn); j++ {
			b := &s.drawn[j]
			if a.text == nil && b.text == nil { // icons are made of several
				continue
			}
			both := a.ink.in(b.ink).in(a.clip).in(b.clip)
			if both.x1-both.x0 > touchWide && both.y1-both.y0 > touchHigh {
				s.wrong("%.30q at %.0f and %.30q at %.0f lie on one another", a.what, a.ink, b.what, b.ink)
			}
		}
	}
}

// TestSightSees: each check finds what it is for.
func TestSightSees(t *testing.T) {
	b := newBench(t, phone, nil)
	at := func(o fyne.CanvasObject, x, y, w, h float32) fyne.CanvasObject { put(o, x, y, w, h); return o }
	text := func(color color.Color) *canvas.Text { return canvas.NewText("some words", color) }
	wide := body("much wider than what it is given")
	wide.Wrapping = fyne.TextWrapOff
	short := newField(b.UI, "a placeholder that no such field can hold", nil)
	for want, objects := range map[string][]fyne.CanvasObject{
		"":                      {at(text(themed(base.ColorNameForeground)), 10, 10, 200, 20)},
		"contrast":              {at(text(themed(base.ColorNameSeparator)), 10, 10, 200, 20)},
		"needs":                 {at(wide, 10, 10, 60, 35)},
		"lie on one another":    {at(text(themed(base.ColorNameForeground)), 10, 10, 200, 20), at(text(themed(base.ColorNameForeground)), 20, 14, 200, 20)},
		"more than its room":    {at(text(themed(base.ColorNameForeground)), 330, 10, 100, 20)},
		"is seen from":          {at(canvas.NewRectangle(themed(base.ColorNamePrimary)), 300, 10, 100, 20)},
		"has nothing in it":     {at(newPanel(container.NewWithoutLayout()), 10, 10, 100, 100)},
		"cuts its placeholder":  {at(short, 10, 10, 100, 36)},
		"without word and icon": {at(newButton(b.UI, "", nil), 10, 10, 100, 36)},
		"scrolls sideways":      {at(container.NewHScroll(at(text(themed(base.ColorNameForeground)), 0, 0, 80, 20)), 10, 10, 40, 40)},
	} {
		b.window.SetContent(container.NewWithoutLayout(objects...))
		b.window.Resize(phone)
		wrongs := b.see().wrongs
		if all := strings.Join(wrongs, "\n"); (want == "") != (all == "") || !strings.Contains(all, want) {
			t.Errorf("want %q, got %q", want, all)
		}
	}
	texts := &untranslated{whole: map[string]bool{"Send": true}, long: []string{"a longer sentence of ours"}}
	for said, bad := range map[string]bool{"Send": true, "Senden": false, "so: a longer sentence of ours.": true, "{{.N}} coins": true, "<no value>": true} {
		if got := len(texts.among([]string{said})) > 0; got != bad {
			t.Errorf("%q is found wrong: %v, want %v", said, got, bad)
		}
	}
}

package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

// The layouts here set a child's width before they ask for its height, because the height
// of wrapped text follows from its width. Fyne's own ask first, and correct themselves in
// a later frame.

// column lays its children one below the other, gap apart, in the middle and no wider than most (0: any). Texts get no wider
// than can be read.
type column struct {
	gap, most float32
}

// The most widths of pages: of a question, of a form, of what has pictures, lists or two columns, and of a form with a report.
const (
	questionMost = 560
	formMost     = 620
	pageMost     = 960
	reportMost   = 1240
)

// Layout implements fyne.Layout.
func (c *column) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	width, x := size.Width, float32(0)
	if c.most > 0 && width > c.most {
		width, x = c.most, (width-c.most)/2
	}
	y := float32(0)
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		h := fit(o, readable(o, width))
		o.Move(fyne.NewPos(x, y))
		y += h + c.gap
	}
}

// lineMost is the length of a line of prose, in heights of its letters: about 70 of them.
const lineMost = 36

// readable returns how much of a width an object is given: of prose no more than the eye follows from line to line.
func readable(o fyne.CanvasObject, width float32) float32 {
	l, ok := o.(*widget.Label)
	if !ok || l.Wrapping != fyne.TextWrapWord || l.TextStyle.Monospace || l.Alignment != fyne.TextAlignLeading {
		return width
	}
	return min(width, lineMost*l.Theme().Size(l.SizeName)+2*inside)
}

// MinSize implements fyne.Layout.
func (c *column) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var s fyne.Size
	shown := 0
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		m := o.MinSize()
		s = fyne.NewSize(max(s.Width, m.Width), s.Height+m.Height)
		shown++
	}
	if shown > 1 {
		s.Height += c.gap * float32(shown-1)
	}
	return s
}

// fit gives an object a width and the height that it then needs, which is returned.
func fit(o fyne.CanvasObject, width float32) float32 {
	o.Resize(fyne.NewSize(width, max(o.Size().Height, o.MinSize().Height)))
	h := o.MinSize().Height
	o.Resize(fyne.NewSize(width, h))
	return h
}

// pairs lays its children out as rows of a label and a value, side by side where there is
// room, else the value below its label.
type pairs struct {
	wide  float32 // least width for side by side
	label float32 // width of the labels then
	width float32 // last width laid out, for MinSize
}

func (p *pairs) beside() bool { return p.width >= p.wide }

// overlap takes back half of the padding that labels have above and below their text.
const overlap = 8

// Layout implements fyne.Layout.
func (p *pairs) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	p.width = size.Width
	y := float32(0)
	for i := 0; i+1 < len(objects); i += 2 {
		label, value := objects[i], objects[i+1]
		label.Move(fyne.NewPos(0, y))
		if p.beside() {
			h := max(fit(label, p.label), fit(value, readable(value, size.Width-p.label)))
			value.Move(fyne.NewPos(p.label, y))
			y += h - overlap
			continue
		}
		h := fit(label, size.Width)
		value.Move(fyne.NewPos(0, y+h-2*overlap+2))
		y += h - 2*overlap + 2 + fit(value, size.Width) - overlap/2
	}
}

// MinSize implements fyne.Layout.
func (p *pairs) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var s fyne.Size
	for i := 0; i+1 < len(objects); i += 2 {
		label, value := objects[i].MinSize(), objects[i+1].MinSize()
		s.Width = max(s.Width, label.Width, value.Width)
		if p.beside() {
			s.Height += max(label.Height, value.Height) - overlap
		} else {
			s.Height += label.Height - 2*overlap + 2 + value.Height - overlap/2
		}
	}
	if len(objects) > 0 {
		s.Height += overlap
	}
	return s
}

// page is the layout of a scroller: it lays the content out again once its width is known.
type page struct{}

// Layout implements fyne.Layout.
func (page) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	for _, o := range objects {
		o.Resize(size)
		o.Refresh()
	}
}

// MinSize implements fyne.Layout.
func (page) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var s fyne.Size
	for _, o := range objects {
		s = s.Max(o.MinSize())
	}
	return s
}

// beside lays two children side by side where there is room, the first of them first wide;
// else one below the other.
type beside struct {
	wide, first, gap float32
	width            float32 // last width laid out, for MinSize
}

// Layout implements fyne.Layout.
func (b *beside) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	b.width = size.Width
	left, right := objects[0], objects[1]
	left.Move(fyne.NewPos(0, 0))
	if size.Width >= b.wide {
		fit(left, b.first)
		fit(right, size.Width-b.first-b.gap)
		right.Move(fyne.NewPos(b.first+b.gap, 0))
		return
	}
	h := fit(left, size.Width)
	fit(right, size.Width)
	right.Move(fyne.NewPos(0, h+b.gap))
}

// MinSize implements fyne.Layout.
func (b *beside) MinSize(objects []fyne.CanvasObject) fyne.Size {
	left, right := objects[0].MinSize(), objects[1].MinSize()
	width := max(left.Width, right.Width)
	if b.width >= b.wide {
		return fyne.NewSize(width, max(left.Height, right.Height))
	}
	return fyne.NewSize(width, left.Height+b.gap+right.Height)
}

// masterDetail shows a list and a detail side by side where there is room, in the middle and no wider than most, else the one
// of them that is open.
type masterDetail struct {
	wide, list, most float32
	detailOpen       bool
	alone            bool              // there is nothing to open: the list has all the room
	narrowOnly       fyne.CanvasObject // the way back
}

// Layout implements fyne.Layout.
func (m *masterDetail) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	list, detail := objects[0], objects[1]
	show(m.narrowOnly, size.Width < m.wide)
	if size.Width >= m.wide && !m.alone {
		show(list, true)
		show(detail, true)
		x := max(0, (size.Width-m.most)/2)
		put(list, x, 0, m.list, size.Height)
		put(detail, x+m.list, 0, min(size.Width, m.most)-m.list, size.Height)
		return
	}
	show(list, !m.detailOpen)
	show(detail, m.detailOpen)
	for _, o := range objects {
		o.Move(fyne.NewPos(0, 0))
		o.Resize(size)
	}
}

// MinSize implements fyne.Layout.
func (m *masterDetail) MinSize(objects []fyne.CanvasObject) fyne.Size {
	return objects[0].MinSize().Max(objects[1].MinSize())
}

func show(o fyne.CanvasObject, visible bool) {
	if visible && !o.Visible() {
		o.Show()
	} else if !visible && o.Visible() {
		o.Hide()
	}
}

// iconLeft lays an icon of a size beside the first line of a text.
type iconLeft struct {
	size float32
}

// Layout implements fyne.Layout.
func (l *iconLeft) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	objects[0].Move(fyne.NewPos(8, 8))
	objects[0].Resize(fyne.NewSquareSize(l.size))
	x := 8 + l.size
	objects[1].Move(fyne.NewPos(x, 0))
	fit(objects[1], readable(objects[1], size.Width-x))
}

// MinSize implements fyne.Layout.
func (l *iconLeft) MinSize(objects []fyne.CanvasObject) fyne.Size {
	return objects[1].MinSize().Max(fyne.NewSquareSize(l.size)).AddWidthHeight(8+l.size, 0)
}

// fill gives every child all the room there is; the visible one is seen. Unlike Fyne's
// stack it asks for what the largest child needs even while that is hidden.
type fill struct{}

func newFill(objects ...fyne.CanvasObject) *fyne.Container { return container.New(fill{}, objects...) }

// Layout implements fyne.Layout.
func (fill) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	for _, o := range objects {
		o.Move(fyne.NewPos(0, 0))
		o.Resize(size)
	}
}

// MinSize implements fyne.Layout.
func (fill) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var s fyne.Size
	for _, o := range objects {
		s = s.Max(o.MinSize())
	}
	return s
}

// tiles lays its children in rows, as many beside one another as fit, all equally wide.
type tiles struct {
	gap   float32
	width float32 // last width laid out, for MinSize
}

func newTiles(objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(&tiles{gap: 4}, objects...)
}

// columns returns how many children fit beside one another in a width.
func (t *tiles) columns(objects []fyne.CanvasObject, width float32) int {
	widest := t.widest(objects)
	for n := len(objects); n > 1; n-- {
		if float32(n)*(widest+t.gap)-t.gap <= width {
			return n
		}
	}
	return 1
}

func (t *tiles) widest(objects []fyne.CanvasObject) (w float32) {
	for _, o := range objects {
		w = max(w, o.MinSize().Width)
	}
	return w
}

// Layout implements fyne.Layout.
func (t *tiles) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	t.width = size.Width
	n := t.columns(objects, size.Width)
	wide, high := (size.Width-float32(n-1)*t.gap)/float32(n), t.high(objects)
	for i, o := range objects {
		put(o, float32(i%n)*(wide+t.gap), float32(i/n)*(high+t.gap), wide, high)
	}
}

func (t *tiles) high(objects []fyne.CanvasObject) (h float32) {
	for _, o := range objects {
		h = max(h, o.MinSize().Height)
	}
	return h
}

// MinSize implements fyne.Layout.
func (t *tiles) MinSize(objects []fyne.CanvasObject) fyne.Size {
	n := t.columns(objects, t.width)
	rows := (len(objects) + n - 1) / max(n, 1)
	return fyne.NewSize(t.widest(objects), float32(rows)*(t.high(objects)+t.gap)-t.gap)
}

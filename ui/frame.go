package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// The destinations, in the order in which they are shown.
const (
	layersAt = iota
	verifyAt
	settingsAt
)

// Widths at which the frame changes, in device-independent pixels.
const (
	wordsFrom = 900 // the rail shows words
	railFrom  = 600 // a rail on the left instead of a bar at the bottom
)

// frame holds the screens: destinations at the side or below, status at the foot.
type frame struct {
	ui      *UI
	content *fyne.Container
	screens []fyne.CanvasObject
	items   [][]*navItem // by style, then destination
	navs    []fyne.CanvasObject
	status  fyne.CanvasObject
	at      int
}

func newFrame(u *UI) *frame {
	f := &frame{ui: u, screens: []fyne.CanvasObject{u.layers.content, u.verify.content, u.settings.content}}
	names := []string{u.t("Layers"), u.t("Verify"), u.t("Settings")}
	icons := []fyne.Resource{strataIcon, base.ConfirmIcon(), base.SettingsIcon()}
	for _, style := range []navStyle{railWords, railIcons, barItem} {
		var items []*navItem
		var objects []fyne.CanvasObject
		for at, name := range names {
			item := newNavItem(name, icons[at], style, func() { f.open(at) })
			items, objects = append(items, item), append(objects, item)
		}
		f.items = append(f.items, items)
		if style == barItem {
			f.navs = append(f.navs, container.NewGridWithColumns(len(objects), objects...))
			continue
		}
		f.navs = append(f.navs, container.New(layout.NewCustomPaddedLayout(gap, gap, 8, 8), stack(4, objects...)))
	}
	f.status = f.newStatus()
	objects := append(append([]fyne.CanvasObject{}, f.navs...), f.status, widget.NewSeparator(), widget.NewSeparator())
	f.content = container.New(&frameLayout{f}, append(objects, f.screens...)...)
	f.open(layersAt)
	return f
}

// newStatus says what the program is doing: as yet, nothing that needs a network.
func (f *frame) newStatus() fyne.CanvasObject {
	text := caption(f.ui.t("{{.N}} chains known. Offline: nothing is sent or received.", map[string]any{"N": len(f.ui.backend.Chains())}))
	text.Wrapping, text.Truncation = fyne.TextWrapOff, fyne.TextTruncateEllipsis
	return text
}

// open shows a destination.
func (f *frame) open(at int) {
	f.at = at
	for i, screen := range f.screens {
		show(screen, i == at)
	}
	for _, items := range f.items {
		for i, item := range items {
			item.selectIt(i == at)
		}
	}
}

// frameLayout places navigation, status, two lines and the screens.
type frameLayout struct{ *frame }

func (l *frameLayout) style(width float32) navStyle {
	switch {
	case width >= wordsFrom:
		return railWords
	case width >= railFrom:
		return railIcons
	}
	return barItem
}

const (
	lineWidth    = 1
	statusHeight = 32
)

// Layout implements fyne.Layout.
func (l *frameLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	style := l.style(size.Width)
	for i, nav := range l.navs {
		show(nav, navStyle(i) == style)
	}
	show(l.status, style != barItem)
	nav, lines := l.navs[style], objects[len(l.navs)+1:len(l.navs)+3]
	show(lines[1], style != barItem)
	if style == barItem {
		h := nav.MinSize().Height
		put(nav, 0, size.Height-h, size.Width, h)
		put(lines[0], 0, size.Height-h-lineWidth, size.Width, lineWidth)
		l.place(0, fyne.NewSize(size.Width, size.Height-h-lineWidth))
		return
	}
	w := nav.MinSize().Width
	foot := size.Height - statusHeight
	put(nav, 0, 0, w, foot)
	put(lines[0], w, 0, lineWidth, foot)
	put(l.status, 4, foot, size.Width-8, statusHeight)
	put(lines[1], 0, foot, size.Width, lineWidth)
	l.place(w+lineWidth, fyne.NewSize(size.Width-w-lineWidth, foot))
}

func (l *frameLayout) place(x float32, size fyne.Size) {
	for _, screen := range l.screens {
		put(screen, x, 0, size.Width, size.Height)
	}
}

func put(o fyne.CanvasObject, x, y, width, height float32) {
	o.Move(fyne.NewPos(x, y))
	o.Resize(fyne.NewSize(width, height))
}

// MinSize implements fyne.Layout: what the narrowest arrangement needs.
func (l *frameLayout) MinSize([]fyne.CanvasObject) fyne.Size {
	bar := l.navs[barItem].MinSize()
	s := bar
	for _, screen := range l.screens {
		m := screen.MinSize()
		s = fyne.NewSize(max(s.Width, m.Width), max(s.Height, m.Height+bar.Height))
	}
	return s
}

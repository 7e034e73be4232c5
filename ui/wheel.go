package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

// wheel lies over a field, unseen, and takes the mouse wheel alone: Fyne gives it to the scroller within the field, and a page
// whose pointer rests on a field would stand still. It turns the field where there is more of its text, else the page.
type wheel struct {
	widget.BaseWidget
	of     fyne.CanvasObject // the field
	ui     *UI
	within *container.Scroll // of the field; nil: it has none
}

func newWheel(u *UI, of fyne.CanvasObject, parts []fyne.CanvasObject) *wheel {
	w := &wheel{of: of, ui: u}
	for _, o := range parts {
		if s, ok := o.(*container.Scroll); ok {
			w.within = s
		}
	}
	w.ExtendBaseWidget(w)
	return w
}

// Scrolled implements fyne.Scrollable.
func (w *wheel) Scrolled(e *fyne.ScrollEvent) {
	if s := w.within; s != nil && s.Content != nil {
		x, y := s.Content.MinSize().Width-s.Size().Width, s.Content.MinSize().Height-s.Size().Height
		if further(e.Scrolled.DY, s.Offset.Y, y) || further(e.Scrolled.DX, s.Offset.X, x) {
			s.Scrolled(e)
			return
		}
	}
	if page := around(w.ui.window.Content(), w.of, nil); page != nil {
		page.Scrolled(e)
	}
}

// further says whether a turn of the wheel moves something that has moved so far of what it can.
func further(turn, at, most float32) bool { return turn < 0 && at < most || turn > 0 && at > 0 }

// around returns the innermost scroller of o that has an object in it, else the one that is passed in.
func around(o, inner fyne.CanvasObject, s *container.Scroll) *container.Scroll {
	if o == inner {
		return s
	}
	var children []fyne.CanvasObject
	switch o := o.(type) {
	case *container.Scroll:
		s, children = o, []fyne.CanvasObject{o.Content}
	case *panel:
		children = []fyne.CanvasObject{o.content}
	case *fyne.Container:
		children = o.Objects
	}
	for _, child := range children {
		if found := around(child, inner, s); found != nil {
			return found
		}
	}
	return nil
}

// CreateRenderer implements fyne.Widget.
func (w *wheel) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(container.NewWithoutLayout())
}

// wheeled is a field's renderer with a wheel over it.
type wheeled struct {
	fyne.WidgetRenderer
	wheel *wheel
}

func (r *wheeled) Layout(size fyne.Size) {
	r.WidgetRenderer.Layout(size)
	r.wheel.Resize(size)
}

func (r *wheeled) Objects() []fyne.CanvasObject {
	parts := r.WidgetRenderer.Objects()
	return append(parts[:len(parts):len(parts)], r.wheel)
}

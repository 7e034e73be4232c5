package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// Fyne gives keys to what has the focus and to nothing else. The widgets here, like field
// and button, leave Escape to the window, whose way back it is; Enter presses them, as space does.

// leaves hands Escape to the window that an object is in, and returns whether it was that.
func leaves(o fyne.CanvasObject, e *fyne.KeyEvent) bool {
	if e.Name != fyne.KeyEscape {
		return false
	}
	if c := fyne.CurrentApp().Driver().CanvasForObject(o); c != nil && c.OnTypedKey() != nil {
		c.OnTypedKey()(e)
	}
	return true
}

// spaced makes Enter the space that Fyne's widgets are pressed with.
func spaced(e *fyne.KeyEvent) *fyne.KeyEvent {
	if e.Name == fyne.KeyReturn || e.Name == fyne.KeyEnter {
		return &fyne.KeyEvent{Name: fyne.KeySpace}
	}
	return e
}

// check is a box that is ticked.
type check struct{ widget.Check }

func newCheck(text string, changed func(bool)) *check {
	c := &check{widget.Check{Text: text, OnChanged: changed}}
	c.ExtendBaseWidget(c)
	return c
}

// TypedKey implements fyne.Focusable.
func (c *check) TypedKey(e *fyne.KeyEvent) {
	switch {
	case leaves(c, e):
	case e.Name == fyne.KeyReturn, e.Name == fyne.KeyEnter:
		c.TypedRune(' ') // Fyne's hears space as a letter
	default:
		c.Check.TypedKey(e)
	}
}

// choice is one of several, in a menu.
type choice struct{ widget.Select }

func newChoice(options []string, changed func(string)) *choice {
	c := &choice{widget.Select{Options: options, OnChanged: changed}}
	c.ExtendBaseWidget(c)
	return c
}

// TypedKey implements fyne.Focusable.
func (c *choice) TypedKey(e *fyne.KeyEvent) {
	if !leaves(c, e) {
		c.Select.TypedKey(spaced(e))
	}
}

// slider is a number between two others.
type slider struct{ widget.Slider }

func newSlider(least, most, step float64, changed func(float64)) *slider {
	s := &slider{widget.Slider{Min: least, Max: most, Step: step, OnChanged: changed}}
	s.ExtendBaseWidget(s)
	return s
}

// TypedKey implements fyne.Focusable.
func (s *slider) TypedKey(e *fyne.KeyEvent) {
	if !leaves(s, e) {
		s.Slider.TypedKey(e)
	}
}

// list is as many rows as there are, of which those in sight are made.
type list struct{ widget.List }

func newList(length func() int, row func() fyne.CanvasObject, fill func(widget.ListItemID, fyne.CanvasObject)) *list {
	l := &list{widget.List{Length: length, CreateItem: row, UpdateItem: fill, HideSeparators: true}}
	l.ExtendBaseWidget(l)
	return l
}

// TypedKey implements fyne.Focusable.
func (l *list) TypedKey(e *fyne.KeyEvent) {
	if !leaves(l, e) {
		l.List.TypedKey(spaced(e))
	}
}

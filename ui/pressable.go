package ui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/ui/theme"
)

// pressable is the part of a widget that reacts to mouse, finger and keyboard. A widget
// embeds it and calls ExtendBaseWidget with itself.
type pressable struct {
	widget.BaseWidget
	whole    fyne.Widget // that this is a part of
	name     string      // what a screen reader says
	onPress  func()
	selected bool
	hovered  bool
	focused  bool
}

var (
	_ fyne.Tappable     = (*pressable)(nil)
	_ fyne.Focusable    = (*pressable)(nil)
	_ desktop.Hoverable = (*pressable)(nil)
	_ fyne.Accessible   = (*stratumRow)(nil)
)

// ExtendBaseWidget keeps the widget that embeds this.
func (p *pressable) ExtendBaseWidget(w fyne.Widget) {
	p.whole = w
	p.BaseWidget.ExtendBaseWidget(w)
}

// Tapped implements fyne.Tappable.
func (p *pressable) Tapped(*fyne.PointEvent) { p.onPress() }

// TypedKey implements fyne.Focusable: Enter presses.
func (p *pressable) TypedKey(e *fyne.KeyEvent) {
	switch {
	case leaves(p.whole, e):
	case e.Name == fyne.KeyReturn, e.Name == fyne.KeyEnter:
		p.onPress()
	}
}

// TypedRune implements fyne.Focusable: space presses.
func (p *pressable) TypedRune(r rune) {
	if r == ' ' {
		p.onPress()
	}
}

// FocusGained implements fyne.Focusable.
func (p *pressable) FocusGained() { p.focused = true; p.Refresh() }

// FocusLost implements fyne.Focusable.
func (p *pressable) FocusLost() { p.focused = false; p.Refresh() }

// MouseIn implements desktop.Hoverable.
func (p *pressable) MouseIn(*desktop.MouseEvent) { p.hovered = true; p.Refresh() }

// MouseMoved implements desktop.Hoverable.
func (p *pressable) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (p *pressable) MouseOut() { p.hovered = false; p.Refresh() }

// AccessibilityLabel implements fyne.Accessible.
func (p *pressable) AccessibilityLabel() string { return p.name }

// AccessibilityRole implements fyne.Accessible.
func (p *pressable) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }

func (p *pressable) selectIt(on bool) {
	if p.selected != on {
		p.selected = on
		p.Refresh()
	}
}

// paint shows the state on a background: a tint when hovered or selected, an edge when
// focused.
func (p *pressable) paint(r *canvas.Rectangle) {
	r.FillColor, r.StrokeColor, r.StrokeWidth = color.Transparent, color.Transparent, 0
	if p.selected {
		r.FillColor = themed(theme.ColorChosen)
	} else if p.hovered {
		r.FillColor = themed(base.ColorNameHover)
	}
	if p.focused {
		r.StrokeColor, r.StrokeWidth = themed(base.ColorNamePrimary), 2
	}
	r.Refresh()
}

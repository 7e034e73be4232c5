package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// button is a button that leaves Escape to the window: Fyne asks the window for keys only
// while nothing has the focus.
type button struct {
	widget.Button
	ui *UI
}

func newButton(u *UI, text string, act func()) *button { return newIconButton(u, text, nil, act) }

func newIconButton(u *UI, text string, icon fyne.Resource, act func()) *button {
	b := &button{ui: u}
	b.Text, b.Icon, b.OnTapped = text, icon, act
	b.ExtendBaseWidget(b)
	return b
}

// TypedKey implements fyne.Focusable: Enter presses, as space does.
func (b *button) TypedKey(k *fyne.KeyEvent) {
	if k.Name == fyne.KeyEscape {
		b.ui.back()
		return
	}
	b.Button.TypedKey(spaced(k))
}

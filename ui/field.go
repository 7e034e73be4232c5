package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
)

// field is an entry of one line that leaves the window's keys to the window.
type field struct {
	widget.Entry
	ui    *UI
	whole fyne.Widget // that this is a part of
}

// ExtendBaseWidget keeps the widget that embeds this.
func (f *field) ExtendBaseWidget(w fyne.Widget) {
	f.whole = w
	f.Entry.ExtendBaseWidget(w)
}

// CreateRenderer implements fyne.Widget.
func (f *field) CreateRenderer() fyne.WidgetRenderer {
	r := f.Entry.CreateRenderer()
	return &wheeled{r, newWheel(f.ui, f.whole, r.Objects())}
}

func newField(u *UI, placeholder string, onChanged func(string)) *field {
	f := &field{ui: u}
	f.PlaceHolder, f.OnChanged = placeholder, onChanged
	f.Scroll = fyne.ScrollHorizontalOnly
	f.ExtendBaseWidget(f)
	return f
}

// newPassword is a field whose text is not shown.
func newPassword(u *UI, placeholder string) *field {
	f := newField(u, placeholder, nil)
	f.Password = true
	return f
}

// newArea is a field of several lines.
func newArea(u *UI, placeholder string, lines int, onChanged func(string)) *field {
	f := newField(u, placeholder, onChanged)
	f.MultiLine, f.Wrapping, f.Scroll = true, fyne.TextWrapWord, fyne.ScrollBoth
	f.SetMinRowsVisible(lines)
	return f
}

// TypedShortcut implements fyne.Shortcutable. What the entry does not know goes to the
// window, which would not be asked otherwise.
func (f *field) TypedShortcut(s fyne.Shortcut) {
	f.Entry.TypedShortcut(s)
	f.ui.shortcut(s)
}

// TypedKey implements fyne.Focusable. Escape is the window's.
func (f *field) TypedKey(k *fyne.KeyEvent) {
	if k.Name == fyne.KeyEscape {
		f.ui.back()
		return
	}
	f.Entry.TypedKey(k)
}

// AcceptsTab implements fyne.Tabbable: Tab goes on, from several lines too.
func (f *field) AcceptsTab() bool { return false }

// take returns what was typed as a secret and empties the field, with its undo history.
func (f *field) take() app.Secret {
	s := app.Secret(f.Text)
	f.SetText("")
	return s
}

// asked is a control under its name.
func asked(text string, o fyne.CanvasObject) fyne.CanvasObject {
	return stack(-6, caption(text), inset(o))
}

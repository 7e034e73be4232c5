package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// maxShown is the most letters that are pasted into an entry; more make it slow.
const maxShown = 8 << 10

// hexEntry is an entry for hex. Long text that is pasted is handed on instead of shown.
type hexEntry struct {
	widget.Entry
	ui     *UI
	onLong func(text string)
}

func newHexEntry(u *UI, onLong func(string)) *hexEntry {
	e := &hexEntry{ui: u, onLong: onLong}
	e.MultiLine, e.Wrapping = true, fyne.TextWrapBreak
	e.TextStyle.Monospace = true
	e.ExtendBaseWidget(e)
	e.SetMinRowsVisible(6)
	return e
}

// TypedShortcut implements fyne.Shortcutable. What the entry does not know goes to the
// window, which would not be asked otherwise.
func (e *hexEntry) TypedShortcut(s fyne.Shortcut) {
	if paste, ok := s.(*fyne.ShortcutPaste); ok {
		if text := paste.Clipboard.Content(); len(text) > maxShown {
			e.onLong(text)
			return
		}
	}
	e.Entry.TypedShortcut(s)
	e.ui.shortcut(s)
}

// AcceptsTab implements fyne.Tabbable: Tab goes on.
func (e *hexEntry) AcceptsTab() bool { return false }

// TypedKey implements fyne.Focusable. Escape is the window's.
func (e *hexEntry) TypedKey(k *fyne.KeyEvent) {
	if k.Name == fyne.KeyEscape {
		e.ui.back()
		return
	}
	e.Entry.TypedKey(k)
}

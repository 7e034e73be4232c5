package ui

import "fyne.io/fyne/v2"

// maxShown is the most letters that are pasted into an entry; more make it slow.
const maxShown = 8 << 10

// hexEntry is a field of several lines for hex. Long text that is pasted is handed on instead of shown.
type hexEntry struct {
	field
	onLong func(text string)
}

func newHexEntry(u *UI, onLong func(string)) *hexEntry {
	e := &hexEntry{onLong: onLong}
	e.ui, e.MultiLine, e.Wrapping = u, true, fyne.TextWrapBreak
	e.TextStyle.Monospace = true
	e.ExtendBaseWidget(e)
	e.SetMinRowsVisible(6)
	return e
}

// TypedShortcut implements fyne.Shortcutable.
func (e *hexEntry) TypedShortcut(s fyne.Shortcut) {
	if paste, ok := s.(*fyne.ShortcutPaste); ok {
		if text := paste.Clipboard.Content(); len(text) > maxShown {
			e.onLong(text)
			return
		}
	}
	e.field.TypedShortcut(s)
}

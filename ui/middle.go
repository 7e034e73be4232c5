package ui

import (
	"strings"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// leastEnds is how much of a shortened address stays at least, in bytes.
const leastEnds = 8

// fitMiddle writes a text into a label of a width. Of an address, shortened already, more of the middle goes: people compare
// the ends.
func fitMiddle(l *widget.Label, text string, width float32) {
	size := l.Theme().Size(l.SizeName)
	head, tail, short := strings.Cut(text, "\u2026")
	fits := func(text string) bool { return fyne.MeasureText(text, size, l.TextStyle).Width+2*inside <= width }
	for short && !fits(text) && len(head)+len(tail) > leastEnds {
		if len(head) >= len(tail) {
			_, n := utf8.DecodeLastRuneInString(head)
			head = head[:len(head)-n]
		} else {
			_, n := utf8.DecodeRuneInString(tail)
			tail = tail[n:]
		}
		text = head + "\u2026" + tail
	}
	if l.Text != text {
		l.SetText(text)
	}
}

package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
)

// reasons lists why something is believed: each with what was checked, or that it was not.
type reasons struct {
	ui      *UI
	content *fyne.Container
	whole   *widget.Label
	rows    []*checkRow
	list    *fyne.Container
}

func newReasons(u *UI) *reasons {
	r := &reasons{ui: u, whole: body(""), list: stack(4)}
	r.content = stack(0, r.whole, r.list)
	r.clear()
	return r
}

func (r *reasons) clear() { r.say("") }

// say shows a sentence alone; an empty one nothing.
func (r *reasons) say(text string) {
	setText(r.whole, text)
	show(r.list, false)
	show(r.content, text != "")
}

func (r *reasons) set(e *app.Evidence) {
	checks := r.ui.texts.Legs(e)
	for len(r.rows) < len(checks) {
		r.rows = append(r.rows, newCheckRow())
	}
	r.list.Objects = r.list.Objects[:0]
	for i, c := range checks {
		r.rows[i].set(c)
		r.list.Objects = append(r.list.Objects, r.rows[i].content)
	}
	setText(r.whole, r.ui.texts.Whole(e))
	show(r.list, len(checks) > 0)
	show(r.content, true)
}

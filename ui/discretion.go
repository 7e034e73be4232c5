package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// discretion lets a payment be told to strangers alone, and says what that takes.
type discretion struct {
	ui      *UI
	content *fyne.Container
	on      *check
	note    *widget.Label
}

func newDiscretion(u *UI, changed func()) *discretion {
	d := &discretion{ui: u, note: caption("")}
	d.on = newCheck(u.t("Announce it privately"), func(bool) {
		d.say()
		changed()
	})
	d.content = stack(0, inset(d.on), d.note)
	return d
}

// clear begins with a payment that is announced to everybody.
func (d *discretion) clear() {
	d.on.SetChecked(false)
	d.say()
}

func (d *discretion) say() {
	if !d.on.Checked {
		setText(d.note, "")
		return
	}
	hides := d.ui.t("Without a proxy a stranger still sees this computer's address; Settings has a place for one.")
	if d.ui.program.Config().Proxy != "" {
		hides = d.ui.t("Your proxy hides this computer's address from the stranger.")
	}
	setText(d.note, d.ui.t("The peers that serve this wallet are not told. One stranger at a time is, over a connection of its own, which takes longer; the payment's page says how many were told and how many fetched it.")+
		" "+hides)
}

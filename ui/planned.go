package ui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/ui/present"
)

// planned shows what a form makes of coins, before it is done: as a picture, with its cost, or why there is nothing to show.
type planned struct {
	ui       *UI
	why      *widget.Label
	picture  *picture
	cost     *rows
	act      *button // does it
	relayout func()
}

func newPlanned(u *UI, act *button, relayout func()) *planned {
	act.Importance = widget.HighImportance
	return &planned{ui: u, why: body(""), cost: newRows(), act: act, relayout: relayout,
		picture: newPicture(func() color.Color { return u.layerColour(u.session.purse.Chain) })}
}

// card has more of the form between the cost and the button.
func (p *planned) card(more ...fyne.CanvasObject) *panel {
	parts := append([]fyne.CanvasObject{strong(p.ui.t("Before and after")), p.why, inset(p.picture), p.cost.box}, more...)
	return newPanel(stack(4, append(parts, inset(p.act))...))
}

// say shows why there is nothing to do.
func (p *planned) say(why string) {
	setText(p.why, why)
	p.picture.Hide()
	p.cost.set(nil)
	p.act.Disable()
	p.relayout()
}

// fail shows that it cannot be done.
func (p *planned) fail(err error) {
	problem := p.ui.texts.Problem(err)
	p.say(problem.What + "\n" + problem.Next)
}

// show shows what would be done.
func (p *planned) show(f present.Flow, cost []present.Row) {
	setText(p.why, "")
	p.picture.Show()
	p.picture.set(f)
	p.cost.set(cost)
	p.act.Enable()
	p.relayout()
}

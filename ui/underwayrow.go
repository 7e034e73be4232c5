package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/ui/present"
)

// underwayRow is a deposit, a withdrawal or a swap that is not over, in a list: what moves, and what it waits for. It opens
// the page of settlements.
type underwayRow struct {
	pressable
	title, state *widget.Label
}

func newUnderwayRow(u *UI) *underwayRow {
	r := &underwayRow{title: body(""), state: caption("")}
	r.onPress = func() { u.frame.open(settleAt) }
	r.ExtendBaseWidget(r)
	return r
}

func (r *underwayRow) set(j *present.Journey) {
	r.name = j.Title + ", " + j.State
	r.title.SetText(j.Title)
	r.state.SetText(j.State)
}

// CreateRenderer implements fyne.Widget.
func (r *underwayRow) CreateRenderer() fyne.WidgetRenderer {
	back := canvas.NewRectangle(nil)
	back.CornerRadius = 4
	icon := widget.NewIcon(base.NewThemedResource(settleIcon))
	return &underwayRenderer{row: r, back: back, texts: container.New(&iconLeft{size: 20}, icon, stack(-2*overlap, r.title, r.state))}
}

type underwayRenderer struct {
	row   *underwayRow
	back  *canvas.Rectangle
	texts *fyne.Container
}

func (r *underwayRenderer) Layout(size fyne.Size) {
	r.back.Resize(size)
	r.texts.Resize(size)
}

func (r *underwayRenderer) MinSize() fyne.Size { return r.texts.MinSize() }

func (r *underwayRenderer) Refresh() {
	r.row.paint(r.back)
	r.texts.Refresh()
}

func (r *underwayRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.back, r.texts} }

func (r *underwayRenderer) Destroy() {}

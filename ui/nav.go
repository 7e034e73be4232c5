package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// navStyle says how a destination is shown.
type navStyle uint8

const (
	railWords navStyle = iota // icon and word side by side
	railIcons                 // icon alone
	barItem                   // icon over a small word
)

// navItem is one destination in the rail or the bar.
type navItem struct {
	pressable
	icon  fyne.Resource
	style navStyle
}

func newNavItem(name string, icon fyne.Resource, style navStyle, onPress func()) *navItem {
	n := &navItem{icon: icon, style: style}
	n.name, n.onPress = name, onPress
	n.ExtendBaseWidget(n)
	return n
}

// CreateRenderer implements fyne.Widget.
func (n *navItem) CreateRenderer() fyne.WidgetRenderer {
	r := &navRenderer{item: n, back: canvas.NewRectangle(nil), icon: widget.NewIcon(n.icon), text: canvas.NewText(n.name, nil)}
	r.back.CornerRadius = 6
	r.text.TextSize = 14
	if n.style == barItem {
		r.text.TextSize, r.text.Alignment = 12, fyne.TextAlignCenter
	}
	r.text.Hidden = n.style == railIcons
	r.Refresh()
	return r
}

type navRenderer struct {
	item *navItem
	back *canvas.Rectangle
	icon *widget.Icon
	text *canvas.Text
}

const navIcon = 20

func (r *navRenderer) Layout(size fyne.Size) {
	r.back.Resize(size)
	r.icon.Resize(fyne.NewSquareSize(navIcon))
	switch r.item.style {
	case railWords:
		r.icon.Move(fyne.NewPos(12, (size.Height-navIcon)/2))
		r.text.Move(fyne.NewPos(44, 0))
		r.text.Resize(fyne.NewSize(size.Width-44, size.Height))
	case railIcons:
		r.icon.Move(fyne.NewPos((size.Width-navIcon)/2, (size.Height-navIcon)/2))
	case barItem:
		r.icon.Move(fyne.NewPos((size.Width-navIcon)/2, 8))
		r.text.Move(fyne.NewPos(0, 30))
		r.text.Resize(fyne.NewSize(size.Width, size.Height-34))
	}
}

func (r *navRenderer) MinSize() fyne.Size {
	text := r.text.MinSize()
	switch r.item.style {
	case railWords:
		return fyne.NewSize(44+text.Width+16, 40)
	case railIcons:
		return fyne.NewSize(44, 40)
	}
	return fyne.NewSize(max(text.Width, navIcon)+8, 34+text.Height)
}

func (r *navRenderer) Refresh() {
	r.item.paint(r.back)
	r.text.Color = themed(base.ColorNameForeground)
	r.text.TextStyle.Bold = r.item.selected // a shape beside the tint
	resource := r.item.icon
	if r.item.selected {
		resource = base.NewPrimaryThemedResource(resource)
	}
	r.icon.SetResource(resource)
	r.text.Refresh()
}

func (r *navRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.back, r.icon, r.text}
}

func (r *navRenderer) Destroy() {}

package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// The destinations, in the order in which they are shown. More is there only where the bar
// has no room for all.
const (
	overviewAt = iota
	receiveAt
	sendAt
	activityAt
	coinsAt
	settleAt
	layersAt
	nodeAt
	verifyAt
	settingsAt
	moreAt
)

// barItems is how many destinations the bar has room for, beside More.
const barItems = 4

// Widths at which the frame changes, in device-independent pixels.
const (
	wordsFrom = 900 // the rail shows words
	railFrom  = 600 // a rail on the left instead of a bar at the bottom
)

// screen is a destination.
type screen interface {
	object() fyne.CanvasObject
	// refresh asks anew what the screen shows. It is called when the screen is opened, and
	// while it is visible when something changed.
	refresh(c change)
	// back is what Escape does.
	back()
}

// frame holds the screens: destinations at the side or below, status at the foot.
type frame struct {
	ui      *UI
	content *fyne.Container
	screens []screen
	items   [][]*navItem // by style, then destination
	navs    []fyne.CanvasObject
	line    *widget.Label
	alarm   *widget.Label
	status  fyne.CanvasObject
	at      int
	corner  float32     // where screens begin, from the left
	room    fyne.Size   // that they have
	least   []fyne.Size // what each screen needed when it was last seen
}

func newFrame(u *UI) *frame {
	f := &frame{ui: u}
	names := []string{u.t("Overview"), u.t("Receive"), u.t("Send"), u.t("Activity"), u.t("Coins"), u.t("Settle"), u.t("Layers"), u.t("Node"),
		u.t("Verify"), u.t("Settings"), u.t("More")}
	icons := []fyne.Resource{base.HomeIcon(), base.DownloadIcon(), base.MailSendIcon(), base.HistoryIcon(),
		base.GridIcon(), settleIcon, strataIcon, base.ComputerIcon(),
		base.ConfirmIcon(), base.SettingsIcon(), base.MenuIcon()}
	f.screens = []screen{u.overview, u.receive, u.send, u.activity, u.coins, u.settle, u.layers, u.node, u.verify, u.settings,
		newMoreScreen(u, f, names, icons)}
	for _, style := range []navStyle{railWords, railIcons, barItem} {
		var items []*navItem
		var objects []fyne.CanvasObject
		for at, name := range names {
			item := newNavItem(name, icons[at], style, func() { f.open(at) })
			items = append(items, item)
			if onBar := at < barItems || at == moreAt; style == barItem && onBar || style != barItem && at != moreAt {
				objects = append(objects, item)
			}
		}
		f.items = append(f.items, items)
		if style == barItem {
			f.navs = append(f.navs, container.New(barLayout{}, objects...))
			continue
		}
		f.navs = append(f.navs, container.New(layout.NewCustomPaddedLayout(gap, gap, 8, 8), stack(4, objects...)))
	}
	f.status = f.newStatus()
	objects := append(append([]fyne.CanvasObject{}, f.navs...), f.status, widget.NewSeparator(), widget.NewSeparator())
	for _, s := range f.screens {
		objects = append(objects, s.object())
	}
	f.content = container.New(&frameLayout{f}, objects...)
	f.open(overviewAt)
	return f
}

// newStatus is the strip at the foot: how far the chains are, and what matters most.
func (f *frame) newStatus() fyne.CanvasObject {
	f.line, f.alarm = caption(""), caption("")
	for _, l := range []*widget.Label{f.line, f.alarm} {
		l.Wrapping, l.Truncation = fyne.TextWrapOff, fyne.TextTruncateEllipsis
	}
	f.alarm.Alignment, f.alarm.Importance = fyne.TextAlignTrailing, widget.WarningImportance
	return container.New(layout.NewGridLayout(2), f.line, f.alarm)
}

// setStatus writes the strip anew.
func (f *frame) setStatus() {
	line, alarm := f.ui.status()
	if f.line.Text != line {
		f.line.SetText(line)
	}
	if f.alarm.Text != alarm {
		f.alarm.SetText(alarm)
	}
}

// status says how far the chains are, and what matters most.
func (u *UI) status() (line, alarm string) {
	switch s := &u.session; {
	case s.trouble != nil:
		return u.t("The data folder is not open."), s.trouble.What
	case s.backend == nil:
		return u.t("No chain is followed."), ""
	default:
		status := u.texts.Status(s.chains)
		if len(s.alarms) > 0 {
			status.Alarm = u.texts.Alarm(&s.alarms[0], s.title(s.alarms[0].Chain)).Title
		}
		if w := s.wallet(); w != nil && w.Trouble != "" {
			status.Alarm = u.texts.Trouble(w)
		}
		return status.Line, status.Alarm
	}
}

// open shows a destination.
func (f *frame) open(at int) {
	f.at = at
	for i, s := range f.screens {
		show(s.object(), i == at)
	}
	for style, items := range f.items {
		for i, item := range items {
			onBar := style == int(barItem) && i == moreAt && at >= barItems
			item.selectIt(i == at || onBar)
		}
	}
	f.place()
	f.setStatus()
	f.screens[at].refresh(allChanged)
}

// frameLayout places navigation, status, two lines and the screens.
type frameLayout struct{ *frame }

func (l *frameLayout) style(width float32) navStyle {
	switch {
	case width >= wordsFrom:
		return railWords
	case width >= railFrom:
		return railIcons
	}
	return barItem
}

const (
	lineWidth    = 1
	statusHeight = 32
)

// Layout implements fyne.Layout.
func (l *frameLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	style := l.style(size.Width)
	for i, nav := range l.navs {
		show(nav, navStyle(i) == style)
	}
	show(l.status, style != barItem)
	nav, lines := l.navs[style], objects[len(l.navs)+1:len(l.navs)+3]
	show(lines[1], style != barItem)
	if style == barItem {
		h := nav.MinSize().Height
		put(nav, 0, size.Height-h, size.Width, h)
		put(lines[0], 0, size.Height-h-lineWidth, size.Width, lineWidth)
		l.corner, l.room = 0, fyne.NewSize(size.Width, size.Height-h-lineWidth)
		l.place()
		return
	}
	w := nav.MinSize().Width
	foot := size.Height - statusHeight
	put(nav, 0, 0, w, foot)
	put(lines[0], w, 0, lineWidth, foot)
	put(l.status, 4, foot, size.Width-8, statusHeight)
	put(lines[1], 0, foot, size.Width, lineWidth)
	l.corner, l.room = w+lineWidth, fyne.NewSize(size.Width-w-lineWidth, foot)
	l.place()
}

// place lays out the screen that is seen; the others are when they are opened.
func (f *frame) place() { put(f.screens[f.at].object(), f.corner, 0, f.room.Width, f.room.Height) }

func put(o fyne.CanvasObject, x, y, width, height float32) {
	o.Move(fyne.NewPos(x, y))
	o.Resize(fyne.NewSize(width, height))
}

// MinSize implements fyne.Layout: what the narrowest arrangement needs.
func (l *frameLayout) MinSize([]fyne.CanvasObject) fyne.Size {
	bar := l.navs[barItem].MinSize()
	s := bar
	l.least = append(l.least, make([]fyne.Size, len(l.screens)-len(l.least))...)
	for i, screen := range l.screens {
		// It is asked for with every frame, and whatever is on a screen has to be asked.
		if i == l.at || l.least[i].IsZero() {
			l.least[i] = screen.object().MinSize()
		}
		m := l.least[i]
		s = fyne.NewSize(max(s.Width, m.Width), max(s.Height, m.Height+bar.Height))
	}
	return s
}

// barLayout gives every item of the bar what it needs, and all the same share of the rest.
type barLayout struct{}

// Layout implements fyne.Layout.
func (b barLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	more := (size.Width - b.MinSize(objects).Width) / float32(len(objects))
	x := float32(0)
	for _, o := range objects {
		w := o.MinSize().Width + more
		put(o, x, 0, w, size.Height)
		x += w
	}
}

// MinSize implements fyne.Layout.
func (barLayout) MinSize(objects []fyne.CanvasObject) (s fyne.Size) {
	for _, o := range objects {
		m := o.MinSize()
		s = fyne.NewSize(s.Width+m.Width, max(s.Height, m.Height))
	}
	return s
}

// moreScreen lists the destinations that the bar has no room for.
type moreScreen struct{ content *fyne.Container }

func newMoreScreen(u *UI, f *frame, names []string, icons []fyne.Resource) *moreScreen {
	var items []fyne.CanvasObject
	for at := barItems; at < moreAt; at++ {
		items = append(items, newNavItem(names[at], icons[at], railWords, func() { f.open(at) }))
	}
	content, _ := scrolled(stack(4, append([]fyne.CanvasObject{heading(u.t("More"))}, items...)...))
	return &moreScreen{content}
}

func (s *moreScreen) object() fyne.CanvasObject { return s.content }
func (s *moreScreen) refresh(change)            {}
func (s *moreScreen) back()                     {}

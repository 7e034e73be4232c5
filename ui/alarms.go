package ui

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
)

// alarmStrip shows the alarms that are on: what was seen, and what to do.
type alarmStrip struct {
	ui      *UI
	content *fyne.Container
	cards   []*alarmCard
}

func newAlarmStrip(u *UI) *alarmStrip {
	s := &alarmStrip{ui: u, content: stack(gap)}
	s.content.Hide()
	return s
}

func (s *alarmStrip) set(list []app.ChainAlarm) {
	for len(s.cards) < len(list) {
		s.cards = append(s.cards, newAlarmCard())
	}
	s.content.Objects = s.content.Objects[:0]
	for i := range list {
		a := s.ui.texts.Alarm(&list[i], s.ui.session.title(list[i].Chain))
		c := s.cards[i]
		c.title.SetText(a.Title)
		c.what.SetText(a.What)
		c.do.SetText(a.Do)
		s.content.Objects = append(s.content.Objects, c.panel)
	}
	show(s.content, len(list) > 0)
}

type alarmCard struct {
	panel           *panel
	title, what, do *widget.Label
}

func newAlarmCard() *alarmCard {
	c := &alarmCard{title: strong(""), what: body(""), do: body("")}
	c.what.Selectable = true // it names blocks
	icon := widget.NewIcon(base.NewWarningThemedResource(base.WarningIcon()))
	c.panel = newPanel(container.New(&iconLeft{size: 20}, icon, stack(-overlap, c.title, c.what, c.do)))
	c.panel.edge = base.ColorNameWarning
	return c
}

// sameAlarms says whether two lists differ in nothing that is shown.
func sameAlarms(a, b []app.ChainAlarm) bool { return slices.Equal(a, b) }

// notifyAlarm tells the desktop of an alarm that was raised. That it is over is seen on the screen.
func (u *UI) notifyAlarm(e *app.AlarmEvent) {
	if e == nil || e.Cleared {
		return
	}
	a := u.texts.Alarm(&e.ChainAlarm, u.session.title(e.Chain))
	u.app.SendNotification(fyne.NewNotification(a.Title, a.Do))
}

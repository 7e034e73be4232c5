package ui

import (
	"context"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
)

// overviewScreen shows what a wallet has, layer by layer, and what happened last.
type overviewScreen struct {
	ui      *UI
	content *fyne.Container
	gate    *gate
	scroll  *container.Scroll
	bar     *purseBar

	total    *canvas.Text
	under    *widget.Label
	sync     *widget.Label
	alarm    *widget.Label
	alarms   *alarmStrip
	trouble  *progress
	holds    []*holdRow
	holdList *fyne.Container
	pending  *paymentCard
	recent   *paymentCard
	evidence *progress
	reasons  *reasons
	waits    *waits
	facts    overviewFacts // that are shown
	asking   inquiry
	purse    app.Purse // whose money is shown
}

func newOverviewScreen(u *UI) *overviewScreen {
	s := &overviewScreen{ui: u, bar: newPurseBar(u), under: caption(""), sync: caption(""), alarm: caption(""), waits: newWaits(u)}
	s.total = canvas.NewText(u.t("not known yet"), nil)
	s.total.TextSize, s.total.TextStyle.Bold = totalSize, true
	s.alarm.Importance = widget.WarningImportance
	s.alarms = newAlarmStrip(u)
	s.trouble = newProgress(u, nil)
	s.holdList = container.New(&column{gap: 4})
	s.pending, s.recent = newPaymentCard(u, u.t("Pending")), newPaymentCard(u, u.t("Recent"))
	head := stack(-overlap/2, inset(newFitText(s.total)), s.under, s.sync, s.alarm)
	s.evidence, s.reasons = newProgress(u, nil), newReasons(u)
	why := newButton(u, u.t("Why is it believed?"), s.explain)
	why.Importance, why.Alignment = widget.LowImportance, widget.ButtonAlignLeading
	page, scroll := scrolled(container.New(&column{gap: gap, most: pageMost}, s.bar.content, s.alarms.content, head, s.trouble.content,
		newPanel(stack(4, s.holdList, container.NewHBox(why), s.evidence.content, s.reasons.content)), s.pending.panel, s.recent.panel))
	s.scroll = scroll
	s.evidence.onChange = func() { page.Refresh() }
	s.trouble.onChange = func() { page.Refresh() }
	s.gate = newGate(u, page)
	s.content = s.gate.content
	return s
}

// totalSize is the size of the balance.
const totalSize = 28

func (s *overviewScreen) object() fyne.CanvasObject { return s.content }
func (s *overviewScreen) back()                     { s.scroll.ScrollToTop() }

// How many payments and settlements are shown.
const (
	pendingShown  = 5
	recentShown   = 8
	underwayShown = 3
)

// overviewFacts is what the screen asks for.
type overviewFacts struct {
	balances        []app.Balance
	pending, recent app.History
	settled         settleFacts
}

func (s *overviewScreen) refresh(c change) {
	s.bar.refresh()
	line, alarm := s.ui.status()
	s.sync.SetText(line)
	s.alarms.set(s.ui.session.alarms)
	if len(s.alarms.content.Objects) > 0 && alarm == s.alarms.cards[0].title.Text {
		alarm = "" // it stands above
	}
	setText(s.alarm, alarm)
	if !s.gate.refresh() {
		return
	}
	s.forget(s.ui.session.purse)
	s.asking.renew(s.ask)
}

// ask asks for all that is shown of the purse.
func (s *overviewScreen) ask() {
	b, p := s.ui.session.backend, s.ui.session.purse
	if b == nil {
		return
	}
	var has []string
	if w := s.ui.session.wallet(); w != nil {
		has = w.Chains
	}
	ask(s.ui, &s.asking, func(ctx context.Context) (f overviewFacts, err error) {
		if f.balances, err = b.Balances(ctx, p.Wallet); err != nil {
			return f, err
		}
		if f.pending, err = b.History(ctx, p, app.HistoryQuery{Only: "pending", Count: pendingShown}); err != nil {
			return f, err
		}
		if f.recent, err = b.History(ctx, p, app.HistoryQuery{Count: recentShown}); err != nil {
			return f, err
		}
		if settled, err := askSettled(ctx, b, p.Wallet, has); err == nil { // else the page of settlements says why not
			f.settled = settled
		}
		return f, ctx.Err()
	}, s.show)
}

// forget takes away what is another purse's.
func (s *overviewScreen) forget(next app.Purse) {
	if next == s.purse {
		return
	}
	if next.Wallet != s.purse.Wallet {
		s.total.Text = s.ui.t("not known yet")
		s.under.SetText("")
		s.holdList.Objects = nil
	}
	s.purse = next
	s.asking.drop()
	s.reasons.clear()
	s.evidence.drop()
	show(s.pending.panel, false)
	show(s.recent.panel, true)
	s.recent.set(app.History{}, s.waits, s.ui.t("Reading the history\u2026"))
	s.content.Refresh()
}

// explain shows why the balance of the purse is believed.
func (s *overviewScreen) explain() {
	b, p := s.ui.session.backend, s.ui.session.purse
	attempt(s.evidence, s.ui.t("Looking at every reason\u2026"), func(ctx context.Context) (app.Evidence, error) { return b.BalanceEvidence(ctx, p) },
		func(e app.Evidence) {
			if s.purse != p {
				return
			}
			s.reasons.set(&e)
			s.reasons.whole.SetText(s.ui.session.title(p.Chain) + ": " + s.ui.texts.Whole(&e))
			s.scroll.Content.Refresh()
			s.content.Refresh()
		})
}

func (s *overviewScreen) show(f overviewFacts, err error) {
	if err != nil {
		s.trouble.unanswered(err)
		return
	}
	s.trouble.answered()
	o := s.ui.texts.Overview(f.balances, s.ui.session.chains)
	s.total.Text = o.Total
	s.under.SetText(o.Under)
	for len(s.holds) < len(o.Holds) {
		row := newHoldRow(s.ui)
		s.holds = append(s.holds, row)
	}
	s.holdList.Objects = s.holdList.Objects[:0]
	for i, h := range o.Holds {
		s.holds[i].set(h)
		s.holdList.Objects = append(s.holdList.Objects, s.holds[i])
	}
	s.facts = f
	s.showPayments()
	s.waits.ask(s.purse, f.recent.Rows, s.showPayments)
}

// showPayments shows what is pending and what happened last.
func (s *overviewScreen) showPayments() {
	f := &s.facts
	s.pending.set(f.pending, s.waits, "")
	s.pending.add(s.ui.settle.journeys(&f.settled))
	over := f.recent
	over.Rows = slices.DeleteFunc(slices.Clone(over.Rows), func(r app.Row) bool { return r.Status == "pending" }) // those stand above
	show(s.recent.panel, len(over.Rows) > 0 || len(f.recent.Rows) == 0)
	s.recent.set(over, s.waits, s.ui.t("Nothing was paid yet. Receive shows an address to be paid at."))
	show(s.pending.panel, len(s.pending.list.Objects) > 0)
	s.scroll.Content.Refresh()
	s.content.Refresh()
}

// paymentCard lists a few payments.
type paymentCard struct {
	ui    *UI
	panel *panel
	list  *fyne.Container
	rows  []*paymentRow
	moves []*underwayRow
	none  *widget.Label
}

func newPaymentCard(u *UI, title string) *paymentCard {
	c := &paymentCard{ui: u, list: container.New(&column{gap: 4}), none: body("")}
	c.panel = newPanel(stack(0, strong(title), c.none, c.list))
	return c
}

func (c *paymentCard) set(h app.History, w *waits, none string) {
	for len(c.rows) < len(h.Rows) {
		c.rows = append(c.rows, newPaymentRow())
	}
	c.list.Objects = c.list.Objects[:0]
	for i, r := range h.Rows {
		c.rows[i].set(c.ui.texts.PaymentLine(&r, w.of(r.ID), h.Unit))
		c.rows[i].onPress = func() { c.ui.frame.open(activityAt); c.ui.activity.open(r.ID) }
		c.list.Objects = append(c.list.Objects, c.rows[i])
	}
	setText(c.none, none)
	show(c.none, len(h.Rows) == 0 && none != "")
}

// add adds what is on its way between chains and not over.
func (c *paymentCard) add(all []underway) {
	for i := range all[:min(len(all), underwayShown)] {
		if all[i].Over {
			return // what follows is, too
		}
		for len(c.moves) <= i {
			c.moves = append(c.moves, newUnderwayRow(c.ui))
		}
		c.moves[i].set(&all[i].Journey)
		c.list.Objects = append(c.list.Objects, c.moves[i])
	}
}

// fitText makes a text smaller where it has too little room.
type fitText struct{ text *canvas.Text }

func newFitText(t *canvas.Text) *fyne.Container { return container.New(&fitText{t}, t) }

// Layout implements fyne.Layout.
func (f *fitText) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	f.text.Color = themed(base.ColorNameForeground)
	f.text.TextSize = totalSize
	if need := f.text.MinSize().Width; need > size.Width && need > 0 {
		f.text.TextSize = max(14, totalSize*size.Width/need)
	}
	f.text.Move(fyne.NewPos(0, 0))
	f.text.Resize(size)
	f.text.Refresh()
}

// MinSize implements fyne.Layout.
func (f *fitText) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(40, 36) }

package ui

import (
	"context"
	"io"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/ui/present"
)

// activityScreen lists the payments of a purse and shows one of them. However many there
// are, only the pages that were looked at are fetched.
type activityScreen struct {
	ui      *UI
	content *fyne.Container
	gate    *gate
	bar     *purseBar
	page    *fyne.Container // the list with its head
	detail  *paymentPage
	pages   *fyne.Container

	only     *choice
	search   *field
	count    *widget.Label
	list     *list
	empty    *widget.Label
	progress *progress
	waits    *waits

	query   app.HistoryQuery
	rows    map[int][]app.Row // by page
	asked   map[int]func()    // what is on its way, by page
	total   int
	unit    app.Unit
	purse   app.Purse
	asking  inquiry // for the first page
	version int     // of the query: answers to older ones are dropped
}

// pageRows is how many payments are fetched at once, and keptPages how many pages are kept.
const (
	pageRows  = 100
	keptPages = 30
)

func newActivityScreen(u *UI) *activityScreen {
	s := &activityScreen{ui: u, bar: newPurseBar(u), count: caption(""), empty: body(""), rows: map[int][]app.Row{}, waits: newWaits(u),
		asked: map[int]func(){}}
	filters := u.texts.Filters()
	var names []string
	for _, f := range filters {
		names = append(names, f.Text)
	}
	s.only = newChoice(names, nil)
	s.only.SetSelectedIndex(0)
	s.only.OnChanged = func(string) { s.query.Only = filters[max(0, s.only.SelectedIndex())].Value; s.restart() }
	s.search = newField(u, u.t("label, address or id"), func(text string) { s.query.Search = text; s.restart() })
	export := newIconButton(u, "CSV", base.DocumentSaveIcon(), s.export)
	s.list = newList(func() int { return s.total }, func() fyne.CanvasObject { return newPaymentRow() }, s.update)
	s.list.OnSelected = func(id widget.ListItemID) {
		s.list.Unselect(id)
		if row := s.row(id); row != nil {
			s.open(row.ID)
		}
	}
	s.progress = newProgress(u, func() { s.relayout() })
	tools := container.New(&beside{wide: 560, first: 320, gap: 4}, s.search, newTiles(s.only, export))
	head := stack(4, s.bar.content, heading(u.t("Activity")), inset(tools), s.count, s.progress.content, s.empty)
	s.page = container.New(&headed{}, head, s.list)
	s.detail = newPaymentPage(u, s.closeDetail)
	s.detail.content.Hide()
	s.pages = newFill(s.page, s.detail.content)
	s.gate = newGate(u, s.pages)
	s.content = s.gate.content
	return s
}

func (s *activityScreen) object() fyne.CanvasObject { return s.content }

func (s *activityScreen) relayout() { s.page.Refresh() }

func (s *activityScreen) back() {
	if s.detail.content.Visible() {
		s.detail.back()
	}
}

func (s *activityScreen) refresh(c change) {
	s.bar.refresh()
	if !s.gate.refresh() {
		return
	}
	if s.purse != s.ui.session.purse {
		s.purse = s.ui.session.purse
		s.closeDetail()
		s.list.ScrollToTop()
		s.rows, s.total = map[int][]app.Row{}, 0
		setText(s.count, "")
		s.asking.drop()
	}
	if c&(moneyChanged|walletsChanged) != 0 || len(s.rows) > 0 && c&syncChanged != 0 {
		s.asking.renew(s.restart) // depths change with every block
	}
	if s.detail.content.Visible() {
		s.detail.refresh()
	}
}

// restart asks for the pages in sight anew; what is shown stays until the answer is there.
func (s *activityScreen) restart() {
	s.version++
	for page, stop := range s.asked {
		stop()
		delete(s.asked, page)
	}
	s.asking.drop()
	b, p, q := s.ui.session.backend, s.ui.session.purse, s.query
	if b == nil || p.Wallet == "" {
		return
	}
	if s.total == 0 {
		setText(s.empty, s.ui.t("Reading the history\u2026"))
		s.relayout()
	}
	q.Count = pageRows
	ask(s.ui, &s.asking, paused(s.ui, func(ctx context.Context) (app.History, error) { return b.History(ctx, p, q) }),
		func(h app.History, err error) {
			if err != nil {
				setText(s.empty, "")
				s.progress.unanswered(err)
				return
			}
			s.progress.answered()
			s.rows = map[int][]app.Row{0: h.Rows}
			s.total, s.unit = h.Total, h.Unit
			setText(s.count, s.ui.texts.Count(h.Total))
			s.say()
			s.list.Refresh()
			s.relayout()
			s.waits.ask(p, h.Rows, s.list.Refresh)
		})
}

// say explains an empty list.
func (s *activityScreen) say() {
	switch {
	case s.total > 0:
		setText(s.empty, "")
	case s.query.Only == "" && s.query.Search == "":
		setText(s.empty, s.ui.t("Nothing was paid yet. Receive shows an address to be paid at."))
	default:
		setText(s.empty, s.ui.t("No payment is like that. Choose All and empty the search to see every one."))
	}
}

// row returns a payment if its page is there.
func (s *activityScreen) row(id int) *app.Row {
	page := s.rows[id/pageRows]
	if i := id % pageRows; i < len(page) {
		return &page[i]
	}
	return nil
}

// update fills a line of the list.
func (s *activityScreen) update(id widget.ListItemID, o fyne.CanvasObject) {
	line := o.(*paymentRow)
	row := s.row(id)
	if row == nil {
		line.set(present.PaymentLine{Who: "\u2026", Sure: -1})
		s.fetch(id / pageRows)
		return
	}
	line.set(s.ui.texts.PaymentLine(row, s.waits.of(row.ID), s.unit))
	line.onPress = func() { s.open(row.ID) }
}

// fetch asks for a page that came in sight.
func (s *activityScreen) fetch(page int) {
	if s.asked[page] != nil {
		return
	}
	b, p, q, version := s.ui.session.backend, s.purse, s.query, s.version
	q.From, q.Count = page*pageRows, pageRows
	s.asked[page] = run(s.ui, func(ctx context.Context) (app.History, error) { return b.History(ctx, p, q) },
		func(h app.History, err error) {
			if version != s.version {
				return
			}
			delete(s.asked, page)
			if err != nil {
				s.progress.unanswered(err)
				return
			}
			for other := range s.rows {
				if len(s.rows) >= keptPages && other != page {
					delete(s.rows, other)
				}
			}
			s.rows[page] = h.Rows
			if h.Total != s.total {
				s.restart()
				return
			}
			s.list.Refresh()
			s.waits.ask(p, h.Rows, s.list.Refresh)
		})
}

// open shows one payment.
func (s *activityScreen) open(id spv.Hash) {
	show(s.page, false)
	show(s.detail.content, true)
	s.detail.open(id)
}

func (s *activityScreen) closeDetail() {
	show(s.detail.content, false)
	show(s.page, true)
}

// export writes what the filter takes as CSV.
func (s *activityScreen) export() {
	b, p, q := s.ui.session.backend, s.ui.session.purse, s.query
	s.ui.saveFile(p.Wallet+"-"+p.Chain+".csv", s.progress, s.ui.t("Writing the history\u2026"),
		func(ctx context.Context, w io.Writer) error {
			table, err := b.ExportHistory(ctx, p, q)
			if err != nil {
				return err
			}
			_, err = w.Write(table)
			return err
		})
}

// headed lays a head over what takes the rest of the page.
type headed struct{}

// leastList is the height that a list wants at least.
const leastList = 120

// listMost is how wide a list gets: beyond it the eye loses the line.
const listMost = 960

// Layout implements fyne.Layout.
func (headed) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	width := min(size.Width-2*gap, listMost)
	x := (size.Width - width) / 2
	h := fit(objects[0], width)
	objects[0].Move(fyne.NewPos(x, gap))
	put(objects[1], x, h+gap+4, width, max(0, size.Height-h-gap-4))
}

// MinSize implements fyne.Layout.
func (headed) MinSize(objects []fyne.CanvasObject) fyne.Size {
	head := objects[0].MinSize()
	return fyne.NewSize(head.Width+2*gap, head.Height+gap+4+leastList)
}

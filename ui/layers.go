package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/ui/present"
)

// layersScreen shows the stacks as strata and, beside or instead of them, everything about
// the chain that was chosen.
type layersScreen struct {
	ui      *UI
	content *fyne.Container
	layout  *masterDetail
	rows    map[string]*stratumRow // by chain

	list     *fyne.Container
	groups   []stackGroup
	own      *widget.Label // above the stack that is followed
	followed string        // L1 of that stack; empty: none is

	title, sentence *widget.Label
	returns         *button
	cards           []*sectionCard
	sections        *fyne.Container
	detail          *fyne.Container
	sync            *sectionCard // how far the chain is, if it is followed
	work            *workCards   // and the work behind it
	chain           string       // whose page is shown
	scroll          *container.Scroll
}

// stackGroup is the stacks of one kind of network.
type stackGroup struct {
	title *widget.Label
	names []string // of the L1s
	cards []fyne.CanvasObject
}

// sectionCard is a card of a chain's page; cards are reused from chain to chain.
type sectionCard struct {
	panel *panel
	title *widget.Label
	rows  *rows
}

func newSectionCard() *sectionCard {
	c := &sectionCard{title: strong(""), rows: newRows()}
	c.panel = newPanel(stack(0, c.title, c.rows.box))
	return c
}

func (c *sectionCard) set(s present.Section) {
	c.title.SetText(s.Title)
	c.rows.set(s.Rows)
}

func newLayersScreen(u *UI) *layersScreen {
	s := &layersScreen{ui: u, rows: map[string]*stratumRow{}, layout: &masterDetail{wide: 700, list: 330, most: 330 + pageMost}}
	list, _ := scrolled(s.newList())
	s.content = container.New(s.layout, list, s.newDetail())
	stacks := u.rules.Stacks()
	if s.layout.alone = len(stacks) == 0; !s.layout.alone {
		s.fill(stacks[0].L1.Name) // so that a wide window has no empty half
	}
	return s
}

func (s *layersScreen) object() fyne.CanvasObject { return s.content }

// newList builds the stacks; arrange lays them out.
func (s *layersScreen) newList() fyne.CanvasObject {
	s.list = stack(0)
	for _, g := range s.ui.texts.Groups(s.ui.rules.Stacks()) {
		group := stackGroup{title: strong(g.Title)}
		for _, st := range g.Stacks {
			group.names = append(group.names, st.Strata[len(st.Strata)-1].Name)
			group.cards = append(group.cards, newPanel(s.newStack(st)))
		}
		s.groups = append(s.groups, group)
	}
	s.own = strong(s.ui.t("Followed here"))
	s.arrange("")
	return s.list
}

// arrange puts the stack that is followed first.
func (s *layersScreen) arrange(followed string) {
	s.followed = followed
	s.list.Objects = []fyne.CanvasObject{heading(s.ui.t("Layers"))}
	if len(s.groups) == 0 {
		s.list.Objects = append(s.list.Objects, body(s.ui.t("No chain is known. Chains come with the program and from your own chain files.")))
		return
	}
	s.list.Objects = append(s.list.Objects, caption(s.ui.t("Each chain lies on the one whose work it shares.")))
	var others []fyne.CanvasObject
	for _, g := range s.groups {
		var cards []fyne.CanvasObject
		for i, card := range g.cards {
			if g.names[i] == followed {
				s.list.Objects = append(s.list.Objects, s.own, card)
			} else {
				cards = append(cards, card)
			}
		}
		if len(cards) > 0 {
			others = append(others, g.title, stack(gap, cards...))
		}
	}
	s.list.Objects = append(s.list.Objects, others...)
	s.list.Refresh()
}

func (s *layersScreen) newStack(st present.Stack) fyne.CanvasObject {
	var strata []fyne.CanvasObject
	for _, stratum := range st.Strata {
		row := newStratumRow(stratum, func() { s.open(stratum.Name) })
		s.rows[stratum.Name] = row
		strata = append(strata, row)
	}
	return stack(2, strata...)
}

func (s *layersScreen) newDetail() fyne.CanvasObject {
	s.title, s.sentence = heading(""), body("")
	s.returns = newIconButton(s.ui, s.ui.t("All layers"), base.NavigateBackIcon(), s.back)
	s.returns.Alignment = widget.ButtonAlignLeading
	s.sections = container.New(&column{gap: gap})
	returns := container.NewHBox(s.returns)
	s.layout.narrowOnly = returns
	s.sync = newSectionCard()
	s.sync.panel.Hide()
	s.work = newWorkCards(s.ui, func() { s.detail.Refresh(); s.scroll.Refresh() })
	s.detail = container.New(&column{gap: gap, most: pageMost}, returns, stack(0, s.title, s.sentence), s.work.content, s.sync.panel, s.sections)
	page, scroll := scrolled(s.detail)
	s.scroll = scroll
	return page
}

// open shows a chain's page.
func (s *layersScreen) open(name string) {
	s.fill(name)
	s.layout.detailOpen = true
	s.scroll.ScrollToTop()
	s.relayout()
}

// back returns to the list where there is no room for both.
func (s *layersScreen) back() {
	s.layout.detailOpen = false
	s.relayout()
}

func (s *layersScreen) relayout() {
	s.layout.Layout(s.content.Objects, s.content.Size())
	s.content.Refresh()
}

// refresh shows how far the chains are, and what is measured of the one that is open.
func (s *layersScreen) refresh(change) {
	session := &s.ui.session
	if l1 := s.ui.program.Config().Stack; l1 != s.followed && len(session.chains) > 0 {
		s.arrange(l1)
		if session.chain(s.chain) == nil && !s.layout.detailOpen {
			s.fill(session.purse.Chain)
			return
		}
	}
	for name, row := range s.rows {
		height := ""
		if state := session.chain(name); state != nil {
			height = s.ui.texts.Height(state)
		}
		row.setHeight(height)
	}
	state := session.chain(s.chain)
	if state != nil {
		s.sync.set(s.ui.texts.Sync(state))
	}
	show(s.sync.panel, state != nil)
	s.work.refresh(s.chain)
	s.list.Refresh()
	s.detail.Refresh()
}

// fill puts a chain's parameters into the cards.
func (s *layersScreen) fill(name string) {
	s.chain = name
	s.refresh(syncChanged)
	for other, row := range s.rows {
		row.selectIt(other == name)
	}
	p, err := s.ui.rules.Chain(name)
	if err != nil {
		s.title.SetText(name)
		s.sentence.SetText(err.Error())
		s.sections.Objects = nil
		return
	}
	page := s.ui.texts.Chain(p)
	s.title.SetText(page.Title)
	s.sentence.SetText(page.Sentence)
	for len(s.cards) < len(page.Sections) {
		s.cards = append(s.cards, newSectionCard())
	}
	s.sections.Objects = s.sections.Objects[:0]
	for i, section := range page.Sections {
		s.cards[i].set(section)
		s.sections.Objects = append(s.sections.Objects, s.cards[i].panel)
	}
}

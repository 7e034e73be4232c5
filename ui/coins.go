package ui

import (
	"context"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/ui/present"
)

// coinsScreen lists the coins of a purse: choose, freeze, tag, spend, combine and split.
type coinsScreen struct {
	ui      *UI
	content *fyne.Container
	gate    *gate
	bar     *purseBar
	page    *fyne.Container
	combine *combinePage
	split   *splitPage

	list     *list
	count    *widget.Label
	empty    *widget.Label
	every    *check
	freeze   *button
	thaw     *button
	spend    *button
	tag      *button
	joins    *button // opens combine
	splits   *button // opens split
	tags     *field
	progress *progress

	coins  []app.Coin
	sum    int64
	unit   app.Unit
	chosen map[string]bool // by outpoint
	purse  app.Purse
	asking inquiry
}

func newCoinsScreen(u *UI) *coinsScreen {
	s := &coinsScreen{ui: u, bar: newPurseBar(u), count: caption(""), empty: body(""), chosen: map[string]bool{}}
	s.list = newList(func() int { return len(s.coins) }, func() fyne.CanvasObject { return newCoinRow() }, s.update)
	s.list.OnSelected = func(id widget.ListItemID) { // Enter or space on the list
		s.list.Unselect(id)
		s.choose(id, !s.chosen[s.coins[id].Outpoint])
	}
	s.every = newCheck(u.t("All"), func(on bool) { s.chooseAll(on) })
	s.freeze = newButton(u, u.t("Freeze"), func() { s.setFrozen(true) })
	s.thaw = newButton(u, u.t("Thaw"), func() { s.setFrozen(false) })
	s.spend = newButton(u, u.t("Spend these"), func() { u.frame.open(sendAt); u.send.spend(s.outpoints()) })
	s.tag = newButton(u, u.t("Tag"), s.setTags)
	s.tags = newField(u, u.t("tags, with commas"), nil)
	s.tags.OnSubmitted = func(string) { s.setTags() }
	s.progress = newProgress(u, func() { s.page.Refresh() })
	s.joins = newButton(u, u.t("Combine"), func() { s.openPage(s.combine.content); s.combine.open() })
	s.splits = newButton(u, u.t("Split"), func() { s.openPage(s.split.content); s.split.open(s.outpoints()) })
	tags := container.NewBorder(nil, nil, nil, s.tag, s.tags)
	head := stack(4, s.bar.content, heading(u.t("Coins")), s.count, inset(newTiles(s.freeze, s.thaw, s.spend, s.joins, s.splits)),
		inset(tags),
		inset(s.every), s.progress.content, s.empty)
	s.page = container.New(&headed{}, head, s.list)
	s.combine, s.split = newCombinePage(u, s.closePages), newSplitPage(u, s.closePages)
	s.gate = newGate(u, newFill(s.page, s.combine.content, s.split.content))
	s.content = s.gate.content
	s.closePages()
	s.offer()
	return s
}

func (s *coinsScreen) object() fyne.CanvasObject { return s.content }

func (s *coinsScreen) back() {
	switch {
	case s.combine.content.Visible():
		s.combine.back()
	case s.split.content.Visible():
		s.split.back()
	}
}

func (s *coinsScreen) openPage(o fyne.CanvasObject) {
	show(s.page, false)
	show(o, true)
}

func (s *coinsScreen) closePages() {
	show(s.combine.content, false)
	show(s.split.content, false)
	show(s.page, true)
}

func (s *coinsScreen) refresh(c change) {
	s.bar.refresh()
	if !s.gate.refresh() {
		return
	}
	if s.purse != s.ui.session.purse {
		s.purse = s.ui.session.purse
		s.asking.drop()
		s.coins, s.chosen = nil, map[string]bool{}
		setText(s.count, "")
		s.offer()
		s.list.Refresh()
		s.closePages()
		s.list.ScrollToTop()
	}
	s.load()
	if c&moneyChanged != 0 {
		s.combine.renew()
		s.split.renew()
	}
}

// load has the coins asked for anew.
func (s *coinsScreen) load() { s.asking.renew(s.ask) }

// ask asks for the coins; what is shown stays until the answer is there.
func (s *coinsScreen) ask() {
	if s.coins == nil {
		setText(s.empty, s.ui.t("Reading the coins\u2026"))
		s.page.Refresh()
	}
	b, p := s.ui.session.backend, s.purse
	if b == nil {
		return
	}
	ask(s.ui, &s.asking, func(ctx context.Context) (app.CoinList, error) {
		l, err := b.ListCoins(ctx, p, app.CoinFilter{})
		l.Coins = slimmed(l.Coins)
		return l, err
	}, func(l app.CoinList, err error) {
		if err != nil {
			setText(s.empty, "")
			s.progress.unanswered(err)
			return
		}
		s.progress.answered()
		s.coins, s.sum, s.unit = l.Coins, l.Sum, l.Unit
		there := map[string]bool{}
		for _, c := range l.Coins {
			if s.chosen[c.Outpoint] {
				there[c.Outpoint] = true
			}
		}
		s.chosen = there
		setText(s.empty, "")
		if len(l.Coins) == 0 {
			setText(s.empty, s.ui.t("No coin yet. Each payment that comes in is a coin of its own."))
		}
		s.chosenChanged()
		if len(s.coins) >= manyCoins { // the list before this one takes as much memory
			run(s.ui, does(func(context.Context) error { s.ui.free(); return nil }), func(nothing, error) {})
		}
	})
}

// manyCoins is from how many coins on their memory counts.
const manyCoins = 10_000

// slimmed returns coins without what is not shown, in no more memory than they take.
func slimmed(coins []app.Coin) []app.Coin {
	for i := range coins {
		coins[i].Script, coins[i].Path, coins[i].Block = "", "", nil
	}
	return slices.Clone(coins)
}

// outpoints returns what is chosen, in the order of the list.
func (s *coinsScreen) outpoints() (out []string) {
	for _, c := range s.coins {
		if s.chosen[c.Outpoint] {
			out = append(out, c.Outpoint)
		}
	}
	return out
}

func (s *coinsScreen) update(id widget.ListItemID, o fyne.CanvasObject) {
	c := &s.coins[id]
	o.(*coinRow).set(s.ui.texts.CoinLine(c, s.unit), s.chosen[c.Outpoint], func(on bool) { s.choose(id, on) })
}

func (s *coinsScreen) choose(id int, on bool) {
	if id >= len(s.coins) {
		return
	}
	if on {
		s.chosen[s.coins[id].Outpoint] = true
	} else {
		delete(s.chosen, s.coins[id].Outpoint)
	}
	s.chosenChanged()
}

func (s *coinsScreen) chooseAll(on bool) {
	s.chosen = map[string]bool{}
	if on {
		for _, c := range s.coins {
			s.chosen[c.Outpoint] = true
		}
	}
	s.chosenChanged()
}

// chosenChanged says what is chosen and offers what can be done with it.
func (s *coinsScreen) chosenChanged() {
	sum := int64(0)
	for _, c := range s.coins {
		if s.chosen[c.Outpoint] {
			sum += c.Value
		}
	}
	setText(s.count, s.ui.texts.Chosen(len(s.chosen), sum, len(s.coins), s.sum, s.unit))
	s.offer()
	s.list.Refresh()
	s.page.Refresh()
}

// offer lets do what there is something chosen for.
func (s *coinsScreen) offer() {
	for _, button := range []*button{s.freeze, s.thaw, s.spend, s.tag} {
		if len(s.chosen) > 0 {
			button.Enable()
		} else {
			button.Disable()
		}
	}
	for _, button := range []*button{s.joins, s.splits} { // a wallet without keys signs no such row of payments
		if w := s.ui.session.wallet(); w != nil && w.WatchOnly {
			button.Disable()
		} else {
			button.Enable()
		}
	}
}

func (s *coinsScreen) setFrozen(on bool) {
	b, p, coins := s.ui.session.backend, s.purse, s.outpoints()
	attempt(s.progress, s.ui.t("Keeping it\u2026"), does(func(ctx context.Context) error {
		return b.Freeze(ctx, p,
			coins, on)
	}), func(nothing) { s.load() })
}

func (s *coinsScreen) setTags() {
	if len(s.chosen) == 0 {
		return
	}
	b, p, coins, tags := s.ui.session.backend, s.purse, s.outpoints(), present.SplitTags(s.tags.Text)
	attempt(s.progress, s.ui.t("Keeping it\u2026"), does(func(ctx context.Context) error {
		return b.TagCoins(ctx, p,
			coins, tags)
	}), func(nothing) {
		s.tags.SetText("")
		s.load()
	})
}

// coinRow is a coin in the list.
type coinRow struct {
	widget.BaseWidget
	check               *check
	value, where, state *widget.Label
	onChoose            func(bool)
	setting             bool
}

func newCoinRow() *coinRow {
	r := &coinRow{value: strong(""), where: body(""), state: caption("")}
	r.check = newCheck("", func(on bool) {
		if !r.setting && r.onChoose != nil {
			r.onChoose(on)
		}
	})
	for _, l := range []*widget.Label{r.value, r.where, r.state} {
		l.Wrapping, l.Truncation = fyne.TextWrapOff, fyne.TextTruncateEllipsis
	}
	r.value.Alignment, r.value.Truncation = fyne.TextAlignTrailing, fyne.TextTruncateOff
	r.ExtendBaseWidget(r)
	return r
}

func (r *coinRow) set(l present.CoinLine, chosen bool, onChoose func(bool)) {
	r.onChoose = onChoose
	r.setting = true
	r.check.SetChecked(chosen)
	r.setting = false
	r.value.SetText(l.Value)
	r.where.SetText(l.Where)
	r.state.SetText(l.State)
	r.Refresh()
}

// CreateRenderer implements fyne.Widget.
func (r *coinRow) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(container.New(&coinLayout{}, r.check, r.where, r.value, r.state))
}

// coinLayout places the check, the address, the value and, below, the state.
type coinLayout struct{}

// Layout implements fyne.Layout.
func (coinLayout) Layout(o []fyne.CanvasObject, size fyne.Size) {
	put(o[0], 0, (size.Height-32)/2, 32, 32)
	value := min(o[2].MinSize().Width, size.Width-28)
	put(o[2], size.Width-value, -2, value, 36)
	put(o[1], 28, -2, max(0, size.Width-28-value), 36)
	put(o[3], 28, 20, size.Width-28, 32)
}

// MinSize implements fyne.Layout.
func (coinLayout) MinSize(o []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(28+o[2].MinSize().Width, paymentHeight)
}

package ui

import (
	"context"
	"io"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/ui/present"
)

// settleScreen moves money between chains: what is under way, and the forms that begin it.
type settleScreen struct {
	ui      *UI
	content *fyne.Container
	gate    *gate
	bar     *purseBar
	home    *fyne.Container
	pages   []fyne.CanvasObject // home first; one is seen
	at      fyne.CanvasObject

	begin    *fyne.Container
	state    *widget.Label // there is nothing to show yet, or why not
	list     *fyne.Container
	cards    []*journeyCard
	more     *button
	progress *progress

	deposit  *depositPage
	withdraw *withdrawPage
	swap     *swapPage
	rescue   *rescuePage
	review   *review
	funding  *fundingPage

	facts  settleFacts
	shown  int // journeys that are shown at most
	wallet string
	asking inquiry
}

// settleFacts is what is asked of a wallet.
type settleFacts struct {
	pegs        []app.Peg
	lacking     []string // layers of others, that the wallet has no account on or not on their L1
	deposits    []app.Deposit
	withdrawals []app.Withdrawal
	swaps       []app.Swap
}

// journeysShown is how many journeys are shown, and how many more on request.
const journeysShown = 20

func newSettleScreen(u *UI) *settleScreen {
	s := &settleScreen{ui: u, bar: newPurseBar(u), state: body(""), list: container.New(&column{gap: gap}), shown: journeysShown}
	s.progress = newProgress(u, func() { s.relayout() })
	s.deposit, s.withdraw, s.swap = newDepositPage(s), newWithdrawPage(s), newSwapPage(s)
	s.rescue, s.review, s.funding = newRescuePage(s), newReview(u), newFundingPage(s)
	s.begin = newTiles(
		newButton(u, u.t("Deposit to a layer"), func() { s.open(s.deposit.content); s.deposit.open() }),
		newButton(u, u.t("Withdraw to the L1"), func() { s.open(s.withdraw.content); s.withdraw.open() }),
		newButton(u, u.t("Swap with somebody"), func() { s.open(s.swap.content); s.swap.open() }),
		newButton(u, u.t("Help a swap on"), func() { s.open(s.rescue.content); s.rescue.open() }))
	s.more = newButton(u, u.t("Show more"), func() { s.shown += journeysShown; s.fill() })
	s.home, _ = scrolled(container.New(&column{gap: gap, most: pageMost}, s.bar.content, stack(-overlap, heading(u.t("Settle")),
		caption(u.t("Money moves between the chains of a stack, and is swapped with others."))), inset(s.begin), s.progress.content,
		s.state, s.list, inset(s.more)))
	s.pages = []fyne.CanvasObject{s.home, s.deposit.content, s.withdraw.content, s.swap.content, s.rescue.content,
		s.review.content, s.funding.content}
	s.gate = newGate(u, newFill(s.pages...))
	s.content = s.gate.content
	s.open(s.home)
	s.fill()
	return s
}

func (s *settleScreen) object() fyne.CanvasObject { return s.content }

func (s *settleScreen) relayout() {
	if s.home != nil {
		s.home.Refresh()
	}
}

// open shows one of the pages.
func (s *settleScreen) open(page fyne.CanvasObject) {
	if s.at == s.rescue.content && page != s.at {
		s.rescue.clear()
	}
	s.at = page
	for _, p := range s.pages {
		show(p, p == page)
	}
}

func (s *settleScreen) back() {
	switch s.at {
	case s.home:
	case s.review.content:
		s.review.leave()
	case s.funding.content:
		s.funding.leave()
	default:
		s.leave()
	}
}

// leave goes back to what is under way.
func (s *settleScreen) leave() {
	s.open(s.home)
	s.ask()
}

// settlement returns what settles; nil if nothing open does.
func (s *settleScreen) settlement() app.Settlement {
	b, ok := s.ui.session.backend.(app.Settlement)
	if !ok {
		return nil
	}
	return b
}

func (s *settleScreen) refresh(change) {
	s.bar.refresh()
	if !s.gate.refresh() {
		return
	}
	if w := s.ui.session.purse.Wallet; w != s.wallet {
		s.asking.drop()
		s.wallet, s.facts, s.shown = w, settleFacts{}, journeysShown
		s.open(s.home)
		s.progress.clear()
		s.say(s.ui.t("Reading what is under way\u2026"))
		s.fill()
	}
	if s.at == s.home { // what is being typed or read must not change under the reader's eyes
		s.ask()
	}
}

// ask has asked what is under way.
func (s *settleScreen) ask() { s.asking.renew(s.read) }

// read asks what is under way; what is shown stays until the answer is there.
func (s *settleScreen) read() {
	b, wallet := s.settlement(), s.wallet
	w := s.ui.session.wallet()
	watches := w != nil && w.WatchOnly
	show(s.begin, b != nil && !watches)
	if watches {
		s.say(s.ui.t("This wallet only watches: its keys are elsewhere. Deposits, withdrawals and swaps sign as they go on, and take a wallet with its keys."))
		return
	}
	if b == nil {
		s.say(s.ui.t("Moving money between chains is not available here yet."))
		return
	}
	var has []string
	if w != nil {
		has = w.Chains
	}
	ask(s.ui, &s.asking, func(ctx context.Context) (settleFacts, error) { return askSettled(ctx, b, wallet, has) },
		func(f settleFacts, err error) {
			if err != nil {
				s.say("")
				s.progress.unanswered(err)
				return
			}
			s.progress.answered()
			s.facts = f
			setText(s.state, "")
			if len(f.deposits)+len(f.withdrawals)+len(f.swaps) == 0 {
				setText(s.state, s.ui.t("Nothing is under way. A deposit brings money of the L1 to a layer, a withdrawal brings it back, a swap changes it with somebody else."))
			}
			s.fill()
		})
}

// askSettled asks for all that a wallet has under way, between the chains that it has.
func askSettled(ctx context.Context, b app.Settlement, wallet string, has []string) (f settleFacts, err error) {
	if f.pegs, err = b.Pegs(ctx); err != nil {
		return f, err
	}
	f.pegs = slices.DeleteFunc(f.pegs, func(p app.Peg) bool {
		lacks := !slices.Contains(has, p.Layer) || !slices.Contains(has, p.L1)
		if lacks {
			f.lacking = append(f.lacking, p.Layer)
		}
		return lacks
	})
	for _, p := range f.pegs {
		deposits, err := b.Deposits(ctx, wallet, p.Layer)
		if err != nil {
			return f, err
		}
		// What was planned and not sent is no money on its way.
		f.deposits = append(f.deposits, slices.DeleteFunc(deposits, func(d app.Deposit) bool { return d.Phase == "planned" })...)
		withdrawals, err := b.Withdrawals(ctx, wallet, p.Layer)
		if err != nil {
			return f, err
		}
		f.withdrawals = append(f.withdrawals, withdrawals...)
	}
	f.swaps, err = b.Swaps(ctx, wallet)
	return f, err
}

func (s *settleScreen) say(text string) {
	setText(s.state, text)
	s.relayout()
}

// noLayer says why there is no layer to choose.
func (s *settleScreen) noLayer() string {
	if len(s.facts.lacking) == 0 {
		return s.ui.t("No layer of this stack holds money of its L1.")
	}
	return s.ui.t("The wallet has no account on {{.Layer}} and its L1 both. Settings, Use more chains, gives it what it lacks.",
		map[string]any{"Layer": s.ui.session.title(s.facts.lacking[0])})
}

// unitOf returns the unit of a chain that is followed.
func (s *settleScreen) unitOf(chain string) app.Unit {
	if c := s.ui.session.chain(chain); c != nil {
		return c.Unit
	}
	return app.Unit{}
}

// peg returns a layer that takes deposits; nil if it is none.
func (s *settleScreen) peg(layer string) *app.Peg {
	for i := range s.facts.pegs {
		if s.facts.pegs[i].Layer == layer {
			return &s.facts.pegs[i]
		}
	}
	return nil
}

// underway is one journey with what it is about.
type underway struct {
	present.Journey
	deposit    *app.Deposit
	withdrawal *app.Withdrawal
	swap       *app.Swap
}

// journeys returns all that a wallet has: what is open before what is over, the newest first.
func (s *settleScreen) journeys(f *settleFacts) []underway {
	var all []underway
	x, title := s.ui.texts, s.ui.session.title
	for i := range f.swaps {
		w := &f.swaps[i]
		all = append(all, underway{Journey: x.Swap(w, s.unitOf, title), swap: w})
	}
	for i := range f.withdrawals {
		w := &f.withdrawals[i]
		all = append(all, underway{Journey: x.Withdrawal(w, s.unitOf(w.L1), title), withdrawal: w})
	}
	for i := range f.deposits {
		d := &f.deposits[i]
		all = append(all, underway{Journey: x.Deposit(d, s.unitOf(d.L1), s.unitOf(d.Layer), title), deposit: d})
	}
	slices.Reverse(all)
	slices.SortStableFunc(all, func(a, b underway) int {
		switch {
		case a.Over == b.Over:
			return 0
		case a.Over:
			return 1
		}
		return -1
	})
	return all
}

// fill puts what is under way into the cards, which are reused.
func (s *settleScreen) fill() {
	all := s.journeys(&s.facts)
	for len(s.cards) < min(len(all), s.shown) {
		s.cards = append(s.cards, newJourneyCard(s))
	}
	s.list.Objects = s.list.Objects[:0]
	for i := range min(len(all), s.shown) {
		s.cards[i].set(all[i])
		s.list.Objects = append(s.list.Objects, s.cards[i].panel)
	}
	show(s.more, len(all) > s.shown)
	s.relayout()
}

// agree shows a draft to be agreed to; back goes to the page that it came from.
func (s *settleScreen) agree(d app.SettleDraft, from fyne.CanvasObject) {
	u := s.ui
	arrives, fee := s.unitOf(d.Layer), s.unitOf(d.Layer)
	notes := ""
	switch d.For {
	case "withdrawal":
		arrives, fee = app.Unit{}, app.Unit{}
		if p := s.peg(d.Layer); p != nil {
			arrives, fee = p.L1Unit, p.L1Unit
		}
	case "swap":
		arrives = s.swap.arrives
	}
	if d.Custody != nil {
		notes = u.texts.Custody(d.Custody, u.session.title(d.Chain))
	}
	s.open(s.review.content)
	s.review.open(d.Draft, func() {
		if draft := d.ID; s.review.draft.ID == draft && from != s.home {
			s.open(from)
			return
		}
		s.leave()
	}, func(app.Sent) { from = s.home })
	s.review.settle(u.texts.SettleReview(&d, arrives, fee), notes, u.texts.SettleWord(&d))
	if d.Refunds {
		b := s.settlement()
		s.review.signs(func(ctx context.Context, r app.SendRequest) (app.Funding, error) { return b.SignFunding(ctx, r) },
			func(f app.Funding) { s.open(s.funding.content); s.funding.open(f) })
	}
}

// saveText asks where to write a text.
func (s *settleScreen) saveText(name, text string, p *progress) {
	s.ui.saveFile(name, p, s.ui.t("Writing it\u2026"), func(_ context.Context, to io.Writer) error {
		_, err := io.WriteString(to, text+"\n")
		return err
	})
}

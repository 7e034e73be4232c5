package ui

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
)

// splitPage makes many coins of few: how many or of what size, what it costs, then the
// review.
type splitPage struct {
	ui      *UI
	content *fyne.Container
	page    *fyne.Container
	review  *review

	count   *field
	amounts *field
	fee     *feeSlider
	from    *widget.Label
	planned *planned
	coins   []string
	draft   *app.Draft
	onBack  func()
	plans   inquiry
}

// mostCoins is how many coins are made at once.
const mostCoins = 1000

func newSplitPage(u *UI, onBack func()) *splitPage {
	p := &splitPage{ui: u, from: caption(""), onBack: onBack}
	p.count = newField(u, "", nil)
	p.count.Text, p.count.OnChanged = "2", func(string) { p.work() }
	p.amounts = newField(u, u.t("instead of a number: 0.1; 0.25; 0.5"), func(string) { p.work() })
	p.fee = newFeeSlider(u, p.work, func() { p.page.Refresh() })
	p.planned = newPlanned(u, newIconButton(u, u.t("Review the payment"), base.NavigateNextIcon(), p.openReview), func() { p.page.Refresh() })
	returns := newIconButton(u, u.t("All coins"), base.NavigateBackIcon(), p.back)
	form := newPanel(stack(gap/2, strong(u.t("Into what?")), asked(u.t("Equal coins, how many"), p.count),
		asked(u.t("Coins of these amounts"), p.amounts),
		p.fee.content, p.from))
	p.page, _ = scrolled(container.New(&column{gap: gap, most: pageMost}, container.NewHBox(returns), stack(0, heading(u.t("Split coins")),
		body(u.t("Coins of the right size pay without change, and several payments at once."))),
		container.New(&beside{wide: 760, first: 380, gap: gap}, form, p.planned.card())))
	p.review = newReview(u)
	p.review.content.Hide()
	p.content = newFill(p.page, p.review.content)
	return p
}

func (p *splitPage) back() {
	if p.review.content.Visible() {
		p.review.leave()
		return
	}
	p.onBack()
}

// open splits the coins that are chosen; without any, all.
func (p *splitPage) open(coins []string) {
	p.coins = coins
	p.closeReview()
	setText(p.from, p.ui.texts.From(len(coins)))
	p.fee.load(p.ui.session.purse.Chain)
	p.work()
}

// request returns what the form says.
func (p *splitPage) request() (r app.SplitRequest, err error) {
	r = app.SplitRequest{Coins: p.coins, Account: -1, Rate: p.fee.rate}
	if p.amounts.Text == "" {
		r.Count, err = strconv.Atoi(strings.TrimSpace(p.count.Text))
		if err != nil || r.Count < 2 || r.Count > mostCoins {
			return r, errors.New(p.ui.t("How many: a number from 2 to {{.Most}}.", map[string]any{"Most": mostCoins}))
		}
		return r, nil
	}
	for _, text := range strings.Split(p.amounts.Text, ";") {
		units, err := p.ui.texts.ParseAmount(text, p.ui.session.unit())
		if err != nil {
			return r, err
		}
		r.Amounts = append(r.Amounts, units)
	}
	return r, nil
}

// renew plans anew after news, if there is no plan: what is being read must not change under the reader's eyes.
func (p *splitPage) renew() {
	if p.page.Visible() && p.content.Visible() && p.draft == nil {
		p.plans.renew(p.work)
	}
}

// work plans anew, once the user pauses.
func (p *splitPage) work() {
	p.plans.drop()
	p.draft = nil
	r, err := p.request()
	if err != nil {
		p.planned.say(err.Error())
		return
	}
	p.planned.say(p.ui.t("Working it out\u2026"))
	b, in := p.ui.session.backend, p.ui.session.purse
	ask(p.ui, &p.plans, paused(p.ui, func(ctx context.Context) (app.Draft, error) { return b.Split(ctx, in, r) }), func(d app.Draft, err error) {
		if err != nil {
			p.planned.fail(err)
			return
		}
		p.draft = &d
		p.planned.show(p.ui.texts.Flow(&d), p.ui.texts.Cost(&d))
	})
}

func (p *splitPage) openReview() {
	if p.draft == nil {
		return
	}
	p.review.open(*p.draft, func() { p.closeReview(); p.onBack() }, nil)
	show(p.review.content, true)
	show(p.page, false)
}

func (p *splitPage) closeReview() {
	show(p.review.content, false)
	show(p.page, true)
}

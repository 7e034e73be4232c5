package ui

import (
	"context"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
)

// pegChoice chooses one of the layers whose money is the L1's.
type pegChoice struct {
	screen *settleScreen
	choice *choice
	pegs   []app.Peg
}

func newPegChoice(s *settleScreen, changed func()) *pegChoice {
	return &pegChoice{screen: s, choice: newChoice(nil, func(string) { changed() })}
}

// load offers the layers that are known.
func (c *pegChoice) load() {
	c.pegs = c.screen.facts.pegs
	var titles []string
	for _, p := range c.pegs {
		titles = append(titles, c.screen.ui.session.title(p.Layer))
	}
	c.choice.SetOptions(titles)
	if c.choice.SelectedIndex() < 0 && len(titles) > 0 {
		c.choice.SetSelectedIndex(0)
	}
}

// peg returns what is chosen; nil: nothing is.
func (c *pegChoice) peg() *app.Peg {
	if i := c.choice.SelectedIndex(); i >= 0 && i < len(c.pegs) {
		return &c.pegs[i]
	}
	return nil
}

// depositPage brings money of the L1 to a layer.
type depositPage struct {
	screen   *settleScreen
	content  *fyne.Container
	layer    *pegChoice
	amount   *field
	unit     *widget.Label
	all      *check
	fees     *choice
	back     *check
	facts    *rows
	custody  *widget.Label
	closed   *widget.Label
	fee      *feeSlider
	next     *button
	progress *progress
	ticket   *field // of somebody's deposit
	claim    *button
}

func newDepositPage(s *settleScreen) *depositPage {
	u := s.ui
	p := &depositPage{screen: s, unit: body(""), facts: newRows(), custody: body(""), closed: body("")}
	p.progress = newProgress(u, nil)
	p.layer = newPegChoice(s, p.chosen)
	p.amount = newField(u, "0.0", nil)
	p.unit.Wrapping, p.closed.Importance = fyne.TextWrapOff, widget.WarningImportance
	p.all = newCheck(u.t("All that is there"), func(on bool) {
		if on {
			p.amount.Disable()
			p.back.SetChecked(false)
			p.back.Disable()
		} else {
			p.amount.Enable()
			p.back.Enable()
		}
	})
	p.back = newCheck("", func(bool) { p.chosen() })
	p.fees = newChoice(nil, nil)
	p.fee = newFeeSlider(u, func() {}, func() { p.content.Refresh() })
	p.next = newIconButton(u, u.t("Review the deposit"), base.NavigateNextIcon(), p.draft)
	p.next.Importance = widget.HighImportance
	p.ticket = newArea(u, u.t("ticket of a deposit"), 2, nil)
	p.ticket.Wrapping = fyne.TextWrapBreak
	p.claim = newButton(u, u.t("Claim it for its owner"), p.claimTicket)
	form := newPanel(stack(gap/2, asked(u.t("To the layer"), p.layer.choice), p.closed, p.facts.box,
		asked(u.t("Amount"), container.NewBorder(nil, nil, nil, p.unit, p.amount)), inset(p.all),
		asked(u.t("The claim may cost at most"), p.fees),
		caption(u.t("The claim on the layer pays its own fee out of the deposit. When the layer is crowded, a higher limit is claimed sooner.")),
		wordyCheck(p.back, u.t("Can be taken back while the settlers have not taken it")), p.fee.content))
	trust := newPanel(stack(-overlap, strong(u.t("Whom you trust")), p.custody))
	others := newPanel(stack(gap/2, strong(u.t("Claim a deposit")), caption(u.t("Anybody can claim a deposit for its owner, who alone gets the money.")),
		inset(p.ticket), inset(container.NewHBox(p.claim))))
	p.content, _ = scrolled(container.New(&column{gap: gap, most: formMost},
		container.NewHBox(newIconButton(u, u.t("Back"), base.NavigateBackIcon(), s.leave)),
		heading(u.t("Deposit to a layer")), form, trust, inset(p.next), p.progress.content, others))
	p.progress.onChange = func() { p.content.Refresh() }
	return p
}

// open fills in what is known.
func (p *depositPage) open() {
	p.layer.load()
	p.progress.clear()
	p.chosen()
	if peg := p.layer.peg(); peg != nil {
		p.fee.load(peg.L1)
	}
}

// chosen shows what holds for the layer that is chosen.
func (p *depositPage) chosen() {
	u, peg := p.screen.ui, p.layer.peg()
	if peg == nil {
		setText(p.closed, p.screen.noLayer())
		p.facts.set(nil)
		p.custody.SetText("")
		p.next.Disable()
		p.content.Refresh()
		return
	}
	p.unit.SetText(u.texts.Symbol(peg.L1Unit))
	names := u.texts.ClaimFees(peg)
	at := p.fees.SelectedIndex()
	p.fees.SetOptions(names)
	p.fees.SetSelectedIndex(min(max(at, 1), len(names)-1))
	p.facts.set(u.texts.DepositFacts(peg, p.back.Checked))
	p.custody.SetText(u.texts.Custody(peg.Custody, u.session.title(peg.L1)))
	if peg.Open {
		setText(p.closed, "")
		p.next.Enable()
	} else {
		setText(p.closed, u.texts.Closed(peg))
		p.next.Disable()
	}
	p.content.Refresh()
}

// draft plans the deposit.
func (p *depositPage) draft() {
	s, peg := p.screen, p.layer.peg()
	b := s.settlement()
	if peg == nil || b == nil {
		return
	}
	r := app.DepositRequest{Wallet: s.wallet, Layer: peg.Layer, Max: p.all.Checked, Refundable: p.back.Checked, Rate: p.fee.rate}
	if i := p.fees.SelectedIndex(); i >= 0 && i < len(peg.MaxFees) {
		r.MaxFee = peg.MaxFees[i]
	}
	if !r.Max {
		units, err := s.ui.texts.ParseAmount(p.amount.Text, peg.L1Unit)
		if err != nil {
			p.progress.warn(err.Error(), "")
			return
		}
		r.Amount = units
	}
	attempt(p.progress, s.ui.t("Working it out\u2026"), func(ctx context.Context) (app.SettleDraft, error) {
		return b.DraftDeposit(ctx, r)
	}, func(d app.SettleDraft) { s.agree(d, p.content) })
}

// claimTicket claims somebody's deposit for him.
func (p *depositPage) claimTicket() {
	s, ticket := p.screen, strings.TrimSpace(p.ticket.Text)
	b := s.settlement()
	if ticket == "" || b == nil {
		p.progress.warn(s.ui.t("Paste a ticket first."), "")
		return
	}
	attempt(p.progress, s.ui.t("Reading the ticket\u2026"), does(func(ctx context.Context) error {
		return b.Claim(ctx, s.wallet, ticket)
	}), func(nothing) {
		p.ticket.SetText("")
		p.progress.done(s.ui.t("It is being looked for, and claimed when it is deep enough."))
	})
}

// withdrawPage brings money of a layer back to the L1.
type withdrawPage struct {
	screen   *settleScreen
	content  *fyne.Container
	layer    *pegChoice
	amount   *field
	unit     *widget.Label
	address  *field
	limit    *field
	facts    *rows
	custody  *widget.Label
	fee      *feeSlider
	next     *button
	progress *progress
	shown    string // layer that the fields were filled in for
}

func newWithdrawPage(s *settleScreen) *withdrawPage {
	u := s.ui
	p := &withdrawPage{screen: s, unit: body(""), facts: newRows(), custody: body("")}
	p.progress = newProgress(u, nil)
	p.layer = newPegChoice(s, p.chosen)
	p.amount = newField(u, "0.0", nil)
	p.unit.Wrapping = fyne.TextWrapOff
	p.address = newField(u, u.t("empty: a new address of this wallet"), nil)
	p.limit = newField(u, "0.0", nil)
	p.fee = newFeeSlider(u, func() {}, func() { p.content.Refresh() })
	p.next = newIconButton(u, u.t("Review the withdrawal"), base.NavigateNextIcon(), p.draft)
	p.next.Importance = widget.HighImportance
	form := newPanel(stack(gap/2, asked(u.t("From the layer"), p.layer.choice), p.facts.box,
		asked(u.t("Amount"), container.NewBorder(nil, nil, nil, p.unit, p.amount)), asked(u.t("Address on the L1"), p.address),
		asked(u.t("The payout may cost at most, in coins of the L1"), p.limit),
		caption(u.t("Settlers pay many withdrawals in one batch and share its fee. A low limit waits for a cheap batch.")), p.fee.content))
	trust := newPanel(stack(-overlap, strong(u.t("Whom you trust")), p.custody))
	p.content, _ = scrolled(container.New(&column{gap: gap, most: formMost},
		container.NewHBox(newIconButton(u, u.t("Back"), base.NavigateBackIcon(), s.leave)),
		heading(u.t("Withdraw to the L1")), form, trust, inset(p.next), p.progress.content))
	p.progress.onChange = func() { p.content.Refresh() }
	return p
}

// open fills in what is known.
func (p *withdrawPage) open() {
	p.layer.load()
	p.progress.clear()
	p.chosen()
}

// chosen shows what holds for the layer that is chosen.
func (p *withdrawPage) chosen() {
	u, peg := p.screen.ui, p.layer.peg()
	if peg == nil {
		p.facts.set(nil)
		p.custody.SetText(p.screen.noLayer())
		p.next.Disable()
		p.content.Refresh()
		return
	}
	p.next.Enable()
	p.unit.SetText(u.texts.Symbol(peg.Unit))
	p.facts.set(u.texts.WithdrawalFacts(peg))
	p.custody.SetText(u.texts.Custody(peg.Custody, u.session.title(peg.L1)))
	if p.shown != peg.Layer {
		p.shown = peg.Layer
		p.limit.SetText(u.texts.Plain(peg.PayoutFee, peg.L1Unit))
	}
	p.fee.load(peg.Layer)
	p.content.Refresh()
}

// draft plans the withdrawal.
func (p *withdrawPage) draft() {
	s, peg := p.screen, p.layer.peg()
	b := s.settlement()
	if peg == nil || b == nil {
		return
	}
	r := app.WithdrawalRequest{Wallet: s.wallet, Layer: peg.Layer, Address: strings.TrimSpace(p.address.Text), Rate: p.fee.rate}
	var err error
	if r.Amount, err = s.ui.texts.ParseAmount(p.amount.Text, peg.Unit); err == nil && strings.TrimSpace(p.limit.Text) != "" {
		r.MaxFee, err = s.ui.texts.ParseAmount(p.limit.Text, peg.L1Unit)
	}
	if err != nil {
		p.progress.warn(err.Error(), "")
		return
	}
	attempt(p.progress, s.ui.t("Working it out\u2026"), func(ctx context.Context) (app.SettleDraft, error) {
		return b.DraftWithdrawal(ctx, r)
	}, func(d app.SettleDraft) { s.agree(d, p.content) })
}

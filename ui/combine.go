package ui

import (
	"context"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/ui/present"
)

// combinePage makes few coins of many: which ones, what it costs now and saves later, and
// one button.
type combinePage struct {
	ui      *UI
	content *fyne.Container

	below    *field
	tag      *field
	fee      *feeSlider
	planned  *planned
	password *passwordAsk
	state    *widget.Label
	progress *progress
	kept     *fyne.Container // plans that were begun

	plan   *app.Plan
	onBack func()
	plans  inquiry
	agree  *check // to the warning that the last try ended with
	about  string // its concern
}

func newCombinePage(u *UI, onBack func()) *combinePage {
	p := &combinePage{ui: u, state: body(""), onBack: onBack, kept: container.New(&column{gap: gap})}
	p.below = newField(u, u.t("any"), func(string) { p.work() })
	p.tag = newField(u, u.t("any"), func(string) { p.work() })
	p.fee = newFeeSlider(u, p.work, func() { p.content.Refresh() })
	p.planned = newPlanned(u, newButton(u, u.t("Combine now"), func() { p.run(p.plan) }), func() { p.content.Refresh() })
	p.password = newPasswordAsk(u, func() { p.run(p.plan) })
	p.agree = newCheck(u.t("I have read this and agree."), nil)
	p.agree.Hide()
	p.progress = newProgress(u, func() { p.content.Refresh() })
	returns := newIconButton(u, u.t("All coins"), base.NavigateBackIcon(), p.back)
	form := newPanel(stack(gap/2, strong(u.t("Which coins?")), asked(u.t("Only those of at most"), p.below),
		asked(u.t("Only with the tag"), p.tag), p.fee.content))
	result := p.planned.card(p.password.content, p.progress.content, inset(p.agree), p.state)
	p.content, _ = scrolled(container.New(&column{gap: gap, most: pageMost}, container.NewHBox(returns), stack(0,
		heading(u.t("Combine coins")),
		body(u.t("Many small coins make a payment dear. Combine them while fees are low. Whoever looks sees that they are one owner's."))), p.kept,
		container.New(&beside{wide: 760, first: 380, gap: gap}, form, result)))
	return p
}

func (p *combinePage) back() {
	p.password.clear()
	p.onBack()
}

func (p *combinePage) open() {
	p.fee.load(p.ui.session.purse.Chain)
	p.password.refresh()
	p.progress.clear()
	setText(p.state, "")
	p.loadKept()
	p.work()
}

// renew plans anew after news, if there is no plan: what is being read must not change under the reader's eyes.
func (p *combinePage) renew() {
	if p.content.Visible() && p.plan == nil && p.progress.stop == nil {
		p.plans.renew(p.work)
	}
}

// work plans anew, once the user pauses.
func (p *combinePage) work() {
	p.plans.drop()
	p.plan = nil
	p.agree.Hide()
	r := app.CombineRequest{CoinFilter: app.CoinFilter{Spendable: true, Tag: p.tag.Text}, Rate: p.fee.rate}
	if p.below.Text != "" {
		units, err := p.ui.texts.ParseAmount(p.below.Text, p.ui.session.unit())
		if err != nil {
			p.say(err.Error())
			return
		}
		r.MaxValue = units
	}
	p.say(p.ui.t("Working it out\u2026"))
	b, in := p.ui.session.backend, p.ui.session.purse
	ask(p.ui, &p.plans, paused(p.ui, func(ctx context.Context) (app.Plan, error) { return b.PlanCombine(ctx, in, r) }),
		func(plan app.Plan, err error) {
			if err != nil {
				show(p.password.content, false)
				p.planned.fail(err)
				return
			}
			if len(plan.Steps) == 0 {
				p.say(p.ui.t("There is nothing to combine: it takes two coins that are worth their fee."))
				return
			}
			p.plan = &plan
			show(p.password.content, true)
			p.planned.show(p.ui.texts.PlanFlow(&plan), p.ui.texts.PlanCost(&plan))
		})
}

func (p *combinePage) say(why string) {
	show(p.password.content, false)
	p.planned.say(why)
}

// run sends what can be sent of a plan.
func (p *combinePage) run(plan *app.Plan) {
	if plan == nil || p.progress.stop != nil {
		return
	}
	b, in, id := p.ui.session.backend, p.ui.session.purse, plan.ID
	unlock := p.password.take(in.Wallet)
	var consent []string
	if p.agree.Visible() && p.agree.Checked {
		consent = []string{p.about}
	}
	attempt(p.progress, p.ui.t("Signing, keeping it on disk, then telling the network\u2026"),
		func(ctx context.Context) (app.PlanState, error) {
			defer unlock.wipe()
			password, err := unlock.open(ctx, b)
			if err != nil {
				return app.PlanState{}, p.warned(err)
			}
			state, err := b.RunPlan(ctx, in, id, password, consent)
			return state, p.warned(err)
		}, func(s app.PlanState) {
			p.agree.Hide()
			p.say("")
			setText(p.state, strings.TrimSpace(p.ui.texts.PlanState(&s)+"\n"+p.ui.texts.PlanWarnings(&s)))
			p.loadKept()
			p.ui.reload(nil)
		})
}

// warned offers to agree where an error is a warning that wants consent.
func (p *combinePage) warned(err error) error {
	if app.CodeOf(err) == app.CodeConsent {
		p.ui.do(func() {
			p.about = present.ConcernIn(err)
			p.agree.SetChecked(false)
			show(p.agree, p.about != "")
		})
	}
	return err
}

// loadKept lists the plans that were begun and are not done.
func (p *combinePage) loadKept() {
	b, in := p.ui.session.backend, p.ui.session.purse
	run(p.ui, func(ctx context.Context) ([]app.Plan, error) { return b.ListPlans(ctx, in) }, func(plans []app.Plan, err error) {
		if err != nil {
			p.progress.fail(err)
			return
		}
		p.kept.Objects = nil
		for _, plan := range plans {
			p.kept.Objects = append(p.kept.Objects, p.newKept(plan))
		}
		p.content.Refresh()
	})
}

// newKept is the card of a plan that was begun.
func (p *combinePage) newKept(plan app.Plan) fyne.CanvasObject {
	b, in := p.ui.session.backend, p.ui.session.purse
	ahead := newButton(p.ui, p.ui.t("Go on"), func() {
		p.plan = &plan
		setText(p.planned.why, p.ui.t("Type the password to go on with the plan."))
		show(p.password.content, true)
		p.planned.act.Enable()
		p.content.Refresh()
		if w := p.ui.session.wallet(); w != nil && w.Unlocked {
			p.run(&plan)
		}
	})
	drop := newButton(p.ui, p.ui.t("Forget the plan"), func() {
		attempt(p.progress, p.ui.t("Keeping it\u2026"), does(func(ctx context.Context) error {
			return b.DropPlan(ctx,
				in, plan.ID)
		}), func(nothing) { p.loadKept() })
	})
	if plan.State.Done >= plan.State.Steps {
		ahead.Disable()
	}
	warnings := caption("")
	warnings.Importance = widget.WarningImportance
	setText(warnings, p.ui.texts.PlanWarnings(&plan.State))
	return newPanel(stack(4, strong(p.ui.t("A plan that was begun")), body(p.ui.texts.PlanState(&plan.State)), warnings,
		inset(newTiles(ahead, drop))))
}

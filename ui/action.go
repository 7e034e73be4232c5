package ui

import (
	"context"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// run does work off the UI goroutine and hands what it returns to done on it. Every action
// that takes time goes through here. Once the returned function has been called, or the
// window closed, done is not called any more.
func run[T any](u *UI, work func(context.Context) (T, error), done func(T, error)) (cancel func()) {
	ctx, cancel := context.WithCancel(u.ctx)
	u.work.Add(1)
	u.pending++
	go func() {
		defer u.work.Done()
		result, err := work(ctx)
		if u.ctx.Err() != nil {
			return
		}
		u.do(func() {
			u.pending--
			if ctx.Err() == nil {
				cancel()
				done(result, err)
			}
		})
	}()
	return cancel
}

// inquiry is a question of which one at a time is out. News repeat it once it is answered: if they took its place, news that come
// faster than answers would keep all of them away.
type inquiry struct {
	stop  func() // gives up the one that is out; nil: none is
	again func() // asks anew after the answer; nil: there were no news meanwhile
}

// drop gives up what is out.
func (q *inquiry) drop() {
	if q.stop != nil {
		q.stop()
	}
	q.stop, q.again = nil, nil
}

// renew has something asked that calls ask: now, or when the question that is out is answered.
func (q *inquiry) renew(anew func()) {
	if q.stop != nil {
		q.again = anew
		return
	}
	anew()
}

// ask is run for a question; one that is out is given up.
func ask[T any](u *UI, q *inquiry, work func(context.Context) (T, error), done func(T, error)) {
	q.drop()
	q.stop = run(u, work, func(result T, err error) {
		again := q.again
		q.stop, q.again = nil, nil
		done(result, err)
		if again != nil && q.stop == nil {
			again()
		}
	})
}

// later is run after the user paused typing.
func later[T any](u *UI, work func(context.Context) (T, error), done func(T, error)) (cancel func()) {
	return run(u, paused(u, work), done)
}

// paused is work that begins after the user paused typing.
func paused[T any](u *UI, work func(context.Context) (T, error)) func(context.Context) (T, error) {
	delay := u.delay
	return func(ctx context.Context) (T, error) {
		select {
		case <-ctx.Done():
		case <-time.After(delay):
		}
		if ctx.Err() != nil {
			var none T
			return none, ctx.Err()
		}
		return work(ctx)
	}
}

// progress shows what became of an action: that it runs and can be given up, that it is
// done, or what went wrong and what to do about it.
type progress struct {
	ui       *UI
	content  *fyne.Container
	activity *widget.Activity // moves only while something runs
	text     *widget.Label
	running  *fyne.Container
	giveUp   *button
	icon     *widget.Icon
	what     *widget.Label
	next     *widget.Label
	outcome  *panel
	stop     func() // gives up what runs; nil: nothing runs
	whole    bool   // what runs cannot be given up: half of it would be worse than none
	unknown  bool   // what is shown is that a question was not answered
	onChange func()
}

func newProgress(u *UI, onChange func()) *progress {
	p := &progress{ui: u, activity: widget.NewActivity(), text: body(""), icon: widget.NewIcon(nil), what: body(""), next: caption("")}
	p.giveUp = newIconButton(u, u.t("Give up"), base.CancelIcon(), p.cancel)
	p.running = stack(4, container.New(&iconLeft{size: 20}, p.activity, p.text), inset(container.NewHBox(p.giveUp)))
	p.outcome = newPanel(container.New(&iconLeft{size: 20}, p.icon, stack(-overlap, p.what, p.next)))
	p.content = stack(0, p.running, p.outcome)
	p.clear()
	p.onChange = onChange // what it lays out is not there before
	return p
}

func (p *progress) show(running, outcome bool) {
	show(p.running, running)
	show(p.outcome, outcome)
	show(p.content, running || outcome)
	if running {
		p.activity.Start()
	} else {
		p.activity.Stop()
	}
	if p.onChange != nil {
		p.onChange()
	}
}

func (p *progress) clear() { p.show(false, false) }

func (p *progress) start(doing string, stop func()) {
	p.stop, p.whole, p.unknown = stop, false, false
	show(p.giveUp, true)
	p.text.SetText(doing)
	p.show(true, false)
}

// startWhole is start for what cannot be given up.
func (p *progress) startWhole(doing string) {
	p.start(doing, func() {})
	p.whole = true
	show(p.giveUp, false)
}

func (p *progress) say(icon fyne.Resource, edge fyne.ThemeColorName, what, next string) {
	p.stop, p.unknown = nil, false
	p.icon.SetResource(icon)
	p.outcome.edge = edge
	p.what.SetText(what)
	setText(p.next, next)
	p.outcome.Refresh()
	p.show(false, true)
}

func (p *progress) fail(err error) {
	problem := p.ui.texts.Problem(err)
	p.say(base.NewErrorThemedResource(base.ErrorIcon()), base.ColorNameError, problem.What, problem.Next)
}

// unanswered shows why a question has no answer, unless an action is being shown.
func (p *progress) unanswered(err error) {
	if p.stop == nil {
		p.fail(err)
		p.unknown = true
	}
}

// answered takes that away, and nothing else: what became of an action stays.
func (p *progress) answered() {
	if p.unknown {
		p.unknown = false
		p.clear()
	}
}

func (p *progress) warn(what, next string) {
	p.say(base.NewWarningThemedResource(base.WarningIcon()), base.ColorNameWarning, what, next)
}

func (p *progress) done(what string) {
	p.say(base.NewSuccessThemedResource(base.ConfirmIcon()), base.ColorNameSuccess, what, "")
}

// cancel gives up what runs.
func (p *progress) cancel() {
	if p.stop == nil || p.whole {
		return
	}
	p.stop()
	p.warn(p.ui.t("Given up."), p.ui.t("You stopped waiting. What was done before that stays done: look at Activity after a payment."))
}

// drop gives up what runs without a word: nobody waits for it any more.
func (p *progress) drop() {
	if p.stop != nil && !p.whole {
		p.stop()
		p.stop = nil
	}
	p.clear()
}

// attempt runs an action and shows what becomes of it; one at a time.
func attempt[T any](p *progress, doing string, work func(context.Context) (T, error), done func(T)) {
	if p.stop != nil {
		return
	}
	p.start(doing, run(p.ui, work, func(result T, err error) {
		if err != nil {
			p.fail(err)
			return
		}
		p.stop = nil
		p.clear()
		done(result)
	}))
}

// attemptWhole is attempt for what cannot be given up, such as making a key file: who gave
// up would not know that it is there.
func attemptWhole[T any](p *progress, doing string, work func(context.Context) (T, error), done func(T)) {
	if p.stop != nil {
		return
	}
	attempt(p, doing, func(ctx context.Context) (T, error) {
		defer p.ui.free() // stretching a password takes hundreds of MiB
		return work(ctx)
	}, done)
	p.whole = true
	show(p.giveUp, false)
}

// nothing is the result of an action that has none.
type nothing = struct{}

// does makes an action of a function that returns an error alone.
func does(f func(context.Context) error) func(context.Context) (nothing, error) {
	return func(ctx context.Context) (nothing, error) { return nothing{}, f(ctx) }
}

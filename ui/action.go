package ui

import (
	"context"
	"runtime/debug"
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

// later is run after the user paused typing.
func later[T any](u *UI, work func(context.Context) (T, error), done func(T, error)) (cancel func()) {
	delay := u.delay
	return run(u, func(ctx context.Context) (T, error) {
		select {
		case <-ctx.Done():
		case <-time.After(delay):
		}
		if ctx.Err() != nil {
			var none T
			return none, ctx.Err()
		}
		return work(ctx)
	}, done)
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
	p.stop, p.whole = stop, false
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
	p.stop = nil
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
		defer debug.FreeOSMemory() // stretching a password takes hundreds of MiB
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

package ui

import (
	"context"
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv/doctor"
)

// verifyScreen takes an input and shows what its verification found.
type verifyScreen struct {
	ui      *UI
	content *fyne.Container
	scroll  *container.Scroll
	layout  *beside

	form    *verifyForm
	result  *resultView
	run     *button
	giveUp  *button
	example *button

	examples []app.Example
	next     map[app.Kind]int // example to be shown next
	running  func()           // gives up what is running; nil if nothing is
}

func newVerifyScreen(u *UI) *verifyScreen {
	s := &verifyScreen{ui: u, next: map[app.Kind]int{}, layout: &beside{wide: 900, first: 400, gap: gap}}
	s.form = newVerifyForm(s)
	s.result = newResultView(u)
	s.run = newIconButton(u, u.t("Verify"), base.ConfirmIcon(), s.start)
	s.run.Importance = widget.HighImportance
	s.giveUp = newIconButton(u, u.t("Give up"), base.CancelIcon(), s.cancel)
	s.giveUp.Hide()
	s.example = newButton(u, u.t("Show an example"), s.showExample)
	examples, err := u.rules.Examples()
	if err != nil {
		fyne.LogError("examples", err)
	}
	s.examples = examples
	left := stack(0, heading(u.t("Verify")),
		body(u.t("Checks what you paste or open by the rules of its chain, and shows every check.")),
		stack(gap, s.form.content, inset(container.NewStack(s.run, s.giveUp)), inset(s.example)))
	columns := container.New(s.layout, left, s.result.content)
	s.content, s.scroll = scrolled(container.New(&column{most: reportMost}, columns))
	s.form.kindChanged()
	return s
}

func (s *verifyScreen) object() fyne.CanvasObject { return s.content }
func (s *verifyScreen) refresh(change)            {}
func (s *verifyScreen) back()                     { s.cancel() }

// start verifies what the form holds.
func (s *verifyScreen) start() {
	if s.running != nil {
		return
	}
	request, err := s.ui.texts.Request(s.form.fields())
	if err != nil {
		s.result.fail(s.ui.t("Not yet"), err.Error())
		s.reveal()
		return
	}
	request.Progress = func(done, total int) {
		s.ui.do(func() { s.progress(done, total) })
	}
	s.result.wait(s.ui.t("Checking\u2026"))
	s.busy(true)
	s.running = run(s.ui, func(ctx context.Context) (*doctor.Report, error) {
		return s.ui.rules.Verify(ctx, request)
	}, s.finish)
	s.reveal()
}

func (s *verifyScreen) progress(done, total int) {
	if s.running != nil {
		s.result.note(s.ui.t("Checking: {{.Done}} of {{.Total}} headers", map[string]any{"Done": done, "Total": total}))
	}
}

// cancel gives up what is running.
func (s *verifyScreen) cancel() {
	if s.running == nil {
		return
	}
	s.running()
	s.running = nil
	s.result.fail(s.ui.t("Given up"), s.ui.t("You ended this verification. Nothing is known of the input."))
	s.busy(false)
}

func (s *verifyScreen) finish(r *doctor.Report, err error) {
	s.running = nil
	if err != nil {
		s.result.fail(s.ui.t("Not readable"), s.ui.texts.Failed(err))
	} else {
		s.result.show(s.ui.texts.Report(r))
	}
	s.busy(false)
	s.reveal()
}

// busy offers to give up instead of to verify.
func (s *verifyScreen) busy(on bool) {
	show(s.run, !on)
	show(s.giveUp, on)
	s.relayout()
}

func (s *verifyScreen) relayout() { s.content.Refresh() }

// reveal scrolls to the result where it lies below the form.
func (s *verifyScreen) reveal() {
	s.relayout()
	y := s.result.content.Position().Y
	if y > 0 {
		s.scroll.ScrollToOffset(fyne.NewPos(0, y))
	} else {
		s.scroll.ScrollToTop()
	}
}

// showExample fills the form with the next example of its kind.
func (s *verifyScreen) showExample() {
	var fitting []app.Example
	for _, e := range s.examples {
		if e.Request.Kind == s.form.kindOf() {
			fitting = append(fitting, e)
		}
	}
	if len(fitting) == 0 {
		return
	}
	kind := s.form.kindOf()
	e := fitting[s.next[kind]%len(fitting)]
	s.next[kind]++
	s.form.fill(e)
	s.result.clear()
	s.relayout()
}

// offerExample shows the button only where there is an example.
func (s *verifyScreen) offerExample(k app.Kind) {
	found := false
	for _, e := range s.examples {
		found = found || e.Request.Kind == k
	}
	show(s.example, found)
}

// hold takes an input that came from outside the form.
func (s *verifyScreen) hold(name string, input []byte, err error) {
	if err != nil {
		s.result.fail(s.ui.t("Not readable"), fmt.Sprintf("%s: %v", name, err))
		s.reveal()
		return
	}
	s.form.hold(name, input)
	s.result.clear()
	s.relayout()
}

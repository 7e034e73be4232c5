package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/doctor"
	"github.com/layeredpow/lamina/ui/present"
)

// resultView shows the state of a verification: nothing yet, running, not possible, or
// its report. Its parts are built once and filled anew.
type resultView struct {
	ui      *UI
	content *fyne.Container

	banner      *panel
	icon        *widget.Icon
	word        *widget.Label
	sentence    *widget.Label
	left, limit *widget.Label
	bar         *widget.Activity // an infinite bar would move from its first layout on, hidden or not
	title       *widget.Label
	subject     *widget.Label
	what        *fyne.Container

	cause      *rows
	causeCard  *panel
	notes      *widget.Label
	notesCard  *panel
	checks     []*checkRow
	checkList  *fyne.Container
	checkCard  *panel
	facts      *rows
	factsCard  *panel
	copyReport *button
	report     present.Report
}

func newResultView(u *UI) *resultView {
	v := &resultView{ui: u}
	v.icon, v.word, v.sentence = widget.NewIcon(nil), heading(""), body("")
	v.left, v.limit = body(""), caption("")
	v.title, v.subject = strong(""), value("", true)
	v.bar = widget.NewActivity()
	v.copyReport = newIconButton(u, u.t("Copy the report"), base.ContentCopyIcon(), func() {
		u.app.Clipboard().SetContent(v.report.Plain())
	})
	head := container.New(&iconLeft{size: 24}, v.icon, v.word)
	v.what = stack(-overlap, v.title, v.subject)
	v.banner = newPanel(stack(4, stack(-overlap, head, v.sentence, v.left, v.limit, inset(container.NewHBox(v.bar))), v.what))
	v.cause, v.facts = newRows(), newRows()
	v.causeCard = newPanel(v.cause.box)
	v.causeCard.edge = base.ColorNameWarning
	v.notes = body("")
	v.notesCard = newPanel(stack(0, strong(u.t("Worth knowing")), v.notes))
	v.checkList = container.New(&column{gap: 4})
	v.checkCard = newPanel(stack(0, strong(u.t("Checks, in order")), v.checkList))
	v.factsCard = newPanel(stack(0, strong(u.t("What was read")), v.facts.box))
	v.content = stack(gap, v.banner, v.causeCard, v.notesCard, v.checkCard, v.factsCard, inset(v.copyReport))
	v.clear()
	return v
}

// state shows the banner alone.
func (v *resultView) state(icon fyne.Resource, edge fyne.ThemeColorName, word, sentence string) {
	v.icon.SetResource(icon)
	v.banner.edge = edge
	v.word.SetText(word)
	v.sentence.SetText(sentence)
	for _, o := range []fyne.CanvasObject{v.left, v.limit, v.bar, v.what, v.causeCard, v.notesCard, v.checkCard, v.factsCard, v.copyReport} {
		o.Hide()
	}
	v.bar.Stop()
	v.banner.Refresh()
}

func (v *resultView) clear() {
	v.state(base.NewDisabledResource(base.QuestionIcon()), base.ColorNameSeparator, v.ui.t("Nothing verified yet"),
		v.ui.t("The verdict, each check with what it compared, and the likely cause of a failure will stand here."))
}

// wait shows that something is running.
func (v *resultView) wait(sentence string) {
	v.state(base.NewPrimaryThemedResource(base.ViewRefreshIcon()), base.ColorNamePrimary, v.ui.t("Running"), sentence)
	v.bar.Show()
	v.bar.Start()
}

// note replaces the sentence of the banner.
func (v *resultView) note(sentence string) { v.sentence.SetText(sentence) }

// fail shows why there is no report.
func (v *resultView) fail(word, sentence string) {
	v.state(base.NewWarningThemedResource(base.WarningIcon()), base.ColorNameWarning, word, sentence)
}

// show shows a report.
func (v *resultView) show(r present.Report) {
	v.report = r
	icon, edge := verdictLook(r.Verdict.Outcome)
	v.state(icon, edge, r.Verdict.Word, r.Verdict.Sentence)
	setText(v.left, r.Verdict.Left)
	setText(v.limit, r.Verdict.Limit)
	v.what.Show()
	setText(v.title, r.Title)
	setText(v.subject, r.Subject)
	v.cause.set(r.Cause)
	show(v.causeCard, len(r.Cause) > 0)
	notes := ""
	for i, n := range r.Notes {
		if i > 0 {
			notes += "\n"
		}
		notes += n
	}
	v.notes.SetText(notes)
	show(v.notesCard, notes != "")
	v.setChecks(r.Checks)
	v.facts.set(r.Facts)
	show(v.factsCard, len(r.Facts) > 0)
	v.copyReport.Show()
}

func setText(l *widget.Label, text string) {
	l.SetText(text)
	show(l, text != "")
}

func (v *resultView) setChecks(checks []present.Check) {
	for len(v.checks) < len(checks) {
		v.checks = append(v.checks, newCheckRow())
	}
	v.checkList.Objects = v.checkList.Objects[:0]
	for i, c := range checks {
		v.checks[i].set(c)
		v.checkList.Objects = append(v.checkList.Objects, v.checks[i].content)
	}
	show(v.checkCard, len(checks) > 0)
}

// verdictLook returns a verdict's icon, whose shape differs for each, and its colour.
func verdictLook(o doctor.Verdict) (fyne.Resource, fyne.ThemeColorName) {
	switch o {
	case doctor.Verified:
		return base.NewSuccessThemedResource(base.ConfirmIcon()), base.ColorNameSuccess
	case doctor.Refuted:
		return base.NewErrorThemedResource(base.CancelIcon()), base.ColorNameError
	}
	return base.NewWarningThemedResource(base.QuestionIcon()), base.ColorNameWarning
}

// checkRow is one check: icon, rule, name with outcome, and what was compared.
type checkRow struct {
	content *fyne.Container
	icon    *widget.Icon
	rule    *widget.Label
	name    *widget.Label
	values  *rows
}

func newCheckRow() *checkRow {
	c := &checkRow{icon: widget.NewIcon(nil), rule: body(""), name: caption(""), values: newRowsIn(&pairs{wide: 220, label: 80})}
	texts := stack(-2*overlap, c.rule, c.name, c.values.box)
	c.content = container.New(&iconLeft{size: 20}, c.icon, texts)
	return c
}

func (c *checkRow) set(k present.Check) {
	c.icon.SetResource(checkIcon(k.Outcome))
	rule := k.Rule
	if rule == "" {
		rule = k.Name
	}
	c.rule.SetText(rule)
	c.name.SetText(k.Name + ", " + k.Word)
	c.values.set(k.Values)
}

func checkIcon(o spv.Outcome) fyne.Resource {
	switch o {
	case spv.Passed:
		return base.NewSuccessThemedResource(base.ConfirmIcon())
	case spv.Failed:
		return base.NewErrorThemedResource(base.CancelIcon())
	}
	return base.NewDisabledResource(base.QuestionIcon())
}

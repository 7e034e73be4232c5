package ui

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv/risk"
)

// workCards show what is measured of the work behind a chain: its share of the L1's over time, its seals on the L1's time line,
// and who mines it.
type workCards struct {
	ui      *UI
	content *fyne.Container

	sentence *widget.Label
	chart    *shareChart
	line     *timeLine
	note     *widget.Label
	names    [2]*widget.Label // of the strata
	course   *fyne.Container
	rows     *rows

	payees *panel
	half   *widget.Label
	bars   []*payeeBar
	list   *fyne.Container

	progress *progress
	chain    string
	asking   inquiry
	onChange func()
}

func newWorkCards(u *UI, onChange func()) *workCards {
	w := &workCards{ui: u, sentence: body(""), chart: newShareChart(), line: newTimeLine(), note: caption(""), rows: newRows(),
		half: body(""), list: stack(0), onChange: onChange}
	w.names = [2]*widget.Label{caption(""), caption("")}
	w.progress = newProgress(u, onChange)
	w.course = stack(4, caption(u.t("Share of the L1's work, with its bounds")), inset(w.chart),
		stack(-overlap/2, w.names[0], inset(w.line), w.names[1]), w.note)
	w.payees = newPanel(stack(0, strong(u.t("Who mines it")), w.half, w.list))
	w.content = stack(gap, newPanel(stack(0, strong(u.t("The work behind it")), w.progress.content, w.sentence, w.course, w.rows.box)), w.payees)
	w.content.Hide()
	return w
}

// refresh measures a chain anew; what is shown of the same one stays until then.
func (w *workCards) refresh(chain string) {
	b := w.ui.session.backend
	if chain != w.chain || b == nil {
		w.asking.drop()
		w.chain = chain
		w.content.Hide()
	}
	if b != nil && w.ui.session.chain(chain) != nil {
		w.asking.renew(w.measure)
	}
}

// measure asks for what is measured of the chain.
func (w *workCards) measure() {
	b, chain, share := w.ui.session.backend, w.chain, w.ui.attackerShare()
	if b == nil {
		return
	}
	ask(w.ui, &w.asking, func(ctx context.Context) (app.ChainSecurity, error) { return b.ChainSecurity(ctx, chain, share) },
		func(s app.ChainSecurity, err error) {
			show(w.content, true)
			if err != nil {
				w.clear()
				w.progress.unanswered(err)
			} else {
				w.progress.answered()
				w.show(&s)
			}
			w.onChange()
		})
}

// clear takes away what was measured.
func (w *workCards) clear() {
	setText(w.sentence, "")
	show(w.course, false)
	w.rows.set(nil)
	show(w.payees, false)
}

func (w *workCards) show(s *app.ChainSecurity) {
	u := w.ui
	work := u.texts.Work(s, u.session.title(s.Chain), u.session.title(s.L1))
	layer := u.layerColour(s.Chain)
	setText(w.sentence, work.Sentence)
	w.rows.set(work.Rows)
	show(w.course, len(work.Course) > 0)
	if len(work.Course) > 0 {
		w.chart.set(work, layer)
		w.line.set(work.Course, layer, u.layerColour(s.L1))
		w.names[0].SetText(u.session.title(s.Chain))
		w.names[1].SetText(u.session.title(s.L1))
		w.note.SetText(work.Note)
	}
	for len(w.bars) < len(work.Payees) {
		w.bars = append(w.bars, newPayeeBar())
	}
	w.list.Objects = w.list.Objects[:0]
	for i, p := range work.Payees {
		w.bars[i].set(p, layer)
		w.list.Objects = append(w.list.Objects, w.bars[i])
	}
	setText(w.half, work.Half)
	show(w.payees, len(work.Payees) > 0)
}

// attackerShare is the share of the L1's work that risks and waits count with.
func (u *UI) attackerShare() float64 {
	return u.app.Preferences().FloatWithFallback(attackerKey, risk.DefaultAttacker)
}

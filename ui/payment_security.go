package ui

import (
	"context"
	"io"
	"slices"

	"fyne.io/fyne/v2"
	base "fyne.io/fyne/v2/theme"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/ui/present"
)

const attackerKey = "attacker" // share of the L1's work that risks count with

// safety is how safe a payment is from being undone, why it is believed, and a proof of it for others.
type safety struct {
	ui       *UI
	panel    *panel
	rows     *rows
	attacker *choice
	reasons  *reasons
	tools    *fyne.Container
	progress *progress
	onChange func() // nil while the page is being built

	id     spv.Hash
	asking inquiry
}

func newSafety(u *UI) *safety {
	s := &safety{ui: u, rows: newRows(), reasons: newReasons(u)}
	var shares []string
	for _, share := range present.Attackers {
		shares = append(shares, u.texts.Attacker(share))
	}
	s.attacker = newChoice(shares, nil)
	s.attacker.SetSelectedIndex(max(0, slices.Index(present.Attackers, u.attackerShare())))
	s.attacker.OnChanged = func(string) {
		u.app.Preferences().SetFloat(attackerKey, present.Attackers[max(0, s.attacker.SelectedIndex())])
		s.ask()
	}
	s.progress = newProgress(u, func() { s.changed() })
	why := newButton(u, u.t("Why is it believed?"), s.explain)
	proof := newIconButton(u, u.t("Save a proof of it\u2026"), base.DocumentSaveIcon(), s.prove)
	s.tools = newTiles(why, proof)
	s.panel = newPanel(stack(gap, strong(u.t("How safe it is")), s.rows.box,
		asked(u.t("Counted with an attacker who has this share of the L1's work"), s.attacker),
		inset(s.tools), caption(u.t("Both fetch the block that holds the payment once more: a peer learns which block is looked at.")),
		s.progress.content, s.reasons.content))
	s.forget()
	return s
}

// open is about another payment.
func (s *safety) open(id spv.Hash) {
	s.id = id
	s.forget()
	s.ask()
}

// forget takes away what was said of a payment.
func (s *safety) forget() {
	s.rows.set(nil)
	s.reasons.clear()
	s.progress.clear()
}

// refresh has the risk asked for anew: it changes with every block.
func (s *safety) refresh() { s.asking.renew(s.ask) }

// ask asks for the risk.
func (s *safety) ask() {
	b, in, id, share := s.ui.session.backend, s.ui.session.purse, s.id, s.ui.attackerShare()
	if b == nil {
		return
	}
	ask(s.ui, &s.asking, func(ctx context.Context) ([]app.PaymentRisk, error) {
		return b.PaymentRisks(ctx, in, []spv.Hash{id}, share)
	},
		func(risks []app.PaymentRisk, err error) {
			if err != nil || len(risks) != 1 {
				s.rows.set(nil)
				if err != nil {
					s.progress.unanswered(err)
				}
			} else {
				s.progress.answered()
				s.rows.set(s.ui.texts.Safety(&risks[0]))
			}
			s.changed()
		})
}

// explain shows the chain of reasons.
func (s *safety) explain() {
	b, in, id := s.ui.session.backend, s.ui.session.purse, s.id
	attempt(s.progress, s.ui.t("Looking at every reason\u2026"), func(ctx context.Context) (app.Evidence, error) { return b.Evidence(ctx, in, id) },
		func(e app.Evidence) {
			if s.id != id {
				return
			}
			s.reasons.set(&e)
			s.changed()
		})
}

// proofConfirmations is how many headers a proof takes along, at most.
const proofConfirmations = 100

// prove makes a payment proof and asks where to write it.
func (s *safety) prove() {
	b, in, id := s.ui.session.backend, s.ui.session.purse, s.id
	attempt(s.progress, s.ui.t("Making the proof\u2026"),
		func(ctx context.Context) (app.PaymentProof, error) { return b.Prove(ctx, in, id, proofConfirmations) },
		func(p app.PaymentProof) {
			if s.id != id {
				return
			}
			s.reasons.say(s.ui.texts.Proof(&p))
			s.changed()
			s.ui.saveFile(id.String()[:16]+".proof", s.progress, s.ui.t("Writing the proof\u2026"), func(_ context.Context, w io.Writer) error {
				_, err := w.Write(p.File)
				return err
			})
		})
}

func (s *safety) changed() {
	if s.onChange != nil {
		s.onChange()
	}
}

package ui

import (
	"context"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
)

// waits knows how many confirmations are recommended for payments of a purse, as far as they were asked about. A list is shown
// without them until they are known.
type waits struct {
	ui    *UI
	purse app.Purse
	known map[spv.Hash]*app.PaymentRisk
}

// mostWaits is of how many payments the waits are kept.
const mostWaits = 4_000

func newWaits(u *UI) *waits { return &waits{ui: u, known: map[spv.Hash]*app.PaymentRisk{}} }

// of returns what is known of a payment; nil: nothing is.
func (w *waits) of(id spv.Hash) *app.PaymentRisk { return w.known[id] }

// ask asks about the confirmed ones of some payments, and calls then when something is known of them.
func (w *waits) ask(in app.Purse, rows []app.Row, then func()) {
	if in != w.purse || len(w.known) > mostWaits {
		w.purse, w.known = in, map[spv.Hash]*app.PaymentRisk{}
	}
	var ids []spv.Hash
	for i := range rows {
		if rows[i].Block != nil && len(ids) < app.MostRisks {
			ids = append(ids, rows[i].ID)
		}
	}
	b, share := w.ui.session.backend, w.ui.attackerShare()
	if b == nil || len(ids) == 0 {
		return
	}
	run(w.ui, func(ctx context.Context) ([]app.PaymentRisk, error) { return b.PaymentRisks(ctx, in, ids, share) },
		func(risks []app.PaymentRisk, err error) {
			if err != nil || in != w.purse {
				return // the payment's own page says what is wrong
			}
			for i := range risks {
				w.known[risks[i].ID] = &risks[i]
			}
			then()
		})
}

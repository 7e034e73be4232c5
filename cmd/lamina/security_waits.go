package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
)

// waitOf says of one payment how many confirmations there are of how many that are recommended for a normal one.
type waitOf struct {
	ID          spv.Hash `json:"txid"`
	Depth       int32    `json:"depth"`
	Recommended *int     `json:"recommended"`            // nil: no number suffices, or it is unknown
	Never       bool     `json:"never,omitempty"`        // no number suffices
	AnchorDepth *int32   `json:"anchor_depth,omitempty"` // L1 blocks on the anchor of the payment's block
	L1          *int     `json:"l1_recommended,omitempty"`
	Attacker    float64  `json:"attacker"`
	Risk        *float64 `json:"risk"` // now; nil: unknown
}

func waitFor(r *app.PaymentRisk) waitOf {
	w := waitOf{ID: r.ID, Depth: r.Depth, Attacker: r.Attacker, Risk: r.Risk}
	w.Recommended, w.Never = recommended(r.Waits)
	if r.Anchor != nil {
		var never bool
		w.AnchorDepth = &r.AnchorDepth
		w.L1, never = recommended(r.L1Waits)
		w.Never = w.Never || never
	}
	return w
}

// recommended is the wait for a normal payment.
func recommended(waits []app.Wait) (confirmations *int, never bool) {
	for _, w := range waits {
		if w.Size == "normal" {
			return w.Confirmations, w.Never
		}
	}
	return nil, false
}

// waitsFor asks about rows of the history that are valid; it leaves out the others.
func (d *desk) waitsFor(ctx context.Context, rows []app.Row, attacker float64) ([]waitOf, error) {
	var ids []spv.Hash
	for i := range rows {
		if rows[i].Status == "confirmed" || rows[i].Status == "pending" {
			ids = append(ids, rows[i].ID)
		}
	}
	out := []waitOf{}
	for part := range slices.Chunk(ids, app.MostRisks) {
		risks, err := d.PaymentRisks(ctx, d.in, part, attacker)
		if err != nil {
			return nil, err
		}
		for i := range risks {
			out = append(out, waitFor(&risks[i]))
		}
	}
	return out, nil
}

// standing says how a row stands: "2 of 6 recommended" where it is confirmed.
func standing(r *app.Row, waits []waitOf) string {
	i := slices.IndexFunc(waits, func(w waitOf) bool { return w.ID == r.ID })
	if r.Status != "confirmed" || i < 0 {
		return stateOf(r)
	}
	w := &waits[i]
	switch {
	case w.Never:
		return stateOf(r) + ", no number suffices"
	case w.Recommended == nil:
		return stateOf(r) + " of an unknown number"
	case w.AnchorDepth == nil || w.L1 == nil:
		return fmt.Sprintf("%d of %d recommended", w.Depth, *w.Recommended)
	}
	return fmt.Sprintf("%d of %d recommended, on the L1 %d of %d", w.Depth, *w.Recommended, *w.AnchorDepth, *w.L1)
}

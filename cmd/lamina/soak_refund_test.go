package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// soakRefundable is a refundable deposit that was acknowledged.
type soakRefundable struct {
	from   int // wallet
	layer  string
	id     string
	amount int64 // base units of the L1
}

// refundable makes a deposit that the settlers may take or leave. It has no key by which it could be asked for again: without an
// answer nobody knows yet whether it was sent. Where it was, its refunds are in the file.
func (w *soakWorld) refundable() {
	r := soakRefundable{from: w.rng.IntN(2), layer: w.anyLayer(), amount: 1000_0000 + w.rng.Int64N(2000_0000)}
	file := w.path(w.next("refund"))
	w.note("%s: %s asks for a refundable deposit", file, w.wallets[r.from].name)
	var sent struct {
		ID string `json:"txid"`
	}
	if err := w.signed(r.from, &sent, "settle", "deposit", r.layer, coins(r.amount), "--refundable", "--refund-to", file, "--yes"); err != nil {
		w.note("%s: %v", file, err)
		return
	}
	raw, err := os.ReadFile(file)
	var kept keptRefunds
	if err = errors.Join(err, json.Unmarshal(raw, &kept)); err != nil || len(kept.Refunds) == 0 || kept.Refunds[0].Raw == "" {
		w.fail("%s: sent without its refunds: %v: %s", file, err, raw)
	}
	r.id = sent.ID
	w.refundables = append(w.refundables, r)
}

// endRefundables waits until every refundable deposit was taken back, or swept and claimed, and returns what was claimed of swept
// ones, by layer.
func (w *soakWorld) endRefundables() map[string]int64 {
	claimed := map[string]int64{}
	known := map[string]bool{} // deposits that were none
	for i := range w.errands {
		known[w.errands[i].id] = true
	}
	for i := range w.wallets {
		for _, layer := range w.pegged {
			var s soakStatus
			w.until("refundable deposits of "+w.wallets[i].name+" to "+layer+" are over", func() (err error) {
				if s, err = w.settled(i, layer); err != nil {
					return err
				}
				for _, d := range s.Deposits {
					if !slices.Contains([]string{"planned", "claimed", "swept", "refunded"}, d.Phase) {
						return fmt.Errorf("%+v", d)
					}
				}
				return nil
			})
			w.checkRefundables(i, layer, &s)
			swept, vaults := int64(0), int64(0)
			count := 0
			for _, d := range s.Deposits {
				id, _, _ := strings.Cut(d.Outpoint, ":")
				switch {
				case d.Phase == "swept":
					swept += d.Amount
					count++
				case d.Phase == "claimed" && !known[id]:
					vaults += d.Amount
					count--
				}
			}
			if most := int64(soakPayoutFee * len(s.Deposits)); count != 0 || vaults > swept || vaults < swept-most {
				w.fail("%s on %s: %d were swept, %d of it claimed, %d more deposits swept than claimed: %+v", w.wallets[i].name, layer, swept, vaults,
					count, s.Deposits)
			}
			claimed[layer] += vaults
		}
	}
	return claimed
}

// checkRefundables sees that what was acknowledged ended one way or the other.
func (w *soakWorld) checkRefundables(i int, layer string, s *soakStatus) {
	for _, r := range w.refundables {
		if r.from != i || r.layer != layer {
			continue
		}
		d, err := s.depositOf(r.id)
		if err != nil || d.Amount != r.amount || d.Phase != "swept" && d.Phase != "refunded" {
			w.fail("refundable deposit %+v: %v: %+v", r, err, d)
		}
		w.note("refundable deposit of %s: %s", w.wallets[i].name, d.Phase)
	}
}

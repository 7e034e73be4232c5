package app

import (
	"testing"

	"github.com/btcsuite/btcd/wire"
)

// TestPlanStopsAtWarning: a plan goes as far as nothing wants consent, says what was sent and what is wrong with the next
// transaction, and goes on with consent. Advice follows the usual rate.
func TestPlanStopsAtWarning(t *testing.T) {
	n := newNetwork(t, params(t, testChain))
	n.mine(3)
	h := newHome(t, n)
	h.restore()
	var txs []*wire.MsgTx
	for _, c := range []struct {
		kind  string
		value int64
	}{{"p2pkh", 1e7}, {"p2wpkh", 1500}} {
		for _, s := range h.scripts(2, c.kind) {
			n.do(func() { txs = append(txs, n.pay(c.value, s)) })
		}
	}
	n.mine(1, txs...)
	h.current()
	plan, err := h.PlanCombine(t.Context(), h.in, CombineRequest{Rate: 3000})
	h.must(err)
	if len(plan.Steps) != 2 || plan.Advice != AdviseWait || plan.Future < 3000 {
		t.Fatalf("plan: %+v", plan)
	}
	later, err := h.PlanCombine(t.Context(), h.in, CombineRequest{Rate: 3000, Future: 300_000})
	h.must(err)
	if later.Advice != AdviseNow || later.Saving <= 0 {
		t.Errorf("with dear times ahead: %+v", later)
	}
	state, err := h.RunPlan(t.Context(), h.in, plan.ID, Secret(password), nil)
	if err != nil || len(state.Sent) != 1 || state.Done != 1 || len(state.Warnings) != 1 || state.Warnings[0].Concern != "high share" {
		t.Fatalf("without consent: %+v, %v", state, err)
	}
	h.arrived(state.Sent[0])
	if again, err := h.RunPlan(t.Context(), h.in, plan.ID, Secret(password), nil); CodeOf(err) != CodeConsent {
		t.Errorf("the next transaction without consent: %+v, %v", again, err)
	}
	state, err = h.RunPlan(t.Context(), h.in, plan.ID, Secret(password), []string{"high share"})
	if err != nil || len(state.Sent) != 1 || state.Done != 2 || len(state.Warnings) != 0 {
		t.Fatalf("with consent: %+v, %v", state, err)
	}
}

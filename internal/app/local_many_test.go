package app

import (
	"testing"

	"github.com/btcsuite/btcd/wire"
)

// TestManyCoins splits, combines and pays many at once, and finds it all again from the
// words alone, on an empty data folder.
func TestManyCoins(t *testing.T) {
	n := newNetwork(t, params(t, testChain))
	n.mine(5)
	h := newHome(t, n)
	h.restore()
	h.fund(20e8)
	h.splits(20e8, 50)
	h.paysMany(200)
	h.isPaidSmall(500)
	h.combines(500)
	h.foundAgain()
}

// splits makes coins of the sum that the wallet has.
func (h *home) splits(sum int64, coins int) {
	h.t.Helper()
	d, err := h.Split(h.t.Context(), h.in, SplitRequest{Count: coins, Account: changeAccountOf(h.t, h)})
	h.must(err)
	h.sendDraft(d)
	h.net.mine(1)
	h.current()
	if b := h.balance(); b.Coins != coins || b.Confirmed != sum-d.Fee {
		h.t.Fatalf("split: %+v, want %d coins", b, coins)
	}
}

// paysMany pays as many as told in one transaction.
func (h *home) paysMany(many int) {
	h.t.Helper()
	var list []Recipient
	for i := range many {
		list = append(list, Recipient{Address: h.somebody(int64(i)), Amount: 1e6 + int64(i)})
	}
	batch := h.send(Payment{To: list})
	h.net.mine(1)
	h.current()
	if tx := h.transaction(batch.ID); len(tx.Outputs) != many+1 {
		h.t.Fatalf("batch: %d outputs, want %d and change", len(tx.Outputs), many)
	}
}

// isPaidSmall has the network pay small coins to one address.
func (h *home) isPaidSmall(coins int) {
	h.t.Helper()
	script := h.scripts(1, "p2wpkh")[0]
	var in *wire.MsgTx
	h.net.do(func() {
		in = h.net.pay(1e5, make([][]byte, 0)...)
		for range coins {
			in.AddTxOut(wire.NewTxOut(1e5, script))
		}
	})
	h.net.mine(1, in)
	h.current()
}

// combines runs a plan over the small coins, after which none is left, and runs it once more.
func (h *home) combines(coins int) {
	h.t.Helper()
	ctx := h.t.Context()
	plan, err := h.PlanCombine(ctx, h.in, CombineRequest{CoinFilter: CoinFilter{MaxValue: 1e5}, Rate: 1000, Future: 20_000})
	h.must(err)
	if plan.Coins != coins || plan.Saving <= 0 || plan.State.Kept {
		h.t.Fatalf("plan: %d coins, saving %d, state %+v", plan.Coins, plan.Saving, plan.State)
	}
	state, err := h.RunPlan(ctx, h.in, plan.ID, Secret(password), nil)
	h.must(err)
	if !state.Kept || len(state.Sent) == 0 {
		h.t.Fatalf("plan run: %+v", state)
	}
	for _, id := range state.Sent {
		h.arrived(id)
	}
	h.net.mine(1)
	h.current()
	if again, err := h.RunPlan(ctx, h.in, plan.ID, Secret(password), nil); err != nil || again.Done != again.Steps && len(again.Sent) == 0 {
		h.t.Fatalf("plan run again: %+v, %v", again, err)
	}
	small, err := h.ListCoins(ctx, h.in, CoinFilter{MaxValue: 1e5})
	if err != nil || len(small.Coins) != 0 {
		h.t.Fatalf("%d small coins are left, %v", len(small.Coins), err)
	}
}

// foundAgain restores the wallet elsewhere from its words alone, and compares.
func (h *home) foundAgain() {
	h.t.Helper()
	want, err := h.History(h.t.Context(), h.in, HistoryQuery{})
	h.must(err)
	other := newHome(h.t, h.net)
	other.restore()
	got, err := other.History(h.t.Context(), h.in, HistoryQuery{})
	h.must(err)
	if a, b := h.balance(), other.balance(); a.Confirmed != b.Confirmed || a.Coins != b.Coins || got.Total != want.Total {
		h.t.Fatalf("restored: %+v and %d payments, want %+v and %d", b, got.Total, a, want.Total)
	}
	for i := range want.Rows {
		if want.Rows[i].ID != got.Rows[i].ID || want.Rows[i].Amount != got.Rows[i].Amount {
			h.t.Fatalf("restored: row %d is %+v, want %+v", i, got.Rows[i], want.Rows[i])
		}
	}
}

func changeAccountOf(t testing.TB, h *home) int {
	t.Helper()
	coins, err := h.ListCoins(t.Context(), h.in, CoinFilter{})
	if err != nil || len(coins.Coins) == 0 {
		t.Fatal("no coins", err)
	}
	return coins.Coins[0].Account
}

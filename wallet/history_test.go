package wallet

import (
	"math"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
)

// comparePages holds pages of the history against the whole of it, and what is counted against what is seen.
func comparePages(t *testing.T, c *Chain) {
	t.Helper()
	all := c.History(0, math.MaxInt)
	if c.Rows() != len(all) || !slices.IsSortedFunc(c.history, (*entry).before) {
		t.Fatalf("%d rows, want %d, in order", c.Rows(), len(all))
	}
	paid := map[string]int{}
	for i, row := range all {
		if got := c.History(i, 2); !slices.Equal(got, all[i:min(i+2, len(all))]) {
			t.Fatalf("rows from %d: %v, want %v", i, got, all[i:])
		}
		scripts := map[string]bool{}
		for _, out := range c.txs[row.ID].tx.TxOut {
			scripts[string(out.PkScript)] = true
		}
		for script := range scripts {
			paid[script]++
		}
	}
	if len(c.History(len(all), 1)) != 0 || len(c.History(math.MaxInt, 1)) != 0 || len(c.History(-1, 1)) != min(1, len(all)) {
		t.Fatal("rows beyond the end, or none from the beginning")
	}
	for script, n := range paid {
		if got := c.PaidTo([]byte(script)); got != n {
			t.Fatalf("%x: paid %d times, want %d", script, got, n)
		}
	}
}

// TestHistoryOrder: what may still confirm is on top; what was replaced, given up or has lost its block stands where its
// time puts it.
func TestHistoryOrder(t *testing.T) {
	w := newWorld(t, "dev", 78)
	block := func(height int64) int64 { return 1_700_000_000 + height*600 } // as mine has it
	take := func(tx *wire.MsgTx, at int64) *wire.MsgTx {
		t.Helper()
		if _, err := w.c.Unconfirmed(tx, at); err != nil {
			t.Fatal(err)
		}
		return tx
	}
	pay := func() *wire.MsgTx { return w.pay(w.receive(0), 1000) }
	first := pay()
	w.mine(first)
	old := take(pay(), block(0)+300)
	second, third := pay(), pay()
	w.mine(second, third)
	replaced := take(pay(), block(1)+500)
	waiting := take(pay(), block(0)+100) // an early clock: it is pending nonetheless
	rival := pay()
	rival.TxIn = replaced.TxIn
	take(rival, block(1)+550)
	last := pay()
	w.mine(last)
	late := take(pay(), block(2)+10)
	for _, tx := range []*wire.MsgTx{late, old} {
		if _, err := w.c.Abandon(tx.TxHash()); err != nil {
			t.Fatal(err)
		}
	}
	want := []struct {
		tx     *wire.MsgTx
		status Status
	}{{rival, StatusPending}, {waiting, StatusPending}, {late, StatusAbandoned}, {last, StatusConfirmed}, {replaced, StatusReplaced},
		{third, StatusConfirmed}, {second, StatusConfirmed}, {old, StatusAbandoned}, {first, StatusConfirmed}}
	for range 2 {
		rows := w.c.History(0, 99)
		if len(rows) != len(want) {
			t.Fatalf("%d rows, want %d", len(rows), len(want))
		}
		for i, r := range rows {
			if r.ID != want[i].tx.TxHash() || r.Status != want[i].status {
				t.Errorf("row %d: %s of %d, want %s", i, r.Status, r.Time, want[i].status)
			}
		}
		comparePages(t, w.c)
		w.open(w.c.Params())
	}
	// Sent again it is known anew, and on top.
	take(old, block(9))
	if r := w.c.History(0, 1)[0]; r.ID != old.TxHash() || r.Status != StatusPending || r.Time != block(0)+300 {
		t.Errorf("sent again: %+v", r)
	}
}

// TestOutsideHistory: a transaction that is known for taking what a payment to us takes has no row, in any state.
func TestOutsideHistory(t *testing.T) {
	w := newWorld(t, "dev", 77)
	w.mine(w.pay(w.receive(0), 1000))
	payment := w.pay(w.receive(0), 5000)
	if _, err := w.c.Unconfirmed(payment, 1); err != nil {
		t.Fatal(err)
	}
	rival := payment.Copy()
	rival.TxOut[0].PkScript = w.stranger()
	check := func(what string, rows int, outside bool) {
		t.Helper()
		for range 2 {
			_, known := w.c.txs[rival.TxHash()]
			if w.c.Rows() != rows || known != outside || w.c.PaidTo(rival.TxOut[0].PkScript) != 0 {
				t.Fatalf("%s: %d rows, want %d; rival known %v", what, w.c.Rows(), rows, known)
			}
			comparePages(t, w.c)
			w.open(w.c.Params())
		}
	}
	check("paid", 2, false)
	w.mine(rival)
	check("taken elsewhere", 2, true)
	if _, err := w.c.Rewind(block(0, 1)); err != nil {
		t.Fatal(err)
	}
	check("unconfirmed again", 2, true)
	w.mine(w.pay(w.receive(0), 7000), payment)
	check("paid after all", 3, true)
}

func TestConflicts(t *testing.T) {
	w := newWorld(t, "dev", 4)
	first := w.pay(w.receive(2), 70_000)
	second := w.pay(w.receive(2), 60_000)
	second.TxIn = first.TxIn // the sender pays again, less
	for _, tx := range []*wire.MsgTx{first, second} {
		if _, err := w.c.Unconfirmed(tx, 5); err != nil {
			t.Fatal(err)
		}
	}
	rows := w.c.History(0, 10)
	if len(rows) != 2 || rows[0].Status != StatusPending || rows[1].Status != StatusReplaced ||
		rows[1].ReplacedBy != second.TxHash() || !rows[0].DoubleSpend || rows[0].FeeKnown {
		t.Errorf("%+v", rows)
	}
	if b := w.c.Balance(); b.Unconfirmed != 60_000 {
		t.Errorf("%+v", b)
	}
	w.mine(first)
	if b := w.c.Balance(); b.Unconfirmed != 0 || b.Confirmed != 70_000 {
		t.Errorf("%+v", b)
	}
	if _, err := w.c.Rewind(spv.Block{Height: -1}); err != nil {
		t.Fatal(err)
	}
	if b := w.c.Balance(); b.Unconfirmed != 60_000 || b.Confirmed != 0 {
		t.Errorf("rewound: %+v", b)
	}
	third := w.pay(w.stranger(), 1) // pays us nothing, but takes what the second takes
	third.TxIn = first.TxIn
	w.mine(third)
	if b := w.c.Balance(); b.Unconfirmed != 0 || len(w.c.History(0, 9)) != 2 {
		t.Errorf("double spent elsewhere: %+v %+v", b, w.c.History(0, 9))
	}
}

// TestCoinbases: coinbases all have the same input and are no double spends of each other;
// those of others stay out of the history.
func TestCoinbases(t *testing.T) {
	w := newWorld(t, "dev", 6)
	for range 3 {
		w.mine(w.coinbase(w.receive(0), 5000))
		w.mine(w.coinbase(w.stranger(), 5000))
	}
	rows := w.c.History(0, 9)
	if len(rows) != 3 {
		t.Fatalf("%d rows, want our 3", len(rows))
	}
	for _, r := range rows {
		if r.DoubleSpend || r.ReplacedBy != (spv.Hash{}) || r.Status != StatusConfirmed {
			t.Errorf("%+v", r)
		}
	}
}

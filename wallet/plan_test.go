package wallet

import (
	"strings"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/wallet/fee"
)

// pile gives a wallet many small coins, as miners have them.
func pile(t *testing.T, w *world, account, n int, tags ...string) {
	t.Helper()
	script := w.receive(account)
	for n > 0 {
		values := make([]int64, min(n, 500))
		for i := range values {
			values[i] = 5000 + w.rng.Int64N(1000)
		}
		n -= len(values)
		w.mine(w.pay(script, values...))
	}
	if err := w.c.TagAddress(script, tags...); err != nil {
		t.Fatal(err)
	}
}

// TestCombine carries a plan out through crashes at every step and holds costs and coins
// against what the plan said.
func TestCombine(t *testing.T) {
	w := newWorld(t, "dev", 1)
	pile(t, w, 2, 1600, "pool")
	pile(t, w, 2, 5, "exchange")
	pile(t, w, 3, 7)
	w.mine(w.pay(w.receive(2), 300)) // worth less than its own fee
	if err := w.c.NeverMerge("pool", "exchange", true); err != nil {
		t.Fatal(err)
	}
	before := look(w.c)
	p, err := w.c.PlanCombine(Filter{}, 5000, 20_000)
	if err != nil {
		t.Fatal(err)
	}
	samePicture(t, "a plan", look(w.c), before)
	if p.Left != 1 || p.Lost != 300 || len(p.Groups) != 3 || p.Saving() <= 0 {
		t.Fatalf("%+v", p)
	}
	if err := w.c.StartPlan(p); err != nil {
		t.Fatal(err)
	}
	sent, paid := map[wire.OutPoint]bool{}, int64(0)
	for range 50 {
		w.open(w.c.Params()) // killed before each step
		d, at, err := w.c.NextStep(p.ID, 0, w.rng)
		if err != nil {
			t.Fatal(err)
		}
		if d == nil {
			if at.Done == at.Steps {
				break
			}
			if !at.Waiting {
				t.Fatalf("nothing to do and not done: %+v", at)
			}
			w.mine(w.c.Pending()...)
			continue
		}
		checkDraft(t, w.c, d)
		for _, in := range d.Inputs() {
			if sent[in.Coin.Outpoint] {
				t.Fatalf("coin %v is spent twice", in.Coin.Outpoint)
			}
			sent[in.Coin.Outpoint] = true
		}
		paid += d.Fee()
		w.commit(w.sign(d))
	}
	w.mine(w.c.Pending()...)
	// 1600 and 5 of account 2, 7 of account 3, the one that is not worth it.
	if got := w.c.Coins(); len(got) != 4 {
		t.Errorf("%d coins are left, want 4", len(got))
	}
	if paid > p.Cost || paid < p.Cost*99/100 {
		t.Errorf("fees %d, the plan said %d", paid, p.Cost)
	}
	if err := w.c.DropPlan(p.ID); err != nil || len(w.c.Plans()) != 0 {
		t.Error(err)
	}
	if _, _, err := w.c.NextStep(p.ID, 0, w.rng); err == nil {
		t.Error("a plan that was dropped")
	}
}

// TestCombineSaving holds the comparison of costs against plain arithmetic.
func TestCombineSaving(t *testing.T) {
	w := newWorld(t, "dev", 2)
	pile(t, w, 2, 10)
	for _, c := range []struct{ now, later fee.Rate }{{1000, 10_000}, {10_000, 1000}} {
		p, err := w.c.PlanCombine(Filter{}, c.now, c.later)
		if err != nil {
			t.Fatal(err)
		}
		// 10 inputs of 68 vB, 10.5 around them, one output of 31.
		cost, later := int64(c.now)*722/1000, int64(c.later)*68*10/1000
		if p.Cost != cost || p.Later != later || p.Saving() != later-cost-later/10 || (p.Saving() > 0) != (c.later > c.now) {
			t.Errorf("%+v: %+v, want %d and %d", c, p, cost, later)
		}
	}
	for _, f := range []Filter{{MinValue: 1e6}, {Accounts: []int{3}}, {Tag: "x"}, {Label: "x"}, {MinDepth: 99}} {
		if p, err := w.c.PlanCombine(f, 1000, 1000); err == nil {
			t.Errorf("%+v takes %+v", f, p)
		}
	}
	p, _ := w.c.PlanCombine(Filter{}, 1000, 9000)
	p.Rate = 999_999
	if err := w.c.StartPlan(p); err == nil || !strings.Contains(err.Error(), "was changed") {
		t.Errorf("%v", err)
	}
}

func TestSplit(t *testing.T) {
	w := newWorld(t, "dev", 3)
	w.mine(w.pay(w.receive(2), 1_000_000))
	for _, c := range []struct {
		name string
		s    Split
		want map[int64]int
	}{
		{"amounts", Split{Amounts: []int64{1000, 2000, 2000}}, map[int64]int{1000: 1, 2000: 2}},
		{"equal sum", Split{Count: 50, Amount: 500_000}, map[int64]int{10_000: 50}},
	} {
		c.s.Account, c.s.Rate = 2, 1000
		d, _, err := w.c.PlanSplit(c.s, w.rng)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		checkDraft(t, w.c, d)
		for amount, n := range c.want {
			got := 0
			for _, o := range d.Outputs() {
				if o.Value == amount {
					got++
				}
			}
			if got != n {
				t.Errorf("%s: %d coins of %d, want %d", c.name, got, amount, n)
			}
		}
	}
	d, scripts, err := w.c.PlanSplit(Split{Count: 200, Account: 2, Rate: 1000}, w.rng)
	if err != nil || d.Paid() != 0 || len(d.Outputs()) != 200 {
		t.Fatalf("%v %d", err, len(scripts))
	}
	least, most := int64(1<<62), int64(0)
	for _, o := range d.Outputs() {
		if least, most = min(least, o.Value), max(most, o.Value); !o.Ours {
			t.Errorf("%+v", o)
		}
	}
	if most-least >= 200 {
		t.Errorf("coins of %d to %d", least, most)
	}
	w.commit(w.sign(d))
	w.mine(w.c.Pending()...)
	if b := w.c.Balance(); b.Coins != 200 || b.Confirmed != 1_000_000-d.Fee() {
		t.Errorf("%+v", b)
	}
	if _, _, err := w.c.PlanSplit(Split{Count: 2, Amounts: []int64{1, 2}, Rate: 1000}, w.rng); err == nil {
		t.Error("both ways at once")
	}
	if _, _, err := w.c.PlanSplit(Split{Count: 2000, Amount: 400_000, Account: 2, Rate: 1000}, w.rng); err == nil {
		t.Error("coins below dust")
	}
}

// TestBumpSplit: replacements make the same coins as the split that they replace, but for one that bears the fees.
func TestBumpSplit(t *testing.T) {
	for _, s := range []Split{
		{Amounts: []int64{100_000, 200_000, 300_000}},
		{Count: 4, Amount: 400_000},
		{Count: 5},
	} {
		w := newWorld(t, "dev", 4)
		w.mine(w.pay(w.receive(2), 1_000_000))
		s.Account, s.Rate = 2, 1000
		split, _, err := w.c.PlanSplit(s, w.rng)
		if err != nil {
			t.Fatal(err)
		}
		last := w.sign(split)
		for _, rate := range []fee.Rate{5000, 25_000} {
			w.commit(last)
			d, err := w.c.Bump(last.ID(), rate, 0, w.rng)
			if err != nil {
				t.Fatal(err)
			}
			checkDraft(t, w.c, d)
			left := map[int64]int{}
			for _, o := range split.Outputs() {
				left[o.Value]++
			}
			other := 0
			for _, o := range d.Outputs() {
				if left[o.Value]--; left[o.Value] < 0 {
					other++
				}
			}
			if len(d.Outputs()) != len(split.Outputs()) || other != 1 || d.Paid() != 0 {
				t.Errorf("%+v at %s: %d outputs, %d of other amounts, %d paid; want %d, 1 and nothing", s, rate, len(d.Outputs()),
					other, d.Paid(), len(split.Outputs()))
			}
			last = w.sign(d)
		}
	}
}

// TestBumpWithoutChange: a replacement that wants another coin leaves what is over to the account that pays.
func TestBumpWithoutChange(t *testing.T) {
	w := newWorld(t, "dev", 5)
	w.mine(w.pay(w.receive(2), 100_000))
	first := w.sign(w.draft(Request{Recipients: []Recipient{{Script: w.stranger(), Max: true}}, Rate: 1000}))
	w.commit(first)
	w.mine(w.pay(w.receive(2), 200_000))
	d, err := w.c.Bump(first.ID(), 5000, 0, w.rng)
	if err != nil {
		t.Fatal(err)
	}
	checkDraft(t, w.c, d)
	for _, o := range d.Outputs() {
		if o.Ours && (o.place.chain.number != 2 || !o.Change) {
			t.Errorf("change goes to account %d", o.place.chain.number)
		}
	}
	if len(d.Inputs()) != 2 || len(d.Outputs()) != 2 {
		t.Errorf("%d inputs, %d outputs", len(d.Inputs()), len(d.Outputs()))
	}
}

package wallet

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/wallet/address"
	"github.com/layeredpow/lamina/wallet/fee"
	"github.com/layeredpow/lamina/wallet/message"
	"github.com/layeredpow/lamina/wallet/selection"
)

// TestEveryKindOfPayment pays from every kind of account on every kind of chain and
// holds what comes out against size, fee and the script engine.
func TestEveryKindOfPayment(t *testing.T) {
	for _, name := range []string{"dev", "dev-native", "dev-fractional", "bitcoin", "litecoin", "namecoin", "dogecoin"} {
		w := newWorld(t, name, 1)
		p := w.c.Params()
		unit := Dust(p, w.stranger()) * 10
		rate := fee.Rate(p.Policy.WalletFee) + 7
		var txs []*wire.MsgTx
		for i := range w.c.accounts {
			for range 4 {
				txs = append(txs, w.pay(w.receive(i), unit*1000))
			}
		}
		w.mine(txs...)
		for i, a := range w.c.accounts {
			for _, r := range []Request{
				{Recipients: []Recipient{{Script: w.stranger(), Amount: unit * 1500}}},
				{Recipients: []Recipient{{Script: w.stranger(), Amount: unit * 900, PaysFee: true}, {Script: w.stranger(), Amount: unit * 800, PaysFee: true}}},
				{Recipients: []Recipient{{Script: w.stranger(), Amount: unit * 10}, {Script: w.stranger(), Max: true}}},
				{Recipients: []Recipient{{Script: w.stranger(), Amount: unit * 100}}, Data: []byte("hello")},
			} {
				r.Rate, r.Accounts, r.Change, r.LockHeight = rate, []int{i}, i, 500
				d := w.draft(r)
				s := w.sign(d)
				if got := fee.RateOf(d.Fee(), weightOf(s.tx)); got < rate {
					t.Errorf("%s %d: rate %s, want %s", name, a.Purpose, got, rate)
				}
				if d.tx.LockTime < 400 || d.tx.LockTime > 500 || d.tx.TxIn[0].Sequence != 0xfffffffd {
					t.Errorf("lock time %d, sequence %x", d.tx.LockTime, d.tx.TxIn[0].Sequence)
				}
				if slices.ContainsFunc(d.Outputs(), func(o Output) bool { return o.Ours && !o.Change }) {
					t.Errorf("%+v", d.Outputs())
				}
			}
		}
	}
}

func TestRequestsRefused(t *testing.T) {
	w := newWorld(t, "dev", 2)
	w.mine(w.pay(w.receive(2), 100_000), w.coinbase(w.receive(2), 5000))
	to := w.stranger()
	op := w.c.Coins()[0].Outpoint
	one := func(amount int64) []Recipient { return []Recipient{{Script: to, Amount: amount}} }
	for _, c := range []struct {
		name string
		r    Request
		want string
	}{
		{"no recipients", Request{Rate: 1000}, "recipients: 0, want 1 to 3000"},
		{"low rate", Request{Rate: 999, Recipients: one(1000)}, "fee rate 0.999/vB: below the 1/vB that peers relay"},
		{"dust", Request{Rate: 1000, Recipients: one(545)}, "recipient 1: amount 545, below the 546 that peers relay for p2pkh"},
		{"negative", Request{Rate: 1000, Recipients: one(-1)}, "recipient 1: amount -1, want 0 to 10000000000000000"},
		{"too much", Request{Rate: 1000, Recipients: one(100_000)}, "coins of 100000: below the 100"},
		{"script", Request{Rate: 1000, Recipients: []Recipient{{Script: []byte{0x51}, Amount: 1000}}}, "recipient 1: script 51 is of no form that is relayed"},
		{"two max", Request{Rate: 1000, Recipients: []Recipient{{Script: to, Max: true}, {Script: to, Max: true}}}, "only one gets all"},
		{"data", Request{Rate: 1000, Data: make([]byte, 81)}, "data of 81 bytes: want at most 80"},
		{"foreign coin", Request{Rate: 1000, Recipients: one(1000), Coins: []wire.OutPoint{{}}}, "not of this wallet"},
		{"twice", Request{Rate: 1000, Recipients: one(1000), Coins: []wire.OutPoint{op, op}}, "named twice"},
		{"no coins", Request{Rate: 1000, Recipients: one(1000), Coins: []wire.OutPoint{}}, "coins: none named"},
		{"lock", Request{Rate: 1000, Recipients: one(1000), LockHeight: 500_000_000}, "lock height 500000000"},
		{"account", Request{Rate: 1000, Recipients: one(1000), Change: 7}, "account 7: the wallet has 4"},
		{"fee above amount", Request{Rate: 1_000_000, Recipients: []Recipient{{Script: to, Amount: 90_000, PaysFee: true}}}, "minus its part of the fee"},
	} {
		before := look(w.c)
		if _, err := w.c.Draft(c.r, w.rng); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		samePicture(t, c.name, look(w.c), before)
	}
	for i, want := range []string{"cannot be spent before block", "frozen"} {
		k := w.c.Coins()[1-i]
		if i == 1 {
			if err := w.c.Freeze(k.Outpoint, true); err != nil {
				t.Fatal(err)
			}
		}
		_, err := w.c.Draft(Request{Rate: 1000, Recipients: one(1000), Coins: []wire.OutPoint{k.Outpoint}}, w.rng)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	var short *selection.Shortage
	if _, err := w.c.Draft(Request{Rate: 1000, Recipients: one(1000)}, w.rng); !errors.As(err, &short) {
		t.Errorf("a frozen coin is chosen: %v", err)
	}
	w.open(w.c.Params())
	if b := w.c.Balance(); b.Frozen != 100_000 || b.Immature != 5000 {
		t.Errorf("after a restart: %+v", b)
	}
}

func TestWarnings(t *testing.T) {
	w := newWorld(t, "namecoin", 3)
	w.mine(w.pay(w.receive(1), 1_000_000), w.pay(w.receive(1), 50_000_000_000))
	to := w.stranger()
	taproot := append([]byte{0x51, 32}, make([]byte, 32)...)
	for _, c := range []struct {
		r    Request
		want []Concern
	}{
		{Request{Rate: 200_000, Recipients: []Recipient{{Script: to, Amount: 100_000}}}, []Concern{HighShare}},
		{Request{Rate: 20_000_000, Recipients: []Recipient{{Script: to, Amount: 40_000_000_000}}}, []Concern{HighRate}},
		{Request{Rate: 200_000, Recipients: []Recipient{{Script: taproot, Amount: 1_000_000_000}}}, []Concern{AnyoneCanSpend}},
		{Request{Rate: 200_000, Recipients: []Recipient{{Script: w.c.Coins()[0].Script, Amount: 1_000_000_000}}}, []Concern{Reuse}},
		{Request{Rate: 200_000, Recipients: []Recipient{{Script: to, Amount: 1_000_000_000}}}, nil},
	} {
		d := w.draft(c.r)
		var got []Concern
		for _, x := range d.Warnings() {
			got = append(got, x.Concern)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: %+v, want %v", c.r, d.Warnings(), c.want)
		}
		_, err := d.Sign(w.keys)
		if (err == nil) != (len(c.want) == 0) {
			t.Errorf("%v without consent: %v", c.want, err)
		}
	}
	d := w.draft(Request{Rate: 200_000, Recipients: []Recipient{{Script: to, Amount: 100_000}}})
	want := fmt.Sprintf("the fee is %d%% of the amount", d.Fee()*100/100_000)
	if got := d.Warnings()[0].Text; !strings.HasPrefix(got.String(), want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestSignerIsNotTrusted checks that wrong signatures and wrong keys are found before
// anybody hears of them.
func TestSignerIsNotTrusted(t *testing.T) {
	w := newWorld(t, "dev", 4)
	other := newWorld(t, "dev", 5)
	for i := range w.c.accounts {
		w.mine(w.pay(w.receive(i), 100_000))
		d := w.draft(Request{Rate: 1000, Recipients: []Recipient{{Script: w.stranger(), Max: true}}, Accounts: []int{i}})
		if _, err := d.Sign(other.keys, anyway...); err == nil {
			t.Errorf("account %d: a foreign key's signature passes", i)
		}
		if _, err := w.c.Commit(w.sign(d), 1); err != nil {
			t.Error(err)
		}
	}
}

func TestBumpCancelRaise(t *testing.T) {
	for account := range 4 {
		w := newWorld(t, "dev", 6)
		w.mine(w.pay(w.receive(account), 100_000), w.pay(w.receive(account), 40_000))
		to := w.stranger()
		first := w.sign(w.draft(Request{Rate: 1000, Change: account, Recipients: []Recipient{{Script: to, Amount: 90_000}}, Data: []byte("x")}))
		w.commit(first)
		if b := w.c.Balance(); b.OwnUnconfirmed+b.Confirmed != 50_000-first.Fee() {
			t.Fatalf("%+v", b)
		}
		if _, err := w.c.Bump(first.ID(), 1000, 0, w.rng); err == nil {
			t.Error("bumped to the same rate")
		}
		d, err := w.c.Bump(first.ID(), 1100, 0, w.rng)
		if err != nil {
			t.Fatal(err)
		}
		checkDraft(t, w.c, d)
		if least := first.Fee() + fee.Rate(w.c.Params().Policy.Incremental).Of(d.Weight()); d.Fee() < least {
			t.Errorf("fee %d, want %d (BIP125 rule 4)", d.Fee(), least)
		}
		second := w.sign(d)
		w.commit(second)
		if _, row, _ := w.c.Transaction(first.ID()); row.Status != StatusReplaced || row.ReplacedBy != second.ID() {
			t.Errorf("%+v", row)
		}
		if !paysTo(second.tx, to, 90_000) || !slices.Equal(d.Replaces(), []spv.Hash{first.ID()}) {
			t.Errorf("the bump pays something else: %+v", d.Outputs())
		}
		// A bump that the change cannot pay takes another coin.
		d, err = w.c.Bump(second.ID(), 90_000, 0, w.rng)
		if err != nil || len(d.Inputs()) != 2 || d.Rate() < 90_000 {
			t.Fatalf("%v %+v", err, d)
		}
		checkDraft(t, w.c, d)
		w.sign(d)
		if d, err = w.c.Cancel(second.ID(), 20_000, 0, w.rng); err != nil {
			t.Fatal(err)
		}
		third := w.sign(d)
		w.commit(third)
		if d.Paid() != 0 || w.c.Balance().Spendable() != 140_000-third.Fee() {
			t.Errorf("cancelled: %+v", w.c.Balance())
		}
		raise(t, w, third)
	}
}

func paysTo(tx *wire.MsgTx, script []byte, amount int64) bool {
	return slices.ContainsFunc(tx.TxOut, func(o *wire.TxOut) bool { return string(o.PkScript) == string(script) && o.Value == amount })
}

// raise checks the rate of a whole package, own and foreign.
func raise(t *testing.T, w *world, parent *Signed) {
	t.Helper()
	d, err := w.c.Raise(parent.ID(), 50_000, 0, w.rng)
	if err != nil {
		t.Fatal(err)
	}
	child := w.sign(d)
	size := fee.Virtual(weightOf(parent.tx)) + fee.Virtual(weightOf(child.tx))
	if got := (parent.Fee() + child.Fee()) * 1000 / size; got < 50_000 || got > 51_000 {
		t.Errorf("package pays %d, want 50000", got)
	}
	w.commit(child)
	in := w.pay(w.receive(2), 80_000)
	if _, err := w.c.Unconfirmed(in, 3); err != nil {
		t.Fatal(err)
	}
	d, err = w.c.Raise(in.TxHash(), 10_000, 0, w.rng)
	if err != nil || d.Fee() < (fee.Virtual(weightOf(in))+fee.Virtual(d.Weight()))*10 || d.Warnings()[0].Concern != HighShare && d.Warnings()[0].Concern != Shaky {
		t.Errorf("%v %+v", err, d)
	}
	if _, err := w.c.Raise(in.TxHash(), 900_000, 0, w.rng); err == nil {
		t.Error("a child that cannot pay for its parent")
	}
}

// TestCommitRace checks that a draft whose coins went elsewhere is refused.
func TestCommitRace(t *testing.T) {
	w := newWorld(t, "dev", 7)
	w.mine(w.pay(w.receive(2), 100_000))
	r := Request{Rate: 1000, Recipients: []Recipient{{Script: w.stranger(), Amount: 50_000}}}
	a, b := w.sign(w.draft(r)), w.sign(w.draft(r))
	for a.ID() == b.ID() {
		b = w.sign(w.draft(r))
	}
	w.log.broken = true
	if _, err := w.c.Commit(a, 1); !errors.Is(err, errBroken) || len(w.c.Pending()) != 0 {
		t.Errorf("committed without a disk: %v", err)
	}
	w.log.broken = false
	w.commit(a)
	w.commit(a)
	if _, err := w.c.Commit(b, 1); err == nil || !strings.Contains(err.Error(), "was spent by") {
		t.Errorf("%v", err)
	}
	w.open(w.c.Params())
	if p := w.c.Pending(); len(p) != 1 || p[0].TxHash() != a.ID() || p[0].TxIn[0].Witness == nil {
		t.Errorf("after a restart: %v", p)
	}
	if _, err := w.c.Abandon(a.ID()); err != nil || w.c.Balance().Confirmed != 100_000 || len(w.c.Pending()) != 0 {
		t.Errorf("%v %+v", err, w.c.Balance())
	}
	w.commit(b)
}

// TestNeverMerge checks that no draft mixes what is to stay apart, change included.
func TestNeverMerge(t *testing.T) {
	w := newWorld(t, "dev", 8)
	var txs []*wire.MsgTx
	for range 12 {
		txs = append(txs, w.pay(w.receive(2), 50_000+w.rng.Int64N(50_000)))
	}
	w.mine(txs...)
	names := []string{"exchange", "work", "friends", ""}
	for i, k := range w.c.Coins() {
		if name := names[i%4]; name != "" {
			if err := w.c.TagCoin(k.Outpoint, name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, rule := range [][2]string{{"work", "exchange"}, {"friends", AnyOther}} {
		if err := w.c.NeverMerge(rule[0], rule[1], true); err != nil {
			t.Fatal(err)
		}
	}
	w.open(w.c.Params())
	if len(w.c.Rules()) != 2 {
		t.Fatalf("%v", w.c.Rules())
	}
	sent, apart := 0, 0
	for range 200 {
		d, err := w.c.Draft(Request{Rate: 1000, Change: 2, Recipients: []Recipient{{Script: w.stranger(), Amount: 1000 + w.rng.Int64N(150_000)}}}, w.rng)
		if err != nil {
			apart++
			continue
		}
		checkDraft(t, w.c, d)
		w.commit(w.sign(d))
		if sent++; w.rng.IntN(3) == 0 {
			w.mine(w.c.Pending()...)
		}
	}
	if sent < 5 || apart < 5 {
		t.Errorf("%d sent, %d refused: too few to tell", sent, apart)
	}
	all := Request{Rate: 1000, Recipients: []Recipient{{Script: w.stranger(), Max: true}}}
	w.mine(w.pay(w.c.keychains[4].slots[1].script, 60_000), w.pay(w.receive(2), 60_000))
	for _, k := range w.c.Coins()[len(w.c.Coins())-2:] {
		if err := w.c.TagCoin(k.Outpoint, []string{"work", "exchange"}[k.Outpoint.Hash[0]%2]); err != nil {
			t.Fatal(err)
		}
	}
	d, err := w.c.Draft(all, w.rng)
	if err == nil {
		checkDraft(t, w.c, d)
	}
}

func TestDust(t *testing.T) {
	bitcoin, doge := testchain.Params(t, "bitcoin"), testchain.Params(t, "dogecoin")
	for _, c := range []struct { // Bitcoin Core's GetDustThreshold at 3 sat/vB
		script []byte
		want   int64
	}{
		{append([]byte{0x76, 0xa9, 20}, append(make([]byte, 20), 0x88, 0xac)...), 546},
		{append([]byte{0xa9, 20}, append(make([]byte, 20), 0x87)...), 540},
		{append([]byte{0, 20}, make([]byte, 20)...), 294},
		{append([]byte{0, 32}, make([]byte, 32)...), 330},
		{append([]byte{0x51, 32}, make([]byte, 32)...), 330},
		{[]byte{0x6a, 1, 1}, 0},
	} {
		if got := Dust(bitcoin, c.script); got != c.want {
			t.Errorf("%x: %d, want %d", c.script, got, c.want)
		}
	}
	if got := Dust(doge, []byte{0xa9, 20}); got != doge.Policy.DustLimit {
		t.Errorf("%d", got)
	}
	if got, _ := address.InputWeight(address.P2WPKH); got != 272 {
		t.Errorf("input of %d weight units, want 272", got)
	}
}

// TestSoftDust checks that outputs below the soft limit are paid for.
func TestSoftDust(t *testing.T) {
	w := newWorld(t, "dogecoin", 9)
	p := w.c.Params().Policy
	w.mine(w.pay(w.receive(0), 500_000_000_000))
	r := Request{Rate: fee.Rate(p.WalletFee), Recipients: []Recipient{{Script: w.stranger(), Amount: p.SoftDust - 1}, {Script: w.stranger(), Amount: p.SoftDust}}}
	d := w.draft(r)
	if want := r.Rate.Of(d.Weight()) + p.SoftDust; d.Fee() != want {
		t.Errorf("fee %d, want %d", d.Fee(), want)
	}
	w.sign(d)
}

func TestSignMessage(t *testing.T) {
	w := newWorld(t, "dev", 10)
	for account := range 4 {
		a, _, err := w.c.Receive(account, true)
		if err != nil {
			t.Fatal(err)
		}
		sig, err := w.c.SignMessage(a.Script, []byte("hello"), w.keys)
		if account < 2 {
			if err == nil {
				t.Errorf("account %d: signs without a form for it", account)
			}
			continue
		}
		if err == nil {
			err = message.Verify(w.c.Params(), a.Text, []byte("hello"), sig)
		}
		if err != nil {
			t.Errorf("account %d: %v", account, err)
		}
	}
	if _, err := w.c.SignMessage(w.stranger(), nil, w.keys); err == nil {
		t.Error("signs for a stranger")
	}
}

// TestWatchOnly checks that coins without keys are planned with only when asked for, and
// signed by others alone.
func TestWatchOnly(t *testing.T) {
	w := newWorld(t, "dev", 11)
	accounts := w.accounts(w.c.Params())
	accounts[2].WatchOnly = true
	c, err := Open(w.c.Params(), accounts, w.log)
	if err != nil {
		t.Fatal(err)
	}
	w.c = c
	w.mine(w.pay(w.receive(2), 100_000))
	if b := w.c.Balance(); b.WatchOnly != 100_000 || b.Spendable() != 0 {
		t.Errorf("%+v", b)
	}
	r := Request{Rate: 1000, Recipients: []Recipient{{Script: w.stranger(), Amount: 50_000}}, Change: 2}
	if _, err := w.c.Draft(r, w.rng); err == nil {
		t.Error("chooses what it cannot sign for")
	}
	r.Accounts = []int{2}
	d := w.draft(r)
	if _, err := d.Sign(w.keys); err == nil || !strings.Contains(err.Error(), "watch-only") {
		t.Errorf("%v", err)
	}
	p, err := d.Packet()
	if err == nil {
		p, _, err = p.Sign(w.keys) // a device that has the keys
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.Complete(p)
	if err != nil {
		t.Fatal(err)
	}
	w.commit(s)
}

// TestBurnOutput checks that an OP_RETURN output with value survives a replacement, and
// never gets all that is left.
func TestBurnOutput(t *testing.T) {
	w := newWorld(t, "dogecoin", 12)
	w.mine(w.pay(w.receive(0), 100_000_000_000))
	burn := []byte{0x6a, 1, 7, 2, 8, 9}
	first := w.sign(w.draft(Request{Rate: 1_000_000, Recipients: []Recipient{{Script: burn, Amount: 5_000_000_000}}}))
	w.commit(first)
	d, err := w.c.Bump(first.ID(), 3_000_000, 0, w.rng)
	if err != nil || !paysTo(d.tx, burn, 5_000_000_000) {
		t.Errorf("%v", err)
	}
	most := w.c.Params().Unit.MaxMoney
	for _, c := range []struct {
		to   []Recipient
		want string
	}{
		{[]Recipient{{Script: burn, Max: true}}, "where nobody can spend it"},
		{slices.Repeat([]Recipient{{Script: w.stranger(), Amount: most}}, 10), "there is only"},
	} {
		if _, err := w.c.Draft(Request{Rate: 1_000_000, Recipients: c.to}, w.rng); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

// TestMaxWeight: where a recipient bounds the transaction's weight no way of choosing coins goes beyond, nor does a
// replacement of what is small enough to be a deposit to a layer.
func TestMaxWeight(t *testing.T) {
	w := newWorld(t, "dev", 41)
	pile(t, w, 0, 400) // P2PKH: more than 220 of them take more than a claim can show
	all := w.c.Balance().Confirmed
	to := Recipient{Script: w.stranger(), MaxWeight: claimable}
	request := func(r Recipient) Request { return Request{Recipients: []Recipient{r}, Rate: 1000} }
	var short *selection.Shortage
	rest := to
	rest.Max = true
	if _, err := w.c.Draft(request(rest), w.rng); !errors.As(err, &short) || !short.Heavy {
		t.Errorf("all of it: %v", err)
	}
	rest.MaxWeight = 0
	if d := w.draft(request(rest)); len(d.Inputs()) != 400 {
		t.Errorf("%d inputs, want all 400", len(d.Inputs()))
	}
	to.Amount = all * 3 / 4
	if _, err := w.c.Draft(request(to), w.rng); !errors.As(err, &short) || !short.Heavy {
		t.Errorf("three quarters: %v", err)
	}
	to.Amount = all / 2
	d := w.draft(request(to))
	s := w.sign(d)
	if n := s.Tx().SerializeSizeStripped(); n > peg.MaxDeposit || len(d.Inputs()) < 190 {
		t.Errorf("%d bytes, %d inputs", n, len(d.Inputs()))
	}
	w.commit(s)
	for rate := fee.Rate(2000); ; rate *= 2 {
		d, err := w.c.Bump(s.ID(), rate, 0, w.rng)
		if errors.As(err, &short) && short.Heavy {
			break // more coins would have been needed than fit
		}
		if err != nil {
			t.Fatalf("at %s: %v", rate, err)
		}
		if n := w.sign(d).Tx().SerializeSizeStripped(); n > peg.MaxDeposit {
			t.Fatalf("at %s: %d bytes", rate, n)
		}
	}
}

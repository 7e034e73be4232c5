package settle

import (
	"strings"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/swap"
)

// TestGift pays the leg of another's swap: that is not his funding.
func TestGift(t *testing.T) {
	w := newSwapWorld(t, 40, 0)
	w.agree(w.request(true, true, swap.P2TR))
	maker := w.parties[0]
	w.l1.send(w.l1.pay(mustLeg(t, maker.b)))
	w.l1.mine(true)
	maker.sync()
	tx := w.l1.pay(mustLeg(t, maker.b), wire.NewTxOut(5, script(1)))
	if _, err := maker.b.Fund(0, tx, maker.keys); err == nil {
		t.Fatal("funded, though the leg is held: by whom is not known before") // what came first counts as the leg
	}
	w = newSwapWorld(t, 41, 0)
	w.agree(w.request(true, true, swap.P2TR))
	maker = w.parties[0]
	tx = w.l1.pay(mustLeg(t, maker.b), wire.NewTxOut(5, script(1)))
	if _, err := maker.b.Fund(0, tx, maker.keys); err != nil {
		t.Fatal(err)
	}
	w.l1.send(tx)
	gift := w.l1.pay(mustLeg(t, maker.b))
	w.l1.pool = nil
	w.l1.send(gift)
	w.l1.mine(true)
	maker.sync()
	if s := w.state(maker); s.Move != Fund || s.Phase == FundedSecond {
		t.Errorf("%s, %s: want our own funding to be sent", s.Move, s.Phase)
	}
}

// TestHurry redeems near t2 at the stressed rate, and is done only when that is deep.
func TestHurry(t *testing.T) {
	w := newSwapWorld(t, 42, 0)
	w.agree(w.request(true, true, swap.P2TR))
	maker, taker := w.parties[0], w.parties[1]
	for w.state(maker).Phase != FundedSecond {
		w.act(taker)
		w.act(maker)
		w.turn(false)
		maker.sync()
	}
	for w.state(maker).Terms.Second.Expiry-uint32(w.l1.tip().Height) > hurry {
		w.turn(false)
	}
	w.act(maker)
	if r := maker.b.swaps[0].Redeem; r == nil || r.Rate != 10_000 {
		t.Fatalf("redeemed by %+v, want the stressed rate", r)
	}
	for i, want := range []Move{Wait, Wait, Wait, Rest} {
		w.turn(false)
		maker.sync()
		if s := w.state(maker); s.Move != want || s.Phase != Redeemed {
			t.Errorf("%d deep: %s, %s", i+1, s.Move, s.Phase)
		}
	}
}

// TestRehearsal refuses to fund what could not be redeemed in a crowded time.
func TestRehearsal(t *testing.T) {
	w := newSwapWorld(t, 43, 0)
	r := w.request(true, true, swap.P2TR)
	r.Scripts.Redeem = make([]byte, 80_000)
	w.agree(r)
	maker := w.parties[0]
	_, err := maker.b.Fund(0, w.l1.pay(mustLeg(t, maker.b)), maker.keys)
	if err == nil || !strings.Contains(err.Error(), "redeem leaves") {
		t.Errorf("%v", err)
	}
}

// TestUnjudged sends no claim that could not be judged.
func TestUnjudged(t *testing.T) {
	w := newPegWorld(t, "dev-native", 44, 0)
	w.deposit(1, 100_000)
	for range 6 {
		w.l1.mine(true)
	}
	follow := append([]Chain(nil), w.p.follow...)
	w.p.sync()
	w.p.follow[0].Headers = nil
	w.p.open()
	before := w.p.log.count
	sent, err := w.p.b.Step(nil)
	if err == nil || len(sent) != 0 || w.p.log.count != before {
		t.Errorf("sent %d without headers, %v", len(sent), err)
	}
	w.p.follow[0].Headers = newSim(t, w.l1.p, nil) // knows another chain: the headers may come
	w.p.open()
	if sent, err = w.p.b.Step(nil); err != nil || len(sent) != 0 {
		t.Errorf("sent %d under other headers, %v", len(sent), err)
	}
	w.p.follow = follow
	w.p.open()
	if sent, err = w.p.b.Step(nil); err != nil || len(sent) != 1 {
		t.Errorf("sent %d, %v", len(sent), err)
	}
}

// TestLeavingSettlers refuses a deposit to settlers who may be out of office when it confirms.
func TestLeavingSettlers(t *testing.T) {
	w := newPegWorld(t, "dev-native", 45, 0)
	changed := *w.layer.p
	for left, ok := range map[int32]bool{TermSlack - 1: false, TermSlack: true} {
		changed.Settlers = append([]chains.Settlers(nil), w.layer.p.Settlers...)
		changed.Settlers[0].To = w.l1.tip().Height + left
		w.p.follow[1].Params = &changed
		w.p.open()
		w.p.sync()
		if _, _, err := w.p.b.NewDeposit(w.id, script(1), MaxFees(&changed)[0], 50_000); (err == nil) != ok {
			t.Errorf("%d blocks left: %v", left, err)
		}
	}
}

// TestRefundablePaidAgain: of a script that was paid twice the second payment wants the keys, and comes back like the first; each has
// refunds, and asks, of its own.
func TestRefundablePaidAgain(t *testing.T) {
	w := newPegWorld(t, "dev-native", 6, 0)
	refunds, first := w.refundable(t, 2)
	w.l1.mine(true)
	gift := w.l1.pay(wire.NewTxOut(70_000, first.TxOut[1].PkScript))
	w.l1.send(gift)
	w.l1.mine(true)
	w.p.sync()
	bare := func() (out []DepositState) {
		for _, s := range w.states(t) {
			if s.Phase != Waiting {
				t.Fatalf("%+v", s)
			}
			if len(s.Refunds()) == 0 {
				out = append(out, s)
			}
		}
		return out
	}
	all := bare()
	if len(all) != 1 || all[0].Value != 70_000 || all[0].Why == "" {
		t.Fatalf("%+v, want the second to lack refunds", all)
	}
	if err := w.p.b.TakeBack(all[0], script(41), w.p.keys); err != nil {
		t.Fatal(err)
	}
	w.p.open()
	if left := bare(); len(left) != 0 {
		t.Fatalf("%+v lacks refunds", left)
	}
	asks, err := w.p.b.Asks()
	if err != nil || len(asks) != 2 || asks[0].Outpoint == asks[1].Outpoint {
		t.Fatalf("%+v, %v: want both to be asked for", asks, err)
	}
	if got := w.p.b.Refunds(w.l1.p.NetID())[string(first.TxOut[1].PkScript)]; len(got) != 2*len(refunds) {
		t.Errorf("%d refunds, want %d", len(got), 2*len(refunds))
	}
	for range w.layer.p.Peg.Refund {
		w.l1.mine(true)
	}
	w.p.sync()
	sent, err := w.p.b.Step(nil)
	if err != nil || len(sent) != 2 {
		t.Fatalf("sent %+v, %v", sent, err)
	}
	for _, out := range sent {
		w.l1.send(out.Tx)
	}
	w.l1.mine(true)
	w.p.sync()
	for _, s := range w.states(t) {
		if s.Phase != Refunded {
			t.Errorf("%+v", s)
		}
	}
}

package settle

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv/swap"
)

// TestSwaps swaps in every order, on every chain and form, over reorganisations and with both programs killed at any
// write; now and then one of them loses its log and goes on from its seed and the two texts. Strangers tell of what is never mined.
func TestSwaps(t *testing.T) {
	forms := []swap.Form{swap.P2TR, swap.P2WSH, swap.P2SH}
	for seed := range uint64(16) {
		name := fmt.Sprintf("seed %d", seed)
		w := newSwapWorld(t, seed, 7)
		w.noisy = true
		w.agree(w.request(seed%2 == 0, seed%4 < 2, forms[seed%3]))
		lost := w.rng.IntN(40)
		for i := range 60 {
			if p := w.parties[w.rng.IntN(2)]; i == lost && seed%4 == 3 {
				offer, answer, to := w.offer, w.answer, w.scripts[slices.Index(w.parties[:], p)]
				p.lose()
				p.try(func() error { _, err := p.b.Restore(offer, answer, to, p.keys); return ignoreKnown(err) })
			}
			for _, p := range w.parties {
				w.act(p)
			}
			w.turn(seed%3 > 0)
		}
		for range 240 {
			for _, p := range w.parties {
				w.act(p)
			}
			w.turn(false)
		}
		first, second := w.outcome(0), w.outcome(1)
		if first == "lost" || second == "lost" {
			t.Errorf("%s: %s and %s", name, first, second)
		}
		if seed%3 == 0 && seed%4 != 3 && (first != "redeemed" || second != "redeemed") {
			t.Errorf("%s: calm, and %s, %s: %+v %+v", name, first, second, w.state(w.parties[0]), w.state(w.parties[1]))
		}
		for _, p := range w.parties {
			if s := w.state(p); s.Move != Rest {
				t.Errorf("%s: still to %s: %s", name, s.Move, s.Why)
			}
		}
	}
}

func ignoreKnown(err error) error {
	if err != nil && strings.Contains(err.Error(), "its record is there") {
		return nil
	}
	return err
}

// TestUnfairSwaps has one party behave as badly as it can: the other loses nothing.
func TestUnfairSwaps(t *testing.T) {
	for _, c := range []struct {
		name  string
		first bool                                // the honest maker funds first
		stops func(s SwapState, h, t2 int32) bool // when the taker does nothing
		late  bool                                // and reveals when nobody should any more
		want  []string
	}{
		{"never funds", true, func(SwapState, int32, int32) bool { return true }, false, []string{"refunded"}},
		{"never reveals", false, func(s SwapState, _, _ int32) bool { return s.Phase == FundedSecond }, false, []string{"refunded"}},
		{"reveals at the last block", false, func(s SwapState, h, t2 int32) bool { return s.Phase == FundedSecond && h < t2-2 }, true,
			[]string{"redeemed"}},
		{"reveals after t2", false, func(s SwapState, h, t2 int32) bool { return s.Phase == FundedSecond && h < t2+1 }, true,
			[]string{"redeemed", "refunded"}},
		{"funds and goes away", true, func(s SwapState, _, _ int32) bool { return s.Phase == FundedSecond }, false, []string{"redeemed"}},
	} {
		for seed := range uint64(2) {
			w := newSwapWorld(t, seed, 0)
			w.agree(w.request(c.first, seed%2 == 0, swap.P2TR))
			honest, bad := w.parties[0], w.parties[1]
			for range 230 {
				w.act(honest)
				bad.sync()
				s := w.state(bad)
				h, t2 := w.l1.tip().Height, int32(s.Terms.Second.Expiry)
				switch stops := c.stops(s, h, t2); {
				case c.late && !stops && s.Phase == FundedSecond:
					session := bad.b.swaps[s.Number]
					if tx, err := bad.b.redeem(session, bad.keys); err == nil {
						w.simOf(session.terms.Gets(s.Role)).send(tx)
					}
				case !stops:
					w.act(bad)
				}
				w.turn(false)
			}
			if got := w.outcome(0); !slices.Contains(c.want, got) {
				t.Errorf("%s, seed %d: %s, want %s: %+v", c.name, seed, got, c.want, w.state(honest))
			}
		}
	}
}

// TestTwoClocks swaps between chains without a common clock, to the end and with a taker who never reveals.
func TestTwoClocks(t *testing.T) {
	for _, fair := range []bool{true, false} {
		w := newTwoClocks(t, 11)
		spacing := [2]uint32{w.l1.p.Spacing(), w.layer.p.Spacing()}
		if spacing != [2]uint32{600, 150} {
			t.Fatalf("spacings %v", spacing)
		}
		r := w.request(fair, fair, swap.P2WSH)
		r.T2 = uint32(w.layer.tip().Height) + 200
		r.T1 = uint32(w.l1.tip().Height) + 335
		w.agree(r)
		for range 350 {
			w.act(w.parties[0])
			bad := w.parties[1]
			if bad.sync(); fair || w.state(bad).Phase != FundedSecond {
				w.act(bad)
			}
			if s := w.state(w.parties[0]); s.Phase == FundedSecond && s.Move == Wait && s.Left < 1 {
				t.Fatalf("no blocks left, and waits: %+v", s)
			}
			w.turn(false)
		}
		want := map[bool]string{true: "redeemed", false: "refunded"}[fair]
		if got := w.outcome(0); got != want {
			t.Errorf("fair %v: %s, want %s: %+v", fair, got, want, w.state(w.parties[0]))
		}
	}
}

// TestBump raises the redemption's fee when more is asked, and never below what was sent.
func TestBump(t *testing.T) {
	w := newSwapWorld(t, 12, 0)
	w.agree(w.request(true, true, swap.P2TR))
	maker, id := w.parties[0], w.layer.p.NetID()
	redeem := func() *wire.MsgTx {
		t.Helper()
		for _, b := range maker.step() {
			if b.Chain == id {
				return b.Tx
			}
		}
		t.Fatalf("nothing is redeemed: %+v", w.state(maker))
		return nil
	}
	for range 30 {
		w.act(w.parties[1])
		if maker.sync(); w.state(maker).Move == Redeem {
			break
		}
		w.act(maker)
		w.turn(false)
	}
	first := redeem()
	w.layer.pool = nil
	if again := redeem(); again.TxHash() != first.TxHash() {
		t.Error("another redemption for the same rate")
	}
	if err := maker.b.SetRates(id, 9000, 10_000); err != nil {
		t.Fatal(err)
	}
	dear := redeem()
	if dear.TxOut[0].Value >= first.TxOut[0].Value {
		t.Errorf("pays out %d at 9000, %d at 2000", dear.TxOut[0].Value, first.TxOut[0].Value)
	}
	if err := maker.b.SetRates(id, 100, 10_000); err != nil {
		t.Fatal(err)
	}
	if again := redeem(); again.TxHash() != dear.TxHash() {
		t.Error("the fee sank")
	}
}

// TestLateWatcher is away for as long as it may be, and still takes what is its own.
func TestLateWatcher(t *testing.T) {
	w := newSwapWorld(t, 5, 0)
	w.agree(w.request(true, true, swap.P2TR)) // the taker is the responder
	for range 300 {
		w.act(w.parties[0])
		taker := w.parties[1]
		s := w.state(taker)
		away := w.state(w.parties[0]).Phase == Redeemed && w.l1.tip().Height < int32(s.Terms.First.Expiry)-10
		if !away {
			w.act(taker)
		}
		w.turn(false)
	}
	if got := w.outcome(1); got != "redeemed" {
		t.Errorf("%s", got)
	}
}

// TestLockedSwaps lets Step run without keys: what was signed beforehand is sent, the rest says what it wants.
func TestLockedSwaps(t *testing.T) {
	w := newSwapWorld(t, 6, 0)
	w.agree(w.request(true, true, swap.P2TR))
	maker := w.parties[0]
	w.act(maker)
	for range 210 {
		w.turn(false)
		maker.sync()
		sent, err := maker.b.Step(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range sent {
			w.l1.send(b.Tx)
		}
	}
	if got := w.outcome(0); got != "refunded" {
		t.Errorf("%s, want refunded without keys", got)
	}
	w = newSwapWorld(t, 7, 0)
	w.agree(w.request(true, true, swap.P2TR))
	for range 30 {
		w.act(w.parties[1])
		if w.state(w.parties[0]).Phase != FundedSecond {
			w.act(w.parties[0])
		}
		w.turn(false)
	}
	w.parties[0].sync()
	if _, err := w.parties[0].b.Step(nil); err == nil || !strings.Contains(err.Error(), "unlock") {
		t.Errorf("redeems without keys: %v", err)
	}
}

// TestBadSwaps spoils one thing about an offer, an answer or a funding.
func TestBadSwaps(t *testing.T) {
	offer := func(name, want string, spoil func(r *SwapRequest)) {
		w := newSwapWorld(t, 8, 0)
		r := w.request(true, true, swap.P2TR)
		spoil(&r)
		before := w.parties[0].log.count
		_, _, err := w.parties[0].b.Offer(r, w.parties[0].keys)
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("offer, %s: %v, want %q", name, err, want)
		}
		if err != nil && w.parties[0].log.count != before {
			t.Errorf("offer, %s: refused and written", name)
		}
	}
	offer("good", "", func(*SwapRequest) {})
	offer("t1 too near t2", swap.CheckExpiry, func(r *SwapRequest) { r.T1 = r.T2 + swap.MarginOnLayer - 1 })
	offer("t2 too near", swap.CheckLate, func(r *SwapRequest) { r.T1, r.T2 = r.T1-30, r.T2-30 })
	offer("locked for ever", swap.CheckLock, func(r *SwapRequest) { r.T1 += 1_000_000 })
	offer("dust", swap.CheckAmounts, func(r *SwapRequest) { r.Give.Amount = 900 })
	offer("no script", "no script", func(r *SwapRequest) { r.Scripts.Refund = nil })
	offer("unknown chain", "not followed", func(r *SwapRequest) { r.Get.Chain[0]++ })
	offer("hash of the other", "a hash is for him", func(r *SwapRequest) { r.First, r.Hash = false, &[32]byte{1} })

	w := newSwapWorld(t, 9, 0)
	w.agree(w.request(true, true, swap.P2TR))
	a, b := w.parties[0], w.parties[1]
	wants := func(name, want string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	_, _, err := b.b.Take(w.offer, nil, w.scripts[1], b.keys)
	wants("taken twice: the hash is used", "was used in swap", err)
	hash := w.state(a).Terms.Hash
	r := w.request(true, true, swap.P2TR)
	r.Hash = &hash
	_, _, err = a.b.Offer(r, a.keys)
	wants("hash offered again", "was used in swap", err)
	r.Hash = nil
	_, own, err := a.b.Offer(r, a.keys)
	if err != nil {
		t.Fatal(err)
	}
	wants("accepted for another offer", "", a.b.Accept(1, w.answer, a.keys))
	wants("accepted twice", "answered", a.b.Accept(0, w.answer[:len(w.answer)-1]+"q", a.keys))
	_, err = a.b.Fund(0, w.l1.pay(wire.NewTxOut(5, script(1))), a.keys)
	wants("funding pays nobody", "does not pay the leg", err)
	to, err := a.b.Leg(0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.b.Fund(0, w.l1.pay(wire.NewTxOut(to.Amount-1, to.Script)), a.keys)
	wants("funding pays too little", "want one output of", err)
	_, err = a.b.Fund(0, w.l1.pay(wire.NewTxOut(to.Amount, to.Script), wire.NewTxOut(to.Amount, to.Script)), a.keys)
	wants("funding pays twice", "want one output of", err)
	toB, err := b.b.Leg(0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.b.Fund(0, w.layer.pay(wire.NewTxOut(toB.Amount, toB.Script)), b.keys)
	wants("funds before the other leg is deep", "0 of 4 confirmations", err)
	for range 31 {
		w.l1.mine(true)
	}
	a.sync()
	_, err = a.b.Fund(0, w.l1.pay(wire.NewTxOut(to.Amount, to.Script)), a.keys)
	wants("funds late", swap.CheckLate, err)
	b.sync()
	_, _, err = b.b.Take(own, nil, w.scripts[1], b.keys)
	wants("late take", swap.CheckLate, err)
	wants("unknown secret", "no swap", a.b.Learn([32]byte{9}))
}

// TestForeignHash swaps against a payment hash: the secret comes when somebody else was paid.
func TestForeignHash(t *testing.T) {
	w := newSwapWorld(t, 10, 0)
	secret := [32]byte{4, 2}
	hash := sha256.Sum256(secret[:])
	r := w.request(true, true, swap.P2TR)
	r.Hash = &hash
	w.agree(r)
	for i := range 40 {
		if i == 20 {
			if s := w.state(w.parties[0]); s.Phase != FundedSecond || s.Move != Wait {
				t.Fatalf("before the secret: %s, %s", s.Phase, s.Move)
			}
			if err := w.parties[0].b.Learn(secret); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range w.parties {
			w.act(p)
		}
		w.turn(false)
	}
	if a, b := w.outcome(0), w.outcome(1); a != "redeemed" || b != "redeemed" {
		t.Errorf("%s and %s", a, b)
	}
}

// TestUnanswered: an offer is not waited for any more once an answer would come too late; after a reorganisation it may be again.
func TestUnanswered(t *testing.T) {
	for _, first := range []bool{true, false} {
		w := newSwapWorld(t, 54, 0)
		maker, taker := w.parties[0], w.parties[1]
		r := w.request(first, true, swap.P2TR)
		if !first { // who takes it funds the first leg then
			r.Give, r.Get = r.Get, r.Give
		}
		number, offer, err := maker.b.Offer(r, maker.keys)
		if err != nil {
			t.Fatal(err)
		}
		for {
			taker.sync()
			_, answer, err := taker.b.Take(offer, nil, w.scripts[1], taker.keys)
			want := Offered
			if err != nil {
				want = Dropped
			}
			if s := w.state(maker); s.Phase != want || (s.Move == Rest) != (err != nil) {
				t.Fatalf("block %d: %s, %s; taken: %v", w.l1.tip().Height, s.Phase, s.Move, err)
			}
			if err != nil {
				if maker.b.Accept(number, answer, maker.keys) == nil {
					t.Fatal("accepted too late")
				}
				break
			}
			taker.lose()
			w.turn(false)
			maker.sync()
		}
		over := w.l1.tip().Height
		for range 60 {
			w.turn(false)
		}
		maker.sync()
		if s := w.state(maker); s.Phase != Dropped || s.Move != Rest || !strings.Contains(s.Why, "t2 above block") {
			t.Errorf("long after: %s, %s: %s", s.Phase, s.Move, s.Why)
		}
		w.l1.drop(int(w.l1.tip().Height - over + 1))
		w.layer.follow()
		maker.sync()
		if s := w.state(maker); s.Phase != Offered || s.Move != Wait {
			t.Errorf("a block less: %s, %s", s.Phase, s.Move)
		}
	}
}

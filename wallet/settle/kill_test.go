package settle

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/spv/swap"
	"github.com/layeredpow/lamina/wallet"
)

// death is how a program ends at a write.
type death string

const (
	beforeWrite death = "before the write"
	afterWrite  death = "after the write"
	withAll     death = "with all that is on disk" // only the seed is left
)

// fate ends a party at one of its writes. Where it wrote how far it has read, and did so before, nothing has changed: that
// is no write that counts.
type fate struct {
	how   death
	left  int    // writes until then
	died  string // what was written; empty: it lives
	moved bool   // something else was written since it wrote how far it has read
}

func (f *fate) strikes(records []wallet.Record) bool {
	if f == nil || f.died != "" {
		return false
	}
	what := namedWrites(records)
	read := what == "cursor"
	if read && !f.moved {
		return false
	}
	f.moved = !read
	if f.left--; f.left >= 0 {
		return false
	}
	f.died = what
	return true
}

// namedWrites says what records are of: their kind, and how far it is.
func namedWrites(records []wallet.Record) string {
	all := map[string]bool{}
	for _, r := range records {
		all[transition(r)] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(all)), " and ")
}

// transition names what a record brings about.
func transition(r wallet.Record) string {
	switch kind := r.Key[0]; kind {
	case keySwap:
		var s session
		if err := json.Unmarshal(r.Value, &s); err != nil {
			panic(err)
		}
		switch {
		case s.Redeem != nil:
			return "swap redeemed"
		case s.Funding != nil:
			return "swap signed"
		case len(s.Refunds) > 0:
			return "swap refunded"
		case s.Restored:
			return "swap restored"
		case s.Answer != "":
			return "swap agreed"
		}
		return "swap offered"
	case keyDeposit:
		var d Deposit
		if err := json.Unmarshal(r.Value, &d); err != nil {
			panic(err)
		}
		if d.Back != nil && len(d.Back.Refunds) > 0 {
			return "deposit signed"
		}
		return "deposit planned"
	case keySeen:
		var s sighting
		if err := json.Unmarshal(r.Value, &s); err != nil {
			panic(err)
		}
		if s.Block == nil {
			return "seen"
		}
		return "mined"
	default:
		return map[byte]string{keyCursor: "cursor", keyClaim: "claim", keyBurn: "burn", keyHash: "hash"}[kind]
	}
}

// atEveryWrite runs a life again and again, with an end at each of its writes in turn, and says at which it died.
func atEveryWrite(t *testing.T, how death, life func(f *fate)) map[string]bool {
	t.Helper()
	died := map[string]bool{}
	for n := 0; ; n++ {
		f := &fate{how: how, left: n, moved: true}
		if life(f); f.died == "" {
			return died
		}
		died[f.died] = true
		if t.Failed() {
			t.Fatalf("died %s %d: %s", how, n, f.died)
		}
	}
}

func wantDeaths(t *testing.T, how death, died map[string]bool, want ...string) {
	t.Helper()
	for _, w := range want {
		if !died[w] {
			t.Errorf("%s: never died at %q, only at %q", how, w, slices.Sorted(maps.Keys(died)))
		}
	}
}

// TestDepositAndWithdrawalAtEveryWrite: whatever the program ends at, what was deposited is claimed once and what was burned
// is found paid, once.
func TestDepositAndWithdrawalAtEveryWrite(t *testing.T) {
	for _, how := range []death{beforeWrite, afterWrite, withAll} {
		died := atEveryWrite(t, how, func(f *fate) {
			w := newPegWorld(t, "dev-native", 41, 0)
			var burned []*wire.MsgTx // by the wallet on the layer, which tells the book of them again
			watch := w.p.watch
			w.p.watch = func(b *Book) {
				watch(b)
				for _, tx := range burned {
					w.p.try(func() error { return w.p.b.Burn(w.id, tx) })
				}
			}
			w.p.log.fate = f
			w.deposit(1, 100_000)
			for range 6 {
				w.l1.mine(true)
				w.p.step()
			}
			w.layer.mine(true)
			w.p.step()
			outs, err := w.p.b.PlanWithdrawal(w.id, script(30), 9000, 500)
			if err != nil {
				t.Fatal(err)
			}
			tx := w.burning(outs2tx(outs)...)
			w.p.try(func() error { return w.p.b.Burn(w.id, tx) })
			burned = append(burned, tx)
			w.layer.send(tx)
			w.layer.send(w.burning(w.strangers(t)))
			for range 8 {
				w.layer.mine(true)
				w.l1.mine(true)
				w.p.step()
			}
			batch := w.batch(t, nil)
			w.l1.force(batch.Tx)
			w.p.step()
			w.p.try(func() error {
				w.p.sync()
				return w.p.b.Prove(w.id, wire.OutPoint{Hash: tx.TxHash()}, batch.Tx.TxHash(), batch.Payouts)
			})
			w.p.step()
			if s := w.states(t); len(s) != 1 || s[0].Phase != Claimed || len(w.layer.claimed) != 1 {
				t.Errorf("%d claims: %+v", len(w.layer.claimed), s)
			}
			// Where all was lost after the list was shown it has to be shown again.
			if s := w.burnStates(t); len(s) != 1 || s[0].Phase != Paid || !s[0].Proved && how != withAll {
				t.Errorf("%+v", s)
			}
		})
		wantDeaths(t, how, died, "deposit planned", "seen", "mined", "cursor", "claim", "burn")
	}
}

// TestRefundableAtEveryWrite: whatever the program ends at, a refundable deposit is back, or is swept and claimed. Where only
// the seed is left the keys are wanted once more.
func TestRefundableAtEveryWrite(t *testing.T) {
	for _, swept := range []bool{false, true} {
		for _, how := range []death{beforeWrite, afterWrite, withAll} {
			died := atEveryWrite(t, how, func(f *fate) {
				w := newPegWorld(t, "dev-native", 42, 0)
				w.p.log.fate = f
				w.fundRefundable(t)
				takeUp := func() {
					w.p.step()
					for _, s := range w.states(t) {
						if s.Back == nil && (s.Phase == Waiting || s.Phase == RefundDue) {
							w.p.try(func() error { return w.p.b.TakeBack(s, script(40), w.p.keys) })
						}
					}
					if swept {
						w.sweep(t)
					}
					w.p.step()
				}
				w.l1.mine(true)
				takeUp()
				w.l1.mine(true)
				takeUp()
				for range w.layer.p.Peg.Refund {
					w.l1.mine(true)
				}
				takeUp()
				for range 2 {
					w.l1.mine(true)
					w.layer.mine(true)
					takeUp()
				}
				phases := map[DepositPhase]int{}
				for _, s := range w.states(t) {
					phases[s.Phase]++
				}
				want := map[DepositPhase]int{Refunded: 1}
				if swept {
					want = map[DepositPhase]int{Swept: 1, Claimed: 1}
				}
				delete(phases, Planned) // with a script of its own, before the end
				if !maps.Equal(phases, want) {
					t.Errorf("%v, want %v: %+v", phases, want, w.states(t))
				}
			})
			wantDeaths(t, how, died, "deposit planned", "deposit signed", "seen", "mined", "cursor")
		}
	}
}

// fundRefundable plans a refundable deposit, signs its refunds and sends it. After an end it is planned anew.
func (w *pegWorld) fundRefundable(t testing.TB) {
	t.Helper()
	n := byte(0)
	w.p.try(func() error {
		n++
		_, to, err := w.p.b.NewRefundable(w.id, script(n), MaxFees(w.layer.p)[0], 90_000, script(40), w.p.keys)
		if err != nil {
			return err
		}
		tx := w.l1.pay(wire.NewTxOut(1, script(99)), wire.NewTxOut(to.Amount, to.Script))
		if _, err := w.p.b.FundRefundable(w.id, tx, w.p.keys); err != nil {
			return err
		}
		w.l1.send(tx)
		return nil
	})
}

// sweep has the settlers do what they are asked for.
func (w *pegWorld) sweep(t testing.TB) {
	t.Helper()
	asks, err := w.p.b.Asks()
	if err != nil {
		t.Fatal(err)
	}
	for _, ask := range asks {
		batch, err := ask.Sweep(w.layer.p, w.l1.p, 90_000)
		if err != nil {
			t.Fatal(err)
		}
		hashes, err := batch.SigHashes()
		if err != nil {
			t.Fatal(err)
		}
		sigs := peg.Signatures{}
		for i := range 2 { // the settlers of the dev chains have the keys 1, 2 and 3
			sig, err := schnorr.Sign(private(i+1), hashes[0][:])
			if err != nil {
				t.Fatal(err)
			}
			sigs[i] = [64]byte(sig.Serialize())
		}
		tx, err := batch.Sign([]peg.Signatures{sigs})
		if err != nil {
			t.Fatal(err)
		}
		w.l1.send(tx)
	}
}

// TestSwapAtEveryWrite: whatever either side's program ends at, both have what they wanted, or where one goes away both have
// back what they paid. Where only the seed and the texts are left no leg is paid again: then the swap may end with refunds.
func TestSwapAtEveryWrite(t *testing.T) {
	for _, refund := range []bool{false, true} {
		for i, side := range []string{"initiator", "responder"} {
			for _, how := range []death{beforeWrite, afterWrite, withAll} {
				name := fmt.Sprintf("%s, refund %v, %s", side, refund, how)
				died := atEveryWrite(t, how, func(f *fate) { swapLife(t, name, i, refund, f) })
				want := []string{"swap signed", "mined", "cursor"}
				switch {
				case how == withAll: // from the agreement on
				case i == 0:
					want = append(want, "hash and swap offered", "hash and swap agreed")
				default:
					want = append(want, "hash and swap agreed")
				}
				if !refund {
					want = append(want, "swap redeemed")
				}
				wantDeaths(t, death(name), died, want...)
			}
		}
	}
}

// swapLife is a swap in which one side's program ends once.
func swapLife(t *testing.T, name string, i int, refund bool, f *fate) {
	t.Helper()
	w := newSwapWorld(t, 43, 0)
	doomed := w.parties[i]
	if f.how != withAll {
		doomed.log.fate = f
	}
	w.agree(w.request(true, true, swap.P2TR))
	if f.how == withAll {
		doomed.log.fate = f
		doomed.watch = func(*Book) {
			doomed.try(func() error {
				_, err := doomed.b.Restore(w.offer, w.answer, w.scripts[i], doomed.keys)
				return ignoreKnown(err)
			})
		}
	}
	act := func(all bool) {
		for n, p := range w.parties {
			if all || n == 1 || w.state(w.parties[0]).Phase != FundedSecond {
				w.act(p)
			}
		}
		w.turn(false)
	}
	for range 16 {
		act(!refund) // the initiator goes away once both have paid
	}
	if terms := w.state(w.parties[0]).Terms; refund || f.how == withAll {
		for _, expiry := range []uint32{terms.Second.Expiry, terms.First.Expiry} {
			for w.l1.tip().Height < int32(expiry)+8 {
				w.turn(false)
			}
			for range 6 {
				act(true)
			}
		}
	}
	got := [2]string{w.outcome(0), w.outcome(1)}
	ends := [][2]string{{"redeemed", "redeemed"}}
	if refund {
		ends = [][2]string{{"refunded", "refunded"}}
	}
	if f.how == withAll {
		ends = append(ends, [2]string{"refunded", "never paid"}, [2]string{"never paid", "never paid"})
	}
	if !slices.Contains(ends, got) {
		t.Errorf("%s: %v, want one of %v", name, got, ends)
	}
	for _, p := range w.parties {
		if s := w.state(p); s.Move != Rest {
			t.Errorf("%s: still to %s: %s", name, s.Move, s.Why)
		}
	}
}

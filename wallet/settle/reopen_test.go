package settle

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv/swap"
)

// memory is all that a book tells, and the hashes that it refuses.
func memory(t testing.TB, b *Book) string {
	t.Helper()
	text := fmt.Sprintf("%+v %+v", b.Swaps(), named(b.hashes))
	for _, s := range b.Swaps() {
		text += fmt.Sprintf(" %+v", s.Terms)
	}
	for _, id := range slices.SortedFunc(maps.Keys(b.chains), compareHashes) {
		c := b.chains[id]
		for _, op := range b.Coins(id) {
			text += fmt.Sprintf("\n%s %s", c.Params.Name, op)
		}
		if c.Params.Peg == nil {
			continue
		}
		deposits, err := b.Deposits(id)
		if err != nil {
			t.Fatal(err)
		}
		burns, err := b.Withdrawals(id, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for i := range deposits {
			d := deposits[i]
			if d.Back != nil {
				text += fmt.Sprintf("\n%+v", *d.Back)
			}
			if d.Block != nil {
				text += d.Block.String()
			}
			if d.Claim != nil {
				text += d.Claim.String()
			}
			text += fmt.Sprintf("\n%x %s %d %s %d %s", d.Script, d.Outpoint, d.Value, d.Phase, d.Depth, d.Why)
		}
		text += fmt.Sprintf("\n%+v", burns)
	}
	return text
}

func named(m map[[32]byte]uint32) map[string]uint32 {
	out := map[string]uint32{}
	for h, n := range m {
		out[fmt.Sprintf("%x", h)] = n
	}
	return out // printed in the order of keys
}

// addresses are what pointers are printed as: what they point to stands in the text, too.
var addresses = regexp.MustCompile("0x[0-9a-f]+")

func scrub(text string) string { return addresses.ReplaceAllString(text, "") }

// same opens the log again and compares.
func same(t testing.TB, when string, p *party) {
	t.Helper()
	before := p.b
	b, err := Open(p.follow, &p.log.Memory)
	if err != nil {
		t.Fatal(err)
	}
	if p.watch != nil {
		p.watch(b)
	}
	if x, y := scrub(memory(t, before)), scrub(memory(t, b)); x != y {
		t.Fatalf("%s: opened again it tells\n%s\nand told\n%s", when, y, x)
	}
}

// TestReopen opens the log again after every call of two whole swaps, deposits and withdrawals: nothing may be missing.
func TestReopen(t *testing.T) {
	for seed := range uint64(2) {
		w := newSwapWorld(t, 30+seed, 0)
		w.agree(w.request(seed == 0, true, swap.P2TR))
		for i := range 120 {
			for _, p := range w.parties {
				if i < 15 || seed == 0 || p == w.parties[0] { // else one goes away, and the other takes back
					w.act(p)
				}
				same(t, fmt.Sprintf("swap, turn %d", i), p)
			}
			w.turn(i%7 == 3)
		}
		for _, p := range w.parties { // both know both legs, which one of them may never have paid
			for _, s := range p.sims {
				if n := len(p.b.Coins(s.p.NetID())); n != 1 && (seed == 0 || s.l1 == nil) {
					t.Errorf("seed %d: %d coins on %s, want the leg's", seed, n, s.p.Name)
				}
			}
		}
	}
	w := newPegWorld(t, "dev-native", 31, 0)
	w.deposit(1, 100_000)
	w.refundable(t, 2)
	w.withdraw(t, script(30), 9000)
	for i := range 40 {
		w.turn(false)
		same(t, fmt.Sprintf("peg, turn %d", i), w.p)
	}
}

// TestRipe compares with what nodes of the simulation accept.
func TestRipe(t *testing.T) {
	w := newSwapWorld(t, 32, 0)
	for _, s := range []*sim{w.l1, w.layer} {
		tx := s.pay(wire.NewTxOut(1000, script(1)))
		tx.TxIn[0].Sequence = swap.RefundSequence
		for lock := range uint32(40) {
			tx.LockTime = lock
			var anchor = w.l1.best[len(w.l1.best)-2-int(w.layer.p.Layer.AnchorDepth)].Block
			accepted := s.valid(tx, int32(len(s.best)), anchor) == nil
			if got := ripe(s.p, w.l1.tip().Height, lock); got != accepted {
				t.Errorf("%s: lock %d at L1 height %d: ripe %v, accepted %v", s.p.Name, lock, w.l1.tip().Height, got, accepted)
			}
		}
	}
}

// TestOnePayoutOneBurn pays one of two burns that are alike: only one of them counts as paid.
func TestOnePayoutOneBurn(t *testing.T) {
	w := newPegWorld(t, "dev-native", 33, 0)
	first := w.withdraw(t, script(30), 9000)
	second := w.withdraw(t, script(30), 9000)
	for range 8 {
		w.layer.mine(true)
		w.l1.mine(true)
	}
	op := wire.OutPoint{Hash: second.TxHash()}
	batch := w.batch(t, map[wire.OutPoint]bool{{Hash: first.TxHash()}: true})
	if batch == nil || len(batch.Payouts) != 1 || batch.Payouts[0].Burn != op {
		t.Fatalf("batch %+v", batch)
	}
	w.l1.force(batch.Tx)
	w.p.sync()
	for _, s := range w.burnStates(t) {
		if s.Outpoint == op && (s.Phase != Paid || !s.Proved) || s.Outpoint != op && s.Phase != Released {
			t.Errorf("burn %s: %s, proved %v", s.Outpoint, s.Phase, s.Proved)
		}
	}
	// Of a batch that pays strangers too, one of two alike is as good as the other until its list is shown.
	w = newPegWorld(t, "dev-native", 34, 0)
	w.withdraw(t, script(30), 9000)
	w.withdraw(t, script(30), 9000)
	w.layer.send(w.burning(w.strangers(t)))
	for range 8 {
		w.layer.mine(true)
		w.l1.mine(true)
	}
	all := w.batch(t, nil)
	tx := all.Tx.Copy()
	for i, p := range all.Payouts {
		if string(p.Script) == string(script(30)) { // one payout is taken out
			at := len(tx.TxOut) - len(all.Payouts) + i
			tx.TxOut = append(tx.TxOut[:at], tx.TxOut[at+1:]...)
			break
		}
	}
	w.l1.force(tx)
	w.p.sync()
	paid := 0
	for _, s := range w.burnStates(t) {
		if s.Phase == Paid {
			if paid++; s.Proved {
				t.Error("proved without a list")
			}
		}
	}
	if paid != 1 {
		t.Errorf("%d burns paid by one payout", paid)
	}
}

// TestForeignKeys refuses to go on with another seed's keys.
func TestForeignKeys(t *testing.T) {
	w := newSwapWorld(t, 35, 0)
	a, b := w.parties[0], w.parties[1]
	_, offer, err := a.b.Offer(w.request(true, true, swap.P2TR), a.keys)
	if err != nil {
		t.Fatal(err)
	}
	_, answer, err := b.b.Take(offer, nil, w.scripts[1], b.keys)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.b.Accept(0, answer, newKeys(t, 999)); err == nil {
		t.Error("accepted with foreign keys")
	}
	if _, err := a.b.Restore(offer, answer, w.scripts[0], newKeys(t, 999)); err == nil {
		t.Error("restored with foreign keys")
	}
	if _, _, err := a.b.Take(offer, nil, w.scripts[0], a.keys); err == nil {
		t.Error("swaps with itself")
	}
	if err := a.b.Accept(0, answer, a.keys); err != nil {
		t.Fatal(err)
	}
	if _, err := a.b.Fund(0, w.l1.pay(mustLeg(t, a.b)), newKeys(t, 999)); err == nil {
		t.Error("funded with refunds of foreign keys")
	}
}

func mustLeg(t testing.TB, b *Book) *wire.TxOut {
	t.Helper()
	to, err := b.Leg(0)
	if err != nil {
		t.Fatal(err)
	}
	return wire.NewTxOut(to.Amount, to.Script)
}

// TestSwapKeysOnce: a wallet that lost its records, and has no texts, gives no new swap the keys of an old one; and the old
// one can still be restored beside the new.
func TestSwapKeysOnce(t *testing.T) {
	w := newSwapWorld(t, 36, 0)
	w.agree(w.request(true, true, swap.P2TR))
	for _, p := range w.parties {
		w.act(p)
	}
	a := w.parties[0]
	old, answer := w.offer, w.answer
	was, err := swap.DecodeOffer(old)
	if err != nil {
		t.Fatal(err)
	}
	a.lose()
	r := w.request(true, true, swap.P2TR)
	r.T1++
	for range 3 { // also where the very same terms are offered again and again
		n, text, err := a.b.Offer(r, a.keys)
		if err != nil {
			t.Fatal(err)
		}
		o, err := swap.DecodeOffer(text)
		if err != nil {
			t.Fatal(err)
		}
		if o.Refund == was.Refund || o.Redeem == was.Redeem || o.Signer == was.Signer || o.Hash == was.Hash {
			t.Fatalf("swap %d has keys or hash of another", n)
		}
		was = o
	}
	n, err := a.b.Restore(old, answer, w.scripts[0], a.keys)
	if err != nil || n != 3 {
		t.Fatalf("restored as %d: %v", n, err)
	}
}

package settle

import (
	"strings"
	"testing"

	"github.com/layeredpow/lamina/spv/swap"
)

// sight is what the first party sees at a height of both chains, with neither leg funded.
func (w *swapWorld) sight(t *testing.T, role swap.Role, height int32) *Sight {
	t.Helper()
	terms := *w.state(w.parties[0]).Terms
	if terms.Second.Expiry != 90 || terms.First.Expiry != 234 {
		t.Fatalf("t2 %d, t1 %d", terms.Second.Expiry, terms.First.Expiry)
	}
	l1, layer := w.parties[0].b.chains[w.l1.p.NetID()], w.parties[0].b.chains[w.layer.p.NetID()]
	first, second := w.parties[0].b.standing(l1), w.parties[0].b.standing(layer)
	first.Height, second.Height = height, height
	s := &Sight{Terms: &terms, Role: role, First: first, Second: second, Leg1: Held{Needed: 4}, Leg2: Held{Needed: 4},
		Signed: true, Secret: role == swap.Initiator}
	s.Leg1.Ripe, s.Leg2.Ripe = height >= int32(terms.First.Expiry), height >= int32(terms.Second.Expiry)
	return s
}

// TestDecide changes one thing at a time in what is seen of a swap whose t2 is at 90 and t1 at 234.
func TestDecide(t *testing.T) {
	w := newSwapWorld(t, 20, 0)
	w.agree(w.request(true, true, swap.P2TR))
	funded := func(first, second int32) func(*Sight) {
		return func(s *Sight) { s.Leg1.Depth, s.Leg2.Depth = first, second }
	}
	and := func(all ...func(*Sight)) func(*Sight) {
		return func(s *Sight) {
			for _, f := range all {
				f(s)
			}
		}
	}
	var (
		unsigned = func(s *Sight) { s.Signed = false }
		canceled = func(s *Sight) { s.Canceled, s.Signed = true, false }
		shown    = func(s *Sight) { s.Shown, s.Secret = true, true }
		taken1   = func(s *Sight) { s.Leg1.Spent, s.Leg1.Revealed = true, true }
		taken2   = func(s *Sight) { s.Leg2.Spent, s.Leg2.Revealed = true, true }
		back1    = func(s *Sight) { s.Leg1.Spent = true }
		back2    = func(s *Sight) { s.Leg2.Spent = true }
		final    = func(s *Sight) { s.Leg1.Final, s.Leg2.Final = s.Leg1.Spent, s.Leg2.Spent }
		unknown  = func(s *Sight) { s.Secret = false }
	)
	const a, b = swap.Initiator, swap.Responder
	for _, c := range []struct {
		name   string
		role   swap.Role
		height int32
		change func(*Sight)
		move   Move
		phase  SwapPhase
		until  int32
	}{
		{"to be funded first", a, 31, unsigned, Fund, Agreed, 0},
		{"its funding is to be sent again", a, 31, funded(0, 0), Fund, Agreed, 0},
		{"too late to fund first", a, 70, unsigned, Rest, Dropped, 0},
		{"too late to send it again", a, 70, funded(0, 0), Wait, Agreed, 234},
		{"canceled", a, 31, canceled, Rest, Dropped, 0},
		{"canceled, and yet funded", a, 31, and(canceled, funded(1, 0)), Wait, FundedFirst, 234},
		{"never came, and t1", a, 240, funded(0, 0), Rest, Dropped, 0},
		{"waits for the second", a, 40, funded(9, 0), Wait, FundedFirst, 234},
		{"second not deep", a, 40, funded(9, 3), Wait, FundedSecond, 234},
		{"second deep", a, 40, funded(9, 4), Redeem, FundedSecond, 90},
		{"second deep, secret elsewhere", a, 40, and(funded(9, 4), unknown), Wait, FundedSecond, 234},
		{"second deep, own leg gone", a, 40, funded(0, 4), Fund, FundedSecond, 0},
		{"last block to reveal", a, 90 - 19, funded(9, 4), Redeem, FundedSecond, 90},
		{"too late to reveal", a, 90 - 18, funded(9, 4), Wait, FundedSecond, 234},
		{"too late, but the secret is out", a, 90 - 18, and(funded(9, 4), shown), Redeem, SecretSeen, 90},
		{"t2 passed, the secret is out", a, 100, and(funded(9, 4), shown), Redeem, SecretSeen, 90},
		{"t1 has come", a, 234, funded(9, 0), Refund, FundedFirst, 0},
		{"t1 has come, second is there", a, 234, funded(9, 9), Refund, FundedSecond, 0},
		{"t1 has come, the secret is out", a, 234, and(funded(9, 9), shown), Refund, SecretSeen, 0},
		{"redeemed", a, 50, and(funded(9, 9), shown, taken2), Wait, Redeemed, 0},
		{"redeemed for good", a, 50, and(funded(9, 9), shown, taken2, final), Rest, Redeemed, 0},
		{"first taken, second there", a, 50, and(funded(9, 9), shown, taken1), Redeem, SecretSeen, 90},
		{"refunded", a, 240, and(funded(9, 0), back1), Wait, Returned, 0},
		{"refunded for good", a, 240, and(funded(9, 0), back1, final), Rest, Returned, 0},
		{"second taken back", a, 100, and(funded(9, 9), back2, final), Wait, FundedSecond, 234},

		{"waits for the first", b, 31, and(unsigned, funded(0, 0)), Wait, Agreed, 0},
		{"first not deep", b, 40, and(unsigned, funded(3, 0)), Wait, FundedFirst, 0},
		{"first deep", b, 40, and(unsigned, funded(4, 0)), Fund, FundedFirst, 0},
		{"first deep, last block to fund", b, 90 - 26, and(unsigned, funded(4, 0)), Fund, FundedFirst, 0},
		{"first deep, too late to fund", b, 90 - 25, and(unsigned, funded(4, 0)), Rest, Dropped, 0},
		{"first taken back", b, 40, and(unsigned, funded(4, 0), back1), Rest, Dropped, 0},
		{"waits for the secret", b, 50, funded(9, 9), Wait, FundedSecond, 90},
		{"secret in no block", b, 50, and(funded(9, 9), shown), Redeem, SecretSeen, 234},
		{"secret seen", b, 50, and(funded(9, 9), shown, taken2), Redeem, SecretSeen, 234},
		{"secret seen, after t2", b, 100, and(funded(9, 9), shown), Redeem, SecretSeen, 234},
		{"secret seen, after t1", b, 240, and(funded(9, 9), shown, taken2), Redeem, SecretSeen, 234},
		{"secret seen, nothing mined until t1", b, 240, and(funded(9, 9), shown), Refund, SecretSeen, 0},
		{"t2 has come", b, 90, funded(9, 9), Refund, FundedSecond, 0},
		{"t2 has come, first taken back", b, 240, and(funded(9, 9), back1, final), Refund, FundedSecond, 0},
		{"both gone", b, 240, and(funded(9, 9), shown, taken2, back1, final), Rest, Lost, 0},
		{"first never came, second taken", b, 240, and(funded(0, 9), shown, taken2), Wait, SecretSeen, 0},
		{"first never came, second taken for good", b, 240, and(funded(0, 9), shown, taken2, final), Rest, Lost, 0},
		{"first may still come", b, 233, and(funded(0, 9), shown, taken2, final), Wait, SecretSeen, 0},
		{"first came after all", b, 240, and(funded(1, 9), shown, taken2, final), Redeem, SecretSeen, 234},
		{"second never came, first taken for good", a, 90, and(funded(9, 0), shown, taken1, final), Rest, Lost, 0},
		{"has it all", b, 60, and(funded(9, 9), shown, taken1, taken2, final), Rest, Redeemed, 0},
	} {
		s := w.sight(t, c.role, c.height)
		c.change(s)
		d := Decide(s)
		if d.Move != c.move || d.Phase != c.phase && c.phase != "" || d.Until != c.until {
			t.Errorf("%s: %s, %s until %d (%s), want %s, %s until %d", c.name, d.Move, d.Phase, d.Until, d.Why, c.move, c.phase, c.until)
		}
		if d.Until > 0 && d.Left != max(d.Until-c.height, 0) || strings.TrimSpace(d.Why) == "" {
			t.Errorf("%s: %d blocks left, %q", c.name, d.Left, d.Why)
		}
	}
}

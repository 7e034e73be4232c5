package settle

import (
	"github.com/layeredpow/lamina/spv/said"
	"github.com/layeredpow/lamina/spv/swap"
)

// Held says what the chains show of one leg of a swap. Only blocks of the best chain count.
type Held struct {
	Depth    int32 // confirmations of an output with the leg's amount; 0: none
	Spent    bool  // it was taken
	Revealed bool  // by showing the secret
	Final    bool  // so deep that it counts as done
	Needed   int32 // confirmations until the leg may be relied on
	Ripe     bool  // a refund may be in the chain's next block
}

func (h Held) deep() bool { return h.Depth > 0 && h.Depth >= h.Needed }

// Sight is all that a decision about a swap follows from.
type Sight struct {
	Terms *swap.Terms
	Role  swap.Role

	First, Second swap.Standing // where the chains are
	Leg1, Leg2    Held

	Signed   bool // we signed a funding transaction, and have its refunds
	Canceled bool // we must not fund
	Restored bool // because it was taken up from its texts, and may have been funded before
	Secret   bool // we have it
	Shown    bool // it has left us or another: it is as good as public
}

// Move is what to do about a swap. The set is closed.
type Move string

// The moves.
const (
	Wait   Move = "wait"
	Fund   Move = "fund"   // pay our leg
	Redeem Move = "redeem" // take the other leg with the secret
	Refund Move = "refund" // take our leg back
	Rest   Move = "rest"   // nothing is left to do
)

// SwapPhase is how far a swap is. The set is closed.
type SwapPhase string

// The phases of a swap.
const (
	Offered      SwapPhase = "offered"       // nobody answered yet
	Agreed       SwapPhase = "agreed"        // no money moved
	FundedFirst  SwapPhase = "funded first"  // the initiator's leg is in its chain
	FundedSecond SwapPhase = "funded second" // so is the responder's
	SecretSeen   SwapPhase = "secret seen"   // the secret is out
	Redeemed     SwapPhase = "redeemed"      // we have what we wanted
	Returned     SwapPhase = "refunded"      // we have back what we paid
	Lost         SwapPhase = "lost"          // our leg was taken and the other one is gone
	Dropped      SwapPhase = "dropped"       // too late, or canceled, before we paid anything
)

// Decision is what to do about a swap now, and why.
type Decision struct {
	Move  Move
	Phase SwapPhase
	Until int32 // height of the clock at which this may change by itself; 0: none
	Left  int32 // blocks until then
	Why   string
	Said  said.Sentence // Why, for a face that speaks another language

	clock int32 // where the clock of Until is
}

func decided(m Move, why said.Sentence) Decision {
	return Decision{Move: m, Why: why.String(), Said: why}
}

// Decide decides about a swap. It is a function of what is seen, so that a watcher that was away decides as one that was
// not.
func Decide(s *Sight) Decision {
	d := s.decide()
	d.Phase = s.phase(d)
	d.Left = max(d.Until-d.clock, 0)
	return d
}

// until1 makes a decision that t1 may change, until2 one that t2 may.
func (s *Sight) until1(m Move, why said.Sentence) Decision {
	d := decided(m, why)
	d.Until, d.clock = int32(s.Terms.First.Expiry), s.First.Height
	return d
}

func (s *Sight) until2(m Move, why said.Sentence) Decision {
	d := decided(m, why)
	d.Until, d.clock = int32(s.Terms.Second.Expiry), s.Second.Height
	return d
}

// untilOwn makes a decision that the expiry of our own leg may change.
func (s *Sight) untilOwn(m Move, why said.Sentence) Decision {
	if s.Role == swap.Responder {
		return s.until2(m, why)
	}
	return s.until1(m, why)
}

// legs returns our leg, which we pay, and the other.
func (s *Sight) legs() (own, other Held) {
	if s.Role == swap.Responder {
		return s.Leg2, s.Leg1
	}
	return s.Leg1, s.Leg2
}

func (s *Sight) decide() Decision {
	own, other := s.legs()
	switch {
	case other.Spent && other.Revealed && other.Final:
		return decided(Rest, said.Of("redeemed"))
	case other.Spent && other.Revealed:
		return decided(Wait, said.Of("redeemed, and not deep yet")) // a reorganisation may undo it
	case own.Spent && !own.Revealed && own.Final:
		return decided(Rest, said.Of("refunded"))
	case own.Spent && !own.Revealed:
		return decided(Wait, said.Of("refunded, and not deep yet"))
	case own.Spent && other.Spent && other.Final:
		return decided(Rest, said.Of("both legs are gone"))
	}
	if d, ok := s.redeem(own, other); ok {
		return d
	}
	if own.Depth > 0 && !own.Spent {
		if own.Ripe {
			return decided(Refund, said.Of("our leg has expired"))
		}
		return s.untilOwn(Wait, said.Of("for the other side, or until our leg expires"))
	}
	return s.fund(own, other)
}

// redeem decides whether to take the other leg.
func (s *Sight) redeem(own, other Held) (Decision, bool) {
	if !s.Secret || other.Depth == 0 || other.Spent {
		return Decision{}, false
	}
	if own.Depth > 0 && !own.Spent && own.Ripe && other.Ripe {
		return Decision{}, false // either side may take back what it paid: ours first
	}
	if s.Role == swap.Responder {
		return s.until1(Redeem, said.Of("the secret is known")), true
	}
	if s.Shown {
		return s.until2(Redeem, said.Of("the secret is out")), true
	}
	if own.Depth == 0 || !other.deep() {
		return Decision{}, false
	}
	if err := s.Terms.CheckReveal(s.First, s.Second); err != nil {
		return s.until1(Wait, said.Of("too late to reveal: %v", err)), !own.Ripe
	}
	return s.until2(Redeem, said.Of("the other leg is deep enough")), true
}

// fund decides whether to pay our leg.
func (s *Sight) fund(own, other Held) Decision {
	if own.Spent && own.Final && other.Depth == 0 && other.Ripe {
		// Were it still to come, who paid it could take it back: it is redeemed before that if it can be.
		return decided(Rest, said.Of("both legs are gone"))
	}
	if own.Spent {
		return decided(Wait, said.Of("our leg was taken, the other one is not seen"))
	}
	if s.Signed && own.Ripe {
		return decided(Rest, said.Of("our leg never came; if it still does it is taken back"))
	}
	if s.Restored && !s.Signed {
		return decided(Rest, said.Of("taken up from its texts: our leg is not seen, and may be on its way, so it is not paid again"))
	}
	if s.Canceled && !s.Signed {
		return decided(Rest, said.Of("canceled"))
	}
	first := s.First
	if s.Role == swap.Responder {
		if s.Leg1.Spent {
			return decided(Rest, said.Of("the other leg was taken back"))
		}
		if s.Leg1.deep() {
			first.Confirm = 1 // it is there
		}
	}
	if err := s.Terms.Check(first, s.Second, nil); err != nil {
		if s.Signed {
			return s.untilOwn(Wait, said.Of("not to be funded any more: %v", err))
		}
		return decided(Rest, said.Of("not to be funded any more: %v", err))
	}
	if s.Role == swap.Responder && !s.Leg1.deep() {
		return decided(Wait, said.Of("the other leg has %d of %d confirmations", s.Leg1.Depth, s.Leg1.Needed))
	}
	return decided(Fund, said.Of("our leg is not in its chain"))
}

func (s *Sight) phase(d Decision) SwapPhase {
	own, other := s.legs()
	switch {
	case other.Spent && other.Revealed:
		return Redeemed
	case own.Spent && !own.Revealed:
		return Returned
	case own.Spent && (other.Spent || d.Move == Rest):
		return Lost
	case s.Shown || own.Revealed:
		return SecretSeen
	case d.Move == Rest && own.Depth == 0:
		return Dropped
	case s.Leg2.Depth > 0:
		return FundedSecond
	case s.Leg1.Depth > 0:
		return FundedFirst
	}
	return Agreed
}

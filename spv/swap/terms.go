package swap

import (
	"fmt"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/peg"
)

// Side is what is swapped on one of the chains.
type Side struct {
	Chain  spv.Hash // network id: hash of the genesis block, internal byte order
	Form   Form
	Amount int64 // base units of the chain
	To     Key   // who gets it
	From   Key   // who pays it, and takes it back at Expiry
	Expiry uint32
}

// Terms are all that two parties agree on. The initiator knows the secret; he funds First
// and redeems Second, by which he reveals it. The responder funds Second and redeems First.
type Terms struct {
	Hash   [32]byte
	First  Side // with t1
	Second Side // with t2, which comes long before t1
}

// Leg returns the scripts of a side.
func (t *Terms) Leg(s *Side) Leg {
	return Leg{Form: s.Form, Hash: t.Hash, To: s.To, From: s.From, Expiry: s.Expiry}
}

// The margins of section 5, in blocks of an L1 with MarginSpacing.
const (
	MarginOnLayer = 72   // between t2 and t1 if the secret is revealed on a layer
	MarginOnL1    = 144  // and if it is revealed elsewhere
	RevealMargin  = 18   // before t2: later than that nobody reveals
	MaxLock       = 4032 // longest time that money may be bound
	MarginSpacing = 600  // seconds
)

// Where two chains do not share a clock, blocks are assumed to come up to skewNum/skewDen
// as fast, or as slowly, as their spacing says.
const (
	skewNum = 3
	skewDen = 2
)

// The names of the checks on terms.
const (
	CheckChains  = "swap-chains"  // two different chains, and those that were meant
	CheckForms   = "swap-forms"   // each chain has the form
	CheckAmounts = "swap-amounts" // each leg can be spent at the stressed fee rate
	CheckKeys    = "swap-keys"    // four different keys, good ones
	CheckExpiry  = "swap-expiry"  // t1 is long enough after t2
	CheckLate    = "swap-late"    // t2 leaves time to fund both legs and to reveal
	CheckLock    = "swap-lock"    // nobody's money is locked for ever
	CheckReveal  = "swap-reveal"  // the secret may still be revealed
	CheckOwn     = "swap-own"     // our keys are where they protect us
)

// Standing is a chain as we see it now.
type Standing struct {
	Chain   *chains.Params
	Clock   *chains.Params // chain whose heights locktimes on Chain name: its L1 for a layer, else itself
	Height  int32          // of the clock's best chain
	Stress  int64          // fee rate to reckon with in a crowded time, base units of Chain per 1000 vB
	Confirm int32          // blocks of the clock until a leg's funding is deep enough
}

// Check judges terms before anybody funds anything (section 5). A refusal is a
// *spv.CheckError. It does not tell whether the price is good, nor whether the hash was
// used before.
func (t *Terms) Check(first, second Standing, rep *spv.Report) error {
	if err := checkStandings(first, second); err != nil {
		return err
	}
	if err := rep.Check(CheckChains, t.First.Chain == first.Chain.NetID() && t.Second.Chain == second.Chain.NetID() &&
		t.First.Chain != t.Second.Chain, func() (string, string) {
		return first.Chain.Name + " and " + second.Chain.Name + ", two chains",
			t.First.Chain.String() + " and " + t.Second.Chain.String()
	}); err != nil {
		return err
	}
	if err := t.checkKeys(rep); err != nil {
		return err
	}
	for _, s := range []struct {
		*Side
		at Standing
	}{{&t.First, first}, {&t.Second, second}} {
		if err := t.checkSide(s.Side, s.at, rep); err != nil {
			return err
		}
	}
	if err := t.checkTimes(first, second, rep); err != nil {
		return err
	}
	return rep.Err()
}

func checkStandings(all ...Standing) error {
	for _, s := range all {
		if s.Clock.Kind.Layered() || (!s.Chain.Kind.Layered() && s.Clock.NetID() != s.Chain.NetID()) {
			return fmt.Errorf("%s: its clock cannot be %s", s.Chain.Name, s.Clock.Name)
		}
		if s.Height < 0 || s.Stress < 0 || s.Stress > maxStress || s.Confirm < 1 || s.Confirm > MaxHeight {
			return fmt.Errorf("%s: height %d, stress rate %d, confirmations %d: out of range",
				s.Chain.Name, s.Height, s.Stress, s.Confirm)
		}
	}
	return nil
}

// maxStress keeps fees within 64 bits: a whole coin of 10^11 units for each virtual byte.
const maxStress = 1_000 * 100_000_000_000

func (t *Terms) checkKeys(rep *spv.Report) error {
	keys := map[[32]byte]bool{}
	var bad error
	for _, s := range []*Side{&t.First, &t.Second} {
		leg := t.Leg(s)
		if err := leg.Check(); err != nil {
			bad = err
		}
		keys[[32]byte(s.To[1:])], keys[[32]byte(s.From[1:])] = true, true
	}
	return rep.Check(CheckKeys, bad == nil && len(keys) == 4, func() (string, string) {
		want := "good legs with four different keys"
		if bad != nil {
			return want, bad.Error()
		}
		return want, fmt.Sprintf("%d different keys", len(keys))
	})
}

func (t *Terms) checkSide(s *Side, at Standing, rep *spv.Report) error {
	address := &at.Chain.Address
	has := s.Form == P2SH || (s.Form == P2WSH && address.HRP != "") || (s.Form == P2TR && address.Taproot)
	if err := rep.Check(CheckForms, has, func() (string, string) {
		return "a form that " + at.Chain.Name + " has", s.Form.String()
	}); err != nil || !has {
		return err
	}
	leg := t.Leg(s)
	size := max(leg.VSize(Redeem, probe), leg.VSize(Refund, probe))
	fee := (size*at.Stress + 999) / 1000
	least := fee + max(peg.Dust(at.Chain, probe), peg.Dust(at.Chain, leg.PkScript()))
	return rep.Check(CheckAmounts, s.Amount >= least && s.Amount <= at.Chain.Unit.MaxMoney, func() (string, string) {
		return fmt.Sprintf("%d to %d units of %s: above dust after a fee of %d for %d vB",
				least, at.Chain.Unit.MaxMoney, at.Chain.Name, fee, size),
			fmt.Sprintf("%d", s.Amount)
	})
}

func (t *Terms) checkTimes(first, second Standing, rep *spv.Report) error {
	t1, t2 := remaining(&t.First, first), remaining(&t.Second, second)
	margin := margin(second.Chain)
	shared := sameClock(first, second)
	gap, unit := t1.blocks-t2.blocks, "blocks"
	if !shared {
		gap, unit = t1.soonest()-t2.latest(), "seconds"
		margin *= MarginSpacing
	}
	if err := rep.Check(CheckExpiry, gap >= margin, func() (string, string) {
		return fmt.Sprintf("t1 at least %d %s after t2", margin, unit), fmt.Sprintf("%d %s", gap, unit)
	}); err != nil {
		return err
	}
	// Both fundings, one after the other, and then the last moment to reveal.
	need := int64(second.Confirm) + revealBlocks(first, second)
	if shared {
		need += int64(first.Confirm)
	} else {
		wait := int64(first.Confirm) * int64(first.Clock.Spacing()) * skewNum / skewDen
		need += blocksIn(wait, second)
	}
	if err := rep.Check(CheckLate, t2.blocks > need, func() (string, string) {
		return fmt.Sprintf("more than %d blocks of %s until t2", need, second.Clock.Name), fmt.Sprintf("%d", t2.blocks)
	}); err != nil {
		return err
	}
	longest := max(t1.seconds(), t2.seconds())
	limit := int64(MaxLock) * max(MarginSpacing, int64(first.Clock.Spacing()), int64(second.Clock.Spacing()))
	return rep.Check(CheckLock, longest <= limit, func() (string, string) {
		return fmt.Sprintf("nothing locked for more than %d s", limit), fmt.Sprintf("%d s", longest)
	})
}

func margin(revealed *chains.Params) int64 {
	if revealed.Kind.Layered() {
		return MarginOnLayer
	}
	return MarginOnL1
}

// wait is how long a locktime is off.
type wait struct {
	blocks  int64
	spacing int64 // seconds
}

func remaining(s *Side, at Standing) wait {
	return wait{int64(s.Expiry) - int64(at.Height), int64(at.Clock.Spacing())}
}

func (w wait) seconds() int64 { return w.blocks * w.spacing }
func (w wait) soonest() int64 { return w.seconds() * skewDen / skewNum }
func (w wait) latest() int64  { return w.seconds() * skewNum / skewDen }

// blocksIn returns the most blocks that the clock may make in so many seconds.
func blocksIn(seconds int64, at Standing) int64 {
	per := int64(at.Clock.Spacing()) * skewDen
	return (seconds*skewNum + per - 1) / per
}

func sameClock(a, b Standing) bool { return a.Clock.NetID() == b.Clock.NetID() }

// revealBlocks is the reveal margin in blocks of the second leg's clock: where it is not
// the first leg's, as many as it may make in that time.
func revealBlocks(first, second Standing) int64 {
	if sameClock(first, second) {
		return RevealMargin
	}
	return max(RevealMargin, blocksIn(RevealMargin*MarginSpacing, second))
}

// CheckReveal judges, with the secret in hand and before it leaves it, whether there is
// still time to redeem the second leg: never within the reveal margin of t2. A refusal is a
// *spv.CheckError; the initiator then waits for t1 and takes the first leg back.
func (t *Terms) CheckReveal(first, second Standing) error {
	if err := checkStandings(first, second); err != nil {
		return err
	}
	left, need := remaining(&t.Second, second).blocks, revealBlocks(first, second)
	if left > need {
		return nil
	}
	return &spv.CheckError{Name: CheckReveal, Want: fmt.Sprintf("more than %d blocks until t2 at %d", need, t.Second.Expiry),
		Got: fmt.Sprintf("%d", left)}
}

// Role is one of the two parties. The set is closed.
type Role uint8

// The roles.
const (
	Initiator Role = iota + 1 // knows the secret, funds First, redeems Second
	Responder                 // funds Second, redeems First
)

// Pays returns the side that a role funds.
func (t *Terms) Pays(r Role) *Side {
	if r == Initiator {
		return &t.First
	}
	return &t.Second
}

// Gets returns the side that a role redeems.
func (t *Terms) Gets(r Role) *Side {
	if r == Initiator {
		return &t.Second
	}
	return &t.First
}

// CheckOwn judges whether the keys that we derived ourselves are where they protect us: one
// takes back what we pay, the other takes what we get. A refusal is a *spv.CheckError.
func (t *Terms) CheckOwn(r Role, refund, redeem Key) error {
	if r != Initiator && r != Responder {
		return fmt.Errorf("swap: role %d, want initiator or responder", r)
	}
	if pays := t.Pays(r); pays.From != refund {
		return &spv.CheckError{Name: CheckOwn, Got: fmt.Sprintf("%x", pays.From),
			Want: fmt.Sprintf("our key %x takes back what we pay", refund)}
	}
	if gets := t.Gets(r); gets.To != redeem {
		return &spv.CheckError{Name: CheckOwn, Got: fmt.Sprintf("%x", gets.To),
			Want: fmt.Sprintf("our key %x takes what we get", redeem)}
	}
	return nil
}

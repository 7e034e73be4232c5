package settle

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/said"
	"github.com/layeredpow/lamina/spv/swap"
	"github.com/layeredpow/lamina/wallet"
)

// SwapState is where a swap stands.
type SwapState struct {
	Number   uint32
	Role     swap.Role
	Offer    string
	Answer   string
	Terms    *swap.Terms   // nil without an answer
	Decision               // what Step does, or would do with keys
	Refunds  []Rated       // to be kept elsewhere too
	Trouble  string        // why Step could not do it
	Failed   said.Sentence // Trouble, for a face that speaks another language
}

// Swaps returns where the swaps stand, in the order of their numbers.
func (b *Book) Swaps() (out []SwapState) {
	for _, n := range slices.Sorted(maps.Keys(b.swaps)) {
		s := b.swaps[n]
		state := SwapState{Number: n, Role: s.role(), Offer: s.Offer, Answer: s.Answer, Terms: s.terms, Refunds: s.Refunds}
		switch sight, err := b.sight(s); {
		case s.terms == nil && s.Canceled:
			state.Decision = decided(Rest, said.Of("canceled"))
			state.Phase = Dropped
		case s.terms == nil:
			state.Decision = b.unanswered(s)
		case err != nil:
			state.Trouble, state.Failed = err.Error(), said.FromError(err)
		default:
			state.Decision = Decide(sight)
		}
		out = append(out, state)
	}
	return out
}

// unanswered decides about an offer that nobody took yet: it is over once an answer would come too late.
func (b *Book) unanswered(s *session) Decision {
	terms, err := trial(s.offer, nobody, nobodyElse)
	if err == nil {
		err = b.open(s, &terms)
	}
	var late *spv.CheckError
	if errors.As(err, &late) && (late.Name == swap.CheckLate || late.Name == swap.CheckExpiry) {
		d := decided(Rest, said.Of("not to be funded any more: %v", err))
		d.Phase = Dropped
		return d
	}
	d := decided(Wait, said.Of("for an answer"))
	d.Phase = Offered
	return d
}

// open is fair, and says at once of offers that are long over that they are: there may be many.
func (b *Book) open(s *session, terms *swap.Terms) error {
	_, second, err := b.sides(terms)
	if err != nil {
		return err
	}
	if at := b.clock(second); int64(terms.Second.Expiry) <= int64(at) {
		return &spv.CheckError{Name: swap.CheckLate, Want: fmt.Sprintf("t2 above block %d of %s", at, second.Clock.Name),
			Got: fmt.Sprint(terms.Second.Expiry)}
	}
	return b.fair(s, terms)
}

// Leg returns the output that funds our leg of a swap, for a draft of its chain's wallet.
func (b *Book) Leg(number uint32) (wallet.Recipient, error) {
	s, err := b.agreed(number)
	if err != nil {
		return wallet.Recipient{}, err
	}
	side := s.terms.Pays(s.role())
	leg := s.terms.Leg(side)
	return wallet.Recipient{Script: leg.PkScript(), Amount: side.Amount}, nil
}

func (b *Book) agreed(number uint32) (*session, error) {
	s, ok := b.swaps[number]
	if !ok || s.terms == nil {
		return nil, said.Errorf("swap %d: not agreed", number)
	}
	return s, nil
}

// Fund takes the signed transaction that pays our leg and returns its refunds, signed and run, from the lowest fee rate
// up: to be kept elsewhere too. Before, it judges whether the leg should still be funded, and signs refund and redemption
// at every rate up to the stressed one for the script engine to judge. All is on disk when it returns; until then the
// transaction must not be committed.
func (b *Book) Fund(number uint32, tx *wire.MsgTx, keys Keys) ([]Rated, error) {
	old, err := b.agreed(number)
	if err != nil {
		return nil, err
	}
	if old.Funding != nil {
		if string(old.Funding) == string(serialize(tx)) {
			return old.Refunds, nil
		}
		return nil, said.Errorf("swap %d: another transaction funds it", number)
	}
	sight, err := b.sight(old)
	if err != nil {
		return nil, err
	}
	if d := Decide(sight); d.Move != Fund {
		return nil, said.Errorf("swap %d: not to be funded now: %s", number, d.Said)
	}
	side := old.terms.Pays(old.role())
	at, err := outputOf(tx, old.terms.Leg(side), side.Amount)
	if err != nil {
		return nil, fmt.Errorf("swap %d: %w", number, err)
	}
	s := *old
	s.Funding = serialize(tx)
	if s.Refunds, err = b.refunds(&s, at, side.Amount, keys); err != nil {
		return nil, err
	}
	if err := b.rehearse(&s, keys); err != nil {
		return nil, err
	}
	return s.Refunds, b.keepSwap(&s)
}

// Learn takes a secret from elsewhere, such as that of a Lightning payment, durably.
func (b *Book) Learn(secret [32]byte) error {
	hash := sha256.Sum256(secret[:])
	for _, n := range slices.Sorted(maps.Keys(b.swaps)) {
		old := b.swaps[n]
		if old.terms == nil || old.terms.Hash != hash {
			continue
		}
		s := *old
		s.Secret = (*swapBytes)(&secret)
		return b.keepSwap(&s)
	}
	return said.Errorf("secret: of no swap that was agreed")
}

// held returns what is seen of a leg, and the output that holds it.
func (b *Book) held(s *session, side *swap.Side) (h Held, output ref, err error) {
	c, err := b.chain(side.Chain)
	if err != nil {
		return h, ref{}, err
	}
	leg := s.terms.Leg(side)
	ours := side == s.terms.Pays(s.role())
	h.Needed, h.Ripe = c.Confirm, ripe(c.Params, b.clock(c), side.Expiry)
	for _, r := range b.paid[s.on(side)] {
		depth := c.depth(r.Block)
		if depth == 0 || r.value() < side.Amount {
			continue
		}
		if ours && s.Funding != nil && !s.pays(r) {
			continue // somebody else's gift
		}
		by, spent := b.spending(coinOn{side.Chain, r.outpoint()})
		// One that was not taken counts before one that was, then the deepest.
		if h.Depth > 0 && !(h.Spent && !spent) && (spent != h.Spent || depth <= h.Depth) {
			continue
		}
		h.Depth, h.Spent, h.Revealed, h.Final, output = depth, spent, false, false, r
		if spent {
			_, h.Revealed = leg.FindSecret(by.tx.TxIn[by.index])
			h.Final = c.depth(by.Block) >= c.Confirm
		}
	}
	return h, output, nil
}

// on returns the script that a leg is looked for by.
func (s *session) on(side *swap.Side) scriptOn {
	if side == &s.terms.First {
		return scriptOn{side.Chain, s.legs[0]}
	}
	return scriptOn{side.Chain, s.legs[1]}
}

// pays says whether an output is of our own funding, or of a transaction in its place.
func (s *session) pays(r ref) bool {
	own, err := parseTx(s.Funding)
	if err != nil {
		return false
	}
	for _, in := range own.TxIn {
		for _, other := range r.tx.TxIn {
			if in.PreviousOutPoint == other.PreviousOutPoint {
				return true
			}
		}
	}
	return false
}

// seenSecret returns the secret of a swap if a transaction showed it, in a block or not, with the one that pays the leg and the
// one that takes it.
func (b *Book) seenSecret(s *session) (secret [32]byte, by [2]*sighting, ok bool) {
	for _, side := range []*swap.Side{&s.terms.First, &s.terms.Second} {
		leg := s.terms.Leg(side)
		for _, r := range b.paid[s.on(side)] {
			for _, spend := range b.spent[coinOn{side.Chain, r.outpoint()}] {
				if secret, ok = leg.FindSecret(spend.tx.TxIn[spend.index]); ok {
					return secret, [2]*sighting{r.sighting, spend.sighting}, true
				}
			}
		}
	}
	return secret, by, false
}

// secretOf returns the secret of a swap from wherever it can be had.
func (b *Book) secretOf(s *session, keys Keys) ([32]byte, error) {
	if s.Secret != nil {
		return *s.Secret, nil
	}
	if secret, _, ok := b.seenSecret(s); ok {
		return secret, nil
	}
	return ownSecret(keys, s.Index, *s.offer)
}

// sight gathers what a decision follows from; nil without an answer.
func (b *Book) sight(s *session) (*Sight, error) {
	if s.terms == nil {
		return nil, nil
	}
	first, second, err := b.sides(s.terms)
	if err != nil {
		return nil, err
	}
	v := &Sight{Terms: s.terms, Role: s.role(), First: b.standing(first), Second: b.standing(second), Signed: s.Funding != nil,
		Canceled: s.Canceled, Restored: s.Restored, Shown: s.Redeem != nil}
	if v.Leg1, _, err = b.held(s, &s.terms.First); err != nil {
		return nil, err
	}
	if v.Leg2, _, err = b.held(s, &s.terms.Second); err != nil {
		return nil, err
	}
	_, _, seen := b.seenSecret(s)
	v.Shown = v.Shown || seen
	v.Secret = v.Shown || s.Secret != nil || (v.Role == swap.Initiator && !s.Foreign)
	return v, nil
}

// stepSwaps does what is decided.
func (b *Book) stepSwaps(keys Keys) (out []Broadcast, err error) {
	var errs []error
	for _, n := range slices.Sorted(maps.Keys(b.swaps)) {
		s := b.swaps[n]
		if s.terms == nil {
			continue
		}
		sight, err := b.sight(s)
		if err == nil {
			var some []Broadcast
			some, err = b.do(s, sight, keys)
			out = append(out, some...)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("swap %d: %w", n, err))
		}
	}
	return out, errors.Join(errs...)
}

// do carries out what is decided.
func (b *Book) do(s *session, sight *Sight, keys Keys) ([]Broadcast, error) {
	d := Decide(sight)
	pays, gets := s.terms.Pays(s.role()), s.terms.Gets(s.role())
	switch d.Move {
	case Fund:
		if s.Funding == nil {
			return nil, nil // for the user to do
		}
		tx, err := parseTx(s.Funding)
		return send(pays, tx, fmt.Sprintf("funding of swap %d", s.Number), err)
	case Redeem:
		tx, err := b.redeem(s, keys)
		return send(gets, tx, fmt.Sprintf("redemption of swap %d: %s", s.Number, d.Why), err)
	case Refund:
		tx, err := b.refund(s, keys)
		out, err := send(pays, tx, fmt.Sprintf("refund of swap %d: %s", s.Number, d.Why), err)
		_, other := sight.legs()
		if !sight.Shown || other.Depth == 0 || other.Spent {
			return out, err
		}
		// The secret is out: the other leg is still taken if it can be.
		tx, late := b.redeem(b.swaps[s.Number], keys)
		more, late := send(gets, tx, fmt.Sprintf("redemption of swap %d: the secret is out", s.Number), late)
		return append(out, more...), errors.Join(err, late)
	}
	return nil, nil
}

func send(side *swap.Side, tx *wire.MsgTx, why string, err error) ([]Broadcast, error) {
	if err != nil {
		return nil, err
	}
	return []Broadcast{{side.Chain, tx, why}}, nil
}

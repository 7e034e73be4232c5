package settle

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/layeredpow/lamina/spv/said"
	"github.com/layeredpow/lamina/spv/swap"
)

// session is a swap that we take part in. Its keys and its secret follow from the seed and the offer.
type session struct {
	Number  uint32  `json:"number"`
	Index   uint32  `json:"index"` // where its keys stand, see indexOf
	Maker   bool    `json:"maker"`
	Offer   string  `json:"offer"`            // text
	Answer  string  `json:"answer,omitempty"` // text; empty: nobody took it yet
	Foreign bool    `json:"foreign"`          // the hash came from elsewhere, and so does the secret
	Scripts Scripts `json:"scripts"`

	Funding  []byte     `json:"funding,omitempty"`  // our signed transaction, as it travels
	Refunds  []Rated    `json:"refunds,omitempty"`  // of it, from the lowest fee rate up
	Redeem   *Rated     `json:"redeem,omitempty"`   // the newest; it holds the secret, so from now on that counts as known
	Secret   *swapBytes `json:"secret,omitempty"`   // if it was seen or given; never our own before Redeem
	Canceled bool       `json:"canceled,omitempty"` // it shall not be funded
	Restored bool       `json:"restored,omitempty"` // from its texts: whether it was funded is not known but from the chains

	offer *swap.Offer
	terms *swap.Terms // nil without an answer
	legs  [2]string   // output scripts of the first leg and the second; they take long to make
}

// swapBytes is a secret that was given. It goes into the log and nowhere else.
type swapBytes [32]byte

// Format writes a placeholder for every verb.
func (swapBytes) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "(secret)") }

// Scripts are where a swap's money goes in the end.
type Scripts struct {
	Refund []byte `json:"refund"` // on the chain that we pay on
	Redeem []byte `json:"redeem"` // on the chain that we are paid on
}

func (s *session) role() swap.Role {
	if s.Maker == s.offer.MakerFirst {
		return swap.Initiator
	}
	return swap.Responder
}

// SwapRequest is a swap to be offered.
type SwapRequest struct {
	First   bool // we fund first, and know the secret
	Give    swap.Asset
	Get     swap.Asset
	T1, T2  uint32
	Hash    *[32]byte // with First: a hash whose secret will come from elsewhere, such as a payment hash; nil: our own
	Scripts Scripts
}

// Offer makes an offer. It is on disk when its number and its text are returned.
func (b *Book) Offer(r SwapRequest, keys Keys) (number uint32, text string, err error) {
	number = b.nextSwap()
	o := swap.Offer{MakerFirst: r.First, Give: r.Give, Get: r.Get, T1: r.T1, T2: r.T2}
	index, err := b.freeIndex(&o, true)
	if err != nil {
		return 0, "", err
	}
	own, err := deriveKeys(keys, index)
	if err != nil {
		return 0, "", err
	}
	o.Refund, o.Redeem, o.Signer = own.refund, own.redeem, own.signer
	if r.Hash != nil && !r.First {
		return 0, "", said.Errorf("offer: a hash is for him to name who funds first")
	}
	if r.First {
		if o.Hash, err = hashFor(keys, index, o, r.Hash); err != nil {
			return 0, "", err
		}
	}
	s := &session{Number: number, Index: index, Maker: true, Foreign: r.Hash != nil, Scripts: r.Scripts, offer: &o}
	if err := b.probe(s, keys); err != nil {
		return 0, "", err
	}
	sig, err := signText(keys, index, o.ID())
	if err != nil {
		return 0, "", err
	}
	if s.Offer, err = o.Encode(sig); err != nil {
		return 0, "", err
	}
	return number, s.Offer, b.start(s)
}

// Take answers an offer. Hash is as in SwapRequest, for an offer that leaves the hash to us. It is on disk when its number
// and the answer's text are returned.
func (b *Book) Take(offer string, hash *[32]byte, to Scripts, keys Keys) (number uint32, text string, err error) {
	o, err := swap.DecodeOffer(offer)
	if err != nil {
		return 0, "", err
	}
	number = b.nextSwap()
	index, err := b.freeIndex(o, false)
	if err != nil {
		return 0, "", err
	}
	own, err := deriveKeys(keys, index)
	if err != nil {
		return 0, "", err
	}
	if o.MakerFirst && hash != nil {
		return 0, "", said.Errorf("answer: the offer names the hash")
	}
	a := swap.Answer{Offer: o.ID(), Refund: own.refund, Redeem: own.redeem, Signer: own.signer}
	if !o.MakerFirst {
		if a.Hash, err = hashFor(keys, index, *o, hash); err != nil {
			return 0, "", err
		}
	}
	sig, err := signText(keys, index, a.ID())
	if err != nil {
		return 0, "", err
	}
	s := &session{Number: number, Index: index, Offer: offer, Foreign: hash != nil, Scripts: to, offer: o}
	if s.Answer, err = a.Encode(sig); err != nil {
		return 0, "", err
	}
	if err := b.agree(s, &a, own, keys); err != nil {
		return 0, "", err
	}
	return number, s.Answer, b.start(s)
}

// Accept takes the answer to an offer of ours. From then on Scripts names the legs.
func (b *Book) Accept(number uint32, answer string, keys Keys) error {
	old, ok := b.swaps[number]
	if !ok || !old.Maker {
		return said.Errorf("swap %d: no offer of ours", number)
	}
	if old.Answer == answer && answer != "" {
		return nil
	}
	if old.Answer != "" || old.Canceled {
		return said.Errorf("swap %d: was answered or canceled before", number)
	}
	a, err := swap.DecodeAnswer(answer)
	if err != nil {
		return err
	}
	own, err := deriveKeys(keys, old.Index)
	if err != nil {
		return err
	}
	s := *old
	s.Answer = answer
	if err := b.agree(&s, a, own, keys); err != nil {
		return err
	}
	return b.start(&s)
}

// Cancel gives up a swap that we did not fund.
func (b *Book) Cancel(number uint32) error {
	old, ok := b.swaps[number]
	if !ok || old.Funding != nil {
		return said.Errorf("swap %d: not known, or funded", number)
	}
	s := *old
	s.Canceled = true
	return b.keepSwap(&s)
}

// Restore takes up a swap whose record was lost, from the texts of both parties: the seed has the keys and the secret.
// The caller reads the chains again from before the funding.
func (b *Book) Restore(offer, answer string, to Scripts, keys Keys) (number uint32, err error) {
	o, err := swap.DecodeOffer(offer)
	if err != nil {
		return 0, err
	}
	a, err := swap.DecodeAnswer(answer)
	if err != nil {
		return 0, err
	}
	terms, err := swap.Join(o, a)
	if err != nil {
		return 0, err
	}
	for _, s := range b.swaps {
		if s.offer.ID() == o.ID() {
			return s.Number, said.Errorf("swap %d: its record is there", s.Number)
		}
	}
	maker := true
	index, ours, err := findIndex(keys, o, true, o.Signer)
	if err == nil && !ours {
		maker = false
		index, ours, err = findIndex(keys, o, false, a.Signer)
	}
	if err == nil && !ours {
		err = said.Errorf("swap: neither side has keys of this wallet")
	}
	if err != nil {
		return 0, err
	}
	own, err := deriveKeys(keys, index)
	if err != nil {
		return 0, err
	}
	// It may have been funded: not a second time.
	s := &session{Number: b.nextSwap(), Index: index, Maker: maker, Offer: offer, Answer: answer, Scripts: to, Canceled: true,
		Restored: true, offer: o, terms: &terms}
	if err := terms.CheckOwn(s.role(), own.refund, own.redeem); err != nil {
		return 0, err
	}
	if s.role() == swap.Initiator {
		secret, err := ownSecret(keys, index, *o)
		if err != nil {
			return 0, err
		}
		s.Foreign = sha256.Sum256(secret[:]) != terms.Hash
	}
	return s.Number, b.start(s)
}

// probe judges an offer with keys in the taker's place that are nobody's.
func (b *Book) probe(s *session, keys Keys) error {
	refund, err := publicKey(keys, s.Index, keysOfProbe)
	if err != nil {
		return err
	}
	redeem, err := publicKey(keys, s.Index, keysOfProbe+1)
	if err != nil {
		return err
	}
	terms, err := trial(s.offer, refund, redeem)
	if err != nil {
		return err
	}
	return b.fair(s, &terms)
}

// trial joins an offer to an answer with some keys.
func trial(o *swap.Offer, refund, redeem swap.Key) (swap.Terms, error) {
	a := swap.Answer{Offer: o.ID(), Refund: refund, Redeem: redeem, Signer: [32]byte(refund[1:])}
	if !o.MakerFirst {
		a.Hash = sha256.Sum256(refund[:])
	}
	return swap.Join(o, &a)
}

// fair holds terms against our scripts, the other swaps and both chains as they stand.
func (b *Book) fair(s *session, terms *swap.Terms) error {
	if err := b.checkScripts(s); err != nil {
		return err
	}
	if err := b.fresh(s, terms.Hash); err != nil {
		return err
	}
	first, second, err := b.sides(terms)
	if err != nil {
		return err
	}
	return terms.Check(b.standing(first), b.standing(second), nil)
}

// agree joins offer and answer and judges what comes of it: the terms, our keys in it, the hash.
func (b *Book) agree(s *session, a *swap.Answer, own swapKeys, keys Keys) error {
	terms, err := swap.Join(s.offer, a)
	if err != nil {
		return err
	}
	other := s.offer.Signer
	if s.Maker {
		other = a.Signer
	}
	if _, ours, err := findIndex(keys, s.offer, !s.Maker, other); err != nil || ours {
		return errors.Join(err, said.Errorf("swap: with ourselves"))
	}
	if err := terms.CheckOwn(s.role(), own.refund, own.redeem); err != nil {
		return err
	}
	if err := b.fair(s, &terms); err != nil {
		return err
	}
	s.terms = &terms
	return nil
}

func (b *Book) checkScripts(s *session) error {
	if len(s.Scripts.Refund) == 0 || len(s.Scripts.Redeem) == 0 {
		return fmt.Errorf("swap %d: no script to refund or redeem to", s.Number)
	}
	return nil
}

// fresh refuses a hash that another swap had: its secret may be known.
func (b *Book) fresh(s *session, hash [32]byte) error {
	if n, used := b.hashes[hash]; used && n != s.Number {
		return fmt.Errorf("swap %d: hash %x was used in swap %d", s.Number, hash, n)
	}
	return nil
}

// sides returns the chains of a swap.
func (b *Book) sides(t *swap.Terms) (first, second *followed, err error) {
	if first, err = b.chain(t.First.Chain); err != nil {
		return nil, nil, err
	}
	second, err = b.chain(t.Second.Chain)
	return first, second, err
}

func (b *Book) nextSwap() (n uint32) {
	for number := range b.swaps {
		n = max(n, number+1)
	}
	return n
}

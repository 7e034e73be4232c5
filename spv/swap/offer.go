package swap

import (
	"encoding/binary"
	"fmt"

	"github.com/btcsuite/btcd/chaincfg/chainhash"

	"github.com/layeredpow/lamina/spv"
)

// Asset is an amount on a chain, and the form of the leg that will hold it.
type Asset struct {
	Chain  spv.Hash // network id, internal byte order
	Form   Form
	Amount int64 // base units
}

// Offer is what its maker signs: everything but the taker's keys, and the hash if it is the
// taker who will know the secret.
type Offer struct {
	MakerFirst bool // the maker is the initiator: he knows the secret and funds first
	Give       Asset
	Get        Asset
	T1, T2     uint32   // expiry of the leg that is funded first, and of the other
	Hash       [32]byte // zero unless MakerFirst
	Refund     Key      // takes back what the maker gives
	Redeem     Key      // takes what he gets
	Signer     [32]byte // x-only key of the maker (BIP340)
}

// Answer is what the taker of an offer signs.
type Answer struct {
	Offer  spv.Hash // ID of the offer
	Hash   [32]byte // zero if the offer has one
	Refund Key      // takes back what the taker gives
	Redeem Key      // takes what he gets
	Signer [32]byte
}

// The encodings are fixed in size: a version byte, the fields in order, integers
// little-endian, and the signature at the end.
const (
	encodingVersion = 1
	assetSize       = 32 + 1 + 8
	offerSize       = 1 + 1 + 2*assetSize + 2*4 + 32 + 2*33 + 32
	answerSize      = 1 + 32 + 32 + 2*33 + 32
)

var (
	offerTag  = []byte("LPOW/offer")
	answerTag = []byte("LPOW/answer")
)

// ID returns TH("LPOW/offer", fields): what the maker signs, and what names the offer.
func (o *Offer) ID() spv.Hash { return *chainhash.TaggedHash(offerTag, o.bytes()) }

// ID returns TH("LPOW/answer", fields): what the taker signs.
func (a *Answer) ID() spv.Hash { return *chainhash.TaggedHash(answerTag, a.bytes()) }

func (o *Offer) bytes() []byte {
	b := append(make([]byte, 0, offerSize), encodingVersion, 0)
	if o.MakerFirst {
		b[1] = 1
	}
	b = o.Get.append(o.Give.append(b))
	b = binary.LittleEndian.AppendUint32(b, o.T1)
	b = binary.LittleEndian.AppendUint32(b, o.T2)
	b = append(b, o.Hash[:]...)
	b = append(append(b, o.Refund[:]...), o.Redeem[:]...)
	return append(b, o.Signer[:]...)
}

func (a *Asset) append(b []byte) []byte {
	b = append(append(b, a.Chain[:]...), byte(a.Form))
	return binary.LittleEndian.AppendUint64(b, uint64(a.Amount))
}

func (a *Answer) bytes() []byte {
	b := append(make([]byte, 0, answerSize), encodingVersion)
	b = append(append(b, a.Offer[:]...), a.Hash[:]...)
	b = append(append(b, a.Refund[:]...), a.Redeem[:]...)
	return append(b, a.Signer[:]...)
}

func readOffer(b []byte) (o Offer, err error) {
	if b[0] != encodingVersion || b[1] > 1 {
		return o, fmt.Errorf("version %d, order %d: want %d, and 0 or 1", b[0], b[1], encodingVersion)
	}
	o.MakerFirst = b[1] == 1
	b = o.Get.read(o.Give.read(b[2:]))
	o.T1, o.T2 = binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
	b = b[8:]
	b = b[copy(o.Hash[:], b):]
	b = b[copy(o.Refund[:], b):]
	b = b[copy(o.Redeem[:], b):]
	copy(o.Signer[:], b)
	return o, o.check()
}

func (a *Asset) read(b []byte) []byte {
	b = b[copy(a.Chain[:], b):]
	a.Form, a.Amount = Form(b[0]), int64(binary.LittleEndian.Uint64(b[1:]))
	return b[9:]
}

func readAnswer(b []byte) (a Answer, err error) {
	if b[0] != encodingVersion {
		return a, fmt.Errorf("version %d, want %d", b[0], encodingVersion)
	}
	b = b[1:]
	b = b[copy(a.Offer[:], b):]
	b = b[copy(a.Hash[:], b):]
	b = b[copy(a.Refund[:], b):]
	b = b[copy(a.Redeem[:], b):]
	copy(a.Signer[:], b)
	return a, a.check()
}

// check judges what needs no other party and no chain.
func (o *Offer) check() error {
	for _, a := range []*Asset{&o.Give, &o.Get} {
		if a.Form < P2TR || a.Form > P2SH || a.Amount < 1 {
			return fmt.Errorf("form %d, amount %d: want p2tr, p2wsh or p2sh, and 1 or more", a.Form, a.Amount)
		}
	}
	if o.Give.Chain == o.Get.Chain {
		return fmt.Errorf("both sides on chain %s", o.Give.Chain)
	}
	if o.T1 < 1 || o.T1 > MaxHeight || o.T2 < 1 || o.T2 > MaxHeight {
		return fmt.Errorf("expiries %d and %d, want heights of 1 to %d", o.T1, o.T2, MaxHeight)
	}
	if (o.Hash != [32]byte{}) != o.MakerFirst {
		return fmt.Errorf("a hash stands in the offer if and only if its maker is first")
	}
	return checkPair(o.Refund, o.Redeem)
}

func (a *Answer) check() error { return checkPair(a.Refund, a.Redeem) }

func checkPair(refund, redeem Key) error {
	for _, k := range []Key{refund, redeem} {
		if err := k.check(); err != nil {
			return err
		}
	}
	if [32]byte(refund[1:]) == [32]byte(redeem[1:]) {
		return fmt.Errorf("key %x for both refund and redemption", refund[:])
	}
	return nil
}

// Join puts an offer and its answer together. Both must come from their decoders, which
// have verified who signed them; whether the terms are safe is for Terms.Check to say.
func Join(o *Offer, a *Answer) (Terms, error) {
	if id := o.ID(); a.Offer != id {
		return Terms{}, fmt.Errorf("answer: to offer %s, want %s", a.Offer, id)
	}
	if (a.Hash == [32]byte{}) != o.MakerFirst {
		return Terms{}, fmt.Errorf("answer: a hash stands in it if and only if its taker is first")
	}
	gives := Side{Chain: o.Give.Chain, Form: o.Give.Form, Amount: o.Give.Amount, To: a.Redeem, From: o.Refund}
	gets := Side{Chain: o.Get.Chain, Form: o.Get.Form, Amount: o.Get.Amount, To: o.Redeem, From: a.Refund}
	t := Terms{Hash: o.Hash, First: gives, Second: gets}
	if !o.MakerFirst {
		t = Terms{Hash: a.Hash, First: gets, Second: gives}
	}
	t.First.Expiry, t.Second.Expiry = o.T1, o.T2
	return t, nil
}

package swap

import (
	"fmt"

	"github.com/btcsuite/btcd/btcutil/bech32"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/said"
)

// The texts are bech32m (BIP350), longer than an address: the signature inside makes up for
// what the checksum cannot promise at this length.
const (
	offerPrefix  = "lpoffer"
	answerPrefix = "lpanswer"
	sigSize      = 64
)

// Encode returns the offer as text, with the maker's BIP340 signature of its ID. It refuses
// an offer that DecodeOffer would refuse.
func (o *Offer) Encode(sig [64]byte) (string, error) {
	if err := o.check(); err != nil {
		return "", said.Errorf("offer: %w", err)
	}
	return encode(offerPrefix, o.bytes(), o.ID(), o.Signer, sig)
}

// DecodeOffer reads the text of an offer, in lower case and in its one form, and verifies
// its signature.
func DecodeOffer(text string) (*Offer, error) {
	b, sig, err := decode(offerPrefix, text, offerSize)
	if err != nil {
		return nil, said.Errorf("offer: %w", err)
	}
	o, err := readOffer(b)
	if err != nil {
		return nil, said.Errorf("offer: %w", err)
	}
	if id := o.ID(); !verifySchnorr(o.Signer, id[:], sig) {
		return nil, said.Errorf("offer: signature is not of its signer %s", fmt.Sprintf("%x", o.Signer))
	}
	return &o, nil
}

// Encode returns the answer as text, with the taker's BIP340 signature of its ID. It
// refuses an answer that DecodeAnswer would refuse.
func (a *Answer) Encode(sig [64]byte) (string, error) {
	if err := a.check(); err != nil {
		return "", said.Errorf("answer: %w", err)
	}
	return encode(answerPrefix, a.bytes(), a.ID(), a.Signer, sig)
}

// DecodeAnswer reads the text of an answer, in lower case and in its one form, and verifies
// its signature.
func DecodeAnswer(text string) (*Answer, error) {
	b, sig, err := decode(answerPrefix, text, answerSize)
	if err != nil {
		return nil, said.Errorf("answer: %w", err)
	}
	a, err := readAnswer(b)
	if err != nil {
		return nil, said.Errorf("answer: %w", err)
	}
	if id := a.ID(); !verifySchnorr(a.Signer, id[:], sig) {
		return nil, said.Errorf("answer: signature is not of its signer %s", fmt.Sprintf("%x", a.Signer))
	}
	return &a, nil
}

func encode(prefix string, b []byte, id spv.Hash, signer [32]byte, sig [64]byte) (string, error) {
	if !verifySchnorr(signer, id[:], sig[:]) {
		return "", fmt.Errorf("%s: signature is not of its signer %x", prefix, signer)
	}
	return pack(prefix, append(b, sig[:]...))
}

func pack(prefix string, b []byte) (string, error) {
	groups, err := bech32.ConvertBits(b, 8, 5, true)
	if err != nil {
		return "", fmt.Errorf("%s: %w", prefix, err)
	}
	return bech32.EncodeM(prefix, groups)
}

// decode refuses by length before it looks at anything else.
func decode(prefix, text string, size int) (b, sig []byte, err error) {
	if want := len(prefix) + 1 + ((size+sigSize)*8+4)/5 + 6; len(text) != want {
		return nil, nil, said.Errorf("%d characters, want %d", len(text), want)
	}
	hrp, groups, version, err := bech32.DecodeNoLimitWithVersion(text)
	if err != nil {
		return nil, nil, err
	}
	if hrp != prefix || version != bech32.VersionM {
		return nil, nil, said.Errorf("prefix %q, want %q as bech32m", hrp, prefix)
	}
	if b, err = bech32.ConvertBits(groups, 5, 8, false); err != nil {
		return nil, nil, err
	}
	if again, err := pack(prefix, b); err != nil || again != text || len(b) != size+sigSize {
		return nil, nil, said.Errorf("not in its one form")
	}
	return b[:size], b[size:], nil
}

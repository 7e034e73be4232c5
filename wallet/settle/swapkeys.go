package settle

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"

	"github.com/layeredpow/lamina/keystore"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/swap"
)

// swapKeys are one party's keys of one swap.
type swapKeys struct {
	refund, redeem swap.Key
	signer         [32]byte
}

// The keys of a swap stand at these indices below swapPath.
const (
	keyOfRefund = iota
	keyOfRedeem
	keyOfSigner
	keysOfProbe // and the one behind it: nobody's, for judging an offer before it is answered
)

// nobody and nobodyElse are keys whose private ones, 1 and 2, all know: for judging an offer where no keys are at hand.
var nobody, nobodyElse = knownKey(1), knownKey(2)

func knownKey(n byte) swap.Key {
	_, public := btcec.PrivKeyFromBytes([]byte{n})
	return swap.Key(public.SerializeCompressed())
}

// indexOf is where the keys of one side of a swap stand: it follows from the offer's terms, for its maker, or from all of
// the offer, for who takes it. So a wallet that has lost its records finds them by the texts, and never gives the keys of
// one swap to another: no count could do that.
func indexOf(o *swap.Offer, maker bool) uint32 {
	t := *o
	if maker {
		t = swap.Offer{MakerFirst: o.MakerFirst, Give: o.Give, Get: o.Get, T1: o.T1, T2: o.T2}
	}
	id := t.ID()
	return binary.LittleEndian.Uint32(id[:]) &^ keystore.Hardened
}

// indexTries is how many swaps of the same terms have keys of their own.
const indexTries = 16

// freeIndex returns the first index of a side that no swap in the records has.
func (b *Book) freeIndex(o *swap.Offer, maker bool) (uint32, error) {
	first := indexOf(o, maker)
next:
	for i := range uint32(indexTries) {
		index := (first + i) &^ keystore.Hardened
		for _, s := range b.swaps {
			if s.Index == index {
				continue next
			}
		}
		return index, nil
	}
	return 0, fmt.Errorf("swap: the same terms were offered %d times: change an amount or a height", indexTries)
}

// findIndex returns where the key of a signer stands, on one side of an offer; false if it is not of these keys.
func findIndex(keys Keys, o *swap.Offer, maker bool, signer [32]byte) (uint32, bool, error) {
	first := indexOf(o, maker)
	for i := range uint32(indexTries) {
		index := (first + i) &^ keystore.Hardened
		p, err := keys.Public(swapPath(index, keyOfSigner))
		if err != nil {
			return 0, false, err
		}
		if [32]byte(schnorr.SerializePubKey(p.Key())) == signer {
			return index, true, nil
		}
	}
	return 0, false, nil
}

func swapPath(index uint32, key uint32) keystore.Path {
	return keystore.Path{ownPurpose, keystore.Hardened + 1<<31 - 1, keystore.Hardened + index, key}
}

func publicKey(keys Keys, index, key uint32) (swap.Key, error) {
	p, err := keys.Public(swapPath(index, key))
	if err != nil {
		return swap.Key{}, err
	}
	return swap.Key(p.Key().SerializeCompressed()), nil
}

func deriveKeys(keys Keys, index uint32) (k swapKeys, err error) {
	if k.refund, err = publicKey(keys, index, keyOfRefund); err != nil {
		return k, err
	}
	if k.redeem, err = publicKey(keys, index, keyOfRedeem); err != nil {
		return k, err
	}
	signer, err := keys.Public(swapPath(index, keyOfSigner))
	if err != nil {
		return k, err
	}
	k.signer = [32]byte(schnorr.SerializePubKey(signer.Key()))
	return k, nil
}

// ownSecret derives the secret of a swap of which we know it, from all of its offer.
func ownSecret(keys Keys, index uint32, o swap.Offer) ([32]byte, error) {
	o.Hash = [32]byte{}
	return keys.Secret("swap "+o.ID().String(), index)
}

func hashFor(keys Keys, index uint32, o swap.Offer, given *[32]byte) ([32]byte, error) {
	if given != nil {
		return *given, nil
	}
	secret, err := ownSecret(keys, index, o)
	if err != nil {
		return [32]byte{}, err
	}
	return sha256.Sum256(secret[:]), nil
}

func signText(keys Keys, index uint32, id spv.Hash) (sig [64]byte, err error) {
	raw, err := keys.SignSchnorrUntweaked(swapPath(index, keyOfSigner), id)
	if err != nil {
		return sig, err
	}
	if len(raw) != 64 {
		return sig, fmt.Errorf("swap: signature of %d bytes, want 64", len(raw))
	}
	return [64]byte(raw), nil
}

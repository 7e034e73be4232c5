package settle

import (
	"crypto/sha256"
	"fmt"

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

func swapPath(number uint32, key uint32) keystore.Path {
	return keystore.Path{ownPurpose, keystore.Hardened + 1<<31 - 1, keystore.Hardened + number, key}
}

func publicKey(keys Keys, number, key uint32) (swap.Key, error) {
	p, err := keys.Public(swapPath(number, key))
	if err != nil {
		return swap.Key{}, err
	}
	return swap.Key(p.Key().SerializeCompressed()), nil
}

func deriveKeys(keys Keys, number uint32) (k swapKeys, err error) {
	if k.refund, err = publicKey(keys, number, keyOfRefund); err != nil {
		return k, err
	}
	if k.redeem, err = publicKey(keys, number, keyOfRedeem); err != nil {
		return k, err
	}
	signer, err := keys.Public(swapPath(number, keyOfSigner))
	if err != nil {
		return k, err
	}
	k.signer = [32]byte(schnorr.SerializePubKey(signer.Key()))
	return k, nil
}

// ownSecret derives the secret of a swap of which we know it. The offer is part of what it follows from, so that a number
// that is used again after a restore, for another offer, does not have the same secret.
func ownSecret(keys Keys, number uint32, o swap.Offer) ([32]byte, error) {
	o.Hash = [32]byte{}
	return keys.Secret("swap "+o.ID().String(), number)
}

func hashFor(keys Keys, number uint32, o swap.Offer, given *[32]byte) ([32]byte, error) {
	if given != nil {
		return *given, nil
	}
	secret, err := ownSecret(keys, number, o)
	if err != nil {
		return [32]byte{}, err
	}
	return sha256.Sum256(secret[:]), nil
}

func signText(keys Keys, number uint32, id spv.Hash) (sig [64]byte, err error) {
	raw, err := keys.SignSchnorrUntweaked(swapPath(number, keyOfSigner), id)
	if err != nil {
		return sig, err
	}
	if len(raw) != 64 {
		return sig, fmt.Errorf("swap %d: signature of %d bytes, want 64", number, len(raw))
	}
	return [64]byte(raw), nil
}

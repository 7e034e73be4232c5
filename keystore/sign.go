package keystore

import (
	"errors"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/txscript"
)

// errBadSignature means that the machine miscalculated. A wrong signature may give the key away, so none leaves.
var errBadSignature = errors.New("signature: does not verify: this machine miscalculates")

// signECDSA signs, and verifies what it signed.
func signECDSA(key *btcec.ModNScalar, hash [32]byte) ([]byte, error) {
	sig := ecdsaSignature(key, hash)
	private := btcec.PrivKeyFromScalar(key)
	defer private.Zero()
	if !sig.Verify(hash[:], private.PubKey()) {
		return nil, errBadSignature
	}
	return sig.Serialize(), nil
}

// ecdsaSignature signs as Bitcoin Core does.
func ecdsaSignature(key *btcec.ModNScalar, hash [32]byte) *ecdsa.Signature {
	return standard.signatures([]*btcec.ModNScalar{key}, [][32]byte{hash})[0]
}

// signSchnorr signs by BIP340 with 32 zero bytes as the auxiliary input. The library verifies what it signed.
func signSchnorr(key *btcec.ModNScalar, hash [32]byte) ([]byte, error) {
	private := btcec.PrivKeyFromScalar(key)
	defer private.Zero()
	return signSchnorrWith(private, hash, [32]byte{})
}

// signTaproot signs with the key tweaked for the output that root commits to.
func signTaproot(key *btcec.ModNScalar, hash [32]byte, root []byte, more ...schnorr.SignOption) ([]byte, error) {
	private := btcec.PrivKeyFromScalar(key)
	defer private.Zero()
	tweaked := txscript.TweakTaprootPrivKey(*private, root)
	defer tweaked.Zero()
	return signSchnorrWith(tweaked, hash, [32]byte{}, more...)
}

func signSchnorrWith(key *btcec.PrivateKey, hash, aux [32]byte, more ...schnorr.SignOption) ([]byte, error) {
	sig, err := schnorr.Sign(key, hash[:], append(more, schnorr.CustomNonce(aux))...)
	if err != nil {
		return nil, err
	}
	return sig.Serialize(), nil
}

package keystore

import (
	"encoding/binary"
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

// ecdsaSignature signs with RFC 6979's nonce. If R is high it tries again with a counter as the extra input, as Bitcoin
// Core does, and so gives Core's signatures.
func ecdsaSignature(key *btcec.ModNScalar, hash [32]byte) *ecdsa.Signature {
	own := key.Bytes()
	defer clear(own[:])
	var extra [32]byte
	for count := uint32(0); ; count++ {
		var input []byte
		if count > 0 {
			binary.LittleEndian.PutUint32(extra[:], count)
			input = extra[:]
		}
		if sig := signWithNonce(key, hash, btcec.NonceRFC6979(own[:], hash[:], input, nil, 0)); sig != nil {
			return sig
		}
	}
}

// signWithNonce returns nil if the nonce gives no signature with a low R. It wipes the nonce. Serialize lowers S.
func signWithNonce(key *btcec.ModNScalar, hash [32]byte, nonce *btcec.ModNScalar) *ecdsa.Signature {
	defer nonce.Zero()
	var point btcec.JacobianPoint
	btcec.ScalarBaseMultNonConst(nonce, &point)
	point.ToAffine()
	x := point.X.Bytes()
	var r, s, e btcec.ModNScalar
	if overflow := r.SetBytes(x); overflow != 0 || r.IsZero() || x[0] >= 0x80 {
		return nil
	}
	e.SetBytes(&hash)
	s.Mul2(&r, key).Add(&e)
	inverse := new(btcec.ModNScalar).InverseValNonConst(nonce)
	defer inverse.Zero()
	if s.Mul(inverse); s.IsZero() {
		return nil
	}
	if s.IsOverHalfOrder() {
		s.Negate()
	}
	return ecdsa.NewSignature(&r, &s)
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

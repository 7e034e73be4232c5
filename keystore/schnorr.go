package keystore

import (
	"errors"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
)

// errNoSignature is what BIP340 and BIP341 want where a key or a nonce is 0, with a chance of 2^-256.
var errNoSignature = errors.New("signature: key or nonce is 0")

// taprootSignatures signs each hash with the key beside it, tweaked for an output without scripts (BIP86), by BIP340 with
// 32 zero bytes as the auxiliary input: signTaproot's signatures, to the last bit. Each takes three points (of the key, of
// the tweaked key, of the nonce), and all of one kind are brought into affine form together, which saves most of three
// inversions for each. It verifies none of them.
func taprootSignatures(keys []*btcec.ModNScalar, hashes [][32]byte) ([]*schnorr.Signature, error) {
	own := make([]btcec.ModNScalar, len(keys)) // of each key the half of the pair whose point has an even y
	nonces := make([]btcec.ModNScalar, len(keys))
	defer clear(own)
	defer clear(nonces)
	for i, key := range keys {
		own[i].Set(key)
	}
	points, err := evenPoints(own)
	if err != nil {
		return nil, err
	}
	for i := range own {
		var tweak btcec.ModNScalar
		tweak.SetBytes((*[32]byte)(chainhash.TaggedHash(chainhash.TagTapTweak, points[i].X.Bytes()[:])))
		own[i].Add(&tweak)
	}
	if points, err = evenPoints(own); err != nil {
		return nil, err
	}
	for i := range nonces {
		nonces[i] = schnorrNonce(&own[i], &points[i].X, &hashes[i])
	}
	commitments, err := evenPoints(nonces)
	if err != nil {
		return nil, err
	}
	out := make([]*schnorr.Signature, len(keys))
	for i, r := range commitments {
		var challenge btcec.ModNScalar
		challenge.SetBytes((*[32]byte)(chainhash.TaggedHash(chainhash.TagBIP0340Challenge, r.X.Bytes()[:],
			points[i].X.Bytes()[:], hashes[i][:])))
		out[i] = schnorr.NewSignature(&r.X, challenge.Mul(&own[i]).Add(&nonces[i]))
	}
	return out, nil
}

// evenPoints returns each scalar's point with an even y, affine; it negates the scalars whose own points have odd ones.
func evenPoints(scalars []btcec.ModNScalar) ([]*btcec.JacobianPoint, error) {
	points := make([]*btcec.JacobianPoint, len(scalars))
	for i := range scalars {
		if scalars[i].IsZero() {
			return nil, errNoSignature
		}
		points[i] = new(btcec.JacobianPoint)
		times(&scalars[i], points[i])
	}
	affine(points)
	for i, p := range points {
		if p.Y.IsOdd() {
			scalars[i].Negate()
			p.Y.Negate(1).Normalize()
		}
	}
	return points, nil
}

// auxiliary is the hash that hides the key where the nonce is made, of 32 zero bytes.
var auxiliary = chainhash.TaggedHash(chainhash.TagBIP0340Aux, make([]byte, 32))

// schnorrNonce returns BIP340's nonce of a key whose point has x and an even y.
func schnorrNonce(key *btcec.ModNScalar, x *btcec.FieldVal, hash *[32]byte) (nonce btcec.ModNScalar) {
	masked := key.Bytes()
	defer clear(masked[:])
	for i := range masked {
		masked[i] ^= auxiliary[i]
	}
	digest := chainhash.TaggedHash(chainhash.TagBIP0340Nonce, masked[:], x.Bytes()[:], hash[:])
	defer clear(digest[:])
	nonce.SetBytes((*[32]byte)(digest))
	return nonce
}

package keystore

import (
	"encoding/binary"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
)

// attempt is one signature on its way.
type attempt struct {
	key    *btcec.ModNScalar
	hash   [32]byte
	nonce  *btcec.ModNScalar
	point  btcec.JacobianPoint // nonce * G
	r      btcec.ModNScalar
	before btcec.FieldVal   // product of the z of the points before this one
	inner  btcec.ModNScalar // product of the nonces before this one
}

// ecdsaSignatures signs each hash with the key beside it. A nonce whose R is high is tried again, so that two are needed
// on average; to leave that cheap the inversions, a third of the work, are shared: the inverse of a product gives those of
// its factors (Montgomery). It wipes the nonces.
func ecdsaSignatures(keys []*btcec.ModNScalar, hashes [][32]byte) []*ecdsa.Signature {
	all := make([]*attempt, len(keys))
	for i := range all {
		all[i] = &attempt{key: keys[i], hash: hashes[i]}
	}
	left := all
	for count := uint32(0); len(left) > 0; count++ {
		for _, a := range left {
			a.commit(count)
		}
		affine(left)
		var high []*attempt
		for _, a := range left {
			if !a.take() {
				high = append(high, a)
			}
		}
		left = high
	}
	return finish(all)
}

// commit takes the nonce of a count, and its point.
func (a *attempt) commit(count uint32) {
	own := a.key.Bytes()
	defer clear(own[:])
	var extra []byte
	if count > 0 {
		extra = binary.LittleEndian.AppendUint32(make([]byte, 0, 32), count)[:32]
	}
	if a.nonce != nil {
		a.nonce.Zero()
	}
	a.nonce = btcec.NonceRFC6979(own[:], a.hash[:], extra, nil, 0)
	btcec.ScalarBaseMultNonConst(a.nonce, &a.point)
}

// affine works out the x of every point. A nonce is not 0 modulo the order, so that no point is infinite.
func affine(list []*attempt) {
	var product btcec.FieldVal
	product.SetInt(1)
	for _, a := range list {
		a.before.Set(&product)
		product.Mul(&a.point.Z)
	}
	product.Normalize().Inverse()
	for i := len(list) - 1; i >= 0; i-- {
		a := list[i]
		var z btcec.FieldVal
		z.Mul2(&product, &a.before)
		product.Mul(&a.point.Z)
		a.point.X.Mul(z.Square()).Normalize()
	}
}

// take keeps the point's x as R and says whether it is low.
func (a *attempt) take() bool {
	x := a.point.X.Bytes()
	return a.r.SetBytes(x) == 0 && !a.r.IsZero() && x[0] < 0x80
}

// finish works out the other half of every signature. Serialize lowers S.
func finish(list []*attempt) []*ecdsa.Signature {
	var product btcec.ModNScalar
	product.SetInt(1)
	for _, a := range list {
		a.inner.Set(&product)
		product.Mul(a.nonce)
	}
	product.InverseNonConst()
	defer product.Zero()
	out := make([]*ecdsa.Signature, len(list))
	for i := len(list) - 1; i >= 0; i-- {
		a := list[i]
		var e, s, inverse btcec.ModNScalar
		inverse.Mul2(&product, &a.inner)
		product.Mul(a.nonce)
		e.SetBytes(&a.hash)
		s.Mul2(&a.r, a.key).Add(&e).Mul(&inverse)
		inverse.Zero()
		a.inner.Zero()
		a.nonce.Zero()
		if s.IsOverHalfOrder() {
			s.Negate()
		}
		out[i] = ecdsa.NewSignature(&a.r, &s)
	}
	return out
}

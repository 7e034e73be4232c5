package keystore

import "github.com/btcsuite/btcd/btcec/v2"

// times sets point to scalar * G. It is not in affine form: see affine.
func times(scalar *btcec.ModNScalar, point *btcec.JacobianPoint) {
	btcec.ScalarBaseMultNonConst(scalar, point)
}

// affine brings all points into affine form, normalised, with one inversion: the inverse of a product gives those of its
// factors (Montgomery). None of the points may be infinite.
func affine(points []*btcec.JacobianPoint) {
	before := make([]btcec.FieldVal, len(points)) // products of the z of the points before each
	defer clear(before)
	var product btcec.FieldVal
	product.SetInt(1)
	for i, p := range points {
		before[i].Set(&product)
		product.Mul(&p.Z)
	}
	product.Inverse()
	for i := len(points) - 1; i >= 0; i-- {
		p := points[i]
		var inverse, square btcec.FieldVal
		inverse.Mul2(&product, &before[i])
		product.Mul(&p.Z)
		square.SquareVal(&inverse)
		p.X.Mul(&square).Normalize()
		p.Y.Mul(square.Mul(&inverse)).Normalize()
		p.Z.SetInt(1) // what it was would tell of the scalar
	}
}

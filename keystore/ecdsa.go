package keystore

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
)

// Of the curve's endomorphism: lambda * (x, y) = (beta * x, y), and lambda and beta are cube roots of 1 modulo the order
// and the field's prime (Gallant, Lambert, Vanstone, 2001).
var (
	lambda btcec.ModNScalar
	beta   btcec.FieldVal
)

func init() {
	set := func(into interface{ SetByteSlice([]byte) bool }, text string) {
		if b, err := hex.DecodeString(text); err != nil || into.SetByteSlice(b) {
			panic("keystore: constant " + text)
		}
	}
	set(&lambda, "5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72")
	set(&beta, "7ae96a2b657c07106e64479eac3434e99cf0497512f58995c1396c28719501ee")
}

// search is a way to a nonce whose R is low.
type search struct {
	domain     []byte // of the nonces, 16 bytes; nil: RFC 6979's bare ones
	candidates int    // that each nonce gives
}

var (
	// standard tries nonce after nonce, with a counter as RFC 6979's extra input: Bitcoin Core's signatures, to the last bit.
	standard = search{nil, 1}
	// threefold takes half the time. Were its rule ever another, the number in its domain must be another, too.
	//
	// Half of all nonces give a high R, and to multiply G by one is most of the work. So each gives three candidates: with R
	// at (x, y) of the nonce k come, for one multiplication in the field each, beta*x of lambda*k and beta^2*x of lambda^2*k.
	// The first whose R is low signs; if none is, the next k follows.
	//
	// That tells no more of the key than ordinary signatures do. Let k be uniform. A nonce with low R is then picked with a
	// weight of 1, 2 or 3: one more than the number of high R in a row before it, in the circle of its three candidates. The
	// weight follows from R alone, which everybody sees. So who sees signatures with uniform nonces could discard some, by R
	// and a die, and be left with ours: whatever breaks ours breaks those, for three times as many that have a low R.
	//
	// It must never happen that two of the three sign for one key, as the key follows from two signatures whose nonces have a
	// known ratio. Therefore k follows from key, hash and a domain (RFC 6979, section 3.6): equal arguments give the same
	// pick, so that there is one such signature for each message; others, of this or another key, have a k of their own; and
	// standard signatures, here or by another program with the same words, never have a nonce of the same three.
	threefold = search{[]byte("lamina low R  01"), 3}
)

// attempt is one signature on its way.
type attempt struct {
	key   *btcec.ModNScalar
	hash  [32]byte
	nonce btcec.ModNScalar
	point btcec.JacobianPoint // nonce * G
	r     btcec.ModNScalar
}

// signatures signs each hash with the key beside it, with low R and low S, and wipes the nonces. The inversions, a third
// of the work, are shared.
func (s search) signatures(keys []*btcec.ModNScalar, hashes [][32]byte) []*ecdsa.Signature {
	all := make([]*attempt, len(keys))
	for i := range all {
		all[i] = &attempt{key: keys[i], hash: hashes[i]}
	}
	left := all
	for count := uint32(0); len(left) > 0; count++ {
		points := make([]*btcec.JacobianPoint, len(left))
		for i, a := range left {
			a.commit(s.domain, count)
			points[i] = &a.point
		}
		affine(points)
		var high []*attempt
		for _, a := range left {
			if !a.take(s.candidates) {
				high = append(high, a)
			}
		}
		left = high
	}
	return finish(all)
}

// commit takes the nonce of a count, which is never 0 modulo the order, and its point.
func (a *attempt) commit(domain []byte, count uint32) {
	own := a.key.Bytes()
	defer clear(own[:])
	var extra []byte
	if count > 0 {
		extra = binary.LittleEndian.AppendUint32(make([]byte, 0, 32), count)[:32]
	}
	nonce := btcec.NonceRFC6979(own[:], a.hash[:], extra, domain, 0)
	a.nonce.Set(nonce)
	nonce.Zero()
	times(&a.nonce, &a.point)
}

// take looks for a low R among the candidates of the nonce, keeps the first with its nonce, and says whether there is one.
func (a *attempt) take(candidates int) bool {
	for range candidates {
		if x := a.point.X.Bytes(); a.r.SetBytes(x) == 0 && !a.r.IsZero() && x[0] < 0x80 {
			return true
		}
		a.point.X.Mul(&beta).Normalize()
		a.nonce.Mul(&lambda)
	}
	return false
}

// finish works out the other half of every signature, with one inversion for all nonces as in affine.
func finish(list []*attempt) []*ecdsa.Signature {
	before := make([]btcec.ModNScalar, len(list)) // products of the nonces before each
	defer clear(before)
	var product btcec.ModNScalar
	product.SetInt(1)
	for i, a := range list {
		before[i].Set(&product)
		product.Mul(&a.nonce)
	}
	product.InverseNonConst()
	defer product.Zero()
	out := make([]*ecdsa.Signature, len(list))
	for i := len(list) - 1; i >= 0; i-- {
		a := list[i]
		var e, s, inverse btcec.ModNScalar
		inverse.Mul2(&product, &before[i])
		product.Mul(&a.nonce)
		e.SetBytes(&a.hash)
		s.Mul2(&a.r, a.key).Add(&e).Mul(&inverse)
		inverse.Zero()
		a.nonce.Zero()
		if s.IsOverHalfOrder() {
			s.Negate()
		}
		out[i] = ecdsa.NewSignature(&a.r, &s)
	}
	return out
}

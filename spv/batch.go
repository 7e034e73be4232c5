package spv

import "github.com/layeredpow/lamina/spv/pow"

// stretch is how many headers are hashed in bulk before they are judged, so that one
// bad header costs a bounded amount of work in vain.
const stretch = 256

// batch is scratch space for the hashes of one stretch of headers.
type batch struct {
	headers []*[HeaderSize]byte
	ids     []Hash
	works   []Hash
	skip    []bool // proofs that are passed over; empty: none
}

// hashIDs fills ids for a run of headers in bulk.
func (b *batch) hashIDs(run []Sealed) {
	b.headers = b.headers[:0]
	for i := range run {
		b.headers = append(b.headers, (*[HeaderSize]byte)(&run[i].Header))
	}
	b.ids = resize(b.ids, len(run))
	pow.HashHeaders(b.ids, b.headers)
}

// hashWorks fills works after hashIDs: the work hashes of the headers, or of the parents
// in their proofs. Those of proofs that are passed over stay undefined.
func (b *batch) hashWorks(run []Sealed, alg pow.Algorithm) {
	b.headers = b.headers[:len(run)]
	own := alg == pow.SHA256d
	for i := range run {
		if run[i].Aux != nil {
			b.headers[i] = (*[HeaderSize]byte)(&run[i].Aux.Parent)
			own = false
		}
	}
	b.works = resize(b.works, len(run))
	if own {
		copy(b.works, b.ids) // a header's own SHA-256d is its id
		return
	}
	if len(b.skip) == 0 {
		alg.SumMany(b.works, b.headers)
		return
	}
	b.hashSome(alg)
}

// hashSome is hashWorks for the headers that are not passed over: they are moved together,
// hashed, and their hashes moved back to their places.
func (b *batch) hashSome(alg pow.Algorithm) {
	n := 0
	for i, skip := range b.skip {
		if !skip {
			b.headers[n] = b.headers[i]
			n++
		}
	}
	alg.SumMany(b.works[:n], b.headers[:n])
	for i := len(b.skip) - 1; n > 0; i-- {
		if !b.skip[i] {
			n--
			b.works[i] = b.works[n]
		}
	}
}

func resize(h []Hash, n int) []Hash {
	if cap(h) < n {
		return make([]Hash, n)
	}
	return h[:n]
}

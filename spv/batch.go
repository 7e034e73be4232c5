package spv

import (
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/pow"
)

// stretch is how many headers are hashed in bulk before they are judged, so that one
// bad header costs a bounded amount of work in vain.
const stretch = 256

// batch is scratch space for the hashes of one stretch of headers.
type batch struct {
	headers []*[HeaderSize]byte
	ids     []Hash
	works   []Hash
	skip    []bool // proofs that are passed over; empty: none
	proofs  proofBatch
}

// proofRoots is where a proof's branches lead: from the coinbase to the parent's merkle
// root, if it is a proof, and from a block to the root that the coinbase commits to.
type proofRoots struct{ coinbase, chain Hash }

// rootsOf follows the branches of one proof, the second from leaf.
func rootsOf(p *AuxPoW, leaf Hash) proofRoots {
	return proofRoots{
		coinbase: p.CoinbaseBranch.Root(p.Coinbase.ID(), 0), // the leftmost leaf, whatever the index says
		chain:    p.ChainBranch.Root(leaf, uint32(p.Slot)),
	}
}

// proofBatch is scratch space for the branches of the proofs of one stretch.
type proofBatch struct {
	rows     merkle.Rows
	messages [][]byte // what coinbases' ids are hashes of
	ids      []Hash   // of the coinbases
	nodes    []Hash
	branches []merkle.Branch
	indexes  []uint32
	roots    []proofRoots // by header; undefined where there is no proof or it is passed over
}

// hashRoots does after hashIDs what rootsOf does for every proof that is not passed over,
// in bulk.
func (b *batch) hashRoots(run []Sealed) {
	p := &b.proofs
	p.messages = p.messages[:0]
	for i := range run {
		if b.looksAt(run, i) {
			p.messages = append(p.messages, run[i].Aux.Coinbase.stripped())
		}
	}
	p.ids = resize(p.ids, len(p.messages))
	pow.HashMessages(p.ids, p.messages)
	p.nodes, p.branches, p.indexes = p.nodes[:0], p.branches[:0], p.indexes[:0]
	for i := range run {
		if aux := run[i].Aux; b.looksAt(run, i) {
			p.nodes = append(p.nodes, p.ids[len(p.nodes)/2], b.ids[i])
			p.branches = append(p.branches, aux.CoinbaseBranch, aux.ChainBranch)
			p.indexes = append(p.indexes, 0, uint32(aux.Slot))
		}
	}
	p.rows.Roots(p.nodes, p.branches, p.indexes)
	if len(p.roots) < len(run) {
		p.roots = make([]proofRoots, stretch)
	}
	at := 0
	for i := range run {
		if b.looksAt(run, i) {
			p.roots[i] = proofRoots{coinbase: p.nodes[at], chain: p.nodes[at+1]}
			at += 2
		}
	}
	clear(p.branches) // or the peer's messages would be held in memory
	clear(p.messages)
}

// looksAt tells whether a header has a proof that is not passed over.
func (b *batch) looksAt(run []Sealed, i int) bool {
	return run[i].Aux != nil && (len(b.skip) == 0 || !b.skip[i])
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

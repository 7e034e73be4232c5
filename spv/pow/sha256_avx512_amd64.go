package pow

import (
	"golang.org/x/sys/cpu"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
)

// hasAVX512 tells whether 16 messages can be hashed at once.
var hasAVX512 = cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW

// lanes is how many messages that are.
const lanes = 16

// row is one word of each message.
type row [lanes]uint32

// stateRows are the states of SHA-256 between blocks, a..h.
type stateRows [8]row

// wordRows are the words of a block.
type wordRows [16]row

// words16 takes the words out of a block of each message; a block is two neighbours.
//
//go:noescape
func words16(words *wordRows, blocks *[2 * lanes]chainhash.Hash)

// compress16 does a block of each message.
//
//go:noescape
func compress16(states *stateRows, words *wordRows)

// compressSame16 does a block that is the same in all messages, of which kw is each round's constant and word, summed.
//
//go:noescape
func compressSame16(states *stateRows, kw *[64]uint32)

// digests16 puts the states out as digests.
//
//go:noescape
func digests16(out *[lanes]chainhash.Hash, states *stateRows)

// startRows is the state before the first block, for all messages.
var startRows = func() (s stateRows) {
	for i, word := range shaWordsIV {
		s[i].fill(word)
	}
	return s
}()

func (r *row) fill(word uint32) {
	for i := range r {
		r[i] = word
	}
}

// pairEndKW is for compressSame16 the block that ends a message of 64 bytes.
var pairEndKW = func() (kw [64]uint32) {
	kw[0], kw[15] = 1<<31, 64*8
	for i := 16; i < len(kw); i++ {
		kw[i] = sigma1(kw[i-2]) + kw[i-7] + sigma0(kw[i-15]) + kw[i-16]
	}
	for i := range kw {
		kw[i] += shaK[i]
	}
	return kw
}()

// sixteen is the memory to hash 16 messages twice.
type sixteen struct {
	states stateRows
	words  wordRows
	digest wordRows // of which the upper half is the end of a message of 32 bytes
}

func newSixteen() *sixteen {
	s := new(sixteen)
	s.digest[8].fill(1 << 31)
	s.digest[15].fill(32 * 8)
	return s
}

// begin starts 16 messages with a block of each.
func (s *sixteen) begin(blocks *[2 * lanes]chainhash.Hash) {
	s.states = startRows
	s.next(blocks)
}

// next goes on with another block of each.
func (s *sixteen) next(blocks *[2 * lanes]chainhash.Hash) {
	words16(&s.words, blocks)
	compress16(&s.states, &s.words)
}

// secondHash sets out to the hashes of the digests of what has been hashed.
func (s *sixteen) secondHash(out *[lanes]chainhash.Hash) {
	copy(s.digest[:], s.states[:])
	s.states = startRows
	compress16(&s.states, &s.digest)
	digests16(out, &s.states)
}

// hashHeaders16 hashes headers 16 at a time and returns how many it has done.
func hashHeaders16(out []chainhash.Hash, headers []*[80]byte) (done int) {
	if !hasAVX512 || len(headers) < lanes {
		return 0
	}
	s := newSixteen()
	var blocks, ends [2 * lanes]chainhash.Hash
	for j := range lanes {
		copy(ends[2*j][16:], headerEnd[0][16:32])
		copy(ends[2*j+1][:], headerEnd[0][32:])
	}
	for ; len(headers)-done >= lanes; done += lanes {
		for j, h := range headers[done : done+lanes] {
			blocks[2*j], blocks[2*j+1] = chainhash.Hash(h[:32]), chainhash.Hash(h[32:64])
			copy(ends[2*j][:16], h[64:])
		}
		s.begin(&blocks)
		s.next(&ends)
		s.secondHash((*[lanes]chainhash.Hash)(out[done:]))
	}
	return done
}

// hashNodePairs16 hashes neighbours in a row of merkle nodes, 16 pairs at a time, and returns how many hashes it has made.
func hashNodePairs16(out, nodes []chainhash.Hash) (done int) {
	if !hasAVX512 || len(nodes) < 2*lanes {
		return 0
	}
	s := newSixteen()
	for ; len(nodes)-2*done >= 2*lanes; done += lanes {
		s.begin((*[2 * lanes]chainhash.Hash)(nodes[2*done:]))
		compressSame16(&s.states, &pairEndKW)
		s.secondHash((*[lanes]chainhash.Hash)(out[done:]))
	}
	return done
}

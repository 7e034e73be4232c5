package pow

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
)

// maxLaneBlocks is the longest message, in blocks of 64 bytes with its padding, that is hashed beside others: all lanes go on
// until the longest message ends, and one message alone is faster the plain way.
const maxLaneBlocks = 16

// blocksOf returns how many blocks a message has with its padding: a bit, and its length in 8 bytes.
func blocksOf(m []byte) int { return (len(m)+8)/64 + 1 }

// hashMessages16 does HashMessages 16 at a time, if the processor can; false: nothing is done.
func hashMessages16(out []chainhash.Hash, messages [][]byte) bool {
	if !hasAVX512 || len(messages) < lanes {
		return false
	}
	order := make([]int, 0, len(messages)) // by length, so that few lanes wait for others
	for i, m := range messages {
		if blocksOf(m) <= maxLaneBlocks {
			order = append(order, i)
		} else {
			out[i] = DoubleSHA256(m)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(blocksOf(messages[a]), blocksOf(messages[b])) })
	s := newSixteen()
	var hashes [lanes]chainhash.Hash
	for ; len(order) >= lanes; order = order[lanes:] {
		s.messages(&hashes, messages, (*[lanes]int)(order))
		for j, i := range order[:lanes] {
			out[i] = hashes[j]
		}
	}
	for _, i := range order {
		out[i] = DoubleSHA256(messages[i])
	}
	return true
}

// messages sets out to the double hashes of the messages at 16 places, of which the last has the most blocks.
func (s *sixteen) messages(out *[lanes]chainhash.Hash, messages [][]byte, places *[lanes]int) {
	var blocks [2 * lanes]chainhash.Hash
	var ended stateRows
	s.states = startRows
	for n := range blocksOf(messages[places[lanes-1]]) {
		for j, i := range places {
			messageBlock((*[2]chainhash.Hash)(blocks[2*j:]), messages[i], n)
		}
		s.next(&blocks)
		for j, i := range places {
			if blocksOf(messages[i]) == n+1 {
				for word := range ended {
					ended[word][j] = s.states[word][j]
				}
			}
		}
	}
	s.states = ended
	s.secondHash(out)
}

// messageBlock puts a message's n-th block, padding included, into two halves; whatever there is behind its last.
func messageBlock(block *[2]chainhash.Hash, m []byte, n int) {
	rest := m[min(n*64, len(m)):]
	if len(rest) >= 64 {
		block[0], block[1] = chainhash.Hash(rest), chainhash.Hash(rest[32:])
		return
	}
	var end [64]byte
	if at := copy(end[:], rest); at > 0 || n*64 == len(m) {
		end[at] = 1 << 7
	}
	if n == blocksOf(m)-1 {
		binary.BigEndian.PutUint64(end[56:], 8*uint64(len(m)))
	}
	block[0], block[1] = chainhash.Hash(end[:32]), chainhash.Hash(end[32:])
}

package pow

import "github.com/btcsuite/btcd/chaincfg/chainhash"

// hashHeaderPairs hashes headers 16 at a time and the rest two at a time and returns how many it has done: all but an odd
// last one, or what the processor's extensions allow.
func hashHeaderPairs(out []chainhash.Hash, headers []*[80]byte) int {
	first := hashHeaders16(out, headers)
	if !hasSHA {
		return first
	}
	tails, digests := headerEnd, digestEnd
	done := len(headers) &^ 1
	for i := first; i < done; i += 2 {
		h, g := headers[i], headers[i+1]
		states := shaStart
		compress2(&states, (*[64]byte)(h[:]), (*[64]byte)(g[:]))
		copy(tails[0][:16], h[64:])
		copy(tails[1][:16], g[64:])
		tails.compress(&states)
		secondHash(&states, &digests, &out[i], &out[i+1])
	}
	return done
}

// hashNodes returns the double hash of 64 bytes. Both streams do the same: even so it costs less than two calls of
// crypto/sha256, which buffer and pad every time.
func hashNodes(both *[64]byte) (h chainhash.Hash) {
	if !hasSHA {
		return DoubleSHA256(both[:])
	}
	states := shaStart
	compress2(&states, both, both)
	pairEnd.compress(&states)
	second := digestEnd[0]
	states[0].put(second[:])
	states = shaStart
	compress2(&states, &second, &second)
	states[0].put(h[:])
	return h
}

// hashNodePairs hashes neighbours in a row of merkle nodes, 16 pairs at a time and then two, and returns how many hashes it
// has made.
func hashNodePairs(out, nodes []chainhash.Hash) int {
	first := hashNodePairs16(out, nodes)
	if !hasSHA {
		return first
	}
	digests := digestEnd
	done := len(nodes) / 2 &^ 1
	for i := first; i < done; i += 2 {
		var both shaBlocks
		for j := range both {
			copy(both[j][:32], nodes[2*(i+j)][:])
			copy(both[j][32:], nodes[2*(i+j)+1][:])
		}
		states := shaStart
		both.compress(&states)
		pairEnd.compress(&states)
		secondHash(&states, &digests, &out[i], &out[i+1])
	}
	return done
}

// secondHash sets a and b to the hashes of the digests in states. digests is a copy of digestEnd.
func secondHash(states *[2]shaState, digests *shaBlocks, a, b *chainhash.Hash) {
	states[0].put(digests[0][:])
	states[1].put(digests[1][:])
	*states = shaStart
	digests.compress(states)
	states[0].put(a[:])
	states[1].put(b[:])
}

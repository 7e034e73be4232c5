package doctor

import (
	"maps"
	"math/bits"
	"slices"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/said"
)

// familiarIDs are ids in common use whose chains need no file here.
var familiarIDs = []int32{1, 98, 4096, 1829, 16, 20, 50, 8196, 0x4c00}

func (p *patient) height() int { return len(p.proof.ChainBranch) }

func sizeBytes(p *patient) *Cause {
	size, _, ok := p.sizeAndNonce()
	if !ok || p.height() >= 32 || swap32(size) != 1<<p.height() {
		return nil
	}
	return newCause("tree-size-byte-order", said.Of("the tree size is %d in big-endian order", swap32(size)),
		said.Of("write the number of leaves as a little-endian uint32"))
}

// sizeMeaning: the size says something else than the number of leaves.
func sizeMeaning(p *patient) *Cause {
	size, _, ok := p.sizeAndNonce()
	if !ok || p.height() >= 32 {
		return nil
	}
	h, leaves := p.height(), uint32(1)<<p.height()
	mend := said.Of("write %d: two to the length of the chain branch", leaves)
	switch {
	case int(size) == h:
		return newCause("tree-size-height", said.Of("the tree size is the tree's height %d", size), mend)
	case size != 0 && bits.OnesCount32(size) == 1:
		return newCause("tree-size-branch",
			said.Of("a tree of %d leaves needs a chain branch of %d hashes, the proof has %d", size, bits.Len32(size)-1, h),
			said.Of("give the chain branch up to the root of the whole tree, and its size"))
	case size < leaves:
		return newCause("tree-size-count", said.Of("the tree size %d looks like the number of chains", size),
			said.Of("%s; empty leaves count", mend))
	}
	return nil
}

// slotBytes: the index or the nonce is right with its bytes reversed.
func slotBytes(p *patient) *Cause {
	_, nonce, ok := p.sizeAndNonce()
	if !ok || p.height() >= 32 {
		return nil
	}
	slot := uint32(p.proof.Slot)
	if slot != swap32(slot) && swap32(slot) == spv.Slot(nonce, p.id, p.height()) {
		return newCause("chain-index-byte-order", said.Of("the chain index is %d with its bytes reversed", swap32(slot)),
			said.Of("write the chain index as a little-endian int32"))
	}
	if nonce != swap32(nonce) && slot == spv.Slot(swap32(nonce), p.id, p.height()) {
		return newCause("nonce-byte-order", said.Of("slot %d is that of nonce %d, which is the nonce in the script in big-endian order", slot, swap32(nonce)),
			said.Of("write the tree's nonce as a little-endian uint32"))
	}
	return nil
}

func slotNonce(p *patient) *Cause {
	_, nonce, ok := p.sizeAndNonce()
	if !ok || p.height() >= 32 || nonce == 0 || uint32(p.proof.Slot) != spv.Slot(0, p.id, p.height()) {
		return nil
	}
	return newCause("nonce-not-used", said.Of("slot %d is that of nonce 0, but the script says nonce %d", p.proof.Slot, nonce),
		said.Of("compute the slot with the nonce that goes into the script"))
}

// slotOfOther: the slot is right for another chain that is known.
func slotOfOther(p *patient) *Cause {
	_, nonce, ok := p.sizeAndNonce()
	if !ok || p.height() >= 32 {
		return nil
	}
	for _, id := range append(slices.Sorted(maps.Keys(p.o.Known)), familiarIDs...) {
		if id != p.id && uint32(p.proof.Slot) == spv.Slot(nonce, id, p.height()) {
			leaves := uint32(1) << p.height()
			return newCause("slot-of-other-chain",
				said.Of("slot %d of %d is that of %s, or of an id equal to it modulo %d, not of %s",
					uint32(p.proof.Slot), leaves, p.nameID(id), leaves, p.nameID(p.id)),
				said.Of("compute the slot with %s (the \"chainid\" of createauxblock)", p.nameID(p.id)))
		}
	}
	return nil
}

// slotArbitrary is what is left: the slot of an unknown id, or of none.
func slotArbitrary(p *patient) *Cause {
	_, nonce, ok := p.sizeAndNonce()
	if !ok || p.height() >= 32 {
		return nil
	}
	slot, leaves := uint32(p.proof.Slot), uint32(1)<<p.height()
	text := said.Of("slot %d is no chain's slot in a tree of %d leaves", slot, leaves)
	for id := range int32(1 << 16) {
		if slot == spv.Slot(nonce, id, p.height()) {
			text = said.Of("slot %d of %d is that of chain ids equal to %d modulo %d", slot, leaves, id, leaves)
			break
		}
	}
	return newCause("slot-arbitrary", text,
		said.Of("put the block at slot %d, which nonce %d and %s give", spv.Slot(nonce, p.id, p.height()), nonce, p.nameID(p.id)))
}

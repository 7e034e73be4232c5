package doctor

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/said"
)

// headerForms are the ways in which the 80 bytes of a header get mixed up.
var headerForms = []struct {
	text said.Sentence
	undo func(h spv.Header) spv.Header
}{
	{said.Of("the bytes of each 32-bit word are reversed, as getwork sends them"), func(h spv.Header) spv.Header {
		return spv.Header(reversedWords(h[:]))
	}},
	{said.Of("all 80 bytes are reversed"), func(h spv.Header) spv.Header {
		slices.Reverse(h[:])
		return h
	}},
	{said.Of("the previous hash and the merkle root are in display order"), func(h spv.Header) spv.Header {
		slices.Reverse(h[4:36])
		slices.Reverse(h[36:68])
		return h
	}},
	{said.Of("the previous hash is in display order"), func(h spv.Header) spv.Header {
		slices.Reverse(h[4:36])
		return h
	}},
	{said.Of("the merkle root is in display order"), func(h spv.Header) spv.Header {
		slices.Reverse(h[36:68])
		return h
	}},
	{said.Of("version, time, bits and nonce are big-endian"), func(h spv.Header) spv.Header {
		swapFields(&h, 0, 68, 72, 76)
		return h
	}},
	{said.Of("the version is big-endian"), func(h spv.Header) spv.Header { swapFields(&h, 0); return h }},
	{said.Of("the time is big-endian"), func(h spv.Header) spv.Header { swapFields(&h, 68); return h }},
	{said.Of("the bits are big-endian"), func(h spv.Header) spv.Header { swapFields(&h, 72); return h }},
	{said.Of("the nonce is big-endian"), func(h spv.Header) spv.Header { swapFields(&h, 76); return h }},
}

func swapFields(h *spv.Header, offsets ...int) {
	for _, at := range offsets {
		binary.BigEndian.PutUint32(h[at:], binary.LittleEndian.Uint32(h[at:]))
	}
}

// parentBytes: the parent header is right once its bytes are put in order.
func parentBytes(p *patient) *Cause {
	target, ok := p.target()
	root := p.proof.CoinbaseBranch.Root(p.proof.Coinbase.ID(), 0)
	for _, f := range headerForms {
		h := f.undo(p.proof.Parent)
		// On an easy target only a root that falls into place is telling.
		falls := root == h.MerkleRoot() && root != p.proof.Parent.MerkleRoot()
		if h == p.proof.Parent || !ok || !p.meets(&h) || root != h.MerkleRoot() || !(falls || telling(&target)) {
			continue
		}
		return newCause("parent-byte-order", said.Of("in the parent header %s", f.text),
			said.Of("send the parent's 80 bytes exactly as they were hashed: integers little-endian, hashes in internal order"))
	}
	return nil
}

// ownBytes: the header carries its work once its bytes are put in order.
func ownBytes(p *patient) *Cause {
	if p.proof != nil || p.header == nil {
		return nil
	}
	for _, f := range headerForms {
		h := f.undo(*p.header)
		target, ok := spv.ParseTarget(h.Bits())
		hash := p.rules.Work.Sum((*[spv.HeaderSize]byte)(&h))
		if h == *p.header || !ok || target.Gt(&p.rules.PowLimit) || !telling(&target) || !spv.Meets(&hash, &target) {
			continue
		}
		return newCause("header-byte-order", said.Of("in the header %s", f.text),
			said.Of("give the header's 80 bytes as they travel: integers little-endian, hashes in internal order"))
	}
	return nil
}

// versionOfOther: the version belongs to another chain, or is big-endian.
func versionOfOther(p *patient) *Cause {
	if p.header == nil {
		return nil
	}
	v := uint32(p.header.Version())
	want := p.rules.AuxPoW.ChainID
	if swapped := swap32(v); int32(swapped)>>16 == want && want != 0 {
		return newCause("version-byte-order", said.Of("version %s is %s with its bytes reversed", hex0x(v), hex0x(swapped)),
			said.Of("write the version as a little-endian int32"))
	}
	return newCause("version-of-other-chain",
		said.Of("version %s carries %s, not %s", hex0x(v), p.nameID(p.header.ChainID()), fmt.Sprint(want)),
		said.Of("take the block from createauxblock of the right chain: its version is %s with a proof", hex0x(uint32(want)<<16|spv.AuxPoWFlag|uint32(byte(v)))))
}

// nameID returns "chain id N", with the chain's name if the caller knows it.
func (p *patient) nameID(id int32) said.Sentence {
	if name := p.o.Known[id]; name != "" {
		return said.Of("chain id %s (%s)", fmt.Sprint(id), name)
	}
	return said.Of("chain id %s", fmt.Sprint(id))
}

// hex0x writes a version: as text, which no language groups.
func hex0x(version uint32) string { return fmt.Sprintf("0x%08x", version) }

func oldVersion(p *patient) *Cause {
	if p.header == nil {
		return nil
	}
	return newCause("version-without-chain-id",
		said.Of("version %s has no chain id, which is allowed below height %d only", hex0x(uint32(p.header.Version())), p.rules.AuxPoW.LegacyBefore),
		said.Of("take the block template from an up-to-date node, or give the right height"))
}

func beforeStart(p *patient) *Cause {
	return newCause("before-start", said.Of("merged mining of %s begins at height %d", p.o.name(), p.rules.AuxPoW.Start),
		said.Of("give the height that the block really has"))
}

func flagClear(p *patient) *Cause {
	return newCause("flag-clear", said.Of("a proof follows the header, but bit 0x100 of its version does not announce it: nodes read the proof as transactions"),
		said.Of("set bit 0x100 before the block is hashed; it is part of the block id"))
}

// proofLost: the version announces a proof that is not there, or one is there where none
// belongs.
func proofLost(p *patient) *Cause {
	if p.proof != nil || p.header == nil {
		return nil
	}
	return newCause("proof-missing", said.Of("the version announces a merged-mining proof, but only the header's 80 bytes are in the input"),
		said.Of("give header and proof together, as `getblockheader HASH false` or a `headers` message has them"))
}

func parentFlagged(p *patient) *Cause {
	return newCause("parent-flagged",
		said.Of("bit 0x100 is set in the parent's version %s: the parent is itself merge-mined, or version rolling set the bit", hex0x(uint32(p.proof.Parent.Version()))),
		said.Of("mine on a parent with its own work; keep bit 8 out of the version rolling mask"))
}

func parentOurs(p *patient) *Cause {
	return newCause("parent-is-this-chain",
		said.Of("the parent's version %s carries %s, this chain's own: a chain cannot be its own parent", hex0x(uint32(p.proof.Parent.Version())), p.nameID(p.id)),
		said.Of("mine the proof on a block of the parent chain; keep version rolling to the bits 0x1fffe000"))
}

// blockCause looks for the mistake behind a block whose transactions do not lead to its
// merkle root.
func blockCause(b *spv.FullBlock, checks []spv.Check) *Cause {
	for _, c := range checks {
		if c.Name != spv.CheckBlockRoot || c.Outcome != spv.Failed {
			continue
		}
		ids := b.TxIDs()
		if root, _ := merkle.Root(ids); reversed(root) == b.Header.MerkleRoot() {
			return newCause("merkle-root-reversed", said.Of("the header holds the merkle root in display order"), said.Of("write the root in internal byte order"))
		}
		for i := range b.Txs {
			ids[i] = b.Txs[i].WitnessID()
		}
		if root, _ := merkle.Root(ids); root == b.Header.MerkleRoot() {
			return newCause("merkle-root-of-wtxids", said.Of("the merkle root was computed over the transactions with their witnesses"),
				said.Of("build the tree from transaction ids, which leave the witness out"))
		}
	}
	return nil
}

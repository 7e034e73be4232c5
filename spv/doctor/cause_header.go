package doctor

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/merkle"
)

// headerForms are the ways in which the 80 bytes of a header get mixed up.
var headerForms = []struct {
	text string
	undo func(h spv.Header) spv.Header
}{
	{"the bytes of each 32-bit word are reversed, as getwork sends them", func(h spv.Header) spv.Header {
		return spv.Header(reversedWords(h[:]))
	}},
	{"all 80 bytes are reversed", func(h spv.Header) spv.Header {
		slices.Reverse(h[:])
		return h
	}},
	{"the previous hash and the merkle root are in display order", func(h spv.Header) spv.Header {
		slices.Reverse(h[4:36])
		slices.Reverse(h[36:68])
		return h
	}},
	{"the previous hash is in display order", func(h spv.Header) spv.Header {
		slices.Reverse(h[4:36])
		return h
	}},
	{"the merkle root is in display order", func(h spv.Header) spv.Header {
		slices.Reverse(h[36:68])
		return h
	}},
	{"version, time, bits and nonce are big-endian", func(h spv.Header) spv.Header {
		swapFields(&h, 0, 68, 72, 76)
		return h
	}},
	{"the version is big-endian", func(h spv.Header) spv.Header { swapFields(&h, 0); return h }},
	{"the time is big-endian", func(h spv.Header) spv.Header { swapFields(&h, 68); return h }},
	{"the bits are big-endian", func(h spv.Header) spv.Header { swapFields(&h, 72); return h }},
	{"the nonce is big-endian", func(h spv.Header) spv.Header { swapFields(&h, 76); return h }},
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
		return &Cause{"parent-byte-order", "in the parent header " + f.text,
			"send the parent's 80 bytes exactly as they were hashed: integers little-endian, hashes in internal order"}
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
		return &Cause{"header-byte-order", "in the header " + f.text,
			"give the header's 80 bytes as they travel: integers little-endian, hashes in internal order"}
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
		return &Cause{"version-byte-order", fmt.Sprintf("version 0x%08x is 0x%08x with its bytes reversed", v, swapped),
			"write the version as a little-endian int32"}
	}
	return &Cause{"version-of-other-chain",
		fmt.Sprintf("version 0x%08x carries %s, not %d", v, p.nameID(p.header.ChainID()), want),
		fmt.Sprintf("take the block from createauxblock of the right chain: its version is 0x%08x with a proof", uint32(want)<<16|spv.AuxPoWFlag|uint32(byte(v)))}
}

// nameID returns "chain id N", with the chain's name if the caller knows it.
func (p *patient) nameID(id int32) string {
	if name := p.o.Known[id]; name != "" {
		return fmt.Sprintf("chain id %d (%s)", id, name)
	}
	return fmt.Sprintf("chain id %d", id)
}

func oldVersion(p *patient) *Cause {
	if p.header == nil {
		return nil
	}
	return &Cause{"version-without-chain-id",
		fmt.Sprintf("version 0x%08x has no chain id, which is allowed below height %d only", uint32(p.header.Version()), p.rules.AuxPoW.LegacyBefore),
		"take the block template from an up-to-date node, or give the right height"}
}

func beforeStart(p *patient) *Cause {
	return &Cause{"before-start", fmt.Sprintf("merged mining of %s begins at height %d", p.rules.Name, p.rules.AuxPoW.Start),
		"give the height that the block really has"}
}

func flagClear(p *patient) *Cause {
	return &Cause{"flag-clear", "a proof follows the header, but bit 0x100 of its version does not announce it: nodes read the proof as transactions",
		"set bit 0x100 before the block is hashed; it is part of the block id"}
}

// proofLost: the version announces a proof that is not there, or one is there where none
// belongs.
func proofLost(p *patient) *Cause {
	if p.proof != nil || p.header == nil {
		return nil
	}
	return &Cause{"proof-missing", "the version announces a merged-mining proof, but only the header's 80 bytes are in the input",
		"give header and proof together, as `getblockheader HASH false` or a `headers` message has them"}
}

func parentFlagged(p *patient) *Cause {
	return &Cause{"parent-flagged",
		fmt.Sprintf("bit 0x100 is set in the parent's version 0x%08x: the parent is itself merge-mined, or version rolling set the bit", uint32(p.proof.Parent.Version())),
		"mine on a parent with its own work; keep bit 8 out of the version rolling mask"}
}

func parentOurs(p *patient) *Cause {
	return &Cause{"parent-is-this-chain",
		fmt.Sprintf("the parent's version 0x%08x carries %s, this chain's own: a chain cannot be its own parent", uint32(p.proof.Parent.Version()), p.nameID(p.id)),
		"mine the proof on a block of the parent chain; keep version rolling to the bits 0x1fffe000"}
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
			return &Cause{"merkle-root-reversed", "the header holds the merkle root in display order", "write the root in internal byte order"}
		}
		for i := range b.Txs {
			ids[i] = b.Txs[i].WitnessID()
		}
		if root, _ := merkle.Root(ids); root == b.Header.MerkleRoot() {
			return &Cause{"merkle-root-of-wtxids", "the merkle root was computed over the transactions with their witnesses",
				"build the tree from transaction ids, which leave the witness out"}
		}
	}
	return nil
}

package spv

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/spv/said"
)

// Limits of a merged-mining proof. The Namecoin family bounds only the chain branch;
// layer chains bound everything (protocol.md section 3).
const (
	maxChainBranch      = 30
	maxLayerBranch      = 16
	maxLegacyRootOffset = 20 // bytes of script allowed before a root without magic
	minCoinbaseScript   = 2
	maxCoinbaseScript   = 100
)

var mergedMiningMagic = []byte{0xfa, 0xbe, 0x6d, 0x6d}

// The names of the checks on work and proofs, stable for scripts and documents. docs/pools.md
// explains each of them.
const (
	CheckChainID        = "chain-id"
	CheckLegacyVersion  = "legacy-version"
	CheckAuxPoWStart    = "auxpow-start"
	CheckAuxPoWPresent  = "auxpow-present"
	CheckAuxPoWFlag     = "auxpow-flag"
	CheckTarget         = "target"
	CheckWork           = "work"
	CheckParentPlain    = "parent-plain"
	CheckParentWork     = "parent-work"
	CheckParentChainID  = "parent-chain-id"
	CheckCoinbaseIndex  = "coinbase-index"
	CheckCoinbaseBranch = "coinbase-branch-length"
	CheckCoinbaseRoot   = "coinbase-root"
	CheckCoinbaseInputs = "coinbase-inputs"
	CheckCoinbasePlain  = "coinbase-witness"
	CheckCoinbaseNull   = "coinbase-prevout"
	CheckCoinbaseScript = "coinbase-script"
	CheckChainBranch    = "chain-branch-length"
	CheckRootPresent    = "commitment-root"
	CheckRootMagic      = "commitment-magic"
	CheckRootEarly      = "commitment-offset"
	CheckRootTail       = "commitment-tail"
	CheckTreeSize       = "tree-size"
	CheckSlot           = "slot"
)

// CheckWork verifies that a header carries the work that its own bits promise: its own
// where it has no proof, its merged-mining parent's otherwise. Whether the bits are the
// required ones is for the tree to say. Height selects the rules; where it is unknown
// (negative), the rules that depend on it are left out and the report says so. With a
// report every rule is examined.
func (r *Rules) CheckWork(s *Sealed, height int32, rep *Report) error {
	work := &s.Header
	if s.Aux != nil {
		work = &s.Aux.Parent
	}
	return r.CheckWorkHash(s, height, r.Work.Sum((*[HeaderSize]byte)(work)), rep)
}

// CheckWorkHash is CheckWork with the work hash at hand: of the header or, with a proof,
// of its parent.
func (r *Rules) CheckWorkHash(s *Sealed, height int32, hash Hash, rep *Report) error {
	target, ok := ParseTarget(s.Header.Bits())
	return r.checkWork(s, height, &hash, nil, &target, ok, rep)
}

// checkWork is CheckWorkHash with the target at hand, and maybe the proof's roots.
func (r *Rules) checkWork(s *Sealed, height int32, hash *Hash, roots *proofRoots, target *uint256.Int, targetOK bool, rep *Report) error {
	if err := rep.CheckSaid(CheckTarget, targetOK && !target.Gt(&r.PowLimit), func() (said.Sentence, said.Sentence) {
		return said.Of("a positive target, at most %s", targetText(&r.PowLimit)), said.Of("bits %s", bitsText(s.Header.Bits()))
	}); err != nil {
		return err
	}
	if err := r.checkVersion(s, height, rep); err != nil {
		return err
	}
	if s.Aux == nil {
		return rep.CheckSaid(CheckWork, Meets(hash, target), func() (said.Sentence, said.Sentence) {
			return said.Of("at most %s", targetText(target)), said.Just(hash.String())
		})
	}
	if err := rep.CheckSaid(CheckParentWork, Meets(hash, target), func() (said.Sentence, said.Sentence) {
		return said.Of("parent's work hash at most %s", targetText(target)), said.Just(hash.String())
	}); err != nil {
		return err
	}
	if r.AuxPoW == nil {
		return nil // checkVersion has refused the proof already
	}
	if roots == nil {
		own := rootsOf(s.Aux, s.Header.ID())
		roots = &own
	}
	return r.AuxPoW.checkProof(roots, r.AuxPoW.slotID(&s.Header), s.Aux, rep)
}

// checkVersion judges what the version says about merged mining against the chain's
// rules and against what came with the header.
func (r *Rules) checkVersion(s *Sealed, height int32, rep *Report) error {
	a := r.AuxPoW
	if a == nil {
		// Without merged mining the bit is an ordinary version bit (BIP9, version rolling).
		return rep.CheckSaid(CheckAuxPoWPresent, s.Aux == nil, func() (said.Sentence, said.Sentence) {
			want := said.Of("no proof: %s is not merge-mined", r.Name)
			if s.Aux == nil {
				return want, said.Of("none")
			}
			return want, said.Of("a proof")
		})
	}
	h := &s.Header
	if a.Layer {
		return a.checkLayerVersion(s, rep)
	}
	legacy := a.isLegacy(h)
	if err := a.checkLegacy(h, legacy, height, rep); err != nil {
		return err
	}
	if err := rep.CheckSaid(CheckChainID, legacy || !a.StrictID || h.ChainID() == a.ChainID, func() (said.Sentence, said.Sentence) {
		return a.idText(legacy), said.Of("chain id %s (version %s)", fmt.Sprint(h.ChainID()), versionText(h))
	}); err != nil {
		return err
	}
	if s.Aux != nil {
		if err := a.checkStart(height, rep); err != nil {
			return err
		}
		return rep.CheckSaid(CheckAuxPoWFlag, h.HasAuxPoW(), func() (said.Sentence, said.Sentence) {
			return said.Of("version bit 0x100 set, as a proof is present"), said.Of("version %s", versionText(h))
		})
	}
	return rep.CheckSaid(CheckAuxPoWPresent, !h.HasAuxPoW(), func() (said.Sentence, said.Sentence) {
		return said.Of("a proof where version bit 0x100 announces one"), said.Of("none (version %s)", versionText(h))
	})
}

// checkLegacy: versions without a chain id end at a height.
func (a *AuxRules) checkLegacy(h *Header, legacy bool, height int32, rep *Report) error {
	want := func() said.Sentence {
		switch a.LegacyBefore {
		case math.MaxInt32:
			return said.Of("any version")
		case 0:
			return said.Of("a version with chain id")
		default:
			return said.Of("a version with chain id from height %d", a.LegacyBefore)
		}
	}
	if height < 0 && legacy && a.LegacyBefore != math.MaxInt32 && a.LegacyBefore > 0 {
		if rep != nil {
			rep.SkipSaid(CheckLegacyVersion, want(), said.Of("the height is not known"))
		}
		return nil
	}
	return rep.CheckSaid(CheckLegacyVersion, !legacy || height < a.LegacyBefore, func() (said.Sentence, said.Sentence) {
		if height < 0 {
			return want(), said.Of("version %s", versionText(h))
		}
		return want(), said.Of("version %s at height %d", versionText(h), height)
	})
}

// checkStart: merged mining begins at a height.
func (a *AuxRules) checkStart(height int32, rep *Report) error {
	if height < 0 && a.Start > 0 {
		if rep != nil {
			rep.SkipSaid(CheckAuxPoWStart, said.Of("proofs from height %d", a.Start), said.Of("the height is not known"))
		}
		return nil
	}
	return rep.CheckSaid(CheckAuxPoWStart, height >= a.Start || a.Start <= 0, func() (said.Sentence, said.Sentence) {
		if a.Start <= 0 {
			return said.Of("proofs at any height"), said.Of("a proof")
		}
		return said.Of("proofs from height %d", a.Start), said.Of("a proof at height %d", height)
	})
}

// checkLayerVersion: a layer's version is fixed, and every block but genesis has a proof.
func (a *AuxRules) checkLayerVersion(s *Sealed, rep *Report) error {
	want := a.ChainID<<16 | AuxPoWFlag | 4
	if err := rep.CheckSaid(CheckChainID, s.Header.Version() == want, func() (said.Sentence, said.Sentence) {
		return said.Of("version %s (chain id %s)", fmt.Sprintf("0x%08x", want), fmt.Sprint(a.ChainID)), said.Just(versionText(&s.Header))
	}); err != nil {
		return err
	}
	return rep.CheckSaid(CheckAuxPoWPresent, s.Aux != nil, func() (said.Sentence, said.Sentence) {
		if s.Aux != nil {
			return said.Of("a merged-mining proof"), said.Of("one")
		}
		return said.Of("a merged-mining proof"), said.Of("none")
	})
}

// isLegacy tells whether the version stems from before chain ids.
func (a *AuxRules) isLegacy(h *Header) bool {
	v := h.Version()
	return v == 1 || (a.LegacyV2 && v == 2)
}

func (a *AuxRules) idText(legacy bool) said.Sentence {
	if legacy {
		return said.Of("no chain id in a version from before them")
	}
	if !a.StrictID {
		return said.Of("any chain id")
	}
	return said.Of("chain id %s", fmt.Sprint(a.ChainID))
}

// slotID returns the chain id that decides the header's slot. Where the id is not
// strict, nodes take whatever the version says.
func (a *AuxRules) slotID(h *Header) int32 {
	if a.StrictID {
		return a.ChainID
	}
	return h.ChainID()
}

// CheckProof verifies that a merged-mining proof commits to leaf as the given chain id:
// everything but the parent's work. The leaf is the block id; a few foreign chains
// commit to another form of it. Returns *CheckError.
func (a *AuxRules) CheckProof(leaf Hash, chainID int32, proof *AuxPoW, rep *Report) error {
	roots := rootsOf(proof, leaf)
	if err := a.checkProof(&roots, chainID, proof, rep); err != nil {
		return err
	}
	return rep.Err()
}

func (a *AuxRules) checkProof(roots *proofRoots, chainID int32, p *AuxPoW, rep *Report) error {
	if err := a.checkParent(p, chainID, rep); err != nil {
		return err
	}
	if err := a.checkCoinbase(p, &roots.coinbase, rep); err != nil {
		return err
	}
	limit := maxChainBranch
	if a.Layer {
		limit = maxLayerBranch
	}
	if err := rep.CheckSaid(CheckChainBranch, len(p.ChainBranch) <= limit, func() (said.Sentence, said.Sentence) {
		return said.Of("at most %d hashes", limit), said.Just(len(p.ChainBranch))
	}); err != nil {
		return err
	}
	return a.checkCommitment(p, &roots.chain, chainID, rep)
}

func (a *AuxRules) checkParent(p *AuxPoW, chainID int32, rep *Report) error {
	if a.PlainParent {
		if err := rep.CheckSaid(CheckParentPlain, !p.Parent.HasAuxPoW(), func() (said.Sentence, said.Sentence) {
			return said.Of("a parent without a proof of its own"), said.Of("parent version %s", versionText(&p.Parent))
		}); err != nil {
			return err
		}
	}
	if !a.StrictID {
		return nil
	}
	return rep.CheckSaid(CheckParentChainID, p.Parent.ChainID() != chainID, func() (said.Sentence, said.Sentence) {
		return said.Of("a chain id other than our own %s", fmt.Sprint(chainID)),
			said.Of("chain id %s (parent version %s)", fmt.Sprint(p.Parent.ChainID()), versionText(&p.Parent))
	})
}

// checkCoinbase proves that the coinbase is the parent block's first transaction.
func (a *AuxRules) checkCoinbase(p *AuxPoW, root *Hash, rep *Report) error {
	if a.Layer {
		if err := a.checkLayerCoinbase(p, rep); err != nil {
			return err
		}
	}
	if a.IndexZero {
		if err := rep.CheckSaid(CheckCoinbaseIndex, p.CoinbaseIndex == 0, func() (said.Sentence, said.Sentence) {
			return said.Just(0), said.Just(p.CoinbaseIndex)
		}); err != nil {
			return err
		}
	}
	if err := rep.CheckSaid(CheckCoinbaseRoot, *root == p.Parent.MerkleRoot(), func() (said.Sentence, said.Sentence) {
		return said.Of("parent's merkle root %s", p.Parent.MerkleRoot()), said.Just(root.String())
	}); err != nil {
		return err
	}
	return rep.CheckSaid(CheckCoinbaseInputs, p.Coinbase.Inputs() > 0, func() (said.Sentence, said.Sentence) {
		return said.Of("at least one input"), said.Just(p.Coinbase.Inputs())
	})
}

// checkLayerCoinbase holds a layer chain's proof to the form of a real coinbase.
func (a *AuxRules) checkLayerCoinbase(p *AuxPoW, rep *Report) error {
	if err := rep.CheckSaid(CheckCoinbasePlain, !p.Coinbase.HasWitness(), func() (said.Sentence, said.Sentence) {
		want := said.Of("a coinbase serialised without witness")
		if p.Coinbase.HasWitness() {
			return want, said.Of("a witness: true")
		}
		return want, said.Of("a witness: false")
	}); err != nil {
		return err
	}
	if err := rep.CheckSaid(CheckCoinbaseNull, p.Coinbase.IsCoinbase(), func() (said.Sentence, said.Sentence) {
		return said.Of("exactly one input, spending 0:ffffffff"),
			said.Of("inputs: %d, the first spending %s", p.Coinbase.Inputs(), outpointText(p.Coinbase.prev))
	}); err != nil {
		return err
	}
	n := len(p.Coinbase.FirstScript())
	if err := rep.CheckSaid(CheckCoinbaseScript, n >= minCoinbaseScript && n <= maxCoinbaseScript, func() (said.Sentence, said.Sentence) {
		return said.Of("%d to %d bytes of script", minCoinbaseScript, maxCoinbaseScript), said.Just(n)
	}); err != nil {
		return err
	}
	return rep.CheckSaid(CheckCoinbaseBranch, len(p.CoinbaseBranch) <= maxLayerBranch, func() (said.Sentence, said.Sentence) {
		return said.Of("at most %d hashes", maxLayerBranch), said.Just(len(p.CoinbaseBranch))
	})
}

// checkCommitment finds the tree's root in the coinbase script and judges what stands
// around it: magic | root, byte-reversed | uint32 tree size | uint32 nonce.
func (a *AuxRules) checkCommitment(p *AuxPoW, root *Hash, chainID int32, rep *Report) error {
	script := p.Coinbase.FirstScript()
	var tag [32]byte
	for i, c := range root {
		tag[31-i] = c
	}
	at := bytes.Index(script, tag[:])
	if err := rep.CheckSaid(CheckRootPresent, at >= 0, func() (said.Sentence, said.Sentence) {
		return said.Of("root %s in the coinbase script", root.String()), said.Of("script %s", scriptText(script))
	}); err != nil {
		return err
	}
	if at < 0 {
		for _, name := range []string{CheckRootMagic, CheckRootTail, CheckTreeSize, CheckSlot} {
			rep.SkipSaid(name, said.Of("a root to start from"), said.Of("no root was found"))
		}
		return nil
	}
	if err := a.checkMagic(script, at, rep); err != nil {
		return err
	}
	tail := script[at+len(tag):]
	if err := rep.CheckSaid(CheckRootTail, len(tail) >= 8, func() (said.Sentence, said.Sentence) {
		return said.Of("at least 8 bytes after the root"), said.Just(len(tail))
	}); err != nil {
		return err
	}
	if len(tail) < 8 {
		rep.SkipSaid(CheckTreeSize, said.Of("a tree size after the root"), said.Of("too few bytes"))
		rep.SkipSaid(CheckSlot, said.Of("a nonce after the tree size"), said.Of("too few bytes"))
		return nil
	}
	return checkSlot(p, chainID, binary.LittleEndian.Uint32(tail), binary.LittleEndian.Uint32(tail[4:]), rep)
}

// checkMagic makes sure that a coinbase commits to one tree only: by a single magic
// directly before the root, or, in the oldest proofs, by a root near the script's start.
func (a *AuxRules) checkMagic(script []byte, at int, rep *Report) error {
	first := bytes.Index(script, mergedMiningMagic)
	if first < 0 && !a.Layer {
		return rep.CheckSaid(CheckRootEarly, at <= maxLegacyRootOffset, func() (said.Sentence, said.Sentence) {
			return said.Of("magic fabe6d6d, or a root at offset %d or less", maxLegacyRootOffset),
				said.Of("no magic, root at offset %d", at)
		})
	}
	again := -1
	if first >= 0 {
		again = bytes.Index(script[first+1:], mergedMiningMagic)
	}
	once := first >= 0 && again < 0 && first+len(mergedMiningMagic) == at
	return rep.CheckSaid(CheckRootMagic, once, func() (said.Sentence, said.Sentence) {
		want := said.Of("magic fabe6d6d exactly once, directly before the root")
		switch {
		case first < 0:
			return want, said.Of("no magic")
		case again >= 0:
			return want, said.Of("magic at offsets %d and %d, root at %d", first, first+1+again, at)
		default:
			return want, said.Of("magic at offset %d, root at %d", first, at)
		}
	})
}

// checkSlot makes sure that the chain can take only one leaf of the tree.
func checkSlot(p *AuxPoW, chainID int32, size, nonce uint32, rep *Report) error {
	height := len(p.ChainBranch)
	if err := rep.CheckSaid(CheckTreeSize, height < 32 && size == 1<<height, func() (said.Sentence, said.Sentence) {
		return said.Of("2^%d leaves, by the chain branch", height), said.Just(size)
	}); err != nil {
		return err
	}
	if height >= 32 {
		rep.SkipSaid(CheckSlot, said.Of("a tree of at most 2^31 leaves"), said.Just(fmt.Sprintf("2^%d", height)))
		return nil
	}
	slot := Slot(nonce, chainID, height)
	return rep.CheckSaid(CheckSlot, uint32(p.Slot) == slot, func() (said.Sentence, said.Sentence) {
		return said.Of("slot %d (nonce %s, chain id %s, tree height %d)", slot, fmt.Sprint(nonce), fmt.Sprint(chainID), height), said.Just(p.Slot)
	})
}

func outpointText(prev []byte) said.Sentence {
	if len(prev) < 36 {
		return said.Of("nothing")
	}
	return said.Just(fmt.Sprintf("%s:%08x", Hash(prev[:32]), binary.LittleEndian.Uint32(prev[32:])))
}

// bitsText and versionText write what is read as hex: as text, which no language groups.
func bitsText(bits uint32) string { return fmt.Sprintf("%08x", bits) }

func versionText(h *Header) string { return fmt.Sprintf("0x%08x", uint32(h.Version())) }

func targetText(t *uint256.Int) string {
	b := t.Bytes32()
	return hex.EncodeToString(b[:])
}

func scriptText(script []byte) said.Sentence {
	const most = 160
	if len(script) > most {
		return said.Of("%s... (%d bytes)", hex.EncodeToString(script[:most]), len(script))
	}
	return said.Just(hex.EncodeToString(script))
}

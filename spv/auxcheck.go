package spv

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"

	"github.com/holiman/uint256"
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
	if err := rep.Check(CheckTarget, targetOK && !target.Gt(&r.PowLimit), func() (string, string) {
		return "a positive target, at most " + targetText(&r.PowLimit), fmt.Sprintf("bits %08x", s.Header.Bits())
	}); err != nil {
		return err
	}
	if err := r.checkVersion(s, height, rep); err != nil {
		return err
	}
	if s.Aux == nil {
		return rep.Check(CheckWork, Meets(hash, target), func() (string, string) {
			return "at most " + targetText(target), hash.String()
		})
	}
	if err := rep.Check(CheckParentWork, Meets(hash, target), func() (string, string) {
		return "parent's work hash at most " + targetText(target), hash.String()
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
		return rep.Check(CheckAuxPoWPresent, s.Aux == nil, func() (string, string) {
			if s.Aux == nil {
				return "no proof: " + r.Name + " is not merge-mined", "none"
			}
			return "no proof: " + r.Name + " is not merge-mined", "a proof"
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
	if err := rep.Check(CheckChainID, legacy || !a.StrictID || h.ChainID() == a.ChainID, func() (string, string) {
		return a.idText(legacy), fmt.Sprintf("chain id %d (version 0x%08x)", h.ChainID(), uint32(h.Version()))
	}); err != nil {
		return err
	}
	if s.Aux != nil {
		if err := a.checkStart(height, rep); err != nil {
			return err
		}
		return rep.Check(CheckAuxPoWFlag, h.HasAuxPoW(), func() (string, string) {
			return "version bit 0x100 set, as a proof is present", fmt.Sprintf("version 0x%08x", uint32(h.Version()))
		})
	}
	return rep.Check(CheckAuxPoWPresent, !h.HasAuxPoW(), func() (string, string) {
		return "a proof where version bit 0x100 announces one", fmt.Sprintf("none (version 0x%08x)", uint32(h.Version()))
	})
}

// checkLegacy: versions without a chain id end at a height.
func (a *AuxRules) checkLegacy(h *Header, legacy bool, height int32, rep *Report) error {
	want := func() string {
		switch a.LegacyBefore {
		case math.MaxInt32:
			return "any version"
		case 0:
			return "a version with chain id"
		default:
			return fmt.Sprintf("a version with chain id from height %d", a.LegacyBefore)
		}
	}
	if height < 0 && legacy && a.LegacyBefore != math.MaxInt32 && a.LegacyBefore > 0 {
		if rep != nil {
			rep.Skip(CheckLegacyVersion, want(), "the height is not known")
		}
		return nil
	}
	return rep.Check(CheckLegacyVersion, !legacy || height < a.LegacyBefore, func() (string, string) {
		if height < 0 {
			return want(), fmt.Sprintf("version 0x%08x", uint32(h.Version()))
		}
		return want(), fmt.Sprintf("version 0x%08x at height %d", uint32(h.Version()), height)
	})
}

// checkStart: merged mining begins at a height.
func (a *AuxRules) checkStart(height int32, rep *Report) error {
	if height < 0 && a.Start > 0 {
		if rep != nil {
			rep.Skip(CheckAuxPoWStart, fmt.Sprintf("proofs from height %d", a.Start), "the height is not known")
		}
		return nil
	}
	return rep.Check(CheckAuxPoWStart, height >= a.Start || a.Start <= 0, func() (string, string) {
		if a.Start <= 0 {
			return "proofs at any height", "a proof"
		}
		return fmt.Sprintf("proofs from height %d", a.Start), fmt.Sprintf("a proof at height %d", height)
	})
}

// checkLayerVersion: a layer's version is fixed, and every block but genesis has a proof.
func (a *AuxRules) checkLayerVersion(s *Sealed, rep *Report) error {
	want := a.ChainID<<16 | AuxPoWFlag | 4
	if err := rep.Check(CheckChainID, s.Header.Version() == want, func() (string, string) {
		return fmt.Sprintf("version 0x%08x (chain id %d)", want, a.ChainID), fmt.Sprintf("0x%08x", uint32(s.Header.Version()))
	}); err != nil {
		return err
	}
	return rep.Check(CheckAuxPoWPresent, s.Aux != nil, func() (string, string) {
		if s.Aux != nil {
			return "a merged-mining proof", "one"
		}
		return "a merged-mining proof", "none"
	})
}

// isLegacy tells whether the version stems from before chain ids.
func (a *AuxRules) isLegacy(h *Header) bool {
	v := h.Version()
	return v == 1 || (a.LegacyV2 && v == 2)
}

func (a *AuxRules) idText(legacy bool) string {
	if legacy {
		return "no chain id in a version from before them"
	}
	if !a.StrictID {
		return "any chain id"
	}
	return fmt.Sprintf("chain id %d", a.ChainID)
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
	if err := rep.Check(CheckChainBranch, len(p.ChainBranch) <= limit, func() (string, string) {
		return fmt.Sprintf("at most %d hashes", limit), fmt.Sprint(len(p.ChainBranch))
	}); err != nil {
		return err
	}
	return a.checkCommitment(p, &roots.chain, chainID, rep)
}

func (a *AuxRules) checkParent(p *AuxPoW, chainID int32, rep *Report) error {
	if a.PlainParent {
		if err := rep.Check(CheckParentPlain, !p.Parent.HasAuxPoW(), func() (string, string) {
			return "a parent without a proof of its own", fmt.Sprintf("parent version 0x%08x", uint32(p.Parent.Version()))
		}); err != nil {
			return err
		}
	}
	if !a.StrictID {
		return nil
	}
	return rep.Check(CheckParentChainID, p.Parent.ChainID() != chainID, func() (string, string) {
		return fmt.Sprintf("a chain id other than our own %d", chainID),
			fmt.Sprintf("chain id %d (parent version 0x%08x)", p.Parent.ChainID(), uint32(p.Parent.Version()))
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
		if err := rep.Check(CheckCoinbaseIndex, p.CoinbaseIndex == 0, func() (string, string) {
			return "0", fmt.Sprint(p.CoinbaseIndex)
		}); err != nil {
			return err
		}
	}
	if err := rep.Check(CheckCoinbaseRoot, *root == p.Parent.MerkleRoot(), func() (string, string) {
		return "parent's merkle root " + p.Parent.MerkleRoot().String(), root.String()
	}); err != nil {
		return err
	}
	return rep.Check(CheckCoinbaseInputs, p.Coinbase.Inputs() > 0, func() (string, string) {
		return "at least one input", fmt.Sprint(p.Coinbase.Inputs())
	})
}

// checkLayerCoinbase holds a layer chain's proof to the form of a real coinbase.
func (a *AuxRules) checkLayerCoinbase(p *AuxPoW, rep *Report) error {
	if err := rep.Check(CheckCoinbasePlain, !p.Coinbase.HasWitness(), func() (string, string) {
		return "a coinbase serialised without witness", "a witness: " + fmt.Sprint(p.Coinbase.HasWitness())
	}); err != nil {
		return err
	}
	if err := rep.Check(CheckCoinbaseNull, p.Coinbase.IsCoinbase(), func() (string, string) {
		return "exactly one input, spending 0:ffffffff", fmt.Sprintf("inputs: %d, the first spending %s", p.Coinbase.Inputs(), outpointText(p.Coinbase.prev))
	}); err != nil {
		return err
	}
	n := len(p.Coinbase.FirstScript())
	if err := rep.Check(CheckCoinbaseScript, n >= minCoinbaseScript && n <= maxCoinbaseScript, func() (string, string) {
		return fmt.Sprintf("%d to %d bytes of script", minCoinbaseScript, maxCoinbaseScript), fmt.Sprint(n)
	}); err != nil {
		return err
	}
	return rep.Check(CheckCoinbaseBranch, len(p.CoinbaseBranch) <= maxLayerBranch, func() (string, string) {
		return fmt.Sprintf("at most %d hashes", maxLayerBranch), fmt.Sprint(len(p.CoinbaseBranch))
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
	if err := rep.Check(CheckRootPresent, at >= 0, func() (string, string) {
		return "root " + root.String() + " in the coinbase script", "script " + scriptText(script)
	}); err != nil {
		return err
	}
	if at < 0 {
		for _, name := range []string{CheckRootMagic, CheckRootTail, CheckTreeSize, CheckSlot} {
			rep.Skip(name, "a root to start from", "no root was found")
		}
		return nil
	}
	if err := a.checkMagic(script, at, rep); err != nil {
		return err
	}
	tail := script[at+len(tag):]
	if err := rep.Check(CheckRootTail, len(tail) >= 8, func() (string, string) {
		return "at least 8 bytes after the root", fmt.Sprint(len(tail))
	}); err != nil {
		return err
	}
	if len(tail) < 8 {
		rep.Skip(CheckTreeSize, "a tree size after the root", "too few bytes")
		rep.Skip(CheckSlot, "a nonce after the tree size", "too few bytes")
		return nil
	}
	return checkSlot(p, chainID, binary.LittleEndian.Uint32(tail), binary.LittleEndian.Uint32(tail[4:]), rep)
}

// checkMagic makes sure that a coinbase commits to one tree only: by a single magic
// directly before the root, or, in the oldest proofs, by a root near the script's start.
func (a *AuxRules) checkMagic(script []byte, at int, rep *Report) error {
	first := bytes.Index(script, mergedMiningMagic)
	if first < 0 && !a.Layer {
		return rep.Check(CheckRootEarly, at <= maxLegacyRootOffset, func() (string, string) {
			return fmt.Sprintf("magic fabe6d6d, or a root at offset %d or less", maxLegacyRootOffset),
				fmt.Sprintf("no magic, root at offset %d", at)
		})
	}
	again := -1
	if first >= 0 {
		again = bytes.Index(script[first+1:], mergedMiningMagic)
	}
	once := first >= 0 && again < 0 && first+len(mergedMiningMagic) == at
	return rep.Check(CheckRootMagic, once, func() (string, string) {
		want := "magic fabe6d6d exactly once, directly before the root"
		switch {
		case first < 0:
			return want, "no magic"
		case again >= 0:
			return want, fmt.Sprintf("magic at offsets %d and %d, root at %d", first, first+1+again, at)
		default:
			return want, fmt.Sprintf("magic at offset %d, root at %d", first, at)
		}
	})
}

// checkSlot makes sure that the chain can take only one leaf of the tree.
func checkSlot(p *AuxPoW, chainID int32, size, nonce uint32, rep *Report) error {
	height := len(p.ChainBranch)
	if err := rep.Check(CheckTreeSize, height < 32 && size == 1<<height, func() (string, string) {
		return fmt.Sprintf("2^%d leaves, by the chain branch", height), fmt.Sprint(size)
	}); err != nil {
		return err
	}
	if height >= 32 {
		rep.Skip(CheckSlot, "a tree of at most 2^31 leaves", fmt.Sprintf("2^%d", height))
		return nil
	}
	slot := Slot(nonce, chainID, height)
	return rep.Check(CheckSlot, uint32(p.Slot) == slot, func() (string, string) {
		return fmt.Sprintf("slot %d (nonce %d, chain id %d, tree height %d)", slot, nonce, chainID, height),
			fmt.Sprint(p.Slot)
	})
}

func outpointText(prev []byte) string {
	if len(prev) < 36 {
		return "nothing"
	}
	return fmt.Sprintf("%s:%08x", Hash(prev[:32]), binary.LittleEndian.Uint32(prev[32:]))
}

func targetText(t *uint256.Int) string {
	b := t.Bytes32()
	return hex.EncodeToString(b[:])
}

func scriptText(script []byte) string {
	const most = 160
	if len(script) > most {
		return fmt.Sprintf("%x... (%d bytes)", script[:most], len(script))
	}
	return hex.EncodeToString(script)
}

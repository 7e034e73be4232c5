package peg

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// The names of the checks on a claim's truth. The checks on the inclusion in the L1 block
// have the names that merkle.Inclusion.Verify gives them.
const (
	CheckClaimSet       = "claim-set"       // the settler set exists
	CheckClaimVault     = "claim-vault"     // the deposit pays V of the terms on this network
	CheckClaimLeast     = "claim-least"     // it is worth D_min
	CheckClaimMost      = "claim-most"      // and no more than there is money
	CheckClaimFee       = "claim-fee"       // 0 <= fee <= maxfee
	CheckClaimInclusion = "claim-inclusion" // the deposit is in the block
	CheckClaimAnchor    = "claim-anchor"    // the block is on the anchor's branch
	CheckClaimDepth     = "claim-depth"     // and deep enough under the anchor
	CheckClaimSettlers  = "claim-settlers"  // the set was in office at its height
)

// L1View is what a claim must be judged by: a spv.ParentView satisfies its first two
// methods. All branches count as known, not only the best one.
type L1View interface {
	// Lookup returns the block with an id.
	Lookup(id spv.Hash) (spv.Block, bool)
	// Ancestor returns the block at a height on the branch that ends in id.
	Ancestor(id spv.Hash, height int32) (spv.Block, bool)
	// Header returns the header with an id.
	Header(id spv.Hash) (spv.Header, bool)
}

// Check judges a claim in a layer block with the given anchor by the rules of section 4.2,
// except those that are about other claims: the node sees to it that the outpoint is not
// claimed yet, that Amounts(p).Deposit stays within the cap, and that a block has at most
// MaxClaims.
//
// A refusal is a *spv.CheckError. It is final for this anchor: under a later one
// claim-depth and claim-anchor may pass. L1 headers that are not known (yet) give an error
// that wraps spv.ErrPending, which is never a reason to call claim or block invalid.
func (c *Claim) Check(p *chains.Params, l1 L1View, anchor spv.Block, rep *spv.Report) error {
	if p.Peg == nil || p.Layer == nil {
		return fmt.Errorf("claim: %s has no peg", p.Name)
	}
	if err := c.checkDeposit(p, rep); err != nil {
		return err
	}
	if err := c.checkPays(p, rep); err != nil {
		return err
	}
	pending := c.checkPlace(p, l1, anchor, rep)
	if refused := rep.Err(); refused != nil {
		return refused
	}
	return pending
}

// checkDeposit judges the deposited output: whose it is and what it is worth.
func (c *Claim) checkDeposit(p *chains.Params, rep *spv.Report) error {
	known := int(c.Set) < len(p.Settlers)
	if err := rep.Check(CheckClaimSet, known, func() (string, string) {
		return fmt.Sprintf("one of %d settler sets", len(p.Settlers)), fmt.Sprintf("number %d", c.Set)
	}); err != nil {
		return err
	}
	if !known {
		rep.Skip(CheckClaimVault, "the vault of the claim's terms", "there is no such set")
	} else {
		mark := c.Hash(p)
		vault := NewVault(&p.Settlers[c.Set], p.Peg.Recovery, &mark)
		if err := rep.Check(CheckClaimVault, bytes.Equal(c.vault, vault.PkScript), func() (string, string) {
			return fmt.Sprintf("script %x, the vault of the claim's terms", vault.PkScript), fmt.Sprintf("%x", c.vault)
		}); err != nil {
			return err
		}
	}
	if err := rep.Check(CheckClaimLeast, c.Value >= p.Peg.MinDeposit, func() (string, string) {
		return fmt.Sprintf("a deposit of at least %d sat", p.Peg.MinDeposit), fmt.Sprintf("%d sat", c.Value)
	}); err != nil {
		return err
	}
	most := p.Unit.MaxMoney / p.UnitsPerSat()
	return rep.Check(CheckClaimMost, c.Value <= most, func() (string, string) {
		return fmt.Sprintf("at most %d sat", most), fmt.Sprintf("%d sat", c.Value)
	})
}

// checkPays judges the fee. It compares without computing v*U where that could overflow.
func (c *Claim) checkPays(p *chains.Params, rep *spv.Report) error {
	u := p.UnitsPerSat()
	if c.Value < 0 || c.Value > math.MaxInt64/u {
		rep.Skip(CheckClaimFee, "a fee within its limit", "the deposit is no amount")
		return nil
	}
	fee := c.Value*u - c.Pays
	ok := c.Pays >= 0 && fee >= 0 && uint64(fee) <= c.MaxFee
	return rep.Check(CheckClaimFee, ok, func() (string, string) {
		return fmt.Sprintf("%d sat times %d, less a fee of 0 to %d units", c.Value, u, c.MaxFee),
			fmt.Sprintf("%d units", c.Pays)
	})
}

// checkPlace judges where on L1 the deposit is.
func (c *Claim) checkPlace(p *chains.Params, l1 L1View, anchor spv.Block, rep *spv.Report) error {
	block, known := l1.Lookup(c.Block)
	header, have := l1.Header(c.Block)
	if !known || !have {
		rep.Skip(CheckClaimInclusion, "a known L1 block with the deposit", "unknown block "+c.Block.String())
		return fmt.Errorf("claim: L1 block %s: %w", c.Block, spv.ErrPending)
	}
	if err := c.checkInclusion(header.MerkleRoot(), rep); err != nil {
		return err
	}
	set := int(c.Set)
	inOffice := set < len(p.Settlers) && p.Settlers[set].From <= block.Height && block.Height <= p.Settlers[set].To
	if err := rep.Check(CheckClaimSettlers, inOffice, func() (string, string) {
		if set >= len(p.Settlers) {
			return "a known set of settlers", fmt.Sprintf("number %d", set)
		}
		return fmt.Sprintf("a deposit at L1 height %d to %d", p.Settlers[set].From, p.Settlers[set].To),
			fmt.Sprintf("height %d", block.Height)
	}); err != nil {
		return err
	}
	least := p.Layer.ClaimDepth
	if err := rep.Check(CheckClaimDepth, int64(anchor.Height)-int64(block.Height) >= int64(least), func() (string, string) {
		return fmt.Sprintf("%d L1 blocks or more from the deposit to the anchor at %d", least, anchor.Height),
			fmt.Sprintf("deposit at %d", block.Height)
	}); err != nil {
		return err
	}
	return c.checkAnchor(l1, anchor, block, rep)
}

func (c *Claim) checkInclusion(root spv.Hash, rep *spv.Report) error {
	err := c.Inclusion.Verify(c.Deposit, root)
	var bad *spv.CheckError
	if errors.As(err, &bad) {
		return rep.Check(bad.Name, false, func() (string, string) { return bad.Want, bad.Got })
	}
	if err != nil {
		return err
	}
	return rep.Check(CheckClaimInclusion, true, func() (string, string) {
		return "the deposit in L1 block " + c.Block.String(), fmt.Sprintf("transaction %d", c.Inclusion.Index)
	})
}

// checkAnchor judges the branch. The anchor's own height is looked up, too: the depth above
// was counted from it.
func (c *Claim) checkAnchor(l1 L1View, anchor, block spv.Block, rep *spv.Report) error {
	top, known := l1.Lookup(anchor.Hash)
	below, have := l1.Ancestor(anchor.Hash, block.Height)
	if !known || (!have && block.Height <= top.Height) {
		rep.Skip(CheckClaimAnchor, "the deposit's block below the anchor", "L1 headers in between are not at hand")
		return fmt.Errorf("claim: L1 headers below the anchor %s: %w", anchor, spv.ErrPending)
	}
	return rep.Check(CheckClaimAnchor, top == anchor && have && below == block, func() (string, string) {
		return "a block on the branch of the anchor " + anchor.String(), block.String()
	})
}

// Amounts is what a claim moves.
type Amounts struct {
	Deposit int64 // L1 satoshis: what counts towards the cap and the supply audit
	Minted  int64 // base units of the layer that come into being, fee included
	Fee     int64 // base units of the layer that the miner may take
}

// Amounts returns what the claim moves. Only after Check are the numbers true.
func (c *Claim) Amounts(p *chains.Params) Amounts {
	minted := c.Value * p.UnitsPerSat()
	return Amounts{Deposit: c.Value, Minted: minted, Fee: minted - c.Pays}
}

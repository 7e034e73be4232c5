package peg

import (
	"bytes"
	"fmt"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/pow"
)

// The limits of a claim (section 4.2).
const (
	// MaxDeposit is the largest L1 transaction that can carry a deposit, without witness.
	MaxDeposit = 32 << 10
	// MaxCoinbase is the largest L1 coinbase that a claim can show, without witness. It is
	// as much as a block of the layer can hold, because a deposit whose block has a larger
	// one is lost: a miner would have to fill nearly his whole block with it.
	MaxCoinbase = 900_000
	// MaxClaims is the most claims in one block of the layer.
	MaxClaims = 100
)

const (
	claimFlag    = 0x4000_0000 // set in the output index that a claim names; no layer output has one so high
	claimVersion = 2
	claimItems   = 6
)

// The names of the checks on a claim's form, which need nothing but the claim.
const (
	CheckClaimVersion        = "claim-version"
	CheckClaimLockTime       = "claim-locktime"
	CheckClaimInputs         = "claim-inputs"
	CheckClaimPrevout        = "claim-prevout"
	CheckClaimScriptSig      = "claim-script-sig"
	CheckClaimSequence       = "claim-sequence"
	CheckClaimOutputs        = "claim-outputs"
	CheckClaimWitness        = "claim-witness"
	CheckClaimTerms          = "claim-terms"
	CheckClaimDeposit        = "claim-deposit"
	CheckClaimTxID           = "claim-txid"
	CheckClaimVout           = "claim-vout"
	CheckClaimBlock          = "claim-block"
	CheckClaimBranch         = "claim-branch"
	CheckClaimCoinbase       = "claim-coinbase"
	CheckClaimCoinbaseBranch = "claim-coinbase-branch"
	CheckClaimPays           = "claim-pays"
)

// Evidence shows that a deposit is in an L1 block.
type Evidence struct {
	Deposit   []byte           // L1 transaction, serialised without witness
	Vout      uint32           // which of its outputs
	Block     spv.Hash         // L1 block that it is in
	Inclusion merkle.Inclusion // where in that block; coinbase without witness
}

// Claim is a transaction that mints a deposit on the layer. One that Parse or Build
// returned is consistent in itself; whether it is true is for Check to say.
type Claim struct {
	Terms
	Evidence
	TxID  spv.Hash // of the deposit
	Value int64    // of the deposited output, L1 satoshis
	Pays  int64    // what the claim's output is worth, base units of the layer

	vault []byte // script of the deposited output
}

// IsClaim tells whether a transaction has an input that only a claim may have. Such a
// transaction is valid as a claim or not at all: Parse must accept it.
func IsClaim(tx *wire.MsgTx) bool {
	for _, in := range tx.TxIn {
		if isClaimPrevout(&in.PreviousOutPoint) {
			return true
		}
	}
	return false
}

// isClaimPrevout is false for a coinbase's index, ffffffff.
func isClaimPrevout(o *wire.OutPoint) bool { return o.Index>>30 == claimFlag>>30 }

// Outpoint returns the L1 outpoint that is claimed. Claims of one outpoint exclude each
// other for ever; that set is the node's.
func (c *Claim) Outpoint() wire.OutPoint { return wire.OutPoint{Hash: c.TxID, Index: c.Vout} }

// Parse reads a claim in its only form (section 4.2). It refuses with a *spv.CheckError and
// judges nothing that needs a chain. The claim shares memory with tx.
//
// Nearly all of a claim stands in the witness, which the transaction id does not cover:
// whoever remembers a refused claim must do so by its witness id.
func Parse(tx *wire.MsgTx) (*Claim, error) {
	if err := checkShape(tx); err != nil {
		return nil, err
	}
	w := tx.TxIn[0].Witness
	terms, err := parseTerms(w[0])
	if err != nil {
		return nil, err
	}
	c := &Claim{Terms: terms, Pays: tx.TxOut[0].Value}
	prev := tx.TxIn[0].PreviousOutPoint
	c.Vout = prev.Index &^ claimFlag
	if err := c.parseDeposit(w[1], prev.Hash); err != nil {
		return nil, err
	}
	if len(w[2]) != 32 {
		return nil, refuse(CheckClaimBlock, fmt.Sprintf("%d bytes", len(w[2])), "32")
	}
	c.Block = spv.Hash(w[2])
	if err := c.parseInclusion(w[3], w[4], w[5]); err != nil {
		return nil, err
	}
	if !bytes.Equal(tx.TxOut[0].PkScript, c.Script) {
		return nil, refuse(CheckClaimPays, fmt.Sprintf("script %x", tx.TxOut[0].PkScript), fmt.Sprintf("%x", c.Script))
	}
	return c, nil
}

// checkShape judges everything but the witness's items.
func checkShape(tx *wire.MsgTx) error {
	if tx.Version != claimVersion {
		return refuse(CheckClaimVersion, fmt.Sprint(tx.Version), fmt.Sprint(claimVersion))
	}
	if tx.LockTime != 0 {
		return refuse(CheckClaimLockTime, fmt.Sprint(tx.LockTime), "0")
	}
	if n := len(tx.TxIn); n != 1 {
		return refuse(CheckClaimInputs, fmt.Sprint(n), "1")
	}
	if n := len(tx.TxOut); n != 1 {
		return refuse(CheckClaimOutputs, fmt.Sprint(n), "1")
	}
	in := tx.TxIn[0]
	if !isClaimPrevout(&in.PreviousOutPoint) {
		return refuse(CheckClaimPrevout, fmt.Sprintf("output index %08x", in.PreviousOutPoint.Index), "40000000 to 7fffffff")
	}
	if n := len(in.SignatureScript); n != 0 {
		return refuse(CheckClaimScriptSig, fmt.Sprintf("%d bytes", n), "none")
	}
	if in.Sequence != wire.MaxTxInSequenceNum {
		return refuse(CheckClaimSequence, fmt.Sprintf("%08x", in.Sequence), "ffffffff")
	}
	if n := len(in.Witness); n != claimItems {
		return refuse(CheckClaimWitness, fmt.Sprintf("%d items", n), fmt.Sprint(claimItems))
	}
	return nil
}

func (c *Claim) parseDeposit(raw []byte, txid spv.Hash) error {
	if len(raw) > MaxDeposit {
		return refuse(CheckClaimDeposit, fmt.Sprintf("%d bytes", len(raw)), fmt.Sprintf("at most %d", MaxDeposit))
	}
	tx, n, err := spv.ParseTx(raw)
	switch {
	case err != nil:
		return refuse(CheckClaimDeposit, err.Error(), "a transaction")
	case tx.HasWitness():
		return refuse(CheckClaimDeposit, "a witness", "none")
	case n != len(raw):
		return refuse(CheckClaimDeposit, fmt.Sprintf("%d bytes behind the transaction", len(raw)-n), "none")
	}
	c.Deposit = raw
	if c.TxID = pow.DoubleSHA256(raw); c.TxID != txid {
		return refuse(CheckClaimTxID, c.TxID.String(), txid.String())
	}
	if uint64(c.Vout) >= tx.Outputs() {
		return refuse(CheckClaimVout, fmt.Sprint(c.Vout), fmt.Sprintf("below the number of outputs, %d", tx.Outputs()))
	}
	i := uint32(0)
	tx.EachOutput(func(value int64, script []byte) bool {
		c.Value, c.vault = value, script
		i++
		return i <= c.Vout
	})
	return nil
}

func (c *Claim) parseInclusion(branch, coinbase, coinbaseBranch []byte) error {
	index, siblings, rest, err := merkle.ParseIndexed(branch)
	if err := whole(CheckClaimBranch, rest, err); err != nil {
		return err
	}
	if n := len(coinbase); n > MaxCoinbase {
		return refuse(CheckClaimCoinbase, fmt.Sprintf("%d bytes", n), fmt.Sprintf("at most %d", MaxCoinbase))
	}
	first, rest, err := merkle.ParseBranch(coinbaseBranch, merkle.MaxDepth)
	if err := whole(CheckClaimCoinbaseBranch, rest, err); err != nil {
		return err
	}
	c.Inclusion = merkle.Inclusion{Index: index, Branch: siblings, Coinbase: coinbase, CoinbaseBranch: first}
	return nil
}

func whole(name string, rest []byte, err error) error {
	if err != nil {
		return refuse(name, err.Error(), fmt.Sprintf("a branch of at most %d hashes", merkle.MaxDepth))
	}
	if len(rest) != 0 {
		return refuse(name, fmt.Sprintf("%d bytes behind the branch", len(rest)), "none")
	}
	return nil
}

// Tx returns the claim as a transaction. For a parsed claim it is the one that was parsed.
func (c *Claim) Tx() *wire.MsgTx {
	in := c.Outpoint()
	in.Index |= claimFlag
	tx := wire.NewMsgTx(claimVersion)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: in, Sequence: wire.MaxTxInSequenceNum, Witness: wire.TxWitness{
		c.Terms.append(nil),
		c.Deposit,
		c.Block[:],
		c.Inclusion.Branch.AppendIndexed(nil, c.Inclusion.Index),
		c.Inclusion.Coinbase,
		c.Inclusion.CoinbaseBranch.Append(nil),
	}})
	tx.AddTxOut(&wire.TxOut{Value: c.Pays, PkScript: c.Script})
	return tx
}

// Build makes the claim of a deposit that leaves fee base units of the layer to its miners.
// It refuses what Parse would refuse, terms that no wallet means, and a deposit that is too
// small or not under these terms. Only Check, with a view of L1, tells whether it is valid.
func Build(p *chains.Params, t Terms, e Evidence, fee int64) (*Claim, error) {
	if err := t.Check(p); err != nil {
		return nil, err
	}
	if e.Vout >= claimFlag {
		return nil, refuse(CheckClaimVout, fmt.Sprint(e.Vout), fmt.Sprintf("below %d", claimFlag))
	}
	c := &Claim{Terms: t, Evidence: e}
	if err := c.parseDeposit(e.Deposit, pow.DoubleSHA256(e.Deposit)); err != nil {
		return nil, err
	}
	if err := c.checkDeposit(p, nil); err != nil {
		return nil, err
	}
	c.Pays = c.Value*p.UnitsPerSat() - fee
	if err := c.checkPays(p, nil); err != nil {
		return nil, err
	}
	return Parse(c.Tx())
}

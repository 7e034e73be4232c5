package consensus

import (
	"fmt"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/peg"
)

// L1View is what a layer must know of its L1: spv.ParentView, and headers by id. All
// branches count as known, not only the best one.
type L1View interface {
	spv.ParentView
	Header(id spv.Hash) (spv.Header, bool)
}

// TxContext is the place that a transaction is judged for: a block on top of the tip.
type TxContext struct {
	Params       *chains.Params
	Height       int32                     // of that block
	MedianTime   uint32                    // of the 11 blocks up to the one below it
	MedianTimeAt func(height int32) uint32 // the same for any block below
	Anchor       spv.Block                 // layers only: what the block would name as its anchor
	L1           L1View                    // layers only
	Payer        spv.Hash                  // pegged layers only: genesis hash of the L1, which pays burns
	Supply       Supply                    // before the transaction

	// Flags are script rules on top of ConsensusFlags, as StandardFlags for what a mempool
	// passes on. Only CheckTx looks at them.
	Flags txscript.ScriptFlags
}

// lockHeight is the height that a lock of nLockTime or CHECKLOCKTIMEVERIFY is compared
// with: the anchor's on a layer, so that both legs of a swap share L1's clock (protocol.md
// section 3), else the block's own. A lock of h opens when lockHeight exceeds h, as it does
// in Bitcoin.
func (at *TxContext) lockHeight() int32 {
	if at.Params.Layer != nil {
		return at.Anchor.Height
	}
	return at.Height
}

// TxFacts is what judging a transaction has found out about it. Amounts are base units.
type TxFacts struct {
	Fee    int64
	Weight int64        // BIP141
	VSize  int64        // virtual bytes: Weight/4, rounded up
	SigOps int64        // BIP141's cost
	Coins  []*Coin      // what the inputs spend, in order; none for a claim
	Claim  *peg.Claim   // nil if it is none
	Minted int64        // what the claim brings into being, fee included
	Burns  []peg.Unpaid // in the order of the outputs; Index is 0
	Burned int64        // sum of the burns' values
	Lost   int64        // value of outputs that nobody can spend and that are no burns
}

// judge applies every rule to a well formed transaction that is no coinbase, but for its
// scripts and what it shares with others in its block.
func (at *TxContext) judge(tx *wire.MsgTx, id spv.Hash, legacy int64, view View) (*TxFacts, error) {
	facts := &TxFacts{Weight: TxWeight(tx), SigOps: legacy * weightUnits}
	facts.VSize = VirtualSize(facts.Weight)
	err := at.checkFinal(tx)
	if err != nil {
		return nil, err
	}
	if at.Params.Peg != nil && peg.IsClaim(tx) {
		err = at.judgeClaim(tx, view, facts)
	} else {
		err = at.judgeInputs(tx, view, facts)
	}
	if err != nil {
		return nil, err
	}
	return facts, at.judgeBurns(tx, id, facts)
}

func (at *TxContext) checkFinal(tx *wire.MsgTx) error {
	if isFinal(tx, at.lockHeight(), at.MedianTime) {
		return nil
	}
	got := fmt.Sprintf("lock time %d at lock height %d, median time %d", tx.LockTime, at.lockHeight(), at.MedianTime)
	return refuse(CheckFinal, got, "a lock time that has passed")
}

// judgeInputs finds the coins that a transaction spends and applies the rules on them.
func (at *TxContext) judgeInputs(tx *wire.MsgTx, view View, facts *TxFacts) error {
	facts.Coins = make([]*Coin, len(tx.TxIn))
	sum, most := int64(0), at.Params.Unit.MaxMoney
	for i, in := range tx.TxIn {
		c, err := view.Coin(in.PreviousOutPoint)
		if err != nil {
			return fmt.Errorf("coin %s: %w", in.PreviousOutPoint, err)
		}
		if c == nil {
			return refuse(CheckCoin, fmt.Sprintf("input %d spends %s", i, in.PreviousOutPoint), "an unspent output")
		}
		facts.Coins[i] = c
		if wait := at.Params.Maturity(c.Height); c.Coinbase && at.Height-c.Height < wait {
			return refuse(CheckMaturity, fmt.Sprintf("input %d spends a coinbase of height %d at %d", i, c.Height, at.Height),
				fmt.Sprintf("%d blocks between", wait))
		}
		if c.Value < 0 || c.Value > most-sum {
			return refuse(CheckInputAmount, fmt.Sprintf("input %d of %d on %d", i, c.Value, sum),
				fmt.Sprintf("a sum of at most %d", most))
		}
		sum += c.Value
		if err := at.checkSequence(tx, i, c); err != nil {
			return err
		}
		facts.SigOps += coinSigOps(in, c.Script)
	}
	out := outputSum(tx)
	if out > sum {
		return refuse(CheckFee, fmt.Sprintf("outputs of %d", out), fmt.Sprintf("at most the inputs' %d", sum))
	}
	facts.Fee = sum - out
	return nil
}

// outputSum adds up the outputs of a transaction whose amounts are well formed.
func outputSum(tx *wire.MsgTx) (sum int64) {
	for _, out := range tx.TxOut {
		sum += out.Value
	}
	return sum
}

// checkSequence applies one input's relative lock (BIP68, BIP113). Heights count the
// chain's own blocks.
func (at *TxContext) checkSequence(tx *wire.MsgTx, input int, c *Coin) error {
	sequence := tx.TxIn[input].Sequence
	if uint32(tx.Version) < 2 || sequence&wire.SequenceLockTimeDisabled != 0 {
		return nil
	}
	count := int64(sequence & wire.SequenceLockTimeMask)
	if sequence&wire.SequenceLockTimeIsSeconds == 0 {
		if opens := int64(c.Height) + count; int64(at.Height) < opens {
			return refuse(CheckSequence, fmt.Sprintf("input %d at height %d", input, at.Height), fmt.Sprintf("height %d or more", opens))
		}
		return nil
	}
	// The coin's own time is the median before its block.
	opens := int64(at.MedianTimeAt(max(c.Height-1, 0))) + count<<wire.SequenceLockTimeGranularity
	if int64(at.MedianTime) < opens {
		return refuse(CheckSequence, fmt.Sprintf("input %d at median time %d", input, at.MedianTime), fmt.Sprintf("%d or more", opens))
	}
	return nil
}

// coinSigOps counts the signature operations that only the spent script shows, by BIP141's
// cost.
func coinSigOps(in *wire.TxIn, pkScript []byte) int64 {
	n := int64(txscript.GetWitnessSigOpCount(in.SignatureScript, pkScript, in.Witness))
	if txscript.IsPayToScriptHash(pkScript) {
		n += int64(txscript.GetPreciseSigOpCount(in.SignatureScript, pkScript, true)) * weightUnits
	}
	return n
}

// CheckTx judges a transaction for a block on top of the tip, by all the rules that Connect
// would apply to it there, and by ctx.Flags. View shows the state at the tip, and in it what
// the caller already holds for that block. A refusal says nothing about a later place;
// nearly every one may depend on the witness, so remember refused transactions by their
// witness id. Missing L1 headers give an error that wraps spv.ErrPending.
func CheckTx(ctx *TxContext, tx *wire.MsgTx, view View, cache *SigCache) (*TxFacts, error) {
	id := tx.TxHash()
	facts, err := checkTx(ctx, tx, id, view, cache)
	if err != nil {
		return nil, fmt.Errorf("transaction %s: %w", id, err)
	}
	return facts, nil
}

func checkTx(ctx *TxContext, tx *wire.MsgTx, id spv.Hash, view View, cache *SigCache) (*TxFacts, error) {
	if err := supported(ctx.Params, ctx.L1, ctx.Payer); err != nil {
		return nil, err
	}
	for i := range txForms {
		if fault := txForms[i].fault(ctx.Params, tx); fault != "" {
			return nil, refuse(txForms[i].name, fault, txForms[i].want)
		}
	}
	if isCoinbase(tx) {
		return nil, refuse(spv.CheckBlockCoinbase, "a coinbase", "a transaction that spends something")
	}
	facts, err := ctx.judge(tx, id, legacySigOps(tx), view)
	if err != nil {
		return nil, err
	}
	if facts.SigOps > SigOpLimit(ctx.Params) {
		return nil, refuse(CheckSigOps, fmt.Sprint(facts.SigOps), fmt.Sprintf("a cost of at most %d", SigOpLimit(ctx.Params)))
	}
	if facts.Weight > ctx.Params.BlockWeight {
		return nil, refuse(CheckWeight, fmt.Sprint(facts.Weight), fmt.Sprintf("at most %d weight units", ctx.Params.BlockWeight))
	}
	if _, err := ctx.Supply.after(ctx.Params, facts); err != nil {
		return nil, err
	}
	return facts, checkScripts(tx, facts.Coins, ctx.Flags, cache)
}

// checkScripts runs a transaction's scripts by the stricter flags first, then by those that
// decide about a block, so that the block finds the outcome in the cache; the signatures of
// the second run come from there, too.
func checkScripts(tx *wire.MsgTx, coins []*Coin, flags txscript.ScriptFlags, cache *SigCache) error {
	if len(coins) == 0 {
		return nil
	}
	wtxid := tx.WitnessHash()
	s := []*scriptTx{newScriptTx(tx, coins, func() string { return "scripts" })}
	for _, f := range []txscript.ScriptFlags{flags | ConsensusFlags, ConsensusFlags} {
		if cache.has(&wtxid, f) {
			continue
		}
		if err := runScripts(s, f, cache); err != nil {
			return err
		}
		cache.add(&wtxid, f)
		if flags|ConsensusFlags == ConsensusFlags {
			break
		}
	}
	return nil
}

// supported refuses chains whose rules the package does not have, and a layer about whose
// L1 nothing was said.
func supported(p *chains.Params, l1 L1View, payer spv.Hash) error {
	switch {
	case p.Kind != chains.L1 && !p.Kind.Layered(), p.Extensions, len(p.Challenge) > 0:
		return fmt.Errorf("chain %s: blocks of its kind cannot be validated in full", p.Name)
	case p.Layer != nil && l1 == nil:
		return fmt.Errorf("chain %s: no view of its L1", p.Name)
	case p.Peg != nil && payer == spv.Hash{}:
		return fmt.Errorf("chain %s: no genesis hash of its L1", p.Name)
	}
	return nil
}

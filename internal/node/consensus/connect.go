package consensus

import (
	"bytes"
	"fmt"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/filter"
	"github.com/layeredpow/lamina/spv/peg"
)

// Context is the place of a block: what its chain, and for a layer its L1, have come to
// right before it.
type Context struct {
	Params       *chains.Params
	Prev         spv.Block                 // block below
	MedianTime   uint32                    // of the 11 blocks up to Prev
	MedianTimeAt func(height int32) uint32 // the same for Prev and any block below it
	FilterHeader spv.Hash                  // BIP157 filter header of Prev
	Supply       Supply                    // up to Prev; pegged layers only

	PrevAnchor *spv.Block // anchor of Prev; nil where Prev is genesis, and for an L1
	L1         L1View     // layers only
	Payer      spv.Hash   // pegged layers only: genesis hash of the L1, which pays burns
	MMRRoot    spv.Hash   // layers only: root of the mountain range over genesis to Prev

	// ScriptsBelow says up to which height scripts are taken to succeed; 0 runs them all.
	ScriptsBelow int32
}

// ForTx returns the place of a transaction that is judged for the block on top of Prev. On
// a layer that block's anchor is to be given.
func (ctx *Context) ForTx(anchor spv.Block) *TxContext {
	return &TxContext{Params: ctx.Params, Height: ctx.Prev.Height + 1, MedianTime: ctx.MedianTime, MedianTimeAt: ctx.MedianTimeAt,
		Anchor: anchor, L1: ctx.L1, Payer: ctx.Payer, Supply: ctx.Supply}
}

// Delta is what a block does. Spent and Created share no coin: one that is made and spent
// inside the block is in neither, so that they can be carried out in any order.
type Delta struct {
	Spent   []SpentCoin     // in the order of the inputs
	Created []CreatedCoin   // in the order of the outputs, the coinbase's last
	Claims  []wire.OutPoint // L1 outpoints that are claimed now
	Burns   []peg.Unpaid    // in block order

	// Amounts in base units.
	Fees   int64 // left by transactions and claims
	Minted int64 // brought into being by claims
	Burned int64 // destroyed by burns
	Lost   int64 // destroyed otherwise: fees that the coinbase leaves, and outputs that nobody can spend

	Supply Supply // behind the block

	Prevouts     [][]byte // scripts that are spent, for the filter
	Filter       []byte   // BIP158 basic filter
	FilterHeader spv.Hash // BIP157, of this block

	Anchor  *spv.Block // nil for an L1
	FeeVote uint16     // 0 for an L1
}

// Connect judges a block in its place by every rule that is not its header's or its
// proof's, CheckBlock's among them, and returns what it does to the state. It changes
// nothing. A refusal wraps a *spv.CheckError and is for ever, unless it wraps ErrMutated or
// ErrProof, too; spv.ErrPending means that headers of the L1 are not there yet. Every other
// error is the caller's, most likely the View's.
//
// The second half of R2 (anchor-depth and anchor-branch) judges the pair of header and
// proof, so that it fails with ErrProof; R3 (anchor-order) is the header's alone.
func Connect(ctx *Context, b *Block, view View, cache *SigCache) (*Delta, error) {
	delta, err := connect(ctx, b, view, cache)
	if err != nil {
		return nil, fmt.Errorf("block %s: %w", b.Ref(), err)
	}
	return delta, nil
}

func connect(ctx *Context, b *Block, view View, cache *SigCache) (*Delta, error) {
	if err := supported(ctx.Params, ctx.L1, ctx.Payer); err != nil {
		return nil, err
	}
	if b.Height != ctx.Prev.Height+1 || b.Header.Prev() != ctx.Prev.Hash {
		return nil, fmt.Errorf("builds on %s, the context is that above %s", b.Header.Prev(), ctx.Prev)
	}
	h := newBody(b)
	if err := checkBlock(ctx.Params, h, nil); err != nil {
		return nil, err
	}
	if err := checkHeight(h); err != nil {
		return nil, err
	}
	return connectBody(ctx, h, view, cache)
}

// connectBody judges what a well formed block does to the state.
func connectBody(ctx *Context, h *body, view View, cache *SigCache) (*Delta, error) {
	at := ctx.ForTx(spv.Block{})
	c := &connection{body: h, at: at, coins: newCoins(view, len(h.Txs)), delta: &Delta{Supply: ctx.Supply}}
	if ctx.Params.Layer != nil {
		commitment, err := checkLayer(ctx, h)
		if err != nil {
			return nil, err
		}
		at.Anchor = commitment.Anchor
		c.delta.Anchor, c.delta.FeeVote = &commitment.Anchor, commitment.FeeVote
	}
	if err := c.transactions(); err != nil {
		return nil, err
	}
	if h.Height > ctx.ScriptsBelow {
		if err := c.scripts(cache); err != nil {
			return nil, err
		}
	}
	return c.finish(ctx.FilterHeader)
}

// CoinbaseHeight returns what a coinbase's script begins with at a height (BIP34).
func CoinbaseHeight(height int32) []byte {
	script, err := txscript.NewScriptBuilder().AddInt64(int64(height)).Script()
	if err != nil {
		panic(fmt.Sprintf("consensus: push of a height: %v", err))
	}
	return script
}

func checkHeight(h *body) error {
	want := CoinbaseHeight(h.Height)
	if got := h.Txs[0].TxIn[0].SignatureScript; !bytes.HasPrefix(got, want) {
		return refuse(CheckCoinbaseHeight, fmt.Sprintf("script %x", got), fmt.Sprintf("%x for height %d first", want, h.Height))
	}
	return nil
}

// connection is a block on its way into the state.
type connection struct {
	*body
	at     *TxContext
	coins  *coins
	delta  *Delta
	sigOps int64
	runs   []*scriptTx
	runIDs []spv.Hash // their witness ids
}

// transactions judges the block's transactions in order, the coinbase last: what it pays
// depends on the others, and none of them can spend from it.
func (c *connection) transactions() error {
	c.sigOps = c.legacy[0] * weightUnits
	claimed := map[wire.OutPoint]struct{}{}
	for i := 1; i < len(c.Txs); i++ {
		if err := c.transaction(i, claimed); err != nil {
			return fmt.Errorf("transaction %d %s: %w", i, c.ids[i], err)
		}
	}
	if err := c.coinbase(); err != nil {
		return fmt.Errorf("coinbase %s: %w", c.ids[0], err)
	}
	return nil
}

func (c *connection) transaction(i int, claimed map[wire.OutPoint]struct{}) error {
	tx := c.Txs[i]
	facts, err := c.at.judge(tx, c.ids[i], c.legacy[i], c.coins)
	if err != nil {
		return err
	}
	if facts.Claim != nil {
		if err := c.claim(facts.Claim.Outpoint(), claimed); err != nil {
			return err
		}
	}
	if err := c.count(i, facts); err != nil {
		return err
	}
	for j, coin := range facts.Coins {
		c.coins.take(tx.TxIn[j].PreviousOutPoint, coin)
		c.delta.Prevouts = append(c.delta.Prevouts, coin.Script)
	}
	c.coins.add(tx, wire.OutPoint{Hash: c.ids[i]}, c.Height, false)
	if len(facts.Coins) > 0 {
		c.runs = append(c.runs, newScriptTx(tx, facts.Coins, func() string { return fmt.Sprintf("transaction %d %s", i, c.ids[i]) }))
		c.runIDs = append(c.runIDs, c.wids[i])
	}
	return nil
}

// claim applies the rules on the claims of one block among themselves (protocol.md 4.2).
func (c *connection) claim(op wire.OutPoint, claimed map[wire.OutPoint]struct{}) error {
	if _, twice := claimed[op]; twice {
		return refuse(CheckClaimTwice, op.String()+" twice in the block", "a deposit that was not claimed before")
	}
	if len(claimed) == peg.MaxClaims {
		return refuse(CheckClaimCount, fmt.Sprintf("more than %d claims", peg.MaxClaims), fmt.Sprintf("at most %d", peg.MaxClaims))
	}
	claimed[op] = struct{}{}
	c.delta.Claims = append(c.delta.Claims, op)
	return nil
}

// count adds the transaction at an index to the block's sums.
func (c *connection) count(index int, facts *TxFacts) error {
	c.sigOps += facts.SigOps
	if limit := SigOpLimit(c.at.Params); c.sigOps > limit {
		return refuse(CheckSigOps, fmt.Sprintf("%d up to here", c.sigOps), fmt.Sprintf("a cost of at most %d", limit))
	}
	d, most := c.delta, c.at.Params.Unit.MaxMoney
	if facts.Fee > most-d.Fees {
		return refuse(CheckFee, fmt.Sprintf("%d on %d", facts.Fee, d.Fees), fmt.Sprintf("fees of at most %d in a block", most))
	}
	var err error
	if d.Supply, err = d.Supply.after(c.at.Params, facts); err != nil {
		return err
	}
	d.Fees += facts.Fee
	d.Minted += facts.Minted
	d.Burned += facts.Burned
	d.Lost += facts.Lost
	for _, burn := range facts.Burns {
		burn.Index = uint32(index)
		d.Burns = append(d.Burns, burn)
	}
	return nil
}

// coinbase judges what the coinbase makes. No other transaction can have the id of one that
// was there before, because each spends or claims something that can be spent or claimed
// only once; the heights in coinbases make theirs differ (BIP34), and BIP30 is checked for
// them all the same.
func (c *connection) coinbase() error {
	tx, id := c.Txs[0], c.ids[0]
	facts := &TxFacts{}
	if err := c.at.checkFinal(tx); err != nil {
		return err
	}
	if err := c.at.judgeBurns(tx, id, facts); err != nil {
		return err
	}
	for i := range tx.TxOut {
		op := wire.OutPoint{Hash: id, Index: uint32(i)}
		there, err := c.coins.Coin(op)
		if err != nil {
			return fmt.Errorf("coin %s: %w", op, err)
		}
		if there != nil {
			return refuse(CheckCoinbaseUnique, "unspent output "+op.String(), "an id whose outputs are all spent (BIP30)")
		}
	}
	subsidy, _ := c.at.Params.Subsidy(c.Height)
	paid, most := outputSum(tx), subsidy+c.delta.Fees
	if paid > most {
		return refuse(CheckCoinbaseValue, fmt.Sprint(paid),
			fmt.Sprintf("at most %d of subsidy and %d of fees", subsidy, c.delta.Fees))
	}
	facts.Lost += most - paid
	c.coins.add(tx, wire.OutPoint{Hash: id}, c.Height, true)
	return c.count(0, facts)
}

// scripts runs the scripts of those transactions that the cache does not know.
func (c *connection) scripts(cache *SigCache) error {
	var fresh []*scriptTx
	var ids []spv.Hash
	for i, s := range c.runs {
		if !cache.has(&c.runIDs[i], ConsensusFlags) {
			fresh, ids = append(fresh, s), append(ids, c.runIDs[i])
		}
	}
	if err := runScripts(fresh, ConsensusFlags, cache); err != nil {
		return err
	}
	for i := range ids {
		cache.add(&ids[i], ConsensusFlags)
	}
	return nil
}

func (c *connection) finish(below spv.Hash) (*Delta, error) {
	d := c.delta
	d.Spent, d.Created = c.coins.spent, c.coins.created()
	built, err := filter.Build(c.message(), d.Prevouts)
	if err != nil {
		return nil, err
	}
	d.Filter, d.FilterHeader = built, filter.HeaderOf(built, below)
	return d, nil
}

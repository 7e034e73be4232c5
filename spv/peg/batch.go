package peg

import (
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// The limits of a batch (section 4.3).
const (
	MaxPayouts = 200 // burns that one batch pays
	MaxCoins   = 40  // vault outputs that it spends beside the connector

	batchFloor = 100_000_000 // satoshis that a batch may always pay
	batchShare = 10          // or one part in so many of the vault, if that is more
	leastLink  = 1_000       // satoshis in the connector
)

// Unpaid is a burn on the layer's best chain that no batch in L1 has paid.
type Unpaid struct {
	Burn
	Outpoint wire.OutPoint // on the layer
	Height   int32         // of its block
	Index    uint32        // of its transaction in the block
}

// Coin is a vault output on L1 that no transaction in L1 has spent: a deposit that was
// claimed in or below the cut, or the change of a batch. Nothing else is one, whoever paid
// it to a vault: so the audit is exact, and nobody can burden batches with dust.
type Coin struct {
	Outpoint wire.OutPoint
	Height   int32     // of its L1 block; of change, the height that its batch was judged at
	Value    int64     // satoshis
	Set      int       // number of the settlers that hold it
	Mark     *spv.Hash // claim hash of a deposit; nil for change
}

// State is everything that a batch follows from: L1 up to its height, and the layer up to
// the cut. The order of Coins and Burns does not matter.
type State struct {
	Height    int32         // H_b, a multiple of the epoch
	Cut       spv.Block     // Cut at that height
	FeeRate   uint16        // FeeRate at the cut, sat/vB
	Attempt   int           // 0 to MaxAttempt
	Connector wire.OutPoint // output 0 of the last batch in L1, or the first connector
	Set       int           // settlers that hold the connector
	Coins     []Coin
	Burns     []Unpaid
}

// Batch is a transaction that pays burns, with all that signing it takes. It is a function
// of chains and state: every settler derives the same.
type Batch struct {
	Number  uint32 // b; the batch's L1 height is b epochs
	Attempt int
	Tx      *wire.MsgTx // unsigned
	Spends  []Spend     // one for each input, the connector first
	Payouts []Payout    // its last outputs
	Share   int64       // what each payout was charged, satoshis; the fee is that times their number
	VSize   int64       // virtual bytes when signed by K settlers
}

// Spend is an output that a batch spends.
type Spend struct {
	Value int64 // satoshis
	Set   *chains.Settlers
	Vault Vault
}

// Waiting is a burn that a batch does not pay.
type Waiting struct {
	Burn wire.OutPoint
	Why  string
}

// LinkValue returns the value of every connector, in L1 satoshis: 1,000, or what the L1's
// peers call dust if that is more.
func LinkValue(p, l1 *chains.Params) int64 {
	return max(leastLink, Dust(l1, NewVault(&p.Settlers[0], p.Peg.Recovery, nil).PkScript))
}

// Derive derives the batch of a layer and its L1 from a state (section 4.3). Without a burn
// that can be paid there is no batch: it is nil, because nobody would bear its fee. Waiting
// says why each burn that is left out has to wait. An error says that the state is no state
// that there can be.
//
// The rule: burns at or below the cut in the order of the layer, up to MaxPayouts of them
// and up to batchFloor or the tenth of the vault, and never one past a burn that does not
// fit. Burns whose limit is below their share of the fee, or whose payout would be dust,
// wait, and others move up, until nothing changes. Coins: see pickCoins.
func Derive(p, l1 *chains.Params, s State) (*Batch, []Waiting, error) {
	d, err := newDerivation(p, l1, s)
	if err != nil {
		return nil, nil, err
	}
	for {
		picked, coins := d.pick()
		if len(picked) == 0 {
			return nil, d.waiting(), nil
		}
		b := d.skeleton(picked, coins)
		share := d.share(b.VSize, len(picked))
		if d.drop(picked, share) {
			continue
		}
		d.fill(b, picked, share)
		return b, d.waiting(), nil
	}
}

package wallet

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/spv/said"
	"github.com/layeredpow/lamina/wallet/address"
	"github.com/layeredpow/lamina/wallet/fee"
)

// MaxWeight is the weight of the heaviest transaction that nodes relay (Bitcoin Core's
// MAX_STANDARD_TX_WEIGHT).
const MaxWeight = 400_000

// maxRecipients bounds a batch; more do not fit into MaxWeight.
const maxRecipients = 3000

// MaxData is the length of the longest text in an OP_RETURN output that every node
// relays, in bytes.
const MaxData = 80

// Recipient is one output to make.
type Recipient struct {
	Script  []byte
	Amount  int64
	Max     bool // gets all that is left, Amount is 0; at most one
	PaysFee bool // the fee comes out of Amount, shared with the others that pay it

	// MaxWeight is the most that the transaction may weigh, for money that a larger one would lose: a deposit to a layer,
	// which is claimed by showing the whole of it. 0: as much as nodes relay.
	MaxWeight int64
}

// Request says what a transaction shall do.
type Request struct {
	Recipients []Recipient
	Data       []byte   // an OP_RETURN output with these bytes; nil: none
	Rate       fee.Rate // to pay
	LongTerm   fee.Rate // expected later, for the waste of spending coins now; 0: as Rate

	Coins    []wire.OutPoint // exactly these are spent; nil: the wallet chooses
	Accounts []int           // to choose from, watch-only ones too; nil: all that can sign
	Change   int             // account whose change address is used

	// LockHeight keeps miners from gaining by mining a lower block once more
	// (anti-fee-sniping): the greatest height H so that a transaction locked at H can be in
	// the next block. On an L1 that is the tip's height, on a layer, where locks count L1
	// blocks, the tip's anchor height minus one (protocol.md section 3). 0: no lock.
	LockHeight int32
}

// Input is one input of a draft.
type Input struct {
	Coin  Coin
	place place       // of its key
	pub   []byte      // of the key that signs; nil if there are several
	from  *wire.MsgTx // that makes the coin
}

// Output is one output of a draft.
type Output struct {
	Script  []byte
	Value   int64
	Address string // empty if there is none
	Kind    address.Kind
	Ours    bool
	Change  bool   // to an address of ours for change
	place   *place // of its key, if Ours
	pub     []byte
}

// Draft is a transaction that is planned and can be looked at. It cannot be sent: see
// Sign. It does not change.
type Draft struct {
	params    *chains.Params
	tx        *wire.MsgTx // unsigned
	inputs    []Input     // as in tx
	outputs   []Output    // as in tx
	fee       int64
	weight    int64
	algorithm string
	warnings  []Warning
	replaces  []spv.Hash
}

// Inputs returns the inputs, in order.
func (d *Draft) Inputs() []Input { return slices.Clone(d.inputs) }

// Outputs returns the outputs, in order.
func (d *Draft) Outputs() []Output { return slices.Clone(d.outputs) }

// Fee returns the fee in base units.
func (d *Draft) Fee() int64 { return d.fee }

// Weight returns the most that the signed transaction weighs (BIP141).
func (d *Draft) Weight() int64 { return d.weight }

// Rate returns the least fee rate that the signed transaction pays.
func (d *Draft) Rate() fee.Rate { return fee.RateOf(d.fee, d.weight) }

// Algorithm names how the coins were chosen.
func (d *Draft) Algorithm() string { return d.algorithm }

// Warnings returns what Sign wants consent to.
func (d *Draft) Warnings() []Warning { return slices.Clone(d.warnings) }

// Replaces returns the transactions that this one takes the place of.
func (d *Draft) Replaces() []spv.Hash { return slices.Clone(d.replaces) }

// LockTime returns the transaction's lock time.
func (d *Draft) LockTime() uint32 { return d.tx.LockTime }

// Paid returns what goes to others: the value of the outputs that are not ours.
func (d *Draft) Paid() (sum int64) {
	for _, o := range d.outputs {
		if !o.Ours {
			sum += o.Value
		}
	}
	return sum
}

// Draft plans a transaction. Coins are chosen so that no rule of tags is broken; random
// numbers (the draw of coins, the order of outputs, the lock time's back-off) come from
// rng. The error names what is wrong with the request, or is a *selection.Shortage.
func (c *Chain) Draft(r Request, rng *rand.Rand) (*Draft, error) {
	b := &builder{c: c, req: r, rng: rng}
	return b.draft()
}

// Dust returns the least value of an output with a script that peers relay.
func Dust(p *chains.Params, script []byte) int64 {
	if address.KindOf(p, script) == address.Data {
		return 0
	}
	return peg.Dust(p, script)
}

// checkOutput refuses outputs that nobody relays.
func checkOutput(p *chains.Params, i int, script []byte, value int64) error {
	if len(script) == 0 || len(script) > 10_000 {
		return fmt.Errorf("recipient %d: script of %d bytes, want 1 to 10000", i+1, len(script))
	}
	if value < 0 || value > p.Unit.MaxMoney {
		return said.Errorf("recipient %d: amount %d, want 0 to %d", i+1, p.Money(value), p.Money(p.Unit.MaxMoney))
	}
	switch kind := address.KindOf(p, script); {
	case kind == address.Other:
		return fmt.Errorf("recipient %d: script %x is of no form that is relayed", i+1, script[:min(len(script), 40)])
	case value < Dust(p, script):
		return said.Errorf("recipient %d: amount %d, below the %d that peers relay for %s", i+1, p.Money(value), p.Money(Dust(p, script)), kind)
	}
	return nil
}

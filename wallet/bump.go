package wallet

import (
	"math/rand/v2"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/spv/said"
	"github.com/layeredpow/lamina/wallet/fee"
	"github.com/layeredpow/lamina/wallet/selection"
)

// Bump plans a replacement of an unconfirmed transaction of ours with a higher fee rate
// (BIP125): the same inputs, the same recipients, less change. Where the change does not
// suffice, confirmed coins are added. The fee is at least what the replaced
// transactions paid together, and the relay of the new one on top.
func (c *Chain) Bump(id spv.Hash, rate fee.Rate, lockHeight int32, rng *rand.Rand) (*Draft, error) {
	e, err := c.replaceable(id)
	if err != nil {
		return nil, err
	}
	r := Request{Rate: rate, LockHeight: lockHeight, Change: c.payer(e)}
	var back []byte
	at := c.changeOf(e.tx)
	for i, o := range e.tx.TxOut {
		if i == at {
			r.Change, back = c.places[string(o.PkScript)].chain.number, o.PkScript
		} else {
			r.Recipients = append(r.Recipients, Recipient{Script: o.PkScript, Amount: o.Value})
		}
	}
	if back != nil && len(r.Recipients) == 0 {
		r.Recipients = []Recipient{{Script: back, Max: true}} // all of it was for ourselves
	}
	return c.replace(e, r, rng)
}

// payer returns the account that the first coin of a transaction of ours is of.
func (c *Chain) payer(e *entry) int { return c.coin(e.tx.TxIn[0].PreviousOutPoint).place.chain.number }

// changeOf returns which output of a transaction is what it leaves over, -1 if none is. A split has many on addresses
// for change: its coins' were given out, and before them stands the change's own; a replacement's is beyond them.
func (c *Chain) changeOf(tx *wire.MsgTx) int {
	at, best, bestGiven := -1, uint32(0), false
	for i, o := range tx.TxOut {
		p, ours := c.places[string(o.PkScript)]
		if !ours || p.chain.change != 1 {
			continue
		}
		given := p.index < p.chain.issued
		if at < 0 || bestGiven && !given || bestGiven == given && p.index < best {
			at, best, bestGiven = i, p.index, given
		}
	}
	return at
}

// Cancel plans a replacement that pays everything back to ourselves.
func (c *Chain) Cancel(id spv.Hash, rate fee.Rate, lockHeight int32, rng *rand.Rand) (*Draft, error) {
	e, err := c.replaceable(id)
	if err != nil {
		return nil, err
	}
	account := c.payer(e)
	change, err := c.NextChange(account)
	if err != nil {
		return nil, err
	}
	r := Request{Rate: rate, LockHeight: lockHeight, Change: account,
		Recipients: []Recipient{{Script: change.Script, Max: true}}}
	return c.replace(e, r, rng)
}

// NoReplacement says why transactions of a chain cannot be replaced; nothing if they can.
func NoReplacement(p *chains.Params) (none said.Sentence) {
	if !p.Policy.NoReplacement {
		return none
	}
	return said.Of("nodes of %s keep the first of two payments, whatever the other pays: a child can pay for it (cpfp)", p.Title)
}

// replaceable returns a transaction that we can and may replace.
func (c *Chain) replaceable(id spv.Hash) (*entry, error) {
	e, ok := c.txs[id]
	switch {
	case !ok:
		return nil, said.Errorf("transaction %s: not of this wallet", id)
	case e.confirmed:
		return nil, said.Errorf("transaction %s: confirmed in block %s", id, e.block)
	case !e.active:
		return nil, said.Errorf("transaction %s: counts no more", id)
	case c.params.Policy.NoReplacement:
		return nil, said.Errorf("transaction %s: %s", id, NoReplacement(c.params))
	}
	row := c.row(e)
	if !row.FeeKnown {
		return nil, said.Errorf("transaction %s: not all its inputs are ours", id)
	}
	if !row.Replaceable {
		return nil, said.Errorf("transaction %s: does not signal that it may be replaced", id)
	}
	return e, nil
}

// claimable is the most weight of which no deposit to a layer is too large to be claimed.
const claimable = 4 * peg.MaxDeposit

// replace plans a transaction in the place of another and all that descends from it.
func (c *Chain) replace(e *entry, r Request, rng *rand.Rand) (*Draft, error) {
	b := &builder{c: c, req: r, rng: rng, replaced: map[spv.Hash]bool{e.id: true}}
	var paid int64
	for queue := []*entry{e}; len(queue) > 0; queue = queue[1:] {
		row := c.row(queue[0])
		if !row.FeeKnown {
			return nil, said.Errorf("transaction %s: spent by %s of somebody else, whose fee is not known", e.id, row.ID)
		}
		paid += row.Fee
		for i := range queue[0].tx.TxOut {
			for _, f := range c.spenders[wire.OutPoint{Hash: row.ID, Index: uint32(i)}] {
				if f.active && !b.replaced[f.id] {
					b.replaced[f.id] = true
					queue = append(queue, f)
				}
			}
		}
	}
	old := c.row(e)
	if was := fee.RateOf(old.Fee, weightOf(e.tx)); r.Rate <= was {
		return nil, said.Errorf("fee rate %s: want more than the %s of %s", r.Rate, was, e.id)
	}
	if was := weightOf(e.tx); was <= claimable {
		b.limit = claimable // it may be a deposit
	}
	for _, in := range e.tx.TxIn {
		b.must = append(b.must, c.coin(in.PreviousOutPoint))
	}
	// The least fee depends on the size, and the size on the coins that the fee takes.
	must := b.must
	for range 20 {
		b.must, b.more = must, nil
		d, err := b.draft()
		if err != nil {
			return nil, err
		}
		// Nodes of an older version ask for a larger rise than those the policy is taken from:
		// what wallets pay at least satisfies them, too.
		rise := fee.Rate(max(c.params.Policy.Incremental, c.params.Policy.WalletFee))
		least := paid + rise.Of(d.weight)
		if d.fee >= least {
			return d, nil
		}
		b.req.Rate = max(b.req.Rate, fee.RateOf(least, d.weight)) + 1
	}
	return nil, said.Errorf("transaction %s: no replacement found that pays for itself", e.id)
}

// weightOf returns the weight of a transaction (BIP141).
func weightOf(tx *wire.MsgTx) int64 {
	return int64(tx.SerializeSizeStripped())*3 + int64(tx.SerializeSize())
}

// Raise plans a transaction that spends our outputs of an unconfirmed one so that both
// together, with all unconfirmed ones of this wallet that they descend from, pay a fee
// rate (child pays for parent). What the fee of a foreign transaction is cannot be
// known: it counts as nothing, so the child may pay more than needed, never less.
func (c *Chain) Raise(id spv.Hash, rate fee.Rate, lockHeight int32, rng *rand.Rand) (*Draft, error) {
	e, ok := c.txs[id]
	if !ok || e.confirmed || !e.active {
		return nil, said.Errorf("transaction %s: want an unconfirmed one of this wallet that counts", id)
	}
	b := &builder{c: c, rng: rng}
	for i := range e.coins {
		k := &e.coins[i]
		if k.at >= 0 && !k.name && !k.frozen && !k.watched {
			b.must = append(b.must, k)
		}
	}
	if len(b.must) == 0 {
		return nil, said.Errorf("transaction %s: no output of ours that could be spent", id)
	}
	account := b.must[0].place.chain.number
	change, err := c.NextChange(account)
	if err != nil {
		return nil, err
	}
	b.req = Request{Rate: rate, LockHeight: lockHeight, Change: account,
		Recipients: []Recipient{{Script: change.Script, Max: true}}}
	weight, paid, n := c.family(e)
	if n >= maxAncestors {
		return nil, said.Errorf("transaction %s: %d unconfirmed in a row, nodes relay no more", id, n)
	}
	must := b.must
	d, err := b.draft()
	if err != nil {
		return nil, err
	}
	// Sizes are rounded up one by one, as nodes do.
	b.least = rate.OfVirtual(weight+fee.Virtual(d.weight)) - paid
	if b.least <= d.fee {
		return d, nil
	}
	b.must = must
	if d, err = b.draft(); err != nil {
		return nil, err
	}
	if d.fee < b.least {
		return nil, b.short(selection.Shortage{Need: b.least, Have: d.fee})
	}
	return d, nil
}

// family adds up an unconfirmed transaction and those it descends from: virtual bytes,
// fees that are known, and number.
func (c *Chain) family(e *entry) (vbytes, paid int64, n int) {
	seen := map[*entry]bool{e: true}
	for queue := []*entry{e}; len(queue) > 0 && n <= maxAncestors; queue = queue[1:] {
		e := queue[0]
		n++
		vbytes += fee.Virtual(weightOf(e.tx))
		if row := c.row(e); row.FeeKnown {
			paid += row.Fee
		}
		for _, in := range e.tx.TxIn {
			if p, ok := c.txs[in.PreviousOutPoint.Hash]; ok && !p.confirmed && !seen[p] {
				seen[p] = true
				queue = append(queue, p)
			}
		}
	}
	return vbytes, paid, n
}

package wallet

import (
	"cmp"
	"slices"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
)

// rows are the transactions of a log as they are read. In a wallet of a million every look at one costs a walk through
// memory, so what the order asks of each is taken while it is at hand, and all that needs no order is done in the order in
// which they were read.
type rows struct {
	list   []arrival
	inputs int // of all
}

// arrival is an entry with its place in the history, see entry.before.
type arrival struct {
	block, pos uint64 // unconfirmed: behind all blocks, by the order in which they became known
	entry      *entry
}

func (r *rows) add(e *entry) {
	a := arrival{uint64(e.block.Height), uint64(e.pos), e}
	if !e.confirmed {
		a.block, a.pos = 1<<32, e.seq
	}
	r.list = append(r.list, a)
	r.inputs += len(e.tx.TxIn)
}

func (a arrival) before(b arrival) int {
	if n := cmp.Or(cmp.Compare(a.block, b.block), cmp.Compare(a.pos, b.pos)); n != 0 {
		return n
	}
	return a.entry.before(b.entry)
}

// rebuild puts the transactions of a log in place. How far the keychains are used is not
// stored: it follows from the transactions.
func (c *Chain) rebuild(found *rows) error {
	c.txs = make(map[spv.Hash]*entry, len(found.list))
	c.spenders = make(map[wire.OutPoint][]*entry, found.inputs)
	if err := c.useAll(found); err != nil {
		return err
	}
	for _, a := range found.list {
		c.seq = max(c.seq, a.entry.seq+1)
		if err := c.index(a.entry); err != nil {
			return err
		}
	}
	for _, rivals := range c.spenders {
		if len(rivals) > 1 {
			slices.SortFunc(rivals, (*entry).before)
		}
	}
	c.countHoles()
	if _, err := c.growAll(); err != nil {
		return err
	}
	c.resolve()
	c.settleAll(found)
	slices.SortFunc(found.list, arrival.before)
	c.history = make([]*entry, len(found.list))
	for i, a := range found.list {
		c.history[i] = a.entry
	}
	return nil
}

// useAll derives all addresses that the transactions make known.
func (c *Chain) useAll(found *rows) error {
	for {
		fresh, err := c.growAll()
		if err != nil || len(fresh) == 0 {
			return err
		}
		for _, a := range found.list {
			for _, out := range a.entry.tx.TxOut {
				if p, _, ok := c.ownScript(out.PkScript); ok {
					p.chain.use(p.index)
				}
			}
		}
	}
}

// settleAll does what settle does, for all entries: coins that nobody takes are not looked up.
func (c *Chain) settleAll(found *rows) {
	for _, a := range found.list {
		for i := range a.entry.coins {
			if k := &a.entry.coins[i]; a.entry.active && k.at < 0 {
				k.at = len(c.unspent)
				c.unspent = append(c.unspent, k)
			}
		}
	}
	for _, a := range found.list {
		for _, in := range a.entry.tx.TxIn {
			if k := c.coin(in.PreviousOutPoint); k != nil {
				c.inside(a.entry)
				c.list(k)
			}
		}
	}
}

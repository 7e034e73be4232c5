package wallet

import (
	"fmt"
	"maps"
	"slices"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
)

// insert puts an entry into the indexes and the history. What counts is found by resolve and settle.
func (c *Chain) insert(e *entry) error {
	if err := c.index(e); err != nil {
		return err
	}
	at, _ := slices.BinarySearchFunc(c.history, e, (*entry).before)
	c.history = slices.Insert(c.history, at, e)
	return nil
}

// index puts an entry into the indexes.
func (c *Chain) index(e *entry) error {
	clear(c.tagMemo)
	if e.confirmed {
		use := c.blocks[e.block.Height]
		if use.n > 0 && use.hash != e.block.Hash {
			return fmt.Errorf("records of blocks %s and %s at height %d", use.hash, e.block.Hash, e.block.Height)
		}
		c.blocks[e.block.Height] = blockUse{e.block.Hash, use.n + 1}
	} else {
		c.pending[e] = true
	}
	c.txs[e.id] = e
	e.active = e.confirmed
	coinbase := isCoinbase(e.tx)
	e.coins = nil
	for i, out := range e.tx.TxOut {
		p, name, ok := c.ownScript(out.PkScript)
		if !ok || !c.sane(out.Value) {
			continue
		}
		op := wire.OutPoint{Hash: e.id, Index: uint32(i)}
		e.coins = append(e.coins, coin{op: op, value: out.Value, script: out.PkScript, place: p, entry: e, at: -1, name: name,
			confirmed: e.confirmed, coinbase: coinbase, frozen: c.frozen[op], watched: p.chain.account.WatchOnly})
		p.slot().uses++
	}
	if e.outside = len(e.coins) == 0; e.outside {
		c.foreign++
	}
	if !coinbase { // all coinbases name the same outpoint, and take nothing from each other
		for _, in := range e.tx.TxIn {
			c.spenders[in.PreviousOutPoint] = append(c.spenders[in.PreviousOutPoint], e)
		}
	}
	return nil
}

// sane says whether the chain can have such an amount. A light client might be shown others.
func (c *Chain) sane(value int64) bool { return value >= 0 && value <= c.params.Unit.MaxMoney }

// remove takes an entry out of the indexes, to put its successor there.
func (c *Chain) remove(e *entry) {
	if e.confirmed {
		if use := c.blocks[e.block.Height]; use.n > 1 {
			c.blocks[e.block.Height] = blockUse{use.hash, use.n - 1}
		} else {
			delete(c.blocks, e.block.Height)
		}
	}
	delete(c.pending, e)
	delete(c.txs, e.id)
	if e.outside {
		c.foreign--
	}
	for i := range e.coins {
		k := &e.coins[i]
		k.place.slot().uses--
		c.unlist(k)
	}
	for _, in := range e.tx.TxIn {
		op := in.PreviousOutPoint
		if left := slices.DeleteFunc(c.spenders[op], func(f *entry) bool { return f == e }); len(left) > 0 {
			c.spenders[op] = left
		} else {
			delete(c.spenders, op)
		}
		if k := c.coin(op); k != nil {
			c.list(k)
		}
	}
	if at, ok := slices.BinarySearchFunc(c.history, e, (*entry).before); ok {
		c.history = slices.Delete(c.history, at, at+1)
	}
}

// judgement is what resolve finds out about the unconfirmed transactions.
type judgement struct {
	c    *Chain
	done map[*entry]bool // false while it is being judged
}

// resolve decides which unconfirmed transactions count. One does unless it was
// abandoned, is a coinbase, or what it takes is taken by a confirmed transaction, by one
// that became known later and counts itself, or comes from one that does not count. Of
// two that take the same, the later one counts: a replacement (BIP125).
func (c *Chain) resolve() {
	j := judgement{c, make(map[*entry]bool, len(c.pending))}
	order := slices.SortedFunc(maps.Keys(c.pending), (*entry).before)
	was := make([][2]bool, len(order))
	for i, e := range order {
		was[i] = [2]bool{e.active, e.trusted}
	}
	for _, e := range order {
		j.active(e)
	}
	for i, e := range order {
		if was[i] != [2]bool{e.active, e.trusted} {
			c.settle(e)
		}
	}
}

func (j *judgement) active(e *entry) bool {
	if e.confirmed {
		return true
	}
	if done, ok := j.done[e]; ok {
		return done && e.active // in a circle of conflicts nobody counts
	}
	j.done[e] = false
	e.active, e.trusted = !e.abandoned && !isCoinbase(e.tx), true
	for _, in := range e.tx.TxIn {
		op := in.PreviousOutPoint
		for _, f := range j.c.spenders[op] {
			if f != e && (f.confirmed || f.seq > e.seq && j.active(f)) {
				e.active = false
			}
		}
		parent, known := j.c.txs[op.Hash]
		if known && !j.active(parent) {
			e.active = false
		}
		if j.c.coin(op) == nil || !parent.confirmed && !parent.trusted {
			e.trusted = false
		}
	}
	j.done[e] = true
	return e.active
}

// settle brings the list of unspent coins in line with what counts, for the coins that
// an entry makes and takes.
func (c *Chain) settle(e *entry) {
	for i := range e.coins {
		c.list(&e.coins[i])
	}
	for _, in := range e.tx.TxIn {
		if k := c.coin(in.PreviousOutPoint); k != nil {
			c.inside(e)
			c.list(k)
		}
	}
}

// inside notes that an entry takes a coin of ours.
func (c *Chain) inside(e *entry) {
	if e.outside {
		e.outside = false
		c.foreign--
	}
}

// list puts a coin on the list of unspent ones, or takes it off.
func (c *Chain) list(k *coin) {
	k.spent = nil
	for _, f := range c.spenders[k.op] {
		if f.active {
			k.spent = f
		}
	}
	switch want := k.entry.active && k.spent == nil; {
	case want && k.at < 0:
		k.at = len(c.unspent)
		c.unspent = append(c.unspent, k)
	case !want:
		c.unlist(k)
	}
}

func (c *Chain) unlist(k *coin) {
	if k.at < 0 {
		return
	}
	last := c.unspent[len(c.unspent)-1]
	c.unspent[k.at], last.at = last, k.at
	c.unspent = c.unspent[:len(c.unspent)-1]
	k.at = -1
}

// states and compare tell which unconfirmed transactions began or ceased to count.
func (c *Chain) states() map[spv.Hash]bool {
	was := make(map[spv.Hash]bool, len(c.pending))
	for e := range c.pending {
		was[e.id] = e.active
	}
	return was
}

func (c *Chain) compare(was map[spv.Hash]bool) (changed []spv.Hash) {
	for id, active := range was {
		if e, ok := c.txs[id]; ok && e.active != active {
			changed = append(changed, id)
		}
	}
	slices.SortFunc(changed, func(a, b spv.Hash) int { return slices.Compare(a[:], b[:]) })
	return changed
}

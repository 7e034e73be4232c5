package wallet

import (
	"errors"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
)

// Applied says what a call changed.
type Applied struct {
	Changed []spv.Hash // transactions that are new or whose state is another
	Scripts [][]byte   // scripts to look for from now on, in this block's successors and in mempools
}

// Apply takes in a block of the best chain: its height and id, its time (Unix seconds)
// and its transactions, all of them in order or those that may be ours. That they are in
// the block was checked before. It may be called again for the same block, and for
// blocks in any order; a block that contradicts one that was applied is refused until
// that one is rewound. Everything is on disk when it returns.
func (c *Chain) Apply(block spv.Block, time uint32, txs []*wire.MsgTx) (Applied, error) {
	if block.Height < 0 {
		return Applied{}, fmt.Errorf("block %s: want a height of at least 0", block)
	}
	if use, ok := c.blocks[block.Height]; ok && use.hash != block.Hash {
		return Applied{}, fmt.Errorf("block %s: the wallet has transactions of %s at this height, rewind first", block, use.hash)
	}
	defer c.countHoles()
	found, done, err := c.matching(txs)
	if err != nil {
		return Applied{}, err
	}
	var fresh, moved []*entry
	var records []Record
	for _, i := range found {
		id := txs[i].TxHash()
		e := &entry{id: id, tx: txs[i], seen: int64(time), seq: c.seq + uint64(len(fresh))}
		if was, ok := c.txs[id]; ok {
			if was.confirmed {
				if was.block != block {
					return Applied{}, fmt.Errorf("transaction %s: in block %s already, rewind first", id, was.block)
				}
				if c.complete(was) {
					continue
				}
			}
			*e = *was
			e.tx = txs[i] // its witness may be another, and the block's is the one that counts
			moved = append(moved, was)
		}
		e.block, e.confirmed, e.abandoned, e.pos, e.time = block, true, false, uint32(i), time
		fresh = append(fresh, e)
		records = append(records, e.record())
	}
	if len(fresh) == 0 {
		return done, nil
	}
	if err := c.log.Write(records); err != nil {
		return Applied{}, err
	}
	for _, e := range moved {
		c.remove(e)
	}
	changed, err := c.add(fresh)
	done.Changed = changed
	return done, err
}

// complete says whether all that a transaction pays to us is among the coins. It is not
// where addresses have become known since it was taken in.
func (c *Chain) complete(e *entry) bool {
	for i, out := range e.tx.TxOut {
		if _, _, ours := c.ownScript(out.PkScript); ours && c.sane(out.Value) && e.coin(uint32(i)) == nil {
			return false
		}
	}
	return true
}

// matching returns the indices of the transactions that concern the wallet. Paying to
// one address may extend the addresses that are looked for, so it goes on until nothing
// new is found.
func (c *Chain) matching(txs []*wire.MsgTx) (found []int, done Applied, err error) {
	ids := make(map[spv.Hash]bool)
	is := make([]bool, len(txs))
	for again := true; again; {
		again = false
		for i, tx := range txs {
			if !c.concerns(tx, ids) || is[i] { // asked of all: each address that is paid counts as used
				continue
			}
			is[i], again = true, true
			ids[tx.TxHash()] = true
		}
		fresh, err := c.growAll()
		if err != nil {
			return nil, Applied{}, err
		}
		done.Scripts = append(done.Scripts, fresh...)
		again = again || len(fresh) > 0
	}
	for i := range txs {
		if is[i] {
			found = append(found, i)
		}
	}
	return found, done, nil
}

// concerns says whether a transaction pays to us, takes from us, or takes what another
// transaction that we know of takes, too. Addresses that it pays to are noted as used.
func (c *Chain) concerns(tx *wire.MsgTx, known map[spv.Hash]bool) bool {
	yes := false
	for _, out := range tx.TxOut {
		if p, _, ok := c.ownScript(out.PkScript); ok {
			p.chain.use(p.index)
			yes = true
		}
	}
	for _, in := range tx.TxIn {
		prev := in.PreviousOutPoint
		if yes || known[prev.Hash] || c.coin(prev) != nil || len(c.spenders[prev]) > 0 {
			return true
		}
	}
	return yes
}

// add puts entries in place whose records are written.
func (c *Chain) add(fresh []*entry) ([]spv.Hash, error) {
	was := c.states()
	for _, e := range fresh {
		c.seq = max(c.seq, e.seq+1)
		if err := c.insert(e); err != nil {
			return nil, err
		}
	}
	c.resolve()
	for _, e := range fresh {
		c.settle(e)
	}
	changed := c.compare(was)
	others := len(changed)
	for _, e := range fresh {
		if !slices.Contains(changed[:others], e.id) {
			changed = append(changed, e.id)
		}
	}
	return changed, nil
}

// maxPending bounds what strangers can make the wallet keep by paying to it without ever
// confirming.
const maxPending = 5000

// Unconfirmed takes in a transaction that is in no block, first seen at now (Unix
// seconds). What does not concern the wallet changes nothing. A transaction that takes
// coins of ours is refused unless its signatures for them are right: nobody shall make
// coins look spent.
func (c *Chain) Unconfirmed(tx *wire.MsgTx, now int64) (Applied, error) {
	id := tx.TxHash()
	if isCoinbase(tx) {
		return Applied{}, fmt.Errorf("transaction %s: a coinbase is in a block or nowhere", id)
	}
	if was, ok := c.txs[id]; ok && (was.confirmed || !was.abandoned) {
		return Applied{}, nil
	}
	if len(c.pending) >= maxPending {
		return Applied{}, fmt.Errorf("transaction %s: %d others are unconfirmed, want at most %d", id, len(c.pending), maxPending)
	}
	if err := c.verifyOurs(tx); err != nil {
		return Applied{}, fmt.Errorf("transaction %s: %w", id, err)
	}
	return c.takeIn(tx, now, false)
}

func (c *Chain) takeIn(tx *wire.MsgTx, now int64, ours bool) (Applied, error) {
	defer c.countHoles()
	found, done, err := c.matching([]*wire.MsgTx{tx})
	if err != nil || len(found) == 0 {
		return done, err
	}
	e := &entry{id: tx.TxHash(), tx: tx, seen: now, seq: c.seq, ours: ours}
	was, known := c.txs[e.id]
	if known {
		*e = *was
		e.seq, e.abandoned, e.ours = c.seq, false, e.ours || ours
	}
	if err := c.log.Write([]Record{e.record()}); err != nil {
		return Applied{}, err
	}
	if known {
		c.remove(was)
	}
	done.Changed, err = c.add([]*entry{e})
	return done, err
}

// verifyOurs runs the scripts of the inputs that take coins of ours. Where that needs
// outputs that we do not know (BIP341 commits to all of them), it cannot be told and is
// refused; the transaction is seen when it confirms.
func (c *Chain) verifyOurs(tx *wire.MsgTx) error {
	outs := map[wire.OutPoint]*wire.TxOut{}
	all, taproot := true, false
	for _, in := range tx.TxIn {
		k := c.coin(in.PreviousOutPoint)
		if k == nil {
			all = false
			continue
		}
		outs[in.PreviousOutPoint] = k.out()
		taproot = taproot || txscript.IsPayToTaproot(k.script)
	}
	if taproot && !all {
		return errors.New("takes a taproot coin of ours beside foreign ones: its signature cannot be checked")
	}
	for _, in := range tx.TxIn {
		if outs[in.PreviousOutPoint] == nil {
			outs[in.PreviousOutPoint] = &wire.TxOut{} // the engine's hashes want an entry; only taproot looks into it
		}
	}
	fetcher := txscript.NewMultiPrevOutFetcher(outs)
	hashes := txscript.NewTxSigHashes(tx, fetcher)
	for i, in := range tx.TxIn {
		if c.coin(in.PreviousOutPoint) == nil {
			continue
		}
		if err := verifyInput(tx, i, outs[in.PreviousOutPoint], hashes, fetcher); err != nil {
			return err
		}
	}
	return nil
}

// verifyInput runs the scripts of one input under the rules of relay.
func verifyInput(tx *wire.MsgTx, i int, out *wire.TxOut, hashes *txscript.TxSigHashes, f txscript.PrevOutputFetcher) error {
	engine, err := txscript.NewEngine(out.PkScript, tx, i, txscript.StandardVerifyFlags, nil, hashes, out.Value, f)
	if err == nil {
		err = engine.Execute()
	}
	if err != nil {
		return fmt.Errorf("input %d: %w", i, err)
	}
	return nil
}

// Rewind goes back to a block that stays in the best chain: whatever was in blocks above
// it is unconfirmed again, and coinbases are void. It is on disk when it returns.
func (c *Chain) Rewind(to spv.Block) (changed []spv.Hash, err error) {
	if use, ok := c.blocks[to.Height]; ok && use.hash != to.Hash {
		return nil, fmt.Errorf("rewind to %s: the wallet has transactions of %s at this height", to, use.hash)
	}
	var records []Record
	var was, fresh []*entry
	for i := len(c.history) - 1; i >= 0; i-- {
		e := c.history[i]
		if !e.confirmed {
			continue
		}
		if e.block.Height <= to.Height {
			break
		}
		back := *e
		back.confirmed, back.block, back.pos, back.time = false, spv.Block{}, 0, 0
		was, fresh = append(was, e), append(fresh, &back)
		records = append(records, back.record())
	}
	tip := c.tip
	if to.Height <= tip.Height {
		tip = to
		records = append(records, cursorRecord(to))
	}
	if len(records) == 0 {
		return nil, nil
	}
	if err := c.log.Write(records); err != nil {
		return nil, err
	}
	c.tip = tip
	for _, e := range was {
		c.remove(e)
	}
	return c.add(fresh)
}

// Abandon gives up an unconfirmed transaction: its inputs are free again, and what
// descends from it counts no more. It cannot be called back from the network: seen
// again, there or in a block, it counts again.
func (c *Chain) Abandon(id spv.Hash) (changed []spv.Hash, err error) {
	e, ok := c.txs[id]
	switch {
	case !ok:
		return nil, fmt.Errorf("transaction %s: not of this wallet", id)
	case e.confirmed:
		return nil, fmt.Errorf("transaction %s: confirmed in block %s", id, e.block)
	case e.abandoned:
		return nil, nil
	}
	gone := *e
	gone.abandoned = true
	if err := c.log.Write([]Record{gone.record()}); err != nil {
		return nil, err
	}
	c.remove(e)
	return c.add([]*entry{&gone})
}

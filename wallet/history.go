package wallet

import (
	"bytes"
	"cmp"
	"iter"
	"slices"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
)

// Status says what became of a transaction.
type Status uint8

// The statuses of transactions. The set is closed.
const (
	StatusConfirmed Status = iota + 1
	StatusPending          // may still confirm
	StatusReplaced         // what it takes, another one takes that counts: see Row.ReplacedBy
	StatusAbandoned
	StatusVoid // a coinbase whose block is gone, or a descendant of what counts no more
)

var statusNames = [...]string{"?", "confirmed", "pending", "replaced", "abandoned", "void"}

// String returns the status's name.
func (s Status) String() string { return statusNames[min(int(s), len(statusNames)-1)] }

// MarshalText returns the status's name.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Row is one transaction of the history.
type Row struct {
	ID          spv.Hash
	Status      Status
	Block       spv.Block // if confirmed
	Depth       int32     // confirmations; 0: none
	Time        int64     // of the block, else when it was first seen; Unix seconds
	Amount      int64     // what came in minus what went out, the fee included
	Fee         int64     // valid if FeeKnown
	FeeKnown    bool      // all its inputs are known, because they are ours
	Coinbase    bool
	Ours        bool // made here
	Replaceable bool // signals that it may be replaced (BIP125)
	DoubleSpend bool // another transaction takes the same coins
	ReplacedBy  spv.Hash
	Label       string
}

// History returns n transactions from the one at place from, fewer at the end: those that may still confirm first, then
// the rest by time, both newest first.
func (c *Chain) History(from, n int) (out []Row) {
	settled, pending, gone := c.standing()
	from = max(from, 0)
	if len(gone) == 0 && c.foreign == 0 { // else those before are to be counted
		hop := min(max(from-len(pending), 0), len(settled))
		settled, from = settled[:len(settled)-hop], from-hop
	}
	for e := range newest(settled, pending, gone) {
		if len(out) >= n {
			break
		}
		if e.outside {
			continue
		}
		if from--; from < 0 {
			out = append(out, c.row(e))
		}
	}
	return out
}

// standing splits the history, oldest first, into what is confirmed, what may still be, and what counts no more.
func (c *Chain) standing() (settled, pending, gone []*entry) {
	n, _ := slices.BinarySearchFunc(c.history, false, func(e *entry, confirmed bool) int {
		if e.confirmed != confirmed {
			return -1
		}
		return 0
	})
	for _, e := range c.history[n:] {
		if e.active {
			pending = append(pending, e)
		} else {
			gone = append(gone, e)
		}
	}
	// What is sent again is known anew, but was first seen when it was.
	slices.SortStableFunc(gone, func(e, f *entry) int { return cmp.Compare(e.seen, f.seen) })
	return c.history[:n], pending, gone
}

// newest yields entries as History orders them. Blocks are in the order of the chain, whatever times they claim.
func newest(settled, pending, gone []*entry) iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for _, e := range slices.Backward(pending) {
			if !yield(e) {
				return
			}
		}
		for i, j := len(settled)-1, len(gone)-1; i >= 0 || j >= 0; {
			var e *entry
			if i < 0 || j >= 0 && gone[j].seen > int64(settled[i].time) {
				e, j = gone[j], j-1
			} else {
				e, i = settled[i], i-1
			}
			if !yield(e) {
				return
			}
		}
	}
}

// Rows returns how many transactions the history has.
func (c *Chain) Rows() int { return len(c.history) - c.foreign }

// PaidTo returns how many transactions of the history pay to a script.
func (c *Chain) PaidTo(script []byte) (n int) {
	pays := func(out *wire.TxOut) bool { return bytes.Equal(out.PkScript, script) }
	for _, e := range c.history {
		if !e.outside && slices.ContainsFunc(e.tx.TxOut, pays) {
			n++
		}
	}
	return n
}

// Transaction returns one transaction and its row of the history.
func (c *Chain) Transaction(id spv.Hash) (*wire.MsgTx, Row, bool) {
	e, ok := c.txs[id]
	if !ok {
		return nil, Row{}, false
	}
	return e.tx.Copy(), c.row(e), true
}

// Pending returns the transactions made here that are neither confirmed nor given up, in
// the order in which they were made: those to broadcast again.
func (c *Chain) Pending() (out []*wire.MsgTx) {
	var list []*entry
	for e := range c.pending {
		if e.ours && e.active {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, (*entry).before)
	for _, e := range list {
		out = append(out, e.tx.Copy())
	}
	return out
}

func (c *Chain) row(e *entry) Row {
	r := Row{ID: e.id, Block: e.block, Time: e.seen, Coinbase: isCoinbase(e.tx), Ours: e.ours, Label: c.txLabel(e.id)}
	if e.confirmed {
		r.Time, r.Depth = int64(e.time), max(1, c.tip.Height-e.block.Height+1)
	}
	r.FeeKnown = !r.Coinbase
	for _, in := range e.tx.TxIn {
		op := in.PreviousOutPoint
		if k := c.coin(op); k != nil {
			r.Amount -= k.value
			r.Fee += k.value
		} else {
			r.FeeKnown = false
		}
		r.Replaceable = r.Replaceable || in.Sequence < wire.MaxTxInSequenceNum-1
		for _, f := range c.spenders[op] {
			if f != e {
				r.DoubleSpend = true
				if f.active {
					r.ReplacedBy = f.id
				}
			}
		}
	}
	for i := range e.coins {
		r.Amount += e.coins[i].value
	}
	for _, out := range e.tx.TxOut {
		r.Fee -= out.Value
	}
	if !r.FeeKnown {
		r.Fee = 0
	}
	r.Status = status(e, r.ReplacedBy != spv.Hash{})
	return r
}

func status(e *entry, replaced bool) Status {
	switch {
	case e.confirmed:
		return StatusConfirmed
	case e.active:
		return StatusPending
	case replaced:
		return StatusReplaced
	case e.abandoned:
		return StatusAbandoned
	}
	return StatusVoid
}

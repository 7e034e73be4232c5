package mempool

import (
	"slices"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
)

// The most that waits for parents, and that waits for L1 blocks: one claim may take nearly
// a block.
const (
	maxOrphans   = 100
	orphanBytes  = 5 << 20
	orphanExpiry = 20 * time.Minute
	maxPending   = 200
	pendingBytes = 8 << 20
)

// Source names where a transaction came from, such as a peer. Zero is ourselves.
type Source uint64

// orphan is a transaction that cannot be judged yet.
type orphan struct {
	tx      *wire.MsgTx
	id, wid spv.Hash
	size    int
	from    Source
	time    time.Time
}

// orphans are kept by where they came from: whoever brings the most loses his oldest
// first, so that nobody can push out the others'.
type orphans struct {
	most, bytes int
	list        []*orphan // the oldest first
	size        int
}

// add keeps a transaction and drops those that make it too many.
func (o *orphans) add(now time.Time, tx *wire.MsgTx, from Source) {
	x := &orphan{tx: tx, id: tx.TxHash(), wid: tx.WitnessHash(), size: int(cost(tx)), from: from, time: now}
	if o.has(x.wid) {
		return
	}
	o.list = append(o.list, x)
	o.size += x.size
	for len(o.list) > o.most || o.size > o.bytes {
		o.cut(o.greediest())
	}
}

// greediest returns the oldest orphan of the source that has the most bytes here.
func (o *orphans) greediest() int {
	sizes := map[Source]int{}
	for _, x := range o.list {
		sizes[x.from] += x.size
	}
	worst := 0
	for i, x := range o.list {
		if sizes[x.from] > sizes[o.list[worst].from] {
			worst = i
		}
	}
	return worst
}

func (o *orphans) cut(i int) {
	o.size -= o.list[i].size
	o.list = slices.Delete(o.list, i, i+1)
}

// has tells whether the transaction with a witness id is here. One with the same id and
// another witness is another: anybody may have spoiled the witness.
func (o *orphans) has(wid spv.Hash) bool {
	return slices.ContainsFunc(o.list, func(x *orphan) bool { return x.wid == wid })
}

// take takes out those that a test picks.
func (o *orphans) take(pick func(*orphan) bool) (taken []*orphan) {
	for i := 0; i < len(o.list); {
		if x := o.list[i]; pick(x) {
			taken = append(taken, x)
			o.cut(i)
		} else {
			i++
		}
	}
	return taken
}

// of picks the orphans that spend one of some transactions.
func (o *orphans) of(parents map[spv.Hash]struct{}) []*orphan {
	return o.take(func(x *orphan) bool { return spends(x.tx, parents) })
}

func spends(tx *wire.MsgTx, parents map[spv.Hash]struct{}) bool {
	return slices.ContainsFunc(tx.TxIn, func(in *wire.TxIn) bool {
		_, ok := parents[in.PreviousOutPoint.Hash]
		return ok
	})
}

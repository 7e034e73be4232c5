package mempool

import (
	"container/heap"
	"errors"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/spv"
)

// maxReturned bounds the transactions of undone blocks that come back, in bytes of memory.
const maxReturned = 60_000_000

// Moved follows the best chain: undone are the transactions of the blocks that left it,
// the tip's first, connected those of the blocks that came, the lowest first; coinbases
// may be among them. The chain has moved already. What is in a block, or conflicts with
// one, goes; what was undone comes back if it still can. The error is the chain's: the
// pool then may lack transactions, and holds none that is bad.
func (p *Pool) Moved(now time.Time, undone, connected [][]*wire.MsgTx) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused.Clear()
	in := map[spv.Hash]struct{}{}
	for _, txs := range connected {
		for _, tx := range txs {
			in[tx.TxHash()] = struct{}{}
			p.confirm(tx)
		}
		p.floor.block(now)
	}
	var err error
	if len(undone) > 0 {
		err = p.rebuild(now, undone, in)
	}
	err = errors.Join(err, p.again(now, in))
	p.expire(now)
	p.trim(now)
	return err
}

// confirm takes out what a block holds, and what it rules out.
func (p *Pool) confirm(tx *wire.MsgTx) {
	if e := p.byID[tx.TxHash()]; e != nil {
		p.remove(e)
	}
	for _, in := range tx.TxIn {
		if e := p.spent[in.PreviousOutPoint]; e != nil {
			p.drop(group{e: {}})
		}
	}
}

// rebuild judges everything anew on the new branch: first what the undone blocks held, in
// the order of the chain, then what was in the pool, so that each comes behind what it
// depends on.
func (p *Pool) rebuild(now time.Time, undone [][]*wire.MsgTx, in map[spv.Hash]struct{}) error {
	var back []*wire.MsgTx
	size := int64(0)
	for i := len(undone) - 1; i >= 0; i-- {
		for _, tx := range undone[i] {
			if _, ok := in[tx.TxHash()]; ok || isCoinbase(tx) || size+cost(tx) > maxReturned {
				continue
			}
			size += cost(tx)
			back = append(back, tx)
		}
	}
	old := youngestFirst(p.all())
	p.empty()
	var errs []error
	for _, tx := range back {
		if _, err := p.restore(now, tx); err != nil {
			errs = append(errs, err)
		}
	}
	for i := len(old) - 1; i >= 0; i-- { // the oldest first
		e, err := p.restore(now, old[i].tx)
		if err != nil {
			errs = append(errs, err)
		} else if e != nil {
			p.keepPlace(e, old[i])
		}
	}
	p.dropPoor()
	return errors.Join(errs...)
}

func (p *Pool) all() group {
	all := make(group, len(p.byID))
	for _, e := range p.byID {
		all[e] = struct{}{}
	}
	return all
}

// restore takes back a transaction that was in a block or in the pool; nil if it cannot be.
func (p *Pool) restore(now time.Time, tx *wire.MsgTx) (*entry, error) {
	o, err := p.newOffer(now)
	if err != nil {
		return nil, err
	}
	if err := o.judge([]*wire.MsgTx{tx}, true); err != nil {
		if errors.Is(err, spv.ErrPending) {
			p.pending.add(now, tx, 0)
			return nil, nil
		}
		var refused *spv.CheckError
		var missing *missingError
		if errors.As(err, &refused) || errors.As(err, &missing) {
			return nil, nil
		}
		return nil, err
	}
	if len(o.direct) > 0 {
		return nil, nil // what was in a block keeps its place
	}
	e := o.fresh[0]
	e.poor = e.fee < feeFor(p.params.Policy.MinRelay, e.size)
	p.insert(e)
	return e, nil
}

// keepPlace gives a restored entry the time and the turn that it had, so that it is not
// announced again.
func (p *Pool) keepPlace(e, old *entry) {
	if i, ok := p.turn(e.seq); ok {
		p.order[i].entry = nil
		p.gone++
	}
	e.time, e.height, e.seq, e.poor = old.time, old.height, old.seq, old.poor
	heap.Fix(&p.worst, e.at)
	p.queue(e)
}

// dropPoor drops what pays too little and has no child that pays for it.
func (p *Pool) dropPoor() {
	alone := group{}
	for _, e := range p.byID {
		if e.poor && len(e.children) == 0 {
			alone[e] = struct{}{}
		}
	}
	p.drop(alone)
}

// again tries what waited: orphans whose parents are in the new blocks, claims whose L1
// blocks may be known now, and what the L1 or the clock may have ruled out.
func (p *Pool) again(now time.Time, parents map[spv.Hash]struct{}) error {
	err := p.recheck()
	var r Result
	for _, x := range append(p.orphans.of(parents), p.pending.take(func(*orphan) bool { return true })...) {
		if p.byWID[x.wid] != nil {
			continue
		}
		e := p.add(now, x.tx, x.from, &r)
		for _, y := range p.pending.list {
			if y.wid == x.wid {
				y.time = x.time // it waits since then
			}
		}
		if e != nil {
			var refused *spv.CheckError
			var missing *missingError
			if !errors.As(e, &refused) && !errors.As(e, &missing) && !errors.Is(e, errRefused) {
				err = errors.Join(err, e)
			}
		}
	}
	return err
}

// expire drops what has waited too long.
func (p *Pool) expire(now time.Time) {
	old := group{}
	for _, t := range p.order {
		if t.entry == nil {
			continue
		}
		if now.Sub(t.entry.time) <= p.expiry {
			break
		}
		old[t.entry] = struct{}{}
	}
	p.drop(old)
	p.orphans.take(func(x *orphan) bool { return now.Sub(x.time) > orphanExpiry })
	p.pending.take(func(x *orphan) bool { return now.Sub(x.time) > p.expiry })
}

// Tick lets time pass: what has waited too long goes.
func (p *Pool) Tick(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire(now)
}

// ParentMoved is to be called when the L1's headers or best chain have changed: claims
// that waited are judged, and those whose blocks have left the L1 go. The error is the
// chain's.
func (p *Pool) ParentMoved(now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.again(now, nil)
}

// Forget drops the orphans that came from a source.
func (p *Pool) Forget(from Source) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.orphans.take(func(x *orphan) bool { return x.from == from })
}

func isCoinbase(tx *wire.MsgTx) bool {
	return len(tx.TxIn) == 1 && tx.TxIn[0].PreviousOutPoint == wire.OutPoint{Index: wire.MaxPrevOutIndex}
}

// recheck judges again what depends on the L1 or on lock times. Without an error of the
// chain, all that stays would be valid in the next block.
func (p *Pool) recheck() error {
	var errs []error
	ctx, err := p.place()
	if err != nil {
		return err
	}
	for e := range p.all() {
		if !e.locked() || p.byID[e.id] != e {
			continue
		}
		_, err := consensus.CheckTx(ctx, e.tx, p.view(ctx.Height), p.cache)
		var refused *spv.CheckError
		switch {
		case err == nil:
		case errors.Is(err, spv.ErrPending):
			p.drop(group{e: {}})
			p.pending.add(e.time, e.tx, 0)
		case errors.As(err, &refused):
			p.drop(group{e: {}})
		default:
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

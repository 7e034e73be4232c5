package mempool

import (
	"errors"
	"fmt"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
)

// Status is what became of a transaction.
type Status uint8

// What can become of a transaction that is not refused.
const (
	Accepted Status = iota + 1
	Known           // it was in the pool
	Orphan          // parents are not known; it waits a while, unless it is our own
	Pending         // the L1 blocks that it speaks of are not known yet; it waits
)

var statusNames = [...]string{"none", "accepted", "known", "orphan", "pending"}

// String returns the status in one word.
func (s Status) String() string { return statusNames[min(int(s), len(statusNames)-1)] }

// Result is what taking a transaction led to.
type Result struct {
	Status   Status
	Accepted []spv.Hash // ids, of orphans too that could be judged at last, parents first
	Replaced []spv.Hash // ids of what had to go for them
	Missing  []spv.Hash // ids of an orphan's parents that are to be fetched
}

// errRefused: the same bytes were refused since the tip last moved.
var errRefused = errors.New("refused before")

// Add takes a transaction that came from a source. A refusal wraps a *spv.CheckError, by
// one of this package's names where it is for policy; other errors are the chain's.
func (p *Pool) Add(now time.Time, tx *wire.MsgTx, from Source) (Result, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var r Result
	err := p.add(now, tx, from, &r)
	return r, err
}

func (p *Pool) add(now time.Time, tx *wire.MsgTx, from Source, r *Result) error {
	wid := tx.WitnessHash()
	if p.byWID[wid] != nil {
		r.Status = Known
		return nil
	}
	if from != 0 && p.refused.Has(wid) {
		return fmt.Errorf("transaction with witness id %s: %w", wid, errRefused)
	}
	o, err := p.take(now, false, tx)
	if isPoor(err) {
		if done, err2 := p.addWithChild(now, tx, r); done {
			return err2
		}
	}
	if err != nil {
		return p.setAside(now, tx, from, err, r)
	}
	r.Status = Accepted
	p.report(o, r)
	p.adopt(now, r)
	return nil
}

// take judges an offer and carries it out.
func (p *Pool) take(now time.Time, trusted bool, txs ...*wire.MsgTx) (*offer, error) {
	o, err := p.newOffer(now)
	if err != nil {
		return nil, err
	}
	if err := o.judge(txs, trusted); err != nil {
		return nil, err
	}
	return o, p.carry(o)
}

// carry puts what was judged into the pool.
func (p *Pool) carry(o *offer) error {
	o.evict = p.drop(o.direct)
	for _, e := range o.fresh {
		p.insert(e)
		p.orphans.take(func(x *orphan) bool { return x.id == e.id })
		p.pending.take(func(x *orphan) bool { return x.id == e.id })
	}
	p.trim(o.now)
	for _, e := range o.fresh {
		if p.byID[e.id] != e {
			return &poorError{fmt.Errorf("transaction %s: %w", e.id, refuse(CheckFull,
				fmt.Sprintf("fee %d for %d vbytes", e.fee, e.size),
				fmt.Sprintf("at least %d for 1000 vbytes in a full pool", p.floorAt(o.now))))}
		}
	}
	return nil
}

// trim evicts what pays least until the pool fits.
func (p *Pool) trim(now time.Time) {
	for p.used > p.most && len(p.worst) > 0 {
		e := p.worst[0]
		fee, size := e.score()
		p.floor.raise(now, rateOf(fee, size), p.params.Policy.Incremental)
		p.drop(group{e: {}})
	}
}

func (p *Pool) floorAt(now time.Time) int64 {
	return max(p.params.Policy.MinRelay, p.floor.at(now, p.used, p.most, p.params.Policy.Incremental))
}

// setAside keeps what may be judged later, and remembers what was refused.
func (p *Pool) setAside(now time.Time, tx *wire.MsgTx, from Source, err error, r *Result) error {
	var missing *missingError
	var refused *spv.CheckError
	switch {
	case errors.As(err, &missing):
		for _, id := range missing.parents {
			if p.refused.Has(id) {
				p.refused.Add(tx.WitnessHash())
				return fmt.Errorf("%w, and it was refused", err)
			}
		}
		r.Status, r.Missing = Orphan, missing.parents
		if from != 0 && cost(tx) <= orphanBytes/10 {
			p.orphans.add(now, tx, from)
		}
		return nil
	case errors.Is(err, spv.ErrPending):
		r.Status = Pending
		p.pending.add(now, tx, from)
		return nil
	case errors.As(err, &refused) && !isPoor(err):
		p.refused.Add(tx.WitnessHash())
	}
	return err
}

func (p *Pool) report(o *offer, r *Result) {
	for _, e := range o.fresh {
		r.Accepted = append(r.Accepted, e.id)
	}
	for e := range o.evict {
		r.Replaced = append(r.Replaced, e.id)
	}
}

// adopt tries the orphans of what was accepted, theirs, and so on.
func (p *Pool) adopt(now time.Time, r *Result) {
	for next := 0; next < len(r.Accepted); next++ {
		for _, x := range p.orphans.of(map[spv.Hash]struct{}{r.Accepted[next]: {}}) {
			if o, err := p.take(now, false, x.tx); err == nil {
				p.report(o, r)
			} else {
				var again Result
				_ = p.setAside(now, x.tx, x.from, err, &again) // whoever sent it is not asked twice
			}
		}
	}
}

// addWithChild tries a parent that pays too little with an orphan that spends it, and
// tells whether that settled it.
func (p *Pool) addWithChild(now time.Time, parent *wire.MsgTx, r *Result) (bool, error) {
	id := parent.TxHash()
	for _, x := range p.orphans.of(map[spv.Hash]struct{}{id: {}}) {
		o, err := p.take(now, false, parent, x.tx)
		if err == nil {
			r.Status = Accepted
			p.report(o, r)
			p.adopt(now, r)
			return true, nil
		}
		var missing *missingError
		if errors.As(err, &missing) || isPoor(err) {
			p.orphans.add(now, x.tx, x.from) // with other parents it may do
		}
	}
	return false, nil
}

// AddPackage takes a parent and its child together, so that the child pays for both; each
// that can stand alone is taken alone. The error names what is in the way.
func (p *Pool) AddPackage(now time.Time, parent, child *wire.MsgTx, from Source) (Result, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !spends(child, map[spv.Hash]struct{}{parent.TxHash(): {}}) {
		return Result{}, fmt.Errorf("package of %s and %s: %w", parent.TxHash(), child.TxHash(),
			refuse(CheckPackage, "a second that spends nothing of the first", "a parent and its child"))
	}
	var first Result
	err := p.add(now, parent, from, &first)
	switch {
	case err == nil && first.Status != Accepted && first.Status != Known:
		return first, nil
	case err == nil:
		second := Result{}
		err = p.add(now, child, from, &second)
		second.Accepted = append(first.Accepted, second.Accepted...)
		second.Replaced = append(first.Replaced, second.Replaced...)
		return second, err
	case !isPoor(err):
		return first, err
	}
	o, err := p.take(now, false, parent, child)
	if err != nil {
		return Result{}, err
	}
	r := Result{Status: Accepted}
	p.report(o, &r)
	p.adopt(now, &r)
	return r, nil
}

// Facts are what a transaction of the pool, or one that could be in it, is.
type Facts struct {
	ID, WitnessID spv.Hash
	Fee           int64 // base units
	Weight        int64
	Size          int64 // virtual bytes; more where it has many signature operations
	SigOps        int64 // BIP141's cost
	Time          time.Time
	Height        int32 // of the tip when it came
	// Counts, virtual bytes and fees of what it depends on and of what depends on it,
	// itself included.
	Ancestors, AncestorSize, AncestorFees       int64
	Descendants, DescendantSize, DescendantFees int64
	Depends, SpentBy                            []spv.Hash // ids, direct ones
}

// Test judges transactions, of which each may spend those before it, as if they came
// together. It changes nothing. Errors are those of Add; parents that are not known are
// an error, too.
func (p *Pool) Test(now time.Time, txs ...*wire.MsgTx) ([]Facts, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(txs) == 0 || len(txs) > maxChain {
		return nil, refuse(CheckPackage, fmt.Sprintf("%d transactions", len(txs)), fmt.Sprintf("1 to %d", maxChain))
	}
	o, err := p.newOffer(now)
	if err != nil {
		return nil, err
	}
	if err := o.judge(txs, false); err != nil {
		return nil, err
	}
	list := make([]Facts, len(o.fresh))
	for i, e := range o.fresh {
		list[i] = e.facts()
	}
	return list, nil
}

// RefusedBefore tells whether an error says no more than that the same bytes were refused
// since the tip last moved, or that a parent was.
func RefusedBefore(err error) bool {
	var missing *missingError
	return errors.Is(err, errRefused) || errors.As(err, &missing)
}

package mempool

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/template"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/peg"
)

func (e *entry) facts() Facts {
	f := Facts{ID: e.id, WitnessID: e.wid, Fee: e.fee, Weight: e.weight, Size: e.size, SigOps: e.sigOps,
		Time: e.time, Height: e.height,
		Ancestors: e.above.count, AncestorSize: e.above.size, AncestorFees: e.above.fee,
		Descendants: e.below.count, DescendantSize: e.below.size, DescendantFees: e.below.fee}
	for parent := range e.parents {
		f.Depends = append(f.Depends, parent.id)
	}
	for child := range e.children {
		f.SpentBy = append(f.SpentBy, child.id)
	}
	order := func(a, b spv.Hash) int { return bytes.Compare(a[:], b[:]) }
	slices.SortFunc(f.Depends, order)
	slices.SortFunc(f.SpentBy, order)
	return f
}

// Knows tells whether a transaction need not be asked for: it is in the pool, waits, or
// was refused. The id may be of either kind; a refusal counts for a witness id only,
// because anybody can spoil a witness.
func (p *Pool) Knows(id spv.Hash) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.byID[id] != nil || p.byWID[id] != nil || p.refused.Has(id) || p.orphans.has(id) || p.pending.has(id)
}

// Get returns a transaction by either of its ids. It is not to be changed.
func (p *Pool) Get(id spv.Hash) (*wire.MsgTx, Facts, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.byID[id]
	if e == nil {
		e = p.byWID[id]
	}
	if e == nil {
		return nil, Facts{}, false
	}
	return e.tx, e.facts(), true
}

// SpentBy returns the id of the transaction of the pool that spends an outpoint.
func (p *Pool) SpentBy(op wire.OutPoint) (spv.Hash, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.spent[op]; e != nil {
		return e.id, true
	}
	return spv.Hash{}, false
}

// All returns what is known of every transaction, in the order in which they came.
func (p *Pool) All() []Facts {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]Facts, 0, len(p.byID))
	for _, t := range p.order {
		if t.entry != nil {
			list = append(list, t.entry.facts())
		}
	}
	return list
}

// Arrival is a transaction in the order in which they came.
type Arrival struct {
	Seq           uint64
	ID, WitnessID spv.Hash
	Fee, Size     int64
}

// Since returns up to n transactions that came after a place in the order, which begins
// at 0, in that order.
func (p *Pool) Since(seq uint64, n int) []Arrival {
	p.mu.Lock()
	defer p.mu.Unlock()
	i, _ := p.turn(seq + 1)
	var list []Arrival
	for _, t := range p.order[i:] {
		if len(list) == n {
			break
		}
		if e := t.entry; e != nil {
			list = append(list, Arrival{e.seq, e.id, e.wid, e.fee, e.size})
		}
	}
	return list
}

// Back returns the place in the order that at most the newest n transactions came after.
func (p *Pool) Back(n int) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n >= len(p.order) {
		return 0
	}
	return p.order[len(p.order)-1-n].seq
}

// Served returns the bytes of a transaction, by either of its ids, that came no later than
// a place in the order: what a peer may have that was told of those.
func (p *Pool) Served(id spv.Hash, seq uint64) ([]byte, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.byID[id]
	if e == nil {
		e = p.byWID[id]
	}
	if e == nil || e.seq > seq {
		return nil, false
	}
	return serialize(e.tx), true
}

func serialize(tx *wire.MsgTx) []byte {
	var b bytes.Buffer
	b.Grow(tx.SerializeSize())
	if err := tx.Serialize(&b); err != nil {
		panic(fmt.Sprintf("mempool: %v", err)) // a buffer does not fail
	}
	return b.Bytes()
}

// Stats is how full a pool is.
type Stats struct {
	Count   int
	Size    int64 // virtual bytes
	Fees    int64
	Used    int64 // memory, bytes, roughly
	Most    int64 // of it
	MinFee  int64 // least fee rate that is taken now, base units per 1000 virtual bytes
	Orphans int
	Pending int // claims that wait for L1 blocks
}

// Stats returns how full the pool is.
func (p *Pool) Stats(now time.Time) Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Stats{Count: len(p.byID), Size: p.size, Fees: p.fees, Used: p.used, Most: p.most, MinFee: p.floorAt(now),
		Orphans: len(p.orphans.list), Pending: len(p.pending.list)}
}

// Idle tells whether nothing is here that a block could concern.
func (p *Pool) Idle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.byID)+len(p.orphans.list)+len(p.pending.list) == 0
}

// Candidates returns every transaction for a block on top of the tip, in the order in
// which they came, but for claims beyond what one block may hold and the cap leaves room
// for, with all that depends on them.
func (p *Pool) Candidates() ([]template.Candidate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	out, err := p.surplus()
	if err != nil {
		return nil, err
	}
	at := make(map[*entry]int, len(p.byID))
	for _, t := range p.order {
		if _, left := out[t.entry]; t.entry != nil && !left {
			at[t.entry] = len(at)
		}
	}
	list := make([]template.Candidate, len(at))
	for e, i := range at {
		tx, _, err := spv.ParseTx(serialize(e.tx))
		if err != nil {
			return nil, fmt.Errorf("transaction %s: %w", e.id, err)
		}
		c := template.Candidate{Tx: tx, Fee: e.fee, Weight: e.weight, SigOps: e.sigOps}
		for parent := range e.parents {
			c.Depends = append(c.Depends, at[parent])
		}
		slices.Sort(c.Depends)
		list[i] = c
	}
	return list, nil
}

// surplus returns the claims for which a block has no room, the worst paying first to go,
// with all that depends on them.
func (p *Pool) surplus() (group, error) {
	var claims []*entry
	for _, t := range p.order {
		if t.entry != nil && t.entry.deposit > 0 {
			claims = append(claims, t.entry)
		}
	}
	if len(claims) == 0 {
		return nil, nil
	}
	next, err := p.chain.Next()
	if err != nil {
		return nil, err
	}
	room := p.params.Unit.MaxMoney / p.params.UnitsPerSat()
	if p.params.Peg.Cap != chains.NoCap {
		room = min(room, p.params.Peg.Cap)
	}
	room = max(0, room-(next.Supply.Claimed-next.Supply.Burned/p.params.UnitsPerSat()))
	room = min(room, math.MaxInt64-next.Supply.Claimed)
	slices.SortStableFunc(claims, func(a, b *entry) int {
		return cmp.Or(compareRates(b.fee, b.weight, a.fee, a.weight), cmp.Compare(a.seq, b.seq))
	})
	out, held := group{}, 0
	for _, e := range claims {
		if held == peg.MaxClaims || e.deposit > room {
			out[e] = struct{}{}
			continue
		}
		held++
		room -= e.deposit
	}
	for e := range descendants(out) {
		out[e] = struct{}{}
	}
	return out, nil
}

// Pays tells whether the transaction pays a rate, in base units per 1000 virtual bytes.
func (a *Arrival) Pays(rate int64) bool { return a.Fee >= feeFor(rate, a.Size) }

package app

import (
	"fmt"
	"sync"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/wallet/settle"
)

// settlements are those of all wallets that can sign.
type settlements struct {
	mu     sync.Mutex // never held while a settlement's or a vault's is taken
	list   map[string]*settlement
	plans  map[string]*settlePlan   // by draft
	signed map[spv.Hash]*settlePlan // by transaction, once SignFunding signed it
	poked  chan struct{}            // holds one: something may have to be done
}

func newSettlements() *settlements {
	return &settlements{list: map[string]*settlement{}, plans: map[string]*settlePlan{}, signed: map[spv.Hash]*settlePlan{},
		poked: make(chan struct{}, 1)}
}

// of returns a wallet's settlement; nil if it has none.
func (t *settlements) of(wallet string) *settlement {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.list[wallet]
}

func (t *settlements) all() (out []*settlement) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.list {
		out = append(out, s)
	}
	return out
}

// wake has somebody look what is to be done. It never waits.
func (t *settlements) wake() {
	select {
	case t.poked <- struct{}{}:
	default:
	}
}

// spread has the machines look for what a settlement wants. It never waits.
func (t *settlements) spread(s *settlement) {
	s.mu.Lock()
	var sides []*ledger
	for _, side := range s.on {
		sides = append(sides, side.ledger)
	}
	s.mu.Unlock()
	for _, c := range sides {
		c.post(func() { c.settleWatch(s) })
	}
}

// apexOf returns the L1 of a layer; every other chain is its own.
func (l *Local) apexOf(p *chains.Params) *chains.Params {
	if p.Kind.Layered() {
		return l.set.L1Of(p)
	}
	return p
}

// post has a ledger's loop do something, some time. It never waits, so that loops may ask each other.
func (l *ledger) post(do func()) {
	select {
	case l.asked <- do:
		l.nudge()
	default:
		go func() {
			select {
			case l.asked <- do:
				l.nudge()
			case <-l.ended:
			}
		}()
	}
}

func (l *ledger) nudge() {
	select {
	case l.inputs <- wake{}:
	default: // it has not yet looked at the last one
	}
}

// openSettlement opens the settlement of a wallet over its purses, or opens it again with more of them. No loop may use the
// purses meanwhile.
func (l *Local) openSettlement(w *vault, purses map[*ledger]*purse) error {
	on, follow := l.settleSides(purses)
	if w.watch || len(on) == 0 {
		return nil
	}
	s := l.deals.of(w.name)
	if s == nil {
		disk, err := l.records(w, settleChain)
		if err != nil {
			return err
		}
		s = &settlement{wallet: w.name, log: &settleLog{disk: disk}, on: map[spv.Hash]*settleSide{}, tried: map[wire.OutPoint]bool{}}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.book != nil && len(s.on) == len(on) {
		return nil
	}
	book, err := settle.Open(follow, s.log)
	if err != nil {
		return fmt.Errorf("wallet %s: settlement: %w", w.name, err)
	}
	s.book = book
	for id, side := range on {
		if s.on[id] == nil {
			s.on[id] = side
		}
	}
	for c, p := range purses {
		if s.on[c.params.NetID()] != nil {
			if err := s.lookLocked(c.params.NetID(), c.depositScripts(p)); err != nil {
				return err
			}
		}
	}
	l.deals.mu.Lock()
	defer l.deals.mu.Unlock()
	l.deals.list[w.name] = s
	return nil
}

// settleSides chooses the chains of a settlement: those of the wallet, layers only with their L1.
func (l *Local) settleSides(purses map[*ledger]*purse) (map[spv.Hash]*settleSide, []settle.Chain) {
	on, has := map[spv.Hash]*settleSide{}, map[spv.Hash]bool{}
	for c := range purses {
		has[c.params.NetID()] = true
	}
	var follow []settle.Chain
	for c := range purses {
		if has[c.apex.NetID()] {
			on[c.params.NetID()] = &settleSide{ledger: c}
			follow = append(follow, c.settleChain())
		}
	}
	return on, follow
}

// settleChain says how a chain is followed. How deep is deep enough is an hour of blocks, and at least six; where nobody
// loses anything, two.
func (l *ledger) settleChain() settle.Chain {
	p := l.params
	spacing, clock := int32(p.Spacing()), int32(l.apex.Spacing())
	confirm := max(6, (3600+spacing-1)/spacing)
	if p.Network == chains.Dev || p.Network == chains.Regtest {
		confirm = 2
	}
	// Half as long again as blocks should take, and one for what is begun.
	takes := (3*confirm*spacing+2*clock-1)/(2*clock) + 1
	if p.Layer != nil {
		takes += p.Layer.AnchorDepth + 1
	}
	fees := l.feeRange()
	c := settle.Chain{Params: p, Clock: l.apex, Confirm: confirm, Takes: takes}
	c.Rate, c.Stress = settleRates(&fees)
	if l.view != nil {
		c.Headers = apexView{l.view}
	}
	return c
}

// apexView is what claims are judged by. It satisfies peg.L1View.
type apexView struct{ *parentView }

var _ peg.L1View = apexView{}

// Header returns the header with an id.
func (v apexView) Header(id spv.Hash) (spv.Header, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if h, ok := v.tree.HeaderOf(id); ok {
		return h, true
	}
	if s, ok := v.strays[id]; ok {
		return s.header, true
	}
	b, ok := v.past.lookup(id)
	if !ok {
		return spv.Header{}, false
	}
	return v.past.header(b.Height)
}

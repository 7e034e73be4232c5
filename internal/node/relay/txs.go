package relay

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/internal/node/mempool"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/syncer"
)

const (
	// typeWTx announces and asks for a transaction by its witness id (BIP339).
	typeWTx wire.InvType = 5
	// maxWanted is how many announced transactions are waited for, maxAsks how many one
	// peer is asked for at a time, maxOffers how many more it may have announced, and
	// maxTellers how many others are remembered that have one.
	maxWanted  = 20_000
	maxAsks    = 100
	maxOffers  = 5000
	maxTellers = 8
	// txTime is how long a peer may take over a transaction before another is asked.
	txTime = 30 * time.Second
	// batch is how many transactions a peer is told of at a time.
	batch = 500
	// badScriptPoints is the score for a transaction whose scripts fail.
	badScriptPoints = 5
	// feeTurn is how often a peer is told of a changed fee filter, on average.
	feeTurn = 5 * time.Minute
)

// wanted is a transaction that was announced and is asked for.
type wanted struct {
	kind    wire.InvType
	peer    *peer // that was asked
	sent    time.Time
	tellers []*peer // that have it, too
}

// trickleOf is the mean time between two rounds of telling a peer of transactions. Nobody
// can tell by the times alone who had one first.
func trickleOf(inbound bool) time.Duration {
	if inbound {
		return 5 * time.Second
	}
	return 2 * time.Second
}

// rumour takes the announcement of a transaction.
func (m *Machine) rumour(p *peer, kind wire.InvType, id spv.Hash) {
	p.knows.Add(id)
	if m.initial || m.pool.Knows(id) {
		return
	}
	if w := m.wanted[id]; w != nil {
		if w.peer != p && len(w.tellers) < maxTellers && !slices.Contains(w.tellers, p) {
			w.tellers = append(w.tellers, p)
		}
		return
	}
	m.want(p, kind, id)
}

// want asks a peer for a transaction, or remembers that it has it until it can be asked.
func (m *Machine) want(p *peer, kind wire.InvType, id spv.Hash) {
	if len(m.wanted) >= maxWanted || m.wanted[id] != nil {
		return
	}
	if p.asks >= maxAsks {
		if len(p.offers) < maxOffers {
			p.offers = append(p.offers, wire.InvVect{Type: kind, Hash: id})
		}
		return
	}
	w := &wanted{kind: kind}
	m.wanted[id] = w
	m.askTx(w, p, id)
}

func (m *Machine) askTx(w *wanted, p *peer, id spv.Hash) {
	w.peer, w.sent = p, m.now
	p.asks++
	kind := w.kind
	if kind == wire.InvTypeTx {
		kind = wire.InvTypeWitnessTx
	}
	m.send(p, &wire.MsgGetData{InvList: []*wire.InvVect{wire.NewInvVect(kind, &id)}})
}

// answered notes that a peer has answered for a transaction, and asks for the next of its
// offers that is still wanted.
func (m *Machine) answered(p *peer) {
	p.asks--
	for !p.gone && p.asks < maxAsks && len(p.offers) > 0 {
		v := p.offers[0]
		if p.offers = p.offers[1:]; len(p.offers) == 0 {
			p.offers = nil
		}
		if !m.pool.Knows(v.Hash) {
			m.want(p, v.Type, v.Hash)
		}
	}
}

// askNext asks the next that has a transaction, and forgets it if there is none.
func (m *Machine) askNext(id spv.Hash, w *wanted) {
	defer m.answered(w.peer)
	for len(w.tellers) > 0 {
		p := w.tellers[0]
		w.tellers = w.tellers[1:]
		if !p.gone && p.asks < maxAsks {
			m.askTx(w, p, id)
			return
		}
	}
	delete(m.wanted, id)
}

// notHad: a peer does not have a transaction that it was asked for.
func (m *Machine) notHad(p *peer, id spv.Hash) {
	if w := m.wanted[id]; w != nil && w.peer == p {
		m.askNext(id, w)
	}
}

// overdueTxs asks others for what did not come in time.
func (m *Machine) overdueTxs() {
	for _, id := range m.wantedOf(func(w *wanted) bool { return m.now.Sub(w.sent) > txTime }) {
		m.askNext(id, m.wanted[id])
	}
}

// loseTeller asks others for what a peer that has gone was asked for.
func (m *Machine) loseTeller(p *peer) {
	for _, id := range m.wantedOf(func(w *wanted) bool { return w.peer == p }) {
		m.askNext(id, m.wanted[id])
	}
}

// wantedOf returns the ids of what a test picks, in an order that does not change.
func (m *Machine) wantedOf(pick func(*wanted) bool) (ids []spv.Hash) {
	for id, w := range m.wanted {
		if pick(w) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b spv.Hash) int { return slices.Compare(a[:], b[:]) })
	return ids
}

// transaction takes one from a peer, asked for or not.
func (m *Machine) transaction(p *peer, raw []byte) {
	tx, err := consensus.ParseTx(m.params, raw)
	if err != nil {
		m.drop(p, fmt.Errorf("transaction: %w", err), true)
		return
	}
	for _, id := range []spv.Hash{tx.TxHash(), tx.WitnessHash()} {
		p.knows.Add(id)
		if w := m.wanted[id]; w != nil {
			delete(m.wanted, id)
			m.answered(w.peer)
		}
	}
	if m.initial {
		return
	}
	result, err := m.pool.Add(m.now, tx, mempool.Source(p.id))
	if err != nil {
		m.blameTx(p, err)
		return
	}
	if result.Status == mempool.Orphan {
		for _, id := range result.Missing {
			if !m.pool.Knows(id) {
				m.want(p, wire.InvTypeTx, id)
			}
		}
	}
}

// neverHonest are the checks that depend on nothing but the bytes: nobody who has looked
// at a transaction passes on one that fails them.
var neverHonest = []string{consensus.CheckTxEmpty, consensus.CheckTxSize, consensus.CheckTxAmount, consensus.CheckTxTwice,
	consensus.CheckTxNull, spv.CheckBlockTx64, spv.CheckBlockCoinbase, consensus.CheckCoinbaseScript}

func (m *Machine) blameTx(p *peer, err error) {
	var c *spv.CheckError
	switch {
	case !errors.As(err, &c):
		if !mempool.RefusedBefore(err) {
			m.fail(err)
		}
	case slices.Contains(neverHonest, c.Name):
		m.drop(p, err, true)
	case c.Name == consensus.CheckScript:
		m.blame(p, badScriptPoints, err)
	}
}

// broadcast takes transactions of our own: one, or a parent and its child.
func (m *Machine) broadcast(txs []*wire.MsgTx) {
	var err error
	if len(txs) == 2 {
		_, err = m.pool.AddPackage(m.now, txs[0], txs[1], 0)
	} else {
		for _, tx := range txs {
			if _, err2 := m.pool.Add(m.now, tx, 0); err2 != nil {
				err = err2
			}
		}
	}
	var c *spv.CheckError
	if err != nil && !errors.As(err, &c) && !mempool.RefusedBefore(err) {
		m.fail(err)
	}
}

// trickle tells a peer of transactions, if it is its turn.
func (m *Machine) trickle(p *peer) {
	mean := trickleOf(p.inbound)
	if !m.due(p.turn, mostWait*mean) || p.gone {
		return
	}
	p.turn = m.now.Add(m.wait(mean))
	if m.initial || !p.wants {
		return
	}
	inv := &wire.MsgInv{}
	for _, a := range m.pool.Since(p.cursor, batch) {
		p.cursor = a.Seq
		v := wire.NewInvVect(wire.InvTypeTx, &a.ID)
		if p.wtxid {
			v = wire.NewInvVect(typeWTx, &a.WitnessID)
		}
		if !a.Pays(p.fee) || p.knows.Has(a.ID) || p.knows.Has(a.WitnessID) {
			continue
		}
		p.knows.Add(v.Hash)
		inv.InvList = append(inv.InvList, v)
	}
	if len(inv.InvList) > 0 {
		m.send(p, inv)
	}
}

// feeFilter tells a peer what it need not tell us (BIP133): everything, as long as we are
// catching up.
func (m *Machine) feeFilter(p *peer) {
	if p.gone || !m.due(p.feeTurn, mostWait*feeTurn) {
		return
	}
	p.feeTurn = m.now.Add(m.wait(feeTurn))
	least := m.params.Unit.MaxMoney
	if !m.initial {
		least = min(least, m.pool.Stats(m.now).MinFee)
	}
	if least != p.filter {
		p.filter = least
		m.emit(syncer.Send{Peer: p.id, Message: wire.NewMsgFeeFilter(least)})
	}
}

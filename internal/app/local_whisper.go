package app

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/p2p"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/wallet"
)

// A private payment is not announced on the connections that we keep: those peers know what blocks we ask for. One peer at a
// time is told of it over a connection of its own that says nothing else (protocol section 12), until it is in a block.
const (
	whisperAgain = 10 * time.Second // after a peer that did not take it
	mostWhispers = 4                // at once
)

// whispered is a private payment on its way.
type whispered struct {
	next time.Time // when somebody is told next
	busy bool
	took int // peers that took it since this began
}

// whisperer is what one run of a chain's loop tells strangers by.
type whisperer struct {
	ctx   context.Context
	board *p2p.Switchboard // nil: there is no network
	wait  sync.WaitGroup
	busy  int
}

// hushes tells whether a transaction spends from a private payment that is pending, or takes its place: announced by us, it
// would tell whose that one is.
func (p *purse) hushes(tx *wire.MsgTx) bool {
	for id := range p.hush {
		other, _, ok := p.chain.Transaction(id)
		if !ok {
			continue
		}
		taken := inputsOf(other)
		for _, in := range tx.TxIn {
			if in.PreviousOutPoint.Hash == id || slices.Contains(taken, in.PreviousOutPoint) {
				return true
			}
		}
	}
	return false
}

// keepPrivate notes that a transaction which is about to be kept is private, in the same write.
func (p *purse) keepPrivate(tx *wire.MsgTx, asked bool) {
	if asked || p.hushes(tx) {
		p.book.setPrivate(tx.TxHash())
	}
}

// hushAs takes a private payment up, or leaves it alone from now on.
func (p *purse) hushAs(id spv.Hash, wanted bool) {
	switch {
	case !wanted:
		delete(p.hush, id)
	case p.hush[id] == nil:
		p.hush[id] = &whispered{}
	}
}

// behind tells whether a private payment spends from one that nobody has taken yet: nobody could judge it.
func (p *purse) behind(tx *wire.MsgTx) bool {
	return slices.ContainsFunc(tx.TxIn, func(in *wire.TxIn) bool {
		parent := p.hush[in.PreviousOutPoint.Hash]
		return parent != nil && parent.took == 0
	})
}

// whisperDue begins to tell strangers of the private payments that are due, if there is a network.
func (l *ledger) whisperDue(peers int) {
	w := l.whispers
	if w == nil || w.board == nil || peers == 0 {
		return
	}
	now := l.clock()
	for _, p := range l.purses {
		for id, h := range p.hush {
			tx, row, ok := p.chain.Transaction(id)
			if h.busy || w.busy >= mostWhispers || now.Before(h.next) || !ok || row.Status != wallet.StatusPending || p.behind(tx) {
				continue
			}
			h.busy = true
			w.busy++
			address := "" // of one to which there is no connection or, where peers are named, of any of those
			if n := len(l.cfg.Peers); n > 0 {
				address = l.cfg.Peers[chance().IntN(n)]
			}
			w.wait.Go(func() { l.whisper(w, p, h, tx, address) })
		}
	}
}

// whisper tells one peer of a payment.
func (l *ledger) whisper(w *whisperer, p *purse, h *whispered, tx *wire.MsgTx, address string) {
	to, err := w.board.Whisper(w.ctx, tx, address)
	if err != nil && w.ctx.Err() == nil {
		l.cfg.Log.Info("private payment not taken", "reason", err)
	} else if err == nil {
		l.cfg.Log.Debug("private payment handed over", "peer", to)
	}
	_, _ = call(w.ctx, l, func() (none struct{}, _ error) { // in vain if this run is over: the next one begins anew
		id := tx.TxHash()
		w.busy--
		h.busy, h.next = false, l.clock().Add(whisperAgain)
		if err == nil {
			h.took++
		}
		if h.took > 0 || l.peers[id] > 0 { // once in a while, by chance, lest it is lost or the rhythm tells whose it is
			block := time.Duration(l.params.Spacing()) * time.Second
			h.next = l.clock().Add(max(block+time.Duration(chance().Int64N(int64(2*block))), whisperAgain))
		}
		l.announce(p, EventChanged, []spv.Hash{id})
		return none, nil
	})
}

// handedTo returns how many peers were told of a pending payment of ours, and how many took it.
func (l *ledger) handedTo(p *purse, id spv.Hash) (told, took int) {
	if h := p.hush[id]; h != nil {
		return h.took, h.took
	}
	return l.handed.count(id)
}

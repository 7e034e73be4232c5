package app

import (
	"errors"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/syncer"
	"github.com/layeredpow/lamina/wallet"
)

// sink carries out what the machine says, and returns what it is to be told next.
func (l *ledger) sink(out syncer.Output) ([]syncer.Input, error) {
	err := l.carry(out)
	next := l.queue
	l.queue = nil
	return next, errors.Join(err, l.broken())
}

func (l *ledger) carry(out syncer.Output) error {
	switch out := out.(type) {
	case syncer.Store:
		if err := l.rewind(out.Change); err != nil {
			return err
		}
	case syncer.Found:
		return l.found(out)
	case syncer.Scanned:
		l.scanned = out.To
		for _, p := range l.purses {
			if !p.live {
				continue
			}
			if err := p.scanned(out.To); err != nil {
				return err
			}
		}
		return l.settleScanned(out.To)
	case syncer.Seen:
		l.seen(out)
		return nil
	case syncer.Echo:
		l.heard(out.TxID, out.Peers)
		return nil
	}
	next, err := l.carryOut(out)
	l.queue = append(l.queue, next...)
	l.gaugeFilters(out)
	return err
}

// rewind takes the purses back to where the chain forks, before the headers are: after a
// crash in between they are behind, and all is found again.
func (l *ledger) rewind(change spv.Change) error {
	if change.Undo == 0 {
		return nil
	}
	fork := spv.Block{Height: change.Tip.Height - int32(len(change.Headers)), Hash: change.Tip.Hash}
	if len(change.Headers) > 0 {
		fork.Hash = change.Headers[0].Prev()
	}
	if l.scanned.Height > fork.Height {
		l.scanned = fork
	}
	for _, p := range l.purses {
		changed, err := p.chain.Rewind(fork)
		if err != nil {
			return err
		}
		l.announce(p, EventReorged, changed)
	}
	return l.settleRewind(fork)
}

// found takes in a block that holds something for some purse.
func (l *ledger) found(f syncer.Found) error {
	var fresh [][]byte
	for _, p := range l.purses {
		done, err := p.chain.Apply(f.Block, f.Header.Time(), f.Txs)
		if err != nil {
			return err
		}
		more, err := p.deepen(f)
		if err != nil {
			return err
		}
		fresh = append(append(fresh, done.Scripts...), more...)
		l.announce(p, EventConfirmed, done.Changed)
		if len(done.Scripts)+len(more) > 0 {
			if err := l.settleGrown(p); err != nil {
				return err
			}
		}
	}
	if err := l.settleFound(f); err != nil {
		return err
	}
	if len(fresh) > 0 {
		l.queue = append(l.queue, syncer.Watch{Scripts: fresh, From: f.Block.Height})
	}
	return nil
}

// seen takes in a transaction that is in no block. A purse that does not believe it goes
// on without: it is seen again when it confirms.
func (l *ledger) seen(s syncer.Seen) {
	for _, p := range l.purses {
		done, err := p.chain.Unconfirmed(s.Tx, l.clock().Unix())
		if err != nil {
			l.cfg.Log.Warn("unconfirmed transaction refused", "wallet", p.Wallet, "reason", err)
			continue
		}
		l.look(p, done)
	}
	l.settleSeen(s.Tx)
	l.heard(s.Tx.TxHash(), s.Peers)
}

// maxHeard bounds the transactions whose announcements are counted.
const maxHeard = 10_000

// heard notes how many peers announce a transaction.
func (l *ledger) heard(id spv.Hash, peers int) {
	if len(l.peers) >= maxHeard {
		clear(l.peers)
	}
	l.peers[id] = peers
	for _, p := range l.purses {
		l.announce(p, EventSeen, []spv.Hash{id})
	}
}

// look takes in what a transaction that is in no block changed.
func (l *ledger) look(p *purse, done wallet.Applied) {
	watch := syncer.Watch{Scripts: done.Scripts, From: p.next()}
	for _, id := range done.Changed {
		tx, row, ok := p.chain.Transaction(id)
		if !ok || row.Status != wallet.StatusPending {
			continue
		}
		if row.Ours {
			l.settleSeen(tx)
		}
		watch.Coins = append(watch.Coins, inputsOf(tx)...)
		for i, out := range tx.TxOut {
			if _, ours := p.chain.AddressOf(out.PkScript); ours {
				watch.Coins = append(watch.Coins, wire.OutPoint{Hash: id, Index: uint32(i)})
			}
		}
	}
	l.watch(p, watch)
}

// watch tells the machine to look for more.
func (l *ledger) watch(p *purse, w syncer.Watch) {
	if p.live && len(w.Scripts)+len(w.Coins) > 0 {
		l.queue = append(l.queue, w)
	}
	if len(w.Scripts) > 0 {
		if err := l.settleGrown(p); err != nil { // a broken disk ends the loop; else the next block tries again
			l.cfg.Log.Error("deposits to new addresses are not looked for", "wallet", p.Wallet, "error", err)
		}
	}
}

// announce tells the machine and all who listen of transactions of a purse that changed.
func (l *ledger) announce(p *purse, kind EventKind, changed []spv.Hash) {
	l.queue = append(l.queue, p.mail(changed)...)
	for _, id := range changed {
		tx, row, ok := p.chain.Transaction(id)
		if !ok {
			continue
		}
		what := kind
		if (kind == EventConfirmed) != (row.Status == wallet.StatusConfirmed) {
			what = EventChanged // by the way: what was replaced, for one
		}
		if kind == EventReorged && row.Status != wallet.StatusConfirmed {
			what = EventReorged
		}
		if kind == EventSeen && row.Status == wallet.StatusPending {
			what = EventSeen
		}
		shown := rowOf(p.chain, tx, &row)
		l.feed.send(Event{Kind: what, Time: l.clock(), Purse: p.Purse, TxID: &id, Row: &shown, Peers: l.peers[id]})
	}
}

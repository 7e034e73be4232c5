package app

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/syncer"
)

// The methods of this file run in a chain's loop, and tell the wallets' settlements what happens there.

// books returns the settlements that this chain is looked through for, each with its wallet's purse.
func (l *ledger) books(f func(s *settlement, p *purse) error) error {
	for _, p := range l.purses {
		if s := l.deals.of(p.Wallet); s != nil && p.live {
			if err := f(s, p); err != nil {
				return fmt.Errorf("settlement of %s: %w", p.name(), err)
			}
		}
	}
	return nil
}

// settleWatchAll adds what settlements look for to a new machine's first Watch.
func (l *ledger) settleWatchAll(in *syncer.Watch) error {
	id := l.params.NetID()
	clear(l.settleOut)
	return l.books(func(s *settlement, p *purse) error {
		if err := l.settleBack(s, p); err != nil {
			return err
		}
		if err := s.look(id, l.depositScripts(p)); err != nil {
			return err
		}
		if err := l.settleUnkept(s, p); err != nil { // the program may have ended before the book heard of it
			return err
		}
		scripts, coins := s.all(id)
		in.Scripts, in.Coins = append(in.Scripts, scripts...), append(in.Coins, coins...)
		if from := s.next(id, p.book.place.first); in.From < 0 || from < in.From {
			in.From = from
		}
		l.deals.spread(s)
		return nil
	})
}

// settleUnkept tells a settlement of what its wallet sends, and has it forget what was to be burned and is not among that.
func (l *ledger) settleUnkept(s *settlement, p *purse) error {
	id := l.params.NetID()
	for _, tx := range p.chain.Pending() {
		if err := s.sends(id, tx); err != nil {
			return err
		}
	}
	return s.dropUnsent(id)
}

// settleRefused has a settlement forget what was to be burned by a transaction that the wallet did not take in.
func (l *ledger) settleRefused(p *purse) {
	s := l.deals.of(p.Wallet)
	if s == nil {
		return
	}
	if err := l.settleUnkept(s, p); err != nil {
		l.cfg.Log.Warn("a withdrawal that is not sent stays", "wallet", p.Wallet, "error", err)
	}
}

// settleBack takes a settlement back to the chain as it is on disk, as settle does a purse.
func (l *ledger) settleBack(s *settlement, p *purse) error {
	id := l.params.NetID()
	tip, err := s.tip(id)
	if err != nil {
		return nil // the chain was not open with it
	}
	if at, ok := l.block(tip.Height); tip.Height < 0 || ok && at == tip {
		return nil
	}
	have, _ := l.chain.Tip()
	to := max(min(have.Height, tip.Height)-l.params.ReorgLimit, p.book.place.first-1, l.chain.Base().Height)
	at, ok := l.block(min(to, have.Height))
	if !ok {
		return fmt.Errorf("header %d is not on disk", to)
	}
	return s.rewind(id, at)
}

// depositScripts returns the scripts that deposits of ours pay on a layer: those for receiving of the account that Receive
// chooses of its own accord.
func (l *ledger) depositScripts(p *purse) (out [][]byte) {
	if l.params.Peg == nil {
		return nil
	}
	account, err := accountFor(p, ReceiveRequest{})
	if err != nil {
		return nil
	}
	for _, script := range p.chain.Scripts() {
		if a, ok := p.chain.AddressOf(script); ok && a.Account == account && !a.Change {
			out = append(out, script)
		}
	}
	return out
}

// settleGrown takes in that a purse may have scripts that it did not have.
func (l *ledger) settleGrown(p *purse) error {
	s := l.deals.of(p.Wallet)
	if s == nil || l.params.Peg == nil {
		return nil
	}
	if err := s.look(l.params.NetID(), l.depositScripts(p)); err != nil {
		return err
	}
	l.deals.spread(s)
	return nil
}

// settleWatch has the machine look for what a settlement does not look for yet.
func (l *ledger) settleWatch(s *settlement) {
	p, err := l.purse(s.wallet)
	if err != nil || !p.live {
		return // the next machine is told of all
	}
	if scripts, from := s.fresh(l.params.NetID(), p.book.place.first); len(scripts) > 0 {
		l.queue = append(l.queue, syncer.Watch{Scripts: scripts, From: from, Again: true})
	}
}

// settleFound takes in a block that holds something for some wallet.
func (l *ledger) settleFound(f syncer.Found) error {
	for _, tx := range f.Txs {
		delete(l.settleOut, tx.TxHash()) // it is broadcast no more; again if its block is lost
	}
	var txs []*wire.MsgTx
	return l.books(func(s *settlement, p *purse) (err error) {
		if err := l.settleBurned(s, p, f.Txs); err != nil {
			return err
		}
		if !s.interested(l.params.NetID()) {
			return nil
		}
		if txs == nil {
			if txs, err = wholeOf(f.Whole); err != nil {
				return fmt.Errorf("block %s: %w", f.Block, err)
			}
		}
		return s.apply(l.params.NetID(), f.Block, txs)
	})
}

// settleBurned has a settlement follow what its wallet has burned.
func (l *ledger) settleBurned(s *settlement, p *purse, txs []*wire.MsgTx) error {
	if l.params.Peg == nil {
		return nil
	}
	for _, tx := range txs {
		if _, row, ok := p.chain.Transaction(tx.TxHash()); !ok || !row.FeeKnown { // its inputs are ours
			continue
		}
		fresh, err := s.burned(l.params.NetID(), tx)
		if err != nil {
			return err
		}
		if fresh {
			l.deals.spread(s)
		}
	}
	return nil
}

// wholeOf reads all transactions of a block. One that the library does not read is left out: no rule that matters here
// takes such a one.
func wholeOf(block *spv.FullBlock) (txs []*wire.MsgTx, err error) {
	if block == nil {
		return nil, errors.New("found without its transactions")
	}
	for i := range block.Txs {
		t := &block.Txs[i]
		raw := t.Bytes()
		if !t.HasWitness() {
			raw = t.AppendStripped(nil)
		}
		tx := new(wire.MsgTx)
		if tx.Deserialize(bytes.NewReader(raw)) == nil {
			txs = append(txs, tx)
		}
	}
	return txs, nil
}

func (l *ledger) settleScanned(to spv.Block) error {
	atTip := to == l.tree.Tip() && l.snapshot().status.Synced
	var fees *Fees
	return l.books(func(s *settlement, p *purse) error {
		id := l.params.NetID()
		if to == l.tree.Tip() {
			if fees == nil {
				f := l.feeRange()
				fees = &f
			}
			if err := s.setRates(id, fees); err != nil {
				return err
			}
		}
		return s.scanned(id, to, atTip, p.chain.Pending())
	})
}

func (l *ledger) settleRewind(to spv.Block) error {
	defer l.deals.wake()
	return l.books(func(s *settlement, p *purse) error { return s.rewind(l.params.NetID(), to) })
}

// settleSeen takes in a transaction that is in no block. What it says is believed in nothing but a secret.
func (l *ledger) settleSeen(tx *wire.MsgTx) {
	err := l.books(func(s *settlement, p *purse) error { return s.unconfirmed(l.params.NetID(), tx) })
	if err != nil {
		l.cfg.Log.Error("unconfirmed transaction", "error", err)
	}
	l.deals.wake()
}

// settleBroken returns what went wrong with the disk below a settlement.
func (l *ledger) settleBroken() error {
	for _, p := range l.purses {
		if s := l.deals.of(p.Wallet); s != nil {
			if err := s.log.broken.Load(); err != nil {
				return err
			}
		}
	}
	return nil
}

// settleSend has the machine broadcast what settlements want sent, and nothing else of theirs.
func (l *ledger) settleSend(want map[spv.Hash]*wire.MsgTx) {
	for _, id := range sortedIDs(l.settleOut) {
		if want[id] == nil {
			delete(l.settleOut, id)
			l.queue = append(l.queue, syncer.Forget{TxID: id})
		}
	}
	for _, id := range sortedIDs(want) {
		if as := want[id].WitnessHash(); l.settleOut[id] != as { // a claim's proof may be another one now
			l.settleOut[id] = as
			l.queue = append(l.queue, syncer.Broadcast{Txs: []*wire.MsgTx{want[id]}})
		}
	}
}

func sortedIDs[V any](of map[spv.Hash]V) []spv.Hash {
	return slices.SortedFunc(maps.Keys(of), func(a, b spv.Hash) int { return bytes.Compare(a[:], b[:]) })
}

// settleBefore judges a transaction before it is kept and sent. What burns money is written down, to be followed. What pays
// the leg of a swap, or a refundable deposit, must be the very transaction that refunds were signed of.
func (l *ledger) settleBefore(p *purse, tx *wire.MsgTx) error {
	s := l.deals.of(p.Wallet)
	if s == nil {
		return nil
	}
	s.mu.Lock()
	err := s.beforeLocked(l.params.NetID(), tx)
	s.mu.Unlock()
	l.settleWatch(s)
	l.deals.spread(s)
	return err
}

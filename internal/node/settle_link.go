package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/internal/node/mempool"
	"github.com/layeredpow/lamina/internal/node/settler"
	"github.com/layeredpow/lamina/spv"
)

// FirstLink returns the outputs that a transaction on the L1 begins with to make the layer's
// first connector, for the settlers of a set (settler.FirstLink).
func (s *Settlement) FirstLink(set int) ([]*wire.TxOut, error) {
	if set < 0 || set >= len(s.layer.params.Settlers) {
		return nil, fmt.Errorf("settlers %d: %s has sets 0 to %d", set, s.layer.params.Name, len(s.layer.params.Settlers)-1)
	}
	return settler.FirstLink(s.layer.params, s.l1.params, set), nil
}

// MakeFirstLink makes the layer's first connector on a private network, for the settlers of
// set 0, and returns the transaction's id. It is paid from a block's reward that anybody may
// spend: the node holds no key. Where there is none a wallet has to pay for FirstLink.
func (s *Settlement) MakeFirstLink(ctx context.Context) (spv.Hash, error) {
	p := s.l1.params
	if !private(p) {
		return spv.Hash{}, fmt.Errorf("%s: the first connector is made by a wallet: nothing here can pay", p.Name)
	}
	s.linking.Lock() // of two calls at a time the second is to see what the first has made
	defer s.linking.Unlock()
	var made error
	if err := s.ask(ctx, func(m *settler.Machine) { made = s.unlinked(m.Ledger()) }); err != nil {
		return spv.Hash{}, err
	}
	if made != nil {
		return spv.Hash{}, fmt.Errorf("%s: %w", s.layer.params.Name, made)
	}
	outs, err := s.FirstLink(0)
	if err != nil {
		return spv.Hash{}, err
	}
	fee := 2 * p.Policy.MinRelay // some 250 vbytes, at eight times the least rate
	from, value, err := s.openCoin(outs[0].Value + fee)
	if err != nil {
		return spv.Hash{}, err
	}
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: from, Sequence: wire.MaxTxInSequenceNum - 2,
		Witness: wire.TxWitness{{txscript.OP_TRUE}}})
	tx.TxOut = outs
	if rest := value - outs[0].Value - fee; rest > p.Policy.DustRate {
		tx.AddTxOut(wire.NewTxOut(rest, anybody))
	}
	result, err := s.l1.Tx(ctx, tx)
	if err == nil && result.Status != mempool.Accepted {
		err = fmt.Errorf("transaction %s: %s", tx.TxHash(), result.Status)
	}
	return tx.TxHash(), err
}

// updates is how often a ledger is read before it is taken for one that cannot be: blocks may come meanwhile.
const updates = 10

// unlinked refuses if a transaction makes the layer's first connector already. The pool is looked through first: what a block
// takes out of it meanwhile the ledger finds.
func (s *Settlement) unlinked(l *settler.Ledger) error {
	for _, f := range s.l1.pool.All() {
		if tx, _, ok := s.l1.pool.Get(f.ID); ok && l.MakesLink(tx) {
			return fmt.Errorf("transaction %s, in no block yet, makes the first connector", f.ID)
		}
	}
	var err error
	for range updates {
		var r *settler.Refusal
		if err = l.Update(); !errors.As(err, &r) || r.Name != settler.RefuseBehind {
			break
		}
	}
	if done := l.Settled(); err == nil && len(done) > 0 {
		err = fmt.Errorf("transaction %s made the first connector", done[0].TxID)
	}
	return err
}

// openCoin returns a block's reward on the L1 that anybody may spend, is ripe, and is worth
// more than some amount.
func (s *Settlement) openCoin(more int64) (wire.OutPoint, int64, error) {
	p, c := s.l1.params, s.l1.chain
	for h := int32(1); ; h++ {
		at, ok := c.BlockAt(h)
		if !ok || h+p.Maturity(h) > c.Tip().Height+1 {
			return wire.OutPoint{}, 0, fmt.Errorf("%s: no ripe reward of a block pays anybody: mine some to %x, or let a wallet pay",
				p.Name, anybody)
		}
		raw, err := c.Block(at.Hash)
		if err != nil {
			return wire.OutPoint{}, 0, err
		}
		b, err := consensus.ParseBlock(p, raw)
		if err != nil {
			return wire.OutPoint{}, 0, err
		}
		first := b.Txs[0].TxOut[0]
		op := wire.OutPoint{Hash: b.Txs[0].TxHash()}
		if !bytes.Equal(first.PkScript, anybody) || first.Value <= more {
			continue
		}
		if _, taken := s.l1.pool.SpentBy(op); taken {
			continue
		}
		if coin, err := c.Coin(op); err != nil || coin == nil {
			continue
		}
		return op, first.Value, nil
	}
}

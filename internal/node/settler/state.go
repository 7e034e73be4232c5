package settler

import (
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/peg"
)

// identify finds out which batch a transaction on L1 is that spends the connector: it is
// derived again, from the cut that it names. A txid that comes out the same vouches for
// everything in it. Where in L1 the batches before it are does not matter: a reorganisation
// may have moved them since it was signed.
func (l *Ledger) identify(tx *wire.MsgTx, at spv.Block) (*Settled, error) {
	id := tx.TxHash()
	fail := func(format string, args ...any) (*Settled, error) {
		return nil, refuse(RefuseBatch, "transaction %s spends the connector: %s", id, fmt.Sprintf(format, args...))
	}
	if len(tx.TxOut) < 2 {
		return fail("%d outputs, want connector and marker", len(tx.TxOut))
	}
	marker, err := peg.ParseMarker(tx.TxOut[1].PkScript)
	if err != nil {
		return fail("%v", err)
	}
	height, last := peg.BatchHeight(l.p, marker.Number), l.done[len(l.done)-1].Number
	if marker.Number <= last || height > int64(at.Height) {
		return fail("batch %d, judged at L1 height %d: want one after %d, at most %d", marker.Number, height, last, at.Height)
	}
	cut, ok := l.find(marker.Cut)
	if !ok {
		return fail("its cut %s is not on the layer's best chain", marker.Cut)
	}
	s, err := l.state(int32(height), cut)
	if err != nil {
		return nil, err
	}
	for s.Attempt = 0; s.Attempt <= peg.MaxAttempt; s.Attempt++ {
		b, _, err := peg.Derive(l.p, l.p1, *s)
		if err != nil {
			return fail("%v", err)
		}
		if b != nil && b.Tx.TxHash() == id {
			return l.settle(b, at, cut), nil
		}
	}
	return fail("batch %d with the cut %s is another one", marker.Number, cut)
}

// find returns the block of the layer's branch with an id.
func (l *Ledger) find(id spv.Hash) (spv.Block, bool) {
	for h := l.above.next() - 1; h >= 0; h-- { // most likely near the tip
		if l.above.ids[h] == id {
			return spv.Block{Height: h, Hash: id}, true
		}
	}
	return spv.Block{}, false
}

// settle returns what a batch in an L1 block has done. Its change is as old as the height it
// was judged at: the block that it is in can change when batches are signed on top of it.
func (l *Ledger) settle(b *peg.Batch, at, cut spv.Block) *Settled {
	height := int32(peg.BatchHeight(l.p, b.Number))
	set, _ := l.p.SettlersAt(height) // Derive had it
	s := &Settled{Block: at, TxID: b.Tx.TxHash(), Number: b.Number, Attempt: b.Attempt, Cut: cut, Payouts: b.Payouts, set: set}
	for _, in := range b.Tx.TxIn[1:] {
		s.spent = append(s.spent, in.PreviousOutPoint)
	}
	if len(b.Tx.TxOut)-len(b.Payouts) > 2 {
		s.change = &peg.Coin{Outpoint: wire.OutPoint{Hash: s.TxID, Index: 2}, Height: height, Value: b.Tx.TxOut[2].Value, Set: set}
	}
	return s
}

// ripe returns the least L1 height at which the next batch can be judged, to be signed: it
// must see the connector. The first one must be as deep as a burn, because a reorganisation
// that puts another in its place would let batches of both be in L1.
func (l *Ledger) ripe() int32 {
	last := &l.done[len(l.done)-1]
	if last.Number == 0 {
		return last.Block.Height + l.p.Peg.ReleaseBlocks
	}
	return last.Block.Height
}

// state returns the state that the batch judged at a height of L1 follows from, on top of the
// last one in L1. The attempt is left at 0.
func (l *Ledger) state(height int32, cut spv.Block) (*peg.State, error) {
	rate, err := l.feeRate(cut)
	if err != nil {
		return nil, err
	}
	last := &l.done[len(l.done)-1]
	return &peg.State{
		Height: height, Cut: cut, FeeRate: rate, Connector: last.link(), Set: last.set,
		Coins: l.coins(cut.Height), Burns: l.unpaid(cut.Height),
	}, nil
}

// coins returns the vault outputs: deposits claimed up to a height of the layer, and change,
// that no batch has spent.
func (l *Ledger) coins(cut int32) (list []peg.Coin) {
	spent := map[wire.OutPoint]bool{}
	for i := range l.done {
		for _, op := range l.done[i].spent {
			spent[op] = true
		}
	}
	for i := range l.claims {
		if d := &l.claims[i]; d.claimed <= cut && !spent[d.Outpoint] {
			list = append(list, d.Coin)
		}
	}
	for i := range l.done {
		if c := l.done[i].change; c != nil && !spent[c.Outpoint] {
			list = append(list, *c)
		}
	}
	return list
}

// unpaid returns the burns up to a height of the layer that no batch has paid.
func (l *Ledger) unpaid(cut int32) (list []peg.Unpaid) {
	paid := map[wire.OutPoint]bool{}
	for i := range l.done {
		for _, p := range l.done[i].Payouts {
			paid[p.Burn] = true
		}
	}
	for i := range l.burns {
		if u := &l.burns[i]; u.Height <= cut && !paid[u.Outpoint] {
			list = append(list, *u)
		}
	}
	return list
}

// feeRate returns the fee rate that the layer's blocks up to a cut vote for.
func (l *Ledger) feeRate(cut spv.Block) (uint16, error) {
	var votes []uint16
	for h := cut.Height; h > max(0, cut.Height-peg.FeeVotes); h-- {
		t, err := l.layer.Tally(h)
		if err != nil {
			return 0, err
		}
		if !l.above.has(t.Block) {
			return 0, errMoved
		}
		votes = append(votes, t.FeeVote)
	}
	return peg.FeeRate(votes)
}

// seals is the layer's branch from some height to its tip, and what seals it.
type seals []peg.Sealing

// deepen prepends as many blocks as there are already, at least 64. It tells whether there
// were any.
func (s *seals) deepen(l *Ledger) (bool, error) {
	top := l.above.next() - int32(len(*s)) // the first that is not wanted
	low := max(0, top-int32(max(64, len(*s))))
	more := make(seals, 0, int(top-low)+len(*s))
	for h := low; h < top; h++ {
		at, ok, err := l.layer.Seal(h)
		if err != nil {
			return false, err
		}
		own := peg.Sealing{Block: spv.Block{Height: h, Hash: l.above.ids[h]}, Seal: -1}
		if ok {
			own.Seal = at.Height
		}
		more = append(more, own)
	}
	*s = slices.Concat(more, *s)
	return len(more) > 0, nil
}

// cut returns the cut at a height of L1; false if nothing is deep enough.
func (s *seals) cut(l *Ledger, height int32) (spv.Block, bool, error) {
	for {
		if at, ok := peg.Cut(l.p, *s, height); ok {
			return at, true, nil
		}
		if more, err := s.deepen(l); err != nil || !more {
			return spv.Block{}, false, err
		}
	}
}

// Due returns the batch that is to be signed now, nil if there is none. It is the oldest one
// that can still be: as long as its attempts last and no other has taken the connector,
// so that its fee can rise. RefuseNoLink says that nothing can be due yet.
func (l *Ledger) Due() (*peg.Batch, error) {
	if len(l.done) == 0 {
		return nil, refuse(RefuseNoLink, "%s has no first connector on %s", l.p.Name, l.p1.Name)
	}
	tip, epoch, run := l.below.tip().Height, l.p.Peg.Epoch, seals(nil)
	if l.ripe() > tip {
		return nil, refuse(RefuseNoLink, "the first connector is at L1 height %d, want it %d blocks deep",
			l.done[0].Block.Height, l.p.Peg.ReleaseBlocks)
	}
	if len(l.unpaid(l.above.tip().Height)) == 0 {
		return nil, nil
	}
	// The last attempt of older ones is over.
	oldest := max(1, l.ripe(), tip-l.p.Peg.SignDelay-peg.AttemptBlocks*(peg.MaxAttempt+1)+1)
	for height := (oldest + epoch - 1) / epoch * epoch; ; height += epoch {
		attempt, ok := peg.Attempt(l.p, height, tip)
		if !ok {
			return nil, nil
		}
		cut, ok, err := run.cut(l, height)
		if err != nil {
			return nil, err
		}
		if !ok || len(l.unpaid(cut.Height)) == 0 {
			continue
		}
		s, err := l.state(height, cut)
		if err != nil {
			return nil, err
		}
		s.Attempt = attempt
		if b, _, err := peg.Derive(l.p, l.p1, *s); err != nil || b != nil {
			return b, err
		}
	}
}

// Supply returns the peg's account at both tips (the audit of protocol.md 4.3). Claimed and
// burned are the layer's own sums; vault and unpaid are counted from blocks.
func (l *Ledger) Supply() (peg.Supply, error) {
	t, err := l.layer.Tally(l.above.tip().Height)
	if err != nil {
		return peg.Supply{}, err
	}
	if t.Block != l.above.tip() {
		return peg.Supply{}, errMoved
	}
	s := peg.Supply{Claimed: t.Supply.Claimed, Burned: t.Supply.Burned / l.p.UnitsPerSat()}
	for _, c := range l.coins(t.Block.Height) {
		s.Vault += c.Value
	}
	for _, u := range l.unpaid(t.Block.Height) {
		s.Unpaid += u.Amount
	}
	return s, nil
}

// Settled returns the batches in L1, the oldest first, and before them the transaction that
// made the first connector.
func (l *Ledger) Settled() []Settled { return slices.Clone(l.done) }

// oldest returns the L1 height of the vault's oldest output, 0 if it is empty.
func (l *Ledger) oldest() (height int32) {
	for _, c := range l.coins(l.above.tip().Height) {
		if height == 0 || c.Height < height {
			height = c.Height
		}
	}
	return height
}

// last returns the last of Settled, nil if there is none.
func (l *Ledger) last() *Settled {
	if len(l.done) == 0 {
		return nil
	}
	s := l.done[len(l.done)-1]
	return &s
}

// present refuses if an output of the vault is gone from L1 though no batch has spent it:
// recovered, or stolen.
func (l *Ledger) present() error {
	ops := []wire.OutPoint{l.done[len(l.done)-1].link()}
	for _, c := range l.coins(l.above.tip().Height) {
		ops = append(ops, c.Outpoint)
	}
	for _, op := range ops {
		c, err := l.l1.Coin(op)
		if err != nil {
			return err
		}
		if c == nil {
			return refuse(RefuseVault, "output %v is spent on L1, by no batch", op)
		}
	}
	return nil
}

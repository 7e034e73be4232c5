package settler

import (
	"fmt"
	"math"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/peg"
)

// Ledger is the peg's account as both chains show it: deposits claimed and burns made on
// the layer, batches on L1. It follows both through reorganisations and remembers nothing
// that the chains do not say. One goroutine uses it.
type Ledger struct {
	l1     L1
	layer  Layer
	p, p1  *chains.Params
	links  [][]*wire.TxOut // what makes the first connector, by set
	below  trail           // L1, from the first settlers' office on
	above  trail           // the layer
	claims []deposit       // in the order of the layer
	burns  []peg.Unpaid    // the same
	done   []Settled       // in the order of L1, the first connector first
}

// deposit is a claimed one.
type deposit struct {
	peg.Coin
	block   spv.Block // of L1
	claimed int32     // height of the claim on the layer
}

// NewLedger returns an empty ledger. It refuses a layer that has no peg to the L1.
func NewLedger(layer Layer, l1 L1) (*Ledger, error) {
	p, p1 := layer.Params(), l1.Params()
	if p.Peg == nil || len(p.Settlers) == 0 || p.Parent != p1.Name {
		return nil, fmt.Errorf("settler: %s has no peg to %s", p.Name, p1.Name)
	}
	l := &Ledger{l1: l1, layer: layer, p: p, p1: p1, below: trail{base: math.MaxInt32},
		above: trail{ids: []spv.Hash{p.NetID()}}} // genesis has no proof, and nothing to read
	for set := range p.Settlers {
		l.links = append(l.links, FirstLink(p, p1, set))
		l.below.base = min(l.below.base, max(1, p.Settlers[set].From))
	}
	return l, nil
}

// Update reads what has changed on both chains. After an error the ledger is whole, but not
// at the tips: either the chains move meanwhile, or their data cannot be read, or L1 has
// a batch that follows from no state (a *Refusal named RefuseBatch).
func (l *Ledger) Update() error {
	l.forget()
	if err := l.readLayer(); err != nil {
		return err
	}
	if err := l.readL1(); err != nil {
		return err
	}
	return l.settled()
}

// settled refuses what is not the tip of both chains, or does not fit together yet.
func (l *Ledger) settled() error {
	if l.above.tip() != l.layer.Tip() || l.below.next() <= l.l1.Tip().Height || len(l.below.ids) > 0 && l.below.tip() != l.l1.Tip() {
		return errMoved
	}
	for i := range l.claims {
		if !l.l1.OnBest(l.claims[i].block) {
			return refuse(RefuseBehind, "deposit %v: its block %s has left L1, its claim is still on the layer",
				l.claims[i].Outpoint, l.claims[i].block)
		}
	}
	return nil
}

// forget drops what has left the best chains.
func (l *Ledger) forget() {
	l.above.retreat(l.layer)
	for n := len(l.claims); n > 0 && l.claims[n-1].claimed >= l.above.next(); n-- {
		l.claims = l.claims[:n-1]
	}
	for n := len(l.burns); n > 0 && l.burns[n-1].Height >= l.above.next(); n-- {
		l.burns = l.burns[:n-1]
	}
	l.below.retreat(l.l1)
	for i := range l.done { // a batch whose cut has left the layer is to be understood anew
		if s := &l.done[i]; s.Number > 0 && !l.above.has(s.Cut) {
			l.below.cut(s.Block.Height)
		}
	}
	for n := len(l.done); n > 0 && !l.below.has(l.done[n-1].Block); n-- {
		l.done = l.done[:n-1]
	}
}

func (l *Ledger) readLayer() error {
	for {
		b, at, err := l.above.advance(l.layer)
		if err != nil {
			return fmt.Errorf("%s: block %s: %w", l.p.Name, at, err)
		}
		if b == nil {
			return nil
		}
		if err := l.readLayerBlock(b, at); err != nil {
			return fmt.Errorf("%s: block %s: %w", l.p.Name, at, err)
		}
		l.above.ids = append(l.above.ids, at.Hash)
	}
}

// readLayerBlock takes claims and burns from a block, all or none.
func (l *Ledger) readLayerBlock(b *consensus.Block, at spv.Block) error {
	claims, burns := l.claims, l.burns
	for i, tx := range b.Txs {
		if peg.IsClaim(tx) {
			d, err := l.claim(tx, at.Height)
			if err != nil {
				return err
			}
			claims = append(claims, *d)
		}
		for n, out := range tx.TxOut {
			if !peg.IsBurn(out.PkScript, l.p1.NetID()) {
				continue
			}
			burn, err := peg.ParseBurn(l.p, l.p1.NetID(), out)
			if err != nil {
				return err
			}
			burns = append(burns, peg.Unpaid{Burn: burn, Outpoint: wire.OutPoint{Hash: tx.TxHash(), Index: uint32(n)},
				Height: at.Height, Index: uint32(i)})
		}
	}
	l.claims, l.burns = claims, burns
	return nil
}

// claim reads the deposit that a claim on the best chain mints.
func (l *Ledger) claim(tx *wire.MsgTx, height int32) (*deposit, error) {
	c, err := peg.Parse(tx)
	if err != nil {
		return nil, err
	}
	block, ok := l.l1.Lookup(c.Block)
	if !ok {
		return nil, refuse(RefuseBehind, "claim %s: L1 block %s is not known", tx.TxHash(), c.Block)
	}
	mark := c.Hash(l.p)
	return &deposit{
		Coin:  peg.Coin{Outpoint: c.Outpoint(), Height: block.Height, Value: c.Value, Set: int(c.Set), Mark: &mark},
		block: block, claimed: height,
	}, nil
}

func (l *Ledger) readL1() error {
	for {
		b, at, err := l.below.advance(l.l1)
		if err != nil {
			return fmt.Errorf("%s: block %s: %w", l.p1.Name, at, err)
		}
		if b == nil {
			return nil
		}
		n := len(l.done)
		for _, tx := range b.Txs[1:] {
			if err := l.readL1Tx(tx, at); err != nil {
				l.done = l.done[:n]
				return fmt.Errorf("%s: block %s: %w", l.p1.Name, at, err)
			}
		}
		l.below.ids = append(l.below.ids, at.Hash)
	}
}

// readL1Tx takes note of the first connector, and of batches.
func (l *Ledger) readL1Tx(tx *wire.MsgTx, at spv.Block) error {
	if len(l.done) == 0 {
		if set, ok := l.firstLink(tx); ok {
			l.done = append(l.done, Settled{Block: at, TxID: tx.TxHash(), set: set})
		}
		return nil
	}
	link := l.done[len(l.done)-1].link()
	for _, in := range tx.TxIn {
		if in.PreviousOutPoint == link {
			s, err := l.identify(tx, at)
			if err != nil {
				return err
			}
			l.done = append(l.done, *s)
			return nil
		}
	}
	return nil
}

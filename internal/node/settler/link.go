package settler

import (
	"bytes"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/peg"
)

// FirstLink returns the outputs that a transaction on the L1 begins with to make the first
// connector of a layer (protocol.md 4.3), for a set of its settlers: V0 and the marker of
// batch 0. Anybody may pay for it. Only the first such transaction of L1 counts.
func FirstLink(p, l1 *chains.Params, set int) []*wire.TxOut {
	home := peg.NewVault(&p.Settlers[set], p.Peg.Recovery, nil)
	marker := peg.Marker{Cut: p.NetID(), List: peg.PayoutHash(nil)}
	return []*wire.TxOut{wire.NewTxOut(peg.LinkValue(p, l1), home.PkScript), wire.NewTxOut(0, marker.Script())}
}

// MakesLink tells whether a transaction, once it is in L1, makes the layer's first connector, if it is the first that does.
func (l *Ledger) MakesLink(tx *wire.MsgTx) bool {
	_, ok := l.firstLink(tx)
	return ok
}

// firstLink tells whether a transaction makes the first connector, and for which set.
func (l *Ledger) firstLink(tx *wire.MsgTx) (set int, ok bool) {
	if len(tx.TxOut) < 2 {
		return 0, false
	}
	for set, want := range l.links {
		if sameOutput(tx.TxOut[0], want[0]) && sameOutput(tx.TxOut[1], want[1]) {
			return set, true
		}
	}
	return 0, false
}

func sameOutput(a, b *wire.TxOut) bool {
	return a.Value == b.Value && bytes.Equal(a.PkScript, b.PkScript)
}

// Settled is a batch that is in L1, or the transaction that made the first connector.
type Settled struct {
	Block   spv.Block // of L1
	TxID    spv.Hash  // its output 0 is the next batch's connector
	Number  uint32    // 0: the first connector
	Attempt int
	Cut     spv.Block // of the layer
	Payouts []peg.Payout
	set     int             // number of the settlers that hold connector and change
	spent   []wire.OutPoint // vault coins
	change  *peg.Coin
}

func (s *Settled) link() wire.OutPoint { return wire.OutPoint{Hash: s.TxID} }

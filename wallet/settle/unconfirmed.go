package settle

import (
	"slices"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/spv/swap"
	"github.com/layeredpow/lamina/wallet"
)

// Limits of what is kept of one chain's unconfirmed transactions: whoever sends more wants to fill the disk.
const (
	maxUnsettled      = 2_000
	maxUnsettledBytes = 32 << 20
)

// Patience is for how many blocks of its chain a transaction that is in none is kept without being heard of again.
const Patience = 1008

// Unconfirmed takes in a transaction that is in no block. It may be anything: see the package's comment.
func (b *Book) Unconfirmed(chain spv.Hash, tx *wire.MsgTx) error { return b.hear(chain, tx, false) }

// Sends takes in a transaction that the wallet itself sends, and that is in no block: strangers' do not crowd it out. It is
// kept for as long as it is taken in again and again.
func (b *Book) Sends(chain spv.Hash, tx *wire.MsgTx) error { return b.hear(chain, tx, true) }

func (b *Book) hear(chain spv.Hash, tx *wire.MsgTx, ours bool) error {
	c, err := b.chain(chain)
	if err != nil {
		return err
	}
	at := place{chain, tx.TxHash()}
	old := b.seen[at]
	if _, concerned := b.concerns(c, tx, nil); !concerned || tx.SerializeSize() > maxTx || old != nil && old.Block != nil {
		return nil
	}
	s := &sighting{Raw: serialize(tx), Heard: max(c.tip.Height, 0), tx: tx.Copy()}
	switch secret := b.showsSecret(chain, tx); {
	case old != nil && !secret:
		if s.Heard-old.Heard < Patience/8 {
			return nil
		}
		s.Raw, s.tx = old.Raw, old.tx // which witness is the right one is not known
	case old == nil && !secret && !ours && b.crowded(chain, len(s.Raw)):
		return nil
	}
	if err := b.log.Write([]wallet.Record{record(s, keySeen, chain[:], at.tx[:])}); err != nil {
		return err
	}
	b.index(at, s)
	return nil
}

// crowded says whether there is no room for so many bytes more.
func (b *Book) crowded(chain spv.Hash, size int) bool {
	n := 0
	for at, s := range b.seen {
		if at.chain == chain && s.Block == nil {
			n, size = n+1, size+len(s.Raw)
		}
	}
	return n >= maxUnsettled || size > maxUnsettledBytes
}

// showsSecret says whether a transaction shows the secret of an open swap, and is the first to do so.
func (b *Book) showsSecret(chain spv.Hash, tx *wire.MsgTx) bool {
	for _, s := range b.swaps {
		if s.terms == nil || s.Secret != nil {
			continue
		}
		for _, side := range []*swap.Side{&s.terms.First, &s.terms.Second} {
			leg := s.terms.Leg(side)
			for _, in := range tx.TxIn {
				if _, ok := leg.FindSecret(in); ok && side.Chain == chain {
					_, _, seen := b.seenSecret(s)
					return !seen
				}
			}
		}
	}
	return false
}

// stepUnheard forgets transactions that are in no block and were not heard of for Patience blocks: they were replaced, or
// made up, and nobody tells who knows. One that is mined after all is found in its block. What shows a secret stays.
func (b *Book) stepUnheard(Keys) ([]Broadcast, error) {
	shows := map[*sighting]bool{}
	for _, s := range b.swaps {
		if s.terms == nil {
			continue
		}
		if _, by, ok := b.seenSecret(s); ok {
			shows[by[0]], shows[by[1]] = true, true
		}
	}
	var records []wallet.Record
	var gone []place
	for at, s := range b.seen {
		c, ok := b.chains[at.chain]
		if !ok || s.Block != nil || shows[s] || c.tip.Height-s.Heard <= Patience {
			continue
		}
		records = append(records, wallet.Record{Key: slices.Concat([]byte{keySeen}, at.chain[:], at.tx[:])})
		gone = append(gone, at)
	}
	if len(gone) == 0 {
		return nil, nil
	}
	if err := b.log.Write(records); err != nil {
		return nil, err
	}
	for _, at := range gone {
		b.forget(at)
	}
	return nil, nil
}

// forget undoes index.
func (b *Book) forget(at place) {
	s := b.seen[at]
	delete(b.seen, at)
	for _, out := range s.tx.TxOut {
		without(b.paid, scriptOn{at.chain, string(out.PkScript)}, s)
	}
	for _, in := range s.tx.TxIn {
		without(b.spent, coinOn{at.chain, in.PreviousOutPoint}, s)
	}
	if claim, err := peg.Parse(s.tx); peg.IsClaim(s.tx) && err == nil {
		without(b.spent, coinOn{at.chain, claim.Outpoint()}, s)
	}
}

func without[K comparable](of map[K][]ref, on K, s *sighting) {
	if of[on] = slices.DeleteFunc(of[on], func(r ref) bool { return r.sighting == s }); len(of[on]) == 0 {
		delete(of, on)
	}
}

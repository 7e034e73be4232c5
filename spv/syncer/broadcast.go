package syncer

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"

	"github.com/aead/siphash"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
)

// A transaction is announced again after the time of so many blocks, whoever may have lost it
// meanwhile: by chance, so that the rhythm does not tell whose it is.
const (
	leastRepeat = 1
	mostRepeat  = 3
)

// broadcast is the wallet's own transactions that are not in a block yet.
type broadcast struct{ parcels []*parcel }

// parcel is what is announced together.
type parcel struct {
	txs  []*outgoing
	sent []Peer // to whom
	next time.Time
}

// outgoing is one transaction on its way.
type outgoing struct {
	txid, wtxid spv.Hash
	raw, bare   []byte // with and without witness
	heard       []Peer // that announced it without having had it from us
}

// announce begins to broadcast transactions. One that is being broadcast already is
// announced at once again.
func (m *Machine) announce(txs []*wire.MsgTx) {
	p := &parcel{}
	for _, tx := range txs {
		o := &outgoing{txid: tx.TxHash(), wtxid: tx.WitnessHash()}
		var raw, bare bytes.Buffer
		if tx.Serialize(&raw) != nil || tx.SerializeNoWitness(&bare) != nil {
			continue // a buffer does not fail
		}
		o.raw, o.bare = raw.Bytes(), bare.Bytes()
		if old, _ := m.broadcast.find(o.txid); old != nil {
			o.heard = old.heard
			m.broadcast.forget(o.txid)
		}
		p.txs = append(p.txs, o)
	}
	if len(p.txs) > 0 {
		m.broadcast.parcels = append(m.broadcast.parcels, p)
		m.reannounce(false)
	}
}

// reannounce announces what nobody has been told of yet and, if due is set, what is due.
func (m *Machine) reannounce(due bool) {
	for _, p := range m.broadcast.parcels {
		block := time.Duration(m.tree.Rules().EraAt(m.tree.Tip().Height).Spacing) * time.Second
		late := m.now.After(p.next) || p.next.Sub(m.now) > mostRepeat*block // the clock was put back since
		if len(m.peers) == 0 || !(len(p.sent) == 0 || due && late) {
			continue
		}
		for _, to := range m.some((len(m.peers) + 1) / 2) {
			m.offer(p, to)
		}
		p.next = m.now.Add(leastRepeat*block + time.Duration(m.draw(uint64((mostRepeat-leastRepeat)*block))))
	}
}

// some returns n of the peers by chance.
func (m *Machine) some(n int) []*peer {
	peers := slices.Clone(m.peers)
	for i := range n {
		j := i + int(m.draw(uint64(len(peers)-i)))
		peers[i], peers[j] = peers[j], peers[i]
	}
	return peers[:n]
}

// offer announces a parcel to one peer.
func (m *Machine) offer(p *parcel, to *peer) {
	inv := &wire.MsgInv{}
	for _, o := range p.txs {
		v := wire.NewInvVect(wire.InvTypeTx, &o.txid)
		if to.wtxid {
			v = wire.NewInvVect(typeWTx, &o.wtxid)
		}
		inv.InvList = append(inv.InvList, v)
	}
	if !slices.Contains(p.sent, to.id) {
		p.sent = append(p.sent, to.id)
	}
	m.emit(Send{Peer: to.id, Message: inv})
}

// find returns the transaction with an id of either kind, and its parcel.
func (b *broadcast) find(id spv.Hash) (*outgoing, *parcel) {
	for _, p := range b.parcels {
		for _, o := range p.txs {
			if o.txid == id || o.wtxid == id {
				return o, p
			}
		}
	}
	return nil, nil
}

// forget ends the broadcast of a transaction and tells whether there was one.
func (b *broadcast) forget(txid spv.Hash) bool {
	o, p := b.find(txid)
	if o == nil {
		return false
	}
	p.txs = slices.DeleteFunc(p.txs, func(other *outgoing) bool { return other == o })
	b.parcels = slices.DeleteFunc(b.parcels, func(p *parcel) bool { return len(p.txs) == 0 })
	return true
}

// serveTxs gives a peer the transactions that were announced to it.
func (m *Machine) serveTxs(p *peer, request *wire.MsgGetData) {
	for _, v := range request.InvList {
		kind := v.Type &^ wire.InvWitnessFlag
		o, parcel := m.broadcast.find(v.Hash)
		if o == nil || (kind != wire.InvTypeTx && kind != typeWTx) || !slices.Contains(parcel.sent, p.id) {
			continue
		}
		raw := o.raw
		if v.Type == wire.InvTypeTx {
			raw = o.bare
		}
		m.emit(Send{Peer: p.id, Message: &msg.Tx{Raw: raw}})
	}
}

// echo notes that a peer announces a transaction of ours that it did not have from us.
func (m *Machine) echo(p *peer, id spv.Hash) {
	o, parcel := m.broadcast.find(id)
	if o == nil || slices.Contains(parcel.sent, p.id) || slices.Contains(o.heard, p.id) || len(o.heard) >= maxTellers {
		return
	}
	o.heard = append(o.heard, p.id)
	m.emit(Echo{TxID: o.txid, Peers: len(o.heard)})
}

// keyed returns the n-th number of a generator: SipHash of a counter under a secret key.
func keyed(key [16]byte, n uint64) uint64 {
	var counter [8]byte
	binary.LittleEndian.PutUint64(counter[:], n)
	return siphash.Sum64(counter[:], &key)
}

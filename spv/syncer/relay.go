package syncer

import (
	"slices"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
)

const (
	// maxRumours is how many announced transactions are remembered, twice: a full
	// generation becomes the old one and the old one goes. A busy chain announces some
	// 25,000 an hour; an entry takes some 200 bytes.
	maxRumours = 10_000
	// maxStrangers is how many transactions of others are kept for when a parent or a
	// script turns up that makes them ours, and strangerMemory how many bytes of them.
	maxStrangers   = 2000
	strangerMemory = 4 << 20
	// maxUnconfirmed is how many transactions of ours are counted, maxLoose how many coins
	// that they pay are watched: anybody may make them up.
	maxUnconfirmed = 1000
	maxLoose       = 10_000
	// maxAsked is how many transactions may be asked of one peer at a time, maxTellers how
	// many announcing peers are told apart.
	maxAsked   = 100
	maxTellers = 64
	// txTime is how long a peer may take over a transaction before another is asked.
	txTime = 30 * time.Second
	// typeWTx announces and asks for a transaction by its wtxid (BIP339).
	typeWTx wire.InvType = 5
)

// relay sees unconfirmed transactions. A nil relay sees none.
type relay struct {
	young, old map[spv.Hash]*rumour // by the id that was announced
	asked      []*rumour
	strangers  []*wire.MsgTx // the oldest first
	weight     int           // their bytes
	ours       []*unconfirmed
	loose      map[wire.OutPoint]struct{} // coins that ours pay the wallet
}

// rumour is a transaction that peers announce under one id.
type rumour struct {
	id      spv.Hash
	kind    wire.InvType
	tellers []Peer // the first is asked first
	peer    Peer   // that was asked; 0: nobody
	sent    time.Time
	come    bool         // it is here
	ours    *unconfirmed // nil if it is not ours
}

// unconfirmed is a transaction that concerns the wallet.
type unconfirmed struct {
	tx      *wire.MsgTx
	id      spv.Hash
	tellers []Peer
	told    int
}

func newRelay() *relay {
	return &relay{young: map[spv.Hash]*rumour{}, old: map[spv.Hash]*rumour{}, loose: map[wire.OutPoint]struct{}{}}
}

// rumours takes what a peer announces.
func (m *Machine) rumours(p *peer, inv *wire.MsgInv) {
	for _, v := range inv.InvList {
		kind := v.Type &^ wire.InvWitnessFlag
		if kind != wire.InvTypeTx && kind != typeWTx {
			continue
		}
		m.echo(p, v.Hash)
		if m.relay != nil && m.caught {
			m.relay.announced(m, p, v.Hash, kind)
		}
	}
}

func (r *relay) announced(m *Machine, p *peer, id spv.Hash, kind wire.InvType) {
	x := r.find(id)
	if x == nil {
		if len(r.young) >= maxRumours {
			r.young, r.old = map[spv.Hash]*rumour{}, r.young
		}
		x = &rumour{id: id, kind: kind}
		r.young[id] = x
	}
	if len(x.tellers) < maxTellers && !slices.Contains(x.tellers, p.id) {
		x.tellers = append(x.tellers, p.id)
	}
	switch {
	case x.ours != nil:
		r.count(m, x.ours, x.tellers)
	case !x.come && x.peer == 0:
		r.ask(m, x, p)
	}
}

func (r *relay) find(id spv.Hash) *rumour {
	if x := r.young[id]; x != nil {
		return x
	}
	return r.old[id]
}

// ask asks a peer for a transaction, unless too much is asked of it already.
func (r *relay) ask(m *Machine, x *rumour, p *peer) {
	busy := 0
	for _, a := range r.asked {
		if a.peer == p.id {
			busy++
		}
	}
	if busy >= maxAsked {
		return
	}
	kind := x.kind
	if kind == wire.InvTypeTx && p.serves&wire.SFNodeWitness != 0 {
		kind = wire.InvTypeWitnessTx
	}
	x.peer, x.sent = p.id, m.now
	r.asked = append(r.asked, x)
	m.emit(Send{Peer: p.id, Message: &wire.MsgGetData{InvList: []*wire.InvVect{wire.NewInvVect(kind, &x.id)}}})
}

// tick asks others for what did not come in time.
func (r *relay) tick(m *Machine) {
	if r == nil {
		return
	}
	var late []*rumour
	r.asked = slices.DeleteFunc(r.asked, func(x *rumour) bool {
		if x.come || m.now.Sub(x.sent) <= txTime {
			return x.come
		}
		late = append(late, x)
		return true
	})
	for _, x := range late {
		x.tellers = slices.DeleteFunc(x.tellers, func(id Peer) bool { return id == x.peer })
		x.peer = 0
		for _, id := range x.tellers {
			if p := m.peer(id); p != nil {
				r.ask(m, x, p)
				break
			}
		}
	}
}

// transaction takes a transaction that a peer was asked for. Others are ignored.
func (m *Machine) transaction(p *peer, raw []byte) {
	r := m.relay
	if r == nil || !slices.ContainsFunc(r.asked, func(x *rumour) bool { return x.peer == p.id }) {
		return
	}
	tx, err := parseTx(raw)
	if err != nil {
		m.drop(p, err, false)
		return
	}
	i := slices.IndexFunc(r.asked, func(x *rumour) bool {
		return x.peer == p.id && (x.id == tx.TxHash() || x.id == tx.WitnessHash())
	})
	if i < 0 {
		return
	}
	x := r.asked[i]
	r.asked = slices.Delete(r.asked, i, i+1)
	x.come, x.peer = true, 0
	if u := r.consider(m, tx); u != nil {
		x.ours = u
		r.count(m, u, x.tellers)
		r.rematch(m)
		return
	}
	r.strangers = append(r.strangers, tx)
	r.weight += tx.SerializeSize()
	for len(r.strangers) > maxStrangers || r.weight > strangerMemory {
		r.weight -= r.strangers[0].SerializeSize()
		r.strangers = slices.Delete(r.strangers, 0, 1)
	}
}

// consider returns the entry of a transaction that concerns the wallet, nil otherwise.
func (r *relay) consider(m *Machine, tx *wire.MsgTx) *unconfirmed {
	id := tx.TxHash()
	if i := slices.IndexFunc(r.ours, func(u *unconfirmed) bool { return u.id == id }); i >= 0 {
		return r.ours[i]
	}
	concerns := false
	for i, out := range tx.TxOut {
		if _, ours := m.scan.scripts[string(out.PkScript)]; ours {
			concerns = true
			if len(r.loose) < maxLoose {
				r.loose[wire.OutPoint{Hash: id, Index: uint32(i)}] = struct{}{}
			}
		}
	}
	for _, in := range tx.TxIn {
		_, coin := m.scan.coins[in.PreviousOutPoint]
		_, loose := r.loose[in.PreviousOutPoint]
		concerns = concerns || coin || loose
	}
	if !concerns {
		return nil
	}
	if len(r.ours) == maxUnconfirmed {
		r.ours = slices.Delete(r.ours, 0, 1)
	}
	u := &unconfirmed{tx: tx, id: id}
	r.ours = append(r.ours, u)
	return u
}

// count says by how many peers a transaction is announced, when they become more.
func (r *relay) count(m *Machine, u *unconfirmed, tellers []Peer) {
	for _, id := range tellers {
		if len(u.tellers) < maxTellers && !slices.Contains(u.tellers, id) {
			u.tellers = append(u.tellers, id)
		}
	}
	if len(u.tellers) > u.told {
		u.told = len(u.tellers)
		m.emit(Seen{Tx: u.tx, Peers: u.told})
	}
}

// rematch looks the transactions of others through again, after scripts or coins were
// added: a child may come before its parent.
func (r *relay) rematch(m *Machine) {
	if r == nil {
		return
	}
	for more := true; more; {
		more = false
		for i := 0; i < len(r.strangers); i++ {
			tx := r.strangers[i]
			u := r.consider(m, tx)
			if u == nil {
				continue
			}
			r.weight -= tx.SerializeSize()
			r.strangers = slices.Delete(r.strangers, i, i+1)
			i--
			more = true
			for _, id := range []spv.Hash{tx.TxHash(), tx.WitnessHash()} {
				if x := r.find(id); x != nil {
					x.ours = u
					r.count(m, u, x.tellers)
				}
			}
		}
	}
}

// confirmed lets go of a transaction that is in a block.
func (r *relay) confirmed(id spv.Hash) {
	if r == nil {
		return
	}
	r.ours = slices.DeleteFunc(r.ours, func(u *unconfirmed) bool { return u.id == id })
}

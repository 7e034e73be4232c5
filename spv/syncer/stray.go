package syncer

import (
	"errors"
	"slices"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
)

// maxSought bounds what is looked for at a time. A peer of a layer can name as many blocks
// as it has proofs for; each costs it the layer's work.
const maxSought = 64

const (
	// MaxMissing is how many blocks one message may ask for: after a fork of the parent chain a whole stretch of proofs builds on
	// blocks that lost, and to learn of them one at a time takes a round trip each.
	MaxMissing = 32
	// MissingAgain is how often what keeps a peer waiting is asked for again: a question or its answer may have been lost, and the
	// parent chain may not move for a long time.
	MissingAgain = 10 * time.Second
)

// Lacking returns the blocks of the parent chain that the proofs of a run build on, from the header on that was refused with
// spv.ErrPending: the first is not known, the others may be. It returns at most MaxMissing.
func Lacking(run []spv.Sealed, why error) (ids []spv.Hash) {
	var held *spv.HeaderError
	if !errors.As(why, &held) {
		return nil
	}
	first := slices.IndexFunc(run, func(s spv.Sealed) bool { return s.Header.ID() == held.Block.Hash })
	if first < 0 {
		return nil
	}
	for i := first; i < len(run) && len(ids) < MaxMissing; i++ {
		if run[i].Aux == nil {
			continue
		}
		if id := run[i].Aux.Parent.Prev(); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// missing tells what keeps a peer's run from being judged.
func (m *Machine) missing(p *peer, run []spv.Sealed, why error) {
	p.lacks = Lacking(run, why)
	m.tellMissing(p)
}

func (m *Machine) tellMissing(p *peer) {
	p.lacking = m.now
	for _, id := range p.lacks {
		m.emit(Missing{Parent: id})
	}
}

// stillMissing tells again what peers wait for.
func (m *Machine) stillMissing() {
	for _, p := range m.peers {
		if p.pending && m.now.Sub(p.lacking) >= MissingAgain {
			m.tellMissing(p)
		}
	}
}

// sought is a header that Seek asked for, and who was asked and has said nothing yet.
type sought struct {
	id   spv.Hash
	owes []Peer
	come bool
}

// seek asks all peers for one header. A locator without entries asks for the block that
// the request ends with, also off the best chain (Bitcoin Core, net_processing.cpp,
// GETHEADERS); who does not have it says nothing, so no answer is waited for.
func (m *Machine) seek(id spv.Hash) {
	if _, known := m.tree.Lookup(id); known || !m.caught || m.source() != nil {
		return
	}
	m.sought = slices.DeleteFunc(m.sought, func(s *sought) bool { return s.id == id })
	if len(m.sought) == maxSought {
		m.sought = m.sought[1:]
	}
	s := &sought{id: id}
	m.sought = append(m.sought, s)
	for _, p := range m.peers {
		s.owes = append(s.owes, p.id)
		m.emit(Send{Peer: p.id, Message: &wire.MsgGetHeaders{ProtocolVersion: msg.Version, HashStop: id}})
	}
}

// stray takes a message that answers a Seek. It says nothing of the peer's best chain: a full node may know the header and
// lack the block, and says nothing to whoever asks about its filter.
func (m *Machine) stray(p *peer, run []spv.Sealed) bool {
	if len(m.sought) == 0 || len(run) != 1 {
		return false
	}
	i := slices.IndexFunc(m.sought, func(s *sought) bool { return s.id == run[0].Header.ID() && slices.Contains(s.owes, p.id) })
	if i < 0 {
		return false
	}
	s := m.sought[i]
	s.owes = slices.DeleteFunc(s.owes, func(id Peer) bool { return id == p.id })
	fresh := !s.come
	if s.come = true; len(s.owes) == 0 {
		m.sought = slices.Delete(m.sought, i, i+1)
	}
	if run[0].Header.Prev() == m.tree.Tip().Hash { // a layer's proof may name a block that we have yet to hear of
		if m.poor(run) || !m.add(p, run) {
			return true
		}
	} else if fresh {
		m.emit(Stray{Header: run[0].Header})
	}
	if _, known := m.tree.Lookup(s.id); known && p.asked.IsZero() && p.presync == nil { // is it where this peer is, too?
		p.told = false
		m.next()
	}
	return true
}

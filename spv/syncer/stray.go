package syncer

import (
	"errors"
	"slices"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
)

// maxSought bounds what is looked for at a time. A peer of a layer can name as many blocks
// as it has proofs for; each costs it the layer's work.
const maxSought = 64

// missing tells which block of the parent chain keeps a run from being judged.
func (m *Machine) missing(run []spv.Sealed, why error) {
	var held *spv.HeaderError
	if !errors.As(why, &held) {
		return
	}
	i := slices.IndexFunc(run, func(s spv.Sealed) bool { return s.Header.ID() == held.Block.Hash })
	if i >= 0 && run[i].Aux != nil {
		m.emit(Missing{Parent: run[i].Aux.Parent.Prev()})
	}
}

// seek asks all peers for one header. A locator without entries asks for the block that
// the request ends with, also off the best chain (Bitcoin Core, net_processing.cpp,
// GETHEADERS); who does not have it says nothing, so no answer is waited for.
func (m *Machine) seek(id spv.Hash) {
	if _, known := m.tree.Lookup(id); known || !m.caught || m.source() != nil {
		return
	}
	if !slices.Contains(m.sought, id) {
		if len(m.sought) == maxSought {
			m.sought = m.sought[1:]
		}
		m.sought = append(m.sought, id)
	}
	for _, p := range m.peers {
		m.emit(Send{Peer: p.id, Message: &wire.MsgGetHeaders{ProtocolVersion: msg.Version, HashStop: id}})
	}
}

// stray takes a message that answers a Seek.
func (m *Machine) stray(run []spv.Sealed) bool {
	if len(m.sought) == 0 || len(run) != 1 {
		return false
	}
	i := slices.Index(m.sought, run[0].Header.ID())
	if i < 0 {
		return false
	}
	m.sought = slices.Delete(m.sought, i, i+1)
	m.emit(Stray{Header: run[0].Header})
	return true
}

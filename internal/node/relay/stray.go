package relay

import (
	"errors"
	"slices"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

// maxSought bounds the headers off the best chain that are looked for at a time. Each was named by a layer's proof, which cost
// the layer's work.
const maxSought = 64

// strays are the headers of an L1 that its layers' proofs build on and that are not on its best chain: nobody tells them but
// who is asked by name, and who comes late could judge no proof without them (rule R2).
type strays struct {
	sought []spv.Hash              // oldest first
	loose  map[spv.Hash]spv.Sealed // those of which the block below, the key, is sought
}

// lacking tells which blocks of the L1 a peer's run waits for.
func (m *Machine) lacking(p *peer, run []spv.Sealed, why error) {
	p.lacks = syncer.Lacking(run, why)
	m.tellMissing(p)
}

func (m *Machine) tellMissing(p *peer) {
	p.lacking = m.now
	for _, id := range p.lacks {
		if _, known := m.parent.Lookup(id); !known {
			m.emit(syncer.Missing{Parent: id})
		}
	}
}

// stillMissing tells again what peers wait for: a question or its answer may have been lost, and the L1 may not move for long.
func (m *Machine) stillMissing() {
	for _, p := range m.peers {
		if p.pending && m.now.Sub(p.lacking) >= syncer.MissingAgain {
			m.tellMissing(p)
		}
	}
}

// seek asks all peers for one header, by its id alone.
func (m *Machine) seek(id spv.Hash) {
	if _, known := m.chain.Lookup(id); known {
		return
	}
	if !slices.Contains(m.strays.sought, id) {
		if len(m.strays.sought) == maxSought {
			m.strays.sought = m.strays.sought[1:]
		}
		m.strays.sought = append(m.strays.sought, id)
	}
	for _, p := range m.peers {
		m.send(p, &wire.MsgGetHeaders{ProtocolVersion: msg.Version, HashStop: id})
	}
}

// stray takes a message that answers seek, and tells whether it does.
func (m *Machine) stray(p *peer, run []spv.Sealed) bool {
	if len(run) != 1 || run[0].Header.Prev() == m.chain.Tip().Hash {
		return false
	}
	i := slices.Index(m.strays.sought, run[0].Header.ID())
	if i < 0 {
		return false
	}
	m.strays.sought = slices.Delete(m.strays.sought, i, i+1)
	for next, found := run[0], true; found; {
		_, err := m.chain.AcceptHeaders([]spv.Sealed{next}, m.unix())
		var bad *spv.HeaderError
		switch {
		case errors.Is(err, spv.ErrUnknownParent):
			m.loosen(next)
			return true
		case err != nil && !errors.As(err, &bad):
			m.fail(err)
			return true
		case err != nil: // a header that a layer's proof named, not the peer
			return true
		}
		id := next.Header.ID()
		if next, found = m.strays.loose[id]; found {
			delete(m.strays.loose, id)
		}
	}
	return true
}

// loosen keeps a header until the one below it is found.
func (m *Machine) loosen(s spv.Sealed) {
	if m.strays.loose == nil || len(m.strays.loose) >= maxSought {
		m.strays.loose = map[spv.Hash]spv.Sealed{}
	}
	m.strays.loose[s.Header.Prev()] = s
	m.seek(s.Header.Prev())
}

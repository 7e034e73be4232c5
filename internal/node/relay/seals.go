package relay

import (
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
)

// shownSeals is how many of the newest headers a node is shown with their proofs once it has
// them: one of the two may know a proof that seals where the other has one that does not, and
// what settles must be counted alike by all (protocol.md 3.2, 4.3).
const shownSeals = 144

// shownAgain is after how many of the chain's spacings they are shown again: what is told in between may be lost with a
// connection, or with a node that dies.
const shownAgain = 4

// spreadSeals tells other nodes of proofs that have become seals.
func (m *Machine) spreadSeals() {
	for _, s := range m.chain.Resealed() {
		b, ok := m.chain.Lookup(s.Header.ID())
		if !ok {
			continue
		}
		for _, p := range m.peers {
			if p.serves&wire.SFNodeNetwork != 0 && m.has(p, b) {
				m.send(p, &msg.Headers{Headers: []spv.Sealed{s}})
			}
		}
	}
}

// showSeals shows a node the newest headers, now and then.
func (m *Machine) showSeals(p *peer) {
	if !p.seals.IsZero() && m.now.Sub(p.seals) < shownAgain*time.Duration(m.params.Spacing())*time.Second || p.gone || m.params.Layer == nil || m.initial || p.serves&wire.SFNodeNetwork == 0 || !m.has(p, m.tip) {
		return
	}
	p.seals = m.now
	from, ok := m.chain.BlockAt(max(0, m.tip.Height-shownSeals))
	if !ok || from == m.tip {
		return
	}
	run, err := m.chain.Sealed([]spv.Hash{from.Hash}, m.tip.Hash)
	if err != nil {
		m.fail(err)
		return
	}
	m.send(p, &msg.Headers{Headers: run})
}

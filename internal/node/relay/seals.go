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

// shownAgain is after how many of the chain's spacings they are shown again, or after half as many blocks as are shown:
// a proof may have been told to a node that did not have its block yet.
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

// showSeals shows a node the newest headers, now and then, and leaves none out that has come since the last time.
func (m *Machine) showSeals(p *peer) {
	if p.gone || m.params.Layer == nil || m.initial || p.serves&wire.SFNodeNetwork == 0 || !m.has(p, m.tip) {
		return
	}
	again := shownAgain * time.Duration(m.params.Spacing()) * time.Second
	if !m.due(p.seals.Add(again), again) && m.tip.Height-p.shown < shownSeals/2 {
		return
	}
	low := m.tip.Height
	if !p.seals.IsZero() {
		low = min(low, p.shown)
	}
	low = max(0, low-shownSeals) // of what was shown the last time, some proofs may have come since
	p.seals = m.now
	from, ok := m.chain.BlockAt(low)
	if !ok || from == m.tip {
		return
	}
	run, err := m.chain.Sealed([]spv.Hash{from.Hash}, m.tip.Hash)
	if err != nil {
		m.fail(err)
		return
	}
	p.shown = low + int32(len(run)) // not the tip, if that were too many for a message
	m.send(p, &msg.Headers{Headers: run})
}

// lowered returns a locator that begins shownSeals below the best header. By it a node that was away hears of the proofs
// that others have heard of meanwhile for blocks that it has: nobody would tell it of them once more.
func (m *Machine) lowered(best spv.Block, locator []spv.Hash) []spv.Hash {
	from, ok := m.chain.Ancestor(best.Hash, max(0, best.Height-shownSeals))
	if !ok {
		return locator
	}
	list := []spv.Hash{from.Hash}
	for _, id := range locator {
		if b, ok := m.chain.Lookup(id); ok && b.Height < from.Height {
			list = append(list, id)
		}
	}
	return list
}

package relay

import (
	"errors"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

const (
	// maxSigs is how many settlement signatures and asks of one peer are looked at in sigTurn: twice
	// what the largest batch has (15 settlers, 41 inputs), and everything is said again. What
	// comes beyond is let go without blame.
	maxSigs = 1230
	sigTurn = 10 * time.Second
	// maxFlood is how many signatures go to a peer in one step, the next follow in the next
	// one; maxFloods is how many wait for that. They are said again anyway.
	maxFlood  = 100
	maxFloods = 4096
	// badSig is what a signature costs its peer that no honest one would have passed on.
	badSig = 20
)

// flood is a signature or an ask on its way to all peers but one.
type flood struct {
	message msg.Message
	except  syncer.Peer
}

// Flood sends a settlement signature, or a depositor's ask, to all peers that are full nodes, but one (0: to all),
// from the next step on. It is for the caller to have verified it.
func (m *Machine) Flood(message msg.Message, except syncer.Peer) {
	if len(m.floods) < maxFloods {
		m.floods = append(m.floods, flood{message, except})
	}
}

// Blame counts against a peer that it has sent a bad settlement signature or ask.
func (m *Machine) Blame(id syncer.Peer, why string) {
	if p := m.peer(id); p != nil {
		p.bad = append(p.bad, why)
	}
}

// spread sends what waits to be said about settlement, and judges peers by what they said.
func (m *Machine) spread() {
	n := min(len(m.floods), maxFlood)
	for _, f := range m.floods[:n] {
		for _, p := range m.peers {
			if p.id != f.except && p.serves&wire.SFNodeNetwork != 0 {
				m.send(p, f.message)
			}
		}
	}
	m.floods = append(m.floods[:0], m.floods[n:]...)
	for _, p := range append([]*peer(nil), m.peers...) {
		for _, why := range p.bad {
			m.blame(p, badSig, errors.New(why))
		}
		p.bad = nil
	}
}

// settlement takes what a peer says for a network's settlement, a signature or an ask. Whoever judges it calls Blame.
func (m *Machine) settlement(p *peer, netID spv.Hash, message msg.Message) {
	if m.settle == nil || netID != m.params.NetID() {
		return
	}
	if m.now.Sub(p.sigTurn) >= sigTurn {
		p.sigTurn, p.sigs = m.now, 0
	}
	if p.sigs++; p.sigs <= maxSigs {
		m.settle(p.id, message)
	}
}

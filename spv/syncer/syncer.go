// Package syncer is the light client's state machine for one chain. Step takes what
// happened and returns what to do, in order; it reads no clock, does no IO and starts no
// goroutine, so that the same machine runs in production and in the simulator.
//
// Today it follows headers: from any number of peers, through a presync below the
// minimum work, over reorganisations of any depth that the rules allow.
package syncer

import (
	"time"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
)

// Peer names a connection; the driver never uses a name twice.
type Peer uint64

// Input is something that happened: one of the types below.
type Input interface{ input() }

// Output is something to do: one of the types below. The driver carries outputs out in
// order; what Store says is durable before a later Send speaks of it.
type Output interface{ output() }

type (
	// Tick says that time has passed. The driver sends one every second or so.
	Tick struct{}
	// Resume answers an Output of the same name.
	Resume struct{}
	// Connected says that the handshake with a peer is complete.
	Connected struct {
		Peer   Peer
		Height int32 // of the peer's best block, by its own word
	}
	// Disconnected says that a peer has gone.
	Disconnected struct{ Peer Peer }
	// Received brings a message of a connected peer.
	Received struct {
		Peer    Peer
		Message msg.Message
	}
	// ParentMoved says that the chain whose work this one borrows has new blocks.
	ParentMoved struct{}
)

type (
	// Store makes a change of the best chain durable.
	Store struct{ Change spv.Change }
	// Send sends a message to a peer.
	Send struct {
		Peer    Peer
		Message msg.Message
	}
	// Drop ends the connection with a peer, and tells why. Ban says that it broke a
	// rule that no honest peer breaks.
	Drop struct {
		Peer Peer
		Err  error
		Ban  bool
	}
	// Again asks the driver to send a Resume once it has carried out what came
	// before: there is work left that need not hold those up.
	Again struct{}
)

func (Tick) input()         {}
func (Resume) input()       {}
func (Connected) input()    {}
func (Disconnected) input() {}
func (Received) input()     {}
func (ParentMoved) input()  {}

func (Store) output() {}
func (Send) output()  {}
func (Drop) output()  {}
func (Again) output() {}

// Stage is what a machine is busy with.
type Stage string

// The stages.
const (
	Connecting Stage = "connecting" // no peer yet
	Presync    Stage = "presync"    // a peer shows that its chain has enough work
	Headers    Stage = "headers"    // headers are fetched and judged
	Following  Stage = "following"  // every peer has told all it knows
)

// Status tells how far a machine is.
type Status struct {
	Stage   Stage
	Tip     spv.Block
	TipTime uint32 // seconds since 1970
	Shown   int32  // Presync: height that the peer's first or second pass has reached
	Claimed int32  // highest block by any peer's word; not verified
	Peers   int
	Synced  bool   // every peer has told all it knows, and there is at least one
	Waiting string // what it waits for, in words; empty if nothing
}

// Machine is the state of one chain's synchronisation. It owns its tree.
type Machine struct {
	tree  *spv.Tree
	salt  [16]byte
	now   time.Time
	peers []*peer // in the order in which they came
	out   []Output
}

// New returns a machine that continues from the tree's tip. Salt must be random; it
// keeps peers from foreseeing which headers the presync remembers.
func New(tree *spv.Tree, salt [16]byte) *Machine {
	return &Machine{tree: tree, salt: salt}
}

// Tree returns the machine's tree, for reading between steps.
func (m *Machine) Tree() *spv.Tree { return m.tree }

// Step takes one input and returns what to do about it. Now never runs backwards by
// more than the machine can bear: it is compared, never stored for long.
func (m *Machine) Step(now time.Time, in Input) []Output {
	m.now, m.out = now, nil
	switch in := in.(type) {
	case Tick:
		m.tick()
	case Resume:
		m.judge()
	case Connected:
		m.connected(in)
	case Disconnected:
		m.forget(in.Peer)
	case Received:
		if p := m.peer(in.Peer); p != nil {
			m.received(p, in.Message)
		}
	case ParentMoved:
		m.parentMoved()
	}
	return m.out
}

// Status tells how far the machine is.
func (m *Machine) Status() Status {
	tip := m.tree.Tip()
	header, _ := m.tree.Header(tip.Height)
	s := Status{Stage: Following, Tip: tip, TipTime: header.Time(), Peers: len(m.peers)}
	pending := false
	for _, p := range m.peers {
		s.Claimed = max(s.Claimed, p.height)
		pending = pending || p.pending
		switch {
		case p.presync != nil:
			s.Stage, s.Shown = Presync, p.presync.Progress()
		case !p.told && s.Stage == Following:
			s.Stage = Headers
		}
	}
	switch {
	case len(m.peers) == 0:
		s.Stage, s.Waiting = Connecting, "a peer"
	case pending:
		s.Waiting = "the parent chain's headers"
	}
	s.Synced = s.Stage == Following
	return s
}

func (m *Machine) emit(o Output) { m.out = append(m.out, o) }

func (m *Machine) peer(id Peer) *peer {
	for _, p := range m.peers {
		if p.id == id {
			return p
		}
	}
	return nil
}

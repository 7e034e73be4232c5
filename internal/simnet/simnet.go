// Package simnet runs a synchronisation machine against simulated peers on a virtual
// clock. Everything that happens follows from a seed, so that a failure can be played
// again. It is for tests only.
package simnet

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

// Manners says how a simulated peer behaves.
type Manners struct {
	Latency time.Duration // one way
	Jitter  time.Duration // added at random, one way
	Cut     int           // most headers in a message; 0: as many as allowed
	Silent  bool          // never answers
	Vanish  int           // goes away after so many messages; 0: stays
	Spoil   int32         // height at which it serves a header without work; 0: none
}

// Node is a simulated peer: a chain and its manners.
type Node struct {
	Manners
	Chain []spv.Sealed // best chain above genesis
	peer  syncer.Peer
	net   *Net
	alive bool
	sent  int
	up    time.Time // when the last message to the node arrives
	down  time.Time // when the last one from it does
}

// Net is a simulated network around one machine.
type Net struct {
	Machine *syncer.Machine
	Rand    *rand.Rand
	Now     time.Time
	Stored  []spv.Change  // all that the machine asked to be stored
	Dropped []syncer.Drop // all peers that it dropped
	nodes   map[syncer.Peer]*Node
	events  events
	serial  uint64
	peers   syncer.Peer
	steps   int
}

// New returns a network whose clock starts at a time and whose chance comes from a seed.
func New(m *syncer.Machine, seed uint64, start time.Time) *Net {
	n := &Net{Machine: m, Rand: rand.New(rand.NewPCG(seed, 0x51)), Now: start, nodes: map[syncer.Peer]*Node{}}
	n.after(time.Second, n.tick)
	return n
}

// Join connects a node to the machine.
func (n *Net) Join(node *Node) {
	n.peers++
	node.peer, node.net, node.alive, node.sent = n.peers, n, true, 0
	n.nodes[node.peer] = node
	n.at(node.next(&node.down), func() { n.step(syncer.Connected{Peer: node.peer, Height: int32(len(node.Chain))}) })
}

// Announce lets a node tell the machine of its best block, as after a new one.
func (node *Node) Announce() {
	last := node.Chain[len(node.Chain)-1]
	node.tell(&msg.Headers{Headers: []spv.Sealed{last}})
}

// Run lets time pass.
func (n *Net) Run(span time.Duration) error {
	end := n.Now.Add(span)
	for len(n.events) > 0 && n.events[0].at.Before(end) {
		e := heap.Pop(&n.events).(event)
		n.Now = e.at
		e.do()
		if n.steps++; n.steps > 1_000_000 {
			return fmt.Errorf("simnet: no rest after %d events at %s", n.steps, n.Now)
		}
	}
	n.Now = end
	return nil
}

func (n *Net) tick() {
	n.step(syncer.Tick{})
	n.after(time.Second, n.tick)
}

// step hands the machine an input and carries its outputs out in order.
func (n *Net) step(in syncer.Input) {
	for _, out := range n.Machine.Step(n.Now, in) {
		switch out := out.(type) {
		case syncer.Store:
			n.Stored = append(n.Stored, out.Change)
		case syncer.Send:
			if node := n.nodes[out.Peer]; node != nil && node.alive {
				n.at(node.next(&node.up), func() { node.hear(out.Message) })
			}
		case syncer.Drop:
			n.Dropped = append(n.Dropped, out)
			if node := n.nodes[out.Peer]; node != nil {
				node.alive = false
			}
		case syncer.Again:
			n.after(0, func() { n.step(syncer.Resume{}) })
		}
	}
}

// next returns when a message that is sent now arrives: late by latency and chance, but
// never before the one sent earlier, as on a TCP connection.
func (node *Node) next(last *time.Time) time.Time {
	at := node.net.Now.Add(node.Latency)
	if node.Jitter > 0 {
		at = at.Add(time.Duration(node.net.Rand.Int64N(int64(node.Jitter))))
	}
	if at.Before(*last) {
		at = *last
	}
	*last = at
	return at
}

// hear lets a node answer a message of the machine's.
func (node *Node) hear(m msg.Message) {
	request, ok := m.(*wire.MsgGetHeaders)
	if !ok || !node.alive || node.Silent {
		return
	}
	at := 0
	for _, h := range node.locate(request.BlockLocatorHashes) {
		if h >= 0 {
			at = h
			break
		}
	}
	most := msg.MaxHeaders
	if node.Cut > 0 {
		most = node.Cut
	}
	run := append([]spv.Sealed(nil), node.Chain[at:min(at+most, len(node.Chain))]...)
	if s := int(node.Spoil) - 1 - at; node.Spoil > 0 && s >= 0 && s < len(run) {
		spoil(&run[s].Header)
	}
	node.tell(&msg.Headers{Headers: run})
}

// locate returns the height of each locator entry on the node's chain, -1 if it is not
// on it; 0 is genesis.
func (node *Node) locate(ids []*spv.Hash) []int {
	at := make(map[spv.Hash]int, len(node.Chain)+1)
	if len(node.Chain) > 0 {
		at[node.Chain[0].Header.Prev()] = 0
	}
	for i := range node.Chain {
		at[node.Chain[i].Header.ID()] = i + 1
	}
	heights := make([]int, len(ids))
	for i, id := range ids {
		h, ok := at[*id]
		if !ok {
			h = -1
		}
		heights[i] = h
	}
	return heights
}

// spoil takes a header's work away.
func spoil(h *spv.Header) {
	target, _ := spv.ParseTarget(h.Bits())
	for id := h.ID(); spv.Meets(&id, &target); id = h.ID() {
		h[79]++
	}
}

// tell sends a message to the machine.
func (node *Node) tell(m msg.Message) {
	if !node.alive {
		return
	}
	node.net.at(node.next(&node.down), func() {
		if node.alive {
			node.net.step(syncer.Received{Peer: node.peer, Message: m})
		}
	})
	if node.sent++; node.Vanish > 0 && node.sent >= node.Vanish {
		node.Leave()
	}
}

// Leave ends the node's connection.
func (node *Node) Leave() {
	if node.alive {
		node.alive = false
		node.net.at(node.next(&node.down), func() { node.net.step(syncer.Disconnected{Peer: node.peer}) })
	}
}

// Alive tells whether the node is connected.
func (node *Node) Alive() bool { return node.alive }

func (n *Net) after(d time.Duration, do func()) { n.at(n.Now.Add(d), do) }

func (n *Net) at(t time.Time, do func()) {
	n.serial++
	heap.Push(&n.events, event{at: t, serial: n.serial, do: do})
}

// event is something that will happen; the serial keeps simultaneous ones in order.
type event struct {
	at     time.Time
	serial uint64
	do     func()
}

type events []event

func (e events) Len() int      { return len(e) }
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e events) Less(i, j int) bool {
	if !e[i].at.Equal(e[j].at) {
		return e[i].at.Before(e[j].at)
	}
	return e[i].serial < e[j].serial
}
func (e *events) Push(v any) { *e = append(*e, v.(event)) }
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	*e = old[:len(old)-1]
	return last
}

// Package simnet runs a synchronisation machine against simulated peers on a virtual
// clock. Everything that happens follows from a seed, so that a failure can be played
// again. It is for tests only.
package simnet

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/btcsuite/btcd/btcutil/bloom"
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
	Hush    int           // says nothing any more after so many messages; 0: goes on
	Spoil   int32         // height at which it serves a header without work; 0: none
	Loss    float64       // chance that it never hears a message
	Slow    time.Duration // passes between any two messages that it sends
	Ahead   time.Duration // its clock is so far ahead of the machine's
	Redial  time.Duration // after which it comes back when the connection ends without a ban; 0: never
	Lag     time.Duration // passes before it knows the filters of blocks that it tells of; until then it does not answer
}

// Node is a simulated peer: a chain and its manners.
type Node struct {
	Manners
	Chain    []spv.Sealed // best chain above genesis
	Ledger   Ledger       // its blocks, of a node that serves them; see Follow
	Services wire.ServiceFlag
	Relay    bool
	Lie      Lie
	Deaf     bool           // does not ask for announced transactions
	Mute     []string       // commands that it never answers
	Heard    map[string]int // how many messages of each command it has had

	filters map[spv.Hash]filterEntry // by block
	young   map[spv.Hash]time.Time   // when it knows the filters of blocks that came while it was connected
	bloom   *bloom.Filter            // that the machine told it; nil: none
	mempool map[spv.Hash]*wire.MsgTx
	last    []byte // transaction that it was given last
	peer    syncer.Peer
	net     *Net
	alive   bool
	sent    int
	up      time.Time // when the last message to the node arrives
	down    time.Time // when the last one from it does
}

// Net is a simulated network around one machine.
type Net struct {
	Machine *syncer.Machine
	Rand    *rand.Rand
	Now     time.Time
	Stored  []spv.Change  // all that the machine asked to be stored
	Dropped []syncer.Drop // all peers that it dropped
	Banned  []*Node       // all that it will not talk to again
	Disk    *Disk         // what it made durable
	Wallet  *Wallet       // whom it tells of payments; may be nil
	Seen    []syncer.Seen
	Echoes  []syncer.Echo
	Kill    int // the machine dies after carrying out so many more outputs; 0: it lives
	nodes   map[syncer.Peer]*Node
	events  events
	serial  uint64
	peers   syncer.Peer
	steps   int // events since the clock moved
}

// New returns a network whose clock starts at a time and whose chance comes from a seed.
func New(m *syncer.Machine, seed uint64, start time.Time) *Net {
	n := &Net{Machine: m, Rand: rand.New(rand.NewPCG(seed, 0x51)), Now: start, nodes: map[syncer.Peer]*Node{}, Disk: NewDisk(spv.Header{})}
	n.after(time.Second, n.tick)
	return n
}

// Join connects a node to the machine.
func (n *Net) Join(node *Node) {
	n.peers++
	node.peer, node.net, node.alive, node.sent, node.bloom = n.peers, n, true, 0, nil
	n.nodes[node.peer] = node
	peer := node.peer
	n.at(node.next(&node.down), func() {
		if node.alive && node.peer == peer {
			n.step(syncer.Connected{Peer: peer, Height: int32(len(node.Chain)), Services: node.Services, Relay: node.Relay, Clock: n.Now.Add(node.Ahead)})
		}
	})
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
		if n.steps++; e.at.After(n.Now) {
			n.steps = 0
		}
		n.Now = e.at
		e.do()
		if n.steps > 20_000 {
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

// Tell hands the machine an input that does not come from the network.
func (n *Net) Tell(in syncer.Input) { n.step(in) }

// step hands the machine an input and carries its outputs out in order.
func (n *Net) step(in syncer.Input) {
	m := n.Machine
	if m == nil {
		return
	}
	for _, out := range m.Step(n.Now, in) {
		if n.Machine != m {
			return // it was killed meanwhile
		}
		n.carry(out)
		if n.Kill > 0 {
			if n.Kill--; n.Kill == 0 {
				n.Machine = nil
			}
		}
	}
}

func (n *Net) carry(out syncer.Output) {
	switch out := out.(type) {
	case syncer.Store:
		n.Stored = append(n.Stored, out.Change)
		n.Disk.apply(out.Change)
		if n.Wallet != nil && out.Change.Undo > 0 {
			n.Wallet.rewind(out.Change.Tip.Height - int32(len(out.Change.Headers)))
		}
	case syncer.StoreFilters:
		n.Disk.storeFilters(out)
	case syncer.CutFilters:
		n.Disk.cut(out.To)
	case syncer.Doubt:
		n.Disk.doubts[out.Height] = true
	case syncer.Hearsay:
		n.Disk.Hearsay = out
	case syncer.Found:
		if in, more := n.Wallet.found(out); more {
			n.step(in)
		}
	case syncer.Scanned:
		n.Wallet.Cursor = out.To.Height
	case syncer.Seen:
		n.Seen = append(n.Seen, out)
	case syncer.Echo:
		n.Echoes = append(n.Echoes, out)
	case syncer.Send:
		if node := n.nodes[out.Peer]; node != nil && node.alive && n.Rand.Float64() >= node.Loss {
			n.at(node.next(&node.up), func() { node.hear(out.Message) })
		}
	case syncer.Drop:
		n.drop(out)
	case syncer.Again:
		m := n.Machine
		n.after(0, func() {
			if n.Machine == m {
				n.step(syncer.Resume{})
			}
		})
	}
}

// connected returns the nodes that are, in the order in which they came.
func (n *Net) connected() (nodes []*Node) {
	for id := syncer.Peer(1); id <= n.peers; id++ {
		if node := n.nodes[id]; node != nil && node.alive && node.peer == id {
			nodes = append(nodes, node)
		}
	}
	return nodes
}

func (n *Net) drop(out syncer.Drop) {
	n.Dropped = append(n.Dropped, out)
	node := n.nodes[out.Peer]
	if node == nil {
		return
	}
	node.alive = false
	if out.Ban {
		n.Banned = append(n.Banned, node)
	} else {
		n.redial(node)
	}
}

func (n *Net) redial(node *Node) {
	if node.Redial > 0 {
		n.after(node.Redial, func() {
			if !node.alive {
				n.Join(node)
			}
		})
	}
}

// Restart kills the machine and goes on with another, which has nothing but the disk.
func (n *Net) Restart(m *syncer.Machine) {
	n.Machine = m
	for _, node := range n.connected() {
		node.alive = false
		node.Redial = max(node.Redial, time.Second)
		n.redial(node)
	}
	if n.Wallet != nil {
		n.step(n.Wallet.Watch())
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
	if !node.alive {
		return
	}
	if node.Heard == nil {
		node.Heard = map[string]int{}
	}
	node.Heard[m.Command()]++
	if node.Silent || slices.Contains(node.Mute, m.Command()) || node.lags(m) {
		return
	}
	if request, ok := m.(*wire.MsgGetHeaders); ok {
		node.serveHeaders(request)
	} else {
		node.serve(m)
	}
}

func (node *Node) serveHeaders(request *wire.MsgGetHeaders) {
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
	for i := range node.Chain { // each names the one below: no header is hashed but the last
		at[node.Chain[i].Header.Prev()] = i
	}
	if n := len(node.Chain); n > 0 {
		at[node.Chain[n-1].Header.ID()] = n
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
	if !node.alive || (node.Hush > 0 && node.sent >= node.Hush) {
		return
	}
	peer := node.peer
	node.down = node.down.Add(node.Slow)
	node.net.at(node.next(&node.down), func() {
		if node.alive && node.peer == peer {
			node.net.step(syncer.Received{Peer: peer, Message: m})
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
		peer := node.peer
		node.net.at(node.next(&node.down), func() { node.net.step(syncer.Disconnected{Peer: peer}) })
		node.net.redial(node)
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

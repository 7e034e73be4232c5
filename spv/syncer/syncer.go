// Package syncer is the light client's state machine for one chain. Step takes what
// happened and returns what to do, in order; it reads no clock, does no IO but through
// the read-only stores it is given, and starts no goroutine, so that the same machine
// runs in production and in the simulator.
//
// It follows headers from any number of peers, through a presync below the minimum work,
// over reorganisations of any depth that the rules allow. If asked to, it also looks
// blocks through for a wallet: it has compact filters checked against the chain's own
// commitment or against every other peer, takes the blocks that match, and tells what
// they hold in height order; where nobody serves filters it takes whole blocks. It sees
// unconfirmed payments and broadcasts transactions.
//
// It keeps no keys, runs no scripts, and tells no peer what it looks for, unless it is
// allowed Bloom filters.
package syncer

import (
	"time"

	"github.com/layeredpow/lamina/spv"
)

// Source says what a machine may look blocks through with.
type Source uint8

// The sources.
const (
	Ladder      Source = iota // filters, and whole blocks (or Bloom filters) while no peer serves any
	OnlyFilters               // filters or nothing
	OnlyBlocks                // every block from Scan.From on, whole
)

// FilterStore reads back what StoreFilters made durable.
type FilterStore interface {
	// Filter returns the filter of the best chain's block at a height; false if it is
	// not there.
	Filter(height int32) ([]byte, bool)
	// FilterHeader returns the filter header at a height.
	FilterHeader(height int32) (spv.Hash, bool)
	// FiltersTo returns the highest height that has a filter; below Scan.From if none has.
	FiltersTo() int32
}

// HeaderStore reads back what Store made durable.
type HeaderStore interface {
	// Headers returns n headers of the best chain from a height on.
	Headers(height, n int32) ([]spv.Header, error)
}

// Scan says what to look for besides headers, and how.
type Scan struct {
	From    int32       // the wallet's birthday: blocks below are never looked at; at least 1
	Layered bool        // coinbases commit to the filters below (protocol.md 3.1)
	Source  Source      // what may be used
	Filters FilterStore // what is there already; required
	Headers HeaderStore // for heights below the tree's window; required
	Doubts  []int32     // what Doubt has made durable
	Hearsay int32       // what Hearsay has made durable: its From
	Alone   int32       // and its Alone
	Relay   bool        // look at unconfirmed transactions, too
	// Bloom allows Bloom filters (BIP37) on the ladder, below compact filters and above
	// whole blocks: the user has agreed that peers learn the wallet's addresses.
	Bloom bool
}

// Config says what a machine follows.
type Config struct {
	Tree *spv.Tree
	Salt [16]byte // random; keeps peers from foreseeing what the machine chooses by chance
	Scan *Scan    // nil: headers only
}

// Machine is the state of one chain's synchronisation. It owns its tree.
type Machine struct {
	tree     *spv.Tree
	salt     [16]byte
	now      time.Time
	peers    []*peer // in the order in which they came
	out      []Output
	again    bool
	caught   bool // some peer has told all the headers that it knows
	draws    uint64
	ids      idCache
	sought   []*sought // headers that Seek asked for, oldest first
	parked   parked
	clock    clock
	unstored spv.Change // what the tree has and the driver has not yet been told to store

	scan      *scan // nil: headers only
	claims    *claims
	filters   *filters
	fetches   []*fetch
	relay     *relay
	broadcast broadcast
}

// New returns a machine that follows headers only, from the tree's tip on. Salt must be
// random.
func New(tree *spv.Tree, salt [16]byte) *Machine {
	return NewWith(Config{Tree: tree, Salt: salt})
}

// NewWith returns a machine that continues from the tree's tip and from the filters that
// are stored. It looks for nothing before the first Watch, but fetches filters.
func NewWith(cfg Config) *Machine {
	m := &Machine{tree: cfg.Tree, salt: cfg.Salt}
	if cfg.Scan == nil {
		return m
	}
	s := *cfg.Scan
	s.From = max(s.From, 1)
	if to := s.Filters.FiltersTo(); to > 0 && to < s.From-1 {
		s.From = to + 1 // the store holds filters without a gap
	}
	m.filters = newFilters(s, m.tree.Tip().Height)
	m.claims = &claims{settled: s.From - 1, doubts: map[int32]bool{}}
	for _, h := range s.Doubts {
		m.claims.doubts[h] = true
	}
	m.scan = newScan(s, m.filters.at)
	if s.Relay {
		m.relay = newRelay()
	}
	return m
}

// Tree returns the machine's tree, for reading between steps.
func (m *Machine) Tree() *spv.Tree { return m.tree }

// Step takes one input and returns what to do about it. Now never runs backwards by
// more than the machine can bear: it is compared, never stored for long.
func (m *Machine) Step(now time.Time, in Input) []Output {
	m.now, m.out, m.again = now, nil, false
	if m.scan != nil {
		m.scan.begin(m.filters.at)
	}
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
	case Seek:
		m.seek(in.Block)
	case Watch:
		m.watch(in)
	case Broadcast:
		m.announce(in.Txs)
	case Tell:
		for _, p := range m.some((len(m.peers) + 1) / 2) {
			m.emit(Send{Peer: p.id, Message: in.Message})
		}
	case Forget:
		m.broadcast.forget(in.TxID)
	}
	m.rest(in)
	if m.scan != nil && m.caught {
		m.work()
	}
	if m.again {
		m.emit(Again{})
	}
	return m.out
}

// work does what can be done by now for the wallet, and asks peers for what it lacks.
func (m *Machine) work() {
	m.compare()
	m.settleDispute()
	m.finishBatches()
	m.hearsay()
	m.match()
	m.deliver()
	m.askClaims()
	m.askBatches()
	m.askBloom()
	m.askBlocks()
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

// idCache holds ids of blocks below the tree's window, which never change.
type idCache struct {
	from int32
	ids  []spv.Hash
}

const idStride = 512

// id returns the id of the best chain's block at a height; false if it is not at hand.
func (m *Machine) id(height int32) (spv.Hash, bool) {
	if height >= m.tree.Base() {
		b, ok := m.tree.Block(height)
		return b.Hash, ok
	}
	c := &m.ids
	if at := height - c.from; at >= 0 && int(at) < len(c.ids) {
		return c.ids[at], true
	}
	headers, err := m.scan.Headers.Headers(height, min(idStride, m.tree.Base()-height))
	if err != nil || len(headers) == 0 {
		return spv.Hash{}, false // pruned in this very step, and not stored yet
	}
	c.from, c.ids = height, c.ids[:0]
	for i := range headers {
		c.ids = append(c.ids, headers[i].ID())
	}
	return c.ids[0], true
}

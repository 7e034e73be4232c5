package relay

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/aead/siphash"
	"github.com/btcsuite/btcd/wire"
	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/internal/node/chain"
	"github.com/layeredpow/lamina/internal/node/mempool"
	"github.com/layeredpow/lamina/internal/node/mempool/recent"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

// Chain is the chain that a machine serves and keeps up; *chain.Chain is one.
type Chain interface {
	Params() *chains.Params
	Tip() spv.Block
	WorkAt(id spv.Hash) (uint256.Int, bool)
	BestHeader() (spv.Block, []spv.Hash)
	Header(id spv.Hash) (spv.Header, bool)
	Lookup(id spv.Hash) (spv.Block, bool)
	Ancestor(id spv.Hash, height int32) (spv.Block, bool)
	BlockAt(height int32) (spv.Block, bool)
	OnBest(b spv.Block) bool
	Sealed(locator []spv.Hash, stop spv.Hash) ([]spv.Sealed, error)
	Block(id spv.Hash) ([]byte, error)
	Filter(height int32) ([]byte, error)
	FilterHeader(height int32) (spv.Hash, error)
	Accept(raw []byte, now uint32) (chain.Result, error)
	AcceptHeaders(run []spv.Sealed, now uint32) (int, error)
	Resealed() []spv.Sealed
	ParentMoved(now uint32) (chain.Moved, error)
}

// Pool is the mempool that a machine fills and spreads; *mempool.Pool is one.
type Pool interface {
	Add(now time.Time, tx *wire.MsgTx, from mempool.Source) (mempool.Result, error)
	AddPackage(now time.Time, parent, child *wire.MsgTx, from mempool.Source) (mempool.Result, error)
	Knows(id spv.Hash) bool
	Since(seq uint64, n int) []mempool.Arrival
	Back(n int) uint64
	Served(id spv.Hash, seq uint64) ([]byte, bool)
	Stats(now time.Time) mempool.Stats
	Idle() bool
	Moved(now time.Time, undone, connected [][]*wire.MsgTx) error
	ParentMoved(now time.Time) error
	Tick(now time.Time)
	Forget(from mempool.Source)
}

// Config says what a machine works on.
type Config struct {
	Chain Chain
	Pool  Pool
	// Parent is the chain that a layer is merge-mined with; nil on an L1.
	Parent spv.ParentView
	// Settle hears the signatures of batches and the asks of depositors that peers send; nil: they are let go. It must not
	// wait, and may drop what does not fit. What is good comes back by Flood, what is bad by Blame.
	Settle func(from syncer.Peer, message msg.Message)
	// Sample makes what a layer's nodes answer getsample with; nil: they do not.
	Sample Sampler
	// Salt is random and secret: it keeps peers from foreseeing what is chosen by chance.
	Salt [16]byte
}

// Machine is the state of one chain's exchange with its peers. One goroutine uses it.
type Machine struct {
	chain  Chain
	params *chains.Params
	pool   Pool
	parent spv.ParentView
	salt   [16]byte
	draws  uint64

	now   time.Time
	out   []syncer.Output
	again bool
	fault error

	peers   []*peer // in the order in which they came
	tip     spv.Block
	initial bool // not caught up yet

	fetches map[spv.Hash]*fetch
	looking bool        // what is to be fetched may have changed
	held    *recent.Set // blocks that the chain has, though they may be off its best branch
	waiting *recent.Set // blocks that wait in the chain for its parent
	bad     *recent.Set // blocks that cannot be had or are invalid

	wanted  map[spv.Hash]*wanted // transactions that were announced and asked for
	ticking time.Time            // when the pool last heard of the time

	settle func(syncer.Peer, msg.Message)
	floods []flood // signatures that peers are still to be told of

	sample  Sampler
	sampled ration

	strays strays
}

// The most that is remembered of blocks.
const (
	maxHeld    = 20_000
	maxWaiting = 2_000
	maxBad     = 10_000
)

// New returns a machine at the chain's tip, without peers.
func New(cfg Config) *Machine {
	return &Machine{chain: cfg.Chain, params: cfg.Chain.Params(), pool: cfg.Pool, parent: cfg.Parent, salt: cfg.Salt, settle: cfg.Settle,
		sample: cfg.Sample, tip: cfg.Chain.Tip(), initial: true, fetches: map[spv.Hash]*fetch{}, wanted: map[spv.Hash]*wanted{},
		held: recent.New(maxHeld), waiting: recent.New(maxWaiting), bad: recent.New(maxBad)}
}

// Step takes one input and returns what to do about it. A Resume is also how the driver
// tells that the chain was moved by somebody else, such as a miner. After a fault of the
// chain or of the disk it does nothing more: see Status.
func (m *Machine) Step(now time.Time, in syncer.Input) []syncer.Output {
	m.now, m.out, m.again = now, nil, false
	if m.fault != nil {
		return nil
	}
	switch in := in.(type) {
	case syncer.Tick:
		m.tick()
	case syncer.Connected:
		m.connected(in)
	case syncer.Disconnected:
		m.forget(in.Peer)
	case syncer.Drained:
		if p := m.peer(in.Peer); p != nil {
			p.burst = burst{}
			m.serve(p)
		}
	case syncer.Received:
		if p := m.peer(in.Peer); p != nil {
			m.received(p, in.Message)
		}
	case syncer.ParentMoved:
		m.parentMoved()
	case syncer.Seek:
		m.seek(in.Block)
	case syncer.Broadcast:
		m.broadcast(in.Txs)
	}
	m.spread()
	m.follow()
	m.spreadSeals()
	m.fetch()
	return m.out
}

// fail notes that chain or disk have failed: nothing can be trusted any longer.
func (m *Machine) fail(err error) {
	if m.fault == nil {
		m.fault = err
	}
}

func (m *Machine) emit(o syncer.Output) { m.out = append(m.out, o) }

func (m *Machine) unix() uint32 { return uint32(m.now.Unix()) }

// parentMoved tries again what waited for the L1.
func (m *Machine) parentMoved() {
	// What somebody sent once and is refused only now is no fault of the chain's.
	var block *chain.BlockError
	var header *spv.HeaderError
	if _, err := m.chain.ParentMoved(m.unix()); err != nil && !errors.As(err, &block) && !errors.As(err, &header) {
		m.fail(err)
		return
	}
	if err := m.pool.ParentMoved(m.now); err != nil {
		m.fail(err)
		return
	}
	m.waiting.Clear() // what the chain has not kept is asked for again
	m.looking = true
	for _, p := range m.peers {
		// Who once gave what had to wait may have been on another branch when it was asked
		// again, and does not announce twice what it gave.
		if p.waited {
			p.pending, p.told = false, false
		}
		p.low = 0
	}
	m.next()
}

// tick lets time pass.
func (m *Machine) tick() {
	if m.due(m.ticking.Add(time.Minute), time.Minute) {
		m.ticking = m.now
		m.pool.Tick(m.now)
	}
	for _, p := range slices.Clone(m.peers) {
		m.overdue(p)
	}
	m.overdueTxs()
	for _, p := range slices.Clone(m.peers) {
		if p.burst.done(m.now) {
			p.burst = burst{}
		}
		m.serve(p)
		m.trickle(p)
		m.showSeals(p)
		m.feeFilter(p)
	}
	m.looking = true
	m.stillMissing()
	m.next()
}

// draw returns a number below n by a generator that is keyed with the salt: the same
// inputs give the same outputs, and peers cannot foresee them.
func (m *Machine) draw(n uint64) uint64 {
	m.draws++
	var counter [8]byte
	binary.LittleEndian.PutUint64(counter[:], m.draws)
	return siphash.Sum64(counter[:], &m.salt) % n
}

// wait returns a time by chance with a mean, as between events that know nothing of each
// other.
func (m *Machine) wait(mean time.Duration) time.Duration {
	u := (float64(m.draw(1<<32)) + 1) / (1 << 32)
	return time.Duration(-math.Log(u) * float64(mean))
}

// mostWait is more than wait can be, in means.
const mostWait = 23

// due tells whether a time has come that was at most so far ahead when it was set. One that is further ahead was set by a
// clock that has been put back since.
func (m *Machine) due(at time.Time, most time.Duration) bool {
	return !m.now.Before(at) || at.Sub(m.now) > most
}

// Status tells how far a machine is.
type Status struct {
	Tip     spv.Block
	Header  spv.Block // with the most work whose blocks are not known to be invalid
	Claimed int32     // highest block by any peer's word; not verified
	Peers   int
	Blocks  int  // that are being fetched
	Initial bool // still catching up, since the start; once false it stays so
	Synced  bool // all that any peer has told is done, and there is at least one
	Waiting int  // peers whose headers wait for the parent chain
	// Fault is why the machine has stopped: the chain or its disk has failed. Nil as long
	// as it works.
	Fault error
}

// Status returns how far the machine is.
func (m *Machine) Status() Status {
	header, _ := m.chain.BestHeader()
	s := Status{Tip: m.chain.Tip(), Header: header, Peers: len(m.peers), Blocks: len(m.fetches), Initial: m.initial, Fault: m.fault,
		Synced: m.caughtUp()}
	for _, p := range m.peers {
		s.Claimed = max(s.Claimed, p.height)
		if p.pending {
			s.Waiting++
		}
	}
	return s
}

// caughtUp tells that some peer has told all that it knows, and that of no peer a better
// chain than ours is known of which blocks are missing here.
func (m *Machine) caughtUp() bool {
	told := false
	ours, _ := m.chain.WorkAt(m.chain.Tip().Hash)
	for _, p := range m.peers {
		told = told || p.told
		work, ok := m.chain.WorkAt(p.best.Hash)
		if p.presync != nil || ok && work.Gt(&ours) && !p.dead && p.low <= p.best.Height {
			return false
		}
	}
	return told
}

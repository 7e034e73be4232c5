package syncer

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/btcsuite/btcd/wire"
	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
)

const (
	// answerTime is how long a peer may take to answer getheaders.
	answerTime = 30 * time.Second
	// quietTime is how long nobody need say anything before all are asked again.
	quietTime = 10 * time.Minute
	// announced is how many headers a peer tells unasked at most (Bitcoin Core, net_processing.cpp, MAX_BLOCKS_TO_ANNOUNCE).
	announced = 8
	// maxStrange is how often a peer may announce headers that lead nowhere.
	maxStrange = 10
	// spare is how many blocks below our tip a branch may leave our best chain for its headers to be
	// taken at once (as in Bitcoin Core, net_processing.cpp, GetAntiDoSWorkThreshold).
	spare = 144
)

// arrival is the headers of one message.
type arrival struct {
	run    []spv.Sealed
	answer bool // to a question of ours; otherwise an announcement
}

// source returns the peer that is being fetched from, if any. One at a time is asked for
// the bulk; the others are asked once it has told all it knows.
func (m *Machine) source() *peer {
	for _, p := range m.peers {
		if !p.asked.IsZero() || len(p.queue) > 0 || p.presync != nil {
			return p
		}
	}
	return nil
}

// ask asks a peer for what follows our best chain, or its presync's.
func (m *Machine) ask(p *peer) {
	if p.presync != nil {
		m.askAfter(p, []spv.Hash{p.presync.Next()})
		return
	}
	p.reached, p.shown, p.probed = -1, false, false
	m.askAfter(p, m.tree.Locator())
}

// probe asks a peer that says it is behind us, and has nothing to tell beyond our tip,
// whether it has that: some say nothing of their height. Who has it answers with its
// header, who has not with nothing. It reports whether it asked.
func (m *Machine) probe(p *peer) bool {
	below := m.tree.Locator()[1:]
	if p.probed || p.shown || p.height >= m.tree.Tip().Height || len(below) == 0 {
		return false
	}
	p.probed = true
	m.askAfter(p, below)
	return true
}

func (m *Machine) askAfter(p *peer, locator []spv.Hash) {
	request := &wire.MsgGetHeaders{ProtocolVersion: msg.Version}
	for i := range locator {
		// Never more than the message allows: a locator grows by the logarithm of the window.
		_ = request.AddBlockLocatorHash(&locator[i])
	}
	p.asked = m.now
	p.pace.begin(m.now)
	m.emit(Send{Peer: p.id, Message: request})
}

// inventory: a peer that does not announce by headers has a block that we lack.
func (m *Machine) inventory(p *peer, inv *wire.MsgInv) {
	for _, v := range inv.InvList {
		if v.Type&^wire.InvWitnessFlag != wire.InvTypeBlock {
			continue
		}
		if _, known := m.tree.Lookup(v.Hash); !known && p.asked.IsZero() && p.presync == nil {
			p.told = false
			m.ask(p)
			return
		}
	}
}

// headers takes an answer or an announcement. The next question goes out before this
// answer is judged, so that the peer's time and ours overlap.
func (m *Machine) headers(p *peer, run []spv.Sealed) {
	if m.stray(p, run) || p.unawaited(run) || m.crossed(p, run) {
		return
	}
	answer := !p.asked.IsZero()
	if p.asked, p.spoke = (time.Time{}), m.now; answer {
		p.heard = m.now
	}
	if !answer && len(run) == 0 {
		return
	}
	p.pace.got += len(run)
	p.queue = append(p.queue, arrival{run: run, answer: answer})
	// A short answer is not the end of the chain: some nodes cut messages by size.
	// Only an empty one, or one with nothing new, is.
	if answer && len(run) > 0 && p.presync == nil && !short(run) && !m.poor(run) {
		m.askAfter(p, []spv.Hash{run[len(run)-1].Header.ID()})
	}
	m.again = true
}

// unawaited tells that a message is not the answer that a presync waits for: a new block was announced meanwhile. It comes
// again with the others.
func (p *peer) unawaited(run []spv.Sealed) bool {
	return p.presync != nil && len(p.queue) == 0 && len(run) > 0 && run[0].Header.Prev() != p.presync.Next()
}

// leastWork is the work that a branch must have before its headers take a place in memory: the
// minimum, and what our best chain had spare blocks ago. Headers of less cost next to nothing
// to make, on top of an old block as well as of genesis.
func (m *Machine) leastWork() uint256.Int {
	least := m.tree.Rules().MinimumWork
	for _, p := range m.peers {
		if p.replaces.Gt(&least) {
			least = p.replaces
		}
	}
	if b, ok := m.tree.Block(m.tree.Tip().Height - spare); ok {
		if work, _ := m.tree.WorkAt(b.Hash); work.Gt(&least) {
			return work
		}
	}
	return least
}

// poor tells that the new headers of a run build on a branch without the least work, so that
// they are for a presync. What they claim for themselves counts for nothing: bits cost nothing before
// the rules have judged them, and the cheap headers below one that lies would be ours already.
func (m *Machine) poor(run []spv.Sealed) bool {
	if len(run) == 0 {
		return false
	}
	prev := run[0].Header.Prev()
	work, ok := m.tree.WorkAt(prev)
	if !ok {
		return m.tree.Rooted && prev == m.tree.Rules().Genesis.ID() // else it leads nowhere: for connect to say
	}
	least := m.leastWork()
	for i := range run {
		if !work.Lt(&least) {
			return false
		}
		if work, ok = m.tree.WorkAt(run[i].Header.ID()); !ok {
			return true
		}
	}
	return false // nothing is new
}

// short tells that asking ahead is not worth it: the answer is likely the last.
func short(run []spv.Sealed) bool { return len(run) < 100 }

// crossed tells that a message is not the answer that is due: a block was announced while the question travelled. An answer
// begins behind what is known, or behind what came just before. Taken for the answer, it would have each later answer taken
// for that to the next question, and the last ones for announcements.
func (m *Machine) crossed(p *peer, run []spv.Sealed) bool {
	if p.asked.IsZero() || p.presync != nil || len(run) == 0 || len(run) > announced {
		return false
	}
	prev := run[0].Header.Prev()
	if n := len(p.queue); n > 0 {
		if last := p.queue[n-1].run; len(last) > 0 && last[len(last)-1].Header.ID() == prev {
			return false
		}
	}
	_, known := m.tree.Lookup(prev)
	return !known
}

// linked makes sure that an answer is one line of headers.
func linked(run []spv.Sealed) error {
	for i := 1; i < len(run); i++ {
		if prev := run[i].Header.Prev(); prev != run[i-1].Header.ID() {
			return fmt.Errorf("headers: entry %d builds on %s, want the entry before it", i, prev)
		}
	}
	return nil
}

// judge takes one answer from the queues. If more are left it asks to go on.
func (m *Machine) judge() {
	i := slices.IndexFunc(m.peers, func(p *peer) bool { return len(p.queue) > 0 })
	if i < 0 {
		return
	}
	p := m.peers[i]
	b := p.queue[0]
	p.queue = p.queue[1:]
	if p.presync != nil || m.poor(b.run) {
		m.feed(p, b.run)
	} else {
		m.connect(p, b)
	}
	if slices.ContainsFunc(m.peers, func(p *peer) bool { return len(p.queue) > 0 }) {
		m.again = true
	}
}

// beginPresync has a peer show the work of its branch, which builds on a block. It is false if
// the run in hand is not the first of that: the peer is asked for it, if there is any.
func (m *Machine) beginPresync(p *peer, on spv.Hash) bool {
	start, ok := m.tree.Upto(on)
	if !ok {
		return false
	}
	least := m.leastWork()
	if m.deep(start.Tip()) {
		least = m.moreWork(least)
	}
	if from := start.Base(); from > 0 && start.Tip().Height-from < m.tree.Rules().Lookback() {
		// Too near the window's edge for the rules to judge what comes next: the branch is judged from genesis on.
		start, _ = m.tree.Upto(m.tree.Rules().Genesis.ID())
		p.presync = spv.NewPresync(start, least, m.salt, m.unix())
		m.ask(p)
		return false
	}
	p.presync = spv.NewPresync(start, least, m.salt, m.unix())
	return true
}

// feed gives a run to the peer's presync and connects what that releases.
func (m *Machine) feed(p *peer, run []spv.Sealed) {
	if p.presync == nil && !m.beginPresync(p, run[0].Header.Prev()) {
		return
	}
	shown := p.presync.Releasing()
	released, err := p.presync.Feed(run, len(run) == 0, m.unix())
	switch {
	case errors.Is(err, spv.ErrNotEnoughWork):
		m.drop(p, err, false) // poor, or still syncing itself
		return
	case errors.Is(err, spv.ErrPending):
		m.wait(p, run, err)
		return
	case err != nil:
		m.clock.early(run, err, m.now)
		var bad *spv.HeaderError // else it did not tell the same twice: its best chain may have moved meanwhile
		m.drop(p, err, errors.As(err, &bad) && bad.Permanent())
		return
	}
	if !shown && p.presync.Releasing() && m.deep(p.presync.Start()) && !m.replace(p) {
		return
	}
	if p.presync.Done() {
		p.presync, p.replaces = nil, uint256.Int{}
	}
	if len(released) > 0 && !m.add(p, released) {
		return
	}
	m.ask(p)
}

// connect judges a message by the tree and decides whether the peer has more to tell: as
// long as its answers lead higher, even along headers that we know, until one is empty.
func (m *Machine) connect(p *peer, b arrival) {
	if len(b.run) > 0 && !m.add(p, b.run) {
		return
	}
	last := m.holds(p, b.run)
	if !p.asked.IsZero() || len(p.queue) > 0 {
		return // an answer is due anyway
	}
	if len(b.run) > 0 && (b.answer || len(b.run) > 1) { // who tells several at once may have more
		if last.Height > p.reached {
			p.reached = last.Height
			m.askAfter(p, []spv.Hash{last.Hash})
			return
		}
	}
	if b.answer && len(b.run) == 0 && m.probe(p) {
		return
	}
	p.told, p.pace = true, pace{}
	m.caught = true
	m.next()
}

// holds notes how far a peer has our best chain, by what it told, and returns the last
// block of that.
func (m *Machine) holds(p *peer, run []spv.Sealed) spv.Block {
	last := m.tree.Tip() // nothing to tell beyond it: its chain is ours
	if len(run) > 0 {
		last, _ = m.tree.Lookup(run[len(run)-1].Header.ID())
	} else if p.shown || (!p.lowered && p.height < last.Height) {
		return p.holds // it was asked beyond its own last block, or is behind
	}
	p.shown = len(run) > 0
	p.holds, p.lowered = last, !m.tree.OnBest(last)
	if p.lowered {
		p.height = m.forkOf(last)
	} else {
		p.height = max(p.height, last.Height)
	}
	return last
}

// forkOf returns the height up to which the branch of a block is the best chain.
func (m *Machine) forkOf(b spv.Block) int32 {
	low, high := m.tree.Base(), b.Height // they agree at low: the tree has one root
	for high-low > 1 {
		middle := low + (high-low)/2
		if at, ok := m.tree.Ancestor(b.Hash, middle); ok && m.tree.OnBest(at) {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// next asks a peer that has not told all it knows, once nobody else is being asked.
func (m *Machine) next() {
	if m.source() != nil {
		return
	}
	for _, p := range m.peers {
		if !p.told && !p.pending {
			m.ask(p)
			return
		}
	}
}

// add connects headers and reports whether the peer may go on.
func (m *Machine) add(p *peer, run []spv.Sealed) bool {
	change, err := m.tree.Connect(run, m.unix())
	m.store(change)
	if change.Undo > 0 {
		m.undone(change.Tip.Height - int32(len(change.Headers)))
	}
	switch {
	case err == nil:
		p.strange = 0
		return true
	case errors.Is(err, spv.ErrPending):
		m.wait(p, run, err)
	case errors.Is(err, spv.ErrUnknownParent):
		if err := linked(run); err != nil {
			m.drop(p, err, true)
		} else if p.strange++; p.strange > maxStrange {
			m.drop(p, err, false)
		} else if p.asked.IsZero() {
			m.ask(p)
		}
	default:
		m.clock.early(run, err, m.now)
		m.drop(p, err, dishonest(err))
	}
	return false
}

// dishonest tells whether an error shows a broken rule that no honest peer breaks. A
// header that is refused for the moment, its proof or our own knowledge shows none.
func dishonest(err error) bool {
	var bad *spv.HeaderError
	return !errors.As(err, &bad) || bad.Permanent()
}

// wait keeps a peer whose headers cannot be judged before the parent chain has moved. The
// other peers go on meanwhile, lest one that makes things up holds us still.
func (m *Machine) wait(p *peer, run []spv.Sealed, why error) {
	m.missing(p, run, why)
	p.queue, p.presync, p.told, p.asked, p.pace = nil, nil, false, time.Time{}, pace{}
	p.pending = true
	m.next()
}

func (m *Machine) parentMoved() {
	for _, p := range m.peers {
		p.pending = false
	}
	m.next()
}

package relay

import (
	"errors"
	"fmt"
	"time"

	"github.com/btcsuite/btcd/wire"
	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
)

const (
	// answerTime is how long a peer may take to answer getheaders.
	answerTime = 30 * time.Second
	// quietTime is how long a peer need not say anything before it is asked again.
	quietTime = 10 * time.Minute
	// strangePoints is the score for headers that lead nowhere.
	strangePoints = 10
	// spare is how many blocks' work below our tip's a branch may be for its headers to be
	// taken at once (Bitcoin Core's nMinimumChainWork buffer).
	spare = 144
	// maxPresyncs is how many peers may show the work of a poor branch at a time.
	maxPresyncs = 4
)

// asking returns the peer that is telling headers, if any: one at a time tells the bulk.
func (m *Machine) asking() *peer {
	for _, p := range m.peers {
		if !p.asked.IsZero() {
			return p
		}
	}
	return nil
}

// next asks a peer that has not told all it knows, once nobody else is being asked.
func (m *Machine) next() {
	if m.asking() != nil {
		return
	}
	for _, p := range m.peers {
		if !p.told && !p.pending && p.serves&(wire.SFNodeNetwork|wire.SFNodeNetworkLimited) != 0 {
			m.ask(p)
			return
		}
	}
}

// ask asks a peer for what follows our best header, or its presync's. Of a layer's newest headers that we have it asks for
// the proofs, too, the first time.
func (m *Machine) ask(p *peer) {
	if p.presync != nil {
		m.askAfter(p, []spv.Hash{p.presync.Next()})
		return
	}
	best, locator := m.chain.BestHeader()
	if m.params.Layer != nil && p.heard.IsZero() {
		locator = m.lowered(best, locator)
	}
	m.askAfter(p, locator)
}

func (m *Machine) askAfter(p *peer, locator []spv.Hash) {
	request := &wire.MsgGetHeaders{ProtocolVersion: msg.Version}
	for i := range locator {
		// Never more than the message allows: a locator grows by the logarithm of the chain.
		_ = request.AddBlockLocatorHash(&locator[i])
	}
	p.asked = m.now
	m.send(p, request)
}

// headers takes an answer or an announcement.
func (m *Machine) headers(p *peer, run []spv.Sealed) {
	if m.stray(p, run) || m.crossed(p, run) {
		return
	}
	answer := !p.asked.IsZero()
	p.asked, p.heard = time.Time{}, m.now
	switch {
	case len(run) == 0 && p.presync == nil:
		p.told = p.told || answer
	case !linked(run):
		m.drop(p, errors.New("headers that are not one line"), true)
		return
	case p.presync != nil:
		m.feed(p, run)
	default:
		m.takeHeaders(p, run, answer)
	}
	m.next()
}

// crossed tells that a message is not the answer that is due: a block was announced while the question travelled. What the
// answer holds decides.
func (m *Machine) crossed(p *peer, run []spv.Sealed) bool {
	if p.asked.IsZero() || len(run) == 0 {
		return false
	}
	prev := run[0].Header.Prev()
	if p.presync != nil {
		return prev != p.presync.Next()
	}
	_, known := m.chain.WorkAt(prev)
	return !known
}

// linked tells whether a run is one line of headers.
func linked(run []spv.Sealed) bool {
	for i := 1; i < len(run); i++ {
		if run[i].Header.Prev() != run[i-1].Header.ID() {
			return false
		}
	}
	return true
}

func (m *Machine) takeHeaders(p *peer, run []spv.Sealed, answer bool) {
	claimed, ok := m.chain.WorkAt(run[0].Header.Prev())
	switch {
	case !ok && p.pending: // it leads to what waits for the L1
		return
	case !ok:
		if !p.early { // else they lead to what we refused by our own clock
			m.blame(p, strangePoints, errors.New("headers that lead nowhere"))
		}
		if !p.gone && !answer {
			m.ask(p)
		}
		p.told = p.told || answer
		return
	}
	least := m.leastWork()
	for i := range run {
		if claimed.Lt(&least) && m.params.CheckWork(&run[i], -1, nil) != nil {
			break // what it claims was never done, and what builds on it is as bad
		}
		claimed.Add(&claimed, workOf(&run[i].Header))
	}
	if _, known := m.chain.Lookup(run[len(run)-1].Header.ID()); !known && claimed.Lt(&least) {
		m.beginPresync(p, run, least, answer)
		return
	}
	before := p.best
	if !m.add(p, run) {
		return
	}
	// A short answer is not the end of the chain: some nodes cut messages by size. Only
	// one with nothing new is.
	// Who tells several at once, unasked, may have more.
	if last := run[len(run)-1].Header.ID(); (answer || len(run) > 1) && p.best != before && p.best.Hash == last {
		m.askAfter(p, []spv.Hash{last})
		return
	}
	p.told = p.told || answer
}

func workOf(h *spv.Header) *uint256.Int {
	target, ok := spv.ParseTarget(h.Bits())
	if !ok {
		return new(uint256.Int)
	}
	w := spv.WorkOf(&target)
	return &w
}

// leastWork is the total work that a branch must have for its headers to take a place in
// memory: headers of little work cost nothing to make.
func (m *Machine) leastWork() uint256.Int {
	least := m.params.MinimumWork
	tip := m.chain.Tip()
	work, _ := m.chain.WorkAt(tip.Hash)
	if h, ok := m.chain.Header(tip.Hash); ok {
		room := new(uint256.Int).Mul(workOf(&h), uint256.NewInt(spare))
		if work.Gt(room) {
			if work.Sub(&work, room); work.Gt(&least) {
				return work
			}
		}
	}
	return least
}

// add hands headers to the chain and reports whether the peer may go on.
func (m *Machine) add(p *peer, run []spv.Sealed) bool {
	_, err := m.chain.AcceptHeaders(run, m.unix())
	for i := len(run) - 1; i >= 0; i-- {
		if b, ok := m.chain.Lookup(run[i].Header.ID()); ok {
			m.learn(p, b)
			break
		}
	}
	var bad *spv.HeaderError
	switch {
	case err == nil:
		p.early = false
		return true
	case errors.Is(err, spv.ErrPending):
		p.pending, p.waited, p.presync = true, true, nil
		m.lacking(p, run, err)
	case !errors.As(err, &bad):
		m.fail(err)
	case errors.Is(err, spv.ErrUnknownParent):
		m.blame(p, strangePoints, err)
	case tooEarly(err):
		p.told, p.early = true, true // our clock or its: it will tell again
	default:
		m.drop(p, err, bad.Permanent())
	}
	return false
}

// tooEarly tells whether a header is refused for the clock alone.
func tooEarly(err error) bool {
	var c *spv.CheckError
	return errors.As(err, &c) && c.Name == spv.CheckFutureTime
}

// learn notes that a peer has a block.
func (m *Machine) learn(p *peer, b spv.Block) {
	ours, ok := m.chain.WorkAt(p.best.Hash)
	theirs, _ := m.chain.WorkAt(b.Hash)
	if ok && !theirs.Gt(&ours) {
		return
	}
	if on, ok := m.chain.Ancestor(b.Hash, p.best.Height); !ok || on != p.best {
		p.low = 0 // another branch
	}
	p.best, p.dead = b, false
	p.height = max(p.height, b.Height)
	m.looking = true
}

// beginPresync lets a peer show that a branch that looks poor so far has the work.
func (m *Machine) beginPresync(p *peer, run []spv.Sealed, least uint256.Int, answer bool) {
	running := 0
	for _, o := range m.peers {
		if o.presync != nil {
			running++
		}
	}
	p.told = true // if nothing comes of it, it has nothing for us
	if !answer || running >= maxPresyncs {
		return
	}
	start, ok := m.treeUpTo(run[0].Header.Prev())
	if !ok {
		return
	}
	p.presync = spv.NewPresync(start, least, m.salt, m.unix())
	m.feed(p, run)
}

// treeUpTo returns a tree that ends in a block, with all that judging what follows takes.
func (m *Machine) treeUpTo(id spv.Hash) (*spv.Tree, bool) {
	at, ok := m.chain.Lookup(id)
	if !ok {
		return nil, false
	}
	n := min(m.params.Lookback(), at.Height) + 1
	headers := make([]spv.Header, n)
	for i := n - 1; i >= 0; i-- {
		h, ok := m.chain.Header(id)
		if !ok {
			return nil, false
		}
		headers[i], id = h, h.Prev()
	}
	first := headers[0].ID()
	work, _ := m.chain.WorkAt(first)
	tree, err := spv.NewTreeAt(&m.params.Rules, headers, at.Height-n+1, work)
	if err != nil {
		return nil, false
	}
	if m.parent != nil {
		tree.LinkTo(m.parent)
	}
	return tree, true
}

// feed gives a run to a peer's presync and takes what that releases.
func (m *Machine) feed(p *peer, run []spv.Sealed) {
	released, err := p.presync.Feed(run, len(run) == 0, m.unix())
	var bad *spv.HeaderError
	switch {
	case errors.Is(err, spv.ErrNotEnoughWork):
		p.presync, p.told = nil, true // a poor branch, or one that is syncing itself
		return
	case errors.Is(err, spv.ErrPending):
		p.presync, p.pending, p.waited = nil, true, true
		m.lacking(p, run, err)
		return
	case tooEarly(err):
		p.presync, p.told, p.early = nil, true, true
		return
	case err != nil:
		m.drop(p, fmt.Errorf("presync: %w", err), errors.As(err, &bad) && bad.Permanent())
		return
	}
	if p.presync.Done() {
		p.presync = nil
	}
	if len(released) > 0 && !m.add(p, released) {
		p.presync = nil
		return
	}
	p.told = false
	m.ask(p)
}

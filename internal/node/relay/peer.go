package relay

import (
	"fmt"
	"slices"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/mempool"
	"github.com/layeredpow/lamina/internal/node/mempool/recent"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

const (
	// maxPeerKnows is how many transactions are remembered that a peer has.
	maxPeerKnows = 10_000
	// maxScore is the misbehaviour at which a peer is dropped: things that an honest peer
	// may do now and then, and not often.
	maxScore = 100
	// firstTxs is how many of the newest transactions a new peer is told of.
	firstTxs = 5000
)

// peer is what the machine knows of one connection.
type peer struct {
	id      syncer.Peer
	inbound bool
	serves  wire.ServiceFlag
	height  int32 // by its own word
	wtxid   bool
	wants   bool // transactions announced
	score   int
	gone    bool

	// Headers.
	best    spv.Block  // the best header that it told of or that we know it has
	dead    bool       // best builds on an invalid block
	asked   time.Time  // when it was asked for headers; zero if no answer is due
	told    bool       // its last answer held nothing new
	heard   time.Time  // when its last headers came
	pending bool       // its headers wait for the parent chain
	waited  bool       // it once was pending
	lacks   []spv.Hash // blocks of the parent chain, of which some are not known
	lacking time.Time  // when they were told of
	early   bool       // its last headers were refused for the clock alone
	presync *spv.Presync
	headers bool      // it wants new blocks announced by headers
	seen    spv.Block // the best block that we told it of
	seals   time.Time // when it was shown the newest proofs
	shown   int32     // up to what height

	// Blocks.
	low   int32                  // below here all of best's branch is held
	owes  map[spv.Hash]time.Time // blocks that it was asked for, others may have been since
	block time.Time              // when it last brought one
	slow  bool                   // it keeps us waiting

	// Transactions.
	knows   *recent.Set
	cursor  uint64    // place in the pool's order up to which it was told
	turn    time.Time // when it is told next
	fee     int64     // least rate that it wants to hear of, base units per 1000 vbytes
	filter  int64     // least rate that we told it
	feeTurn time.Time
	asks    int            // transactions that it was asked for
	offers  []wire.InvVect // that it may be asked for next

	// Settlement.
	sigs    int // signatures that it sent since sigTurn
	sigTurn time.Time
	bad     []string // what was wrong with some

	// Serving.
	questions []msg.Message
	errands   []errand
	burst     burst
	sampled   ration
}

func (m *Machine) peer(id syncer.Peer) *peer {
	for _, p := range m.peers {
		if p.id == id {
			return p
		}
	}
	return nil
}

func (m *Machine) connected(in syncer.Connected) {
	if m.peer(in.Peer) != nil {
		return
	}
	p := &peer{id: in.Peer, inbound: in.Inbound, serves: in.Services, height: in.Height, wtxid: in.WTxID, wants: in.Wants,
		owes: map[spv.Hash]time.Time{}, knows: recent.New(maxPeerKnows), cursor: m.pool.Back(firstTxs), filter: -1,
		best: spv.Block{Hash: m.params.NetID()}, turn: m.now.Add(m.wait(trickleOf(in.Inbound)))}
	m.peers = append(m.peers, p)
	m.send(p, &wire.MsgSendHeaders{})
	m.feeFilter(p)
	m.next()
}

func (m *Machine) send(p *peer, message msg.Message) {
	m.emit(syncer.Send{Peer: p.id, Message: message})
}

func (m *Machine) received(p *peer, message msg.Message) {
	switch message := message.(type) {
	case *msg.Headers:
		m.headers(p, message.Headers)
	case *msg.Block:
		m.block(p, message.Raw)
	case *msg.Tx:
		m.transaction(p, message.Raw)
	case *wire.MsgInv:
		m.inventory(p, message)
	case *wire.MsgNotFound:
		m.notFound(p, message)
	case *wire.MsgGetHeaders, *wire.MsgGetCFHeaders, *wire.MsgGetCFCheckpt, *msg.GetSample:
		m.question(p, message)
	case *wire.MsgGetData:
		m.serveData(p, message)
	case *wire.MsgGetCFilters:
		m.serveFilters(p, message)
	case *wire.MsgSendHeaders:
		p.headers = true
	case *msg.SettleSig:
		m.settlement(p, message.NetID, message)
	case *msg.SweepAsk:
		m.settlement(p, message.NetID, message)
	case *wire.MsgFeeFilter:
		if message.MinFee >= 0 && message.MinFee <= m.params.Unit.MaxMoney {
			p.fee = message.MinFee
		}
	}
}

// blame counts what a peer should not do often.
func (m *Machine) blame(p *peer, points int, err error) {
	if p.score += points; p.score >= maxScore {
		m.drop(p, &tooOften{err}, true)
	}
}

// tooOften ends the connection of a peer that has done what it should not do often. It may
// be a fault and no malice, so that its host is left alone for a short time only.
type tooOften struct{ err error }

func (t *tooOften) Error() string { return fmt.Sprintf("too much of this: %v", t.err) }
func (t *tooOften) Unwrap() error { return t.err }

// BanTime is for the driver of connections.
func (*tooOften) BanTime() time.Duration { return 10 * time.Minute }

func (m *Machine) drop(p *peer, err error, ban bool) {
	if p.gone {
		return
	}
	m.emit(syncer.Drop{Peer: p.id, Err: err, Ban: ban})
	m.forget(p.id)
}

// forget lets go of a peer; what it was asked for is asked of others.
func (m *Machine) forget(id syncer.Peer) {
	p := m.peer(id)
	if p == nil {
		return
	}
	p.gone = true
	m.peers = slices.DeleteFunc(m.peers, func(x *peer) bool { return x == p })
	for h, f := range m.fetches {
		if f.peer == p {
			delete(m.fetches, h)
		}
	}
	m.looking = true
	m.loseTeller(p)
	m.pool.Forget(mempool.Source(id))
	m.next()
}

// overdue drops a peer that owes an answer for too long, or takes its work from it.
func (m *Machine) overdue(p *peer) {
	switch {
	case !p.asked.IsZero() && m.now.Sub(p.asked) > answerTime:
		m.drop(p, fmt.Errorf("no answer to getheaders for %s", answerTime), false)
	case p.told && m.now.Sub(p.heard) > quietTime:
		p.told = false
		m.next()
	}
	m.stalled(p)
}

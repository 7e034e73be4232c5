package syncer

import (
	"slices"
	"time"

	"github.com/btcsuite/btcd/wire"
	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
)

// limitedDepth is how deep blocks are had from peers that keep 288 of them (BIP159), with
// some room for new blocks on the way.
const limitedDepth = 280

// peer is what the machine knows of one connection.
type peer struct {
	id      Peer
	gone    bool             // dropped or disconnected
	height  int32            // up to here it has our best chain, by its own word or by what it told
	holds   spv.Block        // the highest block that it told of
	lowered bool             // height was lowered by a reorganisation that it did not bring
	serves  wire.ServiceFlag // by its own word
	wtxid   bool             // it announces by wtxid
	relays  bool             // it announces transactions to us
	fee     int64            // least fee rate that it relays, base units per 1000 vbytes; -1: not told
	heard   time.Time        // when its last answer came
	spoke   time.Time        // when it last told headers, asked or not
	strange int
	served  int // blocks and filters that it delivered

	// Headers.
	asked   time.Time // when it was asked for headers; zero if no answer is due
	told    bool      // its last answer held nothing new
	queue   []arrival // not judged yet
	reached int32     // highest header of its answers since it was last asked by locator
	shown   bool      // an answer since then held headers
	probed  bool      // it was asked since then whether it has our tip
	presync *spv.Presync
	// replaces is the work that its branch has shown, while that takes the place of one which it
	// leaves deeper than the rules follow; else 0.
	replaces uint256.Int
	pending  bool       // its headers wait for the parent chain
	lacks    []spv.Hash // blocks of that, of which some are not known
	lacking  time.Time  // when they were told of
	pace     pace       // in headers, while it is asked

	word word // what it says of filters
}

func (m *Machine) connected(in Connected) {
	if m.peer(in.Peer) != nil {
		return
	}
	p := &peer{id: in.Peer, height: in.Height, serves: in.Services, wtxid: in.WTxID, relays: in.Relay, fee: -1}
	p.word.reset()
	m.peers = append(m.peers, p)
	m.clock.met(in.Clock, m.now)
	m.emit(Send{Peer: p.id, Message: &wire.MsgSendHeaders{}})
	if m.source() == nil {
		m.ask(p)
	}
	m.reannounce(false)
}

func (m *Machine) received(p *peer, message msg.Message) {
	switch message := message.(type) {
	case *msg.Headers:
		m.headers(p, message.Headers)
	case *wire.MsgInv:
		m.inventory(p, message)
		m.rumours(p, message)
	case *wire.MsgFeeFilter:
		p.fee = max(0, message.MinFee)
	case *wire.MsgGetData:
		m.serveTxs(p, message)
	case *msg.Tx:
		m.transaction(p, message.Raw)
	}
	if m.scan == nil {
		return
	}
	switch message := message.(type) {
	case *wire.MsgCFHeaders:
		m.answer(p, message)
	case *wire.MsgCFCheckpt:
		m.checkpoints(p, message)
	case *wire.MsgCFilter:
		m.filter(p, message)
	case *msg.Block:
		m.body(p, message.Raw)
	case *msg.MerkleBlock:
		m.merkleBlock(p, message)
	case *wire.MsgNotFound:
		m.notFound(p, message)
	}
}

// filterPeer tells whether a peer says that it serves compact filters.
func (p *peer) filterPeer() bool { return p.serves&wire.SFNodeCF != 0 }

// keeps tells whether a peer says that it serves the block at a height.
func (m *Machine) keeps(p *peer, height int32) bool {
	return p.height >= height && (p.serves&wire.SFNodeNetwork != 0 ||
		p.serves&wire.SFNodeNetworkLimited != 0 && m.tree.Tip().Height-height < limitedDepth)
}

// server returns the peer to ask for something: the least busy of those that have served
// before and have time, or else one that has yet to show that it does, which gets one
// thing to do at a time, lest one that comes back again and again to say nothing keeps
// things waiting.
func (m *Machine) server(most int, fits func(*peer) (able bool, busy int)) (best *peer) {
	least := 0
	for _, p := range m.peers {
		able, busy := fits(p)
		if !able || (!p.told && p.served == 0) || busy >= most || (p.served == 0 && busy > 0) {
			continue
		}
		if best == nil || (p.served > 0 && (best.served == 0 || busy < least)) {
			best, least = p, busy
		}
	}
	return best
}

// tick drops peers that owe an answer for too long and asks again where it is quiet.
func (m *Machine) tick() {
	m.dropLate()
	for _, p := range m.peers {
		if p.told && p.asked.IsZero() && m.now.Sub(p.spoke) > quietTime {
			p.told = false
		}
	}
	m.stillMissing()
	m.next()
	if m.scan != nil {
		m.chooseSource()
	}
	m.reannounce(true)
	m.relay.tick(m)
}

func (m *Machine) drop(p *peer, err error, ban bool) {
	if p.gone {
		return
	}
	m.emit(Drop{Peer: p.id, Err: err, Ban: ban})
	m.forget(p.id)
}

// forget lets go of a peer; what it was asked for is asked of others.
func (m *Machine) forget(id Peer) {
	m.peers = slices.DeleteFunc(m.peers, func(p *peer) bool {
		p.gone = p.gone || p.id == id
		return p.id == id
	})
	for _, p := range m.broadcast.parcels { // it may take what it was told to the grave
		p.sent = slices.DeleteFunc(p.sent, func(to Peer) bool { return to == id })
	}
	if m.scan != nil {
		m.scan.bloom.leave(id)
		for _, b := range m.filters.batches {
			if b.peer == id {
				b.peer = 0
			}
		}
		for _, f := range m.fetches {
			if f.peer == id {
				f.peer = 0
			}
		}
		if d := m.claims.dispute; d != nil {
			for _, s := range d.sides {
				if s.peer == id {
					s.peer = 0
				}
			}
		}
	}
	m.next()
}

// undone follows a reorganisation: nothing above the fork counts any longer.
func (m *Machine) undone(fork int32) {
	for _, p := range m.peers {
		if p.height > fork && !m.tree.OnBest(p.holds) {
			p.height, p.lowered, p.told = fork, true, false
		}
	}
	if m.scan != nil {
		m.rewindFilters(fork)
		m.scan.rewind(fork)
	}
}

// draw returns a number below n by a generator that is keyed with the salt: the same
// inputs give the same outputs, and peers cannot foresee them.
func (m *Machine) draw(n uint64) uint64 {
	m.draws++
	return keyed(m.salt, m.draws) % n
}

func (m *Machine) unix() uint32 { return uint32(m.now.Unix()) }

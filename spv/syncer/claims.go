package syncer

import (
	"fmt"
	"slices"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/pow"
)

const (
	// roundSpan is how many filter hashes the peers are asked for in one round.
	roundSpan = 1000
	// claimsAhead is how many agreed hashes may wait for their filters, 65 bytes each.
	claimsAhead = 4000
	// roundTime is how long a round waits for those that have not answered once somebody
	// has. Whoever is late is held against what was agreed without it.
	roundTime = 10 * time.Second
	// auditSpan is how many stored filters are hashed in one step to compare a peer with.
	auditSpan = 200
)

// claims is what is agreed about filters that are not stored yet. Peers answer in rounds:
// all that serve filters are asked for the hashes of the same blocks (32 bytes for a
// filter of some 20 kB), and only what all say alike is agreed. Where they differ, the
// block itself decides (dispute.go). A peer that comes later is held against what was
// agreed before it came (audit.go). On layer chains a block above the hashes commits to
// them instead (commitment.go).
type claims struct {
	accepted []claim // of the block above the highest stored filter, and up
	settled  int32   // layers: up to here a block has committed to the filters
	round    int32   // the last block of the present round; 0: none
	began    time.Time
	commit   *commitment
	dispute  *dispute
	doubts   map[int32]bool // heights whose filters peers dispute and nobody can settle
}

// claim is one agreed filter hash.
type claim struct {
	hash, header spv.Hash
	doubt        bool // no filter with this hash is to be believed
}

// word is what one peer says of filters.
type word struct {
	question *question
	repeated *question  // the last one that was asked again: it may be answered twice
	audited  int32      // up to here its filter hashes agree with ours; -1: nobody knows
	link     spv.Hash   // its filter header there
	linked   bool       // link is known
	skewed   bool       // its headers differ from ours: below the birthday, or by a doubt
	said     []spv.Hash // its hashes for audited+1 and up, not compared yet

	low, high int32    // search: its header at low is ours, that at high is not; high 0: no search
	header    spv.Hash // its filter header at high
	first     bool     // high is the first block at which it differs
	hash      spv.Hash // then: its filter hash there
}

func (w *word) reset() { *w = word{audited: -1} }

// rewind forgets what a peer said above a height, at which our own header is known or not.
func (w *word) rewind(to int32, ours spv.Hash, known bool) {
	w.said, w.low, w.high, w.first = nil, 0, 0, false
	if w.audited <= to {
		return
	}
	w.audited = to
	if w.linked = known && !w.skewed; w.linked {
		w.link = ours
	}
}

// purpose says what a question is for.
type purpose uint8

const (
	forRound       purpose = iota // to agree on new hashes
	forTop                        // to see whether a peer's headers differ
	forCheckpoints                // to find the interval in which they begin to
	forInterval                   // to find the block
	forAudit                      // to compare hashes where headers differ anyway
)

// command returns the message that asks.
func (p purpose) command() string {
	if p == forCheckpoints {
		return wire.CmdGetCFCheckpt
	}
	return wire.CmdGetCFHeaders
}

// question is a getcfheaders, or a getcfcheckpt, that a peer owes the answer to.
type question struct {
	purpose  purpose
	from, to int32
	stop     spv.Hash
	sent     time.Time
	fresh    bool // it was about new blocks when it was asked
	repeats  int  // how often it was asked again
	void     bool // the answer is of no use any more, but still due: it looks like that to another
}

// due tells whether an answer for a purpose is.
func (w *word) due(purpose purpose) bool {
	return w.question != nil && !w.question.void && w.question.purpose == purpose
}

func (m *Machine) question(p *peer, purpose purpose, from, to int32) {
	stop, ok := m.id(to)
	if !ok {
		return
	}
	p.word.question = &question{purpose: purpose, from: from, to: to, stop: stop, sent: m.now, fresh: to >= m.tree.Tip().Height-freshSpan}
	m.emit(Send{Peer: p.id, Message: p.word.question.message()})
}

func (q *question) message() msg.Message {
	if q.purpose == forCheckpoints {
		return wire.NewMsgGetCFCheckpt(wire.GCSFilterRegular, &q.stop)
	}
	return wire.NewMsgGetCFHeaders(wire.GCSFilterRegular, uint32(q.from), &q.stop)
}

// count returns how many hashes the answer has.
func (q *question) count() int { return int(q.to - q.from + 1) }

// agreed returns the highest block whose filter hash is agreed upon.
func (m *Machine) agreed() int32 { return m.filters.at + int32(len(m.claims.accepted)) }

// filterHeader returns our filter header at a height, false if it is not at hand.
func (m *Machine) filterHeader(height int32) (spv.Hash, bool) {
	f := m.filters
	switch i := int(height - f.at - 1); {
	case i >= len(m.claims.accepted):
		return spv.Hash{}, false
	case i >= 0:
		return m.claims.accepted[i].header, true
	case i == -1:
		return f.head, f.headed
	}
	return f.store.FilterHeader(height)
}

// filterHash returns our filter hash at a height, false if it is not at hand. Where there
// is a doubt any hash will do.
func (m *Machine) filterHash(height int32) (hash spv.Hash, doubt, ok bool) {
	if i := int(height - m.filters.at - 1); i >= 0 {
		if i >= len(m.claims.accepted) {
			return spv.Hash{}, false, false
		}
		c := &m.claims.accepted[i]
		return c.hash, c.doubt, true
	}
	filter, ok := m.filters.store.Filter(height)
	doubt = len(filter) == 0 || m.claims.doubts[height]
	return pow.DoubleSHA256(filter), doubt, ok
}

// askClaims keeps the rounds going, and the audits of peers that are not part of them.
func (m *Machine) askClaims() {
	if m.filters.source == OnlyBlocks {
		return
	}
	m.abandon()
	for _, p := range m.peers {
		m.repeat(p)
	}
	if c := m.claims; c.round == 0 && c.dispute == nil && c.commit == nil {
		m.startRound()
	}
	m.settle()
	for _, p := range slices.Clone(m.peers) {
		w := &p.word
		if !p.gone && p.filterPeer() && w.question == nil && w.said == nil && !m.filters.layered {
			m.audit(p)
		}
	}
}

// abandon forgets agreed hashes that no connected peer stands by, so that others may say
// what they know.
func (m *Machine) abandon() {
	agreed := m.agreed()
	if len(m.claims.accepted) == 0 || m.claims.round != 0 || (m.filters.layered && m.claims.settled >= agreed) ||
		slices.ContainsFunc(m.peers, func(p *peer) bool { return p.filterPeer() && p.word.audited >= agreed }) {
		return
	}
	m.rewindFilters(m.filters.at)
}

// startRound asks for the next hashes.
func (m *Machine) startRound() {
	agreed, tip := m.agreed(), m.tree.Tip().Height
	stop := min(agreed+roundSpan, tip, m.filters.at+claimsAhead)
	if stop <= agreed {
		m.checkCommitment()
		return
	}
	if m.filters.layered && agreed < tip-1 {
		m.startCommitted(min(stop, tip-1))
		return
	}
	for _, p := range m.peers {
		w := &p.word
		if !p.filterPeer() || w.question != nil || p.height < stop {
			continue
		}
		if m.filters.layered || (w.audited < 0 && agreed == m.filters.from-1) {
			w.audited, w.linked = agreed, false
		}
		if w.audited == agreed && w.high == 0 {
			m.question(p, forRound, agreed+1, stop)
			if w.question != nil {
				m.claims.round, m.claims.began = stop, m.now
			}
		}
	}
}

// answer takes a peer's filter hashes. Unasked ones are ignored: the chain may have moved.
func (m *Machine) answer(p *peer, in *wire.MsgCFHeaders) {
	w := &p.word
	q := w.question
	if q == nil || q.purpose == forCheckpoints || in.StopHash != q.stop || in.FilterType != wire.GCSFilterRegular ||
		w.answersAgain(in) {
		return
	}
	w.question, p.heard = nil, m.now
	if q.void {
		return
	}
	if want := q.count(); len(in.FilterHashes) != want {
		m.drop(p, fmt.Errorf("cfheaders: %d hashes, want %d", len(in.FilterHashes), want), true)
		return
	}
	hashes := make([]spv.Hash, len(in.FilterHashes))
	for i, h := range in.FilterHashes {
		hashes[i] = *h
	}
	if w.linked && (q.purpose == forRound || q.purpose == forAudit) && in.PrevFilterHeader != w.link {
		m.drop(p, fmt.Errorf("cfheaders: filter header %s at height %d, before it said %s", in.PrevFilterHeader, q.from-1, w.link), true)
		return
	}
	switch {
	case q.purpose == forTop:
		m.topped(p, q.to, hashes[0], in.PrevFilterHeader)
	case q.purpose == forInterval:
		m.interval(p, hashes, in.PrevFilterHeader)
	case q.purpose == forAudit:
		m.audited(p, hashes, in.PrevFilterHeader)
	case m.claims.commit != nil:
		m.committed(p, hashes, in.PrevFilterHeader)
	default:
		m.said(p, hashes, in.PrevFilterHeader)
	}
}

// said notes a peer's part in a round.
func (m *Machine) said(p *peer, hashes []spv.Hash, prev spv.Hash) {
	w := &p.word
	if !w.linked {
		w.link, w.linked = prev, true
		ours, ok := m.filterHeader(w.audited)
		if ok && prev != ours && m.filters.layered && w.audited <= m.claims.settled {
			m.drop(p, fmt.Errorf("cfheaders: filter header %s at height %d, a block commits to %s", prev, w.audited, ours), true)
			return
		}
	}
	w.said = hashes
}

// compare ends a round once everybody has answered: hash by hash, what all say is agreed.
func (m *Machine) compare() {
	c := m.claims
	if c.round == 0 || c.commit != nil || c.dispute != nil || !m.answered() {
		return
	}
	for h := m.agreed() + 1; h <= c.round; h++ {
		groups := m.groups()
		if len(groups) == 0 {
			break
		}
		doubt := len(groups) > 1
		if doubt && !c.doubts[h] {
			m.quarrel(h, groups)
			if c.dispute != nil {
				return
			}
			break
		}
		most := slices.MaxFunc(groups, func(a, b group) int { return len(a.peers) - len(b.peers) })
		m.accept(most, doubt)
		for _, g := range groups {
			for _, p := range g.peers {
				w := &p.word
				w.link = pow.HashPair(&w.said[0], &w.link)
				w.said, w.audited = w.said[1:], h
				w.skewed = w.link != c.accepted[len(c.accepted)-1].header
			}
		}
	}
	for _, p := range m.peers {
		p.word.said = nil
	}
	c.round = 0
}

// answered tells whether a round need not wait any longer.
func (m *Machine) answered() bool {
	due, said := false, false
	for _, p := range m.peers {
		due = due || p.word.due(forRound)
		said = said || p.word.said != nil
	}
	if !due || !said || m.now.Sub(m.claims.began) <= roundTime {
		return !due
	}
	for _, p := range m.peers {
		if p.word.due(forRound) {
			p.word.question.void = true
		}
	}
	return true
}

// group is peers that say the same hash of the next block's filter.
type group struct {
	hash  spv.Hash
	peers []*peer
}

func (m *Machine) groups() (groups []group) {
	for _, p := range m.peers {
		if len(p.word.said) == 0 {
			continue
		}
		i := slices.IndexFunc(groups, func(g group) bool { return g.hash == p.word.said[0] })
		if i < 0 {
			i = len(groups)
			groups = append(groups, group{hash: p.word.said[0]})
		}
		groups[i].peers = append(groups[i].peers, p)
	}
	return groups
}

// accept agrees on the next hash.
func (m *Machine) accept(g group, doubt bool) {
	prev, known := m.filterHeader(m.agreed())
	if !known { // the very first: what is below it nobody will ask about
		prev = g.peers[0].word.link
	}
	m.claims.accepted = append(m.claims.accepted, claim{hash: g.hash, header: pow.HashPair(&g.hash, &prev), doubt: doubt})
}

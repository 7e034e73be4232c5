package syncer

import (
	"fmt"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/pow"
)

// audit holds a peer that was not there when filters were agreed upon against them. A
// filter header stands for all filters below it, so that one question is enough where
// the peer agrees. Where it does not, its filter headers at every 1,000th block
// (BIP157's checkpoints) show the interval in which it begins to differ, all of those in
// the interval the first block, and that block decides. That way a lie told while only
// liars were connected comes out when an honest peer comes.
func (m *Machine) audit(p *peer) {
	w, from := &p.word, m.filters.from
	top := min(m.agreed(), p.height)
	switch {
	case w.high > 0 && w.first:
		m.differ(p)
	case w.high > 0 && w.high-w.low > wire.CFCheckptInterval:
		m.question(p, forCheckpoints, w.low+1, w.high)
	case w.high > 0:
		m.question(p, forInterval, w.low+1, w.high)
	case w.audited >= top || top < from:
	case w.skewed:
		m.question(p, forAudit, w.audited+1, min(w.audited+auditSpan, top))
	default:
		w.low = max(w.audited, from-1)
		m.question(p, forTop, top, top)
	}
}

// topped takes a peer's filter header at the highest block that is agreed upon.
func (m *Machine) topped(p *peer, height int32, hash, prev spv.Hash) {
	w := &p.word
	header := pow.HashPair(&hash, &prev)
	ours, ok := m.filterHeader(height)
	switch {
	case !ok: // not readable yet: it is asked again
	case header != ours:
		w.high, w.header, w.first = height, header, false
	default:
		w.audited, w.link, w.linked, w.skewed = height, header, true, false
	}
}

// checkpoints takes a peer's filter headers at every 1,000th block up to w.high, at which
// it differs.
func (m *Machine) checkpoints(p *peer, in *wire.MsgCFCheckpt) {
	w := &p.word
	q := w.question
	if q == nil || q.purpose != forCheckpoints || in.StopHash != q.stop || in.FilterType != wire.GCSFilterRegular {
		return
	}
	w.question, p.heard = nil, m.now
	if q.void {
		return
	}
	if want := int(q.to / wire.CFCheckptInterval); len(in.FilterHeaders) != want {
		m.drop(p, fmt.Errorf("cfcheckpt: %d filter headers up to height %d, want %d", len(in.FilterHeaders), q.to, want), true)
		return
	}
	for i, theirs := range in.FilterHeaders {
		height := int32(i+1) * wire.CFCheckptInterval
		if height <= w.low || height >= w.high {
			continue
		}
		ours, ok := m.filterHeader(height)
		if !ok {
			return
		}
		if *theirs != ours {
			w.high, w.header = height, *theirs
			return
		}
		w.low = height
	}
}

// interval takes a peer's filter headers of an interval at whose end it differs, and finds
// the first that does.
func (m *Machine) interval(p *peer, hashes []spv.Hash, prev spv.Hash) {
	w := &p.word
	if ours, ok := m.filterHeader(w.low); ok && prev != ours {
		m.drop(p, fmt.Errorf("cfheaders: filter header %s at height %d, before it said %s", prev, w.low, ours), true)
		return
	}
	first, header := 0, prev
	for i := range hashes {
		header = pow.HashPair(&hashes[i], &header)
		height := w.low + 1 + int32(i)
		ours, ok := m.filterHeader(height)
		if !ok {
			return
		}
		if first == 0 && header != ours {
			first = int(height)
			w.hash, prev = hashes[i], header
		}
	}
	if header != w.header {
		m.drop(p, fmt.Errorf("cfheaders: filter header %s at height %d, before it said %s", header, w.high, w.header), true)
		return
	}
	w.low, w.high, w.header, w.first = int32(first)-1, int32(first), prev, true
}

// audited compares a peer's hashes with ours where the headers tell nothing.
func (m *Machine) audited(p *peer, hashes []spv.Hash, prev spv.Hash) {
	w := &p.word
	w.link, w.linked = prev, true
	for i := range hashes {
		height := w.audited + 1
		ours, doubt, ok := m.filterHash(height)
		if !ok {
			return
		}
		header := pow.HashPair(&hashes[i], &w.link)
		if ours != hashes[i] && !doubt {
			w.low, w.high, w.hash, w.header, w.first = height-1, height, hashes[i], header, true
			return
		}
		w.audited, w.link = height, header
	}
}

// differ follows up the one block at which a peer begins to differ.
func (m *Machine) differ(p *peer) {
	w := &p.word
	hash, doubt, ok := m.filterHash(w.high)
	if !ok {
		return
	}
	if doubt || hash == w.hash { // nothing to settle, or the difference lies below the birthday
		m.skew(p)
		return
	}
	if m.claims.dispute != nil {
		return
	}
	id, ok := m.id(w.high)
	if !ok {
		return
	}
	own := &side{hash: hash, ours: true}
	if w.high <= m.filters.at {
		own.filter, own.have = m.filters.store.Filter(w.high)
	}
	m.claims.dispute = &dispute{
		block: spv.Block{Height: w.high, Hash: id}, auditee: p.id, sides: []*side{own, {hash: w.hash}},
	}
	m.again = true
}

// skew ends a search: from the block at which the peer differs on only hashes count.
func (m *Machine) skew(p *peer) {
	w := &p.word
	w.audited, w.link, w.linked, w.skewed, w.high, w.first = w.high, w.header, true, true, 0, false
}

package syncer

import (
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/pow"
)

// audit holds a peer that was not there when filters were agreed upon against them. A
// filter header stands for all filters below it, so that one question is enough where
// the peer agrees; where it does not, a binary search finds the first block at which it
// differs, and the block decides. That way a lie told while only liars were connected
// comes out when an honest peer comes.
func (m *Machine) audit(p *peer) {
	w, from := &p.word, m.filters.from
	top := min(m.agreed(), p.height)
	switch {
	case w.high > 0 && w.high-w.low == 1:
		m.differ(p)
	case w.high > 0:
		middle := w.low + (w.high-w.low)/2
		m.question(p, forSearch, middle, middle)
	case w.audited >= top || top < from:
	case w.skewed:
		m.question(p, forAudit, w.audited+1, min(w.audited+auditSpan, top))
	default:
		w.low = max(w.audited, from-1)
		m.question(p, forSearch, top, top)
	}
}

// searched takes the answer to one step of a search.
func (m *Machine) searched(p *peer, height int32, hash, prev spv.Hash) {
	w := &p.word
	header := pow.HashPair(&hash, &prev)
	ours, ok := m.filterHeader(height)
	switch {
	case !ok: // not readable yet: it is asked again
	case header != ours:
		w.high, w.hash, w.header = height, hash, header
	case w.high == 0:
		w.audited, w.link, w.linked, w.skewed = height, header, true, false
	default:
		w.low = height
	}
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
			w.low, w.high, w.hash, w.header = height-1, height, hashes[i], header
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
	w.audited, w.link, w.linked, w.skewed, w.high = w.high, w.header, true, true, 0
}

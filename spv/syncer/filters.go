package syncer

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/pow"
)

const (
	// batchSize is how many filters are asked for at once (the protocol allows 1000): few
	// enough that a slow peer holds little up.
	batchSize = 100
	// batchesAhead is how many batches may be under way, and peerBatches with one peer.
	batchesAhead = 16
	peerBatches  = 2
	// filterMemory is how many bytes of filters may wait for those before them. Beyond it
	// only the first batch is asked for.
	filterMemory = 32 << 20
)

// filters fetches the filters whose hashes are agreed upon, and hands them to the store.
type filters struct {
	source  Source
	layered bool
	store   FilterStore
	from    int32
	at      int32    // the highest filter that is verified and was handed to the store; from-1 before the first
	head    spv.Hash // the filter header there
	headed  bool     // head is known; it is not before the first
	batches []*batch // one behind the other, the first begins at at+1
	held    int      // bytes in them
}

// batch is a run of filters on their way.
type batch struct {
	from, to int32
	ids      []spv.Hash // of their blocks
	got      [][]byte   // nil where missing
	left     int        // missing ones
	peer     Peer       // that was asked; 0: nobody
	sent     time.Time
}

func newFilters(s Scan, tip int32) *filters {
	f := &filters{source: s.Source, layered: s.Layered, store: s.Filters, from: s.From}
	f.at = max(s.From-1, min(s.Filters.FiltersTo(), tip))
	if f.at >= f.from {
		if f.head, f.headed = f.store.FilterHeader(f.at); !f.headed {
			f.at = f.from - 1
		}
	}
	return f
}

// rewindFilters goes back to a fork of the chain.
func (m *Machine) rewindFilters(fork int32) {
	f, c := m.filters, m.claims
	c.settled = max(f.from-1, min(c.settled, fork))
	c.dispute, c.commit, c.round = nil, nil, 0
	maps.DeleteFunc(c.doubts, func(h int32, _ bool) bool { return h > fork })
	f.dropBatches()
	if at := max(fork, f.from-1); at < f.at {
		f.at, c.accepted = at, nil
		f.head, f.headed = spv.Hash{}, false
		if at >= f.from {
			f.head, f.headed = f.store.FilterHeader(at)
		}
	} else if n := int(at - f.at); n < len(c.accepted) {
		c.accepted = c.accepted[:n]
	}
	agreed := m.agreed()
	ours, known := m.filterHeader(agreed)
	for _, p := range m.peers {
		p.word.rewind(agreed, ours, known)
		if q := p.word.question; q != nil {
			if id, ok := m.id(q.to); ok && id == q.stop {
				q.void = true
			} else {
				p.word.question = nil // no other will have its stop
			}
		}
	}
}

// cutFilters takes back what was agreed above a height, stored or not.
func (m *Machine) cutFilters(to int32) {
	doubted := false
	for h := range m.claims.doubts {
		doubted = doubted || h > to
	}
	if to < m.filters.at || doubted {
		m.emit(CutFilters{To: to})
	}
	m.rewindFilters(to)
	m.cutScan(to)
	m.again = true
}

func (f *filters) dropBatches() { f.batches, f.held = nil, 0 }

// askBatches asks peers for filters whose hashes are agreed upon.
func (m *Machine) askBatches() {
	f := m.filters
	next := f.at + 1
	if n := len(f.batches); n > 0 {
		next = f.batches[n-1].to + 1
	}
	for agreed := m.agreed(); next <= agreed && len(f.batches) < batchesAhead; next = f.batches[len(f.batches)-1].to + 1 {
		b := &batch{from: next, to: min(next+batchSize-1, agreed)}
		for h := b.from; h <= b.to; h++ {
			id, ok := m.id(h)
			if !ok {
				return
			}
			b.ids = append(b.ids, id)
		}
		b.got, b.left = make([][]byte, len(b.ids)), len(b.ids)
		f.batches = append(f.batches, b)
	}
	for i, b := range f.batches {
		if b.peer != 0 || b.left == 0 || (i > 0 && f.held > filterMemory) {
			continue
		}
		p := m.filterServer(b.to)
		if p == nil {
			return
		}
		b.peer, b.sent = p.id, m.now
		first := slices.IndexFunc(b.got, func(g []byte) bool { return g == nil })
		m.emit(Send{Peer: p.id, Message: wire.NewMsgGetCFilters(wire.GCSFilterRegular, uint32(b.from)+uint32(first), &b.ids[len(b.ids)-1])})
	}
}

// filterServer returns the best peer that has given its word for the filters up to a
// height, nil if none has time.
func (m *Machine) filterServer(to int32) *peer {
	return m.server(peerBatches, func(p *peer) (able bool, busy int) {
		vouches := p.word.audited >= to || (m.filters.layered && to <= m.claims.settled)
		for _, b := range m.filters.batches {
			if b.peer == p.id && b.left > 0 {
				busy++
			}
		}
		return p.filterPeer() && vouches && p.height >= to, busy
	})
}

// filter takes a filter that a peer was asked for. Others are ignored: the chain may
// have moved meanwhile.
func (m *Machine) filter(p *peer, in *wire.MsgCFilter) {
	if in.FilterType != wire.GCSFilterRegular {
		return
	}
	m.evidence(p, in)
	for _, b := range m.filters.batches {
		if b.peer != p.id || p.gone {
			continue
		}
		i := slices.Index(b.ids, in.BlockHash)
		if i < 0 || b.got[i] != nil {
			continue
		}
		p.heard = m.now
		p.served++
		want := m.claims.accepted[b.from+int32(i)-m.filters.at-1]
		switch hash := spv.Hash(pow.DoubleSHA256(in.Data)); {
		case want.doubt:
			b.got[i] = []byte{}
		case hash == want.hash && len(in.Data) > 0:
			b.got[i] = in.Data
			m.filters.held += len(in.Data)
		default:
			m.drop(p, fmt.Errorf("filter of block %s: hash %s, want %s by the peer's own word", in.BlockHash, hash, want.hash), true)
			return
		}
		if b.left--; b.left == 0 {
			b.peer = 0
		}
		return
	}
}

// finishBatches hands what is complete, from the lowest on, to the store.
func (m *Machine) finishBatches() {
	f, c := m.filters, m.claims
	for len(f.batches) > 0 && f.batches[0].left == 0 {
		b := f.batches[0]
		n := len(b.ids)
		headers := make([]spv.Hash, n)
		for i := range headers {
			headers[i] = c.accepted[i].header
			f.held -= len(b.got[i])
		}
		m.emit(StoreFilters{From: b.from, Headers: headers, Filters: b.got})
		f.at, f.head, f.headed = b.to, headers[n-1], true
		c.accepted = slices.Delete(c.accepted, 0, n)
		f.batches = slices.Delete(f.batches, 0, 1)
		m.again = true // to match them once they are stored
	}
}

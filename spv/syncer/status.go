package syncer

import (
	"slices"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/said"
)

// Stage is what a machine is busy with.
type Stage string

// The stages, in the order in which they come. A stage is the first that is not done.
const (
	Connecting    Stage = "connecting"     // no peer yet
	Presync       Stage = "presync"        // a peer shows that its chain has enough work
	Headers       Stage = "headers"        // headers are fetched and judged
	FilterHeaders Stage = "filter headers" // peers are asked what the filters are
	Filters       Stage = "filters"        // filters are fetched
	Blocks        Stage = "blocks"         // filters are matched, and blocks that match looked through
	Following     Stage = "following"      // all that any peer has told is done
)

// Rung is what blocks are looked through with, the best first (users see it).
type Rung uint8

// The rungs.
const (
	NoRung    Rung = iota // headers only, or nobody to look through with
	Committed             // compact filters to which the chain itself commits
	Compared              // compact filters on which all peers agree (BIP157)
	Bloomed               // Bloom filters, which peers are told (BIP37)
	Whole                 // every block
)

// String returns the rung in words.
func (r Rung) String() string { return r.Says().String() }

// Says returns the rung as a sentence.
func (r Rung) Says() said.Sentence {
	switch r {
	case Committed:
		return said.Of("filters that the chain commits to")
	case Compared:
		return said.Of("filters compared across peers")
	case Bloomed:
		return said.Of("bloom filters, by which a peer learns your addresses")
	case Whole:
		return said.Of("whole blocks")
	}
	return said.Of("headers only")
}

// Source is SourceSaid in English.
func (s *Status) Source() string { return s.SourceSaid().String() }

// SourceSaid says what blocks are looked through with. Filters of a single peer are
// compared with nothing, and it says so.
func (s *Status) SourceSaid() said.Sentence {
	if s.Rung == Compared && s.FilterPeers < 2 {
		return said.Of("filters of one peer, with none to compare")
	}
	if s.Rung == Bloomed && s.BloomPeers < 2 {
		return said.Of("%s, of one peer, with none to compare", s.Rung.Says())
	}
	return s.Rung.Says()
}

// Part is how much of one stage is done, in blocks.
type Part struct{ Done, Total int32 }

// Status tells how far a machine is.
type Status struct {
	Stage   Stage
	Tip     spv.Block
	TipTime uint32 // seconds since 1970
	Shown   int32  // Presync: height that the peer's first or second pass has reached
	Claimed int32  // highest block by any peer's word; not verified
	Peers   int
	Synced  bool          // all that any peer has told is done, and there is at least one
	Waiting string        // what it waits for, in words; empty if nothing, or not for long
	Said    said.Sentence // Waiting, for a face that speaks another language

	Rung          Rung
	FilterPeers   int
	BloomPeers    int  // that were told a Bloom filter
	Headers       Part // up to the highest claim
	FilterHeaders Part // from Scan.From on, as all below
	Filters       Part
	Scanned       Part
	Looked        int // blocks looked through whole
	FalseMatches  int // of them, those that matched and held nothing
	Disputed      int // blocks whose filters peers dispute and nobody can settle

	// Least fee rates that peers relay (BIP133), base units per 1000 vbytes; 0 if no
	// peer has told.
	FeeMin, FeeMedian int64
}

// Share returns how much of all is done, from 0 up to 1, which it is only once synced.
func (s *Status) Share() float64 {
	if s.Synced {
		return 1
	}
	parts := []Part{s.Headers, s.FilterHeaders, s.Filters, s.Scanned}
	weights := []float64{0.2, 0.05, 0.55, 0.2} // about as long as each takes
	var sum, all float64
	for i, p := range parts {
		if p.Total > 0 {
			sum += weights[i] * float64(p.Done) / float64(p.Total)
			all += weights[i]
		}
	}
	if all == 0 {
		return 0
	}
	return min(sum/all, 0.999)
}

// WaitFor sets what is waited for.
func (s *Status) WaitFor(what said.Sentence) { s.Waiting, s.Said = what.String(), what }

// Status tells how far the machine is.
func (m *Machine) Status() Status {
	tip := m.tree.Tip()
	header, _ := m.tree.Header(tip.Height)
	s := Status{Stage: Following, Tip: tip, TipTime: header.Time(), Peers: len(m.peers)}
	pending := false
	told := slices.ContainsFunc(m.peers, func(p *peer) bool { return p.told })
	for _, p := range m.peers {
		s.Claimed = max(s.Claimed, p.height)
		pending = pending || p.pending
		if p.filterPeer() {
			s.FilterPeers++
		}
		switch {
		case p.presync != nil:
			s.Stage, s.Shown = Presync, p.presync.Progress()
		case !p.told && s.Stage == Following && (!told || p.pending || p.height > tip.Height):
			s.Stage = Headers // one that claims no more than others have told holds nothing up
		}
	}
	s.Headers = Part{Done: tip.Height, Total: max(tip.Height, s.Claimed)}
	s.FeeMin, s.FeeMedian = m.fees()
	if m.scan != nil {
		m.scanStatus(&s)
	}
	switch {
	case len(m.peers) == 0:
		s.Stage = Connecting
		s.WaitFor(said.Of("a peer"))
	case pending:
		s.WaitFor(said.Of("the parent chain's headers"))
	case s.Waiting == "" && s.Stage != Following:
		s.WaitFor(m.awaited())
	}
	s.Synced = s.Stage == Following
	if early := m.clock.text(m.now, m.tree.Rules().MaxFuture); early.Form != "" && !s.Synced {
		s.WaitFor(early)
	}
	if parked := m.parkedText(); parked.Form != "" {
		s.Synced = false
		s.WaitFor(parked)
	}
	return s
}

// scanStatus fills in how far the wallet's part is.
func (m *Machine) scanStatus(s *Status) {
	total := max(0, s.Tip.Height-m.scan.From+1)
	part := func(to int32) Part { return Part{Done: max(0, min(to-m.scan.From+1, total)), Total: total} }
	s.FilterHeaders, s.Filters, s.Scanned = part(m.agreed()), part(m.filters.at), part(m.scan.done.Height)
	s.Looked, s.FalseMatches, s.Disputed = m.scan.blocks, m.scan.falsePositives, len(m.claims.doubts)
	switch {
	case m.scan.whole:
		s.Rung = Whole
		s.FilterHeaders, s.Filters = Part{}, Part{}
	case m.scan.blooming:
		s.Rung, s.BloomPeers = Bloomed, len(m.scan.bloom.told)
		s.FilterHeaders, s.Filters = Part{}, Part{}
	case s.FilterPeers == 0:
	case m.filters.layered:
		s.Rung = Committed
	default:
		s.Rung = Compared
	}
	if s.Stage != Following {
		return
	}
	switch {
	case s.FilterHeaders.Done < s.FilterHeaders.Total:
		s.Stage = FilterHeaders
	case s.Filters.Done < s.Filters.Total:
		s.Stage = Filters
	case s.Scanned.Done < s.Scanned.Total || len(m.scan.rescans) > 0 || m.scan.offered > 0 || m.scan.unmatched():
		s.Stage = Blocks
	}
	s.WaitFor(m.waitsFor(s))
}

// unmatched tells that blocks were looked through whose filters are there and have yet to be matched.
func (s *scan) unmatched() bool {
	return !s.whole && !s.blooming && s.matched < s.done.Height
}

// waitsFor tells why the wallet's part does not go on, nothing if it does.
func (m *Machine) waitsFor(s *Status) (none said.Sentence) {
	if k := m.claims.commit; k != nil && k.flaw.Form != "" {
		return k.flaw
	}
	switch s.Stage {
	case FilterHeaders, Filters:
		if s.FilterPeers == 0 {
			return said.Of("a peer that serves compact filters")
		}
	case Blocks:
		if m.scan.blooming && len(m.scan.bloom.told) == 0 {
			return said.Of("a peer that takes bloom filters")
		}
		var first *fetch
		for _, f := range m.fetches {
			if f.block == nil && (first == nil || f.ref.Height < first.ref.Height) {
				first = f
			}
		}
		if first != nil && first.peer == 0 {
			return said.Of("a peer that has block %s", first.ref)
		}
	}
	return none
}

// fees returns the least and the median of the fee rates below which peers do not relay.
func (m *Machine) fees() (least, median int64) {
	var rates []int64
	for _, p := range m.peers {
		if p.fee >= 0 {
			rates = append(rates, p.fee)
		}
	}
	if len(rates) == 0 {
		return 0, 0
	}
	slices.Sort(rates)
	return rates[0], rates[len(rates)/2]
}

package syncer

import (
	"slices"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/filter"
)

const (
	// matchStride is how many stored filters one step matches.
	matchStride = 200
	// hitsAhead is how many matching blocks may wait before matching pauses: a block that
	// makes the wallet derive new scripts has what is matched already matched again.
	hitsAhead = 32
	// scannedEvery is how many blocks without a find may pass before Scanned says so.
	scannedEvery = 1000
	// fallbackTime is for how long there must be peers, none of which serves filters,
	// before whole blocks are taken instead.
	fallbackTime = time.Minute
)

// scan looks the blocks through for what a wallet watches.
type scan struct {
	Scan
	scripts map[string]struct{}
	coins   map[wire.OutPoint]struct{} // of the wallet, spent ones too
	matcher *filter.Matcher            // of all scripts
	changes int                        // how often scripts or coins were added

	readable int32    // up to here stored filters may be read in this step
	matched  int32    // up to here filters were matched
	rescans  []rescan // of scripts that came later
	hits     []int32  // blocks above done whose filters matched, ascending
	done     spv.Block
	told     int32 // Scanned has said so
	due      bool  // and is to say so again soon

	whole    bool      // blocks are taken whole, without filters
	lacking  time.Time // since when there are peers, but none with filters
	bloom    *bloom    // nil: never used yet
	blooming bool      // it is used now

	offered int32 // height of the last Found, as long as it is not done with; 0: none
	found   int   // transactions in it
	seen    int   // changes when it was looked through
	paused  bool  // a Found went out in this step

	falsePositives int
	blocks         int // that were looked through
}

// rescan matches a range of stored filters for a few scripts.
type rescan struct {
	next, to int32
	matcher  *filter.Matcher
}

func newScan(s Scan, filtersTo int32) *scan {
	matched := filtersTo
	if s.Hearsay > 0 { // stored or not, filters have not been matched for what comes then
		matched = max(s.From-1, min(matched, s.Hearsay-1))
	}
	return &scan{Scan: s, scripts: map[string]struct{}{}, coins: map[wire.OutPoint]struct{}{}, matcher: filter.NewMatcher(nil),
		matched: matched, done: spv.Block{Height: max(s.From-1, filtersTo)}, told: -1, whole: s.Source == OnlyBlocks}
}

func (s *scan) begin(filtersAt int32) { s.readable, s.paused = filtersAt, false }

// watch takes new scripts and coins.
func (m *Machine) watch(in Watch) {
	s := m.scan
	if s == nil {
		return
	}
	var fresh [][]byte
	first := len(s.scripts) == 0 && len(s.coins) == 0
	for _, script := range in.Scripts {
		_, old := s.scripts[string(script)]
		if !old && len(script) > 0 {
			s.scripts[string(script)] = struct{}{}
			s.matcher.Add(script)
		}
		if (!old || in.Again) && len(script) > 0 {
			fresh = append(fresh, script)
		}
	}
	before := len(s.coins)
	for _, c := range in.Coins {
		s.coins[c] = struct{}{}
	}
	if len(fresh) == 0 && len(s.coins) == before {
		return
	}
	s.changes++
	m.again = true
	m.relay.rematch(m)
	from := max(in.From, s.From)
	if len(fresh) > 0 && from <= s.matched {
		s.rescans = append(s.rescans, rescan{next: from, to: s.matched, matcher: filter.NewMatcher(fresh)})
		for h := range m.claims.doubts {
			if h >= from && h <= s.matched {
				s.hit(h)
			}
		}
	}
	if first { // it tells where the driver's cursor is
		s.told = from - 1
		s.done = spv.Block{Height: from - 1}
	}
	if to := max(s.From-1, min(from-1, m.tree.Tip().Height)); to < s.done.Height {
		m.move(to)
	}
	s.bloom.widen(s)
}

// move sets the cursor to another block, mostly a lower one, and says so.
func (m *Machine) move(height int32) {
	s := m.scan
	id, _ := m.id(height)
	s.done = spv.Block{Height: height, Hash: id}
	s.offered, s.told = 0, height
	m.emit(Scanned{To: s.done}) // whatever was told before: perhaps by the machine before a restart
}

// rewind follows a reorganisation; Store has told the driver.
func (s *scan) rewind(fork int32) {
	s.readable = min(s.readable, fork)
	s.matched = max(s.From-1, min(s.matched, fork))
	s.hits = slices.DeleteFunc(s.hits, func(h int32) bool { return h > fork })
	s.trim(fork)
	if s.done.Height > fork {
		s.done = spv.Block{Height: max(s.From-1, fork)}
	}
	s.told = min(s.told, s.done.Height)
	if s.offered > fork {
		s.offered = 0
	}
	s.bloom.rewind(fork)
}

func (s *scan) trim(to int32) {
	for i := range s.rescans {
		s.rescans[i].to = min(s.rescans[i].to, to)
	}
	s.rescans = slices.DeleteFunc(s.rescans, func(r rescan) bool { return r.next > r.to })
}

// cutScan goes back to where the filters are still believed.
func (m *Machine) cutScan(to int32) {
	s := m.scan
	s.readable, s.matched = min(s.readable, to), min(s.matched, max(to, s.From-1))
	s.trim(to)
	if s.done.Height > s.matched && !s.whole {
		m.move(s.matched)
	}
}

// suspect has a block looked through whatever its filter says.
func (m *Machine) suspect(height int32) {
	s := m.scan
	if height > s.matched {
		return // its turn will come
	}
	s.hit(height)
	if height <= s.done.Height {
		m.move(height - 1)
	}
}

func (s *scan) hit(height int32) {
	if i, there := slices.BinarySearch(s.hits, height); !there {
		s.hits = slices.Insert(s.hits, i, height)
	}
}

// match reads some stored filters and notes the blocks that match.
func (m *Machine) match() {
	s := m.scan
	for left := matchStride; ; left-- {
		height, matcher := s.matched+1, s.matcher
		i := s.lowest()
		if i >= 0 {
			height, matcher = s.rescans[i].next, s.rescans[i].matcher
		}
		if ready, _ := slices.BinarySearch(s.hits, height); height > s.readable || ready >= hitsAhead {
			return
		}
		if left == 0 {
			m.again = true
			return
		}
		data, ok := s.Filters.Filter(height)
		id, known := m.id(height)
		if !ok || !known {
			if !ok {
				m.cutFilters(max(s.From-1, min(height-1, s.Filters.FiltersTo())))
			}
			return
		}
		hit := len(data) == 0 || m.claims.doubts[height]
		if !hit {
			var err error
			if hit, err = matcher.MatchAny(data, &id); err != nil {
				hit = true // nobody can read it, though all agreed: the block tells
			}
		}
		switch {
		case hit && height > s.done.Height:
			s.hit(height)
		case hit && s.bloom != nil: // peers may have left out what it holds
			m.bloomMatch(height)
		case hit && s.Hearsay > 0 && height >= s.Hearsay: // as they may have before a restart
			s.hit(height)
			m.move(height - 1)
		}
		if i < 0 {
			s.matched = height
		} else if s.rescans[i].next++; s.rescans[i].next > s.rescans[i].to {
			s.rescans = slices.Delete(s.rescans, i, i+1)
		}
	}
}

// lowest returns the rescan that is furthest behind, -1 if there is none.
func (s *scan) lowest() int {
	at := -1
	for i := range s.rescans {
		if at < 0 || s.rescans[i].next < s.rescans[at].next {
			at = i
		}
	}
	return at
}

// limit returns up to where it is known which blocks are to be looked through.
func (m *Machine) limit() int32 {
	s := m.scan
	if s.whole {
		return m.tree.Tip().Height
	}
	if s.blooming {
		return s.bloom.to
	}
	limit := s.matched
	if i := s.lowest(); i >= 0 {
		limit = min(limit, s.rescans[i].next-1)
	}
	return limit
}

// next returns the lowest block above a height to be looked through, up to limit; false
// if there is none.
func (s *scan) next(above, limit int32) (int32, bool) {
	if s.whole {
		return above + 1, above < limit
	}
	i, _ := slices.BinarySearch(s.hits, above+1)
	if i == len(s.hits) || s.hits[i] > limit {
		return 0, false
	}
	return s.hits[i], true
}

// wanted appends the blocks that are to be looked through next.
func (s *scan) wanted(m *Machine, refs []spv.Block) []spv.Block {
	limit := m.limit()
	h, ok := s.next(s.done.Height, limit)
	for n := 0; ok && n < blocksAhead; n++ {
		if id, known := m.id(h); known {
			refs = append(refs, spv.Block{Height: h, Hash: id})
		}
		h, ok = s.next(h, limit)
	}
	return refs
}

// deliver looks the blocks through that are there, in height order, up to the first find.
func (m *Machine) deliver() {
	s := m.scan
	limit := m.limit()
	for !s.paused {
		h, ok := s.next(s.done.Height, limit)
		if !ok {
			m.advance(max(limit, s.done.Height))
			break
		}
		if h-1 > s.done.Height {
			m.advance(h - 1)
		}
		id, known := m.id(h)
		block := m.held(id)
		if !known || block == nil {
			break
		}
		if s.offered == h && s.seen == s.changes {
			m.pass(h)
			continue
		}
		m.look(spv.Block{Height: h, Hash: id}, block)
	}
	m.tell()
}

// look looks one block through and offers what it holds.
func (m *Machine) look(ref spv.Block, block *spv.FullBlock) {
	s := m.scan
	txs := m.mine(block)
	again := s.offered == ref.Height
	if !again {
		s.offered, s.found = ref.Height, 0
		s.blocks++
		if len(txs) == 0 && !s.whole {
			s.falsePositives++
		}
	}
	m.judgeBloom(ref.Height, txs)
	s.seen = s.changes
	if len(txs) <= s.found {
		m.pass(ref.Height)
		return
	}
	s.found, s.paused, m.again = len(txs), true, true
	m.emit(Found{Block: ref, Header: block.Header, Txs: txs, Whole: block})
}

// pass is done with a block.
func (m *Machine) pass(height int32) {
	s := m.scan
	if s.found > 0 {
		s.due = true
	}
	s.offered, s.found = 0, 0
	m.again = true // matching may have paused for this
	m.advance(height)
}

func (m *Machine) advance(height int32) {
	s := m.scan
	if id, ok := m.id(height); ok && (height > s.done.Height || s.done.Hash != id) {
		s.done = spv.Block{Height: height, Hash: id}
	}
	i, _ := slices.BinarySearch(s.hits, s.done.Height+1)
	s.hits = slices.Delete(s.hits, 0, i)
}

// tell says how far the cursor is, where it matters.
func (m *Machine) tell() {
	s := m.scan
	if s.paused || s.done.Height <= s.told || s.done.Hash == (spv.Hash{}) || (len(s.scripts) == 0 && len(s.coins) == 0) {
		return
	}
	if s.due || s.done.Height-s.told >= scannedEvery || s.done.Height == m.tree.Tip().Height {
		s.told, s.due = s.done.Height, false
		m.emit(Scanned{To: s.done})
	}
}

// mine returns the block's transactions that concern the wallet, and learns the coins
// that they pay it.
func (m *Machine) mine(block *spv.FullBlock) (txs []*wire.MsgTx) {
	for i := range block.Txs {
		tx, err := decodeTx(&block.Txs[i])
		if err != nil {
			continue // no valid one: the library reads all that the rules allow
		}
		id := tx.TxHash()
		ours := m.scan.concerns(tx, &id)
		if m.broadcast.forget(id) || ours {
			txs = append(txs, tx)
			m.relay.confirmed(id)
		}
	}
	return txs
}

// concerns tells whether a transaction pays a watched script or spends a watched coin,
// and watches what it pays.
func (s *scan) concerns(tx *wire.MsgTx, id *spv.Hash) (yes bool) {
	for i, out := range tx.TxOut {
		if _, ours := s.scripts[string(out.PkScript)]; ours {
			s.coins[wire.OutPoint{Hash: *id, Index: uint32(i)}] = struct{}{}
			yes = true
		}
	}
	for _, in := range tx.TxIn {
		_, ours := s.coins[in.PreviousOutPoint]
		yes = yes || ours
	}
	return yes
}

// chooseSource takes blocks whole, or has peers match them, while nobody serves filters,
// until filters have caught up.
func (m *Machine) chooseSource() {
	s := m.scan
	if s.Source != Ladder {
		return
	}
	if len(m.peers) == 0 || slices.ContainsFunc(m.peers, (*peer).filterPeer) {
		s.lacking = time.Time{}
		if s.matched >= s.done.Height {
			s.whole = false
			m.useBloom(false)
		}
		return
	}
	if s.lacking.IsZero() {
		s.lacking = m.now
	}
	if m.now.Sub(s.lacking) > fallbackTime {
		m.useBloom(m.canBloom())
		s.whole = !s.blooming
	}
}

package syncer

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/filter"
	"github.com/layeredpow/lamina/spv/msg"
)

const (
	// bloomPeers is how many peers are told a Bloom filter: two, to compare what they say,
	// and no more, for each learns the wallet's addresses by it.
	bloomPeers = 2
	// bloomBatch is how many blocks a peer is asked to match at a time, bloomDue how many
	// answers it may owe, and bloomAhead how far it may go ahead of what is looked through.
	// It waits at a match: a find that makes the wallet derive new scripts has it begin anew.
	bloomBatch = 50
	bloomDue   = 100
	bloomAhead = 1000
	// bloomRefusals is how many peers in a row may take a filter and answer nothing before
	// whole blocks are taken instead.
	bloomRefusals = 3
	// aloneStep is after how many blocks that two peers have spoken about this is made durable
	// before all are looked through.
	aloneStep = 1000
)

// bloom has peers match blocks with a Bloom filter (BIP37), where the user allows it and
// nobody serves compact filters. What matches is then taken whole and verified, so that
// a peer can neither make a payment up nor spoil one. It can leave one out. Two peers
// are asked for each block, and who left out a payment that the other told of is found out
// by the block; one that comes later is asked for all blocks about which only one has
// spoken. After a restart nobody knows any more who that was: then two are asked for them
// once more (Hearsay). A payment that all of them leave out is not seen before there are filters: those
// are matched for the same blocks, before they take over, be it after a restart (Hearsay).
//
// Each peer goes through the blocks in order from the first that is not looked through
// on. It adds the outputs that match to its filter by itself, so that their spends match.
type bloom struct {
	to      int32 // up to here it is known which blocks match
	paired  int32 // up to here two peers have spoken
	strange int32 // who has spoken about blocks up to here, before a restart, is not known
	changes int   // of the scan, when the filters were made
	told    []*confidant
	hits    map[int32]bool // heights that ever matched
	refused int            // peers in a row that answered nothing
}

// confidant is a peer that was told a filter.
type confidant struct {
	peer    Peer
	since   int32       // first block that it was asked for with this filter
	said    int32       // it has answered for all blocks from there up to this one
	asked   []spv.Block // it owes answers for, in this order
	stale   []spv.Hash  // and for those, of which none is wanted any more
	matches map[int32]bool
	heard   time.Time // when it last answered, or was first asked
	spoke   bool      // it has answered at least once
	pace    pace      // in blocks, while it owes answers
}

// owes returns how many answers are due.
func (c *confidant) owes() int { return len(c.asked) + len(c.stale) }

// bloomElements returns what the wallet's filter holds; false if no Bloom filter can find it all.
func (s *scan) bloomElements() (list [][]byte, ok bool) {
	if !s.Bloom || len(s.scripts)+len(s.coins) > filter.MaxBloom {
		return nil, false
	}
	for script := range s.scripts {
		e := filter.BloomElement([]byte(script))
		if e == nil {
			return nil, false
		}
		list = append(list, e)
	}
	for coin := range s.coins {
		list = append(list, filter.BloomOutpoint(&coin))
	}
	return list, true
}

// canBloom tells whether there is a peer that may be told a filter, and one that finds all.
func (m *Machine) canBloom() bool {
	s := m.scan
	if !s.Bloom || (s.bloom != nil && s.bloom.refused >= bloomRefusals) || !slices.ContainsFunc(m.peers, (*peer).bloomPeer) {
		return false
	}
	_, ok := s.bloomElements()
	return ok
}

// bloomPeer tells whether a peer says that it takes Bloom filters and has all blocks.
func (p *peer) bloomPeer() bool {
	return p.serves&wire.SFNodeBloom != 0 && p.serves&wire.SFNodeNetwork != 0
}

// useBloom begins or ends looking through with Bloom filters.
func (m *Machine) useBloom(use bool) {
	s := m.scan
	switch {
	case use && s.bloom == nil:
		s.bloom = &bloom{to: s.done.Height, paired: s.done.Height, changes: s.changes, hits: map[int32]bool{}}
		if s.Hearsay > 0 {
			s.bloom.paired, s.bloom.strange = min(s.done.Height, s.Alone-1), s.done.Height
		}
	case use == s.blooming:
		return
	case use:
		s.bloom.to = s.done.Height
		s.bloom.paired = min(s.bloom.paired, s.done.Height)
	default:
		for _, c := range s.bloom.told {
			m.emit(Send{Peer: c.peer, Message: &wire.MsgFilterClear{}})
		}
		s.bloom.told = nil
	}
	s.blooming, m.again = use, true
}

// hearsay has it made durable from where on blocks are passed by the word of Bloom peers
// alone, before any is, and that none is any more once filters were matched for all of them.
func (m *Machine) hearsay() {
	s := m.scan
	from, next := s.Hearsay, s.done.Height+1
	switch {
	case s.blooming && (from == 0 || next < from):
		from = next
	case !s.blooming && from > 0 && s.matched >= s.done.Height && s.matched >= from-1 && len(s.rescans) == 0:
		from = 0
	}
	alone := min(s.Alone, from)
	if from > 0 && s.blooming {
		alone = max(from, s.bloom.paired+1)
	} else if from > 0 {
		alone = max(from, s.Alone)
	}
	// That more is known of two may be told later: then they are asked once more.
	level := s.done.Height >= m.tree.Tip().Height
	if from == s.Hearsay && (alone == s.Alone || alone > s.Alone && alone < s.Alone+aloneStep && !level) {
		return
	}
	s.Hearsay, s.Alone = from, alone
	m.emit(Hearsay{From: from, Alone: alone})
}

// widen takes back what was matched before the scan had new scripts or coins.
func (b *bloom) widen(s *scan) {
	if b == nil {
		return
	}
	b.to = s.done.Height
	if s.offered == b.to+1 { // it is looked through once more anyway
		b.to++
	}
	b.paired = min(b.paired, b.to)
}

// rewind follows a reorganisation.
func (b *bloom) rewind(fork int32) {
	if b == nil {
		return
	}
	b.to, b.paired = min(b.to, fork), min(b.paired, fork)
	above := func(h int32, _ bool) bool { return h > fork }
	maps.DeleteFunc(b.hits, above)
	for _, c := range b.told {
		c.said = min(c.said, fork)
		c.since = min(c.since, c.said+1)
		maps.DeleteFunc(c.matches, above)
		i, _ := slices.BinarySearchFunc(c.asked, fork+1, func(a spv.Block, h int32) int { return int(a.Height - h) })
		c.retire(i)
	}
}

// retire lets the answers that are due from the i-th on count for nothing.
func (c *confidant) retire(i int) {
	for _, a := range c.asked[i:] {
		c.stale = append(c.stale, a.Hash)
	}
	c.asked = c.asked[:i]
}

// askBloom tells peers the filter, and asks them for blocks.
func (m *Machine) askBloom() {
	s := m.scan
	if !s.blooming {
		return
	}
	b := s.bloom
	renewed := b.changes != s.changes
	b.changes = s.changes
	for i, c := range b.told {
		if renewed {
			c.retire(0)
			m.load(c, i)
		}
	}
	for _, p := range m.peers {
		if len(b.told) < bloomPeers && p.bloomPeer() && p.told && b.of(p.id) == nil {
			c := &confidant{peer: p.id}
			b.told = append(b.told, c)
			m.load(c, len(b.told)-1)
		}
	}
	if len(b.told) == bloomPeers && b.strange > 0 {
		if b.paired < b.strange { // the first may be the one who has spoken before, or the second
			b.told[0].retire(0)
			m.load(b.told[0], 1)
		}
		b.strange = 0
	}
	for _, c := range b.told {
		m.askMerkleBlocks(c)
	}
}

// of returns the entry of a peer, nil if it was told no filter.
func (b *bloom) of(id Peer) *confidant {
	if b == nil {
		return nil
	}
	for _, c := range b.told {
		if c.peer == id {
			return c
		}
	}
	return nil
}

// load tells a peer the filter as it is now. The first goes on from what is looked
// through; another makes up for what only one peer has spoken about.
func (m *Machine) load(c *confidant, place int) {
	s := m.scan
	list, ok := s.bloomElements()
	if !ok {
		return // the next tick takes whole blocks instead
	}
	c.since = s.done.Height + 1
	if place > 0 {
		c.since = min(s.bloom.paired, s.done.Height) + 1
	}
	c.said, c.matches = c.since-1, map[int32]bool{}
	m.emit(Send{Peer: c.peer, Message: filter.Bloom(list, uint32(m.draw(1<<32)))})
}

// askMerkleBlocks asks a peer for the blocks that follow.
func (m *Machine) askMerkleBlocks(c *confidant) {
	p := m.peer(c.peer)
	if p == nil || c.owes() > bloomDue-bloomBatch {
		return
	}
	next := c.said + int32(len(c.asked)) + 1
	last := min(m.tree.Tip().Height, p.height, m.scan.done.Height+bloomAhead)
	if hits := m.scan.hits; len(hits) > 0 {
		last = min(last, hits[0])
	}
	request := &wire.MsgGetData{}
	for h := next; h <= last && len(request.InvList) < bloomBatch; h++ {
		id, ok := m.id(h)
		if !ok {
			break
		}
		if c.owes() == 0 {
			c.heard, c.pace = m.now, pace{since: m.now}
		}
		c.asked = append(c.asked, spv.Block{Height: h, Hash: id})
		request.InvList = append(request.InvList, wire.NewInvVect(wire.InvTypeFilteredBlock, &id))
	}
	if len(request.InvList) > 0 {
		m.again = true // there may be room for more
		m.emit(Send{Peer: p.id, Message: request})
	}
}

// merkleBlock takes a peer's word on whether a block matches. The transactions that come
// with it are not looked at: the block is taken whole.
func (m *Machine) merkleBlock(p *peer, in *msg.MerkleBlock) {
	c := m.scan.bloom.of(p.id)
	if c == nil {
		return
	}
	id := in.Header.Header.ID()
	if i := slices.Index(c.stale, id); i >= 0 {
		c.stale = slices.Delete(c.stale, i, i+1)
		c.answered(m.now, p)
		return
	}
	if len(c.asked) == 0 || c.asked[0].Hash != id {
		return
	}
	root, matches, err := in.Tree.Extract()
	if err == nil && root != in.Header.Header.MerkleRoot() {
		err = fmt.Errorf("its tree leads to %s, want %s", root, in.Header.Header.MerkleRoot())
	}
	if err != nil {
		m.drop(p, fmt.Errorf("merkleblock %s: %w", c.asked[0], err), true)
		return
	}
	c.said, c.asked = c.asked[0].Height, c.asked[1:]
	c.spoke, m.scan.bloom.refused = true, 0
	c.answered(m.now, p)
	if len(matches) > 0 {
		c.matches[c.said] = true
		m.bloomMatch(c.said)
	}
	m.scan.bloom.count()
}

// answered notes that one of the answers has come.
func (c *confidant) answered(now time.Time, p *peer) {
	c.heard, p.heard = now, now
	if c.pace.got++; c.owes() == 0 {
		c.pace = pace{}
	}
}

// bloomMatch has a block looked through that matches by some peer's word, or by a filter.
func (m *Machine) bloomMatch(height int32) {
	s := m.scan
	if s.bloom.hits[height] && height <= s.done.Height {
		return // that was done
	}
	s.bloom.hits[height] = true
	s.hit(height)
	if height > s.done.Height {
		return
	}
	for h := range s.bloom.hits { // who spoke about it before left it out; later blocks may spend what it pays
		if h > height && h <= s.done.Height {
			s.hit(h)
		}
	}
	m.move(height - 1)
}

// count finds out up to where peers have spoken. Those that make up for what is below wait
// for nobody, and nobody for them.
func (b *bloom) count() {
	least := int32(-1)
	for _, c := range b.told {
		if c.said >= b.to && (least < 0 || c.said < least) {
			least = c.said
		}
	}
	b.to = max(b.to, least)
	if len(b.told) == bloomPeers {
		b.paired = max(b.paired, min(b.told[0].said, b.told[1].said, b.to))
	}
}

// judgeBloom holds what peers said of a block against the block: whoever left out a
// payment to a script that its filter holds is banned.
func (m *Machine) judgeBloom(height int32, txs []*wire.MsgTx) {
	s := m.scan
	if !s.blooming || s.bloom.changes != s.changes || !slices.ContainsFunc(txs, s.pays) {
		return
	}
	for _, c := range slices.Clone(s.bloom.told) {
		if p := m.peer(c.peer); p != nil && c.since <= height && height <= c.said && !c.matches[height] {
			m.drop(p, fmt.Errorf("merkleblock: block %d holds a payment that its answer left out", height), true)
		}
	}
}

// pays tells whether a transaction pays a watched script.
func (s *scan) pays(tx *wire.MsgTx) bool {
	return slices.ContainsFunc(tx.TxOut, func(o *wire.TxOut) bool {
		_, ours := s.scripts[string(o.PkScript)]
		return ours
	})
}

// leave forgets a peer that has gone.
func (b *bloom) leave(id Peer) {
	c := b.of(id)
	if c == nil {
		return
	}
	if !c.spoke && len(c.asked) > 0 {
		b.refused++
	}
	b.told = slices.DeleteFunc(b.told, func(other *confidant) bool { return other == c })
	b.count()
}

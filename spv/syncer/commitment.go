package syncer

import (
	"fmt"
	"slices"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/pow"
	"github.com/layeredpow/lamina/spv/said"
)

// settleEvery is how many blocks may be agreed upon by comparing peers only before the
// chain's own commitment is looked at.
const settleEvery = 16

// commitment is a layer block whose coinbase commits to the filter header of the block
// below it, and so to all filters below (protocol.md 3.1). The block is taken whole.
type commitment struct {
	by    spv.Block
	check bool          // of hashes that were agreed upon already
	flaw  said.Sentence // why it says nothing, in words
}

// startCommitted begins a round up to a block whose filter header the block above it
// commits to: one peer's word is enough, if it leads there.
func (m *Machine) startCommitted(stop int32) {
	if id, ok := m.id(stop + 1); ok {
		m.claims.commit = &commitment{by: spv.Block{Height: stop + 1, Hash: id}}
		m.claims.round = stop
	}
}

// checkCommitment compares what was agreed at the tip with the chain's own commitment from
// time to time.
func (m *Machine) checkCommitment() {
	c := m.claims
	agreed := m.agreed()
	if !m.filters.layered || agreed-c.settled <= settleEvery || agreed <= m.filters.from {
		return
	}
	if id, ok := m.id(agreed); ok {
		c.commit = &commitment{by: spv.Block{Height: agreed, Hash: id}, check: true}
	}
}

// settle goes on with a commitment once its block is there.
func (m *Machine) settle() {
	c := m.claims
	k := c.commit
	if k == nil {
		return
	}
	stated, ok := m.stated()
	if !ok {
		return
	}
	if k.check {
		c.commit = nil
		if ours, ok := m.filterHeader(k.by.Height - 1); ok && ours == stated {
			c.settled = k.by.Height - 1
		} else if ok {
			m.lied(k.by.Height-1, stated)
		}
		return
	}
	var able []*peer
	for _, p := range m.peers {
		if p.word.due(forRound) {
			return
		}
		if p.word.question == nil && p.filterPeer() && p.height >= c.round {
			able = append(able, p)
		}
	}
	if len(able) > 0 {
		p := able[m.draw(uint64(len(able)))]
		p.word.linked = false
		m.question(p, forRound, m.agreed()+1, c.round)
	}
}

// stated returns the filter header that the present commitment states, false as long as
// its block is not there.
func (m *Machine) stated() (spv.Hash, bool) {
	k := m.claims.commit
	block := m.held(k.by.Hash)
	if block == nil {
		return spv.Hash{}, false
	}
	c, err := spv.CoinbaseCommitment(&block.Txs[0])
	if err != nil {
		k.flaw = said.Of("a better chain: block %s: %v", k.by, err)
		return spv.Hash{}, false
	}
	return c.FilterHeader, true
}

// committed judges one peer's hashes by the chain's commitment.
func (m *Machine) committed(p *peer, hashes []spv.Hash, prev spv.Hash) {
	c := m.claims
	stated, ok := m.stated()
	if !ok {
		return
	}
	header := prev
	for i := range hashes {
		header = pow.HashPair(&hashes[i], &header)
	}
	if header != stated {
		m.drop(p, fmt.Errorf("cfheaders: filter header %s at height %d, block %s commits to %s", header, c.round, c.commit.by, stated), true)
		return
	}
	agreed := m.agreed()
	if ours, known := m.filterHeader(agreed); known && ours != prev {
		m.lied(agreed, prev)
		return
	}
	for i := range hashes {
		prev = pow.HashPair(&hashes[i], &prev)
		c.accepted = append(c.accepted, claim{hash: hashes[i], header: prev})
	}
	c.settled, c.round, c.commit = c.round, 0, nil
	p.word.audited, p.word.link, p.word.linked, p.word.skewed = c.settled, prev, true, false
	m.again = true
}

// lied goes back to what the chain commits to: what the peers agreed upon above was a lie.
func (m *Machine) lied(height int32, stated spv.Hash) {
	for _, p := range slices.Clone(m.peers) {
		if p.filterPeer() && !p.word.skewed && p.word.audited >= height {
			m.drop(p, fmt.Errorf("cfheaders: filter header at height %d is not %s, to which the chain commits", height, stated), true)
		}
	}
	m.cutFilters(m.claims.settled)
}

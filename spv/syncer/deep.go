package syncer

import (
	"fmt"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/said"
)

// Branches that leave the best chain deeper than the rules follow a reorganisation. The limit
// is policy: it keeps a chain that we have long rested on from being replaced without anybody
// looking. Where there is a minimum work, whatever we follow has that, and a better branch is
// parked: told, and not followed. Where there is none, the first peer could have had us follow
// any number of headers that cost it nothing, and the limit would keep all others out for ever. So there the
// branch with more work takes the place of ours, once a presync has shown that it has it.

// parked is the best of the branches that were not followed because they leave ours too deep.
type parked struct {
	fork spv.Block // where it leaves our chain, or below
	work uint256.Int
}

// deep tells whether a branch that builds on a block would be refused for the depth of it.
func (m *Machine) deep(on spv.Block) bool {
	return on.Height < m.tree.Tip().Height-m.tree.Rules().ReorgLimit
}

// moreWork returns the work that is more than our best chain's, and at least some.
func (m *Machine) moreWork(least uint256.Int) uint256.Int {
	work := m.tree.Work()
	work.AddUint64(&work, 1)
	if work.Lt(&least) {
		return least
	}
	return work
}

// replace goes back to where a peer's branch leaves our chain, which the peer has shown to have
// less work. It is false if that may not be; then the peer is dropped.
func (m *Machine) replace(p *peer) bool {
	fork, shown := p.presync.Start(), p.presync.Minimum()
	if best := m.tree.Work(); !shown.Gt(&best) {
		m.drop(p, fmt.Errorf("its branch from %s has as much work as our chain had, which has grown since", fork), false)
		return false
	}
	if m.tree.Rules().MinimumWork.IsZero() {
		if change, ok := m.tree.Rewind(fork.Hash); ok {
			p.replaces = shown
			m.store(change)
			m.undone(fork.Height)
			return true
		}
	}
	if shown.Gt(&m.parked.work) {
		m.parked = parked{fork: fork, work: shown}
	}
	m.drop(p, fmt.Errorf("its branch has more work and leaves ours at %s, %d blocks below the tip: at most %d are undone",
		fork, m.tree.Tip().Height-fork.Height, m.tree.Rules().ReorgLimit), false)
	return false
}

// parkedText says that peers follow a better branch that is too deep for us, nothing if none does.
func (m *Machine) parkedText() (none said.Sentence) {
	work := m.tree.Work()
	if !m.parked.work.Gt(&work) {
		return none
	}
	return said.Of("you: a peer has shown a branch with more work than ours, which it leaves at or above block %d, %d below the tip, and at most %d "+
		"are undone unasked; to follow it, begin anew in an empty data folder", m.parked.fork.Height,
		m.tree.Tip().Height-m.parked.fork.Height, m.tree.Rules().ReorgLimit)
}

package relay

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/chain"
	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/msg"
)

const (
	// freshTip is how old a tip may be that shows, without any peer, that we are not
	// behind.
	freshTip = 24 * time.Hour
	// maxAnnounced is how many new blocks are announced by their headers.
	maxAnnounced = 8
	// maxUndone is how many bytes of undone blocks are read back for their transactions,
	// and portion how many new blocks the pool is told of at a time.
	maxUndone = 64 << 20
	portion   = 16
)

// follow tells pool and peers how the chain has moved since the last step, whoever moved
// it.
func (m *Machine) follow() {
	if m.fault != nil {
		return
	}
	m.leaveInitial()
	tip := m.chain.Tip()
	if tip == m.tip {
		return
	}
	fork := m.forkWith(m.tip)
	if err := m.tellPool(fork, tip); err != nil {
		m.fail(err)
		return
	}
	old := m.tip
	m.tip, m.looking = tip, true
	if m.initial {
		return
	}
	m.announce(fork, old)
}

// leaveInitial notes, once, that we have caught up.
func (m *Machine) leaveInitial() {
	if !m.initial {
		return
	}
	h, _ := m.chain.Header(m.chain.Tip().Hash)
	fresh := m.now.Sub(time.Unix(int64(h.Time()), 0)) < freshTip
	private := m.params.Network == chains.Dev || m.params.Network == chains.Regtest
	// Light clients have nothing to tell: beside them alone one is as alone as without them.
	alone := private && !slices.ContainsFunc(m.peers, func(p *peer) bool {
		return p.serves&(wire.SFNodeNetwork|wire.SFNodeNetworkLimited) != 0
	})
	work, _ := m.chain.WorkAt(m.chain.Tip().Hash)
	if work.Lt(&m.params.MinimumWork) {
		return
	}
	if m.caughtUp() || fresh && len(m.fetches) == 0 && m.asking() == nil || alone {
		m.initial = false
		for _, p := range m.peers {
			p.feeTurn = time.Time{}
		}
	}
}

// tellPool hands the pool the transactions of the blocks that have left the chain, and of
// those that have come.
func (m *Machine) tellPool(fork int32, tip spv.Block) error {
	if m.pool.Idle() && m.tip.Height == fork { // nothing to come back, nothing to go
		return m.pool.Moved(m.now, nil, nil)
	}
	undone, err := m.undone(fork)
	if err != nil {
		return err
	}
	if m.pool.Idle() && len(undone) == 0 {
		return m.pool.Moved(m.now, nil, nil)
	}
	// The pool judges by where the chain is now, so that it may hear of the way there in
	// portions.
	var connected [][]*wire.MsgTx
	for h := fork + 1; h <= tip.Height; h++ {
		b, ok := m.chain.Ancestor(tip.Hash, h)
		if !ok {
			return fmt.Errorf("block %d below %s is not in the index", h, tip)
		}
		txs, _, _, err := m.body(b)
		if err != nil {
			return err
		}
		if connected = append(connected, txs); len(connected) == portion && h < tip.Height {
			if err := m.pool.Moved(m.now, undone, connected); err != nil {
				return err
			}
			undone, connected = nil, nil
		}
	}
	return m.pool.Moved(m.now, undone, connected)
}

// undone returns the transactions of the blocks from the last tip down to a height, as far
// as they are at hand and not too many.
func (m *Machine) undone(fork int32) (list [][]*wire.MsgTx, err error) {
	size := 0
	for b := m.tip; b.Height > fork && size < maxUndone; {
		txs, prev, n, err := m.body(b)
		if err != nil {
			return nil, err
		}
		if txs != nil {
			list = append(list, txs)
		}
		size += n
		b = spv.Block{Height: b.Height - 1, Hash: prev}
	}
	return list, nil
}

// body returns the transactions of a block that the chain holds, nil if it does not, the
// id of the one below, and the size in bytes.
func (m *Machine) body(b spv.Block) ([]*wire.MsgTx, spv.Hash, int, error) {
	h, _ := m.chain.Header(b.Hash)
	raw, err := m.chain.Block(b.Hash)
	if errors.Is(err, chain.ErrUnknown) {
		return nil, h.Prev(), 0, nil
	}
	if err != nil {
		return nil, h.Prev(), 0, err
	}
	block, err := consensus.ParseBlock(m.params, raw)
	if err != nil {
		return nil, h.Prev(), 0, fmt.Errorf("block %s as it is held: %w", b, err)
	}
	return block.Txs, h.Prev(), len(raw), nil
}

// announce tells peers of the tip: by headers whoever wants them and has what they build
// on, by its id the others.
func (m *Machine) announce(fork int32, old spv.Block) {
	var run []spv.Sealed
	if m.tip.Height-fork <= maxAnnounced {
		at, ok := m.chain.BlockAt(fork)
		if !ok {
			return
		}
		var err error
		if run, err = m.chain.Sealed([]spv.Hash{at.Hash}, m.tip.Hash); err != nil {
			m.fail(err)
			return
		}
	}
	for _, p := range m.peers {
		if m.has(p, m.tip) {
			continue
		}
		switch below := m.below(run); {
		case len(run) > 0 && p.headers && (m.has(p, below) || p.seen == old):
			m.send(p, &msg.Headers{Headers: slices.Clone(run)})
		default:
			m.send(p, &wire.MsgInv{InvList: []*wire.InvVect{wire.NewInvVect(wire.InvTypeBlock, &m.tip.Hash)}})
		}
		p.seen = m.tip
	}
}

// below returns the block that a run of headers builds on.
func (m *Machine) below(run []spv.Sealed) spv.Block {
	if len(run) == 0 {
		return spv.Block{}
	}
	b, _ := m.chain.Lookup(run[0].Header.Prev())
	return b
}

// has tells whether a peer is known to have a block, by its word or by ours.
func (m *Machine) has(p *peer, b spv.Block) bool {
	for _, known := range []spv.Block{p.best, p.seen} {
		if at, ok := m.chain.Ancestor(known.Hash, b.Height); ok && at == b {
			return true
		}
	}
	return false
}

// inventory takes announcements.
func (m *Machine) inventory(p *peer, inv *wire.MsgInv) {
	for _, v := range inv.InvList {
		switch v.Type &^ wire.InvWitnessFlag {
		case wire.InvTypeBlock:
			if b, known := m.chain.Lookup(v.Hash); known {
				m.learn(p, b)
			} else if p.asked.IsZero() && p.presync == nil {
				p.told = false
				m.ask(p)
			}
		case wire.InvTypeTx, typeWTx:
			m.rumour(p, v.Type&^wire.InvWitnessFlag, v.Hash)
		}
	}
}

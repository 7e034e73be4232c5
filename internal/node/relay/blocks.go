package relay

import (
	"errors"
	"fmt"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/chain"
	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/spv"
)

const (
	// maxFlight is how many blocks one peer is asked for at a time.
	maxFlight = 16
	// window is how far ahead of the lowest block that is missing others are fetched.
	window = 1024
	// blockTime is how long a peer may bring no block that it owes before others are asked
	// for what it owes, and blockMost how long before it is dropped.
	blockTime = 20 * time.Second
	blockMost = 3 * time.Minute
	// maxOwed is how many blocks are remembered that a peer was asked for.
	maxOwed = 4 * maxFlight
)

// fetch is a block on its way.
type fetch struct {
	peer *peer
	sent time.Time
}

// fetch asks peers for blocks on the way to their best headers, as far as these have more
// work than our tip.
func (m *Machine) fetch() {
	if !m.looking || m.fault != nil {
		return
	}
	m.looking = false
	ours, _ := m.chain.WorkAt(m.chain.Tip().Hash)
	flying := map[*peer]int{}
	for _, f := range m.fetches {
		flying[f.peer]++
	}
	for _, p := range m.peers {
		if p.dead || p.serves&wire.SFNodeNetwork == 0 && p.serves&wire.SFNodeNetworkLimited == 0 {
			continue
		}
		work, ok := m.chain.WorkAt(p.best.Hash)
		room := maxFlight - flying[p]
		if p.slow {
			room = 1 - flying[p] // it has to show first that it brings any
		}
		if !ok || !work.Gt(&ours) || room <= 0 || len(p.owes) >= maxOwed {
			continue
		}
		m.askBlocks(p, m.missing(p, room))
	}
}

// missing returns blocks to ask a peer for, the lowest first.
func (m *Machine) missing(p *peer, most int) (list []spv.Hash) {
	from := max(m.forkWith(p.best)+1, p.low)
	whole := true // all so far are held
	for h := from; h <= p.best.Height && h < p.low+window && len(list) < most || h == from; h++ {
		b, ok := m.chain.Ancestor(p.best.Hash, h)
		if !ok || h > p.best.Height {
			break
		}
		if m.bad.Has(b.Hash) {
			p.dead = true
			return nil
		}
		if m.chain.OnBest(b) || m.held.Has(b.Hash) || m.waiting.Has(b.Hash) {
			if whole {
				p.low = h + 1
			}
			continue
		}
		if whole {
			whole, p.low = false, h
		}
		if m.fetches[b.Hash] == nil {
			if _, owed := p.owes[b.Hash]; !owed {
				list = append(list, b.Hash)
			}
		}
	}
	return list
}

// forkWith returns the height at which the branch of a block leaves our best chain.
func (m *Machine) forkWith(b spv.Block) int32 {
	low, high := int32(0), min(b.Height, m.chain.Tip().Height)
	for low < high {
		mid := low + (high-low+1)/2
		if a, ok := m.chain.Ancestor(b.Hash, mid); ok && m.chain.OnBest(a) {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return low
}

func (m *Machine) askBlocks(p *peer, ids []spv.Hash) {
	if len(ids) == 0 {
		return
	}
	request := &wire.MsgGetData{}
	for i := range ids {
		request.InvList = append(request.InvList, wire.NewInvVect(wire.InvTypeWitnessBlock, &ids[i]))
		m.fetches[ids[i]] = &fetch{peer: p, sent: m.now}
		p.owes[ids[i]] = m.now
	}
	m.send(p, request)
}

// stalled gives what a peer owes for too long to others, and drops one that never brings
// anything.
func (m *Machine) stalled(p *peer) {
	if p.gone {
		return
	}
	waited := time.Duration(0)
	for _, asked := range p.owes {
		waited = max(waited, min(m.now.Sub(asked), m.now.Sub(p.block)))
	}
	switch {
	case waited > blockMost:
		m.drop(p, fmt.Errorf("no block for %s", blockMost), false)
	case waited > blockTime && !p.slow:
		p.slow = true
		for h, f := range m.fetches {
			if f.peer == p {
				delete(m.fetches, h)
			}
		}
		m.looking = true
	}
}

// block takes a block that a peer was asked for. Others are not looked at: memory and time
// are for what we want.
func (m *Machine) block(p *peer, raw []byte) {
	b, err := consensus.ParseBlock(m.params, raw)
	if err != nil {
		m.drop(p, fmt.Errorf("block: %w", err), true)
		return
	}
	id := b.Header.ID()
	if _, owed := p.owes[id]; !owed {
		m.blame(p, 1, fmt.Errorf("block %s: nobody asked for it", id))
		return
	}
	delete(p.owes, id)
	if f := m.fetches[id]; f != nil {
		delete(m.fetches, id)
	}
	m.looking = true
	result, err := m.chain.Accept(raw, m.unix())
	for _, r := range result.Refused {
		m.bad.Add(r.Block.Hash)
	}
	if err != nil {
		m.blameBlock(p, id, err)
		return
	}
	p.block, p.slow = m.now, false
	switch result.Status {
	case chain.Pending:
		m.waiting.Add(id)
	case chain.Orphan:
		m.blame(p, strangePoints, fmt.Errorf("block %s leads nowhere", id))
	default:
		m.held.Add(id)
	}
}

// blameBlock draws the consequences of a refusal. What is bad about a proof or about the
// bytes leaves the block itself open: another peer may have it right.
func (m *Machine) blameBlock(p *peer, id spv.Hash, err error) {
	var header *spv.HeaderError
	var body *chain.BlockError
	switch {
	case errors.As(err, &header):
		if tooEarly(err) || errors.Is(err, spv.ErrPending) {
			p.told, p.best = true, spv.Block{Hash: m.params.NetID()}
			return
		}
		if header.Permanent() {
			m.bad.Add(id)
		}
		m.drop(p, err, header.Permanent())
	case errors.As(err, &body) && body.Block.Hash != id:
		m.bad.Add(body.Block.Hash)
	case errors.As(err, &body):
		mutated := errors.Is(err, consensus.ErrMutated)
		proof := errors.Is(err, consensus.ErrProof)
		if !mutated && !proof {
			m.bad.Add(id)
		}
		m.drop(p, err, mutated || consensus.Permanent(err))
	default:
		m.fail(err)
	}
}

// notFound: a peer does not have what it was asked for.
func (m *Machine) notFound(p *peer, list *wire.MsgNotFound) {
	for _, v := range list.InvList {
		switch v.Type &^ wire.InvWitnessFlag {
		case wire.InvTypeBlock:
			if _, owed := p.owes[v.Hash]; owed {
				if f := m.fetches[v.Hash]; f != nil && f.peer == p {
					delete(m.fetches, v.Hash) // owed still: it is not asked for it again
				}
				m.looking = true
				m.blame(p, strangePoints, fmt.Errorf("block %s: it told of it and does not have it", v.Hash))
				if p.gone {
					return
				}
			}
		case wire.InvTypeTx, typeWTx:
			m.notHad(p, v.Hash)
		}
	}
}

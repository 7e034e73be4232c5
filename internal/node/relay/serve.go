package relay

import (
	"errors"
	"fmt"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/chain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/pow"
)

const (
	// A peer gets so many bytes and messages at a time; then what it has asked for waits
	// until all has left, or a while.
	burstBytes    = 8 << 20
	burstMessages = 2000
	// surelyBusy is how many bytes make sure that the driver tells when they have left.
	surelyBusy = 2 << 20
	burstTime  = time.Minute
	// maxErrands is how many things a peer may have asked for that are not done yet.
	maxErrands = wire.MaxInvPerMsg + 5000
	// maxQuestions is how many questions about headers may wait.
	maxQuestions = 64
	// headersSize cuts headers messages with proofs where the chain does not say at what.
	headersSize = 4 << 20
)

// errand is one thing that a peer has asked for: what an inventory vector names, or the
// filters of some blocks.
type errand struct {
	inv      wire.InvVect
	from, to int32 // filters
	stop     spv.Block
}

// burst is what a peer was given since all had left last.
type burst struct {
	bytes, messages int
	begun           time.Time
}

// full tells that the peer has to take what it was given first.
func (b *burst) full() bool { return b.bytes >= burstBytes || b.messages >= burstMessages }

// done tells that it may be given more although nobody said that all has left: little was
// given, or much time has passed.
func (b *burst) done(now time.Time) bool {
	return b.bytes < surelyBusy || now.Sub(b.begun) > burstTime
}

// give sends a peer something that it asked for.
func (m *Machine) give(p *peer, message msg.Message, size int) {
	if p.burst.messages == 0 {
		p.burst.begun = m.now
	}
	p.burst.bytes += size
	p.burst.messages++
	m.send(p, message)
}

// question answers a question about headers, or lets it wait for the peer to take what it was
// given before.
func (m *Machine) question(p *peer, message msg.Message) {
	if len(p.questions) >= maxQuestions {
		m.drop(p, fmt.Errorf("%s while %d questions wait", message.Command(), len(p.questions)), false)
		return
	}
	p.questions = append(p.questions, message)
	m.serve(p)
}

func (m *Machine) answer(p *peer, message msg.Message) {
	switch message := message.(type) {
	case *wire.MsgGetHeaders:
		m.serveHeaders(p, message)
	case *wire.MsgGetCFHeaders:
		m.serveFilterHeaders(p, message)
	case *wire.MsgGetCFCheckpt:
		m.serveCheckpoints(p, message)
	case *msg.GetSample:
		m.serveSample(p, message)
	}
}

// serve does what a peer has asked for, as far as it takes it.
func (m *Machine) serve(p *peer) {
	for len(p.questions) > 0 && !p.burst.full() && m.fault == nil && !p.gone {
		q := p.questions[0]
		p.questions = p.questions[1:]
		m.answer(p, q)
	}
	var missing wire.MsgNotFound
	for len(p.errands) > 0 && !p.burst.full() && m.fault == nil && !p.gone {
		e := &p.errands[0]
		if e.stop != (spv.Block{}) {
			if e.from <= e.to && m.giveFilter(p, e) {
				e.from++
				continue
			}
		} else if !m.giveOne(p, &e.inv) {
			missing.InvList = append(missing.InvList, wire.NewInvVect(e.inv.Type, &e.inv.Hash))
		}
		p.errands = p.errands[1:]
	}
	if len(p.errands) == 0 {
		p.errands = nil
	}
	if len(missing.InvList) > 0 {
		m.give(p, &missing, 36*len(missing.InvList))
	}
}

// giveOne gives a peer a block or a transaction, and tells whether there is one for it.
func (m *Machine) giveOne(p *peer, v *wire.InvVect) bool {
	switch v.Type {
	case wire.InvTypeBlock, wire.InvTypeWitnessBlock:
		raw, err := m.chain.Block(v.Hash)
		if err != nil {
			if !errors.Is(err, chain.ErrUnknown) {
				m.fail(err)
			}
			return false
		}
		m.give(p, &msg.Block{Raw: raw}, len(raw))
		return true
	case wire.InvTypeTx, wire.InvTypeWitnessTx, typeWTx:
		raw, ok := m.pool.Served(v.Hash, p.cursor)
		if !ok {
			return false
		}
		p.knows.Add(v.Hash)
		m.give(p, &msg.Tx{Raw: raw}, len(raw))
		return true
	}
	return false
}

func (m *Machine) serveData(p *peer, request *wire.MsgGetData) {
	if len(p.errands)+len(request.InvList) > maxErrands {
		m.drop(p, fmt.Errorf("getdata for %d things while %d wait, at most %d may", len(request.InvList), len(p.errands),
			maxErrands), false)
		return
	}
	for _, v := range request.InvList {
		p.errands = append(p.errands, errand{inv: *v})
	}
	m.serve(p)
}

// serveHeaders answers getheaders. Messages with proofs are cut by size.
func (m *Machine) serveHeaders(p *peer, request *wire.MsgGetHeaders) {
	var locator []spv.Hash
	for _, id := range request.BlockLocatorHashes {
		locator = append(locator, *id)
	}
	if len(locator) == 0 { // one header, by its id
		h, ok := m.chain.Header(request.HashStop)
		b, _ := m.chain.Lookup(request.HashStop)
		switch {
		case !ok || b.Height == 0:
			return
		case !m.chain.OnBest(b):
			// A layer's proof may build on a block that was left: without its header nobody
			// who comes later could judge the proof (rule R2). One that is still to come is told
			// of when it is here: whoever hears of it asks us for the rest.
			if m.params.AuxPoW == nil && !m.ahead(b) {
				m.give(p, &msg.Headers{Headers: []spv.Sealed{{Header: h}}}, spv.HeaderSize)
			}
			return
		}
		locator = []spv.Hash{h.Prev()}
	}
	for _, id := range locator {
		if b, ok := m.chain.Lookup(id); ok && m.chain.OnBest(b) {
			if !m.has(p, b) {
				p.seen = b
			}
			break
		}
	}
	run, err := m.chain.Sealed(locator, request.HashStop)
	if err != nil {
		m.fail(err)
		return
	}
	size := 0
	run, size = cut(run, m.headersSize())
	if n := len(run); n > 0 {
		p.seen, _ = m.chain.Lookup(run[n-1].Header.ID())
	}
	m.give(p, &msg.Headers{Headers: run}, size)
}

// ahead tells that a block off the best chain has more work than that.
func (m *Machine) ahead(b spv.Block) bool {
	work, _ := m.chain.WorkAt(b.Hash)
	best, _ := m.chain.WorkAt(m.chain.Tip().Hash)
	return work.Gt(&best)
}

// headersSize is how long a headers message may get, in bytes.
func (m *Machine) headersSize() int {
	most := msg.MaxAuxHeaders
	if m.params.AuxPoW != nil {
		most = headersSize
	}
	if n := int(m.params.P2P.HeadersSize); n > 0 {
		most = min(most, n)
	}
	return most
}

// cut takes as many headers as a message of a size holds, one at least, and returns how
// many bytes they take.
func cut(run []spv.Sealed, most int) ([]spv.Sealed, int) {
	size := 3
	for i := range run {
		n := spv.HeaderSize + 1
		if run[i].Aux != nil {
			n += len(run[i].Aux.Append(nil))
		}
		if i > 0 && size+n > most {
			return run[:i], size
		}
		size += n
	}
	return run, size
}

// span checks what a peer asks about filters: blocks of the best chain from a height up to
// one with an id. No honest peer asks for too many; one that asks about another branch
// gets no answer.
func (m *Machine) span(p *peer, kind wire.FilterType, from uint32, stop spv.Hash, most int32) (spv.Block, bool) {
	b, known := m.chain.Lookup(stop)
	if !known || !m.chain.OnBest(b) {
		return spv.Block{}, false
	}
	switch {
	case kind != wire.GCSFilterRegular:
		m.drop(p, fmt.Errorf("filters of type %d, want 0", kind), false)
	case int64(from) > int64(b.Height):
		m.drop(p, fmt.Errorf("filters from height %d up to %d", from, b.Height), false)
	case b.Height-int32(from) >= most:
		m.drop(p, fmt.Errorf("filters of %d blocks, want at most %d", b.Height-int32(from)+1, most), false)
	default:
		return b, true
	}
	return spv.Block{}, false
}

func (m *Machine) serveFilters(p *peer, request *wire.MsgGetCFilters) {
	stop, ok := m.span(p, request.FilterType, request.StartHeight, request.StopHash, wire.MaxGetCFiltersReqRange)
	if !ok {
		return
	}
	if len(p.errands) >= maxErrands {
		m.drop(p, fmt.Errorf("getcfilters while %d things wait", len(p.errands)), false)
		return
	}
	p.errands = append(p.errands, errand{from: int32(request.StartHeight), to: stop.Height, stop: stop})
	m.serve(p)
}

// giveFilter gives a peer the next filter of an errand; false if the chain has moved away.
func (m *Machine) giveFilter(p *peer, e *errand) bool {
	b, ok := m.chain.BlockAt(e.from)
	if !ok || !m.chain.OnBest(e.stop) {
		return false
	}
	data, err := m.chain.Filter(e.from)
	if err != nil {
		m.fail(err)
		return false
	}
	m.give(p, wire.NewMsgCFilter(wire.GCSFilterRegular, &b.Hash, data), len(data)+40)
	return true
}

func (m *Machine) serveFilterHeaders(p *peer, request *wire.MsgGetCFHeaders) {
	// One less than the message holds by its own rules: that is what btcd lets be added.
	stop, ok := m.span(p, request.FilterType, request.StartHeight, request.StopHash, wire.MaxCFHeadersPerMsg)
	if !ok {
		return
	}
	answer := &wire.MsgCFHeaders{FilterType: wire.GCSFilterRegular, StopHash: stop.Hash}
	from := int32(request.StartHeight)
	if from > 0 {
		prev, err := m.chain.FilterHeader(from - 1)
		if err != nil {
			m.fail(err)
			return
		}
		answer.PrevFilterHeader = prev
	}
	for h := from; h <= stop.Height; h++ {
		data, err := m.chain.Filter(h)
		if err != nil {
			m.fail(err)
			return
		}
		hash := spv.Hash(pow.DoubleSHA256(data))
		answer.FilterHashes = append(answer.FilterHashes, &hash)
	}
	m.give(p, answer, 32*len(answer.FilterHashes)+80)
}

func (m *Machine) serveCheckpoints(p *peer, request *wire.MsgGetCFCheckpt) {
	stop, ok := m.span(p, request.FilterType, 0, request.StopHash, 1<<30)
	if !ok {
		return
	}
	answer := wire.NewMsgCFCheckpt(wire.GCSFilterRegular, &stop.Hash, int(stop.Height/wire.CFCheckptInterval))
	for h := int32(wire.CFCheckptInterval); h <= stop.Height; h += wire.CFCheckptInterval {
		header, err := m.chain.FilterHeader(h)
		if err != nil {
			m.fail(err)
			return
		}
		answer.FilterHeaders = append(answer.FilterHeaders, &header)
	}
	m.give(p, answer, 32*len(answer.FilterHeaders)+80)
}

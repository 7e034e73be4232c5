package syncer

import (
	"time"

	"github.com/btcsuite/btcd/wire"
)

const (
	// repeatTime is after how long a question about new filters is asked again, doubled each time.
	repeatTime = 2 * time.Second
	// freshSpan is how many blocks below the tip a block may lie for its filter to be new.
	freshSpan = 6
)

// repeat asks again what a peer has not answered about a new block's filter. A full node tells of a block a
// moment before its filter index has it, and says nothing at all to a question that comes between (Bitcoin Core,
// issues 27085 and 29655): that is no reason to wait long, nor to let go of it.
func (m *Machine) repeat(p *peer) {
	q := p.word.question
	if q == nil || !q.fresh || m.now.Sub(q.sent) < repeatTime<<(q.repeats+1)-repeatTime {
		return
	}
	q.repeats++
	p.word.repeated = q
	m.emit(Send{Peer: p.id, Message: q.message()})
}

// answersAgain tells whether hashes are the answer to a question that was asked again and answered before, and not to the
// one that is open. Both end at the same block.
func (w *word) answersAgain(in *wire.MsgCFHeaders) bool {
	n, r := len(in.FilterHashes), w.repeated
	return n != w.question.count() && r != nil && r != w.question && in.StopHash == r.stop && n == r.count()
}

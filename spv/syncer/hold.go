package syncer

import (
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
)

// maxHeld is how many headers are held back while more are coming, maxHeldProofs how many
// with proofs, which are large: making something durable costs the same for one message of
// headers as for several.
const (
	maxHeld       = 3 * msg.MaxHeaders
	maxHeldProofs = 2 * msg.MaxHeaders
)

// store has a change of the best chain made durable, together with those that follow it
// soon if headers are being fetched in bulk.
func (m *Machine) store(change spv.Change) {
	if change.Undo == 0 && len(change.Headers) == 0 {
		return
	}
	if change.Undo > 0 {
		m.release()
		m.emit(Store{Change: change, Claimed: m.claimed()})
		return
	}
	// What the tree has let go of must be on disk.
	rules := m.tree.Rules()
	most := int(min(maxHeld, rules.Lookback()+rules.ReorgLimit))
	if change.Proofs != nil {
		most = min(most, maxHeldProofs)
	}
	held := &m.unstored
	if held.Headers == nil && len(change.Headers) == msg.MaxHeaders { // more will follow
		held.Headers = make([]spv.Header, 0, most)
	}
	held.Headers, held.Tip = append(held.Headers, change.Headers...), change.Tip
	held.Proofs = append(held.Proofs, change.Proofs...)
	if len(held.Headers) > most-msg.MaxHeaders {
		m.release()
	}
}

// rest ends a step: what is held is released unless more is on its way.
func (m *Machine) rest(in Input) {
	_, tick := in.(Tick)
	if tick || m.caught || m.source() == nil {
		m.release()
	}
}

// release has everything made durable.
func (m *Machine) release() {
	if len(m.unstored.Headers) > 0 {
		m.emit(Store{Change: m.unstored, Claimed: m.claimed()})
		m.unstored = spv.Change{}
	}
}

// claimed returns how high the chain is that is being fetched, by its peer's word.
func (m *Machine) claimed() int32 {
	if p := m.source(); p != nil && !m.caught {
		return p.height
	}
	return 0
}

package syncer

import (
	"fmt"
	"slices"
	"time"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/filter"
	"github.com/layeredpow/lamina/spv/pow"
)

// dispute is one block about whose filter peers differ. The block and every side's filter
// are fetched, and the block decides: whoever's filter lacks what must be there is banned.
// What only the scripts of coins spent could tell, which are not in the block, cannot be
// decided for certain; the block then counts as a match whatever its filter says, so
// that nothing is missed, and the peers are held against each other further on.
type dispute struct {
	block   spv.Block
	auditee Peer // that differs from what was agreed before; 0: peers of one round differ
	sides   []*side
}

// side is one filter that is claimed to be the block's.
type side struct {
	hash   spv.Hash
	ours   bool // it was agreed upon
	filter []byte
	have   bool
	peer   Peer // that was asked for it; 0: nobody
	sent   time.Time
}

// quarrel begins a dispute between the peers of a round.
func (m *Machine) quarrel(height int32, groups []group) {
	id, ok := m.id(height)
	if !ok {
		return
	}
	d := &dispute{block: spv.Block{Height: height, Hash: id}}
	for _, g := range groups {
		d.sides = append(d.sides, &side{hash: g.hash})
	}
	m.claims.dispute = d
	m.again = true
}

// supporters returns the peers that say what a side says.
func (m *Machine) supporters(d *dispute, s *side) (peers []*peer) {
	for _, p := range m.peers {
		w := &p.word
		var yes bool
		switch {
		case d.auditee == 0:
			yes = len(w.said) > 0 && w.said[0] == s.hash
		case s.ours:
			yes = p.filterPeer() && w.audited >= d.block.Height
		default:
			yes = p.id == d.auditee && w.high == d.block.Height && w.hash == s.hash
		}
		if yes {
			peers = append(peers, p)
		}
	}
	return peers
}

// settleDispute fetches what the decision needs, and decides.
func (m *Machine) settleDispute() {
	d := m.claims.dispute
	if d == nil {
		return
	}
	d.sides = slices.DeleteFunc(d.sides, func(s *side) bool {
		return len(m.supporters(d, s)) == 0 && !(s.ours && s.have)
	})
	if len(d.sides) < 2 {
		m.claims.dispute, m.again = nil, true
		return
	}
	ready := true
	for _, s := range d.sides {
		if s.have {
			continue
		}
		ready = false
		if s.peer == 0 {
			s.peer, s.sent = m.supporters(d, s)[0].id, m.now
			m.emit(Send{Peer: s.peer, Message: wire.NewMsgGetCFilters(wire.GCSFilterRegular, uint32(d.block.Height), &d.block.Hash)})
		}
	}
	if block := m.held(d.block.Hash); ready && block != nil {
		m.decide(d, block)
		m.claims.dispute, m.again = nil, true
	}
}

// evidence takes the filter that a peer in a dispute stands by.
func (m *Machine) evidence(p *peer, in *wire.MsgCFilter) {
	d := m.claims.dispute
	if d == nil || in.BlockHash != d.block.Hash {
		return
	}
	for _, s := range d.sides {
		if s.peer != p.id || s.have {
			continue
		}
		p.heard = m.now
		if hash := spv.Hash(pow.DoubleSHA256(in.Data)); hash != s.hash {
			m.drop(p, fmt.Errorf("filter of block %s: hash %s, want %s by the peer's own word", d.block, hash, s.hash), true)
			return
		}
		s.filter, s.have = in.Data, true
	}
}

// decide bans the sides that the block refutes. If more than one is left, the block is
// looked through whatever its filter says.
func (m *Machine) decide(d *dispute, block *spv.FullBlock) {
	var left []*side
	var wrong []*peer
	var reasons []error
	cut := false
	for _, s := range d.sides {
		err := refute(s.filter, &d.block.Hash, block)
		if err == nil {
			left = append(left, s)
			continue
		}
		cut = cut || s.ours
		for _, p := range m.supporters(d, s) {
			wrong = append(wrong, p)
			reasons = append(reasons, fmt.Errorf("filter of block %s: %w", d.block, err))
		}
	}
	if len(left) > 1 {
		m.dropSuspects(d, left, block)
		if p := m.peer(d.auditee); p != nil {
			m.skew(p)
			m.suspect(d.block.Height)
		}
		// Behind what suspect says: if the driver dies in between, the doubt comes up again.
		m.claims.doubts[d.block.Height] = true
		m.emit(Doubt{Height: d.block.Height})
	}
	for i, p := range wrong {
		m.drop(p, reasons[i], true)
	}
	if cut {
		m.cutFilters(d.block.Height - 1)
	}
}

// dropSuspects lets go of peers whose filter lacks what the block's inputs seem to spend,
// if another's has it. Inputs can be made to seem what they are not, so nobody is banned.
func (m *Machine) dropSuspects(d *dispute, sides []*side, block *spv.FullBlock) {
	guessed := guessSpent(block)
	lacking := make([]int, len(sides))
	for i, s := range sides {
		lacking[i] = lacks(s.filter, &d.block.Hash, guessed)
	}
	least := slices.Min(lacking)
	for i, s := range sides {
		if lacking[i] == least || s.ours {
			continue
		}
		for _, p := range m.supporters(d, s) {
			m.drop(p, fmt.Errorf("filter of block %s: lacks what %d inputs seem to spend", d.block, lacking[i]), false)
		}
	}
}

// refute tells why a filter cannot be a block's, nil if it can: it must hold every output
// script that is neither empty nor an OP_RETURN, and those of outputs that the block
// itself spends (BIP158).
func refute(data []byte, id *spv.Hash, block *spv.FullBlock) error {
	var scripts [][]byte
	for i := range block.Txs {
		block.Txs[i].EachOutput(func(_ int64, script []byte) bool {
			if len(script) > 0 && script[0] != txscript.OP_RETURN {
				scripts = append(scripts, script)
			}
			return true
		})
	}
	if _, err := filter.NewMatcher(nil).MatchAny(data, id); err != nil {
		return err
	}
	if n := lacks(data, id, scripts); n > 0 {
		return fmt.Errorf("lacks %d of the scripts of %d outputs", n, len(scripts))
	}
	return nil
}

// lacks returns how many of the scripts a filter does not hold.
func lacks(data []byte, id *spv.Hash, scripts [][]byte) (n int) {
	for _, script := range distinct(scripts) {
		if ok, err := filter.NewMatcher([][]byte{script}).MatchAny(data, id); err != nil || !ok {
			n++
		}
	}
	return n
}

func distinct(scripts [][]byte) [][]byte {
	seen := make(map[string]bool, len(scripts))
	return slices.DeleteFunc(slices.Clone(scripts), func(s []byte) bool {
		old := seen[string(s)]
		seen[string(s)] = true
		return old
	})
}

// guessSpent returns the scripts that a block's inputs seem to spend.
func guessSpent(block *spv.FullBlock) (scripts [][]byte) {
	for i := 1; i < len(block.Txs); i++ {
		tx, err := decodeTx(&block.Txs[i])
		if err != nil {
			continue
		}
		for _, in := range tx.TxIn {
			if guess, err := txscript.ComputePkScript(in.SignatureScript, in.Witness); err == nil {
				scripts = append(scripts, guess.Script())
			}
		}
	}
	return scripts
}

package syncer

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/pow"
)

const (
	// blocksAhead is how many blocks are wanted at a time, at most some 4 MB each, and
	// peerBlocks from one peer.
	blocksAhead = 16
	peerBlocks  = 4
	// retryTime is after how long a block that no peer had is asked for again.
	retryTime = 20 * time.Second
)

// fetch is one block that is wanted whole.
type fetch struct {
	ref     spv.Block
	block   *spv.FullBlock // verified; nil until it is there
	peer    Peer           // that was asked; 0: nobody
	sent    time.Time
	refused []Peer // that do not have it
}

// held returns a block that was fetched, nil if it is not there.
func (m *Machine) held(id spv.Hash) *spv.FullBlock {
	for _, f := range m.fetches {
		if f.ref.Hash == id {
			return f.block
		}
	}
	return nil
}

// wanted lists the blocks that are needed now, those first that others wait for.
func (m *Machine) wanted() (refs []spv.Block) {
	if d := m.claims.dispute; d != nil {
		refs = append(refs, d.block)
	}
	if k := m.claims.commit; k != nil {
		refs = append(refs, k.by)
	}
	return m.scan.wanted(m, refs)
}

// askBlocks asks peers for the wanted blocks and lets go of the others.
func (m *Machine) askBlocks() {
	refs := m.wanted()
	m.fetches = slices.DeleteFunc(m.fetches, func(f *fetch) bool { return !slices.Contains(refs, f.ref) })
	for _, ref := range refs {
		i := slices.IndexFunc(m.fetches, func(f *fetch) bool { return f.ref == ref })
		if i < 0 {
			i = len(m.fetches)
			m.fetches = append(m.fetches, &fetch{ref: ref})
		}
		f := m.fetches[i]
		if f.block != nil || f.peer != 0 {
			continue
		}
		if len(f.refused) > 0 && m.now.Sub(f.sent) > retryTime {
			f.refused = nil
		}
		p := m.blockServer(f)
		if p == nil {
			continue
		}
		f.peer, f.sent = p.id, m.now
		kind := wire.InvTypeBlock
		if p.serves&wire.SFNodeWitness != 0 {
			kind = wire.InvTypeWitnessBlock
		}
		m.emit(Send{Peer: p.id, Message: &wire.MsgGetData{InvList: []*wire.InvVect{wire.NewInvVect(kind, &f.ref.Hash)}}})
	}
}

// blockServer returns the best peer that should have a block, nil if none has time.
func (m *Machine) blockServer(f *fetch) *peer {
	return m.server(peerBlocks, func(p *peer) (able bool, busy int) {
		for _, other := range m.fetches {
			if other.peer == p.id && other.block == nil {
				busy++
			}
		}
		return m.keeps(p, f.ref.Height) && !slices.Contains(f.refused, p.id), busy
	})
}

// notFound notes that a peer does not have a block.
func (m *Machine) notFound(p *peer, in *wire.MsgNotFound) {
	for _, v := range in.InvList {
		for _, f := range m.fetches {
			if f.peer == p.id && f.ref.Hash == v.Hash {
				f.peer = 0
				f.refused = append(f.refused, p.id)
			}
		}
	}
}

// body takes a block that was asked for, from whomever. Others are ignored.
func (m *Machine) body(p *peer, raw []byte) {
	if len(raw) < spv.HeaderSize {
		m.drop(p, fmt.Errorf("block: %d bytes, want at least %d", len(raw), spv.HeaderSize), true)
		return
	}
	id := spv.Hash(pow.DoubleSHA256(raw[:spv.HeaderSize]))
	i := slices.IndexFunc(m.fetches, func(f *fetch) bool { return f.ref.Hash == id && f.block == nil })
	if i < 0 {
		return
	}
	p.heard = m.now
	f := m.fetches[i]
	block, err := m.verify(raw)
	if err != nil {
		m.drop(p, fmt.Errorf("block %s: %w", f.ref, err), true)
		return
	}
	f.block, f.peer = block, 0
	p.served++
}

// verify parses a block whose header is in the chain and judges its body.
func (m *Machine) verify(raw []byte) (*spv.FullBlock, error) {
	rules := m.tree.Rules()
	block, n, err := rules.ParseBlock(raw)
	if err != nil {
		return nil, err
	}
	if n < len(raw) && !(rules.Extensions && block.HasExtension()) {
		return nil, fmt.Errorf("%d bytes behind the transactions", len(raw)-n)
	}
	var rep spv.Report
	_ = block.CheckBody(&rep) // the report has it all
	for _, c := range rep.Checks {
		// The L1 chains of today allow transactions of 64 bytes, and old blocks hold some.
		// The coinbase in its place shows that the list is not one of inner nodes.
		if c.Outcome == spv.Failed && (c.Name != spv.CheckBlockTx64 || m.filters.layered) {
			return nil, &spv.CheckError{Name: c.Name, Want: c.Want, Got: c.Got}
		}
	}
	if err := rules.CheckSignetBlock(block, nil); err != nil {
		return nil, err
	}
	return block, nil
}

// decodeTx turns a transaction of a block into the library's type. One that ties an
// extension block to its block is read without its mark.
func decodeTx(t *spv.Tx) (*wire.MsgTx, error) {
	raw := t.Bytes()
	if !t.HasWitness() {
		raw = t.AppendStripped(nil)
	}
	return parseTx(raw)
}

func parseTx(raw []byte) (*wire.MsgTx, error) {
	tx := new(wire.MsgTx)
	r := bytes.NewReader(raw)
	if err := tx.BtcDecode(r, msg.Version, wire.WitnessEncoding); err != nil {
		return nil, err
	}
	if r.Len() > 0 {
		return nil, errors.New("bytes behind the transaction")
	}
	return tx, nil
}

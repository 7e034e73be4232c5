package spv

// What a tree remembers of proofs, so that it can hand them on with the headers of a
// Change. Proofs are not part of a block's id and the rules need them only once, so they
// are not kept with the nodes.
const (
	// proofDepth is how far below the tip the proofs of the best chain are still at hand,
	// for blocks that a reorganisation takes off it and another puts back.
	proofDepth = 144
	// maxKeptProofs bounds the proofs that wait on branches, in bytes.
	maxKeptProofs = 16 << 20
)

// proofs holds the proofs of blocks that may still have to be handed on: those of the
// Connect in hand, and serialised, on memory of their own, those of side branches and of
// the newest blocks.
type proofs struct {
	first int32     // node that added[0] belongs to
	added []*AuxPoW // of the nodes that this Connect has added
	kept  map[Hash][]byte
	bytes int // in kept
}

// begin forgets the proofs of the last Connect.
func (p *proofs) begin(first int32) {
	clear(p.added)
	p.first, p.added = first, p.added[:0]
}

// proofOf returns the proof of a node, nil if it has none or it is no longer at hand.
func (t *Tree) proofOf(i int32) *AuxPoW {
	p := &t.proofs
	if i >= p.first {
		return p.added[i-p.first]
	}
	raw, ok := p.kept[t.nodes.at(i).id]
	if !ok {
		return nil
	}
	aux, _, err := ParseAuxPoW(raw)
	if err != nil {
		panic(err) // we wrote it ourselves
	}
	return aux
}

// keepProofs forgets what can no longer be asked for, and keeps of the proofs just added
// those that still can, as long as there is room.
func (t *Tree) keepProofs() {
	p := &t.proofs
	for id, raw := range p.kept {
		if i, ok := t.find(&id); !ok || t.settled(i) {
			p.bytes -= len(raw)
			delete(p.kept, id)
		}
	}
	for k, aux := range p.added {
		i := p.first + int32(k)
		if aux == nil || t.settled(i) || p.bytes+aux.size() > maxKeptProofs {
			continue
		}
		if p.kept == nil {
			p.kept = map[Hash][]byte{}
		}
		raw := aux.Append(make([]byte, 0, aux.size()))
		p.kept[t.nodes.at(i).id] = raw
		p.bytes += len(raw)
	}
	p.begin(t.nodes.end)
}

// settled tells that a node is on the best chain and deep below its tip.
func (t *Tree) settled(i int32) bool {
	height := t.nodes.at(i).height
	best, ok := t.bestAt(height)
	return ok && best == i && height <= t.nodes.at(t.tip).height-proofDepth
}

// size returns how many bytes Append adds, or a few more.
func (a *AuxPoW) size() int {
	return len(a.Coinbase.Bytes()) + len(a.BlockHash) + 32*(len(a.CoinbaseBranch)+len(a.ChainBranch)) + 2*(9+4) + HeaderSize
}

package chain

import (
	"encoding/binary"
	"fmt"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/spv"
)

// state is what is known of a block, as bits.
type state uint8

const (
	// held: the block is in a block file and passed every check that needs no coins.
	held state = 1 << iota
	// invalid: the block, or one below it, broke a rule for ever.
	invalid
	// resealed: a better proof than the one in the block file is in the database.
	resealed
	// agreed: the operator agreed to the branch up to here.
	agreed
	// shunned: the operator wants neither it nor what is above it.
	shunned

	knownStates = held | invalid | resealed | agreed | shunned
)

// entry is one header that passed the header rules, and what is known of its block.
type entry struct {
	id     spv.Hash
	header spv.Header
	state  state
	// complete: the block and all below it are held and none is invalid.
	complete bool
	// pending: it could not be judged for lack of L1 blocks; until the L1 moves.
	pending bool
	// barred: it, or a block below it, is shunned.
	barred bool
	height int32
	work   uint256.Int // cumulative, this block included
	prev   *entry      // nil for genesis
	jump   *entry      // an ancestor further down, see below
	seq    uint64      // order in which the blocks were accepted
	at     place
	sealed uint32    // bytes of header and proof at the start of the block
	anchor spv.Block // layers: from the coinbase; zero while the block is not held
}

func (e *entry) block() spv.Block { return spv.Block{Height: e.height, Hash: e.id} }

func (e *entry) has(s state) bool { return e.state&s != 0 }

// link puts an entry on top of another. Jumps are those of a skew-binary list (Myers
// 1983): with one pointer more an entry, every ancestor is a logarithmic number of steps
// away.
func (e *entry) link(prev *entry) error {
	own, err := workOf(&e.header)
	if err != nil {
		return err
	}
	if prev == nil {
		e.work = own
		return nil
	}
	e.prev, e.height, e.barred = prev, prev.height+1, prev.barred || e.has(shunned)
	e.work.Add(&prev.work, &own)
	e.jump = prev
	if j := prev.jump; j != nil && j.jump != nil && prev.height-j.height == j.height-j.jump.height {
		e.jump = j.jump
	}
	return nil
}

func workOf(h *spv.Header) (uint256.Int, error) {
	target, ok := spv.ParseTarget(h.Bits())
	if !ok {
		return uint256.Int{}, fmt.Errorf("bits %08x are no target", h.Bits())
	}
	return spv.WorkOf(&target), nil
}

// ancestor returns the entry at a height on the branch that ends in e, itself included;
// nil for heights that are not on it.
func (e *entry) ancestor(height int32) *entry {
	if height < 0 || height > e.height {
		return nil
	}
	for e.height > height {
		if e.jump.height >= height {
			e = e.jump
		} else {
			e = e.prev
		}
	}
	return e
}

// fork returns the highest common ancestor of two entries.
func fork(a, b *entry) *entry {
	if a.height > b.height {
		a, b = b, a
	}
	b = b.ancestor(a.height)
	for a != b {
		if a.jump != b.jump {
			a, b = a.jump, b.jump
		} else {
			a, b = a.prev, b.prev
		}
	}
	return a
}

// better tells whether a is to be preferred to b: more work, the first accepted among
// equals. Two blocks never tie, so that the choice depends on what is held alone.
func (a *entry) better(b *entry) bool {
	if c := a.work.Cmp(&b.work); c != 0 {
		return c > 0
	}
	return a.seq < b.seq
}

// line is the spv.Ancestry of one entry.
type line struct{ *entry }

// At returns time and bits at a height on the branch.
func (l line) At(height int32) (spv.Point, bool) {
	e := l.ancestor(height)
	if e == nil {
		return spv.Point{}, false
	}
	return spv.Point{Time: e.header.Time(), Bits: e.header.Bits()}, true
}

// median returns the median time of the 11 blocks up to and including e.
func (e *entry) median() uint32 {
	m, _ := spv.MedianTime(line{e}, e.height) // all headers are at hand
	return m
}

// entrySize is the length of an entry's record: header, seq, state, place, sealed length
// and anchor. The key is height (big-endian, so that parents come first) and id.
const entrySize = spv.HeaderSize + 8 + 1 + 3*4 + 4 + 4 + 32

func (e *entry) key() []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(e.height)), e.id[:]...)
}

func (e *entry) encode() []byte {
	b := append(make([]byte, 0, entrySize), e.header[:]...)
	b = binary.LittleEndian.AppendUint64(b, e.seq)
	b = append(b, byte(e.state))
	b = binary.LittleEndian.AppendUint32(b, e.at.file)
	b = binary.LittleEndian.AppendUint32(b, e.at.offset)
	b = binary.LittleEndian.AppendUint32(b, e.at.length)
	b = binary.LittleEndian.AppendUint32(b, e.sealed)
	b = binary.LittleEndian.AppendUint32(b, uint32(e.anchor.Height))
	return append(b, e.anchor.Hash[:]...)
}

// decodeEntry reads a record. Height, work and links are for the caller.
func decodeEntry(key, value []byte) (*entry, error) {
	if len(key) != 36 || len(value) != entrySize {
		return nil, fmt.Errorf("index record of %d+%d bytes, want 36+%d", len(key), len(value), entrySize)
	}
	e := &entry{header: spv.Header(value)}
	if e.id = e.header.ID(); e.id != spv.Hash(key[4:]) {
		return nil, fmt.Errorf("index record of %s: holds header %s", spv.Hash(key[4:]), e.id)
	}
	v := value[spv.HeaderSize:]
	e.seq = binary.LittleEndian.Uint64(v)
	if e.state = state(v[8]); e.state&^knownStates != 0 {
		return nil, fmt.Errorf("index record of %s: state %#x", e.id, v[8])
	}
	e.at = place{binary.LittleEndian.Uint32(v[9:]), binary.LittleEndian.Uint32(v[13:]), binary.LittleEndian.Uint32(v[17:])}
	e.sealed = binary.LittleEndian.Uint32(v[21:])
	e.anchor = spv.Block{Height: int32(binary.LittleEndian.Uint32(v[25:])), Hash: spv.Hash(v[29:])}
	return e, nil
}

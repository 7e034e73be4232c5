package chain

import (
	"encoding/binary"
	"fmt"

	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/spv"
)

// Tally is what is kept of every block of the best chain besides the block: where the
// chain's sums stand after it.
type Tally struct {
	Block        spv.Block
	FilterHeader spv.Hash         // BIP157, basic
	Supply       consensus.Supply // claimed and burned, this block included
	FeeVote      uint16           // sat/vB; 0 on an L1
	Burns        int              // burns in this block
}

const tallySize = 32 + 32 + 8 + 8 + 2 + 4

func (t *Tally) encode() []byte {
	b := append(make([]byte, 0, tallySize), t.Block.Hash[:]...)
	b = append(b, t.FilterHeader[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(t.Supply.Claimed))
	b = binary.LittleEndian.AppendUint64(b, uint64(t.Supply.Burned))
	b = binary.LittleEndian.AppendUint16(b, t.FeeVote)
	return binary.LittleEndian.AppendUint32(b, uint32(t.Burns))
}

func decodeTally(height int32, b []byte) (*Tally, error) {
	if len(b) != tallySize {
		return nil, fmt.Errorf("tally of block %d: %d bytes, want %d", height, len(b), tallySize)
	}
	t := &Tally{
		Block:        spv.Block{Height: height, Hash: spv.Hash(b)},
		FilterHeader: spv.Hash(b[32:]),
		FeeVote:      binary.LittleEndian.Uint16(b[80:]),
		Burns:        int(binary.LittleEndian.Uint32(b[82:])),
	}
	t.Supply.Claimed = int64(binary.LittleEndian.Uint64(b[64:]))
	t.Supply.Burned = int64(binary.LittleEndian.Uint64(b[72:]))
	return t, nil
}

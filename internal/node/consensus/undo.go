package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/wire"
)

// Undo is what must be put back to take a block off the chain again. The coins to remove
// are those that the block's outputs made.
type Undo struct {
	Spent  []SpentCoin     // to be unspent again
	Claims []wire.OutPoint // to be unclaimed
}

const undoVersion = 1

// outpointSize is an outpoint's size in bytes: transaction id and index.
const outpointSize = 32 + 4

// EncodeUndo returns the block's undo data for DecodeUndo: version 01, number of coins,
// each with its outpoint, number of claims, each an outpoint. Numbers are shortest unsigned
// varints.
func (d *Delta) EncodeUndo() []byte {
	b := binary.AppendUvarint([]byte{undoVersion}, uint64(len(d.Spent)))
	for i := range d.Spent {
		b = appendOutpoint(b, &d.Spent[i].OutPoint)
		b = d.Spent[i].Coin.Append(b)
	}
	b = binary.AppendUvarint(b, uint64(len(d.Claims)))
	for i := range d.Claims {
		b = appendOutpoint(b, &d.Claims[i])
	}
	return b
}

var errUndoShort = errors.New("undo data: ends early")

// DecodeUndo reads what EncodeUndo returns and accepts no other form.
func DecodeUndo(b []byte) (*Undo, error) {
	if len(b) == 0 {
		return nil, errUndoShort
	}
	if b[0] != undoVersion {
		return nil, fmt.Errorf("undo data: version %d, want %d", b[0], undoVersion)
	}
	const minCoin = outpointSize + 8 + 1 + 1
	n, b, err := undoCount(b[1:], minCoin)
	if err != nil {
		return nil, err
	}
	u := &Undo{Spent: make([]SpentCoin, n)}
	for i := range u.Spent {
		if len(b) < outpointSize {
			return nil, errUndoShort
		}
		u.Spent[i].OutPoint = parseOutpoint(b)
		coin, size, err := ParseCoin(b[outpointSize:])
		if err != nil {
			return nil, fmt.Errorf("undo data: coin %d: %w", i, err)
		}
		u.Spent[i].Coin = *coin
		b = b[outpointSize+size:]
	}
	if n, b, err = undoCount(b, outpointSize); err != nil {
		return nil, err
	}
	u.Claims = make([]wire.OutPoint, n)
	for i := range u.Claims {
		u.Claims[i] = parseOutpoint(b[i*outpointSize:])
	}
	if rest := len(b) - n*outpointSize; rest != 0 {
		return nil, fmt.Errorf("undo data: %d bytes too many", rest)
	}
	return u, nil
}

// undoCount reads a number of things that take at least size bytes each, and makes sure
// that those are there.
func undoCount(b []byte, size int) (n int, rest []byte, err error) {
	v, used, err := uvarint(b, uint64(len(b)))
	if err != nil {
		return 0, nil, fmt.Errorf("undo data: %w", err)
	}
	if v > uint64((len(b)-used)/size) {
		return 0, nil, errUndoShort
	}
	return int(v), b[used:], nil
}

func appendOutpoint(dst []byte, op *wire.OutPoint) []byte {
	return binary.LittleEndian.AppendUint32(append(dst, op.Hash[:]...), op.Index)
}

// parseOutpoint reads the outpoint at the start of b, which holds one.
func parseOutpoint(b []byte) (op wire.OutPoint) {
	copy(op.Hash[:], b)
	op.Index = binary.LittleEndian.Uint32(b[32:])
	return op
}

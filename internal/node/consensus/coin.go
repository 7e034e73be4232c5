package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"
)

// Coin is an unspent output: its value in base units, its script, and where it was made.
type Coin struct {
	Value    int64
	Script   []byte
	Height   int32 // of the block that made it
	Coinbase bool
}

// View answers for the state right before a block. The coins it gives are not changed.
type View interface {
	// Coin returns the unspent output at an outpoint; nil, nil if there is none.
	Coin(op wire.OutPoint) (*Coin, error)
	// Claimed tells whether a deposit has been claimed on this layer. The outpoint is
	// L1's own, without the bit that marks a claim.
	Claimed(op wire.OutPoint) (bool, error)
}

// SpentCoin is a coin that a block takes out of the state.
type SpentCoin struct {
	OutPoint wire.OutPoint
	Coin     Coin
}

// CreatedCoin is a coin that a block brings into the state.
type CreatedCoin struct {
	OutPoint wire.OutPoint
	Coin     Coin
}

// Spendable tells whether an output can ever be spent. Those that cannot are no coins
// (Bitcoin Core's CScript::IsUnspendable).
func Spendable(script []byte) bool {
	return len(script) <= txscript.MaxScriptSize && (len(script) == 0 || script[0] != txscript.OP_RETURN)
}

// maxCoin is the size of the largest coin that ParseCoin reads, in bytes: no spendable
// script is longer than a script can be.
const maxCoin = 8 + 5 + 3 + txscript.MaxScriptSize

// Append appends the coin's encoding to dst: value as 8 bytes little-endian, height*2 + (1
// for a coinbase's), length of the script, both as shortest unsigned varints, and the
// script.
func (c *Coin) Append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(c.Value))
	place := uint64(c.Height) << 1
	if c.Coinbase {
		place |= 1
	}
	dst = binary.AppendUvarint(dst, place)
	dst = binary.AppendUvarint(dst, uint64(len(c.Script)))
	return append(dst, c.Script...)
}

var (
	errCoinShort = errors.New("coin: ends early")
	errCoinForm  = errors.New("coin: a number out of range or not in its shortest form")
)

// ParseCoin reads what Coin.Append writes from the start of b and returns the number of
// bytes it takes. It accepts no other form. The script is a copy.
func ParseCoin(b []byte) (*Coin, int, error) {
	limited := b[:min(len(b), maxCoin)]
	if len(limited) < 8 {
		return nil, 0, errCoinShort
	}
	c := &Coin{Value: int64(binary.LittleEndian.Uint64(limited))}
	place, n, err := uvarint(limited[8:], 1<<32-1)
	if err != nil {
		return nil, 0, err
	}
	at := 8 + n
	size, n, err := uvarint(limited[at:], txscript.MaxScriptSize)
	if err != nil {
		return nil, 0, err
	}
	at += n
	if uint64(len(limited)-at) < size {
		return nil, 0, errCoinShort
	}
	if c.Value < 0 {
		return nil, 0, fmt.Errorf("coin: value %d, want 0 or more", c.Value)
	}
	c.Height, c.Coinbase = int32(place>>1), place&1 != 0
	c.Script = append([]byte(nil), limited[at:at+int(size)]...)
	return c, at + int(size), nil
}

// uvarint reads a shortest unsigned varint of at most limit.
func uvarint(b []byte, limit uint64) (v uint64, n int, err error) {
	v, n = binary.Uvarint(b)
	switch {
	case n == 0:
		return 0, 0, errCoinShort
	case n < 0 || v > limit || (n > 1 && b[n-1] == 0):
		return 0, 0, errCoinForm
	}
	return v, n, nil
}

// coins is the state inside a block: what its transactions so far have made and taken, over
// the view of what was before.
type coins struct {
	view  View
	made  map[wire.OutPoint]*Coin
	order []wire.OutPoint // of made, as they were made; may name some that are gone again
	taken map[wire.OutPoint]struct{}
	spent []SpentCoin // from before the block
}

func newCoins(view View, outputs int) *coins {
	return &coins{view: view, made: make(map[wire.OutPoint]*Coin, outputs), taken: map[wire.OutPoint]struct{}{}}
}

// Coin makes the state inside a block a View of its own.
func (s *coins) Coin(op wire.OutPoint) (*Coin, error) {
	if c, ok := s.made[op]; ok {
		return c, nil
	}
	if _, gone := s.taken[op]; gone {
		return nil, nil
	}
	return s.view.Coin(op)
}

// Claimed asks the view below: claims inside the block are counted where they are judged.
func (s *coins) Claimed(op wire.OutPoint) (bool, error) { return s.view.Claimed(op) }

// take removes a coin that Coin has given.
func (s *coins) take(op wire.OutPoint, c *Coin) {
	if _, ok := s.made[op]; ok {
		delete(s.made, op)
		return
	}
	s.taken[op] = struct{}{}
	s.spent = append(s.spent, SpentCoin{op, *c})
}

// add brings a transaction's outputs in.
func (s *coins) add(tx *wire.MsgTx, op wire.OutPoint, height int32, coinbase bool) {
	for i, out := range tx.TxOut {
		if !Spendable(out.PkScript) {
			continue
		}
		op.Index = uint32(i)
		s.made[op] = &Coin{Value: out.Value, Script: out.PkScript, Height: height, Coinbase: coinbase}
		s.order = append(s.order, op)
	}
}

// created returns the coins that the block leaves behind, in the order of its outputs.
func (s *coins) created() []CreatedCoin {
	left := make([]CreatedCoin, 0, len(s.made))
	for _, op := range s.order {
		if c, ok := s.made[op]; ok {
			left = append(left, CreatedCoin{op, *c})
		}
	}
	return left
}

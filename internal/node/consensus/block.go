package consensus

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// weightUnits is the number of weight units that a byte outside a witness counts (BIP141).
const weightUnits = 4

// Block is a block in its place. Height is the caller's word: no byte of a block before
// Connect's coinbase-height check vouches for it. Aux is nil on chains of own work.
type Block struct {
	Height int32
	Header spv.Header
	Aux    *spv.AuxPoW
	Txs    []*wire.MsgTx
}

// MaxBlock returns the most bytes that a block of the chain can take as it travels:
// header, proof and transactions.
func MaxBlock(p *chains.Params) int {
	most := int(p.BlockWeight)
	if p.AuxPoW != nil {
		most += spv.MaxAuxPoW
	}
	return most
}

// ParseBlock reads a block as it travels. The form is strict: canonical lengths, no witness
// marker without a witness, nothing behind the last transaction, at most MaxBlock bytes.
// The caller sets Height. The proof shares memory with raw.
func ParseBlock(p *chains.Params, raw []byte) (*Block, error) {
	if len(raw) > MaxBlock(p) {
		return nil, fmt.Errorf("block: %d bytes, want at most %d", len(raw), MaxBlock(p))
	}
	parsed, n, err := p.ParseBlock(raw)
	if err != nil {
		return nil, err
	}
	if n != len(raw) {
		return nil, fmt.Errorf("block %s: %d bytes behind its transactions, want none", parsed.Header.ID(), len(raw)-n)
	}
	b := &Block{Header: parsed.Header, Aux: parsed.Aux, Txs: make([]*wire.MsgTx, len(parsed.Txs))}
	for i := range parsed.Txs {
		if b.Txs[i], err = decodeTx(parsed.Txs[i].Bytes()); err != nil {
			return nil, fmt.Errorf("block %s: transaction %d: %w", parsed.Header.ID(), i, err)
		}
	}
	return b, nil
}

// ParseTx reads one transaction as it travels, as strictly as ParseBlock, and at most of a
// block's weight in bytes.
func ParseTx(p *chains.Params, raw []byte) (*wire.MsgTx, error) {
	if int64(len(raw)) > p.BlockWeight {
		return nil, fmt.Errorf("transaction: %d bytes, want at most %d", len(raw), p.BlockWeight)
	}
	parsed, n, err := spv.ParseTx(raw)
	if err != nil {
		return nil, err
	}
	if n != len(raw) {
		return nil, fmt.Errorf("transaction: %d bytes behind it, want none", len(raw)-n)
	}
	return decodeTx(parsed.Bytes())
}

// decodeTx decodes bytes whose lengths spv has found to be true, so that the library
// allocates no more than they hold.
func decodeTx(raw []byte) (*wire.MsgTx, error) {
	tx := new(wire.MsgTx)
	r := bytes.NewReader(raw)
	if err := tx.Deserialize(r); err != nil {
		return nil, err
	}
	if r.Len() != 0 {
		return nil, errors.New("a form that only some readers accept")
	}
	return tx, nil
}

// Ref returns the block's height and id.
func (b *Block) Ref() spv.Block { return spv.Block{Height: b.Height, Hash: b.Header.ID()} }

// Append appends the block as it travels to dst.
func (b *Block) Append(dst []byte) []byte {
	sealed := spv.Sealed{Header: b.Header, Aux: b.Aux}
	buf := bytes.NewBuffer(sealed.Append(dst))
	mustWrite(wire.WriteVarInt(buf, 0, uint64(len(b.Txs))))
	for _, tx := range b.Txs {
		mustWrite(tx.Serialize(buf))
	}
	return buf.Bytes()
}

// Weight returns the block's weight units (BIP141). The proof does not count: it is not
// covered by the block's id.
func (b *Block) Weight() int64 {
	return b.fold(TxWeight)
}

// strippedWeight is the weight of the block without its witnesses.
func (b *Block) strippedWeight() int64 {
	return b.fold(func(tx *wire.MsgTx) int64 { return int64(tx.SerializeSizeStripped()) * weightUnits })
}

func (b *Block) fold(weight func(*wire.MsgTx) int64) int64 {
	sum := int64(spv.HeaderSize+wire.VarIntSerializeSize(uint64(len(b.Txs)))) * weightUnits
	for _, tx := range b.Txs {
		sum += weight(tx)
	}
	return sum
}

// TxWeight returns a transaction's weight units (BIP141).
func TxWeight(tx *wire.MsgTx) int64 {
	return int64(tx.SerializeSizeStripped())*(weightUnits-1) + int64(tx.SerializeSize())
}

// VirtualSize returns weight units as virtual bytes, rounded up (BIP141).
func VirtualSize(weight int64) int64 { return (weight + weightUnits - 1) / weightUnits }

// message returns the block as the library's filter builder wants it.
func (b *Block) message() *wire.MsgBlock {
	m := &wire.MsgBlock{Transactions: b.Txs}
	mustWrite(m.Header.Deserialize(bytes.NewReader(b.Header[:])))
	return m
}

// mustWrite is for reads and writes in memory, which cannot fail.
func mustWrite(err error) {
	if err != nil && !errors.Is(err, io.EOF) {
		panic(fmt.Sprintf("consensus: in memory: %v", err))
	}
}

package wallet

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
)

// entry is one transaction that concerns the wallet.
type entry struct {
	id        spv.Hash
	tx        *wire.MsgTx
	block     spv.Block // if confirmed
	confirmed bool
	abandoned bool
	ours      bool   // made here
	pos       uint32 // place in the block
	time      uint32 // of the block
	seen      int64  // first seen, Unix seconds
	seq       uint64 // order in which transactions became known

	coins []coin // its outputs of ours, by index; insert makes them

	// What follows from the other transactions, see resolve.
	active  bool // counts: it is confirmed or may still be
	trusted bool // confirmed, or made of trusted coins of ours alone
	outside bool // neither pays nor takes from us: known for what it spends
}

const (
	recordVersion = 1
	recordFixed   = 2 + 4 + 32 + 4 + 4 + 8 + 8
	maxTx         = 4_000_000 // bytes: no block holds more
	flagConfirmed = 1
	flagAbandoned = 2
	flagOurs      = 4
)

// record encodes the entry: version, flags, height, hash, place, block time, first seen,
// sequence number, transaction as it travels; numbers in little endian.
func (e *entry) record() Record {
	flags := byte(0)
	for bit, set := range map[byte]bool{flagConfirmed: e.confirmed, flagAbandoned: e.abandoned, flagOurs: e.ours} {
		if set {
			flags |= bit
		}
	}
	le := binary.LittleEndian
	b := make([]byte, 0, recordFixed+e.tx.SerializeSize())
	b = le.AppendUint32(append(b, recordVersion, flags), uint32(e.block.Height))
	b = le.AppendUint32(append(b, e.block.Hash[:]...), e.pos)
	b = le.AppendUint32(b, e.time)
	b = le.AppendUint64(b, uint64(e.seen))
	b = le.AppendUint64(b, e.seq)
	w := bytes.NewBuffer(b)
	if err := e.tx.Serialize(w); err != nil {
		panic("wallet: transaction does not encode: " + err.Error())
	}
	return Record{append([]byte{keyTx}, e.id[:]...), w.Bytes()}
}

// parseEntry reads what record wrote.
func parseEntry(key, b []byte) (*entry, error) {
	if len(key) != 33 || len(b) < recordFixed || len(b) > recordFixed+maxTx {
		return nil, fmt.Errorf("record of a transaction: key of %d bytes, value of %d", len(key), len(b))
	}
	id := spv.Hash(key[1:])
	if b[0] != recordVersion || b[1] > 7 {
		return nil, fmt.Errorf("record of transaction %s: version %d flags %d, want version %d", id, b[0], b[1], recordVersion)
	}
	le := binary.LittleEndian
	e := &entry{id: id, confirmed: b[1]&flagConfirmed != 0, abandoned: b[1]&flagAbandoned != 0, ours: b[1]&flagOurs != 0,
		block: spv.Block{Height: int32(le.Uint32(b[2:])), Hash: spv.Hash(b[6:38])}, pos: le.Uint32(b[38:]),
		time: le.Uint32(b[42:]), seen: int64(le.Uint64(b[46:])), seq: le.Uint64(b[54:])}
	tx, err := parseTx(b[recordFixed:])
	if err != nil {
		return nil, fmt.Errorf("record of transaction %s: %w", id, err)
	}
	have := chainhash.DoubleHashH(b[recordFixed:])
	if tx.HasWitness() {
		have = tx.TxHash()
	}
	if e.tx = tx; have != id {
		return nil, fmt.Errorf("record of transaction %s: holds %s", id, have)
	}
	if e.confirmed && e.block.Height < 0 || e.seq == math.MaxUint64 {
		return nil, fmt.Errorf("record of transaction %s: height %d, number %d", id, e.block.Height, e.seq)
	}
	return e, nil
}

// parseTx reads one transaction of at most maxTx bytes, strictly: nothing may follow,
// and it must encode to the same bytes.
func parseTx(b []byte) (*wire.MsgTx, error) {
	if len(b) > maxTx {
		return nil, fmt.Errorf("transaction of %d bytes: want at most %d", len(b), maxTx)
	}
	tx := new(wire.MsgTx)
	r := bytes.NewReader(b)
	if err := tx.Deserialize(r); err != nil {
		return nil, fmt.Errorf("transaction of %d bytes: %w", len(b), err)
	}
	// All but the mark of a witness has one encoding (the library refuses other counts), and that one shows in the size.
	if size := tx.SerializeSize(); r.Len() > 0 || size != len(b) {
		return nil, fmt.Errorf("transaction of %d bytes: not encoded as it should be, in %d", len(b), size)
	}
	if len(tx.TxIn) == 0 || len(tx.TxOut) == 0 {
		return nil, fmt.Errorf("transaction: %d inputs, %d outputs, want at least one of each", len(tx.TxIn), len(tx.TxOut))
	}
	return tx, nil
}

func isCoinbase(tx *wire.MsgTx) bool {
	if len(tx.TxIn) != 1 {
		return false
	}
	prev := &tx.TxIn[0].PreviousOutPoint
	return prev.Index == math.MaxUint32 && prev.Hash == spv.Hash{}
}

// before orders the history, oldest first: by block and place, then the unconfirmed by
// the order in which they became known.
func (e *entry) before(f *entry) int {
	switch {
	case e.confirmed != f.confirmed:
		if e.confirmed {
			return -1
		}
		return 1
	case e.confirmed && e.block.Height != f.block.Height:
		return cmp.Compare(e.block.Height, f.block.Height)
	case e.confirmed && e.pos != f.pos:
		return cmp.Compare(e.pos, f.pos)
	case e.seq != f.seq:
		return cmp.Compare(e.seq, f.seq)
	}
	return bytes.Compare(e.id[:], f.id[:])
}

package app

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/wallet"
)

// Records of the facade's own stand among a wallet's under this first byte, which the
// wallet does not use.
const ownRecord = 'z'

// The second byte says what it is.
const (
	placeRecord = 'p' // where the scan began, and for what birthday
	redoRecord  = 'r' // from where blocks are to be looked through again
	sendRecord  = 's' // what was sent under an idempotency key
	rowsRecord  = 'a' // how many rows of addresses the scan looks for
	hushRecord  = 'w' // a transaction of ours that is announced to strangers only
)

// notebook keeps a wallet's records on disk and, among them, some of the facade's own, so
// that both change in one transaction. It satisfies wallet.Log.
type notebook struct {
	disk    wallet.Log
	place   placed
	redo    int32                // 0: nothing
	rows    int                  // of addresses that the scan looks for; 0: not noted
	sent    map[[32]byte]receipt // by the idempotency key's hash
	with    []wallet.Record      // to be written with the wallet's next records
	private map[spv.Hash]bool    // transactions of ours that are announced to strangers only
	// broken is the first error of the disk. What it has of the last records is not known
	// then, so nothing more is written: the loop ends, and the next start reads what is there.
	broken error
	after  []func(book *notebook) // what becomes true once they are
}

// placed says where a purse's scan begins.
type placed struct {
	first    int32 // lowest block that is looked at; 0: not known yet
	birthday int64 // Unix seconds that it was found for; 0: unknown birthday
}

// receipt is what was sent under an idempotency key.
type receipt struct {
	payment [32]byte // what was asked for
	tx      spv.Hash
}

// Load calls back for the wallet's records and takes its own.
func (b *notebook) Load(f func(key, value []byte) error) error {
	b.sent, b.private = map[[32]byte]receipt{}, map[spv.Hash]bool{}
	return b.disk.Load(func(key, value []byte) error {
		if len(key) == 0 || key[0] != ownRecord {
			return f(key, value)
		}
		le := binary.LittleEndian
		switch {
		case len(key) == 2 && key[1] == placeRecord && len(value) == 12:
			b.place = placed{int32(le.Uint32(value)), int64(le.Uint64(value[4:]))}
		case len(key) == 2 && key[1] == redoRecord && len(value) == 4:
			b.redo = int32(le.Uint32(value))
		case len(key) == 2 && key[1] == rowsRecord && len(value) == 4:
			b.rows = int(le.Uint32(value))
		case len(key) == 34 && key[1] == sendRecord && len(value) == 64:
			b.sent[[32]byte(key[2:])] = receipt{[32]byte(value), spv.Hash(value[32:])}
		case len(key) == 34 && key[1] == hushRecord && len(value) == 1 && value[0] == 1:
			b.private[spv.Hash(key[2:])] = true
		default:
			return fmt.Errorf("record %x: %d bytes, not what is kept there", key, len(value))
		}
		return nil
	})
}

// Write writes the wallet's records and what waits to be written with them.
func (b *notebook) Write(records []wallet.Record) error {
	if b.broken != nil {
		return b.broken
	}
	if err := b.disk.Write(slices.Concat(records, b.with)); err != nil {
		b.broken = &Error{CodeInternal, err}
		return b.broken
	}
	for _, f := range b.after {
		f(b)
	}
	b.drop()
	return nil
}

// drop forgets what waits to be written.
func (b *notebook) drop() { b.with, b.after = nil, nil }

// flush writes what still waits, for want of records of the wallet to go with.
func (b *notebook) flush() error {
	if len(b.with) == 0 {
		return nil
	}
	return b.Write(nil)
}

func (b *notebook) add(key, value []byte, done func(b *notebook)) {
	b.with = append(b.with, wallet.Record{Key: key, Value: value})
	b.after = append(b.after, done)
}

func (b *notebook) setPlace(p placed) {
	le := binary.LittleEndian
	value := le.AppendUint64(le.AppendUint32(nil, uint32(p.first)), uint64(p.birthday))
	b.add([]byte{ownRecord, placeRecord}, value, func(b *notebook) { b.place = p })
}

// setRedo notes from where on to look again; 0: no more.
func (b *notebook) setRedo(from int32) {
	var value []byte
	if from > 0 {
		value = binary.LittleEndian.AppendUint32(nil, uint32(from))
	}
	b.add([]byte{ownRecord, redoRecord}, value, func(b *notebook) { b.redo = from })
}

// widen notes how many rows of addresses there are. What is scanned of further ones begins at the beginning: that is on
// disk with their number, so that a crash at any moment leaves no payment to them unseen.
func (b *notebook) widen(rows int) error {
	if rows == b.rows {
		return nil
	}
	defer b.drop()
	if b.rows > 0 && rows > b.rows && b.place.first > 0 {
		b.setRedo(b.place.first)
	}
	b.add([]byte{ownRecord, rowsRecord}, binary.LittleEndian.AppendUint32(nil, uint32(rows)), func(b *notebook) { b.rows = rows })
	return b.flush()
}

func (b *notebook) setSent(key string, r receipt) {
	hash := sha256.Sum256([]byte(key))
	b.add(append([]byte{ownRecord, sendRecord}, hash[:]...), slices.Concat(r.payment[:], r.tx[:]),
		func(b *notebook) { b.sent[hash] = r })
}

// setPrivate notes that a transaction of ours is announced to strangers only.
func (b *notebook) setPrivate(id spv.Hash) {
	b.add(append([]byte{ownRecord, hushRecord}, id[:]...), []byte{1}, func(b *notebook) { b.private[id] = true })
}

// receipt returns what was sent under a key.
func (b *notebook) receipt(key string) (receipt, bool) {
	r, ok := b.sent[sha256.Sum256([]byte(key))]
	return r, ok
}

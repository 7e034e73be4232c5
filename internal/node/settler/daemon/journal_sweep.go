package daemon

import (
	"encoding/binary"
	"fmt"

	"github.com/btcsuite/btcd/wire"
	bolt "go.etcd.io/bbolt"

	"github.com/layeredpow/lamina/spv"
)

func sweptKey(deposit wire.OutPoint) []byte {
	return binary.BigEndian.AppendUint32(append([]byte(nil), deposit.Hash[:]...), deposit.Index)
}

// Swept returns fee and transaction of the sweep that was recorded last for a refundable deposit.
func (j *Journal) Swept(deposit wire.OutPoint) (fee int64, txid spv.Hash, ok bool, err error) {
	err = j.db.View(func(tx *bolt.Tx) error {
		fee, txid, ok, err = sweptEntry(tx, deposit)
		return err
	})
	return fee, txid, ok, err
}

func sweptEntry(tx *bolt.Tx, deposit wire.OutPoint) (fee int64, txid spv.Hash, ok bool, err error) {
	b := tx.Bucket(sweptBucket).Get(sweptKey(deposit))
	if b == nil {
		return 0, txid, false, nil
	}
	if len(b) != 8+len(txid) {
		return 0, txid, false, fmt.Errorf("settler journal: sweep of %s: %d bytes, want a fee and a transaction id", deposit, len(b))
	}
	return int64(binary.BigEndian.Uint64(b)), spv.Hash(b[8:]), true, nil
}

// RecordSweep makes durable which transaction is to be signed for a refundable deposit. It refuses a fee that is not
// higher than the one that is there, but for the same transaction.
func (j *Journal) RecordSweep(deposit wire.OutPoint, fee int64, txid spv.Hash) error {
	return j.write(func(tx *bolt.Tx) error {
		was, old, ok, err := sweptEntry(tx, deposit)
		if err != nil {
			return err
		}
		if ok && old != txid && fee <= was {
			return fmt.Errorf("settler journal: sweep of %s: %s is recorded for a fee of %d sat, not %s for %d", deposit, old, was, txid, fee)
		}
		value := append(binary.BigEndian.AppendUint64(nil, uint64(fee)), txid[:]...)
		return tx.Bucket(sweptBucket).Put(sweptKey(deposit), value)
	})
}

package store

import (
	"bytes"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/layeredpow/lamina/internal/store/boltfile"
	"github.com/layeredpow/lamina/wallet"
)

// maxRecord bounds one record's value, in bytes: a transaction is smaller.
const maxRecord = 16 << 20

// Record is a wallet's note under a key. What it means is for the wallet to say.
type Record = wallet.Record

// Wallet is the records of one wallet on one chain. It satisfies wallet.Log.
type Wallet struct {
	db   *database
	name string // for messages
	key  []byte
}

// Wallet returns the records of a wallet on a chain; there are none before the first
// Write. It is safe for concurrent use.
func (s *Store) Wallet(chain, name string) (*Wallet, error) {
	if chain == "" || name == "" || len(chain)+len(name) > 255 {
		return nil, fmt.Errorf("wallet %q on %q: want two names of together at most 255 bytes", name, chain)
	}
	// A length goes before, so that no two pairs of names make the same key.
	key := append(append([]byte{byte(len(chain))}, chain...), name...)
	return &Wallet{db: s.db, name: name + " on " + chain, key: key}, nil
}

// Load calls f with every record in order of the keys, until f returns an error, which is
// returned as it is. The slices are f's to keep; f must not call Write.
func (w *Wallet) Load(f func(key, value []byte) error) error {
	return w.db.View(func(tx *bolt.Tx) error {
		b := tx.Bucket(walletsBucket).Bucket(w.key)
		if b == nil {
			return nil
		}
		return b.ForEach(func(k, v []byte) error {
			if len(k) > bolt.MaxKeySize || len(v) > maxRecord { // Write writes none such, and a copy might be of gigabytes
				return &boltfile.Damage{Path: w.db.Path(), Reason: fmt.Errorf("wallet %s: record of %d+%d bytes", w.name, len(k), len(v))}
			}
			return f(bytes.Clone(k), append([]byte{}, v...))
		})
	})
}

// Write puts records in the place of those with the same keys, and deletes those whose
// value is nil: all of them durably or, after an error or if the machine stops meanwhile,
// none.
func (w *Wallet) Write(records []Record) error {
	for _, r := range records {
		if len(r.Key) == 0 || len(r.Key) > bolt.MaxKeySize || len(r.Value) > maxRecord {
			return fmt.Errorf("wallet %s: record with a key of %d bytes and a value of %d, want 1 to %d and at most %d",
				w.name, len(r.Key), len(r.Value), bolt.MaxKeySize, maxRecord)
		}
	}
	if len(records) == 0 {
		return nil
	}
	err := w.db.Update(func(tx *bolt.Tx) error {
		b, err := tx.Bucket(walletsBucket).CreateBucketIfNotExists(w.key)
		if err != nil {
			return err
		}
		for _, r := range records {
			if r.Value == nil {
				err = b.Delete(r.Key)
			} else {
				err = b.Put(r.Key, r.Value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("wallet %s: %w", w.name, err)
	}
	return nil
}

package daemon

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/layeredpow/lamina/internal/store/boltfile"
	"github.com/layeredpow/lamina/spv"
)

// ErrInUse: another process has the journal open. Two settlers with one key would each
// think that they remember all.
var ErrInUse = boltfile.ErrInUse

// damagedHint is what an operator can do about a damaged journal. Begun anew, it would let the key sign another transaction for
// a batch that it has signed.
const damagedHint = "it keeps what the settler's key has signed: put a copy of it back. Without one, run the node without the key " +
	"until L1 has every batch that is due and every sweep, and only then move the file away"

// lockWait is how long another process may take to let go of the journal.
const lockWait = 200 * time.Millisecond

var (
	metaBucket   = []byte("meta")
	signedBucket = []byte("signed")
	sweptBucket  = []byte("swept")
	netKey       = []byte("netid")
	againKey     = []byte("again")
)

// Journal remembers what was signed, in a file of its own: batch u32 big-endian, attempt
// u8 -> txid; of sweeps txid, vout u32 big-endian -> fee u64 big-endian, txid. It is settler.Log. It may be used by several goroutines.
type Journal struct{ db *boltfile.DB }

// OpenJournal opens the journal of a layer, made if it is not there. It refuses another
// layer's.
func OpenJournal(path string, netID spv.Hash) (*Journal, error) {
	db, err := boltfile.Open(path, damagedHint, bolt.Options{Timeout: lockWait})
	if err != nil {
		return nil, fmt.Errorf("settler journal %s: %w", path, err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, name := range [][]byte{signedBucket, sweptBucket} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		meta, err := tx.CreateBucketIfNotExists(metaBucket)
		if err != nil {
			return err
		}
		was := meta.Get(netKey)
		if was == nil {
			return meta.Put(netKey, netID[:])
		}
		if !bytes.Equal(was, netID[:]) {
			return fmt.Errorf("of the layer with genesis %x, want %x (internal order)", was, netID[:])
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("settler journal %s: %w", path, err), db.Close())
	}
	return &Journal{db}, nil
}

// Close lets go of the file.
func (j *Journal) Close() error { return j.db.Close() }

func signedKey(number uint32, attempt int) []byte {
	return append(binary.BigEndian.AppendUint32(nil, number), byte(attempt))
}

// Signed returns the transaction that was recorded for a batch and attempt.
func (j *Journal) Signed(number uint32, attempt int) (txid spv.Hash, ok bool, err error) {
	err = j.db.View(func(tx *bolt.Tx) error {
		txid, ok, err = entry(tx, number, attempt)
		return err
	})
	return txid, ok, err
}

func entry(tx *bolt.Tx, number uint32, attempt int) (spv.Hash, bool, error) {
	b := tx.Bucket(signedBucket).Get(signedKey(number, attempt))
	if b == nil {
		return spv.Hash{}, false, nil
	}
	if len(b) != len(spv.Hash{}) {
		return spv.Hash{}, false, fmt.Errorf("settler journal: batch %d, attempt %d: %d bytes, want a transaction id",
			number, attempt, len(b))
	}
	return spv.Hash(b), true, nil
}

// write puts a record down twice over: bbolt keeps the heads of the last two transactions, and where the newer one is damaged it
// goes on from the older one without a word. Both are to know all that was signed.
func (j *Journal) write(f func(tx *bolt.Tx) error) error {
	if err := j.db.Update(f); err != nil {
		return err
	}
	return j.db.Update(func(tx *bolt.Tx) error { return tx.Bucket(metaBucket).Put(againKey, nil) })
}

// Record makes durable which transaction is to be signed for a batch and attempt. It
// refuses another than the one that is there.
func (j *Journal) Record(number uint32, attempt int, txid spv.Hash) error {
	return j.write(func(tx *bolt.Tx) error {
		was, ok, err := entry(tx, number, attempt)
		if err != nil {
			return err
		}
		if ok && was != txid {
			return fmt.Errorf("settler journal: batch %d, attempt %d: %s is recorded, not %s", number, attempt, was, txid)
		}
		return tx.Bucket(signedBucket).Put(signedKey(number, attempt), txid[:])
	})
}

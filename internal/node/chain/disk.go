package chain

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/wire"
	bolt "go.etcd.io/bbolt"

	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/spv"
)

// database is what the chain needs of bbolt; tests put faults in between.
type database interface {
	View(func(*bolt.Tx) error) error
	Update(func(*bolt.Tx) error) error
	Close() error
}

// The buckets. Heights are keys of 4 bytes big-endian, outpoints of 36: transaction id
// and index, big-endian.
var (
	metaBucket    = []byte("meta")
	indexBucket   = []byte("index")   // entry.key -> entry.encode
	coinsBucket   = []byte("coins")   // outpoint -> coin
	claimsBucket  = []byte("claims")  // L1 outpoint -> nothing
	undoBucket    = []byte("undo")    // height -> what undoing the best chain's block takes
	filtersBucket = []byte("filters") // height -> basic filter
	talliesBucket = []byte("tallies") // height -> Tally
	proofsBucket  = []byte("proofs")  // block id -> the proof that took the place of the block's own

	versionKey = []byte("version")
	netKey     = []byte("net") // genesis id
	stateKey   = []byte("tip") // tip id, how far the block files are in the database, next seq
	version    = []byte{0, 0, 0, 1}
	allBuckets = [][]byte{metaBucket, indexBucket, coinsBucket, claimsBucket, undoBucket, filtersBucket, talliesBucket, proofsBucket}
)

// prepare makes the buckets of a new database, and refuses one of another chain or of a
// newer program.
func prepare(db database, net spv.Hash) error {
	return db.Update(func(tx *bolt.Tx) error {
		for _, name := range allBuckets {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		meta := tx.Bucket(metaBucket)
		if v := meta.Get(versionKey); v == nil {
			return errors.Join(meta.Put(versionKey, version), meta.Put(netKey, net[:]))
		} else if !bytes.Equal(v, version) {
			return fmt.Errorf("database version %x: this program knows %x", v, version)
		}
		if n := meta.Get(netKey); !bytes.Equal(n, net[:]) {
			return fmt.Errorf("database of the chain with genesis %x: want %x", n, net[:])
		}
		return nil
	})
}

// dirt is what has changed since the last flush. Reads look here first.
type dirt struct {
	entries map[*entry]struct{}
	coins   map[wire.OutPoint]dirtyCoin
	claims  map[wire.OutPoint]bool // false: no longer claimed
	undo    map[int32][]byte       // nil deletes, here and below
	filters map[int32][]byte
	tallies map[int32]*Tally
	proofs  map[spv.Hash][]byte
	blocks  int // connected and disconnected
	size    int // bytes held, roughly
}

// dirtyCoin is a coin, or nil for one that is spent. A fresh one is not in the database,
// so that spending it leaves nothing to write.
type dirtyCoin struct {
	coin  *consensus.Coin
	fresh bool
}

func newDirt() *dirt {
	return &dirt{
		entries: map[*entry]struct{}{}, coins: map[wire.OutPoint]dirtyCoin{}, claims: map[wire.OutPoint]bool{},
		undo: map[int32][]byte{}, filters: map[int32][]byte{}, tallies: map[int32]*Tally{}, proofs: map[spv.Hash][]byte{},
	}
}

// coinCost is about what one dirty coin takes in memory besides its script.
const coinCost = 200

func (d *dirt) putCoin(op wire.OutPoint, c *consensus.Coin, fresh bool) {
	d.coins[op] = dirtyCoin{c, fresh}
	d.size += coinCost + len(c.Script)
}

func (d *dirt) dropCoin(op wire.OutPoint) {
	if d.coins[op].fresh {
		delete(d.coins, op)
		return
	}
	d.coins[op] = dirtyCoin{}
	d.size += coinCost
}

func heightKey(h int32) []byte { return binary.BigEndian.AppendUint32(nil, uint32(h)) }

func outpointKey(op wire.OutPoint) []byte {
	return binary.BigEndian.AppendUint32(append(make([]byte, 0, 36), op.Hash[:]...), op.Index)
}

// position is the database's truth: the state in it is the one after tip, and all blocks
// before files are in the index.
type position struct {
	tip   spv.Hash
	files mark
	seq   uint64
}

func (p position) encode() []byte {
	b := binary.LittleEndian.AppendUint32(bytes.Clone(p.tip[:]), p.files.file)
	b = binary.LittleEndian.AppendUint32(b, p.files.offset)
	return binary.LittleEndian.AppendUint64(b, p.seq)
}

func decodePosition(b []byte) (position, error) {
	if len(b) != 48 {
		return position{}, fmt.Errorf("tip record of %d bytes, want 48", len(b))
	}
	return position{
		tip:   spv.Hash(b),
		files: mark{binary.LittleEndian.Uint32(b[32:]), binary.LittleEndian.Uint32(b[36:])},
		seq:   binary.LittleEndian.Uint64(b[40:]),
	}, nil
}

// write puts everything into one transaction: all of it happens, or nothing.
func (d *dirt) write(db database, at position) error {
	return db.Update(func(tx *bolt.Tx) error {
		index := tx.Bucket(indexBucket)
		for _, e := range sorted(d.entries, compareEntries) {
			if err := index.Put(e.key(), e.encode()); err != nil {
				return err
			}
		}
		coins, claims := tx.Bucket(coinsBucket), tx.Bucket(claimsBucket)
		for _, op := range sorted(d.coins, compareOutpoints) {
			var value []byte
			if c := d.coins[op].coin; c != nil {
				value = c.Append(nil)
			}
			if err := put(coins, outpointKey(op), value); err != nil {
				return err
			}
		}
		for _, op := range sorted(d.claims, compareOutpoints) {
			var value []byte
			if d.claims[op] {
				value = []byte{1}
			}
			if err := put(claims, outpointKey(op), value); err != nil {
				return err
			}
		}
		proofs := tx.Bucket(proofsBucket)
		for id, raw := range d.proofs {
			if err := put(proofs, id[:], raw); err != nil {
				return err
			}
		}
		if err := d.writeHeights(tx); err != nil {
			return err
		}
		return tx.Bucket(metaBucket).Put(stateKey, at.encode())
	})
}

// writeHeights writes what is kept by height of the best chain.
func (d *dirt) writeHeights(tx *bolt.Tx) error {
	undo, filters, tallies := tx.Bucket(undoBucket), tx.Bucket(filtersBucket), tx.Bucket(talliesBucket)
	for _, b := range []*bolt.Bucket{undo, filters, tallies} {
		b.FillPercent = 0.95 // heights only grow, as a rule
	}
	for _, h := range sorted(d.tallies, func(a, b int32) int { return int(a) - int(b) }) {
		var tally []byte
		if t := d.tallies[h]; t != nil {
			tally = t.encode()
		}
		if err := errors.Join(put(undo, heightKey(h), d.undo[h]), put(filters, heightKey(h), d.filters[h]),
			put(tallies, heightKey(h), tally)); err != nil {
			return err
		}
	}
	return nil
}

// put stores a value, or deletes where it is nil.
func put(b *bolt.Bucket, key, value []byte) error {
	if value == nil {
		return b.Delete(key)
	}
	return b.Put(key, value)
}

// compareEntries orders parents before children.
func compareEntries(a, b *entry) int { return bytes.Compare(a.key(), b.key()) }

func compareOutpoints(a, b wire.OutPoint) int {
	if c := bytes.Compare(a.Hash[:], b.Hash[:]); c != 0 {
		return c
	}
	return int(int64(a.Index) - int64(b.Index))
}

func sorted[K comparable, V any](m map[K]V, compare func(a, b K) int) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compare)
	return keys
}

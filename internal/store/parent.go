package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/layeredpow/lamina/spv"
)

// KeptProofs is how many of the newest headers keep their proofs in full.
const KeptProofs = 2880

// maxKeptProof is the largest proof that is kept in full, in bytes: coinbases that nodes
// relay are smaller, so that only an odd miner's proof is left out.
const maxKeptProof = 100_000

// Parent is what is kept for ever of a header's merged-mining proof.
type Parent struct {
	Hash spv.Hash // of the parent header
	Prev spv.Hash // the block that it builds on
	Time uint32   // seconds since 1970
	Bits uint32   // compact target
	Slot int32    // the chain's leaf in the merged-mining tree
	// Outputs is the sum of the parent coinbase's outputs in base units of the parent
	// chain; -1 if they make no sense.
	Outputs int64
	// Payout is the SHA-256 of the script of the first output with a value, by which
	// miners can be told apart; zero if there is none.
	Payout [32]byte
}

// ParentOf returns what is kept of a proof.
func ParentOf(aux *spv.AuxPoW) Parent { return parentOf(aux, aux.Parent.ID()) }

// parentOf is ParentOf with the parent's id at hand.
func parentOf(aux *spv.AuxPoW, parent spv.Hash) Parent {
	p := Parent{Hash: parent, Prev: aux.Parent.Prev(), Time: aux.Parent.Time(), Bits: aux.Parent.Bits(), Slot: aux.Slot}
	paid := false
	aux.Coinbase.EachOutput(func(value int64, script []byte) bool {
		if value < 0 || p.Outputs > math.MaxInt64-value {
			p.Outputs = -1
			return false
		}
		p.Outputs += value
		if value > 0 && !paid {
			paid, p.Payout = true, sha256.Sum256(script)
		}
		return true
	})
	return p
}

// parentSize is a record: Hash, Prev, Time, Bits, Slot, Outputs, Payout, and a CRC-32C
// over them and the id of the header that they belong to. So a record of a block that
// was undone does not pass for one of the block in its place.
const parentSize = 32 + 32 + 4 + 4 + 4 + 8 + 32 + 4

func (p *Parent) append(dst []byte, id *spv.Hash) []byte {
	at := len(dst)
	dst = append(append(dst, p.Hash[:]...), p.Prev[:]...)
	dst = binary.BigEndian.AppendUint32(dst, p.Time)
	dst = binary.BigEndian.AppendUint32(dst, p.Bits)
	dst = binary.BigEndian.AppendUint32(dst, uint32(p.Slot))
	dst = binary.BigEndian.AppendUint64(dst, uint64(p.Outputs))
	dst = append(dst, p.Payout[:]...)
	return binary.BigEndian.AppendUint32(dst, recordSum(id, dst[at:]))
}

func recordSum(id *spv.Hash, fields []byte) uint32 {
	return crc32.Update(crc32.Checksum(id[:], castagnoli), castagnoli, fields)
}

// parseParent reads a record of parentSize bytes; false if it is not that header's.
func parseParent(b []byte, id *spv.Hash) (p Parent, ok bool) {
	fields := b[:parentSize-4]
	if binary.BigEndian.Uint32(b[parentSize-4:]) != recordSum(id, fields) {
		return p, false
	}
	p.Hash, p.Prev = spv.Hash(b[:32]), spv.Hash(b[32:64])
	p.Time, p.Bits = binary.BigEndian.Uint32(b[64:]), binary.BigEndian.Uint32(b[68:])
	p.Slot, p.Outputs = int32(binary.BigEndian.Uint32(b[72:])), int64(binary.BigEndian.Uint64(b[76:]))
	p.Payout = [32]byte(b[84:116])
	return p, p.Hash != spv.Hash{}
}

// Parents reads what is kept of the proofs of n headers from a height upwards, which must
// be held; nil for a header that came without one, or whose record was lost.
func (c *Chain) Parents(height, n int32) ([]*Parent, error) {
	headers, err := c.Headers(height, n)
	if err != nil {
		return nil, err
	}
	list := make([]*Parent, n)
	raw := make([]byte, int(n)*parentSize)
	if err := readAll(c.parents, raw, c.parentOffset(height)); err != nil && !errors.Is(err, errDamaged) {
		return nil, fmt.Errorf("parents of %s from %d: %w", c.name, height, err)
	}
	for i := range headers {
		id := headers[i].ID()
		if p, ok := parseParent(raw[i*parentSize:(i+1)*parentSize], &id); ok {
			list[i] = &p
		}
	}
	return list, nil
}

func (c *Chain) parentOffset(height int32) int64 { return c.slot(height) * parentSize }

// writeParents writes the records of some headers from a height upwards.
func (c *Chain) writeParents(proofs []*spv.AuxPoW, ids []spv.Hash, height int32) error {
	raw, parents := c.pieces.raw[:0], c.pieces.parentsOf(proofs)
	for i, aux := range proofs {
		if aux == nil {
			raw = append(raw, make([]byte, parentSize)...)
			continue
		}
		p := parentOf(aux, parents[0])
		raw, parents = p.append(raw, &ids[i]), parents[1:]
	}
	c.pieces.raw = raw
	_, err := c.parents.WriteAt(raw, c.parentOffset(height))
	return err
}

// KeepProofs sets from which header time on, in seconds since 1970, proofs are kept in
// full. Set a little before the newest KeptProofs blocks, it spares the long way up from
// writing what would soon be deleted. Zero, as at first, keeps all of the newest.
func (c *Chain) KeepProofs(since uint32) {
	_ = c.Settle() // it may be reading this
	c.since = since
}

// ExpectHeight tells how high the chain is likely to become soon: proofs that would be
// deleted on the way there are not written. Zero, as at first, expects nothing. It counts
// for what is not being written yet.
func (c *Chain) ExpectHeight(height int32) { c.expected = height }

// Proof returns the full proof of the header at a height; nil if it has none, or it is not
// among the newest KeptProofs, or was too large to be kept.
func (c *Chain) Proof(height int32) (*spv.AuxPoW, error) {
	if err := c.Settle(); err != nil {
		return nil, err
	}
	var raw []byte
	err := c.db.View(func(tx *bolt.Tx) error {
		if b := tx.Bucket(chainsBucket).Bucket([]byte(c.name)).Bucket(proofsBucket); b != nil {
			raw = bytes.Clone(b.Get(heightKey(height)))
		}
		return nil
	})
	if err != nil || raw == nil {
		return nil, err
	}
	aux, n, err := spv.ParseAuxPoW(raw)
	if err == nil && n != len(raw) {
		err = fmt.Errorf("%d bytes, the proof takes %d", len(raw), n)
	}
	if err != nil {
		return nil, fmt.Errorf("proof of %s at %d: %w", c.name, height, err)
	}
	return aux, nil
}

// keptProof is a proof in full, serialised.
type keptProof struct {
	height int32
	raw    []byte
}

// keep adds the proofs of a change that ends at the tip to those that are written in full
// when it is named. Those that have become too old for that, it drops.
func (g *growth) keep(change *spv.Change, since uint32) {
	g.proofs = slices.DeleteFunc(g.proofs, func(p keptProof) bool { return p.height < g.oldest })
	first := g.tip.Height - int32(len(change.Proofs)) + 1
	for i := max(0, int(g.oldest-first)); i < len(change.Proofs); i++ {
		if change.Proofs[i] == nil || change.Headers[i].Time() < since {
			continue
		}
		if raw := change.Proofs[i].Append(nil); len(raw) <= maxKeptProof {
			g.proofs = append(g.proofs, keptProof{first + int32(i), raw})
		}
	}
}

// putProofs writes the full proofs that are kept, and deletes those that are no longer
// among the newest.
func putProofs(b *bolt.Bucket, g *growth) error {
	if !g.proven {
		return nil
	}
	proofs, err := b.CreateBucketIfNotExists(proofsBucket)
	if err != nil {
		return err
	}
	proofs.FillPercent = 1 // heights only grow
	for _, p := range g.proofs {
		if err := proofs.Put(heightKey(p.height), p.raw); err != nil {
			return err
		}
	}
	cur := proofs.Cursor()
	for k, _ := cur.First(); k != nil && heightOf(k) < g.oldest; k, _ = cur.First() {
		if err := cur.Delete(); err != nil {
			return err
		}
	}
	return nil
}

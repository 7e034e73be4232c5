package store

import (
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/pow"
)

// piece is how many headers are hashed, checked and written at once: few enough to stay in
// the processor's cache.
const piece = 800

// pieces is memory that is used for every piece.
type pieces struct {
	ids     [piece]spv.Hash
	parents [piece]spv.Hash
	at      [piece]*[spv.HeaderSize]byte
	raw     []byte
}

// idsOf returns the ids of at most a piece of headers, until the next call.
func (p *pieces) idsOf(headers []spv.Header) []spv.Hash {
	for i := range headers {
		p.at[i] = (*[spv.HeaderSize]byte)(&headers[i])
	}
	return p.hash(p.ids[:len(headers)])
}

// parentsOf returns the ids of the parents in at most a piece of proofs, nil ones passed
// over, until the next call.
func (p *pieces) parentsOf(proofs []*spv.AuxPoW) []spv.Hash {
	n := 0
	for _, aux := range proofs {
		if aux != nil {
			p.at[n] = (*[spv.HeaderSize]byte)(&aux.Parent)
			n++
		}
	}
	return p.hash(p.parents[:n])
}

// hash fills in the ids of the first headers of at.
func (p *pieces) hash(ids []spv.Hash) []spv.Hash {
	pow.HashHeaders(ids, p.at[:len(ids)])
	clear(p.at[:]) // or the caller's headers would be held in memory
	return ids
}

// apply makes a change durable.
func (c *Chain) apply(change *spv.Change) error {
	if err := c.pairs(change); err != nil {
		return err
	}
	if change.Undo > 0 {
		if err := c.shrink(change.Undo); err != nil {
			return fmt.Errorf("headers of %s: %w", c.name, err)
		}
	}
	if len(change.Headers) == 0 {
		return nil
	}
	if err := c.grow(change, nil); err != nil {
		return fmt.Errorf("headers of %s: %w", c.name, err)
	}
	return nil
}

// pairs makes sure that there is a place for a proof for each header, or for none.
func (c *Chain) pairs(change *spv.Change) error {
	if change.Proofs != nil && len(change.Proofs) != len(change.Headers) {
		return fmt.Errorf("headers of %s: %d proofs for %d headers", c.name, len(change.Proofs), len(change.Headers))
	}
	return nil
}

// grow writes the headers and what is kept of their proofs, makes them durable, and only
// then names them, together with what also writes. What is not named does no harm: so it
// checks while it writes.
func (c *Chain) grow(change *spv.Change, also func(b *bolt.Bucket) error) error {
	end := growth{tip: c.tip}
	if err := c.extend(&end, change, c.expected); err != nil {
		return err
	}
	return c.nameTip(&end, also)
}

// growth is how far headers have been checked and written, and what goes into the database when they are named.
type growth struct {
	tip    mark
	bits   uint32 // of the header before
	work   uint256.Int
	marks  []mark
	proofs []keptProof
	oldest int32 // height from which on proofs are kept in full
	proven bool  // there are proofs at all
}

// extend checks the headers of a change and writes them to the files, with what is kept for
// ever of their proofs.
func (c *Chain) extend(end *growth, change *spv.Change, expected int32) error {
	for from := 0; from < len(change.Headers); from += piece {
		to := min(from+piece, len(change.Headers))
		if err := c.extendPiece(end, change, from, to); err != nil {
			return err
		}
	}
	if change.Proofs != nil {
		end.proven = true
		end.oldest = max(end.tip.Height, expected) - KeptProofs + 1
		end.keep(change, c.since)
	}
	return nil
}

// extendPiece does a piece of extend.
func (c *Chain) extendPiece(end *growth, change *spv.Change, from, to int) error {
	headers, height := change.Headers[from:to], end.tip.Height+1
	ids := c.pieces.idsOf(headers)
	for i := range headers {
		if err := end.add(&headers[i], &ids[i]); err != nil {
			return err
		}
	}
	if change.Proofs != nil {
		if err := c.writeParents(change.Proofs[from:to], ids, height); err != nil {
			return err
		}
	}
	return c.write(headers, height)
}

// add counts one more header, which must build on the last.
func (g *growth) add(h *spv.Header, id *spv.Hash) error {
	if prev := h.Prev(); prev != g.tip.Hash {
		return fmt.Errorf("header %d builds on %s, want %s", g.tip.Height+1, prev, g.tip.Hash)
	}
	if bits := h.Bits(); bits != g.bits || g.work.IsZero() {
		own, err := workOf(h)
		if err != nil {
			return fmt.Errorf("header %d: %w", g.tip.Height+1, err)
		}
		g.bits, g.work = bits, own
	}
	g.tip.Height++
	g.tip.Hash = *id
	g.tip.work.Add(&g.tip.work, &g.work)
	if g.tip.Height%markEvery == 0 {
		g.marks = append(g.marks, g.tip)
	}
	return nil
}

// nameTip makes what was written durable and names it in the database, together with what
// also writes.
func (c *Chain) nameTip(end *growth, also func(b *bolt.Bucket) error) error {
	if err := c.syncHeaders(end.proven); err != nil {
		return err
	}
	before := c.tip
	c.tip = end.tip
	if err := c.commit(func(b *bolt.Bucket) error {
		err := errors.Join(putMarks(b, end.marks), putProofs(b, end))
		if also != nil {
			err = errors.Join(err, also(b))
		}
		return err
	}); err != nil {
		c.tip = before
		return err
	}
	return nil
}

// syncHeaders makes what was written of headers durable, and of their proofs: both at once,
// because a file system can do that in the time of one.
func (c *Chain) syncHeaders(proofs bool) error {
	if !proofs {
		return c.file.Sync()
	}
	other := make(chan error, 1)
	go func() { other <- c.parents.Sync() }()
	return errors.Join(c.file.Sync(), <-other)
}

// write puts at most a piece of headers into the file.
func (c *Chain) write(headers []spv.Header, height int32) error {
	raw := c.pieces.raw[:0]
	for i := range headers {
		raw = append(raw, headers[i][:]...)
	}
	c.pieces.raw = raw
	_, err := c.file.WriteAt(raw, c.offset(height))
	return err
}

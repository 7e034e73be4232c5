package settler_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/settler"
	"github.com/layeredpow/lamina/internal/node/settler/daemon"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/risk"
	"github.com/layeredpow/lamina/spv/syncer"
)

// memory is a Log that outlives its settler: transactions by [2]int{batch, attempt} and by wire.OutPoint, fees of sweeps
// by feeOf.
type memory map[any]spv.Hash

type feeOf wire.OutPoint

func (m memory) Swept(op wire.OutPoint) (int64, spv.Hash, bool, error) {
	id, ok := m[op]
	fee := m[feeOf(op)]
	return int64(binary.LittleEndian.Uint64(fee[:])), id, ok, nil
}

func (m memory) RecordSweep(op wire.OutPoint, fee int64, txid spv.Hash) error {
	if was, old, ok, _ := m.Swept(op); ok && old != txid && fee <= was {
		return errors.New("another one is recorded")
	}
	var b spv.Hash
	binary.LittleEndian.PutUint64(b[:], uint64(fee))
	m[op], m[feeOf(op)] = txid, b
	return nil
}

func (m memory) Signed(number uint32, attempt int) (spv.Hash, bool, error) {
	id, ok := m[[2]int{int(number), attempt}]
	return id, ok, nil
}

func (m memory) Record(number uint32, attempt int, txid spv.Hash) error {
	if was, ok := m[[2]int{int(number), attempt}]; ok && was != txid {
		return errors.New("another one is recorded")
	}
	m[[2]int{int(number), attempt}] = txid
	return nil
}

// seat is one settler: what of it survives a kill, and what runs now.
type seat struct {
	key     daemon.Signer
	log     memory
	machine *settler.Machine // nil: killed
	signed  map[any]spv.Hash
	blamed  int
	share   float64
	layer   settler.Layer
}

// court is all settlers and the lines between them.
type court struct {
	t     testing.TB
	w     *world
	rng   *rand.Rand
	seats []*seat
	lines []letter
	lossy bool
	fatal func(i int, moment string) bool // whether a settler is killed at a moment; nil: none is
}

type letter struct {
	to  int
	sig settler.Input
}

func newCourt(t testing.TB, w *world, rng *rand.Rand, keys ...daemon.Signer) *court {
	t.Helper()
	c := &court{t: t, w: w, rng: rng}
	for _, k := range keys {
		c.seats = append(c.seats, &seat{key: k, log: memory{}, signed: map[any]spv.Hash{}, share: 0.5, layer: w.l2})
	}
	for i := range c.seats {
		c.start(i)
	}
	return c
}

// three returns the development layers' settlers.
func three(t testing.TB) []daemon.Signer {
	return []daemon.Signer{keyFile(t, 1), keyFile(t, 2), keyFile(t, 3)}
}

func (c *court) start(i int) {
	c.t.Helper()
	s := c.seats[i]
	m, err := settler.New(settler.Config{
		Layer: s.layer, L1: c.w.l1, Keys: s.key.Keys(), Log: mortalLog{s.log, c, i},
		Synced: func() bool { return true }, Share: func() (risk.Share, error) { return risk.Share{Low: s.share}, nil },
	})
	check(c.t, err)
	s.machine = m
	c.step(i, settler.Moved{})
}

func (c *court) kill(i int) { c.seats[i].machine = nil }

// dies kills a settler if a moment is fatal.
func (c *court) dies(i int, moment string) bool {
	if c.seats[i].machine == nil || c.fatal == nil || !c.fatal(i, moment) {
		return c.seats[i].machine == nil
	}
	c.kill(i)
	return true
}

// step gives a settler an input and carries out what it asks for. In a lossy court it may be
// killed at any moment while it does.
func (c *court) step(i int, in settler.Input) {
	c.t.Helper()
	s := c.seats[i]
	if s.machine == nil {
		return
	}
	for _, out := range s.machine.Step(in) {
		if c.lossy && c.rng.IntN(400) == 0 {
			c.kill(i)
		}
		moment := strings.TrimPrefix(fmt.Sprintf("%T", out), "settler.")
		if c.dies(i, "before "+moment) {
			return
		}
		switch out := out.(type) {
		case settler.Sign:
			c.sign(i, &out)
		case settler.Gossip:
			c.send(i, settler.Heard{From: syncer.Peer(i + 1), Sig: out.Sig}, out.Except)
		case settler.Spread:
			c.send(i, settler.Asked{From: syncer.Peer(i + 1), Ask: out.Ask}, out.Except)
		case settler.Broadcast:
			c.broadcast(out.Tx)
		case settler.Blame:
			s.blamed++
		}
		if c.dies(i, "after "+moment) {
			return
		}
	}
}

// sign lets the key work, after a look whether it ever signs two things.
func (c *court) sign(i int, out *settler.Sign) {
	c.t.Helper()
	s := c.seats[i]
	at := any([2]int{int(out.Batch.Number), out.Batch.Attempt})
	id := out.Batch.Tx.TxHash()
	if out.Batch.Number == 0 {
		at = out.Batch.Tx.TxIn[0].PreviousOutPoint // whose fee may rise
	} else if was, ok := s.signed[at]; ok && was != id {
		c.t.Fatalf("settler %d signs %s for batch %v, and signed %s", i, id, at, was)
	}
	if s.log[at] != id {
		c.t.Fatalf("settler %d signs %s, on record is %s", i, id, s.log[at])
	}
	s.signed[at] = id
	sigs, err := s.key.Sign(c.t.Context(), out)
	check(c.t, err)
	c.step(i, settler.Signed{TxID: id, Sigs: sigs})
}

func (c *court) send(from int, in settler.Input, except syncer.Peer) {
	for to := range c.seats {
		if to == from || syncer.Peer(to+1) == except || c.lossy && c.rng.IntN(3) == 0 {
			continue
		}
		c.lines = append(c.lines, letter{to, in})
	}
}

func (c *court) broadcast(tx *wire.MsgTx) {
	for _, known := range c.w.pool {
		if known.TxHash() == tx.TxHash() {
			return
		}
	}
	if !c.lossy || c.rng.IntN(4) > 0 {
		c.w.pool = append(c.w.pool, tx)
	}
}

// deliver carries what is on the lines, in any order, until nothing is.
func (c *court) deliver() {
	c.t.Helper()
	for len(c.lines) > 0 {
		if c.lossy {
			i := c.rng.IntN(len(c.lines))
			c.lines[0], c.lines[i] = c.lines[i], c.lines[0]
		}
		next := c.lines[0]
		c.lines = c.lines[1:]
		c.step(next.to, next.sig)
	}
}

// all lets every settler look at the chains and talk.
func (c *court) all(in settler.Input) {
	c.t.Helper()
	for i := range c.seats {
		c.step(i, in)
	}
	c.deliver()
}

// rounds mines, and lets everybody work after each block.
func (c *court) rounds(n int) {
	c.t.Helper()
	for range n {
		c.w.mine(1)
		c.all(settler.Moved{})
	}
}

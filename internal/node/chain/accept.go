package chain

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/spv"
)

// Status is what became of a block.
type Status uint8

// What can become of a block.
const (
	// Connected: it is on the best chain.
	Connected Status = iota + 1
	// Side: it is stored; less work, a block below that is missing, an anchor off the best
	// L1 chain or the operator's policy keeps it from the best chain.
	Side
	// Pending: the L1 blocks that it speaks of are not known yet. ParentMoved tries again.
	Pending
	// Duplicate: it was stored already.
	Duplicate
	// Orphan: the block below is not known. It was not kept.
	Orphan
)

var statusNames = [...]string{"none", "connected", "side", "pending", "duplicate", "orphan"}

// String returns the status in one word.
func (s Status) String() string { return statusNames[min(int(s), len(statusNames)-1)] }

// Moved tells how the best chain moved: Disconnected blocks off its end, the tip first,
// then Connected ones onto it, the lowest first. Chain.Block has their bytes.
type Moved struct {
	spv.Change
	Disconnected []spv.Block
	Connected    []spv.Block
	// Refused are blocks that were found invalid for ever when their turn came.
	Refused []*BlockError
}

// Result is what accepting a block led to. Other blocks may have moved with it.
type Result struct {
	Status Status
	Block  spv.Block // the block's place; height -1 for an orphan
	Moved
}

// BlockError tells which block was refused, and why.
type BlockError struct {
	Block spv.Block
	Err   error
}

// Error returns "block HEIGHT ID: reason".
func (e *BlockError) Error() string { return fmt.Sprintf("block %s: %v", e.Block, e.Err) }

// Unwrap returns the reason.
func (e *BlockError) Unwrap() error { return e.Err }

// errInvalid is why a block above an invalid one is refused.
var errInvalid = errors.New("it, or a block below it, is invalid")

// Accept takes a block as it travels: judges it, stores it and, if it makes a better
// chain, moves there. Now is the clock in seconds since 1970, 0 to leave it out. A block
// of the last two hours is durable when Accept returns. Raw is kept where the block is pending.
//
// Blame: *spv.HeaderError for header or proof, *BlockError for the rest; both can be asked
// with errors.As for the *spv.CheckError, and consensus.Permanent tells whether the
// block's id may be remembered as bad. Other errors are about bytes that are no block, or
// our disk. Result.Moved holds also where there is an error.
func (c *Chain) Accept(raw []byte, now uint32) (Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	start := c.tip()
	result, err := c.accept(raw, now)
	err = errors.Join(err, c.keepProofs())
	result.Moved = c.moved(start)
	for _, r := range result.Refused {
		if err == nil && r.Block == result.Block {
			err = r
		}
	}
	return result, err
}

func (c *Chain) accept(raw []byte, now uint32) (Result, error) {
	b, err := consensus.ParseBlock(c.params, raw)
	if err != nil {
		return Result{}, err
	}
	id := b.Header.ID()
	if e := c.byID[id]; e != nil && e.has(held) {
		return Result{Status: Duplicate, Block: e.block()}, c.reseal(e, &spv.Sealed{Header: b.Header, Aux: b.Aux}, now)
	}
	place := spv.Block{Height: -1, Hash: id}
	sealed := spv.Sealed{Header: b.Header, Aux: b.Aux}
	height, err := c.judge(&sealed, now)
	if errors.Is(err, spv.ErrUnknownParent) {
		return Result{Status: Orphan, Block: place}, nil
	}
	place.Height, b.Height = height, height
	if errors.Is(err, spv.ErrPending) {
		c.pool.add(raw)
		return Result{Status: Pending, Block: place}, nil
	}
	if err != nil {
		return Result{Block: place}, err
	}
	e, err := c.index(&b.Header)
	if err != nil {
		return Result{Block: place}, err
	}
	status, err := c.take(e, b, raw, now)
	return Result{Status: status, Block: place}, err
}

// take judges and stores the block of an entry.
func (c *Chain) take(e *entry, b *consensus.Block, raw []byte, now uint32) (Status, error) {
	if e.has(invalid) {
		return 0, &BlockError{Block: e.block(), Err: errInvalid}
	}
	if err := consensus.CheckBlock(c.params, b, nil); err != nil {
		if consensus.Permanent(err) {
			c.condemn(e, err)
		}
		return 0, &BlockError{Block: e.block(), Err: err}
	}
	anchor, err := c.anchorOf(b)
	if err != nil {
		c.condemn(e, err)
		return 0, &BlockError{Block: e.block(), Err: err}
	}
	if err := c.checkDepth(b.Aux, anchor); errors.Is(err, spv.ErrPending) {
		c.pool.add(raw)
		return Pending, nil
	} else if err != nil { // the header may have a better proof
		return 0, &spv.HeaderError{Block: e.block(), Err: err}
	}
	at, err := c.blocks.add(raw)
	if err != nil {
		return 0, err
	}
	if int64(b.Header.Time()) > int64(now)-signsOfLife && now > 0 {
		if err := c.blocks.sync(); err != nil {
			return 0, err
		}
	}
	c.hold(e, at, b, anchor)
	err = c.activate()
	switch {
	case c.onActive(e):
		return Connected, err
	case e.pending:
		return Pending, err
	}
	return Side, err
}

// hold notes where a block is.
func (c *Chain) hold(e *entry, at place, b *consensus.Block, anchor spv.Block) {
	c.seq++
	e.seq, e.at, e.anchor = c.seq, at, anchor
	sealed := spv.Sealed{Header: b.Header, Aux: b.Aux}
	e.sealed = uint32(len(sealed.Append(nil)))
	e.state |= held
	c.dirt.entries[e] = struct{}{}
	c.connectable(e)
}

// anchorOf returns what a layer block's coinbase names as its anchor.
func (c *Chain) anchorOf(b *consensus.Block) (spv.Block, error) {
	if c.params.Layer == nil {
		return spv.Block{}, nil
	}
	var raw bytes.Buffer
	if err := b.Txs[0].SerializeNoWitness(&raw); err != nil {
		return spv.Block{}, err
	}
	coinbase, _, err := spv.ParseTx(raw.Bytes())
	if err != nil {
		return spv.Block{}, err
	}
	commitment, err := spv.CoinbaseCommitment(&coinbase)
	if err != nil {
		return spv.Block{}, &spv.CheckError{Name: consensus.CheckCommitment, Want: "one layer commitment", Got: err.Error()}
	}
	return commitment.Anchor, nil
}

// checkDepth judges the anchor by the proof's parent (the second half of rule R2). It is
// the proof that is to blame, so a block that fails here must not be stored.
func (c *Chain) checkDepth(aux *spv.AuxPoW, anchor spv.Block) error {
	if c.params.Layer == nil {
		return nil
	}
	return c.params.Layer.CheckAnchor(anchor, nil, &aux.Parent, c.parent, nil)
}

// moved tells what happened since start was the tip.
func (c *Chain) moved(start *entry) Moved {
	m := Moved{Change: spv.Change{Tip: c.tip().block()}, Refused: c.refused}
	c.refused = nil
	at := fork(start, c.tip())
	for e := start; e != at; e = e.prev {
		m.Undo++
		m.Disconnected = append(m.Disconnected, e.block())
	}
	for e := c.tip(); e != at; e = e.prev {
		m.Headers = append(m.Headers, e.header)
		m.Connected = append(m.Connected, e.block())
	}
	slices.Reverse(m.Headers)
	slices.Reverse(m.Connected)
	return m
}

// ParentMoved is to be called when the L1's headers or its best chain have changed. What
// was pending is tried again, and blocks whose anchors left or joined the best L1 chain
// may be left or followed. Now is the clock in seconds since 1970, 0 to leave it out.
func (c *Chain) ParentMoved(now uint32) (Moved, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	start := c.tip()
	for _, e := range c.stalled {
		e.pending = false
	}
	c.stalled = nil
	var errs []error
	for _, raw := range c.pool.drain() {
		// What a peer sent and is refused only now is nobody's fault any more.
		var refused *spv.CheckError
		var block *BlockError
		if _, err := c.accept(raw, now); err != nil && !errors.As(err, &refused) && !errors.As(err, &block) {
			errs = append(errs, err)
		}
	}
	errs = append(errs, c.resealLate(now), c.keepProofs(), c.activate())
	return c.moved(start), errors.Join(errs...)
}

// Agree is the operator's word that the branch up to a block may be followed although
// policy parks it. The word is kept.
func (c *Chain) Agree(id spv.Hash) (Moved, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byID[id]
	if e == nil {
		return Moved{}, fmt.Errorf("block %s: %w", id, ErrUnknown)
	}
	start := c.tip()
	e.state |= agreed
	c.dirt.entries[e] = struct{}{}
	err := errors.Join(c.activate(), c.flush())
	return c.moved(start), err
}

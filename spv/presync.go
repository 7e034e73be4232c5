package spv

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/holiman/uint256"
)

const (
	// commitEvery is how many headers share one remembered bit.
	commitEvery = 16
	// commitAhead is how many bits must have been seen right before a header is let
	// through: a chain other than the one that showed its work passes with 2^-64.
	commitAhead = 64
	// maxHeldProofs bounds what the proofs of headers that are not let through yet may take, in
	// bytes: a proof's witness is covered by nothing, so that a peer could make each as long as a
	// message may be. It is 32 KiB for each; real ones are below 1 KiB on average.
	maxHeldProofs = 32 << 20
	// maxHeadersPerSecond bounds how fast a chain can grow: median time past lets six
	// headers share a second (Bitcoin Core, headerssync.cpp).
	maxHeadersPerSecond = 6
)

// ErrNotEnoughWork: the peer's chain ended below the minimum work.
var ErrNotEnoughWork = errors.New("the chain ends below the minimum work")

// Presync lets a long chain of headers from one peer through only after that peer has
// shown that it carries the minimum work, holding one bit for every 16 headers
// meanwhile. The peer sends the chain twice: first it is judged and forgotten, then
// compared with the bits and released. So nobody can fill our disk or memory with cheap
// headers. It is for one peer; it does no IO.
type Presync struct {
	tree     *Tree // judges the first pass; bounded by its window
	from     Block // where both passes start
	minimum  uint256.Int
	salt     [16]byte
	bits     []uint64 // one bit for every commitEvery headers, in order
	count    int64    // headers seen in the first pass
	most     int64    // headers that can exist by the clock
	second   bool     // in the second pass
	replayed int64    // headers seen in the second pass
	last     Hash     // last header of the second pass
	buffer   []Sealed // seen in the second pass, not yet released
	held     int      // bytes of their proofs
}

// NewPresync begins with headers that build on the tip of start, a tree of its own that
// it may change (usually NewTreeAt of our best chain's last headers). Salt must be
// random and secret; now is the clock in seconds since 1970.
func NewPresync(start *Tree, minimum uint256.Int, salt [16]byte, now uint32) *Presync {
	tip := start.Tip()
	header, _ := start.Header(tip.Height)
	seconds := max(int64(now)+int64(start.rules.MaxFuture)-int64(header.Time()), 0)
	return &Presync{
		tree: start, from: tip, last: tip.Hash, minimum: minimum, salt: salt,
		most: (seconds + 1) * maxHeadersPerSecond,
	}
}

// Minimum returns the work that the peer has to show.
func (p *Presync) Minimum() uint256.Int { return p.minimum }

// Start returns the block on which the headers build.
func (p *Presync) Start() Block { return p.from }

// Next returns the block after which the peer is to send headers.
func (p *Presync) Next() Hash {
	if p.second {
		return p.last
	}
	return p.tree.Tip().Hash
}

// Releasing tells whether the second pass has begun.
func (p *Presync) Releasing() bool { return p.second }

// Done tells whether the second pass has released all that the first one showed.
func (p *Presync) Done() bool { return p.second && p.replayed >= p.count && len(p.buffer) == 0 }

// Progress returns the height that the current pass has reached.
func (p *Presync) Progress() int32 {
	if p.second {
		return p.from.Height + int32(p.replayed)
	}
	return p.tree.Tip().Height
}

// Feed takes the peer's next headers and returns those that may now be connected to the
// real tree. At the end of the peer's chain (last set) everything that is left comes
// out, or ErrNotEnoughWork. Any error ends this presync. Only a *HeaderError shows that the peer is to
// blame: the tip of an honest one may have moved between the two passes.
func (p *Presync) Feed(run []Sealed, last bool, now uint32) ([]Sealed, error) {
	if p.second {
		return p.replay(run, last)
	}
	if err := p.judge(run, now); err != nil {
		return nil, err
	}
	work := p.tree.Work()
	if !work.Lt(&p.minimum) {
		p.second = true
		p.tree = nil // its memory is no longer needed
		return nil, nil
	}
	if last {
		return nil, fmt.Errorf("presync of %s: work %s of %s at height %d: %w", p.tree.rules.Name,
			work.Hex(), p.minimum.Hex(), p.tree.Tip().Height, ErrNotEnoughWork)
	}
	return nil, nil
}

// judge connects the run to the bounded tree and remembers its bits. A run that does
// not continue the chain in one line is refused: that is how a peer answers a locator.
func (p *Presync) judge(run []Sealed, now uint32) error {
	if p.count += int64(len(run)); p.count > p.most {
		return fmt.Errorf("presync of %s: %d headers above %d, more than its time allows",
			p.tree.rules.Name, p.count, p.from.Height)
	}
	before := p.tree.Tip()
	if len(run) > 0 && run[0].Header.Prev() != before.Hash {
		return fmt.Errorf("presync of %s: header builds on %s, want %s", p.tree.rules.Name, run[0].Header.Prev(), before)
	}
	if _, err := p.tree.Connect(run, now); err != nil {
		return err
	}
	if tip := p.tree.Tip(); int(tip.Height-before.Height) != len(run) {
		return fmt.Errorf("presync of %s: %d headers lead from %d to %d, want one line", p.tree.rules.Name,
			len(run), before.Height, tip.Height)
	}
	for i := range run { // not from the tree: a long run may have moved its window past its own start
		if at := int64(before.Height-p.from.Height) + int64(i); at%commitEvery == 0 {
			id := run[i].Header.ID()
			p.remember(at/commitEvery, p.commit(&id))
		}
	}
	return nil
}

// replay compares the run with the remembered bits.
func (p *Presync) replay(run []Sealed, last bool) ([]Sealed, error) {
	for i := range run {
		id := run[i].Header.ID()
		if prev := run[i].Header.Prev(); prev != p.last {
			return nil, fmt.Errorf("presync: header builds on %s, want %s", prev, p.last)
		}
		if p.replayed%commitEvery == 0 && p.replayed < p.count && p.recall(p.replayed/commitEvery) != p.commit(&id) {
			return nil, fmt.Errorf("presync: header %d %s is not of the chain that showed its work",
				p.from.Height+1+int32(p.replayed), id)
		}
		p.replayed++
		p.last = id
		p.buffer = append(p.buffer, run[i])
		if p.held += proofSize(&run[i]); p.held > maxHeldProofs {
			return nil, fmt.Errorf("presync: %d bytes of proofs with %d headers, want at most %d", p.held, len(p.buffer), maxHeldProofs)
		}
	}
	return p.release(last)
}

// release hands out the headers that have enough matching bits above them; all of them
// once the first pass's chain is complete.
func (p *Presync) release(last bool) ([]Sealed, error) {
	held := commitEvery * commitAhead
	if p.replayed >= p.count {
		held = 0
	} else if last {
		return nil, fmt.Errorf("presync: the chain ends after %d headers, %d were shown before", p.replayed, p.count)
	}
	n := max(len(p.buffer)-held, 0)
	out := p.buffer[:n:n]
	for i := range out {
		p.held -= proofSize(&out[i])
	}
	p.buffer = append([]Sealed(nil), p.buffer[n:]...)
	return out, nil
}

func proofSize(s *Sealed) int {
	if s.Aux == nil {
		return 0
	}
	return s.Aux.size()
}

func (p *Presync) commit(id *Hash) bool {
	var b [len(p.salt) + len(id)]byte
	copy(b[:], p.salt[:])
	copy(b[len(p.salt):], id[:])
	sum := sha256.Sum256(b[:])
	return binary.LittleEndian.Uint32(sum[:])&1 == 1
}

func (p *Presync) remember(i int64, bit bool) {
	if i%64 == 0 {
		p.bits = append(p.bits, 0)
	}
	if bit {
		p.bits[i/64] |= 1 << (i % 64)
	}
}

func (p *Presync) recall(i int64) bool { return p.bits[i/64]>>(i%64)&1 == 1 }

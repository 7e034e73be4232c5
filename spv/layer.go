package spv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/layeredpow/lamina/spv/said"
)

// LayerRules are what a layer chain asks of its place over the L1 (protocol.md 3.2, 8).
type LayerRules struct {
	AnchorDepth  int32 // A: least L1 blocks between the anchor and the proof's parent
	AnchorWindow int32 // W: how many more there may be
	ClaimDepth   int32 // C: L1 blocks over a deposit before it can be claimed
	ParentDepth  int32 // A2: the same depth over a parent layer, for layers of layers
}

// The names of the checks on a layer's place over its parent chain.
const (
	CheckParentKnown   = "parent-known"
	CheckParentBits    = "parent-bits"
	CheckParentMedian  = "parent-median-time"
	CheckParentVersion = "parent-version"
	CheckParentTime    = "parent-time"
	CheckAnchorBranch  = "anchor-branch"
	CheckAnchorDepth   = "anchor-depth"
	CheckAnchorOrder   = "anchor-order"
)

// maxParentSkew is how far a parent header's time may be from its layer block's, seconds.
const maxParentSkew = 7200

// ParentView is what a layer must know of the chain it is merge-mined with. *Tree
// satisfies it. All branches count as known, not only the best one.
type ParentView interface {
	// Lookup returns the block with an id.
	Lookup(id Hash) (Block, bool)
	// Ancestor returns the block at a height on the branch that ends in id.
	Ancestor(id Hash, height int32) (Block, bool)
	// After returns the bits required of a header on top of id at a time, and the
	// median time that it must exceed.
	After(id Hash, time uint32) (bits, median uint32, ok bool)
	// OnBest tells whether a block is on the best chain.
	OnBest(b Block) bool
}

// CheckParent judges a proof's parent header by the parent chain: the first half of rule
// R2, and rule R4. It returns ErrPending when the parent's previous block is not known
// (yet), *CheckError when the pair of header and proof is bad.
func CheckParent(s *Sealed, l1 ParentView, rep *Report) error {
	p := &s.Aux.Parent
	prev, ok := l1.Lookup(p.Prev())
	if !ok {
		rep.SkipSaid(CheckParentKnown, said.Of("a known L1 block under the parent header"), said.Of("unknown block %s", p.Prev()))
		return ErrPending
	}
	bits, median, ok := l1.After(prev.Hash, p.Time())
	if !ok {
		rep.SkipSaid(CheckParentBits, said.Of("the bits that L1 requires"), said.Of("L1 headers below %d are not at hand", prev.Height))
		return ErrPending
	}
	if err := rep.CheckSaid(CheckParentBits, p.Bits() == bits, func() (said.Sentence, said.Sentence) {
		return said.Of("bits %s, as L1 requires after block %s", bitsText(bits), prev), said.Of("bits %s", bitsText(p.Bits()))
	}); err != nil {
		return err
	}
	if err := rep.CheckSaid(CheckParentMedian, p.Time() > median, func() (said.Sentence, said.Sentence) {
		return said.Of("time above L1's median %s", fmt.Sprint(median)), timeText(p)
	}); err != nil {
		return err
	}
	if err := rep.CheckSaid(CheckParentVersion, p.Version() >= 4, func() (said.Sentence, said.Sentence) {
		return said.Of("version 4 or more"), said.Just(p.Version())
	}); err != nil {
		return err
	}
	skew := int64(p.Time()) - int64(s.Header.Time())
	return rep.CheckSaid(CheckParentTime, skew >= -maxParentSkew && skew <= maxParentSkew, func() (said.Sentence, said.Sentence) {
		return said.Of("parent's time within %d s of the block's", maxParentSkew), said.Just(fmt.Sprintf("%+d s", skew))
	})
}

// Commitment is what every layer block's coinbase states about itself and its L1
// (protocol.md 3.1).
type Commitment struct {
	Anchor       Block  // L1 block that the layer's clock stands at
	FeeVote      uint16 // sat/vB for settlement transactions, 1..1000
	FilterHeader Hash   // BIP157 basic filter header of the parent block
	MMRRoot      Hash   // Merkle mountain range over all headers below
	Parent       *Block // parent layer's block; only layers of layers have it
}

var commitmentPrefix = []byte("LPOW")

const (
	commitmentV1 = 107 // payload bytes of version 1
	commitmentV2 = 143 // and of version 2, with a parent layer
)

// ErrNoCommitment: a script or a coinbase without a layer commitment.
var ErrNoCommitment = errors.New("no layer commitment")

// ParseCommitment reads the commitment from an output script, in its only valid form:
// OP_RETURN, one PUSHDATA1 of 107 (version 1) or 143 bytes (version 2). Scripts that do
// not begin like one give ErrNoCommitment.
func ParseCommitment(script []byte) (Commitment, error) {
	if len(script) < 8 || script[0] != 0x6a || script[1] != 0x4c || !bytes.Equal(script[3:7], commitmentPrefix) {
		return Commitment{}, ErrNoCommitment
	}
	payload, version := script[3:], script[7]
	want := commitmentV1
	if version == 2 {
		want = commitmentV2
	}
	if (version != 1 && version != 2) || int(script[2]) != want || len(payload) != want {
		return Commitment{}, fmt.Errorf("layer commitment: version %d with %d bytes, want version 1 with %d or 2 with %d",
			version, len(payload), commitmentV1, commitmentV2)
	}
	c := Commitment{
		Anchor:  Block{Height: int32(binary.LittleEndian.Uint32(payload[5:])), Hash: Hash(payload[9:41])},
		FeeVote: binary.LittleEndian.Uint16(payload[41:]),
	}
	copy(c.FilterHeader[:], payload[43:75])
	copy(c.MMRRoot[:], payload[75:107])
	if version == 2 {
		c.Parent = &Block{Height: int32(binary.LittleEndian.Uint32(payload[107:])), Hash: Hash(payload[111:143])}
	}
	return c, c.check()
}

func (c *Commitment) check() error {
	if c.Anchor.Height < 0 || (c.Parent != nil && c.Parent.Height < 0) {
		return fmt.Errorf("layer commitment: height above %d", int32(1<<31-1))
	}
	if c.FeeVote < 1 || c.FeeVote > 1000 {
		return fmt.Errorf("layer commitment: fee vote %d sat/vB, want 1 to 1000", c.FeeVote)
	}
	return nil
}

// Script returns the output script that carries the commitment.
func (c *Commitment) Script() []byte {
	size, version := byte(commitmentV1), byte(1)
	if c.Parent != nil {
		size, version = commitmentV2, 2
	}
	s := append([]byte{0x6a, 0x4c, size}, commitmentPrefix...)
	s = binary.LittleEndian.AppendUint32(append(s, version), uint32(c.Anchor.Height))
	s = binary.LittleEndian.AppendUint16(append(s, c.Anchor.Hash[:]...), c.FeeVote)
	s = append(append(s, c.FilterHeader[:]...), c.MMRRoot[:]...)
	if c.Parent != nil {
		s = binary.LittleEndian.AppendUint32(s, uint32(c.Parent.Height))
		s = append(s, c.Parent.Hash[:]...)
	}
	return s
}

// CoinbaseCommitment returns the one commitment in a layer block's coinbase. A coinbase
// with none or with more than one is invalid.
func CoinbaseCommitment(coinbase *Tx) (Commitment, error) {
	found := 0
	var c Commitment
	var bad error
	coinbase.EachOutput(func(_ int64, script []byte) bool {
		parsed, err := ParseCommitment(script)
		if errors.Is(err, ErrNoCommitment) {
			return true
		}
		found++
		c, bad = parsed, err
		return bad == nil
	})
	switch {
	case bad != nil:
		return Commitment{}, bad
	case found == 0:
		return Commitment{}, ErrNoCommitment
	case found > 1:
		return Commitment{}, fmt.Errorf("layer commitment: %d outputs carry one, want exactly one", found)
	}
	return c, nil
}

// CheckAnchor judges a layer block's anchor: the second half of rule R2, that it lies
// deep enough, but not too deep, under the proof's parent; and rule R3, that it does not
// leave the branch of the previous block's anchor. Prev is nil for the first block.
// L1 blocks that are not known give ErrPending.
func (l *LayerRules) CheckAnchor(anchor Block, prev *Block, parent *Header, l1 ParentView, rep *Report) error {
	under, ok := l1.Lookup(parent.Prev())
	if !ok {
		rep.SkipSaid(CheckParentKnown, said.Of("a known L1 block under the parent header"), said.Of("unknown block %s", parent.Prev()))
		return ErrPending
	}
	depth := under.Height - anchor.Height
	if err := rep.CheckSaid(CheckAnchorDepth, depth >= l.AnchorDepth && depth <= l.AnchorDepth+l.AnchorWindow, func() (said.Sentence, said.Sentence) {
		return said.Of("%d to %d L1 blocks over the anchor", l.AnchorDepth, l.AnchorDepth+l.AnchorWindow), said.Just(depth)
	}); err != nil {
		return err
	}
	if err := checkBranch(CheckAnchorBranch, under, anchor, l1, rep); err != nil || prev == nil {
		return err
	}
	return checkBranch(CheckAnchorOrder, anchor, *prev, l1, rep)
}

// checkBranch judges whether lower is upper or an ancestor of it, on whatever branch.
func checkBranch(name string, upper, lower Block, l1 ParentView, rep *Report) error {
	at, ok := l1.Ancestor(upper.Hash, lower.Height)
	if !ok && lower.Height <= upper.Height {
		rep.SkipSaid(name, said.Of("%s below %s", lower, upper), said.Of("L1 headers in between are not at hand"))
		return ErrPending
	}
	return rep.CheckSaid(name, ok && at == lower, func() (said.Sentence, said.Sentence) {
		return said.Of("a block on the branch of %s", upper), said.Just(lower)
	})
}

// IsSeal tells whether a proof's parent is itself a block of the best L1 chain, so that
// the layer block is as deep as L1 makes it. Work is the parent's work hash.
func IsSeal(parent *Header, work Hash, l1 ParentView) bool {
	target, ok := ParseTarget(parent.Bits())
	if !ok || !Meets(&work, &target) {
		return false
	}
	b, ok := l1.Lookup(parent.ID())
	return ok && l1.OnBest(b)
}

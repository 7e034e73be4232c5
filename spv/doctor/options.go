package doctor

import (
	"errors"
	"fmt"
	"math"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/pow"
	"github.com/layeredpow/lamina/spv/said"
)

// UnknownHeight stands for a height that the caller does not know.
const UnknownHeight = -1

// Options says what an input is to be judged by.
type Options struct {
	// Rules are the chain's. Only Merkle works without (nil); it then leaves the
	// header's work unchecked.
	Rules *spv.Rules
	// Height of the block, or of a run's first header; UnknownHeight leaves it to be
	// recognised by genesis and the checkpoints. Without a height, rules that depend on
	// it are reported as not checked.
	Height int32
	// Now is the clock in seconds since 1970; 0 leaves the future limit unchecked.
	Now uint32
	// ChildHash is set for a proof that comes without its header, as submitauxblock
	// takes it: the block id that it is to commit to.
	ChildHash *spv.Hash
	// Bits is the child's compact target, needed only with ChildHash.
	Bits uint32
	// Foreign means that Rules are only a guess of an unknown chain's (Generic): bytes
	// behind the block are then reported, not refused.
	Foreign bool
	// Known names merged-mining chain ids, for the search for a wrong slot.
	Known map[int32]string
	// Progress, if set, is called now and then by Headers with the number of headers
	// judged so far and in all.
	Progress func(done, total int)
}

// Generic returns rules for a merge-mined chain of Namecoin's family that has no chain
// file: only its id and its work hash are known, so proofs and work can be checked,
// difficulty and history cannot.
func Generic(chainID int32, work pow.Algorithm) *spv.Rules {
	return &spv.Rules{
		Name:      fmt.Sprintf("chain id %d", chainID),
		Work:      work,
		PowLimit:  *new(uint256.Int).SetAllOne(),
		MaxFuture: 7200, // as everywhere in the family
		AuxPoW: &spv.AuxRules{
			ChainID: chainID, StrictID: true, LegacyBefore: math.MaxInt32, LegacyV2: true,
		},
	}
}

// name returns what the chain is called: one that is known by its id alone, by words that can be said in other languages.
func (o *Options) name() any {
	if a := o.Rules.AuxPoW; o.Foreign && a != nil {
		if s := said.Of("chain id %s", fmt.Sprint(a.ChainID)); s.String() == o.Rules.Name {
			return s
		}
	}
	return o.Rules.Name
}

// belowVersionBits returns the rules for a foreign chain that keeps its id below the three
// version bits of BIP9 (Syscoin since its second start): there the upper half of the
// version is not the id alone, so it is not compared as a whole.
func belowVersionBits(r *spv.Rules, h *spv.Header) *spv.Rules {
	const bip9 = 0x2000 // the bits 001 on top, in the upper half
	if id := r.AuxPoW.ChainID; h.ChainID() != id|bip9 || id&^0x1fff != 0 {
		return r
	}
	loose, aux := *r, *r.AuxPoW
	aux.StrictID = false // the slot is the same: it depends on the id modulo the tree's size
	loose.AuxPoW = &aux
	return &loose
}

// isLayer tells whether the chain follows the layer rules.
func isLayer(r *spv.Rules) bool { return r != nil && r.AuxPoW != nil && r.AuxPoW.Layer }

// locate returns the height of a block that is known by its id or by the one below it.
func locate(r *spv.Rules, id, prev spv.Hash) (int32, bool) {
	genesis := r.Genesis.ID()
	if id == genesis {
		return 0, true
	}
	if prev == genesis {
		return 1, true
	}
	for _, c := range r.Checkpoints {
		switch c.Hash {
		case id:
			return c.Height, true
		case prev:
			return c.Height + 1, true
		}
	}
	return UnknownHeight, false
}

// maxHeight leaves room for the longest run above it.
const maxHeight = 1 << 30

var errNoRules = errors.New("no chain given")

// prepare decodes an input and makes sure that there are rules for it.
func (o *Options) prepare(input []byte) ([]byte, error) {
	if o.Rules == nil {
		return nil, errNoRules
	}
	if o.Height > maxHeight {
		return nil, fmt.Errorf("height: got %d, want at most %d", o.Height, maxHeight)
	}
	return Decode(input)
}

package work

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/internal/node/template"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/pow"
)

const (
	// VersionMask are the bits of the parent's version that a miner may roll (BIP320).
	VersionMask = 0x1fffe000
	// MaxTimeRoll is how far a share's time may be ahead of the template's, seconds.
	MaxTimeRoll = 600
)

// ErrTwoMagics: an extranonce makes the coinbase script hold the merged-mining magic a second time, which would spoil
// every layer's proof. Another extranonce will do.
var ErrTwoMagics = errors.New("the coinbase script would hold the merged-mining magic twice")

// Job is one search for a header: a block of the parent chain that commits to a block of every layer. It is safe for
// concurrent use.
type Job struct {
	Work   pow.Algorithm
	Parent *template.Template
	Layers []Layer

	tree        *Tree
	left, right []byte        // of the coinbase, around the extranonce
	done        []atomic.Bool // solved: the layers, then the parent
}

// NewJob joins a parent's template and the layers that share its work hash.
func NewJob(algorithm pow.Algorithm, parent *template.Template, layers []Layer) (*Job, error) {
	j := &Job{Work: algorithm, Parent: parent, Layers: layers, done: make([]atomic.Bool, len(layers)+1)}
	var mark []byte
	if len(layers) > 0 {
		tree, err := NewTree(layers)
		if err != nil {
			return nil, err
		}
		j.tree, mark = tree, tree.Mark()
	}
	j.left, j.right = parent.Halves(mark)
	if j.magics(template.ExtraNonce{}) != min(len(layers), 1) {
		// Of 2^32 roots about 30 hold the magic themselves, and a miner's own text may: other layer blocks are needed,
		// or another text.
		return nil, fmt.Errorf("job at height %d: %w", parent.Height, ErrTwoMagics)
	}
	return j, nil
}

// magics counts the merged-mining magics in the coinbase script.
func (j *Job) magics(x template.ExtraNonce) int {
	const scriptAt = 4 + 1 + 36 + 1
	script := append(append(bytes.Clone(j.left[scriptAt:]), x[:]...), j.Parent.Extra...)
	n := 0
	for at := range script {
		if bytes.HasPrefix(script[at:], magic) {
			n++
		}
	}
	return n
}

// Halves returns the parent's coinbase, without witness, before and behind the extranonce.
func (j *Job) Halves() (left, right []byte) { return bytes.Clone(j.left), bytes.Clone(j.right) }

func (j *Job) coinbase(x template.ExtraNonce) ([]byte, error) {
	if len(j.Layers) > 0 && j.magics(x) != 1 {
		return nil, ErrTwoMagics
	}
	b := make([]byte, 0, len(j.left)+len(x)+len(j.right))
	return append(append(append(b, j.left...), x[:]...), j.right...), nil
}

// Header returns the parent's header for an extranonce, at the template's version and time and with a nonce of 0. The
// error is ErrTwoMagics.
func (j *Job) Header(x template.ExtraNonce) (spv.Header, error) {
	coinbase, err := j.coinbase(x)
	if err != nil {
		return spv.Header{}, err
	}
	return j.Parent.Header(coinbase), nil
}

// Open returns the easiest target that has not been met yet; zero when all have.
func (j *Job) Open() (easiest uint256.Int) {
	for i := range j.done {
		target := &j.Parent.Target
		if i < len(j.Layers) {
			target = &j.Layers[i].Target
		}
		if !j.done[i].Load() && target.Gt(&easiest) {
			easiest = *target
		}
	}
	return easiest
}

// Share is what a miner found: the parts of a header that were its own choice.
type Share struct {
	ExtraNonce template.ExtraNonce
	Version    int32
	Time       uint32 // seconds since 1970
	Nonce      uint32
}

// Solution is a share with what it is good for.
type Solution struct {
	Job    *Job
	Share  Share
	Header spv.Header
	Work   spv.Hash // the header's work hash
	Parent bool     // it is a block of the parent chain
	Layers []int    // places in Job.Layers of the blocks that it is work for

	coinbase []byte
}

// Judge makes the header out of a share and compares its work hash with every target. The error says that the share
// chose what it may not: version bits, a time, an extranonce with ErrTwoMagics.
func (j *Job) Judge(s Share) (*Solution, error) {
	if rolled := uint32(s.Version ^ j.Parent.Version); rolled&^VersionMask != 0 {
		return nil, fmt.Errorf("share with version %08x: only the bits of %08x of %08x may differ",
			uint32(s.Version), VersionMask, uint32(j.Parent.Version))
	}
	if s.Time < j.Parent.MinTime || uint64(s.Time) > uint64(j.Parent.Time)+MaxTimeRoll {
		return nil, fmt.Errorf("share with time %d: want %d to %d", s.Time, j.Parent.MinTime, uint64(j.Parent.Time)+MaxTimeRoll)
	}
	coinbase, err := j.coinbase(s.ExtraNonce)
	if err != nil {
		return nil, fmt.Errorf("share with extranonce %x: %w", s.ExtraNonce, err)
	}
	h := j.Parent.Header(coinbase)
	binary.LittleEndian.PutUint32(h[0:], uint32(s.Version))
	binary.LittleEndian.PutUint32(h[68:], s.Time)
	binary.LittleEndian.PutUint32(h[76:], s.Nonce)
	found := &Solution{Job: j, Share: s, Header: h, coinbase: coinbase, Work: j.Work.Sum((*[80]byte)(&h))}
	found.Parent = spv.Meets(&found.Work, &j.Parent.Target)
	for i := range j.Layers {
		if spv.Meets(&found.Work, &j.Layers[i].Target) {
			found.Layers = append(found.Layers, i)
		}
	}
	return found, nil
}

// Solved tells whether it is work for any chain.
func (s *Solution) Solved() bool { return s.Parent || len(s.Layers) > 0 }

// Block returns the parent chain's block as it travels.
func (s *Solution) Block() []byte {
	return s.Job.Parent.Block(&spv.Sealed{Header: s.Header}, s.coinbase)
}

// Proof returns the merged-mining proof for the layer with a place in Job.Layers.
func (s *Solution) Proof(layer int) *spv.AuxPoW {
	tx, n, err := spv.ParseTx(s.coinbase)
	if err != nil || n != len(s.coinbase) {
		panic(fmt.Sprintf("work: our own coinbase does not parse: %v", err))
	}
	return &spv.AuxPoW{
		Coinbase: tx, CoinbaseBranch: s.Job.Parent.Branch,
		ChainBranch: s.Job.tree.Branch(layer), Slot: int32(s.Job.tree.Slot(layer)),
		Parent: s.Header,
	}
}

// news marks what the solution solves as solved and leaves in it what is news: a chain's first solution and, for a
// layer, also one that makes a block of the parent chain, as that seals the layer's block.
func (s *Solution) news() {
	j := s.Job
	if s.Parent {
		s.Parent = j.done[len(j.Layers)].CompareAndSwap(false, true)
	}
	kept := s.Layers[:0]
	for _, i := range s.Layers {
		if j.done[i].CompareAndSwap(false, true) || s.Parent {
			kept = append(kept, i)
		}
	}
	s.Layers = kept
}

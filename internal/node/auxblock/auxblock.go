// Package auxblock lets pools merge-mine a layer in the way that they know from other chains: createauxblock gives out
// the id of a block, submitauxblock takes the proof for it.
//
// It keeps a bounded number of blocks that it has given out, judges proofs by the layer's rules before anything else sees
// them, and says what is wrong with a bad one. It knows no wallet: who is to be paid is the caller's to say.
package auxblock

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/btcsuite/btcd/chaincfg/chainhash"

	"github.com/layeredpow/lamina/internal/node/template"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/doctor"
)

const (
	// MaxOpen is how many blocks are remembered; the oldest makes room.
	MaxOpen = 32
	// Fresh is how long the same block is given out to the same payee on the same tip.
	Fresh = 20 * time.Second
)

// Chain is the layer's node, as far as this package needs it. It must be safe for concurrent use.
type Chain interface {
	// Tip returns the best block.
	Tip() spv.Block
	// Template builds a block on top of the best one that pays to an output script.
	Template(payout []byte) (*template.Template, error)
	// Accept takes a block whose proof has been verified; block is all of it as it travels.
	Accept(s *spv.Sealed, block []byte) error
}

// Candidate is what createauxblock answers.
type Candidate struct {
	Hash     spv.Hash `json:"hash"`    // id of the block, to be committed to
	ChainID  int32    `json:"chainid"` // decides the slot
	Previous spv.Hash `json:"previousblockhash"`
	Value    int64    `json:"coinbasevalue"` // base units
	Bits     string   `json:"bits"`          // compact target, 8 hex digits
	Height   int32    `json:"height"`
	// Target and OldTarget are the whole target, 64 hex digits in internal byte order, the other way round than in
	// getblocktemplate: pools of one family of chains read the one, those of the other the other, and both reverse it.
	Target    string `json:"target"`
	OldTarget string `json:"_target"`
}

// Registry gives blocks out and takes proofs. It is safe for concurrent use.
type Registry struct {
	params *chains.Params
	chain  Chain

	mu   sync.Mutex
	open []*entry // oldest first
}

// entry is one block given out.
type entry struct {
	candidate Candidate
	payout    string
	since     time.Time
	template  *template.Template
	header    spv.Header
	coinbase  []byte
}

// New returns a registry for a chain that can be merge-mined.
func New(params *chains.Params, chain Chain) (*Registry, error) {
	if params.AuxPoW == nil {
		return nil, fmt.Errorf("blocks of %s for merged mining: the chain is not merge-mined", params.Name)
	}
	return &Registry{params: params, chain: chain}, nil
}

// Create gives out a block that pays to an output script. Now is the clock.
func (r *Registry) Create(payout []byte, now time.Time) (Candidate, error) {
	tip := r.chain.Tip()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.open {
		if age := now.Sub(e.since); e.template.Prev == tip.Hash && e.payout == string(payout) && age >= 0 && age < Fresh {
			return e.candidate, nil
		}
	}
	t, err := r.chain.Template(payout)
	if err != nil {
		return Candidate{}, err
	}
	e := &entry{payout: string(payout), since: now, template: t}
	e.header, e.coinbase = t.Bare()
	e.candidate = r.describe(t, e.header.ID())
	if r.find(&e.candidate.Hash) == nil { // the same second and the same transactions make the same block
		if len(r.open) == MaxOpen {
			r.open = append(r.open[:0], r.open[1:]...)
		}
		r.open = append(r.open, e)
	}
	return e.candidate, nil
}

func (r *Registry) describe(t *template.Template, id spv.Hash) Candidate {
	number := t.Target.Bytes32()
	slices.Reverse(number[:])
	target := hex.EncodeToString(number[:])
	return Candidate{
		Hash: id, ChainID: r.params.AuxPoW.ChainID, Previous: t.Prev, Value: t.Value,
		Bits: fmt.Sprintf("%08x", t.Bits), Height: t.Height,
		Target: target, OldTarget: target,
	}
}

func (r *Registry) find(id *spv.Hash) *entry {
	for _, e := range r.open {
		if e.candidate.Hash == *id {
			return e
		}
	}
	return nil
}

// RefusedError says why a proof was refused.
type RefusedError struct {
	Hash   spv.Hash
	Err    error          // the first check that failed
	Report *doctor.Report // all checks, and the likely cause if one was found
}

// Error returns the check, what it wants and, if it was found, the mistake and how to mend it.
func (e *RefusedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "proof for block %s: %v", e.Hash, e.Err)
	if e.Report != nil && e.Report.Cause != nil {
		fmt.Fprintf(&b, " (%s: %s To mend it: %s)", e.Report.Cause.Name, e.Report.Cause.Text, e.Report.Cause.Mend)
	}
	return b.String()
}

// Unwrap returns the failed check.
func (e *RefusedError) Unwrap() error { return e.Err }

// Submit takes the proof for a block that was given out: its id in display order and the proof's serialisation, both in
// hex. A proof that the rules refuse gives *RefusedError. What the chain says of a good one is returned as it is.
func (r *Registry) Submit(id, proof string) error {
	hash, err := chainhash.NewHashFromStr(id)
	if err != nil || len(id) != 2*chainhash.HashSize {
		return fmt.Errorf("block id %.80q: want 64 hex digits", id)
	}
	if len(proof) > 2*spv.MaxAuxPoW {
		return fmt.Errorf("proof for block %s: %d hex digits: want at most %d", hash, len(proof), 2*spv.MaxAuxPoW)
	}
	raw, err := hex.DecodeString(proof)
	if err != nil {
		return fmt.Errorf("proof for block %s: %w", hash, err)
	}
	r.mu.Lock()
	e := r.find(hash)
	r.mu.Unlock()
	if e == nil {
		return fmt.Errorf("block %s: was not given out, or too long ago", hash)
	}
	aux, n, err := spv.ParseAuxPoW(raw)
	if err != nil {
		return fmt.Errorf("proof for block %s: %w", hash, err)
	}
	if n != len(raw) {
		return fmt.Errorf("proof for block %s: %d bytes behind its end", hash, len(raw)-n)
	}
	sealed := &spv.Sealed{Header: e.header, Aux: aux}
	if err := r.params.CheckWork(sealed, e.template.Height, nil); err != nil {
		refused := &RefusedError{Hash: *hash, Err: err}
		o := doctor.Options{Rules: &r.params.Rules, Height: e.template.Height}
		if report, err := doctor.AuxPoW(o, sealed.Append(nil)); err == nil {
			refused.Report = report
		}
		return refused
	}
	return r.chain.Accept(sealed, e.template.Block(sealed, e.coinbase))
}

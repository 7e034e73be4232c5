package app

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/doctor"
	"github.com/layeredpow/lamina/spv/pow"
)

// Kind names what a request's input is.
type Kind string

// The kinds of input that can be verified.
const (
	Header  Kind = "header"  // one header, with its merged-mining proof if it has one
	Headers Kind = "headers" // a run of headers
	AuxPoW  Kind = "auxpow"  // a merged-mining proof, in a header, in a block or alone
	Merkle  Kind = "merkle"  // an inclusion proof, as gettxoutproof gives it
	Block   Kind = "block"   // a whole block
)

// Kinds returns the kinds of input, in the order in which they are offered.
func Kinds() []Kind { return []Kind{AuxPoW, Header, Headers, Merkle, Block} }

// Request asks for one verification.
type Request struct {
	Kind  Kind
	Input []byte // hex or binary, at most doctor.MaxInput bytes

	// Chain is the name of the chain whose rules apply. If it is empty, AuxPoW is judged
	// by ChainID and Work alone, and Merkle leaves the header's work unchecked.
	Chain   string
	ChainID int32
	Work    pow.Algorithm

	Height    int32     // of the block or of a run's first header; doctor.UnknownHeight
	TxID      *spv.Hash // Merkle: the transaction that must be proved; nil: any
	ChildHash *spv.Hash // AuxPoW: the block that a proof without its header is for
	Bits      uint32    // AuxPoW: that block's compact target

	// Progress, if set, is called from another goroutine with the headers judged so far
	// and in all.
	Progress func(done, total int)
}

// Verify judges a request's input. The error says that the input cannot be read as what it
// is said to be, or that the context ended; a refuted input is no error. When the context
// ends, a run of headers is given up at its next stretch; what else is being judged ends
// unheard soon after.
func (a *App) Verify(ctx context.Context, r Request) (*doctor.Report, error) {
	o, err := a.options(ctx, &r)
	if err != nil {
		return nil, err
	}
	type result struct {
		report *doctor.Report
		err    error
	}
	done := make(chan result, 1)
	go func() {
		report, err := judge(o, &r)
		done <- result{report, err}
	}()
	select {
	case got := <-done:
		return got.report, got.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// judge calls the doctor's entry for a kind.
func judge(o doctor.Options, r *Request) (*doctor.Report, error) {
	switch r.Kind {
	case Header:
		return doctor.Header(o, r.Input)
	case Headers:
		return doctor.Headers(o, r.Input)
	case AuxPoW:
		return doctor.AuxPoW(o, r.Input)
	case Merkle:
		return doctor.Merkle(o, r.TxID, r.Input)
	case Block:
		return doctor.Block(o, r.Input)
	}
	return nil, fmt.Errorf("kind: got %q, want one of %q", string(r.Kind), Kinds())
}

// options translates a request into what the doctor asks.
func (a *App) options(ctx context.Context, r *Request) (doctor.Options, error) {
	o := doctor.Options{
		Height: r.Height, ChildHash: r.ChildHash, Bits: r.Bits,
		Now: uint32(a.clock().Unix()), Known: a.knownIDs(),
	}
	o.Progress = func(done, total int) {
		if ctx.Err() != nil {
			runtime.Goexit() // nobody waits for the result: end the goroutine of Verify
		}
		if r.Progress != nil {
			r.Progress(done, total)
		}
	}
	switch {
	case r.Chain != "":
		p, err := a.set.Get(r.Chain)
		if err != nil {
			return o, err
		}
		o.Rules = &p.Rules
	case r.Kind == AuxPoW:
		if r.ChainID < 0 || r.ChainID > 0xffff {
			return o, fmt.Errorf("chain id: got %d, want 0 to 65535", r.ChainID)
		}
		if r.Work != pow.SHA256d && r.Work != pow.Scrypt {
			return o, fmt.Errorf("work: got none, want %s or %s for a chain known by its id alone", pow.SHA256d, pow.Scrypt)
		}
		o.Rules, o.Foreign = doctor.Generic(r.ChainID, r.Work), true
	case r.Kind != Merkle:
		return o, fmt.Errorf("chain: got none, want one to judge a %s by", r.Kind)
	}
	return o, nil
}

// knownIDs names the merged-mining ids of all chains; of several chains with one id, the
// main network's name is told.
func (a *App) knownIDs() map[int32]string {
	names := map[int32]string{}
	all := a.set.All()
	slices.SortStableFunc(all, func(x, y *chains.Params) int { return int(x.Network) - int(y.Network) })
	for _, p := range all {
		id, ok := p.ChainID()
		if _, named := names[id]; ok && !named {
			names[id] = p.Name
		}
	}
	return names
}
